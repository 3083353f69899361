"""From the calibration that a gamma file tells to the axis of its spectrum."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.data import Axis
from gamma_flow.errors import AxisError, DamagedFileError, IncompatibleError, UnsafeFileError
from gamma_flow.io._format import ReadOptions

__all__ = ["deviated", "from_edges", "polynomial", "through", "uncalibrated"]

_MAX_PAIRS = 256
_TO_KEV = {"": 1.0, "kev": 1.0, "mev": 1e3, "ev": 1e-3}


def scale_of(unit: str, where: str) -> float:
    """Return how many keV the unit of a calibration has.

    Raises
    ------
    DamagedFileError
        It is neither keV, MeV nor eV.
    """
    factor = _TO_KEV.get(unit.strip().lower())
    if factor is None:
        raise DamagedFileError(
            "the unit of a calibration is not known", where=where, expected="keV, MeV or eV", found=repr(unit)
        )
    return factor


def uncalibrated(channels: int, options: ReadOptions, where: str, first: int = 0) -> Axis:
    """Return the axis that the caller gave for such files, else plain channels from ``first`` on.

    Raises
    ------
    IncompatibleError
        The caller's axis has another number of channels.
    """
    if options.axis is None:
        return (
            Axis.polynomial([float(first), 1.0], channels, unit="channel")
            if first
            else Axis.channels(channels)
        )
    if len(options.axis) != channels:
        raise IncompatibleError(
            "the file has no calibration, and the axis given does not fit",
            where=where,
            expected=f"{len(options.axis)} channels",
            found=str(channels),
        )
    return options.axis


def polynomial(
    coefficients: ArrayLike, channels: int, options: ReadOptions, where: str, first: int = 0
) -> Axis:
    """Return the axis of a calibration polynomial in keV, lowest order first.

    Coefficients that are all zero are how instruments write "not calibrated". The polynomial gives lower
    edges (as the standards have it and SpecUtils reads it) unless the options say otherwise.

    Parameters
    ----------
    coefficients : array_like of float
        Offset, slope, ... in keV per channel to that power.
    channels : int
        Channels of the spectrum.
    options : ReadOptions
        May name another reference.
    where : str
        The place in the file, for messages.
    first : int
        Number of the first channel.

    Raises
    ------
    DamagedFileError
        The polynomial does not increase over the channels or is not finite.
    """
    terms = np.atleast_1d(np.asarray(coefficients, np.float64))
    if not terms.any():
        return uncalibrated(channels, options, where, first)
    if len(terms) > _MAX_PAIRS:
        raise UnsafeFileError(
            "too many calibration coefficients",
            where=where,
            expected=f"at most {_MAX_PAIRS}",
            found=str(len(terms)),
        )
    try:
        with np.errstate(all="ignore"):  # an overflow ends as an edge that is not finite, which is refused
            if first:
                shifted = np.polynomial.Polynomial(terms)(np.polynomial.Polynomial([float(first), 1.0]))
                terms = np.asarray(shifted.coef, np.float64)
            return Axis.polynomial(terms, channels, reference=options.reference or "lower edge")
    except AxisError as problem:
        raise _refused(problem, where) from problem


def through(
    points: Sequence[float], channels: int, options: ReadOptions, where: str, scale: float = 1.0
) -> Axis:
    """Return the axis through calibration points: channel, energy, channel, energy, ...

    Three or more points are fitted by a polynomial of second order, as the programs that write them do;
    two give a straight line. They are peaks, so a whole number is the centre of a channel unless the options
    say otherwise.

    Raises
    ------
    DamagedFileError
        Numbers without partner, too few points, or energies that do not rise.
    """
    table = np.asarray(points, np.float64)
    if len(table) % 2 or not 4 <= len(table) <= 2 * _MAX_PAIRS:
        raise DamagedFileError(
            "calibration points without partner, too few or too many",
            where=where,
            expected=f"2 to {_MAX_PAIRS} pairs of channel and energy",
            found=f"{len(table)} numbers",
        )
    pairs = table.reshape(-1, 2) * [1.0, scale]
    try:
        with np.errstate(all="ignore"):
            return Axis.through(
                pairs, channels, "keV", options.reference or "centre", order=min(len(pairs) - 1, 2)
            )
    except (AxisError, np.linalg.LinAlgError) as problem:
        if not isinstance(problem, AxisError):
            raise DamagedFileError("calibration points cannot be fitted", where=where) from problem
        raise _refused(problem, where) from problem


def from_edges(edges: ArrayLike, channels: int, where: str) -> Axis:
    """Return the axis of channel edges in keV.

    Raises
    ------
    DamagedFileError
        There is not exactly one edge more than channels, or the edges do not increase.
    """
    given = np.asarray(edges, np.float64)
    if len(given) != channels + 1:
        raise DamagedFileError(
            "the edges of the channels do not fit the counts",
            where=where,
            expected=f"{channels + 1} edges",
            found=str(len(given)),
        )
    try:
        with np.errstate(all="ignore"):
            return Axis(given)
    except AxisError as problem:
        raise _refused(problem, where) from problem


def _refused(problem: AxisError, where: str) -> DamagedFileError:
    place = f"{where}, {problem.where}" if problem.where else where
    return DamagedFileError(
        problem.what, where=place, expected=problem.expected, found=problem.found, cure=problem.cure
    )


def deviated(axis: Axis, energies: Sequence[float], deviations: Sequence[float], where: str) -> Axis:
    """Bend an axis by deviation pairs: detectors that are not linear, as ANSI N42.42 and GADRAS note them.

    A peak of energy E lies where the polynomial says E - d. Between the pairs a cubic spline d(E - d) goes
    through them, without curvature at the first and level at the last pair; beyond them it stays constant.
    The same rule as GADRAS and SpecUtils, so that the edges agree.

    Parameters
    ----------
    axis : Axis
        Edges of the polynomial, in keV.
    energies, deviations : sequence of float, shape (P,)
        The pairs (E, d) in keV.
    where : str
        The place in the file, for messages.

    Raises
    ------
    DamagedFileError
        Numbers of energies and deviations differ, energies twice, or edges that no longer increase.
    """
    energy, offset = np.asarray(energies, np.float64), np.asarray(deviations, np.float64)
    if len(energy) != len(offset):
        raise DamagedFileError(
            "deviation pairs without partner",
            where=where,
            expected=f"{len(energy)} deviations, one an energy",
            found=str(len(offset)),
        )
    if len(energy) > _MAX_PAIRS:
        raise UnsafeFileError(
            "too many deviation pairs",
            where=where,
            expected=f"at most {_MAX_PAIRS}",
            found=str(len(energy)),
        )
    if not len(energy) or not offset.any():
        return axis
    order = np.argsort(energy - offset, kind="stable")
    x, y = (energy - offset)[order], offset[order]
    with np.errstate(all="ignore"):
        if (np.diff(x) <= 0).any():
            raise DamagedFileError(
                "two deviation pairs belong to the same place",
                where=where,
                found=f"energies {energy[order].tolist()}",
            )
        return from_edges(axis.edges + _spline(x, y, axis.edges), len(axis), where)


def _spline(x: NDArray[np.float64], y: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Evaluate the spline through (x, y): unbent at the first, level at the last point, constant outside."""
    if len(x) == 1:
        return np.full_like(at, y[0])
    width, slope = np.diff(x), np.diff(y) / np.diff(x)
    size = len(x)
    # unknowns are the second derivatives at the points
    matrix, right = np.zeros((size, size)), np.zeros(size)
    matrix[0, 0] = 1.0
    for row in range(1, size - 1):
        matrix[row, row - 1 : row + 2] = width[row - 1], 2 * (width[row - 1] + width[row]), width[row]
        right[row] = 6 * (slope[row] - slope[row - 1])
    matrix[-1, -2:] = width[-1], 2 * width[-1]
    right[-1] = -6 * slope[-1]
    try:
        bend = np.linalg.solve(matrix, right)
    except np.linalg.LinAlgError:
        return np.full_like(at, np.nan)  # refused with the edges
    inner = np.clip(at, x[0], x[-1])
    piece = np.clip(np.searchsorted(x, inner, side="right") - 1, 0, size - 2)
    low, high = inner - x[piece], x[piece + 1] - inner
    cubic: NDArray[np.float64] = (
        bend[piece] * high**3 / (6 * width[piece])
        + bend[piece + 1] * low**3 / (6 * width[piece])
        + (y[piece] / width[piece] - bend[piece] * width[piece] / 6) * high
        + (y[piece + 1] / width[piece] - bend[piece + 1] * width[piece] / 6) * low
    )
    return cubic
