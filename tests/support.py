"""What tests of several readers share: real files, mutants, and the sentence of a refusal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest

from gamma_flow.data import SpectrumSet
from gamma_flow.errors import GammaFlowError
from gamma_flow.io._format import ReadOptions
from gamma_flow.io._source import Source

FORMATS = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "formats"


class Reader(Protocol):
    """A module of `gamma_flow.io` that reads."""

    def read(self, source: Source, options: ReadOptions) -> list[SpectrumSet]: ...


def real(name: str) -> Source:
    """Return a real file by its path below the folder of formats, or skip."""
    path = FORMATS / name
    if not path.exists():
        pytest.skip(f"{name} is not on this machine")
    return Source.of(path, path.name)


def refusal(reader: Reader, data: bytes) -> str:
    """Return the sentence with which a mutant is refused, else its name; any other error comes out."""
    try:
        reader.read(Source("mutant", data), ReadOptions())
    except GammaFlowError as problem:
        return str(problem)
    return "mutant"


def mutations(data: bytes, number: int, seed: int) -> Iterator[bytes]:
    """Overwrite, drop and double stretches."""
    rng = np.random.default_rng(seed)
    for _ in range(number):
        changed = bytearray(data)
        for _ in range(rng.integers(1, 6)):
            at = int(rng.integers(len(changed)))
            kind = rng.integers(3)
            if kind == 0:
                changed[at] = int(rng.integers(256))
            elif kind == 1:
                del changed[at : at + int(rng.integers(1, 40))]
            else:
                changed[at:at] = changed[max(0, at - 30) : at]
        yield bytes(changed)
