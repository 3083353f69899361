"""How a matrix over classes is drawn: cells, numbers where they can be read, labels, frames."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow.plot.palette import BACKGROUND, SHADES, Palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure

__all__ = ["MOST", "NUMBERS", "bar", "cells", "frames", "matrix_size", "name_rows", "row_colours"]

MOST = 64
"""Most classes of which each can have a look of its own."""
NUMBERS = 20
"""Most rows of a matrix in which numbers are written."""

_LEGIBLE = 48  # rows that bear a label each; more are labelled by group
_WRAP = 28  # letters of a label in one line
_DARK = 0.55  # luminance below which numbers are white


def row_colours(names: Sequence[str], background: str | None, palette: Palette | None) -> dict[str, str]:
    """Return the colour of each class: of its palette, or one for all where there are too many to tell."""
    if palette is None and len(names) > MOST:
        return {name: BACKGROUND if name == background else SHADES[0] for name in names}
    colours = palette or Palette(names, background)
    return {name: colours[name].colour for name in names}


def matrix_size(rows: int, longest: int) -> tuple[float, float, float]:
    """Return width and height of a figure in inches, and the font size of its labels.

    Parameters
    ----------
    rows : int
        Of the matrix.
    longest : int
        Letters of the longest label.
    """
    font = 10.0 if rows <= NUMBERS else max(5.0, min(9.0, 400.0 / rows))
    cell = 0.42 if rows <= NUMBERS else max(0.075, min(0.3, 9.0 / rows))
    side = max(rows * cell, 2.2)
    labels = min(longest, _WRAP) * font * 0.0088
    return side + labels + 1.6, side + labels + 0.3, font


def cells(axes: Axes, values: NDArray[np.float64], *, norm: Any, cmap: str, form: str = "{:.2f}") -> QuadMesh:
    """Draw the cells, row 0 on top, with numbers where there are few enough to read them."""
    count = len(values)
    edges = np.arange(count + 1) - 0.5
    mesh = axes.pcolormesh(edges, edges, np.ma.masked_invalid(values), cmap=cmap, norm=norm, rasterized=True)
    axes.set_xlim(-0.5, count - 0.5)
    axes.set_ylim(count - 0.5, -0.5)
    axes.set_aspect("equal")
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    if count > NUMBERS:
        return mesh
    colours = np.asarray(mesh.cmap(mesh.norm(values)))
    light = colours[..., :3] @ np.array([0.2126, 0.7152, 0.0722])
    size = 9.0 if count <= 8 else 7.0
    for i, j in np.ndindex(*values.shape):
        if np.isfinite(values[i, j]):
            axes.text(
                j,
                i,
                _short(form, float(values[i, j])),
                ha="center",
                va="center",
                in_layout=False,  # it lies within its cell: nothing has to make room for it
                fontsize=size,
                color="white" if light[i, j] < _DARK else "#222222",
            )
    return mesh


def _short(form: str, value: float) -> str:
    """Return a number without the zero before its point."""
    text = form.format(value)
    if float(text) == 0:
        return "0"
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text


def bar(drawn: Figure, axes: Axes, mesh: QuadMesh, label: str, **how: Any) -> None:
    """Put a slim scale of colours beside the cells."""
    from matplotlib.colors import LogNorm
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    if isinstance(mesh.norm, LogNorm):
        how["ticks"] = LogLocator(subs=(1.0, 2.0, 5.0))
        how["format"] = FuncFormatter(lambda value, _: f"{value:g}")
    scale = drawn.colorbar(
        mesh, ax=axes, label=label, fraction=0.05, pad=0.015, aspect=28, shrink=0.85, **how
    )
    scale.ax.yaxis.set_minor_formatter(NullFormatter())


def name_rows(axes: Axes, names: Sequence[str], groups: Sequence[str] | None = None, *, font: float) -> None:
    """Label rows and columns; where there are too many, label each stretch of one group once.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where the cells are.
    names : sequence of str
        A label a row.
    groups : sequence of str, optional
        What each row belongs to (its class): a white line stands between two groups.
    font : float
        Size of the labels.
    """
    at: list[float] = list(range(len(names)))
    shown = list(names)
    if groups is not None:
        starts = [k for k in range(len(groups)) if k == 0 or groups[k] != groups[k - 1]]
        for start in starts[1:] if len(starts) < len(groups) else ():
            axes.axhline(start - 0.5, color="white", lw=1.2 if len(names) <= _LEGIBLE else 0.5)
            axes.axvline(start - 0.5, color="white", lw=1.2 if len(names) <= _LEGIBLE else 0.5)
        if len(names) > _LEGIBLE:
            ends = [*starts[1:], len(groups)]
            at = [(start + end - 1) / 2 for start, end in zip(starts, ends, strict=True)]
            shown = [groups[start] for start in starts]
    shown = ["\n".join(textwrap.wrap(name, _WRAP)) for name in shown]
    turned = max(map(len, shown)) > 2
    axes.set_xticks(at, shown, fontsize=font, rotation=90 if turned else 0)
    axes.set_yticks(at, shown, fontsize=font)


def frames(axes: Axes, mask: NDArray[np.bool_], colour: str, label: str) -> None:
    """Draw a frame around each cell of a mask, and one in the legend."""
    from matplotlib.collections import LineCollection

    rows, columns = np.nonzero(mask)
    # in small cells a frame goes around the cell, where it can be seen
    inset = 0.42 if len(mask) <= NUMBERS else 0.5 + len(mask) / 300
    square = inset * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]])
    outlines = np.stack([columns, rows], axis=1)[:, None, :] + square
    width = 2.0 if len(mask) <= NUMBERS else 1.4
    axes.add_collection(LineCollection(list(outlines), colors=colour, linewidths=width), autolim=False)
    axes.scatter([], [], marker="s", s=70, facecolors="none", edgecolors=colour, linewidths=2.0, label=label)
