"""Histograms of what may tell a right answer from a wrong one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gamma_flow.diagnostics import Measures
from gamma_flow.errors import SettingsError
from gamma_flow.plot._shared import OUTCOME_LOOKS, UNUSED, title
from gamma_flow.plot._style import figure, stairs, styled
from gamma_flow.plot.palette import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["measures"]

_NAMES = {
    "explained_variance": "Explained variance",
    "similarity": "Cosine similarity of spectrum and fit",
    "counts": "Counts over the channels used",
    "deviance": "Deviance (chi-square / degrees of freedom)",
}
_LOG = ("counts", "deviance")
_BINS = 40
_TAIL = 0.002  # part of the spectra that may lie below the axis of a bounded measure


@styled
def measures(shown: Measures, cuts: Mapping[str, float] | None = None) -> Figure:
    """Draw how correct and wrong answers differ in explained variance, similarity, counts and deviance.

    Each histogram is in percent of its own answers, because there are far fewer wrong ones. A cut is drawn as
    a line, what it would discard is grey, and the panel says which parts of the answers it keeps. Counts and
    deviance are on logarithmic scales; spectra beyond either end of an axis are counted in the outermost bin,
    and the axis says how many.

    Parameters
    ----------
    shown : Measures
        As `gamma_flow.diagnostics.measures` returns it.
    cuts : mapping of str to float, optional
        Cuts to try, by name of the measure.

    Returns
    -------
    matplotlib.figure.Figure
        One panel a measure.

    Raises
    ------
    SettingsError
        A cut of something that is not measured.
    """
    tried = dict(cuts or {})
    strange = [name for name in tried if name not in shown.values]
    if strange:
        raise SettingsError(
            "no such measure", where="cuts", expected=", ".join(shown.values), found=", ".join(strange)
        )
    columns = 3 if len(shown.values) == 3 else min(2, len(shown.values))
    rows = -(-len(shown.values) // columns)
    drawn = figure(4.2 * columns + 1.2, 3.3 * rows + 0.8)
    grid = drawn.subplots(rows, columns, squeeze=False)
    for axes, (name, column) in zip(grid.flat, shown.values.items(), strict=False):
        _panel(axes, name, column, shown, tried.get(name))
    for axes in list(grid.flat)[len(shown.values) :]:
        axes.set_axis_off()
    handles, labels = grid[0, 0].get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside lower left", ncols=2)
    what = "strongest source" if shown.by == "single" else "set of classes"
    right = int(shown.correct.sum())
    title(drawn, f"The {what} is right in {right} spectra and wrong in {len(shown.correct) - right}")
    return drawn


def _edges(name: str, column: NDArray[np.float64], cut: float | None) -> NDArray[np.float64]:
    """Return edges of bins that hold nearly all spectra, and the cut."""
    if name in _LOG and (column > 0).any():
        low, high = float(column[column > 0].min()), float(column.max())
        if cut is not None and cut > 0:
            low, high = min(low, cut), max(high, cut)
        high = max(high, low * 1.01)
        return np.geomspace(low * 0.98, high * 1.02, _BINS + 1)
    low, high = float(np.quantile(column, _TAIL)), float(column.max())
    low = max(low, -1.0)
    if cut is not None:
        low, high = min(low, cut), max(high, cut)
    pad = max(0.02 * (high - low), 0.005 * abs(high), 1e-6)
    return np.linspace(low - pad, high + pad, _BINS + 1)


def _panel(axes: Axes, name: str, column: NDArray[np.float64], shown: Measures, cut: float | None) -> None:
    edges = _edges(name, column, cut)
    within = np.clip(column, edges[0], edges[-1])
    green, red = OUTCOME_LOOKS[0][0], OUTCOME_LOOKS[3][0]
    top = 0.0
    for rows, colour, hatch, label in (
        (shown.correct, green, None, "correct"),
        (~shown.correct, red, "////", "wrong"),
    ):
        number = int(rows.sum())
        part = 100 * np.histogram(within[rows], edges)[0] / max(number, 1)
        top = max(top, float(part.max(initial=0)))
        if hatch is None:
            stairs(axes, part, edges, fill=True, color=colour, alpha=0.55, label=f"{label} ({number})")
        else:
            stairs(axes, part, edges, color=colour, linewidth=1.6, hatch=hatch, label=f"{label} ({number})")
    beyond = int((column < edges[0]).sum()), int((column > edges[-1]).sum())
    told = [f"{count} {word}" for count, word in zip(beyond, ("below", "above"), strict=True) if count]
    axes.set_xlabel(_NAMES.get(name, name) + (f" ({' and '.join(told)} the axis)" if told else ""))
    axes.set_ylabel("Answers (%)")
    if name in _LOG and edges[0] > 0:
        _decades(axes, edges)
    else:
        axes.locator_params(axis="x", nbins=6)
        axes.ticklabel_format(axis="x", useOffset=False)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0, top * 1.08 or 1.0)
    if cut is not None:
        _cut(axes, name, cut, shown)


def _decades(axes: Axes, edges: NDArray[np.float64]) -> None:
    """Make the lower axis logarithmic, with as many numbers as have room."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    decades = np.log10(edges[-1] / edges[0])
    if decades < 2:
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if decades > 0.5 else range(1, 10)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _cut(axes: Axes, name: str, cut: float, shown: Measures) -> None:
    right, wrong = shown.kept(name, cut)
    least, most = axes.get_xlim()
    discarded = (cut, most) if name == "deviance" else (least, cut)
    axes.axvspan(*discarded, color=UNUSED, linewidth=0, zorder=0)
    axes.axvline(cut, color=INK, linewidth=1.4, linestyle=(0, (4, 2)))
    words = [
        f"{100 * part:.1f} % of {kind}"
        for part, kind in ((right, "correct"), (wrong, "wrong"))
        if not np.isnan(part)
    ]
    side = "≤" if name == "deviance" else "≥"
    axes.set_title(f"{side} {cut:.4g} keeps {', '.join(words)}", fontsize=10)
