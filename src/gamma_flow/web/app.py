"""The application: routes behind the guard, and every error as one sentence."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute

from gamma_flow.errors import GammaFlowError, RequestError
from gamma_flow.web._bodies import Budget, Refused
from gamma_flow.web._guard import Guard
from gamma_flow.web._pages import Pages
from gamma_flow.web._refusals import refusal, status_of
from gamma_flow.web._routes import ROUTES, Endpoint
from gamma_flow.web._streams import events, live
from gamma_flow.web.service import Service
from gamma_flow.web.settings import WebSettings

__all__ = ["application"]

_UPLOADS = 8  # of the largest size, that are in memory at a time


def application(service: Service, settings: WebSettings) -> Starlette:
    """Return the application of ASGI for a service, which it starts and ends.

    Parameters
    ----------
    service : Service
        Not started.
    settings : WebSettings
        Whom to let in.
    """
    pages = Pages()

    @asynccontextmanager
    async def span(app: Starlette) -> AsyncIterator[None]:
        service.hub.serve(asyncio.get_running_loop())
        workers = ThreadPoolExecutor(settings.workers, "request")
        app.state.service, app.state.settings, app.state.workers = service, settings, workers
        app.state.budget = Budget(_UPLOADS * settings.upload_bytes)
        app.state.counts = Counter()
        service.start()
        try:
            yield
        finally:
            await asyncio.get_running_loop().run_in_executor(None, service.close)
            workers.shutdown(wait=False, cancel_futures=True)

    # several methods of one path are one route: any other method then is a 405
    table: dict[str, dict[str, Endpoint]] = {path: {"GET": pages.get} for path in sorted(pages.paths)}
    for method, path, endpoint in ROUTES:
        table.setdefault(path, {})[method] = endpoint
    table["/events"] = {"GET": events}
    return Starlette(
        routes=[
            *(Route(path, _by_method(ways), methods=[*ways]) for path, ways in table.items()),
            WebSocketRoute("/live", live),
        ],
        middleware=[Middleware(Guard, settings=settings, open_paths=pages.paths)],
        exception_handlers={
            GammaFlowError: _sentence,
            Refused: _status,
            HTTPException: _plain,
            Exception: _ours,
        },
        lifespan=span,
    )


def _by_method(ways: dict[str, Endpoint]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        return await ways["GET" if request.method == "HEAD" else request.method](request)

    return endpoint


def _counted(request: Request, status: int) -> int:
    request.app.state.counts[f"refused {status}"] += 1
    return status


async def _sentence(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, GammaFlowError)
    return refusal(problem, _counted(request, status_of(problem)))


async def _status(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Refused)
    return refusal(problem.problem, _counted(request, problem.status))


async def _plain(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    told = {404: "there is nothing under this path", 405: "this path does not take that method"}
    what = told.get(problem.status_code, str(problem.detail).lower())
    found = refusal(
        RequestError(what, found=repr(request.url.path[:80])), _counted(request, problem.status_code)
    )
    found.headers.update(problem.headers or {})
    return found


async def _ours(request: Request, problem: Exception) -> Response:
    """Tell nothing of an error in the program but its kind: the rest is for the log of the server."""
    return refusal(RequestError(f"an error in the program: {type(problem).__name__}"), _counted(request, 500))
