"""Who is let in: tokens, names, origins, headers."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gamma_flow.errors import SettingsError
from gamma_flow.web.settings import WebSettings
from web.served import Live, Served, serving

TOKEN = "a-token-for-the-tests-of-access"


@pytest.fixture(scope="module")
def closed(saved: Path) -> Iterator[Served]:
    with serving("-m", str(saved), "--host", "0.0.0.0", "--token", TOKEN, token=TOKEN) as made:
        yield made


def test_any_address_but_loopback_needs_a_token_and_the_start_prints_a_link() -> None:
    with serving("--host", "0.0.0.0", token="") as made:
        (token,) = re.findall(r"http://[^/ ]+/#token=([\w-]{32,})", made.told)
        assert made.ask("GET", "/detectors")[0] == 401
        assert made.ask("GET", "/detectors", headers={"Authorization": f"Bearer {token}"})[0] == 200
        made.token = token


@pytest.mark.parametrize(
    "path", ["/detectors", "/frames", "/metrics", "/health", "/openapi.json", "/model", "/nothing"]
)
@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer wrong", f"Bearer {TOKEN}x", f"Basic {TOKEN}", f"Bearer {TOKEN[:-1]}"]
)
def test_no_token_no_answer(closed: Served, path: str, given: str) -> None:
    status, content, headers = closed.ask("GET", path, headers={"Authorization": given})
    assert (status, content["error"], headers["www-authenticate"]) == (401, "RequestError", "Bearer")


def test_the_token_opens_and_the_query_does_so_for_streams_alone(closed: Served) -> None:
    assert closed.get("/health")["status"] == "ok"
    assert closed.ask("GET", f"/health?token={TOKEN}", headers={"Authorization": ""})[0] == 401
    with Live(closed, f"/live?token={TOKEN}") as live:
        assert live.next() == {"version": 1, "type": "hello", "detectors": 0}
    for path in ("/live", "/live?token=wrong", "/live?token="):
        with Live(closed, path) as live:
            assert live.refused == 403, "closed before it was open"


def test_the_page_itself_holds_no_secret_and_is_open(closed: Served) -> None:
    for path in ("/", "/static/main.js", "/static/page.css"):
        status, content, _ = closed.ask("GET", path, headers={"Authorization": ""})
        assert status == 200
        assert TOKEN.encode() not in content


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "", "localhost.evil", "10.1.2.3"]
)
def test_another_name_is_refused_against_rebinding(served: Served, host: str) -> None:
    status, content, _ = served.ask("GET", "/detectors", headers={"Host": host})
    assert status in (421, 400), content


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:80"])
def test_the_names_of_loopback_are_ours(served: Served, host: str) -> None:
    assert served.ask("GET", "/health", headers={"Host": host})[0] == 200


def test_a_name_that_was_told_is_ours(saved: Path) -> None:
    with serving("-m", str(saved), "--name", "lab.example") as made:
        assert made.ask("GET", "/health", headers={"Host": "lab.example:443"})[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_pages_of_other_origins_may_neither_post_nor_listen(served: Served, headers: dict[str, str]) -> None:
    for path in ("/frames", "/analyse"):
        status, content, _ = served.ask("POST", path, b"{}", headers)
        assert (status, content["where"]) == (403, "Origin")
    with Live(served, headers=headers) as live:
        assert live.refused == 403


def test_our_own_page_may(served: Served) -> None:
    own = {"Origin": f"http://127.0.0.1:{served.port}", "Sec-Fetch-Site": "same-origin"}
    assert served.ask("POST", "/analyse", b"{}", own)[0] == 400
    with Live(served, headers=own) as live:
        assert live.next() is not None


@pytest.mark.parametrize("path", ["/", "/health", "/nothing", "/static/main.js", "/frames"])
def test_every_answer_bears_the_headers(served: Served, path: str) -> None:
    headers = served.ask("GET", path)[2]
    assert "script-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "server" not in headers


def test_files_of_the_page_are_not_sent_twice(served: Served) -> None:
    _, _, headers = served.ask("GET", "/static/main.js")
    assert served.ask("GET", "/static/main.js", headers={"If-None-Match": headers["etag"]})[0] == 304


def test_settings_are_checked() -> None:
    with pytest.raises(SettingsError, match="the token is too short"):
        WebSettings(token="short")
    with pytest.raises(SettingsError, match="this is no port"):
        WebSettings(port=70000)
    drawn = WebSettings(host="::")
    assert drawn.token not in repr(drawn)
    assert WebSettings(host="2001:db8::1", token=TOKEN).link(5) == f"http://[2001:db8::1]:5/#token={TOKEN}"


def test_small_messages_are_sent_at_once() -> None:
    """Without the name of the protocol asyncio leaves TCP_NODELAY out, and results wait."""
    from gamma_flow.web.serving import _bound

    with _bound(WebSettings(port=0)) as made:
        assert made.proto == socket.IPPROTO_TCP
