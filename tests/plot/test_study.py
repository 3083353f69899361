"""Plots of the study of unknowns: what their artists hold, and how they read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")

from matplotlib.collections import QuadMesh
from matplotlib.text import Text

import gamma_flow as gf
from gamma_flow._study_report import Report, reported
from gamma_flow.data.feature_table import FeatureTable
from gamma_flow.data.study import Study
from gamma_flow.errors import DataError
from gamma_flow.plot import study as plots
from gamma_flow.plot.palette import Palette
from gamma_flow.study import Node, Tree, cut
from looks import faults, texts
from unknowns import drawn

LONG = tuple(f"Nuclide-with-quite-a-long-name-{k}" for k in range(18))


@pytest.fixture(scope="module")
def report() -> Report:
    spectra = drawn(3, 20)
    model = gf.train(spectra, detectors="simulated", few=0, noise="leastsquares")
    return reported(model, [spectra], how="logistic", noise_sizes=(0.3, 1.0))


def synthetic(classes: int, names: tuple[str, ...] | None = None) -> tuple[Study, FeatureTable]:
    """A study without any training, of any number of classes."""
    rng = np.random.default_rng(classes)
    told = tuple(f"Nu{100 + k}" for k in range(classes)) if names is None else names
    size = 12 * classes
    unknown = np.arange(2 * size) >= size
    left_out = np.tile(np.repeat(told, 12), 2)
    values = np.where(unknown, rng.lognormal(1, 2, 2 * size), rng.normal(-0.1, 0.02, 2 * size))
    cosine = np.where(unknown, rng.uniform(0, 0.8, 2 * size), rng.uniform(0.6, 1, 2 * size))
    label = np.where(unknown, left_out, "background")
    rows = np.arange(2 * size).astype(str)
    table = FeatureTable({"novelty": values, "similarity": cosine}, unknown, label, left_out, rows)
    shares = rng.dirichlet(np.ones(classes), classes) * 0.9
    shares[np.diag_indices(classes)] = np.nan
    appearance = np.column_stack([shares, np.full(classes, 0.1)])
    return Study(table, told, (*told, "background"), appearance), table


@pytest.mark.parametrize(
    ("classes", "names", "feature"),
    [(2, None, "similarity"), (5, None, "novelty"), (18, LONG, "similarity"), (60, None, "novelty")],
)
def test_plots_read_well_for_few_and_many_classes(
    classes: int, names: tuple[str, ...] | None, feature: str
) -> None:
    study, table = synthetic(classes, names)
    palette = Palette(study.classes, "background")
    chosen = cut(table, feature, recall=0.9)
    assert faults(plots.feature_histogram(table, chosen, real=table, palette=palette)) == []
    assert faults(plots.threshold_curves(chosen)) == []
    assert faults(plots.appearance(study)) == []


def test_of_very_many_classes_those_are_shown_that_are_found_least() -> None:
    _, table = synthetic(70)
    chosen = cut(table, "similarity", recall=0.8)
    lower = plots.feature_histogram(table, chosen).axes[1]
    names = [label.get_text() for label in lower.get_yticklabels()]
    assert len(names) == 61
    parts = [int(item.get_text()[:-2]) for item in lower.findobj(Text) if item.get_text().endswith(" %")]
    assert parts[1:] == sorted(parts[1:])


def test_a_report_has_all_its_plots(report: Report) -> None:
    drawn_ones = plots.all_of(report)
    assert set(drawn_ones) == {
        "appearance", "feature", "importance", "noise", "roc", "sigmoid", "thresholds",
        "tree", "tree-confusion",
    }  # fmt: skip
    for name, one in drawn_ones.items():
        assert faults(one) == [], name


def test_the_tree_tells_each_node_once(report: Report) -> None:
    assert report.tree is not None
    words = " ".join(texts(plots.decision_tree(report.tree)))
    for node in report.tree.nodes:
        assert f"{node.known} known, {node.unknown} unknown" in words
    assert f"accuracy {report.tree.accuracy:.3f}" in words
    leaf = Node(3, 1, 0.81)
    none = Tree((leaf,), 0.75, float("nan"), 0.0, np.array([[3, 0], [1, 0]]), ("novelty",), *np.zeros((2, 1)))
    assert faults(plots.decision_tree(none)) == []
    assert "The tree rests on no feature" in texts(plots.feature_importance(none))


def test_bars_are_the_importance_with_its_error(report: Report) -> None:
    tree = report.tree
    assert tree is not None
    (axes,) = plots.feature_importance(tree).axes
    widths = [bar.get_width() for bar in axes.patches]
    np.testing.assert_allclose(widths, np.sort(tree.importance)[::-1][: len(widths)])
    assert axes.get_yticklabels()[0].get_text() != ""


def test_histograms_hold_all_spectra_and_the_cut(report: Report) -> None:
    table, chosen = report.study.table, report.cut
    upper, lower = plots.feature_histogram(table, chosen, real=report.real_table).axes
    bars = upper.containers[0]
    assert sum(bar.get_height() for bar in bars) == table.counts[0]  # type: ignore[union-attr]
    assert any(np.allclose(line.get_xdata(), chosen.threshold) for line in upper.get_lines())
    names = [label.get_text() for label in lower.get_yticklabels()]
    assert names == ["known", *report.study.left_out, "real known", "real unknown"]
    parts = [item.get_text() for item in lower.findobj(Text) if item.get_text().endswith(" %")]
    assert parts[0] == f"{100 * (chosen.verdict.false_positive_rate or 0):.0f} %"
    with pytest.raises(DataError, match="no spectra to draw"):
        plots.feature_histogram(table[:0], chosen)


def test_a_class_keeps_its_colour(report: Report) -> None:
    palette = Palette(report.study.classes, "background")
    lower = plots.feature_histogram(report.study.table, report.cut, palette=palette).axes[1]
    colours = [line.get_color() for line in lower.get_lines() if line.get_linewidth() == 6]
    assert colours[1:] == [palette[name].colour for name in report.study.left_out]


def test_curves_are_those_of_the_cut_and_the_chosen_one_is_marked(report: Report) -> None:
    chosen = report.cut
    (axes,) = plots.threshold_curves(chosen).axes
    lines = {line.get_label(): line for line in axes.get_lines()}
    np.testing.assert_array_equal(lines["recall (true-positive rate)"].get_ydata(), chosen.curves.recall)
    np.testing.assert_array_equal(lines["precision"].get_ydata(), chosen.curves.precision)
    marks = [line.get_ydata()[0] for line in axes.get_lines() if line.get_marker() == "o"]
    told = chosen.verdict
    assert marks == [told.accuracy, told.precision, told.recall, told.false_positive_rate]


def test_the_sigmoid_passes_one_half_at_the_cut(report: Report) -> None:
    (axes,) = plots.sigmoid(report.study.table, report.cut).axes
    curve = next(line for line in axes.get_lines() if line.get_label() == "logistic regression")
    at = np.interp(report.cut.threshold, *(np.asarray(one, float) for one in curve.get_data()))
    assert at == pytest.approx(0.5, abs=0.01)
    with pytest.raises(DataError, match="without a sigmoid"):
        plots.sigmoid(report.study.table, cut(report.study.table, "cosine"))


def test_characteristics_without_real_unknowns_leave_a_note(report: Report) -> None:
    alone = plots.roc(report.simulated, {}, features=["similarity"])
    assert faults(alone) == []
    assert any("No labelled spectra of a class" in text for text in texts(alone))
    left, right = plots.roc(report.simulated, report.real_rankings).axes
    best = max(report.simulated, key=lambda name: report.simulated[name].auc)
    np.testing.assert_array_equal(left.get_lines()[0].get_ydata(), report.simulated[best].curves.recall)
    assert right.get_legend() is not None


def test_cells_are_mean_shares(report: Report) -> None:
    axes = plots.appearance(report.study).axes[0]
    (mesh,) = axes.findobj(QuadMesh)
    cells = np.ma.filled(mesh.get_array(), np.nan).reshape(report.study.appearance.shape)
    np.testing.assert_array_equal(cells, report.study.appearance)


def test_noise_shows_the_cut_that_moves(report: Report) -> None:
    left, _ = plots.noise_behaviour(report.noise, report.cut).axes
    line = next(line for line in left.get_lines() if line.get_label() == "new cut")
    np.testing.assert_array_equal(line.get_ydata(), [row.threshold for row in report.noise])
    with pytest.raises(DataError, match="one size of noise"):
        plots.noise_behaviour(report.noise[:1], report.cut)


def test_the_confusion_of_the_tree_is_drawn_cell_by_cell(report: Report) -> None:
    assert report.tree is not None
    drawn = plots.tree_confusion(report.tree)
    assert faults(drawn) == []
    words = " ".join(texts(drawn))
    for count in report.tree.confusion.ravel():
        assert f"{count:,}\n" in words
    many = replace(report.tree, confusion=np.array([[123_456, 7], [0, 98_765]]))
    assert faults(plots.tree_confusion(many)) == []
    right, total = np.trace(report.tree.confusion), report.tree.confusion.sum()
    assert f"right for {right:,} of {total:,}" in words
