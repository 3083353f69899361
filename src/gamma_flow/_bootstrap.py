"""Intervals of figures from drawing whole runs with replacement, and the ranking figure among them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from gamma_flow._outcomes import Outcomes

__all__ = ["intervals", "ranking_auc"]

_LEVEL = 0.95
_BLOCK = 2**22  # numbers held at once, whatever the number of runs
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
    rng = np.random.default_rng(seed)
    pairs = _pairs(table, place, runs) if runs <= _MOST_RUNS else {}
    parts: list[dict[str, NDArray[np.float64]]] = []
    step = max(1, _BLOCK // runs)
    for first in range(0, draws, step):
        count = min(step, draws - first)
        times = rng.multinomial(runs, np.full(runs, 1 / runs), count).astype(np.float64)
        parts.append(_samples(table, columns, place, times, pairs))
    tail = 50 * (1 - _LEVEL)
    result = {}
    for name in parts[0]:
        sample = np.concatenate([part[name] for part in parts])
        known = sample[~np.isnan(sample)]
        if len(known):
            lo, hi = np.percentile(known, [tail, 100 - tail])
            result[name] = (float(lo), float(hi))
    return result


def _samples(
    table: Outcomes,
    columns: Mapping[str, NDArray[np.float64]],
    place: NDArray[np.intp],
    times: NDArray[np.float64],
    pairs: Mapping[str, NDArray[np.float64]],
) -> dict[str, NDArray[np.float64]]:
    """Return every figure of every draw; ``times`` says how often a draw takes each run."""
    runs = times.shape[1]

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
        if name in pairs:
            right = ((times @ pairs[name]) * times).sum(axis=1)
            samples[f"auc {name}"] = _ratio(right, held * (size - held))
    return samples


def _ratio(top: NDArray[np.float64], bottom: NDArray[np.float64]) -> NDArray[np.float64]:
    ratio: NDArray[np.float64] = np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0)
    return ratio


def _pairs(table: Outcomes, place: NDArray[np.intp], runs: int) -> dict[str, NDArray[np.float64]]:
    """Count, for each class, the pairs of a true and a false spectrum that stand in the right order.

    Returns
    -------
    dict of str to ndarray, shape (R, R)
        By the run of the true and the run of the false spectrum; equal shares count one half. A draw that
        takes run r w_r times has w_r w_s of the pairs between r and s.
    """
    result = {}
    for number, name in enumerate(table.names[: table.classes]):
        truth, score = table.true[:, number], table.shares[:, number]
        right = np.zeros((runs, runs))
        positive, at = score[truth], place[truth]
        for other in np.unique(place[~truth]):
            below = np.sort(score[~truth & (place == other)])
            wins = 0.5 * (
                np.searchsorted(below, positive, "left") + np.searchsorted(below, positive, "right")
            )
            right[:, other] = np.bincount(at, weights=wins, minlength=runs)
        result[name] = right
    return result
