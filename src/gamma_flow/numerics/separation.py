"""How well two templates can be told apart by counting: expected significance, and the counts that it takes.

Let N counts of class i stand on B counts of background, mean mu = N t_i + B b, variance of a channel
v = mu + f^2 mu^2. The best that class j can do in place of i, the background fitted again, leaves ::

    Q_ij = min over x >= 0, y >= 0 of  sum (mu - x t_j - y b)^2 / v

and Z_ij = sqrt(Q_ij) is the expected significance, in standard deviations, with which i is told from j: the
likelihood ratio of the two on the spectrum of expected counts, linearised in the Fisher information of the
templates. It is what `gamma_flow.numerics.identify.replacement_loss` gives, for all pairs at once.

Templates made of few counts differ by their noise alone. With variances s^2 of the shapes, what noise is
expected to add to Q_ij, ``sum (N^2 s_i^2 + x^2 s_j^2) / v``, is taken off again.

References
----------
G. Cowan, K. Cranmer, E. Gross, O. Vitells, "Asymptotic formulae for likelihood-based tests of new physics",
Eur. Phys. J. C 71 (2011) 1554: the median significance from the expected spectrum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.errors import DataError, IncompatibleError
from gamma_flow.numerics.information import FLOOR, UNKNOWN
from gamma_flow.numerics.similarity import matrix, refuse_nonfinite

__all__ = ["Conditioning", "conditioning", "counts_needed", "pair_significance"]

Floats = NDArray[np.float64]

_LEAST, _MOST = 0.0, 12.0  # log10 of the counts between which an answer is looked for
_STEPS = 4  # a decade
_ROUNDING = 1e-12  # of the information about a class: what is left of it beside the others is rounding below


def pair_significance(
    shapes: ArrayLike,
    background: ArrayLike | None,
    counts: float,
    background_counts: float,
    *,
    variances: ArrayLike | None = None,
    mismatch: float = 0.0,
    floor: float = FLOOR,
) -> Floats:
    """Return the significance with which each class is told from each other one.

    Parameters
    ----------
    shapes : (K, C) array_like
        Templates of unit sum.
    background : (C,) array_like or None
        Shape of the background, of unit sum; None where there is none.
    counts : float
        N, counts of the class.
    background_counts : float
        B, counts of the background beside it; not used without one.
    variances : (K, C) array_like, optional
        Squared standard errors of the shapes; exact ones by default.
    mismatch : float
        f, the relative standard deviation of each channel beyond counting.
    floor : float
        Least counts a channel, as in the fit.

    Returns
    -------
    (K, K) float64
        Row i, column j: counts are of class i, and j stands for it. On the diagonal: nothing stands
        for it but the background. Not symmetric.

    Raises
    ------
    DataError
        Anything but finite numbers, no counts at all, a negative mismatch, a floor that is not positive.
    IncompatibleError
        A background or variances of other channels.

    Examples
    --------
    Two lines apart from each other, and a third template half of each:

    >>> pair_significance([[1, 0], [0, 1], [0.5, 0.5]], None, 100.0, 0.0).round(2)
    array([[10.  , 10.  , 10.  ],
           [10.  , 10.  , 10.  ],
           [ 7.07,  7.07, 10.  ]])
    """
    t, b, s2 = _templates(shapes, background, variances)
    _refuse(counts, background_counts, mismatch, floor)
    beside = background_counts if b is not None else 0.0
    out = np.empty((len(t), len(t)))
    for i in range(len(t)):
        mean = counts * t[i] + (beside * b if b is not None else 0.0)
        mean = np.maximum(mean, floor)
        w = 1.0 / (mean + (mismatch * mean) ** 2)
        out[i] = _losses(t, b, s2, i, counts, beside, w)
    return np.sqrt(out)


def _losses(
    t: Floats, b: Floats | None, s2: Floats | None, i: int, counts: float, beside: float, w: Floats
) -> Floats:
    """Return Q_ij for all j, (K,), and at j = i what the background alone leaves."""
    tw = t * w
    ii, ij, jj = tw[i] @ t[i], tw @ t[i], np.einsum("kc,kc->k", tw, t)
    whole = ii * counts**2
    size = np.where(jj > 0, jj, 1.0)
    if b is None:
        x = np.maximum(ij, 0.0) / size * counts
        found = whole - x * np.maximum(ij, 0.0) * counts
        x[i], found[i] = 0.0, whole
    else:
        bb, ib, jb = (b * w) @ b, tw[i] @ b, tw @ b
        # beside the background: what is left of i, of j, and of their product
        own, each, both = ii - ib**2 / bb, jj - jb**2 / bb, ij - ib * jb / bb
        sure = each > _ROUNDING * jj
        x = np.where(sure, both / np.where(sure, each, 1.0), 0.0) * counts
        y = (ib * counts - x * jb) / bb + beside
        found = (own * counts - x * both) * counts
        # on the edges of the quarter plane: no j, or no background
        mj = np.maximum(counts * ij + beside * jb, 0.0)
        without_b = whole + 2 * counts * beside * ib + beside**2 * bb - mj**2 / size
        outside = (x < 0) | (y < 0)
        no_j = outside & (own * counts**2 <= np.where(mj > 0, without_b, np.inf))
        no_j[i] = True
        no_b = outside & ~no_j
        found = np.where(no_j, own * counts**2, np.where(no_b, without_b, found))
        x = np.where(no_j, 0.0, np.where(no_b, mj / size, x))
    if s2 is not None:
        noise = s2 @ w
        found = found - noise[i] * counts**2 - x**2 * noise
    return np.asarray(np.where(found > _ROUNDING * whole, found, 0.0))


def counts_needed(
    shapes: ArrayLike,
    background: ArrayLike | None,
    ratio: float,
    significance: float,
    *,
    variances: ArrayLike | None = None,
    mismatch: float = 0.0,
    floor: float = FLOOR,
) -> Floats:
    """Return the counts from which each pair is told apart at a significance.

    Parameters
    ----------
    shapes, background, variances, mismatch, floor
        As for `pair_significance`.
    ratio : float
        B / N, counts of the background for each count of the class.
    significance : float
        Standard deviations.

    Returns
    -------
    (K, K) float64
        N, from 1 to 1e12, by interpolation between four points a decade (better than a percent); infinite
        where more counts do not help, because the templates are equal or the mismatch limits.

    Raises
    ------
    DataError, IncompatibleError
        As `pair_significance` does, and for a significance that is not positive.

    Examples
    --------
    >>> counts_needed([[0.6, 0.4], [0.4, 0.6]], None, 0.0, 3.0).round(1)
    array([[ 9., 63.],
           [63.,  9.]])
    """
    if not significance > 0:
        raise DataError("the significance is positive", expected="> 0", found=f"{significance:g}")
    grid = np.linspace(_LEAST, _MOST, round((_MOST - _LEAST) * _STEPS) + 1)
    goal = np.log10(significance)
    count = len(np.asarray(shapes))
    out = np.full((count, count), np.inf)
    before: Floats | None = None
    for number, at in enumerate(grid):
        size = 10.0**at
        with np.errstate(divide="ignore"):
            z = pair_significance(
                shapes,
                background,
                size,
                ratio * size,
                variances=variances,
                mismatch=mismatch,
                floor=floor,
            )
            now = np.log10(z)
        new = (now >= goal) & np.isinf(out)
        if before is None:
            out[new] = size
        else:
            climb = now[new] - before[new]
            part = np.where(np.isfinite(climb) & (climb > 0), (goal - before[new]) / climb, 1.0)
            out[new] = 10.0 ** (grid[number - 1] + part * (at - grid[number - 1]))
        before = now
        if not np.isinf(out).any():
            break
    return out


@dataclass(frozen=True, slots=True)
class Conditioning:
    """How much templates get in each other's way when all are fitted together.

    Parameters
    ----------
    number : float
        Largest over smallest eigenvalue of the information scaled to a unit diagonal: 1 for templates without
        anything in common, infinite where one is a sum of others.
    inflation : (K,) float64
        By how much the error of a score grows because all the others are fitted too, at least 1 (the root of
        what statistics call the variance inflation factor).
    """

    number: float
    inflation: Floats


def conditioning(information: ArrayLike) -> Conditioning:
    """Return the condition number of an information matrix scaled to a unit diagonal, and error inflations.

    Parameters
    ----------
    information : (K, K) array_like
        Fisher information of scores, of `gamma_flow.numerics.information.information`; positive diagonal.

    Returns
    -------
    Conditioning
        The number and the inflation of each class.

    Raises
    ------
    DataError
        Not a square of finite numbers with a positive diagonal.

    References
    ----------
    D. A. Belsley, E. Kuh, R. E. Welsch, Regression Diagnostics (1980), chapter 3.

    Examples
    --------
    >>> found = conditioning([[4.0, 1.6], [1.6, 1.0]])
    >>> round(found.number, 3), found.inflation.round(3)
    (9.0, array([1.667, 1.667]))
    """
    s = np.asarray(information, np.float64)
    if s.ndim != 2 or s.shape[0] != s.shape[1] or not np.isfinite(s).all() or (np.diag(s) <= 0).any():
        raise DataError(
            "this is no information matrix",
            expected="a square of finite numbers with a positive diagonal",
            found=f"shape {s.shape}",
        )
    size = np.sqrt(np.diag(s))
    values, vectors = np.linalg.eigh(s / np.outer(size, size))
    least = values[0]
    number = float(values[-1] / least) if least > UNKNOWN * values[-1] else float("inf")
    safe = np.maximum(values, UNKNOWN * values[-1])
    variance = np.einsum("ij,j,ij->i", vectors, 1.0 / safe, vectors)
    return Conditioning(number, np.sqrt(np.maximum(variance, 1.0)))


def _templates(
    shapes: ArrayLike, background: ArrayLike | None, variances: ArrayLike | None
) -> tuple[Floats, Floats | None, Floats | None]:
    t = _rows(shapes, "shapes")
    b = None if background is None else _rows(np.asarray(background)[None, ...], "background")
    s2 = None if variances is None else _rows(variances, "variances")
    for part, expected, where in ((b, (1, t.shape[1]), "background"), (s2, t.shape, "variances")):
        if part is not None and part.shape != expected:
            raise IncompatibleError(
                f"{where} and templates do not fit", expected=str(expected), found=str(part.shape)
            )
    return t, None if b is None else b[0], s2


def _rows(values: ArrayLike, where: str) -> Floats:
    given = matrix(values, where)
    refuse_nonfinite(given, where, 0)
    return np.asarray(given, np.float64)


def _refuse(counts: float, background_counts: float, mismatch: float, floor: float) -> None:
    if not (counts > 0 and background_counts >= 0 and mismatch >= 0 and floor > 0):
        raise DataError(
            "counts and floor are positive, background and mismatch not negative",
            found=f"counts {counts:g}, background {background_counts:g}, mismatch {mismatch:g}, "
            f"floor {floor:g}",
        )
