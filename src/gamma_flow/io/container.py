"""Our own container: a zip of one ``header.json`` and plain ``.npy`` members; spectra and models lie in it.

Nothing in it is executed: no pickle, no objects. What it declares is checked before memory is taken, and what
it holds is checked against what it declares. ``numpy.load`` and every zip tool can open it, too. Equal
content gives equal bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
import zlib
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from struct import error as StructError  # noqa: N812  # as every other exception is spelt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gamma_flow._version import __version__
from gamma_flow.errors import DamagedFileError, UnsafeFileError, WriteError
from gamma_flow.io import _npy, _source
from gamma_flow.io._source import Source
from gamma_flow.io.atomic import replacing

__all__ = [
    "FORMAT_NUMBER",
    "check_zip",
    "content_hash",
    "is_container",
    "read_container",
    "unpacked",
    "write_container",
]

FORMAT_NUMBER: Final = 1
"""Readers read this number and those below."""

_HEADER: Final = "header.json"
_MARK: Final = "gamma_flow"
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_MAX_MEMBERS: Final = 1000
_MAX_HEADER: Final = 16 * 2**20
_MAX_DEPTH: Final = 32
_CHUNK: Final = 2**20
_CURE: Final = "copy the file again, or make it anew"


def content_hash(header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> str:
    """Return the SHA-256 of a header and arrays, in hexadecimal.

    Parameters
    ----------
    header : mapping
        Anything that JSON can hold; the mark of the container, if it is in it, does not count.
    arrays : mapping of str to ndarray
        Arrays of any shape; their byte order does not count.

    Examples
    --------
    >>> content_hash({}, {"x": np.zeros(3)})[:12]
    '99e5e85e8a5d'
    """
    digest = hashlib.sha256()
    plain = {key: value for key, value in header.items() if key != _MARK}
    digest.update(_json_bytes(plain))
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        native = array.astype(array.dtype.newbyteorder("<"), copy=False)
        digest.update(f"\n{name} {native.dtype.str} {arrays[name].shape}\n".encode())
        digest.update(native.tobytes())
    return digest.hexdigest()


def write_container(
    path: Path, kind: str, header: dict[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> None:
    """Write a container, whole or not at all.

    Parameters
    ----------
    path : Path
        Where to.
    kind : str
        What it holds: ``"spectra"``, ``"model"``.
    header : dict
        Anything that JSON can hold, except the key ``gamma_flow``.
    arrays : mapping of str to ndarray
        Numbers, text, times; names of letters, digits and ``_ . -``.

    Raises
    ------
    WriteError
        The path cannot be written; a name or a type that a container cannot hold.
    """
    where = str(path)
    for name, array in arrays.items():
        if not _NAME.fullmatch(name) or array.dtype.kind not in "biufUMm" or array.dtype.itemsize == 0:
            raise WriteError(
                "the container cannot hold an array",
                where=where,
                expected="numbers, text or times under a name of letters, digits and _",
                found=f"{name[:100]!r} of dtype {array.dtype}",
            )
    try:
        mark = {
            "kind": kind,
            "format": FORMAT_NUMBER,
            "version": __version__,
            "members": sorted(arrays),
            "sha256": content_hash(header, arrays),
        }
        text = _json_bytes({**header, _MARK: mark})
    except (TypeError, ValueError, RecursionError) as wrong:
        raise WriteError("the header cannot be written as JSON", where=where, found=str(wrong)) from wrong
    with (
        replacing(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive,
    ):
        archive.writestr(_entry(_HEADER), text)
        for name in sorted(arrays):
            archive.writestr(_entry(f"{name}.npy"), _npy.bytes_of(arrays[name]))


def _entry(name: str) -> zipfile.ZipInfo:
    """Return a member whose time, system and rights are always the same."""
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3
    entry.external_attr = 0o644 << 16
    return entry


def _json_bytes(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=True, allow_nan=False, indent=1).encode("ascii")


def is_container(source: Source, kind: str | None = None) -> bool:
    """Tell whether a file looks like a container (of a kind); never raises."""
    if not source.data.startswith(b"PK\x03\x04"):
        return False
    try:
        with zipfile.ZipFile(BytesIO(source.data)) as archive:
            entry = archive.getinfo(_HEADER)
            if entry.file_size > _MAX_HEADER:
                return False
            mark = _header(unpacked(archive, entry, source.name), source.name)[_MARK]
            return kind is None or mark.get("kind") == kind
    except Exception:  # whatever is wrong with it, it is not one of ours
        return _cut_container(source)


def _cut_container(source: Source) -> bool:
    """Tell whether our header comes first: a container that lost its end is called cut, not unknown."""
    return source.data[30 : 30 + len(_HEADER)] == _HEADER.encode()


def read_container(source: Source, kind: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Read a container.

    Parameters
    ----------
    source : Source
        The file.
    kind : str
        What it has to hold.

    Returns
    -------
    header : dict
        As it was written, with the mark under ``gamma_flow``.
    arrays : dict of str to ndarray
        As they were written; read-only.

    Raises
    ------
    DamagedFileError
        The file is cut, a checksum is wrong, a member is missing; it is of another kind or of a newer
        version of gamma_flow.
    UnsafeFileError
        It declares or unpacks to more than the limits, is encrypted, or holds objects.
    """
    try:
        with zipfile.ZipFile(BytesIO(source.data)) as archive:
            return _read(archive, source, kind)
    except (zipfile.BadZipFile, zlib.error, EOFError) as wrong:
        raise DamagedFileError(
            "the zip is cut or damaged", where=source.name, found=str(wrong)[:200], cure=_CURE
        ) from wrong
    except (NotImplementedError, RuntimeError, ValueError, OSError, LookupError, StructError) as wrong:
        if isinstance(wrong, (DamagedFileError, UnsafeFileError)):
            raise
        raise DamagedFileError(
            "the zip cannot be understood", where=source.name, found=str(wrong)[:200], cure=_CURE
        ) from wrong


