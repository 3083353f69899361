"""Errors as answers: one sentence of the error tree, and the status that fits."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from gamma_flow.errors import (
    GammaFlowError,
    IncompatibleError,
    LogError,
    UnknownFormatError,
    UnsafeFileError,
)

__all__ = ["answer", "refusal", "status_of"]


def status_of(problem: GammaFlowError) -> int:
    """Return the status of HTTP that fits an error.

    Examples
    --------
    >>> from gamma_flow.errors import RequestError
    >>> status_of(UnknownFormatError("no reader knows it")), status_of(RequestError("no"))
    (415, 400)
    """
    for kind, status in (
        (UnsafeFileError, 413),
        (UnknownFormatError, 415),
        (IncompatibleError, 422),
        (LogError, 507),
    ):
        if isinstance(problem, kind):
            return status
    return 400


def refusal(problem: GammaFlowError, status: int | None = None) -> Response:
    """Return an error as the answer to a request."""
    status = status_of(problem) if status is None else status
    content = {
        "error": type(problem).__name__,
        "sentence": " ".join(str(problem).split()),
        **problem.as_dict(),
    }
    extra = {"www-authenticate": "Bearer"} if status == 401 else {}
    if status in (503, 507):
        extra["retry-after"] = "1"
    return answer(content, status, extra)


def answer(content: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return plain values as JSON; what is not a number is null."""
    return Response(
        msgspec.json.encode(content),
        status,
        {"cache-control": "no-store", **(headers or {})},
        media_type="application/json",
    )
