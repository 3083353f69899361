"""Fisher information: against slow definitions, numerical derivatives and the compiled fit."""

import numpy as np
import pytest

from gamma_flow.errors import DataError, IncompatibleError
from gamma_flow.numerics import information as module
from gamma_flow.numerics.decompose import Distortions, decompose
from gamma_flow.numerics.information import absent, covariance, information
from gamma_flow.numerics.novelty import smooth_modes

K, C = 4, 48
RNG = np.random.default_rng(2)
SHAPES = RNG.dirichlet(np.full(C, 0.5), K)
BENT = Distortions(smooth_modes(SHAPES, 3, 0.1), 2, 0.02 * RNG.normal(size=(2, K, C)) * SHAPES)
SCORES = np.array([[500.0, 200.0, 0.0, 900.0], [30.0, 0.0, 0.0, 100.0], [0.0, 0.0, 0.0, 0.0]])


def slow(scores, f=0.0, distortions=None, mean=None):
    """The full matrix of scores and distortions with its prior, inverted block by block."""
    mean = np.maximum(scores @ SHAPES if mean is None else mean, 0.05)
    w = 1 / (mean + f * f * mean**2)
    columns = [*SHAPES]
    if distortions is not None:
        for k in range(K):
            columns += [scores[k] * distortions.spread[k, q] for q in range(distortions.modes)]
        columns += [scores @ distortions.drift[d] for d in range(len(distortions.drift))]
    full = np.array([[np.sum(a * w * b) for b in columns] for a in columns])
    full[range(K, len(full)), range(K, len(full))] += 1
    return np.linalg.inv(np.linalg.inv(full)[:K, :K])


@pytest.mark.parametrize("f", [0.0, 0.05])
@pytest.mark.parametrize("distortions", [None, BENT])
def test_it_is_the_schur_complement(f, distortions):
    found = information(SCORES, SHAPES, distortions, mismatch=f)
    for i, row in enumerate(SCORES):
        np.testing.assert_allclose(found[i], slow(row, f, distortions), rtol=1e-6)


def test_errors_are_those_of_the_compiled_fit():
    values = np.random.default_rng(3).poisson(SCORES[:2] @ SHAPES)
    for given, most in ((Distortions.none(K, C), 1e-6), (BENT, 0.01)):
        fit = decompose(
            values, SHAPES, given, mismatch=(most, most), adapt=False, mean=True, novelty=False, steps=40
        )
        s = information(fit.scores, SHAPES, given, mean=fit.mean, mismatch=fit.mismatch)
        sd = np.sqrt(np.einsum("nkk->nk", covariance(s, fit.scores > 0)))
        free = fit.scores > 0
        np.testing.assert_allclose(sd[free], fit.errors[free], rtol=0.02)


def test_covariance_is_the_inverse_on_the_free_set():
    s = information(SCORES[:1], SHAPES)
    free = np.array([[True, False, True, True]])
    found = covariance(s, free)[0]
    chosen = np.ix_(free[0], free[0])
    np.testing.assert_allclose(found[chosen], np.linalg.inv(s[0][chosen]), rtol=1e-6)
    assert (found[1] == 0).all()
    assert (found[:, 1] == 0).all()


def test_covariance_of_identical_templates_is_finite_and_large():
    twins = np.vstack([SHAPES[0], SHAPES[0]])
    found = covariance(information([[50.0, 50.0]], twins), [[True, True]])
    assert np.isfinite(found).all()
    assert found[0, 0, 0] > 1e9
    np.testing.assert_allclose(found[0].sum(), 100.0, rtol=0.01)  # their sum is known all the same


@pytest.mark.parametrize("distortions", [None, BENT])
def test_the_error_of_an_absent_class_is_that_of_the_model_without_it(distortions):
    sd0, unit = absent(SCORES, SHAPES, distortions, mismatch=0.01)
    for i in (0, 1):
        for k in range(K):
            rest = SCORES[i].copy()
            rest[k] = 0
            chosen = np.flatnonzero((rest > 0) | (np.arange(K) == k))
            s = slow(rest, 0.01, distortions)[np.ix_(chosen, chosen)]
            place = list(chosen).index(k)
            np.testing.assert_allclose(sd0[i, k] ** 2, np.linalg.inv(s)[place, place], rtol=1e-5)
    assert (unit >= 0.99).all()


def test_the_variance_that_a_score_adds_is_seen_in_draws():
    shapes = SHAPES[:2]
    sd0, unit = absent([[0.0, 400.0]], shapes)
    mean = 400.0 * shapes[1]
    s = shapes @ (shapes / mean).T
    g = (np.linalg.inv(s) @ (shapes / mean))[0]  # the score as a linear function of counts
    draws = np.random.default_rng(4).poisson(mean + 300.0 * shapes[0], (40_000, C)) @ g
    np.testing.assert_allclose(draws.mean(), 300.0, rtol=0.01)
    np.testing.assert_allclose(draws.var(), sd0[0, 0] ** 2 + 300.0 * unit[0, 0], rtol=0.03)


def test_a_region_and_its_background_are_those_of_currie():
    sd0, unit = absent([[0.0, 200.0]], [[1.0, 0.0], [0.5, 0.5]])
    np.testing.assert_allclose(sd0[0, 0], np.sqrt(200.0))
    np.testing.assert_allclose(unit[0, 0], 1.0)


def test_a_twin_of_a_present_class_is_unknown():
    twins = np.vstack([SHAPES[0], SHAPES[0]])
    sd0, unit = absent([[100.0, 0.0]], twins)
    assert np.isinf(sd0[0, 1])
    assert unit[0, 1] == 1
    assert np.isfinite(sd0[0, 0])


def test_many_rows_pass_in_blocks(monkeypatch):
    rows = np.random.default_rng(5).exponential(100, (20, K)) * (np.arange(K) != 1)
    whole = information(rows, SHAPES, BENT), *absent(rows, SHAPES, BENT)
    monkeypatch.setattr(module, "_BLOCK", 3000)
    parts = information(rows, SHAPES, BENT), *absent(rows, SHAPES, BENT)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)


def test_no_spectra():
    assert information(np.zeros((0, K)), SHAPES).shape == (0, K, K)
    assert absent(np.zeros((0, K)), SHAPES)[0].shape == (0, K)
    assert covariance(np.zeros((0, K, K)), np.zeros((0, K), bool)).shape == (0, K, K)


def test_refusals():
    with pytest.raises(DataError, match="not negative"):
        information(-SCORES, SHAPES)
    with pytest.raises(DataError, match="finite"):
        information(SCORES * np.nan, SHAPES)
    with pytest.raises(DataError, match="floor"):
        information(SCORES, SHAPES, floor=0)
    with pytest.raises(IncompatibleError, match="classes"):
        information(SCORES[:, :2], SHAPES)
    with pytest.raises(IncompatibleError, match="mean"):
        information(SCORES, SHAPES, mean=np.ones((1, C)))
    with pytest.raises(IncompatibleError, match="free"):
        covariance(np.zeros((2, 3, 3)), np.zeros((2, 4), bool))
