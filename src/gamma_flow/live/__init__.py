"""Live operation: frames from sources that do not end, a durable log, and the state of every detector.

A source hands out deliveries of frames; the loop analyses them, writes frames and results into the log, and
only then acknowledges and shows them::

    source ──poll──▶ frames ──analyse──▶ records ──▶ log ──▶ acknowledged, shown

Nothing here is imported by ``import gamma_flow``, and names are loaded when they are first used.
"""

from typing import TYPE_CHECKING

from gamma_flow._lazy import exports

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
    "Alarm": "gamma_flow.live.alarm",
    "AlarmCalibration": "gamma_flow.live.calibration",
    "Decoder": "gamma_flow.live.messages",
    "Frame": "gamma_flow.live.frames",
    "Limits": "gamma_flow.live.messages",
    "Log": "gamma_flow.live.log",
    "Loop": "gamma_flow.live.loop",
    "Tracker": "gamma_flow.live.tracker",
    "TrackerSettings": "gamma_flow.live.tracker_settings",
    "calibrate": "gamma_flow.live.calibrating",
    "encode": "gamma_flow.live.messages",
    "export": "gamma_flow.live.exporting",
    "open_source": "gamma_flow.live.opening",
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

__getattr__, __dir__ = exports(__name__, _HOMES, globals())
