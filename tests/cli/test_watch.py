"""``gamma-flow watch`` and ``gamma-flow log``, run as programs."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import gamma_flow as gf
from gamma_flow.cli._live_table import grid, show, sparkline
from gamma_flow.errors import LogError
from gamma_flow.live.alarm import Alarm
from gamma_flow.live.frames import Frame
from gamma_flow.live.log import Log
from gamma_flow.live.loop import Loop
from gamma_flow.live.messages import encode
from gamma_flow.live.opening import open_source
from gamma_flow.live.sources.stdin import Lines
from live import skies
from live.brokers import Broker
from live.conftest import broker, frames, model  # noqa: F401 - fixtures

Frames = Callable[..., list[Frame]]
NEEDED = "paho-mqtt is not installed: pip install 'gamma-flow[live]'"


def run(*args: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "gamma_flow", *args], input=stdin, capture_output=True, check=False, timeout=60
    )


@pytest.fixture
def saved(tmp_path: Path, model: gf.Model) -> Path:  # noqa: F811
    model.save(tmp_path / "model.gfm")
    return tmp_path / "model.gfm"


def test_lines_in_lines_out(tmp_path: Path, saved: Path, frames: Frames) -> None:  # noqa: F811
    every = [*frames(5), *frames(5, "right")]
    text = b"\n".join([*(encode(one) for one in every), b"{}", encode(every[0])])
    log = tmp_path / "log.gfl"
    done = run("watch", "-", "-m", str(saved), "--log", str(log), stdin=text)
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    results = [one for one in told if one["type"] == "result"]
    assert [(one["detector"], one["id"]) for one in results] == [(one.detector, one.id) for one in every]
    assert all(one["version"] == 1 and abs(sum(one["shares"].values()) - 1) < 1e-9 for one in results)
    (status,) = [one for one in told if one["type"] == "status"]
    assert status["state"] == "message"
    assert "line 11" in status["sentence"]
    assert done.stderr.decode().strip() == "10 frames, 1 came again, 1 messages refused"
    again = run("watch", "-", "-m", str(saved), "--log", str(log), "--stop-after", "3", stdin=text)
    assert b"0 frames, 11 came again" in again.stderr


def test_a_wrong_call_is_one_sentence(tmp_path: Path, saved: Path) -> None:
    for args, why in (
        (["watch", "ftp://a"], "unknown source"),
        (["watch", "-", "-m", str(tmp_path / "none.gfm")], "cannot be read"),
        (["watch", "-", "--log", str(tmp_path / "none" / "a.gfl")], "folder of the log is missing"),
    ):
        done = run(*args)
        assert done.returncode == 1
        assert why in done.stderr.decode()
        assert done.stderr.count(b"\n") == 1
    only_bad = run("watch", "-", "-m", str(saved), stdin=b"{}\n{}\n")
    assert only_bad.returncode == 1


def test_the_table_shows_every_detector(model: gf.Model, frames: Frames) -> None:  # noqa: F811
    text = b"\n".join([*(encode(one) for one in frames(3)), encode(frames(1, "[red]right")[0]), b"{}"])
    sink = io.StringIO()
    loop = Loop(Lines(io.BytesIO(text)), model)
    show(loop, console=Console(file=sink, width=160, force_terminal=False))
    shown = sink.getvalue()
    for part in ("left", "[red]right", "message", "standard input: line 5", "Cs137", "%", "█"):
        assert part in shown, part
    lone = Console(file=(sink := io.StringIO()), width=160)
    lone.print(grid(loop.board.all(), {}))
    assert "–" in sink.getvalue()


def test_sparklines_hold_any_spectrum() -> None:
    assert sparkline(np.zeros(1000)) == " " * 32
    assert sparkline(np.ones(3)) == "███"
    assert sparkline(-np.ones(64), 4) == "    "
    assert len(sparkline(np.arange(1000.0))) == 32
    assert sparkline(np.arange(1000.0))[-1] == "█"


@pytest.mark.skipif(os.name == "nt", reason="kills are those of POSIX")
def test_kills_under_load_lose_nothing(
    tmp_path: Path,
    saved: Path,
    broker: Broker,  # noqa: F811
    frames: Frames,  # noqa: F811
    rng: np.random.Generator,
) -> None:
    kill_watch(tmp_path, saved, broker, frames(500), 3, rng)


@pytest.mark.soak
@pytest.mark.skipif(os.name == "nt", reason="kills are those of POSIX")
def test_two_hundred_kills_under_load(
    tmp_path: Path,
    saved: Path,
    broker: Broker,  # noqa: F811
    frames: Frames,  # noqa: F811
) -> None:
    kill_watch(tmp_path, saved, broker, frames(20_000), 200, np.random.default_rng())


def kill_watch(
    folder: Path,
    saved: Path,
    broker: Broker,  # noqa: F811
    every: list[Frame],
    kills: int,
    rng: np.random.Generator,
) -> None:
    """Kill the program while frames come at quality of service 1, start it again, and count."""
    mqtt = pytest.importorskip(
        "paho.mqtt.client", reason="paho-mqtt is missing: pip install 'gamma-flow[live]'"
    )
    log, told = folder / "log.gfl", folder / "told.jsonl"
    address = f"mqtt://127.0.0.1:{broker.port}/spectra/#"
    # a first visit: from now on the broker keeps what comes, for the session outlives the connection
    open_source(address).close()
    sender = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, "sender")
    sender.max_inflight_messages_set(1000)
    sender.connect("127.0.0.1", broker.port)
    sender.loop_start()
    command = [sys.executable, "-m", "gamma_flow", "watch", address, "-m", str(saved), "--log", str(log)]
    with told.open("ab") as sink:
        for number, part in enumerate(np.array_split(np.arange(len(every)), kills + 1)):
            before = stored(log)
            process = subprocess.Popen([*command, "--batch", "7"], stdout=sink, stderr=subprocess.DEVNULL)
            try:
                for index in part.tolist():
                    sender.publish("spectra/left", encode(every[index]), qos=1)
                if number < kills:
                    wait_for(lambda before=before: len(stored(log)) > len(before))  # type: ignore[misc]
                    time.sleep(float(rng.uniform(0, 0.03)))
                else:
                    wait_for(lambda: len(stored(log)) == len(every))
                    process.send_signal(signal.SIGTERM)
                    assert process.wait(20) == 0
            finally:
                process.kill()
                process.wait()
    sender.disconnect()
    sender.loop_stop()
    assert stored(log) == [frame.id for frame in every]
    lines = [line for line in told.read_bytes().split(b"\n") if line.endswith(b"}")]
    shown = [json.loads(line)["id"] for line in lines if line.startswith(b'{"version":1,"type":"result"')]
    assert set(shown) <= set(stored(log)), "nothing is shown that is not safe"
    assert len(shown) == len(set(shown)), "nothing is counted twice"


def stored(log: Path) -> list[str]:
    try:
        with Log.open(log, readonly=True) as reader:
            return [entry.id for entry in reader.frames()]
    except LogError:  # not there yet
        return []


def wait_for(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end, "the program does not go on"
        time.sleep(0.02)


def test_a_tracker_is_calibrated_beside_its_model_and_cries_out(tmp_path: Path) -> None:
    path = tmp_path / "nai.gfm"
    skies.model().save(path)
    log = tmp_path / "lab.gfl"
    args = (
        "--rate",
        str(skies.RATE),
        "--hours",
        "0.8",
        "--nuisance",
        "radon",
        "--false-alarm-interval",
        "1h",
    )
    made = run("tracker", "-m", str(path), *args)
    assert made.returncode == 0, made.stderr
    told = json.loads(made.stdout)
    assert told["file"] == str(tmp_path / "nai.gft")
    assert told["origin"] == "drawn"
    assert told["threshold"] > 5
    given = skies.stream(240, source=skies.SHAPES["Cs137"], counts=90.0, at=range(180, 200))
    text = b"\n".join(encode(one) for one in given)
    done = run("watch", "-", "-m", str(path), "--log", str(log), "--detail", "scores", stdin=text)
    assert done.returncode == 0, done.stderr
    alarms = [one for line in done.stdout.splitlines() if (one := json.loads(line))["type"] == "alarm"]
    assert {(one["detector"], one["kind"], one["name"]) for one in alarms} == {("left", "class", "Cs137")}
    assert alarms[-1]["end"] is not None
    with Log.open(log, readonly=True) as opened:
        (stored,) = opened.alarms()
    assert stored.as_dict() == {key: alarms[-1][key] for key in stored.as_dict()}
    assert Path(f"{log}.tracker").exists()
    (tmp_path / "other.gfl.tracker").mkdir()  # in the way
    few = b"\n".join(encode(one) for one in given[:3])
    done = run("watch", "-", "-m", str(path), "--log", str(tmp_path / "other.gfl"), stdin=few)
    assert done.returncode == 0
    assert b"warning: the state of the tracker is not kept: " in done.stderr
    quiet = run("watch", "-", "-m", str(path), "--tracker", "off", stdin=text)
    assert b'"alarm"' not in quiet.stdout
    strict = run("watch", "-", "-m", str(path), "--false-alarm-interval", "1e9 y", stdin=text)
    assert strict.returncode == 1
    assert b"false_alarm_interval" in strict.stderr


def test_a_tracker_that_cannot_be_is_one_sentence(tmp_path: Path, saved: Path) -> None:
    for args, why in (
        (("watch", "-", "--tracker", "a.gft"), "a tracker needs a model"),
        (("watch", "-", "-m", str(saved), "--tracker", str(tmp_path / "no.gft")), "cannot be read"),
        (("watch", "-", "-m", str(saved), "--false-alarm-interval", "8h"), "without a tracker"),
        (("tracker", "-m", str(saved), "--rate", "100"), "a tracker needs counts"),
        (("tracker", "-m", str(saved)), "neither"),
    ):
        done = run(*args)
        assert done.returncode == 1, args
        assert why in done.stderr.decode()
        assert done.stderr.count(b"\n") == 1


def test_recorded_background_of_a_log_calibrates(tmp_path: Path) -> None:
    path = tmp_path / "nai.gfm"
    skies.model().save(path)
    with Log.open(tmp_path / "lab.gfl") as log:
        log.append(skies.stream(3000))
    out = tmp_path / "own.gft"
    done = run("tracker", str(tmp_path / "lab.gfl"), "-m", str(path), "-o", str(out), "--nuisance", "radon")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["origin"] == "recorded"
    assert out.exists()


def test_the_table_shows_alarms_and_notes() -> None:
    start = np.datetime64("2026-01-01T00:00:05")
    details = {"p_value": 1e-9, "score_per_frame": 41.0}
    lines = {"peaks": [{"energy": 835.2}], "sources": [{"name": "Mn-54"}, {"name": "Co-56"}]}
    more = {"counts": 900.0, "usual_counts": 240.0}
    alarms = [
        Alarm("a", "left", "class", "Cs137", start, None, details),
        Alarm("b", "right", "unknown", "", start, start + 5, lines),
        Alarm("c", "gate", "gross", "", start, None, more),
    ]
    console = Console(file=(sink := io.StringIO()), width=120)
    console.print(grid([], {}, 120, alarms, {"left": "the axis changed"}))
    shown = sink.getvalue()
    assert "ALARM left: Cs137 since 00:00:05, p 1.0e-09, 41 counts a frame" in shown
    assert "ended right: unknown 00:00:05 to 00:00:10, peaks at 835 (Mn-54, Co-56?)" in shown
    assert "ALARM gate: gross counts since 00:00:05, 900 counts where 240 are usual" in shown
    assert "left: the axis changed" in shown
