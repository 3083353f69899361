"""The slow twin of the compiled Poisson fit; the method stands in `gamma_flow.numerics.poisson`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow.numerics._quadratic import minimise

__all__ = ["poisson"]

Floats = NDArray[np.float64]

_FISHER_STEPS = 3  # with the expected curvature, which knows channels without a count, too
_NEAR = 0.5  # violation below which the curvature of the likelihood itself is safe
_LEAST_CURVATURE = 1e-3  # of the expected one


def poisson(
    values: NDArray[Any],
    shapes: Floats,
    floor: float,
    tolerance: float,
    steps: int,
    scores: Floats,
    summary: Floats,
    threads: int,
) -> None:
    """Fit every row of ``values`` (N, C); fill ``scores`` (N, K) and ``summary`` (N, 4) as the kernel does.

    ``summary``: log-likelihood, violation of the optimality conditions, steps, 1 where the tolerance is
    missed. ``threads`` is for the kernel; here there is one.
    """
    del threads
    for i, value in enumerate(values):
        y = value.astype(np.float64)
        scores[i], violation, taken = _one(y, shapes, floor, tolerance, steps)
        mean = scores[i] @ shapes + floor
        summary[i] = [(y * np.log(mean) - mean).sum(), violation, taken, violation > tolerance]


def _one(y: Floats, t: Floats, floor: float, tolerance: float, steps: int) -> tuple[Floats, float, int]:
    sums, total = t.sum(axis=1), y.sum()
    used = sums > 0
    each = np.where(used, sums, 1.0)
    a = np.where(used, total / (len(t) * each), 0.0)
    if total <= 0:
        return a, 0.0, 0
    taken = 0
    while True:
        mean = a @ t + floor
        gradient = t @ ((y - mean) / mean)
        relative = np.where(used, gradient / each, 0.0)
        missed = np.maximum(relative, np.abs(relative) * a * sums / max(total, 1.0))
        violation = float(missed.max()) if np.isfinite(missed).all() else np.inf
        if violation <= tolerance or taken == steps or violation == np.inf:
            return a, violation, taken
        w = _curvature(y, mean, taken, violation)
        g = (t * w) @ t.T
        to = minimise(g, gradient + g @ a, a)
        way = _ascent(y, mean, (to - a) @ t, floor)
        if way > 0:
            a = to if way == 1 else np.maximum(a + way * (to - a), 0.0)
        else:
            a = _one_by_one(y, t, a, floor)
        taken += 1


def _curvature(y: Floats, mean: Floats, taken: int, violation: float) -> Floats:
    """Return minus the second derivative of each channel's likelihood by its mean, or what is safer."""
    if taken < _FISHER_STEPS:
        return 1 / mean
    if violation < _NEAR:
        return np.maximum(y, _LEAST_CURVATURE * mean) / mean**2
    return np.maximum(y, mean) / mean**2


def _ascent(y: Floats, mean: Floats, change: Floats, floor: float) -> float:
    """Return how far to go along a change of the mean, 0 to 1: at least half the way to the maximum on it.

    The likelihood is concave, so that its slope tells: where the slope is not negative, it has only grown. A
    slope keeps its digits where differences of the likelihood itself are lost in rounding.
    """

    def slope(way: float) -> float:
        at = np.maximum(mean + way * change, floor)
        return float((change * ((y - at) / at)).sum())

    low, at_low, high, at_high = 0.0, slope(0.0), 1.0, slope(1.0)
    if not at_low > 0:
        return 0.0
    if at_high >= 0:
        return 1.0
    for i in range(60):
        way = low + (high - low) * (at_low / (at_low - at_high) if i % 3 < 2 else 0.5)
        way = min(max(way, low + 0.05 * (high - low)), high - 0.05 * (high - low))
        now = slope(way)
        if now >= 0:
            low, at_low = way, now
        else:
            high, at_high = way, now
        if low >= 0.5 * high:
            break
    return low


def _one_by_one(y: Floats, t: Floats, a: Floats, floor: float) -> Floats:
    """Improve one score after the other: slow, but no dependence between templates can stop it."""
    a = a.copy()
    for j, shape in enumerate(t):
        mean = a @ t + floor
        curvature = float((shape**2 * np.maximum(y, mean) / mean**2).sum())
        if curvature > 0:
            step = max(float(shape @ ((y - mean) / mean)) / curvature, -a[j])
            a[j] = max(a[j] + _ascent(y, mean, step * shape, floor) * step, 0.0)
    return a
