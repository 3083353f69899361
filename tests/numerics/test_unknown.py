"""What a model cannot make: position, counts and errors of an unknown line, and nothing where nothing is."""

import numpy as np
import pytest

from gamma_flow.errors import DataError, IncompatibleError
from gamma_flow.numerics.decompose import Distortions, decompose
from gamma_flow.numerics.novelty import residual_template

C = 256
X = np.arange(C)
HALF = 1.5 + 0.25 * np.sqrt(X)
GROUND = np.exp(-X / 60.0) + 0.02
GROUND /= GROUND.sum()


def line(at):
    sigma = np.interp(at, X, HALF) / 1.17741
    bell = np.exp(-0.5 * ((X - at) / sigma) ** 2)
    return bell / bell.sum()


def spectra(n, ground, lines, seed=1):
    rng = np.random.default_rng(seed)
    expected = ground * GROUND + sum(counts * line(at) for at, counts in lines)
    return rng.poisson(np.tile(expected, (n, 1))).astype(float)


def test_a_drawn_line_on_a_fitted_background():
    n, at, counts = 300, 140.3, 300.0
    values = spectra(n, 3000.0, [(at, counts)])
    fit = decompose(
        values, GROUND[None], Distortions.none(1, C), mismatch=(1e-6, 1e-6), adapt=False, mean=True
    )
    found = residual_template(values, fit.mean, HALF)
    first = np.unique(found.peaks.spectrum, return_index=True)[1]
    assert len(first) == n
    best = found.peaks.position[first]
    assert abs(np.mean(best) - at) < 0.15
    assert (np.abs(best - at) < 1.0).mean() > 0.95
    pull = (found.peaks.counts[first] - counts) / found.peaks.errors[first]
    assert (np.abs(pull) < 3).mean() > 0.95
    assert np.abs(found.shapes.argmax(axis=1) - at).mean() < 1.0
    np.testing.assert_allclose(found.shapes.sum(axis=1), 1)
    assert (found.shapes >= 0).all()
    # what the fit took away from the line is missing, but not much
    assert abs(found.counts.mean() - counts) < 0.15 * counts
    assert (found.errors > 0).all()


def test_the_sum_of_spectra_is_sharper():
    values = spectra(400, 300.0, [(60.7, 6.0)])
    mean = np.tile(300.0 * GROUND, (400, 1))
    alone = residual_template(values, mean, HALF)
    found = residual_template(values, mean, HALF, together=True)
    assert len(alone.peaks.spectrum) < 40
    assert found.shapes.shape == (1, C)
    assert abs(found.peaks.position[0] - 60.7) < 0.5
    assert abs(found.peaks.counts[0] - 2400) < 3 * found.peaks.errors[0]
    assert abs(found.counts[0] - 2400) < 3 * found.errors[0]


def test_two_lines_and_positions_on_the_axis():
    edges = np.linspace(0.0, 3000.0, C + 1)
    values = spectra(1, 20_000.0, [(80.0, 900.0), (200.0, 500.0)])
    found = residual_template(values, 20_000.0 * GROUND[None], HALF, edges=edges)
    energy = np.interp(np.array([80.5, 200.5]), np.arange(C + 1), edges)
    order = np.argsort(found.peaks.position)
    assert len(order) == 2
    np.testing.assert_allclose(found.peaks.position[order], energy, atol=12.0)
    pull = (found.peaks.counts[order] - [900.0, 500.0]) / found.peaks.errors[order]
    assert (np.abs(pull) < 3).all()
    assert (found.peaks.significance > 4).all()


def test_nothing_is_found_where_nothing_is():
    values = spectra(1000, 3000.0, [])
    mean = np.tile(3000.0 * GROUND, (1000, 1))
    found = residual_template(values, mean, HALF)
    assert len(np.unique(found.peaks.spectrum)) < 20
    empty = found.shapes.sum(axis=1) == 0
    assert empty.mean() > 0.97
    assert (found.counts[empty] == 0).all()
    np.testing.assert_allclose(found.errors[empty], np.sqrt(np.maximum(mean, 0.05).sum(axis=1))[empty])


def test_a_broad_continuum_is_kept_though_no_channel_of_it_stands_out():
    step = (X < 120) / 120.0
    rng = np.random.default_rng(5)
    values = rng.poisson(np.tile(3000.0 * GROUND + 500.0 * step, (50, 1)))
    found = residual_template(values, np.tile(3000.0 * GROUND, (50, 1)), HALF)
    assert (found.counts > 200).mean() > 0.8


def test_rows_are_independent_and_inputs_untouched():
    values = spectra(6, 2000.0, [(100.0, 300.0)])
    mean = np.tile(2000.0 * GROUND, (6, 1))
    copies = values.copy(), mean.copy()
    found = residual_template(values, mean, HALF)
    for i in range(6):
        one = residual_template(values[i : i + 1], mean[i : i + 1], HALF)
        np.testing.assert_allclose(one.shapes[0], found.shapes[i], atol=1e-15)
        np.testing.assert_allclose(one.peaks.counts, found.peaks.counts[found.peaks.spectrum == i])
    np.testing.assert_array_equal(values, copies[0])
    np.testing.assert_array_equal(mean, copies[1])


def test_the_mismatch_lowers_the_significance():
    values = spectra(1, 20_000.0, [(80.0, 900.0)])
    mean = 20_000.0 * GROUND[None]
    sure, unsure = (residual_template(values, mean, HALF, mismatch=f).peaks for f in (0.0, 0.1))
    assert unsure.significance.max(initial=0) < sure.significance[0]


def test_empty_and_degenerate():
    for n in (0, 2):
        found = residual_template(np.zeros((n, 8)), np.zeros((n, 8)), np.ones(8))
        assert found.shapes.shape == (n, 8)
        assert np.isfinite(found.errors).all()
        assert len(found.peaks.position) == 0
    one = residual_template([[50.0]], [[1.0]], [0.5])
    assert np.isfinite(one.peaks.counts).all()
    assert len(residual_template([[0, 90, 0.0]], np.ones((1, 3)), np.ones(3), most_peaks=0).peaks.counts) == 0


def test_refusals():
    y = np.ones((2, 4))
    with pytest.raises(IncompatibleError):
        residual_template(y, y[:1], np.ones(4))
    with pytest.raises(DataError, match="half_widths"):
        residual_template(y, y, np.zeros(4))
    with pytest.raises(DataError, match="mean"):
        residual_template(y, -y, np.ones(4))
    with pytest.raises(DataError, match="significance"):
        residual_template(y, y, np.ones(4), significance=0)
    with pytest.raises(DataError, match="increase"):
        residual_template(y, y, np.ones(4), edges=np.zeros(5))
