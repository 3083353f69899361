"""``gamma-flow analyse``: what is in spectra."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from gamma_flow.cli._common import (
    config_options,
    emit,
    found_in,
    guarded,
    on_terminal,
    percent,
    reading_options,
    settings_of,
    table,
)

_SHOWN = 40


@click.command()
@click.argument("paths", nargs=-1, required=True)
@click.option(
    "-m", "--model", "model_path", required=True, type=click.Path(path_type=Path), help="Model (.gfm)."
)
@click.option("--json", "as_json", is_flag=True, help="For machines; the default where output is redirected.")
@click.option("--csv", "as_csv", is_flag=True, help="One row a spectrum.")
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    help="Write a report on each spectrum, too: .html, .md or .json (up to 40 spectra).",
)
@click.option("--show", type=click.IntRange(1), default=_SHOWN, help="Rows of the table for people.")
@reading_options
@config_options
@guarded
def command(
    paths: tuple[str, ...],
    model_path: Path,
    as_json: bool,
    as_csv: bool,
    report: Path | None,
    show: int,
    **flags: Any,
) -> None:
    """Say which classes are in the spectra behind PATHS, and how much of each."""
    from gamma_flow.errors import SpectrumError
    from gamma_flow.model import Model
    from gamma_flow.tabular import csv_text
    from gamma_flow.workflow import analyse_all

    if report is not None:
        from gamma_flow.report.writing import ending_of, write_report

        ending_of(report)
    model = Model.load(model_path)
    sets = found_in(paths, settings_of(flags)).sets
    analyses = analyse_all(model, sets)
    empty = [
        str(part.origin[row]) for part in analyses for row in range(len(part)) if not part.scores[row].any()
    ]
    if len(empty) == sum(len(part) for part in analyses):
        raise SpectrumError(
            "the spectra hold nothing that the model could be fitted to",
            where=empty[0],
            expected="counts within the model's range",
            found="none",
            cure="check the measurement and the calibration",
        )
    if report is not None:
        from gamma_flow.cli._reports import command_line
        from gamma_flow.report.of_spectrum import spectrum_report

        write_report(spectrum_report(model, sets, found=analyses, command=command_line()), report)
    records = [record for part in analyses for record in part.records()]
    if as_csv:
        click.echo(csv_text(analyses), nl=False)
    elif as_json or not on_terminal():
        emit(records)
    else:
        told = any("novel" in record for record in records)
        head = ["spectrum", "present", *(f"{name} %" for name in model.classes), "similarity", "explained %"]
        family = model.templates.family
        behind = [] if family is None else [family.label]
        head += [*behind, *(["novel"] if told else [])]
        rows = [
            (
                record["origin"].replace("\\", "/").rpartition("/")[2],
                ", ".join(record["present"]) or "nothing",
                *(percent(share) for share in record["shares"].values()),
                f"{record['similarity']:.4f}",
                percent(record["explained_variance"]),
                *([f"{record['family']['value']:.3g}"] if behind else []),
                *([_novel(record, model.unknown_rule is not None)] if told else []),
            )
            for record in records[:show]
        ]
        more = f", the first {show}" if len(records) > show else ""
        table(f"{len(records)} spectra{more}", head, rows)
    if empty:
        click.echo(
            f"warning: {len(empty)} spectra hold nothing within the model's range: {empty[0]}, ...", err=True
        )
        sys.exit(1)


def _novel(record: dict[str, Any], ruled: bool) -> str:
    """Say that a spectrum is novel, with its p-value where that decides."""
    if not record["novel"]:
        return ""
    return "yes" if ruled else f"p {record['novelty_p']:.3f}"
