"""One detector of a tracker: frames as they come, with their gaps, jumps and changes of axis."""

from __future__ import annotations

import math
import warnings
from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data import Axis
from gamma_flow.errors import AnalysisWarning, GammaFlowError
from gamma_flow.live._episodes import Episode, Episodes
from gamma_flow.live._peaks import PeakFilter
from gamma_flow.live._surroundings import Surroundings
from gamma_flow.live._track import Track
from gamma_flow.live._witness import Witness
from gamma_flow.live.alarm import Alarm
from gamma_flow.live.calibration import AlarmCalibration
from gamma_flow.live.frames import Frame, moment
from gamma_flow.model import Model

__all__ = ["Watched"]

_LENGTHS = 1.5  # a frame so many times longer or shorter than those of the calibration is told
_REMEMBERED = 100  # frames that a note of repeated spectra stands
_KEPT_AXES = 16  # whose filters are remembered
_SECOND = np.timedelta64(1, "s")


class Watched:
    """A detector that is tracked.

    Parameters
    ----------
    detector : str
        Its name.
    model : Model
        What is looked for.
    calibration : AlarmCalibration
        Settings and calibration.
    lines : dict
        Filters by axis, which detectors share.

    Attributes
    ----------
    note : str
        What is not as the calibration assumes; empty if all is well.
    """

    def __init__(
        self, detector: str, model: Model, calibration: AlarmCalibration, lines: dict[Axis, PeakFilter]
    ) -> None:
        self._lines = lines
        self.detector, self.model, self.calibration = detector, model, calibration
        self.note = ""
        self.episodes = Episodes(detector, calibration, Witness(model))
        self._track: Track | None = None
        self._times: deque[np.datetime64] = deque(maxlen=calibration.settings.longest)
        self._length = calibration.frame_time  # seconds of the last frame
        self._loud_since = -1
        self._again = 0  # frames for which it is told that spectra repeat

    def frame(self, frame: Frame) -> list[Alarm]:
        """Take a frame in; return the alarms that began, grew or ended."""
        self.note = ""
        out: list[Alarm] = []
        if frame.kind != "counts":
            self.note = "frames of intensities are not tracked"
            return out
        track = self._track
        if track is None or track.surroundings.templates.axis != frame.axis:
            if track is not None:
                out += self.episodes.ended("axis")
                self.note = "the axis changed: background and windows began anew"
            try:
                track = self._begin(frame.axis)
            except GammaFlowError as problem:
                self._track = None
                self.note = str(problem)
                return out
        again = track.repeats(frame.values)
        self._again = _REMEMBERED if again else max(self._again - 1, 0)
        if self._again:
            self.note = "some spectra repeat the one before, count for count: they are left out"
        if again:
            if self._times:
                self._times[-1] = max(self._times[-1], frame.time)  # the next one begins after this one
            return out
        out += self._gap(frame, track)
        seconds = self._seconds(frame)
        self._times.append(max(frame.time, self._times[-1]) if self._times else frame.time)
        try:
            look = track.look(frame.values, seconds)
        except GammaFlowError as problem:  # counts beyond all measure: they must not hold up the others
            self.note = f"a frame was left out, the windows began anew: {problem}"
            track.clear()
            self._times.clear()
            return out
        levels = self.calibration.level(look.statistics, look.log_counts)
        warm = track.number <= track.warm
        out += self.episodes.look(levels, look, track, list(self._times), warm)
        if not track.full:
            self._times.clear()
        self._follow(track, float(levels.max()), warm, seconds)
        return out

    def _begin(self, axis: Axis) -> Track:
        how = self.calibration.settings
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always", AnalysisWarning)
            self._track = Track(Surroundings.of(self.model, axis, how), how, self._lines.get(axis))
        if len(self._lines) < _KEPT_AXES:
            self._lines[axis] = self._track.lines
        if told:
            self.note = str(told[0].message)
        self._times.clear()
        self._loud_since = -1
        return self._track

    def _follow(self, track: Track, level: float, warm: bool, seconds: float) -> None:
        loud = bool(self.episodes.open) or (not warm and level >= self.calibration.freeze)
        if not loud:
            self._loud_since = -1
        elif self._loud_since < 0:
            self._loud_since = track.number
        elif not self.episodes.open:
            waited = (track.number - self._loud_since) * seconds
            if waited > self.calibration.settings.patience:
                # evidence that never becomes an alarm is a background that changed
                loud, track.loud = False, -1
        track.follow(loud)

    def _seconds(self, frame: Frame) -> float:
        """Return how long a frame lasted; by the clock where it does not say so."""
        length = next((t for t in (frame.live_time, frame.real_time) if t > 0), math.nan)
        if math.isnan(length) and self._times:
            away = float((frame.time - self._times[-1]) / _SECOND)
            length = away if 0 < away <= self.calibration.settings.gap else math.nan
        if math.isnan(length):
            length = self.calibration.frame_time
        ratio = length / self.calibration.frame_time
        if not 1 / _LENGTHS <= ratio <= _LENGTHS:
            usual, often = self.calibration.frame_time, "more" if ratio < 1 else "less"
            self.note = (
                f"a frame lasts {length:.3g} s, the calibration holds for {usual:.3g} s: "
                f"false alarms come {often} often"
            )
        self._length = length
        return length

    def _gap(self, frame: Frame, track: Track) -> list[Alarm]:
        """Begin the windows anew where frames are missing or the clock jumps; long gaps end alarms."""
        if not self._times:
            return []
        how = self.calibration.settings
        away = float((frame.time - self._times[-1]) / _SECOND)
        if -how.gap <= away <= self._length + how.gap:
            return []
        out = []
        if away < 0:
            self.note = "the clock jumped back: the windows began anew"
            out = self.episodes.ended("clock")
        else:
            self.note = f"nothing came for {away:.4g} s: the windows began anew"
            if away > how.longest * self.calibration.frame_time:
                out = self.episodes.ended("gap")
        track.clear()
        self._times.clear()
        return out

    def accept(self) -> list[Alarm]:
        """Take what the windows hold as background, and warm up anew; end all alarms."""
        out = self.episodes.ended("accepted")
        track = self._track
        if track is not None:
            track.accept()
        self._times.clear()
        self._loud_since = -1
        return out

    def told(self) -> dict[str, Any]:
        """Return what is known of the surroundings."""
        track = self._track
        if track is None:
            return {"gain": 1.0, "frozen": False, "frames": 0, "background_counts": 0.0, "note": self.note}
        return {
            "gain": track.surroundings.gain,
            "frozen": self._loud_since >= 0,
            "frames": track.number,
            "background_counts": float(track.surroundings.counts.sum()),
            "note": self.note,
        }

    # ------------------------------------------------------------------ its state

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return plain values and arrays from which `restore` goes on."""
        told: dict[str, Any] = {
            "times": [str(time) for time in self._times],
            "length": self._length,
            "loud_since": self._loud_since,
            "barrier": self.episodes.barrier,
            "agreed": list(self.episodes.agreed.items()),
            "episodes": [one.plain() for one in self.episodes.open.values()],
        }
        arrays = {f"sums{number}": one.sums for number, one in enumerate(self.episodes.open.values())}
        if self._track is None:
            return told, arrays
        numbers, more = self._track.state()
        axis = self._track.surroundings.templates.axis
        told |= {"track": numbers, "unit": axis.unit, "coefficients": axis.coefficients}
        return told, arrays | more | {"edges": axis.edges, "centres": axis.centres}

    def restore(self, told: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        """Take up what `state` gave."""
        if "track" in told:
            terms = told["coefficients"]
            axis = Axis(
                arrays["edges"], told["unit"], arrays["centres"], None if terms is None else tuple(terms)
            )
            self._begin(axis).restore(told["track"], arrays)
        self._times.extend(moment(time) for time in told["times"])
        self._length, self._loud_since = float(told["length"]), int(told["loud_since"])
        self.episodes.barrier = int(told["barrier"])
        self.episodes.agreed = {int(s): int(times) for s, times in told["agreed"]}
        for number, plain in enumerate(told["episodes"]):
            one = Episode(**plain, sums=np.array(arrays[f"sums{number}"]))
            self.episodes.open[one.statistic] = one
