"""p-values from draws: their ranks, their tails, and what the whole family of classes makes of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gamma_flow.data.calibration import Calibration
from gamma_flow.errors import DataError
from gamma_flow.numerics.evidence import BODY, LEVELS, Tail


def calibration(effective: float = 3.0, novelty: int = 500) -> Calibration:
    rng = np.random.default_rng(1)
    tails = [Tail.of(rng.exponential(2, 3000) * (rng.random(3000) < 0.5), rng.uniform(2, 5, 3000), 5)] * 3
    background = np.zeros_like(tails[0].quantiles)
    return Calibration(
        np.stack([t.at for t in tails]),
        np.stack([tails[0].quantiles, tails[1].quantiles, background]),
        np.stack([t.scale for t in tails]),
        LEVELS,
        np.array([3000, 3000, 0]),
        effective,
        np.sort(rng.uniform(2, 5, novelty)),
        rng.standard_normal(novelty),
    )


def test_the_background_which_is_never_left_out_has_p_one() -> None:
    found = calibration().log_p([[0.0, 50.0, 50.0]], [3.0])
    assert found[0, 0] == 0
    assert found[0, 1] < math.log(1e-4)
    assert found[0, 2] == 0


@given(st.floats(1e-6, 0.5), st.floats(1, 50))
def test_the_promise_of_all_classes_and_the_threshold_of_one_agree(rate: float, effective: float) -> None:
    known = calibration(effective)
    p = known.threshold(rate)
    assert 0 < p <= rate * (1 + 1e-9)
    assert known.family([[math.log(p), 0.0]])[0] == pytest.approx(rate, rel=1e-6)


def test_novelty_counts_the_nearest_draws_by_hand() -> None:
    known = calibration(novelty=50)
    value = 0.3
    expected = (1 + (known.novelty >= value).sum()) / 51
    np.testing.assert_allclose(known.novelty_p([value, value], [2.5, 4.5]), expected)
    assert known.novelty_p([1e9], [3.0])[0] == pytest.approx(1 / 51)
    large = calibration(novelty=900)
    near = np.argsort(np.abs(large.novelty_counts - 2.0), kind="stable")[:400]
    assert large.novelty_p([value], [2.0])[0] == pytest.approx(
        (1 + (large.novelty[near] >= value).sum()) / 401
    )


def test_without_draws_nothing_is_novel() -> None:
    assert calibration(novelty=0).novelty_p([5.0], [3.0]).tolist() == [1.0]


def test_it_says_how_far_it_is_extrapolated() -> None:
    told = calibration().describe()
    assert told["nulls"] == [3000, 3000, 0]
    assert told["tail_from"] == pytest.approx(1 - BODY)
    assert told["extrapolated_below"][0] == pytest.approx(5 / 3000, rel=0.1)


def test_arrays_and_back() -> None:
    known = calibration()
    again = Calibration.from_parts(known.header(), known.arrays())
    np.testing.assert_array_equal(again.quantiles, known.quantiles)
    assert again.effective == known.effective
    assert not again.quantiles.flags.writeable


def test_what_does_not_fit_is_refused() -> None:
    known = calibration()
    arrays = {**known.arrays(), "calibration_scale": np.ones((2, 5))}
    with pytest.raises(DataError, match="scale"):
        Calibration.from_parts(known.header(), arrays)
    with pytest.raises(DataError, match="effective"):
        Calibration.from_parts({"effective": 0.5}, known.arrays())
    bad = known.quantiles.copy()
    bad[0, 0, 0] = np.nan
    with pytest.raises(DataError, match="not finite"):
        Calibration.from_parts(known.header(), {**known.arrays(), "calibration_quantiles": bad})
