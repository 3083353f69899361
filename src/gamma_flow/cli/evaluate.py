"""``gamma-flow evaluate``: a model's answers against the labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gamma_flow.cli._common import config_options, emit, found_in, guarded, reading_options, settings_of
from gamma_flow.cli._figures import confusion_table, figures_table


@click.command()
@click.argument("paths", nargs=-1, required=True)
@click.option(
    "-m", "--model", "model_path", required=True, type=click.Path(path_type=Path), help="Model (.gfm)."
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder to write evaluation.json into.")
@click.option("--detector", multiple=True, help="Only spectra of these detectors.")
@click.option(
    "--noise", multiple=True, type=float, help="Add Gaussian noise of this share of the spectrum's RMS."
)
@click.option("--bootstrap", type=click.IntRange(0), help="Draws for the intervals  [default: 1000]")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@reading_options
@config_options
@guarded
def command(
    paths: tuple[str, ...],
    model_path: Path,
    output: Path | None,
    detector: tuple[str, ...],
    as_json: bool,
    **flags: Any,
) -> None:
    """Compare what the model finds in the spectra behind PATHS with their labels.

    Sets come from [sets] of the settings file; without them all labelled spectra make one set "all".
    """
    from gamma_flow.errors import LabelError
    from gamma_flow.model import Model
    from gamma_flow.settings import SetSettings
    from gamma_flow.tabular import json_bytes, staged
    from gamma_flow.workflow import analyse_all, evaluate_sets

    settings = settings_of(flags)
    model = Model.load(model_path)
    sets = found_in(paths, settings).sets
    if detector:
        sets = tuple(part.where(detector=detector) for part in sets)
    sets = tuple(part for part in sets if len(part))
    chosen = settings.sets or {"all": SetSettings()}
    figures, noise, empty = evaluate_sets(model, sets, analyse_all(model, sets), chosen, settings)
    if not figures:
        raise LabelError(
            "no labelled spectrum is left to compare with",
            expected=f"labels among {', '.join(model.classes)}",
            found=", ".join(sorted({name for part in sets for name in part.labels.classes})) or "none",
            cure="check labels, --detector and [sets]",
        )
    if not settings.sets:
        seen = [model.knows(part) for part in sets]
        trained = sum(int(mask.sum()) for mask, _ in seen)
        if trained:
            held_out = sum(int(mask.sum()) for _, mask in seen)
            click.echo(
                f"warning: {trained} of these spectra made the templates ({held_out} were held out); "
                'sets with "part" in gamma-flow.toml tell them apart',
                err=True,
            )
    result = {**{name: part.as_dict() for name, part in figures.items()}, "noise": noise}
    if output is not None:
        with staged(output) as folder:
            (folder / "evaluation.json").write_bytes(json_bytes(result))
    if as_json:
        emit(result)
        return
    figures_table(figures, noise)
    for name, part in figures.items():
        confusion_table(name, part.confusion)
    for name in empty:
        click.echo(f"set '{name}' holds no labelled spectrum of a class of the model", err=True)
