"""Text to cells: which separator, which decimal mark, which lines are remarks.

The rules, in their order:

- Text is UTF-8, UTF-16 with a byte order mark, or else Latin-1. The last line has to have its end: a
  file that lost its tail looks like one without, and nothing else tells the two apart.
- Lines at the top that begin with ``#``, ``//``, ``%``, or with a ``;`` that is the only one of its line, are
  remarks. ``key: value`` or ``key = value`` in a remark is remembered, the key in lower case.
- Of tab, semicolon, comma and blanks, that one separates which gives the first lines equally many cells, then
  the one which leaves the most numbers in them;
  at a tie the first of this row. So a comma separates unless the file has another separator.
- Where another character separates, ``12,5`` is a number. Both marks in one file are refused.
- A separator at the end of every line ends the line; it does not begin an empty column.
- ``nan``, ``inf``, ``NA`` and empty cells are gaps: a number was to stand there. A table with gaps is known
  as a table, and refused with the place of the gap.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from gamma_flow.errors import DamagedFileError, ReadError, UnknownFormatError, UnsafeFileError
from gamma_flow.io._source import Source

__all__ = ["Cell", "Sheet", "check_texts", "is_gap", "is_number", "no_number", "remark", "sheet_of"]

Cell = str | float
"""One cell: text, or a number where the file is typed."""

_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_COMMA: Final = re.compile(r"[+-]?(?:\d+,\d*|,\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_POINT: Final = re.compile(r"[+-]?(?:\d+\.\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_GAP: Final = re.compile(r"[+-]?(?i:nan|inf|infinity)|NA|N/A|#N/A|")
_GROUPED: Final = re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+,\d*|[+-]?\d{1,3}(?:,\d{3})+\.\d*", re.ASCII)
_REMARK: Final = re.compile(r"\s*(?:#+|//+|%+|;+)\s?(.*)")
_PAIR: Final = re.compile(r"([^\W\d][\w /()-]{0,60}?)\s*[:=]\s*(.*)")
_QUOTED: Final = re.compile(r'"[^"]*"')
MAX_TEXT: Final = 2**27
"""Characters that one column of text may take."""
_SEPARATORS: Final = ("\t", ";", ",", " ")
_SAMPLE: Final = 30
"""Lines that decide which character separates."""


@dataclass(frozen=True)
class Sheet:
    """Rows of equal length.

    Parameters
    ----------
    where : str
        File, and sheet if there are several.
    rows : list of list of (str or float)
        Cells, without blanks around them.
    lines : list of int
        Line (row of the sheet) of each row, from 1.
    remarks : dict of str to str
        What the remarks at the top say.
    word : str
        "line" or "row", for messages.
    shift : int
        Empty columns to the left of the cells.
    """

    where: str
    rows: list[list[Cell]]
    lines: list[int]
    remarks: dict[str, str] = field(default_factory=dict)
    word: str = "line"
    shift: int = 0

    def at(self, row: int, column: int | None = None) -> str:
        """Name a place for a message."""
        place = f"{self.where}, {self.word} {self.lines[row]}"
        return place if column is None else f"{place}, column {column + 1 + self.shift}"


def is_number(cell: Cell) -> bool:
    """Tell whether a cell is a finite number."""
    return not isinstance(cell, str) or _NUMBER.fullmatch(cell) is not None


def is_gap(cell: Cell) -> bool:
    """Tell whether a cell is empty or one of the words for a number that is not there."""
    return isinstance(cell, str) and _GAP.fullmatch(cell) is not None


def no_number(sheet: Sheet, row: int, column: int) -> DamagedFileError:
    """Return the error of a cell that should hold a number and does not."""
    cell = sheet.rows[row][column]
    return DamagedFileError(
        "a cell is empty" if cell == "" else "a cell is no number",
        where=sheet.at(row, column),
        expected="a number",
        found="nothing" if cell == "" else repr(cell)[:40],
        cure="mend the cell, or take its row out",
    )


def sheet_of(source: Source, limit: int | None = None) -> Sheet:
    """Take a text file apart.

    Parameters
    ----------
    source : Source
        The file.
    limit : int, optional
        Look at so many lines only, and do not mind where the rest ends (for sniffing).

    Raises
    ------
    UnknownFormatError
        The file is no text, or has nothing but remarks.
    DamagedFileError
        The last line has no end, rows have different lengths, a quotation mark is not closed.
    ReadError
        Both the point and the comma are used as decimal marks.
    """
    text = _text(source, None if limit is None else 2**20)
    if limit is None and text and not text.endswith("\n"):
        last = text.count("\n") + 1
        raise DamagedFileError(
            "the last line has no end, so the file may be cut",
            where=f"{source.name}, line {last}",
            found=repr(text[text.rfind("\n") + 1 :][-40:]),
            cure="add a line end if the file is complete, else copy or export it again",
        )
    remarks, body = _divided(text.split("\n"))
    if limit is not None:
        whole = text.endswith("\n") or len(body) == 1
        body = body[: min(limit, len(body) if whole else len(body) - 1)]
    if not body:
        raise UnknownFormatError("the file holds no table", where=source.name)
    separator = "," if "gamma_flow" in remarks else _separator([line for _, line in body[:_SAMPLE]])
    rows = _split(body, separator, source.name)
    sheet = Sheet(source.name, rows, [number for number, _ in body], remarks)
    _trim(sheet)
    _check_lengths(sheet)
    check_texts(sheet)
    if separator != ",":
        _points(sheet)
    return sheet


def _text(source: Source, most: int | None) -> str:
    data = source.data if most is None else source.data[:most]
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        coding = "utf-16"
        data = data[: len(data) // 2 * 2]
    else:
        coding = "utf-8-sig"
        if b"\0" in data:
            raise UnknownFormatError("the file is no text", where=source.name)
    try:
        text = data.decode(coding, "strict" if most is None else "ignore")
    except UnicodeDecodeError as wrong:
        if coding == "utf-16":
            raise DamagedFileError("the text is cut or damaged", where=source.name) from wrong
        text = data.decode("latin-1")
    if text.endswith("\r") and "\r\n" in text:
        # cut within the last line end
        text = text[:-1]
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _divided(lines: list[str]) -> tuple[dict[str, str], list[tuple[int, str]]]:
    """Remarks at the top, and the numbered lines below that are not empty."""
    remarks: dict[str, str] = {}
    start = 0
    for start, line in enumerate(lines):  # noqa: B007  # needed after the loop
        bare = line.strip()
        if bare and (
            (bare[0] not in "#%;" and not bare.startswith("//")) or (bare[0] == ";" and ";" in bare[1:])
        ):
            break
        remark(bare, remarks)
    else:
        return remarks, []
    return remarks, [
        (number, line) for number, line in enumerate(lines[start:], start + 1) if line.strip(" ,;\t")
    ]


def remark(line: str, remarks: dict[str, str]) -> None:
    """Remember what a remark says, if it is of the form ``# key: value``."""
    match = _REMARK.fullmatch(line)
    pair = _PAIR.fullmatch(match[1].strip()) if match else None
    if pair:
        key = re.sub(r"\W+", "_", pair[1].strip().lower()).strip("_")
        remarks.setdefault(key, pair[2].strip())


