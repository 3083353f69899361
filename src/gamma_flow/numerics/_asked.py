"""What `decompose` asks of its arguments; everything else is refused with an error that names the place."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.errors import DataError, IncompatibleError, SettingsError

__all__ = ["columns_of", "pile_of", "refuse_settings", "sigma_of"]

Floats = NDArray[np.float64]

_MOST_DRIFTS = 16  # the kernel has room for that many


def columns_of(spread: ArrayLike, drift: ArrayLike, modes: int, k: int, c: int) -> tuple[Floats, Floats]:
    """Return the distortions as the engine takes them: (K Q, C) and (D K, C)."""
    own, common = np.asarray(spread, np.float64), np.asarray(drift, np.float64)
    for name, array, axis in (("spread", own, 0), ("drift", common, 1)):
        if array.ndim != 3 or array.shape[axis] != k or array.shape[2] != c:
            raise IncompatibleError(
                "distortions and templates differ in classes or channels",
                where=f"distortions.{name}",
                expected=f"shape ({k}, any, {c})" if axis == 0 else f"shape (any, {k}, {c})",
                found=f"{array.shape}",
            )
        if not np.isfinite(array).all():
            raise DataError(
                "a value is not finite", where=f"distortions.{name}, {_place(~np.isfinite(array))}"
            )
    if len(common) > _MOST_DRIFTS:
        raise SettingsError(
            "too many drifts",
            where="distortions.drift",
            expected=f"at most {_MOST_DRIFTS}",
            found=f"{len(common)}",
        )
    if not 0 <= modes <= own.shape[1]:
        raise SettingsError(
            "no such number of modes",
            where="distortions.modes",
            expected=f"0 to {own.shape[1]}, as the spread has",
            found=f"{modes}",
        )
    return np.ascontiguousarray(own).reshape(-1, c), np.ascontiguousarray(common).reshape(-1, c)


def sigma_of(sigma: ArrayLike | None, n: int, c: int) -> Floats | None:
    """Return standard deviations (1 or N, C)."""
    if sigma is None:
        return None
    sd = np.ascontiguousarray(np.atleast_2d(np.asarray(sigma, np.float64)))
    if sd.ndim != 2 or sd.shape[1] != c or len(sd) not in (1, n):
        raise IncompatibleError(
            "not one standard deviation a value",
            where="sigma",
            expected=f"shape ({c},), (1, {c}) or ({n}, {c})",
            found=f"{np.shape(sigma)}",
        )
    wrong = ~(np.isfinite(sd) & (sd > 0))
    if wrong.any():
        row, channel = np.argwhere(wrong)[0]
        raise DataError(
            "a standard deviation is not above zero",
            where=f"sigma, row {row}, channel {channel}",
            expected="a finite number above 0",
            found=f"{sd[row, channel]:g}",
            cure="leave channels that nobody measured out of values and templates",
        )
    return sd


def pile_of(pile: ArrayLike | None, n: int) -> Floats | None:
    """Return the prior sd of pile-up (1, N)."""
    if pile is None:
        return None
    share = np.asarray(pile, np.float64)
    if share.shape == (n,) and n and share.min() >= 0 and share.max() < np.inf:
        return np.ascontiguousarray(share)[None]
    if share.shape not in ((), (n,)):
        raise IncompatibleError(
            "not one pile-up a spectrum", where="pile", expected=f"shape ({n},)", found=f"{share.shape}"
        )
    wrong = np.atleast_1d(~(np.isfinite(share) & (share >= 0)))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(
            "pile-up is not a share of the counts",
            where=f"pile, row {row}",
            expected="a finite number of at least 0",
            found=f"{np.atleast_1d(share)[row]:g}",
        )
    return np.ascontiguousarray(np.broadcast_to(share, (1, n)))


def refuse_settings(
    mismatch: tuple[float, float],
    floor: float,
    steps: tuple[int, int],
    positive: tuple[float, float, float],
    least_ratio: float,
    skip: int,
    k: int,
) -> None:
    def refuse(where: str, expected: str, found: object) -> None:
        raise SettingsError("out of range", where=where, expected=expected, found=f"{found}")

    if not 0 <= mismatch[0] <= mismatch[1] < np.inf:
        refuse("mismatch", "0 <= least <= largest", mismatch)
    if not 1e-100 <= floor < np.inf:
        refuse("floor", "a number above 0", floor)
    for name, number in zip(("steps", "null_steps"), steps, strict=True):
        if not 1 <= number <= 10**6:
            refuse(name, "at least 1", number)
    for name, value in zip(("tolerance", "null_tolerance", "prune"), positive, strict=True):
        if not 0 <= value < np.inf:
            refuse(name, "a number of at least 0", value)
    if not least_ratio >= 0:
        refuse("least_ratio", "a number of at least 0", least_ratio)
    if not -1 <= skip < k:
        refuse("skip", f"-1 to {k - 1}", skip)


def _place(mask: NDArray[np.bool_]) -> str:
    return "index " + ", ".join(str(i) for i in np.argwhere(mask)[0])
