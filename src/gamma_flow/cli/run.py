"""``gamma-flow run``: everything in one go."""

from __future__ import annotations

import json
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
from gamma_flow.cli._figures import comparison_table, confusion_table, figures_table

if TYPE_CHECKING:
    from gamma_flow.settings import Settings
    from gamma_flow.workflow import Result


@click.command()
@click.argument("paths", nargs=-1)
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder for the results."
)
@click.option(
    "--noise", multiple=True, type=float, help="Add Gaussian noise of this share of the spectrum's RMS."
)
@click.option("--bootstrap", type=click.IntRange(0), help="Draws for the intervals  [default: 1000]")
@click.option(
    "--compare",
    type=click.Path(path_type=Path),
    metavar="JSON",
    help="An evaluation.json of another run, to print the differences to.",
)
@click.option("--report/--no-report", default=True, help="Write report.html, .md, .json, too  [default: yes]")
@click.option(
    "--study/--no-study", default=None, help="Leave each class out in turn  [default: up to 12 classes]"
)
@click.option("--json", "as_json", is_flag=True, help="Print the evaluation for machines.")
@training_options
@axis_options
@reading_options
@config_options
@guarded
def command(
    paths: tuple[str, ...],
    output: Path,
    compare: Path | None,
    report: bool,
    study: bool | None,
    as_json: bool,
    **flags: Any,
) -> None:
    """Prepare the spectra behind PATHS, train, analyse, evaluate, study unknowns, and write a report.

    It writes prepared.npz (one a detector's axis if no common one is set), model.gfm, results.json and
    results.csv (one row a spectrum), evaluation.json, settings.json, and the report as report.html, report.md
    (with its pictures in a folder) and report.json. Without PATHS it draws the embedded example and runs on
    that.
    """
    from gamma_flow.tabular import staged
    from gamma_flow.workflow import run

    if not paths and flags.get("config") is None and flags.get("preset") is None:
        flags["preset"] = "example"
    settings = settings_of(flags)
    before = _evaluation(compare) if compare is not None else None
    if paths:
        sets = found_in(paths, settings, leave_out=output).sets
    else:
        from gamma_flow.simulate.example import example_sets

        click.echo("No path was given: running on the embedded example, drawn now.\n", err=True)
        sets = example_sets()
    result = run(sets, settings)
    with staged(output, replaces="prepared*.npz") as folder:
        _write(result, settings, folder)
    if report:
        _report(result, settings, study, output)
    if as_json:
        emit(result.evaluation())
        return
    _summary(result, output)
    if before is not None:
        comparison_table(result.evaluation(), before, str(compare))


def _evaluation(path: Path) -> dict[str, Any]:
    from gamma_flow.errors import ReadError
    from gamma_flow.io._source import Source

    source = Source.of(path)
    try:
        loaded = json.loads(source.data)
    except (ValueError, RecursionError) as problem:
        raise ReadError(f"is not JSON: {problem}", where=source.name) from problem
    if not isinstance(loaded, dict) or "noise" not in loaded:
        raise ReadError(
            "is not an evaluation.json", where=source.name, expected="what 'gamma-flow run' writes"
        )
    return loaded


def _write(result: Result, settings: Settings, folder: Path) -> None:
    from gamma_flow.io.writing import write
    from gamma_flow.tabular import csv_text, json_bytes

    several = len(result.prepared) > 1
    for number, part in enumerate(result.prepared, start=1):
        write(part, folder / (f"prepared-{number}.npz" if several else "prepared.npz"))
    result.model.save(folder / "model.gfm")
    records = [record for part in result.analyses for record in part.records()]
    (folder / "results.json").write_bytes(json_bytes(records))
    (folder / "results.csv").write_text(csv_text(result.analyses), encoding="utf-8")
    (folder / "evaluation.json").write_bytes(json_bytes(result.evaluation()))
    (folder / "settings.json").write_bytes(json_bytes(settings.as_dict()))


def _report(result: Result, settings: Settings, study: bool | None, output: Path) -> None:
    """Write the report; without matplotlib say so, for the results are there all the same."""
    from gamma_flow.cli._reports import studied, write_run_report
    from gamma_flow.errors import MissingDependencyError

    try:
        paths = [output / f"report.{ending}" for ending in ("html", "md", "json")]
        write_run_report(result, settings, studied(result, settings, wanted=study), paths)
    except MissingDependencyError as problem:
        click.echo(f"no report was written: {problem}", err=True)


def _summary(result: Result, output: Path) -> None:
    templates = result.model.templates
    lo, hi = templates.range
    spectra = sum(len(part) for part in result.prepared)
    classes = ", ".join(
        f"{name} ({count})"
        for name, count in zip(templates.classes, templates.n_spectra.tolist(), strict=True)
    )
    table(
        "model",
        ["", ""],
        [
            (
                "spectra",
                f"{spectra} on {len(result.prepared)} {'axis' if len(result.prepared) == 1 else 'axes'}",
            ),
            ("classes (training spectra)", classes),
            ("axis", f"{templates.axis}, used {lo:g}..{hi:g} {templates.axis.unit}"),
            ("rule", rule_text(result.model)),
            ("written to", str(output)),
        ],
    )
    if result.preset is not None:
        click.echo(
            f"The data were recognised: sets are those of preset '{result.preset}'; "
            "give [sets] in gamma-flow.toml for others.\n"
        )
    figures_table(result.sets, result.noise)
    for name, part in result.sets.items():
        if name != "training":
            confusion_table(name, part.confusion)
    for name in result.empty:
        click.echo(f"set '{name}' is empty: no labelled spectrum of a class of the model belongs to it")
