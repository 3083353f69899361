"""What a shield would make of measured templates. No nuclide is named: the template says what is emitted.

A template is unfolded with the detector's response into the photons that the source emits; these go through a
shield (`Shield`), and what comes out is folded again. Only the change between the two folded spectra is
applied to the template: its peaks and what else the simulation does not know stay as they were measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from gamma_flow.errors import DataError, IncompatibleError
from gamma_flow.simulate._tables import Floats
from gamma_flow.simulate.detectors import Detector
from gamma_flow.simulate.fields import PhotonField, continuum_edges
from gamma_flow.simulate.shields import Shield, through_all
from gamma_flow.simulate.spectra import expected_rates

__all__ = ["shield_family", "shield_ladder", "unfolded"]

_LADDER = {"steel": (1.0, 70.0), "lead": (0.5, 40.0), "water": (2.0, 50.0)}  # g/cm2
_NONE = np.zeros(0)
_BINS = len(continuum_edges()) - 1


def shield_ladder(count: int = 8) -> tuple[tuple[Shield, ...], ...]:
    """Return no shield, then ``count`` shields each of steel, lead and water, thicker by equal factors.

    From where a shield begins to matter to one behind which little is left; other materials are much like one
    of these three.

    Examples
    --------
    >>> len(shield_ladder()), shield_ladder(2)[1]
    (25, (Shield(material='steel', areal_density=1.0),))
    """
    rungs: list[tuple[Shield, ...]] = [()]
    for material, ends in _LADDER.items():
        rungs += [(Shield(material, float(x)),) for x in np.geomspace(*ends, count)]
    return tuple(rungs)


@lru_cache(maxsize=4)
def _responses(detector: Detector, distance: float, floor: float | None) -> Floats:
    """Return what one photon in each of the bins of `continuum_edges` gives in the channels, shape (G, C)."""
    rows = [
        expected_rates(PhotonField(_NONE, _NONE, one), detector, distance=distance, floor=floor)
        for one in np.eye(_BINS)
    ]
    matrix: Floats = np.maximum(np.stack(rows), 0.0)
    matrix.setflags(write=False)
    return matrix


def unfolded(
    counts: ArrayLike, matrix: ArrayLike, background: ArrayLike | None = None, steps: int = 300
) -> Floats:
    """Return the photons that make a spectrum likely: Richardson-Lucy, stopped early.

    Parameters
    ----------
    counts : (K, C) array_like
        Not negative.
    matrix : (G, C) array_like
        Counts in the channels for one photon in each of G bins.
    background : (C,) array_like, optional
        Expected counts that are in the spectra too.
    steps : int
        Few leave lines broad, many make lines of noise; the shield's work depends little on it.

    Returns
    -------
    (K, G) float64

    References
    ----------
    W. H. Richardson, J. Opt. Soc. Am. 62 (1972) 55; L. B. Lucy, Astron. J. 79 (1974) 745.

    Examples
    --------
    >>> unfolded([[10.0, 2.0]], [[0.5, 0.0], [0.0, 0.1]]).round(3)
    array([[20., 20.]])
    """
    y = np.maximum(np.asarray(counts, np.float64), 0.0)
    r = np.asarray(matrix, np.float64)
    b = 0.0 if background is None else np.maximum(np.asarray(background, np.float64), 0.0)
    seen = r.sum(axis=1)
    used = seen > 1e-6 * seen.max(initial=0.0)
    share = r[used] / seen[used, None]
    x = np.repeat(y.sum(axis=1, keepdims=True) / max(int(used.sum()), 1), int(used.sum()), axis=1)
    for _ in range(steps):
        x *= (y / np.maximum(x @ share + b, 1e-12)) @ share.T
    out = np.zeros((len(y), len(r)))
    out[:, used] = x / seen[used]
    return out


def shield_family(
    counts: ArrayLike,
    detector: Detector,
    shields: Sequence[Sequence[Shield]] | None = None,
    *,
    background: ArrayLike | None = None,
    first: int = 0,
    distance: float = 100.0,
    floor: float | None = 100.0,
    trust: float = 0.1,
    steps: int = 300,
) -> Floats:
    """Return templates as they would be behind each of some shields.

    Parameters
    ----------
    counts : (K, C) array_like
        A spectrum of each class without shield, on the axis of the detector.
    detector : Detector
        One of about the right crystal and resolution.
    shields : sequence of P sequences of Shield, optional
        Shells, the innermost first; an empty sequence is no shield. Default: `shield_ladder`.
    background : (C,) array_like, optional
        Counts of the background that are in each spectrum too.
    first : int
        The first channel that is used.
    distance, floor
        As for `expected_rates`.
    trust : float
        Relative standard deviation of the folded spectrum, by which the spectrum itself is weighed against
        it: where counting is worse, as where little stands above background, the folded one is followed.
    steps : int
        Of the unfolding.

    Returns
    -------
    (K, P, C) float64
        Of unit sum over the used channels, zero in the others; all zero where nothing comes through.

    Raises
    ------
    IncompatibleError
        Channels that differ.
    DataError
        A ``trust`` that is not positive.

    Examples
    --------
    >>> from gamma_flow.simulate import detector, expected_rates
    >>> probe = detector("NaI-3x3")
    >>> ba = 1e8 * expected_rates("Ba-133", probe)
    >>> thin, thick = shield_family([ba], probe, [(), (Shield("lead", 6.0),)])[0]
    >>> low = probe.axis.centres < 100
    >>> bool(thick[low].sum() < 0.5 * thin[low].sum())
    True
    """
    y = np.array(counts, np.float64)
    channels = len(detector.axis.centres)
    b = np.zeros(channels) if background is None else np.array(background, np.float64)
    if y.ndim != 2 or y.shape[1] != channels or b.shape != (channels,):
        raise IncompatibleError(
            "spectra, background and detector differ in their channels",
            expected=f"(K, {channels}) and ({channels},)",
            found=f"{y.shape} and {b.shape}",
        )
    if not trust > 0:
        raise DataError("trust is positive", where="trust", expected="> 0", found=f"{trust:g}")
    matrix = np.array(_responses(detector, distance, floor))
    for one in (y.T, b, matrix.T):
        one[:first] = 0.0
    photons = unfolded(y, matrix, b, steps)
    plain = photons @ matrix
    likely = (trust * plain) ** 2
    weight = likely / np.maximum(likely + plain + b, 1e-300)
    t = np.maximum(plain + (y - b - plain) * weight, 0.0)
    least = 1e-12 * plain.max(axis=1, keepdims=True) + 1e-300
    rungs = shield_ladder() if shields is None else shields
    out = np.empty((len(y), len(rungs), channels))
    lines: dict[float, Floats] = {}
    for p, shells in enumerate(rungs):
        if not shells:
            out[:, p] = t
            continue
        there = photons @ _behind(shells, matrix, lines, detector, distance, floor, first)
        # what is thinned out is a share of the template, what is scattered in comes on top
        out[:, p] = t * np.minimum(there / np.maximum(plain, least), 1.0) + np.maximum(there - plain, 0.0)
    total = out.sum(axis=2, keepdims=True)
    return out / np.where(total > 0, total, 1.0)


def _behind(
    shells: Sequence[Shield],
    matrix: Floats,
    lines: dict[float, Floats],
    detector: Detector,
    distance: float,
    floor: float | None,
    first: int,
) -> Floats:
    """Return the counts for a photon in each bin before the shells, shape (G, C). ``lines`` is a store."""
    rows = np.zeros_like(matrix)
    for g, one in enumerate(np.eye(_BINS)):
        field = through_all(PhotonField(_NONE, _NONE, one), shells)
        rows[g] = field.continuum @ matrix
        for energy, rate in zip(field.energies.tolist(), field.rates, strict=True):
            if energy not in lines:  # annihilation and the X-rays of the shells: a few
                line = PhotonField.of([energy], [1.0])
                lines[energy] = expected_rates(line, detector, distance=distance, floor=floor)
                lines[energy][:first] = 0.0
            rows[g] += rate * lines[energy]
    return rows
