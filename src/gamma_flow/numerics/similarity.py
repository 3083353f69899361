"""How alike two spectra are: cosine, centred cosine and explained variance, row by row.

All functions work through blocks of rows, so that the memory beyond input and output does not grow with
the number of spectra, and scale every row by its largest entry first, so that nothing overflows.

Degenerate rows have an answer too, never a NaN: a zero spectrum is alike to nothing (cosine 0), and neither
is a constant one once its mean is taken away (centred cosine 0). The explained variance of a constant
spectrum is 1 if its residual is constant as well, else 0. Constant means: to rounding, a spread of less than
1e-14 of the norm.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.errors import DataError, IncompatibleError

__all__ = ["FitQuality", "centred_cosine", "cosine", "cosine_matrix", "explained_variance", "fit_quality"]

Floats = NDArray[np.float64]

FLAT = 1e-14
"""A spread below this share of the norm is rounding."""

_BLOCK_VALUES = 1 << 16
_CANCELS = 1e-6  # share of the squared norm below which a spread lost too many digits
_LARGE = 1e150  # squared norms and their products up to this, and down to its inverse, keep their digits


@dataclass(frozen=True, slots=True)
class FitQuality:
    """How well models describe spectra.

    Parameters
    ----------
    cosine, centred_cosine, explained_variance : (N,) float64
        As the functions of the same names compute them.
    """

    cosine: Floats
    centred_cosine: Floats
    explained_variance: Floats


def cosine(a: ArrayLike, b: ArrayLike, *, active: ArrayLike | None = None) -> Floats:
    """Return the cosine of the angle between the spectra of two sets, row by row.

    Parameters
    ----------
    a, b : (N, C) array_like
        Spectra, any unit.
    active : (C,) bool array_like, optional
        Channels that take part; all without it.

    Returns
    -------
    (N,) float64
        Between -1 and 1; 0 where one of the two spectra is zero.

    Raises
    ------
    DataError
        For anything but finite real numbers in two dimensions.
    IncompatibleError
        For shapes that differ.

    Examples
    --------
    >>> cosine([[1, 0], [3, 4], [0, 0]], [[1, 1], [6, 8], [1, 2]]).round(3)
    array([0.707, 1.   , 0.   ])
    """
    return fit_quality(a, b, active=active).cosine


def centred_cosine(a: ArrayLike, b: ArrayLike, *, active: ArrayLike | None = None) -> Floats:
    """Return the cosine after each spectrum's mean over the channels was subtracted from it.

    This is the correlation coefficient over the channels, and the cosine similarity of Rädle et al. (2025).

    Parameters
    ----------
    a, b : (N, C) array_like
        Spectra, any unit.
    active : (C,) bool array_like, optional
        Channels that take part, in the means as well; all without it.

    Returns
    -------
    (N,) float64
        Between -1 and 1; 0 where one of the two spectra is constant.

    Raises
    ------
    DataError
        For anything but finite real numbers in two dimensions.
    IncompatibleError
        For shapes that differ.

    References
    ----------
    V. Rädle et al., "gamma_flow: Guided Analysis of Multi-label spectra by MAtrix Factorization for
    Lightweight Operational Workflows" (2025).

    Examples
    --------
    >>> centred_cosine([[1, 2, 3], [5, 5, 5]], [[11, 12, 13], [1, 2, 3]]).round(6)
    array([1., 0.])
    """
    return fit_quality(a, b, active=active).centred_cosine


def explained_variance(values: ArrayLike, model: ArrayLike, *, active: ArrayLike | None = None) -> Floats:
    """Return the share of each spectrum's variance over the channels that its model explains.

    ``1 - var(values - model) / var(values)`` for every row: scikit-learn's ``explained_variance_score`` with
    every spectrum as one output.

    Parameters
    ----------
    values, model : (N, C) array_like
        Spectra and their models, in the same unit.
    active : (C,) bool array_like, optional
        Channels that take part; all without it.

    Returns
    -------
    (N,) float64
        At most 1, negative where the model is worse than a constant. For a constant spectrum 1 if the
        residual is constant too, else 0.

    Raises
    ------
    DataError
        For anything but finite real numbers in two dimensions.
    IncompatibleError
        For shapes that differ.

    Examples
    --------
    >>> explained_variance([[1, 2, 3], [4, 4, 4]], [[1, 2, 2], [4, 4, 4]]).round(3)
    array([0.667, 1.   ])
    """
    return fit_quality(values, model, active=active).explained_variance


def fit_quality(values: ArrayLike, model: ArrayLike, *, active: ArrayLike | None = None) -> FitQuality:
    """Return all three measures of this module in one pass.

    Parameters
    ----------
    values, model : (N, C) array_like
        Spectra and their models, in the same unit.
    active : (C,) bool array_like, optional
        Channels that take part; all without it.

    Returns
    -------
    FitQuality
        Three arrays (N,).

    Raises
    ------
    DataError
        For anything but finite real numbers in two dimensions.
    IncompatibleError
        For shapes that differ.

    Examples
    --------
    >>> fit_quality([[1, 2, 3]], [[1, 2, 2]]).cosine.round(4)
    array([0.98])
    """
    a, b = matrix(values, "values"), matrix(model, "model")
    if a.shape != b.shape:
        raise IncompatibleError(
            "two sets of spectra differ in shape", expected=f"{a.shape}", found=f"{b.shape}"
        )
    channels = _channels(active, a.shape[1])
    out = np.empty((3, len(a)))
    for rows in blocks(len(a), a.shape[1]):
        out[:, rows] = _measures(
            _finite(a[rows], "values", rows, channels), _finite(b[rows], "model", rows, channels)
        )
    return FitQuality(*out)


def quick_quality(values: Floats, model: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """Return the measures of `fit_quality` from plain sums, (3, N), and the rows where these do not do.

    See `quality_of_sums`; the caller silences what numpy says of such rows.
    """
    residual = values - model
    pairs = ((values, values), (model, model), (values, model), (residual, residual))
    sums = [np.einsum("nc->n", one) for one in (values, model)]
    sums += [np.einsum("nc,nc->n", a, b) for a, b in pairs]
    return quality_of_sums(sums, values.shape[1])


def quality_of_sums(sums: Sequence[Floats] | Floats, c: int) -> tuple[Floats, NDArray[np.intp]]:
    """Return the measures of `fit_quality` from sums over c channels, and the rows where these do not do.

    Parameters
    ----------
    sums : (6, N)
        Of the spectrum x, its model f, x^2, f^2, x f, (x - f)^2.
    c : int
        Channels.

    Returns
    -------
    measures : (3, N)
        Cosine, centred cosine, explained variance.
    rows : (M,) int
        Spectra that are nearly flat, empty, or of numbers whose squares leave the range of float64; the
        caller silences what numpy says of them.
    """
    x1, f1, xx, ff, xf, dd = sums
    spread_x, spread_f = xx - x1 * x1 / c, ff - f1 * f1 / c
    out = np.empty((3, len(x1)))
    out[0] = xf / np.sqrt(xx * ff)
    out[1] = (xf - x1 * f1 / c) / np.sqrt(spread_x * spread_f)
    out[2] = 1.0 - (dd - (x1 - f1) ** 2 / c) / spread_x
    product = xx * ff
    safe = (spread_x > _CANCELS * xx) & (spread_f > _CANCELS * ff)
    safe &= (product > 1 / _LARGE) & (product < _LARGE) & (xx < _LARGE) & (ff < _LARGE)
    np.minimum(out[:2], 1.0, out=out[:2])
    np.maximum(out[:2], -1.0, out=out[:2])
    return out, np.flatnonzero(~safe)


def cosine_matrix(rows: ArrayLike) -> Floats:
    """Return the cosines between all pairs of rows.

    Parameters
    ----------
    rows : (K, C) array_like
        Spectra or templates.

    Returns
    -------
    (K, K) float64
        Symmetric; the diagonal is exactly 1, or 0 for a zero row.

    Raises
    ------
    DataError
        For anything but finite real numbers in two dimensions.

    Examples
    --------
    >>> cosine_matrix([[1, 0], [2, 2], [0, 0]]).round(3)
    array([[1.   , 0.707, 0.   ],
           [0.707, 1.   , 0.   ],
           [0.   , 0.   , 0.   ]])
    """
    given = matrix(rows, "rows")
    unit, norms = unit_rows(_finite(given, "rows", slice(0, len(given))))
    cosines = np.clip(unit @ unit.T, -1.0, 1.0)
    cosines = (cosines + cosines.T) / 2
    np.fill_diagonal(cosines, norms > 0)
    return np.asarray(cosines, dtype=np.float64)


def matrix(values: ArrayLike, where: str) -> NDArray[Any]:
    """Return ``values`` as a two-dimensional array of real numbers, as they are; refuse everything else."""
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise DataError("not an array of real numbers", where=where, found=f"dtype {array.dtype}")
    if array.ndim != 2:
        raise DataError(
            "wrong number of dimensions",
            where=where,
            expected="two (rows, channels)",
            found=f"shape {array.shape}",
            cure="a single spectrum is a batch of one: values[None, :]" if array.ndim == 1 else None,
        )
    if array.shape[1] == 0:
        raise DataError("no channels", where=where, expected="at least one", found=f"shape {array.shape}")
    return array


def blocks(n: int, width: int, step: int = 32) -> Iterator[slice]:
    """Cut n rows of a width into slices that fit the cache; a multiple of ``step`` rows but the last."""
    size = max(step, _BLOCK_VALUES // max(width, 1) // step * step)
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def refuse_nonfinite(block: NDArray[Any], where: str, first_row: int) -> None:
    """Raise the error that names the first entry that is NaN or infinite, if there is one."""
    bad = np.argwhere(~np.isfinite(block))
    if len(bad):
        row, channel = bad[0]
        raise DataError(
            "a value is not finite",
            where=f"{where}, row {first_row + row}, channel {channel}",
            expected="a finite number",
            found=str(block[row, channel]),
            cure="leave the row out, or replace what is missing before",
        )


def unit_rows(rows: Floats) -> tuple[Floats, Floats]:
    """Return rows of norm 1 and their norms; a zero row stays as it is, with norm 0."""
    largest = _largest(rows)
    scaled = rows / largest
    norms = np.sqrt(np.einsum("nc,nc->n", scaled, scaled))
    return scaled / np.where(norms > 0, norms, 1.0)[:, None], norms * np.where(norms > 0, largest[:, 0], 0.0)


def _channels(active: ArrayLike | None, n: int) -> NDArray[np.bool_] | None:
    if active is None:
        return None
    mask = np.asarray(active)
    if mask.dtype != np.bool_ or mask.shape != (n,):
        raise IncompatibleError(
            "no mask over the channels of these spectra",
            where="active",
            expected=f"bool, shape ({n},)",
            found=f"{mask.dtype}, shape {mask.shape}",
        )
    if not mask.any():
        raise DataError("no channel is active", where="active", cure="choose at least one channel")
    return mask


def _finite(
    block: NDArray[Any], where: str, rows: slice, channels: NDArray[np.bool_] | None = None
) -> Floats:
    refuse_nonfinite(block, where, rows.start)
    chosen = block if channels is None else block[:, channels]
    return np.ascontiguousarray(chosen, dtype=np.float64)


def _largest(rows: Floats) -> Floats:
    largest = np.abs(rows).max(axis=1, keepdims=True)
    return np.asarray(np.where(largest > 0, largest, 1.0), dtype=np.float64)


def _norms(rows: Floats) -> Floats:
    return np.asarray(np.sqrt(np.einsum("nc,nc->n", rows, rows)))


def _centred(rows: Floats) -> tuple[Floats, Floats]:
    """Return rows without their mean and the norms of these; both zero where a row is constant."""
    rest = rows - rows.mean(axis=1, keepdims=True)
    norms = _norms(rest)
    flat = norms <= FLAT * _norms(rows)
    rest[flat] = 0.0
    return rest, np.where(flat, 0.0, norms)


def _angle(a: Floats, b: Floats, norms_a: Floats, norms_b: Floats) -> Floats:
    both = norms_a * norms_b
    dots = np.einsum("nc,nc->n", a, b)
    cosines = np.divide(dots, both, out=np.zeros_like(both), where=both > 0)
    return np.asarray(np.clip(cosines, -1.0, 1.0), dtype=np.float64)


def _measures(values: Floats, model: Floats) -> tuple[Floats, Floats, Floats]:
    scale, model_scale = _largest(values), _largest(model)
    a, b = values / scale, model / model_scale
    plain = _angle(a, b, _norms(a), _norms(b))
    a_rest, a_norms = _centred(a)
    b_rest, b_norms = _centred(b)
    centred = _angle(a_rest, b_rest, a_norms, b_norms)
    common = np.maximum(scale, model_scale)
    residual = values / common - model / common
    spread = _norms(residual - residual.mean(axis=1, keepdims=True))
    perfect = spread <= FLAT * (_norms(values / common) + _norms(model / common))
    with np.errstate(over="ignore", invalid="ignore"):  # a model far beyond its spectrum explains -inf of it
        ratio = np.where(spread > 0, spread * (common / scale)[:, 0], 0.0)
        unexplained = np.divide(ratio, a_norms, out=np.zeros_like(ratio), where=a_norms > 0) ** 2
    explained = np.where(a_norms > 0, 1.0 - unexplained, np.where(perfect, 1.0, 0.0))
    return plain, centred, explained
