"""Is a class there? From a likelihood ratio to a p-value that holds for these data."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Tail", "log_p"]

Floats = NDArray[np.float64]

_LEAST_SCALE = 0.3  # of the exponential tail, where draws say less


@dataclass(frozen=True, slots=True)
class Tail:
    """The p-value of a statistic from draws without the class, given the counts of a spectrum.

    In bins of equally many draws along log10 counts: the empirical distribution up to its last quantile, an
    exponential tail above it, all interpolated in log10 counts.

    Parameters
    ----------
    at : (B,)
        Median of log10 counts in each bin.
    quantiles : (B, Q)
        Of the statistic, at the probabilities ``levels``; the last is where the tail begins.
    scale : (B,)
        Mean excess of the tail above it.
    levels : (Q,)
        Probabilities, from 0 to where the tail begins.
    """

    at: Floats
    quantiles: Floats
    scale: Floats
    levels: Floats

    @classmethod
    def of(cls, statistic: ArrayLike, log_counts: ArrayLike, bins: int, levels: ArrayLike) -> Tail:
        """Make it from N draws of the statistic and of log10 counts."""
        t = np.asarray(statistic, np.float64)
        x = np.asarray(log_counts, np.float64)
        levels_ = np.asarray(levels, np.float64)
        at, quantiles, scale = [], [], []
        for part in np.array_split(np.argsort(x, kind="stable"), bins):
            found = np.quantile(t[part], levels_)
            excess = t[part][t[part] > found[-1]] - found[-1]
            at.append(np.median(x[part]))
            quantiles.append(found)
            scale.append(max(float(excess.mean()) if len(excess) else 0.5, _LEAST_SCALE))
        return cls(np.array(at), np.array(quantiles), np.array(scale), levels_)

    @classmethod
    def chi_square(cls, bins: int, levels: ArrayLike) -> Tail:
        """Return what theory says of exact templates: zero half of the time, else chi-square of one degree.

        References
        ----------
        H. Chernoff, Annals of Mathematical Statistics 25 (1954) 573.
        """
        levels_ = np.asarray(levels, np.float64)
        upper = np.maximum(2 * (1 - levels_), 1e-12)  # of the chi-square, where the level is above one half
        found = np.where(levels_ <= 0.5, 0.0, [_chi_square_quantile(min(p, 1.0)) for p in upper])
        shape = (bins, len(levels_))
        return cls(
            np.arange(bins, dtype=float), np.broadcast_to(found, shape).copy(), np.full(bins, 2.0), levels_
        )

    def log_p(self, statistic: ArrayLike, log_counts: ArrayLike) -> Floats:
        """Return the natural logarithm of the p-value of each spectrum."""
        t = np.asarray(statistic, np.float64)
        x = np.asarray(log_counts, np.float64)
        return log_p(t[:, None], x, self.at[None], self.quantiles[None], self.scale[None], self.levels)[:, 0]


def log_p(
    statistic: Floats, log_counts: Floats, at: Floats, quantiles: Floats, scale: Floats, levels: Floats
) -> Floats:
    """Return the natural logarithm of the p-values of K statistics of N spectra, for all classes at once.

    Parameters
    ----------
    statistic : (N, K)
        Of each class.
    log_counts : (N,)
        log10 of the counts of each spectrum.
    at, quantiles, scale : (K, B), (K, B, Q), (K, B)
        As in `Tail`, for each class.
    levels : (Q,)
        Probabilities of the quantiles.

    Returns
    -------
    (N, K) float64
        At most 0.
    """
    k, b = at.shape
    classes = np.arange(k)
    # the bins on either side of each spectrum, and how far it lies between them; beyond the ends the end
    upper = np.minimum((log_counts[:, None, None] >= at).sum(axis=2), b - 1)
    lower = np.maximum(upper - 1, 0)
    low, high = at[classes, lower], at[classes, upper]
    gap = high - low
    inside = np.minimum(np.maximum(log_counts[:, None] - low, 0.0), gap)
    between_bins = gap > 0  # else beyond an end: the value there
    part = np.where(between_bins, inside / np.where(between_bins, gap, 1.0), 1.0)
    start, width = (
        ends[classes, lower] + part * (ends[classes, upper] - ends[classes, lower])
        for ends in (quantiles[:, :, -1], scale)
    )
    excess = statistic - start
    out: Floats = np.log1p(-levels[-1]) - np.maximum(excess, 0.0) / width
    rows, cols = np.nonzero(excess <= 0)
    if len(rows):
        first, last = quantiles[cols, lower[rows, cols]], quantiles[cols, upper[rows, cols]]
        q = first + part[rows, cols, None] * (last - first)
        v = statistic[rows, cols]
        # the last quantile at or below the value, and how far it lies towards the next
        i = np.minimum((v[:, None] >= q).sum(axis=1) - 1, len(levels) - 2)
        each, known = np.arange(len(rows)), np.maximum(i, 0)
        lo, hi = q[each, known], q[each, known + 1]
        step = hi - lo
        between = np.minimum(np.maximum(v - lo, 0.0) / np.where(step > 0, step, np.inf), 1.0)
        level = levels[known] + between * (levels[known + 1] - levels[known])
        # where the statistic is zero in many draws, all of them are at least as large as it
        out[rows, cols] = np.where((i < 0) | (v <= 0), 0.0, np.log1p(-level))
    return out


def _chi_square_quantile(upper: float) -> float:
    """Value that a chi-square of one degree of freedom exceeds with probability ``upper``, by bisection."""
    lo, hi = 0.0, 60.0
    for _ in range(80):
        middle = 0.5 * (lo + hi)
        lo, hi = (middle, hi) if math.erfc(math.sqrt(middle / 2)) > upper else (lo, middle)
    return lo
