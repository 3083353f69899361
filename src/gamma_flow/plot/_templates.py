"""The templates of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gamma_flow.data.templates import Templates
from gamma_flow.errors import SettingsError
from gamma_flow.model import Model
from gamma_flow.plot._shared import shade_unused, title, wrapped
from gamma_flow.plot._style import axis_label, figure, outer_labels, stairs, styled, value_label
from gamma_flow.plot.palette import Palette

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

__all__ = ["templates"]

_DECADES = 4.0  # below the highest channel that a logarithmic scale shows
_PANELS = 12  # classes with a panel each; more are stacked
_ROWS = 20  # of them above each other
_LOW = 3.0  # decades of a stacked one


@styled
def templates(
    shown: Templates | Model,
    *,
    classes: Sequence[str] | None = None,
    log: bool = False,
    palette: Palette | None = None,
) -> Figure:
    """Draw the template of each class, one panel a class; more than twelve stand one above the other.

    Channels that the model does not use are greyed; what the template is there is drawn all the same, as far
    as the scale reaches.

    Parameters
    ----------
    shown : Templates or Model
        K shapes.
    classes : sequence of str, optional
        Some of the classes; all by default.
    log : bool
        A logarithmic scale over four decades, the same for all; what is less stands at its lower end. For
        shapes with negative values it is linear near zero. Without it each panel has a scale of its own.
        Stacked templates are each drawn up to their highest channel, over three decades if logarithmic.
    palette : Palette, optional
        Colours of the classes.

    Returns
    -------
    matplotlib.figure.Figure
        One panel a class, or columns of stacked templates.

    Raises
    ------
    SettingsError
        A class that has no template, or none.
    """
    held = shown.templates if isinstance(shown, Model) else shown
    names = list(held.classes if classes is None else classes)
    strange = [name for name in names if name not in held.classes]
    if strange or not names:
        raise SettingsError(
            "there is no template of this class",
            where="templates",
            expected=", ".join(held.classes),
            found=", ".join(strange) or "no class",
        )
    palette = Palette(held.classes, held.background) if palette is None else palette
    rows = [held.classes.index(name) for name in names]
    if len(names) > _PANELS:
        drawn, greyed, how = (*_ridges(held, rows, log, palette), ", each up to its highest channel")
        how += " on a logarithmic scale of three decades" if log else ""
    else:
        drawn, greyed, how = (*_panels(held, rows, log, palette), "")
    low, high = held.range
    many = f"{len(names)} templates" if len(names) > 1 else "One template"
    rest = " (the rest is grey)" if greyed else ""
    title(drawn, f"{many}{how}; {low:.4g} to {high:.4g} {held.axis.unit} used{rest}")
    return drawn


def _panels(held: Templates, chosen: list[int], log: bool, palette: Palette) -> tuple[Figure, bool]:
    """Draw one panel a class; say whether some channels are not used."""
    from matplotlib.ticker import NullLocator

    columns = next(count for most, count in ((3, 1), (8, 2), (_PANELS, 3)) if len(chosen) <= most)
    rows = -(-len(chosen) // columns)
    width = (8.5, 10.0, 11.5)[columns - 1]
    drawn = figure(width, max(3.6, rows * (2.1 if rows < 3 else 1.75) + 0.9))
    grid = drawn.subplots(rows, columns, sharex=True, sharey=log, squeeze=False)
    used = held.shapes[chosen][:, held.active]
    top, bottom = float(used.max()), float(used.min())
    floor = top * 10**-_DECADES if log and bottom >= 0 else -np.inf
    greyed = False
    for row, axes in zip(chosen, grid.flat, strict=False):
        colour = palette[held.classes[row]].colour
        greyed = shade_unused(axes, held.axis, held.active)
        stairs(axes, np.maximum(held.shapes[row], floor), held.axis.edges, baseline=None, color=colour)
        if not log:
            peak, least = held.shapes[row, held.active].max(), held.shapes[row, held.active].min()
            axes.set_ylim(min(0.0, 1.1 * least), 1.1 * max(peak, 0.0) or 1.0)
        many = f"  ({held.n_spectra[row]} spectra)" if held.n_spectra[row] else ""
        words = wrapped(f"{held.classes[row]}{many}", width / columns - 0.5, 11.0)
        axes.set_title(words, fontsize=11, color=colour)
    for number in range(len(chosen), rows * columns):
        grid.flat[number].set_axis_off()
        grid.flat[number - columns].tick_params(labelbottom=True)
    first = grid[0, 0]
    first.set_xlim(held.axis.edges[0], held.axis.edges[-1])
    if log and bottom >= 0:
        first.set_yscale("log")
        first.yaxis.set_minor_locator(NullLocator())  # decades are enough, and many ticks are slow
        first.set_ylim(floor, top * 1.5)
    elif log:
        far = 10.0 ** np.floor(np.log10(max(top, -bottom)))
        first.set_yscale("symlog", linthresh=far / 10)
        first.set_yticks([at for at in (-far, -far / 10, 0, far / 10, far) if bottom <= at <= top or at == 0])
    outer_labels(drawn, axis_label(held.axis), value_label(held.kind, normalised=True))
    return drawn, greyed


def _ridges(held: Templates, chosen: list[int], log: bool, palette: Palette) -> tuple[Figure, bool]:
    """Draw many templates one above the other; say whether some channels are not used."""
    from matplotlib.collections import PolyCollection

    columns = -(-len(chosen) // _ROWS)
    rows = -(-len(chosen) // columns)
    drawn = figure(5.0 * columns if columns > 1 else 8.0, 0.42 * rows + 1.2)
    grid = drawn.subplots(1, columns, sharex=True, squeeze=False)[0]
    x = np.repeat(held.axis.edges, 2)
    greyed = False
    for column, axes in enumerate(grid):
        mine = chosen[column * rows : (column + 1) * rows]
        greyed = shade_unused(axes, held.axis, held.active)
        peak = np.abs(held.shapes[mine][:, held.active]).max(axis=1, keepdims=True)
        height = held.shapes[mine] / np.where(peak > 0, peak, 1.0)
        if log:
            height = 1 + np.log10(np.clip(height, 10**-_LOW, None)) / _LOW
        height = np.clip(height, -1.0, 1.25)  # channels that are not used may be higher
        outline = np.zeros((len(mine), len(x), 2))
        outline[:, :, 0] = x
        outline[:, 1:-1, 1] = 0.9 * np.repeat(height, 2, axis=1)
        outline[:, :, 1] = np.arange(len(mine))[:, None] - outline[:, :, 1]
        colours = [palette[held.classes[row]].colour for row in mine]
        areas = list(outline)
        axes.add_collection(PolyCollection(areas, facecolors=colours, alpha=0.35, linewidths=0))
        axes.add_collection(PolyCollection(areas, facecolors="none", edgecolors=colours, linewidths=0.9))
        axes.set_yticks(np.arange(len(mine)), [wrapped(held.classes[row], 1.9, 9.5) for row in mine])
        axes.tick_params(axis="y", length=0, labelsize=9.5)
        axes.spines["left"].set_visible(False)
        axes.set_ylim(rows - 0.5, -1.25)
        axes.set_xlim(held.axis.edges[0], held.axis.edges[-1])
        axes.set_xlabel(axis_label(held.axis))
    return drawn, greyed
