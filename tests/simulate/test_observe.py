"""simulate() and observe(): superposition, draws, labels, what they refuse."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gamma_flow.data import Axis
from gamma_flow.errors import DataError
from gamma_flow.simulate import (
    Background,
    PhotonField,
    Shield,
    detector,
    detector_names,
    expected_rates,
    observe,
    simulate,
)

RNG = np.random.default_rng
SMALL = detector("NaI-2x2", axis=Axis.linear(0.0, 3000.0, 128, "keV"))


@pytest.mark.parametrize("name", ["137Cs", "Cs137", "cs-137"])
def test_spellings_of_a_source_count_the_same(name: str) -> None:
    assert np.array_equal(expected_rates(name, SMALL), expected_rates("Cs-137", SMALL))


def test_activities_add_up() -> None:
    one, other = (
        simulate({"Cs137": activity}, SMALL, background=None, rng=RNG(1)).expected for activity in (2e5, 3e5)
    )
    both = simulate({"Cs137": 5e5}, SMALL, background=None, rng=RNG(1)).expected
    assert both == pytest.approx(one + other)
    mixed = simulate({"Cs137": 2e5, "Co60": 3e5}, SMALL, background=None, rng=RNG(1)).expected
    cobalt = simulate({"Co60": 3e5}, SMALL, background=None, rng=RNG(1)).expected
    assert mixed == pytest.approx(one + cobalt)


def test_background_adds_and_live_time_scales() -> None:
    rate = SMALL.counts(Background().deposit(SMALL.response))
    made = simulate({"Cs137": 1e5}, SMALL, live_time=[3.0, 30.0], rng=RNG(1))
    without = simulate({"Cs137": 1e5}, SMALL, live_time=[3.0, 30.0], background=False, rng=RNG(1))
    assert made.expected == pytest.approx(without.expected + np.outer([3.0, 30.0], rate))
    assert made.expected[1] == pytest.approx(10 * made.expected[0])


def test_equal_seeds_give_equal_spectra_and_n_repeats_the_expectation() -> None:
    one, other = (simulate({"Co60": 1e5}, SMALL, n=300, rng=RNG(5)) for _ in range(2))
    assert np.array_equal(one.spectra.values, other.spectra.values)
    assert one.expected.shape == one.spectra.values.shape == (300, 128)
    assert (one.expected == one.expected[0]).all()
    seen = one.expected > 1e-12
    pearson = ((one.spectra.values - one.expected)[seen] ** 2 / one.expected[seen]).sum()
    assert abs(pearson - seen.sum()) < 5 * np.sqrt((2 + 1 / one.expected[seen]).sum())
    assert (one.spectra.values[~seen] == 0).all()


def test_dead_time_stretches_real_time_only() -> None:
    slow = SMALL.changed(dead_time=2e-5)
    plain, dead = (
        simulate("Cs137", probe, count_rate=2000.0, live_time=[1.0, 5.0], rng=RNG(1))
        for probe in (SMALL, slow)
    )
    assert plain.spectra.real_time == pytest.approx(plain.spectra.live_time)
    assert np.array_equal(plain.expected, dead.expected)
    assert (dead.spectra.real_time > dead.spectra.live_time).all()


def test_a_class_with_no_counts_is_not_labelled() -> None:
    labels = simulate({"Cs137": 0.0, "Co60": 1e5}, SMALL, rng=RNG(1)).spectra.labels
    assert labels.presence.tolist() == [[True, False, True]]
    assert labels.amounts is not None
    assert labels.amounts[0, 1] == 0


def test_a_field_takes_the_place_of_a_name() -> None:
    field = PhotonField.of([661.657], [0.85])
    bare, shielded = (
        expected_rates(field, SMALL, shield=shield, floor=None) for shield in (None, Shield("lead", 10.0))
    )
    assert shielded.sum() < bare.sum()
    stacked = expected_rates(field, SMALL, shield=[Shield("steel", 4.0), Shield("lead", 2.0)], floor=None)
    assert 0 < stacked.sum() < bare.sum()
    assert expected_rates(field, SMALL, floor=100.0).sum() > bare.sum()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: simulate({"Cx137": 1.0}, SMALL, rng=RNG(1)), "did you mean"),
        (lambda: simulate({"Cs137": 1.0}, "NaI-3x4", rng=RNG(1)), "did you mean NaI-3x3"),
        (lambda: simulate({"Cs137": 1.0}, SMALL, distance=4.0, rng=RNG(1)), "too near"),
        (lambda: simulate({"Cs137": 1.0}, SMALL, floor=0.0, rng=RNG(1)), "floor needs a distance"),
        (lambda: simulate({"Cs137": math.nan}, SMALL, rng=RNG(1)), "not negative"),
        (lambda: simulate("Cs137", SMALL, count_rate=-1.0, rng=RNG(1)), "count rate"),
        (lambda: simulate({}, SMALL, background=None, rng=RNG(1)), "nothing to draw"),
        (lambda: simulate({"Cs137": 1.0}, SMALL, n=-1, rng=RNG(1)), "cannot be negative"),
        (lambda: simulate({"Cs137": 1.0}, SMALL, n=3, live_time=[1.0, 2.0], rng=RNG(1)), "do not fit"),
        (lambda: simulate({"Cs137": 0.0}, SMALL, count_rate=10.0, rng=RNG(1)), "gives no counts"),
        (
            lambda: simulate("Am241", SMALL.changed(threshold=2900.0), count_rate=10.0, rng=RNG(1)),
            "gives no counts",
        ),
        (lambda: observe({"a": np.ones(128)}, [[-1.0]], SMALL, 1.0, RNG(1)), "weights have to be"),
        (lambda: observe({"a": np.ones(128)}, [[1.0, 2.0]], SMALL, 1.0, RNG(1)), "weights have to be"),
    ],
)
def test_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        call()


def test_the_documented_calls_run() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "simulation.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert blocks
    names: dict[str, object] = {}
    for code in blocks:
        exec(compile(code, "simulation.md", "exec"), names)
    assert names["made"].expected.shape == (100, 1024)  # type: ignore[attr-defined]


def test_the_documented_detectors_are_all_there() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "simulation.md").read_text(encoding="utf-8")
    for name in detector_names():
        assert f"`{name}`" in text
