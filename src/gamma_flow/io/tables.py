"""Text tables: comma, semicolon, tab or blanks between the cells.

How text becomes cells is told in `gamma_flow.io._cells`, what cells mean in `gamma_flow.io._layout`. What
this module writes has one spectrum a row, below remarks that say everything that a table cannot:

    # gamma_flow: spectra 1
    # kind: counts
    # unit: keV
    # channels: 3
    # spectra: 1
    # coefficients: -12.0 8.15 0.0012
    # classes: Cs137;background
    # background: background
    label,detector,live_time,real_time,time,run,origin,-7.92,0.23,8.38
    Cs137;background,left,1.0,,2024-01-24T10:00:00.000000,0,raw/a.spe#0,12,15,9

``coefficients`` give the lower edges; where no polynomial does so exactly, ``edges`` and ``centres`` stand
there instead. ``spectra`` and ``channels`` are counts that the table has to keep. ``()`` is a label that
says: nothing is in it; an empty one says that nothing is known. ``origin`` is what a spectrum came from
before it was written here: patterns for files, held-out parts and trained-on spectra go by it. Where it names
no file, or the column is missing (older tables), the table's own name and row take its place.
"""

from __future__ import annotations

import csv
from dataclasses import fields
from io import StringIO
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data import Axis, Labels, SpectrumSet
from gamma_flow.errors import AxisError, DamagedFileError, GammaFlowError, WriteError
from gamma_flow.io import _layout, _sheets
from gamma_flow.io._cells import Sheet, sheet_of
from gamma_flow.io._format import Format, ReadOptions
from gamma_flow.io._source import Source
from gamma_flow.io.atomic import write_text

__all__ = ["FORMAT", "read", "write"]

_MARK: Final = "spectra 1"
_LEADING: Final = ("label", "detector", "live_time", "real_time", "time", "run", "origin")
_OLDER: Final = _LEADING[:-1]
_NOTHING: Final = "()"
_SNIFF_LINES: Final = 30


def read(source: Source, options: ReadOptions) -> list[SpectrumSet]:
    """Read a text table.

    Parameters
    ----------
    source : Source
        The file.
    options : ReadOptions
        ``kind``, ``unit``, ``axis``, ``reference``, ``background``, ``signed``; they do not count for
        tables that gamma_flow has written, which say everything themselves.

    Returns
    -------
    list of SpectrumSet
        One an axis.

    Raises
    ------
    UnknownFormatError
        The file is no table of spectra.
    DamagedFileError
        It is cut, rows have different lengths, a cell is no number.
    ReadError
        Two readings are equally plausible.
    AxisError, SpectrumError, IncompatibleError
        No axis, no spectra, or no fit between the two.
    """
    sheet = sheet_of(source)
    # numbers near the largest float are met by checks, not by warnings
    with np.errstate(all="ignore"):
        if "gamma_flow" in sheet.remarks:
            return [_own(sheet)]
        return _sheets.sets_of(sheet, source, options)


def sniff(source: Source) -> bool:
    """Tell whether the first lines look like a table of spectra."""
    # remarks may be long: an axis of many edges takes more than what is looked at below
    if source.data.startswith(b"# gamma_flow: "):
        return True
    try:
        sheet = sheet_of(source, _SNIFF_LINES)
        with np.errstate(all="ignore"):
            return "gamma_flow" in sheet.remarks or _layout.plausible(sheet)
    except GammaFlowError:
        return False


# ------------------------------------------------------------------- our own


def _own(sheet: Sheet) -> SpectrumSet:
    if sheet.remarks["gamma_flow"] != _MARK:
        raise DamagedFileError(
            "the table was written by a newer gamma_flow, or its first line is damaged",
            where=sheet.where,
            expected=f'"gamma_flow: {_MARK}"',
            found=repr(sheet.remarks["gamma_flow"][:40]),
            cure="update gamma-flow",
        )
    try:
        return _restored(sheet)
    except GammaFlowError:
        raise
    except (KeyError, ValueError, OverflowError, IndexError) as wrong:
        raise DamagedFileError(
            "the remarks at the top and the table do not fit each other",
            where=sheet.where,
            found=f"{type(wrong).__name__}: {str(wrong)[:80]}",
            cure="write the file anew",
        ) from wrong


