"""What an unknown may be: the peaks of a residual beside the lines of the library."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow._answers import left_over
from gamma_flow.data import SpectrumSet
from gamma_flow.live._surroundings import Surroundings
from gamma_flow.nuclides.library import lines

__all__ = ["residual_of"]

Floats = NDArray[np.float64]

_PEAKS = 5  # strongest of a residual
_NAMED = 5  # candidates of a peak
_LEAST = 0.05  # photons a decay
_LIVES = 600.0  # s: shorter-lived nuclides do not come by without their parents
_BINS = 64  # of the residual that is told


def residual_of(sums: Floats, surroundings: Surroundings) -> dict[str, Any]:
    """Return what an alarm tells of a spectrum that the templates do not explain.

    Parameters
    ----------
    sums : (C,)
        The window in which the residual was strongest.
    surroundings : Surroundings
        Of the detector.

    Returns
    -------
    dict
        ``residual_counts``, ``residual`` (its shape in coarse bins, of unit sum, with their
        ``residual_edges`` at the gain one), and ``peaks``: energy in the unit of the axis at the gain one,
        counts, significance, and for an axis in keV ``candidates`` (nuclide, energy, intensity, distance in
        keV) within half a line's width, strong and near ones first, of at least 5 photons in a hundred decays
        and a half-life of ten minutes.
    """
    axis = surroundings.templates.axis
    spectra = SpectrumSet(sums[None], axis)
    engine = surroundings.engine
    found = left_over(engine, engine.grid() if engine.searches else (), spectra, False, 3.0)
    peaks = []
    for row in range(min(_PEAKS, len(found.peaks.position))):
        energy = surroundings.energy(float(found.peaks.position[row]))
        told: dict[str, Any] = {
            "energy": round(energy, 2),
            "counts": round(float(found.peaks.counts[row]), 1),
            "significance": round(float(found.peaks.significance[row]), 2),
        }
        if axis.unit == "keV" and energy > 0:
            width = float(surroundings.engine.line_width_at(np.array([energy]))[0])
            told["candidates"] = _candidates(energy, 0.5 * width)
        peaks.append(told)
    bins = np.unique(np.linspace(0, len(axis), min(_BINS, len(axis)) + 1).astype(int))
    return {
        "residual_counts": round(float(found.counts[0]), 1),
        "residual": [float(f"{one:.3g}") for one in np.add.reduceat(found.shapes[0], bins[:-1])],
        "residual_edges": [round(surroundings.energy(float(one)), 3) for one in axis.edges[bins]],
        "peaks": peaks,
    }


def _candidates(energy: float, reach: float) -> list[dict[str, Any]]:
    near = lines(max(energy - reach, 0.0), energy + reach, _LEAST, _LIVES)
    away = np.abs(near.energy - energy)
    # strong lines first, the nearer the better: half a width away costs a factor of e
    order = np.argsort(away / max(reach, 1e-9) - np.log(near.intensity), kind="stable")
    seen: list[dict[str, Any]] = []
    for row in order.tolist():
        if len(seen) == _NAMED:
            break
        if near.nuclides[row] not in [one["nuclide"] for one in seen]:
            seen.append(
                {
                    "nuclide": near.nuclides[row],
                    "energy": round(float(near.energy[row]), 2),
                    "intensity": float(f"{near.intensity[row]:.3g}"),
                    "distance": round(float(near.energy[row]) - energy, 2),
                }
            )
    return seen
