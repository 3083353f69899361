"""One spectrum as a non-negative sum of templates that may be a little wrong.

The model of C channels y_c and K classes::

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

from gamma_flow.errors import DataError, IncompatibleError, SettingsError
from gamma_flow.numerics import _checks, _reference
from gamma_flow.numerics._compiled import engine

__all__ = ["Decomposed", "Distortions", "Prepared", "decompose"]

Floats = NDArray[np.float64]
_ERRORS = 1  # among the tables of results: may be infinite

_MOST_DRIFTS = 16  # the kernel has room for that many


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
    """

    shapes: Floats
    spread: Floats
    drift: Floats
    modes: int
    pile_shift: int

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
        return cls(t, *_columns(given, *t.shape), int(given.modes), int(given.pile_shift))


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
    novelty: bool = True,
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
    novelty : bool
        Fit again with all the modes where chi-square stands out.
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
    _check_settings(
        mismatch, floor, (steps, null_steps), (tolerance, null_tolerance, prune), least_ratio, skip, k
    )
    results, (errors, scores, free, ratios, drifts, summary) = _room(n, k, k, k, k, len(given.drift) // k, 8)
    fitted = np.zeros((n, c)) if mean else None
    sd, piles = _sigma(sigma, n, c), _pile(pile, n)
    tables = (scores, errors, free, ratios, drifts, summary)
    options = (
        (given.modes, given.pile_shift),
        (float(mismatch[0]), float(mismatch[1]), bool(adapt), float(floor)),
        (int(steps), int(null_steps), float(tolerance), float(null_tolerance)),
        (float(least_ratio), float(prune), True, bool(evidence), bool(novelty), int(skip)),
    )
    columns = (t, given.spread, given.drift)
    with np.errstate(all="ignore"):  # what leaves the range is looked at below
        engine().decompose(spectra, *columns, sd, piles, *options, *tables, fitted, threads)
        if not np.isfinite(results[errors.size :]).all():
            _again(spectra, columns, sd, piles, options, tables, fitted)
    errors[np.isnan(errors)] = np.inf
    told = summary.T.copy()
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
        mean=fitted,
    )


def _room(n: int, *widths: int) -> tuple[Floats, list[Floats]]:
    """Return zeros and their parts (n, width), each contiguous: one look then tells if all are finite."""
    whole = np.zeros(n * sum(widths))
    parts, start = [], 0
    for width in widths:
        parts.append(whole[start : start + n * width].reshape(n, width))
        start += n * width
    return whole, parts


# ---------------------------------------------------------------------------------------------- input


def _columns(given: Distortions, k: int, c: int) -> tuple[Floats, Floats]:
    """Return the distortions as the engine takes them: (K Q, C) and (D K, C)."""
    spread, drift = np.asarray(given.spread, np.float64), np.asarray(given.drift, np.float64)
    for name, array, axis in (("spread", spread, 0), ("drift", drift, 1)):
        if array.ndim != 3 or array.shape[axis] != k or array.shape[2] != c:
            raise IncompatibleError(
                "distortions and templates differ in classes or channels",
                where=f"distortions.{name}",
                expected=f"shape ({k}, any, {c})" if axis == 0 else f"shape (any, {k}, {c})",
                found=f"{array.shape}",
            )
        if not np.isfinite(array).all():
            raise DataError(
                "a value is not finite", where=f"distortions.{name}, {_place(~np.isfinite(array))}"
            )
    if len(drift) > _MOST_DRIFTS:
        raise SettingsError(
            "too many drifts",
            where="distortions.drift",
            expected=f"at most {_MOST_DRIFTS}",
            found=f"{len(drift)}",
        )
    if not 0 <= given.modes <= spread.shape[1]:
        raise SettingsError(
            "no such number of modes",
            where="distortions.modes",
            expected=f"0 to {spread.shape[1]}, as the spread has",
            found=f"{given.modes}",
        )
    return np.ascontiguousarray(spread).reshape(-1, c), np.ascontiguousarray(drift).reshape(-1, c)


