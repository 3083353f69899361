"""The page in a real browser: what is seen, what is pressed, what is asked for."""

from __future__ import annotations

import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gamma_flow as gf
from browser import opened
from gamma_flow.live.frames import Frame
from gamma_flow.live.messages import encode, encode_n42
from gamma_flow.plot.palette import SHADES
from live.conftest import AXIS, START
from web.served import ROOT, Served, serving

Frames = Callable[..., list[Frame]]


def drawn(number: int, detector: str, *, source: bool, seed: int = 3) -> Frame:
    """A frame of background, or of a strong source besides."""
    rng = np.random.default_rng([seed, number, *detector.encode()])
    x = AXIS.centres
    expected = 25 * np.exp(-x / 300) + (60 * np.exp(-0.5 * ((x - 660) / 60) ** 2) if source else 0)
    time = START + np.timedelta64(number, "s")
    return Frame(rng.poisson(expected), AXIS, time, detector, live_time=1.0, id=f"m{number}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with opened() as page:
        yield page


@contextmanager
def looking(
    page: Any, served: Served, width: int = 1280, height: int = 800, scheme: str = "light"
) -> Iterator[Any]:
    """A page of the service; it has to end without a complaint, and without a request to anybody else."""
    page.goto("about:blank")
    page.told.clear()
    page.asked.clear()
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=scheme)
    page.goto(f"http://127.0.0.1:{served.port}/" + (f"#token={served.token}" if served.token else ""))
    page.wait_for_selector("#connection[data-state=on]")
    yield page
    assert page.told == []
    outside = [url for url in page.asked if not url.startswith((f"http://127.0.0.1:{served.port}/", "data:"))]
    assert outside == []


def until(page: Any, script: str) -> None:
    """Wait until a script is true; the policy of the page allows no strings as code, so we ask again."""
    end = time.monotonic() + 15
    while not page.evaluate(script):
        assert time.monotonic() < end, f"never: {script}"
        time.sleep(0.03)


def inked(page: Any, place: str) -> int:
    """Different colours on a canvas."""
    return int(
        page.evaluate(
            """place => { const c = document.querySelector(place);
            const data = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
            return new Set(new Uint32Array(data.buffer)).size }""",
            place,
        )
    )


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, saved: Path) -> Iterator[Served]:
    """Three detectors with a minute each: background, then a source at the left one."""
    with serving("-m", str(saved), "--log", str(tmp_path_factory.mktemp("page") / "log.gfl")) as made:
        for name in ("left", "right", "vehicle"):
            many = [drawn(n, name, source=name == "left" and n >= 40) for n in range(60)]
            made.post("/frames", b"\n".join(encode(one) for one in many))
        yield made


def test_nothing_yet(browser: Any, saved: Path) -> None:
    with serving("-m", str(saved)) as made, looking(browser, made) as page:
        assert page.inner_text("#note") == "Waiting for the first frame of a detector."
        assert page.inner_text("#answer") == "No data yet"
        made.post("/frames", encode(drawn(0, "first", source=True)))
        page.wait_for_selector("#answer >> text=Cs137")
        assert not page.is_visible("#note")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_what_is_seen(browser: Any, filled: Served, width: int, height: int, scheme: str) -> None:
    with looking(browser, filled, width, height, scheme) as page:
        page.wait_for_selector("#answer >> text=Cs137")
        page.wait_for_selector("#shares .class.found >> text=Cs137")
        assert page.get_attribute("html", "data-theme") == scheme
        tabs = page.locator("#detectors [role=tab]")
        assert tabs.count() == 3
        assert tabs.first.get_attribute("aria-selected") == "true"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out"
        until(page, "document.querySelectorAll('#chart canvas').length === 1")
        assert inked(page, "#chart canvas") > 5
        assert inked(page, "#waterfall") > 20
        assert inked(page, "#timeline") > 5
        mark = page.evaluate("getComputedStyle(document.querySelector('#answer .mark')).color")
        red, green, blue = (int(SHADES[0][at : at + 2], 16) for at in (1, 3, 5))
        assert mark == f"rgb({red}, {green}, {blue})"
        assert re.search(r"± \d", page.inner_text("#shares")) is None, "least squares knows no errors"


def test_detectors_are_chosen_by_mouse_and_key(browser: Any, filled: Served) -> None:
    with looking(browser, filled) as page:
        page.wait_for_selector("#answer >> text=Cs137")
        page.click("#detectors >> text=right")
        page.wait_for_selector("#answer >> text=Background")
        page.keyboard.press("p")
        page.wait_for_selector("#answer >> text=Cs137")
        page.focus("#detectors [aria-selected=true]")
        page.keyboard.press("ArrowRight")
        page.wait_for_selector("#answer >> text=Background")
        assert page.evaluate("document.activeElement.textContent").startswith("right")


