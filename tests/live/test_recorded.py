"""The tracker on recorded frames of two real detectors; the whole set is in benchmarks/recorded.py."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

import gamma_flow as gf
from gamma_flow.live.alarm import Alarm
from gamma_flow.live.calibrating import calibrate
from gamma_flow.live.calibration import AlarmCalibration
from gamma_flow.live.frames import Frame
from gamma_flow.live.tracker import Tracker
from gamma_flow.live.tracker_settings import TrackerSettings

START = np.datetime64("2026-01-01T00:00:00", "us")
SECOND = np.timedelta64(1, "s")

# files of the archive that hold no spectra
pytestmark = pytest.mark.filterwarnings("ignore:3 files are not spectrum files")


@pytest.fixture(scope="module")
def archive(shared_data: Path) -> Path:
    return shared_data / "bfs" / "example_dataset.zip"


@pytest.fixture(scope="module")
def trained(archive: Path) -> gf.Model:
    """The paper's training: simulated isotopes and the background file."""
    axis = gf.Axis.polynomial([-12.0, 8.15, 0.0012], channels=256, unit="keV", reference="centre")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spectra = gf.read(archive, onto=axis)
        chosen = (spectra.detector == "simulated") | stems(spectra, "background_20240124")
        return gf.train(spectra[chosen].pure, background="background", energy_range=(41, None), seed=1)


@pytest.fixture(scope="module")
def calibrated(trained: gf.Model) -> AlarmCalibration:
    return calibrate(
        trained, TrackerSettings(), rng=np.random.default_rng(1), rates=(2300.0,), seconds=3600.0
    )


def stems(spectra: gf.SpectrumSet, start: str) -> np.ndarray:
    return np.array([Path(one.split("#")[0]).name.startswith(start) for one in spectra.origin.tolist()])


def file(archive: Path, start: str) -> gf.SpectrumSet:
    for spectra in gf.read_each(archive):
        mine = stems(spectra, start)
        if mine.any():
            return spectra[mine]
    raise AssertionError(start)


def followed(tracker: Tracker, spectra: gf.SpectrumSet) -> list[Alarm]:
    alarms: dict[str, Alarm] = {}
    for row in range(len(spectra)):
        frame = Frame(spectra.values[row], spectra.axis, START + row * SECOND, "one", live_time=1.0)
        alarms |= {alarm.key: alarm for alarm in tracker([frame])}
    return list(alarms.values())


def test_sources_that_come_and_go_are_named_when_they_are_there(
    archive: Path, trained: gf.Model, calibrated: AlarmCalibration
) -> None:
    """Co-60, Cs-137, Eu-152 and Am-241 alone and together, natural uranium and U-233 (untrained)."""
    spectra = file(archive, "multi-class_right")
    tracker = Tracker(trained, calibrated)
    alarms = followed(tracker, spectra)
    assert "repeat the one before" in tracker.notes["one"]
    labels = spectra.labels
    assert labels is not None
    for alarm in alarms:
        first = int((alarm.start - START) / SECOND)
        last = len(spectra) - 1 if alarm.end is None else int((alarm.end - START) / SECOND)
        if alarm.kind == "class":
            there = labels.presence[max(first - 30, 0) : last + 31, labels.classes.index(alarm.name)]
            assert there.any(), (alarm.name, first, last)
    named = {alarm.name for alarm in alarms if alarm.kind == "class"}
    assert named == {"Am241", "Co60", "Cs137", "Eu152"}
    unknown = [alarm for alarm in alarms if alarm.kind == "unknown"]
    guesses = [alarm.details["sources"][0]["name"] for alarm in sorted(unknown, key=lambda one: one.start)]
    assert guesses[-2:] == ["U-238", "U-233"]
    assert set(guesses) == {"U-238", "U-233"}


def test_a_drive_through_a_town_is_no_source(
    archive: Path, trained: gf.Model, calibrated: AlarmCalibration
) -> None:
    """The background changes by a factor of four within seconds, twice: that is told as such."""
    for side in ("left", "right"):
        alarms = followed(Tracker(trained, calibrated), file(archive, f"background_20240124_{side}"))
        assert [alarm.kind for alarm in alarms] == ["gross", "gross"]
        for alarm in alarms:
            assert alarm.details["counts"] > 2 * alarm.details["usual_counts"]
