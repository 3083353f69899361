"""One spectrum as a non-negative sum of templates that may be a little wrong.

The model of C channels y_c and K classes:

    y_c ~ negative binomial, mean mu_c, variance mu_c + f^2 mu_c^2       (or Gaussian with a known variance)
    mu  = sum_k a_k (T_k + sum_q z_kq U_kq) + sum_d z_d sum_k a_k D_dk + z_p P        a >= 0, z ~ N(0, 1)

T are the templates, D their derivatives with respect to what may drift (gain, offset, resolution) times the
prior standard deviation, U smooth or learned distortions of a class, P the self-convolution of the mean
(pile-up), f the mismatch that is left in each channel: the smallest one at which Pearson's chi-square does
not exceed the number of degrees of freedom by more than one standard deviation, which is chance's. What the
parts buy on measured spectra stands in docs/engine.md.

The fit is a few steps of reweighted least squares. In each one the signed z are eliminated (Cholesky of I +
V'WV), the scores follow from a small non-negative quadratic problem, and the columns that hold products a z
are built anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.errors import DataError
from gamma_flow.numerics import _checks, _reference
from gamma_flow.numerics._asked import columns_of, pile_of, refuse_settings, sigma_of
from gamma_flow.numerics._compiled import engine, kernel

__all__ = ["Decomposed", "Distortions", "Prepared", "decompose"]

Floats = NDArray[np.float64]
_MAY_BE_INFINITE = (1, 6)  # among the tables of results: errors and sums

_FEW = 8  # classes of which the kernel takes pairs


@dataclass(frozen=True, slots=True)
class Distortions:
    """How templates may be wrong; prior standard deviations are folded in.

    Parameters
    ----------
    spread : (K, Q, C)
        Distortions of each class by itself, for unit score.
    modes : int
        The first so many of the Q take part in the evidence fit, all of them in the novelty fit.
    drift : (D, K, C)
        What the classes share: derivatives of the templates.
    pile_shift : int
        Channel number of the sum of two pulses of channels i and j, minus (i + j).
    """

    spread: Floats
    modes: int
    drift: Floats
    pile_shift: int = 0

    @classmethod
    def none(cls, classes: int, channels: int) -> Distortions:
        """Return templates that are taken as exact."""
        return cls(np.zeros((classes, 0, channels)), 0, np.zeros((0, classes, channels)))


@dataclass(frozen=True, slots=True)
class Decomposed:
    """What the fit found for N spectra and K classes.

    Parameters
    ----------
    scores : (N, K)
        Counts of each class.
    errors : (N, K)
        Their standard deviations from the inverse information on the free set, nuisances included; a zero
        score is freed alone. Infinite where the data say nothing.
    free : (N, K)
        The scores without the bound at zero: equal to ``scores`` where these are above it, else the
        (negative) value that the class alone would take.
    ratios : (N, K)
        Twice the loss of penalised log-likelihood when the class is left out and all else fitted again.
    drifts : (N, D)
        Fitted drifts in units of their prior standard deviation.
    mismatch, chi_square, pearson, log_likelihood, novelty_chi_square : (N,)
        f; chi-square at the least mismatch of the evidence fit and of the novelty fit; that of pure counting;
        the penalised log-likelihood (without terms in which the mean does not appear: it compares fits of one
        f).
    n_free : (N,)
        Number of scores above zero.
    sums : (N, 6)
        Over the channels, of the spectrum x and the scaled templates f without distortions: x, f, x^2, f^2,
        x f, (x - f)^2. Cosines and explained variance follow, by
        `gamma_flow.numerics.similarity.quality_of_sums`.
    mean : (N, C) or None
        The fitted mean, distortions included.
    """

    scores: Floats
    errors: Floats
    free: Floats
    ratios: Floats
    drifts: Floats
    mismatch: Floats
    chi_square: Floats
    pearson: Floats
    log_likelihood: Floats
    novelty_chi_square: Floats
    n_free: NDArray[np.int64]
    sums: Floats
    mean: Floats | None

    def rows(self, rows: NDArray[np.intp]) -> Decomposed:
        """Return the fits of some spectra, in the order of their numbers."""
        picked: dict[str, Any] = {
            name: None if getattr(self, name) is None else getattr(self, name)[rows]
            for name in Decomposed.__slots__
        }
        return Decomposed(**picked)

    @staticmethod
    def concatenate(parts: Sequence[Decomposed]) -> Decomposed:
        """Return the fits of several blocks of spectra as one."""
        joined: dict[str, Any] = {
            name: None
            if getattr(parts[0], name) is None
            else np.concatenate([getattr(p, name) for p in parts])
            for name in Decomposed.__slots__
        }
        return Decomposed(**joined)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Templates and distortions checked once, to fit many batches, or one spectrum after the other.

    Parameters
    ----------
    shapes : (K, C)
        As `decompose` takes them.
    spread : (K Q, C)
        Distortions of each class, as the engine takes them.
    drift : (D K, C)
        What the classes share.
    modes, pile_shift : int
        As in `Distortions`.
    pairs : (K K, C) or None
        What the compiled engine knows of pile-up before it sees a spectrum: the convolutions of all pairs.
    """

    shapes: Floats
    spread: Floats
    drift: Floats
    modes: int
    pile_shift: int
    pairs: Floats | None

    @classmethod
    def of(cls, shapes: ArrayLike, distortions: Distortions | None = None) -> Prepared:
        """Check templates and their distortions.

        Raises
        ------
        DataError, IncompatibleError, SettingsError
            As `decompose` does.
        """
        t = _checks.templates_of(shapes)
        given = Distortions.none(*t.shape) if distortions is None else distortions
        return cls(
            t,
            *columns_of(given.spread, given.drift, given.modes, *t.shape),
            int(given.modes),
            int(given.pile_shift),
            _pairs(t, int(given.pile_shift)),
        )


