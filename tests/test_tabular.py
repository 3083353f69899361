"""Results as a table: every answer has its column, and what is not known stays empty."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

import gamma_flow as gf
from gamma_flow.tabular import csv_text


def rows_of(found: gf.Analysis) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(csv_text([found]))))


def test_a_noise_model_adds_errors_evidence_and_novelty(labelled: gf.SpectrumSet) -> None:
    pure = labelled[labelled.labels.presence.sum(axis=1) == 1]
    model = gf.train(pure, nulls=1000, few=0)
    found = model.analyse(labelled)
    assert found.p_value is not None
    assert found.novel is not None
    for row, told in enumerate(rows_of(found)):
        for k, name in enumerate(found.classes):
            assert float(told[f"p {name}"]) == pytest.approx(found.p_value[row, k], rel=1e-5)
        assert told["novel"] == str(bool(found.novel[row])).lower()
        assert told["family_p"]


def test_least_squares_has_no_such_columns(labelled: gf.SpectrumSet) -> None:
    model = gf.train(labelled[:90], noise="leastsquares", few=0)
    told = rows_of(model.analyse(labelled))[0]
    assert not [name for name in told if name.startswith(("p ", "error ")) or name in ("novel", "family_p")]


def test_what_a_spectrum_says_nothing_about_is_an_empty_cell() -> None:
    templates = gf.Templates([[1.0, 1, 0, 0], [0, 0, 1, 1]], ("a", "b"), gf.Axis.channels(4))
    from gamma_flow.data.method import Method

    found = gf.Model(templates, Method("poisson")).analyse(gf.SpectrumSet(np.zeros((1, 4)), templates.axis))
    (told,) = rows_of(found)
    assert found.score_errors is not None
    for k, name in enumerate(found.classes):
        assert (told[f"error {name}"] == "") == bool(np.isinf(found.score_errors[0, k]))
