"""Scores: against each other, and on average by true class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow.diagnostics import Comparison, MeanScores
from gamma_flow.errors import SettingsError
from gamma_flow.plot._shared import ink_on, title, wrapped
from gamma_flow.plot._style import figure, note, pin_empty_labels, styled
from gamma_flow.plot.palette import INK, NOTHING, Look, Palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["mean_scores", "scores"]

_RASTER = 2000  # points beyond which a vector graphic would grow large
_KEYS = 12  # labels that colours tell apart; beyond, those of the classes shown alone
_OTHERS = "other labels"
_WRONG = "#A3123A"
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
    among the labels, and an answer is right if the whole set of classes is. Of more than twelve labels only
    those shown have their colours.

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
    _refuse_strangers(tested, training)
    palette = Palette(tested.names, tested.background) if palette is None else palette
    k = len(chosen)
    if k < 2:
        drawn = figure(6.0, 2.0)
        note(drawn.subplots(), "The model has one class, so there are no scores to set against each other.")
        return drawn
    told_apart = [*chosen, *([] if len(tested.names) > _KEYS else tested.names)]
    kinds = _kinds(tested, told_apart)
    known = [] if training is None else _kinds(training, told_apart)
    wrong = ~tested.correct()
    size = 1.9 if k > 3 else 2.6 if k > 2 else 4.2
    drawn = figure(max(6.4, size * (k - 1) + 0.9), max(4.2, size * (k - 1) + 1.0))
    grid = drawn.subplots(k - 1, k - 1, squeeze=False, sharex=True, sharey=True)
    for number, axes in enumerate(grid.flat):
        i, j = divmod(number, k - 1)
        if j > i:
            axes.set_axis_off()
            continue
        pair = [tested.classes.index(chosen[j]), tested.classes.index(chosen[i + 1])]
        if training is not None:
            _dots(axes, training.shares[:, pair], known, palette)
        if not only_errors:
            _marks(axes, tested.shares[:, pair], kinds, ~wrong, palette)
        _marks(axes, tested.shares[:, pair], kinds, wrong, palette, edge=_WRONG)
        if i == k - 2:
            axes.set_xlabel(wrapped(f"Share of {chosen[j]}", size - 0.3, 11.0))
        if j == 0:
            axes.set_ylabel(wrapped(f"Share of {chosen[i + 1]}", size - 0.3, 11.0))
    grid[0, 0].set(xlim=(-0.04, 1.04), ylim=(-0.04, 1.04), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
    pin_empty_labels(drawn)
    names = [name for name, _ in kinds] + [name for name, _ in known]
    edges = [] if only_errors else [("right", INK)]
    edges += [("wrong", _WRONG)] if wrong.any() else []
    _keys(drawn, list(dict.fromkeys(names)), edges, training is not None, k > 2, palette)
    several = "set of classes" if tested.several else "strongest source"
    left = "" if k == len(tested.classes) else f"; {k} of {len(tested.classes)} classes shown"
    title(drawn, f"{wrong.sum()} of {len(tested)} tested spectra have a wrong {several}{left}")
    return drawn


def _refuse_strangers(tested: Comparison, training: Comparison | None) -> None:
    if training is not None and training.classes != tested.classes:
        raise SettingsError(
            "training and tested spectra were analysed by different models",
            where="scores",
            expected=", ".join(tested.classes),
            found=", ".join(training.classes),
        )


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


def _kinds(compared: Comparison, names: Sequence[str]) -> list[tuple[str, NDArray[np.bool_]]]:
    """Return the spectra of each label that is to be told apart, after all others as one kind."""
    left = np.ones(len(compared), bool)
    kinds = []
    for name in dict.fromkeys(names):
        if name in compared.names:
            rows = compared.true_single == compared.names.index(name)
            left &= ~rows
            kinds.append((name, rows))
    return [(name, rows) for name, rows in [(_OTHERS, left), *kinds] if rows.any()]


def _look(name: str, palette: Palette) -> Look:
    return Look(NOTHING) if name == _OTHERS else palette[name]


def _dots(
    axes: Axes, points: NDArray[np.float64], kinds: list[tuple[str, NDArray[np.bool_]]], palette: Palette
) -> None:
    for name, rows in kinds:
        # a line without a line is drawn far faster than a scatter
        (dots,) = axes.plot(*points[rows].T, ".", color=_look(name, palette).colour, markersize=3)
        dots.set(alpha=0.5, markeredgewidth=0, zorder=1, rasterized=len(points) > _RASTER)


def _marks(
    axes: Axes,
    points: NDArray[np.float64],
    kinds: list[tuple[str, NDArray[np.bool_]]],
    chosen: NDArray[np.bool_],
    palette: Palette,
    edge: str = INK,
) -> None:
    for name, rows in kinds:
        look = _look(name, palette)
        (marks,) = axes.plot(*points[rows & chosen].T, look.mark, color=look.colour, markersize=4)
        marks.set(markeredgecolor=edge, markeredgewidth=0.4 if edge == INK else 0.9, alpha=0.8)
        marks.set(zorder=2 if edge == INK else 3, rasterized=len(points) > _RASTER)


def _keys(
    drawn: Figure,
    names: list[str],
    edges: list[tuple[str, str]],
    trained: bool,
    triangle: bool,
    palette: Palette,
) -> None:
    from matplotlib.lines import Line2D

    def key(label: str, mark: str, colour: str, **how: Any) -> Line2D:
        return Line2D([], [], linestyle="", marker=mark, color=colour, label=label, **how)

    order = [name for name in names if name != _OTHERS] + [name for name in names if name == _OTHERS]
    keys = [key(name, _look(name, palette).mark, _look(name, palette).colour) for name in order]
    keys += [key(name, "o", "white", markeredgecolor=edge, markeredgewidth=1.4) for name, edge in edges]
    if trained:
        keys.append(key("training", ".", "#777777", markersize=4))
    if triangle:  # its upper right half is free
        drawn.legend(handles=keys, loc="upper right", bbox_to_anchor=(0.99, 0.9), fontsize=10)
    else:
        drawn.legend(handles=keys, loc="outside right center", fontsize=10)


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
    room = (float(drawn.get_size_inches()[0]) - 3.4) / rows
    error = np.where(np.isnan(shown.run_error), shown.error, shown.run_error)
    wide = 0.84 / k
    for number, name in enumerate(shown.classes):
        look = palette[name]
        at = np.arange(rows) + (number - (k - 1) / 2) * wide
        axes.bar(at, scale * shown.mean[:, number], 0.92 * wide, color=look.colour, hatch=look.hatch or None,
                 edgecolor="white", linewidth=0.5, label=wrapped(name, 2.0, 10.0))  # fmt: skip
        for spread, line in ((shown.deviation, 0.9), (error, 3.0)):
            known = np.isfinite(spread[:, number])
            middle = scale * shown.mean[known, number]
            axes.errorbar(
                at[known], middle, scale * spread[known, number], fmt="none", ecolor=INK, elinewidth=line
            )
    axes.set_xticks(np.arange(rows), [_below(shown, row, room) for row in range(rows)])
    axes.tick_params(axis="x", length=0)
    axes.axhline(0, color="#555555", linewidth=0.8)
    axes.set_ylabel(unit)
    words = "Label (spectra in runs); lines: thin 1 standard deviation, thick standard error"
    axes.set_xlabel(wrapped(words, float(drawn.get_size_inches()[0]) - 3.2, 11.0))
    drawn.legend(loc="outside right upper")
    title(drawn, f"Mean {shown.of} of spectra by label")
    return drawn


def _scale(shown: MeanScores) -> tuple[float, str]:
    return (100.0, "Mean share (%)") if shown.of == "shares" else (1.0, "Mean score (counts or intensity)")


def _below(shown: MeanScores, row: int, inches: float) -> str:
    return wrapped(f"{shown.true[row]}\n({shown.n[row]} in {shown.runs[row]})", inches, 10.0)


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
