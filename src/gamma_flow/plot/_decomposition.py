"""One spectrum with its fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gamma_flow.data.analysis import Analysis
from gamma_flow.diagnostics import Decomposition, decompose
from gamma_flow.plot._shared import shade_unused, steps, title, wrapped
from gamma_flow.plot._style import axis_label, figure, legend, note, stairs, styled, value_label
from gamma_flow.plot.palette import INK, NOTHING, UNKNOWN, Palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["decomposition"]

_MANY = 400  # channels beyond which single error bars cannot be told apart
_BRIGHT = 300.0  # counts in the highest channel that call for a logarithmic scale
_SHOWN = 9  # classes with bars of their own
_BAR = 1.5  # lines that a bar takes
_LINES = 16.0  # of the bars, at least
_WEAK = 1e-12


@styled
def decomposition(
    analysis: Analysis | Decomposition,
    row: int = 0,
    *,
    log: bool | None = None,
    palette: Palette | None = None,
) -> Figure:
    """Draw one spectrum, what it is made of, what is left over, and how sure that is.

    Above: the spectrum with its standard deviations (root of the counts), the scaled templates stacked as
    areas in the colours of the bars at the right, their sum as a line. Below: the residual in standard
    deviations of the fit, what the templates miss by included, with lines at one and three. At the right:
    shares with their errors, and the p-value of each class; classes found are filled, the others hollow, and
    a red title tells of an unknown.

    Parameters
    ----------
    analysis : Analysis or Decomposition
        Of N spectra, or one of them as `gamma_flow.diagnostics.decompose` returns it.
    row : int
        Which spectrum of an analysis.
    log : bool, optional
        A scale that is logarithmic above ten counts; by default where channels hold more than 300.
    palette : Palette, optional
        Colours of the classes.

    Returns
    -------
    matplotlib.figure.Figure
        Three panels.

    Raises
    ------
    DataError
        No such row.
    """
    one = decompose(analysis, row) if isinstance(analysis, Analysis) else analysis
    palette = Palette(one.classes, one.background) if palette is None else palette
    drawn = figure(10.5, 6.2)
    panels = drawn.subplot_mosaic(
        [["spectrum", "shares"], ["pulls", "shares"]], width_ratios=(3.0, 1.0), height_ratios=(3.0, 1.0)
    )
    above, below, side = panels["spectrum"], panels["pulls"], panels["shares"]
    below.sharex(above)
    above.tick_params(labelbottom=False)
    for axes in (above, below):
        shade_unused(axes, one.axis, one.active)
    shown = _ranked(one)[:_SHOWN]
    _stack(above, one, shown, palette)
    _measured(above, one)
    _scale(above, one, log)
    legend(above)
    _residual(below, one)
    _bars(side, one, shown, palette)
    if one.novel:
        sure = "" if one.novelty_p is None else f" (p = {one.novelty_p:.2g})"
        side.set_title(f"Unknown: it holds what was\nnever trained{sure}", color=UNKNOWN, fontsize=10.5)
    _heading(drawn, one)
    return drawn


def _ranked(one: Decomposition) -> list[int]:
    """Return class numbers: those found by share, then the others that have a share, the background first."""
    order = np.lexsort((-one.shares, ~one.present)).tolist()
    kept = [number for number in order if one.shares[number] > 0 or one.present[number]]
    floor = one.classes.index(one.background) if one.background in one.classes else -1
    return [number for number in kept if number == floor] + [number for number in kept if number != floor]


def _stack(axes: Axes, one: Decomposition, shown: list[int], palette: Palette) -> None:
    """Stack the scaled templates as areas over the active channels; those without a bar are one area."""
    edges = one.axis.edges
    outside = np.where(one.active, 0.0, np.nan)
    base = np.zeros(len(one.active))
    for number in shown:
        if one.scores[number] > 0:
            look = palette[one.classes[number]]
            top = base + one.parts[number]
            area = axes.fill_between(edges, steps(base + outside), steps(top + outside), step="post")
            area.set(linewidth=0, facecolor=look.colour, alpha=0.75)
            area.set(edgecolor="white", hatch=look.hatch or None)
            base = top
    rest = one.fit - base
    if np.abs(rest).max(initial=0) > _WEAK * max(np.abs(base).max(initial=0), 1.0):
        axes.fill_between(
            edges,
            steps(base + outside),
            steps(one.fit + outside),
            step="post",
            facecolor=NOTHING,
            label="others",
        )
    stairs(
        axes,
        np.where(one.active, one.fit, np.nan),
        edges,
        baseline=None,
        color="black",
        linewidth=1.3,
        label="fit",
    )


def _measured(axes: Axes, one: Decomposition) -> None:
    """Draw the spectrum with its standard deviations, single bars or, of many channels, a band."""
    edges, centres = one.axis.edges, one.axis.centres
    label = "spectrum" if one.errors is None else "spectrum ± 1 σ"
    if len(centres) <= _MANY:
        axes.errorbar(
            centres,
            one.values,
            one.errors,
            fmt=".",
            color=INK,
            markersize=3,
            linewidth=0.6,
            label=label,
            zorder=3,
        )
        return
    stairs(axes, one.values, edges, baseline=None, color="#777777", linewidth=0.4, label=label, zorder=1.5)
    if one.errors is not None:
        low, high = one.values - one.errors, one.values + one.errors
        axes.fill_between(edges, steps(low), steps(high), step="post", color=INK, alpha=0.15, linewidth=0)


def _scale(axes: Axes, one: Decomposition, log: bool | None) -> None:
    upper = one.values if one.errors is None else one.values + np.nan_to_num(one.errors)
    used = np.concatenate([one.values[one.active], upper[one.active], one.fit[one.active]])
    top, bottom = float(used.max()), float(used.min())
    bent = top > _BRIGHT and one.kind == "counts" if log is None else log
    if bent:
        axes.set_yscale("symlog", linthresh=10.0 if one.kind == "counts" else max(top, -bottom) * 1e-2)
    high = (top * (1.6 if bent else 1.04)) if top > 0 else 1.0
    axes.set_ylim(min(0.0, 1.1 * bottom), high)
    axes.set_xlim(one.axis.edges[0], one.axis.edges[-1])
    axes.set_ylabel(value_label(one.kind))


def _residual(axes: Axes, one: Decomposition) -> None:
    pulls = one.pulls
    reach = max(4.5, 1.12 * float(np.nanmax(np.abs(pulls), initial=0.0)))
    axes.axhspan(-1, 1, color=NOTHING, linewidth=0, zorder=0.5)
    for at in (-3, 3):
        axes.axhline(at, color="#777777", linewidth=0.8, linestyle=(0, (4, 3)))
    axes.plot(one.axis.centres, pulls, ".", color=INK, markersize=3 if len(pulls) <= _MANY else 1)
    axes.set_ylim(-reach, reach)
    far = 3 if reach < 9 else int(0.7 * reach)
    axes.set_yticks([-far, 0, far])
    axes.set_ylabel("Residual (σ)")
    axes.set_xlabel(axis_label(one.axis))


def _bars(axes: Axes, one: Decomposition, shown: list[int], palette: Palette) -> None:
    """Draw shares as bars that point right, with their errors; above each its name, share and p-value."""
    if not shown:
        note(axes, "No class has a share.")
        return
    told = [_told(one, number) for number in shown]
    places = np.cumsum([1.0 + text.count("\n") + _BAR for text in told])  # in lines of text
    colours = [palette[one.classes[number]].colour for number in shown]
    fill = [c if one.present[k] else "white" for c, k in zip(colours, shown, strict=True)]
    shares = 100 * one.shares[shown]
    axes.barh(places, shares, 0.75, color=fill, edgecolor=colours, linewidth=1.2)
    for place, number, text in zip(places, shown, told, strict=True):
        ink = INK if one.present[number] else "#777777"
        words = axes.text(0.0, place - 0.55, text, va="bottom", fontsize=9, color=ink)
        words.set_in_layout(False)  # it is broken to fit
    if one.share_errors is not None:
        errors = 100 * one.share_errors[shown]
        known = np.isfinite(errors)
        axes.errorbar(
            shares[known],
            places[known],
            xerr=errors[known],
            fmt="none",
            ecolor=INK,
            elinewidth=1.2,
            capsize=2.5,
        )
    axes.set_xlim(0, 105.0)
    axes.set_ylim(max(places[-1] + 0.8, _LINES), 0.0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    rest = len(one.classes) - len(shown)
    axes.set_xlabel("Share (%)" + (f"\n{_others(one, shown)}" if rest else ""))


def _others(one: Decomposition, shown: list[int]) -> str:
    rest = len(one.classes) - len(shown)
    left = 100 * float(one.shares.sum() - one.shares[shown].sum())
    amount = "none" if left < _WEAK else "< 0.1 %" if left < 0.1 else f"{left:.1f} %"
    return f"{rest} other class{'es' if rest > 1 else ''}: {amount}"


def _told(one: Decomposition, number: int) -> str:
    text = f"{100 * one.shares[number]:.1f}"
    if one.share_errors is not None and np.isfinite(one.share_errors[number]):
        text += f" ± {100 * one.share_errors[number]:.1f}"
    text += " %"
    if one.p_value is not None and one.classes[number] != one.background:
        p = float(one.p_value[number])
        text += ", p < 1e-12" if p < _WEAK else f", p = {p:.2g}"
    if not one.present[number]:
        text += ", not found"
    return f"{wrapped(one.classes[number], 2.3, 9.0)}\n{text}"


def _heading(drawn: Figure, one: Decomposition) -> None:
    ranked = _ranked(one)
    floor = [number for number in ranked if one.classes[number] == one.background]
    found = [one.classes[k] for k in [*(k for k in ranked if k not in floor), *floor] if one.present[k]]
    where = ", ".join(part for part in (one.origin.rpartition("/")[2], one.detector) if part)
    lasting = f", {one.live_time:.4g} s" if np.isfinite(one.live_time) else ""
    quality = f"cosine {one.similarity:.3f}, explained variance {100 * one.explained_variance:.1f} %"
    if one.deviance is not None:
        quality += f", deviance {one.deviance:.2f}"
    text = f"Found: {', '.join(found) or 'nothing'}; {quality}"
    if where or lasting:
        text += f"\n{where}{lasting}"
    title(drawn, text, 11.0)
