"""Frames from files that are dropped into a folder, of any format that the readers know."""

from __future__ import annotations

import hashlib
import os
import time
import warnings
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

from gamma_flow.errors import GammaFlowError, ReadWarning, SourceError, SpectrumError, UnsafeFileError
from gamma_flow.io._format import ReadOptions
from gamma_flow.io.reading import scan
from gamma_flow.live.frames import Frame, frames_of, moment
from gamma_flow.live.sources._base import Delivery, Source

__all__ = ["Folder"]

_UNPACKED = 4  # times the limit of a file
_UNFINISHED = (".part", ".tmp", ".crdownload", ".swp", "~")


@dataclass(frozen=True)
class _Look:
    size: int
    changed: int  # ns since 1970
    since: float  # when it was seen so first, in seconds of a clock that does not jump


class Folder(Source):
    """Files of a folder, each once it has stopped growing; sub-folders are not looked into.

    A file is taken when its size and time of change have stayed the same for ``settle`` seconds. Names that
    begin with a dot, and those that programs give to unfinished files (``.part``, ``.tmp``, ...) are left
    alone, so that writing to such a name and renaming is safe at once. A file that cannot be read is refused
    once, and looked at again when it has changed.

    Acknowledged files are moved into the folder ``done`` where one is given; else they stay, are remembered
    until the program ends, and are known to the log as duplicates after that.

    Parameters
    ----------
    path : path
        The folder.
    pattern : str
        Names that count, such as ``*.n42``.
    done : path, optional
        Where acknowledged files go; made if it is missing.
    every, settle : float
        Seconds between looks, and of rest before a file is taken.
    largest : int
        Bytes of one file at most; a zip may unpack to four times as much.
    detector : str
        What a detector without a name is called; the folder's name by default.
    options : ReadOptions, optional
        What files may not say of themselves.
    once : bool
        End when all files that are there have been taken.

    Raises
    ------
    SourceError
        There is no such folder.

    Notes
    -----
    A spectrum without a time gets the file's time of change, and the hash of the file's content for an
    identity.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        pattern: str = "*",
        done: str | Path | None = None,
        every: float = 0.5,
        settle: float = 1.0,
        largest: int = 2**26,
        detector: str = "",
        options: ReadOptions | None = None,
        once: bool = False,
    ) -> None:
        self.path = Path(path)
        self.name = f"folder:{path}"
        if not self.path.is_dir():
            raise SourceError("there is no such folder", where=str(path))
        self.pattern, self.every, self.settle, self.largest = pattern, every, settle, largest
        self.detector = detector or self.path.absolute().name or "folder"
        self.options = options or ReadOptions()
        self.once = once
        self._done = None if done is None else Path(done)
        self._seen: dict[str, _Look] = {}
        self._taken: dict[str, tuple[int, int]] = {}

    def poll(self, timeout: float = 1.0, most: int = 256) -> list[Delivery]:
        """Return files that have settled; see `Source.poll`."""
        end = time.monotonic() + timeout
        while True:
            ready, waiting = self._settled()
            if ready:
                return [self._read(name, look) for name, look in ready[: max(1, min(most, 16))]]
            if self.once and not waiting:
                self.ended = True
                return []
            rest = end - time.monotonic()
            if rest <= 0:
                return []
            time.sleep(min(rest, self.every))

    def _settled(self) -> tuple[list[tuple[str, _Look]], int]:
        """Return files that can be taken, oldest first, and how many others are still to be waited for."""
        now = time.monotonic()
        looks: dict[str, _Look] = {}
        for name, size, changed in self._listed():
            before = self._seen.get(name)
            same = before is not None and (before.size, before.changed) == (size, changed)
            looks[name] = before if same and before is not None else _Look(size, changed, now)
        self._seen = looks
        self._taken = {name: what for name, what in self._taken.items() if name in looks}
        open_ = {
            name: look for name, look in looks.items() if self._taken.get(name) != (look.size, look.changed)
        }
        # a file that was last changed long ago is not being written
        old = time.time_ns() - int(self.settle * 1e9)
        ready = [
            (name, look)
            for name, look in open_.items()
            if now - look.since >= self.settle or (self.once and look.changed < old)
        ]
        ready.sort(key=lambda one: (one[1].changed, one[0]))
        return ready, len(open_) - len(ready)

    def _listed(self) -> list[tuple[str, int, int]]:
        found = []
        try:
            with os.scandir(self.path) as entries:
                for entry in entries:
                    name = entry.name
                    if name.startswith(".") or name.lower().endswith(_UNFINISHED):
                        continue
                    try:
                        if fnmatch(name, self.pattern) and entry.is_file():
                            status = entry.stat()
                            found.append((name, status.st_size, status.st_mtime_ns))
                    except OSError:
                        continue  # it went away between the two looks
            self.trouble = ""
        except OSError as problem:
            # a share that is away for a while comes back
            self.trouble = f"the folder cannot be read: {problem.strerror or problem}"
        return found

    def _read(self, name: str, look: _Look) -> Delivery:
        self._taken[name] = (look.size, look.changed)
        try:
            return Delivery(tuple(self._frames(self.path / name, look)), name, token=name)
        except GammaFlowError as problem:
            return Delivery((), name, problem, token=None)

    def _frames(self, path: Path, look: _Look) -> list[Frame]:
        if look.size > self.largest:
            raise SpectrumError(
                "the file is too large",
                where=path.name,
                expected=f"{self.largest} bytes at most",
                found=str(look.size),
            )
        self._check_zip(path)
        frames: list[Frame] = []
        with warnings.catch_warnings():
            # what a file holds besides its spectra is of no use here
            warnings.simplefilter("ignore", ReadWarning)
            parts = scan(path, self.options).parts
        identity = ""
        for number, spectra in enumerate(parts):
            if np.isnat(spectra.time).any() and not identity:
                identity = hashlib.sha256(path.read_bytes()).hexdigest()[:32]
            frames += frames_of(
                spectra,
                detector=self.detector,
                time=moment(look.changed // 1000),
                name=f"{identity}.{number}",
            )
        return frames

    def _check_zip(self, path: Path) -> None:
        """Refuse a zip (an archive, npz or Excel) that would unpack to far more than a file may have."""
        try:
            if not zipfile.is_zipfile(path):
                return
            with zipfile.ZipFile(path) as archive:
                size = sum(info.file_size for info in archive.infolist())
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
            return  # its reader says what is wrong with it
        if size > _UNPACKED * self.largest:
            raise UnsafeFileError(
                "the file would unpack to too much",
                where=path.name,
                expected=f"{_UNPACKED * self.largest} bytes at most",
                found=str(size),
            )

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Move files to the folder of those that are done, if there is one.

        Raises
        ------
        SourceError
            A file cannot be moved.
        """
        if self._done is None:
            return
        for delivery in deliveries:
            if delivery.token is None:
                continue
            try:
                self._done.mkdir(parents=True, exist_ok=True)
                target = self._done / delivery.token
                if target.exists():  # another file of the same name is not overwritten
                    target = target.with_name(f"{target.stem}-{time.time_ns()}{target.suffix}")
                (self.path / delivery.token).replace(target)
            except OSError as problem:
                raise SourceError(
                    f"a file cannot be moved: {problem.strerror or problem}",
                    where=str(self.path / delivery.token),
                    cure=f"make {self._done} writeable and on the same disk",
                ) from problem
