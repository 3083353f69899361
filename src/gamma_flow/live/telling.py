"""What became of a frame, in plain values for JSON."""

from __future__ import annotations

from typing import Any

from gamma_flow.live.loop import Outcome

__all__ = ["result_of"]


def result_of(outcome: Outcome) -> dict[str, Any]:
    """Return what a ``result`` message holds; see docs/live.md.

    Parameters
    ----------
    outcome : Outcome
        Of a frame.
    """
    frame = outcome.frame
    assert frame is not None
    head: dict[str, Any] = {
        "detector": frame.detector,
        "time": f"{frame.time}Z",
        "id": frame.id,
        "state": outcome.status.state,
        "kind": frame.kind,
        "total": frame.total,
        "live_time": frame.live_time,  # NaN is written as null
    }
    found = outcome.record
    if found is None:
        return head | {"sentence": outcome.status.sentence}
    return head | {name: value for name, value in found.items() if name not in head and name != "origin"}
