"""What reaches a detector from around it: photons that a floor scatters up, and natural background."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gamma_flow.errors import DataError
from gamma_flow.nuclides import nuclide, series_lines
from gamma_flow.simulate._tables import MC2, table
from gamma_flow.simulate.fields import PhotonField, continuum_edges
from gamma_flow.simulate.response import Deposit, Response, deposit_edges
from gamma_flow.simulate.shields import scattered_rows

__all__ = ["STRENGTHS", "Background", "floor_field"]

STRENGTHS = ("potassium", "uranium", "thorium", "radon", "cosmic")
"""The kinds of background, each with a strength of its own."""


def floor_field(field: PhotonField, height: float = 100.0) -> PhotonField:
    """Return the fluence that a concrete floor scatters up to a source's height.

    Parameters
    ----------
    field : PhotonField
        Photons that leave a source in all directions, 1/s.
    height : float
        cm above the floor.

    Returns
    -------
    PhotonField
        Fluence in 1/cm2/s. Walls and tables add more of much the same shape.

    Raises
    ------
    DataError
        A height that is not positive.

    Examples
    --------
    >>> field = floor_field(PhotonField.of([661.657], [1e6]))
    >>> 0.05 < field.total / (1e6 / (4 * np.pi * 100**2)) < 1
    True
    """
    if not (np.isfinite(height) and height > 0):
        raise DataError(
            "the floor needs a distance",
            where="height",
            expected="cm > 0",
            found=f"{height:g}",
            cure="100 is usual",
        )
    return _scattered(field, "floor_rows", 1 / height**2, lines=False)


def _scattered(field: PhotonField, rows: str, factor: float, *, lines: bool) -> PhotonField:
    stored = table("surroundings")
    edges = continuum_edges()
    energies = np.concatenate([field.energies, np.sqrt(edges[1:] * edges[:-1])])
    rates = np.concatenate([field.rates, field.continuum])
    continuum, extra = scattered_rows(stored[rows], stored["energies"], energies, rates)
    at, strength = np.array([MC2]), extra[:1]
    if lines:
        full = np.exp(
            np.interp(
                np.log(field.energies),
                np.log(stored["energies"]),
                np.log(np.maximum(stored[rows][:, 0], 1e-30)),
            )
        )
        at, strength = np.concatenate([field.energies, at]), np.concatenate([field.rates * full, strength])
    order = np.argsort(at, kind="stable")
    return PhotonField(at[order], strength[order] * factor, continuum * factor)


@dataclass(frozen=True)
class Background:
    """Natural background: soil and walls, radon daughters in air, cosmic rays.

    The default strengths are typical ones: what is usually quoted from UNSCEAR 2000, Annex B, as the
    world's averages for soil (K-40 400, U-238 series 35, Th-232 series 30 Bq/kg; not checked against the
    report), radon outdoors some 10 Bq/m3, and of the cosmic continuum what a NaI detector shows at sea level.

    Attributes
    ----------
    potassium, uranium, thorium : float
        Bq/kg of K-40, of the U-238 series, of the Th-232 series in soil and walls.
    radon : float
        Bq/m3 of radon daughters in the air around; rain brings ten times more down.
    cosmic : float
        The cosmic continuum relative to sea level.
    walls : float
        1 outdoors, above soil without end; towards 2 inside walls on all sides.

    Raises
    ------
    DataError
        A strength that is negative or not finite.

    Examples
    --------
    >>> Background().fluence().total > 1
    True
    """

    potassium: float = 400.0
    uranium: float = 35.0
    thorium: float = 30.0
    radon: float = 10.0
    cosmic: float = 1.0
    walls: float = 1.0

    def __post_init__(self) -> None:
        for name in ("potassium", "uranium", "thorium", "radon", "cosmic", "walls"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value >= 0):
                raise DataError(
                    "a background's strength has to be finite and not negative",
                    where=name,
                    expected=">= 0",
                    found=f"{value:g}",
                    cure="give Bq/kg (radon: Bq/m3; cosmic, walls: a factor)",
                )

    def drawn(self, rng: np.random.Generator, spread: float = 0.3) -> Background:
        """Return another place's background: each strength times a log-normal factor of that spread."""
        factors = np.exp(spread * rng.standard_normal(5))
        names = STRENGTHS
        return replace(self, **{n: getattr(self, n) * float(f) for n, f in zip(names, factors, strict=True)})

    def fluence(self) -> PhotonField:
        """Return the photon fluence at the detector, 1/cm2/s, from all sides."""
        strengths = {"K40": self.potassium, "U238": self.uranium, "Th232": self.thorium}
        per_gram = [_series(name).scaled(strength / 1000) for name, strength in strengths.items()]
        ground = _scattered(PhotonField.summed(per_gram), "soil_rows", self.walls, lines=True)
        # radon daughters lie around in air: 1 Bq/m3 within a relaxation length of some 100 m, half of it
        # above ground
        air = _series("Pb214", "Bi214").scaled(self.radon * 1e-6 * 1e4 / 2)
        annihilation = PhotonField.of([MC2], [0.02 * self.cosmic])
        return PhotonField.summed([ground, air, annihilation])

    def deposit(self, response: Response) -> Deposit:
        """Return what the background leaves in a crystal, events per second."""
        photons = response.deposit(self.fluence(), None)
        edges = deposit_edges()
        middles = 0.5 * (edges[1:] + edges[:-1])
        # electrons and photons of air showers: a power law from some 100 keV on, about 0.1 /cm2/s above
        # that energy
        shape = (middles + 100.0) ** -1.3
        shape /= shape.sum()
        events = 0.05 * self.cosmic * response.face_area
        return Deposit(photons.energies, photons.rates, photons.continuum + events * shape)


def _series(*names: str) -> PhotonField:
    """Return the lines of a series in equilibrium, or of several nuclides without their daughters."""
    tables = [series_lines(name) if len(names) == 1 else nuclide(name).lines for name in names]
    return PhotonField.summed([PhotonField.of(t.energy, t.intensity) for t in tables])
