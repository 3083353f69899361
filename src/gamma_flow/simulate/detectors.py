"""Detectors: a response, a resolution, an axis, and what electronics add."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from gamma_flow.data import Axis
from gamma_flow.errors import DataError
from gamma_flow.simulate._tables import Floats, names
from gamma_flow.simulate.response import Deposit, Response, deposit_edges, normal_cdf

_CACHED = 2049  # edges: below, the matrix from deposits to channels is kept (at most 52 MB each)

__all__ = ["Detector", "Resolution", "detector", "detector_names"]


@dataclass(frozen=True)
class Resolution:
    """The width of peaks: FWHM(E)**2 = noise**2 + (at_662 * 661.657 keV)**2 * (E / 661.657 keV)**(2 * power).

    Attributes
    ----------
    at_662 : float
        FWHM over energy at 661.657 keV: 0.07 for a good NaI.
    power : float
        0.5 for counting of light or charge alone; scintillators lie a little above.
    noise : float
        FWHM of the electronics' noise, keV.

    Examples
    --------
    >>> round(float(Resolution(0.07, 0.6, 0.0).fwhm(661.657)), 2)
    46.32
    """

    at_662: float
    power: float = 0.5
    noise: float = 0.0

    def __post_init__(self) -> None:
        if not (0 < self.at_662 < 1 and 0 <= self.power <= 1.5 and 0 <= self.noise < 1000):
            raise DataError(
                "a resolution that no detector has",
                expected="0 < at_662 < 1, 0 <= power <= 1.5, 0 <= noise < 1000 keV",
                found=f"{self.at_662:g}, {self.power:g}, {self.noise:g}",
                cure="at_662 is a fraction: 0.07 for 7 %",
            )

    def fwhm(self, energy: ArrayLike) -> Floats:
        """Return the full width at half maximum in keV at energies in keV."""
        e = np.maximum(np.asarray(energy, dtype=np.float64), 1e-3)
        width = self.at_662 * 661.657 * (e / 661.657) ** self.power
        result: Floats = np.sqrt(self.noise**2 + width**2)
        return result


@dataclass(frozen=True)
class Detector:
    """A detector as it is read out.

    Attributes
    ----------
    name : str
        What its spectra are marked with.
    response : Response
        The crystal in its housing.
    resolution : Resolution
        The width of its peaks.
    axis : Axis
        Its channels, in keV.
    nonlinearity : float
        n in: apparent energy = E * (1 - n * ln(E / 661.657 keV)). A calibration through
        known peaks takes most of it up.
    dead_time : float
        Seconds after each pulse in which no other is counted (non-paralysable).
    resolving_time : float
        Seconds within which two pulses count as one of their summed energy.
    threshold : float
        keV; below it nothing is counted. Zero: no threshold.
    """

    name: str
    response: Response
    resolution: Resolution
    axis: Axis
    nonlinearity: float = 0.0
    dead_time: float = 0.0
    resolving_time: float = 0.0
    threshold: float = 0.0

    def __post_init__(self) -> None:
        if self.axis.unit != "keV":
            raise DataError(
                "a gamma detector needs an axis in keV",
                where=self.name,
                expected="keV",
                found=self.axis.unit,
                cure="calibrate the axis: Axis.polynomial([offset, gain], channels)",
            )
        if not np.isfinite(self.nonlinearity):
            raise DataError(
                "nonlinearity has to be finite",
                where=self.name,
                found=f"{self.nonlinearity:g}",
                expected="a number such as 0.01",
            )
        for name in ("dead_time", "resolving_time", "threshold"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value >= 0):
                raise DataError(
                    f"{name} has to be finite and not negative",
                    where=self.name,
                    found=f"{value:g}",
                    expected=">= 0",
                )

    def changed(self, **parts: object) -> Detector:
        """Return the detector with other attributes."""
        return replace(self, **parts)  # type: ignore[arg-type]

    def apparent(self, energy: Floats) -> Floats:
        """Return the energies that deposits appear at, keV."""
        if self.nonlinearity == 0:
            return energy
        return energy * (1 - self.nonlinearity * np.log(np.maximum(energy, 1.0) / 661.657))

    def counts(self, deposit: Deposit) -> Floats:
        """Return events per second in each channel, shape (C,).

        Events beyond the last or below the first channel, or below the threshold, are not in any channel:
        no detector counts them. Dead time and pile-up depend on the rate and come later.
        """
        edges = self.axis.edges
        if len(edges) <= _CACHED:
            matrix = _spread(edges.tobytes(), self.resolution, self.nonlinearity, self.threshold)
            total: Floats = deposit.continuum @ matrix
        else:
            total = self._placed(self.apparent(_middles()), deposit.continuum)
        return total + self._placed(self.apparent(deposit.energies), deposit.rates)

    def _placed(self, energies: Floats, rates: Floats) -> Floats:
        """Return Gaussians of given energies and areas in channels; each only where it is not zero."""
        edges = self.axis.edges
        total = np.zeros(len(edges) - 1)
        order = np.argsort(energies)
        for lo in range(0, len(order), 64):
            part = order[lo : lo + 64]
            reach = 7 * float(self.resolution.fwhm(energies[part[-1]])) / 2.354820045
            first = max(0, int(np.searchsorted(edges, energies[part[0]] - reach)) - 1)
            last = min(len(edges), int(np.searchsorted(edges, energies[part[-1]] + reach)) + 1)
            if last - first > 1:
                window = _peaks(energies[part], edges[first:last], self.resolution, self.threshold)
                total[first : last - 1] += rates[part] @ window
        return total


def _middles() -> Floats:
    bins = deposit_edges()
    return 0.5 * (bins[1:] + bins[:-1])


def _peaks(energies: Floats, edges: Floats, resolution: Resolution, threshold: float) -> Floats:
    """Return the shares of Gaussians in channels, shape (P, C)."""
    sigma = resolution.fwhm(energies) / 2.354820045
    at = np.maximum(edges, threshold) if threshold > 0 else edges
    result: Floats = np.diff(normal_cdf((at[None, :] - energies[:, None]) / sigma[:, None]), axis=1)
    return result


@lru_cache(maxsize=6)
def _spread(edges: bytes, resolution: Resolution, nonlinearity: float, threshold: float) -> Floats:
    """Return the shares of the deposit's 1 keV bins in channels, shape (3200, C)."""
    middles = _middles()
    if nonlinearity:
        middles = middles * (1 - nonlinearity * np.log(np.maximum(middles, 1.0) / 661.657))
    matrix = _peaks(middles, np.frombuffer(edges), resolution, threshold)
    matrix.setflags(write=False)
    return matrix


