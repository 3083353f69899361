"""Draws without a class."""

import numpy as np
import pytest

from gamma_flow.numerics.nulls import Distortion, draw_nulls

EDGES = np.linspace(0.0, 1000.0, 101)
ACTIVE = np.ones(100, bool)


def line(at: float) -> np.ndarray:
    return np.exp(-0.5 * ((0.5 * (EDGES[1:] + EDGES[:-1]) - at) / 25.0) ** 2)


def draws(size: float, how: Distortion, n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Of a background of so many counts alone."""
    shape = line(500.0)
    pools = [size * shape[None] / shape.sum()]
    return draw_nulls(pools, 0, EDGES, ACTIVE, n, how, np.random.default_rng(1))


def test_a_measured_background_keeps_about_its_counts():
    counts = draws(1000.0, Distortion())[0].sum(axis=1)
    assert 200 < counts.min() < 400
    assert 1900 < counts.max() < 2200


def test_a_sharp_background_is_drawn_at_all_counts():
    counts = np.log10(draws(1e8, Distortion())[0].sum(axis=1))
    shares = np.histogram(counts, [2, 3, 4, 5, 6])[0] / len(counts)
    assert shares == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize(("wide", "sd"), [(0.0, 0.01), (0.1, np.sqrt(0.01**2 + 0.1**2 / 3))])
def test_gains_scatter_as_they_should(wide, sd):
    values, _ = draws(1e8, Distortion(gain=0.01, gain_range=wide))
    values = values[values.sum(axis=1) > 1e4]
    mean = values @ (0.5 * (EDGES[1:] + EDGES[:-1])) / values.sum(axis=1) / 500.0
    assert mean.mean() == pytest.approx(1.0, abs=4e-3)
    assert mean.std() == pytest.approx(sd, rel=0.05)
