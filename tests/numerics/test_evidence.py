"""The p-value of a statistic from draws of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gamma_flow.numerics.evidence import LEVELS, Tail, log_p


def half_chi_square(rng: np.random.Generator, n: int) -> np.ndarray:
    """What exact templates give: zero half of the time."""
    return np.maximum(rng.standard_normal(n), 0.0) ** 2


def drawn(kind: str, rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    x = rng.uniform(2.0, 5.0, n)
    if kind == "exponential":
        return rng.exponential(2.0, n), x
    if kind == "half chi-square":
        return half_chi_square(rng, n), x
    if kind == "wider with counts":
        return half_chi_square(rng, n) * 10 ** (0.3 * (x - 2)), x
    if kind == "mostly zero":  # as a fit gives that leaves a class out only where it exceeds its error
        t = rng.standard_normal(n)
        return np.where(t > 1.8, t, 0.0) ** 2, x
    return rng.pareto(4.0, n) * 3.0, x  # heavy tails: generalised Pareto of shape 1/4


KINDS = ["exponential", "half chi-square", "wider with counts", "mostly zero", "heavy"]


@pytest.mark.parametrize("kind", KINDS)
def test_p_values_are_uniform_where_it_matters(kind):
    rng = np.random.default_rng(5)
    tail = Tail.of(*drawn(kind, rng, 60_000), 6)
    p = np.exp(tail.log_p(*drawn(kind, rng, 400_000)))
    least = 0.02 if kind == "mostly zero" else 0.1  # no more than 3.6 % of these are above zero
    for level in (least, 0.5 * least, 0.01, 0.001):
        # the calibration's own error is a few times the binomial one of the draws judged
        assert (p < level).mean() == pytest.approx(level, rel=0.08 + 0.006 / np.sqrt(level)), level
    assert not ((p > 0) & (p < 0.0)).any()
    assert p.max() <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_small_calibrations_are_right_on_average(kind):
    rng = np.random.default_rng(6)
    fresh = drawn(kind, rng, 50_000)
    rates = np.array([
        [(tail.log_p(*fresh) < np.log(level)).mean() / level for level in (0.01, 0.001)]
        for tail in (Tail.of(*drawn(kind, rng, 7000), 6) for _ in range(40))
    ])  # fmt: skip
    assert rates.mean(axis=0) == pytest.approx([1.0, 1.0], abs=0.35)


def test_more_evidence_is_never_less_significant():
    rng = np.random.default_rng(7)
    tail = Tail.of(*drawn("wider with counts", rng, 2000), 6)
    t = np.linspace(0.0, 200.0, 4001)
    for x in (0.0, 2.0, 3.3, 4.4, 5.0, 9.0):
        log_p = tail.log_p(t, np.full(len(t), x))
        assert (np.diff(log_p) <= 1e-12).all()
        assert (np.diff(log_p[t > 20]) < 0).all()  # beyond all draws too
        assert log_p[0] == 0.0


def test_no_evidence_has_p_one_even_where_all_draws_had_none():
    tail = Tail.of(np.zeros(600), np.linspace(2, 5, 600), 6)
    assert (tail.log_p(np.zeros(3), [2.0, 3.0, 5.0]) == 0).all()
    assert (tail.log_p(np.full(3, 4.0), [2.0, 3.0, 5.0]) < np.log(0.05)).all()
    assert np.isfinite(tail.quantiles).all()
    assert (tail.scale > 0).all()


def test_between_bins_it_is_interpolated_in_log_counts():
    levels = np.array([0.0, 0.5, 0.9])
    tail = Tail(
        np.array([2.0, 4.0]), np.array([[0.0, 1.0, 2.0], [0.0, 3.0, 6.0]]), np.array([1.0, 3.0]), levels
    )
    assert np.exp(tail.log_p([2.0, 4.0, 6.0], [2.0, 3.0, 4.0])) == pytest.approx([0.1, 0.1, 0.1])
    assert tail.log_p([6.0], [3.0]) == pytest.approx(np.log(0.1) - 1.0)  # two more, of a scale of two
    # between two levels the logarithm of p is a straight line
    assert tail.log_p([3.0], [3.0]) == pytest.approx(0.5 * (np.log(0.5) + np.log(0.1)))
    # beyond the ends the last bin holds
    assert tail.log_p([2.0, 6.0], [0.0, 7.0]) == pytest.approx(np.log([0.1, 0.1]))


def test_single_draws_far_out_move_little():
    rng = np.random.default_rng(8)
    t, x = drawn("half chi-square", rng, 7000)
    odd = t.copy()
    odd[np.argmax(t)] = 1000.0
    one, other = (Tail.of(values, x, 6) for values in (t, odd))
    at = np.array([2.2, 3.5, 4.8])
    shift = other.log_p(np.full(3, 8.0), at) - one.log_p(np.full(3, 8.0), at)
    assert np.abs(shift).max() < 0.5


@pytest.mark.parametrize("n", [6, 12, 60, 200])
def test_few_draws_are_taken_without_ado(n):
    rng = np.random.default_rng(n)
    tail = Tail.of(rng.exponential(size=n), rng.uniform(2, 5, n), 6)
    assert np.isfinite(tail.quantiles).all()
    assert (np.diff(tail.quantiles, axis=1) >= 0).all()
    assert np.isfinite(tail.log_p([0.0, 1e6], [1.0, 6.0])).all()


def test_theory_agrees_with_scipy():
    stats = pytest.importorskip("scipy.stats")
    tail = Tail.chi_square(6)
    levels = LEVELS[LEVELS > 0.5]
    assert tail.quantiles[3, LEVELS > 0.5] == pytest.approx(stats.chi2.isf(2 * (1 - levels), 1), rel=1e-9)
    for t in (0.5, 2.0, 6.0, 9.0):
        assert tail.log_p([t], [3.0])[0] == pytest.approx(np.log(0.5 * stats.chi2.sf(t, 1)), abs=0.02)


@given(seed=st.integers(0, 2**32 - 1), bins=st.integers(1, 6), classes=st.integers(1, 5))
def test_one_spectrum_gets_the_digits_of_a_batch(seed, bins, classes):
    rng = np.random.default_rng(seed)
    at = np.sort(rng.uniform(2, 5, (classes, bins)), axis=1)
    if rng.random() < 0.3:
        at[:, 1:] = at[:, :-1].copy()  # bins that lie on each other
    quantiles = np.sort(rng.gamma(0.5, 3.0, (classes, bins, len(LEVELS))), axis=2)
    quantiles[:, :, :8] = 0.0
    scale = rng.uniform(0.3, 3.0, (classes, bins))
    t = np.where(rng.random((20, classes)) < 0.3, 0.0, rng.gamma(0.6, 5.0, (20, classes)))
    t[0] = quantiles[:, 0, 12]
    x = rng.uniform(1.5, 5.5, 20)
    x[:2] = at[0, 0]
    parts = (at, quantiles, scale, LEVELS)
    together = log_p(t, x, *parts)
    each = np.concatenate([log_p(t[i : i + 1], x[i : i + 1], *parts) for i in range(20)])
    np.testing.assert_array_equal(together, each)
