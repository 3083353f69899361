"""What is refused: with a 4xx, one sentence, and nothing else happens."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from gamma_flow.live.frames import Frame
from gamma_flow.live.messages import encode
from live.conftest import frame
from web.malformed import malformed, zipped
from web.served import Served, serving

Frames = Callable[..., list[Frame]]


def refuse(served: Served, count: int, seed: int) -> None:
    """Send so many malformed bodies; after each few a good one is answered at once."""
    rng = np.random.default_rng(seed)
    good = frame(0, "good")
    before = served.get("/health")["frames"]
    for number, (name, body) in enumerate(islice(malformed(rng, good), count)):
        path = "/analyse" if number % 3 else "/frames"
        status, content, _ = served.ask("POST", path, body)
        assert 400 <= status < 500, (name, status, content, body[:200])
        assert content["sentence"], name
        assert "\n" not in content["sentence"]
        assert len(content["sentence"]) < 1500, name
        assert "an error in the program" not in content["sentence"], name
        if number % 50 == 0:
            assert len(served.post("/analyse", encode(good))["results"]) == 1
    assert served.get("/health")["frames"] == before, "nothing of it was taken"


def test_malformed_bodies_are_refused(served: Served) -> None:
    refuse(served, 300, seed=1)


@pytest.mark.soak
def test_ten_thousand_malformed_bodies_are_refused(served: Served) -> None:
    refuse(served, 10_000, seed=2)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/static/../../etc/passwd", 404),
        ("GET", "/static/%2e%2e/%2e%2e/etc/passwd", 404),
        ("GET", "/static//etc/passwd", 404),
        ("GET", "/static/..%5c..%5cmodel.gfm", 404),
        ("GET", "/frames/../../etc/passwd", 404),
        ("GET", "/frames/-1", 404),
        ("GET", "/frames/99999999999999999999999", 404),
        ("GET", "/frames/12345678", 400),
        ("DELETE", "/frames", 405),
        ("PUT", "/analyse", 405),
        ("GET", "/analyse", 405),
        ("POST", "/", 405),
        ("GET", "/frames?limit=0", 400),
        ("GET", "/frames?limit=1e3", 400),
        ("GET", "/frames?limit=1000&spectra=all", 400),
        ("GET", "/frames?limit=1&limit=2", 400),
        ("GET", "/frames?since=yesterday", 400),
        ("GET", "/frames?since=99999-01-01", 400),
        ("GET", "/frames?after=1", 400),
        ("GET", "/frames?after=x-y", 400),
        ("GET", "/frames?after=99999999999999999999999-1", 400),
        ("GET", "/frames?order=sideways", 400),
        ("GET", "/frames?detektor=left", 400),
        ("GET", "/picture", 400),
        ("GET", "/picture?detector=nobody", 400),
        ("GET", "/picture?detector=nobody&time=2026-01-01T00:00:00Z", 400),
        ("GET", "/picture?frame=77777777", 400),
        ("GET", "/alarms?until=1", 400),
        ("POST", "/analyse?detail=all", 400),
        ("POST", "/analyse?pictures=1000", 400),
        ("POST", "/analyse", 400),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(served: Served, method: str, path: str, status: int) -> None:
    found, content, headers = served.ask(method, path, b"" if method == "POST" else None)
    assert (found, set(content) >= {"error", "sentence"}) == (status, True), content
    assert headers["x-content-type-options"] == "nosniff"


def test_a_body_that_is_too_large_is_refused_and_the_sender_hears_why(served: Served) -> None:
    status, content, _ = served.ask("POST", "/analyse", b"0" * (5 * 2**20))
    assert (status, content["error"]) == (413, "RequestError")
    assert "expected 4194304 bytes at most" in content["sentence"]


def test_a_body_of_unknown_length_is_cut_off_at_the_limit(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.port)) as wire:
        wire.sendall(
            f"POST /analyse HTTP/1.1\r\nHost: localhost:{served.port}\r\n".encode()
            + b"Transfer-Encoding: chunked\r\n\r\n"
        )
        piece = b"10000\r\n" + b"7" * 65536 + b"\r\n"
        for _ in range(80):
            wire.sendall(piece)
        wire.sendall(b"0\r\n\r\n")
        assert wire.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_bodies_share_a_budget() -> None:
    from gamma_flow.web._bodies import Budget, Refused

    budget = Budget(10)
    with budget.share() as one, budget.share() as two:
        one(6)
        two(4)
        with pytest.raises(Refused, match="too many uploads at a time"):
            two(1)
    with budget.share() as again:
        again(10)
    assert budget.held == 0


def test_a_packed_body_is_not_unpacked(served: Served) -> None:
    status, content, _ = served.ask("POST", "/analyse", b"x", {"Content-Encoding": "gzip"})
    assert (status, content["where"]) == (415, "Content-Encoding")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--x\r\n",
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nhello\r\n--x--\r\n',
        b'--x\r\nContent-Disposition: form-data; filename="a"\r\n\r\nhello',
        b'--x\r\nContent-Disposition: form-data; filename="a"\r\n\r\n1\r\n' * 2 + b"--x--\r\n",
    ],
)
@pytest.mark.parametrize("boundary", ["; boundary=x", "", "; boundary=", f"; boundary={'y' * 100}"])
def test_forms_that_are_none_are_refused(served: Served, body: bytes, boundary: str) -> None:
    kind = {"Content-Type": f"multipart/form-data{boundary}"}
    status, content, _ = served.ask("POST", "/analyse", body, kind)
    assert status == 400
    assert "form" in content["sentence"] or not body


def test_frames_that_do_not_fit_the_model_are_told_by_row(served: Served, frames: Frames) -> None:
    foreign = b'{"version": 1, "counts": [1, 2, 3], "axis": {"unit": "nm", "coefficients": [400, 1]}}'
    found = served.post("/analyse", encode(frames(1)[0]) + b"\n" + foreign)
    assert found["refused"] == 1
    assert "nm" in found["results"][1]["sentence"]
    status, content, _ = served.ask("POST", "/analyse", foreign)
    assert (status, content["error"]) == (422, "IncompatibleError")


def test_a_zip_is_read_file_by_file(served: Served, frames: Frames) -> None:
    from gamma_flow.live.messages import encode_n42

    one, two = (encode_n42(one) for one in frames(2))
    packed = zipped({"a.n42": one, "b/c.n42": two, "readme.txt": b"notes of the day: nothing\n"})
    assert len(served.post("/analyse", packed)["results"]) == 2
    status, content, _ = served.ask("POST", "/analyse", zipped({"a.n42": one, "b.n42": two[:900]}))
    assert status == 400
    assert "b.n42" in content["sentence"]


def test_a_full_disk_refuses_frames_and_keeps_what_was_stored(
    tmp_path: Path, saved: Path, frames: Frames
) -> None:
    """A limit on the size of files stands for a full disk."""
    import sys

    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000));"
        "sys.argv[0] = 'gamma-flow'; from gamma_flow.cli import main; main()"
    )
    log = tmp_path / "log.gfl"
    program = [sys.executable, "-c", code, "serve"]
    with serving("-m", str(saved), "--log", str(log), program=program) as made:
        kept = 0
        for one in frames(2000):
            status, content, headers = made.ask("POST", "/frames", encode(one))
            if status != 200:
                break
            kept += 1
        assert status == 507
        assert "retry-after" in headers
        assert content["error"] == "LogError"
        health, told, _ = made.ask("GET", "/health")
        assert (health, told["status"]) == (503, "trouble")
        assert kept > 10
        assert made.get("/frames?limit=1")["frames"][0]["id"] == f"m{kept - 1}"
        assert len(json.loads(json.dumps(made.get("/frames?limit=1000")["frames"]))) == min(kept, 1000)
