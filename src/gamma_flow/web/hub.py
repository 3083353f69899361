"""From the threads that find something to the clients that listen; none of these is waited for."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from gamma_flow.errors import RequestError
from gamma_flow.live.messages import line

__all__ = ["Client", "Hub", "Message"]


@dataclass(frozen=True)
class Message:
    """One line of JSON, and the same with what only the page wants."""

    plain: bytes
    full: bytes


class Client:
    """What waits for one client: a queue of bounded length, from which the oldest go.

    Examples
    --------
    >>> client = Client(2)
    >>> for text in (b"1", b"2", b"3"):
    ...     client.put(Message(text, text))
    >>> client.take()
    [b'{"version":1,"type":"dropped","count":1}', b'2', b'3']
    """

    def __init__(self, most: int, *, full: bool = False) -> None:
        self.full = full
        self.dropped = 0
        self._told = 0
        self._waiting: deque[Message] = deque()
        self._most = most
        self._news = asyncio.Event()

    def put(self, message: Message) -> None:
        """Add a message; called by the thread of the event loop."""
        if len(self._waiting) >= self._most:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append(message)
        self._news.set()

    def take(self) -> list[bytes]:
        """Return all that waits; what was dropped is said first."""
        lines = []
        if self.dropped > self._told:
            lines.append(line("dropped", {"count": self.dropped - self._told}))
            self._told = self.dropped
        lines += [message.full if self.full else message.plain for message in self._waiting]
        self._waiting.clear()
        self._news.clear()
        return lines

    async def wait(self, timeout: float) -> list[bytes]:
        """Return all that waits; wait for something, up to ``timeout`` seconds."""
        if not self._waiting:
            try:
                await asyncio.wait_for(self._news.wait(), timeout)
            except TimeoutError:
                return []
        return self.take()


class Hub:
    """Hands messages from any thread to all clients.

    Parameters
    ----------
    most : int
        Clients at a time.
    waiting : int
        Messages that wait for one client.
    """

    def __init__(self, most: int = 64, waiting: int = 256) -> None:
        self.most, self.waiting = most, waiting
        self.sent = 0
        self._dropped = 0
        self._clients: set[Client] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def __len__(self) -> int:
        return len(self._clients)

    @property
    def dropped(self) -> int:
        """Messages that slow clients did not get."""
        return self._dropped + sum(client.dropped for client in list(self._clients))

    @property
    def full(self) -> bool:
        """Whether a client wants what only the page wants."""
        return any(client.full for client in list(self._clients))

    def serve(self, loop: asyncio.AbstractEventLoop) -> None:
        """Say whose thread the clients live in."""
        self._loop = loop

    def join(self, *, full: bool = False) -> Client:
        """Add a client.

        Raises
        ------
        RequestError
            There are too many.
        """
        if len(self._clients) >= self.most:
            raise RequestError(
                "too many clients listen", expected=f"{self.most} at most", cure="close another page"
            )
        client = Client(self.waiting, full=full)
        self._clients.add(client)
        return client

    def leave(self, client: Client) -> None:
        """Take a client out."""
        if client in self._clients:
            self._clients.discard(client)
            self._dropped += client.dropped

    def publish(self, messages: Sequence[Message]) -> None:
        """Hand messages to all clients; from any thread, and without waiting."""
        loop = self._loop
        if messages and self._clients and loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._spread, messages)

    def _spread(self, messages: Sequence[Message]) -> None:
        self.sent += len(messages)
        for client in self._clients:
            for message in messages:
                client.put(message)
