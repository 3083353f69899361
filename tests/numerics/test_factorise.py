"""Factorisation: it descends, keeps what is fixed, finds what is free, and agrees with scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gamma_flow.errors import DataError, IncompatibleError
from gamma_flow.numerics.factorise import factorise
from gamma_flow.numerics.similarity import cosine

CHANNELS = 60


def peaks(*centres, width=2.5, slope=0.03):
    x = np.arange(CHANNELS)
    rows = [np.exp(-0.5 * ((x - c) / width) ** 2) + 0.2 * np.exp(-slope * x) * (x < c) for c in centres]
    t = np.array(rows)
    return t / t.sum(axis=1, keepdims=True)


def mixtures(n=80, counts=2000.0, seed=1):
    rng = np.random.default_rng(seed)
    x = np.arange(CHANNELS)
    ground = np.exp(-x / 20)
    shapes = np.vstack([ground / ground.sum(), peaks(22.0, 45.0)])
    shares = rng.dirichlet([1.0, 0.5, 0.5], n)
    return rng.poisson(counts * shares @ shapes), shapes, shares


def descends(deviance):
    return (np.diff(deviance) <= 1e-9 * np.abs(deviance[0]) + 1e-9).all()


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 2**31),
    loss=st.sampled_from(["poisson", "leastsquares"]),
    smooth=st.sampled_from([0.0, 1e-6, 1e-3, 0.1, 10.0]),
    n_free=st.integers(0, 3),
    n_fixed=st.integers(0, 2),
    draw=st.booleans(),
)
def test_the_loss_never_rises(seed, loss, smooth, n_free, n_fixed, draw):
    if n_free + n_fixed == 0:
        return
    rng = np.random.default_rng(seed)
    values = rng.poisson(rng.exponential(rng.choice([0.3, 5.0, 500.0]), (12, 15))).astype(float)
    fixed = rng.exponential(size=(n_fixed, 15)) if n_fixed else None
    found = factorise(
        values, n_free, fixed=fixed, loss=loss, smooth=smooth, max_steps=30, start=rng if draw else None
    )
    assert descends(found.deviance)
    assert np.isfinite(found.scores).all()
    assert np.isfinite(found.templates).all()
    assert (found.scores >= 0).all()
    assert (found.templates >= 0).all()
    np.testing.assert_allclose(found.templates.sum(axis=1), 1, rtol=1e-12)
    if n_fixed:
        np.testing.assert_array_equal(found.templates[:n_fixed], fixed / fixed.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("loss", ["poisson", "leastsquares"])
def test_a_free_template_is_found_in_mixtures_with_known_ones(loss):
    values, shapes, shares = mixtures()
    found = factorise(values, 1, fixed=shapes[:2], loss=loss, tolerance=1e-7, max_steps=3000)
    assert cosine(found.templates[2:], shapes[2:])[0] > 0.99
    np.testing.assert_allclose(found.scores.sum(), values.sum(), rtol=0.02)
    assert np.corrcoef(found.scores[:, 2], shares[:, 2])[0, 1] > 0.98


def test_smoothing_helps_where_counts_are_few_and_says_so_in_roughness():
    values, shapes, _ = mixtures(n=20, counts=30.0, seed=4)
    rough = factorise(values, 1, fixed=shapes[:2], max_steps=300)
    smooth = factorise(values, 1, fixed=shapes[:2], smooth=1e-2, max_steps=300)
    bends = [np.square(np.diff(f.templates[2])).sum() for f in (rough, smooth)]
    assert bends[1] < bends[0]
    better = [cosine(f.templates[2:], shapes[2:])[0] for f in (rough, smooth)]
    assert better[1] > better[0]


def test_free_templates_alone_and_the_random_start_is_reproducible():
    values, _, _ = mixtures()
    one, other = (factorise(values, 3, start=np.random.default_rng(3), max_steps=50) for _ in range(2))
    np.testing.assert_array_equal(one.templates, other.templates)
    np.testing.assert_array_equal(one.scores, other.scores)
    assert (np.diff(one.scores.sum(axis=0)) <= 0).all()


def test_the_order_of_rows_does_not_matter():
    values, shapes, _ = mixtures()
    order = np.random.default_rng(8).permutation(len(values))
    one = factorise(values, 2, fixed=shapes[:1], max_steps=100, tolerance=0)
    other = factorise(values[order], 2, fixed=shapes[:1], max_steps=100, tolerance=0)
    np.testing.assert_allclose(other.templates, one.templates, atol=1e-8)
    np.testing.assert_allclose(other.scores, one.scores[order], atol=1e-5)


def test_inputs_are_untouched():
    values, shapes, _ = mixtures(n=10)
    begin = peaks(30.0)
    before = values.copy(), shapes.copy(), begin.copy()
    factorise(values, 1, fixed=shapes[:2], start=begin, max_steps=5)
    for array, copy in zip((values, shapes, begin), before, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize(("loss", "beta"), [("poisson", "kullback-leibler"), ("leastsquares", "frobenius")])
def test_as_low_as_scikit_learn(loss, beta):
    decomposition = pytest.importorskip("sklearn.decomposition")
    values, _, _ = mixtures(n=60)
    ours = factorise(values, 3, loss=loss, tolerance=1e-7, max_steps=2000)
    theirs = decomposition.NMF(3, solver="mu", beta_loss=beta, init="nndsvda", max_iter=3000, tol=1e-7).fit(
        values.astype(float)
    )
    other = 2 * theirs.reconstruction_err_**2 / 2  # its error is the root of twice the divergence
    assert ours.deviance[-1] <= other * 1.01


def test_the_deviance_is_that_of_the_result():
    values, shapes, _ = mixtures(n=20)
    found = factorise(values, 1, fixed=shapes[:2], max_steps=20)
    mean = found.scores @ found.templates
    ratio = np.where(values > 0, values, 1) / mean
    expected = 2 * (values * np.log(ratio) - values + mean).sum()
    np.testing.assert_allclose(found.deviance[-1], expected, rtol=1e-6)


def test_progress_is_told_and_may_end_the_work():
    values, _, _ = mixtures(n=10)
    seen = []

    def progress(step, deviance):
        seen.append((step, deviance))
        return step < 4

    found = factorise(values, 2, progress=progress)
    assert [step for step, _ in seen] == [1, 2, 3, 4]
    assert len(found.deviance) == 5
    assert not found.converged


def test_many_rows_pass_in_blocks(monkeypatch):
    from gamma_flow.numerics import _factor_steps as module

    values, shapes, _ = mixtures(n=50)
    whole = factorise(values, 1, fixed=shapes[:2], max_steps=20)
    monkeypatch.setattr(module, "_BLOCK", 7 * CHANNELS)
    parts = factorise(values, 1, fixed=shapes[:2], max_steps=20)
    np.testing.assert_allclose(parts.templates, whole.templates, atol=1e-10)


def test_degenerate_values_have_an_answer():
    for values in (np.zeros((3, 5)), np.zeros((0, 5)), np.array([[0, 0, 7, 0, 0]])):
        for loss in ("poisson", "leastsquares"):
            found = factorise(values, 2, loss=loss, smooth=1e-3, max_steps=20)
            assert np.isfinite(found.scores).all()
            np.testing.assert_allclose(found.templates.sum(axis=1), 1)
    known = np.array([[1.0, 0.0, 0.0, 0.0, 0.0]])
    found = factorise(np.array([[3.0, 1, 0, 0, 0]]), 0, fixed=known)
    np.testing.assert_allclose(found.scores, [[3.0]])  # what no template can make takes no part


def test_least_squares_takes_negative_values():
    values = np.random.default_rng(1).normal(1.0, 2.0, (10, 8))
    assert descends(factorise(values, 2, loss="leastsquares", max_steps=50).deviance)


def test_refusals():
    values = np.ones((3, 4))
    with pytest.raises(DataError, match="counts are not negative"):
        factorise(-values, 1)
    with pytest.raises(DataError, match="not finite"):
        factorise(values * np.nan, 1)
    with pytest.raises(DataError, match="unknown loss"):
        factorise(values, 1, loss="huber")
    with pytest.raises(DataError, match="smooth"):
        factorise(values, 1, smooth=-1.0)
    with pytest.raises(DataError, match="is negative"):
        factorise(values, 1, fixed=[[1.0, -1, 0, 0]])
    with pytest.raises(IncompatibleError, match="channels"):
        factorise(values, 1, fixed=[[1.0, 1.0]])
    with pytest.raises(IncompatibleError, match="as many"):
        factorise(values, 2, start=np.ones((1, 4)))
