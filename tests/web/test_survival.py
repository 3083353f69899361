"""The service over kills, a broker that goes, a disk that is full: nothing is lost, nothing is doubled."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is missing: pip install 'gamma-flow[live]'")

from browser import opened
from gamma_flow.live.alarm import Alarm
from gamma_flow.live.calibrating import calibrate
from gamma_flow.live.frames import Frame
from gamma_flow.live.log import Log
from gamma_flow.live.messages import encode
from gamma_flow.live.restart import StateFile
from gamma_flow.live.tracker import Tracker
from gamma_flow.web.service import Service
from live import skies
from live.brokers import Broker
from live.conftest import broker, frame  # noqa: F401 - a fixture
from web.served import Served, serving
from web.surviving import Poster, Publisher, check, closing, endless, stored, until
from web.test_page import inked

resource = pytest.importorskip("resource", reason="limits of the system are those of POSIX")


class Watcher:
    """A page in a browser that is never reloaded."""

    def __init__(self, page: Any, served: Served) -> None:
        self.page, self.sockets = page, 0
        page.goto("about:blank")
        page.told.clear()
        self.errors: list[str] = []
        page.on("pageerror", lambda problem: self.errors.append(str(problem)))
        page.on("websocket", self._opened)
        page.goto(f"http://127.0.0.1:{served.port}/")
        page.wait_for_selector("#connection[data-state=on]")

    def _opened(self, socket: Any) -> None:
        def answered(_: Any) -> None:
            self.sockets += 1

        socket.once("framereceived", answered)

    def pause(self, seconds: float) -> None:
        """Let time pass, for the browser too."""
        self.page.wait_for_timeout(1000 * seconds)

    def wait(self) -> None:
        self.pause(0.05)

    def sees_new_frames(self) -> None:
        """Connected again, and the last frame changes: by the stream, not only by a look into the log."""
        self.page.wait_for_selector("#connection[data-state=on]", timeout=30_000)
        self.page.click("#detectors >> text=left")
        told: set[str] = set()

        def changes() -> bool:
            told.add(self.page.inner_text("#facts"))
            return len(told) > 3

        until(changes, 20, self.wait)

    def check(self) -> None:
        """No error of the page; that nobody answers a request is noted by the browser itself."""
        ours = [text for text in self.page.told if not re.search("ERR_|WebSocket|status of 503", text)]
        assert self.errors == []
        assert ours == []


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with opened() as page:
        yield page


def kill_often(
    kills: int, page: Any, saved: Path, queue: Broker, log: Path, rng: np.random.Generator, look: int
) -> dict[str, float]:
    """Kill a service under load at random moments; a page is looked at after every ``look``-th kill.

    The first kill comes while the log is made, and every fifth while the service starts; the others within
    1.5 s of its first answer, or of the first new frames on the page.
    """
    source = f"mqtt://127.0.0.1:{queue.port}/spectra/%23"
    served = Served("-m", str(saved), "--log", str(log), "--source", source)
    began = time.monotonic()
    looks = again = 0
    served.spawn()
    time.sleep(float(rng.uniform(0.3, 1.2)))
    served.stop(signal.SIGKILL)
    served.start()
    watcher = Watcher(page, served)
    publisher = Publisher(queue, ("left", "right", "vehicle"), 25.0)
    poster = Poster(served, endless("post"), 0.05)
    with closing(publisher, poster):
        try:
            watcher.sees_new_frames()
            for number in range(kills):
                watcher.pause(float(rng.uniform(0, 1.5)))
                again += sum(told["duplicates"] for told in served.get("/detectors")["detectors"])
                served.stop(signal.SIGKILL)
                page.wait_for_selector("#connection[data-state=off]")
                if number % 4 == 2:
                    served.spawn()
                    watcher.pause(float(rng.uniform(0, 1.2)))
                    served.stop(signal.SIGKILL)
                served.start()
                if number % look == 0 or number == kills - 1:
                    watcher.sees_new_frames()
                    looks += 1
            poster.close()
            publisher.rest()
            sent = [*publisher.taken, *poster.taken]
            until(lambda: stored(log) >= len(sent), 60, lambda: watcher.pause(0.1))
            watcher.check()
            assert watcher.sockets > looks
            assert served.get("/health")["status"] == "ok"
            assert served.stop(signal.SIGTERM) == 0
        finally:
            if served.process is not None and served.process.poll() is None:
                served.stop(signal.SIGKILL)
    check(log, sent)
    return {
        "kills": 1 + kills + sum(number % 4 == 2 for number in range(kills)),
        "published": len(publisher.sent),
        "taken by the broker": len(publisher.taken),
        "posted": len(poster.taken),
        "posts": poster.tries,
        "stored": stored(log),
        "came again, at least": again,
        "connections of the page": watcher.sockets,
        "looks at the page": looks,
        "seconds": round(time.monotonic() - began),
    }


def test_five_kills_under_load(
    browser: Any,
    saved: Path,
    broker: Broker,  # noqa: F811
    tmp_path: Path,
    rng: np.random.Generator,
) -> None:
    kill_often(3, browser, saved, broker, tmp_path / "log.gfl", rng, 2)


@pytest.mark.soak
def test_two_hundred_kills_under_load(
    browser: Any,
    saved: Path,
    broker: Broker,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seed = int(np.random.default_rng().integers(2**32))
    told = kill_often(159, browser, saved, broker, tmp_path / "log.gfl", np.random.default_rng(seed), 2)
    with capsys.disabled():
        sys.stdout.write(f"\nseed {seed}: {told}\n")
    assert told["kills"] == 200


# ---------------------------------------------------------------------- the broker goes


def states(served: Served) -> dict[str, str]:
    return {told["detector"]: told["state"] for told in served.get("/detectors")["detectors"]}


def restart_broker(times: int, saved: Path, queue: Broker, log: Path, rng: np.random.Generator) -> None:
    """Stop the broker under load, and once more, when all is quiet, kill it.

    Under load a kill may lose what the broker has acknowledged: mosquitto writes its messages to the disk
    when it ends and every half an hour, not before it acknowledges. So it is killed while it holds none. It
    then begins with what it wrote last: the session of the service, and messages that came long ago.
    """
    source = f"mqtt://127.0.0.1:{queue.port}/spectra/%23"
    with serving("-m", str(saved), "--log", str(log), "--source", source) as served:
        publisher = Publisher(queue, ("left", "right", "vehicle"), 30.0)
        with closing(publisher):
            name = source.replace("%23", "#")
            until(lambda: stored(log) > 10)
            for number in range(times):
                time.sleep(float(rng.uniform(0, 0.5)))
                if number == times - 1:
                    publisher.rest()
                    until(lambda: stored(log) == len(publisher.sent))
                queue.stop(signal.SIGKILL if number == times - 1 else signal.SIGTERM)
                until(lambda: states(served).get(name) == "source")
                assert served.get("/health")["status"] == "ok", "the service itself is well"
                publisher.go_on()
                time.sleep(float(rng.uniform(0, 0.5)))
                queue.start()
                before = stored(log)
                until(lambda: states(served).get(name) == "ok")
                until(lambda before=before: stored(log) > before + 10)  # type: ignore[misc]
            publisher.rest()
            until(lambda: stored(log) >= len(publisher.sent))
            assert set(states(served).values()) == {"ok"}
    check(log, publisher.taken)


def test_the_broker_goes_and_comes_back(
    saved: Path,
    broker: Broker,  # noqa: F811
    tmp_path: Path,
    rng: np.random.Generator,
) -> None:
    restart_broker(2, saved, broker, tmp_path / "log.gfl", rng)


@pytest.mark.soak
def test_the_broker_goes_thirty_times(
    saved: Path,
    broker: Broker,  # noqa: F811
    tmp_path: Path,
) -> None:
    restart_broker(30, saved, broker, tmp_path / "log.gfl", np.random.default_rng())


# ---------------------------------------------------------------------- the disk is full


class Limit:
    """No file of a process may grow, as if the disk were full."""

    def __init__(self, served: Served, _: Path) -> None:
        assert served.process is not None
        self.process = served.process.pid

    def fill(self) -> None:
        self._set(0)

    def empty(self) -> None:
        self._set(resource.RLIM_INFINITY)

    def _set(self, most: int) -> None:
        resource.prlimit(self.process, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))


class Disk:
    """A small disk in memory, filled to its last byte."""

    def __init__(self, _: Served, folder: Path) -> None:
        self.filler = folder / "filler"

    def fill(self) -> None:
        with self.filler.open("wb", buffering=0) as stream, suppress(OSError):
            while True:
                stream.write(bytes(1 << 12))
        with self.filler.open("ab", buffering=0) as stream, suppress(OSError):
            while True:
                stream.write(b"\0")

    def empty(self) -> None:
        self.filler.unlink()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 3 MB, where this system lets us make one; else a folder."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)], capture_output=True, check=False
    )
    yield place
    if made.returncode == 0:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("kind", [Limit, Disk])
def test_a_disk_that_is_full_holds_everything_up_and_loses_nothing(
    kind: type[Limit] | type[Disk],
    browser: Any,
    saved: Path,
    broker: Broker,  # noqa: F811
    small_disk: Path,
) -> None:
    if kind is Disk and not small_disk.is_mount():
        pytest.skip("only the super-user can make a small disk")
    if kind is Limit and not hasattr(resource, "prlimit"):
        pytest.skip("this system sets no limits to a process that runs")
    log = small_disk / "log.gfl"
    source = f"mqtt://127.0.0.1:{broker.port}/spectra/%23"
    with serving("-m", str(saved), "--log", str(log), "--source", source) as served:
        watcher = Watcher(browser, served)
        publisher = Publisher(broker, ("left", "right"), 20.0)
        with closing(publisher):
            posted = [frame(number, "post") for number in range(40)]
            for one in posted[:20]:
                served.post("/frames", encode(one))
            watcher.sees_new_frames()
            disk = kind(served, small_disk)
            disk.fill()
            until(lambda: served.ask("GET", "/health")[0] == 503)
            before = stored(log)
            _refused(served, watcher, posted[20:])
            assert stored(log) == before, "nothing was taken"
            disk.empty()
            until(lambda: served.ask("GET", "/health")[0] == 200)
            for one in posted[20:]:
                served.post("/frames", encode(one))
            watcher.sees_new_frames()
            until(lambda: "log.gfl" not in watcher.page.inner_text("header"), pause=watcher.wait)
            publisher.rest()
            until(lambda: stored(log) >= len(publisher.sent) + 40)
            assert set(states(served).values()) == {"ok"}
        watcher.check()
    check(log, [*publisher.taken, *posted])


def test_ended_while_the_disk_is_full(saved: Path, broker: Broker, tmp_path: Path) -> None:  # noqa: F811
    log = tmp_path / "log.gfl"
    source = f"mqtt://127.0.0.1:{broker.port}/spectra/%23"
    with serving("-m", str(saved), "--log", str(log), "--source", source) as served:
        publisher = Publisher(broker, ("left", "right"), 20.0)
        with closing(publisher):
            until(lambda: stored(log) > 5)
            Limit(served, tmp_path).fill()
            until(lambda: served.ask("GET", "/health")[0] == 503)
            assert served.stop(signal.SIGTERM) == 0
            served.start()
            publisher.rest()
            until(lambda: stored(log) >= len(publisher.sent))
    check(log, publisher.taken)


def _refused(served: Served, watcher: Watcher, frames: Sequence[Frame]) -> None:
    """Say what a service does whose disk is full."""
    sentence = "the log took nothing: the disk is full, or the file may not grow; make room"
    status, told, _ = served.ask("GET", "/health")
    assert (status, told["status"]) == (503, "trouble")
    assert sentence in told["sentence"]
    for _ in range(2):
        status, told, headers = served.ask("POST", "/frames", b"\n".join(map(encode, frames)))
        assert status == 507
        assert sentence in told["sentence"]
        assert "\n" not in told["sentence"]
        assert headers["retry-after"] == "1"
    assert "log" in states(served).values()
    until(lambda: "log is stuck" in watcher.page.inner_text("#detectors"), pause=watcher.wait)
    until(lambda: sentence in watcher.page.inner_text("#facts"), pause=watcher.wait)
    watcher.page.reload()  # who opens the page now sees what is stored, and why there is no more
    until(lambda: sentence in watcher.page.inner_text("#facts"), pause=watcher.wait)
    watcher.page.click("#detectors >> text=left")
    until(lambda: inked(watcher.page, "#waterfall") > 5, pause=watcher.wait)
    page = served.get("/frames?detector=post&order=oldest&spectra=all")["frames"]
    assert [one["counts"] for one in page] == [frame(n, "post").values.tolist() for n in range(20)]
    found = served.post("/analyse", encode(frames[0]))["results"]
    assert found[0]["total"] == frames[0].total
    assert found[0]["shares"]


# ---------------------------------------------------------------------- the tracker


def kill_tracked(folder: Path, frames: Sequence[Frame], kills: Sequence[int]) -> list[Alarm]:
    """Post frames to a service with a tracker, kill it when it has so many of them, and compare the alarms.

    The first 90 frames are known to the state that an orderly end leaves, and most of them are in the log no
    more: they cannot be gone through again.
    """
    model, log = skies.model(), folder / "log.gfl"
    model.save(folder / "nai.gfm")
    rng = np.random.default_rng(1)
    calibration = calibrate(model, skies.SETTINGS, rng=rng, rates=(skies.RATE,), seconds=1800.0)
    calibration.save(folder / "nai.gft")
    with Log.open(folder / "whole.gfl") as whole:
        whole.append(frames, alarms=Tracker(model, calibration)(frames))
        expected = whole.alarms()
    batches = [frames[at : at + 5] for at in range(0, len(frames), 5)]
    served = Served("-m", str(folder / "nai.gfm"), "--log", str(log), "--detail", "scores")
    try:
        served.start()
        for batch in batches[:18]:
            served.post("/frames", b"\n".join(map(encode, batch)))
        assert served.stop(signal.SIGTERM) == 0
        assert Tracker(model, calibration).restore(f"{log}.tracker") == 90
        with Log.open(log) as opened:
            opened.rotate(folder / "old.gfl", skies.START + np.timedelta64(60, "s"))
        served.start()
        poster = Poster(served, batches[18:], 0.02)
        with closing(poster):
            for count in kills:
                until(lambda count=count: stored(log) + 60 >= count)  # type: ignore[misc]
                served.stop(signal.SIGKILL)
                served.start()
                with Log.open(log, readonly=True) as reader:
                    seen = reader.alarms()
                    assert [one.key for one in seen] == [one.key for one in expected[: len(seen)]]
            until(lambda: not poster.going, 600)
        told = served.get("/alarms")["alarms"]
        assert served.stop(signal.SIGTERM) == 0
    finally:
        if served.process is not None and served.process.poll() is None:
            served.stop(signal.SIGKILL)
    assert told == [one.as_dict() for one in expected]
    assert Tracker(model, calibration).restore(f"{log}.tracker") == len(frames)
    return expected


def test_a_kill_changes_no_alarm(tmp_path: Path) -> None:
    frames = skies.stream(220, source=skies.SHAPES["Cs137"], counts=90.0, at=range(100, 160))
    (alarm,) = kill_tracked(tmp_path, frames, (112, 140))
    assert (alarm.name, alarm.start < frames[112].time) == ("Cs137", True)
    assert alarm.end is not None
    assert alarm.end > frames[150].time


def test_a_state_that_cannot_be_kept_is_told(tmp_path: Path) -> None:
    model, rng = skies.model(), np.random.default_rng(1)
    tracker = Tracker(model, calibrate(model, skies.SETTINGS, rng=rng, rates=(skies.RATE,), seconds=1300.0))
    (tmp_path / "log.gfl.tracker").mkdir()  # in the way
    with Log.open(tmp_path / "log.gfl") as log:
        state = StateFile(tracker, log, every=0.0)
        with Service(model, [], log, alarms=tracker, state=state) as service:
            service.put(skies.stream(2)).wait(10)
            until(lambda: service.trouble.startswith("the state of the tracker is not kept: "))
            (tmp_path / "log.gfl.tracker").rmdir()
            until(lambda: service.trouble == "")
        assert tracker.restore(state.path) == 2


@pytest.mark.soak
def test_thirty_kills_change_no_alarm(tmp_path: Path) -> None:
    at = [second for second in range(120, 9000) if second % 400 < 40]
    frames = skies.stream(9000, source=skies.SHAPES["Cs137"], counts=90.0, at=at)  # type: ignore[arg-type]
    kills = np.sort(np.random.default_rng().integers(100, 9000, 30)).tolist()
    assert len(kill_tracked(tmp_path, frames, kills)) >= 20
