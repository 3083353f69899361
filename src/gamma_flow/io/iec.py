"""IEC 61455 (first edition 1995, then IEC 1455): lines of at most 70 columns that begin with ``A004``.

Line 1: system, subsystem, converter, segment, offset. 2: live time, real time (s), channels. 3: start of the
measurement and of the sample, month/day/year. 4: energy calibration. 5: width calibration. 6 to 9:
description. 11 to 22: pairs of energy and channel. 23 to 46: resolution and efficiency. 47 to 58: free.
From 59: the number of a channel (6 columns) and five counts (10 columns each).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data import Axis, SpectrumSet
from gamma_flow.errors import DamagedFileError, UnsafeFileError
from gamma_flow.io import _calibration
from gamma_flow.io._format import Format, ReadOptions, Record, gather
from gamma_flow.io._source import MAX_CHANNELS, Source

__all__ = ["FORMAT", "read"]

_PREFIX = "A004"
_FIRST = 58  # lines before the counts
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
# exponents of two digits, so that numbers without a space between them come apart
_FLOAT = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{2})?")


def _sniff(source: Source) -> bool:
    lines = source.head.split(b"\n")[:3]
    return len(lines) == 3 and all(line.startswith(b"A004") for line in lines)


def read(source: Source, options: ReadOptions) -> Sequence[SpectrumSet]:
    """Read the one spectrum of a file.

    The calibration is the polynomial of line 4 (lower edges unless ``options.reference`` says otherwise);
    where it is zero, a polynomial through the pairs of energy and channel: a straight line for two pairs, a
    parabola fitted to three or more; else the axis is in channels.

    Meta column: ``title`` (the description).

    Raises
    ------
    DamagedFileError
        Cut, channels out of order or missing, lines not understood.
    UnsafeFileError
        More than `MAX_CHANNELS` channels are declared.
    """
    lines = _lines(source)
    live, real, channels = _sizes(lines[1], source)
    values = _counts(lines[_FIRST:], channels, source)
    title = " ".join(" ".join(lines[5:9]).split())
    record = Record(
        values,
        _axis(lines, channels, options, source),
        live_time=live,
        real_time=real,
        time=_start(lines[2], source),
        detector=_detector(lines[0]),
        meta={"title": title} if title else {},
    )
    return gather([record], source, options)


def _detector(line: str) -> str:
    """Return system and subsystem: what stands before the numbers of converter, segment and offset."""
    parts = line.split()
    while parts and parts[-1].lstrip("-").isdecimal():
        parts.pop()
    return " ".join(parts)


def _lines(source: Source) -> list[str]:
    text = source.data.decode("latin-1")
    last = text.rpartition("\n")[2]
    if last.strip(" \x1a"):
        raise DamagedFileError(
            "the last line has no end: the file is cut",
            where=f"{source.name}, line {text.count(chr(10)) + 1}",
            found=repr(last[:60]),
            cure="copy the file again; if it is whole, add the line end",
        )
    lines = text.split("\n")[:-1]
    for number, line in enumerate(lines, 1):
        if not line.startswith(_PREFIX):
            raise DamagedFileError(
                "a line does not begin as the standard has it",
                where=f"{source.name}, line {number}",
                expected=_PREFIX,
                found=repr(line[:20]),
            )
    if len(lines) <= _FIRST:
        raise DamagedFileError(
            "the file is cut before its counts",
            where=source.name,
            expected=f"more than {_FIRST} lines",
            found=str(len(lines)),
            cure="copy or export the file again",
        )
    return [line[len(_PREFIX) :].rstrip("\r") for line in lines]


def _sizes(line: str, source: Source) -> tuple[float, float, int]:
    parts = line.split()
    where = f"{source.name}, line 2"
    if len(parts) != 3 or not all(map(_NUMBER.fullmatch, parts)) or not parts[2].isdecimal():
        raise DamagedFileError(
            "the times and the number of channels cannot be understood",
            where=where,
            expected="live time, real time, channels",
            found=repr(line.strip()[:60]),
        )
    if len(parts[2]) > 9 or int(parts[2]) > MAX_CHANNELS:
        raise UnsafeFileError(
            "too many channels are declared",
            where=where,
            expected=f"at most {MAX_CHANNELS}",
            found=parts[2][:40],
        )
    return float(parts[0]), float(parts[1]), int(parts[2])


def _start(line: str, source: Source) -> np.datetime64:
    text = " ".join(line.split()[:2])
    if not text:
        return np.datetime64("NaT", "us")
    for pattern in ("%m/%d/%y %H:%M:%S", "%m/%d/%Y %H:%M:%S"):
        try:
            return np.datetime64(datetime.strptime(text, pattern), "us")
        except ValueError:
            continue
    raise DamagedFileError(
        "the start of the measurement is no date",
        where=f"{source.name}, line 3",
        expected="month/day/year hours:minutes:seconds",
        found=repr(text[:60]),
    )


def _counts(lines: list[str], channels: int, source: Source) -> NDArray[np.float64]:
    found: list[float] = []
    for number, line in enumerate(lines, _FIRST + 1):
        fields = [line[:6], *(line[at : at + 10] for at in range(6, max(len(line), 7), 10))]
        parts = [field.strip() for field in fields if field.strip()]
        if not parts and len(found) >= channels:
            continue  # an empty line after the last channel
        if len(parts) < 2 or len(parts) > 6 or not all(part.isdecimal() for part in parts):
            raise DamagedFileError(
                "a line of counts cannot be understood",
                where=f"{source.name}, line {number}",
                expected="the number of a channel and up to five counts",
                found=repr(line[:60]),
            )
        if int(parts[0]) != len(found):
            raise DamagedFileError(
                "the channels do not follow each other",
                where=f"{source.name}, line {number}",
                expected=f"channel {len(found)}",
                found=parts[0],
                cure="copy or export the file again",
            )
        found += [float(part) for part in parts[1:]]
    # the last line is filled up to five
    if not channels or not channels <= len(found) < channels + 5:
        raise DamagedFileError(
            "the file does not hold the channels that it declares",
            where=source.name,
            expected=f"{channels} counts",
            found=str(len(found)),
            cure="copy or export the file again",
        )
    return np.array(found[:channels])


def _floats(line: str, number: int, source: Source) -> list[float]:
    parts = line.split()
    if not all(map(_NUMBER.fullmatch, parts)):
        parts = [] if _FLOAT.sub("", line).strip() else _FLOAT.findall(line)
    if not parts and line.strip():
        raise DamagedFileError(
            "numbers cannot be understood",
            where=f"{source.name}, line {number}",
            found=repr(line.strip()[:60]),
        )
    return [float(part) for part in parts]


def _axis(lines: list[str], channels: int, options: ReadOptions, source: Source) -> Axis:
    terms = _floats(lines[3], 4, source)
    where = f"{source.name}, line 4"
    if not any(terms):
        numbers = [value for at in range(10, 22) for value in _pairs(lines[at], at + 1, source)]
        pairs = [pair for pair in zip(numbers[::2], numbers[1::2], strict=True) if any(pair)]
        where = f"{source.name}, lines 11 to 22"
        terms = _through(pairs, where)
    return _calibration.polynomial(terms or [0.0], channels, options, where)


def _pairs(line: str, number: int, source: Source) -> list[float]:
    values = _floats(line, number, source)
    if len(values) % 2:
        raise DamagedFileError(
            "a pair of energy and channel is not whole",
            where=f"{source.name}, line {number}",
            found=repr(line.strip()[:60]),
        )
    return values


def _through(pairs: list[tuple[float, float]], where: str) -> list[float]:
    """Return the line through two pairs, or the best parabola; no coefficients for fewer."""
    if len(pairs) < 2:
        return []
    energy, channel = np.array(pairs).T
    order = min(len(pairs) - 1, 2)
    with np.errstate(all="ignore"):
        scale = np.abs(channel).max() or 1.0
        powers = (channel[:, None] / scale) ** np.arange(order + 1)
        if not np.isfinite(powers).all() or not np.isfinite(energy).all():
            raise DamagedFileError("a pair of energy and channel is not finite", where=where)
        solution, _, rank, _ = np.linalg.lstsq(powers, energy, rcond=None)
        if rank <= order:
            raise DamagedFileError(
                "pairs of energy and channel give no calibration", where=where, found=str(pairs[:4])
            )
        return [float(term) for term in solution / scale ** np.arange(order + 1)]


FORMAT = Format(name="iec", title="IEC 61455 (IEC 1455)", endings=(".iec",), sniff=_sniff, read=read)
"""What the registry knows of this format."""
