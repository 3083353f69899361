"""What the tests of live operation share: frames, a small model, a broker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import gamma_flow as gf
from gamma_flow.live.frames import Frame
from live.brokers import Broker

AXIS = gf.Axis.linear(0, 1000, 50)
START = np.datetime64("2026-01-01T00:00:00", "us")


def frame(number: int, detector: str = "left", *, seed: int = 1, **parts: object) -> Frame:
    """Frame number ``number`` of a detector, one a second, counts drawn from the number."""
    rng = np.random.default_rng([seed, number, *detector.encode()])
    given = {"live_time": 0.98, "real_time": 1.0, "id": f"m{number}", **parts}
    time = START + np.timedelta64(number, "s")
    return Frame(rng.poisson(8, len(AXIS)), AXIS, time, detector, **given)


@pytest.fixture
def frames() -> Callable[..., list[Frame]]:
    def make(count: int, detector: str = "left", **parts: object) -> list[Frame]:
        return [frame(number, detector, **parts) for number in range(count)]

    return make


@pytest.fixture(scope="session")
def model() -> gf.Model:
    """Two classes on the frames' axis, least squares: quick."""
    x = AXIS.centres
    shapes = [np.exp(-0.5 * ((x - 660) / 60) ** 2), np.exp(-x / 300)]
    unit = [shape / shape.sum() for shape in shapes]
    return gf.Model(gf.Templates(unit, ("Cs137", "background"), AXIS, background="background"))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    made = Broker(tmp_path)
    yield made
    made.stop()
