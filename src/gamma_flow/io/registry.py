"""All formats in one place: who knows a file, by its content and never by its name."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from io import BytesIO

from gamma_flow.data import SpectrumSet
from gamma_flow.errors import DamagedFileError, GammaFlowError, ReadError, SettingsError, UnknownFormatError
from gamma_flow.io._format import Format, ReadOptions
from gamma_flow.io._source import Source

__all__ = ["by_name", "formats", "identify", "read_source"]

# in the order of asking: sure signs first, tables and the vendors' library last
_MODULES = (
    "npz",
    "dictionaries",
    "excel",
    "n42",
    "radiacode",
    "spe",
    "iec",
    "tables",
    "vendor",
)


@cache
def formats() -> tuple[Format, ...]:
    """Return all formats, in the order in which they are asked."""
    return tuple(import_module(f"gamma_flow.io.{name}").FORMAT for name in _MODULES)


def by_name(name: str) -> Format:
    """Return the format of a name.

    Raises
    ------
    SettingsError
        There is none.
    """
    for known in formats():
        if known.name == name:
            return known
    raise SettingsError("unknown format", expected=", ".join(known.name for known in formats()), found=name)


def identify(source: Source) -> Format:
    """Return the first format that recognises the content.

    Raises
    ------
    UnknownFormatError
        None does; the sentence says why where that can be told. Also an empty file with an ending that no
        format uses.
    DamagedFileError
        An empty file with the ending of a format, a zip that is damaged or holds nothing: a spectrum was to
        be expected there, so that passing over it would be a loss.
    """
    if not source.data.strip():
        spectrum = source.name.lower().endswith(tuple(end for known in formats() for end in known.endings))
        kind = DamagedFileError if spectrum else UnknownFormatError
        raise kind("the file is empty", where=source.name)
    for known in formats():
        if known.sniff(source):
            return known
    hint = "not a spectrum file that a reader knows"
    if source.head.startswith(b"\x89HDF"):
        hint = "an HDF5 file, which no reader here knows"
    elif source.head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        _check_zip(source)
        hint = "a zip within a zip, or a zip of another program"
    raise UnknownFormatError(
        hint,
        where=source.name,
        expected=f"one of {', '.join(known.name for known in formats())}",
        cure="convert it to CSV or N42, or name its format (--format)",
    )


def _check_zip(source: Source) -> None:
    """Refuse a zip that may have held spectra, but is damaged or empty.

    Raises
    ------
    DamagedFileError
        Its directory cannot be read, or lists no file.
    """
    try:
        with zipfile.ZipFile(BytesIO(source.data)) as archive:
            files = [info for info in archive.infolist() if not info.is_dir()]
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        RuntimeError,
        EOFError,
        OSError,
        ValueError,
        LookupError,
        struct.error,
    ) as problem:
        raise DamagedFileError(
            "the zip is cut or damaged",
            where=source.name,
            found=str(problem)[:120] or None,
            cure="copy or export it again",
        ) from problem
    if not files:
        raise DamagedFileError("the zip holds no files", where=source.name, cure="copy or export it again")


def read_source(source: Source, options: ReadOptions, name: str | None = None) -> Sequence[SpectrumSet]:
    """Read one file with the format that knows it, or with the one named.

    Raises
    ------
    ReadError
        Whatever is wrong with the file; no other error comes out of a reader.
    """
    known = identify(source) if name is None else by_name(name)
    try:
        return known.read(source, options)
    except ReadError:
        raise
    except GammaFlowError as problem:
        # a noun refused what the file holds: the sentence is right, but it has to name the file
        where = source.name if problem.where is None else problem.where
        if source.name not in where:
            where = f"{source.name}, {where}"
        raise DamagedFileError(
            problem.what, where=where, expected=problem.expected, found=problem.found, cure=problem.cure
        ) from problem
    except (
        ValueError,
        LookupError,
        TypeError,
        ArithmeticError,
        struct.error,
        RecursionError,
        MemoryError,
    ) as problem:
        raise DamagedFileError(
            f"the content cannot be read as {known.title}: {type(problem).__name__}", where=source.name
        ) from problem
