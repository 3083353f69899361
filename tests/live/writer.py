"""A program that writes a log and says what is safe; the tests kill it."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import numpy as np

from gamma_flow.data import Axis
from gamma_flow.errors import LogError
from gamma_flow.live.frames import Frame
from gamma_flow.live.log import Log

AXIS = Axis.linear(0, 3000, 256)


def frame(number: int) -> Frame:
    counts = np.random.default_rng(number).poisson(3, len(AXIS))
    return Frame(counts, AXIS, np.datetime64("2026-01-01", "us") + np.timedelta64(number, "s"), "left")


def main(path: str, first: str, most_bytes: str) -> None:
    """Append frames from ``first`` on, in batches of one to nine; print the next number after each."""
    if int(most_bytes):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(most_bytes), resource.RLIM_INFINITY))
    number = int(first)
    with Log.open(Path(path)) as log:
        while True:
            batch = [frame(n) for n in range(number, number + 1 + number % 9)]
            try:
                log.append(batch, [{"shares": {"a": float(one.total)}} for one in batch])
            except LogError as problem:
                sys.stdout.write(f"refused {number} {problem}\n")
                sys.stdout.flush()
                return
            number += len(batch)
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
