"""A tracker that outlives its program: its state beside the log, taken up again when the program starts."""

from __future__ import annotations

import time
from pathlib import Path

from gamma_flow.errors import ReadError
from gamma_flow.live.alarm import Alarm
from gamma_flow.live.log import Log
from gamma_flow.live.loop import Loop
from gamma_flow.live.tracker import Tracker

__all__ = ["StateFile"]


class StateFile:
    """Keeps the state of a tracker in a file beside a log.

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
    """

    def __init__(self, tracker: Tracker, log: Log, every: float = 60.0) -> None:
        self.tracker, self.log, self.every = tracker, log, every
        self.path = Path(f"{log.path}.tracker")
        self._written = time.monotonic()

    def take_up(self) -> tuple[list[Alarm], str]:
        """Restore what was kept, go through the frames that came after it, and store their alarms.

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
        return alarms, sentence

    def keep(self, loop: Loop, *, now: bool = False) -> None:
        """Write the state if it is time, and if the log has all that the tracker knows.

        Raises
        ------
        WriteError
            The file cannot be written.
        """
        if loop.busy or not (now or time.monotonic() - self._written >= self.every):
            return
        self.tracker.save(self.path, self.log.last)
        self._written = time.monotonic()