def test_scale_zoom_and_readout(browser: Any, filled: Served) -> None:
    with looking(browser, filled) as page:
        page.wait_for_selector("#shares .class.found")
        box = page.locator("#chart .u-over").bounding_box()
        middle = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + box["width"] * 0.66, middle)
        until(page, "document.querySelector('#readout').textContent.includes('keV')")
        assert re.match(r"6\d\d(\.\d)? keV · \d+(\.\d)? counts · fit ", page.inner_text("#readout"))
        page.keyboard.press("l")
        assert page.get_attribute("#scale", "aria-pressed") == "true"
        page.mouse.move(box["x"] + box["width"] * 0.5, middle)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.8, middle, steps=4)
        page.mouse.up()
        page.wait_for_selector("#whole:visible")
        page.keyboard.press("0")
        until(page, "document.querySelector('#whole').hidden")
        page.mouse.wheel(0, -300)
        page.wait_for_selector("#whole:visible")
        page.dblclick("#chart .u-over")
        until(page, "document.querySelector('#whole').hidden")


def test_the_past_is_scrolled_from_the_log(browser: Any, served: Served) -> None:
    for start in range(0, 1400, 700):
        many = [drawn(n, "archive", source=n == 100) for n in range(start, start + 700)]
        served.post("/frames", b"\n".join(encode(one) for one in many))
    with looking(browser, served) as page:
        page.click("#detectors >> text=archive")
        page.wait_for_selector("#answer >> text=Background")
        page.click("#answer")
        page.keyboard.press("ArrowLeft")
        page.wait_for_selector("#facts .trouble")
        assert page.get_attribute("#now", "aria-pressed") == "false"
        for _ in range(4):
            page.keyboard.press("PageUp")
            time.sleep(0.2)
        until(page, "document.querySelector('#when').textContent.includes('until')")
        # the one frame with the source is the only green mark: walk to it
        page.mouse.click(*_mark(page))
        page.wait_for_selector("#answer >> text=Cs137")
        page.wait_for_selector("#shares .class.found >> text=Cs137")
        page.keyboard.press(" ")
        page.wait_for_selector("#answer >> text=Background")
        assert page.get_attribute("#now", "aria-pressed") == "true"


def _mark(page: Any) -> tuple[float, float]:
    """Where the timeline has the colour of the first class, right of the names."""
    return tuple(
        page.evaluate(
            """colour => { const c = document.querySelector("#timeline");
            const box = c.getBoundingClientRect(), scale = devicePixelRatio;
            const { data, width } = c.getContext("2d").getImageData(0, 0, c.width, c.height);
            for (let k = 0; k < data.length; k += 4) {
              const x = (k / 4) % width;
              if (x > 100 * scale && [0, 1, 2].every(c => Math.abs(data[k + c] - colour[c]) < 30))
                return [box.left + x / scale,
                  box.top + Math.floor(k / 4 / width) / scale];
            } return [0, 0]; }""",
            [int(SHADES[0][at : at + 2], 16) for at in (1, 3, 5)],
        )
    )


def test_a_file_is_dropped_beside_the_live_spectrum(browser: Any, filled: Served, tmp_path: Path) -> None:
    content = encode_n42(drawn(5, "file", source=True))
    drop = """([text, name]) => {
        const data = new DataTransfer();
        data.items.add(new File([text], name));
        for (const kind of ["dragenter", "dragover", "drop"])
          document.body.dispatchEvent(new DragEvent(kind,
            { dataTransfer: data, bubbles: true, cancelable: true }));
    }"""
    with looking(browser, filled) as page:
        page.click("#detectors >> text=right")
        page.wait_for_selector("#answer >> text=Background")
        page.evaluate(drop, [content.decode(), "found.n42"])
        page.wait_for_selector("#dropped-answer >> text=Cs137")
        assert page.inner_text("#dropped-name") == "found.n42"
        assert page.inner_text("#answer") == "Background", "the live one stays"
        until(page, "document.querySelectorAll('#dropped-chart canvas').length === 1")
        page.keyboard.press("Escape")
        until(page, "document.querySelector('#dropped').hidden")
        (tmp_path / "several.csv").write_text("nothing of a spectrum")
        page.set_input_files("#file", tmp_path / "several.csv")
        page.wait_for_selector("#dropped-note:visible")
        until(page, "document.querySelector('#dropped-note').textContent.includes('several.csv')")
        page.told[:] = [text for text in page.told if "400" not in text and "415" not in text]


