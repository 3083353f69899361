"""Figures of a look at labelled spectra: what `gamma_flow.explore` returns, drawn."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data.exploration import MeanSpectra, Rebinned, shown_detector
from gamma_flow.errors import DataError
from gamma_flow.plot._header import header
from gamma_flow.plot._style import axis_label, figure, grid_of, outer_labels, stairs, styled, value_label
from gamma_flow.plot.palette import INK, SHADES, Palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gamma_flow.data import SpectrumSet

__all__ = ["example_spectra", "mean_spectra", "rebinned"]

Floats = NDArray[np.float64]

_DASHES: tuple[Any, ...] = (
    "-",
    (0, (5, 2)),
    (0, (1.5, 1.2)),
    (0, (6, 2, 1.5, 2)),
    (0, (10, 3)),
    (0, (3, 1, 1, 1)),
)
_MARKS = ("o", "s", "^", "D", "v", "P")
_CROWDED = 24  # panels; more have no numbers on their upright axes
_MARKED = 9  # marks along a line
_DECADES = 3.0  # below the highest channel, which a logarithmic axis shows


@styled
def mean_spectra(means: MeanSpectra, *, log: bool = False, palette: Palette | None = None) -> Figure:
    """Draw the mean spectra, a panel a class, its detectors over each other, each with its spread as a band.

    Parameters
    ----------
    means : MeanSpectra
        What `gamma_flow.explore.mean_spectra` returned.
    log : bool
        Whether the upright axis is logarithmic; it is linear around zero, so that nothing vanishes.
    palette : Palette, optional
        Colours of classes; dashes and marks tell the detectors.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    MissingDependencyError
        Matplotlib is not installed.
    """
    names = means.names
    colours = palette or Palette(names, means.background)
    rows, columns = grid_of(len(names), _columns(len(names)))
    drawn = figure(max(columns * _panel(columns)[0], 5.0), rows * _panel(columns)[1] + 0.4)
    grid = drawn.subplots(rows, columns, squeeze=False, sharex=True)
    probes = tuple(dict.fromkeys(sorted(means.detectors)))
    looks = {probe: number % len(_DASHES) for number, probe in enumerate(probes)}
    for name, axes in zip(names, grid.flat, strict=False):
        groups = [g for g, one in enumerate(means.classes) if one == name]
        for g in groups:
            _one_mean(axes, means, g, colours[name].colour, looks[means.detectors[g]])
        _finish(axes, means, name, groups, log, int(8.5 * _panel(columns)[0]))
    _hide_rest(grid, len(names))
    crowded = len(names) > _CROWDED
    if crowded:
        for axes in grid.flat:
            axes.set_yticks([])
    for probe in probes:
        look = looks[probe]
        grid.flat[0].plot(
            [], [], color=INK, ls=_DASHES[look], marker=_MARKS[look], mfc="white", label=shown_detector(probe)
        )
    taken = {how for how in means.subtraction if how != "none"}
    how = f", background subtracted ({', '.join(sorted(taken))})" if taken else ""
    title = f"Mean spectra{how}; bands: scatter of single spectra"
    header(drawn, title, *grid.flat[0].get_legend_handles_labels())
    own = ", each panel to its own height" if crowded else ""
    outer_labels(drawn, axis_label(means.axis), value_label(means.kind, normalised=True) + own)
    return drawn


def _columns(panels: int) -> int:
    """Return how many panels stand beside each other: no more than can be read, and few places empty."""
    if panels <= 3:
        return panels
    choices = (2, 3, 4) if panels <= 9 else (4, 5) if panels <= 24 else (6, 5)
    return min(choices, key=lambda columns: (-panels % columns, abs(columns - 1.3 * panels**0.5)))


def _panel(columns: int) -> tuple[float, float]:
    """Width and height of a panel in inches."""
    return (4.0, 2.6) if columns <= 2 else (3.4, 2.3) if columns == 3 else (2.6, 1.8)


def _one_mean(axes: Axes, means: MeanSpectra, g: int, colour: str, look: int) -> None:
    use = np.flatnonzero(means.active)
    x = means.axis.centres[use]
    y, spread = means.shapes[g, use], np.nan_to_num(means.spread[g, use])
    axes.fill_between(x, y - spread, y + spread, color=colour, alpha=0.16, lw=0, rasterized=True)
    step = max(1, len(use) // _MARKED)
    axes.plot(
        x,
        y,
        color=colour,
        ls=_DASHES[look],
        marker=_MARKS[look],
        ms=4,
        markevery=(look * step // 3 % step, step),
        mfc="white",
        lw=1.2,
    )


def _finish(axes: Axes, means: MeanSpectra, name: str, groups: list[int], log: bool, letters: int) -> None:
    count = int(means.n_spectra[groups].sum())
    title = textwrap.wrap(f"{name} (n = {count:,})", letters)
    axes.set_title("\n".join(title), fontsize=10)
    use = means.active
    top = float(means.shapes[groups][:, use].max())
    edges = means.axis.edges
    first, last = np.flatnonzero(use)[[0, -1]]
    for lo, hi in ((edges[0], edges[first]), (edges[last + 1], edges[-1])):
        if hi > lo:
            axes.axvspan(lo, hi, color="#EEEEEE", lw=0)
    axes.set_xlim(edges[0], edges[-1])
    axes.tick_params(labelsize=8)
    if log:
        threshold = 10.0 ** np.floor(np.log10(top) - _DECADES + 0.5)
        axes.set_yscale("symlog", linthresh=threshold, linscale=0.5)
        axes.set_ylim(-2 * threshold, 3 * top)
    else:
        least = float(means.shapes[groups][:, use].min())
        axes.set_ylim(min(1.1 * least, -0.06 * top), 1.35 * top)
    axes.axhline(0.0, color="#BBBBBB", lw=0.8, zorder=0)


def _hide_rest(grid: Any, used: int) -> None:
    for axes in grid.flat[used:]:
        axes.set_visible(False)
    rows, columns = grid.shape
    for number in range(used):
        if number + columns >= used and number // columns < rows - 1:
            grid.flat[number].tick_params(labelbottom=True)


@styled
def example_spectra(spectra: SpectrumSet, *, title: str | None = None, log: bool | None = None) -> Figure:
    """Draw single spectra, a panel each, with the counting error as a band.

    Parameters
    ----------
    spectra : SpectrumSet
        A few, such as `gamma_flow.explore.example_spectra` draws.
    title : str, optional
        What they are; their labels by default.
    log : bool, optional
        Whether the upright axis is logarithmic (linear up to one count); by default where
        counts span decades.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        No spectrum, or more than 48.
    MissingDependencyError
        Matplotlib is not installed.
    """
    count = len(spectra)
    if not 1 <= count <= 48:
        raise DataError(
            "examples are a few spectra",
            expected="1 to 48",
            found=str(count),
            cure="draw some with gamma_flow.explore.example_spectra",
        )
    rows, columns = grid_of(count, _columns(count))
    drawn = figure(max(columns * _panel(columns)[0], 5.0), rows * _panel(columns)[1] + 0.4)
    grid = drawn.subplots(rows, columns, squeeze=False, sharex=True)
    counts = spectra.kind == "counts"
    lists = spectra.labels.lists()
    names = dict.fromkeys(" + ".join(held) if held else "no label" for held in lists)
    several = len(names) > 1  # then each panel says what it shows
    wide = counts and spectra.values.min() >= 0 and spectra.values.max() > 200
    if log is None:
        log = wide
    for row, axes in enumerate(grid.flat[:count]):
        values = spectra.values[row]
        spread = (
            spectra.sigma[row]
            if spectra.sigma is not None
            else np.sqrt(np.maximum(values, 0.0))
            if counts
            else None
        )
        edges = spectra.axis.edges
        if spread is not None:
            stairs(
                axes, values + spread, edges, baseline=values - spread, fill=True, color=INK, alpha=0.2, lw=0
            )
        stairs(axes, values, edges, color=INK, lw=0.9, baseline=None)
        if log:
            axes.set_yscale("symlog", linthresh=1.0, linscale=0.4)
            axes.set_ylim(0.0 if values.min() >= 0 else None, max(2.0 * float(values.max()), 2.0))
        axes.set_xlim(edges[0], edges[-1])
        axes.tick_params(labelsize=8)
        # counts have no multiplier above their axis that a title would have to give way to
        told = " + ".join(lists[row] or ["no label"]) + "\n" if several else ""
        axes.set_title(told + _caption(spectra, row), fontsize=9, y=1.0 if counts else None)
    _hide_rest(grid, count)
    what = title or ("; ".join(names) if len(names) <= 3 else f"{len(names)} sets of labels")
    header(drawn, f"{count} example {'spectrum' if count == 1 else 'spectra'}: {what}")
    outer_labels(drawn, axis_label(spectra.axis), value_label(spectra.kind))
    return drawn


def _caption(spectra: SpectrumSet, row: int) -> str:
    """Return detector, size and live time of a spectrum."""
    parts = [str(spectra.detector[row])] if spectra.detector[row] else []
    if spectra.kind == "counts":
        parts.append(f"{spectra.total[row]:,.0f} counts")
    if np.isfinite(spectra.live_time[row]):
        parts.append(f"{spectra.live_time[row]:.3g} s")
    return ", ".join(parts) or str(spectra.origin[row]).replace("\\", "/").rpartition("/")[2]


@styled
def rebinned(compared: Rebinned, *, title: str | None = None) -> Figure:
    """Draw a spectrum on its own axis and on another one, by unit of the axis: channels differ in width.

    Parameters
    ----------
    compared : Rebinned
        What `gamma_flow.explore.rebinned` returned.
    title : str, optional
        What stands above; by default what became of the counts.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    MissingDependencyError
        Matplotlib is not installed.
    """
    drawn = figure(9.0, 4.2)
    axes = drawn.subplots()
    one, other = compared.original, compared.carried
    counts = one.kind == "counts"
    top = 0.0
    for part, colour, width, label in (
        (one, "#AAAAAA", 2.2, "original"),
        (other, SHADES[0], 1.1, "rebinned"),
    ):
        high = part.values[0] / part.axis.widths if counts else part.values[0]
        top = max(top, float(high.max()))
        name = f"{label}: {len(part.axis)} channels"
        name += f", {_number(part.total[0])} counts" if counts else ""
        stairs(axes, high, part.axis.edges, baseline=None, label=name, color=colour, lw=width)
    lo, hi = min(one.axis.edges[0], other.axis.edges[0]), max(one.axis.edges[-1], other.axis.edges[-1])
    held = [float(part.axis.edges[1:][part.values[0] != 0].max(initial=lo)) for part in (one, other)]
    last = lo + 1.2 * (max(held) - lo)
    if counts and lo < last < 0.7 * hi:
        hi = last  # nothing but empty channels lies above
    axes.set_xlim(lo, hi)
    if counts and top > 0:
        least = 1.0 / float(np.median(one.axis.widths))  # one count in a channel
        if one.values.min() >= 0 and top > 50 * least:
            axes.set_yscale("symlog", linthresh=10.0 ** np.floor(np.log10(least)), linscale=0.4)
            axes.set_ylim(0.0, 2.0 * top)
    axes.set_xlabel(axis_label(one.axis))
    axes.set_ylabel(f"Counts per {one.axis.unit}" if counts else value_label(one.kind))
    handles, labels = axes.get_legend_handles_labels()
    header(drawn, title or _balance(compared), handles, labels)
    return drawn


def _balance(compared: Rebinned) -> str:
    if compared.original.kind != "counts":
        return "One spectrum, read at the points of another axis"
    beyond = compared.below + compared.above
    if abs(compared.difference) <= 1e-6 * max(float(compared.original.total[0]), 1.0):
        if beyond <= 0:
            return "Rebinned: every count is kept"
        return f"Rebinned: every count is kept, {_number(beyond)} of them lie beyond the ends of the axis"
    return f"Read at other points: {compared.difference:+,.1f} counts came or went"


def _number(value: float) -> str:
    """Return counts with a digit after the point where they are not whole."""
    return f"{value:,.0f}" if abs(value - round(value)) < 0.05 else f"{value:,.1f}"
