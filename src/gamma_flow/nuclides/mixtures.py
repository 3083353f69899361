"""Uranium and plutonium as they occur: mass fractions of isotopes, and what grows in with age."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache

from gamma_flow.errors import DataError
from gamma_flow.nuclides.chains import Inventory, in_growth
from gamma_flow.nuclides.library import AVOGADRO, nuclide
from gamma_flow.nuclides.names import canonical

__all__ = ["Mixture", "all_mixtures", "mixed", "mixture"]

_MASSES = {  # g/mol, AME2020 rounded
    "U234": 234.04095, "U235": 235.04393, "U236": 236.04557, "U238": 238.05079, "Pu238": 238.04956,
    "Pu239": 239.05216, "Pu240": 240.05381, "Pu241": 241.05685, "Pu242": 242.05874, "Am241": 241.05683,
}  # fmt: skip


@dataclass(frozen=True)
class Mixture:
    """A mixture with a name.

    Attributes
    ----------
    name : str
        Short name: "HEU".
    title : str
        What it is, in words.
    fractions : tuple of (str, float)
        Nuclides and their mass fractions, which add up to one.
    source : str
        Where the fractions come from.
    category : str
        As in `gamma_flow.nuclides.categories`.
    """

    name: str
    title: str
    fractions: tuple[tuple[str, float], ...]
    source: str
    category: str

    @property
    def activities(self) -> dict[str, float]:
        """Bq of each nuclide in a gram of the mixture when it is new."""
        return {name: share * _specific_activity(name) for name, share in self.fractions}


def _specific_activity(name: str) -> float:
    known = nuclide(name)
    return known.decay_constant * AVOGADRO / _MASSES.get(known.name, float(known.A))


_IUPAC = "IUPAC 2013 isotopic abundances (J. Meija et al., Pure Appl. Chem. 88 (2016) 293) as mass fractions"
_DOE = "US DOE-STD-1136-2009, table of typical uranium isotopic abundances"
_GODIVA = "ICSBEP HEU-MET-FAST-001 (Godiva), atom densities as mass fractions"
_MARK = "J. Carson Mark, Science & Global Security 4 (1993) 111, table of plutonium grades"


@cache
def all_mixtures() -> tuple[Mixture, ...]:
    """Return all mixtures with a name.

    Examples
    --------
    >>> [one.name for one in all_mixtures()]
    ['Unat', 'DU', 'LEU', 'HEU', 'WGPu', 'RGPu']
    """
    return tuple(
        Mixture(name, title, _whole(fractions), source, category)
        for name, title, fractions, source, category in (
            (
                "Unat",
                "natural uranium",
                {"U234": 5.31e-5, "U235": 0.0071137, "U238": 0.9928332},
                _IUPAC,
                "NORM",
            ),
            ("DU", "depleted uranium", {"U234": 5e-6, "U235": 0.0025, "U238": 0.9975}, _DOE, "NORM"),
            ("LEU", "low-enriched uranium", {"U234": 3e-4, "U235": 0.0296, "U238": 0.9701}, _DOE, "SNM"),
            (
                "HEU",
                "highly enriched uranium",
                {"U234": 0.0102, "U235": 0.9371, "U238": 0.0527},
                _GODIVA,
                "SNM",
            ),
            (
                "WGPu",
                "weapons-grade plutonium",
                {"Pu238": 0.00012, "Pu239": 0.938, "Pu240": 0.058, "Pu241": 0.0035, "Pu242": 0.00022},
                _MARK,
                "SNM",
            ),
            (
                "RGPu",
                "reactor-grade plutonium",
                {"Pu238": 0.013, "Pu239": 0.603, "Pu240": 0.243, "Pu241": 0.091, "Pu242": 0.050},
                _MARK,
                "SNM",
            ),
        )
    )


def mixture(name: str) -> Mixture:
    """Return a mixture by its short name or its title, in capitals or not.

    Raises
    ------
    DataError
        There is none of that name.

    Examples
    --------
    >>> mixture("natural uranium").name, mixture("wgpu").title
    ('Unat', 'weapons-grade plutonium')
    """
    known: dict[str, Mixture] = {}
    for one in all_mixtures():
        known |= {_plain(one.name): one, _plain(one.title): one}
    found = known.get(_plain(str(name)))
    if found is None:
        close = get_close_matches(_plain(str(name)), known, n=1)
        names = ", ".join(one.name for one in all_mixtures())
        raise DataError(
            "there is no mixture of this name", expected=f"one of {names}", found=repr(name),
            cure=f"did you mean {known[close[0]].name}?" if close else None,
        )  # fmt: skip
    return found


def mixed(what: str | Mapping[str, float], age: float | str = 0.0) -> Inventory:
    """Return the activities in a mixture and of what has grown in, per gram at the start.

    Parameters
    ----------
    what : str or mapping of str to float
        The name of a mixture, or mass fractions by nuclide, which have to add up to one within 1 %.
    age : float or str
        Time since the element was separated, in s or as a text such as "20 y".

    Raises
    ------
    DataError
        An unknown name, fractions that are negative or do not add up, an age that is none.

    Examples
    --------
    >>> found = mixed("Unat", "1 y")
    >>> round(found["U238"]), round(found["Pa234m"]), round(found["U235"])
    (12347, 12347, 569)
    """
    if isinstance(what, str):
        made = mixture(what)
        return in_growth(made.activities, age, f"g of {made.title} at the start")
    start = {name: share * _specific_activity(name) for name, share in _whole(what)}
    return in_growth(start, age, "g of the mixture at the start")


def _whole(fractions: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    """Fractions by canonical name, checked and divided by their sum."""
    total = math.fsum(fractions.values())
    if not abs(total - 1.0) <= 0.01 or min(fractions.values()) < 0:
        raise DataError(
            "mass fractions have to be positive and add up to one", expected="a sum of 1 within 1 %",
            found=", ".join(f"{name} {share:g}" for name, share in fractions.items()),
        )  # fmt: skip
    whole: dict[str, float] = {}
    for name, share in fractions.items():
        whole[canonical(name)] = whole.get(canonical(name), 0.0) + share / total
    return tuple(whole.items())


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).lower()
