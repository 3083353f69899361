"""Detectors that are simulated as long as one looks: sources come by, rain falls, the gain drifts."""

from __future__ import annotations

import math
import time

import numpy as np
from numpy.typing import NDArray

from gamma_flow.errors import SettingsError
from gamma_flow.live.frames import Frame, now
from gamma_flow.live.sources._base import Delivery, Source
from gamma_flow.model import Model
from gamma_flow.numerics.drift import moved
from gamma_flow.simulate.detectors import detector
from gamma_flow.simulate.library_model import radon_spectra, train_from_library
from gamma_flow.simulate.spectra import expected_rates
from gamma_flow.simulate.surroundings import Background

__all__ = ["KNOWN", "STRANGER", "Demo", "demo_model"]

Floats = NDArray[np.float64]

KNOWN = ("Am-241", "Co-60", "Cs-137", "I-131")
"""What `demo_model` knows."""

STRANGER = "Mn-54"
"""What comes by, too, and nobody trained."""

_PROBE = "NaI-2x2"
_NAMES = ("gate", "van", "lab", "roof", "dock", "hall", "yard", "pier")
_QUIET = 30.0  # s at the start in which nothing is on its way
_PAUSES = (15.0, 45.0)  # s between two passes
_SPEEDS = (0.4, 1.5)  # m/s
_CLOSEST = 3.0  # m
_PEAKS = (60.0, 500.0)  # counts a second of a source when it is nearest
_REACH = 25.0  # m: from there on nothing is seen of a source
_SHOWER, _DRIES = 600.0, 1800.0  # s between two showers, and in which half of the radon is gone
_BEHIND = 10  # frames that may be late before they are left out: a demonstration waits for nobody


def demo_model(seed: int = 1) -> Model:
    """Return a model of what the demonstration shows, trained on simulated spectra; it knows no Mn-54."""
    return train_from_library(KNOWN, _PROBE, radon=True, seed=seed, nulls=2000)


class Demo(Source):
    """A frame a second of each of some detectors, by which sources pass; without end.

    Parameters
    ----------
    detectors : int
        How many, up to eight.
    seed : int
        The same seed brings the same sources.
    speed : float
        Seconds of the detectors in one of ours.

    Raises
    ------
    SettingsError
        A number out of range.
    """

    name = "demo:"

    def __init__(self, detectors: int = 3, seed: int = 1, speed: float = 1.0) -> None:
        if not 1 <= detectors <= len(_NAMES):
            raise SettingsError(
                "so many detectors are not shown", expected=f"1 to {len(_NAMES)}", found=str(detectors)
            )
        if not 0 < speed <= 100:
            raise SettingsError("no demonstration has this speed", expected="0 to 100", found=f"{speed:g}")
        probe = detector(_PROBE)
        self.speed, self._axis = speed, probe.axis
        rates = {name: expected_rates(name, probe) for name in (*KNOWN, STRANGER)}
        self._shapes = {name: rate / rate.sum() for name, rate in rates.items()}
        self._ground = probe.counts(Background(radon=3.0).deposit(probe.response))
        radon = radon_spectra(probe, rng=np.random.default_rng(0), number=1).values[0]
        self._radon = radon / radon.sum()
        self._begin = now()
        self._clock = time.monotonic()
        self._second = 0
        self._places = [_Place(name, np.random.default_rng([seed, at])) for at, name in enumerate(_NAMES)]
        self._places = self._places[:detectors]

    def poll(self, timeout: float = 1.0, most: int = 256) -> list[Delivery]:  # noqa: ARG002
        """Return the frames whose second is over; see `Source.poll`."""
        due = self._clock + (self._second + 1) / self.speed
        wait = due - time.monotonic()
        if wait > timeout:
            time.sleep(timeout)
            return []
        if wait > 0:
            time.sleep(wait)
        over = int((time.monotonic() - self._clock) * self.speed)
        if over - self._second > _BEHIND:  # the computer slept
            self.dropped += (over - self._second - 1) * len(self._places)
            self._second = over - 1
        frames = [self._frame(place) for place in self._places]
        self._second += 1
        return [Delivery((frame,), self.name) for frame in frames]

    def _frame(self, place: _Place) -> Frame:
        named, factor = place.passing(self._second)
        rain = 0.4 * float(self._ground.sum()) * place.wet(self._second)
        mean = self._ground + rain * self._radon
        for name in named:
            mean = mean + factor * self._shapes[name]
        mean = moved(mean[None], self._axis.edges, place.gain())[0]
        values = place.rng.poisson(np.maximum(mean, 0.0)).astype(np.float64)
        at = self._begin + np.timedelta64(self._second * 1_000_000, "us")
        live = 1.0 - 2e-6 * float(values.sum())
        return Frame(values, self._axis, at, place.name, live_time=live, real_time=1.0, id=str(self._second))


class _Place:
    """What comes by one detector."""

    def __init__(self, name: str, rng: np.random.Generator) -> None:
        self.name, self.rng = name, rng
        self._walk = 1.0
        self._fallen, self._next_shower = 0.0, float(rng.uniform(0.1, 1.0)) * _SHOWER
        self._named: tuple[str, ...] = ()
        self._plan(_QUIET)

    def _plan(self, after: float) -> None:
        """Draw the next pass."""
        self._speed = float(self.rng.uniform(*_SPEEDS))
        self._nearest = after + float(self.rng.uniform(*_PAUSES)) + _REACH / self._speed
        self._peak = float(np.exp(self.rng.uniform(*np.log(_PEAKS))))
        several = self.rng.random() < 0.2
        names = self.rng.choice([*KNOWN, STRANGER], size=1 + several, replace=False)
        self._named = tuple(str(name) for name in names)

    def passing(self, second: int) -> tuple[tuple[str, ...], float]:
        """Return which sources are near, and the counts a second of each."""
        away = (second - self._nearest) * self._speed
        if away > _REACH:
            self._plan(second)
        if abs(away) > _REACH:
            return (), 0.0
        return self._named, self._peak * _CLOSEST**2 / (_CLOSEST**2 + away**2)

    def wet(self, second: int) -> float:
        """Return how much radon the rain has brought down, 0 to about 1."""
        self._fallen *= 0.5 ** (1 / _DRIES)
        raining = self._next_shower <= second < self._next_shower + 0.3 * _SHOWER
        if raining:
            self._fallen += 1 / (0.3 * _SHOWER)
        elif second >= self._next_shower:
            self._next_shower = second + float(self.rng.exponential(_SHOWER)) + _SHOWER
        return min(self._fallen, 1.0)

    def gain(self) -> float:
        """Return the gain, which wanders by some tenths of a percent an hour."""
        self._walk += 0.003 * math.sqrt(1 / 3600) * float(self.rng.standard_normal())
        return self._walk
