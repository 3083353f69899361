"""``gamma-flow train``: a model from labelled spectra."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gamma_flow.cli._common import (
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
@click.option("--detector", metavar="NAME", help="With --nuclides: the detector, such as NaI-3x3.")
@click.option("--no-background", is_flag=True, help="With --nuclides: no class of natural background.")
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
    no_background: bool,
    as_json: bool,
    **flags: Any,
) -> None:
    """Train on the pure spectra behind PATHS, or on simulated ones of --nuclides seen by --detector."""
    if bool(paths) == (nuclides is not None):
        raise click.UsageError("give either PATHS or --nuclides")
    if (detector is None) != (nuclides is None) or (no_background and nuclides is None):
        raise click.UsageError(
            "--nuclides needs --detector; both go together, with --no-background if wanted"
        )
    model = (
        _read(paths, flags) if nuclides is None else _simulated(nuclides, str(detector), no_background, flags)
    )
    model.save(output)
    _show(model, output, as_json)


def _read(paths: tuple[str, ...], flags: dict[str, Any]) -> Model:
    from gamma_flow.workflow import prepare, train_on

    settings = settings_of(flags)
    return train_on(prepare(found_in(paths, settings).sets, settings), settings)


def _simulated(nuclides: str, detector: str, no_background: bool, flags: dict[str, Any]) -> Model:
    from gamma_flow.simulate import Background, train_from_library

    train = settings_of(flags).train
    return train_from_library(
        nuclides.split(","),
        detector,
        background=None if no_background else Background(),
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
    click.echo(f"a class is present at {rule_text(model)}")
