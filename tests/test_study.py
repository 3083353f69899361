"""The study of unknowns: what is left out, what is looked at, how a cut is chosen and what it does."""

from __future__ import annotations

import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gamma_flow as gf
from gamma_flow._study_report import reported
from gamma_flow.data.feature_table import FeatureTable
from gamma_flow.data.study import Study
from gamma_flow.errors import (
    DataError,
    IncompatibleError,
    LabelError,
    MissingDependencyError,
    SettingsError,
    TrainingError,
    TrainingWarning,
)
from gamma_flow.study import (
    best_feature,
    confront,
    cut,
    grown,
    judged,
    leave_one_out,
    noise_rows,
    paper_features,
    pool_for,
    rankings,
    training_of,
)
from unknowns import drawn

LEAST = {"noise": "leastsquares", "detectors": "simulated", "few": 0}


def rng() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.fixture(scope="module")
def spectra() -> gf.SpectrumSet:
    return drawn(3, 20)


@pytest.fixture(scope="module")
def study(spectra: gf.SpectrumSet) -> Study:
    return leave_one_out(spectra, rng=rng(), noise_sizes=(0.3, 1.0), **LEAST)


def table_of(values: list[float], unknown: list[bool]) -> FeatureTable:
    names = np.where(unknown, "b", "a")
    rows = [f"#{row}" for row in range(len(values))]
    return FeatureTable({"similarity": values}, unknown, names, ["b"] * len(values), rows)


# ----------------------------------------------------------------------------------------- leave one out


def test_each_source_is_unknown_once_and_known_spectra_were_held_out(
    study: Study, spectra: gf.SpectrumSet
) -> None:
    table = study.table
    assert study.left_out == ("Nu100", "Nu101", "Nu102")
    assert study.classes == (*study.left_out, "background")
    for name in study.left_out:
        mine = table[table.left_out == name]
        assert set(mine.label[mine.unknown].tolist()) == {name}
        assert name not in mine.label[~mine.unknown].tolist()
        assert mine.counts == (12, 20)
        others = [one for one in study.classes if one != name]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TrainingWarning)
            model = gf.train(spectra, classes=others, **LEAST)
        held_out = spectra[model.knows(spectra)[1]]
        assert sorted(mine.origin[~mine.unknown].tolist()) == sorted(held_out.origin.tolist())
        found = model.analyse(held_out).centred_similarity
        np.testing.assert_array_equal(np.sort(mine.column("cosine")[~mine.unknown]), np.sort(found))


def test_appearance_is_the_mean_share_of_the_other_classes(study: Study) -> None:
    assert np.isnan(np.diag(study.appearance[:, :3])).all()
    np.testing.assert_allclose(np.nansum(study.appearance, axis=1), 1)


def test_all_known_spectra_limits_and_imbalance(spectra: gf.SpectrumSet) -> None:
    many = leave_one_out(spectra, rng=rng(), known="all", held_out=0.0, **LEAST)
    assert many.table.counts == (180, 60)
    few = leave_one_out(
        spectra, rng=rng(), known="all", left_out=["Nu101"], unknown_limit=5, imbalance=2, **LEAST
    )
    assert few.left_out == ("Nu101",)
    assert few.table.counts == (10, 5)
    everything = spectra[~spectra.mask(label="Nu102") | (np.arange(len(spectra)) % 2 == 0)]
    balanced = leave_one_out(everything, rng=rng(), **LEAST).table
    assert [int((balanced.unknown & (balanced.left_out == name)).sum()) for name in study_names()] == [10] * 3
    loose = leave_one_out(everything, rng=rng(), unknown_limit=None, **LEAST).table
    assert loose.counts[1] == 50


def study_names() -> tuple[str, ...]:
    return ("Nu100", "Nu101", "Nu102")


