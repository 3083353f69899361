"""Least squares by the kernel against its twin in numpy and scipy; who computes, and what is left open."""

import itertools
import sys

import numpy as np
import pytest

from engines import ENGINES, draw, each_engine, each_kernel, using
from gamma_flow.errors import DataError, IncompatibleError, MissingDependencyError, SettingsError
from gamma_flow.numerics import _compiled, _reference
from gamma_flow.numerics.unmix import Unmixer, kkt_violation, nnls, unmix

PROMISE = 1e-9


def problems():
    """Yield 10,000 problems in sets with common templates: kind, values, templates."""
    rng = np.random.default_rng(2011)
    shapes = [(1, 1), (1, 30), (5, 1), (2, 12), (5, 60), (12, 5), (18, 40), (40, 60), (40, 30), (25, 25)]
    for kind, (k, c) in itertools.product(["random", "positive", "collinear", "repeated"], shapes):
        for _ in range(5):
            yield kind, *draw(rng, 50, k, c, kind=kind)


def test_nnls_agrees_with_scipy():
    optimize = pytest.importorskip("scipy.optimize")
    total = compared = 0
    for kind, values, templates in problems():
        strength = np.linalg.norm(templates, axis=1)
        size = np.linalg.norm(values, axis=1)
        found = {}
        for engine in ENGINES:
            with using(engine):
                found[engine] = scores = nnls(values, templates)
            assert np.isfinite(scores).all()
            assert (scores >= 0).all()
            cancels = scores @ strength > 1e4 * size
            assert (kkt_violation(values, templates, scores)[~cancels] <= PROMISE).all(), kind
            assert cancels.mean() < 0.5
        benign = np.linalg.matrix_rank(templates) == len(templates) and (
            np.linalg.cond(templates / strength[:, None]) < 1e3
        )
        for i, (x, norm) in enumerate(zip(values, size, strict=True)):
            total += 1
            try:
                expected, residual = optimize.nnls(templates.T, x)
            except RuntimeError:  # scipy gives up on some; the conditions above hold all the same
                continue
            compared += 1
            for scores in found.values():
                assert abs(np.linalg.norm(x - scores[i] @ templates) - residual) <= 1e-9 * norm, kind
                if benign:
                    assert (np.abs(scores[i] - expected) * strength <= 1e-8 * norm).all(), kind
    assert total == 10_000
    assert compared > 9_000


@each_kernel
@pytest.mark.parametrize("kind", ["random", "positive", "collinear", "repeated"])
def test_kernel_agrees_with_its_twin(engine, kind):
    rng = np.random.default_rng(30)
    compared = 0
    for k, c in [(1, 1), (2, 12), (5, 60), (12, 5), (18, 40), (5, 249), (25, 25)]:
        values, templates = draw(rng, 70, k, c, kind=kind)
        values[1], values[2] = 1.0, (rng.gamma(1.0, 1.0, (1, k)) @ templates)[0]
        signed = None if kind == "positive" else rng.random(k) < 0.3
        with using(engine):
            found = unmix(values, templates, signed=signed)
        with using("numpy"):
            expected = unmix(values, templates, signed=signed)
        norms, size = np.linalg.norm(templates, axis=1), np.linalg.norm(values, axis=1)[:, None]
        fits = found.scores @ templates - expected.scores @ templates
        assert (np.abs(fits) <= 1e-8 * size).all()
        condition = np.linalg.cond(templates / norms[:, None])
        if condition < 1e3 and k <= c:
            compared += 1
            assert (
                np.abs(found.scores - expected.scores) * norms <= 1e-14 * condition**2 * size + 1e-13 * size
            ).all()
        for name in ("cosine", "explained_variance"):
            tame = slice(3, None)
            np.testing.assert_allclose(
                getattr(found.quality, name)[tame], getattr(expected.quality, name)[tame], atol=1e-8
            )
            assert not np.isnan(getattr(found.quality, name)).any()
    assert compared >= {"collinear": 0, "repeated": 1}.get(kind, 3)


@each_kernel
@pytest.mark.parametrize("apart", [1e-6, 1e-9])
def test_templates_too_much_alike_are_left_to_the_careful_path(engine, apart):
    rng = np.random.default_rng(34)
    templates = rng.random((1, 30)) + apart * rng.random((4, 30))
    values = rng.random((50, 4)) @ templates + 1e-3 * rng.random((50, 30))
    with using("numpy"):
        expected = unmix(values, templates)
    with using(engine):
        found = unmix(values, templates)
    np.testing.assert_array_equal(found.scores, expected.scores)


