"""Shells: identity, attenuation, order of thickness, energies of what is scattered."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gamma_flow.errors import DataError
from gamma_flow.simulate import PhotonField, Shield
from gamma_flow.simulate._tables import table
from gamma_flow.simulate.fields import continuum_edges
from gamma_flow.simulate.shields import MATERIALS, through_all


def test_lead_at_cs137_lies_just_below_the_total_of_nist() -> None:
    # Hubbell and Seltzer (NIST), lead, total with coherent scattering, cm2/g: 0.1248 at 600 keV and 0.08870
    # at 800 keV; coherent scattering, which is no loss here, is some percent of it
    ours = -np.log(Shield("lead", 10.0).transmission(np.array([600.0, 661.657, 800.0]))) / 10.0
    assert 0.90 * 0.1248 < ours[0] < 0.1248
    assert 0.92 * 0.08870 < ours[2] < 0.08870
    assert ours[0] > ours[1] > ours[2]


def test_transmission_is_that_of_the_cross_sections() -> None:
    mucoeff = pytest.importorskip("mucoeff", reason="mucoeff (dependency group 'responses') is not installed")
    flag = mucoeff.Flag
    parts = (flag.MU_PHOTO, flag.MU_COMPTON, flag.MU_PAIR, flag.MU_TRIPLET)
    for material, z in (("lead", 82), ("steel", 26), ("aluminium", 13)):
        for energy in (60.0, 661.657, 2614.5):
            coefficient = sum(float(np.squeeze(mucoeff.mu(part, Z=z, energy_keV=energy))) for part in parts)
            for areal in (0.5, 5.0):
                found = float(Shield(material, areal).transmission(np.array([energy]))[0])
                # the exponent carries the error of interpolation
                assert -math.log(found) == pytest.approx(coefficient * areal, rel=0.02)


@pytest.mark.parametrize("material", MATERIALS)
def test_lines_are_thinned_by_the_transmission(material: str) -> None:
    shield = Shield(material, 3.0)
    behind = shield.through(PhotonField.of([661.657], [7.0]))
    line = behind.rates[np.isclose(behind.energies, 661.657)]
    assert line == pytest.approx(7.0 * shield.transmission(np.array([661.657])))


@settings(max_examples=40)
@given(st.sampled_from(MATERIALS), st.floats(0.3, 47.0), st.floats(100.0, 3000.0))
def test_scattered_photons_lie_below_the_source(material: str, areal: float, energy: float) -> None:
    behind = Shield(material, areal).through(PhotonField.of([energy], [1.0]))
    low = continuum_edges()[:-1]
    assert behind.continuum[low > energy].sum() == pytest.approx(0, abs=1e-12)
    assert behind.continuum.min() >= 0
    assert behind.rates.min(initial=0) >= 0


@settings(max_examples=40)
@given(
    st.sampled_from(MATERIALS), st.floats(0.0, 46.0), st.floats(0.01, 20.0), st.sampled_from([122.0, 662.0])
)
def test_more_shield_lets_less_through(material: str, areal: float, more: float, energy: float) -> None:
    thickest = float(table("surroundings")[f"{material}_areal"][-1])
    field = PhotonField.of([energy], [1.0])
    middles = np.sqrt(continuum_edges()[1:] * continuum_edges()[:-1])
    carried, unscattered = [], []
    for thickness in (areal, min(areal + more, thickest)):
        behind = Shield(material, thickness).through(field)
        carried.append(behind.energies @ behind.rates + middles @ behind.continuum)
        unscattered.append(behind.rates[np.isclose(behind.energies, energy)].sum())
    assert unscattered[1] < unscattered[0] or unscattered == [0, 0]  # too faint to be kept
    # counting errors of the tables: a thousandth of what came in
    assert carried[1] <= carried[0] + 0.001 * energy


def test_a_shield_is_linear() -> None:
    shield = Shield.of("steel", thickness=1.0)
    one, other = PhotonField.of([300.0], [2.0]), PhotonField.of([900.0], [5.0])
    both = shield.through(PhotonField.summed([one, other]))
    apart = PhotonField.summed([shield.through(one), shield.through(other.scaled(0.5)).scaled(2.0)])
    assert both.total == pytest.approx(apart.total)
    assert both.continuum == pytest.approx(apart.continuum, abs=1e-12)


def test_what_was_left_out_stays_counted() -> None:
    behind = Shield("lead", 1.0).through(PhotonField.of([10.0, 662.0, 5000.0], [1.0, 1.0, 2.0]))
    assert (behind.below, behind.above) == (1.0, 2.0)


def test_no_shells_change_nothing() -> None:
    field = PhotonField.of([662.0], [1.0])
    assert through_all(field, []) is field


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("Fe", "steel"),
        (" Iron ", "steel"),
        ("aluminum", "aluminium"),
        ("PE", "polyethylene"),
        ("H2O", "water"),
    ],
)
def test_names_of_materials(name: str, same: str) -> None:
    assert Shield(name, 2.0) == Shield(same, 2.0)


@pytest.mark.parametrize("material", MATERIALS)
def test_the_thickest_shell_is_allowed_and_no_thicker(material: str) -> None:
    thickest = float(table("surroundings")[f"{material}_areal"][-1])
    assert Shield(material, thickest).through(PhotonField.of([2614.5], [1.0])).total > 0
    with pytest.raises(DataError, match=r"thicker than tabulated.*at most"):
        Shield(material, thickest * 1.01)


@pytest.mark.parametrize("thickness", [-0.1, math.nan, math.inf])
def test_impossible_thicknesses_are_refused(thickness: float) -> None:
    with pytest.raises(DataError, match="finite and not negative"):
        Shield.of("lead", thickness=thickness)
