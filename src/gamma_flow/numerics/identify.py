"""Which classes the counts of a spectrum cannot tell apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.errors import DataError, IncompatibleError
from gamma_flow.numerics.information import inverse

__all__ = ["groups", "replacement_loss"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

_BLOCK = 1 << 20  # numbers held at a time
_LEAST = 1e-12  # of its information: what is left to a class beside the others is rounding below
_SWEEPS = 100


def groups(
    information: ArrayLike, scores: ArrayLike, present: ArrayLike | None = None, *, threshold: float = 2.71
) -> Ints:
    """Return which classes form one group in each spectrum, because its counts do not separate them.

    A present class i and another class j are one group if i can be left out at an expected loss of deviance
    below the threshold when j takes its place (all present classes fitted again), and only then: if i could
    be left out without j as well, i is weak, not confused. Groups are closed: i with j and j with k makes i
    with k.

    Parameters
    ----------
    information : (N, K, K) array_like
        Fisher information of the scores at the fit (`gamma_flow.numerics.information.information`).
    scores : (N, K) array_like
        Fitted counts, not negative.
    present : (N, K) array_like of bool, optional
        Classes that were found; those with a score above zero without it.
    threshold : float
        Loss of deviance (twice that of log-likelihood): 2.71 is the 90 % quantile of chi-square with one
        degree of freedom.

    Returns
    -------
    (N, K) int64
        Group of each class: the number of its first member. A class that is alone has its own number.

    Raises
    ------
    DataError
        Numbers that are not finite, negative scores, a threshold that is not positive.
    IncompatibleError
        Shapes that do not fit each other.

    Notes
    -----
    Linearised at the fit: the loss of a change d of the scores is ``d S d`` with the information S. Scores of
    the others may not fall below zero by it.

    Examples
    --------
    Two shapes that are nearly one, and a third:

    >>> s = [[[1.0, 0.999, 0.1], [0.999, 1.0, 0.1], [0.1, 0.1, 1.0]]]
    >>> groups(s, [[20.0, 0.0, 20.0]])
    array([[0, 0, 2]])
    >>> groups(s, [[200.0, 0.0, 20.0]])
    array([[0, 1, 2]])
    """
    s, a, there = _checked(information, scores, present, threshold)
    n, k = a.shape
    out = np.empty((n, k), dtype=np.int64)
    step = max(1, _BLOCK // max(1, k * k))
    for start in range(0, n, step):
        rows = slice(start, min(start + step, n))
        out[rows] = _closed(_confused(s[rows], a[rows], there[rows], threshold))
    return out


def replacement_loss(
    information: ArrayLike, scores: ArrayLike, present: ArrayLike | None = None
) -> tuple[Floats, Floats]:
    """Return what it costs to leave a class out when another one takes its place, and when it does not.

    Parameters
    ----------
    information, scores, present
        As for `groups`.

    Returns
    -------
    with_other, without : (N, K, K) float64
        Expected loss of deviance when class i is left out and all present classes are fitted again, with
        class j and without (its score held, if it is present). Infinite in rows of absent classes and on the
        diagonal; scores may turn negative in these fits.

    Raises
    ------
    DataError, IncompatibleError
        As `groups` does.

    Examples
    --------
    >>> s = [[[1.0, 0.8], [0.8, 1.0]]]
    >>> with_other, without = replacement_loss(s, [[10.0, 0.0]])
    >>> with_other[0, 0, 1].round(1), without[0, 0, 1].round(1)
    (np.float64(36.0), np.float64(100.0))
    """
    s, a, there = _checked(information, scores, present, 1.0)
    found = _losses(s, a, there)
    return found[0], found[1]


def _losses(s: Floats, a: Floats, there: Bools) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Return both losses, covariance of the present, their answer to j, and what is left to j."""
    k = a.shape[1]
    cov = inverse(s, there)
    own = np.einsum("nkk->nk", cov)
    answer = np.einsum("nip,npj->nij", cov, s)  # of present i to absent j
    left = np.einsum("nkk->nk", s) - np.einsum("npj,npj->nj", s, answer)
    left = np.maximum(left, _LEAST * np.einsum("nkk->nk", s))
    left = np.where(left > 0, left, 1.0)
    both = there[:, None, :]
    # variances of the score i when it is free with the present classes and j, and with them less j
    more = own[:, :, None] + np.where(both, 0.0, answer**2 / left[:, None, :])
    less = own[:, :, None] - np.where(both, cov**2 / np.where(own > 0, own, 1.0)[:, None, :], 0.0)
    square = (a**2)[:, :, None]
    counted = there[:, :, None] & ~np.eye(k, dtype=bool)
    losses = []
    for v in (more, less):
        sure = counted & (v > 0)
        losses.append(np.where(sure, np.broadcast_to(square, v.shape) / np.where(sure, v, 1.0), np.inf))
    return losses[0], losses[1], cov, answer, left


