"""One detector on one axis: sliding sums, their statistics, and what follows the surroundings."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow._engine import log_counts
from gamma_flow.live._peaks import PeakFilter
from gamma_flow.live._surroundings import Surroundings
from gamma_flow.live.tracker_settings import TrackerSettings

__all__ = ["GROSS", "TELLING", "UNKNOWN", "Look", "Track"]

UNKNOWN, GROSS = "unknown", "gross"
"""The statistics that belong to no class: the last two."""

TELLING = 20.0
"""Counts from which on chance does not repeat a spectrum."""

Floats = NDArray[np.float64]

_LEAST_RISE = 10.0  # counts of a window that are nothing unusual
_MORE = 2.0  # times the usual counts: beyond it something is there, whatever its shape
_SOON = 8  # frames within which an alarm at the start is found
_FULL_STEP = 0.5  # of a drift that one longest window found: what the state moves within such a window


@dataclass(frozen=True, eq=False)
class Look:
    """What one frame showed.

    Attributes
    ----------
    statistics : (W, S)
        Likelihood ratio of each class that may be an alarm, of the strongest peak that no class explains, and
        of counts beyond twice the usual ones; zero where a window is not full.
    log_counts : float
        log10 of the counts of a frame, over the longest window that is full.
    scores, errors : (W, K)
        Of the fit; zero where a window is not full.
    sums : (W, C)
        The windows themselves.
    """

    statistics: Floats
    log_counts: float
    scores: Floats
    errors: Floats
    sums: Floats


class Track:
    """State of one detector on one axis; `look` takes a frame in, `follow` learns from it or does not.

    Parameters
    ----------
    surroundings : Surroundings
        At the start.
    settings : TrackerSettings
        As of the tracker.
    lines : PeakFilter, optional
        What `PeakFilter.of` makes for this axis, where it is known already.
    """

    def __init__(
        self, surroundings: Surroundings, settings: TrackerSettings, lines: PeakFilter | None = None
    ) -> None:
        self.surroundings, self.settings = surroundings, settings
        channels = len(surroundings.templates.axis)
        self.ring = np.zeros((settings.longest, channels))
        self.seconds = np.zeros(settings.longest)
        self.sums = np.zeros((len(settings.windows), channels))
        self.lengths = np.zeros(len(settings.windows))  # s of each window
        self.usual = np.zeros(2)  # counts and seconds of what the background was learned from
        self.full = 0  # frames in the ring
        self.number = 0  # frames so far
        self.warm = settings.warm_up  # up to this one all is background ...
        self.warm_at_most = 2 * settings.warm_up  # ... or this one, if there was evidence before
        self.loud = -1  # number of the last one with evidence
        self.next = 0  # number of the next one that may be learned
        self.pending = np.zeros(channels)
        self.pending_seconds = 0.0
        self.pending_others = np.zeros(len(surroundings.templates))
        self.waited = 0  # frames since the last step
        names = surroundings.templates.classes
        kept = (*settings.nuisances, surroundings.templates.background)
        self.alarming = [k for k, name in enumerate(names) if name not in kept]
        self._nuisances = [names.index(name) for name in settings.nuisances]
        self._seen = np.zeros(len(names))  # counts a frame of the nuisances, in the longest window ...
        self._others = np.zeros(len(names))  # ... and when there was no evidence last
        self._drift, self._drifted = 0.0, 1  # what the longest full window shows, and its length
        self.lines = PeakFilter.of(surroundings.engine) if lines is None else lines

    @property
    def statistics(self) -> tuple[str, ...]:
        """Names of the statistics of a window."""
        return (*(self.surroundings.templates.classes[k] for k in self.alarming), UNKNOWN, GROSS)

    def clear(self) -> None:
        """Let the windows begin anew: nothing reaches back behind this point."""
        self.ring[:], self.seconds[:], self.sums[:], self.lengths[:], self.full = 0.0, 0.0, 0.0, 0.0, 0
        self._drift = 0.0  # of a window that is gone

    def repeats(self, values: Floats) -> bool:
        """Tell whether a frame is the one before once more: a device was asked before it was ready."""
        before = self.ring[(self.number - 1) % self.settings.longest]
        return bool(values.sum() >= TELLING and np.array_equal(values, before))

    def look(self, values: Floats, seconds: float) -> Look:
        """Take one frame in and fit all windows that are full, in one call of the engine."""
        windows = self.settings.windows
        self._push(values, seconds)
        count = sum(window <= self.full for window in windows)
        engine = self.surroundings.engine
        k, w = len(self.surroundings.templates), len(windows)
        statistics, scores, errors = np.zeros((w, len(self.alarming) + 2)), np.zeros((w, k)), np.zeros((w, k))
        if count:
            taken = np.ascontiguousarray(engine.taken(self.sums[:count]))
            fit = engine.fit(taken, novelty=False, mean=True)
            statistics[:count, :-2] = fit.ratios[:, self.alarming]
            statistics[:count, -2] = self.lines.strongest(taken, fit)
            statistics[:count, -1] = self._rise(count)
            scores[:count], errors[:count] = fit.scores, fit.errors
            if count == w:
                self._seen[self._nuisances] = fit.scores[-1, self._nuisances] / windows[-1]
            self._drift = float(fit.drifts[-1, 0]) if fit.drifts.shape[1] else 0.0
            self._drifted = windows[count - 1]
            total = float(self.sums[count - 1].sum()) / windows[count - 1]
        else:
            total = float(values.sum())
        return Look(statistics, float(log_counts(np.array([total]))[0]), scores, errors, self.sums)

    def _rise(self, count: int) -> Floats:
        """Return the likelihood ratio of more than twice the usual counts in each full window."""
        if not self.usual[1] > 0:
            return np.zeros(count)
        counts = self.sums[:count].sum(axis=1)
        usual = np.array([self.usually(row) for row in range(count)])
        most = np.maximum(_MORE * usual, _LEAST_RISE)
        above = counts > most
        ratio = np.where(above, counts, most) / most
        return np.asarray(2 * most * (ratio * np.log(ratio) - (ratio - 1)))

    def usually(self, row: int) -> float:
        """Return the counts that are usual in as much time as a window holds."""
        return float(self.usual[0] / self.usual[1] * self.lengths[row]) if self.usual[1] > 0 else 0.0

    def _push(self, values: Floats, seconds: float) -> None:
        longest = self.settings.longest
        at = self.number % longest
        for row, window in enumerate(self.settings.windows):
            self.sums[row] += values
            self.lengths[row] += seconds
            if self.full >= window:
                self.sums[row] -= self.ring[(self.number - window) % longest]
                self.lengths[row] -= self.seconds[(self.number - window) % longest]
        self.ring[at], self.seconds[at] = values, seconds
        self.full = min(self.full + 1, longest)
        self.number += 1

    def _learn(self, warm: bool) -> None:
        """Take in the frames that saw no evidence for long enough: as long as they are in any window."""
        # at the start what there is is the background, but for what an alarm finds soon after
        lag = min(_SOON, self.settings.longest) if warm else self.settings.longest
        for number in range(max(self.next, self.number - self.full), self.number - lag + 1):
            self.next = number + 1
            if number > self.loud:
                at = number % self.settings.longest
                self.pending += self.ring[at]
                self.pending_seconds += float(self.seconds[at])
                self.pending_others += self._others

    def follow(self, loud: bool) -> None:
        """Learn from the frames that have left the windows, unless there is evidence."""
        warm = self.number <= self.warm
        if warm:
            self._begin()
        if loud:
            self.loud = self.number - 1
            if warm and self.warm < self.warm_at_most:
                self.warm += 1  # the warm-up goes on when it is over
            return
        self._others[...] = self._seen
        self._learn(warm)
        self.waited += 1
        if self.waited < self.settings.update:
            return
        how, around = self.settings, self.surroundings
        gain = around.gain
        if self._drift != 0.0 and not warm:
            step = min(1.0, _FULL_STEP * self.waited / self._drifted)
            gain *= 1.0 + step * self._drift * how.gain
        heard = bool(self.pending.any())  # a detector that is silent teaches nothing
        keep = math.exp(-self.pending_seconds / how.memory) if heard else 1.0
        if heard or gain != around.gain:
            values = self.pending if heard else None
            self.surroundings = around.followed(values, keep=keep, others=self.pending_others, gain=gain)
            self.usual *= keep
            self.usual += (self.pending.sum(), self.pending_seconds) if heard else (0.0, 0.0)
        self.pending[:], self.pending_others[:], self.pending_seconds, self.waited = 0.0, 0.0, 0.0, 0

    def _begin(self) -> None:
        """Find gain and offset anew, as long as the detector warms up."""
        how = self.settings
        lengths = [window for window in how.windows if window <= self.full]
        if lengths and how.gain > 0 and self.number % how.update == 0:
            values = self.sums[len(lengths) - 1]
            if values.sum() >= TELLING:
                self.surroundings = self.surroundings.found(values)

    def accept(self) -> None:
        """Take what the windows hold as the background, and warm up anew."""
        around, values = self.surroundings, self.ring.sum(axis=0)
        if values.any():
            fit = around.engine.fit(
                np.ascontiguousarray(around.engine.taken(values[None])), evidence=False, novelty=False
            )
            self.surroundings = around.accepted(fit.scores[0]).followed(values)
            self.usual[:] = values.sum(), self.seconds.sum()
        self.clear()
        self.pending[:], self.pending_others[:], self.pending_seconds = 0.0, 0.0, 0.0
        self.loud, self.warm = -1, self.number + self.settings.warm_up
        self.warm_at_most = self.warm + self.settings.warm_up

    # ------------------------------------------------------------------ its state

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return numbers and arrays from which `restore` makes the same track."""
        told = {name: getattr(self, name) for name in _NUMBERS}
        around = self.surroundings
        told |= {"gain": around.gain, "offset": around.offset, "drift": self._drift, "drifted": self._drifted}
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        arrays["expected"] = around.templates.shapes[around.background]
        return told, arrays | {"counts": around.counts, "others": self._others, "seen": self._seen}

    def restore(self, told: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        """Take up what `state` gave."""
        for name in _ARRAYS:
            mine: Floats = getattr(self, name)
            mine[...] = arrays[name]
        for name in _NUMBERS:
            setattr(self, name, type(getattr(self, name))(told[name]))
        self._others[...], self._seen[...] = arrays["others"], arrays["seen"]
        self._drift, self._drifted = float(told["drift"]), int(told["drifted"])
        self.surroundings = replace(
            self.surroundings.expecting(arrays["expected"]),
            counts=np.array(arrays["counts"]),
            gain=float(told["gain"]),
            offset=float(told["offset"]),
        )


_NUMBERS = ("full", "number", "warm", "warm_at_most", "loud", "next", "waited", "pending_seconds")
_ARRAYS = ("ring", "seconds", "sums", "lengths", "usual", "pending", "pending_others")