def _restored(sheet: Sheet) -> SpectrumSet:
    said = sheet.remarks
    channels, spectra = int(said["channels"]), int(said["spectra"])
    head, body = [str(cell) for cell in sheet.rows[0]], sheet.rows[1:]
    start = len(head) - channels
    leading = _LEADING if tuple(head[: len(_LEADING)]) == _LEADING else _OLDER
    if len(body) != spectra or start < len(leading) or tuple(head[: len(leading)]) != leading:
        raise DamagedFileError(
            "the table is cut, or its columns were changed",
            where=sheet.where,
            expected=f"{spectra} spectra of {channels} channels after {', '.join(_LEADING)}",
            found=f"{len(body)} rows of {len(head)} cells",
            cure="copy the file again, or take the remarks out to have it read as any table",
        )
    values = [_sheets.floats(sheet, row, start) for row in range(1, len(sheet.rows))]
    columns = {name: [str(row[place]) for row in body] for place, name in enumerate(head[:start])}
    if len(columns) != start:
        raise DamagedFileError("two columns have one name", where=sheet.where)
    classes = [name for name in said["classes"].split(";") if name]
    labels = Labels.of([_names(cell) for cell in columns["label"]], classes, said["background"] or None)
    texts, times = said.get("text", "").split(";"), said.get("times", "").split(";")
    meta = {
        name.removeprefix("meta:"): np.array(cells)
        if name in texts
        else _times(cells)
        if name in times
        else np.array([float(cell or "nan") for cell in cells])
        for name, cells in columns.items()
        if name not in leading
    }
    return SpectrumSet(
        np.array(values).reshape(spectra, channels),
        _axis_of(said, channels, sheet.where),
        "intensity" if said["kind"] == "intensity" else "counts",
        labels=labels,
        live_time=np.array([float(cell or "nan") for cell in columns["live_time"]]),
        real_time=np.array([float(cell or "nan") for cell in columns["real_time"]]),
        time=_times(columns["time"]),
        detector=np.array(columns["detector"]),
        run=np.array([int(cell) for cell in columns["run"]], np.int64),
        origin=np.array(_origins(columns.get("origin", [""] * spectra), sheet.where)),
        meta=meta,
        signed=said.get("signed") == "yes",
    )


def _origins(cells: list[str], where: str) -> list[str]:
    """Return what the spectra came from; sets made from arrays name no file, so their origins are alike."""
    return [cell if cell.rpartition("#")[0] else f"{where}#{row}" for row, cell in enumerate(cells)]


def _times(cells: list[str]) -> NDArray[np.datetime64]:
    times = [_sheets.time_of(cell) if cell else np.datetime64("NaT", "us") for cell in cells]
    if any(time is None for time in times):
        raise ValueError("a time is not in ISO 8601")
    return np.array(times, "datetime64[us]")


def _names(cell: str) -> tuple[str, ...] | None:
    return () if cell == _NOTHING else _sheets.names_of(cell)


def _axis_of(said: dict[str, str], channels: int, where: str) -> Axis:
    terms = tuple(float(term) for term in said["coefficients"].split()) if said.get("coefficients") else None
    try:
        if "edges" not in said and terms is not None:
            return Axis.polynomial(terms, channels, said["unit"])
        edges, centres = ([float(edge) for edge in said[name].split()] for name in ("edges", "centres"))
        return Axis(np.array(edges), said["unit"], np.array(centres), terms)
    except AxisError as wrong:
        raise DamagedFileError(
            f"the remarks at the top make no axis: {wrong.what}", where=where, found=wrong.found
        ) from wrong


def write(spectra: SpectrumSet, path: Path) -> None:
    """Write one spectrum a row; `read` gives the same set again.

    Only an origin that names no file becomes another one: that of the table.

    Parameters
    ----------
    spectra : SpectrumSet
        One or more spectra without ``sigma`` and without amounts.
    path : Path
        Where to.

    Raises
    ------
    WriteError
        The path cannot be written, or the set holds what a table cannot.
    """
    where = str(path)
    if spectra.sigma is not None or spectra.labels.amounts is not None or not len(spectra):
        what = "no spectra" if not len(spectra) else "sigma" if spectra.sigma is not None else "amounts"
        raise WriteError(
            "a text table cannot hold this set",
            where=where,
            found=what,
            cure="write .npz, which holds everything",
        )
    names = {name: f"meta:{name}" if _taken(name) else name for name in spectra.meta}
    remarks = _remarks(spectra, names)
    columns: list[list[str]] = [
        ["" if row is None else ";".join(row) or _NOTHING for row in spectra.labels.lists()],
        spectra.detector.tolist(),
        *(
            [_number(value) for value in getattr(spectra, name).tolist()]
            for name in ("live_time", "real_time")
        ),
        _stamps(spectra.time),
        [str(run) for run in spectra.run.tolist()],
        spectra.origin.tolist(),
        *(_cells_of(column) for column in spectra.meta.values()),
    ]
    for text in [*remarks.values(), *names.values(), *spectra.labels.classes]:
        _check_text(text, where, ";," if text in spectra.labels.classes or text in names.values() else "")
    for name, column in zip([*_LEADING, *names.values()], columns, strict=True):
        for text in set(column):
            (_check_origin if name == "origin" else _check_text)(text, where)
    whole = spectra.values == np.rint(spectra.values)
    stream = StringIO()
    stream.writelines(f"# {key}: {text}\n" for key, text in remarks.items())
    table = csv.writer(stream, lineterminator="\n")
    table.writerow([*_LEADING, *names.values(), *map(repr, spectra.axis.centres.tolist())])
    plain = bool(whole.all()) and not bool(np.signbit(spectra.values[spectra.values == 0]).any())
    plain = plain and bool((np.abs(spectra.values) < 2**53).all())
    for told, row in zip(zip(*columns, strict=True), spectra.values, strict=True):
        table.writerow([*told, *(map(int, row.tolist()) if plain else map(repr, row.tolist()))])
    write_text(path, stream.getvalue())


