from __future__ import annotations

import numpy as np
import pytest

from gamma_flow.errors import DataError, IncompatibleError
from gamma_flow.numerics.decompose import Distortions, decompose
from gamma_flow.numerics.families import best_of, usual_distortions

C = 64
EDGES = np.linspace(0.0, 1280.0, C + 1)
WIDTH = np.full(C + 1, 60.0)


def peak(at: float, width: float = 3.0) -> np.ndarray:
    x = np.arange(C)
    return np.exp(-0.5 * ((x - at) / width) ** 2)


def families() -> np.ndarray:
    """Three classes of two lines each; behind more matter the lower line fades and a continuum grows."""
    slope = np.exp(-np.arange(C) / 12.0)
    lines = [(12, 40), (18, 40), (12, 50)]
    thin = [1.0, 0.6, 0.3, 0.1]
    return np.array([[t * peak(a) + 0.5 * peak(b) + (1 - t) * 0.2 * slope for t in thin] for a, b in lines])


BACKGROUND = np.exp(-np.arange(C) / 30.0)


def drawn(seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    f = families()
    f = f / f.sum(axis=2, keepdims=True)
    k, p = rng.integers(0, 3, 24), rng.integers(0, 4, 24)
    mean = 5e3 * f[k, p] + 5e3 * BACKGROUND / BACKGROUND.sum()
    return rng.poisson(mean).astype(float), k, p


def test_class_and_member_are_found_with_and_without_distortions() -> None:
    y, k, p = drawn()
    for distort in (None, usual_distortions(EDGES, WIDTH)):
        found = best_of(y, families(), BACKGROUND, distort)
        np.testing.assert_array_equal(found.best, k)
        rows = np.arange(len(y))
        assert (found.member[rows, k] == p).mean() > 0.8
        np.testing.assert_allclose(found.scores[rows, k], 5e3, rtol=0.25)
        np.testing.assert_allclose((found.scores + found.background)[rows, k], y.sum(axis=1), rtol=0.05)


def test_the_screen_is_one_plain_fit_after_the_other() -> None:
    y, _, _ = drawn(2)
    f = families()
    found = best_of(y, f, BACKGROUND)
    for i in range(3):
        each = []
        for member in f[i]:
            pair = np.stack([member / member.sum(), BACKGROUND / BACKGROUND.sum()])
            one = decompose(y, pair, mismatch=(1e-6, 1e-6), adapt=False, evidence=False, novelty=False)
            each.append(one.log_likelihood)
        np.testing.assert_allclose(found.screened[:, i], np.max(each, axis=0), rtol=1e-12)
        np.testing.assert_array_equal(found.member[:, i], np.argmax(each, axis=0))
    np.testing.assert_array_equal(found.log_likelihood, found.screened)


def test_only_the_best_of_the_screen_are_fitted_again() -> None:
    y, k, _ = drawn(3)
    calls: list[np.ndarray] = []

    def distort(pair: np.ndarray) -> Distortions:
        calls.append(pair)
        return Distortions.none(2, C)

    found = best_of(y, families(), BACKGROUND, distort, classes=1, tries=2)
    assert (np.isfinite(found.log_likelihood).sum(axis=1) == 1).all()
    np.testing.assert_array_equal(found.best, k)
    assert 0 < len(calls) <= 3 * 4
    plain = best_of(y, families(), BACKGROUND)
    left_out = np.isneginf(found.log_likelihood)
    np.testing.assert_array_equal(found.member[left_out], plain.member[left_out])


def test_a_spectrum_is_ranked_by_itself() -> None:
    y, _, _ = drawn(4)
    distort = usual_distortions(EDGES, WIDTH)
    pile = np.linspace(0.0, 0.1, len(y))
    together = best_of(y, families(), BACKGROUND, distort, pile=pile)
    alone = best_of(y[7:8], families(), BACKGROUND, distort, pile=pile[7:8])
    np.testing.assert_array_equal(together.log_likelihood[7:8], alone.log_likelihood)
    np.testing.assert_array_equal(together.scores[7:8], alone.scores)


def test_piled_up_spectra_want_pile_up() -> None:
    f = families()
    single = 2e5 * f[0, 1] / f[0, 1].sum()
    piled = single + 0.1 * np.convolve(single, single)[:C] / single.sum()
    y = np.random.default_rng(5).poisson(piled + 10 * BACKGROUND)[None].astype(float)
    without = best_of(y, f, BACKGROUND)
    with_it = best_of(y, f, BACKGROUND, pile=0.1)
    assert with_it.best[0] == 0
    assert with_it.log_likelihood[0, 0] > without.log_likelihood[0, 0] + 10
    small = best_of(y, f, BACKGROUND, pile=0.02)
    np.testing.assert_array_equal(small.log_likelihood, without.log_likelihood)


def test_a_member_of_zeros_never_wins_and_a_class_of_zeros_is_an_error() -> None:
    y, _, _ = drawn(6)
    f = families()
    f[:, 3] = 0
    found = best_of(y, f, BACKGROUND, usual_distortions(EDGES, WIDTH), tries=4)
    assert (found.member < 3).all()
    f[1] = 0
    with pytest.raises(DataError, match="class 1"):
        best_of(y, f, BACKGROUND)
    with pytest.raises(DataError, match="background"):
        best_of(y, families(), np.zeros(C))


def test_channels_have_to_agree() -> None:
    with pytest.raises(IncompatibleError):
        best_of(np.ones((1, C - 1)), families(), BACKGROUND)
    with pytest.raises(IncompatibleError):
        best_of(np.ones((1, C)), families()[0], BACKGROUND)
