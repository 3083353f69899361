"""Live operation: frames from sources that do not end, a durable log, and the state of every detector.

A source hands out deliveries of frames; the loop analyses them, writes frames and results into the log, and
only then acknowledges and shows them::

    source ──poll──▶ frames ──analyse──▶ records ──▶ log ──▶ acknowledged, shown

Nothing here is imported by ``import gamma_flow``, and names are loaded when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gamma_flow.live.alarm import Alarm
    from gamma_flow.live.calibrating import calibrate
    from gamma_flow.live.calibration import AlarmCalibration
    from gamma_flow.live.exporting import export
    from gamma_flow.live.frames import Frame
    from gamma_flow.live.log import Log
    from gamma_flow.live.loop import Loop
    from gamma_flow.live.messages import Decoder, Limits, encode
    from gamma_flow.live.opening import open_source
    from gamma_flow.live.tracker import Tracker
    from gamma_flow.live.tracker_settings import TrackerSettings

_HOMES = {
    "Alarm": "alarm",
    "AlarmCalibration": "calibration",
    "Decoder": "messages",
    "Frame": "frames",
    "Limits": "messages",
    "Log": "log",
    "Loop": "loop",
    "Tracker": "tracker",
    "TrackerSettings": "tracker_settings",
    "calibrate": "calibrating",
    "encode": "messages",
    "export": "exporting",
    "open_source": "opening",
}

__all__ = [
    "Alarm",
    "AlarmCalibration",
    "Decoder",
    "Frame",
    "Limits",
    "Log",
    "Loop",
    "Tracker",
    "TrackerSettings",
    "calibrate",
    "encode",
    "export",
    "open_source",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'gamma_flow.live' has no attribute '{name}'")
    return getattr(import_module(f"gamma_flow.live.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
