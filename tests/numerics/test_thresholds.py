"""Curves against a threshold, area and sigmoid: each beside a slow twin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gamma_flow.errors import DataError, IncompatibleError
from gamma_flow.numerics.thresholds import Side, called, curves, logistic, ranking_auc

VALUES = st.lists(
    st.tuples(st.integers(-8, 8).map(lambda n: n / 4), st.booleans()), min_size=2, max_size=40
).filter(lambda rows: 0 < sum(truth for _, truth in rows) < len(rows))
SIDES = st.sampled_from(["below", "above"])


@given(rows=VALUES, side=SIDES)
def test_curves_are_what_counting_at_each_threshold_gives(rows: list[tuple[float, bool]], side: Side) -> None:
    values, truth = np.array([x for x, _ in rows]), np.array([t for _, t in rows])
    seen = curves(values, truth, side)
    assert len(seen.threshold) == len(set(values.tolist())) + 1
    assert (np.diff(seen.threshold) > 0).all() if side == "below" else (np.diff(seen.threshold) < 0).all()
    for number, threshold in enumerate(seen.threshold):
        found = called(values, threshold, side)
        hits, alarms = (found & truth).sum(), (found & ~truth).sum()
        assert seen.recall[number] == hits / truth.sum()
        assert seen.false_positive_rate[number] == alarms / (~truth).sum()
        assert seen.accuracy[number] == (found == truth).mean()
        if found.any():
            assert seen.precision[number] == hits / found.sum()
        else:
            assert np.isnan(seen.precision[number])
    assert seen.recall[0] == 0
    assert seen.recall[-1] == seen.false_positive_rate[-1] == 1


@given(rows=VALUES, side=SIDES)
def test_the_area_is_how_often_an_unknown_ranks_first(rows: list[tuple[float, bool]], side: Side) -> None:
    values, truth = np.array([x for x, _ in rows]), np.array([t for _, t in rows])
    signed = -values if side == "below" else values
    one, other = signed[truth][:, None], signed[~truth][None, :]
    slow = ((one > other) + 0.5 * (one == other)).mean()
    assert ranking_auc(values, truth, side) == pytest.approx(slow, abs=1e-12)
    back: Side = "above" if side == "below" else "below"
    assert ranking_auc(values, truth, back) == pytest.approx(1 - slow, abs=1e-12)


@given(seed=st.integers(0, 1000), scale=st.floats(1e-3, 1e3), shift=st.floats(-100, 100))
def test_the_sigmoid_is_that_of_the_largest_likelihood(seed: int, scale: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    x = np.concatenate([rng.normal(0, 1, 60), rng.normal(-1.5, 1, 40)])
    truth = np.arange(100) >= 60
    fit = logistic(shift + scale * x, truth)

    def loss(midpoint: float, slope: float) -> float:
        z = slope * (shift + scale * x - midpoint)
        ridge = 0.5e-4 * (slope * scale * x.std()) ** 2
        return float(np.logaddexp(0, np.where(truth, -z, z)).sum() + ridge)

    best = loss(fit.midpoint, fit.slope)
    for move in (-0.02, 0.02):
        assert loss(fit.midpoint + move * scale, fit.slope) >= best - 1e-6
        assert loss(fit.midpoint, fit.slope * (1 + move)) >= best - 1e-6
    assert fit.probability([fit.midpoint])[0] == 0.5


def test_classes_that_do_not_overlap_leave_the_sigmoid_finite() -> None:
    fit = logistic([0.0, 0.1, 5.0, 5.1], [False, False, True, True])
    assert 2 < fit.midpoint < 3
    assert 0 < fit.slope < 100


def test_what_cannot_be_divided_is_refused() -> None:
    with pytest.raises(DataError, match="known and unknown values are needed"):
        curves([1.0, 2.0], [True, True], "below")
    with pytest.raises(DataError, match="not finite"):
        curves([1.0, np.nan], [True, False], "below")
    with pytest.raises(IncompatibleError):
        curves([1.0], [True, False], "below")
    with pytest.raises(DataError, match="all values are equal"):
        logistic([1.0, 1.0, 1.0], [True, False, True])
    with pytest.raises(DataError, match="are alike"):
        logistic([0.0, 0.0, 1.0, 1.0], [True, False, True, False])


def test_neighbours_among_the_floats_are_told_apart() -> None:
    low = 1.0
    high = np.nextafter(low, 2)
    for side, truth in (("below", [True, False]), ("above", [False, True])):
        seen = curves([low, high], truth, side)  # type: ignore[arg-type]
        assert seen.accuracy[1] == 1
        assert (called([low, high], seen.threshold[1], side) == truth).all()  # type: ignore[arg-type]
