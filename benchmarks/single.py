"""How long one spectrum takes through ``model.analyse``: 256 channels, five classes, one thread.

python benchmarks/single.py
python benchmarks/single.py --profile
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import time
import warnings
from collections.abc import Callable

import numpy as np

import gamma_flow as gf

CLASSES = 5
CHANNELS = 256


def drawn(rng: np.random.Generator) -> tuple[gf.SpectrumSet, gf.SpectrumSet]:
    """Return training spectra of five classes, one of them background, and mixtures."""
    axis = gf.Axis.polynomial([-12.0, 8.15, 0.0012], CHANNELS, "keV", "centre")
    x = axis.centres
    lines = [60.0, 344.0, 662.0, 1250.0]
    shapes = [np.exp(-0.5 * ((x - e) / (1.6 * np.sqrt(e))) ** 2) + 0.02 * (x < e) for e in lines]
    shapes.append(np.exp(-np.maximum(x, 0) / 350))
    means = np.array([2000 * shape / shape.sum() for shape in shapes])
    names = ["Am241", "Eu152", "Cs137", "Co60", "background"]
    pure = gf.SpectrumSet(
        rng.poisson(np.repeat(means, 30, axis=0)).astype(float),
        axis,
        labels=gf.Labels.of([[name] for name in names for _ in range(30)]),
        live_time=np.ones(30 * CLASSES),
        origin=[f"{name}.csv#{row}" for name in names for row in range(30)],
    )
    amounts = rng.uniform(0.1, 1.0, (200, CLASSES)) * (rng.random((200, CLASSES)) < 0.5)
    amounts[:, -1] = 1.0
    mixed = gf.SpectrumSet(rng.poisson(amounts @ means).astype(float), axis, live_time=np.ones(200))
    return pure, mixed


def times_us(call: Callable[[int], object], repeats: int = 2000) -> tuple[float, float]:
    """Return median and 5 % quantile of many calls in microseconds of processor time."""
    taken = np.empty(repeats)
    for number in range(repeats):
        start = time.thread_time()
        call(number)
        taken[number] = time.thread_time() - start
    middle, low = np.quantile(taken, [0.5, 0.05]) * 1e6
    return float(middle), float(low)


def main() -> None:
    """Print medians, or a profile."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profile", action="store_true", help="where the time goes")
    arguments = parser.parse_args()
    pure, mixed = drawn(np.random.default_rng(1))
    singles = [mixed[row] for row in range(len(mixed))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        full = gf.train(pure, nulls=1000)
        plain = gf.train(pure, noise="leastsquares")
        exact = gf.train(pure, parts=(), nulls=1000)
    ways: dict[str, Callable[[int], object]] = {
        "SpectrumSet of one row": lambda i: gf.SpectrumSet(mixed.values[i % 200, None], mixed.axis),
        "least squares": lambda i: plain.analyse(singles[i % 200]),
        "least squares, kernel alone": lambda i: plain._engine(mixed.axis).unmixer.unmix(
            mixed.values[i % 200, None]
        ),
        "everything": lambda i: full.analyse(singles[i % 200]),
        "everything, fit alone": lambda i: full._engine(mixed.axis).fit(
            mixed.values[i % 200, None], None, mixed.live_time[i % 200, None]
        ),
        'detail="evidence"': lambda i: full.analyse(singles[i % 200], detail="evidence"),
        'detail="scores"': lambda i: full.analyse(singles[i % 200], detail="scores"),
        "exact templates (parts=())": lambda i: exact.analyse(singles[i % 200]),
        "everything, 200 in one batch, each": lambda _: full.analyse(mixed),
    }
    for name, call in ways.items():
        batch = 200 if "batch" in name else 1
        call(0)
        middle, low = times_us(call, 2000 // batch)
        print(f"{name:36s} median {middle / batch:8.1f} us, 5 % quantile {low / batch:8.1f} us")
    if arguments.profile:
        for name in ("least squares", "everything"):
            profile = cProfile.Profile()
            profile.enable()
            for number in range(3000):
                ways[name](number)
            profile.disable()
            pstats.Stats(profile).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    main()
