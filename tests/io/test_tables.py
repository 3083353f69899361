"""Text tables in the shapes people have; refusals where two readings are equally plausible."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gamma_flow.data import Axis, Labels, SpectrumSet
from gamma_flow.errors import (
    AxisError,
    DamagedFileError,
    GammaFlowError,
    IncompatibleError,
    ReadError,
    UnknownFormatError,
    UnsafeFileError,
    WriteError,
)
from gamma_flow.io._format import ReadOptions
from gamma_flow.io._source import Source
from gamma_flow.io.tables import FORMAT, read, sniff, write

DATA = Path(__file__).parents[2].parent / "shared" / "data"


def sets(text: str | bytes, **options: Any) -> list[SpectrumSet]:
    data = text.encode() if isinstance(text, str) else text
    return read(Source("a.csv", data), ReadOptions(**options))


def one(text: str | bytes, **options: Any) -> SpectrumSet:
    (found,) = sets(text, **options)
    return found


# ----------------------------------------------------------------- one spectrum


def test_channel_numbers_and_counts() -> None:
    for start in (0, 1):
        found = one("channel,counts\n" + "".join(f"{n + start},{n * n}\n" for n in range(5)))
        assert found.values.tolist() == [[0, 1, 4, 9, 16]]
        assert found.axis == Axis.channels(5)
        assert found.kind == "counts"
        assert not found.labels.labelled.any()


@pytest.mark.parametrize(
    "text",
    [
        "400.5,1.25\n401.5,2.5\n402.5,3\n",
        "400,5;1,25\n401,5;2,5\n402,5;3\n",
        "400,5\t1,25\n401,5\t2,5\n402,5\t3\n",
        "400.5\t1.25\n401.5\t2.5\n402.5\t3\n",
        "  400.5   1.25\n  401.5   2.5\n  402.5   3\n",
        "400,5 1,25\n401,5 2,5\n402,5 3,0\n",
        "400.5, 1.25\n401.5, 2.5\n402.5, 3\n",
        "400.5,1.25,\r\n401.5,2.5,\r\n402.5,3,\r\n",
        "\ufeff# unit: cm-1\n\n400.5,1.25\n401.5,2.5\n402.5,3\n\n",
        '"400.5","1.25"\n"401.5","2.5"\n"402.5","3"\n',
        "4.005e2,1.25\n4.015E+2,2.5\n402.5,3.\n",
        "402.5,3\n401.5,2.5\n400.5,1.25\n",
    ],
)
def test_points_and_intensities(text: str) -> None:
    found = one(text, unit="cm-1")
    assert found.values.tolist() == [[1.25, 2.5, 3.0]]
    assert found.axis == Axis.points([400.5, 401.5, 402.5], "cm-1")
    assert found.kind == "intensity"


def test_codings() -> None:
    text = "# detector: Zähler\n1,2\n2,3\n3,4\n"
    for coding in ("utf-8", "utf-8-sig", "latin-1", "utf-16"):
        assert one(text.encode(coding)).detector.tolist() == ["Zähler"]


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("Energy (keV)", "keV"),
        ("wavelength", "nm"),
        ("Wavenumber", "cm-1"),
        ("Raman shift / cm^-1", "cm-1"),
        ("m/z", "m/z"),
        ("x", "unknown"),
    ],
)
def test_units_from_names(name: str, unit: str) -> None:
    text = f"{name},y\n10,1\n20,2\n30,5\n"
    assert one(text).axis == Axis.points([10, 20, 30], unit)
    assert one(text, unit="eV").axis.unit == "eV"


def test_one_column_and_one_row() -> None:
    for text in ("1\n2\n5\n", "counts\n1\n2\n5\n", "1,2,5\n", "# live_time: 300 s\n1\n2\n5\n"):
        assert one(text).values.tolist() == [[1, 2, 5]]
        assert one(text).axis == Axis.channels(3)


def test_remarks() -> None:
    text = (
        "# live_time: 300\n// real time = 310 s\n% detector: NaI 3x3\n# label: Cs137; background\n"
        "# just words\n# start: 2024-01-24T10:00:00+01:00\n# calibration: -12 8.15 0.0012\n"
        "# kind: intensity\n5\n6\n7\n"
    )
    found = one(text)
    assert (found.live_time[0], found.real_time[0], found.detector[0]) == (300, 310, "NaI 3x3")
    assert found.labels.lists() == [["Cs137", "background"]]
    assert found.time[0] == np.datetime64("2024-01-24T09:00:00")
    assert found.axis == Axis.polynomial([-12, 8.15, 0.0012], 3)
    assert found.kind == "intensity"


def test_options() -> None:
    axis = Axis.linear(0, 3, 3)
    assert one("5\n6\n7\n", axis=axis).axis is axis
    assert one("channel,counts\n0,5\n1,6\n2,7\n", axis=axis).axis is axis
    assert one("10.5,5\n20,6\n30,7\n", axis=axis).axis.unit == "unknown"
    with pytest.raises(IncompatibleError, match=r"a\.csv.*3 channels"):
        one("5\n6\n7\n", axis=Axis.linear(0, 3, 4))
    assert one("5\n6\n7\n", kind="intensity").kind == "intensity"
    assert one("5\n-6\n7\n").kind == "intensity"
    assert one("5\n-6\n7\n", signed=True).kind == "counts"
    with pytest.raises(GammaFlowError, match="negative"):
        one("5\n-6\n7\n", kind="counts")


# ------------------------------------------------------------ several spectra


def test_columns_with_names() -> None:
    found = one("nm,first,second\n400,1.5,2\n410,3,4\n420,5,6\n")
    assert found.values.tolist() == [[1.5, 3, 5], [2, 4, 6]]
    assert found.axis == Axis.points([400, 410, 420], "nm")
    assert found.meta["name"].tolist() == ["first", "second"]
    assert found.origin.tolist() == ["a.csv#0", "a.csv#1"]


def test_columns_without_names() -> None:
    found = one("".join(f"{400.5 + n},{n},{n + 1}\n" for n in range(10)))
    assert found.values.shape == (2, 10)


def test_rows_with_energies_as_header() -> None:
    found = one("name,amount,label,500,501,502\na,0.5,x;y,1,2,3\nb,,,4,5,6\n", unit="cm-1")
    assert found.values.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert found.axis == Axis.points([500, 501, 502], "cm-1")
    assert found.labels.lists() == [["x", "y"], None]
    assert found.meta["name"].tolist() == ["a", "b"]
    assert np.array_equal(found.meta["amount"], [0.5, np.nan], equal_nan=True)


def test_a_falling_header_is_turned_round() -> None:
    found = one("name,502,501,500\na,3,2,1\n", unit="cm-1")
    assert found.values.tolist() == [[1, 2, 3]]
    assert found.axis.centres.tolist() == [500, 501, 502]


def test_rows_with_numbered_channels_and_columns_of_people() -> None:
    found = one(
        "name,nuclide,live_s,RealTime,Detector,start,energy_poly_keV,ch0,ch1,ch2\n"
        "a,Cs137,10,11,left,2024-01-24 10:00:00,0;1;0.1,1,2,3\n"
        "b,,,,,,0;1;0.1,4,5,6\n"
    )
    assert found.axis == Axis.polynomial([0, 1, 0.1], 3)
    assert found.labels.lists() == [["Cs137"], None]
    assert np.array_equal(found.live_time, [10, np.nan], equal_nan=True)
    assert np.array_equal(found.real_time, [11, np.nan], equal_nan=True)
    assert found.detector.tolist() == ["left", ""]
    assert found.time.tolist()[0].isoformat() == "2024-01-24T10:00:00"
    assert np.isnat(found.time[1])


def test_one_set_an_axis() -> None:
    first, second = sets("energy_poly_keV,ch1,ch2\n0;1,1,2\n0;2,3,4\n0;1,5,6\n")
    assert first.origin.tolist() == ["a.csv#0", "a.csv#2"]
    assert second.values.tolist() == [[3, 4]]


def test_rows_of_numbers_alone() -> None:
    found = one("5,6,7,9\n5,3,1,0\n4,6,1,2\n")
    assert found.values.shape == (3, 4)
    assert found.axis == Axis.channels(4)


def test_first_row_is_the_axis() -> None:
    x = [200 + n for n in range(10)]
    rows = "".join(",".join(str((n * k) % 7) for n in range(10)) + "\n" for k in (3, 5))
    assert one(",".join(map(str, x)) + "\n" + rows).axis.centres.tolist() == x


def test_a_nameless_index_is_passed_over() -> None:
    found = one(",500,501\n0,1,2\n1,3,4\n2,5,6\n")
    assert found.values.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert not found.meta


def test_many_rows() -> None:
    values = np.random.default_rng(0).integers(0, 99, (3000, 64))
    values[:, 0] = 7
    text = "\n".join(",".join(map(str, row)) for row in values.tolist()) + "\n"
    assert np.array_equal(one(text).values, values)


# ----------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("1,2\n2,3\n3,4", DamagedFileError, "line 3.*last line has no end.*'3,4'"),
        ("1,2\n2,3\n3\n", DamagedFileError, "line 3.*last row is cut"),
        ("1,2,3\n2,3\n3,4,5\n", DamagedFileError, "line 2: rows have different lengths.*3 cells.*found 2"),
        (
            "# x\n1,2\n2,x\n3,4\n4,5\n5,6\n6,7\n",
            DamagedFileError,
            "line 3, column 2: a cell is no number.*'x'",
        ),
        ("a,ch0,ch1\nx,1,2\ny,,3\n", DamagedFileError, "line 3, column 2: a cell is empty"),
        ("a,ch0,ch1\nx,1,2\ny,nan,3\n", DamagedFileError, "line 3, column 2.*'nan'"),
        ("a,ch0,ch1\nx,1,2\ny,1_0,3\n", DamagedFileError, "line 3, column 2.*'1_0'"),
        ("a,ch0,ch1\nx,1,2\ny,1e999,3\n", DamagedFileError, "line 3, column 2"),
        ("1.000,5;2\n2.000,5;3\n3.5;4\n", ReadError, "line"),
        ("1,5;2.5\n2,5;3.5\n", ReadError, "decimal marks"),
        ("5,1\n3,2\n7,3\n", ReadError, "two ways.*two columns"),
        ("1,5,6,7\n2,8,9,9\n3,1,2,3\n", ReadError, "two ways"),
        ("x,1,2,3\n5,1,2,3\n6,1,2,3\n7,1,2,3\n", ReadError, "two ways.*numbered"),
        ("a,b\n3,1\n5,1\n4,2\n", ReadError, "two ways.*header names no channels"),
        ("5,1,1\n3,2,1\n" * 20, ReadError, "two ways.*40 spectra of 3 channels"),
        ("Cs137,5,3,4\nCo60,1,2,2\n", ReadError, "no header says"),
        ("energy,counts\n1,2\n3,4\n3,5\n", GammaFlowError, "."),
        ("energy_poly_keV,ch0,ch1\n0;-1,1,2\n", AxisError, "line 2.*increase"),
        ("energy_poly_keV,ch0,ch1\nx,1,2\n", AxisError, "line 2.*polynomial"),
        ("live_time,ch0,ch1\nlong,1,2\n", DamagedFileError, "line 2, column 1.*seconds"),
        ("# live_time: long\n1\n2\n", DamagedFileError, "seconds"),
        ('a,ch0,ch1\n"x,1,2\n', DamagedFileError, "."),
        ("", UnknownFormatError, "no table"),
        ("# only: remarks\n", UnknownFormatError, "no table"),
        ("5\n", UnknownFormatError, "single number"),
        ("name,ch0,ch1\n", UnknownFormatError, "no row"),
        ("file,row,class\na,1,b\nb,2,c\n", UnknownFormatError, "no spectra"),
        (b"\x00\x01\x02\n", UnknownFormatError, "no text"),
    ],
)
def test_refusals(text: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        sets(text)
    assert str(caught.value).startswith("a.csv")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("energy,a,b\n1,2,nan\n2,3,nan\n3,4,nan\n", "line 2, column 3: a cell is no number.*'nan'"),
        ("energy,a,b\n1,,2\n2,,3\n3,,4\n", "line 2, column 2: a cell is empty"),
        ("energy,a\n1,2\n2,3\n3,+inf\n", "line 4, column 2"),
        ("energy,a\nNaN,2\n2,3\n3,4\n", "line 2, column 1"),
        ("energy;a\n1,5;nan\n2,5;-inf\n3,5;1\n", "line 2, column 2"),
        ("counts\nnan\nnan\n", "line 2, column 1"),
        ("1,nan\n2,nan\n3,nan\n", "line 1, column 2"),
        ("1\tNA\n2\tNA\n3\t1\n", "line 1, column 2"),
        ("1 nan\n2 nan\n3 nan\n", "line 1, column 2"),
        ("1,5;nan;nan\n2,5;;nan\n", "line 1, column 2"),
        ("1.5,2,nan\n2.5,3,4\n3.5,4,5\n", "line 1, column 3"),
        ("nan,5,6\n7,3,1\n", "line 1, column 1"),
        ("nan,5\n1,6\n2,7\n", "line 1, column 1"),
        ("nan\n1\n2\n", "line 1, column 1"),
        ("5,6,7,9\n5,,1,0\n4,6,1,2\n", "line 2, column 2"),
        ("5,6,7,9\nnan,nan,nan,nan\n4,6,1,2\n", "line 2, column 1"),
        (",5,3\n", "line 1, column 1"),
        (",5,5\n1,2,4\n2,3,3\n", "line 1, column 1"),
        ("label,ch0,ch1\nx,nan,inf\n", "line 2, column 2"),
        ("label,ch0,ch1\nx,,\ny,1,2\n", "line 2, column 2"),
        ("name,amount,500,501\na,,,2\n", "line 2, column 3"),
    ],
)
def test_gaps_between_numbers_are_named_and_not_passed_over(text: str, words: str) -> None:
    assert sniff(Source("a.csv", text.encode()))
    with pytest.raises(DamagedFileError, match=words):
        sets(text)


def test_empty_cells_that_are_no_gaps() -> None:
    assert one(",500,501\n0,1,2\n1,3,4\n").values.tolist() == [[1, 2], [3, 4]]
    assert np.isnan(one("live_time,ch0,ch1\n,1,2\n").live_time[0])
    for text in (
        "a,b\nx,\ny,nan\n",
        "a,b,c\n1,,x\n2,,y\n",
        "x,nan\ny,nan\n",
        "when,what\n1,\n,fire\n,rain\n",
    ):
        assert not sniff(Source("a.csv", text.encode()))


@pytest.mark.parametrize(
    "text",
    [
        "1e308\n1e308\n1e308\n",
        "1e999,1e999\n1e999,1\n1e999,2\n",
        "-1e308,1\n0,2\n1.7e308,3\n",
        "a,1e999,1e999\nx,1,2\n",
        "energy_poly_keV,ch0,ch1\n1e308;1e308,1,2\n",
        "1e308,-1e308,1\n1e308,-1e308,1\n",
    ],
)
def test_huge_numbers_give_no_warnings(text: str) -> None:
    sniff(Source("x", text.encode()))
    with contextlib.suppress(GammaFlowError):
        sets(text)


def test_a_long_text_in_a_long_table_is_refused() -> None:
    text = "name,ch0,ch1\n" + "x,1,2\n" * 2000 + "y" * 100_000 + ",1,2\n"
    with pytest.raises(UnsafeFileError, match="too long"):
        sets(text)


def test_prose_is_not_claimed() -> None:
    prose = [
        "# Title\n\nSome words, with commas, and 3 numbers.\nMore words.\n",
        "Permission is hereby granted\nfree of charge\n",
        "$SPEC_ID:\nNo description\n$DATA:\n0 3\n1\n2\n3\n4\n",
        '<?xml version="1.0"?>\n<a>1</a>\n',
        '{"a": [1, 2, 3]}\n',
        "a\tb\nTimestamp\tTime\tLatitude\n1\t2024\t0.1\n",
        "Timestamp,Time,Latitude,Longitude\n1,2024-01-01 12:00:00,0.1,0.2\n2,2024-01-01 12:00:01,0.1,0.3\n",
        "word\n",
        "",
    ]
    for text in prose:
        assert not sniff(Source("x", text.encode()))
    for text in ("1,2\n2,3\n3,4\n", "# x\n5\n6\n", "a,ch0,ch1\nx,1,2\n", "1,2\n2,3\n3,"):
        assert sniff(Source("x", text.encode()))


def test_files_of_other_formats_are_not_claimed() -> None:
    if not (DATA / "formats").exists():
        pytest.skip(f"{DATA / 'formats'} is not there")
    for path in DATA.rglob("*"):
        if (
            path.is_file()
            and "gadras" not in str(path)
            and path.name not in ("coffee_spectra.csv", "derived_carbs.csv")
        ):
            assert not sniff(Source.of(path)), path
    with pytest.raises(ReadError):
        read(Source.of(DATA / "formats" / "radiacode" / "walk.rctrk"), ReadOptions())


@pytest.mark.parametrize(
    ("name", "rows", "axis"),
    [
        ("chemistry/coffee_spectra.csv", 60, "Axis(1841 bins, 0..1841 channel)"),
        ("chemistry/derived_carbs.csv", 24, "Axis(1401 bins, 199.5..1600.5 unknown)"),
        ("gadras/RadiaCode-102.csv", 224, "Axis(1024 bins, -6.71..2880.62 keV)"),
        ("gadras/IdentiFINDER-NG.csv", 224, "Axis(1024 bins, -0.21..3045.79 keV)"),
        ("gadras/RadSeeker-CL-LaBr.csv", 224, "Axis(1024 bins, -7.21..3076.2 keV)"),
    ],
)
def test_real_files(name: str, rows: int, axis: str) -> None:
    if not (DATA / name).exists():
        pytest.skip(f"{DATA / name} is not there")
    source = Source.of(DATA / name)
    assert sniff(source)
    (found,) = read(source, ReadOptions())
    assert (len(found), str(found.axis)) == (rows, axis)
    lines = source.data.decode().splitlines()[-1].split(",")
    assert found.values[-1].tolist() == [float(cell) for cell in lines[-len(found.axis) :]]
    if "gadras" in name:
        assert found.kind == "counts"
        assert found.live_time[0] == 1800
        assert found.labels.labelled.all()
    for tenth in range(1, 10):
        cut = source.data[: len(source.data) * tenth // 10]
        with pytest.raises(ReadError):
            read(Source("cut.csv", cut), ReadOptions())


# ------------------------------------------------------------------- our own


def full() -> SpectrumSet:
    return SpectrumSet(
        [[1, 2, 70000], [0, 0, 5], [1, 1, 1]],
        Axis.polynomial([-12.0, 8.15, 0.0012], 3, reference="centre"),
        labels=Labels(("b", "Straße", "a"), [[1, 0, 1], [0, 0, 0], [0, 0, 0]], None, [1, 1, 0], "b"),
        live_time=[0.1 + 0.2, np.nan, 1e-300],
        real_time=[np.nan, 2.0, 3.0],
        time=np.array(["2024-01-01T00:00:00.123456", "NaT", "1969-01-01"], "datetime64[us]"),
        detector=["left", "", 'the "other", one'],
        run=[7, 3, 4],
        meta={"text": ["007", "", "x;y"], "number": [1.5, np.nan, np.inf], "label": ["p", "q", "r"],
              "when": np.array(["2024-01-01", "NaT", "NaT"], "datetime64[us]")},
    )  # fmt: skip


AXES = [
    Axis.channels(3),
    Axis.linear(0, 0.7, 3, "nm"),
    Axis.points([1.0, 2.5, 3.1], "cm-1"),
    Axis([0.0, 0.1, 1.0, 7.0], "m/z", [0.05, 0.2, 6.0]),
    Axis.polynomial([0.1, 0.3, 1e-7], 3, reference="centre"),
]


def test_round_trip(tmp_path: Path) -> None:
    spectra = full()
    write(spectra, tmp_path / "a.csv")
    assert sniff(Source.of(tmp_path / "a.csv"))
    found = one((tmp_path / "a.csv").read_bytes(), unit="nm", kind="intensity", background="other")
    assert found.axis == spectra.axis
    assert np.array_equal(found.axis.centres, spectra.axis.centres)
    assert found.axis.coefficients == spectra.axis.coefficients
    assert (found.kind, found.signed, found.background) == ("counts", False, "b")
    assert found.labels.classes == spectra.labels.classes
    assert found.labels.lists() == spectra.labels.lists()
    for name in ("values", "live_time", "real_time", "time", "detector", "run"):
        a, b = getattr(spectra, name), getattr(found, name)
        assert np.array_equal(a, b, equal_nan=a.dtype.kind in "fM"), name
    assert list(found.meta) == list(spectra.meta)
    for name, column in spectra.meta.items():
        assert np.array_equal(column, found.meta[name], equal_nan=column.dtype.kind in "fM"), name


def test_the_origin_comes_back_where_it_names_a_file(tmp_path: Path) -> None:
    origin = ["raw/a,b.spe#0", "Zähler\u00a0[x].spe#7", "#2"]
    spectra = SpectrumSet(np.ones((3, 2)), Axis.channels(2), origin=origin, meta={"origin": ["p", "q", "r"]})
    write(spectra, tmp_path / "a.csv")
    whole = (tmp_path / "a.csv").read_bytes()
    found = one(whole)
    assert found.origin.tolist() == [*origin[:2], "a.csv#2"]
    assert found.files.tolist() == ["raw/a,b.spe", "Zähler\u00a0[x].spe", "a.csv"]
    assert found.meta["origin"].tolist() == ["p", "q", "r"]
    # a table of an earlier version has no such column; one of somebody else says something else by it
    older = b"\n".join(line.replace(b",origin,", b",", 1) for line in whole.split(b"\n"))
    older = older.replace(b'"raw/a,b.spe#0",', b"").replace("Zähler\u00a0[x].spe#7,".encode(), b"")
    assert one(older.replace(b"#2,", b"")).origin.tolist() == ["a.csv#0", "a.csv#1", "a.csv#2"]
    assert one("origin,ch0,ch1\nraw/a.spe#0,1,2\n").origin.tolist() == ["a.csv#0"]


@pytest.mark.parametrize("axis", AXES, ids=str)
def test_every_axis_and_float_comes_back(axis: Axis, tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(4, 3)) * [1, 1e-200, 1e200]
    write(SpectrumSet(values, axis, "intensity"), tmp_path / "a.csv")
    found = one((tmp_path / "a.csv").read_bytes())
    assert np.array_equal(found.values, values)
    assert found.axis == axis
    assert np.array_equal(found.axis.centres, axis.centres)
    assert found.axis.coefficients == axis.coefficients
    assert not found.labels.labelled.any()


def test_cut_anywhere_is_refused(tmp_path: Path) -> None:
    write(full(), tmp_path / "a.csv")
    whole = (tmp_path / "a.csv").read_bytes()
    for end in range(len(whole) - 1, 30, -7):
        with pytest.raises(ReadError):
            sets(whole[:end])
    lines = whole.splitlines(keepends=True)
    with pytest.raises(DamagedFileError, match="3 spectra"):
        sets(b"".join(lines[:-1]))
    with pytest.raises(DamagedFileError, match="newer"):
        sets(whole.replace(b"spectra 1", b"spectra 2"))


@pytest.mark.parametrize(
    "change",
    [
        {"sigma": np.ones((1, 2))},
        {"labels": Labels(("a",), [[1]], [[0.5]])},
        {"labels": Labels.of([["a;b"]])},
        {"detector": "two\nlines"},
        {"detector": " blanks "},
        {"origin": ["two\nlines#0"]},
        {"origin": ["no letter \udcff#0"]},
        {"meta": {"a;b": [1]}},
        {"meta": {"a": ["\t"]}},
    ],
)
def test_what_a_table_cannot_hold(change: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(WriteError, match=r"\.npz"):
        write(SpectrumSet([[1.0, 2.0]], Axis.channels(2), **change), tmp_path / "a.csv")
    assert list(tmp_path.iterdir()) == []


def test_mutations_bring_out_our_errors_only(tmp_path: Path) -> None:
    write(full(), tmp_path / "a.csv")
    wholes = [
        (tmp_path / "a.csv").read_bytes(),
        b"name,nuclide,live_s,energy_poly_keV,start,ch0,ch1,ch2\na,Cs137,10,0;1;0.1,2024-01-01,1,2,3\n",
        b"# unit: nm\n400,5;1,25\n401,5;2,5\n402,5;3\n",
        b"1 2 3\n4 5 6\n",
        b"1\n2\n3\n",
    ]
    rng = np.random.default_rng(5)
    signs = np.frombuffer(b'0123456789,;:.-+eE"#\n\t \r\0\xffax%/_', np.uint8)
    for whole in wholes:
        for _ in range(250):
            data = bytearray(whole)
            for place in rng.integers(0, len(data), 3):
                data[place] = rng.choice(signs)
            sniff(Source("x", bytes(data)))
            with contextlib.suppress(GammaFlowError):
                sets(bytes(data))
    assert FORMAT.name == "csv"