def test_a_seed_decides_and_noise_changes_no_other_draw(spectra: gf.SpectrumSet, study: Study) -> None:
    again = leave_one_out(spectra, rng=rng(), unknown_limit=7, **LEAST)
    other = leave_one_out(spectra, rng=rng(), unknown_limit=7, noise_sizes=(0.5,), **LEAST)
    assert again.table.origin.tolist() == other.table.origin.tolist()
    assert set(other.noisy) == {0.5}
    assert study.noisy[1.0].origin.tolist() == study.table.origin.tolist()
    known = ~study.table.unknown
    quiet, noisy = (part.column("cosine")[known].mean() for part in (study.table, study.noisy[1.0]))
    assert noisy < quiet


def test_spectra_without_origins_and_lists_of_sets_are_taken(spectra: gf.SpectrumSet) -> None:
    pure = spectra.pure
    bare = [replace(pure.where(label=name), origin=None) for name in (*study_names(), "background")]
    table = leave_one_out(bare, rng=rng(), background_files="*", **LEAST).table
    assert len(set(table.origin.tolist())) > 60
    assert table.counts == (36, 60)


def test_progress_is_told_and_may_interrupt(spectra: gf.SpectrumSet) -> None:
    told: list[tuple[int, int, str]] = []
    leave_one_out(spectra, rng=rng(), progress=lambda *step: told.append(step), **LEAST)
    assert told == [(0, 3, "Nu100"), (1, 3, "Nu101"), (2, 3, "Nu102")]

    def stop(number: int, count: int, name: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        leave_one_out(spectra, rng=rng(), progress=stop, **LEAST)


def test_two_classes_one_detector_and_no_background_are_enough(spectra: gf.SpectrumSet) -> None:
    one = spectra[spectra.detector == "simulated"]
    pair = one[one.labels.has("Nu100", "background")]
    assert leave_one_out(pair, rng=rng(), **LEAST).left_out == ("Nu100",)
    sources = one[~one.labels.has("background")]
    assert len(leave_one_out(sources, rng=rng(), background=None, **LEAST).left_out) == 3


def test_what_cannot_be_studied_is_refused(spectra: gf.SpectrumSet) -> None:
    with pytest.raises(TrainingError, match="no pure spectra"):
        leave_one_out(spectra.relabelled(gf.Labels.none(len(spectra))), rng=rng(), **LEAST)
    with pytest.raises(TrainingError, match="no pure spectra"):
        leave_one_out(spectra[:0], rng=rng(), noise="leastsquares")
    with pytest.raises(TrainingError, match="with one class none can be left out"):
        leave_one_out(spectra.where(label="Nu100").pure, rng=rng(), **LEAST)
    lonely = spectra[~spectra.labels.has("Nu102") | (spectra.origin == "Nu102.npy#0")]
    with pytest.raises(TrainingError, match="one spectrum cannot be both trained and checked"):
        leave_one_out(lonely, rng=rng(), **LEAST)
    for wrong, match in (
        ({"left_out": ["Xx"]}, "not trained"),
        ({"known": "some"}, "no such word"),
        ({"held_out": 0.0}, "no spectra are held out"),
        ({"unknown_limit": 0}, "number from 1"),
        ({"imbalance": 0.0}, "a factor"),
        ({"noise_sizes": (-1.0,)}, "is positive"),
    ):
        with pytest.raises((TrainingError, SettingsError), match=match):
            leave_one_out(spectra, rng=rng(), **LEAST, **wrong)  # type: ignore[arg-type]
    with pytest.raises(IncompatibleError, match="different axes"):
        leave_one_out([spectra, spectra.onto(gf.Axis.linear(0, 2000, 50))], rng=rng(), **LEAST)


# ------------------------------------------------------------------------------------------------ cuts


@given(seed=st.integers(0, 500), wish=st.floats(0.05, 1.0))
def test_a_cut_keeps_its_promise_with_as_little_as_possible(seed: int, wish: float) -> None:
    draw = np.random.default_rng(seed)
    values = np.round(np.concatenate([draw.normal(1, 0.5, 40), draw.normal(0, 0.5, 20)]), 2)
    table = table_of(values.tolist(), [False] * 40 + [True] * 20)
    unknown = table.unknown

    def rates(threshold: float) -> tuple[float, float]:
        found = values <= threshold if side == "below" else values >= threshold
        return float(found[unknown].mean()), float(found[~unknown].mean())

    chosen = cut(table, "similarity", recall=wish)
    side = chosen.side
    every = [rates(one) for one in np.unique(values)]
    assert chosen.verdict.recall is not None
    assert chosen.verdict.recall >= wish - 1e-9
    assert chosen.verdict.false_positive_rate == min(rate for recall, rate in every if recall >= wish - 1e-9)
    assert rates(chosen.threshold) == (chosen.verdict.recall, chosen.verdict.false_positive_rate)
    rate = 1 - wish
    chosen = cut(table, "similarity", false_positive_rate=rate)
    assert chosen.verdict.false_positive_rate is not None
    assert chosen.verdict.false_positive_rate <= rate + 1e-9
    allowed = [recall for recall, false in every if false <= rate + 1e-9]
    assert chosen.verdict.recall == max(allowed, default=0.0)
    best = cut(table, "similarity").verdict.accuracy
    assert best == pytest.approx(max((20 * recall + 40 * (1 - false)) / 60 for recall, false in every))


def test_three_ways_to_choose_agree_where_the_kinds_lie_apart(study: Study) -> None:
    values = [0.1, 0.15, 0.2, 0.25] * 5 + [0.8, 0.85, 0.9, 0.95] * 5
    table = table_of(values, [True] * 20 + [False] * 20)
    for how in ("tree", "logistic", "curves"):
        chosen = cut(table, "similarity", how)  # type: ignore[arg-type]
        assert chosen.side == "below"
        assert 0.25 < chosen.threshold < 0.8
        assert (chosen.verdict.recall, chosen.verdict.false_positive_rate) == (1, 0)
        assert (chosen.sigmoid is not None) == (how == "logistic")
        rule = chosen.rule()
        assert (rule.feature, rule.side, rule.recall) == ("similarity", "below", 1)
        assert rule.provenance["left_out"] == ["b"]
        assert judged(rule, table).as_dict() == chosen.verdict.as_dict()
    flipped = cut(table_of([-one for one in values], [True] * 20 + [False] * 20), "similarity")
    assert flipped.side == "above"
    assert cut(study.table, "cosine", recall=0.5).feature == "centred_similarity"


def test_verdicts_tell_the_parts_by_label_and_what_is_missing() -> None:
    table = FeatureTable(
        {"novelty": [0.0, 2.0, 2.0, 0.0]},
        [False, True, True, True],
        ["a", "u", "v", "v"],
        [""] * 4,
        list("0123"),
    )
    chosen = cut(table, "novelty", false_positive_rate=0.0)
    told = judged(chosen, table)
    assert dict(told.by_label) == {"u": (1.0, 1), "v": (0.5, 2)}
    only = judged(chosen, table[:1])
    assert (only.recall, only.precision, only.auc, only.false_positive_rate) == (None, None, None, 0.0)
    none = judged(chosen, table[:0])
    assert none.accuracy is None


def test_wishes_that_cannot_be_met_are_refused(study: Study) -> None:
    for wish in (
        {"recall": 0.0},
        {"recall": 1.1},
        {"false_positive_rate": 1.0},
        {"false_positive_rate": -0.1},
    ):
        with pytest.raises(SettingsError, match="out of range"):
            cut(study.table, "cosine", **wish)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="by one wish"):
        cut(study.table, "cosine", recall=0.9, false_positive_rate=0.1)
    with pytest.raises(SettingsError, match="off the curves"):
        cut(study.table, "cosine", "logistic", recall=0.9)
    with pytest.raises(SettingsError, match="no such word"):
        cut(study.table, "cosine", "dice")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="no such feature"):
        cut(study.table, "novelty")
    with pytest.raises(DataError, match="known and unknown values are needed"):
        cut(study.table[study.table.unknown], "cosine")
    with pytest.raises(DataError, match="the same for all"):
        cut(table_of([1.0, 1.0], [True, False]), "similarity")


