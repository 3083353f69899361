"""How the nouns take arrays in: checked, converted once, and read-only from then on."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.errors import DataError

__all__ = ["columns", "freeze", "freeze_strings", "row_numbers"]


def freeze(
    value: ArrayLike,
    dtype: Any,
    shape: tuple[int | None, ...],
    name: str,
    error: type[DataError] = DataError,
) -> NDArray[Any]:
    """Return ``value`` as a contiguous read-only array of ``dtype`` and ``shape``.

    A writeable array is copied, so that its owner cannot change a noun afterwards; an array that is
    read-only down to its base is taken as it is. None in ``shape`` stands for any length.
    """
    try:
        array = np.asarray(value, dtype=dtype)
    except (TypeError, ValueError, OverflowError) as problem:
        raise error(
            f"{name} cannot be made an array", expected=_describe(dtype, shape), found=str(problem)
        ) from problem
    if array.ndim != len(shape) or any(
        want is not None and want != have for want, have in zip(shape, array.shape, strict=True)
    ):
        raise error(
            f"{name} has the wrong shape", expected=_describe(dtype, shape), found=str(tuple(array.shape))
        )
    if array is not value or array.flags.writeable or not array.flags.c_contiguous:
        owner = array.base if array is not value else array
        shared = array is value or owner is not None
        if shared and (not _is_frozen(array) or not array.flags.c_contiguous):
            array = array.copy(order="C")
    array.flags.writeable = False
    return array


def _is_frozen(array: NDArray[Any]) -> bool:
    item: Any = array
    while isinstance(item, np.ndarray):
        if item.flags.writeable:
            return False
        item = item.base
    return item is None or isinstance(item, bytes)


def _describe(dtype: Any, shape: tuple[int | None, ...]) -> str:
    lengths = ", ".join("any" if length is None else str(length) for length in shape)
    return f"{np.dtype(dtype).name} of shape ({lengths}{',' if len(shape) == 1 else ''})"


def freeze_strings(value: ArrayLike, length: int, name: str, error: type[DataError]) -> NDArray[np.str_]:
    """Return a read-only string column; one string stands for all rows."""
    if isinstance(value, str):
        return freeze(np.full(length, value), np.str_, (length,), name, error)
    array = np.asarray(value)
    if array.size == 0:
        array = array.astype(np.str_)
    if array.dtype.kind != "U":
        raise error(f"{name} has to hold text", expected="strings", found=f"{array.dtype.name} values")
    return freeze(array, array.dtype, (length,), name, error)


def columns(
    value: Mapping[str, ArrayLike] | None, length: int, error: type[DataError]
) -> Mapping[str, NDArray[Any]]:
    """Return a read-only table of columns of ``length`` rows; numbers become float64, text stays text."""
    table: dict[str, NDArray[Any]] = {}
    for name, column in (value or {}).items():
        array = np.asarray(column)
        kind = np.float64 if array.dtype.kind in "fiub" else array.dtype
        if array.dtype.kind not in "fiubUM":
            raise error(
                f"meta column '{name}' holds neither numbers, text nor times",
                found=array.dtype.name,
                cure="convert the column first",
            )
        table[str(name)] = freeze(array, kind, (length,), f"meta column '{name}'", error)
    return MappingProxyType(dict(sorted(table.items())))


def row_numbers(mask: NDArray[np.bool_], most: int = 5) -> str:
    """Name the rows in which a mask holds: ``rows 3, 17 and 2 more``."""
    rows = np.flatnonzero(mask)
    names = ", ".join(str(row) for row in rows[:most])
    more = f" and {len(rows) - most} more" if len(rows) > most else ""
    return f"row{'s' if len(rows) != 1 else ''} {names}{more}"
