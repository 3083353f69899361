"""Columns of what an interpreted pickle holds, made plain: numbers, texts, equal things found."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gamma_flow.errors import DamagedFileError
from gamma_flow.io import _pickled
from gamma_flow.io._pickled import Array, Pairs, Scalar

__all__ = ["alike_numbers", "as_dict", "as_numbers", "distinguished", "kind_name", "plain_value", "stacked"]

_AT_ONCE: Final = 64
"""Spectra whose bytes are put together at a time."""


def alike_numbers(objects: list[Any]) -> tuple[NDArray[np.intp], NDArray[np.int64]] | None:
    """Find equal dicts among dicts of floats that share one list of names.

    Returns
    -------
    (rows, which) or None
        The first of each kind, and the kind of each object; None where the dicts are of another make.
    """
    if set(map(type, objects)) != {Pairs} or set(map(len, objects)) != {2}:
        return None
    if len({id(item[0]) for item in objects}) != 1:
        return None
    values = [item[1] for item in objects]
    if set(map(len, values)) != {len(objects[0][0])}:
        return None
    if set(map(type, chain.from_iterable(values))) != {float}:
        return None
    # as bytes: equal numbers are equal patterns, but for the two zeros, which may stand as two kinds
    table = np.array(values)
    _, rows, which = np.unique(
        table.view(np.dtype((np.void, table.shape[1] * 8))).reshape(-1),
        return_index=True,
        return_inverse=True,
    )
    return rows, which.reshape(-1).astype(np.int64)


def stacked(pieces: list[Any], dtypes: list[np.dtype[Any]]) -> NDArray[np.float64]:
    """Put equally long spectra below each other, some dozens at a time: so little stays in the cache."""
    out = np.empty((len(pieces), len(pieces[0]) // dtypes[0].itemsize), np.float64)
    if len(set(dtypes)) == 1:
        for first in range(0, len(pieces), _AT_ONCE):
            rows = out[first : first + _AT_ONCE]
            block = np.frombuffer(b"".join(pieces[first : first + _AT_ONCE]), dtypes[0])
            rows[...] = block.reshape(rows.shape)
    else:
        for row, piece, dtype in zip(out, pieces, dtypes, strict=True):
            row[...] = np.frombuffer(piece, dtype)
    out.flags.writeable = False
    return out


def distinguished(column: Sequence[Any]) -> tuple[list[Any], NDArray[np.intp]]:
    """Return the different objects of a column, and which of them each row has.

    Texts are told apart by what they say. Other objects are told apart by identity: pickles keep one object
    for what was one object, and nothing else that a file made is hashed or compared here.
    """
    if set(map(type, column)) == {str}:
        texts = {text: place for place, text in enumerate(dict.fromkeys(column))}
        return list(texts), np.fromiter(map(texts.__getitem__, column), np.intp, len(column))
    ids = list(map(id, column))
    first = dict(zip(reversed(ids), range(len(ids) - 1, -1, -1), strict=True))
    if len(first) == 1:
        return [column[0]], np.zeros(len(column), np.intp)
    if len(first) == len(ids):
        return list(column), np.arange(len(ids))
    places = {key: place for place, key in enumerate(first)}
    return [column[row] for row in first.values()], np.array([places[key] for key in ids], np.intp)


def as_numbers(values: list[Any]) -> NDArray[np.float64] | None:
    """Return numbers if all values are or spell finite ones (or are unknown), else None."""
    found = []
    for value in values:
        if value is None:
            found.append(np.nan)
            continue
        try:
            found.append(float(value))
        except (ValueError, OverflowError):
            return None
        if isinstance(value, str) and not np.isfinite(found[-1]):
            return None
    return np.array(found, np.float64) if any(value is not None for value in values) else None


def plain_value(item: Any, where: str) -> float | int | str | None:
    if item is None or isinstance(item, (bool, int, float, str)):
        return item
    if type(item) is bytes:
        return item.decode("utf-8", "replace")
    if type(item) is Scalar:
        return _pickled.scalar(item, where)
    raise DamagedFileError(
        "text or a number was expected",
        where=where,
        found=kind_name(item),
        cure="check how the file was made",
    )


def as_dict(pairs: Pairs) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for names, values in zip(pairs[::2], pairs[1::2], strict=True):
        made.update(zip(names, values, strict=True))
    return made


def kind_name(item: Any) -> str:
    if type(item) is Array:
        return "an array of objects" if type(getattr(item, "raw", None)) is list else "an array"
    return {Pairs: "a dict", Scalar: "a number", type(None): "nothing"}.get(
        type(item), f"a {type(item).__name__}"
    )
