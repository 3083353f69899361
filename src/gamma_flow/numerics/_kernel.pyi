from typing import Any

from numpy import float64
from numpy.typing import NDArray

def least_squares(
    values: NDArray[Any],
    basis: NDArray[float64],
    coordinates: NDArray[float64],
    ones: NDArray[float64],
    norms: NDArray[float64],
    n_free: int,
    tolerance: float,
    scores: NDArray[float64],
    quality: NDArray[float64],
    threads: int,
    /,
) -> None: ...
def poisson(
    values: NDArray[Any],
    shapes: NDArray[float64],
    floor: float,
    tolerance: float,
    steps: int,
    scores: NDArray[float64],
    summary: NDArray[float64],
    threads: int,
    /,
) -> None: ...
def decompose(
    values: NDArray[Any],
    shapes: NDArray[float64],
    spread: NDArray[float64],
    drift: NDArray[float64],
    pairs: NDArray[float64] | None,
    sigma: NDArray[float64] | None,
    pile: NDArray[float64] | None,
    distortions: tuple[int, int],
    mismatch: tuple[float, float, bool, float],
    steps: tuple[int, int, float, float],
    rules: tuple[float, float, bool, bool, bool, int],
    scores: NDArray[float64],
    errors: NDArray[float64],
    free: NDArray[float64],
    ratios: NDArray[float64],
    drifts: NDArray[float64],
    summary: NDArray[float64],
    sums: NDArray[float64],
    mean: NDArray[float64] | None,
    threads: int,
    /,
) -> None: ...
def pairs(shapes: NDArray[float64], pile_shift: int, pairs: NDArray[float64], /) -> None: ...
def wide(want: bool, /) -> bool: ...
