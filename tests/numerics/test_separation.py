"""Separation of pairs against its slow twins: non-negative least squares and the replacement loss."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gamma_flow.errors import DataError, IncompatibleError
from gamma_flow.numerics.identify import replacement_loss
from gamma_flow.numerics.information import FLOOR, information
from gamma_flow.numerics.separation import conditioning, counts_needed, pair_significance


def drawn(seed: int, classes: int = 5, channels: int = 30) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    shapes = rng.gamma(0.5, size=(classes, channels))
    background = rng.gamma(1.0, size=channels)
    return shapes / shapes.sum(axis=1, keepdims=True), background / background.sum()


@given(st.integers(0, 10_000), st.floats(1, 1e6), st.floats(0, 1e6), st.floats(0, 0.2))
def test_every_pair_is_what_non_negative_least_squares_leaves(
    seed: int, counts: float, beside: float, mismatch: float
) -> None:
    optimize = pytest.importorskip("scipy.optimize")
    t, b = drawn(seed)
    found = pair_significance(t, b, counts, beside, mismatch=mismatch)
    for i in range(len(t)):
        truth = counts * t[i] + beside * b
        mean = np.maximum(truth, FLOOR)
        sigma = np.sqrt(mean + (mismatch * mean) ** 2)
        for j in range(len(t)):
            both = np.stack([t[j], b]) if i != j else b[None]
            left = optimize.nnls((both / sigma).T, truth / sigma)[1]
            whole = np.linalg.norm(counts * t[i] / sigma)
            assert found[i, j] == pytest.approx(left, rel=1e-5, abs=1e-5 * whole)


def test_it_is_the_replacement_loss_where_nothing_is_negative() -> None:
    t, b = drawn(3)
    scores = np.zeros((1, 6))
    scores[0, [2, 5]] = 800.0, 5000.0
    with_other, without = replacement_loss(information(scores, np.r_[t, b[None]]), scores)
    found = pair_significance(t, b, 800.0, 5000.0)[2]
    np.testing.assert_allclose(found[[0, 1, 3, 4]], np.sqrt(with_other[0, 2, [0, 1, 3, 4]]), rtol=2e-3)
    assert found[2] == pytest.approx(np.sqrt(without[0, 2, 0]), rel=1e-3)


@given(st.integers(0, 10_000), st.floats(0, 10), st.floats(0, 0.1))
def test_the_counts_needed_give_the_significance_that_was_asked_for(
    seed: int, ratio: float, mismatch: float
) -> None:
    t, b = drawn(seed, classes=3)
    needed = counts_needed(t, b, ratio, 3.0, mismatch=mismatch)
    for i, j in zip(*np.nonzero(np.isfinite(needed) & (needed > 1.0)), strict=True):
        z = pair_significance(t, b, needed[i, j], ratio * needed[i, j], mismatch=mismatch)[i, j]
        assert z == pytest.approx(3.0, rel=0.02)
    never = np.isinf(needed)
    assert (pair_significance(t, b, 1e12, ratio * 1e12, mismatch=mismatch)[never] < 3.0).all()


def test_equal_templates_are_never_told_apart() -> None:
    t, b = drawn(1, classes=2)
    same = np.stack([t[0], t[0], t[1]])
    assert pair_significance(same, b, 1e4, 1e4)[0, 1] == 0
    assert np.isinf(counts_needed(same, b, 1.0, 3.0)[0, 1])
    assert np.isinf(counts_needed(same, None, 0.0, 3.0)[1, 0])
    assert np.isfinite(counts_needed(same, b, 1.0, 3.0)[0, 2])


def test_what_noise_in_the_templates_adds_is_taken_off() -> None:
    rng = np.random.default_rng(5)
    shape, b = drawn(2, classes=1)
    made = 3000
    raw, corrected = [], []
    for _ in range(200):
        noisy = rng.poisson(made * np.repeat(shape, 2, axis=0)) / made
        variances = noisy / made
        raw.append(pair_significance(noisy, b, 1000.0, 1000.0)[0, 1] ** 2)
        corrected.append(pair_significance(noisy, b, 1000.0, 1000.0, variances=variances)[0, 1] ** 2)
    # two equal classes: all that tells them apart is noise
    assert np.mean(raw) > 4
    assert np.mean(corrected) < 0.4 * np.mean(raw)
    assert np.mean(np.array(corrected) == 0) > 0.4


def test_conditioning_knows_the_inverse() -> None:
    rng = np.random.default_rng(4)
    root = rng.normal(size=(4, 9))
    s = root @ root.T
    found = conditioning(s)
    size = np.sqrt(np.diag(s))
    assert found.number == pytest.approx(np.linalg.cond(s / np.outer(size, size)))
    np.testing.assert_allclose(found.inflation, size * np.sqrt(np.diag(np.linalg.inv(s))))
    assert np.isinf(conditioning([[1.0, 1.0], [1.0, 1.0]]).number)
    with pytest.raises(DataError, match="no information matrix"):
        conditioning([[0.0, 0.0], [0.0, 1.0]])


def test_bad_input_is_refused() -> None:
    t, b = drawn(1)
    with pytest.raises(IncompatibleError, match="background and templates do not fit"):
        pair_significance(t, b[:-1], 100.0, 0.0)
    with pytest.raises(IncompatibleError, match="variances and templates do not fit"):
        pair_significance(t, b, 100.0, 0.0, variances=t[:2])
    with pytest.raises(DataError, match="counts and floor are positive"):
        pair_significance(t, b, 0.0, 0.0)
    with pytest.raises(DataError, match="the significance is positive"):
        counts_needed(t, b, 0.0, 0.0)
    with pytest.raises(DataError, match="not finite"):
        pair_significance(np.where(t > 0.1, np.nan, t), b, 100.0, 0.0)
