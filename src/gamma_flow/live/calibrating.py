"""The calibration of a tracker: streams without sources go through it, as frames later do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data import Axis, SpectrumSet
from gamma_flow.errors import DataError, SettingsError
from gamma_flow.live._surroundings import Surroundings
from gamma_flow.live._tails import level_above, tails
from gamma_flow.live._track import TELLING, Track
from gamma_flow.live.calibration import AlarmCalibration
from gamma_flow.live.tracker_settings import TrackerSettings
from gamma_flow.model import Model
from gamma_flow.numerics.drift import moved

__all__ = ["Weather", "calibrate"]

Floats = NDArray[np.float64]

_FIRST = 0.3  # of each stream makes the tails, the rest the episodes
_FEWEST = 1200  # frames of a stream ...
_FEWEST_LONG = 45  # ... and longest windows in it
_EVERY = 10  # frames with one expected spectrum


@dataclass(frozen=True)
class Weather:
    """How drawn surroundings change.

    Parameters
    ----------
    gain_walk : float
        Standard deviation of the gain's random walk over an hour.
    rate_walk : float
        That of the logarithm of the background's rate, which returns to its mean within some hours.
    shower : float
        Largest share of the background's rate that a nuisance adds, evenly from 0; it rises within minutes
        and falls by half in half an hour, as radon's daughters do after rain.
    showers : float
        How many an hour.
    """

    gain_walk: float = 0.003
    rate_walk: float = 0.05
    shower: float = 0.3
    showers: float = 0.25


def calibrate(
    model: Model,
    settings: TrackerSettings | None = None,
    *,
    rng: np.random.Generator,
    rates: Sequence[float] = (),
    seconds: float = 8 * 3600.0,
    frame_time: float = 1.0,
    weather: Weather | None = None,
    recorded: Sequence[SpectrumSet] = (),
    axis: Axis | None = None,
) -> AlarmCalibration:
    """Let streams of background go through a tracker, and read its calibration off their highest levels.

    Parameters
    ----------
    model : Model
        With Poisson noise and a background.
    settings : TrackerSettings, optional
        As the tracker will have them.
    rng : numpy.random.Generator
        For the drawn streams.
    rates : sequence of float
        Counts per second of the background, over the model's channels, for each of which a stream is drawn; a
        tracker is calibrated between the least and the greatest.
    seconds : float
        Length of each drawn stream.
    frame_time : float
        Seconds of a frame.
    weather : Weather, optional
        How the drawn surroundings change.
    recorded : sequence of SpectrumSet
        Background frames of a detector in order of time, each a stream of its own, without sources.
    axis : Axis, optional
        Of the drawn frames; the model's own by default.

    Returns
    -------
    AlarmCalibration
        With it a `gamma_flow.live.tracker.Tracker` begins.

    Raises
    ------
    SettingsError
        A model that no tracker can use; neither rates nor recorded frames.
    DataError
        Streams of fewer frames than a calibration needs.
    """
    how = TrackerSettings() if settings is None else settings
    sky = Weather() if weather is None else weather
    where = model.templates.axis if axis is None else axis
    if not rates and not recorded:
        raise SettingsError(
            "a calibration needs background",
            where="calibrate",
            expected="rates (counts per second) to draw, or recorded frames",
            found="neither",
        )
    for name, value in (("frame_time", frame_time), ("seconds", seconds), *(("rates", one) for one in rates)):
        if not 0 < value < 1e9:
            raise SettingsError(
                "a rate and a length of time are positive", where=f"calibrate, {name}", found=f"{value:g}"
            )
    number = int(seconds / frame_time)
    streams = [
        _Stream.drawn(Surroundings.of(model, where, how), how, rate, number, frame_time, sky, rng)
        for rate in rates
    ]
    streams += [_Stream.recorded(Surroundings.of(model, one.axis, how), one, frame_time) for one in recorded]
    least = max(_FEWEST, _FEWEST_LONG * how.longest)
    for stream in streams:
        if stream.number < least:
            raise DataError(
                "a stream is too short for a calibration",
                where="calibrate",
                expected=f"{least} frames or more",
                found=str(stream.number),
            )
    return _condensed(streams, how, ("drawn",) * bool(rates) + ("recorded",) * bool(recorded))


@dataclass
class _Stream:
    surroundings: Surroundings
    number: int
    values: Iterator[Floats]
    frame_time: float

    @classmethod
    def drawn(
        cls,
        around: Surroundings,
        how: TrackerSettings,
        rate: float,
        number: int,
        frame_time: float,
        weather: Weather,
        rng: np.random.Generator,
    ) -> _Stream:
        values = _drawn(around, how, rate * frame_time, number, frame_time, weather, rng)
        return cls(around, number, values, frame_time)

    @classmethod
    def recorded(cls, around: Surroundings, spectra: SpectrumSet, frame_time: float) -> _Stream:
        times = spectra.live_time[np.isfinite(spectra.live_time) & (spectra.live_time > 0)]
        typical = float(np.median(times)) if len(times) else frame_time
        values = spectra.values
        # as a tracker does: what repeats the frame before is left out
        again = (values[1:] == values[:-1]).all(axis=1) & (values[1:].sum(axis=1) >= TELLING)
        kept = values[np.concatenate([[True], ~again])]
        return cls(around, len(kept), iter(kept), typical)


def _condensed(streams: Sequence[_Stream], how: TrackerSettings, origin: tuple[str, ...]) -> AlarmCalibration:
    first = [_run(stream, how) for stream in streams]
    looks = np.concatenate([one for _, one, _ in first])
    counts = np.concatenate([one for _, _, one in first])
    names = first[0][0].statistics
    table = tails(looks, counts, len(streams), how.windows)
    frame_time = float(np.mean([stream.frame_time for stream in streams]))
    # the frames that made the tails judge themselves here: good enough to know when to stop learning
    rough = AlarmCalibration(how, names, *table, peaks=np.arange(20.0), frames=1, frame_time=frame_time)
    before = [
        np.array(
            [rough.level(row.reshape(len(how.windows), -1), x).max() for row, x in zip(rows, at, strict=True)]
        )
        for _, rows, at in first
    ]
    peaks = np.sort(np.concatenate([_episodes(one, how.longest) for one in before]))
    seen = sum(len(one) for one in before) * frame_time
    freeze = level_above(peaks, seen / how.freeze_interval)
    levels = [
        _judged(stream, track, rough, freeze) for stream, (track, _, _) in zip(streams, first, strict=True)
    ]
    peaks = np.sort(np.concatenate([_episodes(one, how.longest) for one in levels]))
    number = sum(len(one) for one in levels)
    return AlarmCalibration(how, names, *table, peaks, number, frame_time, " and ".join(origin))


def _run(stream: _Stream, how: TrackerSettings) -> tuple[Track, Floats, Floats]:
    """Let the first part of a stream through; return statistics (N, W S) of full windows, log counts (N,)."""
    track = Track(stream.surroundings, how)
    skip = max(how.longest, min(how.warm_up, stream.number // 10))
    rows, counts = [], []
    for number in range(int(_FIRST * stream.number)):
        look = track.look(next(stream.values), stream.frame_time)
        track.follow(False)
        if number >= skip:
            rows.append(look.statistics.ravel())
            counts.append(look.log_counts)
    return track, np.array(rows), np.array(counts)


def _judged(stream: _Stream, track: Track, rough: AlarmCalibration, freeze: float) -> Floats:
    """Let the rest of a stream through, as a tracker would; return the highest level of each frame."""
    levels = []
    for values in stream.values:
        look = track.look(values, stream.frame_time)
        level = float(rough.level(look.statistics, look.log_counts).max())
        track.follow(level >= freeze)
        levels.append(level)
    return np.array(levels)


def _episodes(levels: Floats, apart: int) -> Floats:
    """Return the highest level of each ``apart`` frames, those left out that are near a higher one."""
    parts = np.array_split(np.arange(len(levels)), max(1, len(levels) // apart))
    at = np.array([part[levels[part].argmax()] for part in parts])
    height = levels[at]
    # one that straddles two stretches is one
    close = np.diff(at) < apart // 2
    lower = np.zeros(len(at), bool)
    lower[1:] |= close & (height[1:] <= height[:-1])
    lower[:-1] |= close & (height[:-1] < height[1:])
    out: Floats = height[~lower]
    return out


def _drawn(
    around: Surroundings,
    how: TrackerSettings,
    counts: float,
    number: int,
    frame_time: float,
    weather: Weather,
    rng: np.random.Generator,
) -> Iterator[Floats]:
    """Yield frames of the model's background under a changing sky."""
    t = around.templates
    shapes = t.shapes / t.integral[:, None]
    nuisances = [t.classes.index(name) for name in how.nuisances]
    hours = _EVERY * frame_time / 3600
    gain, rate, more = 1.0, 0.0, np.zeros(len(nuisances))
    goal = np.zeros(len(nuisances))
    for start in range(0, number, _EVERY):
        gain += weather.gain_walk * np.sqrt(hours) * rng.standard_normal()
        rate += weather.rate_walk * np.sqrt(hours) * rng.standard_normal() - rate * hours / 4
        begins = rng.random(len(nuisances)) < weather.showers * hours
        goal = np.where(begins, rng.uniform(0, weather.shower, len(nuisances)), goal * np.exp(-hours / 0.7))
        more += (goal - more) * (1 - np.exp(-hours / 0.1))
        mean = counts * np.exp(rate) * (shapes[around.background] + more @ shapes[nuisances])
        mean = np.maximum(moved(mean[None], t.axis.edges, gain)[0], 0.0)
        yield from rng.poisson(mean, (min(_EVERY, number - start), len(mean))).astype(np.float64)