@each_engine
def test_rows_do_not_know_each_other_nor_the_threads(engine):
    rng = np.random.default_rng(31)
    values, templates = draw(rng, 900, 5, 60, kind="positive")
    values = np.abs(values) + rng.random(values.shape) * np.abs(values).mean()
    with using(engine):
        together = unmix(values, templates)
        threaded = unmix(values, templates, threads=3)
        np.testing.assert_array_equal(threaded.scores, together.scores)
        np.testing.assert_array_equal(threaded.quality.cosine, together.quality.cosine)
        np.testing.assert_array_equal(nnls(values, templates, threads=2), together.scores)
        if engine == "numpy":
            return
        # the kernel: to the last bit, wherever a row stands
        order = rng.permutation(900)
        shuffled = unmix(values[order], templates)
        unmixer = Unmixer(templates)
        for name in ("cosine", "centred_cosine", "explained_variance"):
            np.testing.assert_array_equal(
                getattr(shuffled.quality, name), getattr(together.quality, name)[order]
            )
        np.testing.assert_array_equal(shuffled.scores, together.scores[order])
        for i in range(0, 900, 31):
            np.testing.assert_array_equal(unmixer.nnls(values[i : i + 1])[0], together.scores[i])
        single = unmix(values.astype(np.float32), templates)
        np.testing.assert_array_equal(
            single.scores, unmix(values.astype(np.float32).astype(np.float64), templates).scores
        )


@each_engine
def test_unmixer_is_the_functions_with_templates_made_ready(engine):
    rng = np.random.default_rng(32)
    values, templates = draw(rng, 40, 4, 20)
    signed = np.array([False, True, False, False])
    given_templates, given_signed = templates.copy(), signed.copy()
    with using(engine):
        unmixer = Unmixer(templates, signed)
        templates[:], signed[:] = 0.0, False  # it keeps its own
        found, expected = unmixer.unmix(values), unmix(values, given_templates, signed=given_signed)
        np.testing.assert_array_equal(found.scores, expected.scores)
        np.testing.assert_array_equal(found.quality.cosine, expected.quality.cosine)
        np.testing.assert_array_equal(unmixer.nnls(values), expected.scores)
        assert (found.scores[:, 1] < 0).any()
        with pytest.raises(ValueError, match="read-only"):
            unmixer.templates[0, 0] = 1.0
        with pytest.raises(AttributeError):
            unmixer.tolerance = 1.0
        with pytest.raises(IncompatibleError, match="one axis"):
            unmixer.unmix(values[:, 1:])
        with pytest.raises(DataError, match="no templates"):
            Unmixer(np.ones((0, 4)))
        for threads in (0, 1.5):
            with pytest.raises(SettingsError, match="threads"):
                unmixer.unmix(values, threads=threads)


@each_kernel
def test_rows_that_the_kernel_leaves_open_are_solved_all_the_same(engine):
    rng = np.random.default_rng(33)
    templates = rng.random((3, 30))
    values = rng.random((40_000, 3)) @ templates + 0.1 * rng.random((40_000, 30))
    values[20_000] *= 1e-160  # squares underflow
    values[30_000] *= 1e160  # squares overflow
    values[35_000] = 0.0
    values[39_000] = [0.5, 2.0, 1.0] @ templates  # the residual cancels
    with using(engine):
        found = unmix(values, templates)
        spoilt = values.copy()
        spoilt[39_500, 7] = np.nan
        with pytest.raises(DataError, match="values, row 39500, channel 7"):
            nnls(spoilt, templates)
        tiny = values.copy()
        tiny[17_000] = 1e300
        with pytest.raises(DataError, match=r"rows 17000 to 30000: .* range of float64"):
            nnls(tiny, templates * 1e-20)
    open_rows = [20_000, 30_000, 35_000, 39_000]
    with using("numpy"):
        expected = unmix(values[open_rows], templates)
    np.testing.assert_allclose(found.scores[open_rows], expected.scores, rtol=1e-9)
    for name in ("cosine", "centred_cosine", "explained_variance"):
        np.testing.assert_allclose(
            getattr(found.quality, name)[open_rows], getattr(expected.quality, name), rtol=1e-9
        )
    np.testing.assert_allclose(found.scores[39_000], [0.5, 2.0, 1.0], rtol=1e-9)


def test_the_engine_is_chosen_by_the_environment(monkeypatch):
    monkeypatch.setenv("GAMMA_FLOW_KERNEL", "numpy")
    assert _compiled.engine_name() == "numpy"
    assert _compiled.engine() is _reference
    monkeypatch.setenv("GAMMA_FLOW_KERNEL", "fortran")
    with pytest.raises(SettingsError, match=r"GAMMA_FLOW_KERNEL: .*'fortran'"):
        _compiled.engine()
    # without a compiler
    monkeypatch.setitem(sys.modules, "gamma_flow.numerics._kernel", None)
    monkeypatch.delattr("gamma_flow.numerics._kernel", raising=False)
    monkeypatch.setenv("GAMMA_FLOW_KERNEL", "compiled")
    with pytest.raises(MissingDependencyError, match="not installed"):
        _compiled.engine()
    monkeypatch.delenv("GAMMA_FLOW_KERNEL")
    assert _compiled.engine_name() == "numpy"
    assert nnls([[2.0, 3.0, 1.0]], [[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]]).round(9).tolist() == [[2.0, 1.0]]
