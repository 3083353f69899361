"""The table of ``gamma-flow watch`` for people: a line a detector, with a small spectrum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from gamma_flow.cli._tracking import notes_of

if TYPE_CHECKING:
    from gamma_flow.live.alarm import Alarm
    from gamma_flow.live.frames import Frame
    from gamma_flow.live.loop import Loop, Outcome
    from gamma_flow.live.restart import StateFile
    from gamma_flow.live.status import Status
    from gamma_flow.live.tracker import Tracker

__all__ = ["grid", "show", "sparkline"]

_ALARMS = 5  # lines of alarms, the newest
_BARS = " ▁▂▃▄▅▆▇█"


def show(
    loop: Loop,
    stop_after: int | None = None,
    console: Console | None = None,
    *,
    tracker: Tracker | None = None,
    state: StateFile | None = None,
) -> None:
    """Run a loop and show its detectors, until the source ends or so many frames have come."""
    latest: dict[str, Outcome] = {}
    alarms: dict[str, Alarm] = {} if tracker is None else {one.key: one for one in tracker.open()}
    left = stop_after
    with Live(console=console, auto_refresh=False, transient=False) as live:
        while not loop.source.ended or loop.busy:
            outcomes = loop.step(0.5)
            for outcome in outcomes:
                if outcome.frame is not None:
                    latest[outcome.status.detector] = outcome
                for alarm in outcome.alarms:
                    alarms.pop(alarm.key, None)
                    alarms[alarm.key] = alarm
            alarms = dict([*alarms.items()][-_ALARMS:])
            notes = notes_of(tracker, state)
            live.update(
                grid(loop.board.all(), latest, live.console.width, [*alarms.values()], notes), refresh=True
            )
            if state is not None:
                state.keep(loop)
            if left is not None:
                left -= sum(outcome.frame is not None for outcome in outcomes)
                if left <= 0:
                    return


def grid(
    states: Sequence[Status],
    latest: dict[str, Outcome],
    width: int = 120,
    alarms: Sequence[Alarm] = (),
    notes: Mapping[str, str] = MappingProxyType({}),
) -> Group:
    """Return the table, one line a detector, above it the alarms, below it what is wrong with whom."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), width=width)
    table.add_column("detector", no_wrap=True, overflow="ellipsis", max_width=20)
    table.add_column("UTC", no_wrap=True)
    table.add_column("counts/s", justify="right", no_wrap=True)
    bars = 32 if width >= 140 else 20 if width >= 100 else 12
    table.add_column("spectrum", no_wrap=True, min_width=bars)
    table.add_column("state", no_wrap=True, min_width=7)
    table.add_column("found", overflow="fold", ratio=1)
    wrong = []
    for status in states:
        outcome = latest.get(status.detector)
        frame = None if outcome is None else outcome.frame
        well = status.state == "ok"
        table.add_row(
            Text(status.detector),
            "–" if status.last is None else str(status.last)[11:19],
            _rate(frame),
            "" if frame is None else sparkline(frame.values, bars),
            Text(status.state, style="" if well else "bold red"),
            Text(_found(None if outcome is None else outcome.record)),
        )
        if not well:
            wrong.append(Text(f"{status.detector}: {status.sentence}", style="red"))
    wrong += [Text(f"{name or 'tracker'}: {note}", style="yellow") for name, note in notes.items()]
    return Group(*(_alarm(one) for one in alarms), table, *wrong)


def _alarm(alarm: Alarm) -> Text:
    """Return an alarm as a line; those that go on stand out."""
    what, details = alarm.name or {"gross": "gross counts"}.get(alarm.kind, alarm.kind), alarm.details
    clock = str(alarm.start)[11:19]
    span = f"since {clock}" if alarm.end is None else f"{clock} to {str(alarm.end)[11:19]}"
    told = f"{'ALARM' if alarm.end is None else 'ended'} {alarm.detector}: {what} {span}"
    if "p_value" in details:
        told += f", p {details['p_value']:.1e}"
    if "score_per_frame" in details:
        told += f", {details['score_per_frame']:.3g} counts a frame"
    peaks = details.get("peaks", [])[:3]
    if peaks:
        told += f", peaks at {', '.join(format(peak['energy'], '.0f') for peak in peaks)}"
        names = [source["name"] for source in details.get("sources", [])[:3]]
        told += f" ({', '.join(names)}?)" if names else ""
    if "usual_counts" in details:
        told += f", {details['counts']:.0f} counts where {details['usual_counts']:.0f} are usual"
    return Text(told, style="bold white on red" if alarm.end is None else "dim")


def sparkline(values: NDArray[np.float64], width: int = 32) -> str:
    """Return a spectrum as a line of blocks, square roots so that weak lines show.

    Examples
    --------
    >>> sparkline(np.array([0.0, 0, 16, 4, 1, 0]), 6)
    '  █▄▂ '
    """
    edges = np.linspace(0, len(values), min(width, len(values)) + 1).astype(int)
    heights = np.sqrt(np.maximum(np.add.reduceat(values, edges[:-1]), 0.0))
    top = heights.max()
    steps = np.zeros(len(heights), int) if top == 0 else np.ceil(heights / top * (len(_BARS) - 1)).astype(int)
    return "".join(_BARS[step] for step in steps)


def _rate(frame: Frame | None) -> str:
    if frame is None or not frame.live_time > 0:
        return "–"
    return f"{frame.total / frame.live_time:.0f}"


def _found(record: dict[str, Any] | None) -> str:
    if record is None:
        return "–"
    told = [f"unknown (p {record['novelty_p']:.3f})"] if record.get("novel") else []
    for name in record["present"]:
        text = f"{name} {100 * record['shares'][name]:.0f} %"
        error = record.get("score_errors", {}).get(name)
        if error:
            text += f" ({record['scores'][name] / error:.1f} σ)"
        told.append(text)
    return ", ".join(told) or "nothing"
