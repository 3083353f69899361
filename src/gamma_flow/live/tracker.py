"""The tracker: each detector's frames over several windows at once, its surroundings, its alarms."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from gamma_flow.data import Axis
from gamma_flow.errors import DamagedFileError, GammaFlowError, SettingsError
from gamma_flow.io._source import Source
from gamma_flow.io.container import read_container, write_container
from gamma_flow.live._peaks import PeakFilter
from gamma_flow.live._surroundings import Surroundings
from gamma_flow.live._track import Track
from gamma_flow.live._watched import Watched
from gamma_flow.live.alarm import Alarm
from gamma_flow.live.calibration import AlarmCalibration
from gamma_flow.live.frames import Frame
from gamma_flow.live.log import Log
from gamma_flow.model import Model

__all__ = ["Tracker"]

_MOST = 256  # detectors, some 2 MB each; whoever invents names must not fill memory
_REPLAYED = 3600  # frames of the log that a tracker without a state begins with


class Tracker:
    """Watches detectors; give it to a `Loop` as ``alarms=``.

    Parameters
    ----------
    model : Model
        With Poisson noise and a background class.
    calibration : AlarmCalibration
        Settings and calibration, of `gamma_flow.live.calibrating.calibrate`.

    Attributes
    ----------
    notes : dict of str to str
        What of a detector is not as the calibration assumes, a sentence each.

    Raises
    ------
    SettingsError
        A model that no tracker can use, or a calibration of another model.

    Notes
    -----
    Every frame is added to sliding sums of several lengths, and all of them are fitted in one call of the
    engine with the background as it is now. The likelihood ratio of each class and the strongest peak of the
    residual become p-values by the calibration; an alarm begins when the least of them all falls below what
    chance gives once in the promised interval. Where the p-values say that there may be something, nothing is
    learned. docs/live.md has the formulas.
    """

    def __init__(self, model: Model, calibration: AlarmCalibration) -> None:
        self.model, self.calibration = model, calibration
        probe = Surroundings.of(model, model.templates.axis, calibration.settings)
        names = Track(probe, calibration.settings).statistics
        if names != calibration.statistics:
            raise SettingsError(
                "the tracker was calibrated for another model",
                where="Tracker",
                expected=", ".join(calibration.statistics)[:200],
                found=", ".join(names)[:200],
                cure="calibrate it for this model",
            )
        self.notes: dict[str, str] = {}
        self._of: dict[str, Watched] = {}
        self._lines: dict[Axis, PeakFilter] = {}

    def __call__(self, frames: Sequence[Frame], records: Sequence[Any] = ()) -> list[Alarm]:  # noqa: ARG002
        """Take new frames in, in order of arrival, and return the alarms that began, grew or ended.

        Parameters
        ----------
        frames : sequence of Frame
            Of any detectors.
        records : sequence
            What was found in them; the tracker does not need it.
        """
        out: dict[str, Alarm] = {}
        for frame in frames:
            for alarm in self._frame(frame):
                out.pop(alarm.key, None)  # of one alarm the latest, in the order of the latest
                out[alarm.key] = alarm
        return list(out.values())

    def open(self) -> list[Alarm]:
        """Return the alarms that go on."""
        return [alarm for one in self._of.values() for alarm in one.episodes.standing()]

    def surroundings(self, detector: str) -> dict[str, Any]:
        """Return what is known of a detector: gain, counts a second of its background, frozen or not.

        Raises
        ------
        SettingsError
            No frame of such a detector came.
        """
        return self._watched(detector).told()

    def accept(self, detector: str) -> list[Alarm]:
        """Take what is in the longest window as the background from now on; return the alarms that end so.

        Raises
        ------
        SettingsError
            No frame of such a detector came.
        """
        return self._watched(detector).accept()

    def forget(self) -> None:
        """Forget all detectors."""
        self._of.clear()
        self.notes.clear()

    def _watched(self, detector: str) -> Watched:
        if detector not in self._of:
            raise SettingsError(
                "no frame of this detector came", where=detector, found=", ".join(sorted(self._of))[:200]
            )
        return self._of[detector]

    def _frame(self, frame: Frame) -> list[Alarm]:
        one = self._of.get(frame.detector)
        if one is None:
            if len(self._of) >= _MOST:
                self.notes[""] = f"more than {_MOST} detectors: the further ones are not watched"
                return []
            one = self._of[frame.detector] = Watched(
                frame.detector, self.model, self.calibration, self._lines
            )
        out = one.frame(frame)
        if one.note:
            self.notes[frame.detector] = one.note
        else:
            self.notes.pop(frame.detector, None)
        return out

    # ------------------------------------------------------------------ its state

    def save(self, path: str | Path, position: int = 0) -> None:
        """Write the state of all detectors as one file, whole or not at all.

        Parameters
        ----------
        path : path
            Where to.
        position : int
            Number of the last frame of the log that the state knows; `resume` goes on behind it.

        Raises
        ------
        WriteError
            The file cannot be written.
        """
        header: dict[str, Any] = {
            "position": position,
            "detectors": {},
            "settings": self.calibration.settings.as_dict(),
        }
        arrays: dict[str, NDArray[Any]] = {}
        for number, (name, one) in enumerate(sorted(self._of.items())):
            told, some = one.state()
            header["detectors"][name] = told | {"number": number}
            arrays |= {f"d{number}.{key}": array for key, array in some.items()}
        write_container(Path(path), "tracker state", header, arrays)

    def restore(self, path: str | Path) -> int:
        """Take up the state that `save` wrote; return its position in the log.

        Raises
        ------
        ReadError
            The file is missing, damaged, or of other settings.
        """
        source = Source.of(Path(path))
        header, arrays = read_container(source, "tracker state")
        if header.get("settings") != self.calibration.settings.as_dict():
            raise DamagedFileError("the state is that of a tracker with other settings", where=source.name)
        try:
            made = {}
            for name, told in header["detectors"].items():
                start = f"d{told['number']}."
                some = {key[len(start) :]: one for key, one in arrays.items() if key.startswith(start)}
                made[name] = Watched(name, self.model, self.calibration, self._lines)
                made[name].restore(told, some)
            self._of = made
            return int(header["position"])
        except (KeyError, TypeError, ValueError) as problem:
            if isinstance(problem, GammaFlowError):
                raise
            raise DamagedFileError(f"the state is not whole: {problem}", where=source.name) from problem

    def resume(self, log: Log, position: int = 0) -> list[Alarm]:
        """Go through the frames of a log that the state does not know, and return the alarms among them.

        Parameters
        ----------
        log : Log
            The log that the frames went into.
        position : int
            As `restore` gave it; 0 without a state: then the newest frames, an hour's worth, have to do.

        Notes
        -----
        Alarms of the frames have the keys that they had when the frames came: appended again they are the
        same alarms. Frames whose spectrum was thinned out are left out, as a gap.
        """
        start = position or max(0, log.last - _REPLAYED * max(len(log.detectors()), 1))
        out: dict[str, Alarm] = {}
        for entry in log.since(start):
            if entry.values is not None:
                out |= {alarm.key: alarm for alarm in self([entry.frame()])}
        return list(out.values())
