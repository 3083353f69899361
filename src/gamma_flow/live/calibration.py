"""How a tracker looks, and from which value on it cries out: settings and calibration, one frozen value."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.data._arrays import freeze
from gamma_flow.errors import DamagedFileError, DataError, GammaFlowError, SettingsError
from gamma_flow.io._source import Source
from gamma_flow.io.container import read_container, write_container
from gamma_flow.numerics.evidence import BODY, LEVELS

__all__ = ["AlarmCalibration", "TrackerSettings"]

Floats = NDArray[np.float64]

_MOST_WINDOW = 4096


@dataclass(frozen=True)
class TrackerSettings:
    """How a tracker looks at the frames of a detector.

    Parameters
    ----------
    windows : tuple of int
        Lengths of the sliding sums in frames, increasing; for frames of 1 s these are seconds.
    false_alarm_interval : float
        Seconds between two false alarms of one detector, as promised over all windows and classes together.
    nuisances : tuple of str
        Classes of the model that belong to the surroundings (radon): fitted, but never an alarm.
    parts : tuple of str
        What may be wrong with a template, of `gamma_flow.data.method.PARTS`; those that the model fits, too.
    gain : float
        Prior standard deviation of the gain about its state, relative; 0 does not follow the gain.
    memory : float
        Seconds after which a frame has lost 63 % of its weight in the background.
    trust : float
        Counts that the model's own background is worth at the start.
    update : int
        Frames between two steps of background and gain.
    warm_up : int
        Frames at the start of a detector (or of a new axis) in which nothing is an alarm.
    freeze_interval : float
        Nothing is learned while the evidence is as large as chance makes it once in so many seconds.
    patience : float
        Seconds after which evidence that is no alarm stops nothing any more.
    hold : int
        Frames in a row without evidence that end an alarm.
    gap : float
        Seconds without a frame after which the windows begin anew.

    Raises
    ------
    SettingsError
        A number out of range, windows that do not increase.

    Examples
    --------
    >>> TrackerSettings(windows=(1, 4, 16)).windows
    (1, 4, 16)
    """

    windows: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64)
    false_alarm_interval: float = 8 * 3600.0
    nuisances: tuple[str, ...] = ()
    parts: tuple[str, ...] = ("mismatch", "gain")
    gain: float = 0.003
    memory: float = 1800.0
    trust: float = 5e3
    update: int = 10
    warm_up: int = 120
    freeze_interval: float = 600.0
    patience: float = 900.0
    hold: int = 5
    gap: float = 5.0

    def __post_init__(self) -> None:
        windows = tuple(int(one) for one in self.windows)
        rising = all(a < b for a, b in itertools.pairwise(windows))
        if not windows or windows[0] < 1 or windows[-1] > _MOST_WINDOW or not rising:
            raise SettingsError(
                "the windows of a tracker are lengths in frames that increase",
                where="windows",
                expected=f"whole numbers from 1 to {_MOST_WINDOW}",
                found=str(tuple(self.windows)),
            )
        keep = object.__setattr__
        keep(self, "windows", windows)
        keep(self, "nuisances", tuple(self.nuisances))
        keep(self, "parts", tuple(self.parts))
        for name in ("update", "hold"):
            _in_range(name, getattr(self, name), 1, 1e6)
        for name in ("gain", "trust", "warm_up", "patience"):
            _in_range(name, getattr(self, name), 0, 0.05 if name == "gain" else math.inf)
        for name in ("false_alarm_interval", "memory", "freeze_interval", "gap"):
            _in_range(name, getattr(self, name), 1e-3, 1e9)

    @property
    def longest(self) -> int:
        """Frames of the longest window."""
        return self.windows[-1]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> TrackerSettings:
        """Return what `as_dict` gave.

        Raises
        ------
        SettingsError
            A key that is none.
        """
        known = {one.name for one in fields(cls)}
        strange = sorted(set(told) - known)
        if strange:
            raise SettingsError("a tracker has no such setting", found=", ".join(strange)[:100])
        given: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in told.items()}
        return cls(**given)


def _in_range(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise SettingsError(
            "a setting of the tracker is out of range",
            where=name,
            expected=f"{least:g} to {most:g}",
            found=f"{value:g}",
        )


@dataclass(frozen=True, eq=False)
class AlarmCalibration:
    """What the statistics of a tracker do where there is nothing, and the settings it holds for.

    Parameters
    ----------
    settings : TrackerSettings
        With these the calibration ran.
    statistics : tuple of str
        Names of the S statistics of one window: the classes that may be an alarm, then ``"unknown"``.
    at : (W S, B)
        log10 of the counts of a frame, for each window and statistic, in the middle of B bins.
    quantiles, scale, levels : (W S, B, Q), (W S, B), (Q,)
        As of `gamma_flow.numerics.evidence.Tail`.
    peaks : (P,)
        The highest levels (see `level`) of the P separate episodes of the calibration, ascending.
    frames : int
        Frames that the episodes come from.
    frame_time : float
        Seconds of one of them.
    origin : str
        Where the background came from: ``"drawn"`` or ``"recorded"``, or both.
    """

    settings: TrackerSettings
    statistics: tuple[str, ...]
    at: Floats
    quantiles: Floats
    scale: Floats
    levels: Floats
    peaks: Floats
    frames: int
    frame_time: float = 1.0
    origin: str = "drawn"
    threshold: float = field(init=False, default=0.0)
    freeze: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        rows = len(self.settings.windows) * len(self.statistics)
        b, q = np.shape(self.at)[-1], len(self.levels)
        keep = object.__setattr__
        keep(self, "statistics", tuple(self.statistics))
        for name, shape in (
            ("at", (rows, b)),
            ("quantiles", (rows, b, q)),
            ("scale", (rows, b)),
            ("levels", (q,)),
            ("peaks", (None,)),
        ):
            array = freeze(getattr(self, name), np.float64, shape, f"calibration.{name}")
            if not np.isfinite(array).all():
                raise DataError(f"calibration.{name} is not finite")
            keep(self, name, array)
        if len(self.peaks) < _FEWEST or self.frames < 1 or not self.frame_time > 0:
            raise DataError(
                "the calibration saw too few episodes",
                where="AlarmCalibration",
                expected=f"{_FEWEST} or more",
                found=str(len(self.peaks)),
                cure="calibrate on more frames",
            )
        keep(self, "threshold", self.level_of(self.settings.false_alarm_interval))
        keep(self, "freeze", min(self.level_of(self.settings.freeze_interval), self.threshold))

    @property
    def seconds(self) -> float:
        """Time that the calibration looked at."""
        return self.frames * self.frame_time

    @property
    def extrapolated(self) -> float:
        """How many times longer than the calibration the promised interval is; at most 1: nothing is."""
        return self.settings.false_alarm_interval / self.seconds

    def level(self, statistics: ArrayLike, log_counts: float) -> Floats:
        """Return minus the natural logarithm of the p-value of each statistic, (W, S).

        Parameters
        ----------
        statistics : (W, S) array_like
            Of one frame; zero where a window is not full yet.
        log_counts : float
            log10 of the counts of a frame.
        """
        given = np.asarray(statistics, np.float64)
        value = given.ravel()
        quantiles, scale = self._between(log_counts)
        survival = np.log1p(-self.levels)
        excess = value - quantiles[:, -1]
        # the last quantile at or below the value, and how far it lies towards the next
        at = np.clip((value[:, None] >= quantiles).sum(axis=1) - 1, 0, len(self.levels) - 2)
        rows = np.arange(len(value))
        low, high = quantiles[rows, at], quantiles[rows, at + 1]
        step = high - low
        part = np.clip((value - low) / np.where(step > 0, step, np.inf), 0.0, 1.0)
        inside = survival[at] + part * (survival[at + 1] - survival[at])
        log_p = np.where(excess > 0, survival[-1] - excess / scale, inside)
        # where the statistic is zero in many draws, all of them are at least as large as it
        out: Floats = -np.where(value > 0, log_p, 0.0).reshape(given.shape)
        return out

    def _between(self, log_counts: float) -> tuple[Floats, Floats]:
        """Return quantiles (W S, Q) and scales (W S,) at counts of a frame; beyond the bins the end's."""
        bins = self.at.shape[1]
        if bins == 1:
            return self.quantiles[:, 0], self.scale[:, 0]
        middles = self.at[0]  # the same for all: all come from the same frames
        upper = int(np.clip(np.searchsorted(middles, log_counts), 1, bins - 1))
        gap = float(middles[upper] - middles[upper - 1])
        part = float(np.clip((log_counts - middles[upper - 1]) / gap, 0.0, 1.0)) if gap > 0 else 1.0
        quantiles = (1 - part) * self.quantiles[:, upper - 1] + part * self.quantiles[:, upper]
        return quantiles, (1 - part) * self.scale[:, upper - 1] + part * self.scale[:, upper]

    def level_of(self, interval: float) -> float:
        """Return the level that chance exceeds once in so many seconds.

        Notes
        -----
        Where more than ten episodes of the calibration are higher it is read off them; beyond them their
        excesses are taken as exponential, with the uncertainty of their mean x over n carried along:
        P(excess > e) = (1 + e / (n x))^-n, the predictive distribution.
        """
        wanted = self.seconds / interval  # episodes above it within the calibration
        return level_above(self.peaks, wanted)

    def every(self, interval: float) -> AlarmCalibration:
        """Return the same for another interval between false alarms, in seconds; nothing runs anew.

        Raises
        ------
        SettingsError
            An interval that is none.
        """
        return replace(self, settings=replace(self.settings, false_alarm_interval=interval))

    # ------------------------------------------------------------------ a file

    def save(self, path: str | Path) -> None:
        """Write it as one file, whole or not at all.

        Raises
        ------
        WriteError
            The file cannot be written.
        """
        header = {
            "settings": self.settings.as_dict(),
            "statistics": list(self.statistics),
            "frames": self.frames,
            "frame_time": self.frame_time,
            "origin": self.origin,
        }
        write_container(Path(path), "tracker", header, {name: getattr(self, name) for name in _ARRAYS})

    @classmethod
    def load(cls, path: str | Path) -> AlarmCalibration:
        """Read what `save` wrote.

        Raises
        ------
        ReadError
            The file is missing, damaged, or something else.
        """
        source = Source.of(Path(path))
        header, arrays = read_container(source, "tracker")
        try:
            return cls(
                TrackerSettings.from_dict(header["settings"]),
                tuple(header["statistics"]),
                frames=int(header["frames"]),
                frame_time=float(header["frame_time"]),
                origin=str(header["origin"]),
                **{name: arrays[name] for name in _ARRAYS},
            )
        except (KeyError, TypeError, ValueError) as problem:
            if isinstance(problem, GammaFlowError) and not isinstance(problem, DataError | SettingsError):
                raise
            raise DamagedFileError(f"the calibration is not whole: {problem}", where=source.name) from problem


