"""The loop: stored before acknowledged and shown; one detector's problem is its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

import gamma_flow as gf
from gamma_flow.errors import IncompatibleError, MessageError
from gamma_flow.live.alarm import Alarm
from gamma_flow.live.frames import Frame
from gamma_flow.live.log import Log
from gamma_flow.live.loop import Loop, analysed
from gamma_flow.live.sources._base import Delivery, Source
from gamma_flow.live.status import Board

START = np.datetime64("2026-01-01T00:00:00", "us")
SECOND = np.timedelta64(1, "s")
Frames = Callable[..., list[Frame]]


class Given(Source):
    """Hands out given deliveries, and notes what was acknowledged."""

    def __init__(self, batches: Sequence[Sequence[Delivery]], watch: Callable[[], int] = lambda: 0) -> None:
        self.name = "given"
        self.batches = [list(batch) for batch in batches]
        self.watch = watch
        self.acknowledged: list[tuple[int, int]] = []

    def poll(self, timeout: float = 1.0, most: int = 256) -> list[Delivery]:
        batch = self.batches.pop(0) if self.batches else []
        self.ended = not self.batches
        return batch

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        self.acknowledged.append((len(deliveries), self.watch()))


def deliveries(frames: Sequence[Frame]) -> list[Delivery]:
    return [Delivery((frame,), "given") for frame in frames]


def test_what_is_acknowledged_and_shown_is_in_the_log(
    tmp_path: Path, frames: Frames, model: gf.Model
) -> None:
    path = tmp_path / "a.gfl"
    with Log.open(path) as log, Log.open(path, readonly=True) as reader:
        source = Given([deliveries(frames(3)), deliveries(frames(5))], watch=lambda: len(reader))
        outcomes = list(Loop(source, model, log))
    assert source.acknowledged == [(3, 3), (5, 5)]
    assert [one.frame.key for one in outcomes if one.frame] == [frame.key for frame in frames(5)]
    expected = model.analyse(gf.SpectrumSet([one.values for one in frames(5)], frames(1)[0].axis)).shares
    shares = [list(one.record["shares"].values()) for one in outcomes if one.record]
    assert np.allclose(shares, expected, atol=1e-12)


def test_a_log_that_takes_nothing_holds_everything_up(
    tmp_path: Path, frames: Frames, model: gf.Model
) -> None:
    with Log.open(tmp_path / "a.gfl") as log:
        log.append(frames(1))
        pages = log._connection.execute("PRAGMA page_count").fetchone()[0]
        log._connection.execute(f"PRAGMA max_page_count = {pages + 1}")  # a disk that is full, to SQLite
        source = Given([deliveries(frames(600)), deliveries(frames(601)[600:])])
        asked: list[int] = []

        def alarms(new: Sequence[Frame], records: Sequence[object]) -> list[Alarm]:
            asked.append(len(new))
            return []

        loop = Loop(source, model, log, alarms=alarms)
        for _ in range(2):
            (outcome,) = loop.step(0.01)
            assert outcome.status.state == "log"
            assert "the log took nothing: the disk is full" in outcome.status.sentence
        assert source.acknowledged == []
        assert len(log) == 1
        log._connection.execute("PRAGMA max_page_count = 100000")
        outcomes = loop.step(0.01)
        assert outcomes[0].status.state == "ok"
        assert sum(one.frame is not None for one in outcomes) == 599
        loop.step(0.01)
        assert len(log) == 601
        assert source.acknowledged == [(600, 0), (1, 0)]
        assert asked == [599, 1]


def test_a_detector_that_does_not_fit_the_model_does_not_disturb_the_others(
    frames: Frames, model: gf.Model
) -> None:
    strange = [
        Frame([1, 2, 3], gf.Axis.points([400.0, 500, 600], "nm"), START, "lamp"),
        Frame([0.5], gf.Axis.linear(0, 1000, 1), START, "meter", kind="intensity"),
    ]
    good = frames(2)
    answers = analysed(model, [good[0], *strange, good[1]])
    assert [isinstance(answer, IncompatibleError) for answer in answers] == [False, True, True, False]
    loop = Loop(Given([deliveries([good[0], *strange, good[1]])]), model)
    outcomes = {one.status.detector: one for one in loop}
    assert outcomes["left"].status.state == "ok"
    for name in ("lamp", "meter"):
        assert outcomes[name].status.state == "model"
        assert outcomes[name].record is None
    assert "nm" in outcomes["lamp"].status.sentence


def test_frames_of_another_length_or_time_are_told_and_analysed(frames: Frames, model: gf.Model) -> None:
    first = frames(3)
    other = Frame(np.ones(40), gf.Axis.linear(0, 900, 40), START + 5 * SECOND, "left")
    back = frames(1, id="again")[0]
    ahead = Frame(np.ones(50), first[0].axis, np.datetime64("2150-01-01"), "left")
    loop = Loop(Given([deliveries([*first, other, *frames(7)[6:], back, ahead])]), model)
    outcomes = list(loop)
    assert [one.status.state for one in outcomes] == ["ok", "ok", "ok", "axis", "axis", "clock", "clock"]
    assert all(one.record for one in outcomes)
    sentences = [one.status.sentence for one in outcomes]
    assert sentences[3] == ("the axis changed from Axis(50 bins, 0..1000 keV) to Axis(40 bins, 0..900 keV)")
    assert "jumped back from 2026-01-01T00:00:06" in sentences[5]
    assert "a day ahead" in sentences[6]
    assert dict(outcomes[-1].status.problems) == {"axis": 2, "clock": 2}


def test_an_axis_that_cuts_templates_is_told_once(frames: Frames) -> None:
    x = frames(1)[0].axis.centres
    shapes = [np.exp(-0.5 * ((x - 660) / 60) ** 2), np.exp(-x / 300)]
    model = gf.Model(gf.Templates([s / s.sum() for s in shapes], ("Cs137", "floor"), frames(1)[0].axis))
    short = [Frame(np.ones(25), gf.Axis.linear(0, 500, 25), START + k * SECOND, "short") for k in range(2)]
    outcomes = list(Loop(Given([deliveries(short[:1]), deliveries([short[1], *frames(1)])]), model))
    assert [one.status.state for one in outcomes] == ["range", "ok", "ok"]
    assert outcomes[0].record is not None
    assert "of the template of 'Cs137' lies on" in outcomes[0].record["warning"]
    assert "warning" not in outcomes[1].record  # type: ignore[operator]


def test_refused_messages_have_their_place(frames: Frames) -> None:
    bad = Delivery((), "spectra/right", MessageError("no frame"), "right")
    unnamed = Delivery((), "line 3", MessageError("no frame either"))
    loop = Loop(Given([[bad, unnamed, *deliveries(frames(1))]]))
    states = {one.status.detector: one.status for one in loop}
    assert {name: status.state for name, status in states.items()} == {
        "right": "message",
        "given": "message",
        "left": "ok",
    }
    assert states["right"].refused == 1
    assert states["right"].as_dict()["problems"] == {"message": 1}


def test_alarms_are_stored_with_their_frames_and_duplicates_raise_none(
    tmp_path: Path, frames: Frames
) -> None:
    asked: list[list[Frame]] = []

    def alarms(new: Sequence[Frame], records: Sequence[object]) -> list[Alarm]:
        asked.append(list(new))
        return [Alarm(f"a{len(asked)}", "left", "class", "Cs137", new[0].time)]

    with Log.open(tmp_path / "a.gfl") as log:
        source = Given([deliveries(frames(2)), deliveries(frames(2)), deliveries(frames(3))])
        list(Loop(source, None, log, alarms=alarms))
        assert [len(new) for new in asked] == [2, 1]
        assert [one.key for one in log.alarms()] == ["a1", "a2"]
        assert len(source.acknowledged) == 3  # duplicates too: they would come for ever


def test_silence_is_told_once_and_ends(frames: Frames) -> None:
    board = Board()
    one, two, three = frames(3)
    board.frame(one, clock=0.0)
    board.frame(two, clock=1.0)
    assert board.silent(clock=8.0) == []
    (status,) = board.silent(clock=12.0)
    assert (status.state, status.sentence) == ("silent", "nothing came for 11 s")
    assert board.silent(clock=13.0) == []
    assert board.frame(three, clock=14.0).state == "ok"
    slow = Board()
    slow.frame(one, clock=0.0)
    slow.frame(two, clock=60.0)
    assert slow.silent(clock=500.0) == []
    assert slow.silent(clock=700.0)


def test_invented_names_do_not_fill_memory() -> None:
    board = Board()
    axis = gf.Axis.channels(1)
    for number in range(1200):
        status = board.frame(Frame([1], axis, START, f"d{number}"), clock=1.0)
    assert len(board) == 1001
    assert status.state == "crowd"
    assert board.frame(Frame([1], axis, START, "d1"), clock=1.0).state == "ok"


def test_a_source_in_trouble_is_told_and_recovers(frames: Frames) -> None:
    source = Given([[], [], [], deliveries(frames(1))])
    loop = Loop(source)
    source.trouble = "the broker is away"
    assert [one.status.state for one in loop.step(0)] == ["source"]
    assert loop.step(0) == []
    source.trouble, source.dropped = "", 3
    first, second = loop.step(0)
    assert first.status.state == "ok"
    assert second.status.sentence == "3 messages were dropped: the queue is full"


@pytest.mark.parametrize("detail", ["everything", "scores"])
def test_the_size_of_a_batch_changes_nothing(frames: Frames, model: gf.Model, detail: str) -> None:
    many = frames(20)
    together = analysed(model, many, detail)  # type: ignore[arg-type]
    alone = [analysed(model, [frame], detail)[0] for frame in many]  # type: ignore[arg-type]
    assert together == alone
