from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gamma_flow import Axis
from gamma_flow.errors import AxisError


def test_polynomial_at_the_centre_gives_the_papers_energies_at_the_channel_index() -> None:
    axis = Axis.polynomial([-12, 8.15, 0.0012], 256, reference="centre")
    i = np.arange(256)
    np.testing.assert_allclose(axis.centres, -12 + 8.15 * i + 0.0012 * i**2, rtol=0, atol=1e-9)
    half = i - 0.5
    np.testing.assert_allclose(axis.edges[:-1], -12 + 8.15 * half + 0.0012 * half**2, rtol=0, atol=1e-9)


def test_polynomial_at_the_lower_edge_gives_edges_at_the_channel_index() -> None:
    axis = Axis.polynomial([1.0, 2.0, 0.5], 4)
    np.testing.assert_allclose(axis.edges, [1, 3.5, 7, 11.5, 17])
    assert axis.coefficients == (1.0, 2.0, 0.5)


@given(
    offset=st.floats(-50, 50),
    slope=st.floats(0.1, 10),
    quad=st.floats(0, 1e-3),
    cubic=st.floats(0, 1e-7),
    channels=st.integers(1, 3000),
)
def test_both_references_describe_the_same_edges(
    offset: float, slope: float, quad: float, cubic: float, channels: int
) -> None:
    centre = Axis.polynomial([offset, slope, quad, cubic], channels, reference="centre")
    assert centre.coefficients is not None
    again = Axis.polynomial(centre.coefficients, channels, reference="lower edge")
    assert centre.matches(again)
    assert ((centre.centres >= centre.edges[:-1]) & (centre.centres <= centre.edges[1:])).all()


def test_points_put_edges_midway() -> None:
    axis = Axis.points([400.0, 402.0, 406.0], "nm")
    np.testing.assert_allclose(axis.edges, [399, 401, 404, 408])
    np.testing.assert_allclose(axis.centres, [400, 402, 406])


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: Axis([0.0]), "at least one channel"),
        (lambda: Axis([0.0, 1.0, 1.0]), "increase"),
        (lambda: Axis([0.0, np.nan]), "finite"),
        (lambda: Axis([[0.0, 1.0]]), "shape"),
        (lambda: Axis([0.0, 1.0], ""), "unit"),
        (lambda: Axis([0.0, 1.0], "keV", [2.0]), "outside"),
        (lambda: Axis(["a", "b"]), "array"),
        (lambda: Axis.linear(0, 1, 0), "bins"),
        (lambda: Axis.polynomial([0, 0, 0], 16), "increase"),
        (lambda: Axis.polynomial([0, 1, -0.1], 16), "increase"),
        (lambda: Axis.polynomial([0, np.inf], 16), "finite"),
        (lambda: Axis.polynomial([0, 1], 0), "channels >= 1"),
        (lambda: Axis.polynomial([0, 1], 4, reference="upper"), "reference"),  # type: ignore[arg-type]
        (lambda: Axis.points([1.0], "nm"), "two or more"),
        (lambda: Axis.points([2.0, 1.0], "nm"), "increase"),
        (lambda: Axis.linear(0, 10, 5).find(11), "outside"),
    ],
)
def test_what_is_no_axis_is_refused(make, word: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(AxisError, match=word):
        make()


def test_find_takes_the_upper_end_into_the_last_channel() -> None:
    axis = Axis.linear(0, 10, 5)
    assert [axis.find(value) for value in (0, 1.99, 2, 10)] == [0, 0, 1, 4]


def test_axes_compare_by_edges_and_unit() -> None:
    one, same = Axis.linear(0, 10, 5), Axis.linear(0, 10, 5)
    assert one == same
    assert hash(one) == hash(same)
    assert one != Axis.linear(0, 10, 5, "nm")
    assert one != "axis"
    assert one.matches(Axis(one.edges + 1e-8))
    assert not one.matches(Axis(one.edges + 0.1))
    assert not one.matches(Axis.linear(0, 10, 6))


def test_arrays_are_read_only_and_not_shared_with_the_caller() -> None:
    edges = np.array([0.0, 1.0, 2.0])
    axis = Axis(edges)
    edges[0] = -5
    assert axis.edges[0] == 0
    with pytest.raises(ValueError, match="read-only"):
        axis.edges[0] = 1


def test_points_are_joined_by_lines_or_fitted() -> None:
    points = [(200, 1332.5), (10, 59.5), (100, 661.7)]
    joined = Axis.through(points, 256)
    np.testing.assert_allclose(joined.centres[[10, 100, 200]], [59.5, 661.7, 1332.5])
    slope = (661.7 - 59.5) / 90
    np.testing.assert_allclose(joined.centres[0], 59.5 - 10 * slope)
    np.testing.assert_allclose(joined.edges[10], 59.5 - 0.5 * slope)
    fitted = Axis.through(points, 256, order=2)
    np.testing.assert_allclose(fitted.centres[[10, 100, 200]], [59.5, 661.7, 1332.5])
    lower = Axis.through(points, 256, reference="lower edge")
    np.testing.assert_allclose(lower.edges[[10, 100, 200]], [59.5, 661.7, 1332.5])
    i = np.arange(6.0)
    noisy = Axis.through(np.column_stack([i, 3 * i + 1 + [0.1, -0.1, 0, 0, 0.1, -0.1]]), 6, order=1)
    slope, offset = np.polyfit(i, 3 * i + 1 + [0.1, -0.1, 0, 0, 0.1, -0.1], 1)
    np.testing.assert_allclose(noisy.centres, offset + slope * i)


@pytest.mark.parametrize(
    ("points", "order"),
    [
        ([(1, 2)], None),
        ([(1, 2), (2, 3)], 2),
        ([(1, 2), (1, 3)], None),
        ([(1, 3), (2, 2)], None),
        ([(1, np.nan), (2, 2)], None),
        ([1, 2, 3], None),
        ("abc", None),
    ],
)
def test_points_that_calibrate_nothing_are_refused(points: object, order: int | None) -> None:
    with pytest.raises(AxisError):
        Axis.through(points, 16, order=order)  # type: ignore[arg-type]
    with pytest.raises(AxisError):
        Axis.through([(0, 0), (1, 1)], 2**40)
