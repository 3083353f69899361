"""Which one class, beside a background, explains a spectrum best, when a class is a family of templates.

Behind a shield a source keeps its lines and loses its shape. Where classes are many and alike, a sum of all
explains any shape by mixing wrong ones. So each class is tried alone: background plus one member of its
family (`gamma_flow.simulate.shield_family` makes families of shields), for every member, and the best member
speaks for its class. All members count equally; between them and between classes decides the log-likelihood.

Two passes: plain Poisson over all members of all classes, then the model with distortions over the best
members of the best classes. The mismatch f is fixed: one that follows the misfit forgives wrong classes most.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.errors import DataError, IncompatibleError
from gamma_flow.numerics import similarity
from gamma_flow.numerics.decompose import Decomposed, Distortions, decompose
from gamma_flow.numerics.drift import derivatives
from gamma_flow.numerics.novelty import smooth_modes

__all__ = ["Ranked", "best_of", "between", "usual_distortions"]

Floats = NDArray[np.float64]
Distort = Callable[[Floats], Distortions]


def between(low: Floats, high: Floats, part: Floats | float) -> Floats:
    """Return shapes between two members, which change by equal factors: exact where a shield only absorbs.

    Where one of the two is not positive the change is by equal steps.

    Examples
    --------
    >>> between(np.array([1.0, 0.0]), np.array([0.25, 1.0]), 0.5)
    array([0.5, 0.5])
    """
    out: Floats = (1 - part) * low + part * high
    both = (low > 0) & (high > 0)
    logs = np.log(low, where=both, out=np.zeros_like(low)), np.log(high, where=both, out=np.zeros_like(high))
    np.exp((1 - part) * logs[0] + part * logs[1], where=both, out=out)
    return out


@dataclass(frozen=True, slots=True)
class Ranked:
    """How well each of K classes, alone with the background, explains N spectra.

    Parameters
    ----------
    log_likelihood : (N, K)
        Of the best member, penalised, without terms in the counts alone. Minus infinity for a class that did
        not come through the screen.
    member : (N, K)
        Which member that is; of a class that did not come through, the best of the screen.
    scores : (N, K)
        Counts of the class with that member.
    background : (N, K)
        Counts of the background beside it.
    screened : (N, K)
        The Poisson log-likelihood of the screen, without terms in the counts alone.
    """

    log_likelihood: Floats
    member: NDArray[np.int64]
    scores: Floats
    background: Floats
    screened: Floats

    @property
    def best(self) -> NDArray[np.int64]:
        """The class that explains each spectrum best, shape (N,)."""
        found: NDArray[np.int64] = self.log_likelihood.argmax(axis=1)
        return found


def usual_distortions(
    edges: ArrayLike,
    width: ArrayLike,
    *,
    gain: float = 0.01,
    offset: float = 3.0,
    resolution: float = 0.1,
    smooth: int = 4,
    smooth_sd: float = 0.1,
) -> Distort:
    """Return what makes the distortions of a class and its background out of their two templates.

    Parameters
    ----------
    edges : (C + 1,) array_like
        Of the channels, keV.
    width : (C + 1,) array_like
        Full width at half maximum of a line at the edges, keV.
    gain, offset, resolution, smooth, smooth_sd
        Prior standard deviations as in `derivatives`, number and deviation as in `smooth_modes`; the
        background is not distorted smoothly.
    """
    at = np.asarray(edges, np.float64)
    fwhm = np.asarray(width, np.float64)

    def distort(pair: Floats) -> Distortions:
        spread = np.zeros((2, smooth, pair.shape[1]))
        spread[:1] = smooth_modes(pair[:1], smooth, smooth_sd)
        drift = derivatives(pair, at, gain=gain, offset=offset, resolution=resolution, width=fwhm)
        return Distortions(spread, smooth, drift)

    return distort


def best_of(
    values: ArrayLike,
    members: ArrayLike,
    background: ArrayLike,
    distort: Distort | None = None,
    *,
    mismatch: float = 0.03,
    pile: ArrayLike | None = None,
    pile_shift: int = 0,
    classes: int = 15,
    tries: int = 3,
    threads: int = 1,
) -> Ranked:
    """Rank the classes for each spectrum.

    Parameters
    ----------
    values : (N, C) array_like
        Counts.
    members : (K, P, C) array_like
        P templates of each of K classes, without background; each is scaled to unit sum, one of zeros is left
        out.
    background : (C,) array_like
        Its template.
    distort : callable, optional
        Makes the `Distortions` of the two templates (2, C) of a fit, as `usual_distortions` does. Default:
        the Poisson screen decides.
    mismatch : float
        Relative standard deviation of every channel in the second pass, fixed.
    pile : (N,) array_like, optional
        Prior standard deviation of pile-up, as a share of the counts. The screen, for speed, leaves out what
        is less than the mismatch.
    pile_shift : int
        As in `Distortions`.
    classes, tries : int
        The second pass fits so many best classes of the screen, each with so many of its best members.
    threads : int
        Of the kernel.

    Returns
    -------
    Ranked

    Raises
    ------
    IncompatibleError
        Channels that differ.
    DataError
        A background or a class without counts.

    Examples
    --------
    >>> members = [[[8, 1, 1, 0], [5, 4, 1, 0]], [[0, 1, 8, 1], [0, 4, 5, 1]]]
    >>> best_of([[54, 44, 12, 10]], members, [1, 1, 1, 1]).best
    array([0])
    """
    y = similarity.matrix(values, "values")
    f = np.asarray(members, np.float64)
    b = np.asarray(background, np.float64)
    if f.ndim != 3 or b.shape != f.shape[2:] or y.shape[1:] != b.shape:
        raise IncompatibleError(
            "spectra, members and background differ in their channels",
            expected="(N, C), (K, P, C) and (C,)",
            found=f"{y.shape}, {f.shape} and {b.shape}",
        )
    sums = f.sum(axis=2)
    if not b.sum() > 0 or not (sums > 0).any(axis=1).all():
        raise DataError(
            "a template without counts",
            where="background" if not b.sum() > 0 else f"class {int(np.argmin((sums > 0).any(axis=1)))}",
            expected="a positive sum; of a class, that of one member at least",
            found="none",
        )
    piles = None if pile is None else np.broadcast_to(np.asarray(pile, np.float64), (len(y),))
    screen_pile = None if piles is None else np.where(piles > mismatch, piles, 0.0)
    scaled = f / np.where(sums > 0, sums, 1.0)[..., None]
    screen = _Fit(y, scaled, b / b.sum(), screen_pile, pile_shift, threads)
    fit = _Fit(y, scaled, b / b.sum(), piles, pile_shift, threads)
    n, (k, p) = len(y), sums.shape
    level = np.full((n, k, p), -np.inf)
    scores = np.zeros((n, k, p, 2))
    everybody = np.arange(n)
    for i, j in np.argwhere(sums > 0):
        done = screen(everybody, i, j, None, 1e-6)
        level[:, i, j] = done.log_likelihood
        scores[:, i, j] = done.scores
    screened = level.max(axis=2)
    if distort is not None:
        level_of_screen, level = level, np.full((n, k, p), -np.inf)
        for (i, j), rows in _chosen(level_of_screen, classes, tries).items():
            done = fit(np.array(rows), i, j, distort, mismatch)
            level[rows, i, j] = done.log_likelihood
            scores[rows, i, j] = done.scores
        out_of_it = np.isneginf(level).all(axis=2, keepdims=True)
        member = np.where(out_of_it, level_of_screen, level).argmax(axis=2)
    else:
        member = level.argmax(axis=2)
    own = np.take_along_axis(scores, member[:, :, None, None], axis=2)[:, :, 0]
    return Ranked(level.max(axis=2), member.astype(np.int64), own[..., 0], own[..., 1], screened)


@dataclass(frozen=True, slots=True)
class _Fit:
    """Background plus one member, for some of the spectra."""

    y: NDArray[np.generic]
    members: Floats
    background: Floats
    pile: Floats | None
    pile_shift: int
    threads: int

    def __call__(
        self, rows: NDArray[np.int64], k: int, p: int, distort: Distort | None, mismatch: float
    ) -> Decomposed:
        pair = np.stack([self.members[k, p], self.background])
        how = Distortions.none(*pair.shape) if distort is None else distort(pair)
        if self.pile_shift:
            how = Distortions(how.spread, how.modes, how.drift, self.pile_shift)
        return decompose(
            self.y if len(rows) == len(self.y) else self.y[rows],
            pair,
            how,
            pile=None if self.pile is None else self.pile[rows],
            mismatch=(mismatch, mismatch),
            adapt=False,
            evidence=False,
            novelty=False,
            threads=self.threads,
        )


def _chosen(level: Floats, classes: int, tries: int) -> dict[tuple[int, int], list[int]]:
    """Return the spectra that each class and member is to be fitted to again."""
    best = np.argsort(-level.max(axis=2), axis=1, kind="stable")[:, :classes]
    pairs: dict[tuple[int, int], list[int]] = {}
    for i, found in enumerate(best):
        for k in found.tolist():
            for p in np.argsort(-level[i, k], kind="stable")[:tries].tolist():
                if np.isfinite(level[i, k, p]):
                    pairs.setdefault((k, p), []).append(i)
    return pairs
