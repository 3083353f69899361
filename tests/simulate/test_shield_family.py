from __future__ import annotations

import numpy as np
import pytest

from gamma_flow.errors import DataError, IncompatibleError
from gamma_flow.simulate import Resolution, Shield, detector, expected_rates
from gamma_flow.simulate.shield_family import shield_family, shield_ladder, unfolded

PROBE = detector("NaI-2x2")
OTHER = detector("NaI-3x3", resolution=Resolution(0.075, 0.6, 2.0))


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


@pytest.mark.parametrize("probe", [PROBE, OTHER], ids=["own detector", "another detector"])
@pytest.mark.parametrize(
    "shield", [Shield("steel", 8.0), Shield("lead", 4.0), Shield("water", 20.0)], ids=str
)
@pytest.mark.parametrize("name", ["Ba-133", "Co-60", "Eu-152"])
def test_a_template_behind_a_shield_is_near_the_simulated_one(
    name: str, shield: Shield, probe: object
) -> None:
    plain = expected_rates(name, PROBE)
    plain *= 1e6 / plain.sum()
    truth = expected_rates(name, PROBE, shield=shield)
    used = PROBE.axis.centres > 30
    first = int(np.argmax(used))
    thin, thick = shield_family([plain], probe, [(), (shield,)], first=first)[0]  # type: ignore[arg-type]
    assert thick[:first].sum() == 0
    assert thick.sum() == pytest.approx(1)
    assert cosine(thin[used], plain[used]) > 0.9999
    before, after = cosine(plain[used], truth[used]), cosine(thick[used], truth[used])
    assert after > (0.99 if probe is PROBE else 0.97)
    assert 1 - after < 0.5 * (1 - before) or before > 0.99


def test_background_is_told_from_source() -> None:
    rng = np.random.default_rng(1)
    rate = expected_rates("Cs-137", PROBE)
    source = 2e5 * rate / rate.sum()
    background = 500 * np.exp(-np.arange(len(source)) / 100.0)
    counts = rng.poisson(source + background)
    (family,) = shield_family([counts], PROBE, [()], background=background, first=10)
    expected = np.where(np.arange(len(source)) < 10, 0, source)
    assert cosine(family[0], expected) > 0.999
    above = PROBE.axis.centres > 1000  # nothing of the source is there: noise is not taken for it
    assert family[0, above].sum() < 2e-3


def test_the_ladder_starts_without_a_shield_and_grows() -> None:
    ladder = shield_ladder(4)
    assert ladder[0] == ()
    assert len(ladder) == 13
    for i in range(3):
        part = [shells[0] for shells in ladder[1 + 4 * i : 5 + 4 * i]]
        assert len({shield.material for shield in part}) == 1
        assert (np.diff([shield.areal_density for shield in part]) > 0).all()


def test_unfolding_keeps_the_counts_and_raises_the_likelihood() -> None:
    rng = np.random.default_rng(2)
    matrix = np.array([np.exp(-0.5 * ((np.arange(40) - c) / 2.0) ** 2) for c in np.linspace(2, 37, 30)])
    truth = np.zeros((1, 30))
    truth[0, [8, 20]] = 500.0, 200.0
    y = rng.poisson(truth @ matrix)
    few, many = (unfolded(y, matrix, steps=n) @ matrix for n in (5, 200))
    np.testing.assert_allclose(many.sum(), y.sum(), rtol=1e-6)
    likelihood = [float((y * np.log(m + 1e-300) - m).sum()) for m in (few, many)]
    assert likelihood[1] > likelihood[0]


def test_what_does_not_fit_is_told() -> None:
    with pytest.raises(IncompatibleError):
        shield_family(np.ones((1, 5)), PROBE)
    with pytest.raises(DataError, match="trust"):
        shield_family(np.ones((1, 1024)), PROBE, trust=0.0)
