"""Live operation: frames a second through `gamma-flow watch`, latency over MQTT, rate and size of the log.

    python benchmarks/live.py
    python benchmarks/live.py --frames 20000

Frames of 1024 channels with about 500 counts from ten detectors; a model of five classes. MQTT needs
mosquitto.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

import gamma_flow as gf
from gamma_flow.live.frames import Frame
from gamma_flow.live.log import Log
from gamma_flow.live.loop import Loop, analysed
from gamma_flow.live.messages import Decoder, encode
from gamma_flow.live.opening import open_source

AXIS = gf.Axis.polynomial([0, 3.0], 1024)
START = np.datetime64("2026-01-01T00:00:00", "us")


def spectra() -> gf.SpectrumSet:
    """Pure spectra of five classes."""
    rng = np.random.default_rng(1)
    x = AXIS.centres

    def peak(energy: float) -> np.ndarray:
        return np.exp(-0.5 * ((x - energy) / (0.9 * np.sqrt(energy))) ** 2)

    shapes = {
        "Am241": peak(59.5),
        "Cs137": peak(662) + 0.02 * (x < 480),
        "Co60": peak(1173) + peak(1332) + 0.02 * (x < 1100),
        "K40": peak(1461) + 0.01 * (x < 1250),
        "background": np.exp(-x / 300) + 0.02,
    }
    counts = [rng.poisson(3000 * s / s.sum(), (40, 1024)) for s in shapes.values()]
    return gf.SpectrumSet(
        np.concatenate(counts),
        AXIS,
        labels=gf.Labels.of([[name] for name in shapes for _ in range(40)]),
        origin=np.array([f"{name}.csv#{row}" for name in shapes for row in range(40)]),
    )


def frames(count: int, first: int = 0) -> list[Frame]:
    rng = np.random.default_rng(first + 7)
    shape = np.exp(-AXIS.centres / 300) + 0.02
    shape *= 500 / shape.sum()
    return [
        Frame(
            rng.poisson(shape),
            AXIS,
            START + np.timedelta64(n // 10 * 1_000_000 + n, "us"),
            f"detector-{n % 10}",
            live_time=0.99,
            id=str(n),
        )
        for n in range(first, first + count)
    ]


def per_second(count: int, seconds: float) -> str:
    return f"{count / seconds:8.0f} /s"


def parts(model: gf.Model, few: list[Frame]) -> None:
    """What each step costs, in this process."""
    for compact in (True, False):
        texts = [encode(one, compact=compact) for one in few]
        decoder = Decoder()
        begin = time.perf_counter()
        for text in texts:
            decoder.decode(text)
        name = "base64" if compact else "a list"
        size = statistics.mean(map(len, texts))
        speed = per_second(len(few), time.perf_counter() - begin)
        print(f"decode, counts as {name:7s} {speed}, {size:.0f} bytes")
    for batch in (1, 256):
        begin = time.perf_counter()
        for start in range(0, len(few), batch):
            analysed(model, few[start : start + batch])
        print(f"analyse, batches of {batch:4d}     {per_second(len(few), time.perf_counter() - begin)}")


def appending(folder: Path, model: gf.Model, few: list[Frame]) -> None:
    found = analysed(model, few)
    for batch in (1, 10, 100):
        part = few[: batch * 200]
        path = folder / f"log{batch}.gfl"
        with Log.open(path) as log:
            begin = time.perf_counter()
            for start in range(0, len(part), batch):
                log.append(part[start : start + batch], found[start : start + batch])  # type: ignore[arg-type]
            seconds = time.perf_counter() - begin
            raw = log._rows("SELECT sum(length(data)) FROM raw", ())[0][0] / len(part)
            told = log._rows("SELECT sum(length(told)) FROM results", ())[0][0] / len(part)
            size = log.size / len(part)
        print(
            f"log, {batch:4d} frames a commit   {per_second(len(part), seconds)}, {size:.0f} bytes a frame"
            f" ({raw:.0f} counts, {told:.0f} results)"
        )


def piped(folder: Path, model: Path, lines: bytes, count: int, log: bool) -> None:
    command = [sys.executable, "-m", "gamma_flow", "watch", "-", "-m", str(model)]
    if log:
        command += ["--log", str(folder / "piped.gfl")]
    one = lines[: lines.index(b"\n") + 1]
    begin = time.perf_counter()
    subprocess.run(command, input=one, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    started = time.perf_counter() - begin
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    subprocess.run(command, input=lines, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    seconds = time.perf_counter() - begin - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    name = "with a log" if log else "without log"
    print(
        f"watch -, {name:12s}      {per_second(count, seconds)} of the wall, {per_second(count, cpu)} of CPU,"
        f" start {started:.2f} s"
    )


def memory(model: gf.Model, count: int) -> None:
    """Growth of this process over many frames through the loop."""
    few = frames(500)
    texts = [encode(one) for one in few]
    decoder = Decoder()

    def turn() -> None:
        analysed(model, [frame for text in texts for frame in decoder.decode(text)])

    for _ in range(4):
        turn()
    before = rss()
    for _ in range(count // 500):
        turn()
    print(f"memory over {count} frames   {rss() - before:+.1f} MB on {before:.0f} MB")


def rss() -> float:
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    line = next(one for one in status.read_text().splitlines() if one.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def latency(folder: Path, models: dict[str, gf.Model], count: int) -> None:
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        print("MQTT: mosquitto is not installed")
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    broker = subprocess.Popen(
        [program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        time.sleep(0.5)
        for name, model in models.items():
            for log in (False, True):
                _latency(folder, name, model, port, count, log)
    finally:
        broker.terminate()
        broker.wait()


def _latency(folder: Path, name: str, model: gf.Model, port: int, count: int, with_log: bool) -> None:
    from paho.mqtt import client as mqtt

    few = frames(count)
    texts = [encode(one) for one in few]
    sent: dict[str, float] = {}
    sender = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    sender.connect("127.0.0.1", port)
    sender.loop_start()

    def send() -> None:
        begin = time.perf_counter()
        for number, text in enumerate(texts):
            time.sleep(max(0.0, begin + number / 50 - time.perf_counter()))
            sent[few[number].id] = time.perf_counter()
            sender.publish("spectra/live", text, qos=1)

    log = Log.open(folder / f"{name}.gfl") if with_log else None
    delays: list[float] = []
    with open_source(f"mqtt://127.0.0.1:{port}/spectra/%23?client={name}{with_log}") as source:
        loop = Loop(source, model, log)
        thread = threading.Thread(target=send)
        thread.start()
        while len(delays) < count:
            came = [outcome.frame for outcome in loop.step(1.0) if outcome.frame is not None]
            present = time.perf_counter()
            delays += [present - sent[frame.id] for frame in came]
        thread.join()
    sender.disconnect()
    sender.loop_stop()
    if log is not None:
        log.close()
    middle, worst = np.percentile(np.array(delays[10:]) * 1e3, [50, 99])
    kept = "in the log" if with_log else "no log"
    print(
        f"MQTT, {name:14s} {kept:10s} median {middle:5.2f} ms, 99th percentile {worst:5.2f} ms (50 frames/s)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=10_000, help="frames through the pipe")
    parser.add_argument("--sent", type=int, default=300, help="frames over MQTT, for each line")
    asked = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quick = gf.train(spectra(), noise="leastsquares", held_out=0, background="background")
        full = gf.train(spectra(), nulls=500, background="background")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        quick.save(folder / "quick.gfm")
        few = frames(2000)
        parts(quick, few)
        appending(folder, quick, [*few, *frames(18_000, 2000)])
        lines = b"".join(encode(one) + b"\n" for one in frames(asked.frames))
        for log in (False, True):
            piped(folder, folder / "quick.gfm", lines, asked.frames, log)
        memory(quick, 20_000)
        latency(folder, {"least-squares": quick, "full-evidence": full}, asked.sent)


if __name__ == "__main__":
    main()
