"""``gamma-flow serve``: the service with its page."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from gamma_flow.cli._common import guarded
from gamma_flow.cli._tracking import taken_up, tracker_of, tracker_options


@click.command()
@click.option("-m", "--model", "model_path", type=click.Path(path_type=Path), help="Model (.gfm).")
@click.option(
    "--source", "sources", multiple=True, metavar="URL", help="Where frames come from; may be given again."
)
@click.option("--log", "log_path", type=click.Path(path_type=Path), help="Write everything into this log.")
@click.option("--log-limit", type=click.IntRange(1), metavar="MB", help="Size of the log at most.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address; with any other a token is needed."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0 for a free one."
)
@click.option(
    "--token", envvar="GAMMA_FLOW_TOKEN", help="Instead of one that is drawn; better as GAMMA_FLOW_TOKEN."
)
@click.option("--name", "names", multiple=True, help="Further name under which this computer is reached.")
@click.option(
    "--detail",
    type=click.Choice(["everything", "evidence", "scores"]),
    default="everything",
    help="How much is answered  [default: everything]",
)
@click.option("--demo", is_flag=True, help="Simulated detectors, a model of them, and alarms: a look at it.")
@tracker_options
@click.option("--upload-limit", type=click.IntRange(1), default=32, show_default=True, metavar="MB")
@guarded
def command(
    model_path: Path | None,
    sources: tuple[str, ...],
    log_path: Path | None,
    log_limit: int | None,
    demo: bool,
    tracker_path: str | None,
    false_alarm_interval: str | None,
    **flags: Any,
) -> None:
    """Analyse the frames of sources as they arrive, and show them on a page.

    The page, REST, a WebSocket and metrics; see docs/live.md. Without --source frames come by POST /frames
    alone. Ctrl-C ends it.
    """
    from gamma_flow.live.log import Log
    from gamma_flow.live.opening import open_source
    from gamma_flow.model import Model
    from gamma_flow.web.serving import serve
    from gamma_flow.web.settings import WebSettings

    signal.signal(signal.SIGTERM, _interrupted)  # as Ctrl-C does: the log is closed, the exit code 0
    settings = WebSettings(
        host=flags["host"],
        port=flags["port"],
        token=flags["token"] or "",
        names=flags["names"],
        upload_bytes=flags["upload_limit"] * 2**20,
    )
    with ExitStack() as stack:
        if demo:
            if model_path is not None or sources:
                raise click.UsageError("--demo brings its own model and source")
            model_path, sources = _demonstration(Path(stack.enter_context(TemporaryDirectory()))), ("demo:",)
            log_path = model_path.with_suffix(".gfl") if log_path is None else log_path
        model = None if model_path is None else Model.load(model_path)
        tracker = tracker_of(model, model_path, tracker_path, false_alarm_interval)
        limit = None if log_limit is None else log_limit * 10**6
        log = None if log_path is None else stack.enter_context(Log.open(log_path, max_bytes=limit))
        opened = [stack.enter_context(open_source(source)) for source in sources]
        state = taken_up(tracker, log)
        serve(
            settings,
            model,
            opened,
            log,
            detail=flags["detail"],
            alarms=tracker,
            state=state,
            told=lambda text: click.echo(text, err=True),
        )


def _demonstration(folder: Path) -> Path:
    """Train a model of what the demonstration shows, and calibrate its alarms; return the model's file."""
    import numpy as np

    from gamma_flow.live.calibrating import calibrate
    from gamma_flow.live.sources.demo import demo_model
    from gamma_flow.live.tracker_settings import TrackerSettings
    from gamma_flow.simulate import RADON

    click.echo("simulating and training ...", err=True)
    model = demo_model()
    model.save(folder / "demo.gfm")
    click.echo("calibrating the alarms on an hour of drawn background ...", err=True)
    settings = TrackerSettings(nuisances=(RADON,), warm_up=30)
    rng = np.random.default_rng(1)
    calibrate(model, settings, rng=rng, rates=(100.0,), seconds=3600.0).save(folder / "demo.gft")
    return folder / "demo.gfm"


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt
