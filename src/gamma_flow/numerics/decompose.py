"""One spectrum as a non-negative sum of templates that may be a little wrong.

The model of C channels y_c and K classes::

    y_c ~ negative binomial, mean mu_c, variance mu_c + f^2 mu_c^2       (or Gaussian with a known variance)
    mu  = sum_k a_k (T_k + sum_q z_kq U_kq) + sum_d z_d sum_k a_k D_dk + z_p P        a >= 0, z ~ N(0, 1)

T are the templates, D their derivatives with respect to what may drift (gain, offset, resolution) times the
prior standard deviation, U smooth or learned distortions of a class, P the self-convolution of the mean (pile-up),
f the mismatch that is left in each channel: the smallest one at which Pearson's chi-square does not exceed the
number of degrees of freedom. What the parts buy on measured spectra stands in docs/engine.md.

The fit is a few steps of reweighted least squares. In each one the signed z are eliminated (Cholesky of I + V'WV),
the scores follow from a small non-negative quadratic problem, and the columns that hold products a z are built anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.errors import IncompatibleError
from gamma_flow.numerics import similarity

try:
    from gamma_flow.numerics import _kernel
except ImportError:  # installed without a compiler
    _kernel = None  # type: ignore[assignment]

__all__ = ["Decomposed", "Distortions", "decompose"]

Floats = NDArray[np.float64]


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
        Their standard deviations from the inverse information on the free set, nuisances included; a zero score
        is freed alone. Infinite where the data say nothing.
    free : (N, K)
        The scores without the bound at zero: equal to ``scores`` where these are above it, else the (negative)
        value that the class alone would take.
    ratios : (N, K)
        Twice the loss of penalised log-likelihood when the class is left out and all else fitted again.
    drifts : (N, D)
        Fitted drifts in units of their prior standard deviation.
    mismatch, chi_square, pearson, log_likelihood, novelty_chi_square : (N,)
        f; chi-square at the least mismatch of the evidence fit and of the novelty fit; that of pure counting;
        the penalised log-likelihood (without terms in the counts alone).
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

    @staticmethod
    def concatenate(parts: Sequence[Decomposed]) -> Decomposed:
        """Return the fits of several blocks of spectra as one."""
        return Decomposed(
            *(
                None if getattr(parts[0], name) is None else np.concatenate([getattr(p, name) for p in parts])
                for name in Decomposed.__slots__
            )
        )


def decompose(
    values: ArrayLike,
    shapes: ArrayLike,
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
    """Fit every spectrum."""
    spectra = similarity.matrix(values, "values")
    if spectra.dtype not in (np.float64, np.float32):
        spectra = spectra.astype(np.float64)
    t = np.ascontiguousarray(similarity.matrix(shapes, "templates"), dtype=np.float64)
    k, c = t.shape
    if spectra.shape[1] != c:
        raise IncompatibleError(
            "spectra and templates differ in their channels", expected=f"{c}", found=f"{spectra.shape[1]}"
        )
    given = Distortions.none(k, c) if distortions is None else distortions
    n = len(spectra)
    spread = np.ascontiguousarray(given.spread, np.float64).reshape(-1, c)
    drift = np.ascontiguousarray(given.drift, np.float64).reshape(-1, c)
    scores, errors, free, ratios = (np.zeros((n, k)) for _ in range(4))
    drifts = np.zeros((n, len(given.drift)))
    summary = np.zeros((n, 8))
    fitted = np.zeros((n, c)) if mean else None
    sd = None if sigma is None else np.ascontiguousarray(np.atleast_2d(np.asarray(sigma, np.float64)))
    piles = None if pile is None else np.ascontiguousarray(np.asarray(pile, np.float64).reshape(1, -1))
    if spectra.size and spectra.strides[1] != spectra.itemsize:
        spectra = np.ascontiguousarray(spectra)
    _kernel.decompose(
        spectra,
        t,
        spread,
        drift,
        sd,
        piles,
        (given.modes, given.pile_shift),
        (*mismatch, adapt, floor),
        (steps, null_steps, tolerance, null_tolerance),
        (least_ratio, prune, True, evidence, novelty, skip),
        scores,
        errors,
        free,
        ratios,
        drifts,
        summary,
        fitted,
        threads,
    )
    return Decomposed(
        scores,
        np.where(np.isnan(errors), np.inf, errors),
        free,
        ratios,
        drifts,
        summary[:, 0],
        summary[:, 1],
        summary[:, 2],
        summary[:, 3],
        summary[:, 5],
        summary[:, 4].astype(np.int64),
        fitted,
    )
