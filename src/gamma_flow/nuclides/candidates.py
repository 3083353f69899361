"""Which sources peaks may come from: lines near a peak, and sources whose lines explain several at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.errors import DataError
from gamma_flow.nuclides.categories import LISTED, category
from gamma_flow.nuclides.chains import EQUILIBRIUM, series_lines
from gamma_flow.nuclides.library import LineTable, lines
from gamma_flow.nuclides.mixtures import all_mixtures, mixed
from gamma_flow.nuclides.names import hyphenated

__all__ = ["Candidate", "candidates", "lines_near"]

Floats = NDArray[np.float64]

_CHECK = (
    "Na22", "Mn54", "Co56", "Co58", "Fe59", "Zn65", "Y88", "Nb95", "Zr95", "Ru103", "Ag110m", "Cd109",
    "Sb124", "Sb125", "Cs134", "Ba140", "La140", "Ce139", "Ce141", "Ce144", "Eu152", "Eu154", "Eu155",
    "Hf181", "Ta182", "Hg203", "Bi207", "Th228", "Pb210", "Am243", "Cm244", "Cf252",
)  # fmt: skip
"""Sources for calibration, and what reactors leave."""
_AGES = {"U238": "1 y", "U235": "1 y", "U233": "30 y", "Np237": "1 y", "Pu239": "20 y"}
_OF_MIXTURES = "20 y"
_LOWEST = 40.0  # keV: below, cases and windows swallow what a source emits
_WEAK = 0.02  # of a source's strongest line
_EXPECTED_NEAR = 0.002  # photons a decay, of what one has to expect, daughters of uranium among it
_MET = 4.0  # times as often as sources for calibration one meets those of the categories
_OTHERS_NEAR, _LONG = 0.1, 86_400.0  # and least intensity and half-life (s) of all else
_ABSORBED = 0.9  # of the energy of the lowest peak: a line below may be missing behind a shield
_LEAST_SCORE = 0.2
_MIXED = 0.9  # of the score of a mixture: it says more than one of its nuclides does


@dataclass(frozen=True)
class Candidate:
    """A source that may explain peaks.

    Attributes
    ----------
    name : str
        Of a nuclide or of a mixture.
    category : str
        As in `gamma_flow.nuclides.categories`.
    lines : tuple of (int, str, float)
        For each peak that it explains: its number, the nuclide (a daughter, as a rule) and its line in keV.
    score : float
        From 0 to 1: the part of the peaks' squared significance that it explains, times the part of its own
        emission, from the lowest of these peaks on, that was seen; for a mixture nine tenths of that.
    """

    name: str
    category: str
    lines: tuple[tuple[int, str, float], ...]
    score: float

    def as_dict(self) -> dict[str, Any]:
        """Return what a reader of JSON needs to know."""
        return {
            "name": self.name,
            "category": self.category,
            "score": round(self.score, 3),
            "lines": [{"peak": peak, "nuclide": name, "energy": line} for peak, name, line in self.lines],
        }


def candidates(
    energies: ArrayLike, significances: ArrayLike, reach: ArrayLike, most: int = 3
) -> list[Candidate]:
    """Return the sources that explain peaks best, the best first: a hint, not an identification.

    Parameters
    ----------
    energies : (P,) array_like
        Of the peaks, keV.
    significances : (P,) array_like
        Theirs, in standard deviations.
    reach : (P,) array_like
        How far from each a line may lie, keV: half the full width at half maximum, say.
    most : int
        So many sources at most.

    Raises
    ------
    DataError
        Arrays of different lengths, energies or reaches that are not positive.

    Notes
    -----
    Sources are the nuclides of the categories of ANSI N42.34 with their daughters, uranium and plutonium
    mixtures, sources for calibration and long-lived fission products. A line below the lowest peak is not
    missed, for a shield absorbs it first; a stronger line above it is.

    Examples
    --------
    >>> [one.name for one in candidates([766.0, 1001.0], [4.0, 8.0], [8.0, 9.0], most=1)]
    ['U-238']
    """
    at, weight, near = (np.asarray(one, np.float64) for one in (energies, significances, reach))
    if at.ndim != 1 or at.shape != weight.shape or at.shape != near.shape:
        raise DataError(
            "peaks have an energy, a significance and a reach each",
            expected=f"three arrays of shape {at.shape}",
            found=f"{weight.shape}, {near.shape}",
        )
    if not ((at > 0).all() and (near > 0).all()):
        raise DataError("energies and reaches are positive", found=f"{at.tolist()}, {near.tolist()}"[:120])
    if not len(at):
        return []
    found = [_judged(name, kind, table, at, weight, near) for name, kind, table in _sources()]
    kept = [one for one in found if one is not None and one.score >= _LEAST_SCORE]
    told: list[Candidate] = []
    for one in sorted(kept, key=lambda one: (-round(one.score, 3), one.name)):
        # a mixture of which the same lines are seen as of one nuclide says nothing more than that
        if one.name not in _mixtures() or one.lines not in [other.lines for other in told]:
            told.append(one)
    return told[:most]


def lines_near(energy: float, reach: float, most: int = 5) -> list[dict[str, Any]]:
    """Return lines near an energy: of nuclides that one has to expect first.

    Parameters
    ----------
    energy : float
        Where, keV.
    reach : float
        How far a line may lie from there, keV.
    most : int
        So many at most, one a nuclide.

    Returns
    -------
    list of dict
        Of nuclides of the categories of ANSI N42.34 and their daughters, sources for calibration and fission
        products, then strong lines of others that live for a day; the strong and near ones first.
        ``nuclide``, ``energy``, ``intensity`` (photons a decay) and ``distance`` (keV, signed).

    Examples
    --------
    >>> [one["nuclide"] for one in lines_near(1001.0, 3.0, most=1)]
    ['Pa-234m']
    """
    low, high = max(energy - reach, 0.0), energy + reach
    every = lines(low, high, _EXPECTED_NEAR)
    met = np.array([_MET if category(name) != "other" else float(name in _CHECK) for name in every.nuclides])
    found: dict[str, dict[str, Any]] = {}
    others = lines(low, high, _OTHERS_NEAR, _LONG)
    for table, prior in ((every[met > 0], met[met > 0]), (others, np.ones(len(others)))):
        # a reach away costs a factor of e
        merit = np.log(table.intensity * prior) - np.abs(table.energy - energy) / reach
        for row in np.argsort(-merit, kind="stable").tolist():
            name = hyphenated(table.nuclides[row])
            if name not in found and len(found) < most:
                found[name] = {
                    "nuclide": name,
                    "energy": round(float(table.energy[row]), 2),
                    "intensity": float(f"{table.intensity[row]:.3g}"),
                    "distance": round(float(table.energy[row]) - energy, 2),
                }
    return list(found.values())


@cache
def _sources() -> tuple[tuple[str, str, LineTable], ...]:
    """Return name, category and lines of all sources, per decay or gram."""
    listed = dict.fromkeys(name for names in LISTED.values() for name in names)
    found = [
        (hyphenated(name), category(name), _telling(series_lines(name, _AGES.get(name, EQUILIBRIUM))))
        for name in (*listed, *_CHECK)
    ]
    found += [
        (mixture.name, mixture.category, _telling(mixed(mixture.name, _OF_MIXTURES).lines()))
        for mixture in all_mixtures()
    ]
    return tuple(one for one in found if len(one[2]))


def _telling(table: LineTable) -> LineTable:
    seen = table[(table.energy >= _LOWEST) & np.isfinite(table.intensity)]
    return seen.at_least(_WEAK * float(seen.intensity.max())) if len(seen) else seen


def _judged(
    name: str, kind: str, table: LineTable, at: Floats, weight: Floats, near: Floats
) -> Candidate | None:
    """Return what a source explains, None for nothing."""
    away = np.abs(table.energy - at[:, None]) / near[:, None]
    merit = np.where(away <= 1.0, table.intensity * np.exp(-(away**2)), 0.0)
    best = merit.argmax(axis=1)
    peaks = np.flatnonzero(merit.max(axis=1) > 0)
    if not len(peaks):
        return None
    closeness = np.exp(-(away[peaks, best[peaks]] ** 2))
    explained = float((weight[peaks] ** 2 * closeness).sum() / (weight**2).sum())
    due = table.energy >= _ABSORBED * float(at[peaks].min())
    seen = (away <= 1.0).any(axis=0) & due
    complete = float(table.intensity[seen].sum() / table.intensity[due].sum())
    rows: Sequence[tuple[int, int]] = list(zip(peaks.tolist(), best[peaks].tolist(), strict=True))
    explains = tuple(
        (peak, hyphenated(table.nuclides[row]), round(float(table.energy[row]), 2)) for peak, row in rows
    )
    score = explained * complete * (_MIXED if name in _mixtures() else 1.0)
    return Candidate(name, kind, explains, score)


@cache
def _mixtures() -> frozenset[str]:
    return frozenset(one.name for one in all_mixtures())
