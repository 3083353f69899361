"""``gamma-flow report``: what data, model and answers are, in one file that needs nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gamma_flow.cli._common import (
    axis_options,
    config_options,
    found_in,
    guarded,
    reading_options,
    settings_of,
)


@click.command()
@click.argument("paths", nargs=-1, required=True)
@click.option(
    "-m", "--model", "model_path", required=True, type=click.Path(path_type=Path), help="Model (.gfm)."
)
@click.option(
    "-o",
    "--output",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path),
    help="Report to write: .html, .md or .json; may be given several times.",
)
@click.option("--title", default="What is in these spectra", show_default=True, help="Heading.")
@click.option(
    "--study/--no-study", default=None, help="Leave each class out in turn  [default: up to 12 classes]"
)
@click.option("--bootstrap", type=click.IntRange(0), help="Draws for the intervals  [default: 1000]")
@axis_options
@reading_options
@config_options
@guarded
def command(
    paths: tuple[str, ...],
    model_path: Path,
    output: tuple[Path, ...],
    title: str,
    study: bool | None,
    **flags: Any,
) -> None:
    """Write a report on the spectra behind PATHS and what a model makes of them.

    Data, model card, exploration, results with intervals, examples, unknowns, what cannot be told apart; what
    to doubt comes first. The HTML file asks nothing of any network. Sets come from [sets] of the settings
    file, or from a preset that recognises the data.
    """
    from gamma_flow.cli._reports import studied, write_run_report
    from gamma_flow.model import Model
    from gamma_flow.report.writing import ending_of
    from gamma_flow.workflow import examine, prepare, recognised

    for path in output:
        ending_of(path)
    settings = settings_of(flags)
    model = Model.load(model_path)
    sets = found_in(paths, settings).sets
    result = examine(prepare(sets, settings), model, settings, recognised(sets))
    write_run_report(result, settings, studied(result, settings, wanted=study), list(output), title=title)
    for path in output:
        click.echo(f"written to {path}")