def decompose(
    values: ArrayLike,
    shapes: ArrayLike | Prepared,
    distortions: Distortions | None = None,
    *,
    sigma: ArrayLike | None = None,
    pile: ArrayLike | None = None,
    mismatch: tuple[float, float] = (0.01, 0.3),
    adapt: bool = True,
    floor: float = 0.05,
    steps: int = 6,
    null_steps: int = 4,
    tolerance: float = 1e-2,
    null_tolerance: float = 3e-2,
    least_ratio: float = 1.0,
    prune: float = 1e-2,
    evidence: bool = True,
    novelty: bool | Prepared = True,
    skip: int = -1,
    mean: bool = False,
    threads: int = 1,
) -> Decomposed:
    """Fit every spectrum as a non-negative sum of templates that may be a little wrong.

    Parameters
    ----------
    values : (N, C) array_like
        Counts, at least 0 unless ``sigma`` is given. Not modified; float64 and float32 are taken as they are.
    shapes : (K, C) array_like or Prepared
        Templates of unit sum, so that scores are counts. A row of zeros gets the score 0 and an infinite
        error. `Prepared` ones bring their distortions.
    distortions : Distortions, optional
        How the templates may be wrong; exact without it.
    sigma : (C,), (1, C) or (N, C) array_like, optional
        Known standard deviation of each value, above 0: Gaussian instead of counts. The mean may be negative
        then.
    pile : float or (N,) array_like, optional
        Prior standard deviation of pile-up as a share of the counts; no pile-up without it, nor with
        ``sigma``.
    mismatch : (float, float)
        Least and largest f.
    adapt : bool
        Let f follow chi-square; else it stays at its least.
    floor : float
        Counts a channel below which the mean of counts is not taken, above 0.
    steps, null_steps : int
        Largest number of reweighted steps of a fit and of a fit without one class.
    tolerance, null_tolerance : float
        A fit ends when its mean moves by less: sum of squared changes over the variances.
    least_ratio : float
        A class is left out for its ratio only where its score exceeds so many errors; the ratio is 0
        elsewhere.
    prune : float
        A distortion about which the data say less than this (squared, in prior standard deviations) is not
        fitted.
    evidence : bool
        Compute the ratios; they are 0 without it.
    novelty : bool or Prepared
        Fit again with all the modes where chi-square stands out; or every spectrum with these templates and
        the modes of theirs.
    skip : int
        A class that is never left out (the background), -1 for none.
    mean : bool
        Return the fitted mean, too.
    threads : int
        Threads of the compiled kernel. They change no digit.

    Returns
    -------
    Decomposed
        No number in it is NaN; errors are infinite where the data say nothing.

    Raises
    ------
    DataError
        For anything but finite real numbers in two dimensions, negative counts, a sigma that is not positive,
        a negative pile-up (each with its row and channel), and for numbers whose fit leaves the range of
        float64.
    IncompatibleError
        If the shapes do not fit each other.
    SettingsError
        For any other argument out of range.

    Notes
    -----
    Fitted is the log-likelihood minus ``z'z / 2`` and half the logarithm of the determinant of the signed
    columns' information, which is what is left when their amplitudes are integrated out (Laplace [2]_). The
    weights are those of a quasi-likelihood [1]_. The result of a row does not depend on the rows around it.

    References
    ----------
    .. [1] R. W. M. Wedderburn, Biometrika 61 (1974) 439.
    .. [2] L. Tierney, J. B. Kadane, Journal of the American Statistical Association 81 (1986) 82.

    Examples
    --------
    >>> shapes = [[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]]
    >>> found = decompose([[400, 400, 0, 0], [0, 0, 0, 0]], shapes, mismatch=(0.0, 0.0))
    >>> found.scores.round(3)
    array([[800.,   0.],
           [  0.,   0.]])
    >>> found.errors[0, 0].round(1)  # the root of the counts
    np.float64(28.3)
    """
    spectra = _checks.spectra_of(values)
    given = shapes if isinstance(shapes, Prepared) else Prepared.of(shapes, distortions)
    t = given.shapes
    _checks.refuse_other_channels(spectra, t)
    (n, c), k = spectra.shape, len(t)
    threads = _checks.threads_of(threads)
    _checks.refuse_nonfinite_rows(spectra, "values")
    if sigma is None:
        _checks.refuse_negative(spectra, "values", "values that are no counts need their sigma")
    refuse_settings(
        mismatch, floor, (steps, null_steps), (tolerance, null_tolerance, prune), least_ratio, skip, k
    )
    fitted = np.zeros((n, c)) if mean else None
    sd, piles = sigma_of(sigma, n, c), pile_of(pile, n)
    again = isinstance(novelty, Prepared)
    how = (
        (float(mismatch[0]), float(mismatch[1]), bool(adapt), float(floor)),
        (int(steps), int(null_steps), float(tolerance), float(null_tolerance)),
        (float(least_ratio), float(prune), True, bool(evidence), bool(novelty) and not again, int(skip)),
    )
    errors, sums, scores, free, ratios, drifts, summary = _fitted(
        spectra, given, sd, piles, how, fitted, threads
    )
    told = summary.T.copy()
    if isinstance(novelty, Prepared):
        _checks.refuse_other_channels(spectra, novelty.shapes)
        how = (*how[:2], (*how[2][:3], False, False, -1))
        told[5] = _fitted(spectra, novelty, sd, piles, how, None, threads)[-1][:, 1]
    errors[np.isnan(errors)] = np.inf
    return Decomposed(
        scores,
        errors,
        free,
        ratios,
        drifts,
        mismatch=told[0],
        chi_square=told[1],
        pearson=told[2],
        log_likelihood=told[3],
        novelty_chi_square=told[5],
        n_free=told[4].astype(np.int64),
        sums=sums,
        mean=fitted,
    )


