"""The columns of ``library.npz``, loaded once; ``scripts/make_nuclides.py`` makes them."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Table", "branches", "positions", "table"]

Floats = NDArray[np.float64]


class Table(NamedTuple):
    """What the library holds: N nuclides, L lines, B branches; all arrays are read-only.

    ``start`` (N + 1,) says where the lines of a nuclide begin; energies are keV and rise within a nuclide,
    intensities are photons per decay, half-lives seconds, errors standard uncertainties (NaN: unknown);
    ``kind`` is 0 for gamma, 1 for X-ray, 2 for annihilation.
    """

    names: tuple[str, ...]
    zai: NDArray[np.int64]
    half_life: Floats
    half_life_error: Floats
    start: NDArray[np.int64]
    energy: Floats
    energy_error: Floats
    intensity: Floats
    intensity_error: Floats
    kind: NDArray[np.int64]
    not_per_decay: tuple[int, ...]
    parent: NDArray[np.int64]
    daughter: NDArray[np.int64]
    share: Floats


@cache
def table() -> Table:
    """Load the library."""
    raw = files("gamma_flow.nuclides").joinpath("library.npz").read_bytes()
    with np.load(BytesIO(raw), allow_pickle=False) as held:
        stored: dict[str, NDArray[Any]] = {name: held[name] for name in held.files}

    def numbers(name: str) -> Floats:
        if f"{name}_power" not in stored:
            return _sealed(stored[name].astype(np.float64))
        power = stored[f"{name}_power"].astype(np.float64)
        known = power < 127
        value = stored[name] / 10.0 ** np.where(known, power, 0.0)
        return _sealed(np.where(known, value, np.nan))

    def whole(name: str) -> NDArray[np.int64]:
        return _sealed(stored[name].astype(np.int64))

    return Table(
        tuple(stored["names"].tolist()),
        whole("zai"),
        numbers("half_life"),
        numbers("half_life_error"),
        whole("start"),
        numbers("energy"),
        numbers("energy_error"),
        numbers("intensity"),
        numbers("intensity_error"),
        whole("kind"),
        tuple(stored["not_per_decay"].tolist()),
        whole("parent"),
        whole("daughter"),
        numbers("share"),
    )


@cache
def positions() -> dict[str, int]:
    """Return the place of every nuclide in the table."""
    return {name: at for at, name in enumerate(table().names)}


@cache
def branches() -> dict[str, tuple[tuple[str, float], ...]]:
    """Return daughters and their shares, a parent."""
    held = table()
    found: dict[str, tuple[tuple[str, float], ...]] = {}
    for parent, daughter, share in zip(held.parent, held.daughter, held.share, strict=True):
        name = held.names[parent]
        found[name] = (*found.get(name, ()), (held.names[daughter], float(share)))
    return found


def _sealed(values: NDArray[Any]) -> NDArray[Any]:
    values.setflags(write=False)
    return values
