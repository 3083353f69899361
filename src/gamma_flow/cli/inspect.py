"""``gamma-flow inspect``: what was found in files."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from gamma_flow.cli._common import (
    config_options,
    emit,
    found_in,
    guarded,
    reading_options,
    settings_of,
    table,
)

if TYPE_CHECKING:
    from gamma_flow.data import SpectrumSet


@click.command()
@click.argument("paths", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@reading_options
@config_options
@guarded
def command(paths: tuple[str, ...], as_json: bool, **flags: Any) -> None:
    """Say what was found in PATHS: files, folders, zips or patterns."""
    settings = settings_of(flags)
    found = found_in(paths, settings, tolerant=True)
    failed = bool(found.refused) and not settings.read.skip_refused
    sets = [_about(part) for part in found.sets]
    if as_json:
        emit(
            {
                "sets": sets,
                "refused": [problem.as_dict() for problem in found.refused],
                "passed_over": [problem.as_dict() for problem in found.passed_over],
            }
        )
        sys.exit(1 if failed else 0)
    for about in sets:
        axis = about["axis"]
        table(
            f"{about['spectra']} {about['kind']} spectra on {axis['bins']} channels, "
            f"{axis['lo']:g}..{axis['hi']:g} {axis['unit']}",
            ["", ""],
            [
                (name.replace("_", " "), _shown(name, value))
                for name, value in about.items()
                if name != "axis"
            ],
        )
    for other in found.passed_over:
        click.echo(f"passed over: {other.where}: {other.what}")
    for problem in found.refused:
        click.echo(f"refused: {problem}", err=True)
    if failed:
        sys.exit(1)


def _about(spectra: SpectrumSet) -> dict[str, Any]:
    import numpy as np

    labels = [
        "+".join(row) if row else ("(no class)" if row is not None else "(unlabelled)")
        for row in spectra.labels.lists()
    ]
    names, counts = np.unique(np.array(labels), return_counts=True)
    files, frames = np.unique(spectra.files, return_counts=True)
    detectors, numbers = np.unique(spectra.detector, return_counts=True)
    starts = spectra.time[~np.isnat(spectra.time)]
    return {
        "spectra": len(spectra),
        "kind": spectra.kind,
        "axis": spectra.axis.as_dict(),
        "files": dict(zip(files.tolist(), frames.tolist(), strict=True)),
        "detectors": dict(zip(detectors.tolist(), numbers.tolist(), strict=True)),
        "labels": dict(zip(names.tolist(), counts.tolist(), strict=True)),
        "runs": len(np.unique(spectra.run)),
        "total": _span(spectra.total),
        "live_time_s": _span(spectra.live_time),
        "real_time_s": _span(spectra.real_time),
        "time": [str(starts.min()), str(starts.max())] if len(starts) else None,
        "meta": sorted(spectra.meta),
    }


def _span(values: Any) -> list[float] | None:
    import numpy as np

    known = values[~np.isnan(values)]
    return [float(known.min()), float(np.median(known)), float(known.max())] if len(known) else None


def _shown(name: str, value: Any) -> str:
    if value is None:
        return "unknown"
    if name == "meta":
        return ", ".join(value) or "–"
    if isinstance(value, dict):
        parts = [f"{name or '(unknown)'}: {count}" for name, count in list(value.items())[:12]]
        return ", ".join(parts) + (f", and {len(value) - 12} more" if len(value) > 12 else "")
    if isinstance(value, list) and len(value) == 3:
        return f"{value[0]:g} .. {value[2]:g}, median {value[1]:g}"
    if isinstance(value, list):
        return " .. ".join(value)
    return str(value)