_ARRAYS = ("at", "quantiles", "scale", "levels", "peaks")
_FEWEST = 20  # episodes
_CHI_SQUARE = 2.0  # scale of the exponential tail of a chi-square
_HALF_CHI_SQUARE = 2.7055  # its quantile at 0.95: zero half of the time, else a chi-square of one degree
_MANY = 500.0  # independent values from which on a quantile at 0.99 says something
_READ = 10.0  # episodes above a level that is read off them


def level_above(peaks: ArrayLike, wanted: float) -> float:
    """Return the level that ``wanted`` of the peaks (ascending) are expected to exceed; may be below one."""
    p = np.asarray(peaks, np.float64)
    if wanted >= _READ:
        at = min(max(len(p) - wanted, 0.0), len(p) - 1.0)
        return float(np.interp(at, np.arange(len(p)), p))
    n = max(1, min(max(int(2 * _READ), len(p) // 4), len(p) - 1))
    start = p[max(len(p) - n - 1, 0)]
    mean = max(float((p[-n:] - start).mean()), 1e-3)
    return float(start + n * mean * ((wanted / n) ** (-1.0 / n) - 1.0))


def tails(
    statistics: Floats, log_counts: Floats, bins: int, windows: Sequence[int]
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return ``at``, ``quantiles``, ``scale``, ``levels`` of columns of statistics (N, W S) without sources.

    Parameters
    ----------
    statistics : (N, W S)
        Of the frames of streams in order of time; the last of each S is that of the unknown.
    log_counts : (N,)
        log10 of the counts of a frame.
    bins : int
        Of equally many frames along log10 counts.
    windows : sequence of int
        W lengths.

    Notes
    -----
    Up to a probability of 0.95 the values speak for themselves. Sums of long windows hold few independent
    ones, so beyond it they only stretch the tail that theory gives exact templates, exp(-t / 2), by a factor
    of at least one: by how far the quantiles at 0.95 and 0.99 lie beyond those of half a chi-square (of the
    strongest of many peaks: by how far they lie apart). What templates that are not exact do to the far tail
    is left to the episodes, which are looked at after this.
    """
    parts = np.array_split(np.argsort(log_counts, kind="stable"), bins)
    at = np.array([np.median(log_counts[part]) for part in parts])
    body = LEVELS <= BODY
    each = statistics.shape[1] // len(windows)
    quantiles = np.zeros((statistics.shape[1], bins, len(LEVELS)))
    scale = np.zeros((statistics.shape[1], bins))
    for row in range(statistics.shape[1]):
        unknown = row % each == each - 1
        for b, part in enumerate(parts):
            values = statistics[np.sort(part), row]
            quantiles[row, b] = np.quantile(values, LEVELS)
            start = float(quantiles[row, b, body][-1])
            stretch = _stretch(values, len(part) / windows[row // each], unknown)
            scale[row, b] = _CHI_SQUARE * stretch
            beyond = start + scale[row, b] * np.log((1 - BODY) / (1 - LEVELS[~body]))
            quantiles[row, b, ~body] = beyond
    return np.tile(at, (statistics.shape[1], 1)), quantiles, scale, LEVELS


def _stretch(values: Floats, independent: float, unknown: bool) -> float:
    """Return by how much longer the tail of values is than theory's, 1 at least."""
    half, high, higher = (float(q) for q in np.quantile(values, [0.5, 0.95, 0.99]))
    found = (high - half) / (_CHI_SQUARE * math.log(10)) if unknown else high / _HALF_CHI_SQUARE
    if independent >= _MANY:
        found = max(found, (higher - high) / (_CHI_SQUARE * math.log(5)))
    return max(1.0, found)
