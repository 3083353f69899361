"""Draws without a class: what is in them is what is said to be in them."""

from __future__ import annotations

import numpy as np

from gamma_flow.numerics.nulls import Distortion, draw_nulls, pile_shift, pile_up_shape

EDGES = np.linspace(0.0, 600.0, 61)
ACTIVE = np.ones(60, bool)


def pools() -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    shapes = np.zeros((3, 60))
    shapes[0, 5:10], shapes[1, 40:45], shapes[2] = 1, 1, 1
    return [rng.poisson(100 * shape, (20, 60)).astype(float) for shape in shapes]


def test_presence_says_what_was_mixed() -> None:
    values, presence = draw_nulls(pools(), 2, EDGES, ACTIVE, 400, Distortion(), np.random.default_rng(2))
    assert values.shape == (400, 60)
    assert presence[:, 2].all()
    assert (values == np.rint(values)).all()
    first, second = values[:, 5:10].sum(axis=1), values[:, 40:45].sum(axis=1)
    background = values[:, 20:30].sum(axis=1) / 2
    for counts, mine in ((first, 0), (second, 1)):
        absent = ~presence[:, mine]
        assert (np.abs(counts - background)[absent] < 8 * np.sqrt(counts + background + 9)[absent]).all()
        # a source holds 100 counts or more
        assert np.mean((counts - background)[presence[:, mine]] > 40) > 0.95
    assert {0, 1, 2} == set(presence[:, :2].sum(axis=1).tolist())


def test_background_scatters_between_a_third_and_twice_its_counts() -> None:
    values, presence = draw_nulls(pools(), 2, EDGES, ACTIVE, 800, Distortion(), np.random.default_rng(3))
    alone = values[~presence[:, :2].any(axis=1)].sum(axis=1)
    assert 0.25 * 6000 < alone.min() < 0.4 * 6000
    assert 1.8 * 6000 < alone.max() < 2.1 * 6000


def test_without_a_background_something_is_always_there() -> None:
    values, presence = draw_nulls(
        pools()[:2], None, EDGES, ACTIVE, 200, Distortion(), np.random.default_rng(4)
    )
    assert presence.any(axis=1).all()
    assert (values.sum(axis=1) > 50).all()


def test_equal_generators_draw_equal_spectra() -> None:
    how = Distortion(gain=0.02, offset=3.0, smooth=0.1, pile_up=True)
    one = draw_nulls(pools(), 2, EDGES, ACTIVE, 100, how, np.random.default_rng(5))
    two = draw_nulls(pools(), 2, EDGES, ACTIVE, 100, how, np.random.default_rng(5))
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])


def test_drift_moves_and_smooth_distortion_bends_the_mean() -> None:
    pool = [np.zeros((5, 60)), np.full((5, 60), 500.0)]
    pool[0][:, 30] = 1e4
    drifted, there = draw_nulls(pool, 1, EDGES, ACTIVE, 300, Distortion(gain=0.05), np.random.default_rng(6))
    net = drifted[there[:, 0]] - np.median(drifted[there[:, 0]], axis=1, keepdims=True)
    top = net.argmax(axis=1)[net.max(axis=1) > 1000]
    assert len(top) > 50
    assert 1.0 < top.std() < 2.5  # five percent of channel 30
    bent, _ = draw_nulls(pool[1:], 0, EDGES, ACTIVE, 300, Distortion(smooth=0.1), np.random.default_rng(7))
    relative = bent / bent.mean(axis=1, keepdims=True) - 1
    assert 0.07 < relative.std() < 0.15  # counting adds some percent


def test_pile_up_is_the_self_convolution() -> None:
    mean = np.zeros((1, 60))
    mean[0, 10], mean[0, 20] = 3.0, 1.0
    found = pile_up_shape(mean, EDGES)[0]
    expected = np.zeros(60)
    expected[20], expected[30], expected[40] = 9 / 4, 6 / 4, 1 / 4
    shift = pile_shift(EDGES)
    np.testing.assert_allclose(found, np.roll(expected, shift), atol=1e-12)
    # channel 10 is 105 keV and channel 20 is 205 keV: together 310 keV, channel 31
    assert pile_shift(np.linspace(5.0, 605.0, 61)) == 1
    assert pile_shift(np.linspace(-25.0, 575.0, 61)) == -2
