"""The tables that ``scripts/make_responses.py`` made, read once and kept read-only."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BACK",
    "DISCRETE",
    "FRONT",
    "LOWER",
    "MC2",
    "PAIR_LOWER",
    "PAIR_UPPER",
    "UPPER",
    "Floats",
    "names",
    "table",
]

Floats = NDArray[np.float64]

MC2 = 510.99895
"""Rest energy of an electron, keV."""
LOWER, UPPER, PAIR_LOWER, PAIR_UPPER = 160, 64, 32, 96
"""Bins of a response: below and above the Compton edge; below and above double escape."""
DISCRETE = 8
"""Lines of a response: full energy, single and double escape, five X-ray escapes."""
BACK, FRONT = 24, 72
"""Bins of scattered photons: below and above the energy of one scattered straight back."""
_FOLDER = "tables"


@cache
def names() -> tuple[str, ...]:
    """Return the detectors that have a table."""
    found = (
        entry.name for entry in files(__package__).joinpath(_FOLDER).iterdir() if entry.name.endswith(".npz")
    )
    return tuple(sorted(name[:-4] for name in found if name != "surroundings.npz"))


@cache
def table(name: str) -> dict[str, Floats]:
    """Return the arrays of one table, as read-only float64."""
    content = files(__package__).joinpath(_FOLDER, f"{name}.npz").read_bytes()
    with np.load(BytesIO(content), allow_pickle=False) as stored:
        arrays = {key: np.asarray(stored[key], dtype=np.float64) for key in stored.files}
    for array in arrays.values():
        array.setflags(write=False)
    return arrays
