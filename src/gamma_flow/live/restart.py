"""A tracker that outlives its program: its state beside the log, taken up again when the program starts."""

from __future__ import annotations

import time
from pathlib import Path

from gamma_flow.errors import LogError, ReadError, WriteError
from gamma_flow.live.alarm import Alarm
from gamma_flow.live.log import Log
from gamma_flow.live.loop import Loop
from gamma_flow.live.tracker import Tracker

__all__ = ["StateFile"]

_SOON = 5.0  # s to the next try where the state could not be written


class StateFile:
    """Keeps the state of a tracker in a file beside a log, each with the position in the log it belongs to.

    Parameters
    ----------
    tracker : Tracker
        Whose state it is.
    log : Log
        Into which its frames go.
    every : float
        Seconds between two states at least.

    Attributes
    ----------
    path : Path
        The log's, with ``.tracker`` behind it.
    trouble : str
        Why the state could not be written the last time; empty if it could. Nothing is lost by that: after a
        restart more frames of the log have to be gone through.
    """

    def __init__(self, tracker: Tracker, log: Log, every: float = 60.0) -> None:
        self.tracker, self.log, self.every = tracker, log, every
        self.path = Path(f"{log.path}.tracker")
        self.trouble = ""
        self._written = time.monotonic()

    @property
    def _due(self) -> bool:
        pause = min(self.every, _SOON) if self.trouble else self.every
        return time.monotonic() - self._written >= pause

    def take_up(self) -> tuple[list[Alarm], str]:
        """Restore what was kept, go through the frames that came after it, and store their alarms.

        The state is then written anew: a program that dies often does not go through more and more frames.

        Returns
        -------
        alarms : list of Alarm
            Of the frames that the kept state did not know; the log has them now.
        sentence : str
            Why there was no state to take up, if so: then the newest frames of the log had to do.

        Raises
        ------
        LogError
            The log cannot be read or written.
        """
        position, sentence = 0, ""
        if self.path.exists():
            try:
                position = self.tracker.restore(self.path)
            except ReadError as problem:
                sentence = f"the state of the tracker is not taken up: {problem}"
        if position > self.log.last:
            position, sentence = 0, "the state of the tracker is not taken up: it is that of another log"
            self.tracker.forget()
        alarms = self.tracker.resume(self.log, position)
        if position or not self.log.alarms():
            self.log.append([], alarms=alarms)
        if position != self.log.last:
            self._write()
        return alarms, sentence

    def keep(self, loop: Loop, *, now: bool = False) -> None:
        """Write the state if it is time, and if the log has all that the tracker knows.

        Called after a step, by any of the loops that share the tracker and a `Turn`: none of them shows it
        frames while the state is written. What fails is told in ``trouble``, and tried again the next time.
        """
        if not (now or self._due):
            return
        with loop.turn.still() as even:
            if even and (now or self._due):
                self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        try:
            self.tracker.save(self.path, self.log.last)
            self.trouble = ""
        except (WriteError, LogError) as problem:
            self.trouble = f"the state of the tracker is not kept: {problem}"