def _separator(lines: list[str]) -> str:
    """Return the separator that leaves the most numbers; "" where every line is one cell."""
    best, score = "", (False, 0.0)
    lines = [_QUOTED.sub("text", line) for line in lines]
    for separator in _SEPARATORS:
        split = [line.split(None if separator == " " else separator) for line in lines]
        if 2 * sum(len(cells) > 1 for cells in split) <= len(split):
            continue
        cells = [cell.strip() for row in split for cell in row]
        good = sum(
            _NUMBER.fullmatch(cell) is not None
            or _GAP.fullmatch(cell) is not None
            or (separator != "," and _COMMA.fullmatch(cell) is not None)
            for cell in cells
        )
        found = (len({len(row) for row in split}) == 1, good / len(cells))
        if found > score or not best:
            best, score = separator, found
    return best


def _split(body: list[tuple[int, str]], separator: str, where: str) -> list[list[Cell]]:
    if separator == "":
        return [[line.strip().strip('"')] for _, line in body]
    if separator == " ":
        return [list(line.split()) for _, line in body]
    rows: list[list[Cell]] = []
    for number, line in body:
        if '"' not in line:
            rows.append([cell.strip() for cell in line.split(separator)])
            continue
        try:
            found = next(csv.reader([line], delimiter=separator, strict=True, skipinitialspace=True))
        except (csv.Error, StopIteration) as wrong:
            raise DamagedFileError(
                "a quotation mark is not closed", where=f"{where}, line {number}", found=str(wrong)[:80]
            ) from wrong
        rows.append([cell.strip() for cell in found])
    return rows


def _trim(sheet: Sheet) -> None:
    """Take off the empty cell that a separator at the end of every line leaves."""
    while len(sheet.rows[0]) > 1 and all(len(row) > 1 and row[-1] == "" for row in sheet.rows):
        for row in sheet.rows:
            del row[-1]
    # a header without the separator that all other lines end with
    if len(sheet.rows) > 1 and all(
        len(row) == len(sheet.rows[0]) + 1 and row[-1] == "" for row in sheet.rows[1:]
    ):
        for row in sheet.rows[1:]:
            del row[-1]


def _check_lengths(sheet: Sheet) -> None:
    want = len(sheet.rows[0])
    for number, row in enumerate(sheet.rows):
        if len(row) != want:
            last = number == len(sheet.rows) - 1
            raise DamagedFileError(
                "the last row is cut, or rows have different lengths"
                if last
                else "rows have different lengths",
                where=sheet.at(number),
                expected=f"{want} cells as in {sheet.word} {sheet.lines[0]}",
                found=str(len(row)),
                cure="give every row the same number of cells",
            )


def check_texts(sheet: Sheet) -> None:
    """Refuse long texts in long tables: a column takes as much for each row as for its longest text.

    Raises
    ------
    UnsafeFileError
        Rows times the longest text are more than ``MAX_TEXT`` characters.
    """
    longest = max((len(cell) for row in sheet.rows for cell in row if isinstance(cell, str)), default=0)
    if longest * len(sheet.rows) > MAX_TEXT:
        raise UnsafeFileError(
            "a text is too long for a table of so many rows",
            where=sheet.where,
            expected=f"at most {MAX_TEXT // len(sheet.rows)} characters",
            found=str(longest),
        )


def _points(sheet: Sheet) -> None:
    """Turn decimal commas into points, unless points are there, too."""
    if not any(_COMMA.fullmatch(cell) or _GROUPED.fullmatch(cell) for cell in _texts(sheet.rows)):
        return
    for number, row in enumerate(sheet.rows):
        for column, cell in enumerate(row):
            if isinstance(cell, str) and (_POINT.fullmatch(cell) or _GROUPED.fullmatch(cell)):
                raise ReadError(
                    "both the point and the comma are decimal marks, or one of them groups digits",
                    where=sheet.at(number, column),
                    found=cell,
                    cure="export the table with one decimal mark and without grouping",
                )
            if isinstance(cell, str) and _COMMA.fullmatch(cell):
                row[column] = cell.replace(",", ".")


def _texts(rows: Iterable[list[Cell]]) -> Iterable[str]:
    return (cell for row in rows for cell in row if isinstance(cell, str) and "," in cell)
