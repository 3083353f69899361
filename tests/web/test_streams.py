"""Results as they come, to quick clients and to slow ones."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import gamma_flow as gf
from gamma_flow.live.frames import Frame
from gamma_flow.live.messages import encode
from live.brokers import Broker
from live.conftest import broker, frame  # noqa: F401 - a fixture
from web.served import Live, Served, serving

Frames = Callable[..., list[Frame]]


def test_every_client_hears_every_result_in_order(served: Served, frames: Frames, model: gf.Model) -> None:
    every = frames(20, "stream")
    with Live(served) as one, Live(served, "/live?strips=1") as two:
        assert (one.next() or {})["type"] == "hello"
        for sent in every:
            served.post("/frames", encode(sent))
        plain, full = one.results(20), two.results(20)
    assert [told["id"] for told in plain] == [told["id"] for told in full] == [sent.id for sent in every]
    assert "strip" not in plain[0]
    assert full[0]["strip"] == every[0].values.tolist()
    assert plain[3]["shares"] == model.analyse(every[3].as_set()).records()[0]["shares"]


def test_server_sent_events_say_the_same(served: Served, frames: Frames) -> None:
    (one,) = frames(1, "events")
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
    connection.request("GET", "/events")
    response = connection.getresponse()
    assert response.headers["content-type"].startswith("text/event-stream")
    assert json.loads(response.readline().removeprefix(b"data: "))["type"] == "hello"
    served.post("/frames", encode(one))
    told = {}
    while told.get("type") != "result":
        text = response.readline().strip()
        told = json.loads(text.removeprefix(b"data: ")) if text else {}
    assert told["detector"] == "events"
    response.close()
    connection.close()


def test_a_slow_client_is_cut_short_and_nobody_waits_for_it(
    saved: Path, frames: Frames, tmp_path: Path
) -> None:
    with serving("-m", str(saved), "--log", str(tmp_path / "log.gfl")) as made, Live(made) as slow:
        slow._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.next()
        many = b"\n".join(encode(one) for one in frames(1000))
        with Live(made) as quick:
            quick.next()
            for turn in range(12):
                text = many.replace(b'"detector":"left"', b'"detector":"d%d"' % turn)
                made.post("/frames", text)
            last = ""
            while last != "d11":
                message = quick.next()
                assert message is not None
                last = message.get("detector", last)
        assert "gamma_flow_client_messages_dropped_total 0\n" not in made.get("/metrics").decode()
        kinds = set()
        end = time.monotonic() + 20
        while "dropped" not in kinds and time.monotonic() < end:
            kinds.add((slow.next() or {})["type"])
        assert "dropped" in kinds


def test_clients_that_go_are_forgotten(served: Served) -> None:
    with Live(served), Live(served) as second:
        second.next()
        assert served.get("/health")["clients"] >= 2
    served.until(lambda: served.get("/health")["clients"] == 0)


def test_too_many_clients_are_refused(saved: Path) -> None:
    with serving("-m", str(saved)) as made:
        held = [Live(made) for _ in range(64)]
        for one in held:
            one.next()
        with Live(made) as one_more:
            assert one_more.refused == 403
        assert made.ask("GET", "/events")[0] == 503
        for one in held:
            one.close()


def test_several_sources_run_side_by_side_and_one_that_falls_silent_is_told(
    saved: Path,
    tmp_path: Path,
    broker: Broker,  # noqa: F811
    frames: Frames,
) -> None:
    import paho.mqtt.client as mqtt

    folder = tmp_path / "in"
    folder.mkdir()
    sources = (f"mqtt://127.0.0.1:{broker.port}/spectra/%23", f"folder:{folder}?every=0.05&settle=0.05")
    given = [word for source in sources for word in ("--source", source)]
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    with serving("-m", str(saved), "--log", str(tmp_path / "log.gfl"), *given) as made, Live(made) as live:
        (folder / "x.part").write_bytes(b"")
        from gamma_flow.live.messages import encode_n42

        dropped = frame(0, "folder", id="")
        (folder / "x.part").write_bytes(encode_n42(dropped))
        (folder / "x.part").rename(folder / "x.n42")
        for one in frames(3, "mqtt"):
            client.publish("spectra/mqtt", encode(one), qos=1).wait_for_publish(5)
        made.post("/frames", encode(frames(1, "post")[0]))
        assert {told["detector"] for told in live.results(5)} == {"folder", "mqtt", "post"}
        # one goes on, the other does not
        status = {}
        end = time.monotonic() + 15
        number = 10
        while status.get("state") != "silent" and time.monotonic() < end:
            made.post("/frames", encode(frame(number, "goes on")))
            number += 1
            time.sleep(0.1)
            states = {told["detector"]: told for told in made.get("/detectors")["detectors"]}
            status = states["post"]
        assert status["state"] == "silent"
        assert states["goes on"]["state"] == "ok"
    client.disconnect()
    client.loop_stop()


def test_what_comes_over_two_sources_at_once_is_stored_and_told_once(
    saved: Path,
    tmp_path: Path,
    broker: Broker,  # noqa: F811
    frames: Frames,
) -> None:
    import paho.mqtt.client as mqtt

    every = frames(200, "both")
    source = f"mqtt://127.0.0.1:{broker.port}/spectra/%23"
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    log = str(tmp_path / "log.gfl")
    with serving("-m", str(saved), "--log", log, "--source", source) as made, Live(made) as live:
        for start in range(0, 200, 10):
            told = [client.publish("spectra/both", encode(one), qos=1) for one in every[start : start + 10]]
            made.post("/frames", b"\n".join(encode(one) for one in every[start : start + 10]))
            for one in told:
                one.wait_for_publish(10)
        made.until(lambda: made.get("/detectors")["detectors"][0]["duplicates"] == 200)
        (status,) = made.get("/detectors")["detectors"]
        assert (status["frames"], status["duplicates"], status["state"]) == (200, 200, "ok")
        made.post("/frames", encode(frames(1, "last")[0]))
        results = live.results(201)
        assert sorted(one["id"] for one in results[:-1]) == sorted(one.id for one in every)
        assert results[-1]["detector"] == "last"
        found = made.get("/frames?detector=both&limit=1000")["frames"]
        assert sorted(one["id"] for one in found) == sorted(one.id for one in every)
    client.disconnect()
    client.loop_stop()


def test_it_ends_when_it_is_asked_to_with_clients_on_the_line(saved: Path) -> None:
    with serving("-m", str(saved)) as made, Live(made) as live:
        live.next()
        start = time.monotonic()
        assert made.stop(signal.SIGTERM) == 0
        assert time.monotonic() - start < 12


def test_after_a_restart_the_log_tells_what_was_last_seen(
    saved: Path, frames: Frames, tmp_path: Path
) -> None:
    log = str(tmp_path / "log.gfl")
    with serving("-m", str(saved), "--log", log) as made:
        for sent in frames(3, "gate"):
            made.post("/frames", encode(sent))
        (before,) = made.get("/detectors")["detectors"]
        drawn = made.get("/picture?detector=gate")
    with serving("-m", str(saved), "--log", log) as again:
        (told,) = again.get("/detectors")["detectors"]
        assert (told["detector"], told["state"], told["last"]) == ("gate", "silent", before["last"])
        assert "since the service began" in told["sentence"]
        assert again.get("/picture?detector=gate")["values"] == drawn["values"]
        (new,) = frames(4, "gate")[3:]
        again.post("/frames", encode(new))
        (told,) = again.get("/detectors")["detectors"]
        assert told["state"] == "ok"
