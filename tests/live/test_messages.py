"""Messages: exact both ways, and whatever else comes is refused with one sentence."""

from __future__ import annotations

import base64
import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gamma_flow as gf
from gamma_flow.errors import MessageError, SpectrumError
from gamma_flow.io import n42_write
from gamma_flow.live.frames import Frame, frames_of, together
from gamma_flow.live.messages import Decoder, Limits, encode, encode_n42, line
from support import mutations

START = np.datetime64("2026-01-01T00:00:00", "us")
Frames = Callable[..., list[Frame]]


def message(**parts: Any) -> bytes:
    return json.dumps({"version": 1, "detector": "left", "counts": [1, 2, 3], **parts}).encode()


def sentence(data: bytes, decoder: Decoder | None = None) -> str:
    with pytest.raises(MessageError) as caught:
        (decoder or Decoder()).decode(data)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 600
    return text


def taken(data: bytes, decoder: Decoder) -> bool:
    """Whether a message is taken; if not, one sentence says why, and nothing else comes out."""
    try:
        decoder.decode(data)
    except MessageError as problem:
        sentence_ = str(problem)
    else:
        return True
    assert "\n" not in sentence_
    return False


@given(
    values=st.lists(
        st.integers(0, 2**16 - 1) | st.integers(0, 2**52) | st.floats(0, 1e9), min_size=1, max_size=30
    ),
    detector=st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=20),
    second=st.integers(-(10**9), 5 * 10**9),
    live=st.floats(0, 1e6) | st.just(float("nan")),
    compact=st.booleans(),
    axis=st.sampled_from(["channel", "polynomial", "edges"]),
    meta=st.dictionaries(
        st.text(st.characters(categories=("L",)), max_size=9), st.floats(-1e9, 1e9), max_size=3
    ),
)
def test_a_frame_comes_back_as_it_went(
    values: list[float],
    detector: str,
    second: int,
    live: float,
    compact: bool,
    axis: str,
    meta: dict[str, float],
) -> None:
    many = len(values)
    axes = {
        "channel": gf.Axis.channels(many),
        "polynomial": gf.Axis.polynomial([-12, 8.15, 0.0012], many, reference="centre"),
        "edges": gf.Axis(np.cumsum(np.arange(1.0, many + 2)), "cm-1"),
    }
    time = START + np.timedelta64(second, "s")
    sent = Frame(np.array(values), axes[axis], time, detector, live, 2.0, "x-1", meta=meta)
    (got,) = Decoder().decode(encode(sent, compact=compact))
    assert np.array_equal(got.values, sent.values)
    assert got.axis == sent.axis
    assert (got.time, got.detector, got.id, got.key) == (sent.time, sent.detector, sent.id, sent.key)
    assert np.array_equal([got.live_time, got.real_time], [sent.live_time, 2.0], equal_nan=True)
    assert dict(got.meta) == dict(sent.meta)


def test_intensities_and_their_points_come_back() -> None:
    axis = gf.Axis.points([400.0, 402, 406, 407], "nm")
    sent = Frame([-1.5, 0, 2, 1e300], axis, START, "lamp", kind="intensity")
    (got,) = Decoder().decode(encode(sent))
    assert got.kind == "intensity"
    assert got.axis == axis
    assert np.array_equal(got.axis.centres, axis.centres)
    assert np.array_equal(got.values, sent.values)


def test_what_is_left_out_has_a_stated_meaning() -> None:
    (frame,) = Decoder(detector="right", axis=(0.0, 3.0)).decode(
        b'{"version": 1, "counts": [1, 2]}', arrival=START
    )
    assert frame.detector == "right"
    assert frame.arrived
    assert frame.time == START
    assert frame.axis == gf.Axis.polynomial([0, 3], 2)
    assert np.isnan(frame.live_time)
    (frame,) = Decoder().decode(message())
    assert frame.axis == gf.Axis.channels(3)
    (frame,) = Decoder().decode(message(time="2026-01-01T01:00:00+01:00", id=7))
    assert frame.time == START
    assert frame.id == "7"


def test_a_message_may_hold_several_frames() -> None:
    one = json.loads(message())
    del one["version"]
    data = json.dumps({"version": 1, "frames": [one, one | {"detector": "right"}]}).encode()
    assert [frame.detector for frame in Decoder().decode(data)] == ["left", "right"]
    text = sentence(data, Decoder(Limits(frames=1)))
    assert "too many frames; expected 1 at most, found 2" in text


def test_counted_zeroes_are_those_of_n42() -> None:
    (frame,) = Decoder().decode(message(counts=[5, 0, 3, 7, 0, 1], encoding="counted-zeroes"))
    assert frame.values.tolist() == [5, 0, 0, 0, 7, 0]


