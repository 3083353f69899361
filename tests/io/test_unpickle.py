"""The interpreter of pickles runs nothing, takes little, and reads what numpy writes."""

from __future__ import annotations

import contextlib
import os
import pickle
import struct
import time
from typing import Any

import numpy as np
import pytest

from gamma_flow.errors import DamagedFileError, GammaFlowError, UnsafeFileError
from gamma_flow.io import _pickled, _unpickle
from gamma_flow.io._pickled import Array, Pairs, Scalar


def plain(item: Any, data: bytes) -> Any:
    """What a record stands for, by the shortest way."""
    if type(item) is Pairs:
        return {
            k: plain(v, data)
            for names, values in zip(item[::2], item[1::2], strict=False)
            for k, v in zip(names, values, strict=False)
        }
    if type(item) in (list, tuple):
        return type(item)(plain(part, data) for part in item)
    if type(item) is Array:
        return (
            plain(item.raw, data) if type(item.raw) is list else _pickled.numbers(item, data, "x", text=True)
        )
    return _pickled.scalar(item, "x") if type(item) is Scalar else item


def same(left: Any, right: Any) -> bool:
    if isinstance(right, np.ndarray) and right.dtype != object:
        return left.dtype == right.dtype and np.array_equal(left, right)
    if isinstance(right, (list, tuple, np.ndarray)):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(right, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in right)
    return bool(left == right)


THINGS = [
    None,
    [
        True,
        False,
        0,
        255,
        256,
        65536,
        -1,
        2**40,
        -(2**100),
        1.5,
        "text",
        "Straße",
        b"bytes",
        b"x" * 300,
        "y" * 300,
    ],
    {"a": 1, "b": {"c": [1, 2], "d": ()}, "e": (1,), "f": (1, 2), "g": (1, 2, 3), "h": (1, 2, 3, 4)},
    {"one": 1},
    [{"k": n} for n in range(3000)],
    np.arange(12, dtype=">i4").reshape(3, 4),
    np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    [np.float64(1.5), np.int32(-3), np.str_("name"), np.bool_(True)],
    [np.array(["a", "bcd"]), np.array([], dtype=float), np.array(3.0)],
    [{"spectrum": np.arange(300) * n, "labels": ["x"]} for n in range(200)],
]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("thing", THINGS, ids=range(len(THINGS)))
def test_reads_what_pickle_writes(thing: Any, protocol: int) -> None:
    if protocol == 2 and "bytes" in str(thing):
        pytest.skip("protocol 2 spells bytes as text, and text they stay")
    data = b"before" + pickle.dumps(thing, protocol)
    assert same(plain(_unpickle.load(data, 6, "x"), data), thing)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_object_arrays(protocol: int) -> None:
    array = np.array([{"spectrum": np.arange(300.0)}, {"spectrum": np.ones(5, np.int64)}], dtype=object)
    data = pickle.dumps(array, protocol)
    assert same(plain(_unpickle.load(data, 0, "x"), data), array)


def test_one_object_stays_one_object() -> None:
    array = np.arange(300)
    data = pickle.dumps([{"s": np.ones(300), "n": 1}, {"s": array, "n": 2}, {"s": array, "n": 3}], 3)
    found = _unpickle.load(data, 0, "x")
    assert found[1][1][0] is found[2][1][0]
    assert found[0][0] is found[1][0], "equal names are one object"


class Calls:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("function", [os.system, eval, getattr, np.load, np.frombuffer, print])
def test_calls_nothing(protocol: int, function: Any, tmp_path: Any, capsys: Any) -> None:
    trace = tmp_path / "trace"
    data = pickle.dumps(np.array([Calls(function, f"touch {trace}")], dtype=object), protocol)
    with pytest.raises(UnsafeFileError, match="global"):
        _unpickle.load(data, 0, "file.npy")
    assert not trace.exists()
    assert capsys.readouterr().out == ""


