"""Every path that can be asked, on a running service."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

import gamma_flow as gf
from gamma_flow.live.frames import Frame
from gamma_flow.live.log import Log
from gamma_flow.live.messages import encode, encode_n42
from live.conftest import AXIS, START, frame
from web.served import ROOT, Live, Served, serving

Frames = Callable[..., list[Frame]]


def valid(served: Served, content: Any, name: str) -> Any:
    """Check an answer against what the document of the service promises."""
    document = served.get("/openapi.json")
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(content)
    return content


def test_a_frame_goes_in_and_comes_out_of_the_log_once(served: Served, frames: Frames) -> None:
    (one,) = frames(1, "once")
    for _ in range(2):
        assert valid(served, served.post("/frames", encode(one)), "Acknowledged")["acknowledged"] == 1
    page = valid(served, served.get("/frames?detector=once"), "FramesPage")
    assert [(told["id"], told["total"]) for told in page["frames"]] == [("m0", one.total)]
    assert page["next"] is None
    single = valid(served, served.get(f"/frames/{page['frames'][0]['number']}"), "Logged")
    assert single["counts"] == one.values.tolist()
    assert single["axis"]["edges"] == AXIS.edges.tolist()
    status = {told["detector"]: told for told in served.get("/detectors")["detectors"]}["once"]
    assert (status["frames"], status["duplicates"]) == (1, 1)


def test_results_are_those_of_the_model(served: Served, frames: Frames, model: gf.Model) -> None:
    every = frames(7, "same")
    text = b"\n".join(encode(one) for one in every)
    found = valid(served, served.post("/analyse", text), "Results")["results"]
    expected = [model.analyse(one.as_set()).records()[0] for one in every]
    assert [told["shares"] for told in found] == [record["shares"] for record in expected]
    together = json.dumps({"version": 1, "frames": [json.loads(encode(one)) for one in every]}).encode()
    assert served.post("/analyse", together)["results"] == found
    assert served.get("/frames?detector=same")["frames"] == [], "nothing of it is kept"


def test_any_file_that_the_readers_know_is_analysed(served: Served, frames: Frames, tmp_path: Path) -> None:
    from gamma_flow.io.writing import write

    (one,) = frames(1)
    spectra = one.as_set()
    bodies = {"a.n42": encode_n42(one)}
    for name in ("a.npz", "a.csv"):
        write(spectra, tmp_path / name)
        bodies[name] = (tmp_path / name).read_bytes()
    shares = [
        valid(served, served.post(f"/analyse?name={name}&pictures=1", body), "Results")["results"][0][
            "shares"
        ]
        for name, body in bodies.items()
    ]
    assert shares[1:] == shares[:-1]


def test_a_form_is_a_file_too(served: Served, frames: Frames) -> None:
    body = (
        b'--x7\r\nContent-Disposition: form-data; name="file"; filename="../../etc/a.n42"\r\n'
        b"Content-Type: application/xml\r\n\r\n" + encode_n42(frames(1)[0]) + b"\r\n--x7--\r\n"
    )
    found = served.post("/analyse", body, **{"Content-Type": "multipart/form-data; boundary=x7"})
    assert found["name"] == "a.n42"
    assert len(found["results"]) == 1


def test_files_go_into_the_live_stream_too(served: Served, frames: Frames) -> None:
    (one,) = frames(1, "file")
    served.post("/frames", encode_n42(one))
    assert served.get("/frames?detector=file")["frames"][0]["total"] == one.total


def test_pages_of_the_log_hold_every_frame_once(served: Served, frames: Frames) -> None:
    same = [frame(3, "pages", id=f"same{k}", seed=k) for k in range(4)]  # at one time
    every = [*frames(23, "pages"), *same]
    served.post("/frames", b"\n".join(encode(one) for one in every))
    for order in ("newest", "oldest"):
        ids: list[str] = []
        cursor = ""
        while True:
            page = served.get(f"/frames?detector=pages&limit=5&order={order}&spectra=strips{cursor}")
            ids += [told["id"] for told in page["frames"]]
            assert all(sum(told["strip"]) == told["total"] for told in page["frames"])
            if page["next"] is None:
                break
            cursor = f"&after={page['next']}"
        assert len(ids) == len(set(ids)) == 27
    since = (START + np.timedelta64(5, "s")).item().isoformat() + "Z"
    until = (START + np.timedelta64(8, "s")).item().isoformat() + "%2B00:00"
    found = served.get(f"/frames?detector=pages&since={since}&until={until}&order=oldest")["frames"]
    assert [told["id"] for told in found] == ["m5", "m6", "m7"]


def test_a_picture_adds_up(served: Served, frames: Frames) -> None:
    every = frames(3, "picture")
    served.post("/frames", b"\n".join(encode(one) for one in every))
    picture = valid(served, served.get("/picture?detector=picture"), "Picture")
    assert picture["values"] == every[-1].values.tolist()
    parts = np.sum([np.array(part) for part in picture["parts"].values()], axis=0)
    assert np.allclose(parts, picture["fit"], rtol=1e-3, atol=1e-3)
    assert abs(sum(told["share"] for told in picture["classes"].values()) - 1) < 1e-9
    at = f"{every[0].time}Z"
    assert served.get(f"/picture?detector=picture&time={at}")["values"] == every[0].values.tolist()
    number = served.get("/frames?detector=picture&limit=1")["frames"][0]["number"]
    assert served.get(f"/picture?frame={number}")["values"] == every[-1].values.tolist()


def test_an_unknown_comes_with_its_residual_and_candidates() -> None:
    from gamma_flow.web.picture import picture

    axis = gf.Axis.linear(0, 3000, 300)
    x = axis.centres
    rng = np.random.default_rng(2)
    floor = 3 * np.exp(-x / 400) + 0.05
    peak = 25 * np.exp(-0.5 * ((x - 662) / 25) ** 2)
    strange = 60 * np.exp(-0.5 * ((x - 1332) / 35) ** 2)
    pure = gf.SpectrumSet(
        rng.poisson(np.concatenate([np.tile(peak, (60, 1)), np.tile(floor, (60, 1))])),
        axis,
        labels=gf.Labels.of([["Cs137"]] * 60 + [["background"]] * 60, background="background"),
        origin=np.array([f"{name}.csv#{row}" for name in ("Cs137", "background") for row in range(60)]),
    )
    model = gf.train(pure, background="background")
    told = picture(model, gf.SpectrumSet(rng.poisson(floor + strange)[None], axis))
    assert told["novel"]
    best = told["unknown"]["peaks"][0]
    assert best["position"] == pytest.approx(1332, abs=10)
    assert "Co-60" in [one["nuclide"] for one in best["candidates"]]
    assert len(told["unknown"]["residual"]) == 300


def test_more_classes_than_colours_are_grey() -> None:
    from gamma_flow.web.picture import palette_of

    names = tuple(f"class {number}" for number in range(70))
    told = palette_of(gf.Model(gf.Templates(np.eye(70), names, gf.Axis.channels(70))))["classes"]
    assert len(told) == 70
    assert told["class 69"]["colour"] == "#8C8C8C"
    assert told["class 0"]["colour"] == "#0072B2"


def test_states_card_health_and_metrics(served: Served, frames: Frames, model: gf.Model) -> None:
    served.post("/frames", encode(frames(1, 'a "quoted" name')[0]))
    valid(served, served.get("/detectors"), "Detectors")
    card = valid(served, served.get("/model"), "ModelCard")
    assert card["model"]["classes"] == list(model.classes)
    assert card["palette"]["classes"]["background"]["colour"] == "#8C8C8C"
    assert valid(served, served.get("/health"), "Health")["status"] == "ok"
    text = served.get("/metrics").decode()
    assert 'gamma_flow_frames_total{detector="a \\"quoted\\" name"} 1' in text
    for line in text.splitlines():
        name = line.split("{")[0].split()[0]
        assert line.startswith(("# HELP gamma_flow_", "# TYPE gamma_flow_")) or f"# TYPE {name} " in text


def test_the_document_is_openapi_and_tells_every_path(served: Served) -> None:
    from gamma_flow.web._routes import ROUTES

    document = served.get("/openapi.json")
    assert document["openapi"].startswith("3.1.")
    told = {(method.upper(), path) for path, ways in document["paths"].items() for method in ways}
    assert told == {(method, path) for method, path, _ in ROUTES}
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    text = json.dumps(document)
    for name in {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}:
        assert name in document["components"]["schemas"]
    for way in (way for ways in document["paths"].values() for way in ways.values()):
        assert way["summary"]
        assert "200" in way["responses"]
        assert "4XX" in way["responses"]


def test_frames_on_the_wire_fit_the_document(served: Served, frames: Frames) -> None:
    (one,) = frames(1)
    valid(served, json.loads(encode(one)), "Frame")
    valid(served, {"version": 1, "frames": [json.loads(encode(one, compact=False))]}, "Frames")


def test_alarms_are_told_and_kept(tmp_path: Path, saved: Path) -> None:
    program = [
        sys.executable,
        str(ROOT / "tests" / "web" / "alarming.py"),
        str(saved),
        str(tmp_path / "log.gfl"),
    ]
    made = Served(program=program)
    peak = np.round(400 * np.exp(-0.5 * ((AXIS.centres - 660) / 60) ** 2))
    loud = Frame(peak, AXIS, START, "left", id="loud")
    quiet = Frame(
        np.round(400 * np.exp(-AXIS.centres / 300)), AXIS, START + np.timedelta64(9, "s"), "left", id="q"
    )
    try:
        made.start()
        with Live(made) as live:
            made.post("/frames", encode(loud))
            told = [live.next() for _ in range(4)]
            (alarm,) = [one for one in told if one is not None and one["type"] == "alarm"]
            assert (alarm["name"], alarm["end"]) == ("Cs137", None)
        with Live(made) as late:
            greeting = [late.next() for _ in range(3)]
            assert [one["type"] for one in greeting if one] == ["hello", "status", "alarm"]
        made.post("/frames", encode(quiet))
        (kept,) = valid(made, made.get("/alarms?detector=left"), "Alarms")["alarms"]
        assert kept["end"] is not None
        assert made.get("/alarms?detector=right")["alarms"] == []
    finally:
        made.stop()


def test_the_service_without_model_or_log_says_so(frames: Frames) -> None:
    with serving() as bare:
        assert "serves http://127.0.0.1:" in bare.told
        assert "token" not in bare.told
        bare.post("/frames", encode(frames(1)[0]))
        assert "classes" not in bare.get("/picture?detector=left")
        assert bare.get("/model")["model"] is None
        assert bare.get("/alarms")["alarms"] == []
        for path, body in (("/frames", None), ("/frames/1", None), ("/analyse", encode(frames(1)[0]))):
            status, content, _ = bare.ask("GET" if body is None else "POST", path, body)
            assert status == 400
            assert "start it with" in content["sentence"]


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path, saved: Path, frames: Frames) -> None:
    log = tmp_path / "log.gfl"
    made = Served("-m", str(saved), "--log", str(log))
    sent = frames(60)
    done = 0
    try:
        for turn in range(2):
            made.start()
            for one in sent[done : done + 20]:
                made.post("/frames", encode(one))
            done += 20
            made.stop(signal.SIGKILL)
            with Log.open(log, readonly=True) as held:
                assert [entry.id for entry in held.frames()] == [one.id for one in sent[: 20 * (turn + 1)]]
    finally:
        if made.process is not None and made.process.poll() is None:
            made.stop()


def test_an_address_that_is_taken_is_one_sentence(served: Served) -> None:
    import subprocess

    done = subprocess.run(
        [sys.executable, "-m", "gamma_flow", "serve", "--port", str(served.port)],
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert done.returncode == 2 or done.returncode == 1
    assert "the address cannot be used" in done.stderr
