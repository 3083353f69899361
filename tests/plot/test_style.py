"""Palette, style and the tool that looks at figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib")

import matplotlib as mpl

from gamma_flow.errors import SettingsError, WriteError
from gamma_flow.plot import Palette, _style, save
from gamma_flow.plot._style import figure, legend, note, styled
from looks import faults


def test_sixty_classes_look_different_each() -> None:
    palette = Palette([f"class {i}" for i in range(60)] + ["background"], background="background")
    looks = [palette[name] for name in palette.classes]
    assert len({(look.colour, str(look.dash), look.mark) for look in looks}) == 61
    with pytest.raises(SettingsError, match="no plot can show so many classes"):
        Palette(str(i) for i in range(65))


def test_a_class_keeps_its_look_whatever_the_background_is_called_or_where_it_stands() -> None:
    one = Palette(["a", "b", "bg"], background="bg")
    other = Palette(["bg", "a", "b", "a"], background="bg")
    assert all(one[name] == other[name] for name in ("a", "b", "bg"))
    assert "a" in one
    assert "x" not in one


def test_styled_leaves_the_settings_of_the_process_alone() -> None:
    before = dict(mpl.rcParams)

    @styled
    def size() -> object:
        return mpl.rcParams["legend.frameon"]

    assert size() is False
    assert dict(mpl.rcParams) == before


def test_the_same_figure_makes_the_same_file(tmp_path: Path) -> None:
    @styled
    def draw() -> object:
        drawn = figure()
        drawn.subplots().plot([1, 2], label="x")
        return drawn

    for ending in ("png", "svg"):
        one, other = (save(draw(), tmp_path / f"{n}.{ending}") for n in "ab")
        assert one.read_bytes() == other.read_bytes()
    with pytest.raises(WriteError, match=r"ends in \.png"):
        save(draw(), tmp_path / "a.nothing")


def test_the_looking_tool_sees_what_is_wrong() -> None:
    good = figure()
    axes = good.subplots()
    axes.plot([0, 1, 2], [0, 1, 4], label="line")
    legend(axes)
    assert faults(good) == []
    bad = figure(4, 3)
    bad.set_layout_engine("none")
    axes = bad.subplots()
    axes.plot([0, 1, 2], [0, 1, 4], label="line")
    axes.legend(loc="upper right")
    axes.text(1, 1, "one upon")
    axes.text(1, 1.05, "the other")
    axes.text(1.9, 3, "a text that leaves the figure on its right side")
    sentences = " ".join(faults(bad))
    for fault in ("a legend covers", "lies over", "is cut by the edge"):
        assert fault in sentences
    empty = figure()
    empty.subplots()
    assert faults(empty) == ["an empty frame"]
    told = figure()
    note(told.subplots(), "There is nothing to show: no spectrum has a label.")
    assert faults(told) == []


def test_stairs_are_those_of_matplotlib_and_as_wide_and_high() -> None:
    edges = np.array([0.0, 1.0, 3.0, 4.0])
    cases: list[tuple[list[float], Any]] = [
        ([2.0, -1.0, 5.0], 0.0),
        ([2.0, 1.0, 5.0], None),
        ([2.0, np.nan, 5.0], None),
        ([2.0, 3.0, 5.0], [1.0, 0.5, 4.0]),
    ]
    for values, baseline in cases:
        ours, theirs = (_style.figure().subplots() for _ in range(2))
        one = _style.stairs(ours, values, edges, baseline=baseline, color="#123456", label="a")
        other = theirs.stairs(values, edges, baseline=baseline, color="#123456", label="a")
        np.testing.assert_array_equal(one.get_path().vertices, other.get_path().vertices)
        assert one.get_edgecolor() == other.get_edgecolor()
        assert ours.get_xlim() == theirs.get_xlim()
        assert ours.get_ylim() == pytest.approx(theirs.get_ylim())
        assert ours.get_legend_handles_labels()[1] == ["a"]


def test_a_label_given_later_is_shown_although_it_was_pinned() -> None:
    drawn = _style.figure()
    axes = drawn.subplots()
    _style.outer_labels(drawn, "across", "up")
    assert (drawn.get_supxlabel(), drawn.get_supylabel()) == ("across", "up")
    axes.set_xlabel("later")
    drawn.draw_without_rendering()
    assert axes.xaxis.label.get_window_extent().y1 < axes.get_window_extent().y0
