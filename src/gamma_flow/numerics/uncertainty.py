"""How sure scores are: intervals that respect zero, errors of shares, decision and detection limits.

Three things stand between a standard deviation and an interval that covers (benchmarks/coverage.py has the
figures):

- *Zero.* A score is not negative. The normal distribution about the unconstrained estimate is cut at zero,
  and an estimate that is not significant gets an upper bound only.
- *Few counts.* The variance of a Poisson score grows with the score. An estimate that is low by chance comes
  with an error that is too small, so each bound is where the estimate would lie at a quantile of the
  distribution *at the bound*, not of the one at the estimate (Wilson's score interval).
- *The others.* Classes that are absent cannot get negative scores, so by chance alone they take counts from
  the present ones, most of all from the background: it comes out low by about one standard deviation where
  nine classes may. `settled` gives back what insignificant scores took. It helps where most classes are
  absent and hurts where weak ones are there; an interval that spans both readings covers in both cases.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.errors import DataError, IncompatibleError
from gamma_flow.numerics.information import inverse
from gamma_flow.numerics.normal import cdf, quantile

__all__ = ["Limits", "intervals", "limits", "settled", "share_errors"]

Floats = NDArray[np.float64]

_FARTHEST = -30.0  # standard deviations below zero: the cut distribution is an exponential there already
_ONE_SIDED = 1.6448536269514722  # the 95 % quantile
# Prior odds of a class to be there: the less, the more is given back, and the wider the intervals that span
# both.
_PRIOR_ODDS = 1.0
_PRIOR_WIDTH = 8.0  # standard deviations over which the score of a class that is there may lie


def intervals(
    free: ArrayLike,
    errors: ArrayLike,
    level: float = 0.95,
    *,
    settled: ArrayLike | None = None,
    unit: ArrayLike = 1.0,
) -> Floats:
    """Return intervals of scores that cannot be negative.

    From zero to the ``level`` quantile where the estimate is below 1.645 of its standard deviations, else
    between the two quantiles that leave equal tails; all of a normal distribution cut at zero whose variance
    is that at the bound, ``errors^2 + unit (bound - max(free, 0))``.

    Parameters
    ----------
    free : (N, K) array_like
        Unconstrained estimates, counts; negative ones are allowed.
    errors : (N, K) array_like
        Their standard deviations; infinite where nothing is known.
    level : float
        Probability, between 0 and 1.
    settled : (N, K) array_like, optional
        Second reading of the estimates, as the function `settled` returns it: the interval then spans both.
    unit : float or array_like that broadcasts to (N, K)
        Variance that a unit of score adds: 1 for counts (`gamma_flow.numerics.information.absent` has it
        exactly), 0 where the variance is known and does not depend on the score.

    Returns
    -------
    (N, K, 2) float64
        Lower and upper bounds, 0 <= lower <= upper; from 0 to infinity where nothing is known.

    Raises
    ------
    DataError
        NaN, an infinite estimate, a negative error or unit, a level outside 0 to 1.
    IncompatibleError
        Estimates and errors of different shapes.

    References
    ----------
    E. B. Wilson, Journal of the American Statistical Association 22 (1927) 209 (the variance at the bound);
    G. J. Feldman, R. D. Cousins, Physical Review D 57 (1998) 3873 (intervals at a boundary, and what may go
    wrong).

    Examples
    --------
    >>> intervals([[100.0, -3.0]], [[10.0, 5.0]]).round(1)
    array([[[ 82.2, 121.6],
            [  0. ,  10.1]]])
    """
    if not 0 < level < 1:
        raise DataError("a level lies between 0 and 1", where="level", expected="0 to 1", found=f"{level:g}")
    estimate, sd = _estimates(free, errors)
    added = np.broadcast_to(_not_negative(unit, "unit"), estimate.shape)
    out = _interval(estimate, sd, level, added)
    if settled is not None:
        other = _interval(_estimates(settled, errors)[0], sd, level, added)
        out = np.stack(
            [np.minimum(out[..., 0], other[..., 0]), np.maximum(out[..., 1], other[..., 1])], axis=-1
        )
    return out


def _interval(estimate: Floats, sd: Floats, level: float, unit: Floats) -> Floats:
    known = np.isfinite(sd)
    spread = np.where(known, sd, 1.0)
    far = estimate < _FARTHEST * spread
    centre = np.where(far, _FARTHEST * spread, estimate)
    with np.errstate(over="ignore"):  # next to no error: infinitely many of them from zero
        x = np.divide(centre, spread, out=np.full_like(centre, np.inf), where=spread > 0)
    one = x < _ONE_SIDED
    tail = np.where(one, 1.0 - level, 0.5 * (1.0 - level))
    inside = cdf(x)  # of the distribution, above zero
    up = -quantile(tail * inside)
    down = quantile(cdf(-x) + np.where(one, 0.5, tail) * inside)
    upper = _bound(centre, spread, up, unit)
    lower = np.where(one, 0.0, _bound(centre, spread, np.minimum(down, 0.0), unit))
    out = np.stack([np.where(known, lower, 0.0), np.where(known, np.maximum(upper, lower), np.inf)], axis=-1)
    return np.asarray(out, dtype=np.float64)


def _bound(estimate: Floats, sd: Floats, z: Floats, unit: Floats) -> Floats:
    """Solve ``bound - estimate = z sqrt(sd^2 + unit (bound - max(estimate, 0)))`` for the bound."""
    score = np.maximum(estimate, 0.0)
    below = estimate - score
    half = below + 0.5 * z * z * unit
    more = (z * sd) ** 2 - below * below
    root = np.sqrt(np.maximum(half * half + more, 0.0))
    # of two numbers that nearly cancel the quotient keeps the digits
    turned = (z < 0) & (half > 0)
    away = np.divide(-more, half + root, out=np.zeros_like(root), where=turned)
    return np.asarray(np.maximum(score + np.where(turned, away, half + np.sign(z) * root), 0.0))


def settled(scores: ArrayLike, free: ArrayLike, errors: ArrayLike, information: ArrayLike) -> Floats:
    """Return estimates from which the pull of insignificant scores is taken.

    A score of x standard deviations is kept with the probability that its class is there: even odds before,
    and if it is there, any score up to 8 standard deviations equally likely. (0.3 of a score of one standard
    deviation are kept, 0.7 of one of two, nearly all of one of three.) What is not kept goes to the others by
    least squares: to those that are kept by more than half, and in turn to each of the rest.

    Parameters
    ----------
    scores : (N, K) array_like
        Fitted, not negative.
    free, errors : (N, K) array_like
        As for `intervals`.
    information : (N, K, K) array_like
        Of the scores, at the fitted mean: `gamma_flow.numerics.information.information`.

    Returns
    -------
    (N, K) float64
        A second reading of the estimates beside ``free``, for `intervals`; the fit itself is not changed.

    Raises
    ------
    DataError, IncompatibleError
        As `intervals` does.

    Examples
    --------
    Five counts for a class that may well be absent, taken from the first in part:

    >>> settled([[100.0, 5.0]], [[100.0, 5.0]], [[10.0, 5.0]], [[[0.01, 0.005], [0.005, 0.04]]]).round(2)
    array([[101.74,   5.  ]])
    """
    estimate, sd = _estimates(free, errors)
    fitted, s = np.asarray(scores, np.float64), np.asarray(information, np.float64)
    n, k = estimate.shape
    if fitted.shape != (n, k) or s.shape != (n, k, k):
        raise IncompatibleError(
            "scores, estimates and information do not fit",
            expected=f"{(n, k)} and {(n, k, k)}",
            found=f"{fitted.shape} and {s.shape}",
        )
    kept = _kept(estimate, sd)
    big = kept >= 0.5
    given = np.where(big, 0.0, fitted * (1.0 - kept))
    cov = inverse(s, big)
    pull = np.einsum("nij,nj->ni", s, given)
    to_big = np.einsum("nij,nj->ni", cov, pull)
    # for a class that is not big: free beside the big ones, the others given to it but not itself
    rest = pull - np.einsum("nij,nj->ni", s, to_big)
    own = np.einsum("nkk->nk", s) - np.einsum("nki,nij,njk->nk", s, cov, s)
    floor = 1e-9 * np.einsum("nkk->nk", s)
    to_rest = np.where(own > floor, rest / np.where(own > floor, own, 1.0) - given, 0.0)
    return np.asarray(estimate + np.where(big, to_big, to_rest))


def _kept(estimate: Floats, sd: Floats) -> Floats:
    x = np.divide(estimate, sd, out=np.zeros_like(estimate), where=sd > 0)
    x = np.where(sd > 0, np.clip(x, 0.0, 20.0), np.where(estimate > 0, 20.0, 0.0))
    odds = _PRIOR_ODDS / _PRIOR_WIDTH * np.sqrt(2 * np.pi) * cdf(x) * np.exp(0.5 * x * x)
    return np.asarray(np.where(x > 0, odds / (1.0 + odds), 0.0))


def share_errors(scores: ArrayLike, errors: ArrayLike) -> Floats:
    """Return the standard deviations of shares, scores over their sum, to first order.

    With s_k = a_k / A: ``(1 - s_k)^2 var_k + s_k^2 (sum of the other variances)`` over A^2. Without
    covariances, correlations are neglected: templates that resemble each other have anticorrelated scores,
    and their shares then are less sure than this says (the sum is sure, its parts are not).

    Parameters
    ----------
    scores : (N, K) array_like
        Counts, not negative.
    errors : (N, K) or (N, K, K) array_like
        Standard deviations, or the full covariance (`gamma_flow.numerics.information.covariance`).

    Returns
    -------
    (N, K) float64
        At most 1, which stands for "nothing is known": where the sum is zero or an error infinite.

    Raises
    ------
    DataError
        NaN, negative scores or errors.
    IncompatibleError
        Shapes that do not fit.

    Examples
    --------
    >>> share_errors([[75.0, 25.0]], [[10.0, 5.0]]).round(4)
    array([[0.0451, 0.0451]])
    >>> share_errors([[75.0, 25.0]], [[[100.0, -40.0], [-40.0, 25.0]]]).round(4)
    array([[0.0594, 0.0594]])
    """
    a = _not_negative(scores, "scores")
    spread = np.asarray(errors, np.float64)
    full = spread.ndim == 3
    if a.ndim != 2 or spread.shape != ((*a.shape, a.shape[1]) if full else a.shape):
        raise IncompatibleError(
            "errors do not fit the scores",
            expected="(N, K) and (N, K) or (N, K, K)",
            found=f"{a.shape} and {spread.shape}",
        )
    if not full:
        spread = _not_negative(spread, "errors")
    if np.isnan(spread).any():
        raise DataError("an error is not a number", where="errors", expected="no NaN", found="NaN")
    total = a.sum(axis=1, keepdims=True)
    share = a / np.where(total > 0, total, 1.0)
    bounded = np.where(np.isfinite(spread), spread, 0.0)
    if full:
        own = np.einsum("nkk->nk", bounded)
        across = bounded.sum(axis=2)
        variance = own - 2 * share * across + share**2 * across.sum(axis=1, keepdims=True)
    else:
        own = bounded**2
        variance = (1 - 2 * share) * own + share**2 * own.sum(axis=1, keepdims=True)
    known = (total > 0) & np.isfinite(spread.sum(axis=tuple(range(1, spread.ndim))))[:, None]
    sd = np.sqrt(np.maximum(variance, 0.0)) / np.where(total > 0, total, 1.0)
    return np.asarray(np.where(known, np.minimum(sd, 1.0), 1.0))


@dataclass(frozen=True, slots=True)
class Limits:
    """What a measurement can decide and detect.

    Parameters
    ----------
    decision_threshold : (N, K)
        y*: an estimate above it is a decision for the class, wrong with probability alpha where the class is
        absent. Counts.
    detection_limit : (N, K)
        y#: a true score of this size is missed with probability beta. Counts; infinite where no score is
        found so surely.
    """

    decision_threshold: Floats
    detection_limit: Floats


def limits(
    sd0: ArrayLike,
    unit: ArrayLike = 1.0,
    *,
    relative: ArrayLike = 0.0,
    alpha: float = 0.05,
    beta: float = 0.05,
) -> Limits:
    """Return decision thresholds and detection limits of scores.

    ``y* = k_alpha u(0)`` and ``y# = y* + k_beta u(y#)`` with ``u(y)^2 = sd0^2 + unit y + relative^2 y^2``;
    the second is a quadratic equation, solved as such. Divide by live time for rates, by the counts of one
    becquerel and second for activities.

    Parameters
    ----------
    sd0 : (N, K) array_like
        Standard deviation of each score when its class is absent, counts:
        `gamma_flow.numerics.information.absent`; infinite where nothing is known.
    unit : array_like that broadcasts to (N, K)
        Variance that a unit of score adds.
    relative : array_like that broadcasts to (N, K)
        Relative standard uncertainty of what turns counts into the quantity wanted (efficiency, template).
    alpha, beta : float
        Chances to find what is not there and to miss what is; between 0 and 0.5.

    Returns
    -------
    Limits
        Infinite detection limits where ``k_beta relative >= 1``: there more signal is never more certain.

    Raises
    ------
    DataError
        NaN, negative numbers, an alpha or beta outside 0 to 0.5.

    References
    ----------
    L. A. Currie, Analytical Chemistry 40 (1968) 586; ISO 11929-1:2019.

    Examples
    --------
    Currie's paired observations of 100 counts of background: 2.33 sqrt(B) and 2.71 + 4.65 sqrt(B).

    >>> found = limits([[(2 * 100.0) ** 0.5]])
    >>> found.decision_threshold.round(1), found.detection_limit.round(1)
    (array([[23.3]]), array([[49.2]]))
    """
    for chance, name in ((alpha, "alpha"), (beta, "beta")):
        if not 0 < chance < 0.5:
            raise DataError(
                "a chance to be wrong lies between 0 and 0.5",
                where=name,
                expected="0 to 0.5",
                found=f"{chance:g}",
            )
    u0, v, r = np.broadcast_arrays(
        _not_negative(sd0, "sd0"), _not_negative(unit, "unit"), _not_negative(relative, "relative")
    )
    k_alpha, k_beta = (-float(quantile(chance)) for chance in (alpha, beta))
    known = np.isfinite(u0)
    base = np.where(known, u0, 0.0)
    threshold = k_alpha * base
    first = 1.0 - (k_beta * r) ** 2
    possible = known & (first > 0)
    a = np.where(possible, first, 1.0)
    half = threshold + 0.5 * k_beta**2 * v
    # (1 - k^2 r^2) y^2 - 2 half y + y*^2 - k^2 u0^2 = 0; the larger root
    root = np.sqrt(np.maximum(half * half - a * (threshold**2 - (k_beta * base) ** 2), 0.0))
    return Limits(
        np.asarray(np.where(known, threshold, np.inf)),
        np.asarray(np.where(possible, (half + root) / a, np.inf)),
    )


def _estimates(free: ArrayLike, errors: ArrayLike) -> tuple[Floats, Floats]:
    estimate, sd = np.asarray(free, np.float64), _not_negative(errors, "errors")
    if estimate.ndim != 2 or estimate.shape != sd.shape:
        raise IncompatibleError(
            "estimates and errors do not fit",
            expected="(N, K) both",
            found=f"{estimate.shape} and {sd.shape}",
        )
    if not np.isfinite(estimate).all():
        raise DataError(
            "an estimate is not finite", where="free", expected="finite numbers", found="NaN or infinity"
        )
    return estimate, sd


def _not_negative(values: ArrayLike, where: str) -> Floats:
    found = np.asarray(values, np.float64)
    if found.size and not found.min() >= 0:
        raise DataError(
            "numbers have to be zero or more", where=where, expected=">= 0", found=f"{float(found.min()):g}"
        )
    return found
