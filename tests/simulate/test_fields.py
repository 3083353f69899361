"""Photon fields: what is kept, what is counted as left out, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gamma_flow.errors import DataError
from gamma_flow.simulate import PhotonField, emission
from gamma_flow.simulate.fields import HIGHEST, LOWEST, continuum_edges


@given(
    st.lists(st.tuples(st.floats(1.0, 6000.0), st.floats(0.01, 1e6)), min_size=1, max_size=20),
)
def test_every_photon_is_kept_or_counted(lines: list[tuple[float, float]]) -> None:
    energy, rate = (np.array(part) for part in zip(*[*lines, (662.0, 1.0)], strict=True))
    field = PhotonField.of(energy, rate)
    # a line below 1e-7 of the strongest is left out, and none here is that faint but at the extremes
    assert field.total + field.below + field.above == pytest.approx(rate.sum(), rel=1e-5)
    assert (np.diff(field.energies) >= 0).all()
    assert ((field.energies >= LOWEST) & (field.energies <= HIGHEST)).all()


def test_scaling_scales_everything() -> None:
    field = PhotonField.of([10.0, 100.0, 5000.0], [1.0, 2.0, 4.0]).scaled(3.0)
    assert (field.below, field.total, field.above) == (3.0, 6.0, 12.0)


def test_a_sum_joins_equal_lines_and_keeps_what_was_left_out() -> None:
    one = PhotonField.of([10.0, 100.0], [1.0, 2.0])
    other = PhotonField.of([100.0, 300.0, 5000.0], [3.0, 1.0, 7.0])
    both = PhotonField.summed([one, other])
    assert both.energies.tolist() == [100.0, 300.0]
    assert both.rates.tolist() == [5.0, 1.0]
    assert (both.below, both.above) == (1.0, 7.0)
    assert PhotonField.summed([]).total == 0


def test_fields_are_read_only_and_leave_their_inputs_alone() -> None:
    energies, rates = np.array([300.0, 100.0]), np.array([1.0, 2.0])
    field = PhotonField.of(energies, rates)
    assert energies.tolist() == [300.0, 100.0]
    for array in (field.energies, field.rates, field.continuum, continuum_edges()):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0
    rates[0] = 9.0
    assert field.rates.tolist() == [2.0, 1.0]


def test_every_line_needs_a_rate() -> None:
    with pytest.raises(DataError, match="every line needs an energy and a rate"):
        PhotonField.of([100.0, 200.0], [1.0])
    with pytest.raises(DataError, match="finite and not negative"):
        PhotonField.of([100.0], [-1.0])


def test_a_mixture_emits_by_the_gram() -> None:
    plutonium = emission("WGPu")
    assert plutonium.total > 1e6  # a gram is some GBq
    assert emission("WGPu", "0 s").total != plutonium.total  # Am-241 grows in
    assert np.isclose(plutonium.energies, 413.7, atol=0.1).any()


def test_an_unknown_nuclide_in_a_mapping_is_named() -> None:
    with pytest.raises(DataError, match="Cs137"):
        emission({"Co60": 1.0, "Cs13": 1.0})