def test_rankings_keep_the_sides_that_were_found_elsewhere(study: Study) -> None:
    here = rankings(study.table)
    assert here["similarity"].side == "below"
    assert all(one.auc >= 0.5 for one in here.values())
    back = rankings(study.table, {"similarity": "above", "nothing": "below"})
    assert set(back) == {"similarity"}
    assert back["similarity"].auc == pytest.approx(1 - here["similarity"].auc)
    assert here[best_feature(study.table)].auc >= max(one.auc for one in here.values()) - 0.002
    assert best_feature(study.table, ["share_1"]) == "share_1"


def test_noise_moves_the_cut_through_the_cosine_down(study: Study) -> None:
    chosen = cut(study.table, "cosine", "logistic")
    rows = noise_rows(study, chosen, {"how": "logistic"})
    assert [row.size for row in rows] == [0.0, 0.3, 1.0]
    assert rows[0].threshold == chosen.threshold
    assert rows[2].threshold < rows[1].threshold < rows[0].threshold
    assert rows[2].fixed.false_positive_rate is not None
    assert rows[2].fixed.false_positive_rate > (rows[2].own.false_positive_rate or 0)
    assert list(rows[0].known) == sorted(rows[0].known)


# ---------------------------------------------------------------------------------------------- the tree


def test_the_tree_divides_by_what_matters() -> None:
    pytest.importorskip("sklearn")
    draw = np.random.default_rng(1)
    unknown = np.arange(300) % 3 == 0
    useful, useless = np.where(unknown, 0.0, 1.0) + draw.normal(0, 0.1, 300), draw.normal(size=300)
    rows = [f"#{row}" for row in range(300)]
    table = FeatureTable({"share_1": useless, "novelty": useful}, unknown, ["a"] * 300, ["a"] * 300, rows)
    tree = grown(table, rng=np.random.default_rng(1))
    root = tree.nodes[0]
    assert root.feature == "novelty"
    assert tree.first_split[1] == "below"
    assert 0.2 < tree.first_split[0] < 0.8
    assert root.known + root.unknown == 240
    for node in tree.nodes:
        if node.feature is not None:
            children = [tree.nodes[node.left], tree.nodes[node.right]]
            assert sum(child.known for child in children) == node.known
            assert sum(child.unknown for child in children) == node.unknown
        part = node.unknown / (node.known + node.unknown)
        bits = -sum(p * np.log2(p) for p in (part, 1 - part) if p > 0)
        assert node.entropy == pytest.approx(bits, abs=1e-9)
    assert tree.accuracy == np.trace(tree.confusion) / 60
    assert tree.importance[1] > 0.3
    assert tree.importance[0] < 0.05
    assert tree.as_dict()["nodes"][0]["feature"] == "novelty"
    with pytest.raises(SettingsError, match="depth of 1"):
        grown(table, depth=0)
    with pytest.raises(DataError, match="too few spectra"):
        grown(table[:3], rng=np.random.default_rng(1))
    with pytest.raises(DataError, match="too few spectra"):
        grown(table[~table.unknown], rng=np.random.default_rng(1))
    blind = replace(table, columns={"share_1": np.zeros(300)})
    with pytest.raises(DataError, match="nothing to split by"):
        _ = grown(blind).first_split


