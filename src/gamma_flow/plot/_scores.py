"""Scores: against each other, and on average by true class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow.diagnostics import Comparison, MeanScores
from gamma_flow.errors import SettingsError
from gamma_flow.plot._shared import ink_on, title
from gamma_flow.plot._style import figure, note, pin_empty_labels, styled
from gamma_flow.plot.palette import INK, Palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["mean_scores", "scores"]

_RASTER = 2000  # points beyond which a vector graphic would grow large
_KEYS = 12  # classes that a legend names
_BARS = 6  # classes that stand side by side as bars


@styled
def scores(
    tested: Comparison,
    training: Comparison | None = None,
    *,
    classes: Sequence[str] | None = None,
    most: int = 5,
    only_errors: bool = False,
    palette: Palette | None = None,
) -> Figure:
    """Draw shares of classes against each other, one panel a pair of classes, coloured by true class.

    Spectra that the model was trained on are small dots, tested ones are framed: in black where the answer
    is right, in red and drawn on top where it is wrong. With mixtures the colour is that of the first source
    among the labels, and an answer is right if the whole set of classes is.

    Parameters
    ----------
    tested : Comparison
        As `gamma_flow.diagnostics.compare` returns it.
    training : Comparison, optional
        The same of training spectra, of the same model.
    classes : sequence of str, optional
        Two or more classes of the model; by default those with most labels or, among equals, shares.
    most : int
        At most so many by default.
    only_errors : bool
        Leave out tested spectra that are answered rightly.
    palette : Palette, optional
        Colours of the classes.

    Returns
    -------
    matplotlib.figure.Figure
        A triangle of panels; a sentence if the model has one class alone.

    Raises
    ------
    SettingsError
        Classes that the model does not have, fewer than two, or training spectra of another model.
    """
    chosen = _chosen(tested, classes, most)
    if training is not None and training.classes != tested.classes:
        raise SettingsError(
            "training and tested spectra were analysed by different models",
            where="scores",
            expected=", ".join(tested.classes),
            found=", ".join(training.classes),
        )
    palette = Palette(tested.names, tested.background) if palette is None else palette
    k = len(chosen)
    if k < 2:
        drawn = figure(6.0, 2.0)
        note(drawn.subplots(), "The model has one class, so there are no scores to set against each other.")
        return drawn
    size = 1.9 if k > 3 else 2.6 if k > 2 else 4.2
    drawn = figure(max(6.4, size * (k - 1) + 0.9), max(4.2, size * (k - 1) + 1.0))
    grid = drawn.subplots(k - 1, k - 1, squeeze=False, sharex=True, sharey=True)
    wrong = ~tested.correct()
    for i in range(k - 1):
        for j in range(k - 1):
            axes = grid[i, j]
            if j > i:
                axes.set_axis_off()
                continue
            pair = [tested.classes.index(chosen[j]), tested.classes.index(chosen[i + 1])]
            _cloud(axes, tested, training, pair, wrong, only_errors, palette)
            if i == k - 2:
                axes.set_xlabel(f"Share of\n{chosen[j]}")
            if j == 0:
                axes.set_ylabel(f"Share of\n{chosen[i + 1]}")
    grid[0, 0].set_xlim(-0.04, 1.04)
    grid[0, 0].set_ylim(-0.04, 1.04)
    grid[0, 0].set_xticks([0, 0.5, 1])  # for all: they share their axes
    grid[0, 0].set_yticks([0, 0.5, 1])
    pin_empty_labels(drawn)
    _keys(drawn, tested, training, only_errors, k > 2, palette)
    several = "set of classes" if tested.several else "strongest source"
    left = "" if k == len(tested.classes) else f"; {k} of {len(tested.classes)} classes shown"
    title(drawn, f"{wrong.sum()} of {len(tested)} tested spectra have a wrong {several}{left}")
    return drawn


def _chosen(tested: Comparison, classes: Sequence[str] | None, most: int) -> list[str]:
    if classes is not None:
        strange = [name for name in classes if name not in tested.classes]
        if strange or len(set(classes)) < 2:
            raise SettingsError(
                "scores are drawn of two or more classes of the model",
                where="scores",
                expected=", ".join(tested.classes),
                found=", ".join(strange or classes) or "none",
            )
        return list(dict.fromkeys(classes))
    labels = tested.true[:, : len(tested.classes)].sum(axis=0)
    best = np.lexsort((-tested.shares.sum(axis=0), -labels))[: max(2, most)]
    return [tested.classes[number] for number in np.sort(best)]


def _cloud(
    axes: Axes,
    tested: Comparison,
    training: Comparison | None,
    pair: list[int],
    wrong: NDArray[np.bool_],
    only_errors: bool,
    palette: Palette,
) -> None:
    """Draw one panel: each class is one line without a line, which is drawn far faster than a scatter."""
    if training is not None:
        for number in np.unique(training.true_single):
            rows = training.true_single == number
            x, y = training.shares[rows][:, pair].T
            (dots,) = axes.plot(x, y, ".", color=palette[_named(training, number)].colour, markersize=2)
            dots.set(alpha=0.5, markeredgewidth=0, zorder=1, rasterized=len(training) > _RASTER)
    for shown, edge, width, order in ((~wrong, INK, 0.4, 2), (wrong, "#A3123A", 0.9, 3)):
        if only_errors and order == 2:
            continue
        for number in np.unique(tested.true_single[shown]):
            rows = shown & (tested.true_single == number)
            x, y = tested.shares[rows][:, pair].T
            look = palette[_named(tested, number)]
            (dots,) = axes.plot(x, y, look.mark, color=look.colour, markersize=4, linestyle="", alpha=0.8)
            dots.set(markeredgecolor=edge, markeredgewidth=width, zorder=order)
            dots.set_rasterized(len(tested) > _RASTER)


def _named(compared: Comparison, number: int) -> str:
    return compared.names[number] if number >= 0 else "(none)"


def _keys(
    drawn: Figure,
    tested: Comparison,
    training: Comparison | None,
    only_errors: bool,
    triangle: bool,
    palette: Palette,
) -> None:
    from matplotlib.lines import Line2D

    numbers, counts = np.unique(tested.true_single, return_counts=True)
    frequent = sorted(numbers[np.argsort(-counts, kind="stable")][:_KEYS])
    kinds: list[Any] = []
    for number in frequent:
        name = _named(tested, number)
        look = palette[name]
        kinds.append(Line2D([], [], linestyle="", marker=look.mark, color=look.colour, label=name))
    if len(numbers) > _KEYS:
        kinds.append(Line2D([], [], linestyle="", label=f"and {len(numbers) - _KEYS} more"))
    if not only_errors:
        kinds.append(
            Line2D([], [], linestyle="", marker="o", color="white", markeredgecolor=INK, label="right")
        )
    if not tested.correct().all():
        kinds.append(Line2D([], [], linestyle="", marker="o", color="white", markeredgecolor="#A3123A",
                            markeredgewidth=1.4, label="wrong"))  # fmt: skip
    if training is not None:
        kinds.append(
            Line2D([], [], linestyle="", marker=".", color="#777777", markersize=4, label="training")
        )
    if triangle:  # its upper right half is free
        drawn.legend(handles=kinds, loc="upper right", bbox_to_anchor=(0.99, 0.9), fontsize=10)
    else:
        drawn.legend(handles=kinds, loc="outside right center", fontsize=10)


@styled
def mean_scores(shown: MeanScores, *, palette: Palette | None = None) -> Figure:
    """Draw what spectra of each label are made of on average.

    Up to six classes stand side by side as bars, one group a label; the thin line is one standard deviation
    of the spectra, the thick one the standard error of the mean from the scatter of whole runs (of single
    spectra where a label has one run). More classes make a map, labels down and classes across.

    Parameters
    ----------
    shown : MeanScores
        As `gamma_flow.diagnostics.mean_scores` returns it.
    palette : Palette, optional
        Colours of the classes.

    Returns
    -------
    matplotlib.figure.Figure
        One panel.
    """
    palette = Palette(shown.classes, shown.background) if palette is None else palette
    if max(len(shown.classes), len(shown.true)) > _BARS:
        return _map(shown)
    rows, k = len(shown.true), len(shown.classes)
    drawn = figure(max(6.0, min(1.4 + rows * (0.32 * k + 0.5), 13.0)), 4.6)
    axes = drawn.subplots()
    scale, unit = _scale(shown)
    error = np.where(np.isnan(shown.run_error), shown.error, shown.run_error)
    wide = 0.84 / k
    for number, name in enumerate(shown.classes):
        look = palette[name]
        at = np.arange(rows) + (number - (k - 1) / 2) * wide
        axes.bar(at, scale * shown.mean[:, number], 0.92 * wide, color=look.colour, hatch=look.hatch or None,
                 edgecolor="white", linewidth=0.5, label=name)  # fmt: skip
        for spread, line in ((shown.deviation, 0.9), (error, 3.0)):
            known = np.isfinite(spread[:, number])
            middle = scale * shown.mean[known, number]
            axes.errorbar(
                at[known], middle, scale * spread[known, number], fmt="none", ecolor=INK, elinewidth=line
            )
    axes.set_xticks(np.arange(rows), [_below(shown, row) for row in range(rows)])
    axes.tick_params(axis="x", length=0)
    axes.axhline(0, color="#555555", linewidth=0.8)
    axes.set_ylabel(unit)
    axes.set_xlabel("Label (spectra in runs); lines: thin 1 standard deviation, thick standard error")
    drawn.legend(loc="outside right upper")
    title(drawn, f"Mean {shown.of} of spectra by label")
    return drawn


def _scale(shown: MeanScores) -> tuple[float, str]:
    return (100.0, "Mean share (%)") if shown.of == "shares" else (1.0, "Mean score (counts or intensity)")


def _below(shown: MeanScores, row: int) -> str:
    return f"{shown.true[row]}\n({shown.n[row]} in {shown.runs[row]})"


def _map(shown: MeanScores) -> Figure:
    from matplotlib import colormaps

    rows, k = shown.mean.shape
    cell = float(np.clip(10.0 / max(rows, k), 0.17, 0.62))
    letter = 0.085
    drawn = figure(
        max(5.5, 2.3 + letter * max(map(len, shown.true)) + cell * k),
        max(3.4, 1.4 + letter * max(map(len, shown.classes)) + cell * rows),
    )
    axes = drawn.subplots()
    scale, unit = _scale(shown)
    image = axes.imshow(scale * shown.mean, cmap="cividis", aspect="auto", interpolation="none", vmin=0)
    small = min(10.0, cell * 72 * 0.72)
    axes.set_xticks(np.arange(k), shown.classes, rotation=90)
    axes.set_yticks(np.arange(rows), [f"{name}  ({n})" for name, n in zip(shown.true, shown.n, strict=True)])
    axes.tick_params(length=0, labelsize=small)
    axes.spines[:].set_visible(False)
    numbers = cell >= 0.42 and shown.of == "shares"
    if numbers:
        shades = np.asarray(colormaps["cividis"](image.norm(scale * shown.mean)))
        for y, x in np.argwhere(shown.mean >= 0.005):
            text = f"{scale * shown.mean[y, x]:.0f}"
            if np.isfinite(shown.deviation[y, x]):
                text += f"\n±{scale * shown.deviation[y, x]:.0f}"
            axes.text(
                x, y, text, ha="center", va="center", fontsize=min(8.5, cell * 15), color=ink_on(shades[y, x])
            )
    drawn.colorbar(image, ax=axes, label=unit, shrink=min(1.0, 4.0 / (cell * rows)), aspect=25)
    axes.set_xlabel("Class of the model")
    axes.set_ylabel("Label (spectra)")
    title(drawn, f"Mean {shown.of} of spectra by label" + (" ± 1 standard deviation" if numbers else ""))
    return drawn
