"""What the fits ask of their input; everything else is refused with an error that names the place."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.errors import DataError, IncompatibleError, SettingsError
from gamma_flow.numerics import similarity

__all__ = [
    "aligned",
    "channels_of",
    "refuse_negative",
    "refuse_nonfinite_rows",
    "refuse_other_channels",
    "spectra_of",
    "templates_of",
    "threads_of",
]

Floats = NDArray[np.float64]


def spectra_of(values: ArrayLike, where: str = "values") -> NDArray[Any]:
    """Return spectra (N, C) as the kernel takes them: float64 or float32, channels side by side.

    Such an array is returned as it is, anything else as a copy.
    """
    spectra = similarity.matrix(values, where)
    if spectra.dtype not in (np.float64, np.float32):
        spectra = spectra.astype(np.float64)
    return aligned(spectra)


def aligned(rows: NDArray[Any]) -> NDArray[Any]:
    """Return rows whose numbers lie side by side at whole addresses, copied only if they do not."""
    item = rows.itemsize
    if rows.flags.aligned and rows.strides[1] == item and rows.strides[0] % item == 0:
        return rows
    return np.array(rows, order="C")


def channels_of(spectra: NDArray[Any], templates: ArrayLike) -> Floats:
    """Return templates (K, C), finite and of the channels of the spectra, as contiguous float64."""
    given = templates_of(templates)
    refuse_other_channels(spectra, given)
    return given


def templates_of(templates: ArrayLike) -> Floats:
    """Return templates (K, C), at least one and finite, as contiguous float64."""
    given = similarity.matrix(templates, "templates")
    if len(given) == 0:
        raise DataError("no templates", where="templates", expected="at least one row", found="none")
    similarity.refuse_nonfinite(given, "templates", 0)
    return np.ascontiguousarray(given, dtype=np.float64)


def refuse_other_channels(spectra: NDArray[Any], templates: Floats) -> None:
    """Raise the error that names both numbers of channels, if they differ."""
    if templates.shape[1] != spectra.shape[1]:
        raise IncompatibleError(
            "spectra and templates differ in their channels",
            expected=f"{templates.shape[1]} channels, as the templates have",
            found=f"{spectra.shape[1]}",
            cure="bring both onto one axis",
        )


def refuse_nonfinite_rows(rows: NDArray[Any], where: str) -> None:
    """Raise the error that names the first entry that is NaN or infinite, if there is one; in blocks."""
    for part in similarity.blocks(*rows.shape):
        block = rows[part]
        if not np.isfinite(block).all():
            similarity.refuse_nonfinite(block, where, part.start)


def refuse_negative(rows: NDArray[Any], where: str, cure: str) -> None:
    """Raise the error that names the first entry that is below zero, if there is one; in blocks."""
    for part in similarity.blocks(*rows.shape):
        block = rows[part]
        if block.min(initial=0) < 0:
            row, channel = np.argwhere(block < 0)[0]
            raise DataError(
                "a value is negative",
                where=f"{where}, row {part.start + row}, channel {channel}",
                expected="at least 0",
                found=f"{block[row, channel]:g}",
                cure=cure,
            )


def threads_of(threads: int) -> int:
    """Return a number of threads that is one."""
    if isinstance(threads, bool) or not isinstance(threads, (int, np.integer)) or not 1 <= threads <= 1024:
        raise SettingsError(
            "not a number of threads",
            where="threads",
            expected="a whole number, 1 to 1024",
            found=repr(threads),
        )
    return int(threads)
