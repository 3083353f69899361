"""How long it takes to draw 100,000 spectra of 1024 channels, against one plain call of numpy's Poisson.

python benchmarks/drawing.py
"""

from __future__ import annotations

import time

import numpy as np

from gamma_flow.numerics.draw import poisson
from gamma_flow.simulate import simulate


def timed(function: object) -> float:
    start = time.perf_counter()
    function()  # type: ignore[operator]
    return time.perf_counter() - start


def main() -> None:
    made = simulate(["Cs137", "Co60"], "NaI-3x3", count_rate=2000, rng=np.random.default_rng(1))
    expected = np.tile(made.expected, (100_000, 1))
    ours, plain = [], []
    for seed in range(3):
        ours.append(timed(lambda seed=seed: poisson(expected, np.random.default_rng(seed))))
        plain.append(timed(lambda seed=seed: np.random.default_rng(seed).poisson(expected)))
    one, other = np.median(ours), np.median(plain)
    print(
        f"100,000 x 1024, {made.expected.sum():.0f} counts each: {one:.1f} s;"
        f" plain rng.poisson {other:.1f} s, "
        f"{other / one:.2f} times as long (medians of 3)"
    )


if __name__ == "__main__":
    main()
