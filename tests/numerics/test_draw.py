from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gamma_flow.errors import DataError
from gamma_flow.numerics.draw import pile_up, poisson, shares, thin


def test_draws_are_poisson() -> None:
    expected = np.geomspace(0.05, 200.0, 40)[None, :].repeat(3000, axis=0)
    drawn = poisson(expected, np.random.default_rng(1))
    pearson = ((drawn - expected) ** 2 / expected).sum()
    # variance of a Pearson term is 2 + 1 / mean
    sigma = np.sqrt((2 + 1 / expected).sum())
    assert abs(pearson - expected.size) < 5 * sigma
    assert abs(drawn.sum() - expected.sum()) < 5 * np.sqrt(expected.sum())


def test_threads_change_nothing() -> None:
    expected = np.random.default_rng(3).uniform(0, 20, (1000, 16))
    one = poisson(expected, np.random.default_rng(5), threads=1)
    assert np.array_equal(one, poisson(expected, np.random.default_rng(5), threads=3))
    assert not np.array_equal(one, poisson(expected, np.random.default_rng(6), threads=1))


def test_two_draws_from_one_generator_differ() -> None:
    rng = np.random.default_rng(5)
    expected = np.full((10, 50), 9.0)
    assert not np.array_equal(poisson(expected, rng), poisson(expected, rng))


@pytest.mark.parametrize("bad", [[[-1.0]], [[np.nan]], [[np.inf]], [1.0, 2.0]])
def test_bad_expected_counts_are_refused(bad: object) -> None:
    with pytest.raises(DataError, match="expected counts have to be"):
        poisson(bad, np.random.default_rng(1))


def test_thinned_poisson_is_poisson() -> None:
    rng = np.random.default_rng(2)
    counts = rng.poisson(8.0, (4000, 20))
    before = counts.copy()
    kept = thin(counts, 0.25, rng)
    assert np.array_equal(counts, before)
    assert (kept <= counts).all()
    assert abs(kept.mean() - 2.0) < 5 * np.sqrt(2.0 / kept.size)
    assert abs(kept.var() / kept.mean() - 1) < 5 * np.sqrt(2 / kept.size)


def test_only_counts_are_thinned() -> None:
    with pytest.raises(DataError, match="whole numbers"):
        thin([[1.5]], 0.5, np.random.default_rng(1))
    with pytest.raises(DataError, match="between 0 and 1"):
        thin([[1.0]], 1.5, np.random.default_rng(1))


@given(st.integers(1, 40), st.integers(1, 8), st.floats(0.05, 20.0), st.integers(0, 2**32 - 1), st.data())
def test_shares_sum_to_one(rows: int, classes: int, alpha: float, seed: int, data: st.DataObject) -> None:
    number = data.draw(st.integers(1, classes))
    found = shares(rows, classes, np.random.default_rng(seed), alpha=alpha, present=[number])
    assert found.shape == (rows, classes)
    assert np.allclose(found.sum(axis=1), 1)
    assert ((found > 0).sum(axis=1) == number).all()


def test_impossible_shares_are_refused() -> None:
    rng = np.random.default_rng(1)
    with pytest.raises(DataError, match="cannot hold"):
        shares(3, 2, rng, present=[3])
    with pytest.raises(DataError, match="alpha"):
        shares(3, 2, rng, alpha=0.0, present=[1])


def test_pile_up_of_one_line_lies_at_twice_its_energy() -> None:
    edges = np.linspace(0, 1000, 101)
    line = np.zeros((1, 100))
    line[0, 30] = 1000.0  # 300 to 310
    piled, lost = pile_up(line, edges, [1e4], 1e-6)
    merged = -np.expm1(-0.01)
    assert lost[0] == pytest.approx(0, abs=1e-9)
    assert piled.sum() == pytest.approx(1000 * (1 - merged))
    assert piled[0, 60:62].sum() == pytest.approx(1000 * merged)


@given(st.integers(0, 2**32 - 1), st.floats(0, 1e5))
def test_pile_up_keeps_energy_and_loses_pairs(seed: int, rate: float) -> None:
    edges = np.linspace(0, 1000, 65)
    values = np.zeros((2, 64))
    values[:, :30] = np.random.default_rng(seed).uniform(0, 5, (2, 30))
    piled, lost = pile_up(values, edges, [rate, 0.0], 1e-6)
    middles = 0.5 * (edges[1:] + edges[:-1])
    merged = -np.expm1(-rate * 1e-6)
    assert np.allclose(lost, 0, atol=1e-9)
    assert piled[0].sum() == pytest.approx(values[0].sum() * (1 - merged))
    assert piled[0] @ middles == pytest.approx(values[0] @ middles, rel=1e-6)
    assert np.allclose(piled[1], values[1])