def test_n42_is_a_message_too(frames: Frames) -> None:
    spectra = gf.SpectrumSet(
        [[1, 0, 0, 4], [0, 2, 0, 0]],
        gf.Axis.polynomial([0, 3], 4),
        live_time=[0.9, 0.8],
        time=[START, START + np.timedelta64(1, "s")],
        detector=["a", "b"],
    )
    got = Decoder().decode(n42_write.content(spectra))
    assert [frame.detector for frame in got] == ["a", "b"]
    assert [frame.values.tolist() for frame in got] == spectra.values.tolist()
    assert got[1].time == START + np.timedelta64(1, "s")
    (again,) = Decoder().decode(encode_n42(got[0]))
    assert again.key == got[0].key
    assert "does not name its detector" in sentence(n42_write.content(spectra.annotated(detector="")))


REFUSED = {
    "nothing": (b"", "not whole JSON"),
    "cut": (message()[:-9], "not whole JSON"),
    "no object": (b"[1, 2]", "expected `object`, got `array`"),
    "text": (b"hello", "not whole JSON"),
    "bytes": (b"\xff\xfe\x00", "the file is"),
    "no version": (b'{"detector": "a", "counts": [1]}', "does not say its version"),
    "another version": (message(version=2), "unknown version; expected 1, found 2"),
    "a version that is none": (message(version="1"), "expected `int"),
    "another type": (message(type="alarm"), "no frame; expected \"frame\", found 'alarm'"),
    "unknown field": (message(livetime=1), "unknown field `livetime`"),
    "no counts": (b'{"version": 1, "detector": "a"}', "expected one of them, found neither"),
    "both": (message(intensities=[1]), "found both"),
    "empty counts": (message(counts=[]), "expected 1 to 65536, found 0"),
    "negative": (message(counts=[1, -2]), "left, channel 1: a frame holds a value that is none"),
    "too many counts": (message(counts=[2**53]), "below 2^53"),
    "NaN": (b'{"version": 1, "detector": "a", "counts": [NaN]}', "not whole JSON"),
    "infinite": (b'{"version": 1, "detector": "a", "counts": [1e999]}', "number out of range"),
    "texts": (message(counts=["1"]), "expected `float`, got `str`"),
    "null": (message(counts=[None]), "expected `float`, got `null`"),
    "no detector": (message(detector=""), "does not name its detector"),
    "a detector that paints": (message(detector="\x1b[31mred"), "printable"),
    "a detector without end": (message(detector="x" * 500), "at most 200 printable"),
    "time without zone": (message(time="2026-01-01T00:00:00"), "timezone"),
    "time that is none": (message(time="yesterday"), "datetime"),
    "time out of range": (message(time="0001-01-01T00:00:00Z"), "out of range"),
    "time before time": (message(time="0001-01-01T00:00:00+23:00"), "cannot be understood"),
    "negative seconds": (message(live_time=-1), "live time is negative"),
    "falling axis": (message(axis={"coefficients": [0, -1]}), "does not increase"),
    "axis of another length": (message(axis={"edges": [0, 1]}), "expected 1 channels, found 3"),
    "axis twice": (message(axis={"edges": [0, 1], "points": [1, 2]}), "edges and points"),
    "axis without": (message(axis={"unit": "keV"}), "found none"),
    "no base64": (message(counts="!!", encoding="u16"), "not base64"),
    "base64 cut": (message(counts=base64.b64encode(b"abc").decode(), encoding="u16"), "multiple of 2 bytes"),
    "base64 NaN": (
        message(counts=base64.b64encode(np.array([np.nan]).tobytes()).decode(), encoding="f64"),
        "a value that is none",
    ),
    "list for text": (message(encoding="u32"), "expected text in base64, found a list"),
    "text for list": (message(counts="AAAA"), "expected a list of numbers, found a text"),
    "bomb of zeroes": (message(counts=[0, 1e15], encoding="counted-zeroes"), "a run of zeroes is none"),
    "run without length": (message(counts=[1, 0], encoding="counted-zeroes"), "a run of zeroes is none"),
    "half a run": (message(counts=[0, 1.5], encoding="counted-zeroes"), "a run of zeroes is none"),
    "too many channels": (message(counts=[1] * 70000), "expected 1 to 65536, found 70000"),
    "too large": (b" " * (2**22 + 1), "too large; expected 4194304 bytes at most"),
    "deep": (b'{"version":1,"counts":' + b"[" * 200_000, "nested too deeply"),
    "deep objects": (b'{"version":1,"x":' + b'{"a":' * 200_000, "nested too deeply"),
    "nested metadata": (message(meta={"a": {"b": 1}}), "expected `float | str`, got `object`"),
    "too much metadata": (message(meta={str(n): 1 for n in range(65)}), "64 entries at most"),
    "XML cut": (b"<RadInstrumentData>", "cut"),
    "XML of others": (b"<html/>", "not ANSI N42.42"),
    "XML with entities": (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "document type"),
    "N42 without spectra": (b"<RadInstrumentData/>", "holds no spectrum"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_why(name: str) -> None:
    data, why = REFUSED[name]
    assert why in sentence(data)
    good = message(time="2026-01-01T00:00:00Z")
    assert len(Decoder().decode(good)) == 1


def test_zeroes_in_xml_do_not_fill_memory() -> None:
    one = '<Spectrum id="s{0}"><ChannelData compressionCode="CountedZeroes">0 60000</ChannelData></Spectrum>'
    many = "".join(f'<RadMeasurement id="m{n}">{one.format(n)}</RadMeasurement>' for n in range(900))
    data = f"<RadInstrumentData>{many}</RadInstrumentData>".encode()
    tracemalloc.start()
    text = sentence(data)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "4194304 channels in all, at most" in text
    assert most < 30e6
    packed = b'<ChannelData compressionCode="CountedZeroes">0 99999999</ChannelData>'
    single = b"<RadInstrumentData>" + packed + b"</RadInstrumentData>"
    assert "65536 channels" in sentence(single)


def test_many_axes_do_not_fill_memory() -> None:
    decoder = Decoder()
    for number in range(300):
        decoder.decode(message(axis={"coefficients": [number, 3]}))
    assert len(decoder._axes) <= 256


def test_thousands_of_mutants_are_refused_in_one_sentence(frames: Frames) -> None:
    (frame,) = frames(1, meta={"dose_rate": 0.1})
    spectra = frame.as_set()
    originals = [encode(frame), encode(frame, compact=False), n42_write.content(spectra)]
    decoder = Decoder()
    refused = 0
    for seed, data in enumerate(originals):
        for mutant in mutations(data, 1200, seed):
            refused += not taken(mutant, decoder)
    assert refused > 2000
    assert len(decoder.decode(originals[0])) == 1


@settings(max_examples=300)
@given(
    st.binary(max_size=60)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    ["version", "counts", "axis", "time", "meta", "frames", "id", "encoding", "unit"]
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=10,
    ).map(lambda value: json.dumps(value).encode())
)
def test_nothing_else_comes_out(data: bytes) -> None:
    taken(data, Decoder(detector="left"))


def test_a_frame_is_checked_when_it_is_made(frames: Frames) -> None:
    axis = gf.Axis.channels(2)
    for values, parts, why in (
        ([1, 2, 3], {}, "expected 2 channels, found 3"),
        ([1, np.inf], {}, "channel 1"),
        ([1, 2], {"detector": ""}, "name of its detector"),
        ([1, 2], {"kind": "waves"}, "kind of values"),
        ([1, 2], {"live_time": np.inf}, "negative or infinite"),
        ([1, 2], {"time": np.datetime64("NaT")}, "unknown or out of range"),
        ([1, 2], {"meta": {"a": np.nan}}, "finite numbers or texts"),
        ([1, 2], {"meta": {"a": "x" * 3000}}, "printable"),
        ([1, 2], {"id": "x\ny"}, "printable"),
    ):
        given_ = {"time": START, "detector": "left", **parts}
        with pytest.raises(SpectrumError, match=why.replace("^", r"\^")):
            Frame(values, axis, **given_)
    (frame,) = frames(1)
    with pytest.raises(ValueError, match="read-only"):
        frame.values[0] = 1


def test_frames_become_sets_and_sets_frames(frames: Frames) -> None:
    few = [*frames(2, meta={"dose_rate": 0.5}), *frames(1, "right", meta={"place": "gate"})]
    other = Frame([1, 2], gf.Axis.channels(2), START, "right")
    parts = together([few[0], other, *few[1:]])
    assert [rows.tolist() for _, rows in parts] == [[0, 2, 3], [1]]
    spectra = parts[0][0]
    assert spectra.detector.tolist() == ["left", "left", "right"]
    assert spectra.meta["place"].tolist() == ["", "", "gate"]
    again = frames_of(spectra)
    assert [one.values.tolist() for one in again] == [one.values.tolist() for one in few]
    assert [dict(one.meta) for one in again] == [dict(one.meta) for one in few]
    timeless = gf.SpectrumSet([[1, 2]], gf.Axis.channels(2))
    (late,) = frames_of(timeless, detector="box", time=START, name="hash")
    assert (late.detector, late.arrived, late.id, late.time) == ("box", True, "hash#0", START)


def test_other_messages_are_lines() -> None:
    told = json.loads(line("status", {"detector": "left", "live_time": float("nan")}))
    assert told == {"version": 1, "type": "status", "detector": "left", "live_time": None}
