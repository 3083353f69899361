"""Run a service until somebody ends it."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from gamma_flow.errors import MissingDependencyError, SettingsError
from gamma_flow.live.log import Log
from gamma_flow.live.loop import Detail
from gamma_flow.live.restart import StateFile
from gamma_flow.live.sources._base import Source
from gamma_flow.model import Model
from gamma_flow.web.settings import WebSettings

if TYPE_CHECKING:
    from gamma_flow.web.service import Alarms

__all__ = ["serve"]

_CONNECTIONS = 256
_SWITCH = 0.001  # s


def serve(
    settings: WebSettings,
    model: Model | None = None,
    sources: Sequence[Source] = (),
    log: Log | None = None,
    *,
    detail: Detail = "everything",
    alarms: Alarms | None = None,
    state: StateFile | None = None,
    told: Callable[[str], None] | None = None,
) -> None:
    """Serve until the program is asked to end (Ctrl-C, SIGTERM).

    Parameters
    ----------
    settings : WebSettings
        Where, and for whom.
    model, sources, log, detail, alarms, state
        As of the `gamma_flow.web.Service`.
    told : callable, optional
        Called with a sentence that holds the link of the page, once it can be opened.

    Raises
    ------
    SettingsError
        The address cannot be used.
    MissingDependencyError
        The extra ``web`` is not installed.
    """
    try:
        import uvicorn

        from gamma_flow.web.app import application
    except ImportError as problem:
        raise MissingDependencyError(
            f"{problem.name} is not installed", cure="pip install 'gamma-flow[web]'"
        ) from problem
    from gamma_flow.web.hub import Hub
    from gamma_flow.web.service import Service

    hub = Hub(settings.clients, settings.waiting)
    service = Service(model, sources, log, detail=detail, alarms=alarms, hub=hub, state=state)
    bound = _bound(settings)
    config = uvicorn.Config(
        application(service, settings),
        ws="wsproto",
        http="h11",
        loop="asyncio",
        log_config=None,
        access_log=False,  # a token may stand in the address of a stream
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=3,
        ws_max_size=4096,
    )
    # the thread that answers a frame must not wait 5 ms for one that works on an upload
    sys.setswitchinterval(_SWITCH)
    if told is not None:
        told(f"gamma-flow serves {settings.link(bound.getsockname()[1])}")
    with suppress(KeyboardInterrupt), bound:
        uvicorn.Server(config).run([bound])


def _bound(settings: WebSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # asyncio sends small messages at once (TCP_NODELAY) only where the protocol is named
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((settings.host, settings.port))
        made.listen(128)
        made.setblocking(False)
    except OSError as problem:
        made.close()
        raise SettingsError(
            f"the address cannot be used: {problem.strerror or problem}",
            where=f"{settings.host}:{settings.port}",
            cure="name another --port",
        ) from problem
    return made
