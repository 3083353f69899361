"""The durable log: every frame, result and alarm, written to the disk before anybody hears of it."""

from __future__ import annotations

import hashlib
import json
import math
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from gamma_flow.data import Axis
from gamma_flow.errors import LogError
from gamma_flow.live import _thinning
from gamma_flow.live._packing import (
    packed,
    packed_axis,
    packed_record,
    unpacked_axis,
)
from gamma_flow.live._reading import AT_A_TIME, SELECT, Reading
from gamma_flow.live._schema import WriterLock, connect, guarded
from gamma_flow.live.alarm import Alarm
from gamma_flow.live.entries import without_frame
from gamma_flow.live.frames import Frame, microseconds

__all__ = ["Log"]

_LOOK = 1 / 32  # of the largest size, that may be written between two looks at it
_ROW = 300  # bytes of a frame besides its spectrum and result, about
_OLD = SELECT.replace("SELECT f.id", "SELECT f.key, f.id") + " WHERE f.time < ? ORDER BY f.id LIMIT ?"


class Log(Reading):
    """Frames, results and alarms in one SQLite file; one program writes, many read at the same time.

    Made by `open`. What `append` returned from is on the disk: it survives the death of the program and a
    power cut. A frame that comes again is counted once. Threads may share a log.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> frame = Frame([0, 3, 1], Axis.channels(3), np.datetime64("2026-01-01"), "left")
    >>> with Log.open(Path(folder.name) / "log.gfl") as log:
    ...     log.append([frame]), log.append([frame]), len(log)
    ([True], [False], 1)
    >>> with Log.open(Path(folder.name) / "log.gfl", readonly=True) as log:
    ...     [entry.frame() for entry in log.frames(detector="left")]
    [Frame(left, 2026-01-01T00:00:00.000000, 3 channels, 4 counts)]
    >>> folder.cleanup()
    """

    def __init__(
        self, path: Path, connection: sqlite3.Connection, lock: WriterLock | None, max_bytes: int | None
    ) -> None:
        super().__init__(path, connection)
        self.max_bytes = max_bytes
        self._lock = lock
        self._written = 2**62  # bytes since the last look at the size: the first append looks
        self._ids: dict[tuple[str, bytes], int] = {}
        self._last_axis: tuple[Axis, int] | None = None

    @classmethod
    def open(cls, path: str | Path, *, readonly: bool = False, max_bytes: int | None = None) -> Log:
        """Open a log, or make a new one.

        Parameters
        ----------
        path : path
            The file; beside it lie ``-wal`` and ``-shm`` of SQLite while it is open, and an empty ``.lock``.
        readonly : bool
            Only look; the file has to be there, and another program may write it.
        max_bytes : int, optional
            When the log takes more, the oldest spectra are thinned out (a tenth of all frames keeps them),
            then the oldest frames and results; never the alarms. Half a megabyte at least; no limit by
            default.

        Raises
        ------
        LogError
            Another program writes it, it is no log, or it cannot be opened.
        """
        file = Path(path)
        if max_bytes is not None and max_bytes < 2**19:
            raise LogError(
                "the limit leaves no room for a log",
                where=str(file),
                expected=f"{2**19} bytes or more",
                found=str(max_bytes),
            )
        if readonly:
            return cls(file, connect(file, True), None, None)
        if not file.parent.is_dir():
            raise LogError("the folder of the log is missing", where=str(file.parent))
        lock = WriterLock(file)
        try:
            return cls(file, connect(file, False), lock, max_bytes)
        except BaseException:
            lock.release()
            raise

    # ---------------------------------------------------------------- writing

    def append(
        self,
        frames: Sequence[Frame],
        records: Sequence[Mapping[str, Any] | None] | None = None,
        alarms: Sequence[Alarm] = (),
    ) -> list[bool]:
        """Write frames, their results and alarms, all or none; they are on the disk when this returns.

        Parameters
        ----------
        frames : sequence of Frame
            In order of arrival; those that the log holds already are left out.
        records : sequence of mapping or None, optional
            What was found in each frame, as `Analysis.records` has it.
        alarms : sequence of Alarm
            New ones, and known ones (by their key) that changed.

        Returns
        -------
        list of bool
            Which of the frames are new.

        Raises
        ------
        LogError
            The disk is full, or the log is open for reading only: nothing of it was taken.
        """
        if self._lock is None:
            raise LogError("the log is open for reading only", where=str(self.path))
        results = [None] * len(frames) if records is None else list(records)
        if len(results) != len(frames):
            raise LogError("one result a frame is needed", expected=str(len(frames)), found=str(len(results)))
        with self._transaction():
            new = [self._add(*pair) for pair in zip(frames, results, strict=True)]
            for alarm in alarms:
                self._add_alarm(alarm)
        return new

    def new(self, frames: Sequence[Frame]) -> list[bool]:
        """Tell which frames are new: neither in the log nor earlier among these."""
        seen: set[bytes] = set()
        answers = []
        for frame in frames:
            known = frame.key in seen or self._rows("SELECT 1 FROM frames WHERE key = ?", (frame.key,))
            seen.add(frame.key)
            answers.append(not known)
        return answers

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing; numbers of detectors and axes that were made in a failure are not kept."""
        with self._alone, guarded(self.path, "the log took nothing"):
            if self.max_bytes is not None and self._written > _LOOK * self.max_bytes:
                _thinning.thin(self._connection, self.max_bytes)
                self._written = 0
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                self._ids.clear()
                self._last_axis = None
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _add(self, frame: Frame, record: Mapping[str, Any] | None) -> bool:
        row = (
            frame.key,
            frame.detector,
            microseconds(frame.time),
            frame.arrived,
            _or_none(frame.live_time),
            _or_none(frame.real_time),
            frame.axis,
            frame.kind,
            frame.id,
            frame.total,
            json.dumps(dict(frame.meta)) if frame.meta else None,
        )
        return self._put(
            row, packed(frame.values), None if record is None else packed_record(without_frame(record))
        )

    def _put(self, row: tuple[Any, ...], raw: bytes | None, result: tuple[bytes, bytes] | None) -> bool:
        """Insert a frame unless its key is known; detector and axis of the row become numbers."""
        key, detector, *times, axis, kind, sender, total, meta = row
        execute = self._connection.execute
        done = execute(
            "INSERT OR IGNORE INTO frames"
            "(key, detector, time, arrived, live, real, axis, kind, sender, total, meta)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                key,
                self._id("detectors", detector.encode(), detector),
                *times,
                self._axis_id(axis),
                kind,
                sender,
                total,
                meta,
            ),
        )
        if done.rowcount != 1:
            return False
        number = done.lastrowid
        self._written += _ROW + len(raw or b"") + (0 if result is None else len(result[1]))
        if raw is not None:
            execute("INSERT INTO raw VALUES (?, ?)", (number, raw))
        if result is not None:
            layout, told = result
            execute(
                "INSERT INTO results VALUES (?, ?, ?)", (number, self._id("layouts", layout, layout), told)
            )
        return True

    def _axis_id(self, axis: Axis) -> int:
        if self._last_axis is None or self._last_axis[0] is not axis:
            told = packed_axis(axis)
            self._last_axis = (axis, self._id("axes", told, told))
        return self._last_axis[1]

    def _id(self, table: str, key: bytes, told: bytes | str) -> int:
        """Return the number of a detector, axis or layout; a new one is written."""
        known = self._ids.get((table, key))
        if known is not None:
            return known
        named = table == "detectors"
        digest: bytes | str = told if named else hashlib.blake2b(key, digest_size=16).digest()
        column = "name" if named else "digest"
        execute = self._connection.execute
        if named:
            execute("INSERT OR IGNORE INTO detectors(name) VALUES (?)", (told,))
        else:
            execute(f"INSERT OR IGNORE INTO {table}(digest, told) VALUES (?, ?)", (digest, told))  # noqa: S608
        (number,) = execute(f"SELECT id FROM {table} WHERE {column} = ?", (digest,)).fetchone()  # noqa: S608
        if len(self._ids) > 4096:
            self._ids.clear()
        self._ids[table, key] = int(number)
        return int(number)

    def _add_alarm(self, alarm: Alarm) -> None:
        self._connection.execute(
            "INSERT INTO alarms(key, detector, kind, name, start, finish, details)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT(key) DO UPDATE SET kind = excluded.kind, name = excluded.name,"
            " start = excluded.start, finish = excluded.finish, details = excluded.details",
            (
                alarm.key,
                self._id("detectors", alarm.detector.encode(), alarm.detector),
                alarm.kind,
                alarm.name,
                microseconds(alarm.start),
                None if alarm.end is None else microseconds(alarm.end),
                json.dumps(dict(alarm.details)),
            ),
        )

    def rotate(self, path: str | Path, before: np.datetime64) -> int:
        """Move frames (with results and ended alarms) from before a time into another log; return how many.

        The other log takes them first, and they leave this one when they are safe there: a failure in between
        leaves them in both, never in none. What was moved is not known here any more, so that it would be
        counted again if it came again.

        Raises
        ------
        LogError
            As `append` and `open` do.
        """
        limit = microseconds(before)
        moved = 0
        with Log.open(path) as other:
            other.append([], alarms=[one for one in self.alarms(until=before) if one.end is not None])
            while rows := self._rows(_OLD, (limit, AT_A_TIME)):
                with other._transaction():
                    for key, *row in rows:
                        _, detector, time, arrived, live, real, axis, *rest, raw, layout, told = row
                        axis = self._told("axes", axis, self._axes, unpacked_axis)
                        result = layout and (self._told("layouts", layout, self._layouts, bytes), told)
                        other._put((key, detector, time, arrived, live, real, axis, *rest), raw, result)
                with self._transaction():
                    _thinning.delete(self._connection, [(number,) for _, number, *_ in rows])
                moved += len(rows)
            with self._transaction():
                self._connection.execute(
                    "DELETE FROM alarms WHERE start < ? AND finish IS NOT NULL", (limit,)
                )
        return moved

    def close(self) -> None:
        """Close the file; the log can be opened again."""
        self._connection.close()
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