def test_without_scikit_learn_only_the_tree_is_missing(
    study: Study, monkeypatch: pytest.MonkeyPatch, spectra: gf.SpectrumSet
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.tree", None)
    with pytest.raises(MissingDependencyError, match=r"gamma-flow\[learn\]"):
        grown(study.table)
    model = gf.train(spectra, **LEAST)
    assert reported(model, [spectra], how="logistic").tree is None
    with pytest.raises(MissingDependencyError):
        reported(model, [spectra], how="tree")


# --------------------------------------------------------------------------------------- real spectra


def test_real_unknowns_are_spectra_with_labels_outside_the_model(spectra: gf.SpectrumSet) -> None:
    model = gf.train(spectra, **LEAST)
    table = confront(model, spectra)
    assert table.counts == (10, 10)
    assert all("Mystery" in name for name in table.label[table.unknown].tolist())
    assert confront(model, [spectra[:60], spectra[60:]]).counts == (10, 10)
    assert confront(model, spectra, seen=True).counts == (90, 10)
    with pytest.raises(LabelError, match="no labelled spectrum"):
        confront(model, spectra.relabelled(gf.Labels.none(len(spectra))))
    with pytest.raises(LabelError, match="no labelled spectrum"):
        confront(model, spectra[spectra.detector == "simulated"])


def test_the_others_are_trained_as_the_model_was(spectra: gf.SpectrumSet) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrainingWarning)
        model = gf.train(spectra, energy_range=(100, None), seed=3, limit=15, min_share=0.2, **LEAST)
        again = gf.train(spectra, **training_of(model))
    np.testing.assert_array_equal(again.templates.shapes, model.templates.shapes)
    assert again.method == model.method
    with pytest.raises(SettingsError, match="does not tell how it was trained"):
        training_of(gf.Model(model.templates))


