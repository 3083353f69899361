"""Draws in which a class is not there, from training spectra: by them its evidence is judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gamma_flow.numerics.drift import moved
from gamma_flow.numerics.families import between
from gamma_flow.numerics.normal import quantile

__all__ = ["Changed", "Distortion", "draw_nulls"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_MOST_SOURCES = 3  # classes beside the background in one draw
_COUNTS = (2.0, 4.9)  # log10 of the counts of a source
_BACKGROUND = (0.3, 2.0)  # of the counts of a background spectrum
_SHARP = (2.0, 6.0)  # log10 of the counts of a background whose spectra do not tell how many to expect
_DRIFTS = 2000  # different drifts among the draws: each costs one rebinning
_SUMMED = 4  # times the wanted counts that neighbours are added to: counting noise of the draw comes on top
_MOST_SUMMED = 32  # neighbours: more of them would no longer be of one kind
_PILES_ABOVE = 8000  # counts from which a spectrum may hold pile-up
_MOST_RAISED = 2.0  # a channel that a shield raises by more takes the rest from the template, noise and all


@dataclass(frozen=True, slots=True)
class Distortion:
    """How far drawn spectra are from the templates; standard deviations, 0 for none.

    Parameters
    ----------
    gain, offset, smooth : float
        Relative; in the unit of the edges; relative.
    gain_range : float
        Gains are spread evenly over 1 +- this, too.
    pile_up : bool
        Whether strong spectra hold pile-up.
    """

    gain: float = 0.0
    offset: float = 0.0
    smooth: float = 0.0
    pile_up: bool = False
    gain_range: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Changed:
    """What all classes of a spectrum may be behind: templates at P values of one parameter.

    Parameters
    ----------
    plain : (K, C)
        Templates of the pools.
    members : (P, K, C)
        Templates at each value.
    values : (P,)
        Increasing. Draws are spread evenly from the first to the last.
    """

    plain: Floats
    members: Floats
    values: Floats

    def places(self, count: int, rng: np.random.Generator) -> Floats:
        """Return random places among the members, from 0 to P - 1."""
        value = self.values[0] + np.ptp(self.values) * _levels(count, rng)
        out: Floats = np.interp(value, self.values, np.arange(len(self.values)))
        return out

    def applied(self, mean: Floats, k: int, places: Floats, active: Bools) -> Floats:
        """Return expected spectra of class k as they are at their places, with as many counts, (n, C).

        Only the change between the templates is applied: what scatters in the spectra stays. What a member
        raises above twice the template is its own shape, for few counts would make much noise there.
        """
        low = np.minimum(places.astype(np.intp), max(len(self.members) - 2, 0))
        part = (places - low)[:, None]
        high = np.minimum(low + 1, len(self.members) - 1)
        goal = between(self.members[low, k], self.members[high, k], part)
        plain = self.plain[k]
        rise = np.zeros_like(goal)
        np.divide(goal, plain, out=rise, where=plain > 0)
        rise = np.clip(rise, 0.0, _MOST_RAISED)
        counts = mean[:, active].sum(axis=1, keepdims=True)
        size = plain[active].sum()
        out = mean * rise + np.maximum(goal - rise * plain, 0.0) * (counts / size)
        total = out[:, active].sum(axis=1, keepdims=True)
        result: Floats = out * np.where(total > 0, counts / np.where(total > 0, total, 1.0), 0.0)
        return result


def draw_nulls(
    pools: Sequence[Floats],
    background: int | None,
    edges: Floats,
    active: Bools,
    count: int,
    distortion: Distortion,
    rng: np.random.Generator,
    changed: Changed | None = None,
) -> tuple[Floats, Bools]:
    """Draw spectra of known contents as a detector would record them.

    Parameters
    ----------
    pools : K arrays of shape (n_k, C)
        Spectra of each class alone, in counts; at least one of each.
    background : int or None
        The class that is always there, at 0.3 to 2 times its counts; the others hold 10^2 to 10^4.9 counts
        over the active channels. A background of more counts than that was recorded or simulated to be
        sharp, and does not tell how many counts to expect: it is drawn at 10^2 to 10^6 counts.
    edges : (C + 1,)
        Of the channels.
    active : (C,) bool
        Channels that count.
    count : int
        N.
    distortion : Distortion
        Applied to the expected spectrum before the counts are drawn.
    rng : numpy.random.Generator
    changed : Changed, optional
        What all classes of a draw are behind.

    Returns
    -------
    values : (N, C)
        Poisson counts; an expected count below zero, from pools of differences, is drawn as zero.
    presence : (N, K) bool
        What is in them.
    """
    k, c = len(pools), len(active)
    sources = np.array([i for i in range(k) if i != background], np.intp)
    least = 0 if background is not None else 1
    number = rng.integers(least, min(_MOST_SOURCES, len(sources)) + 1, size=count) if len(sources) else None
    presence = np.zeros((count, k), bool)
    if number is not None:
        rank = np.argsort(np.argsort(rng.random((count, len(sources))), axis=1), axis=1)
        presence[:, sources] = rank < number[:, None]
    mean = np.zeros((count, c))
    places = None if changed is None else changed.places(count, rng)

    def behind(k: int, expected: Floats, rows: NDArray[np.intp] | slice) -> Floats:
        return (
            expected
            if changed is None or places is None
            else changed.applied(expected, k, places[rows], active)
        )

    for i in sources:
        rows = np.flatnonzero(presence[:, i])
        wanted = 10 ** rng.uniform(*_COUNTS, size=len(rows))
        mean[rows] += behind(i, _scaled(pools[i], wanted, active, rng), rows)
    if background is not None:
        presence[:, background] = True
        pool = pools[background]
        size = pool[:, active].sum(axis=1)
        wanted = rng.choice(size, count) * rng.uniform(*_BACKGROUND, size=count)
        sharp = wanted > 10 ** _COUNTS[1]
        wanted = np.where(sharp, 10 ** rng.uniform(*_SHARP, size=count), wanted)
        mean += behind(background, _scaled(pool, wanted, active, rng), slice(None))
    mean = _distorted(mean, edges, distortion, rng)
    return rng.poisson(np.clip(mean, 0.0, 1e15)).astype(np.float64), presence


def _scaled(pool: Floats, wanted: Floats, active: Bools, rng: np.random.Generator) -> Floats:
    """Spectra of a pool at wanted counts; where one holds too few to be scaled, its neighbours are added."""
    size = pool[:, active].sum(axis=1)
    usable = np.flatnonzero(size > 0)
    if not len(usable):
        return np.zeros((len(wanted), len(active)))
    chosen = rng.integers(0, len(usable), size=len(wanted))
    sums = np.concatenate([np.zeros((1, pool.shape[1])), np.cumsum(pool[usable], axis=0)])
    typical = float(np.median(size[usable]))
    need = np.clip(np.ceil(_SUMMED * wanted / typical), 1, min(len(usable), _MOST_SUMMED)).astype(np.intp)
    first = np.clip(chosen - need // 2, 0, len(usable) - need)
    group = sums[first + need] - sums[first]
    total = group[:, active].sum(axis=1)
    scaled: Floats = group * (wanted / total)[:, None]
    return scaled


def _distorted(mean: Floats, edges: Floats, how: Distortion, rng: np.random.Generator) -> Floats:
    count, c = mean.shape
    if how.gain > 0 or how.offset > 0 or how.gain_range > 0:
        number = min(_DRIFTS, count)
        gains, offsets = 1 + how.gain * _spread(number, rng), how.offset * _spread(number, rng)
        if how.gain_range > 0:
            gains += how.gain_range * (2 * _levels(number, rng) - 1)
        for i in range(number):
            some = slice(i, None, number)
            mean[some] = moved(mean[some], edges, float(np.clip(gains[i], 0.5, 1.5)), float(offsets[i]))
    if how.smooth > 0:
        x = np.sqrt((np.arange(c) + 0.5) / c)
        waves = np.sqrt(2.0) * np.cos(np.pi * np.arange(1, 5)[:, None] * x)
        mean = mean * np.maximum(1 + how.smooth / 2 * rng.standard_normal((count, 4)) @ waves, 0.0)
    if how.pile_up:
        total = mean.sum(axis=1)
        share = rng.uniform(size=count) * np.minimum(0.1, 1e-6 * total)
        rows = np.flatnonzero(total > _PILES_ABOVE)
        if len(rows):
            mean[rows] += share[rows, None] * (pile_up_shape(mean[rows], edges) - mean[rows])
    return mean


def _levels(count: int, rng: np.random.Generator) -> Floats:
    """Return draws from 0 to 1 in random order, one from each of ``count`` equal intervals."""
    level: Floats = np.maximum(rng.permutation(count) + rng.random(count), 1e-9) / count
    return level


def _spread(count: int, rng: np.random.Generator) -> Floats:
    """Return standard normal draws in random order, one from each of ``count`` equally likely intervals."""
    return quantile(_levels(count, rng))


def pile_shift(edges: Floats) -> int:
    """Return the channel of the sum of two pulses of channels i and j, minus (i + j)."""
    centre = 0.5 * (edges[0] + edges[1])
    return round(float(centre / np.diff(edges).mean()))


def pile_up_shape(mean: Floats, edges: Floats) -> Floats:
    """Return the self-convolution of each mean, of as many counts less what lies beyond the last channel."""
    c = mean.shape[1]
    transformed = np.fft.rfft(mean, n=2 * c, axis=1)
    both = np.fft.irfft(transformed**2, n=2 * c, axis=1) / np.maximum(mean.sum(axis=1), 1e-300)[:, None]
    out = np.zeros_like(mean)
    shift = pile_shift(edges)
    lo, hi = max(0, shift), min(c, 2 * c + shift)
    out[:, lo:hi] = np.maximum(both[:, lo - shift : hi - shift], 0.0)
    return out
