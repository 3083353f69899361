"""The tracker on recorded frames: the files of the bfs data set, each a stream of one detector.

    python benchmarks/recorded.py ../shared/data/bfs/example_dataset.zip

The model is the paper's: simulated isotopes and the background file. The tracker is calibrated on drawn
background alone, at the default promise, one false alarm in 8 hours. Then each file comes frame by frame, as
if it were live: nothing but its axis is told. Frames have no times: a second each. Labels follow an amplitude
cut, so that a file's own source may be there where they say background; another source may not.

A run is a stretch of 5 frames or more with one source in their label; it is found if an alarm of its name
(for uranium: an unknown one) lies over a part of it. Wrong are frames within an alarm of a source that the
file does not hold; in the files with several sources, of one that no label names within 30 frames.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

import gamma_flow as gf
from gamma_flow.live.alarm import Alarm
from gamma_flow.live.calibrating import calibrate
from gamma_flow.live.frames import Frame
from gamma_flow.live.tracker import Tracker
from gamma_flow.live.tracker_settings import TrackerSettings

START = np.datetime64("2026-01-01T00:00:00", "us")
SECOND = np.timedelta64(1, "s")
SHORTEST = 5  # frames of a run that counts
NEAR = 30  # frames
URANIUM = ("UNat", "Unat", "U233CERN")


def streams(path: Path) -> dict[str, gf.SpectrumSet]:
    """The measured files, each on its own axis."""
    found = {}
    for spectra in gf.read_each(path):
        files = np.array([Path(one.split("#")[0]).stem for one in spectra.origin.tolist()])
        for name in dict.fromkeys(files.tolist()):
            if name.endswith(("left", "right")):
                found[name] = spectra[files == name]
    return found


def model_of(path: Path) -> gf.Model:
    """The paper's training spectra, on its axis and from its channel 7 on."""
    axis = gf.Axis.polynomial([-12.0, 8.15, 0.0012], channels=256, unit="keV", reference="centre")
    spectra = gf.read(path, onto=axis)
    files = np.array([Path(one.split("#")[0]).stem for one in spectra.origin.tolist()])
    chosen = (spectra.detector == "simulated") | np.char.startswith(files, "background_20240124")
    return gf.train(spectra[chosen].pure, background="background", energy_range=(41, None), seed=1)


def followed(tracker: Tracker, spectra: gf.SpectrumSet) -> list[Alarm]:
    """Let a file through; return its alarms as they ended."""
    alarms: dict[str, Alarm] = {}
    for row in range(len(spectra)):
        frame = Frame(spectra.values[row], spectra.axis, START + row * SECOND, "one", live_time=1.0)
        alarms |= {alarm.key: alarm for alarm in tracker([frame])}
    return list(alarms.values())


def span(alarm: Alarm, number: int) -> slice:
    """Rows of an alarm."""
    last = number - 1 if alarm.end is None else int((alarm.end - START) / SECOND)
    return slice(int((alarm.start - START) / SECOND), last + 1)


def labelled(spectra: gf.SpectrumSet, *names: str) -> np.ndarray:
    assert spectra.labels is not None
    rows = [k for k, name in enumerate(spectra.labels.classes) if name in names]
    return np.asarray(spectra.labels.presence[:, rows].any(axis=1))


def runs_of(there: np.ndarray) -> list[np.ndarray]:
    rows = np.flatnonzero(there)
    parts = np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)
    return [part for part in parts if len(part) >= SHORTEST]


def judged(name: str, spectra: gf.SpectrumSet, alarms: list[Alarm], model: gf.Model) -> tuple[int, int, int]:
    """Print what became of a file; return runs, those found, and wrong frames."""
    number = len(spectra)
    several = name.startswith(("multi", "background"))
    told, runs, found, wrong = [], 0, 0, 0
    over = np.zeros((len(model.sources) + 1, number), bool)
    for alarm in alarms:
        if alarm.kind != "gross":
            row = model.sources.index(alarm.name) if alarm.kind == "class" else -1
            over[row, span(alarm, number)] = True
    for row, source in enumerate([*model.sources, "unknown"]):
        there = labelled(spectra, *(URANIUM if source == "unknown" else (source,)))
        mine = runs_of(there)
        hit = sum(bool(over[row, part].any()) for part in mine)
        near = np.convolve(there, np.ones(2 * NEAR + 1), "same") > 0
        bad = over[row] & ~near if several else over[row] & (not name.startswith(source))
        if mine or bad.any():
            told.append(f"{source} {hit}/{len(mine)}" + (f", {bad.sum()} wrong" if bad.any() else ""))
        runs, found, wrong = runs + len(mine), found + hit, wrong + int(bad.sum())
    counts = sum(alarm.kind == "gross" for alarm in alarms)
    named = len(alarms) - counts
    print(f"  {name:30s} {named:3d} alarms, {counts} of gross counts; " + "; ".join(told))
    return runs, found, wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("--hours", type=float, default=16.0, help="of the calibration")
    given = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = model_of(given.path)
        begin = time.perf_counter()
        rng = np.random.default_rng(1)
        calibration = calibrate(
            model, TrackerSettings(), rng=rng, rates=(2300.0,), seconds=given.hours * 3600
        )
        print(f"calibrated on {given.hours:g} h of drawn background in {time.perf_counter() - begin:.0f} s")
        total, frames = np.zeros(3, int), 0
        for name, spectra in streams(given.path).items():
            tracker = Tracker(model, calibration)
            alarms = followed(tracker, spectra)
            total += judged(name, spectra, alarms, model)
            frames += len(spectra)
            for alarm in alarms:
                if alarm.kind == "unknown":
                    places = ", ".join(f"{peak['energy']:.0f}" for peak in alarm.details["peaks"][:3])
                    names = ", ".join(one["name"] for one in alarm.details["sources"])
                    where = span(alarm, len(spectra))
                    rows = f"{where.start} to {where.stop - 1}"
                    print(f"      unknown in frames {rows}: peaks at {places} keV ({names}?)")
    print(f"{total[1]} of {total[0]} runs found; {total[2]} of {frames} frames in a wrong alarm")


if __name__ == "__main__":
    main()
