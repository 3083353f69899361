"""Alarms that begin, peak and end: hysteresis over the levels of one detector."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow.live._candidates import residual_of
from gamma_flow.live._track import GROSS, UNKNOWN, Look, Track
from gamma_flow.live._witness import Witness
from gamma_flow.live.alarm import Alarm
from gamma_flow.live.calibration import AlarmCalibration
from gamma_flow.live.frames import moment

__all__ = ["Episode", "Episodes"]

Floats = NDArray[np.float64]

_AGREED = 3  # frames in a row in which the witness has to find a class
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
    since : int
        Number of the frame behind which its windows begin: an alarm before it ended there.
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
    since: int = 0
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
    witness : Witness
        Asked where the calibration, which knows background alone, does not hold.

    Attributes
    ----------
    barrier : int
        Number of the frame in which an alarm ended last; no window of a new one reaches behind it.
    """

    def __init__(self, detector: str, calibration: AlarmCalibration, witness: Witness) -> None:
        self.detector, self.calibration, self.names = detector, calibration, calibration.statistics
        self.open: dict[int, Episode] = {}
        self.barrier = 0
        self.agreed: dict[int, int] = {}  # for how many frames in a row the witness has found a class
        self._witness = witness

    def look(
        self, levels: Floats, seen: Look, track: Track, times: Sequence[np.datetime64], warm: bool
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
        warm : bool
            The detector warms up: only a class that the model finds, too, may begin.
        """
        out = []
        for s in sorted(self.open):
            out += self._goes_on(s, levels[:, s], seen, track, times)
        fresh = self._behind(self.barrier, levels, track)
        heights = fresh.max(axis=0)
        # the strongest first: what is left by a source may look like others, but never as strong
        order = np.argsort(-heights, kind="stable").tolist()
        agreed, self.agreed = self.agreed, {}
        for s in sorted(order, key=lambda s: self.names[s] == GROSS):
            if s not in self.open and heights[s] >= self.calibration.threshold:
                window = int(fresh[:, s].argmax())
                if self._may_begin(s, seen.sums[window], track, warm, agreed.get(s, 0)):
                    out += self._named(s)
                    out.append(self._begins(s, fresh[:, s], seen, track, times))
        if out and not self.open:
            track.clear()
        return out

    def _behind(self, barrier: int, levels: Floats, track: Track) -> Floats:
        """Return levels, zero in windows that reach behind a barrier."""
        inside = np.array(self.calibration.settings.windows) <= track.number - barrier
        return np.where(inside if levels.ndim == 1 else inside[:, None], levels, 0.0)

    def _may_begin(self, s: int, sums: Floats, track: Track, warm: bool, agreed: int) -> bool:
        """Tell whether an alarm of a level that is high enough may begin."""
        others = {self.names[other] for other in self.open}
        name = self.names[s]
        if name == GROSS:
            return not (others or warm)
        beside = bool(others - {GROSS}) or warm
        if name == UNKNOWN and (warm or not beside):
            return not warm
        if not (beside or (self.calibration.settings.confirm and self._witness.calibrated)):
            return True
        present, novel = self._witness.found(sums, track.surroundings)
        # a strong source whose template is not quite right leaves a residual, and an unknown one what looks
        # like the continuum of a class: beside an alarm the model has to say what it is
        if not (novel if name == UNKNOWN else name in present and not (novel and UNKNOWN in others)):
            return False
        self.agreed[s] = agreed + 1
        return not beside or agreed + 1 >= _AGREED

    def _named(self, s: int) -> list[Alarm]:
        """End an alarm of mere counts: something that has more to say begins."""
        counts = self.names.index(GROSS)
        if s == counts or counts not in self.open:
            return []
        one = self.open.pop(counts)
        return [self._alarm(one, one.last, "named")]

    def standing(self) -> list[Alarm]:
        """Return the alarms that go on."""
        return [self._alarm(one, None) for one in self.open.values()]

    def ended(self, why: str) -> list[Alarm]:
        """End all: the windows cannot go on."""
        out = [self._alarm(one, one.last, why) for one in self.open.values()]
        self.open.clear()
        self.barrier = 0
        return out

    def _begins(
        self, s: int, level: Floats, seen: Look, track: Track, times: Sequence[np.datetime64]
    ) -> Alarm:
        windows = self.calibration.settings.windows
        evident = np.flatnonzero(level >= _RELEASE * self.calibration.threshold)
        first = max(-windows[int(evident[0])], -len(times))
        sharp = int(np.flatnonzero(level >= self.calibration.threshold)[0])
        now = str(times[-1])
        self.open[s] = one = Episode(s, str(times[first]), now, now, -1.0, sharp, since=self.barrier)
        self._sharpened(one, level, seen, times)
        self._highest(one, level, seen, track)
        self._residual(one, track)
        return self._alarm(one, None)

    def _goes_on(
        self, s: int, level: Floats, seen: Look, track: Track, times: Sequence[np.datetime64]
    ) -> list[Alarm]:
        one = self.open[s]
        level = self._behind(one.since, level, track)
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
        self.barrier = track.number
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
        elif self.names[one.statistic] == GROSS:
            one.found["usual_counts"] = float(f"{track.usually(w):.5g}")

    def _residual(self, one: Episode, track: Track) -> None:
        if self.names[one.statistic] == UNKNOWN:
            one.found |= residual_of(one.sums, track.surroundings)

    def _alarm(self, one: Episode, end: str | None, why: str = "") -> Alarm:
        told = self.names[one.statistic]
        kind, name = (told, "") if told in (UNKNOWN, GROSS) else ("class", told)
        details = {"onset": one.start + "Z", "peak": one.peak + "Z", **one.found}
        if why:
            details["ended_by"] = why
        return Alarm(
            f"{self.detector}/{kind}/{name}/{one.start}",
            self.detector,
            kind,
            name,
            moment(one.start),
            None if end is None else moment(end),
            details,
        )
