"""Workbooks: the same shapes as text tables, looked through before anything reads them."""

from __future__ import annotations

import contextlib
import datetime
import io
import re
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gamma_flow.data import Axis, SpectrumSet
from gamma_flow.errors import (
    DamagedFileError,
    GammaFlowError,
    MissingDependencyError,
    ReadError,
    UnsafeFileError,
)
from gamma_flow.io import _source
from gamma_flow.io._format import ReadOptions
from gamma_flow.io._source import Source
from gamma_flow.io.excel import FORMAT, read, sniff

openpyxl = pytest.importorskip("openpyxl")
pytest.importorskip("python_calamine")


def book(**sheets: list[list[Any]]) -> bytes:
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)
    for name, rows in sheets.items():
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(row)
    stream = io.BytesIO()
    workbook.save(stream)
    return stream.getvalue()


def changed(whole: bytes, part: str, change: Callable[[str], str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, change(data.decode()) if part in name else data)
    return out.getvalue()


def sets(data: bytes, **options: Any) -> list[SpectrumSet]:
    return read(Source("a.xlsx", data), ReadOptions(**options))


COLUMNS = [["Energy (keV)", "first", "second"], [10.5, 1, 2], [20, 3, 4], [30, 5, 6]]
ROWS = [
    ["name", "nuclide", "live_time", "start", "ch0", "ch1", "ch2"],
    ["a", "Cs137", 10, datetime.datetime(2024, 1, 24, 10), 1, 2, 3],
    ["b", None, None, None, 4, 5, 6],
]


def test_columns() -> None:
    (found,) = sets(book(one=COLUMNS))
    assert found.values.tolist() == [[1, 3, 5], [2, 4, 6]]
    assert found.axis == Axis.points([10.5, 20, 30], "keV")
    assert found.kind == "counts"
    assert found.origin.tolist() == ["a.xlsx#0", "a.xlsx#1"]


def test_rows() -> None:
    (found,) = sets(book(one=ROWS))
    assert found.values.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert found.labels.lists() == [["Cs137"], None]
    assert found.time[0] == np.datetime64("2024-01-24T10:00")
    assert np.isnan(found.live_time).tolist() == [False, True]


def test_margins_and_remarks() -> None:
    rows = [["# live_time: 5"], [], *[[None, None, *row] for row in COLUMNS], [], []]
    (found,) = sets(book(one=rows))
    assert found.values.shape == (2, 3)
    assert found.live_time.tolist() == [5, 5]


def test_sheets() -> None:
    found = sets(book(notes=[["only", "words"]], empty=[], a=ROWS, b=COLUMNS, c=ROWS))
    assert [len(item) for item in found] == [4, 2]
    assert found[0].origin.tolist() == ["a.xlsx[a]#0", "a.xlsx[a]#1", "a.xlsx[c]#0", "a.xlsx[c]#1"]
    with pytest.raises(DamagedFileError, match="no sheet"):
        sets(book(notes=[["only", "words"]]))


@pytest.mark.parametrize("place", [(2, 2), (4, 3), (9, 9), (2, 8)])
def test_formulas_without_results_are_named(place: tuple[int, int]) -> None:
    rows = [list(row) for row in COLUMNS]
    workbook = openpyxl.Workbook()
    for row in rows:
        workbook.active.append(row)
    cell = workbook.active.cell(*place)
    cell.value = "=1+1"
    stream = io.BytesIO()
    workbook.save(stream)
    with pytest.raises(DamagedFileError, match=f"cell {cell.coordinate}: a formula has no stored result"):
        sets(stream.getvalue())
    stored = changed(
        stream.getvalue(), "worksheets", lambda text: re.sub(r"<v\s*/>|<v></v>", "<v>2</v>", text)
    )
    if place[0] <= 4 and place[1] <= 3:
        assert len(sets(stored)[0]) == 2


def test_empty_and_wrong_cells_are_named() -> None:
    rows = [list(row) for row in COLUMNS]
    rows[2][1] = None
    with pytest.raises(DamagedFileError, match="row 3, column 2: a cell is empty"):
        sets(book(one=[row + row[1:] * 4 for row in rows]))
    with pytest.raises(ReadError, match=r"a\.xlsx\[two\]"):
        sets(book(one=ROWS, two=[["a", "b"], [3, 1], [5, 2], [4, 1]]))


def test_cut_anywhere_is_refused() -> None:
    whole = book(one=COLUMNS, two=ROWS)
    for tenth in range(1, 10):
        cut = whole[: len(whole) * tenth // 10]
        with pytest.raises(DamagedFileError):
            sets(cut)


def test_sniff() -> None:
    whole = book(one=COLUMNS)
    assert sniff(Source("x", whole))
    assert not sniff(Source("x", b"PK\3\4" + b"\0" * 100))
    assert not sniff(Source("x", b"xl/workbook.xml"))
    assert FORMAT.name == "excel"


def test_zip_bombs_are_refused_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_source, "MAX_FILE", 1_000_000)
    bomb = changed(book(one=COLUMNS), "worksheets", lambda text: text + " " * 2_000_000)
    with pytest.raises(UnsafeFileError):
        sets(bomb)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('r="A1"', 'r="XFD1"').replace('r="A2"', 'r="A1048576"'),
        lambda text: text.replace('<row r="4"', '<row r="999999999"'),
        lambda text: text.replace(' r="B2"', " r='ZZZ99999999'"),
    ],
)
def test_far_cells_are_refused_first(change: Callable[[str], str]) -> None:
    whole = changed(book(one=COLUMNS), "worksheets", change)
    with pytest.raises(UnsafeFileError, match="reach too far"):
        sets(whole)


