"""The strongest peak that no template has: filters as wide as lines, of zero area, at many places."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gamma_flow._engine import Engine
from gamma_flow.numerics.decompose import Decomposed

__all__ = ["PeakFilter"]

Floats = NDArray[np.float64]

_REACH = 3.0  # standard deviations of a line to either side that its filter looks at
_SPACING = 0.5  # of a full width at half maximum between two filters
_TO_SIGMA = 1 / 2.3548200450309493
_FLOOR = 0.05  # counts below which no variance falls, as in the fit


@dataclass(frozen=True, eq=False)
class PeakFilter:
    """Lines of zero area at many places: the strongest answer is a peak that no template has.

    Parameters
    ----------
    channels : (Z,)
        Numbers of the active channels that each of the M places looks at, one place after the other.
    starts : (M,)
        Where each begins among them.
    weights, squares : (Z,)
        Of these channels, and their squares.
    largest : (M,)
        The largest weight of each.
    """

    channels: NDArray[np.intp]
    starts: NDArray[np.intp]
    weights: Floats
    squares: Floats
    largest: Floats

    @classmethod
    def of(cls, engine: Engine) -> PeakFilter:
        """Make filters as wide as lines are, half a width apart."""
        edges = engine.templates.axis.edges
        used = np.flatnonzero(engine.templates.active)
        lower, upper = edges[used], edges[used + 1]
        middle = 0.5 * (lower + upper)
        places, at = [], float(middle[0])
        while at < middle[-1]:
            places.append(at)
            step = float(engine.line_width_at(np.array([at]))[0])
            near = int(np.searchsorted(middle, at))
            at += max(_SPACING * step, float((upper - lower)[min(near, len(used) - 1)]))
        place = np.array(places)
        sigma = np.maximum(engine.line_width_at(place) * _TO_SIGMA, 0.5 * float(np.median(upper - lower)))
        away = (middle[:, None] - place) / sigma
        near_by = np.abs(away) <= _REACH
        bell = np.where(near_by, np.exp(-0.5 * away**2), 0.0)
        mean = bell.sum(axis=0) / np.maximum(near_by.sum(axis=0), 1)
        weights = np.where(near_by, bell - mean, 0.0)
        whole = near_by.sum(axis=0) >= 3
        # a filter that the end of the axis cuts would take the slope there for a peak
        whole &= (place - middle[0] >= sigma * 2) & (middle[-1] - place >= sigma * 2)
        kept, used_by = weights[:, whole], near_by[:, whole]
        if not whole.any():  # a single place that answers nothing
            kept, used_by = np.zeros((len(middle), 1)), np.arange(len(middle))[:, None] == 0
        rows, columns = np.nonzero(used_by.T)
        own = kept[columns, rows]
        starts = np.searchsorted(rows, np.arange(kept.shape[1]))
        return cls(columns, starts, own, own**2, np.maximum(kept.max(axis=0), 1e-12))

    def strongest(self, values: Floats, fit: Decomposed) -> Floats:
        """Return the strongest positive answer of each spectrum, (N,), as a likelihood ratio.

        Notes
        -----
        An answer is taken as a Poisson number about its expectation, in units of the filter's largest weight:
        where there are many counts it is the square of the answer over its variance; where a channel expects
        a hundredth of a count, two of them are no sensation.
        """
        assert fit.mean is not None
        variance = np.maximum(fit.mean, _FLOOR)
        variance = variance + (fit.mismatch[:, None] * fit.mean) ** 2
        net = self._answers(values - fit.mean, self.weights)
        spread = self._answers(variance, self.squares)
        expected = np.maximum(spread / self.largest**2, 1e-12)
        more = np.maximum(net / self.largest, 0.0) / expected
        ratio = 2 * expected * ((1 + more) * np.log1p(more) - more)
        best: Floats = ratio.max(axis=1)
        return best

    def _answers(self, rows: Floats, weights: Floats) -> Floats:
        """Return the sums of what each place looks at, (N, M): lines are narrow, most weights are zero."""
        seen = np.take(np.ascontiguousarray(rows.T), self.channels, axis=0)
        seen *= weights[:, None]
        answers: Floats = np.add.reduceat(seen, self.starts, axis=0).T
        return answers
