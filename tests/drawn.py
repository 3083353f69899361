"""Small drawn sets for plots: K classes with lines of their own on a falling background."""

from __future__ import annotations

import warnings

import numpy as np

import gamma_flow as gf
from gamma_flow.data.method import Method

__all__ = ["BACKGROUND", "names_of", "scene"]

BACKGROUND = "background"


def names_of(k: int) -> list[str]:
    """K - 1 sources, some with long names, and the background."""
    return [f"Nuclide-{i:02d}" if i % 7 else f"Nuclide-{i:02d} in steel" for i in range(k - 1)] + [BACKGROUND]


def scene(
    k: int, *, mixed: bool = False, n: int = 200, channels: int = 128, seed: int = 1, engine: bool = False
) -> tuple[gf.Model, gf.Analysis, gf.SpectrumSet]:
    """Model, analysis and labelled spectra of K classes; weak sources, so that some answers are wrong."""
    rng = np.random.default_rng(seed)
    names = names_of(k)
    axis = gf.Axis.linear(0, 3000, channels)
    x = axis.centres
    shapes = []
    for number in range(k - 1):
        lines = 200 + 2500 * np.array([(number + 0.5) / (k - 1), ((7 * number + 3) % (k + 1)) / (k + 1)])
        peaks = sum(np.exp(-0.5 * ((x - at) / (15 + 0.03 * at)) ** 2) for at in lines)
        shapes.append(peaks + 0.15 * (x < lines.max()))
    shapes.append(np.exp(-x / 500) + 0.01)
    table = np.array(shapes)
    table /= table.sum(axis=1, keepdims=True)
    rows, labels = [], []
    for row in range(n):
        number = row % k
        held = {number} if number < k - 1 else set()
        if mixed and number < k - 1 and row % 3:
            held.add((number + 1 + row % 2) % (k - 1))
        expected = rng.uniform(500, 3000) * table[-1]
        for source in held:
            expected = expected + np.exp(rng.uniform(np.log(60), np.log(3000))) * table[source]
        rows.append(rng.poisson(expected))
        labels.append([*(names[source] for source in sorted(held)), BACKGROUND])
    spectra = gf.SpectrumSet(
        np.array(rows, float),
        axis,
        labels=gf.Labels.of(labels),
        live_time=np.ones(n),
        detector=np.full(n, "left"),
        origin=np.array([f"{'+'.join(sorted(names))[:20]}_{row // 10}.npz#{row}" for row in range(n)]),
        run=np.arange(n) // 10,
    )
    if engine:
        pure = np.concatenate([rng.poisson(4000 * table[i], (30, channels)) for i in range(k)])
        training = gf.SpectrumSet(
            pure.astype(float),
            axis,
            labels=gf.Labels.of([[name] for name in names for _ in range(30)]),
            live_time=np.ones(len(pure)),
            origin=np.array([f"{name}.npz#{row}" for name in names for row in range(30)]),
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = gf.train(training, energy_range=(60, 2900), nulls=500, held_out=0)
    else:
        active = (x > 60) & (x < 2900)
        model = gf.Model(
            gf.Templates(table, names, axis, active, background=BACKGROUND), Method(min_share=0.05)
        )
    return model, model.analyse(spectra), spectra
