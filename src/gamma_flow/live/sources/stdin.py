"""Frames as JSON lines from standard input, a pipe or a file: one message a line."""

from __future__ import annotations

import sys
import threading
from collections import deque
from typing import BinaryIO

from gamma_flow.errors import MessageError
from gamma_flow.live.messages import Decoder
from gamma_flow.live.sources._base import ENOUGH, Delivery, Mailbox, Source

__all__ = ["Lines"]

_PIECE = 2**18


class Lines(Source):
    r"""One message a line; empty lines are passed over. Nothing is acknowledged: a pipe knows no such thing.

    Parameters
    ----------
    stream : binary file, optional
        Standard input by default.
    decoder : Decoder, optional
        Limits, and what the lines may leave out.
    name : str
        For people.

    Examples
    --------
    >>> import io
    >>> text = b'{"version": 1, "detector": "left", "time": "2026-01-01T00:00:00Z", "counts": [1, 2]}\n'
    >>> list(Lines(io.BytesIO(text)))
    [Frame(left, 2026-01-01T00:00:00.000000, 2 channels, 3 counts)]
    """

    def __init__(
        self, stream: BinaryIO | None = None, decoder: Decoder | None = None, name: str = "standard input"
    ) -> None:
        self.name = name
        self.decoder = decoder or Decoder()
        self._stream: BinaryIO = sys.stdin.buffer if stream is None else stream
        self._box = Mailbox(16)  # pieces of many lines
        self._left: deque[tuple[int, bytes]] = deque()
        # a thread, because a read from a pipe cannot be given up after a while
        self._reader = threading.Thread(target=self._read, name="gamma_flow lines", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        number, rest, overlong = 1, b"", False
        most = self.decoder.limits.size
        read = getattr(self._stream, "read1", self._stream.read)
        try:
            while piece := read(_PIECE):
                lines = (rest + piece).split(b"\n")
                rest = lines.pop()
                numbered = []
                for line in lines:
                    if overlong:  # the end of a line that was refused already
                        overlong = False
                    elif line.strip():
                        numbered.append((number, line))
                    number += 1
                if len(rest) > most:
                    if not overlong:
                        numbered.append((number, rest))
                    overlong, rest = True, b""
                if numbered and not self._box.put(numbered, wait=True):
                    return
            if rest.strip() and not overlong:
                self._box.put([(number, rest)], wait=True)
        except (OSError, ValueError):
            self.trouble = "the input was closed"
        finally:
            self._box.close()

    def poll(self, timeout: float = 1.0, most: int = 256) -> list[Delivery]:
        """Return what has come; see `Source.poll`."""
        # as much as is there: the log waits for the disk once a poll
        while len(self._left) < most:
            pieces = self._box.take(0.0 if self._left else timeout, 1)
            if not pieces:
                break
            self._left.extend(pieces[0])
        deliveries: list[Delivery] = []
        values = 0
        while self._left and len(deliveries) < most and values < ENOUGH:
            deliveries.append(self._delivery(*self._left.popleft()))
            values += deliveries[-1].values
        self.ended = not self._left and self._box.closed and not len(self._box)
        return deliveries

    def _delivery(self, number: int, line: bytes) -> Delivery:
        where = f"line {number}"
        try:
            return Delivery(tuple(self.decoder.decode(line, where=where)), where)
        except MessageError as problem:
            return Delivery((), where, problem)

    def close(self) -> None:
        """Stop reading; a read that waits for its pipe ends with the program."""
        self._box.close()
