"""Times as people write them: ``30 y``, ``1e10 y``, ``6.01 h``."""

from __future__ import annotations

import math
import re

from gamma_flow.errors import DataError

__all__ = ["YEAR", "duration", "readable"]

YEAR = 365.25 * 86400.0
"""Seconds of a year (Julian)."""

_UNITS = {
    "y": YEAR, "d": 86400.0, "h": 3600.0, "min": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9,
}  # fmt: skip
_WORDS = {
    "a": "y", "yr": "y", "year": "y", "years": "y", "day": "d", "days": "d", "hour": "h", "hours": "h",
    "minute": "min", "minutes": "min", "m": "min", "second": "s", "seconds": "s", "sec": "s", "µs": "us",
    "μs": "us", "week": "w", "weeks": "w",
}  # fmt: skip


def duration(text: str | float) -> float:
    """Return seconds from a number of seconds or a text with a unit.

    Parameters
    ----------
    text : str or float
        Seconds, or a number and one of y, d, h, min, s, ms, us, ns. A year has 365.25 days.

    Raises
    ------
    DataError
        No number, an unknown unit, a time that is negative or not finite.

    Examples
    --------
    >>> duration("2 h"), duration(5.0), duration("1.5d")
    (7200.0, 5.0, 129600.0)
    """
    said = re.fullmatch(r"\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*([a-zA-Zµμ]*)\s*", str(text))
    try:
        number = float(said[1]) if said else math.nan
    except ValueError:
        number = math.nan
    unit = said[2] if said else ""
    unit = _WORDS.get(unit.lower(), unit.lower()) or "s"
    scale = 7 * 86400.0 if unit == "w" else _UNITS.get(unit, math.nan)
    seconds = number * scale
    if not math.isfinite(seconds) or seconds < 0:
        raise DataError(
            "this is no length of time",
            expected="a number that is not negative and y, d, h, min or s",
            found=repr(text),
            cure='write it as "30 y" or "2.5 h"',
        )
    return seconds


def readable(seconds: float, error: float = math.nan) -> str:
    """Return a time in the unit that fits it, with its error on the last digits if there is one.

    Examples
    --------
    >>> readable(948279000.0, 2524608.0), readable(153.12), readable(1.41e17)
    ('30.05(8) y', '2.552 min', '4.468e+09 y')
    """
    if not math.isfinite(seconds):
        return "unknown"
    unit = next((name for name, size in _UNITS.items() if seconds >= 1.5 * size), "ns")
    value, spread = seconds / _UNITS[unit], error / _UNITS[unit]
    if not (math.isfinite(spread) and 0 < spread < value):
        return f"{value:.4g} {unit}"
    power = math.floor(math.log10(value))
    if -3 < power < 6:
        power = 0
    value, spread = value / 10**power, spread / 10**power
    places = max(0, -math.floor(math.log10(spread)))
    places += round(spread * 10**places) == 1  # one more digit where the first is a one
    digits = round(spread * 10**places)
    return f"{value:.{places}f}({digits}){f'e{power}' if power else ''} {unit}"
