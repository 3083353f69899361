"""Signatures and lengths of vendors' binary formats, so that none is read short."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass

from gamma_flow.errors import DamagedFileError, UnsafeFileError
from gamma_flow.io._source import MAX_CHANNELS, Source

__all__ = ["KINDS", "Kind", "kind_of"]

_MPS_RECORD = 10597
_EXPLORANIUM_RECORDS = (560, 2124)  # GR-130, GR-135 version 2


@dataclass(frozen=True)
class Kind:
    """One vendor format: its name in SpecUtils, its signature, and how its length is checked.

    ``check`` returns how many spectra there have to be, or None where the header does not tell.
    """

    parser: str
    title: str
    sniff: Callable[[bytes], bool]
    check: Callable[[Source], int | None]


def _cut(source: Source, expected: int, found: int, what: str) -> DamagedFileError:
    return DamagedFileError(
        f"the file is cut: {what}",
        where=source.name,
        expected=f"{expected} bytes or more",
        found=str(found),
        cure="copy or export the file again",
    )


def _check_size(source: Source, needed: int, what: str) -> None:
    if len(source.data) < needed:
        raise _cut(source, needed, len(source.data), what)


def _check_channels(source: Source, channels: int) -> None:
    if channels < 1:
        raise DamagedFileError("the header declares no channel", where=source.name, found=str(channels))
    if channels > MAX_CHANNELS:
        raise UnsafeFileError(
            "the header declares too many channels",
            where=source.name,
            expected=f"at most {MAX_CHANNELS}",
            found=str(channels),
        )


def _check_pcf(source: Source) -> int:
    """Count the spectra behind a header of 256 bytes: deviation pairs, perhaps, then equal spectra."""
    _check_size(source, 512, "its header declares spectra")
    data = source.data
    per_spectrum: int = struct.unpack_from("<h", data, 0)[0]
    start = 256
    pairs = re.match(rb"DeviationPairsInFile(\w*)", data[start : start + 64])
    if pairs:
        if pairs.group(1):
            raise DamagedFileError(
                "deviation pairs of a kind whose length is not known",
                where=source.name,
                expected="DeviationPairsInFile",
                found=pairs.group().decode("ascii", "replace"),
                cure="convert the file to N42",
            )
        start += 256 + 80 * 256
    step = 256 * per_spectrum
    length = len(data) - start
    if per_spectrum < 2 or length < step or length % step:
        raise DamagedFileError(
            "the file is cut, or its header is damaged: it does not hold whole spectra",
            where=source.name,
            expected=f"a multiple of {step} bytes behind the first {start}",
            found=str(length),
            cure="copy or export the file again",
        )
    for number, at in enumerate(range(start, len(data), step)):
        (channels,) = struct.unpack_from("<i", data, at + 252)
        if not 0 <= channels <= 64 * (per_spectrum - 1):
            raise DamagedFileError(
                "the channels of a spectrum do not fit its records",
                where=f"{source.name}, spectrum {number + 1}",
                expected=f"at most {64 * (per_spectrum - 1)}",
                found=str(channels),
            )
    return length // step


def _check_chn(source: Source) -> int:
    """Check a header of 32 bytes, four bytes a channel, then a record of 512 bytes with the calibration."""
    _check_size(source, 36, "its header has 32 bytes")
    (channels,) = struct.unpack_from("<H", source.data, 30)
    _check_channels(source, channels)
    counts = 32 + 4 * channels
    if len(source.data) != counts:  # some programs leave the calibration out
        _check_size(source, counts + 512, f"{channels} channels and their calibration are declared")
    return 1


def _check_spc(source: Source) -> int:
    """Check records of 128 bytes, to which the first one points (ORTEC Software File Structure Manual)."""
    _check_size(source, 128, "its header has 128 bytes")
    words = struct.unpack_from("<64H", source.data, 0)
    start, records, channels = words[30], words[31], words[32]
    _check_channels(source, channels)
    if not start or records * 128 < channels * 4:
        raise DamagedFileError(
            "the records of the spectrum do not hold its channels",
            where=source.name,
            expected=f"{channels * 4} bytes from record 1 on",
            found=f"{records * 128} bytes from record {start} on",
        )
    last = max(start - 1 + records, *words[4:30])
    _check_size(source, last * 128, f"its header points to {last} records")
    return 1


def _check_cnf(source: Source) -> int:
    """Check the length of the whole file, which the header tells."""
    _check_size(source, 512, "its header has 512 bytes")
    (declared,) = struct.unpack_from("<I", source.data, 10)
    _check_size(source, max(declared, 512), "its header declares the length")
    if len(source.data) % 512:
        raise _cut(source, -(-len(source.data) // 512) * 512, len(source.data), "it is made of blocks of 512")
    return 1


def _check_mps(source: Source) -> int:
    return 4 * (len(source.data) // _MPS_RECORD)


def _check_exploranium(source: Source) -> int:
    """Count records of one length that all begin with ZZZZ."""
    data = source.data
    for length in _EXPLORANIUM_RECORDS:
        if len(data) % length == 0 and all(
            data[at : at + 4] == b"ZZZZ" for at in range(0, len(data), length)
        ):
            return len(data) // length
    raise DamagedFileError(
        "the file is cut, or of a device whose records are not known",
        where=source.name,
        expected=f"records of {' or '.join(map(str, _EXPLORANIUM_RECORDS))} bytes that begin with ZZZZ",
        found=f"{len(data)} bytes",
    )


def _check_mca(source: Source) -> int:
    """Look for the end marks of the counts and of the configuration."""
    body = re.search(rb"<<DATA>>\r?\n(.*?)\r?\n<<END>>[ \t]*\r?\n", source.data, re.DOTALL)
    if body is None:
        raise DamagedFileError(
            "the file is cut: no end of the counts",
            where=source.name,
            expected="<<DATA>>, then <<END>>",
            cure="copy or export the file again",
        )
    if re.search(rb"<<DP5 CONFIGURATION>>(?!.*<<D[\w ]* END>>)", source.data, re.DOTALL):
        raise DamagedFileError("the file is cut: no end of the configuration", where=source.name)
    return 1


def _is_mps(data: bytes) -> bool:
    if not data or len(data) % _MPS_RECORD:
        return False
    latitude, longitude = struct.unpack_from("<2d", data, 32)
    clock, _, live = struct.unpack_from("<3H", data, 4232)
    return abs(latitude) <= 360 and abs(longitude) <= 360 and 0 < live <= clock and b"\0\0\0\0" in data[:512]


KINDS = (
    Kind("Pcf", "PCF (GADRAS)", lambda data: data[2:5] == b"DHS", _check_pcf),
    Kind("Chn", "CHN (ORTEC)", lambda data: data[:2] == b"\xff\xff" and len(data) > 35, _check_chn),
    Kind("Spc", "SPC (ORTEC)", lambda data: data[:4] in (b"\1\0\1\0", b"\1\0\5\0"), _check_spc),
    Kind(
        "Cnf",
        "CNF (Canberra)",
        lambda data: data[:2] == b"\0\4" and data[112:116] == b"\0\x20\1\0",
        _check_cnf,
    ),
    Kind("Exploranium", "Exploranium GR-130/135", lambda data: data[:4] == b"ZZZZ", _check_exploranium),
    Kind("AmptekMca", "MCA (Amptek)", lambda data: data[:17] == b"<<PMCA SPECTRUM>>", _check_mca),
    Kind("TracsMps", "MPS (TRACS)", _is_mps, _check_mps),
)


def kind_of(source: Source) -> Kind | None:
    """Return the vendor format whose signature the content bears, if any."""
    return next((kind for kind in KINDS if kind.sniff(source.data)), None)
