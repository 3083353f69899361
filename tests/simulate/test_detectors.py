"""Detectors as they are read out: names, resolution, nonlinearity, threshold, what they refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gamma_flow.data import Axis
from gamma_flow.errors import DataError
from gamma_flow.simulate import PhotonField, Resolution, Response, detector, detector_names


def test_names_in_any_case() -> None:
    assert detector(" nai-3X3 ") == detector("NaI-3x3")
    assert len(detector_names()) == 8


@pytest.mark.parametrize("name", ["NaI-9x9", "geiger", ""])
def test_unknown_detectors_list_the_known_ones(name: str) -> None:
    with pytest.raises(DataError, match=r"unknown detector.*NaI-2x2"):
        detector(name)
    with pytest.raises(DataError, match="no response of this name"):
        Response(name)


def test_widths_add_in_squares() -> None:
    resolution = Resolution(0.07, 0.5, 10.0)
    assert resolution.fwhm(661.657) == pytest.approx(math.hypot(0.07 * 661.657, 10.0))
    assert resolution.fwhm(4 * 661.657) == pytest.approx(math.hypot(2 * 0.07 * 661.657, 10.0))
    assert (np.diff(resolution.fwhm(np.geomspace(15, 3200, 50))) > 0).all()


@pytest.mark.parametrize("bad", [(7.0, 0.5, 0.0), (0.0, 0.5, 0.0), (0.07, -1.0, 0.0), (0.07, 0.5, -1.0),
                                 (math.nan, 0.5, 0.0)])  # fmt: skip
def test_resolutions_that_no_detector_has(bad: tuple[float, float, float]) -> None:
    with pytest.raises(DataError, match="no detector has"):
        Resolution(*bad)


@pytest.mark.parametrize("name", ["dead_time", "resolving_time", "threshold", "nonlinearity"])
def test_settings_have_to_be_finite(name: str) -> None:
    with pytest.raises(DataError, match=name):
        detector("NaI-2x2").changed(**{name: math.nan})
    if name != "nonlinearity":
        with pytest.raises(DataError, match=name):
            detector("NaI-2x2").changed(**{name: -1.0})


@pytest.mark.parametrize("nonlinearity", [-0.05, 0.05])
def test_nonlinearity_moves_peaks_but_not_that_of_caesium(nonlinearity: float) -> None:
    axis = Axis.linear(0.0, 3000.0, 3000, "keV")
    probe = detector("LaBr3-1.5x1.5", axis=axis).changed(nonlinearity=nonlinearity)
    for energy in (122.0, 661.657, 1332.5):
        found = probe.counts(probe.response.deposit(PhotonField.of([energy], [1.0]), 10.0))
        expected = energy * (1 - nonlinearity * math.log(energy / 661.657))
        near = np.abs(axis.centres - expected) < 0.1 * energy
        assert axis.centres[near][np.argmax(found[near])] == pytest.approx(expected, abs=2.0)
    assert probe.apparent(np.array([661.657]))[0] == pytest.approx(661.657)


def test_nothing_is_counted_below_the_threshold() -> None:
    probe = detector("NaI-2x2")
    cut = probe.changed(threshold=100.0)
    deposit = probe.response.deposit(PhotonField.of([60.0, 662.0], [1.0, 1.0]), 10.0)
    without, counted = probe.counts(deposit), cut.counts(deposit)
    edges = probe.axis.edges
    assert (counted[edges[1:] <= 100.0] == 0).all()
    assert counted[edges[:-1] >= 100.0] == pytest.approx(without[edges[:-1] >= 100.0])
    assert counted.sum() < without.sum()


def test_a_short_axis_loses_what_lies_beyond() -> None:
    deposit = Response("NaI-2x2").deposit(PhotonField.of([1332.5], [1.0]), 10.0)
    short = detector("NaI-2x2", axis=Axis.linear(0.0, 1000.0, 250, "keV")).counts(deposit)
    whole = detector("NaI-2x2", axis=Axis.linear(0.0, 3000.0, 750, "keV")).counts(deposit)
    assert short == pytest.approx(whole[:250])
    assert short.sum() < deposit.total


def test_backscatter_lies_where_the_formula_says() -> None:
    # photons thrown straight back into the crystal by what lies behind it: E / (1 + 2 E / mc2) = 184.3 keV,
    # from where on there are more of them
    found = Response("NaI-3x3").deposit(PhotonField.of([661.657], [1.0]), 10.0).continuum
    assert found[186:206].mean() > 1.05 * found[155:175].mean()
    # in the spectrum of a handheld, the same with its light tube
    small = Response("NaI-1.4x2").deposit(PhotonField.of([661.657], [1.0]), 10.0).continuum
    assert small[186:206].mean() > 1.05 * small[155:175].mean()


def test_escape_needs_an_energy_above_the_pair_threshold() -> None:
    for energy in (662.0, 1000.0):
        found = Response("HPGe-coaxial").deposit(PhotonField.of([energy], [1.0]), 10.0)
        escapes = np.isclose(found.energies, energy - 510.999, atol=0.01)
        assert found.rates[escapes].sum() < 1e-4 * found.rates.max()
