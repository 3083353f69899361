"""What counts can say about scores: Fisher information, its inverse, and the error of a class that is absent.

For counts with mean mu and variance mu + f^2 mu^2, templates T (K, C) and signed distortion columns V (J, C)
with a standard normal prior, the information about the scores with the distortions profiled out is the Schur
complement :

    S = T W T' - T W V' (1 + V W V')^-1 V W T',      W = 1 / (mu + f^2 mu^2)

The same matrix stands inside the compiled fit, which keeps its diagonal inverse only. Here it is for all who
need more: covariances, limits, classes that cannot be told apart.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.errors import DataError, IncompatibleError
from gamma_flow.numerics.decompose import Distortions

__all__ = ["absent", "covariance", "information"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_BLOCK = 1 << 21  # numbers held at a time
_RIDGE = 1e-13  # of the information about a distortion
FLOOR = 0.05
"""Counts a channel below which no mean falls, as in the fit."""
UNKNOWN = 1e-12
"""Of its information: what an inverse takes for zero. Below 100 times this nothing is left to a class."""


def information(
    scores: ArrayLike,
    shapes: ArrayLike,
    distortions: Distortions | None = None,
    *,
    mean: ArrayLike | None = None,
    mismatch: ArrayLike = 0.0,
    floor: float = FLOOR,
) -> Floats:
    """Return the Fisher information of the scores, distortions profiled out.

    Parameters
    ----------
    scores : (N, K) array_like
        Counts of each class, not negative.
    shapes : (K, C) array_like
        Templates of unit sum.
    distortions : Distortions, optional
        As in the fit; its first ``modes`` take part. Without it the templates are exact.
    mean : (N, C) array_like, optional
        Fitted counts; ``scores @ shapes`` without it.
    mismatch : float or (N,) array_like
        f, the relative standard deviation of each channel beyond counting.
    floor : float
        Least counts a channel.

    Returns
    -------
    (N, K, K) float64
        Per count squared; symmetric, positive semidefinite.

    Raises
    ------
    DataError
        For anything but finite numbers in two dimensions; negative scores; a floor that is not positive.
    IncompatibleError
        Shapes that do not fit each other.

    Examples
    --------
    >>> information([[100.0, 25.0]], [[1.0, 0.0], [0.0, 1.0]]).round(3)
    array([[[0.01, 0.  ],
            [0.  , 0.04]]])
    """
    given = _Given.of(scores, shapes, distortions, mean, mismatch, floor)
    out = np.empty((len(given.scores), given.k, given.k))
    for rows in given.blocks():
        out[rows] = given.projected(rows, given.mean(rows))[0]
    return out


def covariance(information: ArrayLike, free: ArrayLike) -> Floats:
    """Return the covariance of the scores that are free, from their information.

    Parameters
    ----------
    information : (N, K, K) array_like
        As of `information`.
    free : (N, K) array_like of bool
        Which scores are estimated: those above zero. The others are taken as known.

    Returns
    -------
    (N, K, K) float64
        Counts squared; rows and columns of scores that are not free are zero. Directions of which the data
        say nothing (below 1e-12 of the largest) get the variance that rounding leaves, never NaN.

    Raises
    ------
    IncompatibleError
        Shapes that do not fit each other.

    Examples
    --------
    >>> covariance([[[0.01, 0.0], [0.0, 0.04]]], [[True, False]]).round(3)
    array([[[100.,   0.],
            [  0.,   0.]]])
    """
    s = np.asarray(information, np.float64)
    mask = np.asarray(free, bool)
    if s.ndim != 3 or s.shape[1] != s.shape[2] or mask.shape != s.shape[:2]:
        raise IncompatibleError(
            "information and free scores do not fit",
            expected="(N, K, K) and (N, K)",
            found=f"{s.shape} and {mask.shape}",
        )
    return inverse(s, mask)


def inverse(matrices: Floats, free: Bools) -> Floats:
    """Invert (N, K, K) positive semidefinite matrices on the free rows and columns; zero elsewhere."""
    k = free.shape[1]
    both = free[:, :, None] & free[:, None, :]
    size = np.sqrt(np.maximum(np.einsum("nkk->nk", matrices), 0.0))
    size = np.where(free & (size > 0), size, 1.0)
    scaled = np.where(both, matrices, 0.0) / (size[:, :, None] * size[:, None, :])
    scaled[:, np.arange(k), np.arange(k)] = np.where(free, 1.0 + UNKNOWN, 1.0)
    values, vectors = np.linalg.eigh(scaled)
    values = np.maximum(values, UNKNOWN)
    found = np.einsum("nij,nj,nkj->nik", vectors, 1.0 / values, vectors)
    return np.asarray(np.where(both, found, 0.0) / (size[:, :, None] * size[:, None, :]))


def absent(
    scores: ArrayLike,
    shapes: ArrayLike,
    distortions: Distortions | None = None,
    *,
    mean: ArrayLike | None = None,
    mismatch: ArrayLike = 0.0,
    floor: float = FLOOR,
) -> tuple[Floats, Floats]:
    """Return the error of each score if its class were absent, and the variance that a unit of score adds.

    For each class its part is taken out of the mean, everything else stays. The score then is a linear
    function ``g . y`` of the counts, free with all classes above zero and all distortions, and its variance
    at a score y is ``sd0^2 + y unit`` with ``unit = sum g^2 T``: what
    `gamma_flow.numerics.uncertainty.limits` starts from.

    Parameters
    ----------
    scores, shapes, distortions, mean, mismatch, floor
        As for `information`.

    Returns
    -------
    sd0 : (N, K) float64
        Counts; infinite where the data say nothing of the class beside the others.
    unit : (N, K) float64
        Counts; at least 1 up to the prior of the distortions, 1 where the data say nothing.

    Raises
    ------
    DataError, IncompatibleError
        As `information` does.

    Examples
    --------
    A region and a second one that measures the background alone:

    >>> sd0, unit = absent([[30.0, 200.0]], [[1.0, 0.0], [0.5, 0.5]])
    >>> sd0[:, 0].round(3), unit[:, 0].round(3)
    (array([14.142]), array([1.]))
    """
    given = _Given.of(scores, shapes, distortions, mean, mismatch, floor)
    sd0, unit = np.full(given.scores.shape, np.inf), np.ones(given.scores.shape)
    for rows in given.blocks():
        whole, present = given.mean(rows), given.scores[rows] > 0
        base = given.projected(rows, whole)
        for k in range(given.k):
            own = given.scores[rows, k]
            places = np.flatnonzero(own > 0)
            chosen = np.arange(rows.start, rows.stop)
            s, columns = base[0].copy(), base[1].copy()
            if len(places):
                less = np.maximum(whole[places] - own[places, None] * given.shapes[k], floor)
                s[places], columns[places] = given.projected(chosen[places], less, without=k)
            others = present.copy()
            others[:, k] = False
            sd0[rows, k], unit[rows, k] = _alone(s, columns, others, k, given.shapes[k])
    return sd0, unit


def _alone(s: Floats, columns: Floats, others: Bools, k: int, shape: Floats) -> tuple[Floats, Floats]:
    """Return sd and added variance of class k, free with the others, from S and the rows that make it."""
    weight = -np.einsum("nij,nj->ni", inverse(s, others), s[:, :, k])
    weight[:, k] = 1.0
    left = np.einsum("nj,nj->n", weight, s[:, :, k])
    known = left > 100 * UNKNOWN * np.maximum(s[:, k, k], 1e-300)
    safe = np.where(known, left, 1.0)
    g = np.einsum("nj,njc->nc", weight, columns) / safe[:, None]
    return np.where(known, 1.0 / np.sqrt(safe), np.inf), np.where(
        known, np.maximum(np.einsum("nc,c->n", g * g, shape), 0.0), 1.0
    )


class _Given:
    """Checked arrays of a call."""

    def __init__(
        self,
        scores: Floats,
        shapes: Floats,
        columns: Distortions,
        mean: Floats | None,
        f: Floats,
        floor: float,
    ) -> None:
        self.scores, self.shapes, self.columns, self.fitted, self.f, self.floor = (
            scores,
            shapes,
            columns,
            mean,
            f,
            floor,
        )
        self.k, self.c = shapes.shape

    @classmethod
    def of(
        cls,
        scores: ArrayLike,
        shapes: ArrayLike,
        distortions: Distortions | None,
        mean: ArrayLike | None,
        mismatch: ArrayLike,
        floor: float,
    ) -> _Given:
        t, a = _table(shapes, "shapes"), _table(scores, "scores")
        k, c = t.shape
        if a.shape[1] != k:
            raise IncompatibleError(
                "scores and templates differ in classes", expected=f"{k}", found=f"{a.shape[1]}"
            )
        if (a < 0).any():
            raise DataError("a score is not negative", where="scores", expected=">= 0", found=f"{a.min():g}")
        if not floor > 0:
            raise DataError("the floor is positive", where="floor", expected="> 0", found=f"{floor:g}")
        columns = Distortions.none(k, c) if distortions is None else distortions
        fitted = None if mean is None else _table(mean, "mean")
        if fitted is not None and fitted.shape != (len(a), c):
            raise IncompatibleError(
                "mean and scores do not fit", expected=f"{(len(a), c)}", found=f"{fitted.shape}"
            )
        f = np.broadcast_to(np.asarray(mismatch, np.float64), (len(a),))
        return cls(a, t, columns, fitted, f, floor)

    def blocks(self) -> Iterator[slice]:
        width = self.c * (2 * self.k + self.k * self.columns.modes + len(self.columns.drift) + 1)
        step = max(1, _BLOCK // width)
        for start in range(0, len(self.scores), step):
            yield slice(start, min(start + step, len(self.scores)))

    def mean(self, rows: slice) -> Floats:
        made = self.scores[rows] @ self.shapes if self.fitted is None else self.fitted[rows]
        return np.asarray(np.maximum(made, self.floor))

    def projected(
        self, rows: slice | NDArray[np.intp], mean: Floats, without: int | None = None
    ) -> tuple[Floats, Floats]:
        """Return S (n, K, K) and the rows (n, K, C) with which it is made, S = rows @ shapes'."""
        a = self.scores[rows].copy()
        if without is not None:
            a[:, without] = 0.0
        w = 1.0 / (mean + (self.f[rows, None] * mean) ** 2)
        rows_of = self.shapes[None] * w[:, None, :]
        # distortions of an absent class are zero: as many classes as the fullest row has, the largest first
        most = int((a > 0).sum(axis=1).max(initial=0))
        largest = np.argsort(-a, axis=1, kind="stable")[:, :most]
        spread = self.columns.spread[largest, : self.columns.modes]
        spread *= np.take_along_axis(a, largest, axis=1)[:, :, None, None]
        v = np.concatenate(
            [
                spread.reshape(len(a), most * self.columns.modes, self.c),
                np.einsum("nk,dkc->ndc", a, self.columns.drift),
            ],
            axis=1,
        )
        if v.shape[1]:
            vw = v * w[:, None, :]
            inner = vw @ v.transpose(0, 2, 1)
            diagonal = np.arange(v.shape[1])
            inner[:, diagonal, diagonal] += 1.0
            # to unit diagonal, with a ridge of rounding size: at 1e12 counts the prior's 1 is lost
            size = np.sqrt(inner[:, diagonal, diagonal])[:, :, None]
            inner /= size * size.transpose(0, 2, 1)
            inner[:, diagonal, diagonal] += _RIDGE
            cross = (vw @ self.shapes.T) / size  # (n, J, K)
            rows_of = rows_of - (np.linalg.solve(inner, cross) / size).transpose(0, 2, 1) @ vw
        s = rows_of @ self.shapes.T
        return 0.5 * (s + s.transpose(0, 2, 1)), rows_of


def _table(values: ArrayLike, where: str) -> Floats:
    table = np.asarray(values, np.float64)
    if table.ndim != 2 or not np.isfinite(table).all():
        raise DataError(
            "a table of finite numbers is needed",
            where=where,
            expected="two dimensions, no NaN",
            found=f"shape {table.shape}" if table.ndim != 2 else "NaN or infinity",
        )
    return table