def test_help_and_theme(browser: Any, filled: Served) -> None:
    with looking(browser, filled) as page:
        page.keyboard.press("?")
        page.wait_for_selector("#keys[open]")
        assert "logarithmic or linear" in page.inner_text("#keys")
        page.keyboard.press("Escape")
        until(page, "!document.querySelector('#keys').open")
        page.click("#theme")
        assert page.get_attribute("html", "data-theme") == "dark"
        page.reload()
        page.wait_for_selector("html[data-theme=dark]")


def test_every_control_has_a_name_and_the_alarm_is_live(browser: Any, filled: Served) -> None:
    with looking(browser, filled) as page:
        page.click("#detectors >> text=left")
        page.wait_for_selector("#shares .class.found >> text=Cs137")
        nameless = page.evaluate(
            """() => [...document.querySelectorAll(
              "button, input, [role=img], section, canvas:not(.uplot canvas)"
            )].filter((one) => !(one.getAttribute("aria-label") || one.textContent.trim() || one.title)
            ).map((one) => one.id)"""
        )
        assert nameless == []
        assert page.get_attribute("#alarms", "aria-live") == "assertive"
        until(page, "document.querySelector('#spoken').textContent.includes('Cs137')")


def test_an_alarm_is_a_banner_until_it_ends(browser: Any, tmp_path: Path, saved: Path) -> None:
    program = [
        sys.executable,
        str(ROOT / "tests" / "web" / "alarming.py"),
        str(saved),
        str(tmp_path / "log.gfl"),
    ]
    with serving(program=program) as made:
        made.post("/frames", encode(drawn(0, "quiet", source=False)))
        with looking(browser, made) as page:
            assert not page.is_visible("#alarms")
            made.post("/frames", encode(drawn(1, "gate", source=True)))
            page.wait_for_selector("#alarms:visible >> text=Cs137")
            page.click("#alarms >> text=Show")
            page.wait_for_selector("#detectors [aria-selected=true] >> text=gate")
            page.reload()
            page.wait_for_selector("#alarms:visible >> text=Cs137")
            made.post("/frames", encode(drawn(2, "gate", source=False)))
            until(page, "document.querySelector('#alarms').hidden")


def test_intensities_are_not_called_counts(browser: Any, tmp_path: Path, model: gf.Model) -> None:
    intensity = gf.Model(replace(model.templates, kind="intensity"))
    intensity.save(tmp_path / "optical.gfm")
    with (
        serving("-m", str(tmp_path / "optical.gfm"), "--log", str(tmp_path / "log.gfl")) as made,
        looking(browser, made) as page,
    ):
        for number in range(3):
            given = drawn(number, "lamp", source=True)
            values = 1e-3 * given.values
            one = Frame(values, AXIS, given.time, "lamp", live_time=1.0, kind="intensity", id=f"m{number}")
            made.post("/frames", encode(one))
            assert made.get("/frames?detector=lamp&limit=1")["frames"][0]["kind"] == "intensity"
        page.wait_for_selector("#shares .class.found >> text=Cs137")
        box = page.locator("#chart .u-over").bounding_box()
        page.mouse.move(box["x"] + box["width"] * 0.66, box["y"] + box["height"] / 2)
        until(page, "document.querySelector('#readout').textContent.includes('keV')")
        assert re.search(r"keV · 0\.\d+ intensity · fit ", page.inner_text("#readout"))
        assert re.search(r"\d intensity", page.inner_text("#facts"))
        assert re.search(r"\d intensity", page.inner_text("#detectors"))
        seen = page.inner_text("body")
        assert "counts" not in seen
        assert inked(page, "#chart canvas") > 5, "small values are drawn, too"


def test_it_comes_back_by_itself_after_a_kill_of_the_service(
    browser: Any, tmp_path: Path, saved: Path
) -> None:
    with serving("-m", str(saved), "--log", str(tmp_path / "log.gfl")) as made:
        made.post("/frames", encode(drawn(0, "left", source=False)))
        with looking(browser, made) as page:
            page.wait_for_selector("#answer >> text=Background")
            made.stop(signal.SIGKILL)
            page.wait_for_selector("#connection[data-state=off]")
            assert "again" in page.inner_text("#connection")
            made.start()
            page.wait_for_selector("#connection[data-state=on]")
            made.post("/frames", encode(drawn(1, "left", source=True)))
            page.wait_for_selector("#answer >> text=Cs137")
            # the browser itself notes that nobody answered
            page.told[:] = [text for text in page.told if "ERR_" not in text and "WebSocket" not in text]


