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

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.errors import DataError, IncompatibleError
from gamma_flow.numerics import _checks, similarity
from gamma_flow.numerics._compiled import kernel
from gamma_flow.numerics._span import Span, fitted, projected, quality_of, solved
from gamma_flow.numerics.similarity import FitQuality

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["Unmixed", "Unmixer", "fit_sums", "kkt_violation", "nnls", "unmix"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

Ints = NDArray[np.intp]

_UNSOLVED, _CANCELS = 2, 1  # what the kernel says of a row that it leaves open
_ROWS = 16384  # in one go: what memory beyond input and output is bounded by


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


@dataclass(frozen=True, eq=False)
class Unmixer:
    """Templates made ready once, to unmix many batches, or one spectrum after the other.

    Parameters
    ----------
    templates : (K, C) array_like
        Shapes. A copy is kept, read-only.
    signed : (K,) bool array_like, optional
        Components whose scores may be negative; none without it.
    tolerance : float
        As for `nnls`.

    Raises
    ------
    DataError, IncompatibleError
        As `nnls` does, for what is wrong with templates and signed.

    Examples
    --------
    >>> unmixer = Unmixer([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    >>> unmixer.unmix([[2.0, 3.0, 1.0]]).scores.round(6)
    array([[2., 1.]])
    """

    templates: Floats
    signed: Bools
    tolerance: float
    _span: Span = field(repr=False)

    def __init__(
        self, templates: ArrayLike, signed: ArrayLike | None = None, tolerance: float = 1e-9
    ) -> None:
        shapes, free = _checked_templates(templates, signed)
        shapes.flags.writeable = free.flags.writeable = False
        for name, value in (("templates", shapes), ("signed", free), ("tolerance", float(tolerance))):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_span", Span.of(shapes, free))

    def nnls(self, values: ArrayLike, *, threads: int = 1) -> Floats:
        """Return the scores (N, K) of spectra (N, C), as the function `nnls` does."""
        spectra = _checked_spectra(values, self.templates)
        return self._scores(spectra, threads, None)

    def unmix(self, values: ArrayLike, *, threads: int = 1) -> Unmixed:
        """Return the scores of spectra (N, C) and the quality of the fit, as the function `unmix` does."""
        spectra = _checked_spectra(values, self.templates)
        quality = np.empty((3, len(spectra)))
        scores = self._scores(spectra, threads, quality)
        return Unmixed(scores, FitQuality(quality[0], quality[1], quality[2]))

    def quality(self, values: ArrayLike, scores: ArrayLike) -> FitQuality:
        """Return the quality of scores (N, K) that somebody else found, as the function `fit_sums` does."""
        return _quality(_checked_spectra(values, self.templates), self.templates, scores)

    def _scores(self, spectra: NDArray[Any], threads: int, quality: Floats | None) -> Floats:
        """Return scores (N, K), and fill the quality (3, N) if it is asked for."""
        threads = _checks.threads_of(threads)
        compiled = kernel() if self._span.small is not None else None
        n = len(spectra)
        scores = np.zeros((n, len(self.templates)))
        if compiled is None:
            self._by_numpy(spectra, scores, quality, range(n))
            return scores
        for start in range(0, n, _ROWS):
            rows = slice(start, start + _ROWS)
            part = None if quality is None else quality[:, rows]
            self._by_kernel(compiled, spectra[rows], scores[rows], part, threads, start)
        return scores

    def _by_kernel(
        self,
        compiled: ModuleType,
        spectra: NDArray[Any],
        scores: Floats,
        quality: Floats | None,
        threads: int,
        first: int,
    ) -> None:
        """Fill scores (n, K) and quality (3, n); rows that the kernel leaves open are filled by numpy."""
        small = self._span.small
        assert small is not None
        spectra = _checks.spectra_of(spectra)
        found = scores if small.columns is None else np.zeros((len(spectra), len(small.columns)))
        told = np.empty((len(spectra), 4))
        compiled.least_squares(
            spectra,
            small.basis,
            small.coordinates,
            small.ones,
            small.norms,
            self._span.n_free,
            self.tolerance,
            found,
            told,
            threads,
        )
        if small.columns is not None:
            scores[:, small.columns] = found
        if quality is not None:
            quality[:] = told[:, :3].T
        if told[:, 3].any():
            self._left_open(spectra, scores, quality, told[:, 3], first)

    def _left_open(
        self, spectra: NDArray[Any], scores: Floats, quality: Floats | None, state: Floats, first: int
    ) -> None:
        """Solve the rows that the kernel could not; compute the quality of those in which sums cancel."""
        rows = np.flatnonzero(state == _UNSOLVED)
        if len(rows):
            for i in rows[~np.isfinite(spectra[rows]).all(axis=1)][:1]:
                similarity.refuse_nonfinite(spectra[i : i + 1], "values", first + int(i))
            part = np.zeros((len(rows), scores.shape[1]))
            part_quality = None if quality is None else np.empty((3, len(rows)))
            self._by_numpy(spectra[rows], part, part_quality, rows + first)
            scores[rows] = part
            if quality is not None:
                quality[:, rows] = part_quality
        if quality is not None:
            cancels = np.flatnonzero(state == _CANCELS)
            for at in similarity.blocks(len(cancels), spectra.shape[1]):
                rows = cancels[at]
                exact = similarity.fit_quality(spectra[rows], fitted(scores[rows], self.templates))
                quality[:, rows] = exact.cosine, exact.centred_cosine, exact.explained_variance

    def _by_numpy(
        self, spectra: NDArray[Any], scores: Floats, quality: Floats | None, numbers: Ints | range
    ) -> None:
        """Fill scores (n, K) and quality (3, n); an error calls the rows by their numbers (n,)."""
        span = self._span
        for rows, q, squares, scale in projected(spectra, span):
            units, scores[rows, span.order] = solved(span, q, squares, scale, self.tolerance, numbers[rows])
            if quality is not None:
                quality[:, rows] = quality_of(
                    span, q, squares, units, spectra[rows], scores[rows], self.templates
                )


def nnls(
    values: ArrayLike,
    templates: ArrayLike,
    *,
    signed: ArrayLike | None = None,
    tolerance: float = 1e-9,
    threads: int = 1,
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
    threads : int
        Threads of the compiled kernel. They change no digit.

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
    SettingsError
        For a number of threads that is none.

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
    return Unmixer(templates, signed, tolerance).nnls(values, threads=threads)


def unmix(
    values: ArrayLike,
    templates: ArrayLike,
    *,
    signed: ArrayLike | None = None,
    tolerance: float = 1e-9,
    threads: int = 1,
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
    threads : int
        As for `nnls`.

    Returns
    -------
    Unmixed
        The scores (N, K), and cosine, centred cosine and explained variance (N,) of each spectrum and its
        denoised twin ``scores @ templates``, which is not formed.

    Raises
    ------
    DataError, IncompatibleError, SettingsError
        As `nnls` does.

    Examples
    --------
    >>> found = unmix([[2.0, 3.0, 1.0], [1.0, 0.0, -1.0]], [[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    >>> found.quality.explained_variance.round(6)
    array([1.      , 0.416667])
    """
    return Unmixer(templates, signed, tolerance).unmix(values, threads=threads)


def fit_sums(values: ArrayLike, templates: ArrayLike, scores: ArrayLike) -> FitQuality:
    """Return the quality of fits that somebody else found; the denoised spectra are formed block by block.

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
    shapes = _checks.templates_of(templates)
    return _quality(_checked_spectra(values, shapes), shapes, scores)


def _quality(spectra: NDArray[Any], shapes: Floats, scores: ArrayLike) -> FitQuality:
    given = _checked_scores(scores, spectra, shapes)
    _checks.refuse_nonfinite_rows(given, "scores")
    quality = np.empty((3, len(spectra)))
    for rows in similarity.blocks(*spectra.shape):
        block = np.asarray(spectra[rows], dtype=np.float64)
        with np.errstate(all="ignore"):  # rows whose squares leave the range are taken the slow way
            fit = fitted(given[rows], shapes)
            quality[:, rows], cancels = similarity.quick_quality(block, fit)
        if len(cancels):
            similarity.refuse_nonfinite(block, "values", rows.start)
            exact = similarity.fit_quality(block[cancels], fit[cancels])
            places = rows.start + cancels
            quality[:, places] = exact.cosine, exact.centred_cosine, exact.explained_variance
    return FitQuality(quality[0], quality[1], quality[2])


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
    shapes, free = _checked_templates(templates, signed)
    return _checked_spectra(values, shapes), shapes, free


def _checked_templates(templates: ArrayLike, signed: ArrayLike | None) -> tuple[Floats, Bools]:
    given = similarity.matrix(templates, "templates")
    if len(given) == 0:
        raise DataError("no templates", where="templates", expected="at least one row", found="none")
    similarity.refuse_nonfinite(given, "templates", 0)
    free = np.zeros(len(given), dtype=np.bool_) if signed is None else np.array(signed)
    if free.dtype != np.bool_ or free.shape != (len(given),):
        raise IncompatibleError(
            "no mask over the components",
            where="signed",
            expected=f"bool, shape ({len(given)},)",
            found=f"{free.dtype}, shape {free.shape}",
        )
    return np.array(given, dtype=np.float64), free


def _checked_spectra(values: ArrayLike, shapes: Floats) -> NDArray[Any]:
    spectra = similarity.matrix(values, "values")
    if shapes.shape[1] != spectra.shape[1]:
        raise IncompatibleError(
            "spectra and templates differ in their channels",
            expected=f"{shapes.shape[1]} channels, as the templates have",
            found=f"{spectra.shape[1]}",
            cure="bring both onto one axis",
        )
    return spectra


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
