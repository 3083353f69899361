"""What a nuclide emits, how long it lives, and which nuclides emit at an energy."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow.errors import DataError
from gamma_flow.nuclides._table import positions, table
from gamma_flow.nuclides.names import ELEMENTS, canonical, hyphenated

__all__ = ["AVOGADRO", "LineTable", "Nuclide", "all_names", "lines", "nuclide"]

AVOGADRO = 6.02214076e23
"""Atoms per mole."""

Floats = NDArray[np.float64]
_COLUMNS = ("energy", "energy_error", "intensity", "intensity_error", "is_xray", "is_annihilation")


@dataclass(frozen=True, eq=False)
class LineTable:
    """Lines of one or several nuclides; all arrays are read-only and of equal length L.

    Attributes
    ----------
    nuclides : tuple of str, length L
        Which nuclide emits the line.
    energy, energy_error : ndarray, shape (L,)
        Energy and its standard uncertainty in keV; NaN where it is unknown.
    intensity, intensity_error : ndarray, shape (L,)
        Photons per decay (of the nuclide, or of what the table was made for), likewise.
    is_xray, is_annihilation : ndarray of bool, shape (L,)
        X-rays of the daughter's shell, and the 511 keV of positrons; all others are gamma lines.
    """

    nuclides: tuple[str, ...]
    energy: Floats
    energy_error: Floats
    intensity: Floats
    intensity_error: Floats
    is_xray: NDArray[np.bool_]
    is_annihilation: NDArray[np.bool_]

    def __post_init__(self) -> None:
        for name in _COLUMNS:
            values = np.ascontiguousarray(getattr(self, name))
            if values.flags.writeable:
                values = values.copy() if values is getattr(self, name) else values
                values.setflags(write=False)
            object.__setattr__(self, name, values)

    def __len__(self) -> int:
        return len(self.energy)

    def __getitem__(self, rows: Any) -> LineTable:
        """Return the rows of a slice, a mask or a list of numbers."""
        at = np.atleast_1d(np.arange(len(self))[rows])
        chosen = (getattr(self, name)[at] for name in _COLUMNS)
        return LineTable(tuple(self.nuclides[row] for row in at), *chosen)

    def __repr__(self) -> str:
        span = f", {self.energy.min():g}..{self.energy.max():g} keV" if len(self) else ""
        return f"LineTable({len(self)} lines{span})"

    def kind(self, row: int) -> str:
        """Return what a line is: gamma, x-ray or annihilation."""
        return "annihilation" if self.is_annihilation[row] else "x-ray" if self.is_xray[row] else "gamma"

    def at_least(self, intensity: float) -> LineTable:
        """Return the lines with at least ``intensity`` photons per decay."""
        return self[self.intensity >= intensity]

    def strongest_first(self) -> LineTable:
        """Return the lines by falling intensity."""
        return self[np.argsort(-self.intensity, kind="stable")]

    def scaled(self, factor: float) -> LineTable:
        """Return the lines with intensities and their errors multiplied."""
        return LineTable(
            self.nuclides, self.energy, self.energy_error, self.intensity * factor,
            self.intensity_error * factor, self.is_xray, self.is_annihilation,
        )  # fmt: skip

    @staticmethod
    def joined(tables: Iterable[LineTable]) -> LineTable:
        """Return the lines of several tables by rising energy."""
        parts = [_nothing(), *tables]
        names = tuple(name for part in parts for name in part.nuclides)
        columns = (np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS)
        whole = LineTable(names, *columns)
        return whole[np.argsort(whole.energy, kind="stable")]

    def as_dicts(self) -> list[dict[str, Any]]:
        """Return one dictionary a line; what is unknown is None."""
        return [
            {
                "nuclide": self.nuclides[row],
                "kind": self.kind(row),
                **{
                    name: value if math.isfinite(value := float(getattr(self, name)[row])) else None
                    for name in _COLUMNS[:4]
                },
            }
            for row in range(len(self))
        ]


@dataclass(frozen=True, eq=False)
class Nuclide:
    """One nuclide of the library.

    Attributes
    ----------
    name : str
        The name as the package writes it: ``Cs137``, ``Tc99m``.
    Z, A, state : int
        Protons, nucleons, isomeric state (0 ground, 1 m, 2 n).
    half_life, half_life_error : float
        Half-life and its standard uncertainty in s; the uncertainty is NaN where the source states none.
    lines : LineTable
        Gamma and X-ray lines of the nuclide itself, without its daughters, by rising energy.
    """

    name: str
    Z: int
    A: int
    state: int
    half_life: float
    half_life_error: float
    lines: LineTable

    @property
    def element(self) -> str:
        """Name of the element."""
        return ELEMENTS[self.Z - 1][1]

    @property
    def label(self) -> str:
        """The name as it is mostly printed: ``Cs-137``."""
        return hyphenated(self.name)

    @property
    def decay_constant(self) -> float:
        """Decays per second and atom."""
        return math.log(2.0) / self.half_life

    @property
    def specific_activity(self) -> float:
        """Bq per gram of the pure nuclide; its mass number stands for its mass (good to 0.1 %)."""
        return self.decay_constant * AVOGADRO / self.A

    def __repr__(self) -> str:
        return f"Nuclide({self.name}, half-life {self.half_life:.6g} s, {len(self.lines)} lines)"


def all_names() -> tuple[str, ...]:
    """Return the names of all nuclides of the library, by Z, A and state.

    Examples
    --------
    >>> len(all_names()) > 1900, "Cs137" in all_names()
    (True, True)
    """
    return table().names


def nuclide(name: str) -> Nuclide:
    """Return a nuclide by any spelling of its name.

    Raises
    ------
    DataError
        The name is none, or the library does not know it; the nearest names are suggested.

    Examples
    --------
    >>> found = nuclide("Am-241")
    >>> strongest = found.lines.strongest_first()
    >>> float(strongest.energy[0]), float(strongest.intensity[0])
    (59.5412, 0.36)
    """
    return _nuclide(canonical(name))


@cache
def _nuclide(name: str) -> Nuclide:
    held, at = table(), positions()[name]
    zai = int(held.zai[at])
    rows = slice(int(held.start[at]), int(held.start[at + 1]))
    return Nuclide(
        name, zai // 10_000, zai // 10 % 1000, zai % 10, float(held.half_life[at]),
        float(held.half_life_error[at]), _lines([name] * (rows.stop - rows.start), rows),
    )  # fmt: skip


def lines(lo: float, hi: float, least_intensity: float = 0.0, least_half_life: float = 0.0) -> LineTable:
    """Return all lines of all nuclides between two energies, the strongest first.

    Parameters
    ----------
    lo, hi : float
        Energies in keV, both included.
    least_intensity : float
        Fewest photons per decay of the nuclide that emits them.
    least_half_life : float
        Shortest half-life in s.

    Raises
    ------
    DataError
        ``lo`` above ``hi``, or a number that is negative or not finite.

    Examples
    --------
    >>> found = lines(660, 663, least_intensity=0.5)
    >>> "Ba137m" in found.nuclides
    True
    """
    asked = {"lo": lo, "hi": hi, "least_intensity": least_intensity, "least_half_life": least_half_life}
    for name, value in asked.items():
        if not math.isfinite(value) or value < 0:
            raise DataError(
                "a search needs numbers that are not negative", where=name, found=f"{value:g}",
                expected="a finite number >= 0",
            )  # fmt: skip
    if lo > hi:
        raise DataError(
            "the lower energy of a search is above the upper one", found=f"{lo:g} and {hi:g} keV",
            cure="exchange them",
        )  # fmt: skip
    held = table()
    owner = np.repeat(np.arange(len(held.names)), np.diff(held.start))
    rows = np.flatnonzero(
        (held.energy >= lo)
        & (held.energy <= hi)
        & (held.intensity >= least_intensity)
        & (held.half_life[owner] >= least_half_life)
    )
    return _lines([held.names[at] for at in owner[rows]], rows).strongest_first()


def _lines(names: Sequence[str], rows: slice | NDArray[np.int64]) -> LineTable:
    held = table()
    kind = held.kind[rows]
    return LineTable(
        tuple(names), held.energy[rows], held.energy_error[rows], held.intensity[rows],
        held.intensity_error[rows], kind == 1, kind == 2,
    )  # fmt: skip


def _nothing() -> LineTable:
    none, never = np.zeros(0), np.zeros(0, dtype=bool)
    return LineTable((), none, none, none, none, never, never)
