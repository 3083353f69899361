"""With which templates each spectrum was fitted, where a search chose among several."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gamma_flow.numerics.drift import moved

if TYPE_CHECKING:
    from gamma_flow.data.analysis import Analysis

__all__ = ["by_templates"]


def by_templates(found: Analysis) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float64]]]:
    """Yield row numbers of spectra that were fitted with the same templates, and these, shape (K, C).

    At the gain and the value of the family that the search chose.
    """
    if found.gain is None and found.family is None:
        yield np.arange(len(found)), found.templates.shapes
        return
    nothing = np.ones(len(found))
    gains, members = (nothing if place is None else place for place in (found.gain, found.family))
    for gain, value in sorted({*zip(gains.tolist(), members.tolist(), strict=True)}):
        rows = np.flatnonzero((gains == gain) & (members == value))
        shapes = (found.templates if found.family is None else found.templates.at(value)).shapes
        yield rows, shapes if found.gain is None else moved(shapes, found.axis.edges, gain)
