"""How a tracker looks at the frames of a detector."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from gamma_flow.errors import SettingsError

__all__ = ["TrackerSettings"]

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
        Prior standard deviation of the gain about its state, relative; 0 neither finds nor follows it.
    memory : float
        Seconds after which a frame has lost 63 % of its weight in the background.
    trust : float
        Counts that the model's own background is worth at the start.
    update : int
        Frames between two steps of background and gain.
    warm_up : int
        Frames at the start of a detector (or of a new axis) that are taken as background, and in which gain
        and offset are found; a class that the model finds in them is an alarm and no background, and the
        warm-up lasts so many frames longer, twice as long at most.
    freeze_interval : float
        Nothing is learned while the evidence is as large as chance makes it once in so many seconds.
    patience : float
        Seconds after which evidence that is no alarm stops nothing any more.
    hold : int
        Frames in a row without evidence that end an alarm.
    confirm : bool
        A class is an alarm only if the model, too, finds it in the sum of the window. The tracker knows its
        background to the count, and so trusts it more than real surroundings deserve; the model allows for
        distortions. A model that decides by the share is not asked. Beside another alarm, and while a
        detector warms up, the model is asked in any case.
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
    confirm: bool = True
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
