"""What a crystal does with photons: lines and a continuum of deposited energy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise

import numpy as np

from gamma_flow.errors import DataError
from gamma_flow.simulate._tables import (
    DISCRETE,
    LOWER,
    MC2,
    PAIR_LOWER,
    PAIR_UPPER,
    UPPER,
    Floats,
    names,
    table,
)
from gamma_flow.simulate.fields import HIGHEST, LOWEST, PhotonField, continuum_edges

__all__ = ["NEAREST", "Deposit", "Response", "deposit_edges", "normal_cdf"]

NEAREST = 5.0
"""The smallest distance between source and crystal that is tabulated, cm."""


@cache
def deposit_edges() -> Floats:
    """Return the edges of a deposit's continuum: 1 keV bins up to 3200 keV."""
    edges: Floats = np.arange(0.0, HIGHEST + 1.0)
    edges.setflags(write=False)
    return edges


@dataclass(frozen=True, eq=False)
class Deposit:
    """Energy left in a crystal, per second: sharp lines and a continuum in 1 keV bins.

    Attributes
    ----------
    energies, rates : ndarray, shape (P,)
        keV and events per second: full-energy peaks, escape peaks, X-ray escapes.
    continuum : ndarray, shape (3200,)
        Events per second in each bin of ``deposit_edges()``.
    """

    energies: Floats
    rates: Floats
    continuum: Floats

    @property
    def total(self) -> float:
        """Events per second."""
        return float(self.rates.sum() + self.continuum.sum())

    def scaled(self, factor: float) -> Deposit:
        """Return the deposit times a factor."""
        return Deposit(self.energies, self.rates * factor, self.continuum * factor)

    def plus(self, other: Deposit) -> Deposit:
        """Return the sum of two deposits."""
        return Deposit(
            np.concatenate([self.energies, other.energies]),
            np.concatenate([self.rates, other.rates]),
            self.continuum + other.continuum,
        )


@dataclass(frozen=True)
class Response:
    """The tabulated response of one detector.

    Attributes
    ----------
    name : str
        One of ``gamma_flow.simulate.detector_names()``.
    """

    name: str

    def __post_init__(self) -> None:
        if self.name not in names():
            raise DataError(
                "there is no response of this name",
                where=self.name,
                expected=", ".join(names()),
                found=self.name,
                cure="choose the nearest in size and material",
            )

    @property
    def face_area(self) -> float:
        """The area of the crystal's front face, cm2."""
        a, b, box = table(self.name)["half"]
        return float(4 * a * b if box else np.pi * a**2)

    def face_fraction(self, distance: float) -> float:
        """Return the share of a point source's photons that aim at the front face, distance in cm."""
        a, b, box = table(self.name)["half"]
        if box:
            return float(np.arctan(a * b / (distance * np.sqrt(a**2 + b**2 + distance**2))) / np.pi)
        return float(0.5 * (1 - distance / np.hypot(distance, a)))

    def rows(self, distance: float | None) -> Floats:
        """Return the table at a distance in cm, or for photons from all sides (None), shape (G, bins).

        Between the tabulated distances it is interpolated linearly in 1 / distance; beyond 1 m it no
        longer changes.
        """
        stored = table(self.name)
        places, rows = stored["distances"], stored["rows"]
        if distance is None:
            result: Floats = rows[int(np.flatnonzero(places == 0)[0])]
            return result
        if not distance >= NEAREST or not np.isfinite(distance):
            raise DataError(
                "the source is too near",
                where="distance",
                expected=f"at least {NEAREST:g} cm from the front face of the crystal",
                found=f"{distance:g} cm",
                cure="move the source away: nearer, its shape and summing matter more than the table knows",
            )
        order = np.argsort(-places[places > 0])
        inverse = 1 / places[places > 0][order]
        at = float(np.clip(1 / distance, inverse[0], inverse[-1]))
        high = int(np.clip(np.searchsorted(inverse, at), 1, len(inverse) - 1))
        part = (at - inverse[high - 1]) / (inverse[high] - inverse[high - 1])
        kept = rows[places > 0][order]
        between: Floats = (1 - part) * kept[high - 1] + part * kept[high]
        return between

    def efficiency(self, energies: Floats, distance: float | None = 10.0) -> tuple[Floats, Floats]:
        """Return total and peak efficiency per photon that aims at the front face, each of shape (L,)."""
        totals = [self._row(self.rows(distance), float(e)) for e in np.atleast_1d(energies)]
        return np.array([row.sum() for row in totals]), np.array([row[0] for row in totals])

    def deposit(self, field: PhotonField, distance: float | None) -> Deposit:
        """Return what photons leave in the crystal.

        Parameters
        ----------
        field : PhotonField
            Photons that leave a point source in all directions (1/s); with no distance: their fluence
            from all sides (1/cm2/s).
        distance : float or None
            cm from the source to the front face of the crystal.

        Raises
        ------
        DataError
            A distance below 5 cm.
        """
        rows = self.rows(distance)
        weight = self.face_area if distance is None else self.face_fraction(distance)
        edges = deposit_edges()
        lines: list[tuple[Floats, Floats]] = []
        continuum = np.zeros(len(edges) - 1)
        losses = table(self.name)["losses"]
        for energy, rate in zip(field.energies, field.rates, strict=True):
            row = self._row(rows, float(energy)) * (rate * weight)
            at = np.concatenate([[energy, energy - MC2, energy - 2 * MC2], energy - losses])
            lines.append((at, row[: len(at)]))
            continuum += _stretched(row[DISCRETE:], float(energy), edges)
        if field.continuum.any():
            continuum += (field.continuum * weight) @ _continuum_matrix(self.name, distance)
        if not lines:
            return Deposit(np.zeros(0), np.zeros(0), continuum)
        energies, rates = (np.concatenate([part[i] for part in lines]) for i in (0, 1))
        kept = (rates > 0) & (energies > 0)
        return Deposit(energies[kept], rates[kept], continuum)

    def _row(self, rows: Floats, energy: float) -> Floats:
        if not LOWEST <= energy <= HIGHEST * (1 + 1e-9):
            raise DataError(
                "the photon energy lies outside the tables",
                where=self.name,
                expected=f"{LOWEST:g} to {HIGHEST:g} keV",
                found=f"{energy:g} keV",
                cure="leave that line out",
            )
        grid = table(self.name)["energies"]
        high = int(np.clip(np.searchsorted(grid, energy), 1, len(grid) - 1))
        part = float(np.log(energy / grid[high - 1]) / np.log(grid[high] / grid[high - 1]))
        row: Floats = (1 - part) * rows[high - 1] + part * rows[high]
        return row


