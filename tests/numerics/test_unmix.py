"""Batched NNLS against enumeration, against scipy, and against its own conditions of optimality."""

import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines import ENGINES, draw, using
from gamma_flow.errors import DataError, IncompatibleError
from gamma_flow.numerics import _active_set as module
from gamma_flow.numerics.similarity import fit_quality
from gamma_flow.numerics.unmix import fit_sums, kkt_violation, nnls, unmix

PROMISE = 1e-9

seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(autouse=True, scope="module", params=[name for name in ENGINES if "narrow" not in name])
def _engine(request):
    """Run every test on numpy alone and with the kernel."""
    with using(request.param):
        yield


def by_enumeration(values, templates, signed):
    """Try all sets of components above zero, solve each exactly, keep the best feasible one."""
    k = len(templates)
    best, winner = np.inf, np.zeros(k)
    for size in range(k + 1):
        for chosen in itertools.combinations(range(k), size):
            part = list(chosen)
            scores = np.zeros(k)
            if part:
                scores[part] = np.linalg.lstsq(templates[part].T, values, rcond=None)[0]
            residual = np.linalg.norm(values - scores @ templates)
            if (scores[~signed] >= 0).all() and residual < best * (1 - 1e-13):
                best, winner = residual, scores
    return winner


@given(seeds, st.integers(1, 6), st.integers(1, 9), st.sampled_from(["random", "positive"]), st.booleans())
def test_nnls_is_the_best_of_all_sets(seed, k, c, kind, some_signed):
    rng = np.random.default_rng(seed)
    values, templates = draw(rng, 3, k, c, kind=kind)
    signed = (rng.random(k) < 0.4) if some_signed else np.zeros(k, bool)
    scores = nnls(values, templates, signed=signed)
    assert (scores[:, ~signed] >= 0).all()
    for x, s in zip(values, scores, strict=True):
        expected = by_enumeration(x, templates, signed)
        size = np.linalg.norm(x)
        assert np.linalg.norm(x - s @ templates) <= np.linalg.norm(x - expected @ templates) + 1e-9 * size
        if k <= c and np.linalg.cond(templates / np.linalg.norm(templates, axis=1)[:, None]) < 1e3:
            tolerance = 1e-8 * size / np.linalg.norm(templates, axis=1)
            assert (np.abs(s - expected) <= tolerance).all()


@given(seeds, st.integers(1, 12), st.integers(1, 20))
def test_order_of_rows_and_of_components_is_irrelevant(seed, k, c):
    rng = np.random.default_rng(seed)
    values, templates = draw(rng, 40, k, c, kind="random")
    scores = nnls(values, templates)
    rows, classes = rng.permutation(40), rng.permutation(k)
    fits = scores @ templates
    size = 1e-9 * np.linalg.norm(values, axis=1, keepdims=True)
    assert (np.abs(nnls(values[rows], templates) - scores[rows]) <= 1e-12 * (1 + np.abs(scores[rows]))).all()
    assert (np.abs(nnls(values, templates[classes]) @ templates[classes] - fits) <= size).all()


@pytest.mark.parametrize(("k", "c"), [(1, 1), (5, 249), (6, 3), (18, 100), (40, 64)])
def test_a_batch_is_its_rows(k, c):
    rng = np.random.default_rng(k)
    values, templates = draw(rng, 700, k, c, kind="positive")
    together = unmix(values, templates)
    # to rounding: some versions of BLAS add up in another order at another place of a block
    bound = 1e-15 * np.linalg.cond(templates) * together.scores.max(axis=1, keepdims=True)
    for i in range(0, 700, 23):
        alone = unmix(values[i : i + 1], templates)
        assert (np.abs(alone.scores[0] - together.scores[i]) <= bound[i]).all()
        for name in ("cosine", "centred_cosine", "explained_variance"):
            np.testing.assert_allclose(
                getattr(alone.quality, name)[0], getattr(together.quality, name)[i], atol=1e-10
            )
    upside_down = nnls(values[::-1], templates)[::-1]
    assert (np.abs(upside_down - together.scores) <= bound).all()


@given(seeds, st.sampled_from([1e-300, 1e-160, 1e-3, 7.0, 1e9, 1e150, 1e290]))
def test_scores_scale_with_values_and_templates(seed, factor):
    rng = np.random.default_rng(seed)
    values, templates = draw(rng, 5, 4, 9, kind="random")
    scores = nnls(values, templates)
    size = np.linalg.norm(values, axis=1)[:, None] / np.linalg.norm(templates, axis=1)
    assert (np.abs(nnls(factor * values, templates) / factor - scores) <= 1e-9 * size).all()
    assert (np.abs(nnls(values, factor * templates) * factor - scores) <= 1e-9 * size).all()


