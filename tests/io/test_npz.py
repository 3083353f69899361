"""A set of spectra comes back exactly as it was."""

from __future__ import annotations

import contextlib
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gamma_flow.data import Axis, Labels, SpectrumSet
from gamma_flow.errors import DamagedFileError, ReadError
from gamma_flow.io._format import ReadOptions
from gamma_flow.io._source import Source
from gamma_flow.io.container import read_container, write_container
from gamma_flow.io.npz import FORMAT, read, sniff, write


def back(spectra: SpectrumSet, folder: Path) -> SpectrumSet:
    write(spectra, folder / "a.npz")
    (found,) = read(Source.of(folder / "a.npz"), ReadOptions())
    return found


def assert_equal(left: Any, right: Any) -> None:
    for item in fields(SpectrumSet):
        a, b = getattr(left, item.name), getattr(right, item.name)
        if item.name == "axis":
            assert a == b
            assert (a.unit, a.coefficients) == (b.unit, b.coefficients)
            assert np.array_equal(a.centres, b.centres)
        elif item.name == "labels":
            assert (a.classes, a.background) == (b.classes, b.background)
            assert np.array_equal(a.presence, b.presence)
            assert np.array_equal(a.labelled, b.labelled)
            assert (a.amounts is None) == (b.amounts is None)
            assert a.amounts is None or np.array_equal(a.amounts, b.amounts, equal_nan=True)
        elif item.name == "meta":
            assert list(a) == list(b)
            assert all(a[name].dtype == b[name].dtype for name in a)
            assert all(np.array_equal(a[n], b[n], equal_nan=a[n].dtype.kind in "fM") for n in a)
        elif isinstance(a, np.ndarray):
            assert a.dtype == b.dtype
            assert np.array_equal(a, b, equal_nan=a.dtype.kind in "fM")
            assert np.array_equal(np.signbit(a), np.signbit(b)) if a.dtype.kind == "f" else True
        else:
            assert a == b


def full() -> SpectrumSet:
    return SpectrumSet(
        [[1.5, -0.0, 3.25], [4.0, 5.0, -6.0]],
        Axis([0.0, 0.1, 1.0, 7.0], "cm-1", [0.05, 0.2, 6.0]),
        "intensity",
        sigma=np.full((2, 3), 0.1),
        labels=Labels(("b", "a", "Straße"), [[1, 0, 0], [0, 0, 0]], [[0.5, 0, 0], [0, 0, 0]], [1, 0], None),
        live_time=[1.0, np.nan],
        real_time=[np.nan, 2.0],
        time=np.array(["2024-01-01T00:00:00.123456", "NaT"], "datetime64[us]"),
        detector=["left", ""],
        run=[7, 3],
        origin=["a#0", "b#9"],
        meta={
            "text": ["x", "Grüße, \n"],
            "number": [1.0, np.nan],
            "when": np.array(["2024-01-01", "NaT"], "datetime64[s]"),
            "empty": ["", ""],
            "odd name/..": [1, 2],
        },
    )


SETS = {
    "full": full,
    "counts": lambda: SpectrumSet([[1, 2, 70000]], Axis.polynomial([-12, 8.15, 0.0012], 3)),
    "linear": lambda: SpectrumSet([[1, 2, 3]], Axis.linear(0, 0.7, 3, "nm"), time=None),
    "huge": lambda: SpectrumSet([[2.0**60, 1, 0]], Axis.channels(3)),
    "signed": lambda: SpectrumSet([[-1, 2, -0.0]], Axis.channels(3), signed=True),
    "none": lambda: SpectrumSet(np.zeros((0, 3)), Axis.channels(3)),
    "random": lambda: SpectrumSet(np.random.default_rng(0).random((5, 40)), Axis.channels(40), "intensity"),
}


@pytest.mark.parametrize("name", SETS)
def test_exact_round_trip(name: str, tmp_path: Path) -> None:
    spectra = SETS[name]()
    assert_equal(spectra, back(spectra, tmp_path))


def test_equal_sets_give_equal_files(tmp_path: Path) -> None:
    write(full(), tmp_path / "a")
    write(back(full(), tmp_path), tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_sniff(tmp_path: Path) -> None:
    write(full(), tmp_path / "a")
    assert sniff(Source.of(tmp_path / "a"))
    write_container(tmp_path / "m", "model", {}, {})
    assert not sniff(Source.of(tmp_path / "m"))
    np.savez(tmp_path / "n.npz", x=np.zeros(3))
    assert not sniff(Source.of(tmp_path / "n.npz"))
    assert not sniff(Source("x", b"PK"))
    assert FORMAT.endings == (".npz",)


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("header", {"spectra": 3}),
        ("header", {"channels": "x"}),
        ("header", {"kind": "other"}),
        ("header", {"axis": None}),
        ("header", {"axis": {"unit": "", "coefficients": None}}),
        ("header", {"axis": {"unit": "keV", "coefficients": [1]}}),
        ("header", {"axis": {"unit": "keV", "coefficients": ["x"]}}),
        ("header", {"classes": ["a", "a", "b"]}),
        ("header", {"classes": 5}),
        ("header", {"meta": ["only one"]}),
        ("header", {"meta": {"a": 1}}),
        ("header", {"background": 3}),
        ("header", {"signed": "no"}),
        ("arrays", {"edges": np.array([1.0, 0.0, 2.0, 3.0])}),
        ("arrays", {"edges": np.array(["a", "b", "c", "d"])}),
        ("arrays", {"values": np.zeros((2, 4))}),
        ("arrays", {"values": np.full((2, 3), np.inf)}),
        ("arrays", {"time": np.zeros(2)}),
        ("arrays", {"detector": np.zeros(2)}),
        ("arrays", {"run": np.array(["x", "y"])}),
        ("arrays", {"presence": np.zeros((2, 2), bool)}),
    ],
)
def test_parts_that_do_not_fit(part: str, change: dict[str, Any], tmp_path: Path) -> None:
    write(full(), tmp_path / "a")
    header, arrays = read_container(Source.of(tmp_path / "a"), "spectra")
    del header["gamma_flow"]
    (header if part == "header" else arrays).update(change)
    write_container(tmp_path / "b", "spectra", header, arrays)
    if "time" in change:  # numpy takes numbers for microseconds
        return
    with pytest.raises(DamagedFileError):
        read(Source.of(tmp_path / "b"), ReadOptions())


def test_cut_and_mutated(tmp_path: Path) -> None:
    write(full(), tmp_path / "a")
    whole = (tmp_path / "a").read_bytes()
    for tenth in range(1, 10):
        cut = Source("a", whole[: len(whole) * tenth // 10])
        with pytest.raises(DamagedFileError):
            read(cut, ReadOptions())
    rng = np.random.default_rng(4)
    for _ in range(200):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), 3):
            data[place] = rng.integers(0, 256)
        with contextlib.suppress(ReadError):
            read(Source("a", bytes(data)), ReadOptions())
