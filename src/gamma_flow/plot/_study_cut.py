"""One feature of a study, the cut through it, and what other cuts would do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow._study_cuts import Cut
from gamma_flow._study_rankings import Ranking
from gamma_flow.data.feature_table import FeatureTable
from gamma_flow.errors import DataError
from gamma_flow.numerics.thresholds import called
from gamma_flow.plot._study_tree import KNOWN, plain
from gamma_flow.plot._style import figure, legend, note, styled
from gamma_flow.plot.palette import INK, SHADES, UNKNOWN, Palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["feature_histogram", "roc", "sigmoid", "threshold_curves"]

_BINS = 60
_SPREAD = 50.0  # a feature is drawn over its logarithm if its upper values are so many times its middle
_MOST = 60  # classes that have a row
_MANY = 24  # rows from which letters are smaller
_DECADES = 5  # that are marked on an axis
_LINES = 6  # features in one plot of receiver operating characteristics


@styled
def feature_histogram(
    table: FeatureTable, chosen: Cut, *, real: FeatureTable | None = None, palette: Palette | None = None
) -> Figure:
    """Draw a feature of known and of unknown spectra with the cut, and of each class that was left out.

    Parameters
    ----------
    table : FeatureTable
        Known and unknown spectra of a study.
    chosen : Cut
        Its feature is drawn; what lies on the shaded side is called unknown.
    real : FeatureTable, optional
        Spectra with real unknowns, drawn as a line.
    palette : Palette, optional
        Colours of the classes.

    Returns
    -------
    matplotlib.figure.Figure
        Above, counts on a logarithmic scale; below, for each class 5 to 95 % (line), 25 to 75 % (bar) and the
        middle, with the part that the cut calls unknown; of more than 60 classes those of which it finds
        least.

    Raises
    ------
    DataError
        The table holds no spectra.
    """
    if not len(table):
        raise DataError("there are no spectra to draw", where="feature_histogram")
    rows = _groups(table, real, chosen)
    colours = Palette(one for _, one, _, _ in rows if one not in ("", "?")) if palette is None else palette
    step = 0.3 if len(rows) <= _MANY else 0.2
    longest = max(len(name) for name, _, _, _ in rows)
    drawn = figure(8.0 + 0.08 * max(longest - 14, 0), 4.3 + step * len(rows))  # names take no room from data
    upper, lower = drawn.subplots(2, 1, sharex=True, height_ratios=[3.0, 0.45 + step * len(rows)])
    values = table.column(chosen.feature)
    everything = values if real is None else np.concatenate([values, real.column(chosen.feature)])
    edges = _edges(upper, everything)
    upper.hist(
        np.clip(values[~table.unknown], edges[0], edges[-1]), edges, color=KNOWN, alpha=0.45,
        label=f"known ({table.counts[0]})",
    )  # fmt: skip
    upper.hist(
        np.clip(values[table.unknown], edges[0], edges[-1]), edges, color=UNKNOWN, histtype="step", lw=1.6,
        label=f"left-out classes ({table.counts[1]})",
    )  # fmt: skip
    if real is not None and real.counts[1]:
        upper.hist(
            np.clip(real.column(chosen.feature)[real.unknown], edges[0], edges[-1]), edges, color=INK,
            histtype="step", lw=1.6, ls=(0, (3, 1.5)), label=f"real unknowns ({real.counts[1]})",
        )  # fmt: skip
    upper.set_yscale("log")
    upper.set_ylim(bottom=0.7)
    upper.set_ylabel("Spectra per bin")
    legend(upper)
    _ranges(lower, rows, chosen, colours)
    for axes in (upper, lower):
        _mark(axes, chosen, edges)
    lower.set_xlabel(_capital(plain(chosen.feature)))
    drawn.suptitle(
        f"The cut {_sign(chosen)} {chosen.threshold:.4g} finds {_percent(chosen.verdict.recall)} of the "
        f"left-out classes and calls {_percent(chosen.verdict.false_positive_rate)} of the known unknown",
        x=0.01, ha="left", fontsize=12,
    )  # fmt: skip
    return drawn


def _groups(
    table: FeatureTable, real: FeatureTable | None, chosen: Cut
) -> list[tuple[str, str, FeatureTable, float]]:
    """Return name, class, spectra and called part of each row: known ones, left-out classes, real ones."""

    def row(name: str, of: str, part: FeatureTable) -> tuple[str, str, FeatureTable, float]:
        found = called(part.column(chosen.feature), chosen.threshold, chosen.side)
        return name, of, part, float(found.mean()) if len(part) else 0.0

    classes = [
        row(name, name, table[table.unknown & (table.left_out == name)])
        for name in dict.fromkeys(table.left_out.tolist())
    ]
    if len(classes) > _MOST:  # those that the cut finds least
        classes = sorted(classes, key=lambda one: one[3])[:_MOST]
    rows = [row("known", "", table[~table.unknown]), *classes]
    if real is not None:
        rows += [row("real known", "", real[~real.unknown]), row("real unknown", "?", real[real.unknown])]
    return [one for one in rows if len(one[2])]


def _ranges(
    axes: Axes, rows: list[tuple[str, str, FeatureTable, float]], chosen: Cut, colours: Palette
) -> None:
    size = 9.0 if len(rows) <= _MANY else 7.5
    beside: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "va": "center", "fontsize": size}
    for number, (_, name, part, found) in enumerate(rows):
        quantiles = np.quantile(part.column(chosen.feature), [0.05, 0.25, 0.5, 0.75, 0.95])
        low, first, middle, third, high = quantiles
        colour = KNOWN if name == "" else INK if name == "?" else colours[name].colour
        axes.plot([low, high], [number, number], color=colour, lw=1.5)
        axes.plot([first, third], [number, number], color=colour, lw=6, solid_capstyle="butt")
        axes.plot([middle], [number], "o", color="white", mec=colour, ms=6, zorder=4)
        axes.annotate(f"{100 * found:.0f} %", (1.01, number), **beside)
    axes.annotate("called", (1.01, -0.9), color="#555555", **beside)
    axes.set_yticks(range(len(rows)), [name for name, _, _, _ in rows], fontsize=size + 1)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)


def _edges(axes: Axes, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Choose a scale, and edges of bins of one width on it that hold all values."""
    low, high = float(values.min()), float(values.max())
    size = np.abs(values[values != 0])
    if size.size and float(np.quantile(size, 0.995)) > _SPREAD * float(np.median(size)):
        least = float(np.quantile(size, 0.2))
        axes.set_xscale("asinh", linear_width=least)
        ends = np.arcsinh(np.array([low, high]) / least)
        pad = 1e-9 + 0.01 * float(ends[1] - ends[0])
        _decades(axes, low, high, least)
        return np.asarray(least * np.sinh(np.linspace(ends[0] - pad, ends[1] + pad, _BINS + 1)))
    pad = 1e-9 * max(abs(low), abs(high), 1.0) + 0.01 * (high - low)
    return np.linspace(low - pad, high + pad, _BINS + 1)