def test_too_high_a_rate_is_refused() -> None:
    with pytest.raises(DataError, match="not enough at this rate"):
        pile_up([[1.0, 1.0]], [0.0, 1.0, 2.0], [1e6], 1e-6)


@given(st.integers(1, 700), st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_any_number_of_threads_draws_the_same(rows: int, threads: int, seed: int) -> None:
    expected = np.linspace(0, 9, 3 * rows).reshape(rows, 3)
    before = expected.copy()
    one = poisson(expected, np.random.default_rng(seed), threads=1)
    assert np.array_equal(one, poisson(expected, np.random.default_rng(seed), threads=threads))
    assert np.array_equal(expected, before)
    assert (one[expected == 0] == 0).all()


def test_no_rows_and_no_threads() -> None:
    assert poisson(np.zeros((0, 4)), np.random.default_rng(1)).shape == (0, 4)
    with pytest.raises(DataError, match="threads"):
        poisson([[1.0]], np.random.default_rng(1), threads=0)


@pytest.mark.parametrize("keep", [np.nan, -0.1, [0.5, 1.01]])
def test_bad_probabilities_are_refused(keep: object) -> None:
    with pytest.raises(DataError, match="between 0 and 1"):
        thin([[1, 2]], keep, np.random.default_rng(1))


def test_probabilities_have_to_fit() -> None:
    with pytest.raises(DataError, match="do not fit the counts"):
        thin([[1, 2, 3]], [0.5, 0.5], np.random.default_rng(1))
    kept = thin([[5, 5], [5, 5]], [[0.0], [1.0]], np.random.default_rng(1))
    assert kept.tolist() == [[0, 0], [5, 5]]


def test_every_class_and_number_gets_its_turn() -> None:
    found = shares(6000, 4, np.random.default_rng(2), present=[1, 3]) > 0
    # a class is in a row with probability (1 + 3) / 2 / 4
    assert found.mean(axis=0) == pytest.approx([0.5] * 4, abs=5 * np.sqrt(0.25 / 6000))
    assert (found.sum(axis=1) == 1).mean() == pytest.approx(0.5, abs=5 * np.sqrt(0.25 / 6000))


def test_pile_up_on_uneven_channels_keeps_energy() -> None:
    edges = np.linspace(0, 1, 201) ** 1.5 * 2000
    values = np.zeros((1, 200))
    values[0, :100] = np.random.default_rng(4).uniform(0, 5, 100)
    piled, lost = pile_up(values, edges, 5e4, 1e-6)
    middles = 0.5 * (edges[1:] + edges[:-1])
    assert lost[0] == pytest.approx(0, abs=1e-9)
    assert piled[0].sum() == pytest.approx(values.sum() * np.exp(-0.05))
    assert piled[0] @ middles == pytest.approx(values[0] @ middles, rel=2e-3)  # as exact as channels are fine


def test_sums_beyond_the_axis_are_counted_as_lost() -> None:
    values = np.zeros((1, 10))
    values[0, 8] = 100.0
    piled, lost = pile_up(values, np.linspace(0, 10, 11), [1e5], 1e-6)
    merged = -np.expm1(-0.1)
    assert piled[0, 8] == pytest.approx(100 * (1 - 2 * merged))
    assert piled.sum() == pytest.approx(piled[0, 8])
    assert lost[0] == pytest.approx(100 * merged)


def test_below_zero_nothing_piles_up() -> None:
    values = np.array([[100.0, 100.0, 0.0, 0.0]])
    before = values.copy()
    piled, _ = pile_up(values, [-1.0, 0.0, 1.0, 2.0, 3.0], [1e5], 1e-6)
    assert piled[0, 0] == 100.0
    assert piled[0, 1:].sum() == pytest.approx(100 * np.exp(-0.1))
    assert np.array_equal(values, before)


@pytest.mark.parametrize(
    ("rate", "time"), [(np.nan, 1e-6), (-1.0, 1e-6), (np.inf, 1e-6), (10.0, -1e-6), (10.0, np.nan)]
)
def test_impossible_rates_are_refused(rate: float, time: float) -> None:
    with pytest.raises(DataError, match="finite and not negative"):
        pile_up([[1.0, 1.0]], [0.0, 1.0, 2.0], [rate], time)


def test_rates_have_to_fit_the_rows() -> None:
    with pytest.raises(DataError, match="do not fit the spectra"):
        pile_up([[1.0, 1.0]], [0.0, 1.0, 2.0], [1.0, 2.0], 1e-6)
