"""Loops that share a log and a tracker: one at a time from the question what is new to the commit."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from gamma_flow.errors import LogError

__all__ = ["Turn"]


class Turn:
    """Whose turn it is to show frames to the tracker and to write them into the log.

    What the tracker has seen and the log has not cannot be taken back. So a loop whose frames the log did not
    take keeps its turn until it has them, and the others wait as if the log had refused theirs: otherwise a
    frame that comes over two sources would be seen twice.

    Examples
    --------
    >>> turn, one, other = Turn(), object(), object()
    >>> with turn.of(one):
    ...     turn.ahead(one)
    ...     with turn.still() as even:
    ...         print(even)
    False
    >>> with turn.still() as even:
    ...     print(even)
    True
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._ahead: object | None = None
        self._why: LogError | None = None
        self._spoiled = False
        self.commits = 0

    @contextmanager
    def of(self, loop: object) -> Iterator[None]:
        """Give a loop its turn, which ends with the block: with a commit, or with an error.

        Raises
        ------
        LogError
            Another loop's frames have to be stored first, and the log does not take them.
        """
        with self._lock:
            if self._ahead is not None and self._ahead is not loop:
                assert self._why is not None
                raise self._why
            try:
                yield
            except LogError as problem:
                self._why = problem
                raise
            except BaseException:
                # it does not come back, and nobody may wait for it
                self._spoiled |= self._ahead is not None
                self._ahead = None
                raise
            self._ahead = None
            self.commits += 1

    def ahead(self, loop: object) -> None:
        """Note that the tracker is about to see frames that the log does not have yet."""
        self._ahead = loop

    @contextmanager
    def still(self) -> Iterator[bool]:
        """Let no loop have its turn meanwhile; yield whether the log has all that the tracker has seen."""
        with self._lock:
            yield self._ahead is None and not self._spoiled
