"""Arrays in numpy's ``.npy`` form, without objects: the header is matched, not evaluated.

Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html (versions 1 to 3).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import BytesIO
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gamma_flow.errors import DamagedFileError, UnsafeFileError

__all__ = ["MAGIC", "Header", "array_of", "bytes_of", "header_of"]

MAGIC: Final = b"\x93NUMPY"

_MAX_HEADER: Final = 10_000
"""Bytes of a header, as numpy limits them."""
_MAX_DIMENSIONS: Final = 32

_ENTRY: Final = (
    r"""(?:["']descr["']\s*:\s*(?:["'](?P<descr{n}>[^"'\\]{{1,32}})["']|(?P<record{n}>\[[^\\]*\]))"""
    r"""|["']fortran_order["']\s*:\s*(?P<order{n}>True|False)"""
    r"""|["']shape["']\s*:\s*\((?P<shape{n}>[0-9, ]*)\))"""
)
_HEADER: Final = re.compile(
    r"\s*\{\s*" + r"\s*,\s*".join(_ENTRY.format(n=n) for n in range(3)) + r"\s*,?\s*\}\s*"
)
_PLAIN: Final = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248])")
_WIDER: Final = re.compile(r"[<>|=]?(U[0-9]{1,7}|[mM]8\[(Y|M|W|D|h|m|s|ms|us|ns)\])")


@dataclass(frozen=True)
class Header:
    """What stands before the numbers: ``descr`` is None where a pickle follows, ``start`` its first byte."""

    descr: str | None
    fortran: bool
    shape: tuple[int, ...]
    start: int


def header_of(data: bytes, where: str) -> Header:
    """Read the header of an ``.npy`` file.

    Raises
    ------
    DamagedFileError
        The header is cut or cannot be understood.
    UnsafeFileError
        It is longer than numpy writes, or names a type that is neither plain nor an object.
    """
    wide = len(data) > 6 and data[6] != 1
    start = 12 if wide else 10
    if not data.startswith(MAGIC) or len(data) < start:
        raise _damaged("the header of the array is cut", where)
    if data[6] not in (1, 2, 3):
        raise _damaged(f"version {data[6]}.{data[7]} of the npy format is not known", where)
    length = int.from_bytes(data[8:start], "little")
    if length > _MAX_HEADER:
        raise UnsafeFileError(
            "the header of the array is too long",
            where=where,
            expected=f"at most {_MAX_HEADER} bytes",
            found=str(length),
        )
    text = data[start : start + length].decode("utf-8" if data[6] == 3 else "latin-1", "replace")
    match = _HEADER.fullmatch(text) if len(data) >= start + length else None
    parts = (
        {}
        if match is None
        else {key[:-1]: value for key, value in match.groupdict().items() if value is not None}
    )
    if not {"order", "shape"} < set(parts):
        raise _damaged("the header of the array is cut or cannot be understood", where)
    if "record" in parts or parts["descr"].lstrip("<>|=")[:1] == "V":
        raise UnsafeFileError(
            "the array holds records", where=where, expected="numbers", cure="save plain arrays of numbers"
        )
    lengths = [item.strip() for item in parts["shape"].split(",") if item.strip()]
    if len(lengths) > _MAX_DIMENSIONS or any(len(item) > 18 or not item.isdigit() for item in lengths):
        raise _damaged("the shape of the array cannot be understood", where)
    objects = parts["descr"].lstrip("<>|=") in ("O", "O8", "O4")
    return Header(
        None if objects else parts["descr"],
        parts["order"] == "True",
        tuple(int(item) for item in lengths),
        start + length,
    )


def array_of(data: bytes, where: str, wider: bool = False) -> NDArray[Any]:
    """Return the array of an ``.npy`` file; read-only, in the file's byte order.

    Parameters
    ----------
    data : bytes
        The whole file.
    where : str
        Its name, for messages.
    wider : bool
        Whether text, times and spans of time are welcome besides numbers.

    Raises
    ------
    DamagedFileError
        The file is cut, or longer or shorter than its shape says.
    UnsafeFileError
        It holds objects, records, or another type that is no plain number.
    """
    header = header_of(data, where)
    descr = header.descr or "O"
    if not (_PLAIN.fullmatch(descr) or (wider and _WIDER.fullmatch(descr))):
        raise UnsafeFileError(
            "the array holds something else than numbers",
            where=where,
            expected="whole or floating numbers" + (", text or times" if wider else ""),
            found=f"dtype {descr!r}",
            cure="save plain arrays; objects would have to be unpickled",
        )
    dtype = np.dtype(descr)
    size, found = prod(header.shape), len(data) - header.start
    if size * dtype.itemsize != found or size >= 2**48:
        raise DamagedFileError(
            "the length of the array contradicts its header",
            where=where,
            expected=f"{size * dtype.itemsize} bytes of numbers",
            found=str(found),
            cure="copy or export the file again",
        )
    flat = np.frombuffer(data, dtype, size, header.start) if found else np.empty(size, dtype)
    return flat.reshape(header.shape, order="F" if header.fortran else "C")


def bytes_of(array: NDArray[Any]) -> bytes:
    """Return an array in ``.npy`` form, in C order; equal arrays give equal bytes."""
    stream = BytesIO()
    np.lib.format.write_array(stream, np.ascontiguousarray(array).reshape(array.shape), allow_pickle=False)
    return stream.getvalue()


def _damaged(what: str, where: str) -> DamagedFileError:
    return DamagedFileError(what, where=where, cure="copy or export the file again")
