"""What a shield would make of measured templates: no nuclide is named, the template itself says what is emitted.

A template is unfolded with the detector's response into the photons that the source emits; these go through a
shield (`Shield`), and what comes out is folded again. Peaks and their shapes stay those of the template, for only
the change between the two folded spectra is applied to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from gamma_flow.errors import IncompatibleError
from gamma_flow.simulate._tables import Floats
from gamma_flow.simulate.detectors import Detector
from gamma_flow.simulate.fields import PhotonField, continuum_edges
from gamma_flow.simulate.shields import Shield, through_all
from gamma_flow.simulate.surroundings import floor_field

__all__ = ["shield_family", "shield_ladder", "unfolded"]

_NO_LINES = np.zeros(0)


def shield_ladder(count: int = 6) -> tuple[tuple[Shield, ...], ...]:
    """Return no shield, then shields of steel, lead and water that grow by equal factors.

    From where a shield begins to matter to the thickness behind which little is left to be seen.
    """
    ranges = {"steel": (1.0, 40.0), "lead": (0.5, 25.0), "water": (2.0, 40.0)}
    rungs: list[tuple[Shield, ...]] = [()]
    for material, (thin, thick) in ranges.items():
        rungs += [(Shield(material, float(x)),) for x in np.geomspace(thin, thick, count)]
    return tuple(rungs)


def photon_counts(field: PhotonField, detector: Detector, distance: float, floor: float | None) -> Floats:
    """Return counts per second in each channel, with what a floor scatters back."""
    total = detector.response.deposit(field, distance)
    if floor is not None:
        around = detector.response.deposit(floor_field(field, floor), None)
        total = total.plus(around.scaled(2 / (1 + (distance / floor) ** 2)))
    return detector.counts(total)


@lru_cache(maxsize=4)
def responses(detector: Detector, distance: float = 100.0, floor: float | None = 100.0) -> Floats:
    """Return what one photon in each of the 240 bins of `continuum_edges` gives in the channels, (240, C)."""
    bins = len(continuum_edges()) - 1
    unit = np.eye(bins)
    rows = [photon_counts(PhotonField(_NO_LINES, _NO_LINES, one), detector, distance, floor) for one in unit]
    matrix = np.maximum(np.stack(rows), 0.0)
    matrix.setflags(write=False)
    return matrix


def unfolded(counts: ArrayLike, matrix: ArrayLike, steps: int = 300) -> Floats:
    """Return photons whose folded spectrum has the greatest Poisson likelihood (Richardson-Lucy).

    Parameters
    ----------
    counts : (K, C) array_like
        Not negative.
    matrix : (G, C) array_like
        Counts in the channels for one photon in each bin.
    steps : int
        A few hundred: few leave lines broad, many make noise into lines.

    Returns
    -------
    (K, G) float64
    """
    y = np.maximum(np.asarray(counts, np.float64), 0.0)
    r = np.asarray(matrix, np.float64)
    seen = r.sum(axis=1)
    used = seen > 1e-6 * seen.max()
    share = r[used] / seen[used, None]
    x = np.repeat(y.sum(axis=1, keepdims=True) / used.sum(), used.sum(), axis=1)
    for _ in range(steps):
        x *= (y / np.maximum(x @ share, 1e-12)) @ share.T
    out = np.zeros((len(y), len(r)))
    out[:, used] = x / seen[used]
    return out


def shield_family(
    shapes: ArrayLike,
    detector: Detector,
    shields: Sequence[Sequence[Shield]],
    *,
    lowest: int = 0,
    distance: float = 100.0,
    floor: float | None = 100.0,
    steps: int = 300,
) -> Floats:
    """Return templates as they would be behind each of some shields.

    Parameters
    ----------
    shapes : (K, C) array_like
        Templates without background, on the axis of the detector; without shield.
    detector : Detector
        One of about the right crystal and resolution.
    shields : sequence of P sequences of Shield
        Shells, the innermost first; an empty sequence is no shield.
    lowest : int
        The first channel that is used.
    distance, floor
        As for `expected_rates`.
    steps : int
        Of the unfolding.

    Returns
    -------
    (K, P, C) float64
        Of unit sum over the used channels; zero in the others.
    """
    t = np.array(shapes, np.float64)
    if t.ndim != 2 or t.shape[1] != len(detector.axis.centres):
        raise IncompatibleError("templates and detector differ in their channels")
    t[:, :lowest] = 0.0
    t = np.maximum(t, 0.0)
    matrix = responses(detector, distance, floor).copy()
    matrix[:, :lowest] = 0.0
    photons = unfolded(t, matrix, steps)
    plain = photons @ matrix
    bins = matrix.shape[0]
    out = np.empty((len(t), len(shields), t.shape[1]))
    for p, shells in enumerate(shields):
        if not shells:
            out[:, p] = t
            continue
        rows = np.zeros_like(matrix)
        for g in np.flatnonzero(photons.any(axis=0)):
            one = np.zeros(bins)
            one[g] = 1.0
            behind = through_all(PhotonField(_NO_LINES, _NO_LINES, one), shells)
            rows[g] = behind.continuum @ matrix
            if behind.rates.any():
                lines = PhotonField(behind.energies, behind.rates, np.zeros(bins))
                rows[g] += photon_counts(lines, detector, distance, floor)
        rows[:, :lowest] = 0.0
        there = photons @ rows
        part = np.minimum(there / np.maximum(plain, 1e-12 * plain.max(axis=1, keepdims=True)), 1.0)
        out[:, p] = t * part + np.maximum(there - plain, 0.0)
    return out / np.maximum(out.sum(axis=2, keepdims=True), 1e-300)
