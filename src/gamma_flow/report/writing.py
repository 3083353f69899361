"""Reports into files, whole or not at all."""

from __future__ import annotations

from pathlib import Path

from gamma_flow.errors import SettingsError
from gamma_flow.io.atomic import write_bytes, write_text
from gamma_flow.io.progress import Progress
from gamma_flow.report.blocks import Report
from gamma_flow.report.html import html_of
from gamma_flow.report.markdown import markdown_of
from gamma_flow.tabular import json_bytes, staged

__all__ = ["ENDINGS", "ending_of", "write_report"]

ENDINGS = (".html", ".md", ".json")
"""The endings of file names that tell what is written."""


def write_report(report: Report, path: str | Path, *, progress: Progress | None = None) -> Path:
    """Write a report as HTML, Markdown or JSON, by the ending of the path.

    Parameters
    ----------
    report : Report
        What to write.
    path : str or Path
        Ends in .html (one file with everything inside), .md (pictures go into a folder of the same name with
        ``-pictures`` behind it) or .json (no pictures, but the numbers behind them).
    progress : callable, optional
        Called before each picture with its number, how many there are, and its name.

    Returns
    -------
    Path
        The same path.

    Raises
    ------
    SettingsError
        Another ending.
    WriteError
        A place that cannot be written; what was there before is untouched.
    """
    target = Path(path)
    ending = ending_of(target)
    if ending != ".json":
        for place, picture in enumerate(report.pictures):
            if progress is not None:
                progress(place, len(report.pictures), picture.name)
            _ = picture.encoded  # kept by the picture
    if ending == ".html":
        write_text(target, html_of(report))
    elif ending == ".json":
        write_bytes(target, json_bytes(report.as_dict()))
    else:
        names: dict[str, str] = {}
        if report.pictures:
            folder = target.with_name(f"{target.stem}-pictures")
            with staged(folder, replaces="*.[ps][nv]g") as stage:
                for picture in report.pictures:
                    name = f"{picture.name}{picture.encoded.ending}"
                    (stage / name).write_bytes(picture.encoded.data)
                    names[picture.name] = f"{folder.name}/{name}"
        write_text(target, markdown_of(report, names))
    return target


def ending_of(path: Path) -> str:
    """Return the ending of a path for a report; refuse others before any work is done.

    Raises
    ------
    SettingsError
        A format that no report has.
    """
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise SettingsError(
            "a report is not written in that format",
            where=str(path),
            expected=" or ".join(ENDINGS),
            found=ending or "no ending",
        )
    return ending
