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


@styled
def templates(
    shown: Templates | Model,
    *,
    classes: Sequence[str] | None = None,
    log: bool = False,
    palette: Palette | None = None,
) -> Figure:
    """Draw the template of each class, one panel a class.

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
    palette : Palette, optional
        Colours of the classes.

    Returns
    -------
    matplotlib.figure.Figure
        One panel a class.

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
    columns = next(c for most, c in ((3, 1), (8, 2), (15, 3), (28, 4), (64, 6)) if len(names) <= most)
    rows = -(-len(names) // columns)
    width = (8.5, 10.0, 11.0, 12.0, 12.0, 13.0)[columns - 1]
    drawn = figure(width, max(3.2, rows * (1.75 if rows < 6 else 1.35) + 0.9))
    grid = drawn.subplots(rows, columns, sharex=True, sharey=log, squeeze=False)
    size = 11.0 if columns < 4 else 9.0
    rows_of = [held.classes.index(name) for name in names]
    used = held.shapes[rows_of][:, held.active]
    top, bottom = float(used.max()), float(used.min())
    floor = top * 10**-_DECADES if log and bottom >= 0 else -np.inf
    greyed = False
    for name, row, axes in zip(names, rows_of, grid.flat, strict=False):
        look = palette[name]
        greyed = shade_unused(axes, held.axis, held.active)
        if not log:
            peak, least = held.shapes[row, held.active].max(), held.shapes[row, held.active].min()
            axes.set_ylim(min(0.0, 1.1 * least), 1.1 * max(peak, 0.0) or 1.0)
        stairs(axes, np.maximum(held.shapes[row], floor), held.axis.edges, baseline=None, color=look.colour)
        number = f"  ({held.n_spectra[row]} spectra)" if held.n_spectra[row] and columns < 4 else ""
        axes.set_title(
            wrapped(f"{name}{number}", width / columns - 0.5, size), fontsize=size, color=look.colour
        )
    for axes in list(grid.flat)[len(names) :]:
        axes.set_axis_off()
        axes.set_in_layout(False)
    for axes in list(grid.flat)[max(0, len(names) - columns) : len(names)]:
        axes.tick_params(labelbottom=True)
    first = grid[0, 0]
    first.set_xlim(held.axis.edges[0], held.axis.edges[-1])
    if log and bottom >= 0:
        first.set_yscale("log")
        first.set_ylim(floor, top * 1.5)
    elif log:
        first.set_yscale("symlog", linthresh=max(top, -bottom) * 1e-3)
    outer_labels(drawn, axis_label(held.axis), value_label(held.kind, normalised=True))
    low, high = held.range
    many = f"{len(names)} templates" if len(names) > 1 else "One template"
    title(
        drawn,
        f"{many}, {low:.4g} to {high:.4g} {held.axis.unit} used" + (" (the rest is grey)" if greyed else ""),
    )
    return drawn
