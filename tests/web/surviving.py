"""Load for a service that is killed: senders that do not give up, and a check of what it has in the end."""

from __future__ import annotations

import http.client
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import paho.mqtt.client as mqtt

from gamma_flow.live.frames import Frame
from gamma_flow.live.log import Log
from gamma_flow.live.messages import encode
from live.brokers import Broker
from live.conftest import frame
from web.served import Served


class Publisher:
    """Detectors that publish at QoS 1 in a thread, over restarts of their broker."""

    def __init__(self, broker: Broker, detectors: Sequence[str], rate: float) -> None:
        self.detectors, self.pause = detectors, 1.0 / (rate * len(detectors))
        self.sent: list[Frame] = []
        self.taken: list[Frame] = []  # what the broker has acknowledged
        self._numbers: dict[int, deque[Frame]] = {}  # those of messages return after 65,535
        self._acknowledged: deque[int] = deque()
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, "detectors", clean_session=False)
        self._client.reconnect_delay_set(1, 1)
        self._client.max_inflight_messages_set(1000)
        self._client.max_queued_messages_set(0)
        self._client.on_publish = lambda *told: self._acknowledged.append(told[2])
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()
        self._going, self._resting, self._ended = threading.Event(), threading.Event(), False
        self._going.set()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        number = 0
        while not self._ended:
            if not self._going.is_set():
                self._resting.set()
                self._going.wait()
                self._resting.clear()
                continue
            for name in self.detectors:
                one = frame(number, name)
                told = self._client.publish(f"spectra/{name}", encode(one), qos=1)
                self._numbers.setdefault(told.mid, deque()).append(one)
                self.sent.append(one)
                self._match()
                time.sleep(self.pause)
            number += 1

    def _match(self) -> None:
        while self._acknowledged and (waiting := self._numbers.get(self._acknowledged[0])):
            self._acknowledged.popleft()
            self.taken.append(waiting.popleft())

    def rest(self) -> None:
        """Publish nothing more, and wait until the broker has taken everything."""
        self._going.clear()
        assert self._resting.wait(10)

        def all_taken() -> bool:
            self._match()
            return len(self.taken) == len(self.sent)

        until(all_taken, 60)

    def go_on(self) -> None:
        self._going.set()

    def close(self) -> None:
        self._ended = True
        self._going.set()
        self._thread.join(10)
        self._client.disconnect()
        self._client.loop_stop()


class Poster:
    """A sender over POST /frames; it tries again with the same frames until it hears that they are safe."""

    def __init__(self, served: Served, batches: Iterable[Sequence[Frame]], pause: float) -> None:
        self.served, self.batches, self.pause = served, batches, pause
        self.taken: list[Frame] = []
        self.tries = 0
        self._ended = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        for many in self.batches:
            while not self._post(many):
                time.sleep(0.05)
            self.taken += many
            time.sleep(self.pause)
            if self._ended:
                return

    def _post(self, many: Sequence[Frame]) -> bool:
        self.tries += 1
        try:
            status, content, _ = self.served.ask("POST", "/frames", b"\n".join(map(encode, many)))
        except (OSError, http.client.HTTPException, ValueError):  # nobody there, or cut by a kill
            return False
        assert status in (200, 503, 507), content
        return status == 200

    @property
    def going(self) -> bool:
        return self._thread.is_alive()

    def close(self) -> None:
        """End when what is on its way is safe."""
        self._ended = True
        self._thread.join(60)
        assert not self._thread.is_alive()


def endless(detector: str) -> Iterator[list[Frame]]:
    """Frames of a detector, one to four at a time."""
    number = 0
    while True:
        yield [frame(n, detector) for n in range(number, number + 1 + number % 4)]
        number += 1 + number % 4


@contextmanager
def closing(*senders: Any) -> Iterator[None]:
    """See to it that threads end when a test fails."""
    try:
        yield
    finally:
        for sender in senders:
            sender._ended = True
            if isinstance(sender, Publisher):
                sender.close()


def until(done: Callable[[], bool], seconds: float = 30.0, pause: Callable[[], None] | None = None) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it does not happen"
        (pause or (lambda: time.sleep(0.03)))()


def stored(path: Path) -> int:
    with Log.open(path, readonly=True) as log:
        return len(log)


def check(path: Path, expected: Sequence[Frame]) -> None:
    """The log is whole, and has every frame that is expected once, as it was sent, and none besides."""
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    assert connection.execute("SELECT count(*) FROM raw").fetchone() == (len(expected),)
    connection.close()
    sent = {one.key: one for one in expected}
    assert len(sent) == len(expected)
    with Log.open(path) as log:  # it can be written, too
        seen = set()
        for entry in log.frames():
            found = entry.frame()
            one = sent[found.key]
            assert found.key not in seen
            seen.add(found.key)
            assert (entry.detector, entry.id, entry.time) == (one.detector, one.id, one.time)
            assert np.array_equal(found.values, one.values)
            assert entry.total == one.values.sum()
            assert entry.record is not None
        missing = sorted((one.detector, one.id) for key, one in sent.items() if key not in seen)
        assert missing == []
