"""Non-negative least squares of many spectra on the same few templates.

The method, in four steps:

1. The templates are reduced once: templates T of unit norm and the constant spectrum are written as
   T.T = Q R with orthonormal Q (Householder), and a spectrum x enters only by Q.T x and its norm. That
   leaves a problem of the size of the number of templates, with the condition of T and not its square.
   Components free in sign are eliminated in the same step, because their columns come first in Q.
2. Which components are above zero is found for all spectra at once by block principal pivoting [1]_ [2]_,
   started from a few sweeps of coordinate descent. Spectra with equally many components above zero are
   solved together (a combinatorial idea of [3]_), by Cholesky factors with corrections computed from R, not
   from its square [4]_.
3. Spectra whose passive templates are nearly collinear are solved by modified Gram-Schmidt, and those on
   which pivoting turns in circles by the method of Lawson and Hanson [5]_, which cannot.
4. Cosine and explained variance follow from sums in the same small space; the denoised spectra are not
   formed, except for rows in which these sums cancel.

Arrays of step 2 and 3 have the spectra along their *last* axis: every operation runs over many spectra with
unit stride, and in the same order for each of them, so that neighbours do not change a result.

References
----------
.. [1] L. F. Portugal, J. J. Judice, L. N. Vicente, Mathematics of Computation 63 (1994) 625.
.. [2] J. Kim, H. Park, SIAM Journal on Scientific Computing 33 (2011) 3261.
.. [3] M. H. Van Benthem, M. R. Keenan, Journal of Chemometrics 18 (2004) 441.
.. [4] A. Bjorck, Linear Algebra and its Applications 88/89 (1987) 31.
.. [5] C. L. Lawson, R. J. Hanson, Solving Least Squares Problems (1974), chapter 23.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.errors import DataError, IncompatibleError
from gamma_flow.numerics import similarity
from gamma_flow.numerics._active_set import DEPENDENT, LANES, solve, times
from gamma_flow.numerics.similarity import FitQuality

__all__ = ["Unmixed", "fit_sums", "kkt_violation", "nnls", "unmix"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]

_NORMAL_RANGE = (1e-200, 1e200)  # of squared norms


@dataclass(frozen=True, slots=True)
class Unmixed:
    """Scores of spectra and how well they fit.

    Parameters
    ----------
    scores : (N, K) float64
        Amount of each template, in units of values over templates.
    quality : FitQuality
        Similarity of each spectrum to ``scores @ templates``.
    """

    scores: Floats
    quality: FitQuality


def nnls(
    values: ArrayLike, templates: ArrayLike, *, signed: ArrayLike | None = None, tolerance: float = 1e-9
) -> Floats:
    """Find the non-negative scores with which the templates fit each spectrum best.

    Minimises ``||values - scores @ templates||`` (2-norm) for every row, under ``scores >= 0``.

    Parameters
    ----------
    values : (N, C) array_like
        Spectra in counts or any other unit; negative values are allowed. Not modified.
    templates : (K, C) array_like
        Shapes. A row of zeros gets the score 0. Of identical shapes (up to a positive factor) the first one
        gets all, the others 0. Not modified.
    signed : (K,) bool array_like, optional
        Components whose scores may be negative; none without it.
    tolerance : float
        Largest violation of the optimality conditions, as `kkt_violation` measures it, with which a row is
        accepted from the fast method; others go through that of Lawson and Hanson. Accepted rows are solved
        to rounding, not to the tolerance.

    Returns
    -------
    (N, K) float64
        Scores. `kkt_violation` of them is at most 1e-9 wherever the fit does not cancel, that is, where the
        norms of the single components together are below 10^4 norms of the spectrum.

    Raises
    ------
    DataError
        For anything but finite real numbers in two dimensions, and for scores that no float64 can hold.
    IncompatibleError
        If values, templates and signed differ in channels or components.

    Notes
    -----
    The result of a row does not depend on the rows around it. Memory beyond input and output is bounded: the
    rows pass in blocks.

    Examples
    --------
    >>> templates = [[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]]
    >>> nnls([[2.0, 3.0, 1.0], [1.0, 0.0, -1.0]], templates).round(6)
    array([[2. , 1. ],
           [0.5, 0. ]])
    >>> nnls([[1.0, 0.0, -1.0]], templates, signed=[False, True]).round(6)
    array([[ 1., -1.]])
    """
    spectra, shapes, free = _checked(values, templates, signed)
    span = _Span.of(shapes, free)
    scores = np.zeros((len(spectra), len(shapes)))
    for rows, q, squares, scale in _projected(spectra, span):
        scores[rows, span.order] = _scores(span, q, squares, scale, tolerance, rows)[1]
    return scores


def unmix(
    values: ArrayLike, templates: ArrayLike, *, signed: ArrayLike | None = None, tolerance: float = 1e-9
) -> Unmixed:
    """Return what `nnls` returns and the quality of the fit, in one pass over the spectra.

    Parameters
    ----------
    values : (N, C) array_like
        Spectra.
    templates : (K, C) array_like
        Shapes.
    signed : (K,) bool array_like, optional
        Components whose scores may be negative.
    tolerance : float
        As for `nnls`.

    Returns
    -------
    Unmixed
        The scores (N, K), and cosine, centred cosine and explained variance (N,) of each spectrum and its
        denoised twin ``scores @ templates``, which is not formed.

    Raises
    ------
    DataError, IncompatibleError
        As `nnls` does.

    Examples
    --------
    >>> found = unmix([[2.0, 3.0, 1.0], [1.0, 0.0, -1.0]], [[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    >>> found.quality.explained_variance.round(6)
    array([1.      , 0.416667])
    """
    spectra, shapes, free = _checked(values, templates, signed)
    span = _Span.of(shapes, free)
    scores = np.zeros((len(spectra), len(shapes)))
    quality = np.empty((3, len(spectra)))
    for rows, q, squares, scale in _projected(spectra, span):
        units, scores[rows, span.order] = _scores(span, q, squares, scale, tolerance, rows)
        quality[:, rows] = _quality(span, q, squares, units, spectra[rows], scores[rows], shapes)
    return Unmixed(scores, FitQuality(*quality))


def fit_sums(values: ArrayLike, templates: ArrayLike, scores: ArrayLike) -> FitQuality:
    """Return the quality of fits that somebody else found, without forming the denoised spectra.

    Parameters
    ----------
    values : (N, C) array_like
        Spectra.
    templates : (K, C) array_like
        Shapes.
    scores : (N, K) array_like
        Any scores.

    Returns
    -------
    FitQuality
        Cosine, centred cosine and explained variance (N,) of each spectrum and ``scores @ templates``, as
        `similarity.fit_quality` computes them, to about 1e-10.

    Raises
    ------
    DataError
        For anything but finite real numbers in two dimensions.
    IncompatibleError
        If the shapes do not fit each other.

    Examples
    --------
    >>> fit_sums([[1.0, 2.0, 3.0]], [[1.0, 2.0, 2.0]], [[1.0]]).explained_variance.round(4)
    array([0.6667])
    """
    spectra, shapes, _ = _checked(values, templates, None)
    given = _checked_scores(scores, spectra, shapes)
    span = _Span.of(shapes, None)
    quality = np.empty((3, len(spectra)))
    for rows, q, squares, scale in _projected(spectra, span):
        similarity.refuse_nonfinite(given[rows], "scores", rows.start)
        units = np.zeros((len(span.order), q.shape[1]))
        n = rows.stop - rows.start
        units[:, :n] = (given[rows][:, span.order] * span.norms / scale[:n, None]).T
        quality[:, rows] = _quality(span, q, squares, units, spectra[rows], given[rows], shapes)
    return FitQuality(*quality)


def kkt_violation(
    values: ArrayLike, templates: ArrayLike, scores: ArrayLike, signed: ArrayLike | None = None
) -> Floats:
    """Return by how much scores miss the optimality conditions of non-negative least squares.

    With the residual ``r = values - scores @ templates`` and the gradient ``g_k = templates_k . r``, scores
    are optimal if and only if (Karush, Kuhn, Tucker) g_k = 0 where a score is above zero or free in sign,
    g_k <= 0 where it is zero, and no score is below zero unless free. The violation of a component is

    - ``|g_k|`` or ``max(g_k, 0)`` over (norm of template k times norm of the spectrum),
    - ``-score_k`` times the norm of template k over the norm of the spectrum, where it must not be negative,

    and that of a row is the largest of its components.

    Parameters
    ----------
    values : (N, C) array_like
        Spectra.
    templates : (K, C) array_like
        Shapes; rows of zeros take no part.
    scores : (N, K) array_like
        Scores, by whatever method.
    signed : (K,) bool array_like, optional
        Components whose scores may be negative.

    Returns
    -------
    (N,) float64
        Without unit, 0 for an exact optimum. For a zero spectrum 0 if the scores of it are zero, else inf.

    Raises
    ------
    DataError
        For anything but finite real numbers in two dimensions.
    IncompatibleError
        If the shapes do not fit each other.

    Examples
    --------
    >>> kkt_violation([[3.0, 4.0]], [[1.0, 0.0], [0.0, 1.0]], [[3.0, 0.0]])
    array([0.8])
    """
    spectra, shapes, free = _checked(values, templates, signed)
    given = _checked_scores(scores, spectra, shapes)
    unit, norms = similarity.unit_rows(shapes)
    out = np.zeros(len(spectra))
    for rows in similarity.blocks(len(spectra), spectra.shape[1]):
        similarity.refuse_nonfinite(spectra[rows], "values", rows.start)
        similarity.refuse_nonfinite(given[rows], "scores", rows.start)
        x, size = similarity.unit_rows(np.asarray(spectra[rows], dtype=np.float64))
        s = given[rows] * norms / np.where(size > 0, size, 1.0)[:, None]
        g = (x - s @ unit) @ unit.T
        missed = np.where((s != 0) | free, np.abs(g), np.maximum(g, 0.0))
        missed = np.maximum(missed, np.where(free, 0.0, -s))
        idle = np.where((s == 0).all(axis=1), 0.0, np.inf)
        out[rows] = np.where(size > 0, missed.max(axis=1), idle)
    return out


# ---------------------------------------------------------------------------------------------- input


def _checked(
    values: ArrayLike, templates: ArrayLike, signed: ArrayLike | None
) -> tuple[NDArray[Any], Floats, Bools]:
    spectra = similarity.matrix(values, "values")
    given = similarity.matrix(templates, "templates")
    if len(given) == 0:
        raise DataError("no templates", where="templates", expected="at least one row", found="none")
    similarity.refuse_nonfinite(given, "templates", 0)
    if given.shape[1] != spectra.shape[1]:
        raise IncompatibleError(
            "spectra and templates differ in their channels",
            expected=f"{given.shape[1]} channels, as the templates have",
            found=f"{spectra.shape[1]}",
            cure="bring both onto one axis",
        )
    free = np.zeros(len(given), dtype=np.bool_) if signed is None else np.asarray(signed)
    if free.dtype != np.bool_ or free.shape != (len(given),):
        raise IncompatibleError(
            "no mask over the components",
            where="signed",
            expected=f"bool, shape ({len(given)},)",
            found=f"{free.dtype}, shape {free.shape}",
        )
    return spectra, np.array(given, dtype=np.float64), free


def _checked_scores(scores: ArrayLike, spectra: NDArray[Any], shapes: Floats) -> NDArray[Any]:
    given = similarity.matrix(scores, "scores")
    expected = (len(spectra), len(shapes))
    if given.shape != expected:
        raise IncompatibleError(
            "not one score a spectrum and template",
            where="scores",
            expected=f"shape {expected}",
            found=f"{given.shape}",
        )
    return given


# ---------------------------------------------------------------------------------- the small space (1)


@dataclass(frozen=True, slots=True)
class _Span:
    """Orthonormal coordinates of everything the templates and the constant spectrum can make.

    ``order`` (J,) are the templates that take part, the ``n_free`` free in sign first; ``coordinates`` (M, J)
    are those of the unit templates, ``ones`` (M,) those of the constant spectrum, ``basis`` (C, M).
    """

    basis: Floats
    coordinates: Floats
    ones: Floats
    order: Ints
    n_free: int
    norms: Floats

    @classmethod
    def of(cls, shapes: Floats, free: Bools | None) -> _Span:
        unit, norms = similarity.unit_rows(shapes)
        if free is None:
            order, n_free = np.arange(len(shapes)), 0
        else:
            chosen = _independent(unit, np.flatnonzero(free))
            bound = np.flatnonzero(~free & (norms > 0))
            order, n_free = np.array([*chosen, *bound], dtype=np.intp), len(chosen)
        columns = np.column_stack([unit[order].T, np.ones(shapes.shape[1])])
        basis, triangle = np.linalg.qr(columns)
        return cls(basis, triangle[:, :-1].copy(), triangle[:, -1].copy(), order, n_free, norms[order])

    @property
    def n_channels(self) -> int:
        return len(self.basis)


def _independent(unit: Floats, candidates: Ints) -> list[int]:
    """Return the candidates that are not in the span of those before them."""
    chosen: list[int] = []
    basis = np.zeros((0, unit.shape[1]))
    for k in candidates:
        rest = unit[k]
        for _ in range(2):  # once more, because the first subtraction leaves rounding behind
            rest = rest - (basis @ rest) @ basis
        size = np.linalg.norm(rest)
        if size > DEPENDENT:
            chosen.append(int(k))
            basis = np.vstack([basis, rest / size])
    return chosen


def _projected(spectra: NDArray[Any], span: _Span) -> Iterator[tuple[slice, Floats, Floats, Floats]]:
    """Yield rows in blocks: slice, coordinates (M, n), squared norms (n,), scale (n,) they were divided by.

    n is the number of rows filled up with zero spectra to a multiple of the lanes.
    """
    size = int(np.clip((1 << 18) // (span.coordinates.shape[1] + 1), 512, 16384)) // LANES * LANES
    m = len(span.ones)
    for start in range(0, len(spectra), size):
        block = spectra[start : start + size]
        n = -(-len(block) // LANES) * LANES
        q, squares, scale = np.empty((n, m)), np.empty(n), np.ones(n)
        for part in similarity.blocks(len(block), span.n_channels, LANES):
            x, padded = _lanes(block[part])
            to = slice(part.start, part.start + padded)
            x, squares[to], scale[to] = _in_range(x, start + part.start)
            lanes = x.reshape(-1, LANES, span.n_channels)
            q[to] = (lanes @ span.basis).reshape(padded, m)
        yield slice(start, start + len(block)), np.ascontiguousarray(q.T), squares, scale


def _lanes(part: NDArray[Any]) -> tuple[Floats, int]:
    """Return float64 rows, unit stride along the channels, filled up to a multiple of the lanes."""
    n, width = part.shape
    padded = -(-n // LANES) * LANES
    if n == padded and part.dtype == np.float64 and part.strides[1] == part.itemsize:
        return part, padded
    x = np.zeros((padded, width))
    x[:n] = part
    return x, padded


def _in_range(x: Floats, first_row: int) -> tuple[Floats, Floats, Floats | float]:
    """Return rows whose squares do not over- or underflow, these squared norms, and the divisors of the rows.

    The squares are needed anyway, and they tell cheaply of NaN, of infinity and of extreme numbers.
    """
    with np.errstate(all="ignore"):
        squares = (x[:, None, :] @ x[:, :, None])[:, 0, 0]  # one dot product a row
    low, high = _NORMAL_RANGE
    extreme = np.flatnonzero(~((squares > low) & (squares < high)))
    if len(extreme) == 0:
        return x, squares, 1.0
    similarity.refuse_nonfinite(x, "values", first_row)
    largest = np.abs(x[extreme]).max(axis=1)
    if not largest.any():
        return x, squares, 1.0
    scale = np.ones(len(x))
    scale[extreme] = np.where(largest > 0, largest, 1.0)
    x = x / scale[:, None]
    return x, (x[:, None, :] @ x[:, :, None])[:, 0, 0], scale


# ------------------------------------------------------------------------------------ scores of a block


def _scores(
    span: _Span, q: Floats, squares: Floats, scale: Floats, tolerance: float, rows: slice
) -> tuple[Floats, Floats]:
    """Return the scores of unit templates (J, n), and those of the templates as given, (rows, J)."""
    free = span.n_free
    r = span.coordinates
    units = np.empty((r.shape[1], q.shape[1]))
    units[free:] = solve(r[free:, free:], q[free:], np.sqrt(squares), tolerance)
    rest = q[:free] - times(r[:free, free:], units[free:])
    for j in reversed(range(free)):
        units[j] = rest[j] / r[j, j]
        rest[:j] -= r[:j, j, None] * units[j]
    units += 0.0  # no negative zero
    n = rows.stop - rows.start
    with np.errstate(over="ignore", invalid="ignore"):
        scores = (units[:, :n] * (scale[:n] / span.norms[:, None])).T
    if not np.isfinite(scores).all():
        raise DataError(
            "scores are beyond the range of float64",
            where=f"rows {rows.start} to {rows.stop - 1}",
            cure="bring values and templates to similar scales",
        )
    return units, scores


# -------------------------------------------------------------------------------- quality from sums (4)


def _quality(
    span: _Span,
    q: Floats,
    squares: Floats,
    units: Floats,
    values: NDArray[Any],
    scores: NDArray[Any],
    shapes: Floats,
) -> Floats:
    """Return cosine, centred cosine and explained variance (3, rows) from sums in the small space."""
    c, n = span.n_channels, len(values)
    q, units, squares = q[:, :n], units, squares[:n]
    fit = times(span.coordinates, units)[:, :n]
    x1, f1 = (span.ones[:, None] * q).sum(axis=0), (span.ones[:, None] * fit).sum(axis=0)
    xf, ff = (q * fit).sum(axis=0), (fit * fit).sum(axis=0)
    outside = np.maximum(squares - (q * q).sum(axis=0), 0.0)
    residual = outside + ((q - fit) ** 2).sum(axis=0) - (x1 - f1) ** 2 / c
    spread_x, spread_f = squares - x1 * x1 / c, ff - f1 * f1 / c
    # Where differences cancel, six digits are lost, and the spectrum itself is needed.
    safe = (np.minimum(spread_x, residual) > 1e-6 * squares) & (spread_f > 1e-6 * ff)
    with np.errstate(all="ignore"):
        out = np.stack(
            [
                np.clip(xf / np.sqrt(squares * ff), -1.0, 1.0),
                np.clip((xf - x1 * f1 / c) / np.sqrt(spread_x * spread_f), -1.0, 1.0),
                1.0 - residual / spread_x,
            ]
        )
    empty = (squares == 0) & (ff == 0)
    out[:, empty] = np.array([[0.0], [0.0], [1.0]])
    rest = np.flatnonzero(~safe & ~empty)
    for part in similarity.blocks(len(rest), c):
        rows = rest[part]
        exact = similarity.fit_quality(values[rows], _fitted(scores[rows], shapes))
        out[:, rows] = exact.cosine, exact.centred_cosine, exact.explained_variance
    return out


def _fitted(scores: NDArray[Any], shapes: Floats) -> Floats:
    """Return denoised spectra; row by row the same sums, whatever rows there are."""
    return np.asarray(np.einsum("nk,kc->nc", np.asarray(scores, dtype=np.float64), shapes))
