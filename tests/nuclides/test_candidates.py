"""Which sources peaks may come from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gamma_flow.errors import DataError
from gamma_flow.nuclides import all_mixtures, candidates, lines_near, series_lines


def names(*energies: float, reach: float = 0.025, most: int = 3) -> list[str]:
    found = candidates(energies, [5.0] * len(energies), [reach * energy for energy in energies], most)
    return [one.name for one in found]


@pytest.mark.parametrize(
    ("energies", "name"),
    [
        ((661.7,), "Cs-137"),
        ((59.5,), "Am-241"),
        ((834.8,), "Mn-54"),
        ((364.5,), "I-131"),
        ((185.7,), "U-235"),
        ((1173.2, 1332.5), "Co-60"),
        ((121.8, 344.3, 1408.0), "Eu-152"),
        ((356.0, 81.0, 302.9), "Ba-133"),
        ((1001.0, 766.4), "U-238"),
        ((440.5, 218.1), "U-233"),
        ((351.9, 609.3, 1120.3, 1764.5), "Ra-226"),
        ((238.6, 338.3, 583.2, 911.2, 969.0, 2614.5), "Th-232"),
    ],
)
def test_textbook_lines_name_their_source(energies: tuple[float, ...], name: str) -> None:
    assert names(*energies)[0] == name


def test_mixtures_are_told_only_where_they_say_more() -> None:
    mixtures = {one.name for one in all_mixtures()}
    for energies in ((59.5,), (1001.0, 766.4)):
        assert not mixtures & set(names(*energies, most=9))
    assert names(185.7, 1001.0)[0] == "LEU"


def test_a_missing_stronger_line_speaks_against_a_source() -> None:
    """Na-22 has 1274.5 keV beside 511: a lone 511 is rather a pure positron emitter."""
    assert names(511.0)[0] == "F-18"
    assert names(511.0, 1274.5)[0] == "Na-22"


def test_a_line_below_the_lowest_peak_is_not_missed() -> None:
    """Behind lead the 81 keV line of Ba-133 is gone, and nobody wonders."""
    (found,) = candidates([356.0, 302.9], [9.0, 6.0], [6.0, 6.0], most=1)
    assert found.name == "Ba-133"
    assert found.score > 0.8
    assert [peak for peak, _, _ in found.lines] == [0, 1]


def test_every_line_told_is_one_of_the_library_and_within_reach() -> None:
    reach = [10.0, 20.0]
    for one in candidates([238.0, 2610.0], [5.0, 5.0], reach, most=5):
        told = one.as_dict()
        assert told["name"] == one.name
        for peak, nuclide, energy in one.lines:
            assert abs(energy - (238.0, 2610.0)[peak]) <= reach[peak]
            assert np.abs(series_lines(nuclide).energy - energy).min() < 0.01
        assert 0 < one.score <= 1


@given(st.permutations([0, 1, 2, 3]))
def test_the_order_of_peaks_is_irrelevant(order: list[int]) -> None:
    energies, weights, reach = np.array([352.0, 609, 1120, 1764]), np.array([9.0, 8, 5, 4]), np.full(4, 12.0)
    found = candidates(energies[order], weights[order], reach)
    assert [(one.name, round(one.score, 9)) for one in found] == [
        (one.name, round(one.score, 9)) for one in candidates(energies, weights, reach)
    ]


def test_no_peak_has_no_source_and_bad_peaks_are_one_sentence() -> None:
    assert candidates([], [], []) == []
    assert candidates([9000.0], [5.0], [1.0]) == []
    with pytest.raises(DataError, match="an energy, a significance and a reach each"):
        candidates([1.0, 2.0], [1.0], [1.0, 1.0])
    with pytest.raises(DataError, match="positive"):
        candidates([-5.0], [1.0], [1.0])


def test_lines_near_a_peak_name_what_one_has_to_expect_first() -> None:
    found = lines_near(1001.0, 3.0)
    assert (found[0]["nuclide"], found[0]["energy"]) == ("Pa-234m", 1001.02)
    assert found[0]["distance"] == pytest.approx(0.02, abs=0.01)
    near = lines_near(661.7, 8.0, most=2)
    assert [one["nuclide"] for one in near] == ["Ba-137m", "Ag-110m"]
    assert len({one["nuclide"] for one in lines_near(600.0, 50.0, most=20)}) == len(
        lines_near(600.0, 50.0, most=20)
    )
    assert lines_near(1e5, 10.0) == []
