"""Templates as a function of one parameter: checked once, interpolated, carried."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import gamma_flow as gf
from gamma_flow.errors import DataError, IncompatibleError

AXIS = gf.Axis.linear(0, 1000, 40)
LOW, HIGH = np.exp(-AXIS.centres / 200), np.exp(-AXIS.centres / 400)


def family(**changed: object) -> gf.Family:
    made = gf.Family(
        [0.0, 1.0, 3.0], [[LOW, HIGH], [HIGH, HIGH], [HIGH**0.5, HIGH]], ("a", "b"), AXIS, "steel", "cm"
    )
    return replace(made, **changed)  # type: ignore[arg-type]


def templates() -> gf.Templates:
    shapes = family().shapes
    unit = shapes / shapes.sum(axis=2, keepdims=True)
    return gf.Templates(unit[0], ("a", "b"), AXIS, family=family(shapes=unit))


def test_it_is_frozen_and_says_what_it_is() -> None:
    made = family()
    assert repr(made) == "Family(steel, 3 values 0..3 cm; a, b)"
    assert made.label == "steel (cm)"
    assert replace(made, unit="").label == "steel"
    assert len(made) == 3
    assert not made.shapes.flags.writeable
    assert not made.values.flags.writeable


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"values": [0.0, 1.0, 1.0]}, "have to increase"),
        ({"values": [0.0, 1.0, np.inf]}, "have to increase"),
        ({"values": [], "shapes": np.zeros((0, 2, 40))}, "have to increase"),
        ({"values": [0.0, 1.0]}, "wrong shape"),
        ({"classes": ("a", "a")}, "each once"),
        ({"classes": ()}, "each once"),
        ({"axis": gf.Axis.channels(3)}, "wrong shape"),
        ({"shapes": np.zeros((3, 2, 40))}, "class 'a' at steel = 0 cm"),
        ({"shapes": np.full((3, 2, 40), np.nan)}, "not finite"),
    ],
)
def test_what_is_no_family_is_refused(changed: dict[str, object], words: str) -> None:
    with pytest.raises(DataError, match=words):
        family(**changed)


def test_between_its_values_shapes_change_by_equal_factors() -> None:
    made = family()
    np.testing.assert_array_equal(made.at(1.0), made.shapes[1])
    np.testing.assert_allclose(made.at(0.5)[0], np.sqrt(LOW * HIGH))
    np.testing.assert_allclose(made.at(2.5)[0], HIGH ** (0.25 + 0.75 * 0.5))
    np.testing.assert_allclose(made.finer(4), [0, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3])
    for beyond in (-0.1, 3.1):
        with pytest.raises(DataError, match="does not reach"):
            made.at(beyond)
    alone = gf.Family([2.0], [[LOW]], ("a",), AXIS)
    np.testing.assert_array_equal(alone.finer(4), [2.0])
    np.testing.assert_array_equal(alone.at(2.0), [LOW])


def test_templates_at_a_value_keep_their_size() -> None:
    made = templates()
    for value in (0.0, 0.7, 3.0):
        np.testing.assert_allclose(made.at(value).shapes.sum(axis=1), 1)
        assert made.at(value).family is None
    coarse = made.onto(gf.Axis.linear(0, 600, 20))
    assert coarse.family is not None
    np.testing.assert_allclose(coarse.at(3.0).integral, coarse.family.shapes[2].sum(axis=1))
    there = made.at(1.0).onto(coarse.axis)
    np.testing.assert_allclose(coarse.at(1.0).shapes, there.shapes)
    with pytest.raises(IncompatibleError, match="no family"):
        replace(made, family=None).at(0.0)


def test_templates_refuse_the_family_of_others() -> None:
    made = templates()
    assert made.family is not None
    for other in (
        replace(made.family, classes=("b", "a")),
        replace(made.family, axis=gf.Axis.linear(0, 900, 40)),
    ):
        with pytest.raises(IncompatibleError, match="that of other templates"):
            replace(made, family=other)
    only = made.family.shapes.copy()
    only[1, 1, 1:] = 0
    with pytest.raises(DataError, match=r"class 'b' at steel = 1 cm"):
        replace(made, active=AXIS.centres > 100, family=replace(made.family, shapes=only))
    shifted = replace(
        made, family=replace(made.family, shapes=np.maximum(only, 1e-300 * (AXIS.centres < 50)))
    )
    with pytest.raises(IncompatibleError, match="covers more"):
        shifted.onto(gf.Axis.linear(200, 900, 20))
