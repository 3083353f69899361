"""MQTT against a real mosquitto: nothing is acknowledged before it is safe, nothing lost, nothing twice."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gamma_flow as gf
from gamma_flow.errors import MessageError, SourceError
from gamma_flow.live.frames import Frame
from gamma_flow.live.log import Log
from gamma_flow.live.loop import Loop
from gamma_flow.live.messages import encode
from gamma_flow.live.opening import open_source
from gamma_flow.live.sources._base import Delivery, Source
from live.brokers import Broker, free_port

mqtt = pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is missing: pip install 'gamma-flow[live]'")


@contextmanager
def publisher(broker: Broker) -> Iterator[Callable[[str, bytes], Any]]:
    """A sender at QoS 1 that keeps what is not confirmed over a restart of the broker."""
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, "sender", clean_session=False)
    client.reconnect_delay_set(1, 1)
    client.max_inflight_messages_set(1000)
    client.max_queued_messages_set(0)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    yield lambda topic, payload: client.publish(topic, payload, qos=1)
    client.disconnect()
    client.loop_stop()


def url(broker: Broker, options: str = "", topic: str = "spectra/%23") -> str:
    return f"mqtt://127.0.0.1:{broker.port}/{topic}{options}"


def drained(source: Source, count: int) -> list[Delivery]:
    """Poll until so many deliveries came, for half a minute at most."""
    came: list[Delivery] = []
    end = time.monotonic() + 30
    while len(came) < count and time.monotonic() < end:
        came += source.poll(0.2)
    return came


def until(loop: Loop, done: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not done():
        loop.step(0.2)
        assert time.monotonic() < end, "too little came"


def test_a_frame_goes_through_and_its_topic_names_the_detector(
    broker: Broker, frames: Callable[..., list[Frame]]
) -> None:
    with open_source(url(broker)) as source, publisher(broker) as send:
        (sent,) = frames(1)
        send("spectra/left", encode(sent))
        send("spectra/right", b'{"version": 1, "time": "2026-01-01T00:00:00Z", "counts": [1, 2]}')
        send("spectra/bad", b'{"version": 7}')
        first, second, third = drained(source, 3)
        assert first.frames[0].key == sent.key
        assert second.frames[0].detector == "right"
        assert third.frames == ()
        assert isinstance(third.problem, MessageError)
        assert third.detector == "bad"
        assert "spectra/bad" in str(third.problem)


def test_what_was_not_acknowledged_comes_again(broker: Broker, frames: Callable[..., list[Frame]]) -> None:
    with publisher(broker) as send:
        source = open_source(url(broker))
        for one in frames(6):
            send("spectra/left", encode(one))
        came = drained(source, 6)
        source.acknowledge(came[:2])
        time.sleep(0.3)
        source.close()
        with open_source(url(broker)) as again:
            keys = [delivery.frames[0].key for delivery in drained(again, 4)]
    assert keys == [delivery.frames[0].key for delivery in came[2:]]


def test_acknowledgements_of_an_old_connection_are_not_sent(
    broker: Broker, frames: Callable[..., list[Frame]]
) -> None:
    with publisher(broker) as send, open_source(url(broker)) as source:
        send("spectra/left", encode(frames(1)[0]))
        old = drained(source, 1)
        broker.stop()
        broker.start()
        fresh = drained(source, 1)
        source.acknowledge(old)
        assert old[0].token.connection < fresh[0].token.connection
        source.acknowledge(fresh)


def test_a_restart_of_the_broker_loses_nothing(
    broker: Broker, tmp_path: Path, model: gf.Model, frames: Callable[..., list[Frame]]
) -> None:
    every = frames(60)
    with (
        Log.open(tmp_path / "log.gfl") as log,
        open_source(url(broker)) as source,
        publisher(broker) as send,
    ):
        loop = Loop(source, model, log)
        for one in every[:20]:
            send("spectra/left", encode(one))
        until(loop, lambda: len(log) >= 5)
        broker.stop()
        states = [outcome.status.state for _ in range(5) for outcome in loop.step(0.2)]
        assert "source" in states
        for one in every[20:40]:
            send("spectra/left", encode(one))
        broker.start()
        for one in every[40:]:
            send("spectra/left", encode(one))
        until(loop, lambda: len(log) >= 60)
        assert [entry.frame().key for entry in log.frames()] == [one.key for one in every]
        assert all(entry.record is not None for entry in log.frames())
        until(loop, lambda: all(status.state == "ok" for status in loop.board.all()))


def test_workers_of_a_group_share_the_messages(broker: Broker, frames: Callable[..., list[Frame]]) -> None:
    names = [url(broker, f"?group=lab&client=worker{number}") for number in (1, 2)]
    with open_source(names[0]) as one, open_source(names[1]) as two, publisher(broker) as send:
        for frame in frames(20):
            send("spectra/left", encode(frame))
        came: list[list[bytes]] = [[], []]
        end = time.monotonic() + 20
        while sum(map(len, came)) < 20 and time.monotonic() < end:
            for keys, source in zip(came, (one, two), strict=True):
                deliveries = source.poll(0.05)
                keys += [delivery.frames[0].key for delivery in deliveries]
                source.acknowledge(deliveries)
    assert sorted(came[0] + came[1]) == sorted(frame.key for frame in frames(20))
    assert came[0]
    assert came[1]


def test_a_slow_reader_leaves_the_rest_at_the_broker(
    broker: Broker, frames: Callable[..., list[Frame]]
) -> None:
    with open_source(url(broker, "?waiting=5")) as source, publisher(broker) as send:
        for frame in frames(40):
            send("spectra/left", encode(frame))
        time.sleep(0.5)
        assert len(source._box) <= 5  # type: ignore[attr-defined]
        keys = []
        while len(keys) < 40:
            deliveries = drained(source, 1)
            keys += [delivery.frames[0].key for delivery in deliveries]
            source.acknowledge(deliveries)
        assert keys == [frame.key for frame in frames(40)]
        assert source.dropped == 0


def test_messages_of_quality_0_that_find_no_room_are_counted(broker: Broker) -> None:
    with open_source(url(broker, "?waiting=3")) as source:
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        client.connect("127.0.0.1", broker.port)
        client.loop_start()
        for _ in range(50):
            client.publish("spectra/left", b"{}", qos=0).wait_for_publish(5)
        end = time.monotonic() + 10
        while source.dropped < 47 and time.monotonic() < end:
            time.sleep(0.05)
        client.disconnect()
        client.loop_stop()
        assert source.dropped == 47
        loop = Loop(source)
        states = {outcome.status.state for outcome in loop.step(0.2)}
        assert states == {"queue", "message"}


def test_the_older_protocol_serves_too(broker: Broker, frames: Callable[..., list[Frame]]) -> None:
    with open_source(url(broker, "?protocol=311")) as source, publisher(broker) as send:
        send("spectra/left", encode(frames(1)[0]))
        assert drained(source, 1)[0].frames[0].detector == "left"


def test_a_broker_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(SourceError, match=r"mqtt://127.0.0.1:\d+/a: the broker cannot be reached: .*; start"):
        open_source(f"mqtt://someone:secret@127.0.0.1:{free_port()}/a")


def test_a_broker_that_refuses_us_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "none").write_text("")
    broker = Broker(tmp_path, f"allow_anonymous false\npassword_file {tmp_path}/none")
    try:
        with pytest.raises(SourceError, match=r"does not let us listen: Not authorized.*; check") as caught:
            open_source(f"mqtt://someone:secret@127.0.0.1:{broker.port}/a")
        assert "secret" not in str(caught.value)
    finally:
        broker.stop()


def test_a_topic_that_is_no_text_of_ours_does_no_harm(broker: Broker) -> None:
    with open_source(url(broker)) as source, publisher(broker) as send:
        send("spectra/\u202ered", b'{"version": 1, "counts": [1]}')
        (delivery,) = drained(source, 1)
        assert delivery.frames[0].detector == "?red"
        assert np.isfinite(delivery.frames[0].total)


# paho leaves the socket of a handshake that failed to the collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_tls_checks_the_broker(tmp_path: Path, frames: Callable[..., list[Frame]]) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed: it makes the broker's certificate")
    subprocess.run(
        [
            *(
                openssl,
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
            ),
            *("-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem"),
        ],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    broker = Broker(tmp_path, f"certfile {tmp_path}/cert.pem\nkeyfile {tmp_path}/key.pem")
    try:
        with pytest.raises(SourceError, match=r"cannot be reached: .*certificate"):
            open_source(f"mqtts://localhost:{broker.port}/spectra")
        with open_source(f"mqtts://localhost:{broker.port}/spectra?ca={tmp_path}/cert.pem") as source:
            assert source.poll(0.01) == []
        with pytest.raises(SourceError, match="the certificates cannot be read"):
            open_source(f"mqtts://localhost:{broker.port}/spectra?ca={tmp_path}/mosquitto.conf")
    finally:
        broker.stop()
