"""Decay and in-growth: the exponential of a decay matrix, each entry with full relative accuracy."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["propagator"]

Floats = NDArray[np.float64]


def propagator(constants: Floats, shares: Floats, age: float) -> Floats:
    """Return activities after ``age`` per activity at the start.

    Parameters
    ----------
    constants : ndarray, shape (M,)
        Decay constants in 1/s, parents before their daughters.
    shares : ndarray, shape (M, M)
        ``shares[d, p]`` is the share of the decays of p that lead to d; zero for d <= p.
    age : float
        Seconds.

    Returns
    -------
    ndarray, shape (M, M)
        ``[d, p]``: Bq of d for each Bq of p at the start.

    Notes
    -----
    Bateman's sum of exponentials cancels where constants lie close together, where they lie twenty orders
    apart, and where the age is short. Activities follow a' = K a, with K triangular and nothing negative
    beside its diagonal, so the exponential is taken without any subtraction: for a step h = age / 2^k with
    max(constant) h <= 1, exp(K h) = exp(-s) sum (K h + s)^m / m! with s = max(constant) h has positive terms
    only; then it is squared k times, with the diagonal, which is known, put in anew each time. An entry at
    depth d below the diagonal has then a relative error of some d k machine epsilons (J. Xue and Q. Ye,
    Math. Comp. 82 (2013) 1577, treat such matrices).
    """
    count = len(constants)
    fastest = float(constants.max(initial=0.0))
    squarings = max(0, math.ceil(math.log2(fastest * age))) if fastest * age > 1 else 0
    step = math.ldexp(age, -squarings)
    shift = fastest * step
    positive = constants[:, None] * step * shares + np.diag(shift - constants * step)
    term = np.eye(count)
    total = term.copy()
    for order in range(1, count + 24):
        term = term @ positive / order
        total += term
    total *= math.exp(-shift)
    for doubling in range(squarings + 1):
        if doubling:
            total = total @ total
            step *= 2.0
        np.fill_diagonal(total, np.exp(-constants * step))
    return total
