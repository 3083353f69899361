"""The settings of the engine: each word and number is checked once."""

from __future__ import annotations

import json

import pytest

from gamma_flow.data.method import PARTS, Method
from gamma_flow.errors import SettingsError


def test_the_default_is_the_papers_method() -> None:
    how = Method()
    assert (how.noise, how.rule, how.parts, how.min_share) == ("leastsquares", "share", (), 0.1)


def test_parts_stand_in_one_order_and_each_once() -> None:
    how = Method("poisson", ("learned", "gain", "gain"))
    assert how.parts == ("gain", "learned")
    assert how.has("gain")
    assert not how.has("smooth")
    assert Method("poisson", "smooth").parts == ("smooth",)  # type: ignore[arg-type]
    assert Method("poisson", PARTS).parts == PARTS


def test_plain_values_and_back() -> None:
    how = Method("poisson", PARTS, "evidence", 0.02, line_width=0.06, gain_range=0.1)
    assert Method.from_dict(json.loads(json.dumps(how.as_dict()))) == how


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"noise": "coin"}, "noise"),
        ({"rule": "coin"}, "rule"),
        ({"noise": "poisson", "parts": ("offsets",)}, "parts"),
        ({"min_share": 1.0}, "least share"),
        ({"min_share": -0.1}, "least share"),
        ({"false_alarm_rate": 0.0}, "false_alarm_rate"),
        ({"novelty_rate": 0.9}, "novelty_rate"),
        ({"gain": -1.0}, "gain"),
        ({"line_width": float("nan")}, "line_width"),
        ({"gain_range": 0.8}, "gain_range"),
        ({"mismatch": (0.3, 0.1)}, "mismatch"),
        ({"rule": "evidence"}, "how values scatter"),
        ({"noise": "gaussian", "parts": ("pile-up",)}, "does not fit"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Method(**options)