def _fitted(
    spectra: NDArray[Any],
    given: Prepared,
    sigma: Floats | None,
    pile: Floats | None,
    how: tuple[Any, ...],
    mean: Floats | None,
    threads: int,
) -> list[Floats]:
    """Return errors, sums, scores, free scores, ratios, drifts, summary of what was checked before."""
    k = len(given.shapes)
    results, tables = _room(len(spectra), k, 6, k, k, k, len(given.drift) // k, 8)
    errors, sums, scores, *others = tables
    out = (scores, errors, *others, sums)
    options = ((given.modes, given.pile_shift), *how)
    columns = (given.shapes, given.spread, given.drift, given.pairs)
    with np.errstate(all="ignore"):  # what leaves the range is looked at below
        engine().decompose(spectra, *columns, sigma, pile, *options, *out, mean, threads)
        if not np.isfinite(results[errors.size + sums.size :]).all():
            _again(spectra, columns, sigma, pile, options, out, mean)
    return tables


def _room(n: int, *widths: int) -> tuple[Floats, list[Floats]]:
    """Return zeros and their parts (n, width), each contiguous: one look then tells if all are finite."""
    whole = np.zeros(n * sum(widths))
    parts, start = [], 0
    for width in widths:
        parts.append(whole[start : start + n * width].reshape(n, width))
        start += n * width
    return whole, parts


def _pairs(shapes: Floats, pile_shift: int) -> Floats | None:
    """Return the convolutions of all pairs of few templates, which the kernel would make at each call."""
    compiled = kernel()
    if compiled is None or len(shapes) > _FEW:
        return None
    out = np.zeros((len(shapes) ** 2, shapes.shape[1]))
    compiled.pairs(shapes, pile_shift, out)
    return out


def _again(
    spectra: NDArray[Any],
    columns: tuple[Floats | None, ...],
    sigma: Floats | None,
    pile: Floats | None,
    options: tuple[Any, ...],
    tables: tuple[Floats, ...],
    mean: Floats | None,
) -> None:
    """Fit the rows that left the range of float64 by the twin, which is slower and more careful."""
    finite = [one for number, one in enumerate(tables) if number not in _MAY_BE_INFINITE]
    good = [np.isfinite(one).all(axis=1) for one in finite]
    for row in np.flatnonzero(~np.logical_and.reduce(good)):
        one = slice(row, row + 1)
        for table in tables:
            table[one] = 0.0
        twin: Any = _reference.decompose
        twin(
            spectra[one],
            *columns,
            sigma if sigma is None or len(sigma) == 1 else sigma[one],
            pile if pile is None else pile[:, one],
            *options,
            *(table[one] for table in tables),
            None if mean is None else mean[one],
            1,
        )
    _refuse_overflow(*finite)


def _refuse_overflow(*results: Floats) -> None:
    """Refuse rows in which numbers left the range of float64."""
    for one in results:
        bad = np.flatnonzero(~np.isfinite(one).all(axis=1))
        if len(bad):
            raise DataError(
                "the fit leaves the range of float64",
                where=f"values, row {bad[0]}",
                cure="bring values, templates and their standard deviations to similar scales",
            )