def test_signed_components_take_part_freely():
    rng = np.random.default_rng(8)
    values, templates = draw(rng, 200, 5, 20)
    free = np.linalg.lstsq(templates.T, values.T, rcond=None)[0].T
    np.testing.assert_allclose(nnls(values, templates, signed=np.ones(5, bool)), free, rtol=1e-9, atol=1e-9)
    signed = np.array([False, True, False, False, True])
    # A component free in sign is the difference of two that are not.
    split = nnls(values, np.vstack([templates, -templates[signed]]))
    merged = split[:, :5].copy()
    merged[:, signed] -= split[:, 5:]
    found = nnls(values, templates, signed=signed)
    np.testing.assert_allclose(found, merged, rtol=1e-8, atol=1e-8)
    assert (kkt_violation(values, templates, found, signed) <= PROMISE).all()


def test_dependent_signed_components():
    rng = np.random.default_rng(9)
    values, templates = draw(rng, 50, 3, 20)
    doubled = np.vstack([templates, templates[0] - 2 * templates[1], templates[2]])
    signed = np.array([True, True, False, True, False])
    found = nnls(values, doubled, signed=signed)
    expected = nnls(values, templates, signed=signed[:3])
    np.testing.assert_allclose(found @ doubled, expected @ templates, atol=1e-9)
    assert (kkt_violation(values, doubled, found, signed) <= PROMISE).all()


