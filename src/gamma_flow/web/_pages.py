"""The files of the page, read once at the start: no path of a request ever reaches the file system."""

from __future__ import annotations

import hashlib
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

__all__ = ["Pages"]

_KINDS = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
    "webmanifest": "application/manifest+json",
}


class Pages:
    """All files of the page in memory, by the path under which they are asked for."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[bytes, str, str]] = {}
        for entry in files("gamma_flow.web").joinpath("static").iterdir():
            kind = _KINDS.get(entry.name.rpartition(".")[2])
            if kind is not None:
                data = entry.read_bytes()
                tag = f'"{hashlib.blake2b(data, digest_size=8).hexdigest()}"'
                self._held[f"/static/{entry.name}"] = (data, kind, tag)
        self._held["/"] = self._held.pop("/static/index.html")

    @property
    def paths(self) -> frozenset[str]:
        """What can be asked for."""
        return frozenset(self._held)

    async def get(self, request: Request) -> Response:
        """Answer with a file."""
        data, kind, tag = self._held[request.url.path]
        headers = {"etag": tag, "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(data, headers=headers, media_type=kind)
