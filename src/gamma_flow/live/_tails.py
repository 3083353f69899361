"""The tails of a tracker's statistics where there is nothing, and of their highest values."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.numerics.evidence import BODY, LEVELS

__all__ = ["level_above", "tails"]

Floats = NDArray[np.float64]

_CHI_SQUARE = 2.0  # scale of the exponential tail of a chi-square
_HALF_CHI_SQUARE = 2.7055  # its quantile at 0.95: zero half of the time, else a chi-square of one degree
_MANY = 500.0  # independent values from which on a quantile at 0.99 says something
_READ = 10.0  # episodes above a level that is read off them


def level_above(peaks: ArrayLike, wanted: float) -> float:
    """Return the level that ``wanted`` of the peaks (ascending) are expected to exceed; may be below one."""
    p = np.asarray(peaks, np.float64)
    if wanted >= _READ:
        at = min(max(len(p) - wanted, 0.0), len(p) - 1.0)
        return float(np.interp(at, np.arange(len(p)), p))
    n = max(1, min(max(int(2 * _READ), len(p) // 4), len(p) - 1))
    start = p[max(len(p) - n - 1, 0)]
    mean = max(float((p[-n:] - start).mean()), 1.0)  # a level one higher is never rarer than by a factor of e
    return float(start + n * mean * ((wanted / n) ** (-1.0 / n) - 1.0))


def tails(
    statistics: Floats, log_counts: Floats, bins: int, windows: Sequence[int]
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return ``at``, ``quantiles``, ``scale``, ``levels`` of columns of statistics (N, W S) without sources.

    Parameters
    ----------
    statistics : (N, W S)
        Of the frames of streams in order of time; the last but one of each S is that of the unknown.
    log_counts : (N,)
        log10 of the counts of a frame.
    bins : int
        Of equally many frames along log10 counts.
    windows : sequence of int
        W lengths.

    Notes
    -----
    Up to a probability of 0.95 the values speak for themselves. Sums of long windows hold few independent
    ones, so beyond it they only stretch the tail that theory gives exact templates, exp(-t / 2), by a factor
    of at least one: by how far the quantiles at 0.95 and 0.99 lie beyond those of half a chi-square (of the
    strongest of many peaks: by how far they lie apart). What templates that are not exact do to the far tail
    is left to the episodes, which are looked at after this.
    """
    parts = np.array_split(np.argsort(log_counts, kind="stable"), bins)
    at = np.array([np.median(log_counts[part]) for part in parts])
    body = LEVELS <= BODY
    each = statistics.shape[1] // len(windows)
    quantiles = np.zeros((statistics.shape[1], bins, len(LEVELS)))
    scale = np.zeros((statistics.shape[1], bins))
    for row in range(statistics.shape[1]):
        unknown = row % each == each - 2
        for b, part in enumerate(parts):
            values = statistics[np.sort(part), row]
            quantiles[row, b] = np.quantile(values, LEVELS)
            start = float(quantiles[row, b, body][-1])
            stretch = _stretch(values, len(part) / windows[row // each], unknown)
            scale[row, b] = _CHI_SQUARE * stretch
            beyond = start + scale[row, b] * np.log((1 - BODY) / (1 - LEVELS[~body]))
            quantiles[row, b, ~body] = beyond
    return np.tile(at, (statistics.shape[1], 1)), quantiles, scale, LEVELS


def _stretch(values: Floats, independent: float, unknown: bool) -> float:
    """Return by how much longer the tail of values is than theory's, 1 at least."""
    half, high, higher = (float(q) for q in np.quantile(values, [0.5, 0.95, 0.99]))
    found = (high - half) / (_CHI_SQUARE * math.log(10)) if unknown else high / _HALF_CHI_SQUARE
    if independent >= _MANY:
        found = max(found, (higher - high) / (_CHI_SQUARE * math.log(5)))
    return max(1.0, found)
