"""A file or a simulated scene, played again as if it were measured now, at any speed."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data import SpectrumSet
from gamma_flow.errors import ReadWarning, SettingsError, SourceError
from gamma_flow.io._format import ReadOptions
from gamma_flow.io.reading import scan
from gamma_flow.live.frames import Frame, frame_at, moment, now
from gamma_flow.live.sources._base import Delivery, Source

__all__ = ["Replay", "sets_behind"]

_USUAL = 1.0  # s between spectra of which nothing is known


class Replay(Source):
    """Spectra one after the other, with the pauses that lay between them.

    Parameters
    ----------
    sets : sequence of SpectrumSet
        What to play; spectra with a time in the order of their times, the others in their own, each as long
        after the one before (of its detector) as that took.
    speed : float
        How many times faster than it was; ``inf`` for no pauses at all.
    rebase : bool
        Give the first spectrum the time of now, and all others their distance from it; by default those that
        have a time keep it, and time begins now for the others.
    detector : str
        What a detector without a name is called.
    name : str
        For people.
    start : datetime64, optional
        Instead of now.

    Raises
    ------
    SettingsError
        A speed that is not above 0.
    SourceError
        There is no spectrum.

    Notes
    -----
    Labels go along as metadata ``labels``, for looking at; nothing reads them.
    """

    def __init__(
        self,
        sets: Sequence[SpectrumSet],
        *,
        speed: float = 1.0,
        rebase: bool = False,
        detector: str = "replay",
        name: str = "replay",
        start: np.datetime64 | None = None,
    ) -> None:
        if not speed > 0:
            raise SettingsError("no replay has this speed", expected="above 0, or inf", found=f"{speed:g}")
        self.name, self.speed = name, speed
        begin = now() if start is None else moment(start)
        played = [(at, part, row) for part in sets for row, at in enumerate(_times(part, begin))]
        if not played:
            raise SourceError("there is no spectrum to play", where=name)
        played.sort(key=lambda one: one[0])  # stable: what lies at one time keeps its order
        self._first = played[0][0]
        self._shift = begin - self._first if rebase else np.timedelta64(0, "us")
        self._played, self._detector = played, detector
        self._next = 0
        self._began: float | None = None

    def __len__(self) -> int:
        return len(self._played)

    def poll(self, timeout: float = 1.0, most: int = 256) -> list[Delivery]:
        """Return the spectra whose time has come; see `Source.poll`."""
        if self._began is None:
            self._began = time.monotonic()
        wait = self._due(self._next) - time.monotonic()
        if wait > timeout:
            time.sleep(timeout)
            return []
        if wait > 0:
            time.sleep(wait)
        present = time.monotonic()
        deliveries: list[Delivery] = []
        while self._next < len(self._played) and len(deliveries) < most and self._due(self._next) <= present:
            deliveries.append(Delivery((self._frame(self._next),), self.name))
            self._next += 1
        self.ended = self._next == len(self._played)
        return deliveries

    def _due(self, number: int) -> float:
        assert self._began is not None
        if number >= len(self._played) or self.speed == float("inf"):
            return self._began
        passed = float((self._played[number][0] - self._first) / np.timedelta64(1, "s"))
        return self._began + passed / self.speed

    def _frame(self, number: int) -> Frame:
        at, part, row = self._played[number]
        return frame_at(
            part, row, at + self._shift, self._detector, id=str(part.origin[row])[-200:], labels=True
        )


def _times(spectra: SpectrumSet, begin: np.datetime64) -> NDArray[np.datetime64]:
    """Return a time for each spectrum: its own, else as long after the one before as that took."""
    lasted = np.where(np.isfinite(spectra.real_time), spectra.real_time, spectra.live_time)
    lasted = np.where(np.isfinite(lasted) & (lasted > 0), lasted, _USUAL)
    times = np.array(spectra.time, "datetime64[us]")
    for name in np.unique(spectra.detector):
        rows = np.flatnonzero((spectra.detector == name) & np.isnat(times))
        before = np.concatenate([[0.0], np.cumsum(lasted[rows])[:-1]]) if len(rows) else np.zeros(0)
        times[rows] = begin + np.round(before * 1e6).astype("timedelta64[us]")
    return times


def sets_behind(path: str | Path, options: ReadOptions | None = None) -> list[SpectrumSet]:
    """Return the spectra of a file, a folder or an archive, or those that a scene (``.toml``) simulates.

    Raises
    ------
    ReadError
        Nothing there that can be read.
    SettingsError
        The scene is none.
    """
    if Path(path).suffix.lower() == ".toml":
        from gamma_flow.simulate.scenes import read_scene

        return [read_scene(path).draw().spectra]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ReadWarning)
        found = scan(path, options)
    if found.refused and not found.parts:
        raise found.refused[0]
    return list(found.sets)
