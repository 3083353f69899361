"""Intervals of figures from drawing whole runs with replacement, and the ranking figure among them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from gamma_flow._outcomes import Outcomes

__all__ = ["intervals", "ranking_auc"]

_LEVEL = 0.95
_MOST_RUNS = 1000  # a table of pairs of runs is kept for the ranking figure: beyond this it has no interval


def ranking_auc(truth: NDArray[np.bool_], score: NDArray[np.float64]) -> float | None:
    """Area under the receiver operating characteristic: how often a true one ranks above a false one.

    Parameters
    ----------
    truth : ndarray of bool, shape (N,)
        Which are true.
    score : ndarray, shape (N,)
        Larger for what is rather true; equal scores count one half.

    Returns
    -------
    float or None
        None if all or none are true.

    References
    ----------
    H. B. Mann and D. R. Whitney, Annals of Mathematical Statistics 18 (1947) 50.

    Examples
    --------
    >>> ranking_auc(np.array([True, True, False]), np.array([0.9, 0.2, 0.2]))
    0.75
    """
    positive = int(truth.sum())
    negative = len(truth) - positive
    if not positive or not negative:
        return None
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place.reshape(-1)]
    return float((rank[truth].sum() - positive * (positive + 1) / 2) / (positive * negative))


def intervals(
    table: Outcomes, columns: Mapping[str, NDArray[np.float64]], draws: int, seed: int
) -> dict[str, tuple[float, float]]:
    """Return 95 % intervals of all figures (percentile bootstrap over runs).

    Parameters
    ----------
    table : Outcomes
        N spectra of R runs.
    columns : mapping of str to ndarray, shape (N,)
        What each spectrum adds to the figures that are means.
    draws : int
        How often R runs are drawn with replacement; 0 for no intervals.
    seed : int
        Seed of the draws.

    Returns
    -------
    dict of str to (float, float)
        By name of the mean, and ``precision NAME``, ``recall NAME``, ``f1 NAME``, ``auc NAME`` for each class
        of the model. Figures that are undefined in some draw are taken over the others, and left out if they
        are undefined in all.
    """
    if not draws or not len(table):
        return {}
    _, place = np.unique(table.run, return_inverse=True)
    place = place.reshape(-1)
    runs = int(place.max()) + 1
    times = np.random.default_rng(seed).multinomial(runs, np.full(runs, 1 / runs), draws).astype(np.float64)

    def summed(column: NDArray[np.float64] | NDArray[np.bool_]) -> NDArray[np.float64]:
        total: NDArray[np.float64] = times @ np.bincount(place, weights=column, minlength=runs)
        return total

    size = summed(np.ones(len(table)))
    samples = {name: summed(column) / size for name, column in columns.items()}
    for number, name in enumerate(table.names[: table.classes]):
        true, found = table.true[:, number], table.found[:, number]
        hits, claims, held = summed(true & found), summed(found), summed(true)
        samples[f"precision {name}"] = _ratio(hits, claims)
        samples[f"recall {name}"] = _ratio(hits, held)
        samples[f"f1 {name}"] = _ratio(2 * hits, claims + held)
        if runs <= _MOST_RUNS:
            samples[f"auc {name}"] = _auc_samples(true, table.shares[:, number], place, times)
    tail = 50 * (1 - _LEVEL)
    result = {}
    for name, sample in samples.items():
        known = sample[~np.isnan(sample)]
        if len(known):
            lo, hi = np.percentile(known, [tail, 100 - tail])
            result[name] = (float(lo), float(hi))
    return result


def _ratio(top: NDArray[np.float64], bottom: NDArray[np.float64]) -> NDArray[np.float64]:
    ratio: NDArray[np.float64] = np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0)
    return ratio


def _auc_samples(
    truth: NDArray[np.bool_], score: NDArray[np.float64], place: NDArray[np.intp], times: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the ranking figure of each draw, shape (draws,).

    The pairs of a true and a false spectrum that stand in the right order are counted once for each pair of
    runs; a draw that takes run r w_r times has w_r w_s of the pairs between r and s.
    """
    runs = times.shape[1]
    right = np.zeros((runs, runs))
    positive, at = score[truth], place[truth]
    for other in np.unique(place[~truth]):
        below = np.sort(score[~truth & (place == other)])
        wins = 0.5 * (np.searchsorted(below, positive, "left") + np.searchsorted(below, positive, "right"))
        right[:, other] = np.bincount(at, weights=wins, minlength=runs)
    trues = times @ np.bincount(place, weights=truth, minlength=runs)
    falses = times @ np.bincount(place, weights=~truth, minlength=runs)
    return _ratio(((times @ right) * times).sum(axis=1), trues * falses)
