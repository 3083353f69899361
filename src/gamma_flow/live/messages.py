"""Messages: frames and results on the wire, as versioned JSON or as ANSI N42.42.

A frame in JSON (see docs/live.md for all fields)::

    {"version": 1, "detector": "left", "time": "2026-01-01T00:00:00Z", "live_time": 0.99,
     "counts": [0, 3, 1], "axis": {"coefficients": [0, 3.0], "unit": "keV"}}

What comes from outside is decoded into declared types with stated limits; nothing of it is run, and nothing
is taken in part: a message is a frame, or a list of frames, or it is refused with one sentence.
"""

from __future__ import annotations

import binascii
import struct
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from gamma_flow.data import Axis
from gamma_flow.errors import GammaFlowError, MessageError
from gamma_flow.io import n42_write
from gamma_flow.io._format import ReadOptions
from gamma_flow.io._source import Source
from gamma_flow.io._xml import parse
from gamma_flow.io.registry import read_source
from gamma_flow.live._values import TYPES, unpacked
from gamma_flow.live.frames import Frame, frames_of, moment, now

__all__ = ["VERSION", "Decoder", "Limits", "encode", "encode_n42", "line", "refuse_large_n42", "schemas"]

VERSION = 1
"""Version of the messages that are written here; others are refused."""

_MOST_AXES = 256  # axes that a decoder remembers


class Limits(msgspec.Struct, frozen=True):
    """What a message may ask for at most.

    Attributes
    ----------
    size : int
        Bytes of one message.
    channels : int
        Channels of one frame.
    frames : int
        Frames of one message.
    values : int
        Channels of all frames of one message together.
    """

    size: int = 4 * 2**20
    channels: int = 2**16
    frames: int = 1000
    values: int = 2**22


