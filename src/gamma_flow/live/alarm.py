"""An alarm: what was found, where, from when to when; it is never thinned out of the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from gamma_flow.errors import DataError
from gamma_flow.live.frames import moment

__all__ = ["Alarm"]


@dataclass(frozen=True)
class Alarm:
    """One alarm of one detector; stored again under its ``key`` when it goes on or ends.

    Parameters
    ----------
    key : str
        What names it for good.
    detector : str
        Whose it is.
    kind : str
        ``"class"``, ``"unknown"``, ``"gross"``, ...
    name : str
        What was found: the class; empty where it has no name.
    start : datetime64
        First frame, UTC.
    end : datetime64, optional
        Last frame; None while it goes on.
    details : mapping
        More that JSON can hold: peak, evidence, lines.

    Raises
    ------
    DataError
        No key or detector, an end before the start.

    Examples
    --------
    >>> Alarm("left-1", "left", "class", "Cs137", np.datetime64("2026-01-01T00:00:05")).end is None
    True
    """

    key: str
    detector: str
    kind: str
    name: str
    start: np.datetime64
    end: np.datetime64 | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.key or not self.detector:
            raise DataError("an alarm needs a key and a detector", found=repr(self.key or self.detector))
        start = moment(self.start)
        end = None if self.end is None or np.isnat(self.end) else moment(self.end)
        if np.isnat(start) or (end is not None and end < start):
            raise DataError("an alarm ends before it begins", where=self.key, found=f"{start} to {end}")
        object.__setattr__(self, "start", start)
        object.__setattr__(self, "end", end)
        object.__setattr__(self, "details", MappingProxyType(dict(self.details)))

    def as_dict(self) -> dict[str, Any]:
        """Return what a reader of JSON needs to know."""
        return {
            "key": self.key,
            "detector": self.detector,
            "kind": self.kind,
            "name": self.name,
            "start": f"{self.start}Z",
            "end": None if self.end is None else f"{self.end}Z",
            "details": dict(self.details),
        }
