"""The floor and the natural background."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from gamma_flow.errors import DataError
from gamma_flow.simulate import Background, PhotonField, detector, floor_field
from gamma_flow.simulate.fields import continuum_edges
from gamma_flow.simulate.surroundings import STRENGTHS


@pytest.mark.parametrize("energy", [356.0, 661.657, 1332.5])
def test_a_floor_scatters_most_at_the_backscatter_energy(energy: float) -> None:
    edges = continuum_edges()
    field = floor_field(PhotonField.of([energy], [1.0]))
    density = field.continuum / np.diff(edges)
    highest = int(np.argmax(density))
    back = energy / (1 + 2 * energy / 510.99895)
    assert edges[highest] / 1.08 < back < edges[highest + 1]
    # up again from a floor below: scattered by more than 90 degrees at least in sum
    assert field.continuum[edges[:-1] > 1.7 * energy / (1 + energy / 510.99895)].sum() < 0.02 * field.total


def test_a_floor_is_linear_in_its_field() -> None:
    one, other = PhotonField.of([300.0], [2.0]), PhotonField.of([900.0], [5.0])
    both = floor_field(PhotonField.summed([one, other]))
    assert both.total == pytest.approx(floor_field(one).total + floor_field(other).total)


@pytest.mark.parametrize("height", [-1.0, math.nan, math.inf])
def test_impossible_heights_are_refused(height: float) -> None:
    with pytest.raises(DataError, match="floor needs a distance"):
        floor_field(PhotonField.of([662.0], [1.0]), height)


@pytest.mark.parametrize("name", [*STRENGTHS, "walls"])
def test_every_strength_counts(name: str) -> None:
    probe = detector("NaI-3x3")
    usual = Background()
    more = replace(usual, **{name: 2 * getattr(usual, name)})
    difference = probe.counts(more.deposit(probe.response)) - probe.counts(usual.deposit(probe.response))
    assert difference.min() > -1e-9
    assert difference.sum() > 0
    for bad in (-1.0, math.nan, math.inf):
        with pytest.raises(DataError, match=name):
            replace(usual, **{name: bad})


def test_nothing_around_is_nothing_counted() -> None:
    probe = detector("NaI-2x2")
    none = Background(0.0, 0.0, 0.0, 0.0, 0.0)
    assert probe.counts(none.deposit(probe.response)).sum() == 0


def test_backgrounds_are_drawn_about_their_middle() -> None:
    rng = np.random.default_rng(1)
    logs = np.log([Background().drawn(rng, 0.3).potassium / 400.0 for _ in range(2000)])
    assert logs.mean() == pytest.approx(0, abs=5 * 0.3 / math.sqrt(2000))
    assert logs.std() == pytest.approx(0.3, rel=0.08)
    assert Background().drawn(rng, 0.0) == Background()
    assert Background().drawn(np.random.default_rng(3)) == Background().drawn(np.random.default_rng(3))
