"""A real mosquitto for the tests, on a free port, that can be stopped and started again."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

MISSING = "mosquitto is not installed: apt-get install mosquitto (Debian), brew install mosquitto (macOS)"


def program() -> str:
    """The path of mosquitto; Debian keeps it where users' paths do not lead."""
    further = "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path=further)
    if found is None:
        pytest.skip(MISSING)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Broker:
    """A broker that keeps its messages on disk when it is asked to end."""

    def __init__(self, folder: Path, extra: str = "") -> None:
        self.port = free_port()
        self.config = folder / "mosquitto.conf"
        self.config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence true\n"
            f"persistence_location {folder}/\nmax_queued_messages 100000\nmax_inflight_messages 100\n"
            f"user root\n{extra}\n"
        )
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [program(), "-c", str(self.config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self.process.poll() is None, "mosquitto ended at once"
            time.sleep(0.02)
        pytest.fail("mosquitto does not answer")

    def stop(self, how: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(10)
            self.process = None
