from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gamma_flow as gf
from gamma_flow._bootstrap import intervals, ranking_auc
from gamma_flow._outcomes import repeats
from gamma_flow.errors import IncompatibleError, LabelError

AXIS = gf.Axis.channels(4)
UNIT = np.eye(4)


def small_model() -> gf.Model:
    """Each class has a channel of its own, so a spectrum is its own answer."""
    templates = gf.Templates(UNIT, ("Co60", "Cs137", "Eu152", "background"), AXIS, background="background")
    return gf.Model(templates)


def spectra(rows: list[list[float]], labels: list[list[str] | None], **more: object) -> gf.SpectrumSet:
    return gf.SpectrumSet(np.array(rows), AXIS, labels=gf.Labels.of(labels), **more)  # type: ignore[arg-type]


def figures(rows: list[list[float]], labels: list[list[str] | None], **more: object) -> gf.Evaluation:
    known = spectra(rows, labels, **more)
    return gf.evaluate(small_model().analyse(known), known)


def test_sets_are_exact_incomplete_extra_or_both() -> None:
    found = figures(
        [[4, 0, 0, 6], [4, 0, 0, 6], [4, 3, 0, 3], [4, 0, 0, 6]],
        [
            ["Co60", "background"],
            ["Co60", "Cs137", "background"],
            ["Co60", "background"],
            ["Cs137", "background"],
        ],
    )
    assert (found.exact, found.incomplete, found.extra, found.both) == (0.25, 0.25, 0.25, 0.25)


def test_the_papers_mean_accuracy_by_hand() -> None:
    found = figures([[4, 3, 0, 3]], [["Co60", "Eu152", "background"]])
    # right shares .4 + .3, wrong share .3, one of three labels missing
    assert found.mean_multilabel_accuracy == pytest.approx(0.4 + 0.3 - 0.3 - 1 / 3)
    assert figures([[0, 10, 0, 0]], [["Co60"]]).mean_multilabel_accuracy == 0


def test_ordered_lists_count_a_right_set_in_another_order_as_both() -> None:
    found = figures([[3, 5, 0, 2], [5, 3, 0, 2]], [["Co60", "Cs137", "background"]] * 2)
    assert found.exact == 1
    assert found.ordered == {"exact": 0.5, "incomplete": 0, "extra": 0, "both": 0.5}


def test_single_label_answers_prefer_sources_to_background() -> None:
    found = figures(
        [[2, 0, 0, 8], [0.5, 0, 0, 9.5], [0, 0, 0, 1], [0, 0, 0, 0]],
        [["Co60", "background"], ["Co60", "background"], ["background"], ["background"]],
    )
    assert found.accuracy == 0.5
    assert (found.missed, found.false_alarms) == (1, 0)
    assert found.confusion.true == ("Co60", "background")
    assert found.confusion.predicted == ("Co60", "Cs137", "Eu152", "background", "(none)")
    assert found.confusion.counts.tolist() == [[1, 0, 0, 1, 0], [0, 0, 0, 1, 1]]


def test_precision_recall_and_f1_by_class() -> None:
    found = figures([[1, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0]], [["Co60"], ["Cs137"], ["Cs137"]])
    assert found.precision["Co60"] == 0.5
    assert found.recall["Cs137"] == 0.5
    assert found.f1["Co60"] == pytest.approx(2 / 3)
    assert found.precision["Eu152"] is None
    assert found.auc["Eu152"] is None


def test_labels_that_the_model_does_not_know_are_counted_and_never_exact() -> None:
    found = figures([[1, 0, 0, 1], [0, 0, 0, 1]], [["U", "background"], ["background"]])
    assert found.unknown_labels == {"U": 1}
    assert found.both == 0.5
    assert found.exact == 0.5
    assert found.confusion.true == ("background", "U")


def test_detectors_and_repeats_are_told_apart() -> None:
    found = figures(
        [[1, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0]],
        [["Co60"], ["Co60"], ["Co60"], ["Co60"]],
        detector=np.array(["a", "a", "b", "b"]),
        origin=np.array(["f#0", "f#1", "f#2", "g#0"]),
    )
    assert {name: part.n for name, part in found.detectors.items()} == {"a": 2, "b": 2}
    assert found.detectors["b"].accuracy == 0.5
    assert found.unique is not None
    assert found.unique.n == 3
    assert found.unique.accuracy == pytest.approx(2 / 3)


def test_a_repeat_is_an_equal_frame_right_before_in_the_same_file() -> None:
    known = spectra(
        [[1, 0, 0, 0], [1, 0, 0, 0], [2, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]],
        [["Co60"]] * 5,
        origin=np.array(["f#0", "f#1", "f#2", "f#3", "g#0"]),
    )
    assert repeats(known).tolist() == [False, True, False, False, False]
    assert repeats(known[:0]).tolist() == []


def test_intervals_come_from_whole_runs() -> None:
    rows = [[1.0, 0, 0, 0]] * 50 + [[0, 1.0, 0, 0]] * 50
    origin = np.array([f"f{number // 50}#{number}" for number in range(100)])
    found = figures(rows, [["Co60"]] * 100, origin=origin)
    assert found.runs == 2
    assert found.interval["accuracy"] == (0.0, 1.0)  # either run may be drawn twice
    by_frame = figures(rows, [["Co60"]] * 100, origin=origin, run=np.arange(100))
    lo, hi = by_frame.interval["accuracy"]
    assert 0.35 < lo < 0.45 < 0.55 < hi < 0.65


def test_unlabelled_spectra_do_not_count() -> None:
    found = figures([[1, 0, 0, 0], [0, 1, 0, 0]], [["Co60"], None])
    assert found.n == 1


