"""``gamma-flow convert``: spectra in another format or onto another axis."""

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
)


@click.command()
@click.argument("paths", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="File to write; its ending decides.",
)
@click.option(
    "--to", "target", metavar="FORMAT", help="Format, if the ending does not tell: npz, csv, spe, n42."
)
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@axis_options
@reading_options
@config_options
@guarded
def command(paths: tuple[str, ...], output: Path, target: str | None, as_json: bool, **flags: Any) -> None:
    """Convert the spectra behind PATHS.

    Where one file cannot hold them all (SPE holds one spectrum, every format one axis), numbered files are
    written: out-1.spe, out-2.spe, ...
    """
    from gamma_flow.errors import WriteError
    from gamma_flow.io.writing import format_for, write
    from gamma_flow.tabular import staged
    from gamma_flow.workflow import prepare

    settings = settings_of(flags)
    known = format_for(output, target)
    sets = prepare(found_in(paths, settings).sets, settings)
    if known.name == "spe":
        parts = [part[row] for part in sets for row in range(len(part))]
    else:
        parts = [part for part in sets if len(part)]
    if len(parts) == 1:
        names = [output]
        write(parts[0], output, known.name)
    else:
        if not output.parent.is_dir():
            raise WriteError("there is no such folder", where=str(output.parent), cure="make it first")
        digits = len(str(len(parts)))
        names = [
            output.with_name(f"{output.stem}-{number:0{digits}d}{output.suffix}")
            for number in range(1, len(parts) + 1)
        ]
        with staged(output.parent) as folder:
            for part, name in zip(parts, names, strict=True):
                write(part, folder / name.name, known.name)
    about = [{"file": str(name), "spectra": len(part)} for name, part in zip(names, parts, strict=True)]
    if as_json:
        emit(about)
    else:
        shown = [(row["file"], row["spectra"]) for row in about[:20]]
        table(
            f"{len(about)} file{'s' if len(about) > 1 else ''} in {known.title}", ["file", "spectra"], shown
        )
