"""Numbers behind an evaluation, against counting by hand."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import gamma_flow as gf
from gamma_flow import diagnostics as d
from gamma_flow._bootstrap import ranking_auc
from gamma_flow.diagnostics.curves import _curve
from gamma_flow.diagnostics.statements import binomial_band
from gamma_flow.errors import DataError, IncompatibleError, LabelError, SettingsError

AXIS = gf.Axis.channels(4)
NAMES = ("Co60", "Cs137", "Eu152", "background")


def small_model() -> gf.Model:
    """Each class has a channel of its own, so a spectrum is its own answer."""
    return gf.Model(gf.Templates(np.eye(4), NAMES, AXIS, background="background"))


def pair(
    rows: list[list[float]], labels: list[list[str] | None], **more: object
) -> tuple[gf.Analysis, gf.SpectrumSet]:
    spectra = gf.SpectrumSet(np.array(rows, float), AXIS, labels=gf.Labels.of(labels), **more)  # type: ignore[arg-type]
    return small_model().analyse(spectra), spectra


ROWS = [[4, 0, 0, 6], [4, 0, 0, 6], [4, 3, 0, 3], [4, 0, 0, 6], [0, 0, 0, 9], [1, 1, 1, 1], [0, 5, 0, 5]]
LABELS: list[list[str] | None] = [
    ["Co60", "background"],
    ["Co60", "Cs137", "background"],
    ["Co60", "background"],
    ["Cs137", "background"],
    ["background"],
    None,
    ["U", "background"],
]


def test_outcomes_rows_and_truth() -> None:
    compared = d.compare(*pair(ROWS, LABELS))
    words = [d.OUTCOMES[i] for i in compared.outcome]
    assert words == ["exact", "incomplete", "extra", "both", "exact", "both"]
    assert compared.row.tolist() == [0, 1, 2, 3, 4, 6]
    assert compared.right.tolist() == [True, True, True, False, True, False]
    assert compared.several
    assert compared.correct().tolist() == (compared.outcome == 0).tolist()
    assert compared.correct("single").tolist() == compared.right.tolist()
    assert compared.counts.tolist() == [10, 10, 10, 10, 9, 10]
    assert compared.p_value is None
    with pytest.raises(SettingsError, match="single, sets"):
        compared.correct("nothing")  # type: ignore[arg-type]


def test_two_sets_are_one_comparison() -> None:
    one, other = pair(ROWS[:3], LABELS[:3]), pair(ROWS[3:], LABELS[3:])
    both = d.compare([one[0], other[0]], [one[1], other[1]])
    assert both.part.tolist() == [0, 0, 0, 1, 1, 1]
    assert both.row.tolist() == [0, 1, 2, 0, 1, 3]
    whole = d.compare(*pair(ROWS, LABELS))
    assert np.array_equal(both.outcome, whole.outcome)
    assert np.array_equal(both.scores, whole.scores)


def test_outcomes_are_those_of_the_evaluation(labelled: gf.SpectrumSet) -> None:
    found = gf.train(labelled.pure, background_files="*", held_out=0, few=0).analyse(labelled)
    compared, figures = d.compare(found, labelled), gf.evaluate(found, labelled, bootstrap=0)
    for number, name in enumerate(d.OUTCOMES):
        assert (compared.outcome == number).mean() == pytest.approx(getattr(figures, name))
    assert compared.right.mean() == pytest.approx(figures.accuracy)
    assert compared.accuracy.mean() == pytest.approx(figures.mean_multilabel_accuracy)


def test_bad_pairs_are_refused_as_by_evaluate() -> None:
    found, spectra = pair(ROWS, LABELS)
    with pytest.raises(LabelError, match="no spectrum is labelled"):
        d.compare(*pair(ROWS[:1], [None]))
    with pytest.raises(LabelError, match="none of the labels is a class"):
        d.compare(*pair(ROWS[:1], [["U"]]))
    with pytest.raises(IncompatibleError, match="each analysis needs its spectra"):
        d.compare([found, found], [spectra])
    with pytest.raises(IncompatibleError, match="same rows"):
        d.compare(found[:2], spectra)


# ---------------------------------------------------------------- confusion of sets


def test_set_confusion_by_hand() -> None:
    crossed = d.set_confusion(d.compare(*pair(ROWS, LABELS)))
    assert crossed.true == (
        ("background",),
        ("Co60", "background"),
        ("Cs137", "background"),
        ("U", "background"),
        ("Co60", "Cs137", "background"),
    )
    assert crossed.predicted == (
        ("background",),
        ("Co60", "background"),
        ("Cs137", "background"),
        ("Co60", "Cs137", "background"),
    )
    assert crossed.counts.tolist() == [[1, 0, 0, 0], [0, 1, 0, 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0]]
    assert crossed.outcome[1].tolist() == [-1, 0, -1, 2]
    assert crossed.percent[1].tolist() == [0, 50, 0, 50]
    assert crossed.gathered == (0, 0)


def test_sets_without_the_background() -> None:
    compared = d.compare(*pair([[9, 0, 0, 0], [0, 0, 0, 3]], [["Co60", "background"], ["background"]]))
    assert compared.outcome.tolist() == [1, 0]
    crossed = d.set_confusion(compared, with_background=False)
    assert crossed.true == ((), ("Co60",))
    assert crossed.by_outcome[:, :, 0].tolist() == [[1, 0], [0, 1]]


@given(st.data())
def test_no_spectrum_is_lost_when_rare_sets_are_gathered(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 30))
    truth = data.draw(arrays(bool, (n, 3), fill=st.nothing()))
    values = data.draw(arrays(np.int64, (n, 4), elements=st.integers(0, 3), fill=st.nothing()))
    labels: list[list[str] | None] = [
        [*(name for name, held in zip(NAMES, row, strict=False) if held), "background"] for row in truth
    ]
    compared = d.compare(*pair(values.tolist(), labels))
    most = data.draw(st.integers(1, 6))
    crossed, whole = d.set_confusion(compared, most), d.set_confusion(compared, 1000)
    assert crossed.counts.sum() == whole.counts.sum() == n
    assert whole.gathered == (0, 0)
    assert np.array_equal(crossed.by_outcome.sum(axis=(0, 1)), np.bincount(compared.outcome, minlength=4))
    assert len(crossed.true) <= most
    assert len(crossed.true) + crossed.gathered[0] == len(whole.true)
    assert len(crossed.predicted) + crossed.gathered[1] == len(whole.predicted)
    slow = Counter(
        (compared.named(true), compared.named(found))
        for true, found in zip(compared.true, compared.found, strict=True)
    )
    for i, true in enumerate(whole.true):
        for j, found in enumerate(whole.predicted):
            assert whole.counts[i, j] == slow[true, found]


def test_a_confusion_needs_room() -> None:
    with pytest.raises(SettingsError, match="needs a row"):
        d.set_confusion(d.compare(*pair(ROWS, LABELS)), 0)


# ---------------------------------------------------------------- means and measures


def test_mean_scores_by_hand() -> None:
    rows = [[4, 0, 0, 6], [6, 0, 0, 4], [8, 0, 0, 2], [0, 0, 0, 5]]
    labels: list[list[str] | None] = [["Co60", "background"]] * 3 + [["background"]]
    means = d.mean_scores(d.compare(*pair(rows, labels, run=np.array([0, 0, 1, 2]))))
    assert means.true == ("Co60", "background")
    assert means.mean[0].tolist() == pytest.approx([0.6, 0, 0, 0.4])
    assert means.deviation[0, 0] == pytest.approx(0.2)
    assert means.error[0, 0] == pytest.approx(0.2 / math.sqrt(3))
    # runs deviate by -.2 + 0 and by +.2 in sum
    assert means.run_error[0, 0] == pytest.approx(math.sqrt((0.04 + 0.04) * 2) / 3)
    assert means.n.tolist() == [3, 1]
    assert means.runs.tolist() == [2, 1]
    assert np.isnan(means.deviation[1]).all()
    assert np.isnan(means.run_error[1]).all()
    scores = d.mean_scores(d.compare(*pair(rows, labels)), "scores")
    assert scores.mean[0].tolist() == pytest.approx([6, 0, 0, 4])
    with pytest.raises(SettingsError, match="shares, scores"):
        d.mean_scores(d.compare(*pair(rows, labels)), "nothing")  # type: ignore[arg-type]


def test_a_mixture_counts_for_each_of_its_sources_but_not_for_the_background() -> None:
    means = d.mean_scores(d.compare(*pair(ROWS, LABELS)))
    assert means.true == ("Co60", "Cs137", "background", "U")
    assert means.n.tolist() == [3, 2, 1, 1]


def test_measures_and_cuts() -> None:
    found = d.measures(d.compare(*pair(ROWS, LABELS)))
    assert found.by == "sets"
    assert set(found.values) == {"explained_variance", "similarity", "counts"}
    assert found.kept("counts", 10) == (0.5, 1.0)
    assert found.kept("counts", 9) == (1.0, 1.0)
    with pytest.raises(SettingsError, match="no such measure"):
        found.kept("beauty", 1)
    few = d.Measures({"deviance": np.array([1.0, 3.0])}, np.array([True, True]), "single")
    right, wrong = few.kept("deviance", 2)
    assert right == 0.5
    assert np.isnan(wrong)


# ---------------------------------------------------------------- curves


@given(arrays(bool, 12), arrays(np.int64, 12, elements=st.integers(0, 4)))
def test_the_area_is_the_chance_to_rank_rightly(truth: np.ndarray, rank: np.ndarray) -> None:
    x, y = _curve(truth, rank.astype(float))
    expected = ranking_auc(truth, rank.astype(float))
    if expected is None:
        assert len(x) == 0
        return
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
    assert np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2) == pytest.approx(expected)
    for cut in np.unique(rank):  # each threshold lies on the curve
        at = (rank[~truth] >= cut).mean(), (rank[truth] >= cut).mean()
        assert np.interp(at[0], x, y) >= at[1] - 1e-12 or at[0] in x


def test_roc_leaves_out_what_cannot_be_ranked() -> None:
    curves = d.roc(d.compare(*pair(ROWS, LABELS)))
    assert curves.by == "share"
    assert np.isnan(curves.auc).tolist() == [False, False, True, True]
    assert curves.n_true.tolist() == [3, 2, 0, 6]
    assert curves.working[0].tolist() == pytest.approx([1 / 3, 1.0])
    assert curves.working[3, 1] == 1.0
    with pytest.raises(IncompatibleError, match="without evidence"):
        d.roc(d.compare(*pair(ROWS, LABELS)), "evidence")
    with pytest.raises(SettingsError, match="evidence, share"):
        d.roc(d.compare(*pair(ROWS, LABELS)), "beauty")  # type: ignore[arg-type]


def test_binomial_bands_are_quantiles() -> None:
    n, p = np.array([1, 7, 100, 400, 0]), np.array([0.3, 0.02, 0.5, 0.001, 0.5])
    low, high = binomial_band(n, p)
    for i in range(4):
        m, q = int(n[i]), float(p[i])
        below = np.cumsum([math.comb(m, k) * q**k * (1 - q) ** (m - k) for k in range(m + 1)])
        assert low[i] * m == pytest.approx(np.flatnonzero(below >= 0.025)[0])
        assert high[i] * m == pytest.approx(np.flatnonzero(below >= 0.975)[0])
    assert np.isnan([low[4], high[4]]).all()


def test_reliability_of_p_values_that_are_uniform(rng: np.random.Generator) -> None:
    found, spectra = pair(
        [[0, 0, 0, 5]] * 2000 + [[5, 0, 0, 5]], [["background"]] * 2000 + [["Co60", "background"]]
    )
    compared = d.compare(found, spectra)
    p = rng.uniform(size=(2001, 4))
    p[-1] = 1e-9  # of a spectrum with the class: does not count
    told = d.Comparison(**{**vars(compared), "p_value": p})
    shown = d.reliability(told, at=[0.01, 0.1, 0.5])
    assert shown.statement == "p-value"
    assert shown.observed[0].tolist() == [(p[:-1, 0] <= at).mean() for at in (0.01, 0.1, 0.5)]
    assert ((shown.observed[:1] >= shown.low[:1]) & (shown.observed[:1] <= shown.high[:1])).sum() >= 2
    assert shown.n[0, 0] == 2000
    assert np.isnan(shown.observed[3]).all()  # background is in all of them
    with pytest.raises(IncompatibleError, match="no p-values"):
        d.reliability(compared, "p-value")
    with pytest.raises(SettingsError, match="ascending"):
        d.reliability(told, at=[0.5, 0.1])


def test_spectra_with_unknown_labels_do_not_test_p_values() -> None:
    compared = d.compare(*pair(ROWS, LABELS))
    told = d.Comparison(**{**vars(compared), "p_value": np.full((6, 4), 0.5)})
    assert d.reliability(told).n[0, 0] == 2  # without Co60, and without U


def test_shares_by_bins() -> None:
    shown = d.reliability(d.compare(*pair(ROWS, LABELS)), at=[0, 0.2, 0.6, 1])
    assert shown.statement == "share"
    assert shown.n[0].tolist() == [2, 4, 0]
    assert shown.observed[0][:2].tolist() == [0, 0.75]
    assert shown.stated[0][:2].tolist() == pytest.approx([0, 0.4])
    assert np.isnan(shown.observed[0, 2])


def test_coverage_of_known_contents(rng: np.random.Generator) -> None:
    shapes = np.array([[6.0, 3, 1, 0], [0, 1, 3, 6]])
    axis, truth = gf.Axis.channels(4), np.array([400.0, 900.0])
    values = rng.poisson((shapes / 10 * truth[:, None]).sum(axis=0), (300, 4)).astype(float)
    labels = gf.Labels(("a", "b"), np.ones((300, 2), bool), np.tile(truth / 2, (300, 1)), background=None)
    templates = gf.Templates(shapes, ("a", "b"), axis)
    model = gf.Model(templates, gf.data.method.Method(noise="poisson"))
    spectra = gf.SpectrumSet(values, axis, labels=labels)
    shown = d.coverage(model.analyse(spectra), spectra, unit=2.0, levels=[0.5, 0.9])
    assert shown.statement == "interval"
    assert shown.n.tolist() == [[300, 300]] * 2
    assert np.abs(shown.observed - [0.5, 0.9]).max() < 0.08
    between = model.analyse(spectra).intervals(0.9)
    assert between is not None
    held = (between[..., 0] <= truth) & (truth <= between[..., 1])
    assert shown.observed[:, 1].tolist() == held.mean(axis=0).tolist()
    with pytest.raises(IncompatibleError, match="no intervals"):
        d.coverage(gf.Model(templates).analyse(spectra), spectra)
    with pytest.raises(LabelError, match="contents of these spectra are not known"):
        d.coverage(*pair(ROWS, LABELS))
    for unit in (0.0, [1.0, 2, 3]):
        with pytest.raises(SettingsError, match="unit is one number"):
            d.coverage(model.analyse(spectra), spectra, unit=unit)
    with pytest.raises(SettingsError, match="level is a probability"):
        d.coverage(model.analyse(spectra), spectra, levels=[1.5])


# ---------------------------------------------------------------- one spectrum, and mistakes


def test_a_decomposition_adds_up() -> None:
    found, _ = pair([[4, 0, 0, 6], [0, 7, 1, 1]], [None, None])
    apart = d.decompose(found, 1)
    assert apart.fit.tolist() == pytest.approx(found.denoised[1].tolist())
    assert apart.errors is not None
    assert apart.errors.tolist() == pytest.approx([1, math.sqrt(7), 1, 1])
    assert apart.pulls.tolist() == pytest.approx([0, 0, 0, 0])
    assert apart.p_value is None
    assert d.decompose(found, -1).values.tolist() == apart.values.tolist()
    with pytest.raises(DataError, match="no such spectrum"):
        d.decompose(found, 2)


def test_sigma_holds_the_mismatch(labelled: gf.SpectrumSet) -> None:
    found = gf.train(labelled.pure, background_files="*", held_out=0, few=0).analyse(labelled)
    apart = d.decompose(found, 95)
    assert found.mismatch is not None
    expected = np.maximum(apart.fit, 1) + (found.mismatch[95] * apart.fit) ** 2
    assert apart.sigma**2 == pytest.approx(expected)
    assert apart.share_errors is not None
    assert found.share_errors is not None
    assert apart.share_errors == pytest.approx(found.share_errors[95])


def test_sigma_without_counts_is_the_scatter_of_the_residual() -> None:
    axis = gf.Axis.linear(0, 1, 4, "cm-1")
    templates = gf.Templates([[1.0, 1, 0, 0], [0, 0, 1, 1]], ("a", "b"), axis, kind="intensity")
    spectra = gf.SpectrumSet([[1.0, 0.8, 0.3, 0.1]], axis, kind="intensity")
    apart = d.decompose(gf.Model(templates).analyse(spectra))
    assert apart.errors is None
    assert apart.sigma.tolist() == pytest.approx([0.1] * 4)


def test_the_most_frequent_confusions_come_first_and_one_of_each() -> None:
    rows = [[4.0, 0, 0, 6]] * 5 + [[0, 3.0, 0, 7], [0, 4.0, 0, 7], [0, 0, 3, 7.0]]
    labels: list[list[str] | None] = [["Cs137", "background"]] * 5 + [["Co60", "background"]] * 2
    labels += [["Eu152", "background"]]
    found = d.misclassified(*pair(rows, labels), n=4)
    assert [part.alike for part in found] == [5, 2, 5, 2]
    assert len({part.row for part in found}) == 4
    first = found[0]
    assert (first.true, first.found, first.outcome) == (
        ("Cs137", "background"),
        ("Co60", "background"),
        "both",
    )
    assert first.true_fit.tolist() == pytest.approx([0, 0, 0, 6])
    assert first.found_fit.tolist() == pytest.approx([4, 0, 0, 6])
    worst = d.misclassified(*pair(rows, labels), n=50, order="worst")
    assert len(worst) == 7
    drawn = [
        d.misclassified(*pair(rows, labels), n=3, order="random", rng=np.random.default_rng(7)) for _ in "ab"
    ]
    assert [part.row for part in drawn[0]] == [part.row for part in drawn[1]]
    assert d.misclassified(*pair(rows[-1:], labels[-1:])) == ()
    for wrong in ({"n": 0}, {"order": "best"}, {"order": "random"}):
        with pytest.raises(SettingsError):
            d.misclassified(*pair(rows, labels), **wrong)  # type: ignore[arg-type]


def test_an_unknown_label_has_no_template_to_fit() -> None:
    (mistake,) = d.misclassified(*pair([[3, 0, 0, 7], [0, 0, 0, 1]], [["U"], ["background"]]))
    assert mistake.true == ("U",)
    assert mistake.true_fit.tolist() == [0, 0, 0, 0]
