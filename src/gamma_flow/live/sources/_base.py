"""What every source is: it is asked for deliveries, and told when they are safe."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gamma_flow.errors import GammaFlowError
from gamma_flow.live.frames import Frame

__all__ = ["ENOUGH", "Delivery", "Mailbox", "Source"]

ENOUGH = 2**22
"""Channels of all frames of one poll: a source stops there, so that large messages do not fill memory."""


@dataclass(frozen=True)
class Delivery:
    """What came in one message, line or file.

    Parameters
    ----------
    frames : tuple of Frame
        None, as a rule, where the message was refused.
    where : str
        Where it came from: a topic, a file, a line.
    problem : GammaFlowError, optional
        Why it was refused.
    detector : str
        Whom a refused message is about, where that is known.
    token : object
        What the source needs to acknowledge it.
    """

    frames: tuple[Frame, ...]
    where: str
    problem: GammaFlowError | None = None
    detector: str = ""
    token: Any = None

    @property
    def values(self) -> int:
        """Channels of all its frames."""
        return sum(len(frame.values) for frame in self.frames)


class Source(ABC):
    """A source of frames.

    Ask with `poll`, make safe what came, then `acknowledge` it; or iterate, which acknowledges a frame when
    the next one is asked for. A source is used by one thread, and closed.

    Attributes
    ----------
    name : str
        For people, without passwords.
    ended : bool
        Whether nothing can come any more.
    dropped : int
        Messages that were lost because nobody asked for them in time.
    trouble : str
        What is wrong with the source now (a broker that is away), empty while all is well.
    """

    name: str = ""
    ended: bool = False
    dropped: int = 0
    trouble: str = ""

    @abstractmethod
    def poll(self, timeout: float = 1.0, most: int = 256) -> list[Delivery]:
        """Return what has come, at most ``most`` deliveries; wait up to ``timeout`` seconds for the first.

        Raises
        ------
        SourceError
            The source does not go on.
        """

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:  # noqa: B027 - most have no such thing
        """Tell the sender that these are safe; what is never acknowledged comes again where that can be."""

    def close(self) -> None:  # noqa: B027 - some hold nothing
        """Give back what the source holds."""

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames until the source ends; a refused message raises its error."""
        while not self.ended:
            for delivery in self.poll():
                yield from delivery.frames
                self.acknowledge([delivery])
                if delivery.problem is not None:
                    raise delivery.problem


class Mailbox:
    """A queue of bounded length and size between a thread that receives and the one that asks.

    Parameters
    ----------
    most : int
        How many messages wait at most; the receiver then waits too, or drops.
    most_bytes : int
        How many bytes of messages wait at most; a single one may be larger.
    """

    def __init__(self, most: int = 1000, most_bytes: int = 2**26) -> None:
        self.most, self.most_bytes = most, most_bytes
        self.closed = False
        self._waiting: deque[tuple[Any, int]] = deque()
        self._bytes = 0
        self._change = threading.Condition()

    def put(self, item: Any, *, wait: bool, size: int = 0) -> bool:
        """Put something of ``size`` bytes in; where the box is full wait for room, or return False."""
        with self._change:
            while self._full(size) and not self.closed:
                if not wait:
                    return False
                self._change.wait(0.5)
            if self.closed:
                return False
            self._waiting.append((item, size))
            self._bytes += size
            self._change.notify_all()
            return True

    def _full(self, size: int) -> bool:
        return bool(self._waiting) and (
            len(self._waiting) >= self.most or self._bytes + size > self.most_bytes
        )

    def take(self, timeout: float, most: int) -> list[Any]:
        """Return what is there, at most ``most``; wait up to ``timeout`` seconds for the first."""
        with self._change:
            if not self._waiting and not self.closed:
                self._change.wait(timeout)
            taken = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
            self._bytes -= sum(size for _, size in taken)
            self._change.notify_all()
            return [item for item, _ in taken]

    def __len__(self) -> int:
        return len(self._waiting)

    def close(self) -> None:
        """Let both sides go; what is inside can still be taken."""
        with self._change:
            self.closed = True
            self._change.notify_all()
