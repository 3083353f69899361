"""The normal distribution against scipy."""

import numpy as np
import pytest
from scipy import stats

from gamma_flow.errors import DataError
from gamma_flow.numerics.normal import cdf, quantile


def test_the_distribution_function_is_that_of_scipy():
    x = np.linspace(-37.0, 9.0, 20_001)
    np.testing.assert_allclose(cdf(x), stats.norm.cdf(x), rtol=1e-12, atol=0)
    borders = np.sqrt(2) * np.array([-4.0, -0.46875, 0.46875, 4.0])
    for side in (0.0, 1e-12, -1e-12):
        np.testing.assert_allclose(cdf(borders + side), stats.norm.cdf(borders + side), rtol=1e-12)


def test_the_quantile_is_that_of_scipy():
    p = np.concatenate([10.0 ** np.linspace(-300, -0.31, 5000), np.linspace(0, 1, 10_001)[1:-1], [1 - 1e-15]])
    np.testing.assert_allclose(quantile(p), stats.norm.ppf(p), rtol=0, atol=1e-12)
    borders = np.array([0.075, 0.925, np.exp(-25.0)])
    np.testing.assert_allclose(quantile(borders), stats.norm.ppf(borders), atol=1e-12)


def test_they_are_inverse_and_shapes_stay():
    x = np.linspace(-8, 5, 60).reshape(3, 4, 5)
    np.testing.assert_allclose(quantile(cdf(x)), x, rtol=1e-9)
    assert quantile(0.5) == 0
    assert cdf(np.zeros((0, 2))).shape == (0, 2)


def test_ends():
    np.testing.assert_array_equal(cdf([-np.inf, np.inf, -1e9]), [0, 1, 0])
    np.testing.assert_array_equal(quantile([0, 1]), [-np.inf, np.inf])
    assert np.isfinite(quantile(5e-324))


def test_refusals():
    for function in (cdf, quantile):
        with pytest.raises(DataError, match="not a number"):
            function([0.5, np.nan])
    with pytest.raises(DataError, match="between 0 and 1"):
        quantile([0.5, 1.1])
