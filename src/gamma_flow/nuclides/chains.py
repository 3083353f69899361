"""Decay chains: what grows in, how active it is at an age or at equilibrium, and the lines of it all."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow.errors import DataError
from gamma_flow.nuclides._bateman import propagator
from gamma_flow.nuclides._table import branches
from gamma_flow.nuclides.library import LineTable, nuclide
from gamma_flow.nuclides.names import canonical
from gamma_flow.nuclides.times import duration

__all__ = ["EQUILIBRIUM", "Inventory", "ancestors", "chain", "in_growth", "members", "series_lines"]

EQUILIBRIUM = "equilibrium"
"""The age at which all shorter-lived daughters have grown in."""
_OLDEST = 1e28  # seconds; far beyond any half-life of the table

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Inventory:
    """How active nuclides are together.

    Attributes
    ----------
    members : tuple of str, length M
        The nuclides, parents before daughters.
    activities : ndarray, shape (M,)
        Their activities in Bq, read-only.
    per : str
        What that is for: "Bq of Th232 at the start", "g of uranium at the start", ...
    age : float
        Seconds since the start; infinity at equilibrium.
    """

    members: tuple[str, ...]
    activities: Floats
    per: str
    age: float

    def __post_init__(self) -> None:
        activities = np.array(self.activities, dtype=np.float64)
        activities.setflags(write=False)
        object.__setattr__(self, "activities", activities)

    def __getitem__(self, name: str) -> float:
        """Return the activity of a member (any spelling), zero for a nuclide that is none."""
        wanted = canonical(name)
        return float(self.activities[self.members.index(wanted)]) if wanted in self.members else 0.0

    def lines(self) -> LineTable:
        """Return the lines of all members by rising energy; intensities are photons per second."""
        return LineTable.joined(
            nuclide(name).lines.scaled(float(activity))
            for name, activity in zip(self.members, self.activities, strict=True)
            if activity > 0
        )

    def as_dict(self) -> dict[str, Any]:
        """Return what a reader of JSON needs to know."""
        return {
            "per": self.per,
            "age_s": self.age if math.isfinite(self.age) else None,
            "activity_Bq": dict(zip(self.members, self.activities.tolist(), strict=True)),
        }


def members(*names: str) -> tuple[str, ...]:
    """Return nuclides and all that grows out of them, parents before their daughters.

    Raises
    ------
    DataError
        A name is unknown.

    Examples
    --------
    >>> members("Ra-224")
    ('Ra224', 'Rn220', 'Po216', 'Pb212', 'Bi212', 'Tl208', 'Po212')
    """
    daughters = branches()
    done: dict[str, None] = {}

    def walk(name: str) -> None:
        if name not in done:
            for daughter, _ in daughters.get(name, ()):
                walk(daughter)
            done[name] = None

    for name in reversed(names):
        walk(canonical(name))
    return tuple(reversed(done))


def ancestors(name: str) -> tuple[str, ...]:
    """Return all nuclides out of which a nuclide grows, its own parents first.

    Raises
    ------
    DataError
        The name is unknown.

    Examples
    --------
    >>> ancestors("Ba-137m"), ancestors("Co-60")
    (('Cs137',), ())
    """
    found: dict[str, None] = {}
    front = [canonical(name)]
    while front:
        front = [
            parent
            for parent, daughters in branches().items()
            if parent not in found and any(daughter in front for daughter, _ in daughters)
        ]
        found |= dict.fromkeys(front)
    return tuple(found)


def in_growth(start: Mapping[str, float], age: float | str, per: str = "the start") -> Inventory:
    """Return the activities of nuclides and their daughters some time after they were pure.

    Parameters
    ----------
    start : mapping of str to float
        Activity in Bq at the start by nuclide, in any spelling.
    age : float or str
        Seconds, or a text such as "30 y".
    per : str
        What the activities are for.

    Raises
    ------
    DataError
        An unknown name, an activity that is negative or not finite, an age that is none.

    Examples
    --------
    >>> found = in_growth({"Cs-137": 1000.0}, "30.05 y")
    >>> round(found["Cs137"]), round(found["Ba137m"])
    (500, 472)
    """
    seconds = _age(age)
    given: dict[str, float] = {}
    for name, activity in start.items():
        if not math.isfinite(activity) or activity < 0:
            raise DataError(
                "an activity cannot be negative or infinite", where=name, expected="Bq >= 0",
                found=f"{activity:g}",
            )  # fmt: skip
        given[canonical(name)] = given.get(canonical(name), 0.0) + float(activity)
    order = members(*given)
    constants = np.array([nuclide(name).decay_constant for name in order])
    before = np.array([given.get(name, 0.0) for name in order])
    return Inventory(order, propagator(constants, _shares(order), seconds) @ before, per, seconds)


def chain(name: str, age: float | str) -> Inventory:
    """Return the activities of a chain per Bq of its parent.

    Parameters
    ----------
    name : str
        The parent, in any spelling.
    age : float or str
        Seconds or a text such as "30 y": the activities are those per Bq of the parent at the start, when
        it was pure. "equilibrium": they are per Bq of the parent now, after a time that is long against the
        half-lives of all daughters (transient equilibrium, with the daughters' lag counted in). Daughters
        that live longer than the parent come to no equilibrium and are left out with all that follows them.

    Raises
    ------
    DataError
        An unknown name, an age that is none.

    Examples
    --------
    >>> found = chain("Ra-226", "equilibrium")
    >>> round(found["Bi-214"], 3), round(found["Pb-210"], 3)
    (1.0, 1.014)
    """
    parent = canonical(name)
    if age == EQUILIBRIUM:
        return _equilibrium(parent)
    return in_growth({parent: 1.0}, age, f"Bq of {parent} at the start")


def series_lines(name: str, age: float | str = EQUILIBRIUM) -> LineTable:
    """Return the lines of a nuclide and its daughters per decay of the nuclide.

    Parameters
    ----------
    name : str
        The parent, in any spelling.
    age : float or str
        As for `chain`; the intensities are per decay of the parent at that age.

    Raises
    ------
    DataError
        An unknown name, an age that is none, or one at which nothing of the parent is left.

    Examples
    --------
    >>> found = series_lines("Cs137").at_least(0.5)
    >>> found.nuclides, float(found.energy[0]), round(float(found.intensity[0]), 4)
    (('Ba137m',), 661.657, 0.8503)
    """
    found = chain(name, age)
    left = found[name]
    if left < 1e-200:
        raise DataError(
            f"nothing of {canonical(name)} is left at this age", found=str(age),
            cure="take a shorter age, or chain(), which is per Bq at the start",
        )  # fmt: skip
    return Inventory(
        found.members, found.activities / left, f"decay of {found.members[0]}", found.age
    ).lines()


def _age(age: float | str) -> float:
    seconds = duration(age)
    if seconds > _OLDEST:
        raise DataError("an age is too long", expected=f"at most {_OLDEST:g} s", found=str(age))
    return seconds


def _shares(order: tuple[str, ...]) -> Floats:
    place = {name: at for at, name in enumerate(order)}
    shares = np.zeros((len(order), len(order)))
    for name in order:
        for daughter, share in branches().get(name, ()):
            shares[place[daughter], place[name]] = share
    return shares


def _equilibrium(parent: str) -> Inventory:
    order = members(parent)
    shares = _shares(order)
    constants = np.array([nuclide(name).decay_constant for name in order])
    activities = np.zeros(len(order))
    activities[0] = 1.0
    for at in range(1, len(order)):
        if constants[at] > constants[0]:
            lag = constants[at] / (constants[at] - constants[0])
            activities[at] = lag * float(shares[at] @ activities)
    kept = [at for at in range(len(order)) if activities[at] > 0]
    return Inventory(tuple(order[at] for at in kept), activities[kept], f"Bq of {parent}", math.inf)