def test_templates_of_zeros_and_repeated_templates():
    rng = np.random.default_rng(10)
    values, templates = draw(rng, 50, 3, 20, kind="positive")
    more = np.vstack([np.zeros(20), templates, templates[1] * 3, np.zeros(20)])
    found = nnls(values, more)
    np.testing.assert_allclose(found[:, 1:4], nnls(values, templates), rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(found[:, [0, 4, 5]], 0.0)
    np.testing.assert_array_equal(nnls(values, np.zeros((2, 20)), signed=[True, False]), np.zeros((50, 2)))


@pytest.mark.parametrize("kind", ["random", "positive", "collinear", "repeated"])
def test_fallback_alone_solves_everything(monkeypatch, kind):
    """Lawson-Hanson from zero, and Gram-Schmidt for all: the ways that few rows take otherwise."""
    monkeypatch.setattr(module, "_EXCHANGES", 1)
    monkeypatch.setattr(module, "_SWEEPS", 0)
    monkeypatch.setattr(module, "_TOO_STEEP", 2.0)
    monkeypatch.setenv("GAMMA_FLOW_KERNEL", "numpy")
    rng = np.random.default_rng(11)
    for k, c in [(1, 1), (5, 30), (12, 5), (20, 40)]:
        values, templates = draw(rng, 60, k, c, kind=kind)
        scores = nnls(values, templates)
        sizes = np.linalg.norm(values, axis=1)
        cancels = scores @ np.linalg.norm(templates, axis=1) > 1e4 * sizes
        assert (scores >= 0).all()
        assert (kkt_violation(values, templates, scores)[~cancels] <= PROMISE).all()


def test_no_tolerance_at_all_still_ends():
    rng = np.random.default_rng(12)
    values, templates = draw(rng, 100, 6, 12)
    np.testing.assert_allclose(
        nnls(values, templates, tolerance=0.0), nnls(values, templates), rtol=1e-9, atol=1e-12
    )


def test_kkt_violation_measures_what_is_stated():
    templates = np.array([[2.0, 0.0, 0.0], [0.0, 3.0, 4.0], [0.0, 0.0, 0.0]])
    x = np.array([[1.0, 3.0, 4.0]])
    norm = np.sqrt(26.0)
    best = nnls(x, templates)
    np.testing.assert_allclose(best, [[0.5, 1.0, 0.0]])
    assert kkt_violation(x, templates, best) <= 1e-15
    np.testing.assert_allclose(kkt_violation(x, templates, [[0.0, 1.0, 0.0]]), 1 / norm)
    np.testing.assert_allclose(kkt_violation(x, templates, [[0.5, 1.5, 0.0]]), 2.5 / norm)
    np.testing.assert_allclose(kkt_violation(-x, templates, [[-0.5, 0.0, 0.0]]), 1 / norm)
    assert kkt_violation(-x, templates, [[0.0, 0.0, 0.0]]) == 0.0
    np.testing.assert_allclose(
        kkt_violation(-x, templates, [[0.0, 0.0, 0.0]], [True, False, False]), 1 / norm
    )
    zero = np.zeros((2, 3))
    np.testing.assert_array_equal(kkt_violation(zero, templates, [[0, 0, 0], [1, 0, 0]]), [0.0, np.inf])


@given(seeds, st.integers(1, 8), st.integers(1, 20), st.sampled_from([0.0, 1e-12, 1e-6, 1e-3, 1.0]))
def test_quality_from_sums_is_that_of_the_denoised_spectra(seed, k, c, noise):
    rng = np.random.default_rng(seed)
    templates = rng.random((k, c))
    values = rng.gamma(1.0, 1.0, (20, k)) @ templates + noise * rng.normal(size=(20, c))
    values[:3] = [[0.0], [1.0], [-0.3]]
    found = unmix(values, templates)
    np.testing.assert_array_equal(found.scores, nnls(values, templates))
    explicit = fit_quality(values, found.scores @ templates)
    for name in ("cosine", "centred_cosine", "explained_variance"):
        # Between constant spectra and fits that are constant but for rounding, no digit is left to compare.
        tame = (
            np.ones(20, bool) if name == "cosine" else values.std(axis=1) > 1e-4 * np.abs(values).max(axis=1)
        )
        np.testing.assert_allclose(
            getattr(found.quality, name)[tame], getattr(explicit, name)[tame], atol=1e-8
        )
        assert not np.isnan(getattr(found.quality, name)).any()


def test_quality_keeps_its_digits_where_the_fit_is_nearly_perfect():
    rng = np.random.default_rng(13)
    templates = rng.random((4, 50))
    values = rng.random((40, 4)) @ templates
    values += 1e-9 * rng.normal(size=values.shape)
    found = unmix(values, templates)
    lost = 1 - found.quality.explained_variance
    explicit = 1 - fit_quality(values, found.scores @ templates).explained_variance
    np.testing.assert_allclose(lost, explicit, rtol=1e-5, atol=2e-16)


def test_fit_sums_takes_any_scores():
    rng = np.random.default_rng(14)
    values, templates = draw(rng, 300, 6, 40)
    scores = rng.normal(size=(300, 6))
    templates[2] = 0.0
    found, expected = fit_sums(values, templates, scores), fit_quality(values, scores @ templates)
    np.testing.assert_allclose(found.cosine, expected.cosine, atol=1e-10)
    np.testing.assert_allclose(found.centred_cosine, expected.centred_cosine, atol=1e-10)
    np.testing.assert_allclose(found.explained_variance, expected.explained_variance, rtol=1e-9, atol=1e-10)


def test_inputs_stay_as_they_are_and_may_be_read_only():
    rng = np.random.default_rng(15)
    values, templates = draw(rng, 64, 4, 10)
    scores = nnls(values, templates)
    before = values.copy(), templates.copy()
    values.flags.writeable = templates.flags.writeable = False
    unmix(values, templates)
    fit_sums(values, templates, scores)
    kkt_violation(values, templates, scores)
    np.testing.assert_array_equal(values, before[0])
    np.testing.assert_array_equal(templates, before[1])


def test_layout_and_type_do_not_matter():
    rng = np.random.default_rng(16)
    values = rng.integers(0, 100, (100, 12))
    templates = rng.random((3, 12))
    expected = nnls(values.astype(float), templates)
    for same in (
        values,
        values.astype(np.float32),
        values.astype(np.uint16),
        np.asfortranarray(values * 1.0),
    ):
        np.testing.assert_allclose(nnls(same, templates), expected, rtol=1e-12)
    wide = rng.random((100, 20))
    wide[:, 5:17] = values
    np.testing.assert_allclose(nnls(wide[:, 5:17], templates), expected, rtol=1e-12)
    np.testing.assert_allclose(nnls(wide[::-1, 16:4:-1], templates[:, ::-1])[::-1], expected, rtol=1e-12)


def test_no_rows():
    found = unmix(np.zeros((0, 7)), np.ones((2, 7)))
    assert found.scores.shape == (0, 2)
    assert found.quality.cosine.shape == (0,)
    assert fit_sums(np.zeros((0, 7)), np.ones((2, 7)), np.zeros((0, 2))).cosine.shape == (0,)
    assert kkt_violation(np.zeros((0, 7)), np.ones((2, 7)), np.zeros((0, 2))).shape == (0,)


def test_memory_does_not_grow_with_the_number_of_rows():
    rng = np.random.default_rng(17)
    templates = rng.random((5, 20))
    values = rng.random((200_000, 20))
    peaks = []
    for n in (50_000, 200_000):
        tracemalloc.start()
        scores = nnls(values[:n], templates)
        peaks.append(tracemalloc.get_traced_memory()[1] - scores.nbytes)
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_refuses_what_it_cannot_solve():
    values, templates = np.ones((3, 4)), np.ones((2, 4))
    for bad in (np.nan, np.inf, -np.inf):
        spoilt = values.copy()
        spoilt[1, 2] = bad
        with pytest.raises(DataError, match=r"values, row 1, channel 2: .* not finite"):
            nnls(spoilt, templates)
        with pytest.raises(DataError, match=r"templates, row 0, channel 3"):
            nnls(values, [[1, 1, 1, bad]])
        with pytest.raises(DataError, match=r"scores, row 2, channel 0"):
            fit_sums(values, templates, [[1, 1], [1, 1], [bad, 1]])
    with pytest.raises(IncompatibleError, match="one axis"):
        nnls(values, np.ones((2, 5)))
    with pytest.raises(IncompatibleError, match="mask over the components"):
        nnls(values, templates, signed=[True])
    with pytest.raises(IncompatibleError, match="mask over the components"):
        nnls(values, templates, signed=[0, 1])
    with pytest.raises(DataError, match="no templates"):
        nnls(values, np.ones((0, 4)))
    with pytest.raises(DataError, match="batch of one"):
        nnls(values[0], templates)
    with pytest.raises(DataError, match="real numbers"):
        nnls(values.astype(object), templates)
    with pytest.raises(IncompatibleError, match="one score a spectrum"):
        kkt_violation(values, templates, np.ones((2, 2)))
    with pytest.raises(DataError, match="range of float64"):
        nnls(values * 1e300, templates * 1e-300)
