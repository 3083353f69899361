"""Cosine, centred cosine and explained variance against their definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from gamma_flow.errors import DataError, IncompatibleError
from gamma_flow.numerics.similarity import (
    centred_cosine,
    cosine,
    cosine_matrix,
    explained_variance,
    fit_quality,
)

numbers = st.floats(-1e6, 1e6, allow_subnormal=False).map(lambda x: round(x, 3))
pairs = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=8).flatmap(
    lambda shape: st.tuples(
        arrays(np.float64, shape, elements=numbers), arrays(np.float64, shape, elements=numbers)
    )
)


def slow_cosine(a, b):
    size = np.sqrt(sum(x * x for x in a)) * np.sqrt(sum(x * x for x in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / size if size else 0.0


@given(pairs)
def test_cosine_is_its_definition(pair):
    a, b = pair
    expected = [slow_cosine(x, y) for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(cosine(a, b), expected, rtol=0, atol=1e-12)


def test_centred_cosine_is_the_correlation_coefficient():
    rng = np.random.default_rng(1)
    a, b = rng.normal(3.0, 1.0, (2, 50, 40))
    expected = [np.corrcoef(x, y)[0, 1] for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(centred_cosine(a, b), expected, rtol=0, atol=1e-13)


def test_explained_variance_is_that_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(2)
    values = rng.poisson(20, (30, 60)).astype(float)
    values[3], values[4] = 7.0, 7.0
    model = values + rng.normal(0, 2, values.shape)
    model[4] = 2.0
    expected = metrics.explained_variance_score(values.T, model.T, multioutput="raw_values")
    np.testing.assert_allclose(explained_variance(values, model), expected, rtol=1e-12)


@given(pairs)
def test_never_nan_and_never_out_of_bounds(pair):
    found = fit_quality(*pair)
    for measure in (found.cosine, found.centred_cosine):
        assert ((measure >= -1) & (measure <= 1)).all()
    assert (found.explained_variance <= 1).all()


@given(pairs)
def test_a_batch_is_its_rows(pair):
    a, b = pair
    together = fit_quality(a, b)
    for i in range(len(a)):
        alone = fit_quality(a[i : i + 1], b[i : i + 1])
        for name in ("cosine", "centred_cosine", "explained_variance"):
            np.testing.assert_allclose(
                getattr(alone, name)[0], getattr(together, name)[i], rtol=1e-12, atol=1e-12
            )


def test_many_rows_pass_in_blocks():
    rng = np.random.default_rng(3)
    a, b = rng.random((2, 5000, 40))
    expected = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    np.testing.assert_allclose(cosine(a, b), expected, rtol=1e-13)


def test_degenerate_rows():
    zero, ramp, flat = np.zeros((1, 4)), np.array([[1.0, 2, 3, 4]]), np.full((1, 4), 0.1)
    assert cosine(zero, ramp) == cosine(ramp, zero) == cosine(zero, zero) == 0.0
    assert centred_cosine(flat, ramp) == centred_cosine(ramp, flat) == centred_cosine(zero, ramp) == 0.0
    assert explained_variance(flat, flat) == 1.0
    assert explained_variance(flat, 3 * flat) == 1.0
    assert explained_variance(zero, zero) == 1.0
    assert explained_variance(flat, ramp) == 0.0
    assert explained_variance(zero, ramp) == 0.0
    assert explained_variance(ramp, zero) == 0.0
    assert explained_variance(ramp, ramp) == 1.0


def test_one_channel():
    one = np.array([[2.0]])
    assert cosine(one, one) == 1.0
    assert centred_cosine(one, one) == 0.0
    assert explained_variance(one, 5 * one) == 1.0


def test_extreme_numbers_neither_overflow_nor_vanish():
    ramp = np.array([[1.0, 2.0, 3.0]])
    for scale in (1e-300, 1e300):
        np.testing.assert_allclose(cosine(scale * ramp, ramp), 1.0)
        np.testing.assert_allclose(centred_cosine(scale * ramp, scale * ramp), 1.0)
        np.testing.assert_allclose(explained_variance(scale * ramp, scale * ramp), 1.0)
    assert explained_variance(1e-200 * ramp, 1e200 * ramp) == -np.inf


def test_active_channels_only():
    rng = np.random.default_rng(4)
    a, b = rng.random((2, 20, 10))
    active = rng.random(10) < 0.6
    for function in (cosine, centred_cosine, explained_variance):
        np.testing.assert_array_equal(function(a, b, active=active), function(a[:, active], b[:, active]))


def test_cosine_matrix():
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(6, 30)) * 10.0 ** rng.integers(-200, 200, (6, 1))
    rows[2] = 0.0
    found = cosine_matrix(rows)
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_array_equal(np.diag(found), [1, 1, 0, 1, 1, 1])
    np.testing.assert_allclose(found[0], cosine(np.tile(rows[0], (6, 1)), rows), atol=1e-14)


def test_inputs_stay_as_they_are_and_may_be_read_only():
    rng = np.random.default_rng(6)
    a, b = rng.random((2, 7, 9))
    before = a.copy(), b.copy()
    a.flags.writeable = b.flags.writeable = False
    fit_quality(a, b)
    cosine_matrix(a)
    np.testing.assert_array_equal(a, before[0])
    np.testing.assert_array_equal(b, before[1])


def test_other_types_and_no_rows():
    ints = np.arange(12).reshape(3, 4)
    np.testing.assert_array_equal(
        cosine(ints, ints[::-1].astype(np.float32)), cosine(ints * 1.0, ints[::-1] * 1.0)
    )
    assert cosine(np.zeros((0, 4)), np.zeros((0, 4))).shape == (0,)
    assert cosine_matrix(np.zeros((0, 4))).shape == (0, 0)


def test_refuses_what_is_no_spectra():
    good = np.ones((2, 3))
    with pytest.raises(IncompatibleError, match="differ in shape"):
        cosine(good, np.ones((2, 4)))
    with pytest.raises(DataError, match=r"model, row 1, channel 2: .* not finite"):
        cosine(good, [[1, 1, 1], [1, 1, np.nan]])
    with pytest.raises(DataError, match="batch of one"):
        cosine(good[0], good[0])
    with pytest.raises(DataError, match="real numbers"):
        cosine(good * 1j, good)
    with pytest.raises(DataError, match="no channels"):
        cosine(np.ones((2, 0)), np.ones((2, 0)))
    with pytest.raises(IncompatibleError, match="mask over the channels"):
        cosine(good, good, active=[True, False])
    with pytest.raises(DataError, match="no channel is active"):
        cosine(good, good, active=[False, False, False])
