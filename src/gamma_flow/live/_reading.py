"""The half of the log that reads."""

from __future__ import annotations

import json
import math
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from gamma_flow.data import Axis
from gamma_flow.live._packing import unpacked_axis, unpacked_record
from gamma_flow.live._schema import guarded, used_bytes
from gamma_flow.live.alarm import Alarm
from gamma_flow.live.entries import Entry, entry_of
from gamma_flow.live.frames import microseconds, moment

__all__ = ["AT_A_TIME", "SELECT", "Reading"]

AT_A_TIME = 500
"""Rows that are held at a time."""

SELECT = """
SELECT f.id, d.name, f.time, f.arrived, f.live, f.real, f.axis, f.kind, f.sender, f.total, f.meta,
       raw.data, r.layout, r.told
FROM frames f JOIN detectors d ON d.id = f.detector
LEFT JOIN raw ON raw.frame = f.id LEFT JOIN results r ON r.frame = f.id
"""
"""All that is known of frames, one row each."""


class Reading:
    """What can be asked of an open log; the base of `gamma_flow.live.log.Log`."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._alone = threading.RLock()  # threads may share a log: one at a time
        self._axes: dict[int, Axis] = {}
        self._layouts: dict[int, bytes] = {}

    def __len__(self) -> int:
        return int(self._one("SELECT count(*) FROM frames"))

    @property
    def size(self) -> int:
        """Bytes that the log takes, free pages left out."""
        with guarded(self.path, "the log cannot be read"):
            return used_bytes(self._connection)

    @property
    def spectra(self) -> int:
        """Frames whose spectrum is still there."""
        return int(self._one("SELECT count(*) FROM raw"))

    def detectors(self) -> list[str]:
        """Return the names of all detectors, sorted."""
        return [name for (name,) in self._rows("SELECT name FROM detectors ORDER BY name", ())]

    def axes(self) -> dict[int, Axis]:
        """Return all axes that frames of the log have, by their number."""
        return {number: unpacked_axis(told) for number, told in self._rows("SELECT id, told FROM axes", ())}

    def layouts(self) -> list[dict[str, Any]]:
        """Return how the results of the log are made up: records with 0 for every number."""
        return [json.loads(told) for (told,) in self._rows("SELECT told FROM layouts ORDER BY id", ())]

    def frames(
        self,
        since: np.datetime64 | None = None,
        until: np.datetime64 | None = None,
        detector: str | None = None,
        *,
        newest_first: bool = False,
        limit: int | None = None,
        after: tuple[int, int] | None = None,
    ) -> Iterator[Entry]:
        """Yield frames by their time, with what was found in them.

        Parameters
        ----------
        since, until : datetime64, optional
            From the one (included) to the other (excluded).
        detector : str, optional
            Only this one.
        newest_first : bool
            Backwards.
        limit : int, optional
            So many at most.
        after : tuple of int, optional
            Go on behind this one: its time in microseconds and its number.

        Raises
        ------
        LogError
            The log is damaged.
        """
        where, values = _conditions(since, until, detector, "f.time", "d.name")
        left = math.inf if limit is None else limit
        order = "DESC" if newest_first else "ASC"
        compare = "<" if newest_first else ">"
        while left > 0:
            # page by page, so that no reader keeps the writer from tidying up its WAL for long
            more = [*where, *([f"(f.time, f.id) {compare} (?, ?)"] if after else [])]
            rows = self._rows(
                SELECT
                + (f" WHERE {' AND '.join(more)}" if more else "")
                + f" ORDER BY f.time {order}, f.id {order} LIMIT ?",
                (*values, *(after or ()), int(min(left, AT_A_TIME))),
            )
            for row in rows:
                yield self._entry(row)
            if len(rows) < AT_A_TIME:
                return
            left -= len(rows)
            after = (rows[-1][2], rows[-1][0])

    def frame(self, number: int) -> Entry | None:
        """Return the frame of a number, None if there is none (any more).

        Raises
        ------
        LogError
            The log is damaged.
        """
        rows = self._rows(SELECT + " WHERE f.id = ?", (number,))
        return self._entry(rows[0]) if rows else None

    def since(self, number: int) -> Iterator[Entry]:
        """Yield the frames that the log took after its entry of this number, in the order it took them.

        Raises
        ------
        LogError
            The log is damaged.
        """
        while rows := self._rows(SELECT + " WHERE f.id > ? ORDER BY f.id LIMIT ?", (number, AT_A_TIME)):
            for row in rows:
                yield self._entry(row)
            number = rows[-1][0]

    @property
    def last(self) -> int:
        """The last number that the log gave away; 0 before the first.

        That of the entry that it took last, also if that was moved away since. What it was offered and had
        already may have used up numbers, too.
        """
        return int(self._one("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'frames'"))

    def alarms(
        self,
        since: np.datetime64 | None = None,
        until: np.datetime64 | None = None,
        detector: str | None = None,
    ) -> list[Alarm]:
        """Return the alarms that begin between two times, in order of their beginning."""
        where, values = _conditions(since, until, detector, "a.start", "d.name")
        rows = self._rows(
            "SELECT a.key, d.name, a.kind, a.name, a.start, a.finish, a.details FROM alarms a"  # noqa: S608
            " JOIN detectors d ON d.id = a.detector"
            + (f" WHERE {' AND '.join(where)}" if where else "")
            + " ORDER BY a.start, a.id",
            tuple(values),
        )
        return [
            Alarm(
                key,
                name,
                kind,
                what,
                moment(start),
                None if end is None else moment(end),
                json.loads(details),
            )
            for key, name, kind, what, start, end, details in rows
        ]

    def _entry(self, row: tuple[Any, ...]) -> Entry:
        axis = self._told("axes", row[6], self._axes, unpacked_axis)
        layout = row[12]
        record = None
        if layout is not None:
            record = unpacked_record(self._told("layouts", layout, self._layouts, bytes), row[13])
        return entry_of(row, axis, record)

    def _told(self, table: str, number: int, known: dict[int, Any], made: Callable[[bytes], Any]) -> Any:
        if number not in known:
            if len(known) >= 256:
                known.clear()
            known[number] = made(self._one(f"SELECT told FROM {table} WHERE id = ?", number))  # noqa: S608
        return known[number]

    def _one(self, query: str, *values: Any) -> Any:
        return self._rows(query, values)[0][0]

    def _rows(self, query: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        with self._alone, guarded(self.path, "the log cannot be read"):
            return self._connection.execute(query, values).fetchall()


def _conditions(
    since: np.datetime64 | None, until: np.datetime64 | None, detector: str | None, time: str, name: str
) -> tuple[list[str], list[Any]]:
    given: list[tuple[str, Any]] = []
    if since is not None:
        given.append((f"{time} >= ?", microseconds(since)))
    if until is not None:
        given.append((f"{time} < ?", microseconds(until)))
    if detector is not None:
        given.append((f"{name} = ?", detector))
    return [text for text, _ in given], [value for _, value in given]
