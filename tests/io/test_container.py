"""Our container: the same bytes for the same content, and no trust in what a file declares."""

from __future__ import annotations

import contextlib
import io
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gamma_flow.errors import DamagedFileError, ReadError, UnsafeFileError, WriteError
from gamma_flow.io import _source
from gamma_flow.io._source import Source
from gamma_flow.io.container import content_hash, is_container, read_container, write_container

ARRAYS = {
    "a": np.arange(6.0).reshape(2, 3),
    "b-c": np.array(["x", "yz"]),
    "t": np.array(["2024-01-01", "NaT"], "datetime64[us]"),
    "flag": np.array([True, False]),
    "none": np.zeros((0, 3)),
    "one": np.array(3.0),
    "big": np.arange(3, dtype=">i4"),
}


@pytest.fixture
def whole(tmp_path: Path) -> bytes:
    path = tmp_path / "a.gfm"
    write_container(path, "model", {"name": "Straße", "list": [1, 2.5, None]}, ARRAYS)
    return path.read_bytes()


def load(data: bytes, kind: str = "model") -> Any:
    return read_container(Source("a.gfm", data), kind)


def rezipped(whole: bytes, **change: Any) -> bytes:
    """The same members again, some of them changed (None: left out)."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        members = {name: old.read(name) for name in old.namelist()}
        for name, data in {**members, **change}.items():
            if data is not None:
                new.writestr(name, data)
    return out.getvalue()


def test_round_trip(whole: bytes) -> None:
    header, arrays = load(whole)
    assert (header["name"], header["list"]) == ("Straße", [1, 2.5, None])
    assert header["gamma_flow"]["kind"] == "model"
    assert set(arrays) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        assert arrays[name].shape == array.shape
        assert np.array_equal(arrays[name], array, equal_nan=array.dtype.kind in "fM")
        assert not arrays[name].flags.writeable or not arrays[name].size


def test_equal_content_gives_equal_bytes(whole: bytes, tmp_path: Path) -> None:
    again = dict(reversed(ARRAYS.items()))
    write_container(tmp_path / "b", "model", {"list": [1, 2.5, None], "name": "Straße"}, again)
    assert (tmp_path / "b").read_bytes() == whole


def test_numpy_opens_it(whole: bytes) -> None:
    with np.load(io.BytesIO(whole), allow_pickle=False) as archive:
        assert np.array_equal(archive["a"], ARRAYS["a"])


def test_content_hash_follows_content_alone() -> None:
    first = content_hash({"k": 1}, {"x": np.arange(3)})
    assert first == content_hash({"k": 1, "gamma_flow": {}}, {"x": np.arange(3).astype(">i8")})
    assert first != content_hash({"k": 2}, {"x": np.arange(3)})
    assert first != content_hash({"k": 1}, {"x": np.arange(3.0)})
    assert first != content_hash({"k": 1}, {"y": np.arange(3)})
    assert first != content_hash({"k": 1}, {"x": np.arange(3)[None]})


def test_cut_anywhere_is_refused(whole: bytes) -> None:
    for tenth in range(1, 10):
        cut = Source("a.gfm", whole[: len(whole) * tenth // 10])
        with pytest.raises(DamagedFileError, match="zip"):
            read_container(cut, "model")
        assert is_container(cut)


def test_kind_and_version(whole: bytes) -> None:
    assert is_container(Source("a", whole))
    assert is_container(Source("a", whole), "model")
    assert not is_container(Source("a", whole), "spectra")
    with pytest.raises(DamagedFileError, match="expected spectra, found model"):
        load(whole, "spectra")
    header, _ = load(whole)
    header["gamma_flow"].update(format=99, version="9.9")
    with pytest.raises(DamagedFileError, match=r"newer gamma_flow \(9\.9\).*update"):
        load(rezipped(whole, **{"header.json": json.dumps(header)}))


def test_the_checksum_is_checked(whole: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        member = bytearray(archive.read("a.npy"))
    member[-1] ^= 1
    with pytest.raises(DamagedFileError, match="checksum"):
        load(rezipped(whole, **{"a.npy": bytes(member)}))


@pytest.mark.parametrize(
    "change",
    [
        {"a.npy": None},
        {"more.npy": b"x"},
        {"../a.npy": b"x"},
        {"a.npy": b"x"},
        {"a.npy": b""},
        {"header.json": None},
        {"header.json": b"[]"},
        {"header.json": b"{"},
        {"header.json": b"\xff\xfe"},
        {"header.json": b'{"gamma_flow": {"format": "1"}}'},
        {"header.json": b'{"gamma_flow": {"format": 1, "kind": "model", "members": [["a"]]}}'},
        {"header.json": b'{"gamma_flow": {"format": 1, "kind": "model", "members": ["../a"]}}'},
        {"header.json": b"[" * 100_000},
        {"header.json": b'{"a":' * 50 + b"1" + b"}" * 50},
        {"header.json": b"9" * 10_000},
    ],
)
def test_changed_members_are_refused(whole: bytes, change: dict[str, Any]) -> None:
    with pytest.raises((DamagedFileError, UnsafeFileError)):
        load(rezipped(whole, **change))


def test_objects_are_refused(whole: bytes) -> None:
    stream = io.BytesIO()
    np.save(stream, np.array([{}, []], dtype=object), allow_pickle=True)
    with pytest.raises(UnsafeFileError, match="something else than numbers"):
        load(rezipped(whole, **{"a.npy": stream.getvalue()}))


def test_zip_bombs_are_refused_before_unpacking(whole: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = rezipped(whole, **{"a.npy": b"\0" * 5_000_000})
    monkeypatch.setattr(_source, "MAX_FILE", 1_000_000)
    with pytest.raises(UnsafeFileError, match="allowed are 1000000"):
        load(bomb)


def test_a_member_that_declares_less_than_it_unpacks_to(whole: bytes) -> None:
    bomb = rezipped(whole, **{"a.npy": b"\0" * 5_000_000})
    lying = bomb.replace(struct.pack("<I", 5_000_000), struct.pack("<I", 100))
    assert lying != bomb
    with pytest.raises((DamagedFileError, UnsafeFileError)):
        load(lying)
    more = bomb.replace(struct.pack("<I", 5_000_000), struct.pack("<I", 6_000_000))
    with pytest.raises((DamagedFileError, UnsafeFileError)):
        load(more)


@pytest.mark.parametrize(("method", "flags"), [(zipfile.ZIP_BZIP2, 0), (zipfile.ZIP_LZMA, 0), (8, 1)])
def test_other_compression_and_encryption(method: int, flags: int) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("header.json", "{}")
    data = bytearray(out.getvalue())
    if flags:
        data[6] |= flags
        data[data.index(b"PK\1\2") + 8] |= flags
    with pytest.raises(UnsafeFileError):
        load(bytes(data))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_one_name_twice() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("header.json", "{}")
        archive.writestr("header.json", "{}")
    with pytest.raises(UnsafeFileError, match="2 members, 1 names"):
        load(out.getvalue())


def test_what_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for header, arrays in (
        ({}, {"../x": np.zeros(1)}),
        ({}, {"x": np.array([{}], dtype=object)}),
        ({}, {"x": np.zeros(1, "i4,i4")}),
        ({"x": object()}, {}),
        ({"x": float("nan")}, {}),
    ):
        with pytest.raises(WriteError):
            write_container(path, "model", header, arrays)
    with pytest.raises(WriteError):
        write_container(tmp_path / "no" / "folder", "model", {}, {})
    assert list(tmp_path.iterdir()) == []


def test_mutations_bring_out_our_errors_only(whole: bytes) -> None:
    rng = np.random.default_rng(3)
    for _ in range(400):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), 3):
            data[place] = rng.integers(0, 256)
        with contextlib.suppress(ReadError):
            load(bytes(data))
        is_container(Source("a", bytes(data)))
