"""Small spectra for the study of unknowns: drawn lines over a continuum, in keV."""

from __future__ import annotations

import numpy as np

import gamma_flow as gf

__all__ = ["drawn"]


def drawn(
    classes: int, rows: int = 20, *, seed: int = 1, unknown: bool = True, names: tuple[str, ...] | None = None
) -> gf.SpectrumSet:
    """Return pure spectra of so many sources and of background, and mixtures, some with a class of no model.

    Pure ones are of the detector "simulated", mixtures of "left".
    """
    rng = np.random.default_rng(seed)
    axis = gf.Axis.linear(0, 2000, 100)
    x = axis.centres
    told = tuple(f"Nu{100 + k}" for k in range(classes)) if names is None else names
    shapes = []
    for k in range(classes + 1):
        lines = rng.uniform(100, 1900, 2) if k else np.array([300.0, 1500.0])
        shape = sum(np.exp(-0.5 * ((x - at) / (20 + at / 40)) ** 2) for at in lines) + 0.05 * (
            x < lines.max()
        )
        shapes.append(shape / shape.sum())
    continuum = np.exp(-x / 400) / np.exp(-x / 400).sum()
    sources, strange = [*shapes[1:], continuum], shapes[0]
    values, lists, detector, origin = [], [], [], []
    for name, shape in zip([*told, "background"], sources, strict=True):
        for row in range(rows):
            values.append(rng.poisson(shape * rng.uniform(300, 3000)))
            lists.append([name])
            detector.append("simulated")
            origin.append(f"{name}.npy#{row}")
    for row in range(rows if unknown else 0):
        k = row % classes
        mean = 1000 * continuum + 500 * sources[k]
        names_here = [told[k], "background"]
        if row % 2:
            mean, names_here = mean + 800 * strange, ["Mystery", *names_here]
        values.append(rng.poisson(mean))
        lists.append(names_here)
        detector.append("left")
        origin.append(f"mixtures.npy#{row}")
    return gf.SpectrumSet(
        np.array(values, float),
        axis,
        labels=gf.Labels.of(lists),
        detector=np.array(detector),
        origin=np.array(origin),
        live_time=np.ones(len(values)),
    )
