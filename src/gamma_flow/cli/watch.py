"""``gamma-flow watch``: what detectors see, as it arrives."""

from __future__ import annotations

import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gamma_flow.cli._common import guarded, on_terminal
from gamma_flow.cli._tracking import notes_of, taken_up, tracker_of, tracker_options

if TYPE_CHECKING:
    from gamma_flow.live.loop import Loop
    from gamma_flow.live.restart import StateFile
    from gamma_flow.live.tracker import Tracker


@click.command()
@click.argument("source")
@click.option("-m", "--model", "model_path", type=click.Path(path_type=Path), help="Model (.gfm).")
@click.option("--log", "log_path", type=click.Path(path_type=Path), help="Write everything into this log.")
@click.option("--log-limit", type=click.IntRange(1), metavar="MB", help="Size of the log at most.")
@click.option("--json", "as_json", is_flag=True, help="JSON lines; the default where output is redirected.")
@click.option(
    "--detail",
    type=click.Choice(["everything", "evidence", "scores"]),
    default="everything",
    help="How much is answered  [default: everything]",
)
@click.option("--stop-after", type=click.IntRange(1), metavar="N", help="End after N frames.")
@click.option(
    "--batch", type=click.IntRange(1), default=256, help="Messages that are taken at a time at most."
)
@tracker_options
@guarded
def command(
    source: str,
    model_path: Path | None,
    log_path: Path | None,
    log_limit: int | None,
    as_json: bool,
    stop_after: int | None,
    tracker_path: str | None,
    false_alarm_interval: str | None,
    **flags: Any,
) -> None:
    """Analyse the frames of SOURCE as they arrive.

    SOURCE is - (JSON lines), mqtt://HOST/TOPIC, zmq://HOST:PORT, folder:PATH, replay:FILE, listmode:FILE,
    ...; see docs/live.md. Ctrl-C ends it.
    """
    from gamma_flow.live.log import Log
    from gamma_flow.live.loop import Loop
    from gamma_flow.live.opening import open_source
    from gamma_flow.model import Model

    model = None if model_path is None else Model.load(model_path)
    tracker = tracker_of(model, model_path, tracker_path, false_alarm_interval)
    with ExitStack() as stack:
        limit = None if log_limit is None else log_limit * 10**6
        log = None if log_path is None else stack.enter_context(Log.open(log_path, max_bytes=limit))
        opened = stack.enter_context(open_source(source))
        state = taken_up(tracker, log)
        loop = Loop(opened, model, log, detail=flags["detail"], batch=flags["batch"], alarms=tracker)
        signal.signal(signal.SIGTERM, _interrupted)
        try:
            if as_json or not on_terminal():
                _lines(loop, stop_after, tracker, state)
            else:
                from gamma_flow.cli._live_table import show

                show(loop, stop_after, tracker=tracker, state=state)
        except KeyboardInterrupt:
            click.echo("gamma-flow: ended", err=True)
        if state is not None:
            state.keep(loop, now=True)
            if state.trouble:
                click.echo(f"warning: {state.trouble}", err=True)
        frames = sum(status.frames for status in loop.board.all())
        refused = sum(status.refused for status in loop.board.all())
        again = sum(status.duplicates for status in loop.board.all())
        click.echo(f"{frames} frames, {again} came again, {refused} messages refused", err=True)
    if refused and not frames:
        sys.exit(1)


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def _lines(
    loop: Loop, stop_after: int | None, tracker: Tracker | None = None, state: StateFile | None = None
) -> None:
    """Write one line of JSON for each result, each alarm, and each change of a state or of a note."""
    from gamma_flow.live.messages import line
    from gamma_flow.live.telling import result_of

    states: dict[str, str] = {}
    notes: dict[str, str] = {}
    stream = sys.stdout.buffer
    left = stop_after
    while not loop.source.ended or loop.busy:
        outcomes = loop.step()
        text = bytearray()
        for outcome in outcomes:
            status = outcome.status
            if outcome.frame is not None:
                text += line("result", result_of(outcome)) + b"\n"
            for alarm in outcome.alarms:
                text += line("alarm", alarm.as_dict()) + b"\n"
            changed = states.get(status.detector, "ok") != status.state
            if changed or outcome.frame is None:
                states[status.detector] = status.state
                text += line("status", status.as_dict()) + b"\n"
        for name, note in _news(notes_of(tracker, state), notes):
            text += line("note", {"detector": name, "sentence": note}) + b"\n"
        stream.write(text)
        stream.flush()
        if state is not None:
            state.keep(loop)
        if left is not None:
            left -= sum(outcome.frame is not None for outcome in outcomes)
            if left <= 0:
                return


def _news(now: dict[str, str], told: dict[str, str]) -> list[tuple[str, str]]:
    """Return the notes of the tracker that are new; an empty sentence says that one is over."""
    if not now and not told:
        return []
    new = [(name, note) for name, note in now.items() if told.get(name) != note]
    over = [(name, "") for name in told if name not in now]
    told.clear()
    told |= now
    return new + over
