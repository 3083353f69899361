"""``gamma-flow tracker``: calibrate the alarms of live operation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gamma_flow.cli._common import Numbers, emit, found_in, guarded, on_terminal, reading_options, table

if TYPE_CHECKING:
    from gamma_flow.data import SpectrumSet


@click.command()
@click.argument("paths", nargs=-1)
@click.option(
    "-m", "--model", "model_path", required=True, type=click.Path(path_type=Path), help="Model (.gfm)."
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Calibration  [default: beside the model, .gft]"
)
@click.option(
    "--rate", "rates", type=Numbers(), metavar="R1,R2,...", help="Background to draw, counts per second."
)
@click.option("--hours", type=click.FloatRange(0.1, 10000), default=8.0, help="Length of each drawn stream.")
@click.option("--frame", type=click.FloatRange(0.001, 3600), default=1.0, help="Seconds of a drawn frame.")
@click.option("--false-alarm-interval", metavar="TIME", default="8h", help="Between two false alarms.")
@click.option(
    "--nuisance",
    "nuisances",
    multiple=True,
    metavar="CLASS",
    help="A class that is no alarm  [default: radon, if the model has it]",
)
@click.option("--seed", type=int, default=1, help="Of the drawn frames.")
@click.option("--json", "as_json", is_flag=True, help="For machines; the default where output is redirected.")
@reading_options
@guarded
def command(
    paths: tuple[str, ...],
    model_path: Path,
    output: Path | None,
    rates: list[float] | None,
    as_json: bool,
    **flags: Any,
) -> None:
    """Calibrate the alarms of watch on background.

    Recorded frames behind PATHS (files, or logs: .gfl) serve, drawn ones with --rate, or both.
    """
    import numpy as np

    from gamma_flow.live.calibrating import calibrate
    from gamma_flow.live.tracker_settings import TrackerSettings
    from gamma_flow.model import Model
    from gamma_flow.nuclides.times import duration
    from gamma_flow.simulate import RADON

    model = Model.load(model_path)
    interval = duration(flags.pop("false_alarm_interval"))
    nuisances = flags.pop("nuisances") or tuple(name for name in (RADON,) if name in model.sources)
    settings = TrackerSettings(false_alarm_interval=interval, nuisances=nuisances)
    drawn = {"seconds": flags.pop("hours") * 3600, "frame_time": flags.pop("frame")}
    calibration = calibrate(
        model,
        settings,
        rng=np.random.default_rng(flags.pop("seed")),
        rates=rates or (),
        recorded=_recorded(paths, flags),
        **drawn,
    )
    path = model_path.with_suffix(".gft") if output is None else output
    calibration.save(path)
    told = {
        "file": str(path),
        "origin": calibration.origin,
        "frames": calibration.frames,
        "hours": round(calibration.seconds / 3600, 3),
        "false_alarm_interval": interval,
        "nuisances": list(nuisances),
        "extrapolated": round(calibration.extrapolated, 3),
        "threshold": round(calibration.threshold, 3),
        "p_value": float(f"{np.exp(-calibration.threshold):.3g}"),
        "highest": [round(float(one), 3) for one in calibration.peaks[-5:]],
    }
    if as_json or not on_terminal():
        emit(told)
    else:
        table(str(path), ["", ""], [(name, str(one)) for name, one in told.items()])


def _recorded(paths: tuple[str, ...], flags: dict[str, Any]) -> list[SpectrumSet]:
    """Read recorded background, a stream for each detector and axis, in order of time."""
    from gamma_flow.cli._common import settings_of
    from gamma_flow.live.frames import Frame, frames_of, together
    from gamma_flow.live.log import Log

    every: list[Frame] = []
    for path in paths:
        if path.endswith(".gfl"):
            with Log.open(path, readonly=True) as log:
                every += [entry.frame() for entry in log.frames() if entry.values is not None]
    files = [path for path in paths if not path.endswith(".gfl")]
    sets = found_in(files, settings_of(flags)).sets if files else []
    for spectra in sets:
        every += frames_of(spectra)
    streams = []
    for name in sorted({frame.detector for frame in every}):
        mine = sorted((frame for frame in every if frame.detector == name), key=lambda frame: frame.time)
        streams += [spectra for spectra, _ in together(mine)]
    return streams
