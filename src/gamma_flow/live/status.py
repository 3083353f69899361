"""What state every detector is in: one problem does not stop the others, and everybody sees whose it is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from gamma_flow.data import Axis
from gamma_flow.errors import GammaFlowError
from gamma_flow.live.frames import Frame

__all__ = ["Board", "State", "Status"]

State = Literal[
    "ok", "silent", "axis", "clock", "model", "range", "message", "queue", "source", "log", "crowd"
]
"""``ok``; ``silent``: nothing came for long; ``axis``: another number of channels or another calibration
than the frame before; ``clock``: the time jumped back, or lies ahead of ours; ``model``: the model cannot
analyse such frames (another unit or kind); ``range``: a template lies outside the axis in part; ``message``:
a message was refused; ``queue``: messages were dropped; ``source``: the connection is lost; ``log``: the log
takes nothing (its disk is full); ``crowd``:
more detectors than are kept apart."""

_MOST = 1000  # detectors; whoever invents names must not fill memory
_AHEAD = np.timedelta64(86_400_000_000, "us")  # a day: time zones are no reason to complain
_SILENT_FRAMES = 10.0
_LEAST_SILENCE = 5.0  # s
_SENTENCES = 300


@dataclass(frozen=True)
class Status:
    """State of one detector (or of what a refused message names, or of the source itself).

    Attributes
    ----------
    detector : str
        Its name.
    state : State
        What is wrong with the last frame or message, or "ok".
    sentence : str
        Why, in one sentence; empty if all is well.
    frames, duplicates, refused : int
        How many frames came, came again, and how many messages were refused.
    problems : dict of str to int
        How often each state was seen.
    last : datetime64 or None
        Time of the last frame.
    seen : float
        When something came last, in seconds of a clock that does not jump.
    usual : float
        Seconds between frames, as a rule.
    """

    detector: str
    state: State = "ok"
    sentence: str = ""
    frames: int = 0
    duplicates: int = 0
    refused: int = 0
    problems: tuple[tuple[str, int], ...] = ()
    last: np.datetime64 | None = None
    seen: float = 0.0
    usual: float = 0.0
    axis: Axis | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return what a reader of JSON needs to know."""
        return {
            "detector": self.detector,
            "state": self.state,
            "sentence": self.sentence,
            "frames": self.frames,
            "duplicates": self.duplicates,
            "refused": self.refused,
            "problems": dict(self.problems),
            "last": None if self.last is None else f"{self.last}Z",
        }


class Board:
    """The states of all detectors.

    Examples
    --------
    >>> board = Board()
    >>> start = np.datetime64("2026-01-01T00:00:00")
    >>> for second in (1, 2, 0):
    ...     frame = Frame([1, 2], Axis.channels(2), start + np.timedelta64(second, "s"), "left")
    ...     board.frame(frame, clock=float(second)).state
    'ok'
    'ok'
    'clock'
    """

    def __init__(self) -> None:
        self._of: dict[str, Status] = {}

    def __len__(self) -> int:
        return len(self._of)

    def frame(self, frame: Frame, *, clock: float, present: np.datetime64 | None = None) -> Status:
        """Note a frame that came.

        Parameters
        ----------
        frame : Frame
            The frame.
        clock : float
            When it came, in seconds of a clock that never jumps.
        present : datetime64, optional
            The time of day; a frame from more than a day ahead of it is noted as such.
        """
        before = self._status(frame.detector)
        state, sentence = self._judged(frame, before, present)
        gap = clock - before.seen
        usual = (
            before.usual if not before.frames else gap if not before.usual else 0.8 * before.usual + 0.2 * gap
        )
        return self._keep(
            replace(
                before,
                frames=before.frames + 1,
                last=frame.time,
                seen=clock,
                usual=usual,
                axis=frame.axis,
            ),
            state,
            sentence,
        )

    def _judged(self, frame: Frame, before: Status, present: np.datetime64 | None) -> tuple[State, str]:
        if before.axis is not None and before.axis is not frame.axis and not before.axis.matches(frame.axis):
            return "axis", f"the axis changed from {before.axis} to {frame.axis}"
        if before.last is not None and frame.time < before.last:
            return "clock", f"the time jumped back from {before.last} to {frame.time}"
        if present is not None and frame.time > present + _AHEAD:
            return "clock", f"the time {frame.time} lies more than a day ahead of this computer's"
        return "ok", ""

    def duplicate(self, frame: Frame, *, clock: float) -> Status:
        """Note a frame that had come before: it says that the detector lives, and nothing else."""
        before = self._status(frame.detector)
        return self._keep(
            replace(before, duplicates=before.duplicates + 1, seen=clock), before.state, before.sentence
        )

    def problem(
        self, detector: str, state: State, problem: GammaFlowError | str, *, clock: float | None = None
    ) -> Status:
        """Note that something is wrong with a detector, or with what a refused message names."""
        before = self._status(detector)
        refused = before.refused + (state == "message")
        seen = before.seen if clock is None else clock
        return self._keep(replace(before, refused=refused, seen=seen), state, str(problem))

    def well(self, detector: str) -> Status:
        """Note that a trouble is over."""
        return self._keep(self._status(detector), "ok", "")

    def silent(self, *, clock: float) -> list[Status]:
        """Return those that fell silent since the last call: ten usual pauses, five seconds at least."""
        found = []
        for status in list(self._of.values()):
            patience = max(_LEAST_SILENCE, _SILENT_FRAMES * status.usual)
            if status.frames and status.state != "silent" and clock - status.seen > patience:
                sentence = f"nothing came for {clock - status.seen:.0f} s"
                found.append(self._keep(status, "silent", sentence))
        return found

    def all(self) -> list[Status]:
        """Return all states, by name."""
        return sorted(self._of.values(), key=lambda status: status.detector)

    def _status(self, detector: str) -> Status:
        known = self._of.get(detector)
        if known is not None:
            return known
        if len(self._of) >= _MOST:
            detector = "(further detectors)"
            return self._of.get(detector, Status(detector))
        return Status(detector)

    def _keep(self, status: Status, state: State, sentence: str) -> Status:
        if status.detector == "(further detectors)" and state == "ok":
            state, sentence = "crowd", f"more than {_MOST} names of detectors: these are not kept apart"
            status = replace(status, axis=None, last=None)
        problems = status.problems
        if state != "ok" and not (state in ("source", "log") and status.state == state):
            counted = Counter(dict(problems))
            counted[state] += 1
            problems = tuple(sorted(counted.items()))
        kept = replace(status, state=state, sentence=sentence[:_SENTENCES], problems=problems)
        self._of[kept.detector] = kept
        return kept
