"""Shells of matter around a source: what comes out of them, thinned and scattered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np

from gamma_flow.errors import DataError
from gamma_flow.simulate._tables import BACK, FRONT, MC2, Floats, table
from gamma_flow.simulate.fields import PhotonField, continuum_edges

__all__ = ["MATERIALS", "Shield", "scattered_rows", "through_all"]

MATERIALS = ("aluminium", "concrete", "lead", "polyethylene", "steel", "water")
"""What shields may be made of."""
_ALIASES = {"al": "aluminium", "aluminum": "aluminium", "fe": "steel", "iron": "steel", "pb": "lead",
            "tissue": "water",
            "pe": "polyethylene", "h2o": "water"}  # fmt: skip


@dataclass(frozen=True)
class Shield:
    """A spherical shell around a point source.

    Attributes
    ----------
    material : str
        aluminium, concrete, lead, polyethylene, steel or water (which stands for tissue too); also Al, Fe,
        Pb, PE.
    areal_density : float
        g/cm2.

    Raises
    ------
    DataError
        An unknown material, a negative thickness, one beyond the tables.

    Examples
    --------
    >>> Shield.of("lead", thickness=1.0)
    Shield(material='lead', areal_density=11.35)
    """

    material: str
    areal_density: float

    def __post_init__(self) -> None:
        name = _ALIASES.get(self.material.strip().lower(), self.material.strip().lower())
        if name not in MATERIALS:
            raise DataError(
                "unknown shield",
                where="material",
                expected=", ".join(MATERIALS),
                found=self.material,
                cure="take the nearest of these at the same areal density",
            )
        object.__setattr__(self, "material", name)
        most = float(table("surroundings")[f"{name}_areal"][-1])
        if not (np.isfinite(self.areal_density) and self.areal_density >= 0):
            raise DataError(
                "a shield's areal density has to be finite and not negative",
                where=name,
                expected="g/cm2 >= 0",
                found=f"{self.areal_density:g}",
                cure="give thickness in cm times density in g/cm3",
            )
        if self.areal_density > most * (1 + 1e-9):
            raise DataError(
                "the shield is thicker than tabulated",
                where=name,
                expected=f"at most {most:g} g/cm2 ({most / self.density:.3g} cm)",
                found=f"{self.areal_density:g} g/cm2",
                cure="stack two shields, which leaves out what scatters back and forth between them",
            )

    @classmethod
    def of(cls, material: str, *, thickness: float) -> Shield:
        """Return a shell of a thickness in cm, at the usual density of the material."""
        thin = cls(material, 0.0)
        return cls(thin.material, thickness * thin.density)

    @property
    def density(self) -> float:
        """The density that turns cm into g/cm2."""
        return float(table("surroundings")[f"{self.material}_density"])

    def transmission(self, energies: Floats) -> Floats:
        """Return the share of photons that come through at their full energy, shape (L,).

        Coherent scattering changes no energy and little direction; it is not counted as a loss.
        """
        stored = table("surroundings")
        coefficient = np.exp(
            np.interp(
                np.log(energies),
                np.log(stored["coefficient_energies"]),
                np.log(stored[f"{self.material}_coefficients"]),
            )
        )
        result: Floats = np.exp(-coefficient * self.areal_density)
        return result

    def through(self, field: PhotonField) -> PhotonField:
        """Return the photons that leave the shell.

        Lines are thinned; what they and the continuum scatter into comes from tables of photon transport,
        in between interpolated in thickness and in the logarithm of energy.

        Examples
        --------
        >>> cs = PhotonField.of([661.657], [1.0])
        >>> behind = Shield("lead", 11.35).through(cs)
        >>> round(float(behind.rates[-1]), 2)
        0.31
        """
        if self.areal_density == 0:
            return field
        stored = table("surroundings")
        areal = np.concatenate([[0.0], stored[f"{self.material}_areal"]])
        high = int(np.clip(np.searchsorted(areal, self.areal_density), 1, len(areal) - 1))
        part = (self.areal_density - areal[high - 1]) / (areal[high] - areal[high - 1])
        rows = stored[f"{self.material}_rows"]
        row = part * rows[high - 1] + ((1 - part) * rows[high - 2] if high > 1 else 0.0)
        edges = continuum_edges()
        middles = np.sqrt(edges[1:] * edges[:-1])
        energies = np.concatenate([field.energies, middles])
        rates = np.concatenate([field.rates, field.continuum])
        scattered, extra = scattered_rows(row, stored["energies"], energies, rates)
        x_rays = stored[f"{self.material}_lines"]
        lines = PhotonField.summed([
            PhotonField(field.energies, field.rates * self.transmission(field.energies), np.zeros(240)),
            PhotonField(np.array([MC2]), extra[:1], np.zeros(240)),
            *([PhotonField(x_rays, extra[1:], np.zeros(240))] if x_rays[0] > 0 else []),
        ])  # fmt: skip
        kept = lines.rates > 1e-12 * max(field.total, 1e-300)
        continuum = scattered + field.continuum * self.transmission(middles)
        return PhotonField(lines.energies[kept], lines.rates[kept], continuum, field.below, field.above)


def through_all(field: PhotonField, shields: Iterable[Shield]) -> PhotonField:
    """Return the field behind shells, the innermost first, without scattering between them."""
    for shield in shields:
        field = shield.through(field)
    return field


def scattered_rows(rows: Floats, grid: Floats, energies: Floats, rates: Floats) -> tuple[Floats, Floats]:
    """Return what photons scatter into: a continuum (240,); annihilation, K-alpha and K-beta (3,).

    Parameters
    ----------
    rows : ndarray, shape (G, 4 + BACK + FRONT)
        Per photon of each energy of ``grid``: lines, then bins in coordinates that stretch with the energy.
    grid : ndarray, shape (G,)
        keV.
    energies, rates : ndarray, shape (L,)
        What comes in.
    """
    edges = continuum_edges()
    out = np.zeros(len(edges) - 1)
    extra = np.zeros(3)
    for energy, rate in zip(energies, rates, strict=True):
        if rate <= 0 or energy <= grid[0]:
            continue
        high = int(np.clip(np.searchsorted(grid, energy), 1, len(grid) - 1))
        part = min(1.0, float(np.log(energy / grid[high - 1]) / np.log(grid[high] / grid[high - 1])))
        row = (1 - part) * rows[high - 1] + part * rows[high]
        extra += rate * row[1:4]
        back = energy / (1 + 2 * energy / MC2)
        knots = np.concatenate([back * _unit(BACK)[:-1], back + (energy - back) * _unit(FRONT)])
        running = np.concatenate([[0.0], np.cumsum(row[4:])])
        out += rate * np.diff(np.interp(edges, knots, running))
    return out, extra


@cache
def _unit(bins: int) -> Floats:
    return np.linspace(0.0, 1.0, bins + 1)
