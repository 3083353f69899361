"""Is a class there? From a likelihood ratio to a p-value that holds for these data."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["BODY", "LEVELS", "Tail", "log_p"]

Floats = NDArray[np.float64]

BODY = 0.95
"""Probability up to which draws speak for themselves; above it a distribution is fitted to them."""
LEVELS: Floats = np.concatenate([np.linspace(0.0, BODY, 20), [0.97, 0.98, 0.99, 0.995, 0.998, 0.999]])
"""Probabilities of the quantiles that are kept."""
LEVELS.setflags(write=False)

_LEAST_SCALE = 0.3  # of a tail, where draws say less
_CUT = 0.1  # of the largest excesses
_SHAPE_SD = 0.2  # of the tail's shape about zero, before any draw is seen
_SHAPES = (-0.2, 0.5)  # of the tail: those of evidence lie well within


@dataclass(frozen=True, slots=True)
class Tail:
    """The p-value of a statistic from draws without the class, given the counts of a spectrum.

    In bins of equally many draws along log10 counts: the empirical distribution up to `BODY`, a generalised
    Pareto distribution above it, an exponential one beyond the last quantile, all interpolated in log10
    counts.

    Parameters
    ----------
    at : (B,)
        Median of log10 counts in each bin.
    quantiles : (B, Q)
        Of the statistic, at the probabilities ``levels``.
    scale : (B,)
        Mean excess beyond the last of them.
    levels : (Q,)
        Probabilities, from 0.
    """

    at: Floats
    quantiles: Floats
    scale: Floats
    levels: Floats

    @classmethod
    def of(cls, statistic: ArrayLike, log_counts: ArrayLike, bins: int) -> Tail:
        """Make it from N draws of the statistic and of log10 counts, at least one a bin.

        Notes
        -----
        Where templates may be wrong, evidence has heavier tails than an exponential the more counts there
        are. The shape is a straight line in log10 counts, for the draws of one bin leave it too uncertain; it
        comes from probability-weighted moments [1]_. Each bin has its own scale, from the mean of its
        excesses with the largest tenth cut to where it begins, so that single draws far out weigh no more
        than others. The scale of n excesses is uncertain by one over n, which makes the tail's shape larger
        by as much.

        References
        ----------
        .. [1] J. R. M. Hosking, J. R. Wallis, Technometrics 29 (1987) 339.
        """
        t = np.asarray(statistic, np.float64)
        x = np.asarray(log_counts, np.float64)
        parts = np.array_split(np.argsort(x, kind="stable"), bins)
        at = np.array([np.median(x[part]) for part in parts])
        body = LEVELS <= BODY
        quantiles = np.array([np.quantile(t[part], LEVELS) for part in parts])
        start, share, cut, shape, weight = (np.zeros(bins) for _ in range(5))
        for b, part in enumerate(parts):
            above = t[part][t[part] > 0]
            # most draws may have no evidence at all: then the tail begins with the least there is
            start[b] = max(quantiles[b, body][-1], above.min(initial=np.inf) if len(above) else 0.0)
            excess = t[part][t[part] >= start[b]] - start[b] if start[b] > 0 else np.zeros(0)
            share[b], weight[b] = len(excess) / len(part), len(excess)
            cut[b], shape[b] = _cut_mean(excess), _shape(excess)
        shape = _straight(at, shape, weight)
        scale = np.maximum(cut * (1 - shape) / (1 - _CUT ** (1 - shape)), _LEAST_SCALE)
        shape = np.minimum(shape + 1 / np.maximum(weight, 1.0), _SHAPES[1])
        left = np.minimum((1 - LEVELS[~body]) / np.maximum(share, 1e-300)[:, None], 1.0)
        beyond = start[:, None] + scale[:, None] * _pareto(left, shape[:, None])
        quantiles[:, ~body] = np.where(left < 1, beyond, quantiles[:, ~body])
        quantiles = np.maximum.accumulate(quantiles, axis=1)
        return cls(at, quantiles, np.maximum(scale * left[:, -1] ** -shape, _LEAST_SCALE), LEVELS)

    @classmethod
    def chi_square(cls, bins: int) -> Tail:
        """Return what theory says of exact templates: zero half of the time, else chi-square of one degree.

        References
        ----------
        H. Chernoff, Annals of Mathematical Statistics 25 (1954) 573.
        """
        found = [0.0 if level <= 0.5 else _chi_square_quantile(2 * (1 - level)) for level in LEVELS]
        shape = (bins, len(LEVELS))
        return cls(
            np.arange(bins, dtype=float), np.broadcast_to(found, shape).copy(), np.full(bins, 2.0), LEVELS
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
    if len(statistic) == 1:
        return _log_p_of_one(statistic, float(log_counts[0]), at, quantiles, scale, levels)
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
    survival = np.log1p(-levels)
    out: Floats = survival[-1] - np.maximum(excess, 0.0) / width
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
        level = survival[known] + between * (survival[known + 1] - survival[known])
        # where the statistic is zero in many draws, all of them are at least as large as it
        out[rows, cols] = np.where((i < 0) | (v <= 0), 0.0, level)
    return out


def _log_p_of_one(
    statistic: Floats, x: float, at: Floats, quantiles: Floats, scale: Floats, levels: Floats
) -> Floats:
    """Return what `log_p` does of one spectrum, digit by digit: plain numbers are quicker for so few."""
    survival: list[float] = np.log1p(-levels).tolist()
    out: list[float] = []
    for k, (value, middles) in enumerate(zip(statistic[0].tolist(), at.tolist(), strict=True)):
        upper = min(sum([x >= middle for middle in middles]), len(middles) - 1)
        lower = max(upper - 1, 0)
        gap = middles[upper] - middles[lower]
        part = min(max(x - middles[lower], 0.0), gap) / gap if gap > 0 else 1.0
        first, last = quantiles[k, lower].tolist(), quantiles[k, upper].tolist()
        start = first[-1] + part * (last[-1] - first[-1])
        low, high = float(scale[k, lower]), float(scale[k, upper])
        excess = value - start
        if excess > 0:
            out.append(survival[-1] - excess / (low + part * (high - low)))
            continue
        if value <= 0:
            out.append(0.0)
            continue
        q = [one + part * (other - one) for one, other in zip(first, last, strict=True)]
        i = min(sum([value >= each for each in q]) - 1, len(q) - 2)
        if i < 0:
            out.append(0.0)
            continue
        step = q[i + 1] - q[i]
        between = min(max(value - q[i], 0.0) / step, 1.0) if step > 0 else 0.0
        out.append(survival[i] + between * (survival[i + 1] - survival[i]))
    return np.array([out])


def _cut_mean(excess: Floats) -> float:
    """Return the mean of excesses, none of them taken above the one that a tenth exceeds."""
    return float(np.minimum(excess, np.quantile(excess, 1 - _CUT)).mean()) if len(excess) else 0.5


def _shape(excess: Floats) -> float:
    """Return the shape of a generalised Pareto distribution from probability-weighted moments."""
    n = len(excess)
    if n < 3:
        return 0.0
    mean = float(excess.mean())
    second = 2 * float(np.sort(excess) @ np.arange(n)) / (n * (n - 1)) - mean
    return float(np.clip(2 - mean / second, *_SHAPES)) if second > 0 else 0.0


def _straight(at: Floats, shape: Floats, weight: Floats) -> Floats:
    """Return the shapes as a straight line over log counts, drawn towards zero where draws say little."""
    total = weight.sum()
    if not total > 0:
        return np.zeros_like(shape)
    centre = weight @ at / total
    square = weight @ (at - centre) ** 2
    # the variance of a bin's shape is about one over its number of excesses
    level = (weight @ shape) / (total + _SHAPE_SD**-2)
    slope = (weight @ ((at - centre) * shape)) / (square + _SHAPE_SD**-2)
    line: Floats = np.clip(level + slope * (at - centre), *_SHAPES)
    return line


def _pareto(survival: Floats, shape: Floats) -> Floats:
    """Return where a generalised Pareto distribution of scale one has these survival probabilities."""
    log = np.log(np.maximum(survival, 1e-300))
    small = np.abs(shape) < 1e-6
    safe = np.where(small, 1.0, shape)
    found: Floats = np.where(small, -log, np.expm1(-safe * log) / safe)
    return found


def _chi_square_quantile(upper: float) -> float:
    """Value that a chi-square of one degree of freedom exceeds with probability ``upper``, by bisection."""
    lo, hi = 0.0, 60.0
    for _ in range(80):
        middle = 0.5 * (lo + hi)
        lo, hi = (middle, hi) if math.erfc(math.sqrt(middle / 2)) > upper else (lo, middle)
    return lo
