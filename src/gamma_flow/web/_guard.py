"""Who may ask, and how much: names of this service, origins, tokens; the headers of every answer."""

from __future__ import annotations

import hmac
import ipaddress
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from gamma_flow.errors import RequestError
from gamma_flow.web._refusals import refusal
from gamma_flow.web.settings import WebSettings, is_loopback

__all__ = ["Guard"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        b"manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
]
_STREAMS = ("/live", "/events")  # a browser cannot send a header with these: the token may be in the query


class Guard:
    """Stands before the application; lets through what is allowed, and refuses the rest in one sentence.

    Parameters
    ----------
    app : callable
        The application.
    settings : WebSettings
        Token, names.
    open_paths : frozenset of str
        Paths of the page itself, which hold nothing that is secret.
    """

    def __init__(self, app: App, settings: WebSettings, open_paths: frozenset[str]) -> None:
        self._app, self._settings, self._open = app, settings, open_paths
        self._token = settings.token.encode()
        host = socket.gethostname().lower()
        own = {"localhost", settings.host.lower(), *(name.lower() for name in settings.names)}
        if not is_loopback(settings.host):
            own |= {host, f"{host}.local"}
        self._names = own

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refused = self._judged(scope)
        if refused is None:
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": refused[1].what})
        else:
            status, problem = refused
            await refusal(problem, status)(scope, receive, _with_headers(send))

    def _judged(self, scope: Scope) -> tuple[int, RequestError] | None:
        told = {name: value.decode("latin-1") for name, value in scope["headers"]}
        host = told.get(b"host", "")
        if not self._known(host):
            return 421, RequestError(
                "this service is not known under that name",
                where="Host",
                found=repr(host[:80]),
                cure="start it with --name NAME",
            )
        changes = scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD")
        if changes:
            origin = told.get(b"origin")
            foreign = origin is not None and origin not in (f"http://{host}", f"https://{host}")
            if foreign or told.get(b"sec-fetch-site", "none") not in ("none", "same-origin"):
                return 403, RequestError(
                    "a page of another origin may not do this", where="Origin", found=repr(str(origin)[:80])
                )
        if self._token and scope["path"] not in self._open and not self._allowed(scope, told):
            return 401, RequestError(
                "a token is needed",
                cure="open the link that the service printed, or send it as a bearer token",
            )
        return None

    def _known(self, host: str) -> bool:
        """Tell whether a host is ours: DNS rebinding brings a stranger's name, never an address."""
        name, _, port = host.rpartition(":")
        if not port.isdecimal() or not name:
            name = host
        name = name.lower().rstrip(".")
        if name in self._names:
            return True
        try:
            address = ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
        except ValueError:
            return False
        # behind a token an address is as good as any; without one only loopback serves
        return bool(self._token) or address.is_loopback

    def _allowed(self, scope: Scope, told: dict[bytes, str]) -> bool:
        kind, _, given = told.get(b"authorization", "").partition(" ")
        found = given.strip() if kind.lower() == "bearer" else ""
        if not found and scope["path"] in _STREAMS:
            query = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=20)
            found = query.get("token", [""])[0]
        return hmac.compare_digest(found.encode("utf-8", "replace"), self._token)


def _with_headers(send: Send) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *_HEADERS]}
        await send(message)

    return sending
