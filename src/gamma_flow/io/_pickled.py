"""What numpy's pickles hold, as inert records; the only door from them to numpy.

Nothing here is built by numpy before its type is known to be plain and its shape to fit its bytes.
"""

from __future__ import annotations

import re
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gamma_flow.errors import DamagedFileError, UnsafeFileError

__all__ = ["CURE", "Array", "DType", "Pairs", "Scalar", "array_of", "numbers", "scalar"]

CURE: Final = "save the numbers with numpy.savez or gamma-flow prepare, which need no pickle"
_NUMERIC: Final = re.compile(r"b1|[iu][1248]|f[248]")
_TEXT: Final = re.compile(r"U[1-9][0-9]{0,5}")
_MAX_DIMENSIONS: Final = 32


class Array:
    """An array as its pickle tells it.

    ``raw`` is its content: bytes, Latin-1 text, a list of objects, or the place in the file where
    its bytes begin. ``length`` is their number in the last case.
    """

    __slots__ = ("dtype", "fortran", "length", "raw", "shape")

    shape: Any
    dtype: Any
    fortran: Any
    raw: Any
    length: int


class Pairs(list[list[Any]]):
    """A dict as its pickle tells it: names, values, and if it came in several pieces, names, values, ...

    Names are text. Nothing is hashed here: equal lists of names of one file are one object mostly.
    """

    __slots__ = ()


class DType:
    """A dtype as its pickle tells it: a name such as ``i8`` and a state that holds the byte order."""

    __slots__ = ("name", "state")

    def __init__(self, name: Any) -> None:
        self.name = name
        self.state: Any = None


class Scalar:
    """A numpy scalar as its pickle tells it: an array without dimensions."""

    __slots__ = ("array",)

    def __init__(self, array: Array) -> None:
        self.array = array


def array_of(shape: Any, dtype: Any, fortran: bool, raw: Any) -> Array:
    """Return a record of an array; ``raw`` is what the file holds, never a place in it."""
    if type(raw) is int:  # a place in the file is nothing that the file may name
        raise TypeError
    array = Array()
    array.shape, array.dtype, array.fortran, array.raw = shape, dtype, fortran, raw
    return array


def _described(dtype: Any, where: str, text: bool = False) -> np.dtype[Any]:
    """Return the plain dtype that a record stands for, after checking it.

    Parameters
    ----------
    dtype : DType
        As it was read.
    where : str
        The file, for messages.
    text : bool
        Whether text is welcome, too.

    Raises
    ------
    UnsafeFileError
        Objects, records, or anything else besides numbers (and text).
    """
    name = dtype.name if type(dtype) is DType else None
    state = dtype.state if type(dtype) is DType else None
    if isinstance(name, str) and type(state) is tuple and len(state) >= 5:
        plain = _NUMERIC.fullmatch(name) or (text and _TEXT.fullmatch(name))
        order = {"<": "<", ">": ">", "|": "|", "=": "="}.get(state[1] if type(state[1]) is str else "")
        if plain and order and state[2] is None and state[3] is None and state[4] is None:
            return np.dtype(order + name)
    shown = repr(name[:20]) if isinstance(name, str) else "no name of a type"
    raise UnsafeFileError(
        "an array in the file holds something else than numbers",
        where=where,
        found=f"dtype {shown}",
        cure=CURE,
    )


def numbers(array: Array, data: bytes, where: str, text: bool = False) -> NDArray[Any]:
    """Return the numpy array that a record stands for; read-only, in the file's byte order.

    Parameters
    ----------
    array : Array
        As it was read.
    data : bytes
        The file it was read from.
    where : str
        The file, for messages.
    text : bool
        Whether an array of text is welcome, too.

    Raises
    ------
    UnsafeFileError
        The array holds objects, records, or anything else that is no number.
    DamagedFileError
        Shape and length in bytes contradict each other.
    """
    shape, raw = getattr(array, "shape", None), getattr(array, "raw", None)
    if type(shape) is not tuple or len(shape) > _MAX_DIMENSIONS or not set(map(type, shape)) <= {int}:
        raise DamagedFileError("an array in the pickle has no shape or no content", where=where)
    checked = _described(array.dtype, where, text)
    place, length = 0, 0
    if type(raw) is str:
        raw = _latin1(raw, where)
    if type(raw) is int:
        place, length = raw, array.length
    elif type(raw) is bytes:
        data, length = raw, len(raw)
    size = prod(shape)
    if min(shape, default=0) < 0 or size * checked.itemsize != length:
        raise DamagedFileError(
            "an array in the pickle is cut",
            where=where,
            expected=f"{size * checked.itemsize} bytes" if abs(size) < 2**63 else "fewer numbers",
            found=f"{length} bytes",
            cure="copy or export the file again",
        )
    flat = np.frombuffer(data, checked, size, place) if size else np.empty(0, checked)
    return flat.reshape(shape, order="F" if array.fortran is True else "C")


def scalar(value: Scalar, where: str) -> float | int | bool | str:
    """Return the number or text that a record of a numpy scalar stands for.

    Raises
    ------
    UnsafeFileError, DamagedFileError
        See `numbers`.
    """
    single = numbers(value.array, b"", where, text=True)
    found: float | int | bool | str = single.item()
    return found


def _latin1(text: str, where: str) -> bytes:
    """Return the bytes that protocol 2 spells as text."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        raise DamagedFileError("an array in the pickle has no bytes", where=where) from None
