"""Small quadratic problems over non-negative unknowns, one at a time, by the method of Lawson and Hanson."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["minimise"]

Floats = NDArray[np.float64]

_RIDGE = 1e-13  # on the unit diagonal: what depends on others has a solution, too
_FLAT = 1e-12  # of the largest gradient at zero: what counts as no descent


def minimise(g: Floats, b: Floats, start: Floats) -> Floats:
    """Minimise x'Gx/2 - b'x over x >= 0.

    Parameters
    ----------
    g : (K, K) float64
        Symmetric, positive semidefinite. An unknown with a zero diagonal gets 0.
    b : (K,) float64
        Linear part.
    start : (K,) float64
        Where it is above zero, an unknown is first taken as above zero. The result depends on it by rounding
        alone.

    Returns
    -------
    (K,) float64
        The solution of the problem scaled to a unit diagonal, with a ridge of 1e-13 added: equal unknowns
        share.

    References
    ----------
    C. L. Lawson, R. J. Hanson, Solving Least Squares Problems (1974), chapter 23.

    Examples
    --------
    >>> minimise(np.array([[2.0, 1.0], [1.0, 2.0]]), np.array([3.0, 1.0]), np.ones(2)).round(6)
    array([1.5, 0. ])
    """
    diagonal = np.diag(g)
    used = diagonal > 0
    scale = np.where(used, 1 / np.sqrt(np.where(used, diagonal, 1.0)), 0.0)
    unit, right = g * scale[:, None] * scale + _RIDGE * np.eye(len(b)), b * scale
    above = used & (start > 0)
    x = np.where(above, start * np.sqrt(np.where(used, diagonal, 1.0)), 0.0)
    x, above = _inside(unit, right, x, above)
    for _ in range(20 * len(b) + 20):  # ends by itself long before, but for rounding
        gradient = np.where(above | ~used, 0.0, right - unit @ x)
        if gradient.max(initial=0.0) <= _FLAT * np.abs(right).max(initial=0.0):
            break
        above = above.copy()
        above[np.argmax(gradient)] = True
        x, above = _inside(unit, right, x, above)
    return x * scale


def _inside(
    unit: Floats, right: Floats, x: Floats, above: NDArray[np.bool_]
) -> tuple[Floats, NDArray[np.bool_]]:
    """Solve for the unknowns above zero, and walk there only as far as none of them falls below."""
    while above.any():
        to = np.zeros_like(x)
        to[above] = np.linalg.solve(unit[np.ix_(above, above)], right[above])
        below = above & (to <= 0)
        if not below.any():
            return to, above
        share = np.full(len(x), np.inf)
        share[below] = x[below] / np.maximum(x[below] - to[below], np.finfo(float).tiny)
        first = share.min()
        x = np.maximum(x + first * (to - x), 0.0)
        above = above & (share > first)
        x = np.where(above, x, 0.0)
    return np.zeros_like(x), above
