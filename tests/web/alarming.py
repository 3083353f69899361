"""A program: the service with a simple hook, that raises an alarm wherever a class is found."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gamma_flow.live.alarm import Alarm
from gamma_flow.live.log import Log
from gamma_flow.model import Model
from gamma_flow.web.serving import serve
from gamma_flow.web.settings import WebSettings


def main(model: str, log: str, _: str, port: str) -> None:
    loaded = Model.load(Path(model))
    going: dict[tuple[str, str], Alarm] = {}

    def hook(frames, records):  # type: ignore[no-untyped-def]
        told = []
        for frame, record in zip(frames, records, strict=True):
            for name in loaded.sources:
                key = (frame.detector, name)
                found = record is not None and name in record["present"]
                if found and key not in going:
                    going[key] = Alarm(
                        f"{frame.detector}-{name}-{frame.time}", frame.detector, "class", name, frame.time
                    )
                    told.append(going[key])
                elif not found and key in going:
                    begun = going.pop(key)
                    told.append(Alarm(begun.key, frame.detector, "class", name, begun.start, frame.time))
        return told

    with Log.open(log) as opened:
        serve(
            WebSettings(port=int(port)), loaded, [], opened, alarms=hook,
            told=lambda text: click.echo(text, err=True),
        )  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
