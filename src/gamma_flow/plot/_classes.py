"""Figures with a row a class: similarity of its detectors, and how many spectra, counts, seconds it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data.exploration import Inventory, Pair, Similarities, shown_detector
from gamma_flow.plot._header import header
from gamma_flow.plot._matrix import bar, cells, frames, matrix_size, name_rows, row_colours
from gamma_flow.plot._style import figure, note, stairs, styled
from gamma_flow.plot.palette import INK, NOTHING, Palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["detector_similarity", "inventory", "similarity_matrix"]

Floats = NDArray[np.float64]

ORANGE, RED = "#F28E00", "#E3000F"
_PAIRS = 6  # of detectors, which a legend names
_MARKS = ("o", "s", "^", "D", "v", "P")
_BINS = 40


def _row(count: int) -> float:
    """Return the height of a row in inches."""
    return 0.30 if count <= 30 else 0.20


@styled
def detector_similarity(found: Similarities, *, palette: Palette | None = None) -> Figure:
    """Draw how alike the detectors see each class: a row a class, a mark a pair of detectors.

    Parameters
    ----------
    found : Similarities
        What `gamma_flow.explore.similarities` returned.
    palette : Palette, optional
        Colours of classes.

    Returns
    -------
    matplotlib.figure.Figure
        With a sentence in place of the panel where no class was seen by two detectors.

    Raises
    ------
    MissingDependencyError
        Matplotlib is not installed.
    """
    pairs = found.pairs(found.same_class)
    names = tuple(dict.fromkeys(found.classes))
    if not pairs:
        drawn = figure(7.0, 2.0)
        note(drawn.subplots(), "No class was seen by two detectors, so there is nothing to compare.")
        return drawn
    colours = row_colours(names, None, palette)
    drawn = figure(8.5, _row(len(names)) * len(names) + 1.0)
    axes = drawn.subplots()
    kinds = list(dict.fromkeys((pair.one[1], pair.other[1]) for pair in pairs))
    kinds.sort()
    place = {name: row for row, name in enumerate(names)}
    low = frozenset(found.pairs(found.too_low))
    for number, kind in enumerate(kinds):
        mine = [pair for pair in pairs if (pair.one[1], pair.other[1]) == kind]
        rows = [place[pair.one[0]] for pair in mine]
        x = [pair.value for pair in mine]
        few = len(kinds) <= _PAIRS
        axes.scatter(
            x,
            rows,
            s=60,
            marker=_MARKS[number] if few else "o",
            c=["white" if _within_noise(p, found, low) else colours[p.one[0]] for p in mine],
            edgecolors=[_edge(p, found, low, colours) for p in mine],
            linewidths=[2.0 if p in low else 1.4 if _within_noise(p, found, low) else 0.6 for p in mine],
            zorder=3,
        )
        if few:
            axes.scatter(
                [],
                [],
                s=50,
                marker=_MARKS[number],
                color=INK,
                label=" and ".join(map(shown_detector, kind)),
            )
    alone = [name for name in names if not any(pair.one[0] == name for pair in pairs)]
    least = min(pair.value for pair in pairs)
    left = min(least, found.low) - 0.06 * (1.0 - min(least, found.low))
    for name in alone:
        axes.text(left, place[name], "  one detector", va="center", fontsize=9, color="#777777")
    if any(_within_noise(pair, found, low) for pair in pairs):
        axes.scatter([], [], s=50, c="white", edgecolors=INK, linewidths=1.4, label="lower by noise alone")
    axes.axvline(found.low, color=ORANGE, lw=1.4, label=f"too different below {found.low:g}")
    axes.set_xlim(left, 1.0 + 0.02 * (1.0 - left))
    axes.set_yticks(range(len(names)), names, fontsize=10 if len(names) <= 30 else 8)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(axis="y", color="#E6E6E6", lw=0.8)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("Cosine similarity of the mean spectra")
    said = f"{len(low)} of {len(pairs)} pairs of detectors see a class too differently"
    header(
        drawn,
        said if low else "All detectors see their classes alike",
        *axes.get_legend_handles_labels(),
    )
    return drawn


def _within_noise(pair: Pair, found: Similarities, low: frozenset[Pair]) -> bool:
    """Tell whether a pair lies below the threshold because of counting noise alone."""
    return pair.value < found.low and pair not in low


def _edge(pair: Pair, found: Similarities, low: frozenset[Pair], colours: dict[str, str]) -> str:
    if pair in low:
        return ORANGE
    return colours[pair.one[0]] if _within_noise(pair, found, low) else "white"


@styled
def similarity_matrix(found: Similarities) -> Figure:
    """Draw the cosines of all groups; frames mark what is suspicious.

    Orange: one class that two detectors see too differently. Red: two classes that are too alike.

    Parameters
    ----------
    found : Similarities
        What `gamma_flow.explore.similarities` returned.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    MissingDependencyError
        Matplotlib is not installed.
    """
    from matplotlib.colors import Normalize

    probes = set(found.detectors)
    labels = [
        name if len(probes) == 1 else f"{name} {shown_detector(probe)}"
        for name, probe in zip(found.classes, found.detectors, strict=True)
    ]
    width, height, font = matrix_size(len(found), max(map(len, labels)))
    drawn = figure(max(width, 5.5), height)
    axes = drawn.subplots()
    # noise makes a cosine of nearly zero a little negative; a scale of its own take only signed spectra
    least = float(found.cosine.min())
    floor = 0.0 if least > -0.25 else np.floor(4.0 * least) / 4.0
    mesh = cells(axes, found.cosine, norm=Normalize(floor, 1.0), cmap="cividis_r")
    name_rows(axes, labels, found.classes, font=font)
    low, high = int(found.too_low.sum()) // 2, int(found.too_high.sum()) // 2
    frames(axes, found.too_low, ORANGE, f"one class, cosine below {found.low:g}: {low}")
    frames(axes, found.too_high, RED, f"two classes, cosine above {found.high:g}: {high}")
    below = "min" if found.cosine.min() < floor else "neither"
    bar(drawn, axes, mesh, "Cosine similarity", extend=below)
    header(drawn, "Cosine similarity of mean spectra", *axes.get_legend_handles_labels())
    return drawn


@styled
def inventory(held: Inventory, *, palette: Palette | None = None) -> Figure:
    """Draw how many spectra each class has, and histograms of their counts and live times, a row a class.

    Parameters
    ----------
    held : Inventory
        What `gamma_flow.explore.inventory` returned.
    palette : Palette, optional
        Colours of classes.

    Returns
    -------
    matplotlib.figure.Figure
        With a sentence in place of the live times where none is known.

    Raises
    ------
    MissingDependencyError
        Matplotlib is not installed.
    """
    count = len(held.classes)
    colours = row_colours(held.classes, held.background, palette)
    timed = any(len(part) for part in held.live_times)
    drawn = figure(12.0, max(1.15 * _row(count) * count, 1.2) + 1.0)
    bars, totals, times = drawn.subplots(1, 3, sharey=True, width_ratios=(1, 1, 1 if timed else 0.35))
    bars.set_title("Spectra that hold the class", fontsize=11)
    _bars(bars, held, colours)
    unit = "Counts" if held.kind == "counts" else "Summed intensity"
    if any(len(part) for part in held.totals):
        _ridges(totals, held.totals, held, colours, f"{unit} a spectrum")
        totals.set_title(f"{unit} of single spectra", fontsize=11)
    else:
        note(totals, "Mixtures alone: no spectrum is of one class.")
    if timed:
        _ridges(times, held.live_times, held, colours, "Live time (s)")
        times.set_title("Live time of single spectra", fontsize=11)
    else:
        note(times, "No live time is known.")
    bars.set_yticks(range(count), held.classes, fontsize=10 if count <= 30 else 8)
    bars.set_ylim(count - 0.45, -0.65)
    bars.tick_params(axis="y", length=0)
    more = f", {held.unlabelled:,} without labels" if held.unlabelled else ""
    several = "s" * (len(held.detectors) != 1)
    header(
        drawn,
        f"{count} classes seen by {len(held.detectors)} detector{several}{more}",
        *bars.get_legend_handles_labels(),
    )
    return drawn


def _bars(axes: Axes, held: Inventory, colours: dict[str, str]) -> None:
    rows = np.arange(len(held.classes))
    left = np.zeros(len(rows))
    own = [colours[name] for name in held.classes]
    for values, alpha, hatch, label in (
        (held.pure, 1.0, "", "alone"),
        (held.with_background, 0.55, "", "with background"),
        (held.mixed, 0.25, "//////", "with other classes"),
    ):
        axes.barh(
            rows, values, left=left, height=0.7, color=own, alpha=alpha, hatch=hatch, edgecolor="white", lw=0
        )
        left = left + values
        axes.scatter([], [], marker="s", s=60, color=INK, alpha=alpha, label=label)
    axes.set_xlabel("Spectra")
    axes.set_xlim(0, 1.05 * float(left.max()))


def _ridges(
    axes: Axes, parts: tuple[Floats, ...], held: Inventory, colours: dict[str, str], label: str
) -> None:
    """Draw a histogram a class, each on its own row and to its own height."""
    everything = np.concatenate(parts) if parts else np.zeros(0)
    lo, hi = float(everything.min()), float(everything.max())
    log = lo > 0 and hi > 20 * lo
    if lo == hi:
        lo, hi = lo - 0.5 * abs(lo or 1.0), hi + 0.5 * abs(hi or 1.0)
    edges = np.geomspace(lo, hi, _BINS + 1) if log else np.linspace(lo, hi, _BINS + 1)
    for row, (name, values) in enumerate(zip(held.classes, parts, strict=True)):
        axes.axhline(row + 0.35, color=NOTHING, lw=0.8, zorder=0)
        if not len(values):
            continue
        heights = np.histogram(values, np.r_[edges[:-1], np.nextafter(edges[-1], np.inf)])[0]
        top = row + 0.35 - 0.85 * heights / heights.max()
        stairs(axes, top, edges, baseline=row + 0.35, fill=True, color=colours[name], alpha=0.85, lw=0)
    if log:
        from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0) if hi < 300 * lo else (1.0,)))
        axes.xaxis.set_major_formatter(
            FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")
        )
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(label)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
