"""From training spectra to a calibration: draws without a class, analysed as any spectrum is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gamma_flow._answers import searched
from gamma_flow._engine import Engine, log_counts, novelty_of
from gamma_flow.data.calibration import Calibration
from gamma_flow.errors import TrainingError
from gamma_flow.numerics.decompose import Decomposed
from gamma_flow.numerics.evidence import LEVELS, Tail
from gamma_flow.numerics.nulls import Changed, draw_nulls

__all__ = ["calibrate", "condensed"]

Floats = NDArray[np.float64]

_BINS = 6
_ENOUGH = 30  # draws that fix a rate to a fifth
_FEWEST = 200  # draws of a class in all its bins


def calibrate(
    engine: Engine,
    pools: Sequence[Floats],
    nulls: int,
    rng: np.random.Generator,
    *,
    live_time: float | None = None,
    threads: int = 1,
) -> Calibration:
    """Draw nulls and condense them.

    Parameters
    ----------
    engine : Engine
        On the axis of the pools.
    pools : K arrays of shape (n_k, C)
        Spectra of each class alone that did not make its template, where there are such.
    nulls : int
        Draws in all.
    rng : numpy.random.Generator
    live_time : float, optional
        Seconds that a draw is taken to have lasted; unknown without it.
    threads : int
        Of the fit; they change nothing but the time.

    Raises
    ------
    TrainingError
        Fewer draws than a calibration needs.
    """
    if nulls < _FEWEST:
        raise TrainingError(
            "too few draws for a calibration",
            where="nulls",
            expected=f"{_FEWEST} or more",
            found=str(nulls),
            cure='ask for more, or take rule="share"',
        )
    templates = engine.templates
    background = None if engine.skip < 0 else engine.skip
    family = templates.family
    values, presence = draw_nulls(
        pools,
        background,
        templates.axis.edges,
        templates.active,
        nulls,
        engine.drawn(),
        rng,
        None if family is None else Changed(templates.shapes, family.shapes, family.values),
    )
    values = np.ascontiguousarray(engine.taken(values))
    seconds = None if live_time is None else np.full(nulls, live_time)
    if engine.searches:  # the search, too, finds what is not there
        unknown = np.full(nulls, np.nan) if seconds is None else seconds
        fit = searched(engine.grid(), values, None, unknown, "everything", threads)[0]
    else:
        fit = engine.fit(values, None, seconds, threads=threads)
    return condensed(engine, fit, values, presence)


def condensed(engine: Engine, fit: Decomposed, values: Floats, presence: NDArray[np.bool_]) -> Calibration:
    """Return what fits (of N draws) say about classes that are not there.

    Parameters
    ----------
    engine : Engine
        Of K classes.
    fit : Decomposed
        Of the draws, as any spectrum is fitted.
    values : (N, A)
        The draws over the active channels.
    presence : (N, K)
        What is in them.
    """
    counts = values.sum(axis=1)
    x = log_counts(counts)
    nulls, k = presence.shape
    background = engine.skip
    at, quantiles, scale = np.zeros((k, _BINS)), np.zeros((k, _BINS, len(LEVELS))), np.ones((k, _BINS))
    number = np.zeros(k, np.int64)
    log_p = np.zeros((nulls, k))
    for i in range(k):
        absent = ~presence[:, i]
        if i == background:
            continue
        if absent.sum() < _FEWEST:  # a model of one class: there is nothing to draw it from
            tail = Tail.chi_square(_BINS)
        else:
            tail = Tail.of(fit.ratios[absent, i], x[absent], _BINS)
            number[i] = absent.sum()
        at[i], quantiles[i], scale[i] = tail.at, tail.quantiles, tail.scale
        log_p[absent, i] = tail.log_p(fit.ratios[absent, i], x[absent])
    order = np.argsort(x, kind="stable")
    novelty = novelty_of(fit, counts, values.shape[1])
    return Calibration(
        at,
        quantiles,
        scale,
        LEVELS,
        number,
        _effective(log_p.min(axis=1), engine.method.false_alarm_rate, k),
        x[order],
        novelty[order],
    )


def _effective(log_p: Floats, rate: float, classes: int) -> float:
    """Return the number of independent classes that explains how often the least p-value gets low.

    The p-value below which the promised rate of draws lies is read off them (or that of 30 draws, if the rate
    promises fewer): there 1 - (1 - p)^n is the rate, and n follows.
    """
    at = min(max(rate, _ENOUGH / len(log_p)), 0.5)
    p = float(np.exp(np.quantile(log_p, at)))
    if not p < 1:
        return 1.0
    return float(np.clip(np.log1p(-at) / np.log1p(-p), 1.0, 10.0 * max(classes, 1)))
