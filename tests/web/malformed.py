"""Bodies that no service should take, drawn at random: cut, huge, deep, wrong, bombs, paths."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable, Iterator

import numpy as np

from gamma_flow.live.frames import Frame
from gamma_flow.live.messages import encode, encode_n42

Rng = np.random.Generator
_FIELDS = ("version", "type", "detector", "id", "time", "live_time", "counts", "axis", "meta", "encoding")
_VALUES = (
    None, -1, 1e400, "x", [], {}, [[1]],
    True, "\x00", "../../etc/passwd", -0.5, 2**70, ["a"], {"a": {"b": 1}}, "NaN",
)  # fmt: skip


def zipped(files: dict[str, bytes], declared: int | None = None) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    data = packed.getvalue()
    if declared is not None:  # a member that says it is small, in its own header and in the directory
        real = len(next(iter(files.values()))).to_bytes(4, "little")
        data = data.replace(real, declared.to_bytes(4, "little"))
    return data


def malformed(rng: Rng, good: Frame) -> Iterator[tuple[str, bytes]]:
    """Bodies without end, each with what it is."""
    text, n42 = encode(good, compact=False), encode_n42(good)
    kinds: list[Callable[[], tuple[str, bytes]]] = [
        lambda: ("cut JSON", text[: int(rng.integers(1, len(text)))]),
        lambda: ("cut N42", n42[: int(rng.integers(1, len(n42) - 20))]),
        lambda: ("wrong type", _changed(rng, text)),
        lambda: ("deep list", b'{"version": 1, "counts": ' + b"[" * 5000),
        lambda: ("deep object", b'{"a":' * int(rng.integers(600, 20000))),
        lambda: ("deep N42", b"<N42>" * int(rng.integers(100, 3000))),
        lambda: ("negative", _with(text, counts=[3, -int(rng.integers(1, 9)), 1])),
        lambda: ("NaN", text.replace(b'"counts":[', b'"counts":[NaN,')),
        lambda: ("infinite", _with(text, counts=[1, 2]).replace(b"2]", b"1e999]")),
        lambda: ("fraction of runs", _with(text, counts=[0, 1e9], encoding="counted-zeroes")),
        lambda: ("bad base64", _with(text, counts="&&&", encoding="u16")),
        lambda: ("odd base64", _with(text, counts="AAAA", encoding="u16")),
        lambda: ("no channels", _with(text, counts=[])),
        lambda: ("too many channels", _with(text, counts="A" * 4 * 60000, encoding="u16", axis=None)),
        lambda: ("noise", rng.bytes(int(rng.integers(1, 3000)))),
        lambda: ("zip of noise", b"PK\x03\x04" + rng.bytes(int(rng.integers(1, 500)))),
        lambda: ("zip bomb", zipped({"a.csv": b"0," * 4_000_000})),
        lambda: ("bomb that lies", zipped({"[Content_Types].xml": b"0" * 3_000_000}, declared=100)),
        lambda: ("path in a zip", zipped({"../../../etc/passwd": rng.bytes(40)})),
        lambda: ("zip of zips", zipped({"a.zip": zipped({"b.zip": zipped({"c": b"1"})})})),
        lambda: ("gzip", gzip.compress(text)),
        lambda: ("entities", b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "xxxxxxxxxx">]><a>&x;</a>'),
        lambda: ("counted zeroes", _zeroes(n42)),
        lambda: ("a pickle", b"\x80\x04\x95" + rng.bytes(60)),
        lambda: ("npy of objects", _npy()),
        lambda: ("npy that lies", _npy((10**9, 10**3), "<f8")),
        lambda: ("HTML", b"<!doctype html><script>alert(1)</script>"),
        lambda: ("path", b"../../../../etc/passwd"),
        lambda: ("zeros", bytes(int(rng.integers(1, 100000)))),
        lambda: ("flipped N42", _flipped(rng, n42)),
    ]
    number = 0
    while True:
        name, body = kinds[number % len(kinds)]()
        number += 1
        if body:
            yield name, body


def _changed(rng: Rng, text: bytes) -> bytes:
    message = json.loads(text)
    field = _FIELDS[int(rng.integers(1, len(_FIELDS)))]
    value = _VALUES[int(rng.integers(len(_VALUES)))]
    message[field] = value
    if field in ("detector", "id", "type", "time", "meta", "axis", "live_time", "encoding"):
        message["version"] = 2  # some of these values would be right
    if field == "counts":
        message["axis"] = {"coefficients": [0, float("1e400")]}
    return json.dumps(message).encode()


def _with(text: bytes, **fields: object) -> bytes:
    message = json.loads(text)
    message.update(fields)
    if "axis" not in fields:
        message.pop("axis")
    return json.dumps(message).encode()


def _zeroes(n42: bytes) -> bytes:
    start, end = n42.index(b"<ChannelData"), n42.index(b"</ChannelData>")
    return n42[:start] + b'<ChannelData compressionCode="CountedZeroes">0 999999999' + n42[end:]


def _npy(shape: tuple[int, ...] = (1,), kind: str = "|O") -> bytes:
    head = repr({"descr": kind, "fortran_order": False, "shape": shape}).encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + b"\x80\x04N."


def _flipped(rng: Rng, n42: bytes) -> bytes:
    data = bytearray(n42)
    start = n42.index(b"<ChannelData")
    data[start + 1 + int(rng.integers(6))] = int(rng.integers(1, 32))
    return bytes(data)
