"""Loops that share a log and a tracker: what comes to two of them is stored, shown and tracked once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gamma_flow as gf
from gamma_flow.live.alarm import Alarm
from gamma_flow.live.calibrating import calibrate
from gamma_flow.live.calibration import AlarmCalibration
from gamma_flow.live.frames import Frame
from gamma_flow.live.log import Log
from gamma_flow.live.loop import Loop, Outcome
from gamma_flow.live.restart import StateFile
from gamma_flow.live.tracker import Tracker
from gamma_flow.live.turn import Turn
from live import skies
from live.test_loop import Given, deliveries

Frames = Callable[..., list[Frame]]


class AskedAtOnce(Log):
    """A log that tells two threads what is new only when both have asked."""

    both: threading.Barrier
    left = 2

    def new(self, frames: Sequence[Frame]) -> list[bool]:
        found = super().new(frames)
        if self.left:
            self.left -= 1
            self.both.wait(10)
        return found


class Hook:
    """Notes what it was shown; an alarm for each call."""

    def __init__(self) -> None:
        self.seen: list[Frame] = []

    def __call__(self, frames: Sequence[Frame], records: Sequence[Any]) -> list[Alarm]:
        assert len(frames) == len(records)
        self.seen += frames
        return [Alarm(f"a{len(self.seen)}", "left", "class", "Cs137", frames[0].time)]


def test_a_frame_over_two_sources_at_once_is_one(tmp_path: Path, frames: Frames, model: gf.Model) -> None:
    every = frames(9)
    parts = (every[:6], every[3:])  # three are in both
    turn, hook = Turn(), Hook()
    outcomes: list[list[Outcome]] = [[], []]
    with AskedAtOnce.open(tmp_path / "a.gfl") as log:
        assert isinstance(log, AskedAtOnce)
        log.both = threading.Barrier(2)
        sources = [Given([deliveries(part)]) for part in parts]
        loops = [Loop(source, model, log, alarms=hook, turn=turn) for source in sources]

        def run(number: int) -> None:
            outcomes[number] = loops[number].step(0.1)

        threads = [threading.Thread(target=run, args=(number,)) for number in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        keys = sorted(frame.key for frame in every)
        assert sorted(entry.frame().key for entry in log.frames()) == keys
        assert sorted(frame.key for frame in hook.seen) == keys
        shown = [one for found in outcomes for one in found if one.frame is not None]
        assert sorted(one.frame.key for one in shown if one.frame) == keys
        assert all(one.record is not None for one in shown)
        assert len(log.alarms()) == 2
    told = [loop.board.all()[0] for loop in loops]
    assert sum(status.frames for status in told) == 9
    assert sum(status.duplicates for status in told) == 3
    assert [source.acknowledged[0][0] for source in sources] == [6, 6]


def test_a_loop_that_is_stuck_keeps_its_turn(tmp_path: Path, frames: Frames) -> None:
    turn, hook = Turn(), Hook()
    with Log.open(tmp_path / "a.gfl") as log:
        log.append(frames(1))
        pages = log._connection.execute("PRAGMA page_count").fetchone()[0]
        log._connection.execute(f"PRAGMA max_page_count = {pages + 1}")  # a disk that is full, to SQLite
        large = Loop(Given([deliveries(frames(600))]), None, log, alarms=hook, turn=turn)
        small = Loop(Given([deliveries(frames(3))]), None, log, alarms=hook, turn=turn)
        for _ in range(2):
            for loop in (large, small):
                (outcome,) = loop.step(0.01)
                assert outcome.status.state == "log"
                assert "the disk is full" in outcome.status.sentence
        assert len(hook.seen) == 599, "the others are not asked about"
        with turn.still() as even:
            assert not even
        log._connection.execute("PRAGMA max_page_count = 100000")
        (waits,) = small.step(0.01)
        assert waits.status.state == "log"
        large.step(0.01)
        small.step(0.01)
        assert not large.busy
        assert not small.busy
        assert len(hook.seen) == 599
        assert len(log) == 600
        assert small.board.all()[-1].duplicates == 3
        with turn.still() as even:
            assert even


def test_without_a_hook_nobody_waits_for_a_loop_that_is_stuck(tmp_path: Path, frames: Frames) -> None:
    turn = Turn()
    with Log.open(tmp_path / "a.gfl") as log:
        log.append(frames(1))
        pages = log._connection.execute("PRAGMA page_count").fetchone()[0]
        log._connection.execute(f"PRAGMA max_page_count = {pages + 1}")
        large = Loop(Given([deliveries(frames(600))]), None, log, turn=turn)
        small = Loop(Given([deliveries(frames(2))]), None, log, turn=turn)
        large.step(0.01)
        assert large.busy
        small.step(0.01)
        assert not small.busy


# ---------------------------------------------------------------------- the state of a tracker


@pytest.fixture(scope="module")
def calibration() -> AlarmCalibration:
    rng = np.random.default_rng(1)
    return calibrate(skies.model(), skies.SETTINGS, rng=rng, rates=(skies.RATE,), seconds=1300.0)


class Counted(Tracker):
    """A tracker that knows how many frames it has seen, and with which positions it was saved."""

    frames = 0
    saved: tuple[tuple[int, int], ...] = ()

    def __call__(self, frames: Sequence[Frame], records: Sequence[Any] = ()) -> list[Alarm]:
        self.frames += len(frames)
        return super().__call__(frames, records)

    def save(self, path: str | Path, position: int = 0) -> None:
        self.saved += ((self.frames, position),)
        super().save(path, position)


def test_a_state_is_that_of_its_position_whatever_the_other_loops_do(
    tmp_path: Path, calibration: AlarmCalibration
) -> None:
    tracker, turn = Counted(skies.model(), calibration), Turn()
    with Log.open(tmp_path / "a.gfl") as log:
        state = StateFile(tracker, log, every=0.0)

        def run(name: str) -> None:
            many = skies.stream(60, detector=name)
            batches = [deliveries(many[at : at + 3]) for at in range(0, 60, 3)]
            loop = Loop(Given(batches), None, log, alarms=tracker, turn=turn)
            while not loop.source.ended:
                loop.step(0.0)
                state.keep(loop)

        threads = [threading.Thread(target=run, args=(name,)) for name in ("left", "right", "top")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(log) == 180
    assert len(tracker.saved) == 60
    assert all(seen == position for seen, position in tracker.saved)
    assert Tracker(skies.model(), calibration).restore(state.path) == 180


def test_no_state_is_kept_of_frames_that_the_log_does_not_have(
    tmp_path: Path, calibration: AlarmCalibration
) -> None:
    tracker, turn = Tracker(skies.model(), calibration), Turn()
    many = skies.stream(700)
    with Log.open(tmp_path / "a.gfl") as log:
        log.append(many[:1])
        state = StateFile(tracker, log)
        pages = log._connection.execute("PRAGMA page_count").fetchone()[0]
        log._connection.execute(f"PRAGMA max_page_count = {pages + 1}")
        loop = Loop(Given([deliveries(many)]), None, log, alarms=tracker, turn=turn)
        loop.step(0.0)
        other = Loop(Given([]), None, log, alarms=tracker, turn=turn)
        state.keep(other, now=True)
        assert not state.path.exists()
        log._connection.execute("PRAGMA max_page_count = 100000")
        loop.step(0.0)
        state.keep(other, now=True)
        assert tracker.restore(state.path) == log.last == 700


def test_a_hook_that_fails_holds_nobody_up_and_spoils_the_state(
    tmp_path: Path, calibration: AlarmCalibration
) -> None:
    tracker, turn = Tracker(skies.model(), calibration), Turn()

    def broken(frames: Sequence[Frame], records: Sequence[Any]) -> list[Alarm]:
        tracker(frames)
        raise RuntimeError("after it has seen them")

    with Log.open(tmp_path / "a.gfl") as log:
        state = StateFile(tracker, log)
        with pytest.raises(RuntimeError, match="seen"):
            Loop(Given([deliveries(skies.stream(2))]), None, log, alarms=broken, turn=turn).step(0.0)
        other = Loop(
            Given([deliveries(skies.stream(2, detector="right"))]), None, log, alarms=tracker, turn=turn
        )
        other.step(0.0)
        assert len(log) == 2
        state.keep(other, now=True)
        assert not state.path.exists()


def test_a_state_that_cannot_be_written_is_told_and_tried_again(
    tmp_path: Path, calibration: AlarmCalibration
) -> None:
    tracker = Tracker(skies.model(), calibration)
    with Log.open(tmp_path / "a.gfl") as log:
        loop = Loop(Given([deliveries(skies.stream(2))]), None, log, alarms=tracker)
        loop.step(0.0)
        state = StateFile(tracker, log)
        (tmp_path / "a.gfl.tracker").mkdir()  # a place that cannot be taken
        state.keep(loop, now=True)
        assert state.trouble.startswith("the state of the tracker is not kept: ")
        assert "a.gfl.tracker" in state.trouble
        (tmp_path / "a.gfl.tracker").rmdir()
        state.keep(loop, now=True)
        assert state.trouble == ""
        assert tracker.restore(state.path) == 2


def test_frames_are_gone_through_once_however_often_a_program_dies(
    tmp_path: Path, calibration: AlarmCalibration
) -> None:
    with Log.open(tmp_path / "a.gfl") as log:
        log.append(skies.stream(50))
        StateFile(Counted(skies.model(), calibration), log).take_up()
        log.append(skies.stream(60)[50:])
        again = Counted(skies.model(), calibration)
        assert StateFile(again, log).take_up() == ([], "")
        assert again.frames == 10
        assert again.saved == ((10, 60),)
        once_more = Counted(skies.model(), calibration)
        StateFile(once_more, log).take_up()
        assert (once_more.frames, once_more.saved) == (0, ())
