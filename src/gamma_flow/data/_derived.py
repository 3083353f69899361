"""What an analysis answers when it is asked: intervals, limits, groups; each costs more than the fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gamma_flow.numerics import uncertainty
from gamma_flow.numerics.decompose import Distortions
from gamma_flow.numerics.identify import groups
from gamma_flow.numerics.information import absent, covariance, information

__all__ = ["Basis"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_BLOCK = 1 << 20  # values that are taken at a time where the weights of all channels are needed


@dataclass(frozen=True, eq=False)
class Basis:
    """What the fit rested on, kept for answers that are made on demand.

    Parameters
    ----------
    shapes : (K, A)
        Templates over the active channels.
    distortions : Distortions
        What was fitted beside the scores.
    sigma : (N, 1) or (N, A), optional
        Standard deviation of the values, where they are not counts.
    members : sequence of (shapes, distortions)
        What a search chose among (gains, values of a family); empty if all spectra had the same.
    chosen : (N,) int, optional
        Number of the member with which each spectrum was fitted.
    """

    shapes: Floats
    distortions: Distortions
    sigma: Floats | None = None
    members: tuple[tuple[Floats, Distortions], ...] = ()
    chosen: NDArray[np.intp] | None = None

    def __getitem__(self, rows: slice | NDArray[np.intp] | NDArray[np.bool_]) -> Basis:
        """Return the basis of some of the spectra."""
        if self.sigma is None and self.chosen is None:
            return self
        sigma = None if self.sigma is None else self.sigma[rows]
        return replace(self, sigma=sigma, chosen=None if self.chosen is None else self.chosen[rows])

    def by_member(self, n: int) -> Iterator[tuple[NDArray[np.intp], Basis]]:
        """Yield row numbers among n spectra that were fitted with the same columns, and their basis."""
        if self.chosen is None:
            yield np.arange(n), self
            return
        for number in np.unique(self.chosen):
            rows = np.flatnonzero(self.chosen == number)
            shapes, distortions = self.members[number]
            yield rows, Basis(shapes, distortions, None if self.sigma is None else self.sigma[rows])

    def information(self, scores: Floats, mismatch: Floats) -> Floats:
        """Return the Fisher information of the scores, shape (N, K, K)."""
        if self.chosen is not None:
            told = np.empty((*scores.shape, scores.shape[1]))
            for rows, basis in self.by_member(len(scores)):
                told[rows] = basis.information(scores[rows], mismatch[rows])
            return told
        if self.sigma is None:
            return information(scores, self.shapes, self.distortions, mismatch=mismatch)
        if self.sigma.shape[1] == 1:
            gram = self.shapes @ self.shapes.T
            return np.asarray(gram / self.sigma[:, :, None] ** 2)
        out = np.empty((len(scores), len(self.shapes), len(self.shapes)))
        step = max(1, _BLOCK // self.shapes.size)
        for start in range(0, len(scores), step):
            weighted = self.shapes / self.sigma[start : start + step, None, :] ** 2
            out[start : start + step] = weighted @ self.shapes.T
        return out

    def intervals(
        self, scores: Floats, free: Floats, errors: Floats, mismatch: Floats, level: float
    ) -> Floats:
        """Return intervals of the scores, shape (N, K, 2)."""
        settled = uncertainty.settled(scores, free, errors, self.information(scores, mismatch))
        unit = 1.0 if self.sigma is None else 0.0
        return uncertainty.intervals(free, errors, level, settled=settled, unit=unit)

    def share_errors(
        self, scores: Floats, mismatch: Floats, chosen: Bools | None = None, unit: Floats | None = None
    ) -> Floats:
        """Return the standard deviations of shares, correlations included, shape (N, K).

        Of the shares among some classes (K,), if they are chosen, of scores over their units (K,); the others
        are fitted all the same, and theirs are zero.
        """
        k = scores.shape[1]
        spread = covariance(self.information(scores, mismatch), scores > 0)
        counted = np.where(np.ones(k, bool) if chosen is None else chosen, 1.0, 0.0)
        factor = counted if unit is None else counted / unit
        found = uncertainty.share_errors(scores * factor, spread * np.multiply.outer(factor, factor))
        return np.where(counted > 0, found, 0.0)

    def limits(self, scores: Floats, mismatch: Floats, alpha: float, beta: float) -> uncertainty.Limits:
        """Return decision thresholds and detection limits, each of shape (N, K)."""
        if self.chosen is not None:
            threshold, limit = np.empty(scores.shape), np.empty(scores.shape)
            for rows, basis in self.by_member(len(scores)):
                part = basis.limits(scores[rows], mismatch[rows], alpha, beta)
                threshold[rows], limit[rows] = part.decision_threshold, part.detection_limit
            return uncertainty.Limits(threshold, limit)
        if self.sigma is None:
            sd0, unit = absent(scores, self.shapes, self.distortions, mismatch=mismatch)
            return uncertainty.limits(sd0, unit, alpha=alpha, beta=beta)
        everyone = np.ones(scores.shape, bool)
        spread = covariance(self.information(scores, mismatch), everyone)
        variance = np.einsum("nkk->nk", spread)
        sd0 = np.where(np.isfinite(variance), np.sqrt(np.maximum(variance, 0.0)), np.inf)
        return uncertainty.limits(sd0, 0.0, alpha=alpha, beta=beta)

    def groups(self, scores: Floats, mismatch: Floats, present: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return the group of each class, shape (N, K)."""
        return groups(self.information(scores, mismatch), scores, present)
