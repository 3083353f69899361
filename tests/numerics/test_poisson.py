"""Poisson maximum likelihood: against scipy, against its conditions of optimality, kernel against twin."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines import each_engine, each_kernel, using
from gamma_flow.errors import DataError, IncompatibleError, SettingsError
from gamma_flow.numerics import _compiled
from gamma_flow.numerics import poisson as module
from gamma_flow.numerics.poisson import poisson

seeds = st.integers(0, 2**32 - 1)
KINDS = ["random", "peaks", "collinear", "repeated", "scaled", "sparse"]
FLOOR = 1e-9


def draw(rng, kind, n=4):
    """Draw counts (n, c), now and then not from the model, and templates (k, c)."""
    k, c = int(rng.integers(1, 8)), int(rng.choice([1, 7, 60]))
    templates = rng.gamma(0.3, 1.0, (k, c))
    if kind == "peaks":
        x = np.arange(c)
        centres, widths = rng.uniform(0, c, (k, 1)), rng.uniform(1, 5, (k, 1))
        templates = np.exp(-0.5 * ((x - centres) / widths) ** 2) + rng.choice([0, 1e-3])
    elif kind == "collinear":
        templates = rng.random((1, c)) + 10.0 ** rng.uniform(-9, -1) * rng.random((k, c))
    elif kind == "repeated":
        templates = templates[rng.integers(0, k, k)]
    elif kind == "scaled":
        templates = templates * 10.0 ** rng.uniform(-6, 6, (k, 1))
    elif kind == "sparse":
        templates = templates * (rng.random((k, c)) < 0.3)
    mean = (rng.gamma(0.5, 1.0, (n, k)) * (rng.random((n, k)) < 0.6)) @ templates
    total = 10.0 ** rng.uniform(-0.5, 6, (n, 1))
    mean = mean / np.maximum(mean.sum(axis=1, keepdims=True), 1e-300) * total
    alien = rng.gamma(0.1, 1.0, (n, c)) * total / c * (rng.random((n, 1)) < 0.3)
    return rng.poisson(mean + alien).astype(float), templates


def violation(values, templates, scores, floor=FLOOR):
    """Measure the conditions of the maximum as they are stated."""
    mean = scores @ templates + floor
    sums = templates.sum(axis=1)
    used = sums > 0
    g = ((values / mean - 1) @ templates.T)[:, used] / sums[used]
    share = scores[:, used] * sums[used] / np.maximum(values.sum(axis=1, keepdims=True), 1.0)
    return np.maximum(g, np.abs(g) * share).max(axis=1, initial=0.0) * (values.sum(axis=1) > 0)


@each_engine
@pytest.mark.parametrize("kind", KINDS)
def test_conditions_of_the_maximum_hold_everywhere(engine, kind):
    rng = np.random.default_rng(KINDS.index(kind))
    with using(engine):
        for _ in range(40):
            values, templates = draw(rng, kind)
            fit = poisson(values, templates)
            assert (fit.scores >= 0).all()
            assert (violation(values, templates, fit.scores) <= 1.01e-9).all()
            np.testing.assert_allclose(
                fit.violation, violation(values, templates, fit.scores), rtol=1e-2, atol=1e-12
            )
            assert (fit.steps <= 40).all()
            mean = fit.scores @ templates + FLOOR
            np.testing.assert_allclose(
                fit.log_likelihood, (values * np.log(mean) - mean).sum(axis=1), rtol=1e-12, atol=1e-9
            )


@each_kernel
@pytest.mark.parametrize("kind", KINDS)
def test_kernel_agrees_with_its_twin(engine, kind):
    rng = np.random.default_rng(20 + KINDS.index(kind))
    for _ in range(25):
        values, templates = draw(rng, kind)
        with using(engine):
            found = poisson(values, templates)
        with using("numpy"):
            expected = poisson(values, templates)
        assert np.abs(found.steps - expected.steps).max() <= 2
        np.testing.assert_allclose(found.log_likelihood, expected.log_likelihood, rtol=1e-12, atol=1e-9)
        mean, other = found.scores @ templates + FLOOR, expected.scores @ templates + FLOOR
        # near a flat maximum means may differ by the root of what likelihoods may
        size = 1e-4 * np.sqrt(values.sum(axis=1, keepdims=True) + 1)
        assert (np.abs(mean - other) <= size + 1e-6 * other).all()


@each_engine
def test_agrees_with_scipy(engine):
    optimize = pytest.importorskip("scipy.optimize")
    rng = np.random.default_rng(3)
    for _ in range(10):
        templates = rng.random((3, 12))
        truth = rng.gamma(1.0, 50.0, 3) * (rng.random(3) < 0.7)
        y = rng.poisson(truth @ templates + 0.5).astype(float)

        def loss(a, y=y, templates=templates):
            mean = a @ templates + FLOOR
            return (mean - y * np.log(mean)).sum(), templates @ (1 - y / mean)

        expected = optimize.minimize(
            loss, np.full(3, 10.0), jac=True, bounds=[(0, None)] * 3, options={"ftol": 1e-15, "gtol": 1e-10}
        )
        with using(engine):
            fit = poisson(y[None], templates)
        assert fit.log_likelihood[0] >= -expected.fun - 1e-10 * abs(expected.fun)
        np.testing.assert_allclose(fit.scores[0], expected.x, rtol=1e-4, atol=1e-3)


@each_engine
def test_known_maxima(engine):
    disjoint = np.array([[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.25, 0.25]])
    with using(engine):
        # where templates share no channel, a score is the counts over the sum
        fit = poisson([[3, 5, 1, 1], [0, 0, 7, 0], [0, 1, 0, 0]], disjoint)
        np.testing.assert_allclose(fit.scores, [[8, 4], [0, 14], [1, 0]], rtol=1e-8, atol=1e-8)
        # the fitted counts of any maximum add up to the counts
        rng = np.random.default_rng(4)
        templates = rng.random((5, 30)) + 0.01
        values = rng.poisson(rng.gamma(1.0, 100.0, (20, 5)) @ templates)
        fit = poisson(values, templates)
        np.testing.assert_allclose((fit.scores @ templates).sum(axis=1), values.sum(axis=1), rtol=1e-7)


@each_engine
def test_degenerate_spectra_and_templates(engine):
    templates = np.array([[0.5, 0.5, 0.0], [0.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
    with using(engine):
        fit = poisson([[0, 0, 0], [4, 2, 0], [4, 2, 9], [0, 0, 9]], templates)
        np.testing.assert_array_equal(fit.scores[[0, 3]][0], 0.0)
        np.testing.assert_array_equal(fit.scores[:, 1], 0.0)
        # counts where no template has any change nothing; identical templates share
        np.testing.assert_allclose(fit.scores[1:, [0, 2]].sum(axis=1), [6, 6, 0], rtol=1e-8, atol=1e-7)
        np.testing.assert_allclose(fit.log_likelihood[0], -3 * FLOOR)
        assert np.isfinite(fit.log_likelihood).all()
        assert fit.violation[0] == fit.steps[0] == 0
        nothing = poisson([[1, 2, 3]], np.zeros((2, 3)))
        np.testing.assert_array_equal(nothing.scores, 0.0)
        empty = poisson(np.zeros((0, 3)), templates)
        assert empty.scores.shape == (0, 3)
        assert empty.log_likelihood.shape == empty.violation.shape == empty.steps.shape == (0,)


@each_engine
def test_huge_counts_and_hopeless_templates(engine):
    rng = np.random.default_rng(5)
    templates = rng.random((4, 40))
    templates /= templates.sum(axis=1, keepdims=True)
    truth = np.array([1e12, 3e11, 0.0, 5e6])
    with using(engine):
        fit = poisson((truth @ templates)[None], templates)
        np.testing.assert_allclose(fit.scores[0], truth, rtol=1e-8, atol=1e3)
        # counts in a channel in which the template hardly reaches the floor: 1000 / a + 3e-10 / 1.1e-6 = 1
        alone = poisson([[1000, 3]], [[1.0, 1e-10]], floor=1e-6)
        np.testing.assert_allclose(alone.scores, [[1000 / (1 - 3e-10 / 1.1e-6)]], rtol=1e-7)
        # halves of counts are fine, too
        np.testing.assert_allclose(poisson([[0.25, 0.25]], [[1.0, 1.0]]).scores, [[0.25]], rtol=1e-7)


@given(seeds, st.sampled_from(KINDS))
@settings(max_examples=25)
@each_engine
def test_rows_do_not_know_each_other(engine, seed, kind):
    rng = np.random.default_rng(seed)
    values, templates = draw(rng, kind, n=40 if engine != "numpy" else 5)
    with using(engine):
        together = poisson(values, templates)
        shuffled = rng.permutation(len(values))
        other = poisson(values[shuffled], templates, threads=3)
        for name in ("scores", "log_likelihood", "violation", "steps"):
            np.testing.assert_array_equal(getattr(other, name), getattr(together, name)[shuffled])
            alone = getattr(poisson(values[2:3], templates), name)[0]
            np.testing.assert_array_equal(alone, getattr(together, name)[2])


@given(seeds)
@settings(max_examples=25)
@each_engine
def test_order_of_templates_and_their_scale_are_irrelevant(engine, seed):
    rng = np.random.default_rng(seed)
    values, templates = draw(rng, "random")
    order, scale = rng.permutation(len(templates)), 10.0 ** rng.uniform(-3, 3, len(templates))
    with using(engine):
        fit = poisson(values, templates)
        other = poisson(values, (templates * scale[:, None])[order])
    np.testing.assert_allclose(other.log_likelihood, fit.log_likelihood, rtol=1e-10, atol=1e-7)
    mean = fit.scores @ templates
    again = (other.scores * scale[order]) @ templates[order]
    assert (np.abs(again - mean) <= 1e-3 * np.sqrt(values.sum(axis=1, keepdims=True) + 1)).all()


@each_engine
def test_layout_and_type_do_not_matter_and_inputs_stay(engine):
    rng = np.random.default_rng(6)
    values = rng.integers(0, 100, (9, 12))
    templates = rng.random((3, 12))
    before = templates.copy()
    wide = np.zeros((9, 30))
    wide[:, 5:17] = values
    with using(engine):
        expected = poisson(values.astype(float), templates).scores
        for same in (
            values,
            values.astype(np.float32),
            values.astype(">f8"),
            np.asfortranarray(values * 1.0),
        ):
            same.flags.writeable = False
            kept = same.copy()
            np.testing.assert_array_equal(poisson(same, templates).scores, expected)
            np.testing.assert_array_equal(same, kept)
        np.testing.assert_array_equal(poisson(wide[:, 5:17], templates).scores, expected)
        np.testing.assert_array_equal(poisson(wide[::-1, 5:17], templates).scores[::-1], expected)
    np.testing.assert_array_equal(templates, before)


@each_engine
def test_every_step_ascends(engine):
    rng = np.random.default_rng(7)
    with using(engine):
        fit = _compiled.engine().poisson
        for _ in range(15):
            # nothing fits: a third of these would descend somewhere if no step was shortened
            templates, values = rng.gamma(0.2, 1.0, (3, 8)) ** 2, rng.poisson(10 ** rng.uniform(0, 4, (5, 8)))
            levels = []
            for steps in range(9):
                scores, told = np.zeros((5, 3)), np.zeros((5, 4))
                fit(values.astype(float), templates, FLOOR, 1e-9, steps, scores, told, 1)
                levels.append(told[:, 0].copy())
            assert (np.diff(levels, axis=0) >= -1e-12 * (1 + np.abs(levels[0]))).all()


def test_improving_one_score_after_the_other_ends_at_the_same_maximum(monkeypatch):
    """The way out for templates so dependent that the quadratic model fails: here it fails always."""
    from gamma_flow.numerics import _reference_poisson as twin

    rng = np.random.default_rng(8)
    templates = rng.random((3, 20)) * (rng.random((3, 20)) < 0.4) + 0.01
    values = rng.poisson(rng.gamma(1.0, 100.0, (4, 3)) @ templates).astype(float)
    expected = poisson(values, templates)
    monkeypatch.setattr(twin, "minimise", lambda g, b, start: start)
    scores, told = np.zeros((4, 3)), np.zeros((4, 4))
    twin.poisson(values, templates, FLOOR, 1e-9, 2000, scores, told, 1)
    assert (told[:, 3] == 0).all()
    assert (told[:, 2] > expected.steps).all()
    np.testing.assert_allclose(scores, expected.scores, rtol=1e-6, atol=1e-5)


def test_rows_that_miss_the_tolerance_are_fitted_again_or_refused(monkeypatch):
    rng = np.random.default_rng(9)
    values, templates = draw(rng, "peaks")
    expected = poisson(values, templates)
    monkeypatch.setattr(module, "_STEPS", 1)  # ten steps for the second attempt
    again = poisson(values, templates)
    np.testing.assert_allclose(again.log_likelihood, expected.log_likelihood, rtol=1e-12)
    monkeypatch.setattr(module, "_STEPS", 0)
    with pytest.raises(DataError, match=r"no maximum .* row 0|row 0.*: no maximum"):
        poisson(np.ones((1, 3)), [[1.0, 2.0, 3.0], [3.0, 1.0, 1.0]])


@each_engine
def test_numbers_beyond_the_range_are_refused(engine):
    with using(engine), pytest.raises(DataError, match="row 1: no maximum"):
        poisson([[1.0, 1.0], [1e308, 1e308]], [[0.5, 0.5], [0.1, 0.9]])


@each_engine
def test_refuses_what_is_no_count(engine):
    values, templates = np.ones((3, 4)), np.ones((2, 4))
    with using(engine):
        for bad in (np.nan, np.inf):
            spoilt = values.copy()
            spoilt[1, 2] = bad
            with pytest.raises(DataError, match=r"values, row 1, channel 2: .* not finite"):
                poisson(spoilt, templates)
            with pytest.raises(DataError, match=r"templates, row 0, channel 3: .* not finite"):
                poisson(values, [[1, 1, 1, bad]])
        spoilt[1, 2] = -1
        with pytest.raises(DataError, match=r"values, row 1, channel 2: .* negative.* found -1"):
            poisson(spoilt, templates)
        with pytest.raises(DataError, match=r"templates, row 0, channel 1: .* negative"):
            poisson(values, [[1, -1e-9, 1, 1]])
        with pytest.raises(IncompatibleError, match="one axis"):
            poisson(values, np.ones((2, 5)))
        with pytest.raises(DataError, match="no templates"):
            poisson(values, np.ones((0, 4)))
        with pytest.raises(DataError, match="batch of one"):
            poisson(values[0], templates)
        for bad in ({"tolerance": 0.0}, {"tolerance": np.nan}, {"floor": 0.0}, {"floor": -1.0}):
            with pytest.raises(SettingsError, match=next(iter(bad))):
                poisson(values, templates, **bad)
        for threads in (0, -1, 1.5, True, None):
            with pytest.raises(SettingsError, match="threads"):
                poisson(values, templates, threads=threads)
