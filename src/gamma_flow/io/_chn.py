"""ORTEC's CHN (Maestro): read here, because SpecUtils empties the first two channels of it.

Reference: ORTEC Software File Structure Manual for DOS and Windows Systems, "Integer data file".
"""

from __future__ import annotations

import re
import struct
from datetime import datetime

import numpy as np

from gamma_flow.errors import DamagedFileError
from gamma_flow.io import _calibration
from gamma_flow.io._format import ReadOptions, Record
from gamma_flow.io._source import Source

__all__ = ["record"]

_HEAD = struct.Struct("<hhh2sii8s4sHH")
_TAIL = struct.Struct("<hhfff")
_TICK = 0.02  # seconds: the unit of both times
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DATE = re.compile(r"(\d\d)([A-Za-z]{3})(\d\d)(.?)")


def record(source: Source, options: ReadOptions) -> Record:
    """Return the one spectrum of a file whose length has been checked.

    Raises
    ------
    DamagedFileError
        Negative times or counts, a date that is none, a calibration that does not increase.
    """
    _, _, _, seconds, real, live, date, clock, first, channels = _HEAD.unpack_from(source.data, 0)
    if real < 0 or live < 0:
        raise DamagedFileError("a time is negative", where=source.name, found=f"live {live}, real {real}")
    values = np.frombuffer(source.data, "<i4", channels, _HEAD.size).astype(np.float64)
    if (values < 0).any():
        bad = int(np.flatnonzero(values < 0)[0])
        raise DamagedFileError(
            "a count is negative", where=f"{source.name}, channel {bad}", found=f"{values[bad]:g}"
        )
    tail = source.data[_HEAD.size + 4 * channels :]
    terms: list[float] = [0.0]
    title = detector = ""
    if tail:
        mark, _, *numbers = _TAIL.unpack_from(tail, 0)
        if mark not in (-101, -102):
            raise DamagedFileError(
                "no calibration behind the counts",
                where=source.name,
                expected="-101 or -102",
                found=str(mark),
            )
        # -101 marks files of two coefficients; single precision means the shortest decimal
        terms = [float(str(np.float32(number))) for number in (numbers if mark == -102 else numbers[:2])]
        detector, title = _text(tail, 256), _text(tail, 320)
    if not np.isfinite(terms).all():
        raise DamagedFileError("a calibration coefficient is no number", where=source.name, found=str(terms))
    return Record(
        values,
        _calibration.polynomial(terms, channels, options, source.name, first),
        live_time=live * _TICK if live else np.nan,
        real_time=real * _TICK if real else np.nan,
        time=_start(date, clock, seconds, source),
        detector=detector,
        meta={"title": title} if title else {},
    )


def _text(tail: bytes, at: int) -> str:
    length = min(tail[at], 63)
    return " ".join(tail[at + 1 : at + 1 + length].decode("latin-1").replace("\0", " ").split())


def _start(date: bytes, clock: bytes, seconds: bytes, source: Source) -> np.datetime64:
    """Read DDMMMYY, a 1 for years from 2000 on, HHMM and SS; blanks and zeros stand for unknown."""
    if not (date + clock + seconds).strip(b" 0\0"):
        return np.datetime64("NaT", "us")
    text = date.decode("latin-1").rstrip("\0 ")
    found = _DATE.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        year = int(found[3]) + (2000 if found[4] == "1" else 1900)
        month = _MONTHS.index(found[2].upper()) + 1
        hour, minute = int(clock[:2]), int(clock[2:])
        moment = datetime(year, month, int(found[1]), hour, minute, int(seconds.strip(b" \0") or b"0"))
    except ValueError as problem:
        raise DamagedFileError(
            "the start of the measurement is no date",
            where=source.name,
            expected="DDMMMYY1 HHMM SS",
            found=f"{text!r} {clock!r} {seconds!r}",
        ) from problem
    return np.datetime64(moment, "us")
