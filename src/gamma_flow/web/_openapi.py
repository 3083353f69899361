"""What can be asked, as an OpenAPI document: made of the same types that decode messages."""

from __future__ import annotations

from typing import Any

from gamma_flow._version import __version__
from gamma_flow.live.messages import schemas

__all__ = ["document"]

Plain = dict[str, Any]

_TIME: Plain = {"type": "string", "format": "date-time"}
_NUMBER: Plain = {"type": ["number", "null"]}
_COUNT: Plain = {"type": "integer", "minimum": 0}
_TEXT: Plain = {"type": "string"}
_KIND: Plain = {"enum": ["counts", "intensity"]}
_BY_CLASS: Plain = {"type": "object", "additionalProperties": _NUMBER, "description": "A number a class."}


def document() -> Plain:
    """Return the document, valid against OpenAPI 3.1."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "gamma_flow",
            "version": __version__,
            "description": "What is in the spectra of detectors, as they arrive. Every refusal is a 4xx with "
            "one sentence. Results as they come: a WebSocket under /live, server-sent events under /events.",
            "license": {"name": "BSD-3-Clause", "identifier": "BSD-3-Clause"},
        },
        "servers": [{"url": "/"}],
        "security": [{}, {"bearer": []}],
        "paths": _paths(),
        "components": {
            "schemas": {**schemas("#/components/schemas/{name}"), **_schemas()},
            "responses": {
                "Refusal": _answer("Refused, with the reason in one sentence.", _ref("Refusal")),
            },
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "Not needed on loopback."}
            },
        },
    }


def _paths() -> Plain:
    one, several = _ref("Frame"), _ref("Frames")
    frames: Plain = {"application/json": {"schema": {"anyOf": [one, several]}}}
    file: Plain = {"type": "string", "format": "binary"}
    any_file: Plain = {
        **frames,
        "application/x-ndjson": {"schema": {**_TEXT, "description": "A frame a line."}},
        "application/octet-stream": {"schema": {**file, "description": "Any file that a reader knows."}},
        "multipart/form-data": {
            "schema": {"type": "object", "properties": {"file": file}, "required": ["file"]}
        },
    }
    since, until = _query("since", _TIME, "Included."), _query("until", _TIME, "Excluded.")
    detector = _query("detector", _TEXT, "Only this one.")
    detail = {"enum": ["everything", "evidence", "scores"], "default": "everything"}
    return {
        "/analyse": {
            "post": _asked(
                "Analyse spectra; nothing is kept.",
                _answer("What was found, in order.", _ref("Results")),
                [
                    _query("detail", detail, "How much is answered."),
                    _query("pictures", {**_COUNT, "maximum": 20}, "So many results come with a picture."),
                    _query("name", _TEXT, "What the file is called."),
                ],
                any_file,
            )
        },
        "/frames": {
            "post": _asked(
                "Take frames into the live stream; answered when the log holds them.",
                _answer("They are stored.", _ref("Acknowledged")),
                [_query("detector", _TEXT, "Name of the detector where a frame has none.")],
                any_file,
            ),
            "get": _asked(
                "Frames of the log with what was found in them, a page at a time.",
                _answer("A page.", _ref("FramesPage")),
                [
                    since,
                    until,
                    detector,
                    _query(
                        "limit",
                        {**_COUNT, "minimum": 1, "maximum": 1000, "default": 100},
                        "Of a page; 100 at most with spectra=all.",
                    ),
                    _query("order", {"enum": ["newest", "oldest"], "default": "newest"}, "Which come first."),
                    _query(
                        "spectra", {"enum": ["none", "strips", "all"], "default": "none"}, "Values as well."
                    ),
                    _query("after", _TEXT, 'What the page before has as "next".'),
                ],
            ),
        },
        "/frames/{number}": {
            "get": _asked(
                "One frame of the log, with its spectrum.",
                _answer("The frame.", _ref("Logged")),
                [{"name": "number", "in": "path", "required": True, "schema": _COUNT}],
            )
        },
        "/picture": {
            "get": _asked(
                "A frame with its fit, components and residual.",
                _answer("The picture.", _ref("Picture")),
                [
                    _query("detector", _TEXT, "Whose: its last frame, or that of a time."),
                    _query("time", _TIME, "When the frame began."),
                    _query("frame", _COUNT, "Or its number in the log."),
                    _query(
                        "sum",
                        {**_COUNT, "minimum": 1, "maximum": 256, "default": 1},
                        "Together with so many frames before it, of the log.",
                    ),
                ],
            )
        },
        "/alarms": {
            "get": _asked(
                "Alarms.", _answer("In order of beginning.", _ref("Alarms")), [since, until, detector]
            )
        },
        "/accept": {
            "post": _asked(
                "Take what a detector sees now as its background: its alarms end.",
                _answer("The alarms that ended.", _ref("Accepted")),
                [{**_query("detector", _TEXT, "Whose."), "required": True}],
            )
        },
        "/detectors": {"get": _asked("State of every detector.", _answer("By name.", _ref("Detectors")))},
        "/model": {
            "get": _asked("The card of the model.", _answer("The card and colours.", _ref("ModelCard")))
        },
        "/health": {
            "get": {
                **_asked("Whether all is well.", _answer("All is well.", _ref("Health"))),
                "responses": {
                    "200": _answer("All is well.", _ref("Health")),
                    "503": _answer("Something is not.", _ref("Health")),
                    "4XX": {"$ref": "#/components/responses/Refusal"},
                },
            }
        },
        "/metrics": {
            "get": _asked(
                "Counts for Prometheus.",
                {"description": "Text format 0.0.4.", "content": {"text/plain": {"schema": _TEXT}}},
            )
        },
        "/openapi.json": {"get": _asked("This document.", _answer("OpenAPI 3.1.", {"type": "object"}))},
    }


def _schemas() -> Plain:
    found: Plain = {
        "present": _list(_TEXT),
        "scores": _BY_CLASS,
        "shares": _BY_CLASS,
        "score_errors": _BY_CLASS,
        "evidence": _BY_CLASS,
        "p_value": _BY_CLASS,
        "novelty_p": _NUMBER,
        "novel": {"type": "boolean"},
        "warning": _TEXT,
        "sentence": {**_TEXT, "description": "Why it was not analysed."},
    }
    head: Plain = {"detector": _TEXT, "time": {"type": ["string", "null"]}, "total": {"type": "number"}}
    result = {**head, "id": _TEXT, "live_time": _NUMBER, **found}
    version: Plain = {"version": {"const": 1}}
    numbers = _list(_NUMBER)
    return {
        "Refusal": _object(
            {
                "error": {**_TEXT, "description": "Kind of the error, as in gamma_flow.errors."},
                "sentence": _TEXT,
                **{
                    name: {"type": ["string", "null"]}
                    for name in ("what", "where", "expected", "found", "cure")
                },
            },
            "error",
            "sentence",
        ),
        "Result": _object({**result, "picture": _ref("Picture")}, "total"),
        "Results": _object(
            {
                **version,
                "type": {"const": "results"},
                "name": _TEXT,
                "refused": {**_COUNT, "description": "Frames that do not fit the model."},
                "results": _list(_ref("Result")),
            },
            "version",
            "refused",
            "results",
        ),
        "Acknowledged": _object({**version, "acknowledged": _COUNT}, "acknowledged"),
        "Logged": _object(
            {
                **result,
                "number": _COUNT,
                "kind": _KIND,
                "strip": {"type": ["array", "null"], "items": {"type": "number"}},
                "counts": {"type": ["array", "null"], "items": {"type": "number"}},
            },
            "number",
            "detector",
            "time",
        ),
        "FramesPage": _object(
            {**version, "frames": _list(_ref("Logged")), "next": {"type": ["string", "null"]}},
            "frames",
            "next",
        ),
        "Picture": _object(
            {
                "frames": {**_COUNT, "description": "That it is the sum of; intensities are averaged."},
                "edges": _list({"type": "number"}),
                "unit": _TEXT,
                "kind": _KIND,
                "values": numbers,
                "fit": numbers,
                "pulls": numbers,
                "parts": {"type": "object", "additionalProperties": numbers},
                "classes": {"type": "object"},
                "unknown": {"type": ["object", "null"]},
            },
            "edges",
            "unit",
            "values",
        ),
        "Alarm": _object(
            {
                "key": _TEXT,
                "detector": _TEXT,
                "kind": _TEXT,
                "name": _TEXT,
                "start": _TIME,
                "end": {"type": ["string", "null"]},
                "details": {"type": "object"},
            },
            "key",
            "detector",
            "kind",
            "start",
            "end",
        ),
        "Alarms": _object({**version, "alarms": _list(_ref("Alarm"))}, "alarms"),
        "Status": _object(
            {
                "detector": _TEXT,
                "state": _TEXT,
                "sentence": _TEXT,
                "frames": _COUNT,
                "duplicates": _COUNT,
                "refused": _COUNT,
                "problems": {"type": "object", "additionalProperties": _COUNT},
                "last": {"type": ["string", "null"]},
                "tracker": {
                    "type": ["object", "null"],
                    "description": "Gain, background and whether it is frozen; null without a tracker.",
                },
            },
            "detector",
            "state",
        ),
        "Accepted": _object({**version, "ended": _list(_ref("Alarm"))}, "ended"),
        "Detectors": _object({**version, "detectors": _list(_ref("Status"))}, "detectors"),
        "ModelCard": _object(
            {**version, "model": {"type": ["object", "null"]}, "palette": {"type": "object"}},
            "model",
            "palette",
        ),
        "Health": _object(
            {"status": {"enum": ["ok", "trouble"]}, "sentence": _TEXT, "frames": _COUNT, "detectors": _COUNT},
            "status",
            "sentence",
        ),
    }


def _ref(name: str) -> Plain:
    return {"$ref": f"#/components/schemas/{name}"}


def _list(items: Plain) -> Plain:
    return {"type": "array", "items": items}


def _object(properties: Plain, *required: str) -> Plain:
    return {"type": "object", "properties": properties, "required": list(required)}


def _query(name: str, schema: Plain, told: str) -> Plain:
    return {"name": name, "in": "query", "schema": schema, "description": told}


def _answer(told: str, schema: Plain) -> Plain:
    return {"description": told, "content": {"application/json": {"schema": schema}}}


def _asked(told: str, good: Plain, parameters: list[Plain] | None = None, body: Plain | None = None) -> Plain:
    asked: Plain = {
        "summary": told,
        "responses": {"200": good, "4XX": {"$ref": "#/components/responses/Refusal"}},
    }
    if parameters:
        asked["parameters"] = parameters
    if body:
        asked["requestBody"] = {"required": True, "content": body}
    return asked
