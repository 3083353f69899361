"""Templates that drift: moved, blurred, and their derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gamma_flow.errors import DataError
from gamma_flow.numerics.drift import blurred, derivatives, moved, width_of_lines
from gamma_flow.simulate import detector, expected_rates

EDGES = np.linspace(0.0, 2000.0, 401)
CENTRES = 0.5 * (EDGES[1:] + EDGES[:-1])


def line(energy: float, sd: float) -> np.ndarray:
    """Counts of a Gaussian line in each channel, exact up to the error function's rounding."""
    from math import erf

    below = np.array([0.5 * (1 + erf((edge - energy) / sd / np.sqrt(2))) for edge in EDGES])
    return np.diff(below)


@given(st.floats(0.9, 1.1), st.floats(-20, 20))
def test_a_line_moves_to_where_gain_and_offset_put_it(gain: float, offset: float) -> None:
    found = moved(line(800.0, 25.0)[None], EDGES, gain, offset)[0]
    assert found.sum() == pytest.approx(1, abs=1e-9)
    mean = found @ CENTRES
    assert mean == pytest.approx(gain * 800 + offset, abs=0.01)
    assert np.sqrt(found @ (CENTRES - mean) ** 2) == pytest.approx(gain * 25, rel=0.01)
    np.testing.assert_allclose(found, line(gain * 800 + offset, gain * 25), atol=2e-4)


def test_no_move_changes_nothing_and_what_leaves_is_lost() -> None:
    shapes = np.random.default_rng(1).random((3, 400))
    np.testing.assert_allclose(moved(shapes, EDGES), shapes, rtol=1e-9, atol=1e-13)
    gone = moved(line(1950.0, 10.0)[None], EDGES, 1.1)
    assert gone.sum() < 1e-6


def test_a_gain_is_positive() -> None:
    with pytest.raises(DataError, match="gain"):
        moved([[1.0, 2.0]], [0.0, 1.0, 2.0], 0.0)


def test_blurring_adds_variance_and_no_counts() -> None:
    shape = line(800.0, 30.0)
    found = shape + blurred(shape[None], EDGES, 10.0)[0]
    assert found.sum() == pytest.approx(1, abs=1e-12)
    mean = found @ CENTRES
    assert found @ (CENTRES - mean) ** 2 == pytest.approx(shape @ (CENTRES - 800) ** 2 + 100, rel=1e-3)
    np.testing.assert_allclose(found, line(800.0, np.hypot(30.0, 10.0)), atol=4e-4)


@pytest.mark.parametrize(
    ("name", "size", "gain", "offset"), [("gain", 0.01, 1.0002, 0.0), ("offset", 3.0, 1.0, 0.06)]
)
def test_derivatives_are_changes_for_one_standard_deviation(
    name: str, size: float, gain: float, offset: float
) -> None:
    shape = line(662.0, 20.0)[None]
    column = derivatives(shape, EDGES, **{name: size})[0]
    # a fiftieth of a standard deviation: the change is nearly linear there
    change = moved(shape, EDGES, gain, offset) - shape
    np.testing.assert_allclose(0.02 * column, change, atol=0.03 * np.abs(change).max())


def test_resolution_widens_lines_relative_to_their_width() -> None:
    fwhm = np.full(401, 60.0)
    sd = 60.0 / 2.3548
    shape = line(700.0, sd)[None]
    column = derivatives(shape, EDGES, resolution=0.02, width=fwhm)[0, 0]
    np.testing.assert_allclose(column, line(700.0, 1.02 * sd) - shape[0], atol=3e-4 * shape.max())
    with pytest.raises(DataError, match="width"):
        derivatives(shape, EDGES, resolution=0.1)


def test_what_is_not_asked_for_has_no_column() -> None:
    shapes = np.ones((2, 400))
    assert derivatives(shapes, EDGES).shape == (0, 2, 400)
    assert derivatives(shapes, EDGES, gain=0.01, offset=1.0).shape == (2, 2, 400)


@pytest.mark.parametrize("relative", [0.03, 0.07, 0.12])
def test_the_width_of_lines_is_read_off_templates(relative: float) -> None:
    shapes = []
    for energies in ((662.0,), (1173.0, 1332.0), (356.0,)):
        continuum = np.exp(-CENTRES / 400) / 300
        lines = sum(line(e, relative * np.sqrt(662 * e) / 2.3548) for e in energies)
        shapes.append(continuum + lines)
    assert width_of_lines(shapes, EDGES, 0.5) == pytest.approx(relative, rel=0.15)


def test_templates_without_lines_have_no_width() -> None:
    assert width_of_lines(np.ones((1, 400)), EDGES, 0.123) == 0.123
    assert width_of_lines(np.zeros((0, 400)), EDGES, 0.2) == 0.2
    assert width_of_lines(np.ones((1, 4)), np.arange(5.0), 0.3) == 0.3


@pytest.mark.parametrize("nuclide", ["Cs-137", "Am-241", "Ba-133", "Co-57", "Eu-152"])
def test_the_width_of_lines_is_read_at_low_energies_too(nuclide: str) -> None:
    """Lines below 150 keV, where a step of the root of the energy is a fraction of a channel."""
    probe = detector("NaI-3x3")
    counts = 1e7 * expected_rates(nuclide, probe) / expected_rates(nuclide, probe).sum()
    found = width_of_lines([counts], probe.axis.edges, 1.0)
    # a power of .6 of the energy instead of .5: what is read at 60 keV is less than 7 % at 662 keV
    assert 0.05 < found < 0.075
    if nuclide == "Cs-137":
        assert found == pytest.approx(0.070, rel=0.02)
