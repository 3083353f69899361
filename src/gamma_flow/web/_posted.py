"""Frames that requests bring, as a source like any other."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from gamma_flow.live.frames import Frame
from gamma_flow.live.sources._base import ENOUGH, Delivery, Mailbox, Source

__all__ = ["Posted"]


class Posted(Source):
    """Takes frames from requests; each request hears when its frames are safe.

    Examples
    --------
    >>> source = Posted()
    >>> source.poll(0.0)
    []
    """

    name = "POST /frames"

    def __init__(self, most: int = 256, most_bytes: int = 2**26) -> None:
        self._box = Mailbox(most, most_bytes)

    def put(self, frames: Sequence[Frame]) -> threading.Event | None:
        """Hand frames in; return what is set when they are acknowledged, or None where there is no room."""
        done = threading.Event()
        delivery = Delivery(tuple(frames), self.name, token=done)
        return done if self._box.put(delivery, wait=False, size=8 * delivery.values) else None

    def poll(self, timeout: float = 1.0, most: int = 256) -> list[Delivery]:
        """Return what was handed in; see `Source.poll`."""
        taken = self._box.take(timeout, 1)
        values = sum(one.values for one in taken)
        while taken and len(taken) < most and values < ENOUGH:
            more = self._box.take(0.0, 1)
            if not more:
                break
            taken += more
            values += more[0].values
        return taken

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Let the requests go on."""
        for delivery in deliveries:
            delivery.token.set()

    def close(self) -> None:
        """Take nothing more."""
        self._box.close()
        self.ended = True
