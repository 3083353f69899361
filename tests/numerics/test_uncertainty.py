"""Intervals that cover, errors of shares against draws, limits against Currie and ISO 11929."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gamma_flow.errors import DataError, IncompatibleError
from gamma_flow.numerics.decompose import Distortions, decompose
from gamma_flow.numerics.information import absent, covariance, information
from gamma_flow.numerics.uncertainty import intervals, limits, settled, share_errors


def cut_normal(estimate, sd, level=0.95):
    """With scipy: a normal distribution cut at zero, one-sided below 1.645 sd."""
    below = stats.norm.cdf(-estimate / sd)
    at = lambda p: estimate + sd * stats.norm.ppf(below + p * (1 - below))  # noqa: E731
    if estimate < stats.norm.ppf(0.95) * sd:
        return 0.0, at(level)
    return max(at((1 - level) / 2), 0.0), at((1 + level) / 2)


@given(st.floats(-4, 50), st.floats(0.1, 10), st.floats(0.5, 0.99))
def test_with_a_known_variance_it_is_the_cut_normal(x, sd, level):
    estimate = round(x, 3) * sd
    found = intervals([[estimate]], [[sd]], level, unit=0.0)[0, 0]
    np.testing.assert_allclose(found, cut_normal(estimate, sd, level), rtol=1e-6, atol=1e-6 * sd)


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6), st.floats(0.01, 0.999), st.floats(0, 3))
def test_bounds_are_ordered_and_finite(estimate, sd, level, unit):
    low, high = intervals([[estimate]], [[sd]], level, unit=unit)[0, 0]
    assert 0 <= low <= high < np.inf
    if sd > 0 and estimate >= 0 and level > 0.7:
        assert low * (1 - 1e-9) <= estimate <= high * (1 + 1e-9)


def test_each_bound_is_where_the_estimate_would_be_a_quantile():
    low, high = intervals([[100.0]], [[10.0]], unit=1.0)[0, 0]
    z = stats.norm.ppf(0.975)
    np.testing.assert_allclose((high - 100) ** 2, z**2 * high, rtol=1e-9)  # Wilson: variance = score
    np.testing.assert_allclose((low - 100) ** 2, z**2 * low, rtol=1e-9)


def test_far_below_zero_the_bound_still_shrinks_and_never_breaks():
    estimates = -np.array([[0.0, 1.0, 5.0, 10.0, 29.0, 31.0, 1e3, 1e12]])
    upper = intervals(estimates, np.ones_like(estimates), unit=0.0)[0, :, 1]
    assert (np.diff(upper) <= 0).all()
    assert (upper > 0).all()


def test_nothing_known_and_everything_known():
    found = intervals([[5.0, 5.0, -5.0, 0.0, 5.0]], [[np.inf, 0.0, 0.0, 0.0, 5e-324]], unit=0.0)[0]
    np.testing.assert_array_equal(found, [[0, np.inf], [5, 5], [0, 0], [0, 0], [5, 5]])


def library(k=6, c=80, seed=11):
    rng = np.random.default_rng(seed)
    x = np.arange(c)
    rows = [np.exp(-0.5 * ((x - at) / 3) ** 2) + 0.3 * np.exp(-x / 30) for at in rng.uniform(8, 72, k - 1)]
    shapes = np.vstack([rows, np.exp(-x / 25)])
    return shapes / shapes.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("counts", [300, 3000, 100_000])
@pytest.mark.parametrize("seed", [11, 12])
def test_coverage(counts, seed):
    shapes = library(seed=seed)
    n, k = 3000, len(shapes)
    rng = np.random.default_rng(counts)
    true = np.zeros((n, k))
    true[:, -1] = rng.uniform(0.2, 0.9, n)
    rows, who = np.arange(n), rng.integers(0, k - 1, n)
    true[rows, who] = 1 - true[:, -1]
    weak = rng.integers(0, k - 1, n)
    true[rows, weak] += np.where(weak != who, 0.02, 0.0)
    true *= counts
    values = rng.poisson(true @ shapes)
    fit = decompose(
        values,
        shapes,
        Distortions.none(*shapes.shape),
        mismatch=(1e-6, 1e-6),
        adapt=False,
        evidence=False,
        novelty=False,
        mean=True,
    )
    s = information(fit.scores, shapes, mean=fit.mean)
    found = intervals(fit.free, fit.errors, settled=settled(fit.scores, fit.free, fit.errors, s))
    inside = (found[..., 0] <= true + 1e-9) & (true <= found[..., 1])
    at_truth = information(true, shapes)
    sd = np.empty_like(true)
    for j in range(k):
        free = true > 0
        free[:, j] = True
        sd[:, j] = np.sqrt(covariance(at_truth, free)[:, j, j])
    strong = true > 3 * sd
    assert inside[true == 0].mean() > 0.93
    assert 0.935 < inside[strong].mean() < 0.97
    assert 0.935 < inside[strong[:, -1], -1].mean() < 0.975  # the background, which pays for all others
    if ((true > 0) & ~strong).sum() > 300:
        assert inside[(true > 0) & ~strong].mean() > 0.93


def test_settling_takes_the_pull_off_the_background():
    shapes = library()
    true = np.zeros((2000, 6))
    true[:, -1] = 5000.0
    values = np.random.default_rng(1).poisson(true @ shapes)
    fit = decompose(values, shapes, Distortions.none(6, 80), mismatch=(1e-6, 1e-6), adapt=False, mean=True)
    s = information(fit.scores, shapes, mean=fit.mean)
    after = settled(fit.scores, fit.free, fit.errors, s)[:, -1] - 5000.0
    before = fit.scores[:, -1] - 5000.0
    assert abs(after.mean()) < 0.5 * abs(before.mean())
    assert np.sqrt((after**2).mean()) < np.sqrt((before**2).mean())


def test_settling_changes_nothing_where_all_are_sure():
    s = np.array([[[0.02, 0.005], [0.005, 0.04]]])
    scores = np.array([[1000.0, 500.0]])
    np.testing.assert_allclose(settled(scores, scores, [[8.0, 6.0]], s), scores)


def test_settling_is_a_fit_with_the_others_set_back():
    shapes = library()[[0, 1, 2, 5]]
    scores = np.array([[3.0, 400.0, 0.0, 900.0]])
    s = information(scores, shapes)
    sd = np.array([[9.0, 25.0, 9.0, 40.0]])
    free = scores + np.array([[0, 0, -2.0, 0]])
    found = settled(scores, free, sd, s)[0]
    # class 0 is weak: what is not kept of it goes to 1 and 3 by least squares
    x = 3.0 / 9.0
    odds = np.sqrt(2 * np.pi) / 8 * stats.norm.cdf(x) * np.exp(x * x / 2)
    given = 3.0 / (1 + odds)
    big = [1, 3]
    more = np.linalg.solve(s[0][np.ix_(big, big)], s[0][big, 0] * given)
    np.testing.assert_allclose(found[big], scores[0, big] + more, rtol=1e-6)
    assert found[0] == pytest.approx(3.0)
    # class 2 is at zero: free beside 1 and 3, with the rest of class 0 given to all three
    beside = [1, 2, 3]
    more = np.linalg.solve(s[0][np.ix_(beside, beside)], s[0][beside, 0] * given)[1]
    np.testing.assert_allclose(found[2], free[0, 2] + more, rtol=1e-6)


def test_share_errors_against_draws():
    rng = np.random.default_rng(7)
    scores = np.array([400.0, 150.0, 50.0])
    cov = np.array([[400.0, -120.0, 0.0], [-120.0, 225.0, 20.0], [0.0, 20.0, 64.0]])
    draws = rng.multivariate_normal(scores, cov, 200_000)
    spread = (draws / draws.sum(axis=1, keepdims=True)).std(axis=0)
    np.testing.assert_allclose(share_errors(scores[None], cov[None])[0], spread, rtol=0.02)
    alone = rng.normal(scores, np.sqrt(np.diag(cov)), (200_000, 3))
    spread = (alone / alone.sum(axis=1, keepdims=True)).std(axis=0)
    np.testing.assert_allclose(share_errors(scores[None], np.sqrt(np.diag(cov))[None])[0], spread, rtol=0.02)


def test_share_errors_of_nothing():
    found = share_errors([[0.0, 0.0], [5.0, 5.0], [4.0, 0.0]], [[1.0, 1.0], [np.inf, 1.0], [1.0, 0.0]])
    np.testing.assert_allclose(found, [[1, 1], [1, 1], [0, 0]])
    assert share_errors(np.zeros((0, 2)), np.zeros((0, 2, 2))).shape == (0, 2)


def test_limits_are_those_of_currie():
    for background in (1.0, 20.0, 1000.0):
        sd0, unit = absent([[0.0, 2 * background]], [[1.0, 0.0], [0.5, 0.5]])
        found = limits(sd0, unit)
        np.testing.assert_allclose(found.decision_threshold[0, 0], 2.33 * np.sqrt(background), rtol=2e-3)
        np.testing.assert_allclose(found.detection_limit[0, 0], 2.71 + 4.65 * np.sqrt(background), rtol=2e-3)


def test_limits_are_the_end_of_the_iteration_of_iso_11929():
    sd0, unit, r = np.array([[3.0, 40.0]]), 1.3, np.array([[0.05, 0.3]])
    found = limits(sd0, unit, relative=r, alpha=0.05, beta=0.1)
    k_a, k_b = stats.norm.ppf(0.95), stats.norm.ppf(0.9)
    y = 2 * k_a * sd0
    for _ in range(300):
        y = k_a * sd0 + k_b * np.sqrt(sd0**2 + unit * y + (r * y) ** 2)
    np.testing.assert_allclose(found.decision_threshold, k_a * sd0)
    np.testing.assert_allclose(found.detection_limit, y, rtol=1e-9)


def test_limits_that_do_not_exist_are_infinite():
    found = limits([[5.0, np.inf]], relative=[[0.7, 0.0]])
    assert np.isinf(found.detection_limit).all()
    assert np.isfinite(found.decision_threshold[0, 0])
    assert np.isinf(found.decision_threshold[0, 1])


def test_a_threshold_is_exceeded_by_chance_as_often_as_promised():
    shapes = library()
    fit_shapes = shapes[[0, 5]]
    rng = np.random.default_rng(9)
    sd0, unit = absent([[0.0, 2000.0]], fit_shapes)
    found = limits(sd0, unit)
    rates = []
    for score in (0.0, found.detection_limit[0, 0]):
        values = rng.poisson(np.array([score, 2000.0]) @ fit_shapes, (8000, 80))
        fit = decompose(
            values, fit_shapes, Distortions.none(2, 80), mismatch=(1e-6, 1e-6), adapt=False, evidence=False
        )
        rates.append((fit.free[:, 0] > found.decision_threshold[0, 0]).mean())
    assert rates[0] == pytest.approx(0.05, abs=0.01)
    assert rates[1] == pytest.approx(0.95, abs=0.01)


def test_refusals():
    one = np.ones((1, 2))
    with pytest.raises(DataError, match="errors"):
        intervals(one, -one)
    with pytest.raises(DataError, match="free"):
        intervals(one * np.nan, one)
    with pytest.raises(DataError, match="level"):
        intervals(one, one, 1.0)
    with pytest.raises(IncompatibleError):
        intervals(one, np.ones((1, 3)))
    with pytest.raises(IncompatibleError):
        settled(one, one, one, np.ones((1, 3, 3)))
    with pytest.raises(IncompatibleError):
        share_errors(one, np.ones((1, 3)))
    with pytest.raises(DataError, match="not a number"):
        share_errors(one, np.full((1, 2, 2), np.nan))
    with pytest.raises(DataError, match="sd0"):
        limits(one * np.nan)
    with pytest.raises(DataError, match="beta"):
        limits(one, beta=0.6)
