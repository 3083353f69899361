"""The strongest peak of a residual."""

from __future__ import annotations

import numpy as np
import pytest

from gamma_flow.errors import DataError, IncompatibleError
from gamma_flow.numerics.novelty import peak_excess


@pytest.fixture
def drawn() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    mean = 400 * np.exp(-np.arange(120) / 60) + np.zeros((300, 1))
    return rng.poisson(mean).astype(float), mean, np.linspace(3, 9, 120)


def slow(values: np.ndarray, mean: np.ndarray, widths: np.ndarray, mismatch: float) -> float:
    """The twin: one channel after the other."""
    best = 0.0
    for j, width in enumerate(widths):
        s = max(width / 2.3548200450309493, 0.5)
        near = [c for c in range(len(values)) if abs(c - j) <= max(np.ceil(3 * s), 2)]
        bell = np.array([np.exp(-0.5 * ((c - j) / s) ** 2) for c in near])
        bell -= bell.mean()
        net = (bell * (values - mean)[near]).sum()
        variance = (bell**2 * (np.maximum(mean, 0.05) + (mismatch * mean) ** 2)[near]).sum()
        best = max(best, net / np.sqrt(variance))
    return best


def test_it_is_that_of_its_twin_in_any_batch(drawn: tuple[np.ndarray, ...]) -> None:
    values, mean, widths = drawn
    f = np.linspace(0, 0.1, len(values))
    whole = peak_excess(values, mean, widths, mismatch=f)
    for row in (0, 17, 299):
        assert whole[row] == pytest.approx(slow(values[row], mean[row], widths, f[row]), rel=1e-12)
        assert peak_excess(values[row : row + 1], mean[row : row + 1], widths, mismatch=f[row]) == whole[row]


def test_chance_stays_small_a_peak_stands_out_and_a_wrong_continuum_does_not(
    drawn: tuple[np.ndarray, ...],
) -> None:
    values, mean, widths = drawn
    assert np.median(peak_excess(values, mean, widths)) < 3.5
    peaked = values + 250 * np.exp(-0.5 * ((np.arange(120) - 60) / 2.5) ** 2)
    assert peak_excess(peaked, mean, widths).min() > 8
    assert np.median(peak_excess(1.3 * values, mean, widths)) < 5  # a plain filter sees twice ten


def test_other_noise_and_bad_shapes(drawn: tuple[np.ndarray, ...]) -> None:
    values, mean, widths = drawn
    one = peak_excess(values, mean, widths, sigma=np.full((300, 1), 10.0))
    two = peak_excess(values, mean, widths, sigma=np.full((300, 120), 20.0))
    np.testing.assert_allclose(one, 2 * two, rtol=1e-12)
    with pytest.raises(IncompatibleError):
        peak_excess(values, mean[:, :3], widths)
    with pytest.raises(DataError, match="not positive"):
        peak_excess(values, mean, np.zeros(120))
    assert peak_excess(values[:0], mean[:0], widths).shape == (0,)
