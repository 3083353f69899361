"""``gamma-flow log``: look into a log, export it, move what is old."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gamma_flow.cli._common import _Parameter, emit, guarded, on_terminal, table

if TYPE_CHECKING:
    import numpy as np

_PATH = click.Path(path_type=Path)


@click.group()
def command() -> None:
    """Look into the log of live operation, export it, move what is old.

    Times are UTC: 2026-01-31, or 2026-01-31T12:00:00.
    """


class _Time(_Parameter):
    """A time, UTC."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from gamma_flow.live.frames import moment

        if not isinstance(value, str):
            return value
        try:
            return moment(value.removesuffix("Z"))
        except ValueError:
            return self.fail(f"'{value}' is no time; write 2026-01-31T12:00:00", param, ctx)


_SINCE = click.option("--since", type=_Time(), help="From this time on.")
_UNTIL = click.option("--until", type=_Time(), help="Before this time.")
_DETECTOR = click.option("--detector", help="Only this one.")


@command.command()
@click.argument("log", type=_PATH)
@click.option("--json", "as_json", is_flag=True, help="For machines; the default where output is redirected.")
@guarded
def info(log: Path, as_json: bool) -> None:
    """Say what LOG holds."""
    from gamma_flow.live.log import Log

    with Log.open(log, readonly=True) as opened:
        first, last = (
            next((str(entry.time) for entry in opened.frames(newest_first=newest, limit=1)), None)
            for newest in (False, True)
        )
        told = {
            "frames": len(opened),
            "spectra": opened.spectra,
            "detectors": opened.detectors(),
            "first": first,
            "last": last,
            "alarms": len(opened.alarms()),
            "bytes": opened.size,
        }
    if as_json or not on_terminal():
        emit(told)
    else:
        rows = [(name, ", ".join(one) if isinstance(one, list) else one) for name, one in told.items()]
        table(str(log), ["", ""], rows)


@command.command()
@click.argument("log", type=_PATH)
@click.argument("out", type=_PATH)
@_SINCE
@_UNTIL
@_DETECTOR
@guarded
def export(
    log: Path, out: Path, since: np.datetime64 | None, until: np.datetime64 | None, detector: str | None
) -> None:
    """Write frames and results of LOG to OUT: .parquet, .csv or .n42."""
    from gamma_flow.live.exporting import export as exported
    from gamma_flow.live.log import Log

    with Log.open(log, readonly=True) as opened:
        count = exported(opened, out, since=since, until=until, detector=detector)
    click.echo(f"{count} frames in {out}", err=True)


@command.command()
@click.argument("log", type=_PATH)
@_SINCE
@_UNTIL
@_DETECTOR
@click.option("--json", "as_json", is_flag=True, help="For machines; the default where output is redirected.")
@guarded
def alarms(
    log: Path, since: np.datetime64 | None, until: np.datetime64 | None, detector: str | None, as_json: bool
) -> None:
    """List the alarms of LOG."""
    from gamma_flow.live.log import Log

    with Log.open(log, readonly=True) as opened:
        found = [one.as_dict() for one in opened.alarms(since, until, detector)]
    if as_json or not on_terminal():
        emit(found)
    else:
        rows = [
            (one["start"], one["end"] or "goes on", one["detector"], one["kind"], one["name"])
            for one in found
        ]
        table(f"{len(found)} alarms", ["from", "to", "detector", "kind", "what"], rows)


@command.command()
@click.argument("log", type=_PATH)
@click.argument("out", type=_PATH)
@click.option("--before", type=_Time(), required=True, help="What is older goes.")
@guarded
def rotate(log: Path, out: Path, before: np.datetime64) -> None:
    """Move frames and ended alarms of LOG from before a time into the log OUT."""
    from gamma_flow.live.log import Log

    with Log.open(log) as opened:
        count = opened.rotate(out, before)
    click.echo(f"{count} frames moved to {out}", err=True)
