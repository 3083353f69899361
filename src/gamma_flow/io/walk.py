"""Which files a path stands for: a file, a folder, a zip, a pattern."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from glob import glob
from os import PathLike, fspath
from pathlib import Path
from typing import cast

from gamma_flow.errors import DamagedFileError, ReadError, UnsafeFileError
from gamma_flow.io._source import MAX_FILE, Source

__all__ = ["Entry", "entries"]

MAX_MEMBERS = 100_000
"""Members that a zip may have."""

_JUNK = ("__MACOSX/", ".DS_Store", "Thumbs.db")


class Entry:
    """A file that can be opened later: its name and how to get at its content."""

    def __init__(self, name: str, load: Callable[[], Source], alone: bool) -> None:
        self.name = name
        self.load = load
        self.alone = alone
        """Whether the user named this very file."""


def entries(paths: str | Path | Sequence[str | Path], leave_out: str | Path | None = None) -> list[Entry]:
    """List the files behind one or several paths, sorted within each.

    Parameters
    ----------
    paths : path or sequence of paths
        Files, folders (with all that is below them), zip archives, or patterns with ``*`` and ``?``.
    leave_out : path, optional
        A folder whose files are left out where a folder above it is walked, such as the place for results
        within the input. It does not count for a folder or file that is named itself.

    Raises
    ------
    ReadError
        A path that does not exist or can be none, a pattern that matches nothing, a folder without files.
    """
    several = isinstance(paths, Iterable) and not isinstance(paths, (str, bytes, PathLike))
    asked: list[object] = list(cast("Iterable[object]", paths)) if several else [paths]
    if not asked:
        raise ReadError("no path was given", expected="a file, folder, zip or pattern")
    left_out = None if leave_out is None else Path(leave_out).expanduser().resolve()
    found: list[Entry] = []
    for path in asked:
        try:
            found.extend(_of_path(path, left_out))
        except ReadError:
            raise
        except (OSError, ValueError, RuntimeError) as problem:
            # too long, a character that no path may hold, a home that is not there, no permission
            reason = getattr(problem, "strerror", None) or str(problem)
            raise ReadError(
                f"the path cannot be used: {reason}", where=repr(str(path)[:200]), cure="check the path"
            ) from problem
    return found


def _of_path(given: object, left_out: Path | None) -> Iterator[Entry]:
    if not isinstance(given, (str, PathLike)) or not isinstance(fspath(given), str):
        raise ReadError(
            "something that is no path was given",
            expected="text or a pathlib.Path",
            found=f"{type(given).__name__} {str(given)[:80]}",
        )
    if given == "":
        # Path("") would be the folder that one is in
        raise ReadError("an empty path was given", expected="a file, folder, zip or pattern")
    path = Path(given).expanduser()
    if path.is_dir():
        yield from _of_folder(path, left_out)
    elif path.exists():
        yield from _of_file(path, alone=True)
    else:
        matches = sorted(glob(str(path), recursive=True)) if any(sign in str(path) for sign in "*?[") else []  # noqa: PTH207
        # a pattern does not name the folder that it meets
        kept = [match for match in map(Path, matches) if not (match.is_dir() and _is_within(match, left_out))]
        if not kept:
            raise ReadError(
                "there is no such file or folder",
                where=str(given),
                cure="check the path; it is taken from the folder you are in",
            )
        for match in kept:
            yield from _of_folder(match, left_out) if match.is_dir() else _of_file(match, alone=True)


def _of_folder(folder: Path, left_out: Path | None) -> Iterator[Entry]:
    # the folder itself may be where results go to: then its files are still what was asked for
    outside = None if _is_within(folder, left_out) else left_out
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and not _is_within(path, outside)
    )
    if not files:
        raise ReadError("the folder holds no files", where=str(folder), cure="check the path")
    for path in files:
        yield from _of_file(path, alone=False)


def _is_within(path: Path, folder: Path | None) -> bool:
    return folder is not None and path.resolve().is_relative_to(folder)


def _of_file(path: Path, alone: bool) -> Iterator[Entry]:
    if _is_archive(path):
        yield from _of_zip(path)
    else:
        yield Entry(str(path), lambda: Source.of(path), alone)


def _is_archive(path: Path) -> bool:
    """Tell whether a file is a zip of files, not one of the formats that are zips themselves."""
    try:
        with path.open("rb") as stream:
            if stream.read(4) != b"PK\x03\x04":
                return False
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return False  # a damaged zip is opened as a file and refused with its reason
    return not {"header.json", "[Content_Types].xml"} & set(names)


def _of_zip(path: Path) -> Iterator[Entry]:
    with zipfile.ZipFile(path) as archive:
        members = [info for info in archive.infolist() if not info.is_dir()]
    members = sorted(
        (info for info in members if not any(sign in info.filename for sign in _JUNK)),
        key=lambda info: info.filename,
    )
    if len(members) > MAX_MEMBERS:
        raise UnsafeFileError(
            "the zip has too many members",
            where=str(path),
            expected=f"at most {MAX_MEMBERS}",
            found=str(len(members)),
        )
    if not members:
        raise ReadError("the zip holds no files", where=str(path))
    for info in members:
        yield Entry(f"{path}/{info.filename}", _unpacker(path, info), False)


def _unpacker(path: Path, info: zipfile.ZipInfo) -> Callable[[], Source]:
    def load() -> Source:
        name = f"{path}/{info.filename}"
        if info.file_size > MAX_FILE:
            raise UnsafeFileError(
                "the member is too large",
                where=name,
                expected=f"at most {MAX_FILE} bytes",
                found=str(info.file_size),
            )
        if info.flag_bits & 1:
            raise ReadError("the member is encrypted", where=name, cure="unpack the zip first")
        try:
            # zipfile stops at the declared size, so a member cannot unpack to more than was checked
            with zipfile.ZipFile(path) as archive, archive.open(info) as stream:
                data = stream.read(info.file_size + 1)
        except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, ValueError) as problem:
            raise DamagedFileError(f"the member cannot be unpacked: {problem}", where=name) from problem
        except Exception as problem:
            if type(problem).__module__ not in ("zlib", "lzma"):
                raise
            raise DamagedFileError(f"the member cannot be unpacked: {problem}", where=name) from problem
        if len(data) != info.file_size:
            raise DamagedFileError(
                "the member is cut", where=name, expected=f"{info.file_size} bytes", found=str(len(data))
            )
        return Source(name, data)

    return load
