"""What photons and electrons meet: elements, materials and their tables on one logarithmic energy grid.

Cross sections are those of mucoeff (Boone and Chavez, Med. Phys. 23 (1996) 1997), interpolated log-log
between its points, edges kept; form factors are those of Waasmaier and Kirfel (``form_factors.csv``).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

MC2 = 510.99895  # keV
LOW, HIGH, POINTS = 5.0, 5000.0, 6000  # the grid, keV: steps of 0.1 %
GRID = np.geomspace(LOW, HIGH, POINTS)
HC = 12.398419843  # keV angstrom
X_POINTS = 600
X_GRID = np.geomspace(0.005, 450.0, X_POINTS)  # momentum transfer sin(theta/2)/wavelength, 1/angstrom

SYMBOLS = {
    "H": 1, "B": 5, "C": 6, "N": 7, "O": 8, "Na": 11, "Mg": 12, "Al": 13, "Si": 14, "K": 19, "Ca": 20,
    "Fe": 26,
    "Zn": 30, "Ge": 32, "Br": 35, "Cd": 48, "Te": 52, "I": 53, "Cs": 55, "La": 57, "Pb": 82,
}  # fmt: skip


@dataclass(frozen=True)
class Material:
    """A homogeneous material: density (g/cm3), mass fractions, mean excitation energy (keV)."""

    name: str
    density: float
    fractions: dict[str, float]
    excitation: float


def _compound(name: str, density: float, atoms: dict[str, float], excitation_ev: float) -> Material:
    masses = {symbol: count * atomic_mass(SYMBOLS[symbol]) for symbol, count in atoms.items()}
    total = sum(masses.values())
    return Material(name, density, {s: m / total for s, m in masses.items()}, excitation_ev / 1000)


@cache
def _atoms() -> dict[str, Float]:
    from mucoeff.io.load import load_atom_data

    return dict(load_atom_data())


def atomic_mass(z: int) -> float:
    """Return the mass of an element in g/mol."""
    return float(_atoms()["atomic_mass"][z])


@cache
def materials() -> dict[str, Material]:
    """Return every material by name.

    Excitation energies are those of ICRU 37 where it lists the material, else Bragg's rule.
    """
    concrete = {"H": 0.01, "C": 0.001, "O": 0.529107,
                "Na": 0.016, "Mg": 0.002, "Al": 0.033872, "Si": 0.337021,
                "K": 0.013, "Ca": 0.044, "Fe": 0.014}  # ordinary concrete (NIST)  # fmt: skip
    made = [
        _compound("NaI", 3.667, {"Na": 1, "I": 1}, 452.0),
        _compound("CsI", 4.51, {"Cs": 1, "I": 1}, 553.1),
        _compound("LaBr3", 5.06, {"La": 1, "Br": 3}, 454.5),
        _compound("CZT", 5.78, {"Cd": 0.9, "Zn": 0.1, "Te": 1}, 530.0),
        _compound("Ge", 5.323, {"Ge": 1}, 350.0),
        _compound("Al", 2.699, {"Al": 1}, 166.0),
        _compound("MgO", 2.0, {"Mg": 1, "O": 1}, 143.8),
        _compound("glass", 2.2, {"Si": 1, "O": 2}, 139.2),
        _compound("tube", 0.6, {"Si": 1, "O": 2}, 139.2),  # a photomultiplier, smeared out
        _compound(
            "electronics", 1.0, {"Si": 1, "O": 2, "C": 2}, 120.0
        ),  # a circuit board with its battery, smeared out
        _compound("plastic", 1.05, {"C": 15, "H": 17, "N": 1}, 68.0),  # ABS
        _compound("steel", 7.87, {"Fe": 1}, 286.0),
        _compound("lead", 11.35, {"Pb": 1}, 823.0),
        _compound("aluminium", 2.699, {"Al": 1}, 166.0),
        _compound("water", 1.0, {"H": 2, "O": 1}, 75.0),
        _compound("polyethylene", 0.94, {"C": 1, "H": 2}, 57.4),
        Material("concrete", 2.3, concrete, 0.1352),
        Material("soil", 1.6, concrete, 0.1352),
        _compound("void", 1e-9, {"N": 1}, 82.0),
    ]
    return {one.name: one for one in made}


def _log_log(energies: Float, values: Float, wanted: Float) -> Float:
    """Interpolate log-log, keeping steps at edges (two points at one energy) and zeros as zeros."""
    out = np.zeros(len(wanted))
    positive = values > 0
    x, y = energies[positive], values[positive]
    if len(x) < 2:
        return out
    high = np.clip(np.searchsorted(x, wanted, side="right"), 1, len(x) - 1)
    low = high - 1
    step = np.log(x[high]) - np.log(x[low])
    part = np.where(step > 0, (np.log(wanted) - np.log(x[low])) / np.where(step > 0, step, 1), 0.0)
    value = np.exp(np.log(y[low]) + part * (np.log(y[high]) - np.log(y[low])))
    # pair production rises from zero at its threshold: below the first positive point draw a straight line
    # down
    below = wanted < x[0]
    if below.any() and (~positive).any():
        threshold = max(energies[~positive & (energies < x[0])].max(), 2 * MC2 if x[0] > 1000 else 0)
        value[below] = np.clip((wanted[below] - threshold) / (x[0] - threshold), 0, 1) * y[0]
    return value


@cache
def partial(z: int) -> Float:
    """Return photoelectric, Compton, Rayleigh and pair coefficients on GRID, shape (4, POINTS), cm2/g."""
    from mucoeff.io.load import get_table

    table = np.asarray(get_table(z), dtype=float)
    energy = table[:, 0]
    pair = _log_log(energy, table[:, 5], GRID) + _log_log(energy, table[:, 6], GRID)
    return np.stack([
        _log_log(energy, table[:, 2], GRID),
        _log_log(energy, table[:, 4], GRID),
        _log_log(energy, table[:, 3], GRID),
        pair,
    ])  # fmt: skip


@cache
def form_factor(symbol: str) -> Float:
    """Return f0 on X_GRID, shape (X_POINTS,): tabulated to 6 per angstrom, from there falling as x**-2.5."""
    with (Path(__file__).parent / "form_factors.csv").open(encoding="utf-8") as lines:
        rows = {
            row[0]: np.array(row[1:], dtype=float) for row in csv.reader(lines) if not row[0].startswith("#")
        }
    x = rows["x"]
    inside = np.interp(X_GRID, x, rows[symbol])
    return np.where(x[-1] < X_GRID, rows[symbol][-1] * (x[-1] / X_GRID) ** 2.5, inside)


@cache
def k_shell(z: int) -> tuple[float, float, float, float, float, float]:
    """Return K edge (keV), share of K, yield, K-alpha and K-beta energies (keV), share of K-beta."""
    from mucoeff.io.load import get_table

    atoms = _atoms()
    edges = atoms["edge"][z]
    edge = float(edges[0])
    if edge < LOW:
        return 1e9, 0.0, 0.0, 0.0, 0.0, 0.0
    table = np.asarray(get_table(z), dtype=float)
    at = np.flatnonzero(np.abs(table[:, 0] - edge) < 1e-3 * edge)
    below, above = table[at, 2].min(), table[at, 2].max()
    alpha = edge - (2 * edges[3] + edges[2]) / 3  # the two lines of K-alpha weighed two to one
    beta = edge - edges[4]
    ratio = float(atoms["beta_alpha_ratio"][z])
    return (
        edge,
        float(1 - below / above),
        float(atoms["kyield"][z]),
        float(alpha),
        float(beta),
        ratio / (1 + ratio),
    )


class Tables(NamedTuple):
    """Tables of M materials with up to E elements each, as arrays that compiled code takes."""

    total: Float  # (M, POINTS) linear attenuation, 1/cm
    cumulative: Float  # (M, 3, POINTS) chance that it is photoelectric; or Compton; or Rayleigh; else pair
    element_photo: Float  # (M, E, POINTS) cumulative share of elements in the photoelectric effect
    element_compton: Float  # (M, E) the same in Compton scattering (electrons)
    element_rayleigh: Float  # (M, E, POINTS)
    shell: Float  # (M, E, 6) as k_shell
    binding: Float  # (M, E, X_POINTS) incoherent scattering function over Z, 0 to 1
    rayleigh: Float  # (M, E, X_POINTS) running integral of f0**2 over x**2
    range_: Float  # (M, POINTS) range of electrons, cm, continuous slowing down
    yield_: Float  # (M, POINTS) share of an electron's energy that leaves it as bremsstrahlung
    radiation_length: Float  # (M,) cm


def _running(shares: Float) -> Float:
    total = shares.sum(axis=0)
    running = np.cumsum(shares, axis=0) / np.where(total > 0, total, 1)
    running[-1] = 1.0
    return running


def tables(names: list[str]) -> Tables:
    """Return the tables of the named materials, in that order."""
    chosen = [materials()[name] for name in names]
    most = max(len(one.fractions) for one in chosen)
    count = len(chosen)
    out = Tables(
        np.zeros((count, POINTS)), np.zeros((count, 3, POINTS)), np.ones((count, most, POINTS)),
        np.ones((count, most)),
        np.ones((count, most, POINTS)), np.zeros((count, most, 6)), np.ones((count, most, X_POINTS)),
        np.ones((count, most, X_POINTS)), np.zeros((count, POINTS)), np.zeros((count, POINTS)),
        np.zeros(count),
    )  # fmt: skip
    for m, one in enumerate(chosen):
        symbols = list(one.fractions)
        weights = np.array([one.fractions[s] for s in symbols])
        parts = np.stack([partial(SYMBOLS[s]) for s in symbols]) * weights[:, None, None]  # (E, 4, POINTS)
        summed = parts.sum(axis=0)
        out.total[m] = summed.sum(axis=0) * one.density
        out.cumulative[m] = np.cumsum(summed, axis=0)[:3] / summed.sum(axis=0)
        n = len(symbols)
        out.element_photo[m, :n] = _running(parts[:, 0])
        out.element_rayleigh[m, :n] = _running(parts[:, 2])
        electrons = np.array([w * SYMBOLS[s] / atomic_mass(SYMBOLS[s]) for s, w in one.fractions.items()])
        out.element_compton[m, :n] = _running(electrons[:, None])[:, 0]
        for e, symbol in enumerate(symbols):
            z = SYMBOLS[symbol]
            out.shell[m, e] = k_shell(z)
            factor = form_factor(symbol)
            # S(x) = Z - F^2 / Z (Heisenberg and Bewilogua in their simplest form) is zero at x = 0 and Z
            # far out
            out.binding[m, e] = np.clip(1 - (factor / z) ** 2, 0, 1)
            square = X_GRID**2
            grown = np.concatenate(
                [[0], np.cumsum(np.diff(square) * (factor[1:] ** 2 + factor[:-1] ** 2) / 2)]
            )
            out.rayleigh[m, e] = grown + factor[0] ** 2 * square[0]
        out.range_[m], out.yield_[m], out.radiation_length[m] = electrons_in(one)
    return out


def stopping(one: Material, energies: Float) -> tuple[Float, Float]:
    """Return collision and radiative stopping power of electrons, keV cm2/g.

    Collision: Bethe's formula for electrons (ICRU 37) without the density effect (some percent at 2 MeV).
    Radiation: the
    Born form with a smooth factor through the tables of Seltzer and Berger (5.3 at rest, about 8 at 1 MeV,
    10.5 at 3 MeV).
    """
    tau = energies / MC2
    beta2 = tau * (tau + 2) / (tau + 1) ** 2
    z_over_a = sum(w * SYMBOLS[s] / atomic_mass(SYMBOLS[s]) for s, w in one.fractions.items())
    z2_over_a = sum(
        w * SYMBOLS[s] * (SYMBOLS[s] + 1) / atomic_mass(SYMBOLS[s]) for s, w in one.fractions.items()
    )
    bracket = np.log(tau**2 * (tau + 2) / (2 * (one.excitation / MC2) ** 2))
    f = 1 - beta2 + (tau**2 / 8 - (2 * tau + 1) * np.log(2)) / (tau + 1) ** 2
    collision = 153.537 * z_over_a / beta2 * (bracket + f)
    shape = np.interp(
        np.log(energies),
        np.log([10, 100, 500, 1000, 2000, 3000, 5000]),
        [5.4, 5.7, 7.0, 8.1, 9.6, 10.5, 11.5],
    )
    radiative = 6.02214e23 * 5.7950e-28 * z2_over_a * (energies + MC2) * shape
    return collision, radiative


def electrons_in(one: Material) -> tuple[Float, Float, float]:
    """Return range (cm) and radiation yield on GRID and the radiation length (cm)."""
    collision, radiative = stopping(one, GRID)
    total = collision + radiative
    first = GRID[0] / total[0] / 2
    steps = np.diff(GRID) * (1 / total[1:] + 1 / total[:-1]) / 2
    length = first + np.concatenate([[0], np.cumsum(steps)])
    share = radiative / total
    radiated = np.concatenate([[0], np.cumsum(np.diff(GRID) * (share[1:] + share[:-1]) / 2)])
    inverse = sum(
        w
        * SYMBOLS[s]
        * (SYMBOLS[s] + 1)
        * np.log(287 / np.sqrt(SYMBOLS[s]))
        / (716.4 * atomic_mass(SYMBOLS[s]))
        for s, w in one.fractions.items()
    )
    return length / one.density, radiated / GRID, float(1 / inverse / one.density)