def _read(
    archive: zipfile.ZipFile, source: Source, kind: str
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    entries = check_zip(archive, source.name)
    if _HEADER not in entries:
        raise DamagedFileError(
            "the zip is none of ours", where=source.name, expected=f"a member {_HEADER}", cure=_CURE
        )
    header = _header(unpacked(archive, entries.pop(_HEADER), source.name), source.name)
    mark = header[_MARK]
    if mark.get("kind") != kind:
        raise DamagedFileError(
            "the file holds something else",
            where=source.name,
            expected=kind,
            found=str(mark.get("kind"))[:100],
        )
    declared = mark.get("members")
    if set(entries) != {f"{name}.npy" for name in declared}:
        raise DamagedFileError(
            "members of the zip are missing or strange",
            where=source.name,
            expected=", ".join(declared)[:300],
            found=", ".join(sorted(entries))[:300],
            cure=_CURE,
        )
    arrays = {
        name: _npy.array_of(
            unpacked(archive, entries[f"{name}.npy"], source.name), f"{source.name}/{name}.npy", wider=True
        )
        for name in declared
    }
    if mark.get("sha256") != content_hash(header, arrays):
        raise DamagedFileError("the content does not fit its checksum", where=source.name, cure=_CURE)
    return header, arrays


def check_zip(archive: zipfile.ZipFile, where: str) -> dict[str, zipfile.ZipInfo]:
    """Check what a zip declares, before anything is unpacked; return its members by name.

    Raises
    ------
    UnsafeFileError
        Too many or too large members, encrypted ones, other compression than deflate, one name twice.
    """
    entries = archive.infolist()
    members = {entry.filename: entry for entry in entries}
    total = sum(entry.file_size for entry in entries)
    strange = next((entry for entry in entries if entry.compress_type not in (0, 8)), None)
    if len(entries) > _MAX_MEMBERS or len(members) != len(entries):
        reason = f"{len(entries)} members, {len(members)} names"
    elif total > _source.MAX_FILE:
        reason = f"{total} bytes (allowed are {_source.MAX_FILE})"
    elif any(entry.flag_bits & 0x41 for entry in entries):
        reason = "an encrypted member"
    elif strange is not None:
        reason = f"compression method {strange.compress_type} (known are 0 and 8)"
    else:
        return members
    raise UnsafeFileError(
        "the zip holds what no reader should unpack", where=where, found=reason, cure="pack the files anew"
    )


def unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, where: str) -> bytes:
    """Unpack a member; stop as soon as it grows beyond what it declares."""
    pieces = []
    size = 0
    with archive.open(entry) as stream:
        while piece := stream.read(_CHUNK):
            size += len(piece)
            if size > entry.file_size:
                raise UnsafeFileError(
                    "a member of the zip unpacks to more than it declares",
                    where=f"{where}/{entry.filename[:100]}",
                    expected=f"{entry.file_size} bytes",
                )
            pieces.append(piece)
    if size != entry.file_size:
        raise DamagedFileError(
            "a member of the zip is cut",
            where=f"{where}/{entry.filename[:100]}",
            expected=f"{entry.file_size} bytes",
            found=str(size),
            cure=_CURE,
        )
    return b"".join(pieces)


def _header(data: bytes, where: str) -> dict[str, Any]:
    """Parse and check ``header.json``."""
    place = f"{where}/{_HEADER}"
    if len(data) > _MAX_HEADER:
        raise UnsafeFileError("the header is too long", where=place, found=f"{len(data)} bytes")
    if _depth(data) > _MAX_DEPTH:
        raise UnsafeFileError(
            "the header is nested too deeply", where=place, expected=f"at most {_MAX_DEPTH} levels"
        )
    try:
        header: Any = json.loads(data)
    except (ValueError, RecursionError) as wrong:
        raise DamagedFileError("the header is no JSON", where=place, cure=_CURE) from wrong
    mark = header.get(_MARK) if isinstance(header, dict) else None
    if not isinstance(mark, dict) or not isinstance(mark.get("format"), int):
        raise DamagedFileError("the header lacks our mark", where=place, expected=f'"{_MARK}": {{...}}')
    if mark["format"] > FORMAT_NUMBER:
        raise DamagedFileError(
            f"the file was written by a newer gamma_flow ({str(mark.get('version'))[:40]})",
            where=where,
            expected=f"format {FORMAT_NUMBER} or below",
            found=str(mark["format"])[:40],
            cure="update gamma-flow",
        )
    names = mark.get("members")
    if not isinstance(names, list) or not all(
        isinstance(name, str) and _NAME.fullmatch(name) for name in names
    ):
        raise DamagedFileError("the header does not name its members", where=place, cure=_CURE)
    found: dict[str, Any] = header
    return found


def _depth(data: bytes) -> int:
    """Most brackets open at a time; those within text count, too, which only makes it stricter."""
    brackets = np.frombuffer(data, np.uint8)
    step = np.isin(brackets, (0x5B, 0x7B)).astype(np.int64) - np.isin(brackets, (0x5D, 0x7D))
    return int(np.cumsum(step).max(initial=0))