def test_repeated_long_text_is_refused_first() -> None:
    row = "<row>" + '<c t="s"><v>0</v></c>' * 20_000 + "</row></sheetData>"
    whole = changed(book(one=COLUMNS), "worksheets", lambda text: text.replace("</sheetData>", row))
    stream = io.BytesIO(whole)
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("xl/sharedStrings.xml", f"<sst><si><t>{'x' * 30_000}</t></si></sst>")
    whole = stream.getvalue()
    with pytest.raises(UnsafeFileError, match="characters"):
        sets(whole)


def test_without_calamine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(MissingDependencyError, match=r"gamma-flow\[excel\]"):
        sets(book(one=COLUMNS))


def test_a_panic_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    import python_calamine

    class PanicException(BaseException):  # as Rust's bridge spells it
        pass

    def panics(_: Any) -> Any:
        raise PanicException("index out of bounds")

    monkeypatch.setattr(python_calamine, "load_workbook", panics)
    with pytest.raises(DamagedFileError, match="index out of bounds"):
        sets(book(one=COLUMNS))

    def interrupted(_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(python_calamine, "load_workbook", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sets(book(one=COLUMNS))


def test_mutations_bring_out_our_errors_only() -> None:
    whole = book(one=COLUMNS, two=ROWS)
    rng = np.random.default_rng(6)
    for _ in range(150):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), 3):
            data[place] = rng.integers(0, 256)
        with contextlib.suppress(GammaFlowError):
            sets(bytes(data))

    def scrambled(text: str) -> str:
        letters = list(text)
        for place in rng.integers(0, len(letters), 3):
            letters[place] = chr(rng.integers(32, 127))
        return "".join(letters)

    for _ in range(150):
        part = rng.choice(["worksheets", "workbook.xml", "sharedStrings", "styles", "rels"])
        with contextlib.suppress(GammaFlowError):
            sets(changed(whole, str(part), scrambled))


def test_macro_workbooks_have_the_same_form(tmp_path: Path) -> None:
    (tmp_path / "a.xlsm").write_bytes(book(one=COLUMNS))
    assert len(read(Source.of(tmp_path / "a.xlsm"), ReadOptions())) == 1
