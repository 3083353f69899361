"""List-mode events, time and channel (or energy) of each, binned into frames of equal length."""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.data import Axis
from gamma_flow.errors import DataError, GammaFlowError, MessageError, SourceError
from gamma_flow.live.frames import Frame, moment, now
from gamma_flow.live.sources._base import Delivery, Mailbox, Source

__all__ = ["Binner", "ListMode"]

_PIECE = 2**18
_LONGEST_LINE = 4096
_MOST_EMPTY = 10_000  # frames; a clock that jumps ahead by more is out of order


@dataclass(frozen=True)
class _Open:
    """The frame that is being filled."""

    number: int
    counts: NDArray[np.float64]
    outside: int = 0


class Binner:
    """Bins events into frames; keeps the frame that is not yet full.

    Parameters
    ----------
    axis : Axis
        Channels; events outside are counted in the metadata ``outside`` of their frame.
    length : float
        Seconds of one frame.
    start : datetime64
        What time zero of the events is, UTC.
    detector : str
        Name of the detector.
    dead_time : float
        Seconds that an event keeps the detector busy; live time is real time less these. By default the live
        time is unknown.
    calibrated : Axis, optional
        The axis that frames bear, where events are binned by channel number.

    Examples
    --------
    >>> binner = Binner(Axis.channels(4), 1.0, np.datetime64("2026-01-01"), "left")
    >>> binner.add([0.1, 0.2, 2.5], [1, 1, 3])
    [Frame(left, 2026-01-01T00:00:00.000000, 4 channels, 2 counts),
     Frame(left, 2026-01-01T00:00:01.000000, 4 channels, 0 counts)]
    >>> binner.finish()
    [Frame(left, 2026-01-01T00:00:02.000000, 4 channels, 1 counts)]
    """

    def __init__(
        self,
        axis: Axis,
        length: float,
        start: np.datetime64,
        detector: str,
        *,
        dead_time: float = math.nan,
        calibrated: Axis | None = None,
    ) -> None:
        if calibrated is not None and len(calibrated) != len(axis):
            raise DataError(
                "the calibration has another number of channels",
                expected=str(len(axis)),
                found=str(calibrated),
            )
        self._bears = axis if calibrated is None else calibrated
        if not (math.isfinite(length) and length >= 1e-3):
            raise DataError("no frame has this length", expected="0.001 s or more", found=f"{length:g} s")
        self.axis, self.length, self.detector, self.dead_time = axis, length, detector, dead_time
        self.start = moment(start)
        self._last = -math.inf
        self._open: _Open | None = None

    def add(self, times: ArrayLike, values: ArrayLike) -> list[Frame]:
        """Take events in order of time, and return the frames that they complete, empty ones included.

        Parameters
        ----------
        times : array_like, shape (N,)
            Seconds since ``start``, ascending.
        values : array_like, shape (N,)
            Where on the axis each event lies: a channel number, or an energy.

        Raises
        ------
        DataError
            Numbers that are not finite, times before the last one or more than 10,000 frames after it.
            Nothing of these events was taken.
        """
        at = np.asarray(times, np.float64)
        where = np.asarray(values, np.float64)
        self._check(at, where)
        if not len(at):
            return []
        numbers = np.floor(at / self.length).astype(np.int64)
        done: list[Frame] = []
        cuts = np.flatnonzero(np.diff(numbers)) + 1
        firsts = numbers[np.concatenate([[0], cuts])].tolist()
        for part, number in zip(np.split(where, cuts), firsts, strict=True):
            done += self._before(number)
            self._fill(number, part)
        self._last = float(at[-1])
        return done

    def _check(self, at: NDArray[np.float64], where: NDArray[np.float64]) -> None:
        if at.ndim != 1 or at.shape != where.shape:
            raise DataError("an event is a time and a value", found=f"shapes {at.shape} and {where.shape}")
        steps = np.diff(np.concatenate([[self._last if self._open else at[0] if len(at) else 0.0], at]))
        if not (np.isfinite(at).all() and np.isfinite(where).all()):
            raise DataError("an event holds a number that is not finite")
        if len(at) and (np.abs(at) > 1e10).any():
            raise DataError("an event lies too far from the start", found=f"{np.abs(at).max():g} s")
        longest = _MOST_EMPTY * self.length
        if (steps < 0).any() or (steps > longest).any():
            bad = int(np.flatnonzero((steps < 0) | (steps > longest))[0])
            raise DataError(
                "the time of the events jumps",
                where=f"event {bad}",
                expected=f"ascending, no gap over {longest:g} s",
                found=f"a step of {steps[bad]:g} s",
            )

    def _before(self, number: int) -> list[Frame]:
        """Close the open frame if an event lies beyond it, and the empty ones in between."""
        if self._open is None or self._open.number == number:
            return []
        frames = [self._frame(self._open)]
        empty = np.zeros(len(self.axis))
        frames += [self._frame(_Open(n, empty)) for n in range(self._open.number + 1, number)]
        self._open = None
        return frames

    def _fill(self, number: int, values: NDArray[np.float64]) -> None:
        edges = self.axis.edges
        inside = (values >= edges[0]) & (values < edges[-1])
        channels = np.searchsorted(edges, values[inside], side="right") - 1
        counts = np.bincount(channels, minlength=len(self.axis)).astype(np.float64)
        before = self._open or _Open(number, np.zeros(len(self.axis)))
        self._open = _Open(number, before.counts + counts, before.outside + int((~inside).sum()))

    def _frame(self, part: _Open) -> Frame:
        events = part.counts.sum() + part.outside
        live = max(0.0, self.length - events * self.dead_time) if math.isfinite(self.dead_time) else math.nan
        return Frame(
            part.counts,
            self._bears,
            self.start + np.timedelta64(round(part.number * self.length * 1e6), "us"),
            self.detector,
            live_time=live,
            real_time=self.length,
            meta={"outside": float(part.outside)} if part.outside else {},
        )

    def finish(self) -> list[Frame]:
        """Return the last frame, although it may not be full, and begin anew."""
        frames = [] if self._open is None else [self._frame(self._open)]
        self._open = None
        return frames


