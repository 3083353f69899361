"""What an unknown may be: the peaks of a residual beside the lines of the library."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow._answers import left_over
from gamma_flow.data import SpectrumSet
from gamma_flow.live._surroundings import Surroundings
from gamma_flow.nuclides.candidates import candidates, lines_near

__all__ = ["residual_of"]

Floats = NDArray[np.float64]

_PEAKS = 5  # strongest of a residual
_REACH = 0.5  # of a full width at half maximum: how far a line may lie from its peak
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
        counts, significance, and for an axis in keV ``candidates`` within half a line's width, as
        `gamma_flow.nuclides.lines_near` has them. For such an axis ``sources`` are those that explain the
        peaks together, as `gamma_flow.nuclides.candidates` judges.
    """
    axis = surroundings.templates.axis
    spectra = SpectrumSet(sums[None], axis)
    engine = surroundings.engine
    found = left_over(engine, engine.grid() if engine.searches else (), spectra, False, 3.0)
    peaks = []
    reaches = []
    for row in range(min(_PEAKS, len(found.peaks.position))):
        energy = surroundings.energy(float(found.peaks.position[row]))
        told: dict[str, Any] = {
            "energy": round(energy, 2),
            "counts": round(float(found.peaks.counts[row]), 1),
            "significance": round(float(found.peaks.significance[row]), 2),
        }
        if axis.unit == "keV" and energy > 0:
            reaches.append(_REACH * float(surroundings.engine.line_width_at(np.array([energy]))[0]))
            told["candidates"] = lines_near(energy, reaches[-1])
        peaks.append(told)
    bins = np.unique(np.linspace(0, len(axis), min(_BINS, len(axis)) + 1).astype(int))
    sources = {}
    if axis.unit == "keV":
        known = [one for one in peaks if "candidates" in one]
        energies, weights = ([one[name] for one in known] for name in ("energy", "significance"))
        sources = {"sources": [one.as_dict() for one in candidates(energies, weights, reaches)]}
    return {
        "residual_counts": round(float(found.counts[0]), 1),
        "residual": [float(f"{one:.3g}") for one in np.add.reduceat(found.shapes[0], bins[:-1])],
        "residual_edges": [round(surroundings.energy(float(one)), 3) for one in axis.edges[bins]],
        "peaks": peaks,
        **sources,
    }
