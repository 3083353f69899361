"""``gamma-flow train``: a model from labelled spectra."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gamma_flow.cli._common import (
    Numbers,
    axis_options,
    config_options,
    emit,
    found_in,
    guarded,
    reading_options,
    rule_text,
    settings_of,
    table,
    training_options,
)

if TYPE_CHECKING:
    from gamma_flow.model import Model


@click.command()
@click.argument("paths", nargs=-1)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Model to write (.gfm).")
@click.option(
    "--nuclides", metavar="A,B,...", help="Simulate the training spectra of these instead of reading any."
)
@click.option("--detector", metavar="NAME", help="With --nuclides or --radon: the detector, such as NaI-3x3.")
@click.option(
    "--radon", is_flag=True, help="Add a simulated class of radon, which comes and goes with the rain."
)
@click.option("--no-background", is_flag=True, help="With --nuclides: no class of natural background.")
@click.option("--shield", metavar="MATERIAL", help="With --nuclides: what they may be behind, such as steel.")
@click.option(
    "--thickness",
    "thicknesses",
    type=Numbers(),
    metavar="T0,T1,...",
    help="With --shield: its thicknesses in cm, between which that of each spectrum is looked for.",
)
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@training_options
@axis_options
@reading_options
@config_options
@guarded
def command(
    paths: tuple[str, ...],
    output: Path,
    nuclides: str | None,
    detector: str | None,
    radon: bool,
    no_background: bool,
    shield: str | None,
    thicknesses: list[float] | None,
    as_json: bool,
    **flags: Any,
) -> None:
    """Train on the pure spectra behind PATHS, or on simulated ones of --nuclides seen by --detector."""
    if bool(paths) == (nuclides is not None):
        raise click.UsageError("give either PATHS or --nuclides")
    if (detector is None) != (nuclides is None and not radon) or (no_background and nuclides is None):
        raise click.UsageError(
            "--nuclides and --radon need --detector, and nothing else does; --no-background needs --nuclides"
        )
    if (shield is None) != (thicknesses is None) or (shield is not None and nuclides is None):
        raise click.UsageError("--shield and --thickness go together, with --nuclides")
    behind = None if shield is None or thicknesses is None else (shield, thicknesses)
    model = (
        _read(paths, detector if radon else None, flags)
        if nuclides is None
        else _simulated(nuclides.split(","), str(detector), radon, no_background, behind, flags)
    )
    model.save(output)
    _show(model, output, as_json)


def _read(paths: tuple[str, ...], radon_of: str | None, flags: dict[str, Any]) -> Model:
    from gamma_flow.workflow import prepare, train_on

    settings = settings_of(flags)
    prepared = prepare(found_in(paths, settings).sets, settings)
    if radon_of is not None:
        import numpy as np
        from msgspec.structs import replace

        from gamma_flow.simulate import radon_spectra

        axis = max(prepared, key=len).axis
        made = radon_spectra(radon_of, axis, rng=np.random.default_rng(settings.train.seed))
        prepared += (made,)
        chosen = settings.train.detectors
        if chosen is not None:  # what is asked for by name is trained on, whatever its detector
            every = [*([chosen] if isinstance(chosen, str) else chosen), str(made.detector[0])]
            settings = replace(settings, train=replace(settings.train, detectors=every))
    return train_on(prepared, settings)


def _simulated(
    nuclides: list[str],
    detector: str,
    radon: bool,
    no_background: bool,
    behind: tuple[str, list[float]] | None,
    flags: dict[str, Any],
) -> Model:
    from gamma_flow.simulate import Background, family_of_nuclides, train_from_library

    train = settings_of(flags).train
    names = [name.strip() for name in nuclides if name.strip()]
    return train_from_library(
        names,
        detector,
        background=None if no_background else Background(),
        radon=radon,
        energy_range=train.energy_range or (30.0, None),
        seed=train.seed,
        noise=train.noise,
        parts=train.parts,
        rule=train.rule,
        min_share=train.min_share,
        false_alarm_rate=train.false_alarm_rate,
        novelty_rate=train.novelty_rate,
        line_width=train.line_width,
        gain_range=train.gain_range,
        families=None if behind is None else family_of_nuclides(names, detector, *behind),
        nulls=train.nulls,
    )


def _show(model: Model, output: Path, as_json: bool) -> None:
    templates = model.templates
    lo, hi = templates.range
    if as_json:
        emit(
            {
                "model": str(output),
                "classes": dict(zip(templates.classes, templates.n_spectra.tolist(), strict=True)),
                "axis": templates.axis.as_dict(),
                "range": [lo, hi],
                "method": model.method.as_dict(),
                "family": None
                if templates.family is None
                else {
                    "name": templates.family.name,
                    "unit": templates.family.unit,
                    "values": templates.family.values.tolist(),
                },
                "calibration": None if model.calibration is None else model.calibration.describe(),
                "provenance": dict(model.provenance),
            }
        )
        return
    cosine = templates.similarity
    rows = [
        (name, count, *(f"{value:.3f}" for value in cosine[number]))
        for number, (name, count) in enumerate(
            zip(templates.classes, templates.n_spectra.tolist(), strict=True)
        )
    ]
    table(
        f"{output}: {templates.axis}, used {lo:g}..{hi:g} {templates.axis.unit}; cosines of the templates",
        ["class", "spectra", *templates.classes],
        rows,
    )
    if templates.family is not None:
        family = templates.family
        span = f"{family.values[0]:g} to {family.values[-1]:g} {family.unit}".rstrip()
        click.echo(f"of each spectrum is looked for: {family.name}, {span}, {len(family)} values")
    click.echo(f"a class is present at {rule_text(model)}")
