"""How frames and results lie in the log: small, exact, and readable without this program's classes."""

from __future__ import annotations

import zlib
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from gamma_flow.data import Axis
from gamma_flow.errors import AxisError, LogError

__all__ = ["packed", "packed_axis", "packed_record", "unpacked", "unpacked_axis", "unpacked_record"]

_KINDS = ("<u1", "<u2", "<u4", "<u8", "<f8")
_FLOAT = 4
_LEVEL = 6


def packed(values: NDArray[np.float64]) -> bytes:
    """Return values as bytes: the number of their type (u1, u2, u4, u8, f8), then zlib of them.

    Whole numbers take the narrowest type that holds them. All are little-endian; those of more than one byte
    go byte by byte (all first bytes, all second ones, ...), which packs better.

    Examples
    --------
    >>> unpacked(packed(np.array([0.0, 3, 70000])), 3)
    array([0.e+00, 3.e+00, 7.e+04])
    """
    high = float(values.max())
    # as a whole number a float is negative if its sign bit is set, that of a negative zero too
    positive = int(values.view(np.int64).min()) >= 0 and high < 2**53
    kind = next(k for k, top in enumerate((2**8, 2**16, 2**32, 2**53)) if high < top) if positive else _FLOAT
    array = values.astype(_KINDS[kind])
    if kind != _FLOAT and not (array == values).all():
        kind, array = _FLOAT, values.astype("<f8")
    size = array.dtype.itemsize
    plain = array.tobytes() if size == 1 else array.view(np.uint8).reshape(-1, size).T.tobytes()
    # counts hardly repeat but for runs of zeroes: runs and Huffman codes are smaller here, and quicker
    pack = zlib.compressobj(_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_RLE)
    return bytes([kind]) + pack.compress(plain) + pack.flush()


def unpacked(data: bytes, channels: int) -> NDArray[np.float64]:
    """Return what `packed` packed, shape (C,).

    Raises
    ------
    LogError
        The bytes are damaged.
    """
    try:
        dtype = np.dtype(_KINDS[data[0]])
        plain = zlib.decompress(data[1:], bufsize=channels * dtype.itemsize)
        table = np.frombuffer(plain, np.uint8).reshape(dtype.itemsize, channels)
        return np.ascontiguousarray(table.T).view(dtype).reshape(channels).astype(np.float64)
    except (IndexError, ValueError, zlib.error) as problem:
        raise LogError("a spectrum in the log is damaged", expected=f"{channels} channels") from problem


def packed_axis(axis: Axis) -> bytes:
    """Return an axis as JSON, packed by zlib: coefficients where they say all, else edges and centres too.

    Examples
    --------
    >>> unpacked_axis(packed_axis(Axis.points([1.0, 2, 4], "nm"))).centres
    array([1., 2., 4.])
    """
    told: dict[str, Any] = {"unit": axis.unit, "channels": len(axis), "coefficients": axis.coefficients}
    if not _is_polynomial(axis):
        told |= {"edges": axis.edges.tolist(), "centres": axis.centres.tolist()}
    return zlib.compress(msgspec.json.encode(told))


def _is_polynomial(axis: Axis) -> bool:
    if axis.coefficients is None:
        return False
    try:
        again = Axis.polynomial(axis.coefficients, len(axis), axis.unit)
    except AxisError:
        return False
    return again == axis and np.array_equal(again.centres, axis.centres)


def unpacked_axis(data: bytes) -> Axis:
    """Return what `packed_axis` packed.

    Raises
    ------
    LogError
        The bytes are damaged.
    """
    try:
        told = msgspec.json.decode(zlib.decompress(data))
        terms = told["coefficients"]
        if "edges" not in told:
            return Axis.polynomial(terms, told["channels"], told["unit"])
        coefficients = None if terms is None else tuple(terms)
        return Axis(np.array(told["edges"]), told["unit"], np.array(told["centres"]), coefficients)
    except (zlib.error, msgspec.DecodeError, KeyError, TypeError, ValueError) as problem:
        raise LogError("an axis in the log is damaged") from problem


def packed_record(record: dict[str, Any]) -> tuple[bytes, bytes]:
    """Return a record of an analysis as its layout (JSON, the same for all of a model) and its numbers.

    Examples
    --------
    >>> layout, numbers = packed_record({"shares": {"a": 0.25, "b": 0.75}, "novel": False, "present": ["b"]})
    >>> layout
    b'{"shares":{"a":0,"b":0},"novel":false,"present":false}'
    >>> unpacked_record(layout, numbers)
    {'shares': {'a': 0.25, 'b': 0.75}, 'novel': False, 'present': ['b']}
    """
    numbers: list[float] = []
    others: list[Any] = []
    layout = _stripped(record, numbers, others)
    told = msgspec.msgpack.encode([np.array(numbers, "<f8").tobytes(), others])
    return msgspec.json.encode(layout), told


def _stripped(value: Any, numbers: list[float], others: list[Any]) -> Any:
    """Return the layout: dicts stay, a float becomes 0, all else false (texts too: they differ)."""
    if isinstance(value, dict):
        return {key: _stripped(one, numbers, others) for key, one in value.items()}
    if isinstance(value, float):
        numbers.append(value)
        return 0
    others.append(value)
    return False


def unpacked_record(layout: bytes, told: bytes) -> dict[str, Any]:
    """Return what `packed_record` packed.

    Raises
    ------
    LogError
        The bytes are damaged.
    """
    try:
        data, others = msgspec.msgpack.decode(told)
        numbers = iter(np.frombuffer(data, "<f8").tolist())
        rest = iter(others)
        record: dict[str, Any] = _filled(msgspec.json.decode(layout), numbers, rest)
        return record
    except (msgspec.DecodeError, ValueError, TypeError, StopIteration) as problem:
        raise LogError("a result in the log is damaged") from problem


def _filled(layout: Any, numbers: Any, others: Any) -> Any:
    if isinstance(layout, dict):
        return {key: _filled(one, numbers, others) for key, one in layout.items()}
    return next(others) if layout is False else next(numbers)