def _sigma(sigma: ArrayLike | None, n: int, c: int) -> Floats | None:
    """Return standard deviations (1 or N, C)."""
    if sigma is None:
        return None
    sd = np.ascontiguousarray(np.atleast_2d(np.asarray(sigma, np.float64)))
    if sd.ndim != 2 or sd.shape[1] != c or len(sd) not in (1, n):
        raise IncompatibleError(
            "not one standard deviation a value",
            where="sigma",
            expected=f"shape ({c},), (1, {c}) or ({n}, {c})",
            found=f"{np.shape(sigma)}",
        )
    wrong = ~(np.isfinite(sd) & (sd > 0))
    if wrong.any():
        row, channel = np.argwhere(wrong)[0]
        raise DataError(
            "a standard deviation is not above zero",
            where=f"sigma, row {row}, channel {channel}",
            expected="a finite number above 0",
            found=f"{sd[row, channel]:g}",
            cure="leave channels that nobody measured out of values and templates",
        )
    return sd


def _pile(pile: ArrayLike | None, n: int) -> Floats | None:
    """Return the prior sd of pile-up (1, N)."""
    if pile is None:
        return None
    share = np.asarray(pile, np.float64)
    if share.shape == (n,) and n and share.min() >= 0 and share.max() < np.inf:
        return np.ascontiguousarray(share)[None]
    if share.shape not in ((), (n,)):
        raise IncompatibleError(
            "not one pile-up a spectrum", where="pile", expected=f"shape ({n},)", found=f"{share.shape}"
        )
    wrong = np.atleast_1d(~(np.isfinite(share) & (share >= 0)))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(
            "pile-up is not a share of the counts",
            where=f"pile, row {row}",
            expected="a finite number of at least 0",
            found=f"{np.atleast_1d(share)[row]:g}",
        )
    return np.ascontiguousarray(np.broadcast_to(share, (1, n)))


def _check_settings(
    mismatch: tuple[float, float],
    floor: float,
    steps: tuple[int, int],
    positive: tuple[float, float, float],
    least_ratio: float,
    skip: int,
    k: int,
) -> None:
    def refuse(where: str, expected: str, found: object) -> None:
        raise SettingsError("out of range", where=where, expected=expected, found=f"{found}")

    if not 0 <= mismatch[0] <= mismatch[1] < np.inf:
        refuse("mismatch", "0 <= least <= largest", mismatch)
    if not 1e-100 <= floor < np.inf:
        refuse("floor", "a number above 0", floor)
    for name, number in zip(("steps", "null_steps"), steps, strict=True):
        if not 1 <= number <= 10**6:
            refuse(name, "at least 1", number)
    for name, value in zip(("tolerance", "null_tolerance", "prune"), positive, strict=True):
        if not 0 <= value < np.inf:
            refuse(name, "a number of at least 0", value)
    if not least_ratio >= 0:
        refuse("least_ratio", "a number of at least 0", least_ratio)
    if not -1 <= skip < k:
        refuse("skip", f"-1 to {k - 1}", skip)


def _place(mask: NDArray[np.bool_]) -> str:
    return "index " + ", ".join(str(i) for i in np.argwhere(mask)[0])


def _again(
    spectra: NDArray[Any],
    columns: tuple[Floats, ...],
    sigma: Floats | None,
    pile: Floats | None,
    options: tuple[Any, ...],
    tables: tuple[Floats, ...],
    mean: Floats | None,
) -> None:
    """Fit the rows that left the range of float64 by the twin, which is slower and more careful."""
    good = [np.isfinite(one).all(axis=1) for number, one in enumerate(tables) if number != _ERRORS]
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
    _refuse_overflow(*(table for number, table in enumerate(tables) if number != _ERRORS))


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