_PRESETS: dict[str, tuple[float, float, float, int, float]] = {
    # resolution at 662 keV, power, noise in keV, channels, highest energy: typical data sheets of such
    # detectors
    "NaI-2x2": (0.070, 0.60, 2.0, 1024, 3000.0),
    "NaI-3x3": (0.070, 0.60, 2.0, 1024, 3000.0),
    "NaI-1.4x2": (0.070, 0.60, 2.0, 1024, 3000.0),
    "NaI-2x4x16": (0.080, 0.60, 3.0, 1024, 3000.0),
    "CsI-1cm3": (0.084, 0.60, 5.0, 1024, 3000.0),
    "LaBr3-1.5x1.5": (0.028, 0.50, 2.0, 1024, 3000.0),
    "CZT-1cm3": (0.020, 0.50, 5.0, 1024, 3000.0),
    "HPGe-coaxial": (0.0020, 0.50, 0.8, 8192, 3000.0),
}


def detector_names() -> tuple[str, ...]:
    """Return the names that ``detector`` knows."""
    return tuple(name for name in _PRESETS if name in names())


def detector(name: str, *, axis: Axis | None = None, resolution: Resolution | None = None) -> Detector:
    """Return a detector of the catalogue with typical settings.

    Parameters
    ----------
    name : str
        NaI-2x2, NaI-3x3, NaI-1.4x2, NaI-2x4x16 (inches), CsI-1cm3, LaBr3-1.5x1.5, CZT-1cm3, HPGe-coaxial.
    axis : Axis, optional
        Its channels. Default: 1024 (germanium: 8192) from 0 to 3000 keV.
    resolution : Resolution, optional
        Default: what data sheets of such detectors promise.

    Raises
    ------
    DataError
        An unknown name (the nearest are suggested), an axis that is not in keV.

    Examples
    --------
    >>> detector("NaI-3x3").resolution
    Resolution(at_662=0.07, power=0.6, noise=2.0)
    """
    known = {one.lower(): one for one in detector_names()}
    found = known.get(name.strip().lower().replace(" ", "-"))
    if found is None:
        near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.3)
        raise DataError(
            "unknown detector",
            where=name,
            expected=", ".join(detector_names()),
            found=name,
            cure=f"did you mean {' or '.join(known[n] for n in near)}?"
            if near
            else "choose the nearest in size",
        )
    at_662, power, noise, channels, top = _PRESETS[found]
    return Detector(
        found,
        Response(found),
        resolution or Resolution(at_662, power, noise),
        axis or Axis.linear(0.0, top, channels, "keV"),
    )
