"""Distortions of templates: the smooth ones, and those that training spectra show."""

from __future__ import annotations

import numpy as np

from gamma_flow.numerics.novelty import learned_modes, smooth_modes


def test_smooth_modes_are_sum_free_and_of_the_size_asked_for() -> None:
    shapes = np.random.default_rng(1).dirichlet(np.ones(80), 3)
    modes = smooth_modes(shapes, 4, 0.1)
    assert modes.shape == (3, 4, 80)
    np.testing.assert_allclose(modes.sum(axis=2), 0, atol=1e-15)
    # a random combination changes a channel by a tenth, as a root mean square weighted by the template
    relative = np.einsum("kqc,kqd->kcd", modes, modes)
    variance = np.einsum("kcc->kc", relative) / shapes**2
    size = np.sqrt((variance * shapes).sum(axis=1))
    assert ((size > 0.07) & (size < 0.13)).all()
    assert smooth_modes(shapes, 0, 0.1).shape == (3, 0, 80)
    assert not smooth_modes(np.zeros((1, 80)), 2, 0.1).any()


def dense_modes(spectra: np.ndarray, count: int) -> np.ndarray:
    """The slow twin: all eigenvectors of the whitened scatter."""
    total = spectra.sum(axis=1, keepdims=True)
    mean = spectra.sum(axis=0) / total.sum()
    root = np.sqrt(np.maximum(mean, 1e-7))
    z = (spectra / total - mean) / root
    scatter = z.T @ z / len(spectra) - np.diag(mean * (1 / total).mean() / root**2)
    values, vectors = np.linalg.eigh(scatter)
    best = np.argsort(-values)[:count]
    return (np.sqrt(np.maximum(values[best], 0)) * vectors[:, best]).T * root


def scattered(sizes: tuple[float, ...], rows: int = 400) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    x = np.linspace(0, 1, 60)
    mean = np.exp(-2 * x)
    waves = np.stack([np.cos(2 * np.pi * x), np.sin(2 * np.pi * x)])[: len(sizes)]
    amounts = rng.standard_normal((rows, len(sizes))) * sizes
    return rng.poisson(300 * mean * np.maximum(1 + amounts @ waves, 0)).astype(
        float
    ), mean * waves / mean.sum()


def test_learned_modes_find_what_scatters() -> None:
    spectra, true = scattered((0.3, 0.1))
    found = learned_modes(spectra, 2)
    for mode, expected, size in zip(found, true, (0.3, 0.1), strict=True):
        cosine = abs(mode @ expected) / np.linalg.norm(mode) / np.linalg.norm(expected)
        assert cosine > 0.8
        assert 0.7 * size < np.linalg.norm(mode) / np.linalg.norm(expected) < 1.3 * size


def test_subspace_iteration_gives_what_all_eigenvectors_give() -> None:
    spectra, _ = scattered((0.3, 0.1))
    fast, slow = learned_modes(spectra, 2), dense_modes(spectra, 2)
    for one, other in zip(fast, slow, strict=True):
        sign = np.sign(one @ other)
        np.testing.assert_allclose(sign * one, other, atol=1e-3 * np.abs(other).max())


def test_counting_alone_is_no_scatter() -> None:
    spectra, true = scattered(())
    assert np.linalg.norm(learned_modes(spectra, 1)) < 0.1 * np.linalg.norm(
        dense_modes(scattered((0.3,))[0], 1)
    )
    assert true.shape[0] == 0


def test_few_or_empty_spectra_teach_nothing() -> None:
    assert not learned_modes(np.ones((3, 10)), 2).any()
    assert not learned_modes(np.zeros((30, 10)), 2).any()
    assert learned_modes(np.ones((30, 10)), 0).shape == (0, 10)


def test_channels_that_are_not_used_stay_zero() -> None:
    spectra, _ = scattered((0.3,))
    active = np.ones(60, bool)
    active[:7] = False
    found = learned_modes(spectra, 1, active)
    assert not found[:, :7].any()
    np.testing.assert_allclose(found[:, 7:], learned_modes(spectra[:, 7:], 1), rtol=1e-12)
