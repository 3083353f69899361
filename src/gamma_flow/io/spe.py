"""ASCII SPE of IAEA, Maestro, GammaVision, Kromek and others: blocks under names such as ``$DATA:``.

References: IAEA GANAAS / GBS Elektronik "SPE file format"; ORTEC Software File Structure Manual.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data import Axis, SpectrumSet
from gamma_flow.errors import DamagedFileError, UnsafeFileError
from gamma_flow.io import _calibration, _notes, spe_write
from gamma_flow.io._format import Format, ReadOptions, Record, gather
from gamma_flow.io._source import MAX_CHANNELS, Source

__all__ = ["FORMAT", "read"]

_HEADER = re.compile(r"\$([A-Za-z][\w .-]*):\s*")
_SNIFF = re.compile(rb"^\s*\$[A-Za-z][\w .-]*:[ \t]*\r?$", re.MULTILINE)
_NUMBERS = re.compile(r"[-+.\deE\s]*")
_GPS = re.compile(r"^\s*(lat|lon|alt|elev)\w*\.?\s*[=:]?\s*([-+]?[\d.]+)", re.IGNORECASE)
_DATES = (
    # the format says month first; with a day above 12 in first place only the other way is possible
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %I:%M:%S %p",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %I:%M:%S %p",
    "%Y/%m/%d %H:%M:%S",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%m-%d-%Y %H:%M:%S",
    "%d.%m.%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
)
_NOT_EMPTY: tuple[str, ...] = (
    "DATA",
    "MEAS_TIM",
    "DATE_MEA",
    "ENER_FIT",
    "MCA_CAL",
    "SHAPE_CAL",
    "ROI",
    "PRESETS",
)
_NOT_EMPTY += ("LATITUDE", "LONGITUDE", "ELEVATION", "NEUTRONS", "NEUTRON_COUNTS", "DOSE_RATE")
_DETECTORS = ("DETECTOR", "DET_ID", "DETECTOR_ID", "DEVICE_ID", "SENSOR_ID", "INSTRUMENT_ID", "MCA_166_ID")


@dataclass(frozen=True)
class _Block:
    name: str
    line: int
    lines: tuple[str, ...]
    source: Source

    @property
    def where(self) -> str:
        return f"{self.source.name}, ${self.name} in line {self.line}"

    def numbers(self, at_least: int, what: str, unit: bool = False) -> list[float]:
        """Return the numbers of the whole block, behind which a unit may stand."""
        parts = " ".join(self.lines).split()
        if unit and parts and parts[-1].isalpha():
            parts.pop()
        text = " ".join(parts)
        try:
            if not _NUMBERS.fullmatch(text):
                raise ValueError
            found = [float(part) for part in parts]
        except ValueError:
            found = []
        if len(found) < at_least or not np.isfinite(found).all():
            raise DamagedFileError(
                f"the block ${self.name} cannot be understood",
                where=self.where,
                expected=what,
                found=repr(" ".join(self.lines).strip()[:60]),
            )
        return found


def _sniff(source: Source) -> bool:
    head = source.head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return head.startswith(b"$") and _SNIFF.match(head) is not None


def read(source: Source, options: ReadOptions) -> Sequence[SpectrumSet]:
    """Read the one spectrum of a file.

    ``$DATA`` declares its first and last channel and has to hold exactly that many counts. The calibration
    is ``$MCA_CAL``, or ``$ENER_FIT`` where there is no other or the other is zero, or goes through the points
    of ``$ENER_DATA``; zeros stand for "not calibrated" and give an axis in channels. The polynomial takes
    the number of a channel and gives its lower edge, unless ``options.reference`` says otherwise.

    Meta columns: ``title``, ``latitude``, ``longitude`` (degrees), ``elevation`` (m), ``neutron_counts``,
    ``dose_rate`` (µSv/h).

    Raises
    ------
    DamagedFileError
        Cut as far as that can be seen (a declared number that is not there, a last line without its end), or
        not understood.
    UnsafeFileError
        More than `MAX_CHANNELS` channels are declared.
    """
    blocks = _blocks(source)
    data = blocks.get("DATA")
    if data is None:
        raise DamagedFileError(
            "the file has no block $DATA", where=source.name, found=", ".join(f"${name}" for name in blocks)
        )
    first, values = _counts(data)
    labels, meta, rest = _remarks(blocks)
    live, real = _times(blocks)
    record = Record(
        values,
        _axis(blocks, first, len(values), options, data.where),
        labels,
        live_time=live,
        real_time=real,
        time=_start(blocks),
        detector=_detector(blocks, rest),
        meta={**_meta(blocks), **meta},
    )
    return gather([record], source, options)


def _blocks(source: Source) -> dict[str, _Block]:
    lines = _lines(source)
    starts = [number for number, line in enumerate(lines) if _HEADER.fullmatch(line)]
    if not starts or any(line.strip() for line in lines[: starts[0]]):
        raise DamagedFileError(
            "not an SPE file", where=source.name, expected="a block name such as $DATA: in the first line"
        )
    found: dict[str, _Block] = {}
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        name = lines[start].strip()[1:-1].strip().upper()
        block = _Block(name, start + 1, tuple(lines[start + 1 : end]), source)
        if name in found:
            raise DamagedFileError(
                f"the block ${name} stands twice",
                where=block.where,
                expected="one spectrum a file",
                found=f"the first in line {found[name].line}",
                cure="divide the file",
            )
        if name in _NOT_EMPTY and not any(line.strip() for line in block.lines):
            raise DamagedFileError(
                f"the block ${name} is empty", where=block.where, cure="copy or export the file again"
            )
        _check_declared(block)
        found[name] = block
    return found


def _lines(source: Source) -> list[str]:
    data = source.data.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n\t ")
    if b"\0" in data:
        raise DamagedFileError(
            "bytes without a character in a text file", where=source.name, found="NUL bytes"
        )
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")  # titles and names of older programs
    end = "\n" if "\n" in text else "\r"
    last = text.rpartition(end)[2]
    if last.strip(" \t\x1a") and last.strip() != "$ENDRECORD:":
        raise DamagedFileError(
            "the last line has no end: the file may be cut",
            where=f"{source.name}, line {text.count(end) + 1}",
            found=repr(last[:60]),
            cure="copy the file again; if it is whole, add the line end",
        )
    return [line.rstrip("\r\x1a") for line in text.split(end)]


def _check_declared(block: _Block) -> None:
    """Refuse a list that is not as long as it says."""
    if block.name not in ("ROI", "MCA_CAL", "SHAPE_CAL"):
        return
    declared = block.lines[0].strip()
    if not declared.isdecimal() or len(declared) > 6:
        raise DamagedFileError(
            f"the block ${block.name} does not begin with a number",
            where=block.where,
            expected="how many follow",
            found=repr(declared[:40]),
        )
    rows = [line for line in block.lines[1:] if line.strip()]
    found = len(rows) if block.name == "ROI" else sum(map(_numeric, " ".join(rows).split()))
    if found != int(declared):
        raise DamagedFileError(
            f"the block ${block.name} does not hold what it declares",
            where=block.where,
            expected=declared,
            found=str(found),
            cure="copy or export the file again",
        )


def _numeric(part: str) -> bool:
    return part[-1:].isdecimal() or part.endswith(".")


def _counts(block: _Block) -> tuple[int, NDArray[np.float64]]:
    """Return the number of the first channel, and the counts, shape (C,)."""
    head = block.lines[0].split()
    if len(head) != 2 or not all(part.isdecimal() and len(part) < 19 for part in head):
        raise DamagedFileError(
            "the block $DATA does not begin with its first and last channel",
            where=block.where,
            expected="two whole numbers",
            found=repr(block.lines[0].strip()[:60]),
        )
    first, last = int(head[0]), int(head[1])
    channels = last - first + 1
    if channels > MAX_CHANNELS or first > MAX_CHANNELS:
        raise UnsafeFileError(
            "too many channels are declared",
            where=block.where,
            expected=f"at most {MAX_CHANNELS}",
            found=f"{first} to {last}",
        )
    parts = " ".join(block.lines[1:]).split()
    if len(parts) != channels or channels < 1:
        raise DamagedFileError(
            "the block $DATA does not hold the channels that it declares",
            where=block.where,
            expected=f"{channels} counts (channels {first} to {last})",
            found=str(len(parts)),
            cure="copy or export the file again",
        )
    return first, _numbers(block, parts)


def _numbers(block: _Block, parts: list[str]) -> NDArray[np.float64]:
    try:
        if not _NUMBERS.fullmatch(" ".join(parts)):
            raise ValueError
        values = np.array([float(part) for part in parts])
    except ValueError:
        values = np.array([np.nan])
    if not (np.abs(values) <= 2.0**53).all():
        strange = next((part for part in parts if not re.fullmatch(r"[-+]?\d{1,15}", part)), "")
        line = next((at for at, text in enumerate(block.lines) if strange in text.split()), 0)
        raise DamagedFileError(
            "a count is no number",
            where=f"{block.source.name}, $DATA, line {block.line + 1 + line}",
            expected="a number below 2^53",
            found=repr(strange[:40]),
        )
    return values


def _axis(blocks: dict[str, _Block], first: int, channels: int, options: ReadOptions, where: str) -> Axis:
    terms: list[float] = []
    if "MCA_CAL" in blocks:
        block = blocks["MCA_CAL"]
        terms = block.numbers(1, "the number of coefficients, then the coefficients", unit=True)[1:]
        unit = next((line.split()[-1] for line in block.lines[::-1] if line.split()), "")
        scale = _calibration.scale_of(unit, block.where) if unit.isalpha() else 1.0
        terms, where = [term * scale for term in terms], block.where
    if not any(terms) and "ENER_FIT" in blocks:
        where = blocks["ENER_FIT"].where
        terms = blocks["ENER_FIT"].numbers(2, "offset and slope", unit=True)
    if not any(terms) and "ENER_DATA" in blocks:
        block = blocks["ENER_DATA"]
        points = block.numbers(1, "the number of points, then channel and energy of each")
        if len(points) != 1 + 2 * points[0]:
            raise DamagedFileError(
                "the calibration points are not as many as declared",
                where=block.where,
                expected=f"{points[0]:g} pairs of channel and energy",
                found=f"{len(points) - 1} numbers",
            )
        if points[0]:
            return _calibration.through(points[1:], channels, options, block.where)
    if not any(terms):
        return _calibration.uncalibrated(channels, options, where, first)
    return _calibration.polynomial(terms, channels, options, where, first)


def _times(blocks: dict[str, _Block]) -> tuple[float, float]:
    if "MEAS_TIM" not in blocks:
        return np.nan, np.nan
    live, real = blocks["MEAS_TIM"].numbers(2, "live and real time in seconds")[:2]
    return live, real


def _start(blocks: dict[str, _Block]) -> np.datetime64:
    block = blocks.get("DATE_MEA")
    if block is None:
        return np.datetime64("NaT", "us")
    text = " ".join(" ".join(block.lines).split())
    plain, _, fraction = re.sub(r"(:\d\d)[.,](\d+)", r"\1|\2", text).partition("|")
    digits, _, half = fraction.partition(" ")
    for pattern in _DATES:
        try:
            moment = datetime.strptime(f"{plain} {half}".strip(), pattern)
        except ValueError:
            continue
        return np.datetime64(moment, "us") + np.timedelta64(int(f"{digits:0<6}"[:6]), "us")
    raise DamagedFileError(
        "the block $DATE_MEA holds no date that is known",
        where=block.where,
        expected="month/day/year hours:minutes:seconds",
        found=repr(text[:60]),
    )


def _remarks(
    blocks: dict[str, _Block],
) -> tuple[tuple[str, ...] | None, dict[str, float | str], list[str]]:
    block = blocks.get("SPEC_REM")
    return (None, {}, []) if block is None else _notes.notes_in(block.lines, block.where)


def _detector(blocks: dict[str, _Block], remarks: list[str]) -> str:
    for line in remarks:
        if line.startswith("DETDESC#"):
            return line.removeprefix("DETDESC#").strip()
    for name in _DETECTORS:
        if name in blocks:
            return " ".join(" ".join(blocks[name].lines).split())
    return ""


def _meta(blocks: dict[str, _Block]) -> dict[str, float | str]:
    meta: dict[str, float | str] = {}
    if "SPEC_ID" in blocks:
        title = " ".join(" ".join(blocks["SPEC_ID"].lines).split())
        if title:
            meta["title"] = title
    if "GPS" in blocks:
        names = {"lat": "latitude", "lon": "longitude", "alt": "elevation", "elev": "elevation"}
        for line in blocks["GPS"].lines:
            found = _GPS.match(line)
            if found and re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)", found[2]):
                meta[names[found[1].lower()]] = float(found[2])
    for block, column in (
        ("LATITUDE", "latitude"),
        ("LONGITUDE", "longitude"),
        ("ELEVATION", "elevation"),
        ("NEUTRONS", "neutron_counts"),
        ("NEUTRON_COUNTS", "neutron_counts"),
        ("DOSE_RATE", "dose_rate"),
    ):
        if block in blocks:
            meta[column] = blocks[block].numbers(1, "a number", unit=True)[0]
    return meta


FORMAT = Format(
    name="spe",
    title="ASCII SPE (IAEA, Maestro)",
    endings=(".spe",),
    sniff=_sniff,
    read=read,
    write=spe_write.write,
)
"""What the registry knows of this format."""
