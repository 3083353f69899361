"""Fields, shields and backgrounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gamma_flow.errors import DataError
from gamma_flow.simulate import Background, PhotonField, Shield, detector, emission, floor_field
from gamma_flow.simulate.shields import MATERIALS, through_all


@pytest.mark.parametrize("name", ["Cs137", "137Cs", "CS-137", "cs 137"])
def test_spellings_emit_the_same(name: str) -> None:
    assert emission(name).rates.tolist() == emission("Cs-137").rates.tolist()


def test_superposition() -> None:
    both = emission({"Cs137": 2.0, "Co60": 3.0})
    assert both.total == pytest.approx(2 * emission("Cs137").total + 3 * emission("Co60").total)
    swapped = emission({"Co60": 3.0, "Cs137": 2.0})
    assert np.array_equal(both.energies, swapped.energies)
    assert np.allclose(both.rates, swapped.rates)


def test_long_lived_parents_are_purified_ones() -> None:
    uranium = emission("U238")
    assert 1001.0 in np.round(uranium.energies)  # Pa-234m has grown in
    assert 609.3 not in np.round(uranium.energies, 1)  # Bi-214 has not
    assert emission("Ra226", "equilibrium").total > emission("Ra226", 60.0).total


def test_lines_outside_the_tables_are_counted_not_hidden() -> None:
    field = PhotonField.of([10.0, 100.0, 5000.0], [1.0, 2.0, 4.0])
    assert (field.below, field.total, field.above) == (1.0, 2.0, 4.0)
    with pytest.raises(DataError, match="no photon energy lies within"):
        PhotonField.of([5.0], [1.0])


@pytest.mark.parametrize("activity", [-1.0, float("nan"), float("inf")])
def test_impossible_activities_are_refused(activity: float) -> None:
    with pytest.raises(DataError, match="activity has to be finite and not negative"):
        emission({"Cs137": activity})


def test_unknown_nuclides_get_a_suggestion() -> None:
    with pytest.raises(DataError, match="did you mean"):
        emission("Cx137")


def test_nuclides_without_photons_say_so() -> None:
    with pytest.raises(DataError, match="no gamma or X-ray line"):
        emission("P32")


@pytest.mark.parametrize("material", MATERIALS)
def test_no_thickness_is_no_shield(material: str) -> None:
    field = emission("Eu152")
    assert Shield(material, 0.0).through(field) is field


def test_lead_thins_as_nist_says() -> None:
    # NIST XCOM, lead without coherent scattering, cm2/g at 600, 800 and 1000 keV
    found = Shield("lead", 5.0).transmission(np.array([600.0, 800.0, 1000.0]))
    assert -np.log(found) / 5.0 == pytest.approx([0.1167, 0.08408, 0.06803], rel=0.01)


@given(
    st.sampled_from(MATERIALS), st.floats(0.05, 20.0), st.sampled_from([60.0, 122.0, 662.0, 1332.0, 2614.0])
)
def test_a_shield_never_adds_energy(material: str, areal: float, energy: float) -> None:
    field = PhotonField.of([energy], [1.0])
    behind = Shield(material, areal).through(field)
    assert behind.total >= 0
    assert behind.energies.max(initial=0) <= max(energy, 511.0)
    edges = np.geomspace(5.0, 3200.0, 241)
    middles = np.sqrt(edges[1:] * edges[:-1])
    carried = (behind.energies * behind.rates).sum() + (middles * behind.continuum).sum()
    assert carried <= energy * 1.02


def test_thicker_is_darker() -> None:
    field = emission("Cs137")
    carried = [Shield("steel", areal).through(field).rates.max() for areal in (0.0, 1.0, 5.0, 20.0, 79.0)]
    assert (np.diff(carried) < 0).all()


def test_two_thin_shells_are_nearly_one_thick() -> None:
    field = PhotonField.of([661.657], [1.0])
    twice = through_all(field, [Shield("steel", 8.0), Shield("steel", 8.0)])
    once = Shield("steel", 16.0).through(field)
    assert twice.rates.max() == pytest.approx(once.rates.max(), rel=1e-6)
    assert twice.continuum.sum() == pytest.approx(once.continuum.sum(), rel=0.15)


def test_lead_shines_in_its_x_rays() -> None:
    behind = Shield("lead", 1.0).through(PhotonField.of([122.0], [1.0]))
    assert np.isclose(behind.energies, 74.2, atol=0.8).any()


def test_thick_high_energy_shields_glow_at_511() -> None:
    behind = Shield("lead", 12.0).through(PhotonField.of([2614.511], [1.0]))
    assert np.isclose(behind.energies, 511.0, atol=0.01).any()


def test_bad_shields_are_refused() -> None:
    with pytest.raises(DataError, match="thicker than tabulated"):
        Shield.of("lead", thickness=6.0)
    with pytest.raises(DataError, match="unknown shield"):
        Shield("unobtainium", 1.0)
    with pytest.raises(DataError, match="not negative"):
        Shield("Pb", -1.0)
    assert Shield("Pb", 1.0) == Shield("lead", 1.0)


def test_the_floor_scatters_back_below_the_source() -> None:
    field = floor_field(PhotonField.of([661.657], [1.0]))
    assert field.energies.max(initial=0) < 600
    assert floor_field(PhotonField.of([661.657], [1.0]), 200.0).total == pytest.approx(field.total / 4)
    with pytest.raises(DataError, match="floor needs a distance"):
        floor_field(field, 0.0)


def test_the_background_is_linear_in_its_strengths() -> None:
    probe = detector("NaI-2x2")
    once = probe.counts(Background().deposit(probe.response))
    twice = Background(800, 70, 60, 20, 2)
    assert probe.counts(twice.deposit(probe.response)) == pytest.approx(2 * once, rel=1e-9)


def test_the_background_shows_its_lines() -> None:
    probe = detector("LaBr3-1.5x1.5")
    rate = probe.counts(Background().deposit(probe.response))
    energy = probe.axis.centres

    def above(line: float, half: float = 25.0) -> float:
        inside = np.abs(energy - line) < half
        beside = (np.abs(energy - line) >= half) & (np.abs(energy - line) < 2 * half)
        return float(rate[inside].sum() / inside.sum() / (rate[beside].sum() / beside.sum()))

    assert above(1460.8) > 1.5  # K-40
    assert above(2614.5) > 1.5  # Tl-208
    assert above(609.3) > 1.1  # Bi-214
    with pytest.raises(DataError, match="not negative"):
        Background(potassium=-1.0)
