"""What a look at labelled spectra shows before a model is made: the values of `gamma_flow.explore`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data._arrays import freeze
from gamma_flow.data.axis import Axis
from gamma_flow.data.spectra import Kind, SpectrumSet
from gamma_flow.errors import DataError

__all__ = ["Inventory", "MeanSpectra", "Pair", "Rebinned", "Similarities", "kept", "shown_detector"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def shown_detector(name: str) -> str:
    """Return a detector's name, or what stands for an unknown one."""
    return name or "(unknown)"


@dataclass(frozen=True, eq=False)
class MeanSpectra:
    """Mean spectra of G groups, each a class seen by a detector, with how the single spectra scatter.

    Parameters
    ----------
    shapes : (G, C)
        Means of unit integral over ``active``, the background subtracted where ``subtraction`` says so;
        channels may then be negative.
    spread : (G, C)
        Standard deviation of the single spectra about the mean, for a spectrum of mean size: what counting
        and everything else together make.
    error : (G, C)
        Standard error of the mean, the counting error of the subtracted background included. Frames of one
        run are taken as independent.
    classes, detectors : tuple of str, length G
        What each group is; a detector without a name is an empty string.
    n_spectra : (G,) int
        How many spectra.
    totals : (G,)
        Their summed counts (or intensities) over ``active``, background included.
    background_totals : (G,)
        What of these was subtracted.
    subtraction : tuple of str, length G
        How the background was found: "live time", "least squares", "ceiling" or "none"; see
        `gamma_flow.explore.mean_spectra`.
    axis : Axis
        Of C channels.
    active : (C,) bool
        Channels that were used.
    kind : {"counts", "intensity"}
        What the values are.
    background : str or None
        The class that counts as background.
    notes : tuple of str
        A sentence for each group that was left out, and why.
    """

    shapes: Floats
    spread: Floats
    error: Floats
    classes: tuple[str, ...]
    detectors: tuple[str, ...]
    n_spectra: NDArray[np.int64]
    totals: Floats
    background_totals: Floats
    subtraction: tuple[str, ...]
    axis: Axis
    active: Bools
    kind: Kind = "counts"
    background: str | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        groups, channels = len(self.classes), len(self.axis)
        for name in ("shapes", "spread", "error"):
            kept(self, name, (groups, channels))
        for name in ("totals", "background_totals"):
            kept(self, name, (groups,))
        kept(self, "n_spectra", (groups,), np.int64)
        kept(self, "active", (channels,), np.bool_)
        if len(self.detectors) != groups or len(self.subtraction) != groups:
            raise DataError("mean spectra, detectors and subtractions do not fit", expected=f"{groups} each")

    def __len__(self) -> int:
        return len(self.classes)

    def __repr__(self) -> str:
        return f"MeanSpectra({len(self)} groups of {len(self.names)} classes, {self.axis})"

    @property
    def names(self) -> tuple[str, ...]:
        """The classes, each once, in their order."""
        return tuple(dict.fromkeys(self.classes))

    def only(self, classes: Sequence[str]) -> MeanSpectra:
        """Return the groups of some classes."""
        keep = [g for g, name in enumerate(self.classes) if name in classes]
        if not keep:
            raise DataError("no group is of these classes", expected=", ".join(self.names))
        return replace(
            self,
            shapes=self.shapes[keep],
            spread=self.spread[keep],
            error=self.error[keep],
            classes=tuple(self.classes[g] for g in keep),
            detectors=tuple(self.detectors[g] for g in keep),
            n_spectra=self.n_spectra[keep],
            totals=self.totals[keep],
            background_totals=self.background_totals[keep],
            subtraction=tuple(self.subtraction[g] for g in keep),
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """What to call each group: class and detector."""
        return tuple(
            f"{name} {shown_detector(probe)}"
            for name, probe in zip(self.classes, self.detectors, strict=True)
        )

    def as_dict(self) -> dict[str, Any]:
        """Return plain lists, one entry a group."""
        return {
            "axis": self.axis.as_dict(),
            "kind": self.kind,
            "background": self.background,
            "first_channel": int(np.flatnonzero(self.active)[0]),
            "groups": [
                {
                    "class": self.classes[g],
                    "detector": self.detectors[g],
                    "spectra": int(self.n_spectra[g]),
                    "total": float(self.totals[g]),
                    "background_total": float(self.background_totals[g]),
                    "subtraction": self.subtraction[g],
                    "mean": self.shapes[g].tolist(),
                    "spread": self.spread[g].tolist(),
                    "error": self.error[g].tolist(),
                }
                for g in range(len(self))
            ],
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Pair:
    """Two groups, or two classes, and a number about them.

    Parameters
    ----------
    one, other : (str, str)
        Class and detector of each.
    value : float
        The cosine similarity.
    """

    one: tuple[str, str]
    other: tuple[str, str]
    value: float

    def __str__(self) -> str:
        if self.one[0] == self.other[0]:
            seen = f"{shown_detector(self.one[1])} and {shown_detector(self.other[1])}"
            return f"{self.one[0]}, {seen}: {self.value:.3f}"
        names = [f"{name} {shown_detector(probe)}" for name, probe in (self.one, self.other)]
        return f"{names[0]} and {names[1]}: {self.value:.3f}"

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {"one": list(self.one), "other": list(self.other), "cosine": self.value}


@dataclass(frozen=True, eq=False)
class Similarities:
    """Cosine similarity between all groups, and what is suspicious about it.

    Parameters
    ----------
    cosine : (G, G)
        Cosine of the mean spectra over the active channels.
    attainable : (G, G)
        What counting noise leaves of a cosine of 1.
    classes, detectors : tuple of str, length G
        What each group is.
    low : float
        Groups of one class are too different below this part of what is attainable.
    high : float
        Groups of different classes are too alike above.
    """

    cosine: Floats
    attainable: Floats
    classes: tuple[str, ...]
    detectors: tuple[str, ...]
    low: float
    high: float

    def __post_init__(self) -> None:
        groups = len(self.classes)
        for name in ("cosine", "attainable"):
            kept(self, name, (groups, groups))
        if len(self.detectors) != groups:
            raise DataError("similarities and detectors do not fit", expected=f"{groups}")

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def same_class(self) -> Bools:
        """Whether two different groups are of one class, (G, G)."""
        names = np.array(self.classes)
        return np.asarray((names[:, None] == names[None, :]) & ~np.eye(len(names), dtype=bool))

    @property
    def too_low(self) -> Bools:
        """Groups of one class that differ too much, (G, G)."""
        return np.asarray(self.same_class & (self.cosine < self.low * self.attainable))

    @property
    def too_high(self) -> Bools:
        """Groups of different classes that are too alike, (G, G)."""
        names = np.array(self.classes)
        return np.asarray((names[:, None] != names[None, :]) & (self.cosine > self.high))

    def pairs(self, mask: Bools | None = None, *, lowest_first: bool = True) -> tuple[Pair, ...]:
        """Return pairs of groups, each once, in the order of their cosine.

        Parameters
        ----------
        mask : (G, G) bool, optional
            Which pairs: `same_class`, `too_low`, `too_high`; all without it.
        lowest_first : bool
            Whether the most different pair comes first.
        """
        chosen = np.triu(np.ones(self.cosine.shape, bool) if mask is None else mask, k=1)
        one, other = np.nonzero(chosen)
        order = np.argsort(self.cosine[one, other], kind="stable")
        if not lowest_first:
            order = order[::-1]
        groups = list(zip(self.classes, self.detectors, strict=True))
        return tuple(
            Pair(groups[i], groups[j], float(self.cosine[i, j]))
            for i, j in zip(one[order].tolist(), other[order].tolist(), strict=True)
        )

    def as_dict(self) -> dict[str, Any]:
        """Return plain lists."""
        return {
            "groups": [list(group) for group in zip(self.classes, self.detectors, strict=True)],
            "cosine": self.cosine.tolist(),
            "attainable": self.attainable.tolist(),
            "low": self.low,
            "high": self.high,
            "too_low": [pair.as_dict() for pair in self.pairs(self.too_low)],
            "too_high": [pair.as_dict() for pair in self.pairs(self.too_high, lowest_first=False)],
        }


@dataclass(frozen=True, eq=False)
class Inventory:
    """How many spectra, counts and seconds there are of each class.

    Parameters
    ----------
    classes, detectors : tuple of str
        K classes and D detectors.
    spectra : (K, D) int
        Spectra that hold the class, whatever else they hold.
    pure, with_background, mixed : (K,) int
        The same by what else they hold: nothing, the background alone, other classes.
    totals, live_times : tuple of (n,) arrays, length K
        Counts (or summed intensity) and live time in seconds of each spectrum of a class that is no mixture;
        live times that are unknown are left out.
    kind : {"counts", "intensity"}
        What the totals are.
    background : str or None
        The class that counts as background.
    unlabelled : int
        Spectra without labels, which belong to no class.
    """

    classes: tuple[str, ...]
    detectors: tuple[str, ...]
    spectra: NDArray[np.int64]
    pure: NDArray[np.int64]
    with_background: NDArray[np.int64]
    mixed: NDArray[np.int64]
    totals: tuple[Floats, ...]
    live_times: tuple[Floats, ...]
    kind: Kind = "counts"
    background: str | None = None
    unlabelled: int = 0

    def __post_init__(self) -> None:
        count = len(self.classes)
        kept(self, "spectra", (count, len(self.detectors)), np.int64)
        for name in ("pure", "with_background", "mixed"):
            kept(self, name, (count,), np.int64)
        for name in ("totals", "live_times"):
            parts = tuple(freeze(part, np.float64, (None,), name) for part in getattr(self, name))
            if len(parts) != count:
                raise DataError(f"{name} and classes do not fit", expected=f"{count}", found=f"{len(parts)}")
            object.__setattr__(self, name, parts)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, one entry a class."""
        return {
            "detectors": list(self.detectors),
            "unlabelled": self.unlabelled,
            "classes": [
                {
                    "class": name,
                    "spectra": dict(zip(self.detectors, self.spectra[k].tolist(), strict=True)),
                    "pure": int(self.pure[k]),
                    "with_background": int(self.with_background[k]),
                    "mixed": int(self.mixed[k]),
                    "total": _span(self.totals[k]),
                    "live_time_s": _span(self.live_times[k]),
                }
                for k, name in enumerate(self.classes)
            ],
        }


@dataclass(frozen=True, eq=False)
class Rebinned:
    """One spectrum on its own axis and on another one.

    Parameters
    ----------
    original, carried : SpectrumSet
        One spectrum each.
    below, above : float
        Counts that lie beyond the ends of the other axis; NaN where none are counted (intensities).
    """

    original: SpectrumSet
    carried: SpectrumSet
    below: float
    above: float

    def __post_init__(self) -> None:
        if len(self.original) != 1 or len(self.carried) != 1:
            raise DataError("one spectrum is compared with itself", expected="one row each")

    @property
    def difference(self) -> float:
        """Sum of the carried spectrum and of what lies beyond its ends, less that of the original."""
        beyond = self.below + self.above if self.original.kind == "counts" else 0.0
        return float(self.carried.total[0] + beyond - self.original.total[0])


def kept(
    value: object, name: str, shape: tuple[int | None, ...], dtype: type[np.generic] = np.float64
) -> None:
    """Put the checked, read-only array in the place of what was given to a frozen value."""
    object.__setattr__(value, name, freeze(getattr(value, name), dtype, shape, name))


def _span(values: Floats) -> list[float] | None:
    """Return least, median and largest."""
    return [float(values.min()), float(np.median(values)), float(values.max())] if len(values) else None
