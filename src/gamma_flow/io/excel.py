"""Excel workbooks (.xlsx, .xlsm), through python-calamine; the same recognition as for text tables.

Every sheet that holds a number is read, every other one passed over. Rows and columns without any content
do not count. A row at the top whose only cell begins with ``#`` is a remark. Sheets on one axis make one set.

The zip and its sheets are looked through before calamine sees them: it would take memory for every cell
between the first and the last, and would leave out formulas without a stored result.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, time
from io import BytesIO
from struct import error as StructError  # noqa: N812  # as every other exception is spelt
from typing import Any, Final

import numpy as np

from gamma_flow.data import SpectrumSet
from gamma_flow.errors import DamagedFileError, MissingDependencyError, UnsafeFileError
from gamma_flow.io._cells import Cell, Sheet, check_texts, remark
from gamma_flow.io._format import Format, ReadOptions
from gamma_flow.io._sheets import sets_of
from gamma_flow.io._source import Source
from gamma_flow.io.container import check_zip, unpacked

__all__ = ["FORMAT", "read"]

_WORKBOOK: Final = "xl/workbook.xml"
_MAX_CELLS: Final = 50_000_000
"""Cells between the corners of all sheets."""
_MAX_TEXT: Final = 2**29
"""Characters of text, counted as if every text cell held the longest one."""
_PLACE: Final = re.compile(rb"""\sr\s*=\s*["']\s*([A-Za-z]{0,3})([0-9]{0,9})""")
_FORMULA: Final = re.compile(
    rb"<(?:\w+:)?c\b(?P<cell>[^<>]*)>\s*<(?:\w+:)?f\b[^<>]*(?:/>|>[^<]*</(?:\w+:)?f\s*>)"
    rb"\s*(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v\s*>\s*</(?:\w+:)?v\s*>)?\s*</(?:\w+:)?c\s*>"
)
_TEXT_CELL: Final = re.compile(rb"""\bt\s*=\s*["']s["']""")
_CURE: Final = "open the workbook, save it again, and read that"


def read(source: Source, options: ReadOptions) -> list[SpectrumSet]:
    """Read a workbook.

    Parameters
    ----------
    source : Source
        The file.
    options : ReadOptions
        As for text tables.

    Returns
    -------
    list of SpectrumSet
        One an axis, in the order of the sheets.

    Raises
    ------
    MissingDependencyError
        python-calamine is not installed.
    DamagedFileError
        The file is cut, a cell is no number, a formula has no stored result, no sheet holds numbers.
    UnsafeFileError
        The file unpacks to more than the limits.
    UnknownFormatError, ReadError, AxisError, SpectrumError, IncompatibleError
        See `gamma_flow.io.tables.read`.
    """
    _look_through(source)
    sets: list[SpectrumSet] = []
    for name, rows, several in _sheets(source):
        sheet = _sheet(f"{source.name}[{name}]" if several else source.name, rows)
        if sheet is not None:
            # numbers near the largest float are met by checks, not by warnings
            with np.errstate(all="ignore"):
                sets.extend(sets_of(sheet, source, options))
    if not sets:
        raise DamagedFileError("no sheet of the workbook holds numbers", where=source.name)
    return _by_axis(sets)


def _by_axis(sets: list[SpectrumSet]) -> list[SpectrumSet]:
    groups: list[list[SpectrumSet]] = []
    for found in sets:
        for group in groups:
            if group[0].axis.matches(found.axis) and group[0].kind == found.kind:
                group.append(found)
                break
        else:
            groups.append([found])
    return [SpectrumSet.concatenate(group) for group in groups]


def _sheets(source: Source) -> Iterable[tuple[str, list[list[Any]], bool]]:
    """Names and rows of all sheets, from calamine, whatever it throws."""
    try:
        import python_calamine
    except ImportError as wrong:
        raise MissingDependencyError(
            "Excel workbooks need python-calamine",
            where=source.name,
            cure="pip install 'gamma-flow[excel]', or save the table as .csv",
        ) from wrong
    try:
        book = python_calamine.load_workbook(BytesIO(source.data))
        names = list(book.sheet_names)
        return [
            (name, book.get_sheet_by_index(place).to_python(skip_empty_area=False), len(names) > 1)
            for place, name in enumerate(names)
        ]
    except BaseException as wrong:
        # a panic of the Rust library is a BaseException of its own, so that nobody catches it by mistake
        if not isinstance(wrong, Exception) and type(wrong).__name__ != "PanicException":
            raise
        raise DamagedFileError(
            "the workbook is damaged", where=source.name, found=str(wrong)[:200], cure=_CURE
        ) from wrong


