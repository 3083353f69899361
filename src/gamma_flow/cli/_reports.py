"""Reports from the command line: the study before it, a bar while it is made."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gamma_flow._study_report import Report as StudyReport
    from gamma_flow.settings import Settings
    from gamma_flow.workflow import Result

__all__ = ["command_line", "studied", "write_run_report"]

_MOST_TRAININGS = 12
_NULLS = 2000  # of each training of the study


def command_line() -> str:
    """Return how this process was called, for the record."""
    return " ".join(["gamma-flow", *sys.argv[1:]])


def studied(result: Result, settings: Settings, *, wanted: bool | None) -> StudyReport | None:
    """Return the study of unknowns; None, with a line that says why, where it is not made.

    ``wanted`` None makes it where the number of trainings is moderate.
    """
    if wanted is False:
        return None
    from gamma_flow._study_report import reported
    from gamma_flow.errors import GammaFlowError
    from gamma_flow.io.progress import progress_bar

    sources = len(result.model.sources)
    if wanted is None and sources > _MOST_TRAININGS:
        click.echo(f"study of unknowns left out: it takes {sources} trainings; --study makes it", err=True)
        return None
    try:
        with progress_bar("training without", few=0) as progress:
            return reported(
                result.model,
                result.prepared,
                noise_sizes=settings.evaluate.noise,
                nulls=_NULLS if result.model.calibration is not None else None,
                method=settings.axis.method,
                allow_cut=settings.axis.allow_cut,
                progress=progress,
            )
    except GammaFlowError as problem:
        if wanted:
            raise
        click.echo(f"study of unknowns left out: {problem}", err=True)
        return None


def write_run_report(
    result: Result,
    settings: Settings,
    study: StudyReport | None,
    paths: list[Path],
    *,
    title: str = "What is in these spectra",
) -> None:
    """Write one report in the formats of the endings of its paths."""
    from gamma_flow.io.progress import progress_bar
    from gamma_flow.report.of_run import run_report
    from gamma_flow.report.writing import write_report

    with progress_bar("report:", few=0) as progress:
        report = run_report(
            result, settings, study=study, title=title, command=command_line(), progress=progress
        )
    for path in paths:
        with progress_bar("picture", few=0) as progress:
            write_report(report, path, progress=progress)