def test_opened_after_a_restart_it_shows_what_was_last_seen(
    browser: Any, tmp_path: Path, saved: Path
) -> None:
    log = str(tmp_path / "log.gfl")
    with serving("-m", str(saved), "--log", log) as made:
        made.post("/frames", encode(drawn(0, "left", source=True)))
    with serving("-m", str(saved), "--log", log) as again, looking(browser, again) as page:
        page.wait_for_selector("#shares .class.found >> text=Cs137")
        assert "since the service began" in page.inner_text("#facts")
        until(page, "document.querySelectorAll('#chart canvas').length === 1")


def test_a_token_in_the_fragment_opens_the_page(browser: Any, saved: Path) -> None:
    token = "a-token-for-the-tests-of-access"
    with (
        serving("-m", str(saved), "--host", "0.0.0.0", "--token", token, token=token) as made,
        looking(browser, made, 390, 844) as page,
    ):
        made.post("/frames", encode(drawn(0, "left", source=True)))
        page.wait_for_selector("#answer >> text=Cs137")
        page.wait_for_selector("#shares .class.found >> text=Cs137")


@pytest.mark.soak
def test_ten_minutes_at_ten_frames_a_second_do_not_grow(browser: Any, tmp_path: Path, saved: Path) -> None:
    with (
        serving("-m", str(saved), "--log", str(tmp_path / "log.gfl")) as made,
        looking(browser, made) as page,
    ):
        measure = "performance.memory.usedJSHeapSize"
        sizes = []
        began = time.monotonic()
        for number in range(6000):
            for name in ("left", "right", "vehicle"):
                made.post("/frames", encode(drawn(number, name, source=number % 200 > 150)))
            if number % 600 == 599:
                page.request_gc() if hasattr(page, "request_gc") else None
                sizes.append(page.evaluate(measure))
            time.sleep(max(0.0, began + (number + 1) / 10 - time.monotonic()))
        # rows are kept up to a limit, which is reached half-way
        assert max(sizes[6:]) < 1.3 * max(sizes[4:6])


def test_a_sum_of_frames_is_shown(browser: Any, tmp_path: Path, saved: Path) -> None:
    with serving("-m", str(saved), "--log", str(tmp_path / "log.gfl")) as made:
        for number in range(12):
            made.post("/frames", encode(drawn(number, "left", source=number % 2 == 0)))
        totals = [one["total"] for one in made.get("/frames?detector=left&order=newest&limit=12")["frames"]]
        told = made.get("/picture?detector=left&sum=8")
        assert told["frames"] == 8
        assert told["total"] == pytest.approx(sum(totals[:8]))
        assert told["live_time"] == pytest.approx(8.0)
        assert made.get("/picture?detector=left&sum=64")["frames"] == 12
        middle = made.get("/frames?detector=left&order=oldest&limit=12")["frames"][5]
        before = made.get(f"/picture?detector=left&time={middle['time']}&sum=4")
        assert before["total"] == pytest.approx(sum(totals[6:10]))
        assert made.ask("GET", "/picture?detector=left&sum=1000")[0] == 400
        with looking(browser, made) as page:
            for number in (12, 13):
                made.post("/frames", encode(drawn(number, "left", source=False)))
            page.wait_for_selector("#answer >> text=Background")  # the last frame holds no source
            page.keyboard.press("s")
            page.wait_for_selector("#spectrum-title >> text=Spectrum of 8 frames")
            page.wait_for_selector("#answer >> text=Cs137")
            page.click("#sum")
            page.wait_for_selector("#spectrum-title >> text=Spectrum of 14 frames")
            page.click("#sum")
            until(page, "document.querySelector('#spectrum-title').textContent === 'Spectrum'")
            page.wait_for_selector("#answer >> text=Background")


def test_without_a_log_there_is_nothing_to_sum(browser: Any, saved: Path) -> None:
    with serving("-m", str(saved)) as made:
        made.post("/frames", encode(drawn(0, "left", source=True)))
        status, content, _ = made.ask("GET", "/picture?detector=left&sum=8")
        assert (status, "keeps no log" in content["sentence"]) == (400, True)
        with looking(browser, made) as page:
            made.post("/frames", encode(drawn(1, "left", source=True)))
            page.wait_for_selector("#answer >> text=Cs137")
            assert not page.is_visible("#sum")
