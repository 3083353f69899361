"""Poisson maximum likelihood of many spectra on the same few templates.

Counts y_c with the mean ``mu = scores @ templates + floor`` have the log-likelihood ``sum(y log mu - mu)``,
which is concave in the scores [1]_. Its maximum over non-negative scores is found by steps of three parts:

1. A quadratic model: the gradient, and a curvature of full weight. In the first three steps that is Fisher's,
   the expected one, ``1 / mu`` a channel (iteratively reweighted least squares [2]_), which goes far; then
   that of the likelihood itself, ``y / mu^2`` (Newton), which alone ends fast where templates describe the
   counts badly; not below a thousandth of Fisher's, and not below all of it while far away.
2. Its solution over non-negative scores, exactly.
3. A search on the line to this solution for at least half of the way to the maximum there. The slope decides,
   not the likelihood: in a concave function a slope that is not negative proves growth, and it keeps its
   digits where differences of the likelihood are rounding.

The likelihood hence grows at every step, by at least half of what the best length of the step gives, and the
curvature stays between two positive bounds, because ``mu >= floor`` and because the likelihood falls without
limit when scores grow: so every limit of the steps is a maximum. Should templates depend on each other so
much that rounding turns the solution of the model into a descent, the scores are improved one by one for a
step, which needs no independence [3]_ (as the multiplicative steps of [1]_ do not, but faster). A row that
still misses the tolerance is fitted again by the twin in numpy, with ten times as many steps; if that fails,
it is an error, not a result.

References
----------
.. [1] L. A. Shepp, Y. Vardi, IEEE Transactions on Medical Imaging 1 (1982) 113.
.. [2] R. W. M. Wedderburn, Biometrika 61 (1974) 439.
.. [3] Z. Q. Luo, P. Tseng, Journal of Optimization Theory and Applications 72 (1992) 7.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.errors import DataError, SettingsError
from gamma_flow.numerics import _checks, _reference
from gamma_flow.numerics._compiled import engine

__all__ = ["PoissonFit", "poisson"]

Floats = NDArray[np.float64]

_STEPS = 100
_LEAST_TOLERANCE = 1e-10  # below it, violations are rounding


@dataclass(frozen=True, slots=True)
class PoissonFit:
    """Scores that maximise the Poisson likelihood of N spectra over K templates.

    Parameters
    ----------
    scores : (N, K) float64
        Amount of each template, in units of counts over templates.
    log_likelihood : (N,) float64
        ``sum(y log mu - mu)``: without the terms ``log y!``, which hold no score.
    violation : (N,) float64
        By how much the conditions of the maximum are missed, at most the tolerance. With the derivative g_k
        of the log-likelihood over the sum of template k: the largest of ``max(g_k, 0)`` and ``|g_k| score_k
        sum_k / counts``.
    steps : (N,) int64
        Steps taken.
    """

    scores: Floats
    log_likelihood: Floats
    violation: Floats
    steps: NDArray[np.int64]


def poisson(
    values: ArrayLike,
    templates: ArrayLike,
    *,
    tolerance: float = 1e-9,
    floor: float = 1e-9,
    threads: int = 1,
) -> PoissonFit:
    """Find the non-negative scores under which the counts of each spectrum are most likely.

    Parameters
    ----------
    values : (N, C) array_like
        Counts, at least 0; they need not be whole. Not modified. float64 and float32 are taken as they are.
    templates : (K, C) array_like
        Shapes, at least 0. A row of zeros gets the score 0. Identical shapes share: only their sum is
        determined.
    tolerance : float
        Largest `PoissonFit.violation` accepted, at least 1e-10.
    floor : float
        Counts a channel, above 0, that are expected without any template. They keep the likelihood finite
        where there are counts but no template has any: such counts change no score. A template has a say in a
        channel as far as its contribution there reaches above the floor.
    threads : int
        Threads of the compiled kernel. They change no digit.

    Returns
    -------
    PoissonFit
        A zero spectrum has zero scores.

    Raises
    ------
    DataError
        For anything but finite real numbers of at least 0 in two dimensions (it names row and channel), and
        for rows that miss the tolerance by any method.
    IncompatibleError
        If values and templates differ in channels.
    SettingsError
        For a tolerance, a floor or a number of threads out of range.

    Notes
    -----
    The result of a row does not depend on the rows around it.

    Examples
    --------
    >>> fit = poisson([[2, 5, 3], [0, 0, 0]], [[0.5, 0.5, 0.0], [0.0, 0.5, 0.5]])
    >>> fit.scores.round(6)
    array([[4., 6.],
           [0., 0.]])
    >>> bool((fit.violation <= 1e-9).all())
    True
    """
    spectra = _checks.spectra_of(values)
    shapes = _checks.channels_of(spectra, templates)
    threads = _checks.threads_of(threads)
    _checks.refuse_nonfinite_rows(spectra, "values")
    _checks.refuse_negative(
        spectra, "values", "only counts have a Poisson likelihood; unmix() takes any values"
    )
    _checks.refuse_negative(shapes, "templates", "a mean number of counts is not negative")
    for name, value, least in (("tolerance", tolerance, _LEAST_TOLERANCE), ("floor", floor, 1e-100)):
        if not least <= value < 1:
            raise SettingsError(
                "out of range", where=name, expected=f"at least {least:g} and below 1", found=f"{value:g}"
            )
    scores, summary = np.zeros((len(spectra), len(shapes))), np.zeros((len(spectra), 4))
    with np.errstate(all="ignore"):  # numbers beyond the range end as an infinite violation
        engine().poisson(spectra, shapes, float(floor), float(tolerance), _STEPS, scores, summary, threads)
    _again(spectra, shapes, floor, tolerance, scores, summary)
    return PoissonFit(scores, summary[:, 0].copy(), summary[:, 1].copy(), summary[:, 2].astype(np.int64))


def _again(
    spectra: NDArray[np.floating],
    shapes: Floats,
    floor: float,
    tolerance: float,
    scores: Floats,
    summary: Floats,
) -> None:
    """Fit rows that missed the tolerance by the careful twin; refuse those that miss it then."""
    rows = np.flatnonzero(summary[:, 3])
    if len(rows) == 0:
        return
    some, told = np.zeros((len(rows), len(shapes))), np.zeros((len(rows), 4))
    with np.errstate(all="ignore"):
        _reference.poisson(spectra[rows], shapes, floor, tolerance, 10 * _STEPS, some, told, 1)
    scores[rows], summary[rows] = some, told
    missed = rows[told[:, 3] != 0]
    if len(missed):
        raise DataError(
            "no maximum of the likelihood to the tolerance",
            where=f"values, row {missed[0]}" + (f" and {len(missed) - 1} more" if len(missed) > 1 else ""),
            expected=f"a violation of at most {tolerance:g}",
            found=f"{summary[missed[0], 1]:.2g}",
            cure="raise the tolerance or the floor, or bring counts and templates to similar scales",
        )