@cache
def _unit(bins: int) -> Floats:
    return np.linspace(0.0, 1.0, bins + 1)


def _stretched(bins: Floats, energy: float, edges: Floats) -> Floats:
    """Return the continuum of one photon energy on ``edges``: its bins stretch with the energy's features."""
    k = energy / MC2
    edge = energy * 2 * k / (1 + 2 * k)
    knots = np.concatenate([edge * _unit(LOWER)[:-1], edge + (energy - edge) * _unit(UPPER)])
    running = np.concatenate([[0.0], np.cumsum(bins[: LOWER + UPPER])])
    out = np.diff(np.interp(edges, knots, running))
    pair = bins[LOWER + UPPER :]
    if energy > 2 * MC2 and pair.any():
        lowest = energy - 2 * MC2
        knots = np.concatenate([lowest * _unit(PAIR_LOWER)[:-1], lowest + 2 * MC2 * _unit(PAIR_UPPER)])
        out += np.diff(np.interp(edges, knots, np.concatenate([[0.0], np.cumsum(pair)])))
    result: Floats = out
    return result


@lru_cache(maxsize=16)
def _continuum_matrix(name: str, distance: float | None) -> Floats:
    """Return what the photons of each continuum bin leave, all of it in 1 keV bins, shape (240, 3200)."""
    response = Response(name)
    rows = response.rows(distance)
    losses = table(name)["losses"]
    edges, out_edges = continuum_edges(), deposit_edges()
    matrix = np.zeros((len(edges) - 1, len(out_edges) - 1))
    for i, (lo, hi) in enumerate(pairwise(edges)):
        middle = float(np.sqrt(lo * hi))
        if middle < LOWEST:
            continue
        row = response._row(rows, middle)
        matrix[i] = _stretched(row[DISCRETE:], middle, out_edges)
        for shift, share in zip([0.0, MC2, 2 * MC2, *losses], row, strict=False):
            if share > 0 and hi - shift > 0:
                # the line of a bin of photons is as wide as the bin
                running = np.interp(out_edges, [max(lo - shift, 0.0), hi - shift], [0.0, 1.0])
                matrix[i] += share * np.diff(running)
    matrix.setflags(write=False)
    return matrix


@cache
def _normal_table() -> tuple[Floats, Floats]:
    x = np.linspace(-7.0, 7.0, 28001)
    density = np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi)
    running = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2) * (x[1] - x[0])])
    return x, running / running[-1]


def normal_cdf(x: Floats) -> Floats:
    """Return the normal distribution function, to 1e-7, from a table."""
    grid, running = _normal_table()
    result: Floats = np.interp(x, grid, running)
    return result
