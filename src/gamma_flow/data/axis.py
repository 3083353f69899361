"""The axis: where the channels of a spectrum lie."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.data._arrays import freeze
from gamma_flow.errors import AxisError

__all__ = ["Axis", "Reference"]

_MOST = 2**24  # channels; far beyond any instrument, and soon enough before memory ends

Reference = Literal["lower edge", "centre"]
"""What a calibration polynomial gives at channel index i: the lower edge of channel i, or its centre."""


@dataclass(frozen=True, eq=False)
class Axis:
    """Channels between edges, with a unit.

    Parameters
    ----------
    edges : array_like of float, shape (C + 1,)
        Edges of the C channels in ``unit``, strictly increasing.
    unit : str
        ``"keV"``, ``"cm-1"``, ``"nm"``, ``"m/z"``; ``"channel"`` where nothing is calibrated.
    centres : array_like of float, shape (C,), optional
        Where an intensity was sampled, each within its channel; the middle of the edges by default.
    coefficients : tuple of float, optional
        The polynomial that gives ``edges`` at 0, 1, ..., C, lowest order first; set by `polynomial`.

    Raises
    ------
    AxisError
        Fewer than two edges, edges that are not finite or do not increase, centres outside their channel.

    Examples
    --------
    >>> axis = Axis.linear(0, 3000, bins=1000, unit="keV")
    >>> axis
    Axis(1000 bins, 0..3000 keV)
    >>> axis.find(661.7)
    220
    """

    edges: NDArray[np.float64]
    unit: str = "keV"
    centres: NDArray[np.float64] = None  # type: ignore[assignment]  # filled in below
    coefficients: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        edges = freeze(self.edges, np.float64, (None,), "the edges of an axis", AxisError)
        if len(edges) < 2:
            raise AxisError(
                "an axis needs at least one channel", expected="2 or more edges", found=str(len(edges))
            )
        if not np.isfinite(edges).all():
            bad = int(np.flatnonzero(~np.isfinite(edges))[0])
            raise AxisError(
                "an edge of the axis is not a finite number", where=f"edge {bad}", found=str(edges[bad])
            )
        if (np.diff(edges) <= 0).any():
            bad = int(np.flatnonzero(np.diff(edges) <= 0)[0])
            raise AxisError(
                "the edges of an axis have to increase",
                where=f"channel {bad}",
                found=f"{edges[bad]:.6g} followed by {edges[bad + 1]:.6g}",
                cure="check the calibration; a falling axis has to be reversed together with its spectra",
            )
        if not isinstance(self.unit, str) or not self.unit.strip():
            raise AxisError(
                "an axis needs a unit", expected='"keV", "cm-1", "nm", "channel", ...', found=repr(self.unit)
            )
        middle = 0.5 * (edges[:-1] + edges[1:])
        centres = freeze(
            middle if self.centres is None else self.centres,
            np.float64,
            (len(edges) - 1,),
            "the centres",
            AxisError,
        )
        inside = (centres >= edges[:-1]) & (centres <= edges[1:])
        if not inside.all():
            bad = int(np.flatnonzero(~inside)[0])
            raise AxisError(
                "a centre lies outside its channel",
                where=f"channel {bad}",
                expected=f"between {edges[bad]:.6g} and {edges[bad + 1]:.6g}",
                found=f"{centres[bad]:.6g}",
            )
        object.__setattr__(self, "edges", edges)
        object.__setattr__(self, "centres", centres)
        if self.coefficients is not None:
            object.__setattr__(self, "coefficients", tuple(float(term) for term in self.coefficients))

    @classmethod
    def linear(cls, lo: float, hi: float, bins: int, unit: str = "keV") -> Axis:
        """Equal channels from ``lo`` to ``hi`` (both in ``unit``).

        Raises
        ------
        AxisError
            ``bins`` below one, or ``hi`` not above ``lo``.
        """
        if bins < 1:
            raise AxisError("an axis needs at least one channel", expected="bins >= 1", found=str(bins))
        return cls(
            np.asarray(np.linspace(lo, hi, int(bins) + 1), np.float64),
            unit,
            coefficients=(float(lo), (hi - lo) / bins),
        )

    @classmethod
    def polynomial(
        cls,
        coefficients: ArrayLike,
        channels: int,
        unit: str = "keV",
        reference: Reference = "lower edge",
    ) -> Axis:
        """Channels calibrated by a polynomial of any order in the channel index i = 0, 1, ...

        Parameters
        ----------
        coefficients : array_like of float
            Offset, slope, quadratic term, ... in ``unit`` per channel to that power.
        channels : int
            How many channels.
        unit : str
            Unit of the axis.
        reference : {"lower edge", "centre"}
            What the polynomial gives at index i. With "centre" the edges are its values at i - 1/2.

        Raises
        ------
        AxisError
            The polynomial does not increase over the channels, or is not finite.

        Examples
        --------
        >>> Axis.polynomial([-12, 8.15, 0.0012], channels=256, reference="centre")
        Axis(256 bins, -16.0747..2148.66 keV)
        """
        try:
            terms = np.atleast_1d(np.asarray(coefficients, dtype=np.float64))
        except (TypeError, ValueError) as problem:
            raise AxisError(
                "calibration coefficients have to be finite numbers", found=str(coefficients)[:80]
            ) from problem
        if terms.ndim != 1 or not len(terms) or not np.isfinite(terms).all():
            raise AxisError("calibration coefficients have to be finite numbers", found=str(coefficients))
        if channels < 1:
            raise AxisError(
                "an axis needs at least one channel", expected="channels >= 1", found=str(channels)
            )
        if channels > _MOST:
            raise AxisError("an axis has too many channels", expected=f"at most {_MOST}", found=str(channels))
        if reference not in ("lower edge", "centre"):
            raise AxisError(
                "unknown reference of a channel", expected='"lower edge" or "centre"', found=repr(reference)
            )
        lower = _shifted(terms, -0.5) if reference == "centre" else terms
        index = np.arange(channels + 1, dtype=np.float64)
        edges = _value(lower, index)
        if (np.diff(edges) <= 0).any():
            bad = int(np.flatnonzero(np.diff(edges) <= 0)[0])
            raise AxisError(
                "the calibration polynomial does not increase over all channels",
                where=f"channel {bad}",
                found=f"coefficients {', '.join(f'{term:g}' for term in terms)}",
                cure="check the coefficients and their order (offset first)",
            )
        centres = _value(lower, index[:-1] + 0.5)
        # a strongly bent polynomial may put its value at i + 1/2 a rounding error outside
        centres = np.minimum(np.maximum(centres, edges[:-1]), edges[1:])
        return cls(edges, unit, centres, tuple(lower))

    @classmethod
    def through(
        cls,
        points: ArrayLike,
        channels: int,
        unit: str = "keV",
        reference: Reference = "centre",
        order: int | None = None,
    ) -> Axis:
        """Channels calibrated by points: known lines and the channels in which they were seen.

        Parameters
        ----------
        points : array_like of float, shape (P, 2)
            Channel (may be fractional) and value in ``unit``, two or more, in any order.
        channels : int
            How many channels.
        unit : str
            Unit of the axis.
        reference : {"lower edge", "centre"}
            What a whole channel number stands for. Peaks are mostly given by the centre of channels.
        order : int, optional
            Order of the polynomial that is fitted by least squares. By default straight lines join the
            points, and the outermost ones go on to the ends.

        Raises
        ------
        AxisError
            Fewer points than it takes, a channel or value twice, values that do not rise with the channel.

        Examples
        --------
        >>> Axis.through([(10, 59.5), (110, 661.7), (220, 1332.5)], channels=256).centres[[10, 110, 220]]
        array([  59.5,  661.7, 1332.5])
        """
        try:
            table = np.asarray(points, dtype=np.float64)
        except (TypeError, ValueError) as problem:
            raise AxisError(
                "calibration points have to be pairs of numbers", found=str(points)[:80]
            ) from problem
        least = 2 if order is None else max(int(order) + 1, 2)
        if table.ndim != 2 or table.shape[1:] != (2,) or len(table) < least or not np.isfinite(table).all():
            raise AxisError(
                "too few calibration points, or no pairs of finite numbers",
                expected=f"{least} or more pairs (channel, {unit})",
                found=f"shape {table.shape}",
            )
        at, value = table[np.argsort(table[:, 0], kind="stable")].T
        if (np.diff(at) <= 0).any() or (np.diff(value) <= 0).any():
            raise AxisError(
                "the values of calibration points have to rise with the channel, each given once",
                found="; ".join(f"{one:g}: {other:g}" for one, other in zip(at, value, strict=True))[:200],
            )
        if order is not None:
            fitted = np.polynomial.Polynomial.fit(at, value, int(order)).convert().coef
            return cls.polynomial(fitted, channels, unit, reference)
        if not 1 <= channels <= _MOST:
            raise AxisError("no axis has so many channels", expected=f"1 to {_MOST}", found=str(channels))
        index = np.arange(channels + 1, dtype=np.float64)
        edge = index - 0.5 if reference == "centre" else index
        return cls(_joined(edge, at, value), unit, _joined(edge[:-1] + 0.5, at, value))

    @classmethod
    def points(cls, x: ArrayLike, unit: str) -> Axis:
        """Channels around sampled points, for intensities: the edges lie midway between neighbours.

        Parameters
        ----------
        x : array_like of float, shape (C,)
            Where the spectrum was sampled, strictly increasing, in ``unit``.
        unit : str
            Unit of the axis.

        Raises
        ------
        AxisError
            Fewer than two points (one has no width), or points that do not increase.

        Examples
        --------
        >>> Axis.points([400.0, 402.0, 406.0], unit="nm").edges
        array([399., 401., 404., 408.])
        """
        at = np.asarray(x, dtype=np.float64)
        if at.ndim != 1 or len(at) < 2:
            raise AxisError("an axis of points needs two or more of them", found=f"shape {at.shape}")
        middle = 0.5 * (at[:-1] + at[1:])
        edges = np.concatenate([[at[0] - (middle[0] - at[0])], middle, [at[-1] + (at[-1] - middle[-1])]])
        return cls(edges, unit, at)

    @classmethod
    def channels(cls, count: int) -> Axis:
        """Return an axis without a calibration: channel i reaches from i to i + 1.

        Examples
        --------
        >>> Axis.channels(256)
        Axis(256 bins, 0..256 channel)
        """
        return cls.polynomial([0.0, 1.0], count, unit="channel")

    def __len__(self) -> int:
        return len(self.edges) - 1

    @property
    def widths(self) -> NDArray[np.float64]:
        """Widths of the channels, shape (C,), in ``unit``."""
        return np.diff(self.edges)

    @property
    def calibrated(self) -> bool:
        """Whether the unit is more than a channel number."""
        return self.unit != "channel"

    def find(self, value: float) -> int:
        """Return the channel that holds ``value`` (in ``unit``).

        Raises
        ------
        AxisError
            ``value`` lies outside the axis.
        """
        if not self.edges[0] <= value <= self.edges[-1]:
            raise AxisError(
                "the value lies outside the axis",
                expected=f"{self.edges[0]:g}..{self.edges[-1]:g} {self.unit}",
                found=f"{value:g}",
            )
        return min(int(np.searchsorted(self.edges, value, side="right")) - 1, len(self) - 1)

    def matches(self, other: Axis, tolerance: float = 1e-6) -> bool:
        """Tell whether two axes are the same up to ``tolerance`` of a channel's width."""
        return self is other or (
            len(self) == len(other)
            and self.unit == other.unit
            and bool((np.abs(self.edges - other.edges)[:-1] <= tolerance * self.widths).all())
            and bool(abs(self.edges[-1] - other.edges[-1]) <= tolerance * self.widths[-1])
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Axis):
            return NotImplemented
        return self.unit == other.unit and np.array_equal(self.edges, other.edges)

    def __hash__(self) -> int:
        return hash((self.unit, self.edges.tobytes()))

    def __repr__(self) -> str:
        return f"Axis({len(self)} bins, {self.edges[0]:g}..{self.edges[-1]:g} {self.unit})"

    def as_dict(self) -> dict[str, Any]:
        """Return what a reader of JSON needs to know."""
        return {
            "unit": self.unit,
            "bins": len(self),
            "lo": float(self.edges[0]),
            "hi": float(self.edges[-1]),
            "coefficients": None if self.coefficients is None else list(self.coefficients),
        }


def _joined(
    x: NDArray[np.float64], at: NDArray[np.float64], value: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Values on the straight lines between points, the outermost of which go on."""
    left = np.minimum(np.maximum(np.searchsorted(at, x, side="right") - 1, 0), len(at) - 2)
    slope = np.diff(value) / np.diff(at)
    joined: NDArray[np.float64] = value[left] + slope[left] * (x - at[left])
    return joined


def _value(terms: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Value of a polynomial, lowest order first, by Horner's rule."""
    value = np.full_like(at, terms[-1])
    for term in terms[-2::-1]:
        value *= at
        value += term
    return value


def _shifted(terms: NDArray[np.float64], by: float) -> NDArray[np.float64]:
    """Coefficients of p(x + by), from those of p(x)."""
    shifted = np.zeros_like(terms)
    for order, term in enumerate(terms):
        for power in range(order + 1):
            shifted[power] += term * comb(order, power) * by ** (order - power)
    return shifted
