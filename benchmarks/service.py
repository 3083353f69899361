"""The service: latency from MQTT to the WebSocket, frames a second through POST /analyse, memory.

    python benchmarks/service.py
    python benchmarks/service.py --seconds 60 --frames 1000000

Frames of 1024 channels with about 500 counts from ten detectors; a model of five classes, as in
benchmarks/live.py. MQTT needs mosquitto.
"""

from __future__ import annotations

import argparse
import http.client
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import msgspec
import numpy as np
from wsproto import ConnectionType, WSConnection
from wsproto.events import Request, TextMessage

import gamma_flow as gf
from gamma_flow.live.calibrating import calibrate
from gamma_flow.live.messages import encode
from live import frames, spectra


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def broker(folder: Path) -> Iterator[int]:
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        raise SystemExit("mosquitto is not installed")
    port = free_port()
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    process = subprocess.Popen(
        [program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def service(model: Path, *args: str) -> tuple[subprocess.Popen[bytes], int]:
    port = free_port()
    command = [sys.executable, "-m", "gamma_flow", "serve", "-m", str(model), "--port", str(port), *args]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    for _ in range(400):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process, port
        time.sleep(0.05)
    raise SystemExit("the service does not answer")


class Listener(threading.Thread):
    """Notes when each result arrives."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.arrived: dict[str, float] = {}
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._protocol = WSConnection(ConnectionType.CLIENT)
        self._socket.sendall(self._protocol.send(Request(host=f"127.0.0.1:{port}", target="/live")))
        self.start()

    def run(self) -> None:
        text = ""
        while data := self._socket.recv(2**18):
            now = time.perf_counter()
            self._protocol.receive_data(data)
            for event in self._protocol.events():
                if isinstance(event, TextMessage):
                    text += event.data
                    if event.message_finished:
                        message = msgspec.json.decode(text)
                        text = ""
                        if message["type"] == "result":
                            self.arrived[message["id"]] = now


def memory(process: subprocess.Popen[bytes]) -> float:
    """MB that a process holds."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def latency(
    model: Path, folder: Path, seconds: float, rate: float, detail: str, uploads: bool, tracker: str = "off"
) -> None:
    """From a publish to the message on the WebSocket, with everything stored in between."""
    import paho.mqtt.client as mqtt

    with broker(folder) as port:
        source = f"mqtt://127.0.0.1:{port}/spectra/%23"
        log = folder / f"{detail}-{uploads}-{tracker == 'off'}.gfl"
        extra = ("--detail", detail, "--tracker", tracker)
        process, web = service(model, "--source", source, "--log", str(log), *extra)
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        client.connect("127.0.0.1", port)
        client.loop_start()
        listener = Listener(web)
        ending = threading.Event()
        if uploads:
            body = b"\n".join(encode(one) for one in frames(200, 10**6))
            threading.Thread(target=upload, args=(web, body, ending, 0.5), daemon=True).start()
        time.sleep(1.0)
        sent: dict[str, float] = {}
        every = frames(int(rate * seconds) + 20)
        start = time.perf_counter()
        for number, one in enumerate(every):
            payload = encode(one)
            time.sleep(max(0.0, start + number / rate - time.perf_counter()))
            sent[one.id] = time.perf_counter()
            client.publish(f"spectra/{one.detector}", payload, qos=1)
        time.sleep(1.0)
        ending.set()
        client.disconnect()
        client.loop_stop()
        # the first ones meet the axis, and wait until the templates are carried onto it
        took = [
            1000 * (listener.arrived[name] - at)
            for name, at in list(sent.items())[20:]
            if name in listener.arrived
        ]
        lost = len(sent) - len(listener.arrived)
        beside = ", with uploads of 200 frames twice a second" if uploads else ""
        middle, worst = np.percentile(took, [50, 99])
        watched = "" if tracker == "off" else " -> tracked"
        chain = f"MQTT -> analysed ({detail}){watched} -> stored -> WebSocket"
        print(f"{chain}, {rate:g} frames/s from 10 detectors{beside}:")
        print(f"    median {middle:.2f} ms, 99 % {worst:.2f} ms (goal 5 / 20 ms)")
        print(f"    largest {max(took):.1f} ms, {lost} of {len(sent)} lost")
        process.terminate()
        process.wait()


def upload(port: int, body: bytes, ending: threading.Event, pause: float) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    while not ending.wait(pause):
        connection.request("POST", "/analyse?detail=scores", body)
        connection.getresponse().read()


def throughput(model: Path, name: str, seconds: float) -> None:
    """Batches of 500 frames through POST /analyse, from two connections."""
    process, port = service(model)
    bodies = {
        "JSON lines": b"\n".join(encode(one) for one in frames(500)),
        "one message": b'{"version":1,"frames":[' + b",".join(encode(one) for one in frames(500)) + b"]}",
    }
    for kind, body in bodies.items():
        counts = [0, 0]
        end = time.perf_counter() + seconds

        def send(which: int, body: bytes = body, end: float = end, counts: list[int] = counts) -> None:
            connection = http.client.HTTPConnection("127.0.0.1", port)
            while time.perf_counter() < end:
                connection.request("POST", "/analyse?detail=scores", body)
                answer = msgspec.json.decode(connection.getresponse().read())
                counts[which] += len(answer["results"])

        start = time.perf_counter()
        threads = [threading.Thread(target=send, args=(which,)) for which in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rate = sum(counts) / (time.perf_counter() - start)
        print(
            f"POST /analyse ({name}), 500 frames of 1024 channels as {kind}: {rate:,.0f} frames/s "
            "(goal 2,000)"
        )
    process.terminate()
    process.wait()


def flat(model: Path, folder: Path, count: int) -> None:
    """Memory over many frames through POST /frames, with a log of limited size and a client."""
    process, port = service(
        model, "--log", str(folder / "flat.gfl"), "--log-limit", "50", "--detail", "scores"
    )
    Listener(port)
    connection = http.client.HTTPConnection("127.0.0.1", port)
    held, done = [], 0
    for step in range(10):
        while done < (step + 1) * count // 10:
            connection.request("POST", "/frames", b"\n".join(encode(one) for one in frames(500, done)))
            answer = connection.getresponse()
            if answer.status != 200:
                raise SystemExit(answer.read())
            answer.read()
            done += 500
        held.append(memory(process))
    print(
        f"memory over {done:,} frames through POST /frames: " + ", ".join(f"{mb:.0f}" for mb in held) + " MB"
    )
    process.terminate()
    process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--frames", type=int, default=20_000, help="for the look at memory")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = Path(name)
        quick = gf.train(spectra(), noise="leastsquares", background="background")
        full = gf.train(spectra(), background="background")
        quick.save(folder / "quick.gfm")
        full.save(folder / "full.gfm")
        latency(folder / "full.gfm", folder, asked.seconds, 50, "everything", False)
        latency(folder / "quick.gfm", folder, asked.seconds, 50, "scores", False)
        latency(folder / "full.gfm", folder, asked.seconds, 50, "everything", True)
        rng = np.random.default_rng(1)
        calibrate(full, rng=rng, rates=(500.0,), seconds=3600.0).save(folder / "full.gft")
        tracker = str(folder / "full.gft")
        latency(folder / "full.gfm", folder, asked.seconds, 50, "everything", False, tracker)
        throughput(folder / "quick.gfm", "least squares", asked.seconds / 2)
        throughput(folder / "full.gfm", "Poisson, scores", asked.seconds / 2)
        flat(folder / "quick.gfm", folder, asked.frames)


if __name__ == "__main__":
    main()