def test_pools_are_carried_onto_the_axis_of_the_model(spectra: gf.SpectrumSet) -> None:
    model = gf.train(spectra, **LEAST)
    half = spectra.onto(gf.Axis.linear(0, 2000, 80))
    pool = pool_for(model, [spectra[:40], half[40:]])
    assert pool.axis == model.templates.axis
    assert set(pool.detector.tolist()) == {"simulated"}
    with pytest.raises(TrainingError, match="no pure spectra of the model's classes"):
        pool_for(model, spectra[spectra.detector == "left"])


def test_a_whole_study_chooses_by_itself(spectra: gf.SpectrumSet) -> None:
    pytest.importorskip("sklearn")
    model = gf.train(spectra, few=0, detectors="simulated", nulls=1200)
    report = reported(model, [spectra], false_positive_rate=0.05, nulls=1200, noise_sizes=(0.3,))
    assert report.cut.feature in ("novelty", "novelty_p", "centred_similarity", "similarity")
    assert report.real is not None
    assert (report.real.known, report.real.unknown) == (10, 10)
    assert report.real.recall is not None
    assert set(report.real_rankings) <= set(report.simulated)
    plain = report.as_dict()
    assert plain["rule"]["threshold"] == report.cut.threshold
    assert plain["appearance"]["Nu100"]["Nu100"] is None
    ruled = replace(model, unknown_rule=report.cut.rule())
    novel = ruled.analyse(spectra[spectra.detector == "left"]).novel
    assert novel is not None
    mystery = spectra[spectra.detector == "left"].labels.has("Mystery")
    assert novel[mystery].mean() == report.real.recall
    real = reported(model, [spectra], false_positive_rate=0.2, nulls=1200, real_known=True)
    assert real.cut.verdict.known == 10
    assert real.real is not None
    assert real.real.false_positive_rate == real.cut.verdict.false_positive_rate
    assert real.real.false_positive_rate is not None
    assert real.real.false_positive_rate <= 0.2
    with pytest.raises(SettingsError, match="noise is added to the study's own"):
        reported(model, [spectra], nulls=1200, real_known=True, noise_sizes=(0.1,))
    with pytest.raises(LabelError, match="no known spectra that the training did not see"):
        reported(model, [spectra[spectra.detector == "simulated"]], nulls=1200, real_known=True)
    paper = reported(model, [spectra[spectra.detector == "simulated"]], how="tree", paper=True, nulls=1200)
    assert set(paper.simulated) <= {*paper_features(paper.study.table)}
    assert paper.real is None
    assert not paper.real_rankings
    assert paper.study.table.counts == (180, 60)
