"""What requests have computed or read, in worker threads: plain functions of the service and what came."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, cast, get_args

import numpy as np

from gamma_flow.data import SpectrumSet
from gamma_flow.errors import GammaFlowError, IncompatibleError, RequestError
from gamma_flow.live.entries import Entry
from gamma_flow.live.frames import Frame
from gamma_flow.live.loop import Detail, analysed, recorded
from gamma_flow.model import Model
from gamma_flow.web._strips import strip
from gamma_flow.web.picture import bare, picture
from gamma_flow.web.service import Service
from gamma_flow.web.settings import WebSettings
from gamma_flow.web.uploads import Upload, frames_in, is_json, sets_in

__all__ = [
    "DETAILS",
    "analyse",
    "entry_told",
    "frame_at",
    "frame_of",
    "last_frame",
    "page_of_frames",
    "picture_of",
    "summed",
]

DETAILS: tuple[str, ...] = get_args(Detail)


def analyse(
    service: Service, upload: Upload, settings: WebSettings, detail: str, pictures: int
) -> dict[str, Any]:
    """Return what the model finds in an upload; nothing of it is kept.

    Raises
    ------
    GammaFlowError
        The upload is refused.
    """
    model = service.model
    if model is None:
        raise RequestError("this service has no model", cure="start it with -m MODEL")
    how = cast("Detail", detail)
    if is_json(upload.data):
        return _of_frames(model, frames_in(upload, settings), how, pictures)
    sets = sets_in(upload, settings)
    results: list[dict[str, Any]] = []
    for spectra in sets:
        records = recorded(model, spectra, how)
        for row, record in enumerate(records):
            told = {"total": float(spectra.total[row]), **record}
            if len(results) < pictures:
                told["picture"] = picture(model, spectra[row : row + 1])
            results.append(told)
    return {"version": 1, "type": "results", "name": upload.name, "refused": 0, "results": results}


def _of_frames(model: Model, frames: Sequence[Frame], detail: Detail, pictures: int) -> dict[str, Any]:
    found = analysed(model, frames, detail)
    results: list[dict[str, Any]] = []
    problems = [answer for answer in found if isinstance(answer, GammaFlowError)]
    if len(problems) == len(frames):
        raise problems[0]
    for frame, answer in zip(frames, found, strict=True):
        told: dict[str, Any] = {
            "detector": frame.detector,
            "time": f"{frame.time}Z",
            "id": frame.id,
            "total": frame.total,
            "live_time": frame.live_time,
        }
        if isinstance(answer, GammaFlowError):
            told["sentence"] = str(answer)
        else:
            told |= {name: value for name, value in answer.items() if name not in told and name != "origin"}
            if len(results) < pictures:
                told["picture"] = picture(model, frame.as_set())
        results.append(told)
    return {"version": 1, "type": "results", "refused": len(problems), "results": results}


def picture_of(service: Service, spectra: SpectrumSet) -> dict[str, Any]:
    """Return a spectrum with its fit, or bare where there is no model or none that fits."""
    if service.model is None:
        return bare(spectra)
    try:
        return picture(service.model, spectra)
    except IncompatibleError as problem:
        return bare(spectra) | {"sentence": str(problem)}


def page_of_frames(
    service: Service,
    *,
    spectra: Literal["none", "strips", "all"],
    cursor: tuple[int, int] | None,
    limit: int,
    **asked: Any,
) -> dict[str, Any]:
    """Return frames of the log, with the cursor of the next page if there may be one."""
    entries = list(service.reader().frames(limit=limit, after=cursor, **asked))
    following = None
    if len(entries) == limit:
        last = entries[-1]
        following = f"{int(last.time.astype('int64'))}-{last.number}"
    return {"version": 1, "frames": [entry_told(entry, spectra) for entry in entries], "next": following}


def frame_of(service: Service, number: int) -> Entry:
    """Return one frame of the log.

    Raises
    ------
    RequestError
        There is none of that number.
    """
    entry = service.reader().frame(number)
    if entry is None:
        raise RequestError("there is no such frame", where="frame", found=str(number))
    return entry


def last_frame(service: Service, detector: str) -> Frame:
    """Return the last frame of a detector: since the start, or else of the log.

    Raises
    ------
    RequestError
        There is none.
    """
    last = service.latest(detector)
    if last is not None:
        return last.frame
    if service.log is not None:
        for entry in service.reader().frames(detector=detector, newest_first=True, limit=1):
            return entry.frame()
    raise RequestError("no frame came from this detector", where=detector[:80])


def frame_at(service: Service, detector: str, time: np.datetime64) -> Frame:
    """Return the frame of a detector that began at a time: the last one if it is that, else one of the log.

    Raises
    ------
    RequestError
        There is none.
    """
    last = service.latest(detector)
    if last is not None and last.frame.time == time:
        return last.frame
    until = time + np.timedelta64(1, "us")
    for entry in service.reader().frames(time, until, detector, limit=1):
        return entry.frame()
    raise RequestError("there is no such frame", where=detector[:80], found=f"{time}")


def summed(service: Service, last: Frame, count: int) -> tuple[Frame, int]:
    """Return the sum of a frame and those before it in the log, ``count`` at most, and how many these are.

    It reaches back as long as the frames lie on one axis and have their spectra. Intensities are averaged.
    """
    if count == 1:
        return last, 1
    until = last.time + np.timedelta64(1, "us")
    values, live, number, first = last.values.copy(), last.live_time, 1, last.time
    for entry in service.reader().frames(
        until=until, detector=last.detector, newest_first=True, limit=count + 1
    ):
        if number == count:
            break
        if entry.time == last.time and entry.id == last.id:
            continue
        if entry.values is None or entry.kind != last.kind or not entry.axis.matches(last.axis):
            break
        values += entry.values
        live += entry.live_time
        number, first = number + 1, entry.time
    if last.kind != "counts":
        values /= number
    return replace(last, values=values, live_time=live, real_time=math.nan, time=first), number


def entry_told(entry: Entry, spectra: str = "none") -> dict[str, Any]:
    """Return a frame of the log in plain values."""
    told: dict[str, Any] = {
        "number": entry.number,
        "detector": entry.detector,
        "time": f"{entry.time}Z",
        "id": entry.id,
        "kind": entry.kind,
        "total": entry.total,
        "live_time": None if math.isnan(entry.live_time) else entry.live_time,
    }
    if entry.record is not None:
        told |= {name: value for name, value in entry.record.items() if name not in told and name != "origin"}
    if spectra == "strips":
        told["strip"] = None if entry.values is None else strip(entry.values)
    elif spectra == "all":
        name = "counts" if entry.kind == "counts" else "intensities"
        told[name] = None if entry.values is None else entry.values.tolist()
        told["axis"] = {"unit": entry.axis.unit, "edges": entry.axis.edges.tolist()}
        told["meta"] = dict(entry.meta)
    return told
