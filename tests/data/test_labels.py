from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gamma_flow import Labels
from gamma_flow.errors import LabelError

NAMES = st.sampled_from(["Am241", "Co60", "Cs137", "Eu152", "background"])
ROWS = st.lists(st.one_of(st.none(), st.lists(NAMES, max_size=4, unique=True)), max_size=12)


@given(rows=ROWS)
def test_lists_come_back_sorted_by_class(rows: list[list[str] | None]) -> None:
    labels = Labels.of(rows)
    assert labels.lists() == [None if row is None else sorted(row) for row in rows]
    assert len(labels) == len(rows)


@given(rows=ROWS, more=ROWS)
def test_concatenation_keeps_every_row(rows: list[list[str] | None], more: list[list[str] | None]) -> None:
    joined = Labels.concatenated([Labels.of(rows), Labels.of(more)])
    assert joined.lists() == Labels.of(rows).lists() + Labels.of(more).lists()


def test_sources_do_not_count_the_background() -> None:
    labels = Labels.of([["a", "background"], ["background"], ["a", "b"], None])
    assert labels.sources.tolist() == [1, 0, 2, 0]
    assert Labels.of([["a", "floor"]], background="floor").sources.tolist() == [1]


def test_aliases_join_two_spellings() -> None:
    labels = Labels.of([["Unat"], ["UNat"], ["Unat", "UNat"]]).renamed({"Unat": "UNat"})
    assert labels.classes == ("UNat",)
    assert labels.presence.all()


def test_amounts_follow_selection_renaming_and_concatenation() -> None:
    labels = Labels(("a", "b"), [[True, False], [True, True]], [[2.0, 0.0], [1.0, np.nan]])
    assert labels[1:].amounts is not None
    assert labels[1:].amounts[0, 0] == 1
    renamed = labels.renamed({"b": "a"})
    assert renamed.amounts is not None
    assert renamed.amounts[0, 0] == 2
    joined = Labels.concatenated([labels, Labels.of([["a"]])])
    assert joined.amounts is not None
    assert np.isnan(joined.amounts[2, 0])
    assert joined.amounts[2, 1] == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: Labels(("a", "a"), [[True, False]]),
        lambda: Labels(("",), [[True]]),
        lambda: Labels(("a",), [[True, False]]),
        lambda: Labels(("a",), [[True]], labelled=[False]),
        lambda: Labels(("a",), [[False]], [[1.0]]),
        lambda: Labels(("a",), [[True]], [[-1.0]]),
        lambda: Labels.of([["b"]], classes=["a"]),
        lambda: Labels.of([["a"]]).onto(["b"]),
        lambda: Labels.concatenated([]),
        lambda: Labels.concatenated([Labels.of([["a"]]), Labels.of([["a"]], background=None)]),
        lambda: Labels.of([["a"]])[0],
    ],
)
def test_contradictions_are_refused(make) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(LabelError):
        make()


def test_onto_drops_only_classes_that_nothing_holds() -> None:
    labels = Labels.of([["a"], ["b"]])[:1]
    assert labels.onto(["c", "a"]).lists() == [["a"]]