def _confused(s: Floats, a: Floats, there: Bools, threshold: float) -> Bools:
    """Return whether j may stand for i, (n, K, K)."""
    with_other, without, cov, answer, left = _losses(s, a, there)
    edges = (with_other < threshold) & (without >= threshold)
    rows, i, j = np.nonzero(edges)
    if len(rows) == 0:
        return edges
    # the fit in which j stands for i; j absent so far has the score 0
    new = ~there[rows, j]
    reply = np.where(new[:, None], answer[rows, :, j], 0.0)
    gain = np.where(new, reply[np.arange(len(rows)), i] / left[rows, j], 0.0)
    column = cov[rows, :, i] + gain[:, None] * reply
    column[new, j[new]] -= gain[new]
    each = np.arange(len(rows))
    base = np.where(there[rows], a[rows], 0.0)
    after = base - column * (base[each, i] / column[each, i])[:, None]
    after[each, i] = 0.0
    negative = np.flatnonzero(after.min(axis=1) < -1e-9 * base.max(axis=1))
    if len(negative):
        allowed = there[rows[negative]].copy()
        each = np.arange(len(negative))
        allowed[each, j[negative]] = True
        allowed[each, i[negative]] = False
        loss = _bounded(s[rows[negative]], base[negative], after[negative], allowed)
        bad = negative[loss >= threshold]
        edges[rows[bad], i[bad], j[bad]] = False
    return edges


def _bounded(s: Floats, a: Floats, start: Floats, allowed: Bools) -> Floats:
    """Return the least loss of non-negative scores: coordinate descent from those cut at zero."""
    x = np.where(allowed, np.maximum(start, 0.0), 0.0)
    size = np.einsum("nkk->nk", s)
    free = allowed & (size > 0)
    slope = np.einsum("nij,nj->ni", s, a - x)
    for _ in range(_SWEEPS):
        for k in range(a.shape[1]):
            move = np.where(free[:, k], slope[:, k] / np.where(free[:, k], size[:, k], 1.0), 0.0)
            move = np.maximum(move, -x[:, k])
            x[:, k] += move
            slope -= s[:, :, k] * move[:, None]
    rest = a - x
    return np.asarray(np.einsum("ni,nij,nj->n", rest, s, rest))


def _closed(edges: Bools) -> Ints:
    """Return the first member of each class's group, from pairs."""
    k = edges.shape[1]
    near = edges | edges.transpose(0, 2, 1) | np.eye(k, dtype=bool)
    reach = 1
    while reach < k:
        near = (near.astype(np.float32) @ near.astype(np.float32)) > 0
        reach *= 2
    return np.asarray(near.argmax(axis=2), dtype=np.int64)


def _checked(
    information: ArrayLike, scores: ArrayLike, present: ArrayLike | None, threshold: float
) -> tuple[Floats, Floats, Bools]:
    s, a = np.asarray(information, np.float64), np.asarray(scores, np.float64)
    there = a > 0 if present is None else np.asarray(present, bool) & (a > 0)
    if a.ndim != 2 or s.shape != (*a.shape, a.shape[1]) or there.shape != a.shape:
        raise IncompatibleError(
            "information, scores and presence do not fit",
            expected="(N, K, K), (N, K) and (N, K)",
            found=f"{s.shape}, {a.shape} and {there.shape}",
        )
    if not (np.isfinite(s).all() and np.isfinite(a).all() and (a >= 0).all()):
        raise DataError(
            "information and scores have to be finite, scores not negative",
            where="information or scores",
            expected="finite numbers",
            found="NaN, infinity or a negative score",
        )
    if not threshold > 0:
        raise DataError(
            "the threshold is positive", where="threshold", expected="> 0", found=f"{threshold:g}"
        )
    return s, a, there
