"""Mean spectra by class and detector, with the background taken out: how `gamma_flow.explore` makes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gamma_flow._training_rows import only_background
from gamma_flow.data import SpectrumSet
from gamma_flow.data.exploration import MeanSpectra, shown_detector
from gamma_flow.errors import DataError
from gamma_flow.numerics.unmix import nnls

__all__ = ["SUBTRACTIONS", "Subtraction", "means_of"]

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

Subtraction = Literal["auto", "live time", "least squares", "ceiling", "none"]
SUBTRACTIONS = ("auto", "live time", "least squares", "ceiling", "none")

_WINDOWS = 32  # of equal background: over each the counts are summed before the ceiling is looked for


@dataclass(frozen=True)
class _Background:
    """The background of a detector: summed spectrum over all channels, and counts a second if known."""

    values: Floats
    rate: float | None


@dataclass(frozen=True)
class _Mean:
    """One group, before it is put beside the others."""

    shape: Floats
    spread: Floats
    error: Floats
    n: int
    total: float
    background: float
    how: str


class _Groups:
    """The spectra of a look: which rows belong to which class, and what their background is."""

    def __init__(self, spectra: SpectrumSet, active: NDArray[np.bool_], subtract: Subtraction) -> None:
        labels = spectra.labels
        self.spectra, self.active, self.subtract = spectra, active, subtract
        self.pure = labels.presence.sum(axis=1) == 1
        named = labels.background if labels.background in labels.classes else None
        self.with_background = np.zeros(len(spectra), bool) if named is None else labels.has(named)
        self.single = labels.labelled & (labels.sources == 1)
        self.name = named
        self.alone = self.pure & self.with_background
        self.clean = self.alone & only_background(spectra, named)
        self.notes: list[str] = []
        self._found: dict[str, _Background | None] = {}

    def rows(self, name: str, with_background: bool) -> NDArray[np.bool_]:
        """Tell which rows show a class alone, or beside background if that is wanted."""
        mine = self.spectra.labels.has(name)
        if name == self.name:
            return np.asarray(mine & self.pure)
        return np.asarray(mine & self.single & (self.pure | with_background))

    def background(self, detector: str) -> _Background | None:
        """Return the background of a detector, or that of all where it has none of its own."""
        if detector not in self._found:
            own = self.spectra.detector == detector
            choices = (
                (self.clean & own, ""),
                (self.alone & own, "comes from files that hold sources, too"),
                (self.clean, "is that of all detectors: it has none of its own"),
                (self.alone, "is that of all detectors, from files that hold sources, too"),
            )
            mine, what = next((one for one in choices if one[0].any()), choices[0])
            if what:
                self.notes.append(f"the background of detector '{shown_detector(detector)}' {what}")
            self._found[detector] = self._summed(mine)
        return self._found[detector]

    def _summed(self, mine: NDArray[np.bool_]) -> _Background | None:
        values = self.spectra.values[mine].sum(axis=0)
        size = float(values[self.active].sum())
        if not size > 0:
            return None
        seconds = self.spectra.live_time[mine]
        known = np.isfinite(seconds) & (seconds > 0)
        rate = size / float(seconds.sum()) if known.all() else None
        return _Background(values, rate)

    def pure_shape(self, name: str) -> Floats | None:
        """Return the summed pure spectra of a class over the active channels, of all detectors."""
        mine = self.pure & self.spectra.labels.has(name)
        values = self.spectra.values[mine][:, self.active].sum(axis=0)
        return values if np.abs(values).sum() > 0 else None

    def mean(self, name: str, rows: Rows, detector: str) -> _Mean | None:
        """Return the mean of a group; None, and a note, where nothing is left of it."""
        values = self.spectra.values[rows]
        inside = self.with_background[rows] if name != self.name else np.zeros(len(rows), bool)
        background = self.background(detector) if inside.any() and self.subtract != "none" else None
        how, taken = "none", 0.0
        if background is not None:
            how, taken = self._amount(name, rows[inside], background)
        elif inside.any() and self.subtract != "none":
            self.notes.append(
                f"nothing was subtracted from {name} {shown_detector(detector)}: there are no spectra of "
                "the background alone"
            )
        summed = values.sum(axis=0)
        beneath = np.zeros_like(summed)
        if background is not None and taken > 0:
            beneath = background.values / background.values[self.active].sum()
        net = summed - taken * beneath
        size = float(np.abs(net[self.active]).sum())
        left = float(net[self.active].sum())
        if size <= 0 or (self.spectra.kind == "counts" and left <= 0):
            self.notes.append(
                f"{name} {shown_detector(detector)} was left out: its {len(rows)} spectra hold nothing"
                + (" beyond background" if taken > 0 else "")
            )
            return None
        shape = net / size
        each = self._each(rows, inside, shape, beneath, how, background)
        residual = values - each[:, None] * beneath
        sizes = self._sizes(residual, shape)
        residual -= sizes[:, None] * shape
        noise = 0.0 if background is None else (taken / background.values[self.active].sum()) ** 2
        extra = noise * np.maximum(background.values, 0.0) if background is not None else 0.0
        spread, error = self._scatter(residual, sizes, summed, extra)
        return _Mean(shape, spread, error, len(rows), float(summed[self.active].sum()), taken, how)

    def _amount(self, name: str, rows: Rows, background: _Background) -> tuple[str, float]:
        """Return how the background of some rows was found, and how much of it there is."""
        how = self.subtract
        counts = self.spectra.kind == "counts"
        seconds = self.spectra.live_time[rows]
        timed = bool((np.isfinite(seconds) & (seconds > 0)).all())
        rate = background.rate if timed else None
        pure = self.pure_shape(name)
        summed = self.spectra.values[rows][:, self.active].sum(axis=0)
        beneath = background.values[self.active]
        if how == "live time" or (how == "auto" and rate is not None and counts):
            if rate is None:
                raise DataError(
                    "the background cannot be scaled by live time",
                    where=f"class '{name}'",
                    expected="live times of its spectra and of the background",
                    found="spectra without one",
                    cure='subtract by "least squares" or "auto" (--subtract)',
                )
            return "live time", rate * float(seconds.sum())
        if how == "least squares" and pure is None:
            raise DataError(
                "a least-squares share of background needs pure spectra of the class beside it",
                where=f"class '{name}'",
                expected="spectra with this label alone, of any detector",
                found="none",
                cure='subtract by "auto" or "ceiling" (--subtract)',
            )
        if pure is not None and (how == "least squares" or not counts):
            return "least squares", _least_squares(summed, pure, beneath, counts)
        if not counts:
            self.notes.append(f"nothing was subtracted from {name}: it has no pure spectra to fit beside it")
            return "none", 0.0
        # scattered gammas that the pure spectra lack look like background, so a fit alone may take too much
        most = _ceiling(summed, beneath)
        fitted = np.inf if pure is None or how == "ceiling" else _least_squares(summed, pure, beneath, counts)
        return ("least squares", fitted) if fitted < most else ("ceiling", most)

    def _each(
        self,
        rows: Rows,
        inside: NDArray[np.bool_],
        shape: Floats,
        beneath: Floats,
        how: str,
        background: _Background | None,
    ) -> Floats:
        """Return the background in each single spectrum, (n,)."""
        each = np.zeros(len(rows))
        if how == "none" or background is None or not beneath.any():
            return each
        if how == "live time" and background.rate is not None:
            each[inside] = background.rate * self.spectra.live_time[rows[inside]]
            return each
        both = np.stack([shape, beneath])[:, self.active]
        each[inside] = nnls(self.spectra.values[rows[inside]][:, self.active], both)[:, 1]
        return each

    def _sizes(self, values: Floats, shape: Floats) -> Floats:
        """Return how often the mean is in each spectrum, (n,): its counts, or its projection."""
        inside = values[:, self.active]
        if self.spectra.kind == "counts":
            return np.asarray(inside.sum(axis=1) / shape[self.active].sum())
        return np.asarray(inside @ shape[self.active] / (shape[self.active] ** 2).sum())

    def _scatter(
        self, residual: Floats, sizes: Floats, summed: Floats, extra: Floats | float
    ) -> tuple[Floats, Floats]:
        """Return spread and standard error of a mean, in units of its unit integral."""
        n, whole = len(residual), float(sizes.sum())
        if n == 1:
            counted = (
                np.maximum(summed, 0.0) if self.spectra.kind == "counts" else np.full_like(summed, np.nan)
            )
            return np.sqrt(counted) / whole, np.sqrt(counted + extra) / whole
        square = (residual**2).sum(axis=0)
        # the standard error of a ratio: residuals of the spectra about their part of the mean
        return np.sqrt(square / (n - 1)) * n / whole, np.sqrt(n / (n - 1) * square + extra) / whole


def means_of(
    spectra: SpectrumSet,
    classes: Sequence[str],
    active: NDArray[np.bool_],
    subtract: Subtraction,
    with_background: bool,
    detectors: Sequence[str] | None,
) -> MeanSpectra:
    """Return the mean of each class (in this order) and detector (by name); see `explore.mean_spectra`."""
    groups = _Groups(spectra, active, subtract)
    names: list[str] = []
    probes: list[str] = []
    means: list[_Mean] = []
    for name in classes:
        mine = groups.rows(name, with_background)
        if not mine.any():
            groups.notes.append(f"{name} was left out: it has no spectra without other classes")
        for detector in sorted(set(spectra.detector[mine].tolist())):
            if detectors is not None and detector not in detectors:
                continue
            rows = np.flatnonzero(mine & (spectra.detector == detector))
            found = groups.mean(name, rows, detector)
            if found is not None:
                names.append(name)
                probes.append(detector)
                means.append(found)
    if not means:
        raise DataError(
            "there are no mean spectra to look at",
            expected="labelled spectra of one class, alone or beside background",
            found="; ".join(groups.notes) or f"{len(spectra)} spectra, none of them labelled so",
            cure="give labels by file name (--label-pattern) or by a table (--table)",
        )
    return MeanSpectra(
        np.stack([one.shape for one in means]),
        np.stack([one.spread for one in means]),
        np.stack([one.error for one in means]),
        tuple(names),
        tuple(probes),
        np.array([one.n for one in means]),
        np.array([one.total for one in means]),
        np.array([one.background for one in means]),
        tuple(one.how for one in means),
        spectra.axis,
        active,
        spectra.kind,
        groups.name,
        tuple(dict.fromkeys(groups.notes)),
    )


def _least_squares(summed: Floats, pure: Floats, beneath: Floats, counts: bool) -> float:
    """Return the background in a sum of spectra, fitted beside the pure spectrum of its class."""
    weight = 1.0 / np.sqrt(np.maximum(summed, 1.0)) if counts else np.ones_like(summed)
    both = np.stack([pure / np.abs(pure).sum(), beneath / beneath.sum()])
    return float(nnls((summed * weight)[None, :], both * weight)[0, 1])


def _ceiling(summed: Floats, beneath: Floats) -> float:
    """Return the largest background that lies nowhere above a sum of counts by more than two errors of it."""
    positive = np.maximum(beneath, 0.0)
    part = np.cumsum(positive) / positive.sum()
    window = np.minimum((part * _WINDOWS).astype(int), _WINDOWS - 1)
    below, above = (np.bincount(window, values, _WINDOWS) for values in (positive, summed))
    held = below > 0
    most = np.maximum(above[held], 0.0)
    return float(((most + 2.0 * np.sqrt(most)) / below[held]).min()) * float(positive.sum())
