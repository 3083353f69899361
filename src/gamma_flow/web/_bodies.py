"""Bodies and questions of requests, taken in with limits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import numpy as np
from starlette.requests import ClientDisconnect, Request

from gamma_flow.errors import RequestError
from gamma_flow.live.frames import moment
from gamma_flow.web.uploads import Upload, part_of_form, plain_name

__all__ = ["Budget", "Query", "Refused", "upload_of"]

_PATIENCE = 60.0  # s for a body to come
_DRAINED = 2**26  # bytes that are thrown away so that the sender hears why it was refused


class Refused(Exception):  # noqa: N818 - an answer on its way, no error of its own
    """An error with a status of its own."""

    def __init__(self, status: int, problem: RequestError) -> None:
        super().__init__(str(problem))
        self.status, self.problem = status, problem


class Budget:
    """Bytes of all bodies that are in memory at a time; who finds no room is refused, and nobody waits.

    Parameters
    ----------
    most : int
        Of all together.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.held = 0

    @contextmanager
    def share(self) -> Iterator[Callable[[int], None]]:
        """Yield what takes bytes; they are given back at the end."""
        mine = 0

        def take(count: int) -> None:
            nonlocal mine
            if self.held + count > self.most:
                raise Refused(503, RequestError("too many uploads at a time", cure="send again in a second"))
            mine += count
            self.held += count

        try:
            yield take
        finally:
            self.held -= mine


async def upload_of(request: Request, most: int, take: Callable[[int], None]) -> Upload:
    """Return the body of a request, or the file of its form; each piece is taken from a budget.

    Raises
    ------
    Refused
        Too large, too slow, packed.
    RequestError
        Empty, or a form that is cut.
    """
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Refused(
            415, RequestError("a packed body is not taken", where="Content-Encoding", expected="none")
        )
    try:
        data = await asyncio.wait_for(_read(request, most, take), _PATIENCE)
    except TimeoutError as problem:
        raise Refused(
            408, RequestError("the body did not come in time", expected="60 s at most")
        ) from problem
    except ClientDisconnect as problem:
        raise RequestError("the sender went away") from problem
    if not data:
        raise RequestError("the request has no body", expected="a frame, or a file")
    kind = request.headers.get("content-type", "")
    if kind.lower().startswith("multipart/form-data"):
        return part_of_form(data, kind)
    return Upload(data, plain_name(request.query_params.get("name", "upload")), kind.lower())


async def _read(request: Request, most: int, take: Callable[[int], None]) -> bytes:
    declared = request.headers.get("content-length", "0")
    size = int(declared) if declared.isdecimal() and len(declared) < 16 else 0
    pieces: list[bytes] = []
    came = 0
    async for piece in request.stream():
        came += len(piece)
        if max(came, size) <= most:
            take(len(piece))
            pieces.append(piece)
        else:
            pieces.clear()
            if came > most + _DRAINED:
                break
    if max(came, size) > most:
        raise Refused(
            413,
            RequestError(
                "the body is too large", expected=f"{most} bytes at most", found=str(max(came, size))
            ),
        )
    return b"".join(pieces)


class Query:
    """The questions of a URL, each taken once; a misspelt one is refused."""

    def __init__(self, request: Request, *known: str) -> None:
        pairs = request.query_params.multi_items()
        self._given = dict(pairs)
        if len(self._given) < len(pairs):
            raise RequestError("a parameter is given twice")
        unknown = sorted(set(self._given) - set(known))
        if unknown:
            raise RequestError(
                "unknown parameter", expected=", ".join(known) or "none", found=repr(unknown[0][:40])
            )

    def text(self, name: str, default: str | None = None) -> str | None:
        """Return a text as it is."""
        return self._given.get(name, default)

    def choice(self, name: str, *allowed: str) -> str:
        """Return one of some words, the first by default."""
        found = self._given.get(name, allowed[0])
        if found not in allowed:
            raise RequestError(
                "no such word", where=name, expected=", ".join(allowed), found=repr(found[:40])
            )
        return found

    def number(self, name: str, default: int | None, low: int, high: int) -> int | None:
        """Return a whole number."""
        text = self._given.get(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdecimal() and len(text) < 19 and low <= int(text) <= high):
            raise RequestError(
                "not such a number", where=name, expected=f"{low} to {high}", found=repr(text[:40])
            )
        return int(text)

    def time(self, name: str) -> np.datetime64 | None:
        """Return a time; UTC if no zone is told."""
        text = self._given.get(name)
        if text is None:
            return None
        try:
            # a "+" that was not escaped has become a space
            found = datetime.fromisoformat(text.replace(" ", "+"))
        except ValueError as problem:
            raise RequestError(
                "this is no time", where=name, expected="as 2026-01-01T12:00:00Z", found=repr(text[:40])
            ) from problem
        return moment(found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found)
