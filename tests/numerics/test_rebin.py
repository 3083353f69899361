from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from gamma_flow.errors import DataError
from gamma_flow.numerics.rebin import coverage, interpolate, rebin_counts, rebin_smooth


@st.composite
def edges(draw: st.DrawFn) -> NDArray[np.float64]:
    """Edges with steps over six decades, anywhere."""
    steps = draw(hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(1e-3, 1e3)))
    start = draw(st.floats(-500, 500))
    return start + np.concatenate([[0.0], np.cumsum(steps)])


def slow_twin(
    row: NDArray[np.float64], old: NDArray[np.float64], new: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Counts in each new channel, by adding up overlaps one by one."""
    result = np.zeros(len(new) - 1)
    for j in range(len(new) - 1):
        for i in range(len(row)):
            overlap = min(old[i + 1], new[j + 1]) - max(old[i], new[j])
            if overlap > 0:
                result[j] += row[i] * overlap / (old[i + 1] - old[i])
    return result


@given(old=edges(), new=edges(), data=st.data())
def test_counts_are_conserved_to_a_part_in_a_million_million(
    old: NDArray[np.float64], new: NDArray[np.float64], data: st.DataObject
) -> None:
    # nothing or some part of a count: at the lower end of float64 a half of a number may not exist
    counts = st.just(0.0) | st.floats(1e-12, 1e9)
    values = data.draw(hnp.arrays(np.float64, (3, len(old) - 1), elements=counts))
    before = values.copy()
    result = rebin_counts(values, old, new)
    total = result.values.sum(axis=1) + result.underflow + result.overflow
    np.testing.assert_allclose(total, values.sum(axis=1), rtol=1e-12, atol=0)
    assert (result.values >= 0).all()
    np.testing.assert_array_equal(values, before)


@given(old=edges(), new=edges(), seed=st.integers(0, 1000))
def test_the_fast_way_gives_what_the_slow_one_does(
    old: NDArray[np.float64], new: NDArray[np.float64], seed: int
) -> None:
    row = np.random.default_rng(seed).uniform(0, 100, len(old) - 1)
    fast = rebin_counts(row[None], old, new).values[0]
    np.testing.assert_allclose(fast, slow_twin(row, old, new), rtol=1e-9, atol=1e-9 * row.sum())


@given(old=edges(), seed=st.integers(0, 1000))
def test_the_same_edges_change_nothing(old: NDArray[np.float64], seed: int) -> None:
    row = np.random.default_rng(seed).poisson(10, (2, len(old) - 1)).astype(float)
    result = rebin_counts(row, old, old)
    np.testing.assert_array_equal(result.values, row)
    assert not result.underflow.any()
    assert not result.overflow.any()


@given(old=edges(), new=edges())
def test_rows_do_not_depend_on_each_other(old: NDArray[np.float64], new: NDArray[np.float64]) -> None:
    rows = np.random.default_rng(1).poisson(5, (9, len(old) - 1)).astype(float)
    together = rebin_counts(rows, old, new).values
    alone = np.concatenate([rebin_counts(row[None], old, new).values for row in rows])
    np.testing.assert_array_equal(together, alone)


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(1).poisson(5, (50, 30)).astype(float)
    old, new = np.linspace(0, 10, 31), np.linspace(-1, 9, 23)
    whole = rebin_counts(rows, old, new), interpolate(rows, old[:-1], new, 0.0)
    monkeypatch.setattr("gamma_flow.numerics.rebin._BLOCK", 100)
    parts = rebin_counts(rows, old, new), interpolate(rows, old[:-1], new, 0.0)
    np.testing.assert_array_equal(whole[0].values, parts[0].values)
    np.testing.assert_array_equal(whole[1], parts[1])


def test_axes_without_overlap_lose_everything_to_the_ends() -> None:
    below = rebin_counts([[1.0, 2.0]], [0, 1, 2], [5, 6])
    assert (below.values.sum(), below.underflow[0], below.overflow[0]) == (0, 3, 0)
    above = rebin_counts([[1.0, 2.0]], [0, 1, 2], [-6, -5])
    assert (above.values.sum(), above.underflow[0], above.overflow[0]) == (0, 0, 3)


def test_signed_counts_are_carried_likewise() -> None:
    result = rebin_counts([[4.0, -2.0]], [0, 1, 2], [0.5, 1.5, 2])
    np.testing.assert_allclose(result.values, [[1.0, -1.0]])
    np.testing.assert_allclose(result.underflow, [2.0])


@given(seed=st.integers(0, 1000), outside=st.floats(-5, 5))
def test_interpolation_is_numpys(seed: int, outside: float) -> None:
    rng = np.random.default_rng(seed)
    old = np.cumsum(rng.uniform(0.1, 2, 20))
    new = rng.uniform(old[0] - 3, old[-1] + 3, 31)
    rows = rng.normal(size=(4, 20))
    expected = np.array([np.interp(new, old, row, outside, outside) for row in rows])
    np.testing.assert_allclose(interpolate(rows, old, new, outside), expected, atol=1e-12)


def test_intensities_beyond_the_samples_are_an_error() -> None:
    with pytest.raises(DataError, match="beyond the points"):
        interpolate([[1.0, 2.0]], [0, 1], [2.0])


@given(old=edges(), new=edges())
def test_coverage_is_the_part_of_a_channel_that_is_covered(
    old: NDArray[np.float64], new: NDArray[np.float64]
) -> None:
    expected = [max(0.0, min(old[-1], hi) - max(old[0], lo)) / (hi - lo) for lo, hi in pairwise(new)]
    np.testing.assert_allclose(coverage(old, new), expected, atol=1e-7)


@pytest.mark.parametrize("bad", [[1.0], [1.0, 1.0], [2.0, 1.0], [0.0, np.nan], [[0.0, 1.0]]])
def test_edges_have_to_increase(bad: list[float]) -> None:
    with pytest.raises(DataError):
        rebin_counts([[1.0]], bad, [0, 1])
    with pytest.raises(DataError):
        rebin_counts([[1.0]], [0, 1], bad)


def test_values_have_to_fit_their_edges() -> None:
    with pytest.raises(DataError, match="do not fit"):
        rebin_counts([[1.0, 2.0]], [0, 1], [0, 1])


# ------------------------------------------------------------------ expected counts, smoothly


def test_smooth_rebinning_conserves_counts_and_moves_smooth_shapes_exactly() -> None:
    old = np.linspace(0, 10, 41)
    new = np.array([0.0, 0.13, 1.0, 2.77, 5.0, 5.1, 9.3, 10.0])
    cubic = lambda x: x**3 / 3 - 2 * x**2 + 6 * x  # noqa: E731  # a density that is a parabola
    counts = np.diff(cubic(old))[None]
    found = rebin_smooth(counts, old, new)
    np.testing.assert_allclose(found.sum(), counts.sum(), rtol=1e-12)
    np.testing.assert_allclose(found[0], np.diff(cubic(new)), rtol=5e-3)
    # within the ends, where the slopes are of fourth order, far nearer than that
    inner = np.array([1.0, 1.3, 4.21, 7.07, 9.0])
    np.testing.assert_allclose(rebin_smooth(counts, old, inner)[0], np.diff(cubic(inner)), rtol=1e-9)


def test_smooth_rebinning_blurs_a_line_far_less() -> None:
    old, new = np.linspace(0, 100, 51), np.linspace(0.7, 99.3, 51)
    at = lambda edges: np.diff([0.5 * (1 + math.erf((e - 50) / 3 / math.sqrt(2))) for e in edges])  # noqa: E731
    line, expected = at(old)[None], at(new)
    smooth, plain = rebin_smooth(line, old, new)[0], rebin_counts(line, old, new).values[0]
    assert np.abs(smooth - expected).max() < 0.15 * np.abs(plain - expected).max()


@given(
    st.integers(1, 12).flatmap(lambda n: hnp.arrays(np.float64, (2, n), elements=st.floats(0, 1e6))),
    st.floats(-0.4, 0.4),
)
def test_smooth_rebinning_makes_nothing_negative_and_loses_nothing(values: np.ndarray, shift: float) -> None:
    old = np.arange(values.shape[1] + 1.0)
    inside = np.clip(old + shift, 0, values.shape[1])
    inside = np.unique(np.concatenate([[0.0], inside, [float(values.shape[1])]]))
    found = rebin_smooth(values, old, inside)
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(axis=1), values.sum(axis=1), rtol=1e-9, atol=1e-6)


def test_changes_of_templates_keep_their_sign() -> None:
    old = np.arange(9.0)
    change = np.array([[0.0, 1.0, -2.0, 3.0, -3.0, 2.0, -1.0, 0.0]])
    found = rebin_smooth(change, old, old + 0.25, signed=True)
    assert found.min() < 0
    np.testing.assert_allclose(rebin_smooth(-change, old, old + 0.25, signed=True), -found)