def _taken(name: str) -> bool:
    return name in _LEADING or name in {item.name for item in fields(SpectrumSet)} or name.startswith("meta:")


def _remarks(spectra: SpectrumSet, names: dict[str, str]) -> dict[str, str]:
    axis = spectra.axis
    said = {
        "gamma_flow": _MARK,
        "kind": spectra.kind,
        "unit": axis.unit,
        "channels": str(len(axis)),
        "spectra": str(len(spectra)),
    }
    if axis.coefficients is not None:
        said["coefficients"] = _row(axis.coefficients)
    if not _is_polynomial(axis):
        said["edges"] = _row(axis.edges.tolist())
        said["centres"] = _row(axis.centres.tolist())
    said["classes"] = ";".join(spectra.labels.classes)
    said["background"] = spectra.background or ""
    if spectra.signed:
        said["signed"] = "yes"
    for key, kind in (("text", "U"), ("times", "M")):
        found = [names[name] for name, column in spectra.meta.items() if column.dtype.kind == kind]
        if found:
            said[key] = ";".join(found)
    return said


def _is_polynomial(axis: Axis) -> bool:
    """Whether the coefficients alone give the axis to the last bit."""
    if axis.coefficients is None:
        return False
    try:
        again = Axis.polynomial(axis.coefficients, len(axis), axis.unit)
    except AxisError:
        return False
    return np.array_equal(again.edges, axis.edges) and np.array_equal(again.centres, axis.centres)


def _row(values: Any) -> str:
    return " ".join(repr(float(value)) for value in values)


def _number(value: float) -> str:
    return "" if value != value else repr(value)  # NaN alone differs from itself


def _stamps(column: NDArray[Any]) -> list[str]:
    text = np.datetime_as_string(column.astype("datetime64[us]"), "us")
    return ["" if stamp == "NaT" else stamp for stamp in text.tolist()]


def _cells_of(column: NDArray[Any]) -> list[str]:
    if column.dtype.kind == "M":
        return _stamps(column)
    return column.tolist() if column.dtype.kind == "U" else [_number(value) for value in column.tolist()]


def _check_text(text: str, where: str, also: str = "") -> None:
    """Refuse what would not come back as it was."""
    if (
        text != text.strip()
        or not text.isprintable()
        or any(mark in text for mark in also)
        or text == _NOTHING * 2
    ):
        raise WriteError(
            "a text table cannot hold a name or text",
            where=where,
            expected="printable text without blanks around it" + (f" and without {also}" if also else ""),
            found=repr(text[:60]),
            cure="rename it, or write .npz, which holds everything",
        )


def _check_origin(text: str, where: str) -> None:
    """Refuse only what would break the table: a path may hold signs that no name of ours does."""
    if text != text.strip() or any(mark in text for mark in "\r\n\0") or not _is_unicode(text):
        raise WriteError(
            "a text table cannot hold the origin of a spectrum",
            where=where,
            expected="text of one line without blanks around it",
            found=repr(text[:80]),
            cure="rename the file, or write .npz, which holds everything",
        )


def _is_unicode(text: str) -> bool:
    """Tell whether a text can be written: file names may hold bytes that are no letters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


FORMAT = Format("csv", "text table", (".csv", ".tsv", ".txt", ".dat"), sniff, read, write)
"""What the registry knows of this format."""
