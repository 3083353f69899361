"""The file of the log: SQLite in WAL mode, one writer, many readers, errors as one sentence."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gamma_flow.errors import LogError

__all__ = ["SCHEMA", "WriterLock", "connect", "guarded", "used_bytes"]

SCHEMA = 1
"""Version of the tables; a newer one is refused."""

_APPLICATION = 0x67664C67  # "gfLg", at byte 68 of the file
_TABLES = """
CREATE TABLE detectors(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE axes(id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, told BLOB NOT NULL);
CREATE TABLE layouts(id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, told BLOB NOT NULL);
CREATE TABLE frames(
    id INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB NOT NULL UNIQUE,
    detector INTEGER NOT NULL REFERENCES detectors, time INTEGER NOT NULL, arrived INTEGER NOT NULL,
    live REAL, real REAL, axis INTEGER NOT NULL REFERENCES axes, kind TEXT NOT NULL,
    sender TEXT NOT NULL, total REAL NOT NULL, meta TEXT
);
CREATE INDEX frames_of_detector ON frames(detector, time);
CREATE INDEX frames_by_time ON frames(time);
CREATE TABLE raw(frame INTEGER PRIMARY KEY REFERENCES frames, data BLOB NOT NULL);
CREATE TABLE results(
    frame INTEGER PRIMARY KEY REFERENCES frames,
    layout INTEGER NOT NULL REFERENCES layouts, told BLOB NOT
    NULL
);
CREATE TABLE alarms(
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, detector INTEGER NOT NULL REFERENCES detectors,
    kind TEXT NOT NULL, name TEXT NOT NULL, start INTEGER NOT NULL, finish INTEGER, details TEXT NOT NULL
);
CREATE INDEX alarms_of_detector ON alarms(detector, start);
"""
_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE}


@contextmanager
def guarded(path: Path, what: str) -> Iterator[None]:
    """Turn what SQLite says into one sentence of ours."""
    try:
        yield
    except sqlite3.Error as problem:
        code = getattr(problem, "sqlite_errorcode", 0)
        reason, cure = str(problem), None
        if code in _FULL:
            reason, cure = "the disk is full, or the file may not grow", "make room; it goes on by itself"
        elif code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            reason, cure = "this is no log, or it is damaged", "name another file"
        elif code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            reason, cure = "another program holds it", "close the other program"
        raise LogError(f"{what}: {reason}", where=str(path), cure=cure) from problem
    except OSError as problem:
        if isinstance(problem, LogError):
            raise
        raise LogError(f"{what}: {problem.strerror or problem}", where=str(path)) from problem


def connect(path: Path, readonly: bool) -> sqlite3.Connection:
    """Open the file, make its tables where it is new, and check that it is a log.

    Raises
    ------
    LogError
        It is missing (to read), something else, of a newer version, or cannot be opened.
    """
    if readonly and not path.is_file():
        raise LogError("there is no such log", where=str(path))
    if not path.parent.is_dir():
        raise LogError("the folder of the log is missing", where=str(path.parent))
    mode = "ro" if readonly else "rwc"
    with guarded(path, "the log cannot be opened"):
        uri = f"file:{quote(str(path.absolute()))}?mode={mode}"
        connection = sqlite3.connect(
            uri, uri=True, timeout=10.0, isolation_level=None, check_same_thread=False
        )
        try:
            _prepare(connection, path, readonly)
        except BaseException:
            connection.close()
            raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path, readonly: bool) -> None:
    # in this order: a log that is being made in this moment is empty, not a stranger's
    tables = _number(connection, "schema_version")
    application = _number(connection, "application_id")
    if application != _APPLICATION and tables > 0:
        raise LogError(
            "the file is no log of gamma_flow", where=str(path), cure="name another file, or a new one"
        )
    version = _number(connection, "user_version")
    if version > SCHEMA:
        raise LogError(
            "the log was written by a newer gamma_flow",
            where=str(path),
            expected=f"version {SCHEMA}",
            found=str(version),
        )
    if readonly:
        if not tables:
            raise LogError("the log is empty", where=str(path))
        return
    connection.execute("PRAGMA journal_mode = WAL")
    # in WAL mode only FULL waits for the disk at each commit: what was acknowledged survives a power cut
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    if not tables:
        # one transaction: a log that was killed here is an empty file, not half a log
        connection.executescript(
            f"BEGIN IMMEDIATE; {_TABLES} PRAGMA application_id = {_APPLICATION};"
            f" PRAGMA user_version = {SCHEMA}; COMMIT;"
        )


def _number(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def used_bytes(connection: sqlite3.Connection) -> int:
    """Return the bytes that pages in use take, without free ones, which are taken first."""
    pages = _number(connection, "page_count") - _number(connection, "freelist_count")
    return pages * _number(connection, "page_size")


class WriterLock:
    """Sees to it that one program at a time writes a log; a program that dies gives it free.

    Raises
    ------
    LogError
        Another program writes this log.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(f"{path.name}.lock")
        with guarded(path, "the log cannot be opened"):
            self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(self._handle)
        except OSError as problem:
            os.close(self._handle)
            raise LogError(
                "another program writes this log", where=str(path), cure="close it, or name another file"
            ) from problem

    def release(self) -> None:
        """Give the lock back."""
        with suppress(OSError):
            os.close(self._handle)


def _lock(handle: int) -> None:
    """Take an exclusive lock or raise OSError; the system frees it when the program ends."""
    if os.name == "nt":  # pragma: no cover  # the tests run where fcntl is
        from importlib import import_module

        system: Any = import_module("msvcrt")
        system.locking(handle, system.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
