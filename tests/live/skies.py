"""A small detector for the tests of the tracker: three classes and radon on 128 channels, frames of 1 s."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

import gamma_flow as gf
from gamma_flow.data.method import Method
from gamma_flow.live.frames import Frame
from gamma_flow.live.tracker_settings import TrackerSettings

AXIS = gf.Axis.linear(0, 3000, 128)
START = np.datetime64("2026-01-01T00:00:00", "us")
RATE = 200.0
SETTINGS = TrackerSettings(
    windows=(1, 4, 16), nuisances=("radon",), warm_up=40, memory=600.0, false_alarm_interval=4 * 3600.0
)


def _peaks(*energies: float) -> np.ndarray:
    x = AXIS.centres
    out = sum(np.exp(-0.5 * ((x - e) / (0.9 * np.sqrt(e))) ** 2) / np.sqrt(e) for e in energies)
    return np.asarray(out)


def _unit(shape: np.ndarray) -> np.ndarray:
    return np.asarray(shape / shape.sum())


SHAPES: Mapping[str, np.ndarray] = {
    "Cs137": _unit(_peaks(662) + 2e-3 * (AXIS.centres < 480)),
    "Co60": _unit(_peaks(1173, 1332) + 1e-3 * (AXIS.centres < 1100)),
    "radon": _unit(_peaks(352, 609, 1120, 1764) + 2e-3 * np.exp(-AXIS.centres / 400)),
    "background": _unit(np.exp(-AXIS.centres / 300) + 0.02 + 3 * _peaks(1461) + _peaks(2614)),
}
UNKNOWN = _unit(_peaks(835) + 2e-3 * (AXIS.centres < 600))


def model(**changes: object) -> gf.Model:
    """Exact templates; nothing is trained."""
    given = {"noise": "poisson", "parts": ("mismatch", "gain"), "line_width": 0.08, **changes}
    names = tuple(SHAPES)
    templates = gf.Templates(list(SHAPES.values()), names, AXIS, background="background")
    return gf.Model(templates, Method(**given))  # type: ignore[arg-type]


def stream(
    number: int,
    seed: int = 1,
    *,
    source: np.ndarray | None = None,
    counts: float = 0.0,
    at: range = range(0),
    radon: float = 0.0,
    first: int = 0,
    detector: str = "left",
    live_time: float = 1.0,
    rate: float = RATE,
) -> list[Frame]:
    """Frames of background, with ``counts`` a second of a source in those numbered ``at``."""
    out = []
    for second in range(first, first + number):
        mean = rate * SHAPES["background"] + radon * SHAPES["radon"]
        if source is not None and second in at:
            mean = mean + counts * source
        values = np.random.default_rng([seed, second]).poisson(mean)
        time = START + np.timedelta64(second, "s")
        out.append(Frame(values, AXIS, time, detector, live_time=live_time, id=f"m{second}"))
    return out
