"""A frame: one spectrum as it arrives, with its time, its detector and its own axis."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data import Axis, Kind, SpectrumSet
from gamma_flow.data._arrays import freeze
from gamma_flow.errors import SpectrumError

__all__ = ["Frame", "frame_at", "frames_of", "microseconds", "moment", "now", "together"]

_LONGEST = 200  # characters of a name
_LONGEST_META = 2000
_MOST_META = 64
_MOST_COUNTS = 2.0**53  # from here on not every whole number is a float
_FIRST = np.datetime64("1900-01-01", "us")
_LAST = np.datetime64("2200-01-01", "us")


@dataclass(frozen=True, eq=False)
class Frame:
    """One spectrum as it arrives; immutable and checked.

    Parameters
    ----------
    values : array_like, shape (C,)
        Counts (finite, not negative, below 2^53), or finite intensities.
    axis : Axis
        C channels; each frame has its own.
    time : datetime64
        Start of the measurement, UTC, or the time of arrival where the sender told none (``arrived``).
    detector : str
        Name of the detector; not empty, at most 200 printable characters.
    live_time, real_time : float
        Seconds; NaN where unknown.
    id : str
        What the sender calls this frame; empty where it gives no name. See ``key``.
    kind : {"counts", "intensity"}
        What the values are.
    arrived : bool
        Whether ``time`` is that of arrival, because the sender told none.
    meta : mapping of str to float or str
        More that is known: ``latitude``, ``dose_rate`` (µSv/h), ...; at most 64 entries.

    Raises
    ------
    SpectrumError
        Anything else.

    Examples
    --------
    >>> Frame([0, 3, 1], Axis.channels(3), np.datetime64("2026-01-01T00:00:00"), "left", live_time=1.0)
    Frame(left, 2026-01-01T00:00:00.000000, 3 channels, 4 counts)
    """

    values: NDArray[np.float64]
    axis: Axis
    time: np.datetime64
    detector: str
    live_time: float = math.nan
    real_time: float = math.nan
    id: str = ""
    kind: Kind = "counts"
    arrived: bool = False
    meta: Mapping[str, float | str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        keep = object.__setattr__
        for name in ("detector", "id"):
            _check_text(name, getattr(self, name))
        if not self.detector:
            raise SpectrumError("a frame needs the name of its detector")
        values = freeze(self.values, np.float64, (None,), "the values of a frame", SpectrumError)
        keep(self, "values", values)
        if self.kind not in ("counts", "intensity"):
            raise SpectrumError(
                "unknown kind of values",
                where=self.detector,
                expected='"counts" or "intensity"',
                found=repr(self.kind)[:40],
            )
        if len(values) != len(self.axis):
            raise SpectrumError(
                "the frame does not fit its axis",
                where=self.detector,
                expected=f"{len(self.axis)} channels",
                found=str(len(values)),
            )
        self._check_values()
        for name in ("live_time", "real_time"):
            seconds = float(getattr(self, name))
            if seconds < 0 or math.isinf(seconds):
                raise SpectrumError(
                    f"a {name.replace('_', ' ')} is negative or infinite",
                    where=self.detector,
                    found=f"{seconds:g} s",
                )
            keep(self, name, seconds)
        time = moment(self.time)
        if not _FIRST <= time < _LAST:
            raise SpectrumError(
                "the time of a frame is unknown or out of range",
                where=self.detector,
                expected="1900 to 2199",
                found=str(time),
            )
        keep(self, "time", time)
        keep(self, "meta", MappingProxyType(_checked_meta(self.meta, self.detector)))

    def _check_values(self) -> None:
        values = self.values
        low, high = float(values.min()), float(values.max())
        # NaN makes both comparisons false
        if self.kind == "counts":
            fine = low >= 0 and high < _MOST_COUNTS
        else:
            fine = low > -math.inf and high < math.inf
        if not fine:
            wrong = ~np.isfinite(values)
            if self.kind == "counts":
                wrong |= (values < 0) | (values >= _MOST_COUNTS)
            channel = int(np.flatnonzero(wrong)[0])
            raise SpectrumError(
                "a frame holds a value that is none",
                where=f"{self.detector}, channel {channel}",
                expected="counts from 0 to below 2^53" if self.kind == "counts" else "a finite number",
                found=f"{values[channel]:g}",
            )

    def __repr__(self) -> str:
        amount = f"{self.total:g} counts" if self.kind == "counts" else "intensities"
        return f"Frame({self.detector}, {self.time}, {len(self.values)} channels, {amount})"

    @property
    def total(self) -> float:
        """Sum over the channels."""
        return float(self.values.sum())

    @cached_property
    def key(self) -> bytes:
        """What two deliveries of one frame have in common, 16 bytes.

        Detector and time and ``id``; without an ``id`` the values stand in for it. A frame with an ``id`` but
        without a time of its own is known by the ``id`` alone, which then must never return.
        """
        digest = hashlib.blake2b(digest_size=16)
        digest.update(self.detector.encode("utf-8", "surrogatepass") + b"\0")
        if not (self.arrived and self.id):
            digest.update(microseconds(self.time).to_bytes(8, "little", signed=True))
        if self.id:
            digest.update(self.id.encode("utf-8", "surrogatepass"))
        else:
            digest.update(b"\0")
            digest.update(self.values.data)
        return digest.digest()

    def as_set(self) -> SpectrumSet:
        """Return the frame as a batch of one."""
        return _set_of([self])


def _check_text(name: str, text: object) -> None:
    if not isinstance(text, str) or len(text) > _LONGEST or not text.isprintable():
        raise SpectrumError(
            f"the {name} of a frame is no name",
            expected=f"at most {_LONGEST} printable characters",
            found=repr(text)[:60],
        )


def _checked_meta(meta: Mapping[str, Any], detector: str) -> dict[str, float | str]:
    if len(meta) > _MOST_META:
        raise SpectrumError(
            "a frame has too much metadata",
            where=detector,
            expected=f"{_MOST_META} entries at most",
            found=str(len(meta)),
        )
    checked: dict[str, float | str] = {}
    for name, value in meta.items():
        _check_text("metadata", name)
        if isinstance(value, str):
            if len(value) > _LONGEST_META or not "".join(value.split()).isprintable():
                raise SpectrumError(
                    "metadata have to be printable texts",
                    where=f"{detector}, {name}",
                    expected=f"at most {_LONGEST_META} characters",
                    found=repr(value)[:60],
                )
            checked[str(name)] = str(value)
        elif isinstance(value, (int, float, np.integer, np.floating)) and math.isfinite(value):
            checked[str(name)] = float(value)
        else:
            raise SpectrumError(
                "metadata have to be finite numbers or texts",
                where=f"{detector}, {name}",
                found=repr(value)[:60],
            )
    return checked


def moment(time: Any) -> np.datetime64:
    """Return a time, text or number of microseconds since 1970 as datetime64 of microseconds."""
    return np.datetime64(time, "us")


def microseconds(time: Any) -> int:
    """Return the microseconds since 1970 of a time."""
    return int(moment(time).astype(np.int64))


def now() -> np.datetime64:
    """Return the time of this computer's clock, UTC, in microseconds."""
    import time

    return moment(time.time_ns() // 1000)


def together(frames: Sequence[Frame]) -> list[tuple[SpectrumSet, NDArray[np.int64]]]:
    """Return frames as sets, one for each axis and kind, each with the numbers of its frames.

    Parameters
    ----------
    frames : sequence of Frame
        In any order; a set keeps it.

    Examples
    --------
    >>> one = Frame([0, 3], Axis.channels(2), np.datetime64("2026-01-01"), "left")
    >>> two = Frame([0, 3, 1], Axis.channels(3), np.datetime64("2026-01-01"), "right")
    >>> [(len(spectra), rows.tolist()) for spectra, rows in together([one, two, one])]
    [(2, [0, 2]), (1, [1])]
    """
    groups: dict[tuple[int, str], list[int]] = {}
    axes: list[Axis] = []
    for number, frame in enumerate(frames):
        # decoders hand out one object an axis, so that the look at the edges is seldom needed
        at = next((k for k, axis in enumerate(axes) if axis is frame.axis), -1)
        if at < 0:
            at = next((k for k, axis in enumerate(axes) if axis == frame.axis), len(axes))
        if at == len(axes):
            axes.append(frame.axis)
        groups.setdefault((at, frame.kind), []).append(number)
    return [(_set_of([frames[row] for row in rows]), np.array(rows, np.int64)) for rows in groups.values()]


def _set_of(frames: Sequence[Frame]) -> SpectrumSet:
    names = sorted({name for frame in frames for name in frame.meta})
    return SpectrumSet(
        np.stack([frame.values for frame in frames]),
        frames[0].axis,
        frames[0].kind,
        live_time=np.array([frame.live_time for frame in frames]),
        real_time=np.array([frame.real_time for frame in frames]),
        time=np.array([frame.time for frame in frames], "datetime64[us]"),
        detector=np.array([frame.detector for frame in frames]),
        origin=np.array([f"{frame.detector}#{frame.id or frame.time}" for frame in frames]),
        run=np.zeros(len(frames), np.int64),
        meta={name: _column([frame.meta.get(name) for frame in frames]) for name in names},
    )


def _column(values: list[float | str | None]) -> NDArray[Any]:
    if any(isinstance(value, str) for value in values):
        return np.array(["" if value is None else str(value) for value in values])
    return np.array([math.nan if value is None else value for value in values], np.float64)


def frames_of(
    spectra: SpectrumSet, *, detector: str = "detector", time: np.datetime64 | None = None, name: str = ""
) -> list[Frame]:
    """Return the spectra of a set as frames.

    Parameters
    ----------
    spectra : SpectrumSet
        N spectra.
    detector : str
        What a detector without a name is called.
    time : datetime64, optional
        Time of arrival of those that bear no time; by default now.
    name : str
        The ``id`` of those is this and the number of the row.

    Raises
    ------
    SpectrumError
        Signed counts that are negative, or names that no frame may have.
    """
    arrival = now() if time is None else time
    unknown = np.isnat(spectra.time).tolist()
    return [
        frame_at(
            spectra,
            row,
            arrival if unknown[row] else spectra.time[row],
            detector,
            id=f"{name}#{row}" if unknown[row] and name else "",
            arrived=unknown[row],
        )
        for row in range(len(spectra))
    ]


def frame_at(
    spectra: SpectrumSet,
    row: int,
    time: np.datetime64,
    detector: str,
    *,
    id: str = "",  # noqa: A002 - the word of the messages
    arrived: bool = False,
    labels: bool = False,
) -> Frame:
    """Return one spectrum of a set as a frame of a given time.

    Parameters
    ----------
    spectra : SpectrumSet
        N spectra.
    row : int
        Which of them.
    time : datetime64
        Its time.
    detector : str
        What a detector without a name is called.
    id, arrived
        As of the `Frame`.
    labels : bool
        Put the labels of a labelled spectrum into the metadata.
    """
    meta = {key: _plain(column[row]) for key, column in spectra.meta.items() if _known(column[row])}
    if labels and spectra.labels.labelled[row]:
        named = zip(spectra.labels.classes, spectra.labels.presence[row].tolist(), strict=True)
        meta["labels"] = "+".join(name for name, present in named if present)
    return Frame(
        spectra.values[row],
        spectra.axis,
        time,
        str(spectra.detector[row]) or detector,
        live_time=float(spectra.live_time[row]),
        real_time=float(spectra.real_time[row]),
        id=id,
        kind=spectra.kind,
        arrived=arrived,
        meta=meta,
    )


def _known(value: Any) -> bool:
    return bool(value) if isinstance(value, str) else bool(np.isfinite(value))


def _plain(value: Any) -> float | str:
    return str(value) if isinstance(value, (str, np.datetime64)) else float(value)
