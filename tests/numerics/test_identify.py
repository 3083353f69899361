"""Groups of classes that counts do not separate."""

import numpy as np
import pytest

from gamma_flow.errors import DataError, IncompatibleError
from gamma_flow.numerics import identify as module
from gamma_flow.numerics.identify import groups, replacement_loss
from gamma_flow.numerics.information import information
from gamma_flow.numerics.unmix import nnls

X = np.arange(60)


def shape(at, other=0.0):
    bell = np.exp(-0.5 * ((X - at) / 4) ** 2) + other * np.exp(-0.5 * ((X - 45) / 4) ** 2)
    return bell / bell.sum()


TWINS = np.array([shape(20.0), shape(20.3), shape(40.0), np.full(60, 1 / 60)])


def test_twins_are_one_group_until_the_counts_tell_them_apart():
    scores = np.array([[100.0, 0.0, 100.0, 300.0], [0.0, 100.0, 100.0, 300.0], [1e6, 0.0, 100.0, 300.0]])
    found = groups(information(scores, TWINS), scores)
    np.testing.assert_array_equal(found, [[0, 0, 2, 3], [0, 0, 2, 3], [0, 1, 2, 3]])


def test_twins_that_are_both_in_the_fit():
    scores = np.array([[60.0, 40.0, 100.0, 300.0]])
    np.testing.assert_array_equal(groups(information(scores, TWINS), scores), [[0, 0, 2, 3]])


def test_a_weak_class_is_weak_and_not_confused():
    scores = np.array([[3.0, 0.0, 100.0, 3000.0]])
    np.testing.assert_array_equal(groups(information(scores, TWINS), scores), [[0, 1, 2, 3]])


def test_only_present_classes_count():
    scores = np.array([[100.0, 0.0, 100.0, 300.0]])
    s = information(scores, TWINS)
    found = groups(s, scores, [[False, False, True, True]])
    np.testing.assert_array_equal(found, [[0, 1, 2, 3]])


def test_groups_are_closed():
    chain = np.array([shape(20.0), shape(20.2), shape(20.4)])
    scores = np.array([[0.0, 300.0, 0.0]])
    s = information(scores, chain)
    np.testing.assert_array_equal(groups(s, scores), [[0, 0, 0]])


def test_the_losses_are_those_of_fits():
    scores = np.array([80.0, 0.0, 120.0, 400.0])
    s = information(scores[None], TWINS)
    with_other, without = replacement_loss(s, scores[None])
    mean = scores @ TWINS
    root = np.sqrt(1 / mean)
    for i in (0, 2):
        for j in (1,):
            kept = [k for k in (0, 2, 3) if k != i]
            for chosen, loss in (([*kept, j], with_other), (kept, without)):
                design = (TWINS[chosen] * root).T
                rest = np.linalg.lstsq(design, mean * root, rcond=None)[1]
                np.testing.assert_allclose(loss[0, i, j], rest[0], rtol=1e-6)
    assert np.isinf(with_other[0, 1]).all()
    assert np.isinf(with_other[0][np.eye(4, dtype=bool)]).all()


def test_scores_may_not_turn_negative_by_a_swap():
    # j is i plus a peak that only a negative score of the third class could take away
    shapes = np.array([shape(20.0), shape(20.0, 0.5), shape(45.0), np.full(60, 1 / 60)])
    scores = np.array([[300.0, 0.0, 40.0, 300.0]])
    s = information(scores, shapes)
    free = replacement_loss(s, scores)[0][0, 0, 1]
    assert free < 1e-6
    mean = scores[0] @ shapes
    root = np.sqrt(1 / mean)
    design = shapes[[1, 2, 3]] * root
    best = nnls((mean * root)[None], design)[0]
    loss = ((mean * root - best @ design) ** 2).sum()
    assert loss > 2.71
    # 0 and 1 differ; but 1, with less of 0, may stand for 2
    np.testing.assert_array_equal(groups(s, scores), [[0, 1, 1, 3]])
    assert groups(s, scores, threshold=1.05 * loss)[0, 1] == 0
    enough = np.array([[300.0, 0.0, 250.0, 300.0]])
    assert groups(information(enough, shapes), enough)[0, 1] == 0


def test_many_rows_pass_in_blocks_and_rows_are_independent(monkeypatch):
    scores = np.random.default_rng(1).exponential(100, (50, 4)) * np.array([1, 0, 1, 1])
    s = information(scores, TWINS)
    whole = groups(s, scores)
    monkeypatch.setattr(module, "_BLOCK", 50)
    np.testing.assert_array_equal(groups(s, scores), whole)


def test_degenerate():
    assert groups(np.zeros((0, 3, 3)), np.zeros((0, 3))).shape == (0, 3)
    np.testing.assert_array_equal(groups(np.zeros((1, 2, 2)), [[5.0, 0.0]]), [[0, 1]])
    same = np.array([shape(20.0), shape(20.0)])
    scores = np.array([[50.0, 0.0]])
    np.testing.assert_array_equal(groups(information(scores, same), scores), [[0, 0]])


def test_refusals():
    with pytest.raises(IncompatibleError):
        groups(np.zeros((1, 3, 3)), np.zeros((1, 2)))
    with pytest.raises(DataError, match="finite"):
        groups(np.full((1, 2, 2), np.nan), np.ones((1, 2)))
    with pytest.raises(DataError, match="threshold"):
        groups(np.zeros((1, 2, 2)), np.ones((1, 2)), threshold=0)
