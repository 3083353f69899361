"""Cells to spectra: what the columns and rows of somebody's table mean.

The rules, in their order. ``x`` stands for a column or row of numbers that rises or falls strictly.

1. A first row that is not all numbers is a header. If its last cells are an ``x``, or ``ch0, ch1, ...``
   without a gap, every further row is one spectrum, and the columns before tell about it (`columns of
   people`_).
2. A header of other names: every column is one spectrum. The first is ``x`` unless it is the only one.
3. No header, one row or one column: one spectrum.
4. No header, and a first row of eight or more numbers that is an ``x`` while the second is not: it is the
   axis of the rows below.
5. No header, and a first column that is an ``x`` of eight or more numbers, or longer than the table is
   wide: one spectrum for each further column.
6. Else every row is one spectrum, on channels.

Refused, because two readings are equally plausible: two columns without ``x``; numbered columns beside a
rising first column; a few rows that begin with equally spaced numbers; a long table of fewer than eight
columns without ``x``; a table with an ``x`` on both sides.

Numbers 0..n-1 or 1..n without a unit count channels: they give ``ReadOptions.axis``, or channels. Any other
``x`` gives points (`Axis.points`); their unit comes from ``ReadOptions.unit``, a remark ``unit:``, a name
such as ``Energy (keV)`` or ``wavelength``, and is "unknown" else. A falling ``x`` is turned round together
with its spectra. Values are counts if all are whole and none is negative.

A table of numbers in which some cells are empty, ``nan`` or ``inf`` is still recognised, and refused with the
line and column of the first of them.

.. _columns of people:

``live_time``, ``real_time`` (s; also ``live_s``, ``livetime``), ``detector``, ``label`` (also ``labels``,
``nuclide``, ``isotope``, ``class``; several names between ``;``, ``,`` or ``|``; empty: nothing is known),
``time`` (also ``start``, ``start_time``, ``datetime``; ISO 8601) and ``energy_poly_keV`` (``a;b;c``: lower
edges in keV) are what they say; the same keys may stand in remarks for all spectra. Other columns go to
``meta``. A nameless first column that counts the rows is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gamma_flow.errors import (
    ReadError,
    UnknownFormatError,
)
from gamma_flow.io._cells import Cell, Sheet, is_gap, is_number, no_number

__all__ = ["Layout", "counts_up", "decide", "plausible", "unit_in"]

_SURE: Final = 8
"""So many numbers do not rise by chance: one in 40,000."""

_UNITS: Final = (
    ("keV", re.compile(r"\bkev\b", re.I)),
    ("MeV", re.compile(r"\bmev\b", re.I)),
    ("cm-1", re.compile(r"cm\s*(\^|\*\*)?\s*[-−⁻]\s*[1¹]|1\s*/\s*cm|wave\s*number|raman\s*shift", re.I)),
    ("nm", re.compile(r"\bnm\b|wave\s*length", re.I)),
    ("m/z", re.compile(r"\bm\s*/\s*z\b|\bmz\b", re.I)),
    ("channel", re.compile(r"\bchannels?\b|\bch\b|\bbins?\b", re.I)),
)
_CHANNEL: Final = re.compile(r"(?:channel|chan|ch|counts?|c|bin)[ _.]?(\d{1,7})", re.I | re.ASCII)
_INDEX: Final = ("", "id", "index", "no", "nr", "number", "sample", "row", "unnamed: 0", "#")


@dataclass(frozen=True)
class Layout:
    """What was decided: spectra in rows or columns, where they begin, and the names of their channels."""

    by_rows: bool
    first_row: int
    first_column: int
    x: list[Cell] | None
    x_name: str = ""


def plausible(sheet: Sheet) -> bool:
    """Tell whether the first rows look like spectra, or like a table that should be refused with a reason."""
    try:
        layout = decide(sheet)
    except UnknownFormatError:
        return False
    except ReadError:
        return True
    body = [row[layout.first_column :] for row in sheet.rows[layout.first_row :]]
    # the reader says where the gaps are
    cells = [is_number(cell) or is_gap(cell) for row in body for cell in row]
    return bool(cells) and sum(cells) >= 0.9 * len(cells)


def decide(sheet: Sheet) -> Layout:
    """Decide what rows and columns mean, by the rules above.

    Raises
    ------
    UnknownFormatError
        This is a table, but none of spectra.
    DamagedFileError
        A table of numbers has gaps.
    ReadError
        Two readings are equally plausible.
    """
    rows = sheet.rows
    head = rows[0]
    if _is_row_of_numbers(sheet):
        _refuse_gaps(sheet, 0)
    if all(map(is_number, head)):
        return _without_header(sheet)
    if len(rows) < 2:
        raise UnknownFormatError("the table has no row of numbers", where=sheet.where)
    start = _channel_names(head)
    if start is not None:
        return _numbered(sheet, start)
    return _named_columns(sheet)


def _is_row_of_numbers(sheet: Sheet) -> bool:
    """Tell whether the first row holds numbers, maybe with gaps, and no names.

    Empty cells to the left of names that are numbers (``,500,501``) stand above columns that tell about the
    rows. Any other gap may be one in a header as well; neither can be read.
    """
    head = sheet.rows[0]
    if all(cell == "" for cell in head) or not all(is_number(cell) or is_gap(cell) for cell in head):
        return False
    first = next(place for place, cell in enumerate(head) if cell != "")
    below = len(sheet.rows) > 1
    return not (first and below and all(map(is_number, head[first:])) and _channel_names(head) is not None)


def _refuse_gaps(sheet: Sheet, start: int) -> None:
    """Refuse gaps in a table whose cells from row ``start`` on are all numbers else.

    Raises
    ------
    DamagedFileError
        There are some; the first is named.
    """
    holes = [
        (row, column)
        for row, cells in enumerate(sheet.rows[start:], start)
        if not _all_finite(cells)
        for column, cell in enumerate(cells)
        if not is_number(cell)
    ]
    if not holes or not any(is_gap(sheet.rows[row][column]) for row, column in holes):
        return
    strange = sum(not is_gap(sheet.rows[row][column]) for row, column in holes)
    if strange <= 0.1 * (len(sheet.rows) - start) * len(sheet.rows[0]):
        raise no_number(sheet, *holes[0])


def _all_finite(cells: Sequence[Cell]) -> bool:
    """Tell quickly whether a row has no gap: a look at each cell takes many times as long."""
    try:
        return all(map(isfinite, map(float, cells)))
    except ValueError:
        return False


def _numbered(sheet: Sheet, start: int) -> Layout:
    """Decide for a header that ends in numbers or in ch0, ch1, ..."""
    head = sheet.rows[0]
    numbers = [is_number(cell) for cell in head[start:]]
    x = head[start:] if all(numbers) else None
    column = [row[0] for row in sheet.rows[1:]]
    if x is not None and start == 1 and len(column) >= 3 and all(map(is_number, column)):
        named = str(head[0]).strip().lower()
        counting = counts_up(np.array(list(map(float, x))))
        if _rises(column) and counting and named not in _INDEX:
            if unit_in(named):
                return Layout(False, 1, 1, column, named)
            raise _ambiguous(
                sheet,
                "rows of numbered channels, or columns of numbered spectra",
                "name the columns ch0, ch1, ... or the spectra by words",
            )
    return Layout(True, 1, start, x)


def _named_columns(sheet: Sheet) -> Layout:
    """Decide for a header of words: every column is one spectrum."""
    head, body = sheet.rows[0], sheet.rows[1:]
    plain = [_plain(row) for row in body]
    count = sum(map(sum, plain))
    # a cell that is no number may be a mistake; a column without a number is none
    if count < 0.5 * len(head) * len(body) or not all(map(any, zip(*plain, strict=True))):
        if (
            len(head) > 2
            and all(all(row[1:]) and not row[0] for row in plain)
            and all(map(is_number, head[1:]))
        ):
            raise ReadError(
                "rows begin with text, but no header says what it is",
                where=sheet.where,
                cure="add a header such as label,ch0,ch1,...",
            )
        raise UnknownFormatError(
            "the table holds no spectra",
            where=sheet.where,
            expected="a header that ends in channel numbers, energies or wavelengths, or columns of numbers",
            found=", ".join(map(str, head))[:120],
        )
    _refuse_gaps(sheet, 1)
    if len(head) == 1:
        return Layout(False, 1, 0, None, str(head[0]))
    column = [row[0] for row in body]
    if len(column) >= 3 and all(map(is_number, column)) and not _rises(column):
        raise _ambiguous(
            sheet,
            "the header names no channels, and the first column neither rises nor falls as an axis",
            "name the columns ch0, ch1, ... for one spectrum a row, or put the axis into the first column",
        )
    return Layout(False, 1, 1, column, str(head[0]))


def _plain(row: Sequence[Cell]) -> list[bool]:
    """Tell which cells of a row are numbers; gaps are where nothing but numbers and gaps stand in it."""
    numbers = [is_number(cell) for cell in row]
    gaps = [is_gap(cell) for cell in row]
    # a row without anything says nothing; one of nothing but nan does
    told = any(numbers) or any(gap and cell != "" for gap, cell in zip(gaps, row, strict=True))
    if told and all(number or gap for number, gap in zip(numbers, gaps, strict=True)):
        return [True] * len(row)
    return numbers


def _without_header(sheet: Sheet) -> Layout:
    rows = sheet.rows
    height, width = len(rows), len(rows[0])
    if height == 1 or width == 1:
        if height == width:
            raise UnknownFormatError("the table is a single number", where=sheet.where)
        return Layout(height == 1, 0, 0, None)
    column = [row[0] for row in rows]
    below = column[1:]
    if width >= _SURE and _rises(rows[0]) and not _rises(rows[1]):
        if height > _SURE and _rises(below):
            raise _ambiguous(
                sheet, "both the first row and the first column could be the axis", "take one of them out"
            )
        return Layout(True, 1, 0, rows[0])
    rising = height >= 3 and _rises(column)
    if width == 2:
        if rising:
            return Layout(False, 0, 1, column)
        raise _ambiguous(
            sheet,
            "two columns, and the first neither rises nor falls as an axis",
            "put the axis into the first column",
        )
    if rising:
        counting = counts_up(np.array(list(map(float, column))))
        if height > width or (height >= _SURE and not counting):
            return Layout(False, 0, 1, column)
        if counting or np.ptp(np.diff(list(map(float, column)))) == 0:
            raise _ambiguous(
                sheet,
                "the first column could be the axis, the number of the row, or a channel",
                "add a header such as channel,first,second or row,ch0,ch1",
            )
    if width < _SURE and height >= 4 * _SURE:
        raise _ambiguous(
            sheet,
            f"either {height} spectra of {width} channels or {width} of {height}",
            "add a header: ch0,ch1,... for one spectrum a row, or an axis as first column",
        )
    return Layout(True, 0, 0, None)


def _ambiguous(sheet: Sheet, found: str, cure: str) -> ReadError:
    return ReadError("the table can be read in two ways", where=sheet.where, found=found, cure=cure)


def _channel_names(head: Sequence[Cell]) -> int | None:
    """Where the names of channels begin in a header: at least two that rise, fall or count."""
    numbered = [_CHANNEL.fullmatch(cell) if isinstance(cell, str) else None for cell in head]
    start = len(head)
    while start and numbered[start - 1]:
        start -= 1
    counts = [int(match[1]) for match in numbered[start:] if match]
    while len(counts) > 1 and (counts[0] > 1 or counts[:2] != [counts[0], counts[0] + 1]):
        # names such as c137 may stand before c0
        counts.pop(0)
        start += 1
    if len(counts) >= 2 and counts == list(range(counts[0], counts[0] + len(counts))):
        return start
    start = len(head)
    while start and is_number(head[start - 1]):
        start -= 1
    return start if len(head) - start >= 2 and _rises(head[start:]) else None


def _rises(cells: Sequence[Cell]) -> bool:
    """Tell whether cells rise or fall strictly (and are numbers)."""
    if not all(map(is_number, cells)):
        return False
    step = np.diff(np.array(list(map(float, cells))))
    return bool((step > 0).all() or (step < 0).all())


def counts_up(x: NDArray[np.float64]) -> bool:
    """Tell whether numbers count from 0 or 1."""
    count = np.arange(len(x), dtype=np.float64)
    return bool(np.array_equal(x, count) or np.array_equal(x, count + 1))


def unit_in(name: str) -> str | None:
    """Return the unit that a name of an axis tells."""
    return next((unit for unit, pattern in _UNITS if pattern.search(name)), None)
