"""A spectrum in few numbers, for a line of the waterfall."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["WIDTH", "strip"]

WIDTH = 128
"""Numbers of a strip at most."""


def strip(values: NDArray[np.float64], width: int = WIDTH) -> list[float]:
    """Return sums over groups of neighbouring channels, as even as can be.

    Examples
    --------
    >>> import numpy as np
    >>> strip(np.arange(6.0), 3)
    [1.0, 5.0, 9.0]
    """
    channels = len(values)
    if channels <= width:
        found: list[float] = values.tolist()
        return found
    starts = np.arange(width) * channels // width
    sums: list[float] = np.add.reduceat(values, starts).tolist()
    return sums
