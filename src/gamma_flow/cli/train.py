"""``gamma-flow train``: a model from labelled spectra."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gamma_flow.cli._common import (
    axis_options,
    config_options,
    emit,
    found_in,
    guarded,
    reading_options,
    settings_of,
    table,
    training_options,
)


@click.command()
@click.argument("paths", nargs=-1, required=True)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Model to write (.gfm).")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@training_options
@axis_options
@reading_options
@config_options
@guarded
def command(paths: tuple[str, ...], output: Path, as_json: bool, **flags: Any) -> None:
    """Train on the pure spectra behind PATHS."""
    from gamma_flow.workflow import prepare, train_on

    settings = settings_of(flags)
    found = found_in(paths, settings)
    model = train_on(prepare(found.sets, settings), settings)
    model.save(output)
    templates = model.templates
    lo, hi = templates.range
    if as_json:
        emit(
            {
                "model": str(output),
                "classes": dict(zip(templates.classes, templates.n_spectra.tolist(), strict=True)),
                "axis": templates.axis.as_dict(),
                "range": [lo, hi],
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