class ListMode(Source):
    """Events as text, one a line: time in seconds and channel or energy, with a comma or white space between.

    Lines that begin with ``#`` are passed over, as is one line of names at the top.

    Parameters
    ----------
    stream : binary file, optional
        Standard input by default.
    binner : Binner
        How they are binned.
    name : str
        For people.
    close : bool
        Close the stream at its end.
    """

    def __init__(
        self,
        binner: Binner,
        stream: BinaryIO | None = None,
        name: str = "list mode",
        *,
        close: bool = False,
    ) -> None:
        self._owned = close
        self.binner, self.name = binner, name
        self._stream = sys.stdin.buffer if stream is None else stream
        self._box = Mailbox(16)
        self._line = 0
        threading.Thread(target=self._read, name="gamma_flow events", daemon=True).start()

    def _read(self) -> None:
        rest = b""
        read: Callable[[int], bytes] = getattr(self._stream, "read1", self._stream.read)
        try:
            while piece := read(_PIECE):
                whole, sign, rest = (rest + piece).rpartition(b"\n")
                if len(rest) > _LONGEST_LINE:
                    self.trouble = f"a line is longer than {_LONGEST_LINE} bytes: this is no list of events"
                    return
                if sign and not self._box.put(whole, wait=True):
                    return
            if rest:
                self._box.put(rest, wait=True)
        except (OSError, ValueError):
            self.trouble = "the input was closed"
        finally:
            self._box.close()
            if self._owned:
                self._stream.close()

    def poll(self, timeout: float = 1.0, most: int = 256) -> list[Delivery]:
        """Return the frames that are full; see `Source.poll`.

        Raises
        ------
        SourceError
            The input is no list of events.
        """
        deliveries = [self._delivery(piece) for piece in self._box.take(timeout, min(most, 16))]
        if self._box.closed and not len(self._box):
            if self.trouble and not self.ended:
                self.ended = True
                raise SourceError(self.trouble, where=self.name)
            self.ended = True
            last = self.binner.finish()
            deliveries += [Delivery(tuple(last), self.name)] if last else []
        return [one for one in deliveries if one.frames or one.problem]

    def _delivery(self, piece: bytes) -> Delivery:
        first, self._line = self._line + 1, self._line + piece.count(b"\n") + 1
        where = f"{self.name}, lines {first} to {self._line}"
        try:
            times, values = _parsed(piece, named=first == 1)
            return Delivery(tuple(self.binner.add(times, values)), where)
        except GammaFlowError as problem:
            parts = problem.as_dict() | {"where": f"{where}, {problem.where}" if problem.where else where}
            # what was whole before stays; the next events may begin at any time
            rest = tuple(self.binner.finish())
            return Delivery(rest, where, MessageError(str(parts.pop("what")), **parts), self.binner.detector)

    def close(self) -> None:
        """Stop reading."""
        self._box.close()


def _parsed(piece: bytes, named: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    lines = [line for line in piece.replace(b",", b" ").split(b"\n") if line.strip() and line[:1] != b"#"]
    if named and lines and not _numbers(lines[0]):
        lines = lines[1:]
    cells = [line.split() for line in lines]
    bad = next((row for row, cell in enumerate(cells) if len(cell) != 2), None)
    try:
        if bad is None:
            table = np.array(cells, np.float64).reshape(-1, 2)
            return table[:, 0], table[:, 1]
    except ValueError:
        bad = next(row for row, line in enumerate(lines) if not _numbers(line))
    raise MessageError(
        "an event is a time and a value",
        where=f"event {bad}",
        expected="two numbers",
        found=repr(lines[bad or 0][:60].decode("utf-8", "replace")),
    )


def _numbers(line: bytes) -> bool:
    try:
        return all(math.isfinite(float(cell)) for cell in line.split())
    except ValueError:
        return False


def opened(path: str) -> BinaryIO | None:
    """Return the file, or None for standard input.

    Raises
    ------
    SourceError
        It cannot be read.
    """
    if path in ("", "-"):
        return None
    try:
        return Path(path).open("rb")
    except OSError as problem:
        raise SourceError(f"cannot be read: {problem.strerror or problem}", where=path) from problem


def started(text: str | None) -> np.datetime64:
    """Return when the events begin: what the option says, else now."""
    return now() if text is None else moment(text.removesuffix("Z"))
