"""What the log gives back: one frame with its result."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data import Axis
from gamma_flow.errors import LogError
from gamma_flow.live._packing import unpacked
from gamma_flow.live.frames import Frame, moment

__all__ = ["Entry", "entry_of", "without_frame"]

_OF_FRAME = ("origin", "detector", "time", "live_time")


@dataclass(frozen=True, eq=False)
class Entry:
    """One frame of the log with its result.

    Attributes
    ----------
    number : int
        In the order in which the log took them.
    time, detector, live_time, real_time, id, kind, meta
        As of the `Frame`.
    arrived : bool
        Whether ``time`` is that of arrival.
    axis : Axis
        Of its channels.
    total : float
        Sum of all channels.
    values : ndarray, shape (C,), or None
        None where the spectrum was thinned out.
    record : dict or None
        The result, as `Analysis.records` has it; None where there is none.
    """

    number: int
    time: np.datetime64
    detector: str
    live_time: float
    real_time: float
    id: str
    kind: str
    arrived: bool
    axis: Axis
    total: float
    values: NDArray[np.float64] | None
    record: dict[str, Any] | None
    meta: Mapping[str, float | str]

    def frame(self) -> Frame:
        """Return the frame as it came.

        Raises
        ------
        LogError
            Its spectrum was thinned out.
        """
        if self.values is None:
            raise LogError(
                "the spectrum of this frame was thinned out of the log", where=f"{self.detector}, {self.time}"
            )
        return Frame(
            self.values,
            self.axis,
            self.time,
            self.detector,
            self.live_time,
            self.real_time,
            self.id,
            "counts" if self.kind == "counts" else "intensity",
            self.arrived,
            self.meta,
        )


def entry_of(row: tuple[Any, ...], axis: Axis, record: dict[str, Any] | None) -> Entry:
    """Return a row of the log as an entry."""
    number, detector, time, arrived, live, real, _, kind, sender, total, meta, raw, *_ = row
    return Entry(
        number,
        moment(time),
        detector,
        math.nan if live is None else live,
        math.nan if real is None else real,
        sender,
        kind,
        bool(arrived),
        axis,
        total,
        None if raw is None else unpacked(raw, len(axis)),
        None if record is None else _with_frame(record, detector, str(moment(time)), live, sender),
        {} if meta is None else json.loads(meta),
    )


def without_frame(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record without what its frame tells; `entry_of` puts it in again."""
    return {name: value for name, value in record.items() if name not in _OF_FRAME}


def _with_frame(record: dict[str, Any], detector: str, time: str, live: float | None, sender: str) -> Any:
    told = {"origin": f"{detector}#{sender or time}", "detector": detector, "time": time, "live_time": live}
    return told | record
