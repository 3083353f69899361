"""Spectra of a sheet, once it is decided what its rows and columns mean; see `gamma_flow.io._layout`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data import Axis, Kind, SpectrumSet
from gamma_flow.errors import (
    AxisError,
    DamagedFileError,
    IncompatibleError,
    UnsafeFileError,
)
from gamma_flow.io._cells import Cell, Sheet, is_number, no_number
from gamma_flow.io._format import ReadOptions, Record, gather
from gamma_flow.io._layout import Layout, counts_up, decide, unit_in
from gamma_flow.io._source import MAX_CHANNELS, Source

__all__ = ["floats", "names_of", "sets_of", "time_of"]

_ROLES: Final = {
    "live_time": ("live_time", "live_time_s", "live_s", "livetime", "livetime_s"),
    "real_time": ("real_time", "real_time_s", "real_s", "realtime", "realtime_s"),
    "detector": ("detector", "detector_name"),
    "label": ("label", "labels", "nuclide", "nuclides", "isotope", "isotopes", "class"),
    "time": ("time", "start", "start_time", "datetime", "timestamp"),
    "energy_poly": ("energy_poly_kev", "energy_calibration_kev"),
}


def sets_of(sheet: Sheet, source: Source, options: ReadOptions) -> list[SpectrumSet]:
    """Make sets of spectra of a table.

    Parameters
    ----------
    sheet : Sheet
        Rows of equal length.
    source : Source
        The file.
    options : ReadOptions
        ``kind``, ``unit``, ``axis``, ``reference``, ``background``, ``signed``.

    Returns
    -------
    list of SpectrumSet
        One an axis.

    Raises
    ------
    UnknownFormatError
        This is a table, but none of spectra.
    ReadError
        Two readings are equally plausible.
    DamagedFileError
        A cell is empty or no number.
    AxisError, SpectrumError, IncompatibleError
        No axis, no spectra, or no fit between the two.
    """
    layout = decide(sheet)
    channels = (
        len(sheet.rows[0]) - layout.first_column if layout.by_rows else len(sheet.rows) - layout.first_row
    )
    if channels > MAX_CHANNELS:
        raise UnsafeFileError(
            "a spectrum has too many channels",
            where=sheet.where,
            expected=f"at most {MAX_CHANNELS}",
            found=str(channels),
        )
    records = _records_of_rows(sheet, layout, options) if layout.by_rows else _columns(sheet, layout, options)
    signed = options.signed
    whole = all((record.values == np.rint(record.values)).all() for record in records)
    kind: Kind = "counts" if whole and (signed or min(r.values.min() for r in records) >= 0) else "intensity"
    stated = sheet.remarks.get("kind")
    if stated in ("counts", "intensity"):
        kind = stated  # type: ignore[assignment]  # mypy does not narrow to literals here
    return gather(records, replace(source, name=sheet.where), options, kind)


def floats(sheet: Sheet, row: int, start: int) -> NDArray[np.float64]:
    """Return the cells of a row from a column on.

    Raises
    ------
    DamagedFileError
        A cell is empty or no number.
    """
    cells = sheet.rows[row][start:]
    try:
        values = np.array(list(map(float, cells)), np.float64)
        # float() takes more than numbers: 1_000, inf, digits of other scripts
        if np.isfinite(values).all() and not any(isinstance(cell, str) and "_" in cell for cell in cells):
            return values
    except ValueError:
        pass
    for place, cell in enumerate(cells):
        if not is_number(cell) or not np.isfinite(float(cell)):
            raise no_number(sheet, row, start + place)
    return values


def _axis(
    x: list[Cell] | None, name: str, count: int, sheet: Sheet, options: ReadOptions
) -> tuple[Axis, bool]:
    """Return the axis, and whether the spectra have to be turned round."""
    unit = options.unit or sheet.remarks.get("unit") or unit_in(name)
    at = None if x is None else np.array([float(cell) for cell in x], np.float64)
    try:
        if at is None or (unit in (None, "channel") and counts_up(at)):
            calibration = sheet.remarks.get("energy_poly_kev") or sheet.remarks.get("calibration")
            if calibration:
                return _polynomial(calibration, count, options, unit), False
            if options.axis is not None and len(options.axis) != count:
                raise IncompatibleError(
                    "the axis that was given does not fit the spectra",
                    where=sheet.where,
                    expected=f"{count} channels",
                    found=repr(options.axis),
                )
            return options.axis or Axis.channels(count), False
        falling = len(at) > 1 and bool(at[0] > at[-1])
        return Axis.points(at[::-1] if falling else at, unit or "unknown"), falling
    except AxisError as wrong:
        place = f"{sheet.where}, {wrong.where}" if wrong.where else sheet.where
        raise AxisError(
            wrong.what, where=place, expected=wrong.expected, found=wrong.found, cure=wrong.cure
        ) from None


def _polynomial(text: str, count: int, options: ReadOptions, unit: str | None = None) -> Axis:
    terms = [term for term in re.split(r"[;,\s]+", text.strip()) if term]
    if len(terms) < 2 or len(terms) > 20 or not all(map(is_number, terms)):
        raise AxisError("a calibration is no polynomial", expected="offset;slope;...", found=repr(text[:60]))
    unit = "keV" if unit in (None, "channel") else unit
    return Axis.polynomial([float(term) for term in terms], count, unit, options.reference or "lower edge")


def _columns(sheet: Sheet, layout: Layout, options: ReadOptions) -> list[Record]:
    start = layout.first_row
    block = np.stack([floats(sheet, row, 0) for row in range(start, len(sheet.rows))])
    axis, falling = _axis(layout.x, layout.x_name, len(block), sheet, options)
    spectra = block[::-1, layout.first_column :].T if falling else block[:, layout.first_column :].T
    shared = _of_remarks(sheet)
    names = [str(cell) for cell in sheet.rows[0][layout.first_column :]] if start else []
    metas: list[dict[str, float | str]] = (
        [{"name": name} for name in names] if len(names) > 1 else [{}] * len(spectra)
    )
    return [Record(values, axis, meta=meta, **shared) for values, meta in zip(spectra, metas, strict=True)]


def _records_of_rows(sheet: Sheet, layout: Layout, options: ReadOptions) -> list[Record]:
    count = len(sheet.rows[0]) - layout.first_column
    rows = range(layout.first_row, len(sheet.rows))
    told = _told(sheet, layout)
    polynomials = told.pop("energy_poly", None)
    axes: dict[str | None, tuple[Axis, bool]] = {}
    records = []
    for place, row in enumerate(rows):
        text = polynomials[place] if polynomials else None
        if text not in axes:
            try:
                axes[text] = (
                    (_polynomial(text, count, options), False)
                    if text
                    else _axis(layout.x, "", count, sheet, options)
                )
            except AxisError as wrong:
                raise AxisError(
                    wrong.what,
                    where=sheet.at(row),
                    expected=wrong.expected,
                    found=wrong.found,
                    cure=wrong.cure,
                ) from None
        axis, falling = axes[text]
        values = floats(sheet, row, layout.first_column)
        about: dict[str, Any] = {name: column[place] for name, column in told.items()}
        records.append(Record(values[::-1] if falling else values, axis, **about))
    return records


def _of_remarks(sheet: Sheet) -> dict[str, Any]:
    """Return what remarks say of all spectra."""
    found: dict[str, Any] = {}
    for role, names in _ROLES.items():
        text = next((sheet.remarks[name] for name in names if sheet.remarks.get(name)), None)
        if text is None or role == "energy_poly":
            continue
        if role in ("live_time", "real_time"):
            number = text.removesuffix("s").strip()
            if not is_number(number):
                raise DamagedFileError(
                    f"a {role.replace('_', ' ')} is no number of seconds",
                    where=sheet.where,
                    found=repr(text[:40]),
                )
            found[role] = float(number)
        elif role == "label":
            found["labels"] = names_of(text)
        elif role == "time":
            start = time_of(text)
            if start is not None:
                found["time"] = start
        else:
            found[role] = text
    return found


def _told(sheet: Sheet, layout: Layout) -> dict[str, list[Any]]:
    """Columns before the spectra, as fields of records: one list a field."""
    count = len(sheet.rows) - layout.first_row
    told: dict[str, list[Any]] = {field: [value] * count for field, value in _of_remarks(sheet).items()}
    if not layout.first_column:
        return told
    heads = [str(cell).strip() for cell in sheet.rows[0][: layout.first_column]]
    plain = [re.sub(r"\W+", "_", head.lower()).strip("_") for head in heads]
    columns = [[row[place] for row in sheet.rows[1:]] for place in range(layout.first_column)]
    left = dict(enumerate(heads))
    for role, names in _ROLES.items():
        place = next((plain.index(name) for name in names if name in plain), None)
        if place is None:
            continue
        values = _READERS[role](sheet, place, columns[place])
        if values is not None:
            told["labels" if role == "label" else role] = values
            del left[place]
    if left.get(0) == "" and counts_up(np.array([float(c) if is_number(c) else -1.0 for c in columns[0]])):
        del left[0]
    metas: list[dict[str, float | str]] = [{} for _ in range(count)]
    for place, head in left.items():
        numeric = all(is_number(cell) or cell == "" for cell in columns[place])
        for meta, cell in zip(metas, columns[place], strict=True):
            if numeric:
                meta[head or f"column {place + 1}"] = np.nan if cell == "" else float(cell)
            else:
                meta[head or f"column {place + 1}"] = str(cell)
    return {**told, "meta": metas}


def _seconds(sheet: Sheet, place: int, column: list[Cell]) -> list[Any]:
    for row, cell in enumerate(column, 1):
        if cell != "" and not is_number(cell):
            raise DamagedFileError(
                "a time is no number of seconds", where=sheet.at(row, place), found=repr(cell)[:40]
            )
    return [np.nan if cell == "" else float(cell) for cell in column]


def _times(sheet: Sheet, place: int, column: list[Cell]) -> list[Any] | None:
    del sheet, place
    times = [np.datetime64("NaT", "us") if cell == "" else time_of(str(cell)) for cell in column]
    return None if any(time is None for time in times) else times


def _labels(sheet: Sheet, place: int, column: list[Cell]) -> list[Any]:
    del sheet, place
    return [names_of(str(cell)) for cell in column]


def _strings(sheet: Sheet, place: int, column: list[Cell]) -> list[Any]:
    del sheet, place
    return [str(cell) for cell in column]


_READERS: Final[dict[str, Callable[[Sheet, int, list[Cell]], list[Any] | None]]] = {
    "live_time": _seconds,
    "real_time": _seconds,
    "detector": _strings,
    "label": _labels,
    "time": _times,
    "energy_poly": _strings,
}


def names_of(text: str) -> tuple[str, ...] | None:
    """Return the names that stand between ``;``, ``,`` or ``|``; None where there are none."""
    names = tuple(name.strip() for name in re.split(r"[;,|]", text) if name.strip())
    return names or None


def time_of(text: str) -> np.datetime64 | None:
    """Return an ISO 8601 time, in UTC where it names a zone; None where it is none."""
    try:
        start = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if start.tzinfo is not None:
        try:
            start = start.astimezone(UTC).replace(tzinfo=None)
        except OverflowError:
            return None
    return np.datetime64(start, "us")
