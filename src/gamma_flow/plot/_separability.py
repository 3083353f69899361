"""A figure of which classes can be told apart at N counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gamma_flow.data.separability import Separability
from gamma_flow.plot._header import header
from gamma_flow.plot._matrix import bar, cells, frames, matrix_size, name_rows, row_colours
from gamma_flow.plot._style import figure, styled
from gamma_flow.plot.palette import Palette

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["separability"]

_RED = "#E3000F"
_MANY = 1e7  # counts that are written with all their digits up to here


@styled
def separability(found: Separability, *, palette: Palette | None = None) -> Figure:
    """Draw with how many standard deviations each class is told from each other one.

    Beside the matrix: by how much the error of each class grows because all the others are fitted too.

    Parameters
    ----------
    found : Separability
        What `gamma_flow.explore.separability` returned.
    palette : Palette, optional
        Colours of classes.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    MissingDependencyError
        Matplotlib is not installed.
    """
    from matplotlib.colors import LogNorm

    count = len(found)
    colours = row_colours(found.classes, found.background, palette)
    width, height, font = matrix_size(count, max(map(len, found.classes)))
    drawn = figure(max(width + 2.2, 7.5), max(height, 3.4))
    axes, side = drawn.subplots(1, 2, width_ratios=[max(width - 1.6, 3.0), 1.8], sharey=True)
    z = np.maximum(found.significance, 0.1)
    mesh = cells(
        axes, z, norm=LogNorm(min(found.goal, z.min()), max(z.max(), 10.0)), cmap="cividis", form="{:.3g}"
    )
    name_rows(axes, found.classes, font=font)
    weak = found.significance < found.goal
    np.fill_diagonal(weak, False)
    if weak.any():
        frames(axes, weak, _RED, f"below {found.goal:g}σ: {int(weak.sum())} of {count**2 - count}")
    axes.set_ylabel("True class")
    axes.set_xlabel("Taken for (diagonal: background alone)")
    bar(drawn, axes, mesh, "Significance (σ)")
    side.barh(range(count), found.inflation, color=[colours[name] for name in found.classes], height=0.7)
    side.axvline(1.0, color="#555555", lw=0.8)
    side.set_xscale("log" if found.inflation.max() > 20 else "linear")
    side.set_xlabel("Error, times that\nof the class alone")
    side.tick_params(axis="y", labelleft=False, length=0)
    header(drawn, _told(found), *axes.get_legend_handles_labels())
    return drawn


def _told(found: Separability) -> str:
    beside = f" beside {found.background_share:.0%} background" if found.background_share else ""
    wrong = f", templates {found.mismatch:.1%} wrong" if found.mismatch else ""
    condition = f"{found.condition:.3g}" if np.isfinite(found.condition) else "infinite"
    enough = (
        f"{np.ceil(found.enough):,.0f} counts tell every pair apart"
        if found.enough < _MANY
        else f"{found.enough:.2g} counts would tell every pair apart"
        if np.isfinite(found.enough)
        else "no counts tell every pair apart"
    )
    return (
        f"Telling classes apart by {found.counts:,.0f} counts{beside}{wrong}: condition number {condition}; "
        f"{enough} at {found.goal:g}σ"
    )
