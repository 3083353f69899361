"""Random counts: Poisson draws of many spectra, thinning, shares of mixtures, pile-up."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.errors import DataError
from gamma_flow.numerics.rebin import rebin_counts

__all__ = ["pile_up", "poisson", "shares", "thin"]

Floats = NDArray[np.float64]
_BLOCK = 256  # rows a generator: fixed, so that the number of threads changes nothing
_MOST_PILE_UP = 0.2


def poisson(
    expected: ArrayLike, rng: np.random.Generator, *, threads: int | None = None
) -> NDArray[np.int64]:
    """Draw Poisson counts.

    Parameters
    ----------
    expected : array_like, shape (N, C)
        Expected counts.
    rng : numpy.random.Generator
        Each block of 256 rows gets a child of it, so that the result is the same with any number of threads.
    threads : int, optional
        Default: as many as there are processors.

    Returns
    -------
    ndarray of int64, shape (N, C)

    Raises
    ------
    DataError
        Expected counts that are negative, not finite, or not of shape (N, C); fewer than one thread.

    Examples
    --------
    >>> poisson([[0.0, 4.0]], np.random.default_rng(1)).shape
    (1, 2)
    """
    means = _means(expected)
    if threads is not None and threads < 1:
        raise DataError(
            "threads have to be one or more", where="threads", expected=">= 1", found=str(threads)
        )
    out = np.empty(means.shape, dtype=np.int64)
    starts = range(0, len(means), _BLOCK)
    children = rng.spawn(len(starts))

    def block(job: tuple[int, np.random.Generator]) -> None:
        start, child = job
        out[start : start + _BLOCK] = child.poisson(means[start : start + _BLOCK])

    count = min(threads or os.cpu_count() or 1, max(1, len(starts)))
    if count == 1:
        for job in zip(starts, children, strict=True):
            block(job)
    else:
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(block, zip(starts, children, strict=True)))
    return out


def _means(expected: ArrayLike) -> Floats:
    means = np.asarray(expected, dtype=np.float64)
    if means.ndim != 2:
        raise DataError(
            "expected counts have to be a table",
            expected="shape (N, C)",
            found=f"shape {means.shape}",
            cure="put a single spectrum into a list",
        )
    bad = ~(np.isfinite(means) & (means >= 0) & (means < 2.0**62))
    if bad.any():
        row, channel = (int(i[0]) for i in np.nonzero(bad))
        raise DataError(
            "expected counts have to be finite and not negative",
            where=f"row {row}, channel {channel}",
            expected=">= 0",
            found=f"{means[row, channel]:g}",
            cure="check rates and live times",
        )
    return means


def thin(counts: ArrayLike, keep: ArrayLike, rng: np.random.Generator) -> NDArray[np.int64]:
    """Keep each count with a probability: what a shorter measurement would have shown.

    Parameters
    ----------
    counts : array_like, shape (N, C)
        Whole numbers.
    keep : float or array_like that broadcasts to (N, C)
        Probabilities, 0 to 1.
    rng : numpy.random.Generator

    Raises
    ------
    DataError
        Counts that are no whole numbers or negative, probabilities outside 0 to 1 or of another shape.

    Examples
    --------
    >>> thin([[5, 9]], 1.0, np.random.default_rng(1)).tolist()
    [[5, 9]]
    """
    values = _means(counts)
    if (values != np.floor(values)).any():
        raise DataError(
            "only counts can be thinned",
            expected="whole numbers",
            found=f"{values[values != np.floor(values)][0]:g}",
            cure="thin before rebinning or subtracting",
        )
    chance = np.asarray(keep, dtype=np.float64)
    if not ((chance >= 0) & (chance <= 1)).all():
        raise DataError(
            "a probability lies between 0 and 1",
            where="keep",
            expected="0 to 1",
            found=f"{chance.min():g} to {chance.max():g}",
        )
    try:
        chance = np.broadcast_to(chance, values.shape)
    except ValueError:
        raise DataError(
            "the probabilities do not fit the counts",
            where="keep",
            expected=f"one, or a shape that broadcasts to {values.shape}",
            found=f"shape {chance.shape}",
            cure="give one for each row as shape (N, 1)",
        ) from None
    drawn: NDArray[np.int64] = rng.binomial(values.astype(np.int64), chance)
    return drawn


def shares(
    rows: int,
    classes: int,
    rng: np.random.Generator,
    *,
    alpha: float = 1.0,
    present: Sequence[int] = (1, 2, 3),
) -> Floats:
    """Draw random mixtures: rows that sum to one with a random number of classes in each.

    Parameters
    ----------
    rows, classes : int
        N and K.
    rng : numpy.random.Generator
    alpha : float
        Of the Dirichlet distribution: 1 for all shares equally likely, smaller for one class that dominates.
    present : sequence of int
        Numbers of classes in a row, equally likely.

    Returns
    -------
    ndarray, shape (N, K)

    Raises
    ------
    DataError
        More classes wanted than there are, none wanted, an alpha that is not positive.

    Examples
    --------
    >>> found = shares(4, 3, np.random.default_rng(1), present=[2])
    >>> (found > 0).sum(axis=1).tolist()
    [2, 2, 2, 2]
    """
    wanted = np.asarray(list(present), dtype=np.int64)
    if wanted.size == 0 or wanted.min() < 1 or wanted.max() > classes:
        raise DataError(
            "a mixture cannot hold that many classes",
            where="present",
            expected=f"1 to {classes}",
            found=str(wanted.tolist()),
        )
    if not (np.isfinite(alpha) and alpha > 0):
        raise DataError("alpha has to be positive", where="alpha", expected="> 0", found=f"{alpha:g}")
    order = np.argsort(rng.random((rows, classes)), axis=1)
    number = rng.choice(wanted, size=rows)
    weight = rng.gamma(alpha, size=(rows, classes)) + np.finfo(float).tiny
    weight[np.argsort(order, axis=1) >= number[:, None]] = 0.0
    result: Floats = weight / weight.sum(axis=1, keepdims=True)
    return result


def pile_up(
    expected: ArrayLike, edges: ArrayLike, rate: ArrayLike, resolving_time: float
) -> tuple[Floats, Floats]:
    """Let pulses that come together count as one of their summed energy, to first order.

    With f = 1 - exp(-rate * resolving_time), f of the pulses merge with the next one: of N pulses,
    N (1 - 2 f) stay alone and N f are sums. Energy is conserved, counts are not: N f are lost.

    Parameters
    ----------
    expected : array_like, shape (N, C)
        Counts, or rates, without pile-up.
    edges : array_like, shape (C + 1,)
        Energies; what lies below zero piles up with nothing and stays.
    rate : float or array_like of shape (N,)
        Pulses per second of each row.
    resolving_time : float
        Seconds.

    Returns
    -------
    piled : ndarray, shape (N, C)
    lost : ndarray, shape (N,)
        Sums beyond the last edge.

    Raises
    ------
    DataError
        A rate or time that is negative or not finite, or not one for each row; a rate at which more than
        20 % of pulses merge: two are then no longer enough.
    """
    values = _means(expected)
    at = np.asarray(edges, dtype=np.float64)
    pulses = np.asarray(rate, dtype=np.float64)
    if pulses.shape not in {(), (len(values),)}:
        raise DataError(
            "rates do not fit the spectra",
            where="rate",
            expected=f"one, or one for each of {len(values)} rows",
            found=f"shape {pulses.shape}",
            cure="give the pulses per second of each row",
        )
    chances = pulses * resolving_time
    if not (np.isfinite(chances).all() and (pulses >= 0).all() and resolving_time >= 0):
        raise DataError(
            "pile-up needs a rate and a resolving time that are finite and not negative",
            where="rate or resolving_time",
            expected=">= 0",
            found=f"{pulses.min(initial=np.inf):g} /s, {resolving_time:g} s",
            cure="give pulses per second, and seconds",
        )
    share = np.broadcast_to(-np.expm1(-chances), (len(values),))
    if (share > _MOST_PILE_UP).any():
        raise DataError(
            "pile-up of two pulses is not enough at this rate",
            where=f"row {int(np.argmax(share))}",
            expected=f"at most {_MOST_PILE_UP:.0%} of pulses that merge",
            found=f"{share.max():.0%}",
            cure="lower the rate or the resolving time",
        )
    bins = 2 * values.shape[1]
    fine = np.linspace(0.0, max(at[-1], 1e-9), bins + 1)
    density = rebin_counts(values, at, fine).values
    total = density.sum(axis=1, keepdims=True)
    length = 2 * bins
    transformed = np.fft.rfft(density, n=length, axis=1)
    # a sum of two bins is spread over two bins: half each
    double = np.maximum(np.fft.irfft(transformed**2, n=length, axis=1), 0.0) / np.maximum(total, 1e-300)
    shifted = np.concatenate([np.zeros((len(double), 1)), double[:, :-1]], axis=1)
    sums = 0.5 * (double + shifted)
    whole = np.linspace(0.0, 2 * fine[-1], length + 1)
    placed = rebin_counts(sums, whole, at).values
    above = np.diff(np.maximum(at, 0.0)) / np.diff(at)  # the part of each channel that can pile up
    piled = values * (1 - 2 * share[:, None] * above) + share[:, None] * placed
    return piled, share * (sums.sum(axis=1) - placed.sum(axis=1))
