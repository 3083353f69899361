"""A service with a tracker: alarms on the page, notes, and what stays becomes background."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from browser import opened
from gamma_flow.live.calibrating import calibrate
from gamma_flow.live.frames import Frame
from gamma_flow.live.messages import encode
from live import skies
from web.served import Live, Served, serving

SOURCE = skies.SHAPES["Cs137"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tracked")
    skies.model().save(made / "nai.gfm")
    rng = np.random.default_rng(1)
    calibrate(skies.model(), skies.SETTINGS, rng=rng, rates=(skies.RATE,), seconds=1300.0).save(
        made / "nai.gft"
    )
    return made


@pytest.fixture
def tracked(folder: Path, tmp_path: Path) -> Iterator[Served]:
    with serving("-m", str(folder / "nai.gfm"), "--log", str(tmp_path / "log.gfl")) as made:
        yield made


def post(served: Served, frames: list[Frame]) -> None:
    served.post("/frames", b"\n".join(encode(one) for one in frames))


def test_what_stays_is_made_background(tracked: Served) -> None:
    post(tracked, skies.stream(60))
    post(tracked, skies.stream(40, first=60, source=SOURCE, counts=80.0, at=range(10**6)))
    (alarm,) = [one for one in tracked.get("/alarms")["alarms"] if one["end"] is None]
    (before,) = tracked.get("/detectors")["detectors"]
    assert before["tracker"]["frozen"] is True
    with Live(tracked) as live:
        (ended,) = tracked.post("/accept?detector=left", b"")["ended"]
        told = live.next()
        while told is not None and not (told["type"] == "alarm" and told["end"]):
            told = live.next()
        assert told is not None
        assert told["key"] == ended["key"] == alarm["key"]
    assert ended["details"]["ended_by"] == "accepted"
    stored = {one["key"]: one for one in tracked.get("/alarms")["alarms"]}
    assert stored[alarm["key"]]["end"] is not None
    post(tracked, skies.stream(60, first=100, source=SOURCE, counts=80.0, at=range(10**6)))
    assert len(tracked.get("/alarms")["alarms"]) == 1
    (after,) = tracked.get("/detectors")["detectors"]
    assert after["tracker"]["frozen"] is False


def test_a_restart_does_not_forget_what_was_accepted(tracked: Served, folder: Path, tmp_path: Path) -> None:
    post(tracked, skies.stream(60))
    post(tracked, skies.stream(40, first=60, source=SOURCE, counts=80.0, at=range(10**6)))
    tracked.post("/accept?detector=left", b"")
    tracked.stop(9)
    tracked.start()
    post(tracked, skies.stream(60, first=100, source=SOURCE, counts=80.0, at=range(10**6)))
    alarms = tracked.get("/alarms")["alarms"]
    assert [one["end"] is None for one in alarms] == [False]


def test_wrong_questions_are_one_sentence(tracked: Served, folder: Path) -> None:
    for path, sentence in (
        ("/accept", "which detector?"),
        ("/accept?detector=nobody", "there is no such detector"),
        ("/accept?detektor=left", "unknown parameter"),
    ):
        status, content, _ = tracked.ask("POST", path)
        assert status == 400
        assert sentence in content["sentence"]
    assert tracked.ask("GET", "/accept")[0] == 405
    assert tracked.ask("POST", "/accept?detector=left", headers={"Origin": "http://evil.example"})[0] == 403
    with serving("-m", str(folder / "nai.gfm"), "--tracker", "off") as bare:
        status, content, _ = bare.ask("POST", "/accept?detector=left")
        assert (status, "has no tracker" in content["sentence"]) == (400, True)
        post(bare, skies.stream(1))
        assert bare.get("/detectors")["detectors"][0]["tracker"] is None


def test_the_page_asks_twice_before_it_accepts(tracked: Served) -> None:
    post(tracked, skies.stream(60))
    post(tracked, skies.stream(40, first=60, source=SOURCE, counts=80.0, at=range(10**6)))
    with opened() as page:
        page.goto(f"http://127.0.0.1:{tracked.port}/")
        page.wait_for_selector("#alarms:visible >> text=Cs137")
        page.click("#alarms >> text=Is background")
        page.wait_for_selector("#alarms >> text=Sure?")
        assert [one["end"] for one in tracked.get("/alarms")["alarms"]] == [None]
        page.click("#alarms >> text=Sure?")
        page.wait_for_selector("#alarms", state="hidden")
        assert tracked.get("/alarms")["alarms"][0]["end"] is not None
        assert page.told == []


def test_notes_of_the_tracker_are_told(tracked: Served) -> None:
    frames = skies.stream(3, live_time=2.0)
    with Live(tracked) as live:
        post(tracked, frames)
        told: list[Any] = []
        while not told or told[-1]["type"] != "note":
            told.append(live.next())
    assert told[-1]["detector"] == "left"
    assert "a frame lasts 2 s" in told[-1]["sentence"]
    with opened() as page:
        page.goto(f"http://127.0.0.1:{tracked.port}/")
        page.wait_for_selector("#remark >> text=a frame lasts 2 s")


def test_an_unknown_names_what_it_may_be(tracked: Served) -> None:
    post(tracked, skies.stream(100))
    post(tracked, skies.stream(30, first=100, source=skies.UNKNOWN, counts=120.0, at=range(10**6)))
    with opened() as page:
        page.goto(f"http://127.0.0.1:{tracked.port}/")
        page.wait_for_selector("#alarms:visible >> text=Unknown source")
        banner = page.inner_text("#alarms")
        assert "peaks at 8" in banner
        assert "may be" in banner
        assert "Mn-54" in banner
        page.wait_for_selector("#unknown:visible >> text=left over in")
        assert "Mn-54" in page.inner_text("#unknown .hint")


def test_a_demonstration_needs_nothing() -> None:
    """It trains and calibrates by itself, and frames of three detectors come with a tracker and a log."""
    with serving("--demo") as made:
        made.until(lambda: len(made.get("/detectors")["detectors"]) == 3)
        made.until(lambda: len(made.get("/frames")["frames"]) >= 3)
        told = {one["detector"]: one for one in made.get("/detectors")["detectors"]}
        assert set(told) == {"gate", "van", "lab"}
        assert all(one["tracker"]["frames"] > 0 for one in told.values())
        assert made.get("/model")["model"]
    wrong = Served("--demo", "--source", "demo:")
    with pytest.raises(AssertionError, match="brings its own model and source"):
        wrong.start()
