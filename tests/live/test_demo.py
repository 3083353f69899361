"""The demonstration: detectors that are simulated as long as one looks."""

from __future__ import annotations

import time

import numpy as np
import pytest

from gamma_flow.errors import SettingsError
from gamma_flow.live.calibrating import calibrate
from gamma_flow.live.frames import Frame
from gamma_flow.live.opening import open_source
from gamma_flow.live.sources.demo import KNOWN, STRANGER, Demo, demo_model
from gamma_flow.live.tracker import Tracker
from gamma_flow.live.tracker_settings import TrackerSettings


def drawn(source: Demo, seconds: int) -> list[Frame]:
    return [frame for _ in range(seconds) for one in source.poll() for frame in one.frames]


def test_each_second_brings_a_frame_of_each_detector() -> None:
    with open_source("demo:?detectors=2&speed=100&seed=3") as source:
        assert isinstance(source, Demo)
        frames = drawn(source, 5)
        assert source.ended is False
    assert [frame.detector for frame in frames] == ["gate", "van"] * 5
    assert {frame.id for frame in frames} == {"0", "1", "2", "3", "4"}
    steps = np.diff([frame.time for frame in frames if frame.detector == "gate"])
    assert set(steps) == {np.timedelta64(1_000_000, "us")}
    assert all(0.9 < frame.live_time <= 1.0 == frame.real_time for frame in frames)


def test_the_same_seed_brings_the_same_frames() -> None:
    one, same, other = (drawn(Demo(1, seed, speed=100.0), 40) for seed in (1, 1, 2))
    assert all(np.array_equal(a.values, b.values) for a, b in zip(one, same, strict=True))
    assert not all(np.array_equal(a.values, b.values) for a, b in zip(one, other, strict=True))


def test_sources_come_by() -> None:
    source = Demo(3, 1, speed=100.0)
    seen = set()
    for place in source._places:
        for second in range(2000):
            names, factor = place.passing(second)
            assert factor >= 0
            seen |= set(names)
    assert seen == {*KNOWN, STRANGER}


def test_a_sleeping_computer_leaves_frames_out_and_says_so() -> None:
    source = Demo(2, 1, speed=100.0)
    source._clock -= 5.0
    frames = drawn(source, 1)
    assert len(frames) == 2
    assert source.dropped >= 2 * 400
    assert int(frames[0].id) >= 400


def test_it_waits_no_longer_than_asked() -> None:
    source = Demo(1, 1, speed=0.01)
    begin = time.monotonic()
    assert source.poll(0.05) == []
    assert time.monotonic() - begin < 5.0


def test_its_model_knows_what_comes_by_but_for_one() -> None:
    model = demo_model()
    assert {*KNOWN, "radon", "background"} == set(model.classes)
    assert STRANGER not in model.classes


def test_a_strong_unknown_is_not_taken_for_what_its_continuum_looks_like() -> None:
    """And a class beside it is named, too, where the model explains both."""
    model, source = demo_model(), Demo(1, 1, speed=100.0)
    settings = TrackerSettings(nuisances=("radon",), warm_up=30)
    rng = np.random.default_rng(1)
    calibration = calibrate(model, settings, rng=rng, rates=(100.0,), seconds=3600.0)
    ground, stranger = source._ground, source._shapes[STRANGER]
    named = []
    for seed in range(6):
        tracker, alarms = Tracker(model, calibration), {}
        draw = np.random.default_rng(seed)
        for second in range(120):
            near = 400.0 / (1 + ((second - 90) / 5) ** 2)
            values = draw.poisson(ground + near * stranger).astype(float)
            time = np.datetime64("2026-01-01", "us") + np.timedelta64(second, "s")
            alarms |= {one.key: one for one in tracker([Frame(values, source._axis, time, "gate", 1.0)])}
        kinds = [alarm.kind for alarm in alarms.values()]
        assert "unknown" in kinds
        named += [alarm.name for alarm in alarms.values() if alarm.kind == "class"]
    assert len(named) <= 1, named  # one in some thirty has a class beside it


@pytest.mark.parametrize("wrong", ["detectors=0", "detectors=99", "speed=0", "speed=1000", "sped=1"])
def test_wrong_demonstrations_are_one_sentence(wrong: str) -> None:
    with pytest.raises(SettingsError):
        open_source(f"demo:?{wrong}")
