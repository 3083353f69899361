"""How the values of a frame stand in a message: plain, with counted zeroes, or as base64."""

from __future__ import annotations

import binascii

import numpy as np
from numpy.typing import NDArray

from gamma_flow.errors import MessageError

__all__ = ["TYPES", "unpacked"]

TYPES = {"u16": "<u2", "u32": "<u4", "f64": "<f8"}
"""Encodings in base64, and the type of their numbers."""


def unpacked(given: list[float] | str, encoding: str, most: int) -> NDArray[np.float64]:
    """Return the values of a frame, shape (C,) with C from 1 to ``most``.

    Raises
    ------
    MessageError
        They are cut, written otherwise than the encoding says, or too many.
    """
    kind = TYPES.get(encoding)
    if (kind is None) != isinstance(given, list):
        raise MessageError(
            f"values of the encoding {encoding!r} are written otherwise",
            expected="a list of numbers" if kind is None else "text in base64",
            found="a list" if isinstance(given, list) else "a text",
        )
    if isinstance(given, list):
        values = np.array(given, np.float64)
        values = _with_zeroes(values, most) if encoding == "counted-zeroes" else values
    else:
        assert kind is not None
        try:
            data = binascii.a2b_base64(given, strict_mode=True)
        except (binascii.Error, ValueError) as problem:
            raise MessageError("the values are not base64", found=repr(given[:40])) from problem
        if len(data) % np.dtype(kind).itemsize:
            raise MessageError(
                "the values are cut",
                expected=f"a multiple of {np.dtype(kind).itemsize} bytes",
                found=str(len(data)),
            )
        values = np.frombuffer(data, kind).astype(np.float64)
    if not 1 <= len(values) <= most:
        raise MessageError("no frame has so many channels", expected=f"1 to {most}", found=str(len(values)))
    return values


def _with_zeroes(packed: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """Write counted zeroes out: a zero is followed by the length of its run."""
    pieces: list[NDArray[np.float64]] = []
    at = 0
    channels = 0.0
    for zero in np.flatnonzero(packed == 0).tolist():
        if zero < at:
            continue  # the length of a run, which is wrong if it is zero
        run = packed[zero + 1] if zero + 1 < len(packed) else 0.0
        channels += zero - at + run
        if not (run >= 1 and run == int(run) and channels <= most):
            raise MessageError(
                "a run of zeroes is none",
                where=f"number {zero + 2} of the values",
                expected=f"1 to {most} channels in all",
                found=f"{run:g}",
            )
        pieces += [packed[at:zero], np.zeros(int(run))]
        at = zero + 2
    return np.concatenate([*pieces, packed[at:]])
