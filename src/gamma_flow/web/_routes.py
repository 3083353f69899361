"""What can be asked: each function answers one path."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from gamma_flow._version import __version__
from gamma_flow.errors import LogError, RequestError
from gamma_flow.live.frames import Frame, frames_of
from gamma_flow.report._card import card_data
from gamma_flow.web import _work as work
from gamma_flow.web._bodies import Query, Refused, upload_of
from gamma_flow.web._metrics import text_of
from gamma_flow.web._openapi import document
from gamma_flow.web._refusals import answer
from gamma_flow.web.picture import palette_of
from gamma_flow.web.service import Service
from gamma_flow.web.settings import WebSettings
from gamma_flow.web.uploads import Upload, frames_in, is_json, sets_in

__all__ = ["ROUTES", "Endpoint"]

T = TypeVar("T")
Endpoint = Callable[[Request], Awaitable[Response]]

_MOST_FRAMES, _MOST_WHOLE = 1000, 100  # of a page, with whole spectra
_MOST_SUMMED = 256
_SAFE = 10.0  # s that a request waits for the log


def _service(request: Request) -> Service:
    found: Service = request.app.state.service
    return found


def _settings(request: Request) -> WebSettings:
    found: WebSettings = request.app.state.settings
    return found


async def _worked(request: Request, job: Callable[[], T]) -> T:
    """Do something in a worker thread, so that the others are not kept waiting."""
    return await asyncio.get_running_loop().run_in_executor(request.app.state.workers, job)


async def analyse(request: Request) -> Response:
    """Analyse an upload; nothing is kept."""
    query = Query(request, "detail", "pictures", "name", "token")
    detail = query.choice("detail", *work.DETAILS)
    pictures = query.number("pictures", 0, 0, 20) or 0
    state, settings = request.app.state, _settings(request)
    with state.budget.share() as room:
        upload = await upload_of(request, settings.upload_bytes, room)
        job = partial(work.analyse, _service(request), upload, settings, detail, pictures)
        found = await _worked(request, job)
        state.counts["analysed"] += len(found["results"])
        return await _worked(request, partial(answer, found))


async def take(request: Request) -> Response:
    """Take frames into the live stream, and answer when the log holds them."""
    query = Query(request, "detector", "token")
    service, settings = _service(request), _settings(request)
    detector = query.text("detector", "") or ""

    def decode(upload: Upload) -> list[Frame]:
        if is_json(upload.data):
            return frames_in(upload, settings, detector)
        return [
            frame
            for part in sets_in(upload, settings)
            for frame in frames_of(part, detector=detector or "upload", name=upload.name)
        ]

    with request.app.state.budget.share() as room:
        upload = await upload_of(request, settings.upload_bytes, room)
        frames = await _worked(request, partial(decode, upload))
    try:
        done = service.put(frames)
    except RequestError as problem:
        raise Refused(503, problem) from problem
    end = time.monotonic() + _SAFE
    while not done.is_set():
        if service.stuck or time.monotonic() > end:
            raise LogError(
                "the frames were not acknowledged",
                found=service.stuck or "no answer of the log",
                cure="send them again with the same id and time: none is counted twice",
            )
        await asyncio.sleep(0.002)
    return answer({"version": 1, "acknowledged": len(frames)})


async def frames(request: Request) -> Response:
    """Return frames of the log, a page at a time."""
    query = Query(request, "since", "until", "detector", "limit", "order", "spectra", "after", "token")
    spectra = query.choice("spectra", "none", "strips", "all")
    most = _MOST_WHOLE if spectra == "all" else _MOST_FRAMES
    job = partial(
        work.page_of_frames,
        _service(request),
        since=query.time("since"),
        until=query.time("until"),
        detector=query.text("detector"),
        newest_first=query.choice("order", "newest", "oldest") == "newest",
        spectra=spectra,  # type: ignore[arg-type]
        cursor=_cursor(query.text("after")),
        limit=query.number("limit", 100, 1, most) or 100,
    )
    return await _worked(request, lambda: answer(job()))


def _cursor(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    first, _, second = text.rpartition("-")
    whole = first.removeprefix("-")
    if not (
        text.isascii() and whole.isdecimal() and second.isdecimal() and max(map(len, (whole, second))) < 19
    ):
        raise RequestError("this is no cursor", where="after", expected='"next" of the page before')
    return int(first), int(second)


async def frame(request: Request) -> Response:
    """Return one frame of the log with its spectrum."""
    Query(request, "token")
    number = _number(request.path_params["number"])
    return await _worked(
        request, lambda: answer(work.entry_told(work.frame_of(_service(request), number), "all"))
    )


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise Refused(404, RequestError("there is no such frame", where="frame", found=repr(text[:40])))
    return int(text)


async def picture(request: Request) -> Response:
    """Return a frame with its fit: the last one of a detector, the one of a time, or that of a number."""
    query = Query(request, "detector", "time", "frame", "sum", "token")
    service = _service(request)
    together = query.number("sum", 1, 1, _MOST_SUMMED) or 1
    detector, at = query.text("detector"), query.time("time")
    number = query.number("frame", None, 0, 10**18)
    if (detector is None) == (number is None) or (number is not None and at is not None):
        raise RequestError("a picture is that of a detector or of a frame", expected="detector or frame")

    def drawn() -> Response:
        if number is not None:
            spectrum = work.frame_of(service, number).frame()
        elif at is not None:
            spectrum = work.frame_at(service, detector or "", at)
        else:
            spectrum = work.last_frame(service, detector or "")
        whole, count = work.summed(service, spectrum, together)
        head = {"detector": spectrum.detector, "time": f"{spectrum.time}Z", "id": spectrum.id}
        return answer(head | {"frames": count} | work.picture_of(service, whole.as_set()))

    return await _worked(request, drawn)


async def alarms(request: Request) -> Response:
    """Return alarms: those of the log, or without one those since the start."""
    query = Query(request, "since", "until", "detector", "token")
    since, until, detector = query.time("since"), query.time("until"), query.text("detector")
    service = _service(request)

    def found() -> Response:
        if service.log is not None:
            told = service.reader().alarms(since, until, detector)
        else:
            told = [
                alarm
                for alarm in service.alarms()
                if (since is None or alarm.start >= since)
                and (until is None or alarm.start < until)
                and detector in (None, alarm.detector)
            ]
        return answer({"version": 1, "alarms": [alarm.as_dict() for alarm in told]})

    return await _worked(request, found)


async def detectors(request: Request) -> Response:
    """Return the state of every detector."""
    Query(request, "token")
    service = _service(request)
    told = [
        status.as_dict() | {"tracker": service.surroundings(status.detector)} for status in service.statuses()
    ]
    return answer({"version": 1, "detectors": told})


async def accept(request: Request) -> Response:
    """Take what a detector sees now as its background."""
    detector = Query(request, "detector", "token").text("detector")
    if not detector:
        raise RequestError("which detector?", where="detector", expected="its name")
    alarms = await _worked(request, lambda: _service(request).accept(detector))
    return answer({"version": 1, "ended": [alarm.as_dict() for alarm in alarms]})


async def model(request: Request) -> Response:
    """Return the card of the model, and the colours of its classes."""
    Query(request, "token")
    service = _service(request)
    card = None if service.model is None else card_data(service.model)
    return answer({"version": 1, "model": card, "palette": palette_of(service.model)})


async def health(request: Request) -> Response:
    """Say whether all is well."""
    Query(request, "token")
    service = _service(request)
    trouble = service.trouble
    statuses = service.statuses()
    content = {
        "status": "trouble" if trouble else "ok",
        "sentence": trouble,
        "gamma_flow": __version__,
        "seconds": round(time.time() - service.began, 1),
        "frames": sum(status.frames for status in statuses),
        "detectors": len(statuses),
        "silent": [status.detector for status in statuses if status.state == "silent"],
        "clients": len(service.hub),
        "log": service.log is not None,
        "model": service.model is not None,
    }
    return answer(content, 503 if trouble else 200)


async def metrics(request: Request) -> Response:
    """Return counts for Prometheus."""
    Query(request, "token")
    service, counts = _service(request), request.app.state.counts
    text = await _worked(request, lambda: text_of(service, counts))
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4; charset=utf-8")


async def openapi(request: Request) -> Response:
    """Return what can be asked, for machines."""
    Query(request, "token")
    return answer(document())


ROUTES: tuple[tuple[str, str, Endpoint], ...] = (
    ("POST", "/analyse", analyse),
    ("POST", "/frames", take),
    ("POST", "/accept", accept),
    ("GET", "/frames", frames),
    ("GET", "/frames/{number}", frame),
    ("GET", "/picture", picture),
    ("GET", "/alarms", alarms),
    ("GET", "/detectors", detectors),
    ("GET", "/model", model),
    ("GET", "/health", health),
    ("GET", "/metrics", metrics),
    ("GET", "/openapi.json", openapi),
)
"""Method, path and function of everything that is answered once."""
