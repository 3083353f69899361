"""The log out to Parquet, CSV or N42; in pieces, so that a long log needs little memory."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from gamma_flow.data import Axis
from gamma_flow.errors import LogError, MissingDependencyError, SettingsError
from gamma_flow.io import n42_write
from gamma_flow.io.atomic import replacing
from gamma_flow.live.entries import Entry
from gamma_flow.live.frames import together
from gamma_flow.live.log import Log

__all__ = ["FORMATS", "export"]

FORMATS = (".parquet", ".csv", ".n42")
"""What `export` writes, by the ending of the file."""

_ROWS = 1000  # of a piece
_MOST_N42 = 100_000  # spectra of one document
_FIXED = ("time", "detector", "id", "live_time", "real_time", "total")


def export(
    log: Log,
    path: str | Path,
    *,
    since: np.datetime64 | None = None,
    until: np.datetime64 | None = None,
    detector: str | None = None,
) -> int:
    """Write frames with their results to one file, whole or not at all; return how many.

    Parameters
    ----------
    log : Log
        Open, for reading or writing.
    path : path
        ``.parquet`` (spectra and results; needs pyarrow), ``.csv`` (results, no spectra) or ``.n42`` (spectra
        on one axis in keV, with ``AnalysisResults``, and the alarms of that time with a ``RadAlarm``).
    since, until, detector
        As `Log.frames` takes them.

    Raises
    ------
    SettingsError
        Another ending.
    LogError
        There is nothing to write, or N42 cannot hold it: several axes, thinned spectra, too many.
    WriteError
        The file cannot be written.
    MissingDependencyError
        pyarrow is not installed.
    """
    target = Path(path)
    rung = partial(_alarms, log, since, until, detector)
    writers: dict[str, Callable[[Log, Iterator[Entry], Path], int]]
    writers = {".parquet": _parquet, ".csv": _csv, ".n42": partial(_n42, alarms=rung)}
    writer = writers.get(target.suffix.lower())
    if writer is None:
        raise SettingsError(
            "the ending of the file names no format of the export",
            where=str(target),
            expected=", ".join(FORMATS),
            found=target.suffix or "no ending",
        )
    entries = log.frames(since, until, detector)
    first = next(entries, None)
    if first is None:
        raise LogError("there is no frame to write", where=str(log.path), cure="check times and detector")
    with replacing(target) as temporary:
        return writer(log, _chained(first, entries), temporary)


def _chained(first: Entry, rest: Iterator[Entry]) -> Iterator[Entry]:
    yield first
    yield from rest


def _pieces(entries: Iterator[Entry]) -> Iterator[list[Entry]]:
    while piece := list(islice(entries, _ROWS)):
        yield piece


# ---------------------------------------------------------------- CSV


def _csv(log: Log, entries: Iterator[Entry], path: Path) -> int:
    """One row a frame; a column for each number that any model of the log answers."""
    names = list(dict.fromkeys(name for layout in log.layouts() for name in _flat(layout)))
    count = 0
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([*_FIXED, "present", *names])
        for entry in entries:
            record = entry.record or {}
            flat = _flat(record)
            writer.writerow(
                [
                    f"{entry.time}Z",
                    entry.detector,
                    entry.id,
                    *(_plain(value) for value in (entry.live_time, entry.real_time, entry.total)),
                    "+".join(record.get("present", ())),
                    *(_plain(flat.get(name)) for name in names),
                ]
            )
            count += 1
    return count


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    """Return the numbers of a record by name: ``shares Cs137``, ``similarity``."""
    flat: dict[str, Any] = {}
    for key, value in record.items():
        if isinstance(value, dict):
            flat |= {f"{key} {name}": one for name, one in value.items()}
        elif key not in ("present", "origin", "detector", "time", "live_time"):
            flat[key] = value
    return flat


def _plain(value: Any) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.10g}" if isinstance(value, (int, float)) else str(value)


# ---------------------------------------------------------------- Parquet


def _parquet(log: Log, entries: Iterator[Entry], path: Path) -> int:
    """One row a frame; axes stand in the metadata of the file, by their number."""
    try:
        arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as problem:
        raise MissingDependencyError(
            "Parquet needs pyarrow", cure="pip install 'gamma-flow[parquet]', or write CSV"
        ) from problem
    numbers = arrow.map_(arrow.string(), arrow.float64())
    axes = log.axes()
    schema = arrow.schema(
        [
            ("time", arrow.timestamp("us", "UTC")),
            ("detector", arrow.string()),
            ("id", arrow.string()),
            ("live_time", arrow.float64()),
            ("real_time", arrow.float64()),
            ("kind", arrow.string()),
            ("axis", arrow.int32()),
            ("total", arrow.float64()),
            ("values", arrow.list_(arrow.float64())),
            ("present", arrow.list_(arrow.string())),
            ("scores", numbers),
            ("shares", numbers),
            ("novel", arrow.bool_()),
            ("result", arrow.string()),
        ],
        metadata={"gamma_flow.axes": json.dumps({number: _told(axis) for number, axis in axes.items()})},
    )
    known = {axis: number for number, axis in axes.items()}
    count = 0
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for piece in _pieces(entries):
            rows = [_row(entry, known[entry.axis]) for entry in piece]
            writer.write_table(arrow.Table.from_pylist(rows, schema=schema))
            count += len(piece)
    return count


def _told(axis: Axis) -> dict[str, Any]:
    return {"unit": axis.unit, "edges": axis.edges.tolist(), "coefficients": axis.coefficients}


def _row(entry: Entry, axis: int) -> dict[str, Any]:
    record = entry.record
    told = record or {}
    return {
        "time": entry.time.astype(np.int64).item(),
        "detector": entry.detector,
        "id": entry.id,
        "live_time": None if np.isnan(entry.live_time) else entry.live_time,
        "real_time": None if np.isnan(entry.real_time) else entry.real_time,
        "kind": entry.kind,
        "axis": axis,
        "total": entry.total,
        "values": entry.values,
        "present": told.get("present"),
        "scores": None if record is None else list(told.get("scores", {}).items()),
        "shares": None if record is None else list(told.get("shares", {}).items()),
        "novel": told.get("novel"),
        "result": None if record is None else json.dumps(record),
    }


# ---------------------------------------------------------------- N42


def _alarms(
    log: Log, since: np.datetime64 | None, until: np.datetime64 | None, detector: str | None
) -> list[dict[str, Any]]:
    """Return the alarms of a time, those among them that began before it."""
    return [
        one.as_dict()
        for one in log.alarms(None, until, detector)
        if since is None or one.end is None or one.end >= since
    ]


def _n42(
    log: Log, entries: Iterator[Entry], path: Path, *, alarms: Callable[[], list[dict[str, Any]]]
) -> int:
    frames, records = [], []
    for entry in entries:
        if entry.values is None:
            raise LogError(
                "spectra were thinned out of the log, and N42 is nothing without them",
                where=f"{log.path}, {entry.detector}, {entry.time}",
                cure="begin later (since, --since), or write CSV",
            )
        frames.append(entry.frame())
        records.append(entry.record)
        if len(frames) > _MOST_N42:
            raise LogError(
                "these are too many spectra for one N42 document",
                where=str(log.path),
                expected=f"{_MOST_N42} at most",
                cure="take a shorter time, or write Parquet",
            )
    parts = together(frames)
    if len(parts) > 1:
        raise LogError(
            "N42 holds spectra on one axis here",
            where=str(log.path),
            found="; ".join(f"{spectra.axis} ({len(spectra)} spectra)" for spectra, _ in parts[:5]),
            cure="choose one detector (--detector)",
        )
    path.write_bytes(n42_write.content(parts[0][0], records, alarms(), utc=True))
    return len(frames)
