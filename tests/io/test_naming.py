"""Labels from names and tables: which row stands for which file, and whom they are given to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gamma_flow.data import Axis, Labels, SpectrumSet
from gamma_flow.errors import ReadError, SettingsError
from gamma_flow.io import radiacode
from gamma_flow.io._format import ReadOptions
from gamma_flow.io._source import Source
from gamma_flow.io.naming import Naming, split_labels
from gamma_flow.io.reading import scan
from gamma_flow.io.registry import read_source

PATTERN = r"(?P<labels>[^_/]+)_(?P<detector>[^_/]+)$"


def some(rows: int = 1, **parts: object) -> SpectrumSet:
    return SpectrumSet(np.ones((rows, 2)), Axis.channels(2), **parts)  # type: ignore[arg-type]


def table(folder: Path, text: str) -> Naming:
    path = folder / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return Naming(table=path)


def labelled(naming: Naming, name: str) -> list[str] | None:
    return naming.apply(some(), name).labels.lists()[0]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Cs137+background", ("Cs137", "background")),
        ("Cs 137", ("Cs 137",)),
        (" Cs 137 ; Co 60 | K40+", ("Cs 137", "Co 60", "K40")),
        ("a,b", ("a,b",)),
        (" + ", ()),
    ],
)
def test_labels_are_divided_at_signs_and_not_at_blanks(text: str, names: tuple[str, ...]) -> None:
    assert split_labels(text) == names


@pytest.mark.parametrize(
    ("row", "name", "fits"),
    [
        ("m.csv", "m.csv", True),
        ("m.csv", "deep/in/m.csv", True),
        ("m.csv", "m.n42", False),
        ("m.csv", "m.csv.n42", False),
        ("m.csv", "am.csv", False),
        ("m", "x/m.n42", True),
        ("m", "x/m.tar.n42", False),
        ("sub/m.csv", "x/sub/m.csv", True),
        ("sub/m.csv", "x/other/m.csv", False),
        ("sub/m.csv", "m.csv", False),
        ("sub/m", "x/sub/m.csv", True),
        ("ub/m.csv", "sub/m.csv", False),
        ("./sub//m.csv", "x/sub/m.csv", True),
        (r"sub\m.csv", "x/sub/m.csv", True),
        ("sub/m.csv", r"C:\x\sub\m.csv", True),
        ("run.1", "run.1", True),
        ("run.1", "run.2", False),
        ("run_0.5m", "run_0.5m.n42", True),
        ("zip/m.csv", "all.zip/m.csv", False),
        ("all.zip/m.csv", "data/all.zip/m.csv", True),
    ],
)
def test_a_row_names_the_last_parts_of_a_path(tmp_path: Path, row: str, name: str, fits: bool) -> None:
    naming = table(tmp_path, f"file,labels\n{row},Cs137\n")
    assert naming.unmatched() == (row,)
    assert labelled(naming, name) == (["Cs137"] if fits else None)
    assert naming.unmatched() == (() if fits else (row,))


def test_endings_go_before_stems_and_long_rows_before_short(tmp_path: Path) -> None:
    naming = table(
        tmp_path, "file,labels\nm,stem\nsub/m,long stem\nm.csv,short\na/m.csv,long\nrun.1,one\nrun.2,two\n"
    )
    assert labelled(naming, "a/m.csv") == ["long"]
    assert labelled(naming, "b/m.csv") == ["short"]
    assert labelled(naming, "sub/m.csv") == ["short"]
    assert labelled(naming, "b/m.n42") == ["stem"]
    assert labelled(naming, "sub/m.n42") == ["long stem"]
    assert [labelled(naming, f"x/run.{n}") for n in (1, 2)] == [["one"], ["two"]]


def test_rows_that_fit_no_file_are_told_in_their_order(tmp_path: Path) -> None:
    naming = table(tmp_path, "file,labels\n./z.csv,a\nm.csv,b\nm,c\nsub/m.csv,d\ny.csv,e\n")
    labelled(naming, "sub/m.csv")
    # the rows m.csv and m fit as well, though another one counts
    assert naming.unmatched() == ("./z.csv", "y.csv")
    assert Naming().unmatched() == ()


def test_cells_of_labels_and_detectors(tmp_path: Path) -> None:
    naming = table(
        tmp_path, 'file,labels,detector\na.csv,"Cs 137, Co60",hall\nb.csv,Cs137|K40,\n\nc.csv,,left\n'
    )
    found = naming.apply(some(detector="right"), "a.csv")
    assert (found.labels.lists(), found.detector.tolist()) == ([["Co60", "Cs 137"]], ["hall"])
    assert labelled(naming, "b.csv") == ["Cs137", "K40"]
    found = naming.apply(some(labels=Labels.of([["own"]])), "c.csv")
    assert (found.labels.lists(), found.detector.tolist()) == ([["own"]], ["left"])
    assert labelled(table(tmp_path, "file;labels\na.csv;Cs137,Co60\n"), "a.csv") == ["Co60", "Cs137"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name,labels\na.csv,b\n", "wrong columns"),
        ("", "wrong columns"),
        ("file,labels\n,b\n", "line 2: a row of the table names no file"),
        ("file,labels\n./,b\n", "line 2: a row of the table names no file"),
        (
            "file,labels\na.csv,b\n\n./a.csv,c\n",
            "line 4: the table names a file twice; found a.csv and ./a.csv",
        ),
        ("file,labels\na.csv,Cs137,Co60\n", "line 2: a row of the table has more cells.*quotation marks"),
        ("file,labels\na.csv,+\n", "line 2: a row of the table names no label"),
    ],
)
def test_tables_that_are_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ReadError, match=words):
        table(tmp_path, text)


def test_a_pattern_fills_in_and_a_table_goes_first(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("file,labels\nb.csv,Co60\n")
    naming = Naming(PATTERN, tmp_path / "t.csv", {"Cs 137": "Cs137"})
    found = naming.apply(some(), "x/Cs 137_left.csv")
    assert (found.labels.lists(), found.detector.tolist()) == ([["Cs137"]], ["left"])
    assert naming.apply(some(labels=Labels.of([["K40"]])), "x/Cs137_left.csv").labels.lists() == [["K40"]]
    assert naming.apply(some(labels=Labels.of([["K40"]])), "b.csv").labels.lists() == [["Co60"]]
    for pattern in ("(", "(?P<other>x)"):
        with pytest.raises(SettingsError, match="pattern"):
            Naming(pattern)


# ------------------------------------------------------------ backgrounds within a file


def beside(background: str | None = "background", **parts: object) -> SpectrumSet:
    parts.setdefault("labels", Labels.none(3, background))
    return some(3, meta={"record": ["Foreground", "Background", ""]}, **parts)


def test_a_background_in_the_file_does_not_get_the_label_of_the_source(tmp_path: Path) -> None:
    by_table = table(tmp_path, "file,labels\nCs137_left.n42,Cs137\n")
    for naming in (by_table, Naming(PATTERN)):
        found = naming.apply(beside(), "Cs137_left.n42")
        assert found.labels.lists() == [["Cs137"], ["background"], ["Cs137"]]
        assert found.labels.background == "background"
        found = naming.apply(beside("dark"), "Cs137_left.n42")
        assert found.labels.lists() == [["Cs137"], ["dark"], ["Cs137"]]
        found = naming.apply(beside(None), "Cs137_left.n42")
        assert found.labels.lists() == [["Cs137"], None, ["Cs137"]]
    assert by_table.unmatched() == ()
    own = Labels.of([["x"], ["K40"], None])
    assert by_table.apply(beside(labels=own), "Cs137_left.n42").labels.lists() == [
        ["Cs137"],
        ["K40"],
        ["Cs137"],
    ]
    assert Naming().apply(beside(), "Cs137_left.n42").labels.lists() == [None, None, None]


def test_an_n42_file_with_a_background_record(tmp_path: Path) -> None:
    path = tmp_path / "Cs137_left.n42"
    path.write_text(
        '<RadInstrumentData xmlns="http://physics.nist.gov/N42/2011/N42">'
        + "".join(
            f'<RadMeasurement id="m{code}"><MeasurementClassCode>{code}</MeasurementClassCode>'
            f'<Spectrum id="s{code}"><ChannelData>1 2 3</ChannelData></Spectrum></RadMeasurement>'
            for code in ("Foreground", "Background")
        )
        + "</RadInstrumentData>\n"
    )
    (found,) = scan(path, naming=Naming(PATTERN)).sets
    assert found.labels.lists() == [["Cs137"], ["background"]]
    assert found.meta["file_labels"].tolist() == ["Cs137+background"] * 2


def test_a_real_file_with_a_background_record(shared_data: Path) -> None:
    source = Source.of(shared_data / "formats" / "radiacode" / "trinitite.xml")
    assert radiacode.FORMAT.sniff(source)
    sets = [
        Naming(r"(?P<labels>[^_/]+)$").apply(part, source.name) for part in read_source(source, ReadOptions())
    ]
    records = {
        str(part.meta["record"][row]): part.labels.lists()[row] for part in sets for row in range(len(part))
    }
    assert records == {"Foreground": ["trinitite"], "Background": ["background"]}