def _sheet(where: str, rows: list[list[Any]]) -> Sheet | None:
    """Cells of a sheet without empty rows and margins; None where it holds no number."""
    cells: list[list[Cell]] = [[_cell(value) for value in row] for row in rows]
    remarks: dict[str, str] = {}
    kept: list[tuple[int, list[Cell]]] = []
    for number, row in enumerate(cells, 1):
        told = [cell for cell in row if cell != ""]
        only = told[0] if len(told) == 1 and not kept else None
        if isinstance(only, str) and only.startswith("#"):
            remark(only, remarks)
        elif told:
            kept.append((number, row))
    used = [place for _, row in kept for place, cell in enumerate(row) if cell != ""]
    if not any(isinstance(cell, float) for _, row in kept for cell in row):
        return None
    first, last = min(used), max(used) + 1
    sheet = Sheet(
        where,
        [row[first:last] for _, row in kept],
        [number for number, _ in kept],
        remarks,
        word="row",
        shift=first,
    )
    check_texts(sheet)
    return sheet


def _cell(value: Any) -> Cell:
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, (int, float)):
        return float(value)
    if isinstance(value, (date, time)):
        return value.isoformat()
    text = "" if value is None else str(value).strip()
    return text


# ------------------------------------------------------------ looking through


@dataclass
class _Extent:
    """How far a workbook reaches."""

    cells: int = 0
    texts: int = 0
    longest: int = 0


def _look_through(source: Source) -> None:
    """Refuse what would take memory or lose cells, before calamine reads it."""
    extent = _Extent()
    try:
        with zipfile.ZipFile(BytesIO(source.data)) as archive:
            entries = check_zip(archive, source.name)
            for name, entry in entries.items():
                if not name.lower().endswith((".xml", ".rels")) and "media/" in name:
                    continue
                _look_at(unpacked(archive, entry, source.name), name, source.name, extent)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
        ValueError,
        IndexError,
        StructError,
    ) as wrong:
        raise DamagedFileError(
            "the workbook is cut or damaged", where=source.name, found=str(wrong)[:200], cure=_CURE
        ) from wrong
    if extent.cells > _MAX_CELLS or extent.texts * extent.longest > _MAX_TEXT:
        raise UnsafeFileError(
            "the sheets of the workbook reach too far",
            where=source.name,
            expected=f"at most {_MAX_CELLS} cells and {_MAX_TEXT} characters",
            found=f"{extent.cells} cells, {extent.texts} texts of up to {extent.longest} characters",
            cure="delete the cells far below or beside the table",
        )


def _look_at(data: bytes, name: str, where: str, extent: _Extent) -> None:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:100]:
        raise UnsafeFileError("a part of the workbook is no UTF-8", where=f"{where}/{name[:80]}", cure=_CURE)
    if b"sst" in data[:2000]:
        extent.longest = max(extent.longest, *map(len, re.split(rb"<(?:\w+:)?si\b", data)))
    if b"sheetData" not in data:
        return
    rows = columns = 1
    # equal places are looked at once: most cells of a sheet share their letters
    places = _PLACE.findall(data)
    rows = max([int(number or 0) for number in {number for _, number in places}], default=1)
    columns = max([_column(letters) for letters in {letters for letters, _ in places}], default=1)
    # cells that bear no place follow each other
    columns = max(columns, *(part.count(b"<c") for part in re.split(rb"<(?:\w+:)?row\b", data)))
    extent.cells += max(rows, data.count(b"<row")) * columns
    extent.texts += len(_TEXT_CELL.findall(data))
    if b"</f>" in data or b"<f" in data or b":f" in data:
        for match in _FORMULA.finditer(data):
            if b't="str"' in match["cell"] or b"t='str'" in match["cell"]:
                continue
            place = _PLACE.search(match["cell"])
            cell = (place[1] + place[2]).decode() if place else "a cell"
            raise DamagedFileError(
                "a formula has no stored result",
                where=f"{where}/{name[:80]}, cell {cell}",
                expected="a number",
                cure="open the workbook in a spreadsheet program and save it, which stores the results",
            )


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def sniff(source: Source) -> bool:
    """Tell whether this is a zip with a workbook in it (or the beginning of one)."""
    if not source.data.startswith(b"PK\x03\x04"):
        return False
    # the names also stand before each member: so a cut workbook is still known as one
    return _WORKBOOK.encode() in source.data or b"xl/worksheets/" in source.data


FORMAT = Format("excel", "Excel workbook", (".xlsx", ".xlsm"), sniff, read)
"""What the registry knows of this format."""
