"""Plots of test results: what their artists hold, and that they read well with few and with many classes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from matplotlib.collections import PatchCollection, PolyCollection
from matplotlib.colors import to_hex
from matplotlib.container import BarContainer
from matplotlib.figure import Figure

import gamma_flow as gf
from drawn import BACKGROUND, scene
from gamma_flow import diagnostics as d
from gamma_flow import plot
from gamma_flow.errors import DataError, SettingsError
from gamma_flow.plot._shared import OUTCOME_LOOKS, set_name, wrapped
from looks import faults, texts

MANY = (2, 5, 18, 60)
Scene = tuple[gf.Model, gf.Analysis, gf.SpectrumSet]


@cache
def paper(k: int) -> Scene:
    """Single labels, plain least squares."""
    return scene(k, n=max(120, 6 * k))


@cache
def engine(k: int) -> Scene:
    """Mixtures, with evidence and errors."""
    return scene(k, n=max(120, 6 * k), mixed=True, engine=True)


@cache
def compared(k: int, whole: bool) -> d.Comparison:
    return d.compare(*(engine if whole else paper)(k)[1:])


def ink(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.texts]


PLOTS: dict[str, Callable[[int, bool], Figure]] = {
    "templates": lambda k, log: plot.templates(paper(k)[0], log=log),
    "single": lambda k, _: plot.confusion(gf.evaluate(*paper(k)[1:], bootstrap=0)),
    "sets": lambda k, whole: plot.confusion(d.set_confusion(compared(k, whole))),
    "mistakes": lambda k, whole: plot.misclassified(
        d.misclassified(*(engine if whole else paper)(k)[1:], n=3 if whole else 1)
    ),
    "decomposition": lambda k, whole: plot.decomposition((engine if whole else paper)(k)[1], 1, log=whole),
    "scores": lambda k, whole: plot.scores(compared(k, whole), compared(k, whole) if whole else None),
    "means": lambda k, whole: plot.mean_scores(d.mean_scores(compared(k, whole))),
    "measures": lambda k, whole: plot.measures(d.measures(compared(k, whole)), {"counts": 2e3}),
    "reliability": lambda k, whole: plot.reliability(d.reliability(compared(k, whole)), most=4),
    "roc": lambda k, whole: plot.roc(d.roc(compared(k, whole))),
}


@pytest.mark.parametrize("k", MANY)
@pytest.mark.parametrize("name", PLOTS)
def test_plots_read_well_with_few_and_many_classes(name: str, k: int) -> None:
    # the other kind of data has the same layout, so each number of classes takes one of them
    assert faults(PLOTS[name](k, k in (5, 18))) == []


@pytest.mark.parametrize("name", ["sets", "mistakes", "decomposition", "scores", "measures", "roc"])
def test_plots_of_the_other_kind_of_data(name: str) -> None:
    assert faults(PLOTS[name](5, False)) == []


def renamed(told: d.Comparison) -> d.Comparison:
    """Give all sources names of fifty letters."""
    names = [
        name if name == BACKGROUND else f"{name} in a thick container behind a wall" for name in told.names
    ]
    return d.Comparison(**{**vars(told), "names": tuple(names), "classes": tuple(names[: len(told.classes)])})


def test_long_names_are_read_too() -> None:
    told = renamed(compared(5, True))
    for drawn in (
        plot.confusion(d.set_confusion(told)),
        plot.scores(told),
        plot.mean_scores(d.mean_scores(told)),
        plot.roc(d.roc(told)),
    ):
        assert faults(drawn) == []


# ---------------------------------------------------------------- templates


def test_templates_hold_the_shapes_and_grey_what_is_not_used() -> None:
    model = paper(5)[0]
    drawn = plot.templates(model)
    panels = [axes for axes in drawn.axes if axes.axison]
    assert [axes.get_title(loc="left") for axes in panels] == list(model.classes)
    for axes, shape in zip(panels, model.templates.shapes, strict=True):
        steps = axes.patches[-1]
        assert np.array_equal(steps.get_data().values, shape)  # type: ignore[attr-defined]
    spans = [patch.get_extents() for patch in panels[0].patches[:-1]]
    assert len(spans) == 2
    assert "grey" in drawn.get_suptitle()


def test_a_logarithmic_scale_keeps_zeros_at_its_lower_end() -> None:
    templates = gf.Templates([[1.0, 0, 3], [1, 1, 0]], ("a", "b"), gf.Axis.channels(3))
    axes = plot.templates(templates, log=True).axes[0]
    values = axes.patches[-1].get_data().values  # type: ignore[attr-defined]
    assert values.min() == axes.get_ylim()[0] > 0


def test_stacked_templates_keep_their_colours_and_order() -> None:
    model = paper(18)[0]
    drawn = plot.templates(model)
    (axes,) = drawn.axes
    areas = [part for part in axes.collections if isinstance(part, PolyCollection)]
    assert len(areas[0].get_paths()) == 18
    palette = plot.Palette(model.classes, BACKGROUND)
    colours = [palette[name].colour.lower() for name in model.classes]
    assert [to_hex(colour) for colour in areas[0].get_facecolor()] == colours
    assert [label.get_text() for label in axes.get_yticklabels()] == list(model.classes)


def test_templates_of_some_classes() -> None:
    model = paper(5)[0]
    drawn = plot.templates(model.templates, classes=[BACKGROUND])
    assert drawn.axes[0].get_title(loc="left") == BACKGROUND
    for wrong in (["x"], []):
        with pytest.raises(SettingsError, match="no template"):
            plot.templates(model, classes=wrong)


def test_signed_templates_are_linear_near_zero() -> None:
    axis = gf.Axis.linear(0, 1, 4, "nm")
    templates = gf.Templates([[1.0, -1, 2, 0]], ("a",), axis, kind="intensity")
    drawn = plot.templates(templates, log=True)
    assert drawn.axes[0].get_yscale() == "symlog"
    assert faults(drawn) == []


# ---------------------------------------------------------------- confusion


def cells(drawn: Figure) -> dict[tuple[float, float], str]:
    """Numbers of the cells by place (x, y); marks stand in a corner."""
    axes = drawn.axes[0]
    return {
        (round(text.get_position()[0]), round(text.get_position()[1])): text.get_text()
        for text in axes.texts
        if text.get_position()[0] == round(text.get_position()[0])
    }


def test_the_cells_of_single_answers_hold_counts_percent_and_outcome() -> None:
    counts = np.array([[90, 0, 10], [2, 3, 0], [1, 0, 199]])
    names = ("Co60", "Cs137", "background")
    table = gf.data.evaluation.Confusion(names, names, counts)
    drawn = plot.confusion(table)
    numbers = cells(drawn)
    assert numbers[0, 0] == "90\n90 %"
    assert numbers[2, 0] == "10\n10 %"
    assert numbers[0, 2] == "1\n<1 %"
    assert (1, 0) not in numbers
    frames = [part for part in drawn.axes[0].collections if isinstance(part, PatchCollection)]
    kinds = [to_hex(part.get_edgecolor()[0]) if len(part.get_paths()) else None for part in frames]
    assert kinds == [look[0].lower() for look in OUTCOME_LOOKS]
    # right, source missed, false alarm, one source for another
    assert [len(part.get_paths()) for part in frames] == [3, 1, 1, 1]
    marks = [text for text in ink(drawn.axes[0]) if text in "=−+±"]
    assert sorted(marks) == sorted("===−+±")
    assert "292 of 305" in drawn.get_suptitle()
    assert faults(drawn) == []


def test_the_cells_of_sets_hold_all_spectra() -> None:
    crossed = d.set_confusion(compared(5, True), 4)
    drawn = plot.confusion(crossed)
    total = sum(int(text.split("\n")[0]) for text in cells(drawn).values())
    assert total == crossed.counts.sum() == len(compared(5, True))
    assert f"({crossed.gathered[0]} others)" in " ".join(texts(drawn))


def test_sets_of_sources_alone_name_the_empty_one() -> None:
    crossed = d.set_confusion(compared(5, False), with_background=False)
    labels = [label.get_text() for label in plot.confusion(crossed).axes[0].get_yticklabels()]
    assert labels[0].startswith("(no source)")


def test_cells_that_are_too_small_have_no_numbers() -> None:
    drawn = plot.confusion(gf.evaluate(*paper(60)[1:], bootstrap=0))
    assert set(ink(drawn.axes[0])) <= {"−", "+", "±"}
    assert drawn.axes[0].images[0].get_array().shape[:2] == (60, 60)


def test_one_class_is_a_matrix_of_one_cell() -> None:
    table = gf.data.evaluation.Confusion(("a",), ("a",), np.array([[3]]))
    drawn = plot.confusion(table)
    assert cells(drawn) == {(0, 0): "3\n100 %"}
    assert faults(drawn) == []


def test_class_names_may_take_the_colours_of_the_palette() -> None:
    palette = plot.Palette(paper(5)[0].classes, BACKGROUND)
    drawn = plot.confusion(gf.evaluate(*paper(5)[1:], bootstrap=0), palette=palette)
    label = drawn.axes[0].get_xticklabels()[0]
    assert label.get_color() == palette[label.get_text()].colour


# ---------------------------------------------------------------- spectra


def test_a_decomposition_stacks_to_its_fit() -> None:
    _, found, _ = engine(5)
    apart = d.decompose(found, 1)
    drawn = plot.decomposition(found, 1)
    above, side, below = drawn.axes[:3]
    fit = above.patches[-1].get_data().values  # type: ignore[attr-defined]
    assert np.allclose(fit[apart.active], apart.fit[apart.active])
    assert np.isnan(fit[~apart.active]).all()
    areas = [part for part in above.collections if isinstance(part, PolyCollection)]
    tops = np.max([part.get_paths()[0].vertices[:, 1].max() for part in areas])
    assert tops == pytest.approx(apart.fit[apart.active].max())
    points = next(line for line in below.get_lines() if len(line.get_xdata()) == len(apart.values))
    assert np.array_equal(np.asarray(points.get_ydata()), apart.pulls, equal_nan=True)
    widths = [bar.get_width() for bar in next(c for c in side.containers if isinstance(c, BarContainer))]
    assert sorted(widths) == pytest.approx(sorted(100 * apart.shares[apart.shares > 0]))
    words = " ".join(texts(drawn))
    assert "p = " in words or "p < " in words
    assert "±" in words
    assert f"{apart.similarity:.3f}" in drawn.get_suptitle()


def test_a_decomposition_without_errors_says_none() -> None:
    _, found, _ = paper(5)
    words = " ".join(ink(plot.decomposition(found, 1).axes[1]))
    assert "±" not in words
    assert "p =" not in words


def test_a_decomposition_tells_of_an_unknown() -> None:
    _, found, _ = engine(5)
    told = d.Decomposition(**{**vars(d.decompose(found, 0)), "novel": True, "novelty_p": 0.003})
    drawn = plot.decomposition(told)
    assert "never trained (p = 0.003)" in " ".join(texts(drawn))
    assert faults(drawn) == []
    with pytest.raises(DataError, match="no such spectrum"):
        plot.decomposition(found, len(found))


def test_empty_and_long_spectra_are_drawn() -> None:
    templates = gf.Templates(np.ones((1, 900)), ("a",), gf.Axis.channels(900))
    found = gf.Model(templates).analyse(gf.SpectrumSet([np.zeros(900), np.full(900, 9.0)], templates.axis))
    empty = plot.decomposition(found, 0)
    assert "No class has a share." in texts(empty)
    assert faults(empty) == []
    assert faults(plot.decomposition(found, 1)) == []
    assert not plot.decomposition(found, 1).axes[0].containers  # a band, no single error bars


def test_mistakes_show_spectrum_fit_and_both_sides() -> None:
    _, found, spectra = paper(5)
    mistakes = d.misclassified(found, spectra, n=2)
    drawn = plot.misclassified(mistakes)
    for mistake, axes in zip(mistakes, drawn.axes, strict=False):
        stairs = [patch.get_data().values for patch in axes.patches if hasattr(patch, "get_data")]
        active = mistake.spectrum.active
        for wanted in (mistake.spectrum.fit, mistake.true_fit, mistake.found_fit):
            assert any(np.allclose(part[active], wanted[active]) for part in stairs)
        assert f"Labels: {set_name(mistake.true)}" in axes.get_title(loc="left").replace("\n", " ")
    assert texts(plot.misclassified(())) == ["No spectrum was answered wrongly."]


# ---------------------------------------------------------------- scores


def test_scores_hold_the_shares_and_frame_the_errors() -> None:
    tested = compared(5, False)
    drawn = plot.scores(tested)
    axes = drawn.axes[0]
    points = np.concatenate([np.column_stack(line.get_data()) for line in axes.get_lines()])
    assert sorted(map(tuple, points)) == sorted(map(tuple, tested.shares[:, [0, 1]]))
    red = [line for line in axes.get_lines() if line.get_markeredgecolor() == "#A3123A"]
    assert sum(len(line.get_xdata()) for line in red) == (~tested.correct()).sum()
    only = plot.scores(tested, only_errors=True).axes[0]
    assert sum(len(line.get_xdata()) for line in only.get_lines()) == (~tested.correct()).sum()


def test_scores_take_training_spectra_and_classes() -> None:
    tested = compared(18, True)
    names = list(tested.classes[:2])
    drawn = plot.scores(tested, tested, classes=names)
    assert "2 of 18 classes shown" in drawn.get_suptitle().replace("\n", " ")
    assert "training" in texts(drawn)
    for wrong in (["x", "y"], names[:1]):
        with pytest.raises(SettingsError, match="two or more classes"):
            plot.scores(tested, classes=wrong)
    with pytest.raises(SettingsError, match="different models"):
        plot.scores(tested, compared(5, False))


def test_one_class_has_no_scores_to_compare() -> None:
    templates = gf.Templates([[1.0, 1]], ("a",), gf.Axis.channels(2))
    spectra = gf.SpectrumSet([[1.0, 2]], templates.axis, labels=gf.Labels.of([["a"]]))
    told = d.compare(gf.Model(templates).analyse(spectra), spectra)
    assert "one class" in texts(plot.scores(told))[0]
    assert "No curve can be drawn" in texts(plot.roc(d.roc(told)))[0]
    for drawn in (
        plot.mean_scores(d.mean_scores(told)),
        plot.measures(d.measures(told)),
        plot.confusion(d.set_confusion(told)),
        plot.templates(templates),
        plot.reliability(d.reliability(told)),
    ):
        assert faults(drawn) == []


def test_bars_are_means_with_both_errors() -> None:
    means = d.mean_scores(compared(5, False))
    axes = plot.mean_scores(means).axes[0]
    bars = [part for part in axes.containers if isinstance(part, BarContainer)]
    heights = np.array([[bar.get_height() for bar in group] for group in bars])
    assert np.allclose(heights, 100 * means.mean.T)
    many = d.mean_scores(compared(18, False))
    image = plot.mean_scores(many).axes[0].images[0]
    assert np.allclose(image.get_array(), 100 * many.mean)


# ---------------------------------------------------------------- measures and curves


def test_histograms_are_percent_of_their_own_answers() -> None:
    found = d.measures(compared(5, True))
    drawn = plot.measures(found, {"deviance": 1.0})
    assert len([axes for axes in drawn.axes if axes.axison]) == 4
    for axes in drawn.axes:
        for patch in axes.patches:
            if hasattr(patch, "get_data"):
                assert patch.get_data().values.sum() == pytest.approx(100)
    right, wrong = found.kept("deviance", 1.0)
    words = next(axes.get_title(loc="left") for axes in drawn.axes if axes.get_title(loc="left"))
    assert f"{100 * right:.1f} % of correct" in words
    assert f"{100 * wrong:.1f} % of wrong" in words
    with pytest.raises(SettingsError, match="no such measure"):
        plot.measures(found, {"beauty": 1})


def test_spectra_beyond_an_axis_are_told_of() -> None:
    values = np.r_[np.linspace(0.5, 1, 999), -40.0]
    table = {"explained_variance": values, "counts": np.r_[np.zeros(2), np.ones(998)]}
    shown = d.Measures(table, values > 0.6, "sets")
    drawn = plot.measures(shown)
    labels = [axes.get_xlabel() for axes in drawn.axes]
    assert labels[0].endswith("(1 below the axis)")
    assert labels[1].endswith("(2 below the axis)")
    assert faults(drawn) == []


def test_all_correct_leaves_wrong_empty() -> None:
    shown = d.Measures({"counts": np.array([3.0, 4.0])}, np.ones(2, bool), "single")
    drawn = plot.measures(shown, {"counts": 3.5})
    assert "wrong (0)" in texts(drawn)
    assert faults(drawn) == []


def test_reliability_shows_what_was_observed() -> None:
    found = d.reliability(compared(5, True))
    drawn = plot.reliability(found)
    panels = [axes for axes in drawn.axes if axes.axison]
    assert len(panels) == 4  # the background is in all spectra
    over = ((found.observed > found.high)[:4]).any(axis=1).sum()
    assert drawn.get_suptitle().startswith(f"{over} of 4 classes have more false alarms")
    assert "background" in drawn.get_suptitle()
    seen = found.observed[0]
    line = panels[0].get_lines()[-1]
    assert np.array_equal(np.asarray(line.get_ydata()), seen[seen > 0])
    assert panels[0].get_xscale() == "log"
    few = plot.reliability(d.reliability(compared(18, True)), most=3)
    assert "3 of 17 classes shown" in few.get_suptitle().replace("\n", " ")
    with pytest.raises(SettingsError, match="needs a panel"):
        plot.reliability(found, most=0)


def test_coverage_is_drawn_on_plain_scales() -> None:
    stated = np.tile([0.5, 0.9], (2, 1))
    low, high = stated - 0.1, stated + 0.05
    shown = d.Reliability("interval", ("a", "b"), stated, stated - 0.02, low, high, np.full((2, 2), 50))
    drawn = plot.reliability(shown)
    assert "0 of 2 classes hold less" in drawn.get_suptitle()
    assert faults(drawn) == []
    nothing = np.full((2, 2), np.nan)
    empty = d.Reliability("interval", ("a", "b"), stated, nothing, nothing, nothing, np.zeros((2, 2)))
    assert "No class could be tested" in texts(plot.reliability(empty))[0].replace("\n", " ")


def test_the_background_is_grey_in_all_plots() -> None:
    told = compared(5, False)
    found = d.reliability(told)
    assert found.background == d.roc(told).background == BACKGROUND
    panel = next(a for a in plot.reliability(found).axes if a.get_title(loc="left").startswith(BACKGROUND))
    assert panel.get_lines()[-1].get_color() == plot.Palette([], BACKGROUND)[BACKGROUND].colour


def test_roc_draws_the_curves_and_names_the_lowest() -> None:
    found = d.roc(compared(18, True))
    drawn = plot.roc(found, most=3)
    plain, close = drawn.axes
    lowest = np.argsort(np.where(np.isnan(found.auc), 2, found.auc), kind="stable")[:3]
    words = " ".join(texts(drawn))
    assert all(found.classes[k] in words for k in lowest)
    curves = [np.asarray(line.get_ydata()).tolist() for line in plain.get_lines()]
    assert all(found.true_positive[k].tolist() in curves for k in lowest)
    assert close.get_xscale() == "log"
    with pytest.raises(SettingsError, match="needs a curve"):
        plot.roc(found, most=0)


# ---------------------------------------------------------------- words


def test_long_words_are_broken_not_cut() -> None:
    text = "a very long name of a nuclide behind a shield"
    assert wrapped(text, 1.5, 10).replace("\n", " ") == text
    assert "\n" in wrapped(text, 1.5, 10)
    assert set_name(("a", "background"), "background") == "a"
    assert set_name(("background",), "background") == "background"
