"""A bar on the terminal while many files are read; nothing where there is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Progress", "progress_bar"]

Progress = Callable[[int, int, str], None]
"""Called before each file with its number, how many there are, and its name."""

_FEW = 3  # files


@contextmanager
def progress_bar(title: str, few: int = _FEW) -> Iterator[Progress | None]:
    """Yield a callback that moves a bar on standard error; None where that is no terminal.

    No more steps than ``few`` are done before anybody could look at a bar: then there is none.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None, visible=False)

        def move(number: int, count: int, name: str) -> None:
            last = name.replace("\\", "/").rpartition("/")[2]
            text = f"{title} {last}"[:50]
            bar.update(task, completed=number, total=count, description=text, visible=count > few)

        yield move
