"""Is a class there? From a likelihood ratio to a p-value that holds for these data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Tail", "family_wise"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tail:
    """The p-value of a statistic from draws without the class, given the counts of a spectrum.

    In bins of equally many draws along log10 counts: the empirical distribution up to the quantile ``body``, an
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
        Probabilities, from 0 to ``body``.
    """

    at: Floats
    quantiles: Floats
    scale: Floats
    levels: Floats

    @classmethod
    def of(cls, statistic: ArrayLike, log_counts: ArrayLike, bins: int = 5, body: float = 0.9) -> Tail:
        """Make it from N draws."""
        t = np.asarray(statistic, np.float64)
        x = np.asarray(log_counts, np.float64)
        order = np.argsort(x, kind="stable")
        parts = np.array_split(order, bins)
        levels = np.linspace(0.0, body, 19)
        at, quantiles, scale = [], [], []
        for part in parts:
            values = np.sort(t[part])
            start = np.quantile(values, body)
            excess = values[values > start] - start
            at.append(np.median(x[part]))
            quantiles.append(np.quantile(values, levels))
            scale.append(max(float(excess.mean()) if len(excess) else 0.5, 0.3))
        return cls(np.array(at), np.array(quantiles), np.array(scale), levels)

    def log_p(self, statistic: ArrayLike, log_counts: ArrayLike) -> Floats:
        """Return the natural logarithm of the p-value of each spectrum."""
        t = np.asarray(statistic, np.float64)
        x = np.asarray(log_counts, np.float64)
        start = np.interp(x, self.at, self.quantiles[:, -1])
        scale = np.interp(x, self.at, self.scale)
        out: Floats = np.log(1 - self.levels[-1]) - np.maximum(t - start, 0) / scale
        below = np.flatnonzero(t <= start)
        if len(below):
            q = np.stack([np.interp(x[below], self.at, column) for column in self.quantiles.T], axis=1)
            rank = np.array([np.interp(v, row, self.levels) for v, row in zip(t[below], q, strict=True)])
            out[below] = np.where(t[below] <= q[:, 0], 0.0, np.log1p(-rank))
        return out


def family_wise(log_p: ArrayLike) -> Floats:
    """Return the probability that the smallest of K p-values is that small by chance: 1 - (1 - min p)^K."""
    p = np.asarray(log_p, np.float64)
    k = p.shape[1]
    return -np.expm1(k * np.log1p(-np.minimum(np.exp(p.min(axis=1)), 1 - 1e-16)))
