"""Photons under way: lines at sharp energies and a continuum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gamma_flow.errors import DataError
from gamma_flow.nuclides import Inventory, all_mixtures, mixed, nuclide, series_lines
from gamma_flow.simulate._tables import Floats

__all__ = ["HIGHEST", "LOWEST", "PhotonField", "continuum_edges", "emission"]

LOWEST = 15.0
"""The lowest photon energy that the tables cover, keV."""
HIGHEST = 3200.0
"""The highest photon energy that the tables cover, keV."""
_LONG = 20 * 365.25 * 86400.0  # s
_FAINT = 1e-7  # of the strongest line: below it a line adds nothing that any detector would show


@cache
def continuum_edges() -> Floats:
    """Return the edges of every field's continuum, keV: 240 equal steps in the logarithm."""
    edges: Floats = np.geomspace(5.0, HIGHEST, 241)
    edges.setflags(write=False)
    return edges


@dataclass(frozen=True, eq=False)
class PhotonField:
    """Photons per second, or per second and area: lines and a continuum.

    Attributes
    ----------
    energies : ndarray, shape (L,)
        Energies of the lines in keV, rising.
    rates : ndarray, shape (L,)
        Photons per second in each.
    continuum : ndarray, shape (240,)
        Photons per second between neighbouring ``continuum_edges()``.
    below, above : float
        Photons per second that are left out because they lie below 15 keV or above 3200 keV, where the
        tables end.
    """

    energies: Floats
    rates: Floats
    continuum: Floats
    below: float = 0.0
    above: float = 0.0

    def __post_init__(self) -> None:
        for name in ("energies", "rates", "continuum"):
            array = np.array(getattr(self, name), dtype=np.float64)
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    @classmethod
    def of(cls, energies: ArrayLike, rates: ArrayLike) -> PhotonField:
        """Return a field of lines alone; ``below`` and ``above`` count those outside the tables.

        Parameters
        ----------
        energies, rates : array_like, shape (L,)
            keV, and photons per second.

        Raises
        ------
        DataError
            Rates that are negative, not finite or not one for each energy; no line within the tables at all.

        Examples
        --------
        >>> field = PhotonField.of([10.0, 661.7], [3.0, 0.85])
        >>> field.energies.tolist(), field.below
        ([661.7], 3.0)
        """
        energy = np.asarray(energies, dtype=np.float64).ravel()
        rate = np.asarray(rates, dtype=np.float64).ravel()
        if len(energy) != len(rate):
            raise DataError(
                "every line needs an energy and a rate",
                expected="as many rates as energies",
                found=f"{len(energy)} energies, {len(rate)} rates",
                cure="give both for each line",
            )
        if not (np.isfinite(rate).all() and (rate >= 0).all() and np.isfinite(energy).all()):
            raise DataError(
                "photon rates have to be finite and not negative",
                expected="rates >= 0 at finite energies",
                found=str(rate[~(np.isfinite(rate) & (rate >= 0))][:1].tolist() or "a bad energy"),
                cure="check the activities",
            )
        low, high = energy < LOWEST, energy > HIGHEST
        inside = ~low & ~high
        if rate.sum() > 0 and not (rate[inside] > 0).any():
            raise DataError(
                "no photon energy lies within the tables",
                expected=f"energies of {LOWEST:g} to {HIGHEST:g} keV",
                found=f"{energy.min():g} to {energy.max():g} keV",
                cure="choose a nuclide with lines there",
            )
        kept = inside & (rate > _FAINT * rate[inside].max(initial=0.0))
        order = np.argsort(energy[kept], kind="stable")
        return cls(
            energy[kept][order],
            rate[kept][order],
            np.zeros(240),
            float(rate[low].sum()),
            float(rate[high].sum()),
        )

    def scaled(self, factor: float) -> PhotonField:
        """Return the field times a factor."""
        return PhotonField(
            self.energies,
            self.rates * factor,
            self.continuum * factor,
            self.below * factor,
            self.above * factor,
        )

    @classmethod
    def summed(cls, fields: Sequence[PhotonField]) -> PhotonField:
        """Return the sum of fields; lines of equal energy are put together."""
        if not fields:
            return cls(np.zeros(0), np.zeros(0), np.zeros(240))
        energies, inverse = np.unique(np.concatenate([one.energies for one in fields]), return_inverse=True)
        rates: Floats = np.bincount(
            inverse, weights=np.concatenate([one.rates for one in fields]), minlength=len(energies)
        ).astype(np.float64)
        continuum = np.sum([one.continuum for one in fields], axis=0)
        return cls(energies, rates, continuum, sum(f.below for f in fields), sum(f.above for f in fields))

    @property
    def total(self) -> float:
        """Photons per second within the tables."""
        return float(self.rates.sum() + self.continuum.sum())

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "energies_keV": self.energies.tolist(),
            "rates": self.rates.tolist(),
            "continuum": self.continuum.tolist(),
        }


def _is_mixture(name: str) -> bool:
    plain = "".join(c for c in name.lower() if c.isalnum())
    return any(
        plain in {"".join(c for c in s.lower() if c.isalnum()) for s in (m.name, *getattr(m, "aliases", ()))}
        for m in all_mixtures()
    )


def emission(source: str | Inventory | Mapping[str, float], age: float | str | None = None) -> PhotonField:
    """Return what one becquerel of a nuclide, one gram of a mixture, or an inventory emits.

    Parameters
    ----------
    source : str, Inventory or mapping of str to float
        A nuclide in any spelling, a mixture ("WGPu", "UNat"), activities as the nuclides room gives them,
        or activities in Bq by nuclide.
    age : float or str, optional
        Seconds or a text such as "20 y" since the source was pure. Default: 20 years for a mixture and for
        a nuclide that
        lives longer than that (uranium comes purified), and daughters in equilibrium for any other.

    Returns
    -------
    PhotonField
        Photons per second.

    Raises
    ------
    DataError
        An unknown name (the nearest names are suggested), a negative activity, no line within 15 to 3200 keV.

    Notes
    -----
    Gamma rays, X-rays and annihilation photons; no bremsstrahlung of beta particles, and no coincidence
    summing.

    Examples
    --------
    >>> field = emission("Cs-137")
    >>> float(field.energies[-1]), round(float(field.rates[-1]), 3)
    (661.657, 0.85)
    """
    if isinstance(source, Inventory):
        found = source.lines()
    elif isinstance(source, Mapping):
        parts = []
        for name, activity in source.items():
            if not (np.isfinite(activity) and activity >= 0):
                raise DataError(
                    "an activity has to be finite and not negative",
                    where=str(name),
                    expected="Bq >= 0",
                    found=f"{activity:g}",
                    cure="give the activity in becquerel",
                )
            parts.append(emission(name, age).scaled(activity))
        return PhotonField.summed(parts)
    elif _is_mixture(source):
        found = mixed(source, "20 y" if age is None else age).lines()
    else:
        if age is None:
            age = "20 y" if nuclide(source).half_life > _LONG else "equilibrium"
        found = series_lines(source, age)
    if len(found) == 0:
        raise DataError(
            "the source has no gamma or X-ray line",
            where=str(source),
            expected=f"lines of {LOWEST:g} to {HIGHEST:g} keV",
            found="none",
            cure="choose another nuclide, or say an age at which daughters have grown in",
        )
    return PhotonField.of(found.energy, found.intensity)
