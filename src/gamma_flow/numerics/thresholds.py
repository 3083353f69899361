"""How well one number tells unknowns from knowns: curves against a threshold, area, logistic fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.errors import DataError, IncompatibleError

__all__ = ["Curves", "Logistic", "Side", "auc_of", "called", "curves", "logistic", "ranking_auc"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Side = Literal["below", "above"]

_STEPS = 100  # of Newton's method
_RIDGE = (
    1e-4  # prior precision of the standardised slope: classes that do not overlap would send it to infinity
)
_CONVERGED = 1e-10


@dataclass(frozen=True, slots=True)
class Curves:
    """What each threshold does; the first calls nothing unknown, the last everything.

    Parameters
    ----------
    threshold : (T,)
        Between neighbouring values, so that no value lies on one; in the order of a growing part that is
        called unknown: ascending for the side "below", descending for "above".
    accuracy, precision, recall, false_positive_rate : (T,)
        Recall is the true-positive rate. The precision is NaN where nothing is called.
    """

    threshold: Floats
    accuracy: Floats
    precision: Floats
    recall: Floats
    false_positive_rate: Floats


@dataclass(frozen=True, slots=True)
class Logistic:
    """A sigmoid: the probability to be unknown is ``1 / (1 + exp(-slope (x - midpoint)))``.

    Parameters
    ----------
    midpoint : float
        Where it is one half.
    slope : float
        Negative where low values are unknown.
    """

    midpoint: float
    slope: float

    def probability(self, values: ArrayLike) -> Floats:
        """Return the probability to be unknown, shape of the values.

        Examples
        --------
        >>> Logistic(0.5, -10.0).probability([0.0, 0.5, 1.0]).round(3)
        array([0.993, 0.5  , 0.007])
        """
        z = self.slope * (np.asarray(values, np.float64) - self.midpoint)
        return np.asarray(0.5 * (1.0 + np.tanh(0.5 * z)))


def called(values: ArrayLike, threshold: float, side: Side) -> Bools:
    """Tell which values are on the side of the unknowns, the threshold itself included, shape (N,).

    Examples
    --------
    >>> called([0.1, 0.5, 0.9], 0.5, "below")
    array([ True,  True, False])
    """
    x = np.asarray(values, np.float64)
    return np.asarray(x <= threshold if side == "below" else x >= threshold)


def curves(values: ArrayLike, unknown: ArrayLike, side: Side) -> Curves:
    """Return accuracy, precision, recall and false-positive rate at all thresholds that differ.

    Parameters
    ----------
    values : (N,) array_like
        Finite.
    unknown : (N,) array_like of bool
        The truth; of both kinds one at least.
    side : {"below", "above"}
        On which side of a threshold values are called unknown.

    Returns
    -------
    Curves
        One threshold more than there are different values.

    Raises
    ------
    DataError
        Values that are not finite, no unknown or no known.
    IncompatibleError
        Shapes that differ.

    Examples
    --------
    >>> found = curves([0.1, 0.3, 0.8, 0.9], [True, False, True, False], "below")
    >>> found.threshold.round(2), found.recall
    (array([0.1 , 0.2 , 0.55, 0.85, 0.9 ]), array([0. , 0.5, 0.5, 1. , 1. ]))
    """
    x, truth = _checked(values, unknown)
    x = x if side == "below" else -x
    distinct, place = np.unique(x, return_inverse=True)
    hits = np.concatenate([[0], np.bincount(place, truth, len(distinct)).cumsum()])
    alarms = np.concatenate([[0], np.bincount(place, ~truth, len(distinct)).cumsum()])
    positive, negative = hits[-1], alarms[-1]
    between = distinct[:-1] + 0.5 * np.diff(distinct)
    between = np.where(between < distinct[1:], between, distinct[:-1])  # neighbours among the floats
    threshold = np.concatenate([[np.nextafter(distinct[0], -np.inf)], between, distinct[-1:]])
    all_called = hits + alarms
    precision = np.divide(hits, all_called, out=np.full(len(hits), np.nan), where=all_called > 0)
    return Curves(
        threshold if side == "below" else -threshold,
        (hits + negative - alarms) / (positive + negative),
        precision,
        hits / positive,
        alarms / negative,
    )


def ranking_auc(values: ArrayLike, unknown: ArrayLike, side: Side) -> float:
    """Return the area under the receiver operating characteristic: how often an unknown ranks first.

    Parameters, errors : as `curves`. Equal values count one half.

    References
    ----------
    H. B. Mann and D. R. Whitney, Annals of Mathematical Statistics 18 (1947) 50.

    Examples
    --------
    >>> ranking_auc([0.1, 0.3, 0.3], [True, True, False], "below")
    0.75
    """
    return auc_of(curves(values, unknown, side))


def auc_of(found: Curves) -> float:
    """Return the area below recall against false-positive rate."""
    height = 0.5 * (found.recall[1:] + found.recall[:-1])
    return float((height * np.diff(found.false_positive_rate)).sum())


def logistic(values: ArrayLike, unknown: ArrayLike) -> Logistic:
    """Fit the probability to be unknown by maximum likelihood (Newton's method).

    Parameters
    ----------
    values : (N,) array_like
        Finite, not all equal.
    unknown : (N,) array_like of bool
        The truth; of both kinds one at least.

    Raises
    ------
    DataError, IncompatibleError
        As `curves`; values that are all equal.

    Notes
    -----
    A ridge of 1e-4 on the standardised slope keeps it finite where no value of one kind lies among those of
    the other.

    References
    ----------
    D. R. Cox, Journal of the Royal Statistical Society B 20 (1958) 215.

    Examples
    --------
    >>> fit = logistic([0.1, 0.2, 0.3, 0.7, 0.8, 0.9], [True, True, True, False, False, False])
    >>> round(fit.midpoint, 3), fit.slope < 0
    (0.5, True)
    """
    x, truth = _checked(values, unknown)
    centre, scale = float(x.mean()), float(x.std())
    if not scale > 1e-12 * abs(centre):
        raise DataError("all values are equal, so nothing can be told by them", found=f"{centre:g}")
    design = np.column_stack([np.ones(len(x)), (x - centre) / scale])
    ridge = np.diag([0.0, _RIDGE])
    beta = np.array([np.log(truth.mean() / (1 - truth.mean())), 0.0])
    best = _loss(design, truth, beta)
    for _ in range(_STEPS):
        p = 0.5 * (1.0 + np.tanh(0.5 * (design @ beta)))
        weight = np.maximum(p * (1 - p), 1e-12)
        gradient = design.T @ (truth - p) - ridge @ beta
        step = np.linalg.solve((design * weight[:, None]).T @ design + ridge, gradient)
        part = 1.0
        while (loss := _loss(design, truth, beta + part * step)) > best and part > 1e-6:
            part *= 0.5  # far from the maximum a whole step may leap over it
        beta, gain, best = beta + part * step, best - loss, loss
        if gain <= _CONVERGED * (1 + abs(best)):
            break
    if abs(beta[1]) < 1e-9:
        raise DataError("known and unknown values are alike, so no sigmoid divides them", where="logistic")
    return Logistic(centre - scale * float(beta[0] / beta[1]), float(beta[1]) / scale)


def _loss(design: Floats, truth: Bools, beta: Floats) -> float:
    z = design @ beta
    return float(np.logaddexp(0.0, np.where(truth, -z, z)).sum() + 0.5 * _RIDGE * beta[1] ** 2)


def _checked(values: ArrayLike, unknown: ArrayLike) -> tuple[Floats, Bools]:
    x, truth = np.asarray(values, np.float64), np.asarray(unknown)
    if x.ndim != 1 or truth.shape != x.shape or truth.dtype != np.bool_:
        raise IncompatibleError(
            "values and truth do not fit",
            expected="(N,) numbers and (N,) bool",
            found=f"{x.shape} and {truth.dtype} {truth.shape}",
        )
    if not np.isfinite(x).all():
        raise DataError("a value is not finite", where="values")
    if truth.all() or not truth.any():
        raise DataError(
            "known and unknown values are needed",
            expected="one of each at least",
            found=f"{int((~truth).sum())} known, {int(truth.sum())} unknown",
        )
    return x, truth
