"""The log out to other formats."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner

import gamma_flow as gf
from gamma_flow.cli import cli
from gamma_flow.errors import LogError, SettingsError, WriteError
from gamma_flow.io import n42_write
from gamma_flow.live.alarm import Alarm
from gamma_flow.live.exporting import export
from gamma_flow.live.frames import Frame
from gamma_flow.live.log import Log
from gamma_flow.live.loop import analysed
from gamma_flow.live.messages import Decoder, encode_n42
from n42_schema import faults

START = np.datetime64("2026-01-01T00:00:00", "us")
SECOND = np.timedelta64(1, "s")
Frames = Callable[..., list[Frame]]


@pytest.fixture
def log(tmp_path: Path, frames: Frames, model: gf.Model) -> Iterator[Log]:
    every = [*frames(6), *frames(3, "right", meta={"dose_rate": 0.1})]
    with Log.open(tmp_path / "a.gfl") as opened:
        found = [*analysed(model, every[:-1]), None]
        alarm = Alarm("a", "left", "class", "Cs137", START, START + SECOND)
        opened.append(every, found, [alarm])  # type: ignore[arg-type]
        yield opened


def test_parquet_holds_spectra_and_results(log: Log, tmp_path: Path) -> None:
    parquet = pytest.importorskip(
        "pyarrow.parquet", reason="pyarrow is not installed: pip install 'gamma-flow[parquet]'"
    )
    assert export(log, tmp_path / "a.parquet") == 9
    rows = parquet.read_table(tmp_path / "a.parquet").to_pylist()
    entries = list(log.frames())
    assert [row["values"] for row in rows] == [
        entry.values.tolist() for entry in entries if entry.values is not None
    ]
    assert [row["detector"] for row in rows] == [entry.detector for entry in entries]
    assert dict(rows[0]["shares"]) == entries[0].record["shares"]  # type: ignore[index]
    assert json.loads(rows[0]["result"]) == entries[0].record
    assert rows[0]["time"].isoformat() == "2026-01-01T00:00:00+00:00"
    assert rows[-1]["scores"] is not None or rows[-1]["result"] is None
    axes = json.loads(parquet.read_schema(tmp_path / "a.parquet").metadata[b"gamma_flow.axes"])
    assert axes[str(rows[0]["axis"])]["edges"] == entries[0].axis.edges.tolist()


def test_csv_holds_one_row_a_frame(log: Log, tmp_path: Path) -> None:
    other = Frame([1, 2], gf.Axis.channels(2), START, "other")
    log.append([other], [{"warning": "a word", "novel": True}])
    assert export(log, tmp_path / "b.csv", detector="other") == 1
    assert "a word" in (tmp_path / "b.csv").read_text(encoding="utf-8")
    assert export(log, tmp_path / "a.csv", detector="left", since=START + SECOND) == 5
    with (tmp_path / "a.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    entries = list(log.frames(detector="left", since=START + SECOND))
    assert [row["id"] for row in rows] == [entry.id for entry in entries]
    for row, entry in zip(rows, entries, strict=True):
        assert entry.record is not None
        assert float(row["shares Cs137"]) == pytest.approx(entry.record["shares"]["Cs137"])
        assert row["present"] == "+".join(entry.record["present"])
        assert row["time"] == f"{entry.time}Z"


def test_n42_holds_results_and_reads_back(log: Log, tmp_path: Path) -> None:
    assert export(log, tmp_path / "a.n42") == 9
    again = gf.read(tmp_path / "a.n42")
    entries = list(log.frames())
    assert np.array_equal(again.values, np.stack([entry.frame().values for entry in entries]))
    assert again.detector.tolist() == [entry.detector for entry in entries]
    root = ElementTree.parse(tmp_path / "a.n42").getroot()
    space = {"n": "http://physics.nist.gov/N42/2011/N42"}
    every = root.findall("n:AnalysisResults", space)
    found = [one for one in every if one.find("n:RadAlarm", space) is None]
    assert (len(found), len(every)) == (8, 9)
    assert faults((tmp_path / "a.n42").read_bytes()) == []
    measured = {one.get("id") for one in root.findall("n:RadMeasurement", space)}
    assert {one.get("radMeasurementReferences") for one in found} <= measured
    record = entries[0].record
    assert record is not None
    remark = found[0].findtext("n:Remark", "", space)
    assert json.loads(remark.removeprefix("gamma_flow result: ")) == record
    told = {
        one.findtext("n:NuclideName", "", space): one.findtext("n:NuclideIdentifiedIndicator", "", space)
        for one in found[0].iterfind("n:NuclideAnalysisResults/n:Nuclide", space)
    }
    assert told == {name: str(name in record["present"]).lower() for name in ("Cs137", "background")}


PEAKS = [
    {"energy": 661.7, "counts": 120.5, "significance": 6.5, "candidates": [{"nuclide": "Cs-137"}]},
    {"energy": -3.0, "counts": 7.0},
    {"energy": 32.0, "counts": float("nan")},
]


def alarms_in(path: Path) -> list[tuple[dict[str, str], ElementTree.Element]]:
    """Texts of each alarm by their element, and its results; names without the namespace."""
    root = ElementTree.parse(path).getroot()
    for one in root.iter():
        one.tag = one.tag.rpartition("}")[2]
    found = [one for one in root.iterfind("AnalysisResults") if one.find("RadAlarm") is not None]
    return [({each.tag: each.text or "" for each in one.iter()}, one) for one in found]


def test_n42_holds_the_alarms_of_the_time_and_the_detector(log: Log, tmp_path: Path) -> None:
    path = tmp_path / "a.n42"
    found = {"peaks": PEAKS, "p_value": 1e-9, "level": 20.7}
    more = [
        Alarm("b", "left", "unknown", "", START + 2 * SECOND, None, found),
        Alarm("c", "right", "class", "Cs-137 and Co-60", START, START, {"score": 30.0, "p_value": 1e-7}),
        Alarm("d", "right", "gross", "", START + SECOND, START + 2 * SECOND),
        Alarm("e", "gone & over", "other", "", START + SECOND, START + 2 * SECOND),
    ]
    log.append([], alarms=more)
    export(log, path)
    assert faults(path.read_bytes()) == []
    (class_, named), (combined, _), (gross, _), (other, away), (unknown, open_) = alarms_in(path)
    assert class_["RadAlarmCategoryCode"] == "Isotope"
    assert class_["RadAlarmDateTime"] == "2026-01-01T00:00:00.000000Z"
    assert class_["RadAlarmDescription"].startswith("Cs137, from 2026-01-01T00:00:00.000000Z to ")
    assert (class_["NuclideName"], class_["NuclideIdentifiedIndicator"]) == ("Cs137", "true")
    assert class_["NuclideIDConfidenceDescription"] == "no p value"
    told = json.loads(named.findtext("Remark", "").partition("gamma_flow alarm: ")[2])
    assert told == log.alarms()[0].as_dict()
    # the frames of the detector within the alarm, its last one included
    frames = [(entry.detector, entry.time) for entry in log.frames()]
    within = [frames.index(("left", START + number * SECOND)) + 1 for number in (0, 1)]
    assert named.get("radMeasurementReferences") == " ".join(f"measurement-{number}" for number in within)
    assert len(open_.get("radMeasurementReferences", "").split()) == 4
    assert combined["NuclideName"] == "Cs-137_and_Co-60"
    assert "1e-07" in combined["NuclideIDConfidenceDescription"]
    assert gross["RadAlarmCategoryCode"] == unknown["RadAlarmCategoryCode"] == "Gamma"
    assert other["RadAlarmCategoryCode"] == "Other"
    assert away.get("radMeasurementReferences") is None
    assert "NuclideName" not in gross | unknown
    assert "what no class explains, from 2026-01-01T00:00:02.000000Z on" in unknown["RadAlarmDescription"]
    peaks = [
        (one.findtext("SpectrumPeakEnergyValue"), one.findtext("SpectrumPeakNetAreaValue"))
        for one in open_.iter("SpectrumPeak")
    ]
    assert peaks == [("661.7", "120.5"), ("32", None)]
    again = gf.read(path)
    assert np.array_equal(again.values, np.stack([entry.frame().values for entry in log.frames()]))
    assert again.time.tolist() == [entry.time.tolist() for entry in log.frames()]


@pytest.mark.parametrize(
    ("since", "until", "detector", "kinds"),
    [
        (None, None, "right", ["gross"]),
        (None, START + 2 * SECOND, "left", ["class"]),
        (START + SECOND, START + 2 * SECOND, "left", ["class"]),
        (START + 2 * SECOND, None, "left", ["unknown"]),
        (START + 4 * SECOND, None, "left", ["unknown"]),
        (None, START + SECOND, None, ["class"]),
    ],
)
def test_n42_holds_no_alarm_of_another_time_or_detector(
    log: Log,
    tmp_path: Path,
    since: np.datetime64 | None,
    until: np.datetime64 | None,
    detector: str | None,
    kinds: list[str],
) -> None:
    more = [
        Alarm("b", "left", "unknown", "", START + 2 * SECOND),
        Alarm("d", "right", "gross", "", START + SECOND, START + 2 * SECOND),
    ]
    log.append([], alarms=more)
    path = tmp_path / "a.n42"
    export(log, path, since=since, until=until, detector=detector)
    assert faults(path.read_bytes()) == []
    remarks = [one.findtext("Remark", "") for _, one in alarms_in(path)]
    assert [json.loads(one.partition("alarm: ")[2])["kind"] for one in remarks] == kinds


def test_n42_of_frames_in_channels_keeps_peaks_in_the_remark(tmp_path: Path) -> None:
    with Log.open(tmp_path / "c.gfl") as log:
        frame = Frame([1, 2, 0], gf.Axis.channels(3), START, "left", meta={"dose_rate": 0.1})
        log.append(
            [frame], [{"novel": True}], [Alarm("a", "left", "unknown", "", START, None, {"peaks": PEAKS})]
        )
        export(log, tmp_path / "a.n42")
    document = (tmp_path / "a.n42").read_bytes()
    assert b"<SpectrumPeak>" not in document
    assert [one for one in faults(document) if "energyCalibrationReference" not in one] == []
    assert gf.read(tmp_path / "a.n42").values.tolist() == [[1, 2, 0]]


@pytest.mark.parametrize("known", [{}, {"live_time": np.nan}, {"real_time": np.nan, "live_time": np.nan}])
def test_a_frame_as_n42_is_valid(frames: Frames, known: dict[str, float]) -> None:
    (one,) = frames(1, "a-b c-d", meta={"neutron_counts": 3.0, "dose_rate": 0.1, "note": "x"}, **known)
    document = encode_n42(one)
    assert faults(document) == []
    (back,) = Decoder().decode(document)
    assert (back.time, back.detector, dict(back.meta)) == (one.time, one.detector, dict(one.meta))
    for name in ("live_time", "real_time"):
        assert np.array_equal(getattr(back, name), getattr(one, name), equal_nan=True)


def test_what_cannot_be_exported_is_one_sentence(log: Log, tmp_path: Path, frames: Frames) -> None:
    with pytest.raises(SettingsError, match=r"expected \.parquet, \.csv, \.n42, found \.xls"):
        export(log, tmp_path / "a.xls")
    with pytest.raises(LogError, match="no frame to write"):
        export(log, tmp_path / "a.csv", detector="nobody")
    with pytest.raises(WriteError, match="cannot be written"):
        export(log, tmp_path / "none" / "a.csv")
    with pytest.raises(WriteError, match="one result a spectrum"):
        n42_write.content(frames(1)[0].as_set(), [None, None])
    log.append([Frame([1, 2], gf.Axis.channels(2), START, "other")])
    with pytest.raises(LogError, match=r"N42 holds spectra on one axis here.*choose one detector"):
        export(log, tmp_path / "a.n42")
    assert export(log, tmp_path / "a.n42", detector="left") == 6
    log._connection.execute("DELETE FROM raw WHERE frame = 1")
    with pytest.raises(LogError, match=r"thinned out of the log.*begin later"):
        export(log, tmp_path / "b.n42", detector="left")
    assert not (tmp_path / "b.n42").exists()


def test_the_command(log: Log, tmp_path: Path) -> None:
    path = str(log.path)
    runner = CliRunner()
    told = json.loads(runner.invoke(cli, ["log", "info", path]).output)
    assert told["frames"] == told["spectra"] == 9
    assert told["detectors"] == ["left", "right"]
    assert told["alarms"] == 1
    assert json.loads(runner.invoke(cli, ["log", "alarms", path]).output)[0]["name"] == "Cs137"
    out = tmp_path / "a.csv"
    done = runner.invoke(cli, ["log", "export", path, str(out), "--until", "2026-01-01T00:00:02Z"])
    assert done.exit_code == 0
    assert len(out.read_text().splitlines()) == 5
    assert runner.invoke(cli, ["log", "export", path, str(out), "--since", "noon"]).exit_code == 2
    assert runner.invoke(cli, ["log", "info", str(tmp_path / "none")]).exit_code == 1
    log.close()
    done = runner.invoke(
        cli, ["log", "rotate", path, str(tmp_path / "old.gfl"), "--before", "2026-01-01T00:00:02"]
    )
    assert done.exit_code == 0, done.output
    with Log.open(path, readonly=True) as left:
        assert len(left) == 5