class _AxisPart(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    unit: str = "keV"
    coefficients: tuple[float, ...] | None = None
    reference: Literal["lower edge", "centre"] = "lower edge"
    edges: tuple[float, ...] | None = None
    points: tuple[float, ...] | None = None


class _FramePart(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    version: int | None = None  # within a list of frames, the list bears it
    type: Literal["frame"] = "frame"
    detector: str = ""
    id: str | int = ""
    time: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    live_time: float | None = None
    real_time: float | None = None
    counts: list[float] | str | None = None
    intensities: list[float] | str | None = None
    encoding: Literal["plain", "counted-zeroes", "u16", "u32", "f64"] = "plain"
    axis: _AxisPart | None = None
    meta: dict[str, float | str] = {}


class _FramesPart(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    version: int
    frames: list[_FramePart]
    type: Literal["frames"] = "frames"


class _Head(msgspec.Struct, frozen=True):
    version: int | None = None
    type: str = "frame"


_FRAME = msgspec.json.Decoder(_FramePart)
_FRAMES = msgspec.json.Decoder(_FramesPart)
_HEAD = msgspec.json.Decoder(_Head)


class Decoder:
    """Makes frames of messages; remembers the axes that it has seen, so that a stream costs little.

    Parameters
    ----------
    limits : Limits
        What is refused as too much.
    detector : str
        What the detector is called in messages that do not name it; without it these are refused.
    axis : sequence of float, optional
        Coefficients of the axis (keV, lower edges) of messages without one; by default these are in channels.

    Examples
    --------
    >>> decoder = Decoder()
    >>> decoder.decode(b'{"version": 1, "detector": "a", "time": "2026-01-01T00:00:00Z", "counts": [0, 3]}')
    [Frame(a, 2026-01-01T00:00:00.000000, 2 channels, 3 counts)]
    >>> decoder.decode(b'{"version": 2}')
    Traceback (most recent call last):
    ...
    gamma_flow.errors.MessageError: a message of an unknown version; expected 1, found 2
    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        detector: str = "",
        axis: tuple[float, ...] | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.detector = detector
        self.axis = None if axis is None else _AxisPart(coefficients=tuple(axis))
        self._axes: dict[tuple[_AxisPart | None, int], Axis] = {}

    def decode(
        self,
        data: bytes,
        *,
        where: str | None = None,
        detector: str = "",
        arrival: np.datetime64 | None = None,
    ) -> list[Frame]:
        """Return the frames of one message.

        Parameters
        ----------
        data : bytes
            JSON of one frame or of ``{"version": 1, "frames": [...]}``, or an N42 document.
        where : str, optional
            Where it came from, for errors.
        detector : str
            As for the decoder, for this message.
        arrival : datetime64, optional
            When it arrived; now by default.

        Raises
        ------
        MessageError
            Whatever is wrong with it; no other error comes out.
        """
        if len(data) > self.limits.size:
            raise MessageError(
                "the message is too large",
                where=where,
                expected=f"{self.limits.size} bytes at most",
                found=str(len(data)),
            )
        try:
            if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<" or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
                return self._n42(data, where, detector or self.detector, arrival)
            return self._json(data, detector or self.detector, arrival)
        except MessageError as problem:
            raise _placed(problem, where) from problem.__cause__
        except GammaFlowError as problem:
            raise _placed(MessageError(**_parts(problem)), where) from problem
        except (ValueError, LookupError, TypeError, ArithmeticError, struct.error, RecursionError) as problem:
            raise MessageError(
                f"the message cannot be understood: {type(problem).__name__}", where=where
            ) from problem

    def _json(self, data: bytes, detector: str, arrival: np.datetime64 | None) -> list[Frame]:
        try:
            parts = [_FRAME.decode(data)]
        except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
            parts = self._several(data, problem)
        else:
            _check_version(parts[0].version)
        frames: list[Frame] = []
        total = 0
        for part in parts:
            frames.append(self._frame(part, detector, arrival))
            total += len(frames[-1].values)
            if total > self.limits.values:
                raise MessageError(
                    "the message holds too much", expected=f"{self.limits.values} channels in all, at most"
                )
        return frames

    def _several(self, data: bytes, problem: Exception) -> list[_FramePart]:
        """Take what is not a frame as a list of frames, or say why it is neither."""
        try:
            head = _HEAD.decode(data)
        except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as other:
            raise _refused(other) from other
        _check_version(head.version)
        if head.type not in ("frame", "frames"):
            raise MessageError("the message is no frame", expected='"frame"', found=repr(head.type)[:40])
        try:
            frames = _FRAMES.decode(data).frames
            for part in frames:
                _check_version(VERSION if part.version is None else part.version)
        except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError) as other:
            raise _refused(other if b'"frames"' in data else problem) from other
        if len(frames) > self.limits.frames:
            raise MessageError(
                "the message holds too many frames",
                expected=f"{self.limits.frames} at most",
                found=str(len(frames)),
            )
        return frames

    def _frame(self, part: _FramePart, detector: str, arrival: np.datetime64 | None) -> Frame:
        if (part.counts is None) == (part.intensities is None):
            raise MessageError(
                "a frame holds counts or intensities",
                expected="one of them",
                found="neither" if part.counts is None else "both",
            )
        if not (part.detector or detector):
            raise MessageError("the message does not name its detector", expected='"detector": a name')
        given = part.intensities if part.counts is None else part.counts
        assert given is not None
        values = unpacked(given, part.encoding, self.limits.channels)
        time = (now() if arrival is None else arrival) if part.time is None else _utc(part.time)
        return Frame(
            values,
            self._axis(part.axis or self.axis, len(values)),
            time,
            part.detector or detector,
            live_time=np.nan if part.live_time is None else part.live_time,
            real_time=np.nan if part.real_time is None else part.real_time,
            id=str(part.id),
            kind="counts" if part.intensities is None else "intensity",
            arrived=part.time is None,
            meta=part.meta,
        )

    def _axis(self, part: _AxisPart | None, channels: int) -> Axis:
        known = self._axes.get((part, channels))
        if known is None:
            known = _made(part, channels)
            while len(self._axes) >= _MOST_AXES:
                self._axes.pop(next(iter(self._axes)))
            self._axes[part, channels] = known
        return known

    def _n42(
        self, data: bytes, where: str | None, detector: str, arrival: np.datetime64 | None
    ) -> list[Frame]:
        source = Source(where or "the message", data)
        refuse_large_n42(source, self.limits)
        frames = []
        arrival = now() if arrival is None else arrival
        for spectra in read_source(source, ReadOptions(), "n42"):
            if (spectra.detector == "").any() and not detector:
                raise MessageError("the message does not name its detector", expected="a RadDetectorName")
            frames += frames_of(spectra, detector=detector, time=arrival)
        return frames


def refuse_large_n42(source: Source, limits: Limits) -> None:
    """Refuse counted zeroes that would fill memory before anything is unpacked.

    Raises
    ------
    MessageError
        The document holds more than the limits allow.
    """
    total = 0
    for spectra, element in enumerate(parse(source).inside("ChannelData"), 1):
        numbers = element.text.split()
        length = len(numbers)
        if any("count" in value.lower() for value in element.attributes.values()):
            runs = (
                float(run) for value, run in pairwise(numbers) if run.isdecimal() and value.strip("+0.") == ""
            )
            length += int(min(sum(runs), 2.0**40))
        total += length
        if length > limits.channels or spectra > limits.frames or total > limits.values:
            raise MessageError(
                "the message holds too much",
                expected=f"{limits.frames} spectra of {limits.channels} channels, "
                f"{limits.values} channels in all, at most",
                found=f"{length} channels in spectrum {spectra}, {total} in all",
            )


def _parts(problem: GammaFlowError) -> dict[str, Any]:
    return problem.as_dict()


def _placed(problem: MessageError, where: str | None) -> MessageError:
    """Return the error with the place in front, once."""
    parts = _parts(problem)
    if where is not None and where not in (parts["where"] or ""):
        parts["where"] = f"{where}, {parts['where']}" if parts["where"] else where
    return MessageError(**parts)


def _refused(problem: Exception) -> MessageError:
    if isinstance(problem, RecursionError):
        return MessageError("the message is nested too deeply")
    text = str(problem)
    text = text.removeprefix("JSON is malformed: ")[:200]
    text = text[:1].lower() + text[1:]
    if isinstance(problem, msgspec.ValidationError):
        return MessageError(f"the message is no frame of version {VERSION}: {text}")
    return MessageError(f"the message is not whole JSON: {text}")


def _check_version(version: int | None) -> None:
    if version is None:
        raise MessageError("the message does not say its version", expected=f'"version": {VERSION}')
    if version != VERSION:
        raise MessageError("a message of an unknown version", expected=str(VERSION), found=str(version)[:20])


def _utc(time: datetime) -> np.datetime64:
    return moment(time.astimezone(UTC).replace(tzinfo=None))


def _made(part: _AxisPart | None, channels: int) -> Axis:
    if part is None:
        return Axis.channels(channels)
    given = [name for name in ("coefficients", "edges", "points") if getattr(part, name) is not None]
    if len(given) != 1:
        raise MessageError(
            "an axis is given by coefficients, edges or points",
            expected="one of them",
            found=" and ".join(given) or "none",
        )
    if part.coefficients is not None:
        return Axis.polynomial(part.coefficients, channels, part.unit, part.reference)
    if part.edges is not None:
        return Axis(np.array(part.edges), part.unit)
    return Axis.points(np.array(part.points), part.unit)


def encode(frame: Frame, *, compact: bool = True) -> bytes:
    """Return a frame as a JSON message of one line (without its end).

    Parameters
    ----------
    frame : Frame
        What to send.
    compact : bool
        Whole counts as base64; else all values as a list of numbers.

    Examples
    --------
    >>> frame = Frame([0, 3], Axis.channels(2), np.datetime64("2026-01-01"), "left")
    >>> encode(frame, compact=False)
    b'{"version":1,"type":"frame","detector":"left","time":"2026-01-01T00:00:00.000000Z","counts":[0,3]}'
    >>> Decoder().decode(encode(frame))[0].key == frame.key
    True
    """
    message: dict[str, Any] = {"version": VERSION, "type": "frame", "detector": frame.detector}
    if frame.id:
        message["id"] = frame.id
    if not frame.arrived:
        message["time"] = f"{frame.time}Z"
    for name in ("live_time", "real_time"):
        if np.isfinite(getattr(frame, name)):
            message[name] = getattr(frame, name)
    values = frame.values
    whole = bool((values == np.floor(values)).all()) and bool((np.abs(values) < 2**53).all())
    if compact:
        name = "f64" if not whole or values.min() < 0 or values.max() >= 2**32 else "u32"
        name = "u16" if name == "u32" and values.max() < 2**16 else name
        packed = values.astype(TYPES[name]).tobytes()
        message |= {"encoding": name, _field(frame): binascii.b2a_base64(packed, newline=False).decode()}
    else:
        message[_field(frame)] = values.astype(np.int64).tolist() if whole else values.tolist()
    axis = _described(frame.axis)
    if axis:
        message["axis"] = axis
    if frame.meta:
        message["meta"] = dict(frame.meta)
    return msgspec.json.encode(message)


def encode_n42(frame: Frame) -> bytes:
    """Return a frame of counts on an axis in keV or channels as an N42 document.

    Raises
    ------
    WriteError
        What N42 cannot hold.
    """
    return n42_write.content(frame.as_set(), utc=True)


def _field(frame: Frame) -> str:
    return "counts" if frame.kind == "counts" else "intensities"


def _described(axis: Axis) -> dict[str, Any]:
    if axis.coefficients is not None:
        plain = axis.unit == "channel" and axis.coefficients == (0.0, 1.0)
        return {} if plain else {"unit": axis.unit, "coefficients": list(axis.coefficients)}
    middles = 0.5 * (axis.edges[:-1] + axis.edges[1:])
    if not np.array_equal(middles, axis.centres) and Axis.points(axis.centres, axis.unit) == axis:
        return {"unit": axis.unit, "points": axis.centres.tolist()}
    return {"unit": axis.unit, "edges": axis.edges.tolist()}


def line(kind: str, content: Mapping[str, Any]) -> bytes:
    """Return a message other than a frame (a result, a status, an alarm) as one line of JSON.

    Examples
    --------
    >>> line("status", {"detector": "left", "state": "silent"})
    b'{"version":1,"type":"status","detector":"left","state":"silent"}'
    """
    return msgspec.json.encode({"version": VERSION, "type": kind, **content})


def schemas(template: str) -> dict[str, Any]:
    """Return JSON schemas of messages, ``Frame`` and ``Frames`` and what is in them, by name.

    Parameters
    ----------
    template : str
        Of references: ``"#/$defs/{name}"``.
    """
    names = {"_AxisPart": "Axis", "_FramePart": "Frame", "_FramesPart": "Frames"}
    _, made = msgspec.json.schema_components((_FramePart, _FramesPart), ref_template=template)
    whole = msgspec.json.encode(made).decode()
    for old, new in names.items():
        whole = whole.replace(template.format(name=old), template.format(name=new))
    parts: dict[str, Any] = msgspec.json.decode(whole)
    return {names.get(old, old): {**part, "title": names.get(old, old)} for old, part in parts.items()}
