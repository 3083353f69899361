"""RadiaCode and digiBASE as sources. EXPERIMENTAL: never tried on hardware.

Both devices add up one spectrum; a frame is what was added since the last look.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data import Axis
from gamma_flow.errors import DataError, MissingDependencyError, SourceError
from gamma_flow.live.frames import Frame, now
from gamma_flow.live.sources._base import Delivery, Source

__all__ = ["Accumulated", "Accumulating", "digibase", "radiacode"]


@dataclass(frozen=True)
class Accumulated:
    """What a device has added up so far.

    Parameters
    ----------
    counts : ndarray, shape (C,)
        Since its spectrum was cleared last.
    axis : Axis
        Of the C channels.
    live_time, real_time : float
        Seconds; NaN where the device does not tell.
    """

    counts: NDArray[np.float64]
    axis: Axis
    live_time: float = math.nan
    real_time: float = math.nan


class Accumulating(Source):
    """A device that adds up one spectrum: a frame is the difference of two looks.

    Where counts become fewer (somebody cleared the spectrum) or the axis changes, the look counts as a first
    one, and the detector's trouble says so until the next frame.

    Parameters
    ----------
    look : callable
        Returns what the device has added up; may raise any exception.
    detector : str
        Name of the detector.
    length : float
        Seconds between looks.
    close : callable, optional
        Gives the device back.
    name : str
        For people.
    """

    def __init__(
        self,
        look: Callable[[], Accumulated],
        detector: str,
        *,
        length: float = 1.0,
        close: Callable[[], object] = lambda: None,
        name: str = "device",
    ) -> None:
        if not (math.isfinite(length) and length > 0):
            raise DataError("no frame has this length", expected="above 0 s", found=f"{length:g} s")
        self.name, self._look, self._detector = name, look, detector
        self._length, self._give_back = length, close
        self._before: Accumulated | None = None
        self._since = now()
        self._next = time.monotonic()

    def poll(self, timeout: float = 1.0, most: int = 256) -> list[Delivery]:  # noqa: ARG002 - one at most
        """Return the frame that is due; see `Source.poll`.

        Raises
        ------
        SourceError
            The device does not answer.
        """
        wait = self._next - time.monotonic()
        if wait > timeout:
            time.sleep(timeout)
            return []
        time.sleep(max(0.0, wait))
        self._next = max(self._next + self._length, time.monotonic())
        begin, self._since = self._since, now()
        try:
            told = self._look()
        except Exception as problem:  # the libraries raise whatever comes their way
            raise SourceError(
                f"the device does not answer: {type(problem).__name__}: {str(problem)[:120]}",
                where=self.name,
                cure="check the cable and the rights to use it",
            ) from problem
        before, self._before = self._before, told
        if before is None:
            return []
        if not before.axis.matches(told.axis) or (told.counts < before.counts).any():
            self.trouble = "the device was cleared or calibrated anew: one frame is missing"
            return []
        self.trouble = ""
        frame = Frame(
            told.counts - before.counts,
            told.axis,
            begin,
            self._detector,
            live_time=_difference(told.live_time, before.live_time),
            real_time=_difference(told.real_time, before.real_time),
        )
        return [Delivery((frame,), self.name)]

    def close(self) -> None:
        """Give the device back."""
        self._give_back()


def _difference(later: float, earlier: float) -> float:
    return math.nan if math.isnan(later) or math.isnan(earlier) else max(0.0, later - earlier)


def radiacode(*, bluetooth: str | None = None, length: float = 1.0, device: Any = None) -> Source:
    """Return a RadiaCode by USB, or by Bluetooth (its address). Experimental.

    It needs the package ``radiacode``. Its clock counts whole seconds, so that the real time of a frame is
    that of this computer.

    Raises
    ------
    MissingDependencyError
        The package is not installed.
    SourceError
        There is no such device.
    """
    if device is None:
        device = _opened("radiacode", "RadiaCode", {"bluetooth_mac": bluetooth} if bluetooth else {})

    def look() -> Accumulated:
        told = device.spectrum()
        counts = np.asarray(told.counts, np.float64)
        axis = Axis.polynomial([told.a0, told.a1, told.a2], channels=len(counts))
        return Accumulated(counts, axis, math.nan, time.monotonic())

    return Accumulating(look, "radiacode", length=length, name="radiacode")


def digibase(
    *, serial: str | None = None, length: float = 1.0, axis: Axis | None = None, device: Any = None
) -> Source:
    """Return an ORTEC digiBASE; high voltage and gain stay as set. Experimental.

    It needs the package ``digibase``. Without an axis its 1024 channels are not calibrated.

    Raises
    ------
    MissingDependencyError
        The package is not installed.
    SourceError
        There is no such device.
    """
    if device is None:
        device = _opened("digibase", "digiBase", {"serialNumber": serial} if serial else {})
        device.set_acq_mode_pha()
        device.start()

    def look() -> Accumulated:
        counts = np.asarray(device.spectrum, np.float64)
        return Accumulated(
            counts, axis or Axis.channels(len(counts)), float(device.livetime), float(device.realtime)
        )

    return Accumulating(look, serial or "digibase", length=length, close=device.stop, name="digibase")


def _opened(package: str, kind: str, options: dict[str, Any]) -> Any:
    try:
        maker = getattr(import_module(package), kind)
    except ImportError as problem:
        raise MissingDependencyError(
            f"this device needs the package {package}", cure=f"pip install 'gamma-flow[{package}]'"
        ) from problem
    try:
        return maker(**options)
    except Exception as problem:  # the libraries raise whatever comes their way
        raise SourceError(
            f"the device cannot be opened: {type(problem).__name__}: {str(problem)[:120]}",
            where=package,
            cure="check the cable and the rights to use it",
        ) from problem
