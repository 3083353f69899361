"""The reference data set's files, and plain arrays."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gamma_flow.data import Axis, SpectrumSet
from gamma_flow.errors import (
    AxisError,
    DamagedFileError,
    GammaFlowError,
    IncompatibleError,
    ReadError,
    ReadWarning,
    UnsafeFileError,
)
from gamma_flow.io._format import ReadOptions
from gamma_flow.io._source import Source
from gamma_flow.io.dictionaries import FORMAT, read, sniff

BFS = Path(__file__).parents[2].parent / "shared" / "data" / "bfs" / "example_dataset.zip"


def npy(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def objects(rows: list[Any]) -> bytes:
    array = np.empty(len(rows), dtype=object)
    array[:] = rows
    return npy(array)


def record(number: int = 0, channels: int = 300, **more: Any) -> dict[str, Any]:
    return {
        "spectrum": np.arange(channels) + number,
        "labels": ["Cs137", "background"],
        "calibration": {"offset": -12.0, "slope": 8.15, "quad": 0.0012},
        "detector": "left",
        "absorber material": "Pb",
        "absorber thickness": "0.5",
        **more,
    }


def sets(data: bytes, **options: Any) -> list[SpectrumSet]:
    return read(Source("a.npy", data), ReadOptions(**options))


def test_every_field() -> None:
    (found,) = sets(objects([record(n, live_time=n, remark=f"r{n}") for n in range(3)]))
    assert found.values.tolist() == [(np.arange(300) + n).tolist() for n in range(3)]
    assert found.axis == Axis.polynomial([-12.0, 8.15, 0.0012], 300, "keV", "centre")
    assert found.labels.lists() == [["Cs137", "background"]] * 3
    assert found.detector.tolist() == ["left"] * 3
    assert found.live_time.tolist() == [0, 1, 2]
    assert found.kind == "counts"
    assert found.origin.tolist() == ["a.npy#0", "a.npy#1", "a.npy#2"]
    assert found.meta["absorber_material"].tolist() == ["Pb"] * 3
    assert found.meta["absorber_thickness"].tolist() == [0.5] * 3
    assert found.meta["remark"].tolist() == ["r0", "r1", "r2"]


def test_reference_can_be_said() -> None:
    (found,) = sets(objects([record()]), reference="lower edge")
    assert found.axis.edges[0] == -12


def test_one_set_an_axis_in_the_order_of_the_file() -> None:
    rows = [record(n, calibration={"offset": 0.0, "slope": float(1 + n % 2)}) for n in range(5)]
    rows[4] = record(4, channels=299, calibration=[0.0, 1.0])
    first, second, third = sets(objects(rows))
    assert [len(item) for item in (first, second, third)] == [2, 2, 1]
    assert second.origin.tolist() == ["a.npy#1", "a.npy#3"]
    assert len(third.axis) == 299


def test_mixed_rows() -> None:
    rows = [
        record(0),
        {"spectrum": [1.0, 2.0] * 150, "calibration": np.array([-12.0, 8.15, 0.0012]), "labels": "Co60"},
        record(2, spectrum=np.ones(300, ">f4"), labels=np.array(["x", "y"]), detector=None),
        {"spectrum": np.ones(300, np.uint8), "calibration": record()["calibration"], "labels": None},
    ]
    (found,) = sets(objects(rows))
    assert found.labels.lists() == [["Cs137", "background"], ["Co60"], ["x", "y"], None]
    assert found.detector.tolist() == ["left", "", "", ""]
    assert found.values[:, :2].tolist() == [[0, 1], [1, 2], [1, 1], [1, 1]]
    assert np.isnan(found.meta["absorber_thickness"]).tolist() == [False, True, False, True]


def test_no_labels_means_unlabelled_and_no_calibration_takes_the_axis_given() -> None:
    data = objects([{"spectrum": np.ones(10)}] * 2)
    assert not sets(data)[0].labels.labelled.any()
    assert sets(data)[0].axis == Axis.channels(10)
    assert sets(data, axis=Axis.linear(0, 10, 10))[0].axis.unit == "keV"
    with pytest.raises(IncompatibleError, match="10 channels"):
        sets(data, axis=Axis.linear(0, 10, 11))


def test_what_is_neither_number_nor_text_is_named() -> None:
    with pytest.warns(ReadWarning, match="extra"):
        sets(objects([record(extra=[1, 2])]))


@pytest.mark.parametrize(
    ("rows", "error", "words"),
    [
        ([1, 2], ReadError, "does not hold dicts"),
        ([{"labels": ["x"]}], ReadError, '"spectrum"'),
        ([record(spectrum=np.ones((2, 3)))], DamagedFileError, "row of numbers"),
        ([record(spectrum="abc")], DamagedFileError, "no array of numbers"),
        ([record(spectrum=np.array(["a"]))], UnsafeFileError, "something else than numbers"),
        ([record(calibration={"offset": 1.0, "slope": -1.0})], AxisError, "does not increase"),
        ([record(calibration={"offset": 1.0, "gain": 1.0})], DamagedFileError, "terms"),
        ([record(calibration="x")], DamagedFileError, "polynomial"),
        ([record(labels=[1])], DamagedFileError, "no names"),
        ([record(labels=[""])], DamagedFileError, "empty"),
        ([record(spectrum=np.array([1.0, np.nan] * 150))], GammaFlowError, "finite"),
        ([record(spectrum=-np.ones(300))], GammaFlowError, "negative"),
        ([record(spectrum=np.ones(0))], UnsafeFileError, "no channels"),
        ([], DamagedFileError, "no spectrum"),
    ],
)
def test_refusals(rows: list[Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        sets(objects(rows))
    assert "a.npy" in str(caught.value)


def test_header_and_content_have_to_agree() -> None:
    data = objects([record(n) for n in range(3)])
    with pytest.raises(DamagedFileError, match="contradicts the header"):
        sets(data.replace(b"'shape': (3,)", b"'shape': (4,)"))


def test_a_small_file_that_unfolds_is_refused() -> None:
    shared = np.zeros(4000, np.uint8)
    rows = [{"spectrum": shared, "n": n} for n in range(3000)]
    with pytest.raises(UnsafeFileError, match="unfolds"):
        sets(objects(rows))


def test_a_long_text_is_not_taken_for_every_row() -> None:
    rows = [{"spectrum": np.ones(4), "detector": "x"} for _ in range(1000)]
    rows[5]["detector"] = "x" * 200_000
    with pytest.raises(UnsafeFileError, match="unfolds"):
        sets(objects(rows))


@pytest.mark.parametrize("value", [1e308, np.inf, np.nan, 2.0**62])
def test_huge_numbers_give_no_warnings(value: float) -> None:
    for data in (
        npy(np.full((2, 5), value)),
        objects([record(spectrum=np.full(300, value))]),
        objects([record(calibration={"offset": value, "slope": value, "quad": -value})]),
    ):
        with contextlib.suppress(GammaFlowError):
            sets(data)


def test_runs_nothing(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return os.system, (f"touch {tmp_path / 'trace'}",)

    for rows in ([Evil()], [record(labels=Evil())]):
        with pytest.raises(UnsafeFileError, match="system"):
            sets(objects(rows))
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("dtype", ["u1", "<i2", ">i4", "<f4", ">f8", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_plain_arrays(dtype: str, order: Any) -> None:
    array = np.array(np.arange(12).reshape(3, 4) % 2, dtype=dtype, order=order)
    (found,) = sets(npy(array))
    assert found.values.tolist() == array.astype(float).tolist()
    assert found.kind == "counts"
    assert found.axis == Axis.channels(4)
    assert not found.labels.labelled.any()


def test_plain_kinds() -> None:
    assert sets(npy(np.array([1.0, 2.0])))[0].kind == "counts"
    assert sets(npy(np.array([1.0, -2.0])))[0].kind == "intensity"
    assert sets(npy(np.array([1.0, -2.0])), signed=True)[0].kind == "counts"
    assert sets(npy(np.array([1.0, 2.5])))[0].kind == "intensity"
    assert sets(npy(np.array([1.0, 2.0])), kind="intensity")[0].kind == "intensity"


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((2, 2, 2)),
        np.zeros((0, 3)),
        np.array(3.0),
        np.array(["a"]),
        np.zeros(3, "i4,f8"),
        np.ones(2) * 1j,
    ],
)
def test_no_spectra(array: Any) -> None:
    with pytest.raises(ReadError):
        sets(npy(array))


@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999, 99999999999), }",
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (999999999999999999999999,), }",
        b"{'descr': '<f8', 'fortran_order': False, 'shape': " + b"(" * 5000 + b", }",
        b"{'descr': __import__('os').system('true'), 'fortran_order': False, 'shape': (1,), }",
        b"{'descr': '<f8', 'fortran_order': False, }",
        b"{'descr': 'O', 'descr': 'O', 'descr': 'O'}",
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }",
        b"{'descr': '<U99999999', 'fortran_order': False, 'shape': (1,), }",
        b" " * 20_000,
        b"",
    ],
)
def test_hostile_headers(header: bytes) -> None:
    for version, size in ((b"\1\0", 2), (b"\2\0", 4), (b"\3\0", 4), (b"\7\0", 4)):
        data = b"\x93NUMPY" + version + len(header).to_bytes(size, "little") + header + b"\0" * 8
        with pytest.raises((DamagedFileError, UnsafeFileError)):
            sets(data)


@pytest.mark.parametrize(
    "data", [objects([record(n) for n in range(5)]), npy(np.ones((5, 40)))], ids=["dicts", "plain"]
)
def test_cut_anywhere_is_refused(data: bytes) -> None:
    for tenth in range(1, 10):
        with pytest.raises((DamagedFileError, UnsafeFileError)):
            sets(data[: len(data) * tenth // 10])
    with pytest.raises(DamagedFileError):
        sets(data + b"\0")


def test_mutations_bring_out_our_errors_only() -> None:
    rng = np.random.default_rng(2)
    wholes = [objects([record(n, channels=260) for n in range(3)]), npy(np.ones((3, 4)))]
    for protocol in (2, 3):
        array = np.empty(2, dtype=object)
        array[:] = [record(n, channels=260) for n in range(2)]
        head = objects(array.tolist())
        wholes.append(head[: head.index(b"\x80")] + pickle.dumps(array, protocol))
    for whole in wholes:
        for _ in range(200):
            data = bytearray(whole)
            for place in rng.integers(0, len(data), 3):
                data[place] = rng.integers(0, 256)
            with contextlib.suppress(GammaFlowError, ReadWarning):
                sets(bytes(data))


def test_sniff() -> None:
    assert sniff(Source("x", npy(np.ones(3))))
    assert not sniff(Source("x", b"PK\3\4"))
    assert FORMAT.name == "npy"


def test_reference_data_set_as_numpy_reads_it() -> None:
    if not BFS.exists():
        pytest.skip(f"{BFS} is not there")
    count = 0
    with zipfile.ZipFile(BFS) as archive:
        names = [name for name in archive.namelist() if "1_numpy_raw/" in name and name.endswith(".npy")]
        for name in names:
            data = archive.read(name)
            # numpy 2 reads the old names of its modules with a warning that is none of ours
            import warnings

            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                want = np.load(io.BytesIO(data), allow_pickle=True)
            (found,) = read(Source(name, data), ReadOptions())
            count += len(found)
            assert np.array_equal(found.values, np.array([row["spectrum"] for row in want], float))
            assert found.labels.lists() == [sorted(row["labels"]) for row in want]
            assert found.detector.tolist() == [row["detector"] for row in want]
            terms = want[0]["calibration"]
            index = np.arange(256)
            centres = terms["offset"] + terms["slope"] * index + terms["quad"] * index**2
            assert np.allclose(found.axis.centres, centres, rtol=0, atol=1e-9)
            assert found.meta["absorber_material"].tolist() == [row["absorber material"] for row in want]
            assert found.meta["absorber_thickness"].tolist() == [
                float(row["absorber thickness"]) for row in want
            ]
            for tenth in (1, 5, 9):
                with pytest.raises(DamagedFileError):
                    read(Source(name, data[: len(data) * tenth // 10]), ReadOptions())
    assert (len(names), count) == (20, 14395)
