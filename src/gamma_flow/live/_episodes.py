"""Alarms that begin, peak and end: hysteresis over the levels of one detector."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow.live._candidates import residual_of
from gamma_flow.live._track import Look, Track
from gamma_flow.live.alarm import Alarm
from gamma_flow.live.calibration import AlarmCalibration
from gamma_flow.live.frames import moment

__all__ = ["Episode", "Episodes"]

Floats = NDArray[np.float64]

_RELEASE = 0.5  # of the threshold: an alarm goes on while the level is above it


@dataclass
class Episode:
    """One alarm that goes on; plain values, so that a restart can take it up.

    Attributes
    ----------
    statistic : int
        Number of what was found.
    start, peak, last : str
        Times of its first frame, of the middle of the sharp window when that showed most, of the last frame
        with evidence.
    level : float
        The highest in any window.
    sharp : int
        Number of the shortest window that reached the threshold: it tells the peak, and those up to it decide
        about the end.
    height : float
        The largest statistic in the sharp window.
    calm : int
        Frames in a row without evidence.
    found : dict
        What the highest level showed.
    sums : ndarray, shape (C,)
        The window of the highest level.
    """

    statistic: int
    start: str
    peak: str
    last: str
    level: float
    sharp: int
    height: float = -1.0
    calm: int = 0
    found: dict[str, Any] = field(default_factory=dict)
    sums: Floats = field(default_factory=lambda: np.zeros(0))

    def plain(self) -> dict[str, Any]:
        """Return it without the array."""
        told = asdict(self)
        del told["sums"]
        return told


class Episodes:
    """The alarms of one detector.

    Parameters
    ----------
    detector : str
        Its name.
    calibration : AlarmCalibration
        With the threshold.
    names : sequence of str
        Of the statistics; the last is what no class explains.
    """

    def __init__(self, detector: str, calibration: AlarmCalibration, names: Sequence[str]) -> None:
        self.detector, self.calibration, self.names = detector, calibration, tuple(names)
        self.open: dict[int, Episode] = {}

    def look(
        self, levels: Floats, seen: Look, track: Track, times: Sequence[np.datetime64], quiet: bool
    ) -> list[Alarm]:
        """Take the levels (W, S) of a frame in; return alarms that began, grew or ended.

        Parameters
        ----------
        levels : (W, S)
            Minus the logarithm of p.
        seen : Look
            What they come from.
        track : Track
            The detector's; its windows begin anew when the last alarm ends.
        times : sequence of datetime64
            Of the frames in the windows, the newest last.
        quiet : bool
            Nothing may begin: the detector warms up.
        """
        out = []
        unknown = len(self.names) - 1
        limit = self.calibration.threshold
        for s in range(len(self.names)):
            if s in self.open:
                out += self._goes_on(s, levels[:, s], seen, track, times)
            elif not quiet and levels[:, s].max() >= limit:
                if s == unknown and any(other != unknown for other in self.open):
                    continue  # a strong source whose template is not quite right leaves a residual
                out.append(self._begins(s, levels[:, s], seen, track, times))
        if out and not self.open:
            track.clear()
        return out

    def standing(self) -> list[Alarm]:
        """Return the alarms that go on."""
        return [self._alarm(one, None) for one in self.open.values()]

    def ended(self, why: str) -> list[Alarm]:
        """End all: the windows cannot go on."""
        out = [self._alarm(one, one.last, why) for one in self.open.values()]
        self.open.clear()
        return out

    def _begins(
        self, s: int, level: Floats, seen: Look, track: Track, times: Sequence[np.datetime64]
    ) -> Alarm:
        windows = self.calibration.settings.windows
        evident = np.flatnonzero(level >= _RELEASE * self.calibration.threshold)
        first = max(-windows[int(evident[0])], -len(times))
        sharp = int(np.flatnonzero(level >= self.calibration.threshold)[0])
        now = str(times[-1])
        self.open[s] = one = Episode(s, str(times[first]), now, now, -1.0, sharp)
        self._sharpened(one, level, seen, times)
        self._highest(one, level, seen, track)
        self._residual(one, track)
        return self._alarm(one, None)

    def _goes_on(
        self, s: int, level: Floats, seen: Look, track: Track, times: Sequence[np.datetime64]
    ) -> list[Alarm]:
        one = self.open[s]
        higher = level.max() > one.level
        self._sharpened(one, level, seen, times)
        if higher:
            self._highest(one, level, seen, track)
        if level[: one.sharp + 1].max() >= _RELEASE * self.calibration.threshold:
            one.last, one.calm = str(times[-1]), 0
            return [self._alarm(one, None)] if higher else []
        one.calm += 1
        if one.calm < self.calibration.settings.hold:
            return [self._alarm(one, None)] if higher else []
        del self.open[s]
        self._residual(one, track)
        return [self._alarm(one, max(one.last, one.peak))]

    def _sharpened(self, one: Episode, level: Floats, seen: Look, times: Sequence[np.datetime64]) -> None:
        """Find the shortest window that tells enough, and where it told most."""
        over = np.flatnonzero(level >= self.calibration.threshold)
        if len(over) and int(over[0]) < one.sharp:
            one.sharp, one.height = int(over[0]), -1.0
        height = float(seen.statistics[one.sharp, one.statistic])
        if height > one.height:
            back = min((self.calibration.settings.windows[one.sharp] - 1) // 2, len(times) - 1)
            one.height, one.peak = height, max(one.start, str(times[-1 - back]))

    def _highest(self, one: Episode, level: Floats, seen: Look, track: Track) -> None:
        w = int(level.argmax())
        one.level, one.sums = float(level[w]), seen.sums[w].copy()
        length = self.calibration.settings.windows[w]
        one.found |= {
            "level": round(one.level, 3),
            "threshold": round(self.calibration.threshold, 3),
            "p_value": float(f"{math.exp(-min(one.level, 700.0)):.3g}"),
            "window": length,
            "counts": float(one.sums.sum()),
            "gain": round(track.surroundings.gain, 6),
        }
        if one.statistic < len(track.alarming):
            k = track.alarming[one.statistic]
            one.found |= {
                "score": float(f"{seen.scores[w, k]:.5g}"),
                "score_error": float(f"{seen.errors[w, k]:.5g}") if np.isfinite(seen.errors[w, k]) else None,
                "score_per_frame": float(f"{seen.scores[w, k] / length:.5g}"),
            }

    def _residual(self, one: Episode, track: Track) -> None:
        if one.statistic == len(self.names) - 1:
            one.found |= residual_of(one.sums, track.surroundings)

    def _alarm(self, one: Episode, end: str | None, why: str = "") -> Alarm:
        unknown = one.statistic == len(self.names) - 1
        name = "" if unknown else self.names[one.statistic]
        details = {"onset": one.start + "Z", "peak": one.peak + "Z", **one.found}
        if why:
            details["ended_by"] = why
        kind = "unknown" if unknown else "class"
        return Alarm(
            f"{self.detector}/{kind}/{name}/{one.start}",
            self.detector,
            kind,
            name,
            moment(one.start),
            None if end is None else moment(end),
            details,
        )