HOSTILE = {
    "reduce of text": b"\x80\x03X\x01\0\0\0a)R.",
    "reduce of ndarray": b"\x80\x03cnumpy\nndarray\n)R.",
    "encode to another coding": b"\x80\x03c_codecs\nencode\nX\x01\0\0\0aX\x03\0\0\0zip\x86R.",
    "build on a dict": b"\x80\x03}}b.",
    "inst": b"(ios\nsystem\n.",
    "obj": b"(cos\nsystem\no.",
    "newobj": b"\x80\x03cnumpy\nndarray\n)\x81.",
    "extension": b"\x80\x02\x82\x01.",
    "persistent": b"Pabc\n.",
    "text protocol": b"I1\n.",
    "protocol 6": b"\x80\x06N.",
    "long long": b"\x80\x03\x8a\xff" + b"\1" * 255 + b".",
    "numeric key": b"\x80\x03}K\x01K\x02s.",
    "nested key": b"\x80\x03}(" + b"(" * 5000 + b"t" * 5000 + b"K\x01u.",
    "dup": b"\x80\x03N2.",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_refuses_more_than_numbers_and_text(name: str) -> None:
    with pytest.raises(UnsafeFileError):
        _unpickle.load(HOSTILE[name], 0, "x")


BROKEN = {
    "nothing": b"",
    "no end": b"\x80\x03N",
    "two results": b"\x80\x03NN.",
    "no result": b"\x80\x03.",
    "open mark": b"\x80\x03N(.",
    "bytes after the end": b"\x80\x03N.more",
    "unknown memo": b"\x80\x03h\x05.",
    "unknown long memo": b"\x80\x03j\xff\xff\xff\xff.",
    "stack underflow": b"\x80\x03\x87.",
    "mark underflow": b"\x80\x03t.",
    "append to text": b"\x80\x03X\x01\0\0\0aNa.",
    "odd items": b"\x80\x03}(X\x01\0\0\0au.",
    "bytes beyond the end": b"\x80\x03B\xff\xff\xff\xffabc.",
    "eight bytes of length": b"\x80\x04\x8e" + b"\xff" * 8 + b"abc.",
    "frame beyond the end": b"\x80\x04\x95" + b"\xff" * 8 + b"N.",
    "no UTF-8": b"\x80\x03X\x02\0\0\0\xff\xfe.",
    "a place as content": b"\x80\x03cnumpy\nndarray\ncnumpy.core.multiarray\n_reconstruct\n)R(K\1NNNK\5tb.",
    "global without a name": b"\x80\x03cnumpy",
    "global of numbers": b"\x80\x04K\1K\2\x93.",
}


@pytest.mark.parametrize("name", BROKEN)
def test_refuses_what_is_broken(name: str) -> None:
    with pytest.raises((DamagedFileError, UnsafeFileError)):
        _unpickle.load(BROKEN[name], 0, "x")


def test_a_huge_memo_index_takes_no_memory() -> None:
    began = time.perf_counter()
    data = b"\x80\x03N" + b"".join(b"r" + struct.pack("<I", 2**32 - 1 - n) for n in range(1000)) + b"."
    assert _unpickle.load(data, 0, "x") is None
    assert time.perf_counter() - began < 1


def test_depth_is_no_danger() -> None:
    for data in (b"(" * 200_000 + b"t" * 200_000 + b".", b"]" * 200_000 + b"a" * 199_999 + b"."):
        _unpickle.load(b"\x80\x03" + data, 0, "x")


def array_of(shape: Any, dtype: str, raw: bytes, order: str = "<") -> Any:
    array, kind = Array(), _pickled.DType(dtype)
    kind.state = (3, order, None, None, None, -1, -1, 0)
    array.shape, array.dtype, array.fortran, array.raw = shape, kind, False, raw
    return array


@pytest.mark.parametrize(
    ("shape", "dtype", "raw"),
    [
        ((2**62, 2**62), "f8", b""),
        ((-1,), "f8", b""),
        ((-2, -4), "u1", b"12345678"),
        ((3,), "f8", b"\0" * 23),
        ((True,), "u1", b"1"),
        ("3", "f8", b"\0" * 24),
        ((1,) * 40, "f8", b"\0" * 8),
        ((1,), "O8", b"\0" * 8),
        ((1,), "V8", b"\0" * 8),
        ((1,), "f16", b"\0" * 16),
        ((1,), "i8,i8", b"\0" * 16),
    ],
)
def test_shapes_and_types_are_checked(shape: Any, dtype: str, raw: bytes) -> None:
    with pytest.raises((DamagedFileError, UnsafeFileError)):
        _pickled.numbers(array_of(shape, dtype, raw), b"", "x")


def test_mutations_bring_out_our_errors_only() -> None:
    array = np.array(
        [{"spectrum": np.arange(260 + n), "labels": ["a"], "c": {"k": 1.5}} for n in range(4)], dtype=object
    )
    rng = np.random.default_rng(1)
    for protocol in (2, 3, 4, 5):
        whole = pickle.dumps(array, protocol)
        for _ in range(250):
            data = bytearray(whole)
            places = np.concatenate([rng.integers(0, 300, 2), rng.integers(0, len(data), 1)])
            for place in places:
                data[place] = rng.integers(0, 256)
            with contextlib.suppress(GammaFlowError):
                plain(_unpickle.load(bytes(data), 0, "x"), bytes(data))
