"""Results as they come: over a WebSocket, or as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from gamma_flow.errors import RequestError
from gamma_flow.live.messages import line
from gamma_flow.web._refusals import refusal
from gamma_flow.web.hub import Client
from gamma_flow.web.service import Service, note_line

__all__ = ["events", "live"]

_QUIET = 15.0  # s after which something is sent all the same, so that a dead connection is noticed
_PATIENCE = 30.0  # s that one message may take to be sent


def _hello(service: Service) -> list[bytes]:
    """Return what a client needs to begin with: all states, and the alarms that go on."""
    told = [line("hello", {"detectors": len(service.statuses())})]
    told += [line("status", status.as_dict()) for status in service.statuses()]
    told += [line("alarm", alarm.as_dict()) for alarm in service.alarms() if alarm.end is None]
    told += [note_line(name, sentence) for name, sentence in service.notes().items()]
    return told


async def live(socket: WebSocket) -> None:
    """Send every result, change of state and alarm as a message of JSON."""
    service: Service = socket.app.state.service
    try:
        client = service.hub.join(full=socket.query_params.get("strips") == "1")
    except RequestError as problem:
        await socket.close(1013, problem.what)
        return
    try:
        await socket.accept()
        for text in _hello(service):
            await socket.send_text(text.decode())
        sender = asyncio.create_task(_send(socket, client))
        listener = asyncio.create_task(_listen(socket))
        _, left = await asyncio.wait({sender, listener}, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        with suppress(RuntimeError, WebSocketDisconnect):
            await socket.close()
    except (WebSocketDisconnect, RuntimeError):
        pass  # it went away while it was greeted
    finally:
        service.hub.leave(client)


async def _send(socket: WebSocket, client: Client) -> None:
    with suppress(WebSocketDisconnect, RuntimeError, TimeoutError, OSError):
        while True:
            texts = await client.wait(_QUIET) or [line("quiet", {})]
            for text in texts:
                # a client that does not read blocks here, and only itself
                await asyncio.wait_for(socket.send_text(text.decode()), _PATIENCE)


async def _listen(socket: WebSocket) -> None:
    """Take what a client says, which means nothing, until it goes."""
    with suppress(WebSocketDisconnect, RuntimeError, KeyError):
        while True:
            await socket.receive()
            if socket.client_state.name == "DISCONNECTED":
                return


async def events(request: Request) -> Response:
    """Send the same as `live` as server-sent events."""
    service: Service = request.app.state.service
    try:
        client = service.hub.join(full=request.query_params.get("strips") == "1")
    except RequestError as problem:
        return refusal(problem, 503)

    async def stream() -> AsyncIterator[bytes]:
        try:
            for text in _hello(service):
                yield b"data: " + text + b"\n\n"
            while True:
                for text in await client.wait(_QUIET) or [line("quiet", {})]:
                    yield b"data: " + text + b"\n\n"
        finally:
            service.hub.leave(client)

    return StreamingResponse(
        stream(),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )
