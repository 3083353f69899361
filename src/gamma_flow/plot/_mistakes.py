"""Spectra that were answered wrongly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow.diagnostics import Mistake
from gamma_flow.plot._shared import set_name, shade_unused, steps, title, wrapped
from gamma_flow.plot._style import (
    axis_label,
    figure,
    grid_of,
    note,
    pin_empty_labels,
    stairs,
    styled,
    value_label,
)
from gamma_flow.plot.palette import BACKGROUND, INK, Palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["misclassified"]


@styled
def misclassified(mistakes: Sequence[Mistake], *, palette: Palette | None = None) -> Figure:
    """Draw spectra that were answered wrongly: the spectrum, its fit, and what either side would make of it.

    The dashed line is the best that the templates of the labels make of the spectrum, the dotted one the best
    that the templates of the classes found make of it (least squares); where they lie on each other, the
    spectrum cannot tell. The shares stand in each title, and how many spectra were confused in the same way.

    Parameters
    ----------
    mistakes : sequence of Mistake
        As `gamma_flow.diagnostics.misclassified` returns them.
    palette : Palette, optional
        Colours of the classes.

    Returns
    -------
    matplotlib.figure.Figure
        One panel a spectrum; a sentence if there is none.
    """
    rows, columns = grid_of(len(mistakes), 1 if len(mistakes) == 1 else 2 if len(mistakes) <= 4 else 3)
    width = (8.0, 11.0, 14.5)[columns - 1]
    drawn = figure(width, 3.6 * rows + 0.7)
    grid = drawn.subplots(rows, columns, squeeze=False)
    if not mistakes:
        note(grid[0, 0], "No spectrum was answered wrongly.")
        return drawn
    first = mistakes[0].spectrum
    palette = Palette(first.classes, first.background) if palette is None else palette
    for mistake, axes in zip(mistakes, grid.flat, strict=False):
        _panel(axes, mistake, palette, width / columns - 0.8)
    for number in range(len(mistakes), rows * columns):
        grid.flat[number].set_axis_off()
        grid.flat[number - columns].set_xlabel(axis_label(first.axis))
    for axes in grid[-1]:
        axes.set_xlabel(axis_label(first.axis))
    for axes in grid[:, 0]:
        axes.set_ylabel(value_label(first.kind))
    pin_empty_labels(drawn)
    _keys(drawn)
    number = len(mistakes)
    title(
        drawn,
        f"{number} spectra that were answered wrongly"
        if number > 1
        else "A spectrum that was answered wrongly",
    )
    return drawn


def _panel(axes: Axes, mistake: Mistake, palette: Palette, width: float) -> None:
    one, edges = mistake.spectrum, mistake.spectrum.axis.edges
    shade_unused(axes, one.axis, one.active)
    axes.fill_between(edges, steps(one.values), step="post", color="#E0E0E0", linewidth=0)
    stairs(axes, one.values, edges, baseline=None, color="#9A9A9A", linewidth=0.5)
    inside = np.where(one.active, 1.0, np.nan)
    stairs(axes, one.fit * inside, edges, baseline=None, color=INK, linewidth=1.1)
    missing = [name for name in mistake.true if name not in mistake.found]
    more = [name for name in mistake.found if name not in mistake.true]
    kinds: list[tuple[NDArray[Any], list[str], tuple[str, ...], Any]] = [
        (mistake.true_fit, missing, mistake.true, (0, (4, 1.5))),
        (mistake.found_fit, more, mistake.found, (0, (1, 1))),
    ]
    for fit, differ, names, dash in kinds:
        chosen = differ or [name for name in names if name != one.background]
        colour = palette[chosen[0]].colour if chosen else BACKGROUND
        if np.any(fit):
            stairs(axes, fit * inside, edges, baseline=None, color=colour, linewidth=1.8, linestyle=dash)
    used = one.values[one.active]
    axes.set_ylim(
        min(0.0, 1.1 * float(used.min())),
        1.1 * max(float(used.max()), float(one.fit[one.active].max())) or 1.0,
    )
    axes.set_xlim(edges[0], edges[-1])
    axes.locator_params(nbins=5)
    ranks = np.argsort(-one.shares)[:4]
    shares = ", ".join(
        f"{one.classes[k]} {100 * one.shares[k]:.0f} %" for k in ranks if one.shares[k] >= 0.005
    )
    text = (
        f"Labels: {set_name(mistake.true)}\nFound: {set_name(mistake.found)} ({mistake.alike} like this)\n"
        f"Shares: {shares or 'none'}"
    )
    axes.set_title(wrapped(text, width, 9.5), fontsize=9.5)


def _keys(drawn: Figure) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles = [
        Patch(facecolor="#E0E0E0", label="spectrum"),
        Line2D([], [], color=INK, linewidth=1.1, label="fit of all templates"),
        Line2D(
            [], [], color="#555555", linewidth=1.8, linestyle=(0, (4, 1.5)), label="labelled classes alone"
        ),
        Line2D([], [], color="#555555", linewidth=1.8, linestyle=(0, (1, 1)), label="classes found alone"),
    ]
    drawn.legend(handles=handles, loc="outside lower left", ncols=4 if drawn.get_size_inches()[0] > 8 else 2)
