from __future__ import annotations

import numpy as np
import pytest

from gamma_flow.data import Axis
from gamma_flow.errors import DataError
from gamma_flow.simulate import PhotonField, Resolution, Response, detector, detector_names
from gamma_flow.simulate.response import deposit_edges, normal_cdf

MIDDLES = deposit_edges()[:-1] + 0.5


@pytest.mark.parametrize("name", detector_names())
def test_every_detector_has_a_plausible_response(name: str) -> None:
    total, peak = Response(name).efficiency(np.array([60.0, 122.0, 662.0, 1332.0, 2614.0]), 10.0)
    assert (peak > 0).all()
    assert (peak <= total).all()
    assert (total < 1.2).all()  # above one: photons that miss the front but hit the side, or scatter in
    assert (np.diff(total[1:]) < 0).all()
    assert (np.diff(peak[1:] / total[1:]) < 0).all()


def test_a_larger_crystal_catches_more() -> None:
    small, large = (
        Response(name).efficiency(np.array([662.0, 1332.0]), 10.0) for name in ("NaI-2x2", "NaI-3x3")
    )
    assert (large[0] > small[0]).all()
    assert (large[1] / large[0] > small[1] / small[0]).all()


def test_total_efficiency_in_its_can_is_near_the_bare_crystals() -> None:
    # bare 3x3 inch NaI at 10 cm by the integral over NIST XCOM attenuation (scripts/check_responses.py):
    # 0.6156 at 661.7 keV and 0.5015 at 1332.5 keV; can and tube add what they scatter in
    total, _ = Response("NaI-3x3").efficiency(np.array([661.66, 1332.49]), 10.0)
    assert total == pytest.approx([0.6156, 0.5015], rel=0.05)


def test_features_lie_where_physics_puts_them() -> None:
    response = Response("NaI-3x3")
    continuum = response.deposit(PhotonField.of([661.657], [1.0]), 10.0).continuum
    near = (MIDDLES > 440) & (MIDDLES < 520)
    steepest = MIDDLES[near][np.argmin(np.gradient(continuum)[near])]
    assert steepest == pytest.approx(477.3, abs=4)  # E * 2k / (1 + 2k)
    thorium = response.deposit(PhotonField.of([2614.511], [1.0]), 10.0)
    strongest = thorium.energies[np.argsort(-thorium.rates)[:3]]
    assert strongest == pytest.approx([2614.511, 2103.512, 1592.513], abs=0.01)
    americium = response.deposit(PhotonField.of([59.541], [1.0]), 10.0)
    escapes = np.sort(59.541 - americium.energies)[1:]
    assert escapes == pytest.approx([28.5, 32.5], abs=0.3)  # K-alpha and K-beta of iodine


def test_nothing_is_deposited_above_the_photon() -> None:
    for energy in (60.0, 662.0, 2000.0):
        found = Response("CsI-1cm3").deposit(PhotonField.of([energy], [1.0]), 10.0)
        assert found.energies.max() <= energy
        assert found.continuum[energy + 1 < MIDDLES].sum() == pytest.approx(0, abs=1e-15)


def test_deposits_add_up() -> None:
    response = Response("NaI-2x2")
    a, b = PhotonField.of([300.0], [2.0]), PhotonField.of([800.0], [5.0])
    both = response.deposit(PhotonField.summed([a, b]), 25.0)
    assert both.total == pytest.approx(response.deposit(a, 25.0).total + response.deposit(b, 25.0).total)
    assert response.deposit(b.scaled(3.0), 25.0).total == pytest.approx(3 * response.deposit(b, 25.0).total)


def test_far_away_it_falls_as_the_square() -> None:
    field = PhotonField.of([662.0], [1.0])
    response = Response("NaI-3x3")
    near, far = response.deposit(field, 200.0).total, response.deposit(field, 400.0).total
    assert near / far == pytest.approx(4.0, rel=0.002)


def test_the_resolution_conserves_counts() -> None:
    wide = Axis.linear(-500.0, 3500.0, 1000, "keV")
    probe = detector("NaI-3x3", axis=wide)
    found = probe.response.deposit(PhotonField.of([662.0, 1332.0], [1.0, 1.0]), 10.0)
    assert probe.counts(found).sum() == pytest.approx(found.total, rel=1e-6)


def test_fine_axes_take_another_way_to_the_same_answer() -> None:
    field = PhotonField.of([122.0, 662.0], [1.0, 1.0])
    coarse = detector("NaI-3x3", axis=Axis.linear(0.0, 3000.0, 1024, "keV"))
    fine = detector("NaI-3x3", axis=Axis.linear(0.0, 3000.0, 4096, "keV"))
    found = coarse.response.deposit(field, 10.0)
    assert fine.counts(found).reshape(1024, 4).sum(axis=1) == pytest.approx(
        coarse.counts(found), rel=1e-4, abs=1e-9
    )


def test_the_peak_has_the_promised_width() -> None:
    axis = Axis.linear(0.0, 1000.0, 2000, "keV")
    probe = detector("LaBr3-1.5x1.5", axis=axis, resolution=Resolution(0.03, 0.5, 0.0))
    found = probe.response.deposit(PhotonField.of([661.657], [1.0]), 10.0)
    peak = probe.counts(found.scaled(1.0))[axis.centres > 630]
    energy = axis.centres[axis.centres > 630]
    mean = (peak * energy).sum() / peak.sum()
    sigma = np.sqrt((peak * (energy - mean) ** 2).sum() / peak.sum())
    assert 2.3548 * sigma == pytest.approx(0.03 * 661.657, rel=0.1)


def test_the_normal_table() -> None:
    from scipy.special import ndtr

    x = np.linspace(-6, 6, 1001)
    assert np.abs(normal_cdf(x) - ndtr(x)).max() < 2e-7


@pytest.mark.parametrize("distance", [0.0, -3.0, 4.9, float("nan"), float("inf")])
def test_impossible_distances_are_refused(distance: float) -> None:
    with pytest.raises(DataError, match="too near"):
        Response("NaI-3x3").deposit(PhotonField.of([662.0], [1.0]), distance)


def test_energies_outside_the_tables_are_refused() -> None:
    for energy in (10.0, 4000.0):
        with pytest.raises(DataError, match="outside the tables"):
            Response("NaI-3x3").efficiency(np.array([energy]))


def test_unknown_detectors_get_a_suggestion() -> None:
    with pytest.raises(DataError, match="did you mean NaI-3x3"):
        detector("NaI-3x4")
    with pytest.raises(DataError, match="axis in keV"):
        detector("NaI-3x3", axis=Axis.channels(10))
