"""How a log keeps within its size: the oldest spectra go first, then the oldest frames, never an alarm."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from gamma_flow.live._schema import used_bytes

__all__ = ["delete", "thin"]

_ROWS = 500  # rows that go in one transaction
_KEEP = 0.9  # part of the limit that is left, so that thinning is seldom
_SPECTRA = 0.1  # part of the frames that keep their spectra: the newest
_ALARMED = (
    "EXISTS (SELECT 1 FROM alarms a WHERE a.detector = f.detector AND a.start <= f.time"
    " AND (a.finish IS NULL OR a.finish >= f.time))"
)


def thin(connection: sqlite3.Connection, max_bytes: int) -> None:
    """Bring a log that takes more than ``max_bytes`` down to nine tenths of them, if that can be.

    First go the spectra of the oldest frames outside alarms, until a tenth of all frames still has one; then
    the oldest frames outside alarms with their results; then the spectra within alarms. The alarms stay.
    """
    if used_bytes(connection) <= max_bytes:
        return
    spectra, frames = (
        int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608
        for table in ("raw", "frames")
    )
    while used_bytes(connection) > _KEEP * max_bytes:
        gone = 0
        if spectra > _SPECTRA * frames:
            gone = _step(connection, _spectra)
            spectra -= gone
        if not gone:
            gone = _step(connection, _frames)
            frames -= gone
        if not gone:
            gone = _step(connection, _alarmed_spectra)
            spectra -= gone
        if not gone:
            return


def _step(connection: sqlite3.Connection, step: Callable[[sqlite3.Connection], int]) -> int:
    """Take one step in a transaction of its own; return how many rows went."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        gone = step(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return gone


def _spectra(connection: sqlite3.Connection) -> int:
    return connection.execute(
        "DELETE FROM raw WHERE frame IN (SELECT f.id FROM raw JOIN frames f ON f.id = raw.frame"  # noqa: S608
        f" WHERE NOT {_ALARMED} ORDER BY raw.frame LIMIT {_ROWS})"
    ).rowcount


def _frames(connection: sqlite3.Connection) -> int:
    rows = connection.execute(
        f"SELECT f.id FROM frames f WHERE NOT {_ALARMED} ORDER BY f.id LIMIT {_ROWS}"  # noqa: S608
    ).fetchall()
    delete(connection, rows)
    return len(rows)


def _alarmed_spectra(connection: sqlite3.Connection) -> int:
    return connection.execute(
        f"DELETE FROM raw WHERE frame IN (SELECT frame FROM raw ORDER BY frame LIMIT {_ROWS})"  # noqa: S608
    ).rowcount


def delete(connection: sqlite3.Connection, rows: list[tuple[int]]) -> None:
    """Delete frames with their spectra and results."""
    for table, column in (("results", "frame"), ("raw", "frame"), ("frames", "id")):
        connection.executemany(f"DELETE FROM {table} WHERE {column} = ?", rows)  # noqa: S608
