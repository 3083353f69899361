"""The log keeps what it took: over kills, a full disk, duplicates, its own thinning."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gamma_flow as gf
from gamma_flow.errors import LogError
from gamma_flow.live._packing import (
    packed,
    packed_axis,
    packed_record,
    unpacked,
    unpacked_axis,
    unpacked_record,
)
from gamma_flow.live.alarm import Alarm
from gamma_flow.live.frames import Frame
from gamma_flow.live.log import Log

WRITER = Path(__file__).with_name("writer.py")
START = np.datetime64("2026-01-01T00:00:00", "us")
SECOND = np.timedelta64(1, "s")
Frames = Callable[..., list[Frame]]
posix = pytest.mark.skipif(os.name == "nt", reason="kills and limits of the system are those of POSIX")


def same(one: Frame, other: Frame) -> bool:
    plain = ("key", "axis", "time", "id", "detector", "kind", "arrived", "meta")
    return (
        all(getattr(one, name) == getattr(other, name) for name in plain)
        and np.array_equal(one.values, other.values)
        and np.array_equal([one.live_time, one.real_time], [other.live_time, other.real_time], equal_nan=True)
    )


def alarm(key: str, detector: str, first: int, last: int | None, name: str = "Cs137") -> Alarm:
    end = None if last is None else START + last * SECOND
    return Alarm(key, detector, "class", name, START + first * SECOND, end, {"peak": 7})


def test_what_went_in_comes_out(tmp_path: Path, frames: Frames, model: gf.Model) -> None:
    kept = [
        *frames(3),
        *frames(2, "right", meta={"dose_rate": 0.1, "place": "gate"}, live_time=np.nan),
        Frame([-1.5, 2.25], gf.Axis.points([1.0, 3.0], "nm"), START, "lamp", kind="intensity", arrived=True),
    ]
    found = model.analyse(gf.SpectrumSet([one.values for one in kept[:3]], kept[0].axis)).records()
    with Log.open(tmp_path / "a.gfl") as log:
        assert log.append(kept, [*found, None, None, None]) == [True] * 6
    with Log.open(tmp_path / "a.gfl", readonly=True) as log:
        entries = list(log.frames())
        assert len(log) == log.spectra == 6
        assert log.detectors() == ["lamp", "left", "right"]
    assert sorted(one.frame().key for one in entries) == sorted(one.key for one in kept)
    by_key = {one.key: one for one in kept}
    assert all(same(entry.frame(), by_key[entry.frame().key]) for entry in entries)
    records = [entry.record for entry in entries if entry.record]
    assert [one["scores"] for one in records] == [one["scores"] for one in found]
    assert [one["present"] for one in records] == [one["present"] for one in found]
    assert records[0]["detector"] == "left"
    assert records[0]["time"] == "2026-01-01T00:00:00.000000"


def test_a_frame_that_comes_again_is_counted_once(tmp_path: Path, frames: Frames) -> None:
    one, two = frames(2)
    with Log.open(tmp_path / "a.gfl") as log:
        assert log.append([one, one, two]) == [True, False, True]
        assert log.append([two, *frames(3)]) == [False, False, False, True]
    with Log.open(tmp_path / "a.gfl") as log:
        assert log.append(frames(4)) == [False, False, False, True]
        assert len(log) == 4


def test_what_makes_two_frames_one(frames: Frames) -> None:
    axis = gf.Axis.channels(2)
    key = Frame([1, 2], axis, START, "left", live_time=1.0).key
    assert key == Frame([1, 2], axis, START, "left", meta={"place": "gate"}).key
    assert key != Frame([1, 3], axis, START, "left").key
    assert key != Frame([1, 2], axis, START, "right").key
    assert key != Frame([1, 2], axis, START + SECOND, "left").key
    # a counter that begins anew after a restart of the detector makes no duplicate
    assert frames(1, id="1")[0].key != frames(2, id="1")[1].key
    late = [Frame([1, 2], axis, START + n * SECOND, "left", id="7", arrived=True) for n in (0, 9)]
    assert late[0].key == late[1].key


def test_frames_are_found_by_time_and_detector(tmp_path: Path, frames: Frames) -> None:
    with Log.open(tmp_path / "a.gfl") as log:
        log.append([*frames(1200), *frames(5, "right")])
        seconds = lambda entries: [int((one.time - START) / SECOND) for one in entries]  # noqa: E731
        assert seconds(log.frames(detector="left")) == list(range(1200))
        assert seconds(log.frames(detector="left", newest_first=True)) == list(range(1200))[::-1]
        between = log.frames(START + 3 * SECOND, START + 6 * SECOND, "left")
        assert seconds(between) == [3, 4, 5]
        assert seconds(log.frames(newest_first=True, limit=2, detector="right")) == [4, 3]
        assert len(list(log.frames(limit=700))) == 700
        assert list(log.frames(detector="nobody")) == []


def test_alarms_change_and_stay(tmp_path: Path) -> None:
    with Log.open(tmp_path / "a.gfl") as log:
        log.append([], alarms=[alarm("a", "left", 5, None), alarm("b", "right", 2, 3)])
        log.append([], alarms=[alarm("a", "left", 5, 9, "Co60")])
        assert [one.as_dict()["key"] for one in log.alarms()] == ["b", "a"]
        (late,) = log.alarms(detector="left", since=START + SECOND)
        assert late.name == "Co60"
        assert late.end == START + 9 * SECOND
        assert dict(late.details) == {"peak": 7}


def test_readers_look_while_one_writes(tmp_path: Path, frames: Frames) -> None:
    path = tmp_path / "a.gfl"
    with Log.open(path) as log:
        log.append(frames(2))
        with Log.open(path, readonly=True) as reader:
            assert len(reader) == 2
            log.append(frames(3))
            assert len(reader) == 3
            with pytest.raises(LogError, match="open for reading only"):
                reader.append(frames(1))
        with pytest.raises(LogError, match="another program writes this log; close it"):
            Log.open(path)


def test_threads_share_a_log(tmp_path: Path, frames: Frames) -> None:
    with Log.open(tmp_path / "a.gfl") as log:
        seen: list[int] = []

        def work(name: str) -> None:
            for start in range(0, 40, 4):
                log.append(frames(start + 4, name)[start:])
                seen.append(sum(1 for _ in log.frames(detector=name)))

        threads = [threading.Thread(target=work, args=(name,)) for name in ("left", "right", "top")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(log) == 120
        assert sorted(seen) == sorted([4 * k for k in range(1, 11)] * 3)


def test_old_spectra_go_first_and_alarms_never(tmp_path: Path, frames: Frames) -> None:
    axis = gf.Axis.channels(4096)
    rng = np.random.default_rng(5)

    def big(number: int) -> Frame:
        return Frame(rng.integers(0, 256, 4096), axis, START + number * SECOND, "left")

    with Log.open(tmp_path / "a.gfl", max_bytes=2**20) as log:
        log.append([], alarms=[alarm("early", "left", 10, 12)])
        for first in range(0, 1200, 4):
            log.append([big(number) for number in range(first, first + 4)])
        assert log.size < 2 * 2**20  # one megabyte, and what came since the last look
        entries = list(log.frames())
        assert len(entries) == 1200
        kept = [int((one.time - START) / SECOND) for one in entries if one.values is not None]
        assert {10, 11, 12} <= set(kept)
        assert kept[3:] == list(range(kept[3], 1200))
        with pytest.raises(LogError, match="thinned out"):
            entries[0].frame()
        assert len(log.alarms()) == 1


def test_then_old_frames_go(tmp_path: Path, frames: Frames) -> None:
    with Log.open(tmp_path / "a.gfl", max_bytes=2**19) as log:
        log.append([], alarms=[alarm("early", "left", 10, 12)])
        for first in range(0, 9000, 100):
            few = gf.Axis.channels(2)
            log.append([Frame([1, 2], few, START + n * SECOND, "left") for n in range(first, first + 100)])
        entries = list(log.frames())
        assert len(entries) < 9000
        assert log.spectra >= len(entries) // 20  # the newest keep their spectra
        seconds = [int((one.time - START) / SECOND) for one in entries]
        assert seconds[:3] == [10, 11, 12]
        assert seconds[-1] == 8999
        assert len(log.alarms()) == 1


def test_rotation_moves_what_is_old(tmp_path: Path, frames: Frames) -> None:
    every = frames(30)
    with Log.open(tmp_path / "a.gfl") as log:
        alarms = [alarm("a", "left", 3, 5), alarm("b", "left", 4, None)]
        log.append(every, [{"shares": {"a": 1.0}}] * 30, alarms)
        assert log.rotate(tmp_path / "old.gfl", START + 20 * SECOND) == 20
        assert len(log) == log.spectra == 10
        assert [one.key for one in log.alarms()] == ["b"]
        assert log.rotate(tmp_path / "old.gfl", START + 25 * SECOND) == 5
        assert log.rotate(tmp_path / "rest.gfl", START + 99 * SECOND) == 5
        assert (len(log), log.last) == (0, 30), "a number is given once"
        log.append(frames(1))
        assert log.last == 31
    with Log.open(tmp_path / "old.gfl", readonly=True) as old:
        entries = list(old.frames())
        assert all(same(entry.frame(), one) for entry, one in zip(entries, every, strict=False))
        assert len(entries) == 25
        assert entries[0].record is not None
        assert entries[0].record["shares"] == {"a": 1.0}
        assert [one.key for one in old.alarms()] == ["a"]


def test_what_is_no_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="there is no such log"):
        Log.open(tmp_path / "none.gfl", readonly=True)
    with pytest.raises(LogError, match="the folder of the log is missing"):
        Log.open(tmp_path / "none" / "a.gfl")
    (tmp_path / "text.gfl").write_text("no database, and long enough to be read as the head of one" * 20)
    with pytest.raises(LogError, match="no log, or it is damaged"):
        Log.open(tmp_path / "text.gfl")
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE a(b)")
    other.close()
    with pytest.raises(LogError, match="no log of gamma_flow"):
        Log.open(tmp_path / "other.db")
    with Log.open(tmp_path / "new.gfl") as log:
        log._connection.execute("PRAGMA user_version = 99")
    with pytest.raises(LogError, match="newer gamma_flow; expected version 1, found 99"):
        Log.open(tmp_path / "new.gfl")
    with pytest.raises(LogError, match="leaves no room"):
        Log.open(tmp_path / "small.gfl", max_bytes=1000)


def test_a_batch_is_taken_whole_or_not_at_all(tmp_path: Path, frames: Frames) -> None:
    with Log.open(tmp_path / "a.gfl") as log:
        with pytest.raises(LogError, match="one result a frame"):
            log.append(frames(2), [None])
        with pytest.raises(TypeError):
            log.append(frames(2), [None, {"shares": object()}])
        assert len(log) == 0
        assert log.append(frames(2)) == [True, True]
        assert [entry.axis for entry in log.frames()] == [one.axis for one in frames(2)]


def write(path: Path, first: int, most: int = 0) -> subprocess.Popen[str]:
    """Start the writer."""
    return subprocess.Popen(
        [sys.executable, str(WRITER), str(path), str(first), str(most)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )


def killed(path: Path, first: int, after: int, pause: float) -> int:
    """Let the writer say ``after`` lines, kill it a little later, and return what it called safe."""
    process = write(path, first)
    assert process.stdout is not None
    for _ in range(after):
        assert process.stdout.readline()
    time.sleep(pause)
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read()
    process.wait()
    process.stdout.close()
    # a line that was cut by the kill was not said
    said = [line for line in rest.split("\n")[:-1] if line]
    return int(said[-1]) if said else -1


def kill_often(path: Path, times: int, rng: np.random.Generator) -> None:
    from live.writer import frame

    first = 0
    for _ in range(times):
        safe = killed(path, first, int(rng.integers(1, 6)), float(rng.uniform(0, 0.05)))
        with Log.open(path) as log:  # the dead one's lock is free
            numbers = [int((entry.time - START) / SECOND) for entry in log.frames()]
            assert numbers == list(range(len(numbers))), "none is missing, none is there twice"
            assert len(numbers) >= max(safe, first)
            assert log._connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            last = next(iter(log.frames(newest_first=True, limit=1)))
            assert same(last.frame(), frame(len(numbers) - 1))
        first = max(0, len(numbers) - 3)  # what was sent, but not acknowledged, comes again


@posix
def test_five_kills_lose_nothing_and_double_nothing(tmp_path: Path, rng: np.random.Generator) -> None:
    kill_often(tmp_path / "a.gfl", 5, rng)


@posix
@pytest.mark.soak
def test_two_hundred_kills(tmp_path: Path) -> None:
    kill_often(tmp_path / "a.gfl", 200, np.random.default_rng())


@posix
def test_a_disk_that_is_full_refuses_frames_and_keeps_the_others(tmp_path: Path) -> None:
    path = tmp_path / "a.gfl"
    process = write(path, 0, 300_000)
    said, _ = process.communicate(timeout=60)
    *safe, refusal = said.splitlines()
    assert refusal.startswith(f"refused {safe[-1]} {path}: the log took nothing: the disk is full")
    with Log.open(path, readonly=True) as log:
        numbers = [int((entry.time - START) / SECOND) for entry in log.frames()]
        assert numbers == list(range(int(safe[-1])))
    with Log.open(path) as log:  # there is room again
        from live.writer import frame

        assert log.append([frame(int(safe[-1]))]) == [True]


@given(
    st.lists(
        st.one_of(
            st.integers(0, 2**53 - 1), st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 300)
        ),
        min_size=1,
        max_size=50,
    )
)
def test_packing_is_exact(values: list[float]) -> None:
    array = np.array(values, np.float64)
    again = unpacked(packed(array), len(array))
    assert again.tobytes() == array.tobytes()


@pytest.mark.parametrize(
    "axis",
    [
        gf.Axis.polynomial([-12.0, 8.15, 0.0012], 256, reference="centre"),
        gf.Axis.linear(0, 1000, 3),
        gf.Axis.points([1.0, 2, 4, 7], "nm"),
        gf.Axis([0.0, 1, 3], "cm-1"),
        gf.Axis.channels(4),
    ],
    ids=str,
)
def test_axes_are_exact(axis: gf.Axis) -> None:
    again = unpacked_axis(packed_axis(axis))
    assert again == axis
    assert np.array_equal(again.centres, axis.centres)
    assert again.coefficients == axis.coefficients
    with pytest.raises(LogError, match="damaged"):
        unpacked_axis(packed_axis(axis)[:-2])


def test_damaged_spectra_and_results_are_named() -> None:
    good = packed(np.arange(5.0))
    for bad in (b"", b"\x09abc", good[:-3], good[:1] + good):
        with pytest.raises(LogError, match="damaged"):
            unpacked(bad, 5)
    with pytest.raises(LogError, match="damaged"):
        unpacked(good, 6)
    layout, told = packed_record({"a": 1.0, "b": "x"})
    for bad in (b"", told[:-1], b"\x92\xc4\x00\x90"):
        with pytest.raises(LogError, match="damaged"):
            unpacked_record(layout, bad)


json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False)
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=30)
@given(st.dictionaries(st.text(max_size=9), json, max_size=4))
def test_results_are_exact(record: dict[str, Any]) -> None:
    assert unpacked_record(*packed_record(record)) == record
