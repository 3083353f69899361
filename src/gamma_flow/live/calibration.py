"""From which value on a tracker cries out: its calibration, one frozen value with its settings."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.data._arrays import freeze
from gamma_flow.errors import DamagedFileError, DataError, GammaFlowError, SettingsError
from gamma_flow.io._source import Source
from gamma_flow.io.container import read_container, write_container
from gamma_flow.live._tails import level_above
from gamma_flow.live.tracker_settings import TrackerSettings

__all__ = ["AlarmCalibration"]

Floats = NDArray[np.float64]


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