def _decades(axes: Axes, low: float, high: float, least: float) -> None:
    """Mark zero and powers of ten; none so small that it would stand beside zero."""
    first = int(np.ceil(np.log10(3 * least)))
    last = int(np.floor(np.log10(max(abs(low), abs(high)))))
    powers = range(first, last + 1, max(1, (last - first) // _DECADES + 1))
    ticks = {0.0: "0"}
    for power in powers:
        ticks[10.0**power] = f"$10^{{{power}}}$"
        ticks[-(10.0**power)] = f"$-10^{{{power}}}$"
    inside = sorted(tick for tick in ticks if low <= tick <= high)
    axes.set_xticks(inside, [ticks[tick] for tick in inside])
    axes.set_xticks([], minor=True)


def _mark(axes: Axes, chosen: Cut, edges: NDArray[np.float64]) -> None:
    lo, hi = float(edges[0]), float(edges[-1])
    at = min(max(chosen.threshold, lo), hi)
    ends = (lo, at) if chosen.side == "below" else (at, hi)
    axes.axvspan(*ends, color=UNKNOWN, alpha=0.07, lw=0, zorder=0)
    axes.axvline(at, color=INK, lw=1.2, ls="--")
    axes.set_xlim(lo, hi)


@styled
def sigmoid(table: FeatureTable, chosen: Cut) -> Figure:
    """Draw the fitted probability to be unknown over the part that is unknown in bins of the feature.

    Parameters
    ----------
    table : FeatureTable
        Known and unknown spectra.
    chosen : Cut
        Made by ``how="logistic"``.

    Returns
    -------
    matplotlib.figure.Figure
        Points have errors of counting; their areas grow with the number of spectra.

    Raises
    ------
    DataError
        A cut without a sigmoid.
    """
    if chosen.sigmoid is None:
        raise DataError(
            "this cut was made without a sigmoid", where="sigmoid", found=f"chosen by {chosen.how}",
            cure='choose it with cut(..., "logistic")',
        )  # fmt: skip
    values = table.column(chosen.feature)
    lo, hi = (float(one) for one in np.quantile(values, [0.0, 0.999]))
    edges = np.linspace(lo, max(hi, chosen.threshold), 26)
    every = np.histogram(values, edges)[0]
    unknown = np.histogram(values[table.unknown], edges)[0]
    some = every > 0
    n, part = every[some], unknown[some] / every[some]
    drawn = figure(8.0, 4.6)
    axes = drawn.subplots()
    centres = 0.5 * (edges[1:] + edges[:-1])[some]
    axes.errorbar(
        centres,
        part,
        np.sqrt((part * (1 - part) + 0.25 / n) / (n + 1)),
        fmt="none",
        ecolor=INK,
        lw=1,
        capsize=2,
    )
    axes.scatter(
        centres, part, 14 + 90 * n / n.max(), color=INK, zorder=3,
        label="unknown part of a bin (area: spectra)",
    )  # fmt: skip
    x = np.linspace(edges[0], edges[-1], 400)
    axes.plot(x, chosen.sigmoid.probability(x), color=UNKNOWN, lw=2, label="logistic regression")
    axes.axvline(chosen.threshold, color=INK, lw=1.2, ls="--", label="one half")
    axes.axhline(0.5, color="#999999", lw=0.8, ls=":")
    axes.set(xlim=(edges[0], edges[-1]), ylim=(-0.06, 1.08))
    axes.set_xlabel(_capital(plain(chosen.feature)))
    axes.set_ylabel("Probability to be unknown")
    legend(axes)
    drawn.suptitle(
        f"Even odds at {chosen.threshold:.4g}: {_percent(chosen.verdict.recall)} found, "
        f"{_percent(chosen.verdict.false_positive_rate)} false", x=0.01, ha="left", fontsize=12,
    )  # fmt: skip
    return drawn


@styled
def threshold_curves(chosen: Cut) -> Figure:
    """Draw accuracy, precision, recall and false-positive rate against the threshold, the chosen one marked.

    Parameters
    ----------
    chosen : Cut
        From `gamma_flow.study.cut`.

    Returns
    -------
    matplotlib.figure.Figure
        Recall is the true-positive rate.
    """
    seen = chosen.curves
    drawn = figure(8.0, 4.6)
    axes = drawn.subplots()
    inner = seen.threshold[1:-1] if len(seen.threshold) > 3 else seen.threshold
    edges = _edges(axes, np.append(inner, chosen.threshold))
    for name, curve, look in (
        ("accuracy", seen.accuracy, {"color": SHADES[2], "ls": "-"}),
        ("precision", seen.precision, {"color": SHADES[1], "ls": (0, (5, 2))}),
        ("recall (true-positive rate)", seen.recall, {"color": SHADES[0], "ls": (0, (6, 2, 1.5, 2))}),
        ("false-positive rate", seen.false_positive_rate, {"color": SHADES[4], "ls": (0, (1.5, 1.5))}),
    ):
        axes.plot(seen.threshold, curve, label=name, lw=1.8, **look)
    _mark(axes, chosen, edges)
    told = chosen.verdict
    for value in (told.accuracy, told.precision, told.recall, told.false_positive_rate):
        if value is not None:
            axes.plot([chosen.threshold], [value], "o", color="white", mec=INK, ms=6, zorder=5)
    axes.set_ylim(-0.02, 1.04)
    axes.set_xlabel(f"Threshold of {plain(chosen.feature)}; unknown is what lies {chosen.side}")
    axes.set_ylabel("Part of spectra")
    legend(axes)
    drawn.suptitle(
        f"Chosen by {chosen.how}: {plain(chosen.feature)} {_sign(chosen)} {chosen.threshold:.4g}",
        x=0.01, ha="left", fontsize=12,
    )  # fmt: skip
    return drawn


@styled
def roc(
    simulated: Mapping[str, Ranking],
    real: Mapping[str, Ranking] | None = None,
    *,
    features: Iterable[str] | None = None,
    chosen: Cut | None = None,
) -> Figure:
    """Draw receiver operating characteristics of several features, of left-out classes and real unknowns.

    Parameters
    ----------
    simulated : mapping of str to Ranking
        From `gamma_flow.study.rankings`.
    real : mapping of str to Ranking, optional
        The same of real unknowns.
    features : iterable of str, optional
        Which of them; by default the six of the largest AUC.
    chosen : Cut, optional
        Is marked on its curve.

    Returns
    -------
    matplotlib.figure.Figure
        False-positive rates on a logarithmic scale: small ones are those that matter. Steps join what
        thresholds can reach; the dotted line is a coin's.
    """
    names = list(features or sorted(simulated, key=lambda name: -simulated[name].auc)[:_LINES])
    if chosen is not None and chosen.feature not in names and chosen.feature in simulated:
        names = [*names[: _LINES - 1], chosen.feature]
    drawn = figure(11.0, 5.2)
    panels = drawn.subplots(1, 2, sharey=True)
    parts = (("Left-out classes", simulated), ("Real unknowns", real or {}))
    curves = [part[name].curves.false_positive_rate for _, part in parts for name in names if name in part]
    least = min((float(curve[curve > 0].min()) for curve in curves), default=1e-3)
    for axes, (title, part) in zip(panels, parts, strict=True):
        if not any(name in part for name in names):
            note(axes, "No labelled spectra of a class\noutside the model were given.")
            continue
        for number, name in enumerate(names):
            if name not in part:
                continue
            curve, look = part[name].curves, _looks(number)
            axes.plot(
                np.maximum(curve.false_positive_rate, least / 2), curve.recall,
                drawstyle="steps-post", label=f"{plain(name)}: {part[name].auc:.3f}", **look,
            )  # fmt: skip
        x = np.geomspace(least / 2, 1, 100)
        axes.plot(x, x, color="#999999", lw=1, ls=":")
        axes.set_xscale("log")
        axes.set(xlim=(least / 2, 1), ylim=(0, 1.02), xlabel="False-positive rate")
        axes.set_title(f"{title}: AUC", pad=8 + 15 * len(names))
        legend(axes, rows=len(names), ncols=1)
    if chosen is not None:
        told = chosen.verdict
        panels[0].plot(
            [max(told.false_positive_rate or 0.0, least / 2)], [told.recall or 0.0], "o", color="white",
            mec=INK, ms=8, zorder=5, clip_on=False,
        )  # fmt: skip
    panels[0].set_ylabel("Recall (true-positive rate)")
    return drawn


def _looks(number: int) -> dict[str, object]:
    dashes = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)), (0, (8, 3)), (0, (3, 1, 1, 1, 1, 1)))
    return {"color": SHADES[number % len(SHADES)], "ls": dashes[number % len(dashes)], "lw": 1.7}


def _sign(chosen: Cut) -> str:
    return "≤" if chosen.side == "below" else "≥"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