def test_several_axes_are_evaluated_together() -> None:
    model = small_model()
    one = spectra([[1, 0, 0, 0]], [["Co60"]])
    other = gf.SpectrumSet(
        [[1.0, 1, 0, 0, 0, 0, 0, 0]], gf.Axis.linear(0, 4, 8, "channel"), labels=gf.Labels.of([["Cs137"]])
    )
    found = gf.evaluate([model.analyse(one), model.analyse(other)], [one, other])
    assert found.n == 2
    assert found.accuracy == 0.5
    assert found.runs == 2


def test_what_does_not_belong_together_is_refused() -> None:
    model = small_model()
    known = spectra([[1, 0, 0, 0], [0, 1, 0, 0]], [["Co60"], ["Cs137"]])
    with pytest.raises(IncompatibleError, match="same rows"):
        gf.evaluate(model.analyse(known), known[:1])
    with pytest.raises(IncompatibleError):
        gf.evaluate([model.analyse(known)], [known, known])
    bare = gf.SpectrumSet(known.values, AXIS)
    with pytest.raises(LabelError, match="no spectrum is labelled"):
        gf.evaluate(model.analyse(bare), bare)
    strange = spectra([[1, 0, 0, 0]], [["U"]])
    with pytest.raises(LabelError, match="none of the labels"):
        gf.evaluate(model.analyse(strange), strange)


@given(
    scores=st.lists(st.integers(0, 5), min_size=2, max_size=30),
    seed=st.integers(0, 1000),
)
def test_auc_is_the_share_of_pairs_in_the_right_order(scores: list[int], seed: int) -> None:
    truth = np.random.default_rng(seed).random(len(scores)) < 0.5
    pairs = [
        (one > other) + 0.5 * (one == other)
        for one, good in zip(scores, truth, strict=True)
        for other, bad in zip(scores, truth, strict=True)
        if good and not bad
    ]
    auc = ranking_auc(truth, np.array(scores, float))
    assert auc is None if not pairs else auc == pytest.approx(np.mean(pairs))


def test_auc_is_that_of_scikit_learn(rng: np.random.Generator) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    truth, score = rng.random(500) < 0.3, rng.normal(size=500).round(1)
    assert ranking_auc(truth, score) == pytest.approx(metrics.roc_auc_score(truth, score))


def test_noise_has_the_size_asked_for_and_is_reproducible(labelled: gf.SpectrumSet) -> None:
    model = gf.train(labelled, energy_range=(200, None))
    noisy = gf.with_noise(labelled, 0.5, model, np.random.default_rng(1))
    again = gf.with_noise(labelled, 0.5, model, np.random.default_rng(1))
    np.testing.assert_array_equal(noisy.values, again.values)
    use = model.templates.active
    added = (noisy.values - labelled.values)[:, use]
    ratio = added.std(axis=1) / np.sqrt((labelled.values[:, use] ** 2).mean(axis=1))
    assert 0.48 < ratio.mean() < 0.52
    assert noisy.signed
    model.analyse(noisy)


def test_json_holds_no_nan() -> None:
    import json

    found = figures([[1, 0, 0, 0], [0, 1, 0, 0]], [["Co60"], ["Cs137"]])
    text = json.dumps(found.as_dict(), allow_nan=False)
    assert json.loads(text)["n"] == 2
    nan = replace(found, accuracy=float("nan"))
    assert nan.as_dict()["accuracy"] is None


def test_intervals_of_class_figures_are_those_of_drawing_runs_by_hand(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table of pairs of runs gives, draw by draw, what putting the drawn runs together gives."""
    from gamma_flow._outcomes import outcomes

    truth, size = rng.random(120) < 0.4, 120
    scores = np.column_stack(
        [rng.random(size) + 0.5 * truth, rng.random(size), np.zeros(size), np.ones(size)]
    )
    known = spectra(
        scores.tolist(),
        [["Co60", "background"] if true else ["background"] for true in truth],
        run=np.repeat(np.arange(12), 10),
    )
    table = outcomes([small_model().analyse(known)], [known])
    found = intervals(table, {}, 300, 7)
    times = np.random.default_rng(7).multinomial(12, np.full(12, 1 / 12), 300)
    auc, recall = [], []
    for drawn in times:
        rows = np.concatenate([np.flatnonzero(known.run == run) for run in np.repeat(np.arange(12), drawn)])
        part = table[rows]
        auc.append(ranking_auc(part.true[:, 0], part.shares[:, 0]))
        recall.append((part.true[:, 0] & part.found[:, 0]).sum() / part.true[:, 0].sum())
    assert found["auc Co60"] == pytest.approx(np.percentile(auc, [2.5, 97.5]))
    assert found["recall Co60"] == pytest.approx(np.percentile(recall, [2.5, 97.5]))
    assert "precision Eu152" not in found
    assert intervals(table, {}, 0, 7) == {}
    monkeypatch.setattr("gamma_flow._bootstrap._BLOCK", 100)
    in_parts = intervals(table, {}, 300, 7)
    assert in_parts.keys() == found.keys()
    for name, ends in found.items():
        assert in_parts[name] == pytest.approx(ends), name


def test_detectors_stand_in_the_set_without_repeats_too() -> None:
    found = figures([[1, 0, 0, 0], [0, 1, 0, 0]], [["Co60"], ["Co60"]], detector=np.array(["a", "b"]))
    assert found.unique is not None
    assert set(found.unique.detectors) == {"a", "b"}
    assert found.detectors["a"].interval["accuracy"] == (1, 1)
