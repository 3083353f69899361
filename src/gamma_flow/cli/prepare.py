"""``gamma-flow prepare``: read, calibrate and pool spectra into one file."""

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
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="File to write (.npz).")
@click.option("--background", metavar="NAME", help="The background class  [default: background]")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@axis_options
@reading_options
@config_options
@guarded
def command(paths: tuple[str, ...], output: Path, as_json: bool, **flags: Any) -> None:
    """Read PATHS, carry all spectra onto one axis and write them to one file."""
    from gamma_flow.errors import IncompatibleError
    from gamma_flow.io.reading import refuse_kinds
    from gamma_flow.io.writing import write
    from gamma_flow.workflow import prepare

    settings = settings_of(flags)
    found = found_in(paths, settings)
    prepared = prepare(found.sets, settings)
    if len(prepared) > 1:
        refuse_kinds(prepared)
        raise IncompatibleError(
            f"the spectra live on {len(prepared)} different axes",
            found="; ".join(f"{part.axis} ({len(part)} spectra)" for part in prepared),
            cure="carry them onto one: --axis OFFSET,SLOPE,... --channels N",
        )
    spectra = prepared[0]
    write(spectra, output, "npz" if output.suffix.lower() == ".npz" else None)
    cut = {
        name: float(spectra.meta[name].sum()) for name in ("underflow", "overflow") if name in spectra.meta
    }
    about = {
        "spectra": len(spectra),
        "axis": spectra.axis.as_dict(),
        "classes": list(spectra.labels.classes),
        "total": float(spectra.values.sum()),
        **cut,
        "output": str(output),
    }
    if as_json:
        emit(about)
    else:
        table(f"prepared {output}", ["", ""], [(name, _shown(value)) for name, value in about.items()])


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return f"{value['bins']} channels, {value['lo']:g}..{value['hi']:g} {value['unit']}"
    return (
        ", ".join(value)
        if isinstance(value, list)
        else f"{value:.10g}"
        if isinstance(value, float)
        else str(value)
    )
