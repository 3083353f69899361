"""The tracker of ``watch`` and ``serve``: the one asked for, or the one whose calibration is at hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from gamma_flow.live.log import Log
    from gamma_flow.live.restart import StateFile
    from gamma_flow.live.tracker import Tracker
    from gamma_flow.model import Model

__all__ = ["notes_of", "taken_up", "tracker_of", "tracker_options"]

Function = TypeVar("Function", bound=Callable[..., Any])


def tracker_options(function: Function) -> Function:
    """Add the options that choose a tracker."""
    function = click.option(
        "--false-alarm-interval", metavar="TIME", help="Time between two false alarms: 8h."
    )(function)
    return click.option(
        "--tracker",
        "tracker_path",
        metavar="FILE",
        help="Calibration for alarms (.gft), or off  [default: the one beside the model, if there is one]",
    )(function)


def tracker_of(
    model: Model | None, model_path: Path | None, told: str | None, interval: str | None
) -> Tracker | None:
    """Return the tracker that is asked for, or that can be had: with a calibration beside the model."""
    from gamma_flow.errors import SettingsError
    from gamma_flow.live.calibration import AlarmCalibration
    from gamma_flow.live.tracker import Tracker
    from gamma_flow.nuclides.times import duration

    beside = None if model_path is None else model_path.with_suffix(".gft")
    path = Path(told) if told not in (None, "off") else beside if told is None else None
    if told not in (None, "off") and model is None:
        raise SettingsError("a tracker needs a model", where="--tracker", cure="name one: -m model.gfm")
    if model is None or path is None or (told is None and not path.exists()):
        if interval is not None:
            raise SettingsError(
                "without a tracker there are no alarms",
                where="--false-alarm-interval",
                cure="calibrate one: gamma-flow tracker -m model.gfm",
            )
        return None
    calibration = AlarmCalibration.load(path)
    return Tracker(model, calibration if interval is None else calibration.every(duration(interval)))


def taken_up(tracker: Tracker | None, log: Log | None) -> StateFile | None:
    """Let a tracker go on where it was before the restart; None without a log."""
    if tracker is None or log is None:
        return None
    from gamma_flow.live.restart import StateFile

    state = StateFile(tracker, log)
    _, sentence = state.take_up()
    if sentence:
        click.echo(f"warning: {sentence}", err=True)
    return state


def notes_of(tracker: Tracker | None, state: StateFile | None) -> dict[str, str]:
    """Return what is not as it should be, a sentence a detector; of the tracker as a whole under ""."""
    notes = {} if tracker is None else dict(tracker.notes)
    if state is not None and state.trouble:
        notes[""] = state.trouble
    return notes
