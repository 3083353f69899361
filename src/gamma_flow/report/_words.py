"""Numbers as people read them, the same in all parts of a report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from gamma_flow.data.axis import Axis

__all__ = ["axis_words", "count", "listed", "number", "percent", "plural", "span"]

_MOST = 12  # names in a line


def percent(value: float | None, digits: int = 1) -> str:
    """Return a share of one in percent, a dash where there is none.

    Examples
    --------
    >>> percent(0.8731), percent(float("nan")), percent(1.0)
    ('87.3 %', '–', '100.0 %')
    """
    return "–" if value is None or not math.isfinite(value) else f"{100 * value:.{digits}f} %"


def span(interval: Mapping[str, tuple[float, float]], name: str) -> str:
    """Return an interval of shares in percent, empty where it is not known."""
    if name not in interval or not all(math.isfinite(end) for end in interval[name]):
        return ""
    low, high = interval[name]
    return f"{100 * low:.1f}–{100 * high:.1f}"


def count(value: float) -> str:
    """Return a whole number with thin spaces between thousands, as ISO 80000-1 has it.

    Examples
    --------
    >>> count(1234567) == "1\u202f234\u202f567"
    True
    """
    return f"{round(value):,}".replace(",", "\u202f")


def number(value: float | None, digits: int = 3) -> str:
    """Return a number to so many digits, a dash where there is none."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.{digits}g}"


def listed(names: Sequence[str], most: int = _MOST) -> str:
    """Return names with commas, the rest counted.

    Examples
    --------
    >>> listed(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"


def plural(n: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> plural(1, "axis", "axes"), plural(3, "run")
    ('1 axis', '3 runs')
    """
    return f"{count(n)} {one if n == 1 else many or one + 's'}"


def axis_words(axis: Axis) -> str:
    """Return channels and range of an axis."""
    return f"{len(axis)} channels, {axis.edges[0]:g} to {axis.edges[-1]:g} {axis.unit}".strip()
