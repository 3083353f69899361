"""Reliability of what is stated with a probability, and receiver operating characteristics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gamma_flow.diagnostics import Reliability, Roc
from gamma_flow.errors import SettingsError
from gamma_flow.plot._shared import title, wrapped
from gamma_flow.plot._style import figure, grid_of, note, outer_labels, styled
from gamma_flow.plot.palette import NOTHING, Palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["reliability", "roc"]

_WORDS = {
    "p-value": ("Stated p-value", "Spectra without the class"),
    "interval": ("Stated level of the interval", "Intervals that hold the content"),
    "share": ("Share of the class", "Spectra that hold the class"),
}


@styled
def reliability(shown: Reliability, *, most: int = 12, palette: Palette | None = None) -> Figure:
    """Draw stated probabilities against how often they came true, one panel a class.

    What is stated comes true on the diagonal; in the grey band lie 95 % of all results if it does and spectra
    are independent. Both scales are logarithmic for p-values: above the band are more false alarms than
    promised, below it fewer. Parts of zero cannot be drawn there; they stand as triangles at the lower end.
    Shares promise nothing; their diagram shows where to cut.

    Parameters
    ----------
    shown : Reliability
        As `gamma_flow.diagnostics.reliability` or `gamma_flow.diagnostics.coverage` returns it.
    most : int
        Panels for at most so many classes, those farthest from what is stated.
    palette : Palette, optional
        Colours of the classes.

    Returns
    -------
    matplotlib.figure.Figure
        One panel a class that could be tested; a sentence if there is none.

    Raises
    ------
    SettingsError
        No room for a panel.
    """
    if most < 1:
        raise SettingsError("a diagram needs a panel", where="most", expected=">= 1", found=str(most))
    known = [k for k in range(len(shown.classes)) if np.isfinite(shown.observed[k]).any()]
    off = np.array([_distance(shown, k) for k in known])
    chosen = [known[i] for i in np.sort(np.argsort(-off, kind="stable")[:most])]
    rows, columns = grid_of(len(chosen), 2 if len(chosen) in (2, 4) else 3 if len(chosen) < 10 else 4)
    drawn = figure(max(5.2, 3.1 * columns + 0.8), 2.9 * rows + 1.0)
    grid = drawn.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    if not chosen:
        note(
            grid[0, 0],
            "No class could be tested: it takes spectra that are known not to hold it (or known contents).",
        )
        return drawn
    palette = Palette(shown.classes, shown.background) if palette is None else palette
    floor = _floor(shown, chosen) if shown.statement == "p-value" else 0.0
    for k, axes in zip(chosen, grid.flat, strict=False):
        _diagram(axes, shown, k, floor, palette)
    for number in range(len(chosen), rows * columns):
        grid.flat[number].set_axis_off()
        grid.flat[number - columns].tick_params(labelbottom=True)
    across, up = _WORDS[shown.statement]
    outer_labels(drawn, across, up)
    title(drawn, _heading(shown, chosen, len(known)))
    return drawn


def _heading(shown: Reliability, chosen: list[int], known: int) -> str:
    many = f"of {len(chosen)} classes"
    if shown.statement == "share":
        text = "How often a class is there, by its share; nothing is promised here"
    elif shown.statement == "interval":
        short = sum(bool((shown.observed[k] < shown.low[k]).any()) for k in chosen)
        text = f"Intervals of {short} {many} hold less than they state (below the band)"
    else:
        over = sum(bool((shown.observed[k] > shown.high[k]).any()) for k in chosen)
        text = f"{over} {many} have more false alarms than stated (above the band)"
    if known > len(chosen):
        return f"{text}; {len(chosen)} of {known} classes shown, those farthest off"
    untested = [name for k, name in enumerate(shown.classes) if k not in chosen]
    if len(untested) > 3:
        return f"{text}; {len(untested)} classes have no spectra to test them"
    return text + (f"; no spectra to test {', '.join(untested)}" if untested else "")


def _distance(shown: Reliability, k: int) -> float:
    """Return how far a class is from what it states, in half widths of its band."""
    half = np.maximum((shown.high[k] - shown.low[k]) / 2, 1e-9)
    with np.errstate(invalid="ignore"):
        off = np.abs(shown.observed[k] - shown.stated[k]) / half
    return float(np.nanmax(np.where(shown.stated[k] < 1, off, 0.0)))


def _floor(shown: Reliability, chosen: list[int]) -> float:
    """Return the lower end of the logarithmic scale: below one spectrum of the largest set."""
    least = float(np.nanmin(shown.stated[chosen]))
    return min(max(least, 1e-12), 0.5 / max(int(shown.n[chosen].max()), 1))


def _diagram(axes: Axes, shown: Reliability, k: int, floor: float, palette: Palette) -> None:
    from matplotlib.ticker import NullLocator

    name = shown.classes[k]
    look = palette[name]
    seen = np.isfinite(shown.observed[k]) & np.isfinite(shown.low[k])
    x, y = shown.stated[k][seen], shown.observed[k][seen]
    low, high = np.maximum(shown.low[k][seen], floor), np.maximum(shown.high[k][seen], floor)
    line = np.array([max(floor, 1e-12) if floor else 0.0, 1.0])
    if shown.statement == "share":
        axes.vlines(x, low, high, color="#C4C4C4", linewidth=5)
    else:
        axes.fill_between(x, low, high, color=NOTHING, linewidth=0)
    axes.plot(line, line, color="#777777", linewidth=0.9, linestyle=(0, (4, 3)))
    zero = y <= 0
    if floor and zero.any():
        axes.plot(
            x[zero],
            np.full(zero.sum(), floor * 1.25),
            "v",
            color=look.colour,
            markersize=4,
            markerfacecolor="white",
            clip_on=False,
        )
    if floor:
        x, y = x[~zero], y[~zero]
    axes.plot(x, y, "o-", color=look.colour, markersize=3.5, linewidth=1.2)
    n = shown.n[k]
    number = int(n.max()) if shown.statement != "share" else int(n.sum())
    axes.set_title(wrapped(f"{name}  ({number} spectra)", 3.0, 10.0), fontsize=10)
    if floor:
        axes.set_xscale("log")
        axes.set_yscale("log")
        for scale in (axes.xaxis, axes.yaxis):
            scale.set_minor_locator(NullLocator())  # decades are enough, and many ticks are slow
        axes.set_xlim(float(np.nanmin(shown.stated[shown.stated > 0])), 1.0)
        axes.set_ylim(floor, 1.3)
    else:
        low_end = 0.0 if shown.statement == "share" else max(0.0, min(float(x.min()), float(y.min())) - 0.05)
        axes.set_xlim(low_end, 1.0)
        axes.set_ylim(min(low_end, axes.get_ylim()[0]) if axes.get_shared_y_axes() else low_end, 1.02)


@styled
def roc(shown: Roc, *, most: int = 10, palette: Palette | None = None) -> Figure:
    """Draw true against false positive rates of each class.

    The left panel has plain scales; the right one is logarithmic in the false positive rate, where it counts.
    Marks are where the model's own rule of presence stands. The legend gives the area under each curve.

    Parameters
    ----------
    shown : Roc
        As `gamma_flow.diagnostics.roc` returns it.
    most : int
        Curves with a colour and a name for at most so many classes, those of the smallest area; the others
        are thin grey lines.
    palette : Palette, optional
        Colours of the classes.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels; a sentence if no class is in some of the spectra and not in others.

    Raises
    ------
    SettingsError
        No room for a curve.
    """
    if most < 1:
        raise SettingsError("a plot needs a curve", where="most", expected=">= 1", found=str(most))
    known = [k for k in range(len(shown.classes)) if len(shown.true_positive[k])]
    if not known:
        drawn = figure(7.0, 2.0)
        note(
            drawn.subplots(),
            "No curve can be drawn: each class is in all spectra with labels, or in none of them.",
        )
        return drawn
    palette = Palette(shown.classes, shown.background) if palette is None else palette
    drawn = figure(10.5, 4.6)
    plain, close = drawn.subplots(1, 2, sharey=True)
    named = [known[i] for i in np.argsort(shown.auc[known], kind="stable")[:most]]
    floor = 0.5 / max(int(shown.n_false[known].max()), 1)
    for k in [k for k in known if k not in named]:
        for axes in (plain, close):
            axes.plot(*_points(shown, k, floor if axes is close else 0.0), color="#BBBBBB", linewidth=0.7)
    for k in named:
        for axes in (plain, close):
            _named_curve(axes, shown, k, floor if axes is close else 0.0, palette)
    plain.plot([0, 1], [0, 1], color="#999999", linewidth=0.8, linestyle=(0, (4, 3)))
    plain.set_xlim(-0.01, 1)
    close.set_xscale("log")
    close.set_xlim(floor, 1)
    plain.set_ylim(0, 1.02)
    plain.set_ylabel("True positive rate")
    for axes in (plain, close):
        axes.set_xlabel("False positive rate")
    handles, labels = plain.get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside right upper", title="Area", fontsize=9.5, alignment="left")
    rank = "p-value" if shown.by == "evidence" else "share"
    words = f"Spectra with and without each class, ranked by {rank}; marks: the model's rule"
    title(drawn, words + _left_out(shown, known, len(named)), beside=2.4)
    return drawn


def _named_curve(axes: Axes, shown: Roc, k: int, floor: float, palette: Palette) -> None:
    look = palette[shown.classes[k]]
    x, y = shown.working[k]
    (curve,) = axes.plot(*_points(shown, k, floor), color=look.colour, linestyle=look.dash)
    curve.set_label(f"{wrapped(shown.classes[k], 1.9, 9.5)}  {_area(shown.auc[k])}")
    (mark,) = axes.plot(max(x, floor), y, look.mark, color=look.colour, markersize=8, clip_on=False)
    mark.set(markeredgecolor="white", zorder=5)


def _left_out(shown: Roc, known: list[int], named: int) -> str:
    rest = f"; {named} of {len(known)} curves named, the lowest" if len(known) > named else ""
    without = [name for k, name in enumerate(shown.classes) if k not in known]
    if without:
        told = ", ".join(without) if len(without) < 4 else f"{len(without)} classes"
        rest += f"; no curve of {told}, in all spectra or in none"
    return rest


def _points(shown: Roc, k: int, floor: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a curve; on a logarithmic scale what is below one false alarm stands at its lower end."""
    return np.maximum(shown.false_positive[k], floor), shown.true_positive[k]


def _area(area: float) -> str:
    if 0.99995 < area < 1:
        return "> 0.9999"
    return f"{area:.4f}" if area > 0.99 else f"{area:.3f}"
