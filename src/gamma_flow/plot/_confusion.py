"""Confusion matrices: of single answers, and of sets of classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data.evaluation import Confusion, Evaluation
from gamma_flow.data.labels import BACKGROUND
from gamma_flow.diagnostics import SetConfusion
from gamma_flow.plot._shared import OUTCOME_LOOKS, ink_on, set_name, title, wrapped
from gamma_flow.plot._style import figure, styled
from gamma_flow.plot.palette import Palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["confusion"]

_NOTHING = "(none)"
_LETTER = 0.085  # inches that a letter of a tick label takes ...
_WIDE = 0.0722  # ... and that `wrapped` reckons with


@styled
def confusion(
    shown: Evaluation | Confusion | SetConfusion,
    *,
    background: str | None = None,
    palette: Palette | None = None,
) -> Figure:
    """Draw which label was taken for which: rows the truth, columns the answer.

    Each cell holds how many spectra, and the percent of its row; the fuller the colour, the greater that
    percent. Colour and mark say how the answer compares with the truth: = complete and correct (green),
    − incomplete (gold), + complete with extra (orange), ± incomplete with extra (red). For single answers a
    source taken for background is incomplete, background taken for a source is extra, a source taken for
    another one is both. Cells of gathered sets with several outcomes take the look of the most frequent one,
    and a dot. Where cells are too small for numbers, wrong answers keep their marks.

    Parameters
    ----------
    shown : Evaluation, Confusion or SetConfusion
        Single answers (`gamma_flow.evaluate`), or sets of classes (`gamma_flow.diagnostics.set_confusion`).
    background : str, optional
        The background class of single answers; that of the palette, or "background", by default.
    palette : Palette, optional
        Colours of the class names.

    Returns
    -------
    matplotlib.figure.Figure
        One matrix, its legend below.
    """
    if isinstance(shown, SetConfusion):
        rows, columns, about = _set_names(shown)
        counts, outcome = shown.counts, shown.by_outcome.argmax(axis=2)
        mixed = (shown.by_outcome > 0).sum(axis=2) > 1
        good = int(shown.by_outcome[:, :, 0].sum())
        title_of = f"{good} of {counts.sum()} sets of classes are complete and correct{about}"
    else:
        table = shown.confusion if isinstance(shown, Evaluation) else shown
        named = palette.background if palette is not None and palette.background else BACKGROUND
        floor = background if background is not None else named
        rows, columns, counts, outcome = _sorted(table, floor)
        mixed = np.zeros(counts.shape, bool)
        good = int(counts[outcome == 0].sum())
        title_of = f"{good} of {counts.sum()} spectra have the right strongest source"
    return _matrix(rows, columns, counts, outcome, mixed, title_of, palette)


def _set_names(shown: SetConfusion) -> tuple[list[str], list[str], str]:
    """Return names of rows and columns; the background is left out where all sets hold it."""
    every = [*shown.true, *shown.predicted]
    floor = shown.background if all(shown.background in names for names in every) else None
    empty = "(nothing)" if any(shown.background in names for names in every) else "(no source)"
    rows, columns = (
        [set_name(names, floor) if names else empty for names in side]
        for side in (shown.true, shown.predicted)
    )
    for side, more in zip((rows, columns), shown.gathered, strict=True):
        if more:
            side.append(f"({more} other{'s' if more > 1 else ''})")
    return rows, columns, "" if floor is None else f" ({floor} is in all of them)"


def _sorted(table: Confusion, floor: str) -> tuple[list[str], list[str], NDArray[Any], NDArray[Any]]:
    """Sort single answers by name, background and nothing last; tell the outcome of each cell."""

    def order(names: Sequence[str]) -> list[int]:
        return sorted(range(len(names)), key=lambda i: (names[i] == _NOTHING, names[i] == floor, names[i]))

    down, across = order(table.true), order(table.predicted)
    rows, columns = [table.true[i] for i in down], [table.predicted[i] for i in across]
    counts = table.counts[np.ix_(down, across)]
    true_none = np.array([name in (floor, _NOTHING) for name in rows])[:, None]
    found_none = np.array([name in (floor, _NOTHING) for name in columns])[None, :]
    equal = np.array(rows)[:, None] == np.array(columns)[None, :]
    kinds = [equal, ~true_none & found_none, true_none & ~found_none, true_none & found_none]
    return rows, columns, counts, np.select(kinds, [0, 1, 2, 1], 3)


def _matrix(
    rows: list[str],
    columns: list[str],
    counts: NDArray[Any],
    outcome: NDArray[Any],
    mixed: NDArray[np.bool_],
    words: str,
    palette: Palette | None,
) -> Figure:
    from matplotlib.colors import to_rgb

    cell = float(np.clip(8.5 / max(counts.shape), 0.17, 0.85))
    across = [_folded(name, cell) for name in columns]
    longest = _longest(across)
    wide = max(cell, min(longest + 0.1, 7.5 / len(columns))) if len(columns) <= 8 else cell
    totals = counts.sum(axis=1)
    labels = [_folded(f"{name}  ({total})", cell) for name, total in zip(rows, totals, strict=True)]
    left = 0.9 + _longest(labels)
    upright = longest > wide - 0.08
    below = 1.1 + (longest if upright else 0.25)
    drawn = figure(max(5.6, left + wide * len(columns) + 0.3), below + cell * len(rows) + 0.75)
    axes = drawn.subplots()
    looks = np.array([to_rgb(colour) for colour, _, _ in OUTCOME_LOOKS])
    part = counts / np.maximum(totals[:, None], 1)
    strength = np.where(counts > 0, 0.22 + 0.78 * part, 0.0)[..., None]
    fill = 1 - strength * (1 - looks[outcome])
    axes.imshow(fill, aspect="auto", interpolation="none")
    axes.set_xticks(np.arange(len(columns)), across, rotation=90 if upright else 0)
    axes.set_yticks(np.arange(len(rows)), labels)
    small = min(10.0, cell * 72 * 0.75)
    axes.tick_params(length=0, labelsize=small)
    _frames(axes, outcome, counts, cell)
    _numbers(axes, counts, part, outcome, mixed, fill, min(cell, wide))
    if palette is not None:
        for tick, name in zip(
            [*axes.get_xticklabels(), *axes.get_yticklabels()], [*columns, *rows], strict=True
        ):
            if name in palette:
                tick.set_color(palette[name].colour)
    axes.set_xlabel("Found")
    axes.set_ylabel("Labels (spectra)")
    axes.spines[:].set_visible(False)
    _legend(drawn, outcome[counts > 0], bool(mixed.any()))
    title(drawn, words)
    return drawn


def _folded(name: str, cell: float) -> str:
    """Break a long name where a row or column has room for several lines."""
    lines = int(cell * 72 / 13)
    letters = max(28, -(-len(name) // max(lines, 1)) + 6)
    return name if lines < 2 else wrapped(name, letters * _WIDE, 10.0)


def _longest(names: Sequence[str]) -> float:
    """Return the inches that the longest line of some names takes."""
    return _LETTER * max(len(line) for name in names for line in name.split("\n"))


def _frames(axes: Axes, outcome: NDArray[Any], counts: NDArray[Any], cell: float) -> None:
    """Draw the grid, and a frame in the colour of the outcome around each cell that holds something."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    high, wide = counts.shape
    axes.vlines(np.arange(wide + 1) - 0.5, -0.5, high - 0.5, color="#E4E4E4", linewidth=0.6, zorder=1)
    axes.hlines(np.arange(high + 1) - 0.5, -0.5, wide - 0.5, color="#E4E4E4", linewidth=0.6, zorder=1)
    axes.set(xlim=(-0.5, wide - 0.5), ylim=(high - 0.5, -0.5))
    for kind, (colour, _, _) in enumerate(OUTCOME_LOOKS):
        cells = np.argwhere((outcome == kind) & (counts > 0))
        boxes = [Rectangle((x - 0.47, y - 0.47), 0.94, 0.94) for y, x in cells]
        width = 1.6 if cell > 0.35 else 0.7
        axes.add_collection(
            PatchCollection(boxes, facecolor="none", edgecolor=colour, linewidth=width, zorder=2)
        )


def _numbers(
    axes: Axes,
    counts: NDArray[Any],
    part: NDArray[Any],
    outcome: NDArray[Any],
    mixed: NDArray[np.bool_],
    fill: NDArray[Any],
    cell: float,
) -> None:
    """Write counts, percent and marks into the cells that are large enough."""
    letters = len(str(int(counts.max(initial=0))))
    size = min(10.0, cell * 72 / max(letters, 3) / 0.66)
    if size < 6.5:  # no room for numbers: marks of the wrong answers alone, so that colour is not
        for y, x in np.argwhere((counts > 0) & (outcome > 0)):
            mark, ink = OUTCOME_LOOKS[outcome[y, x]][1], ink_on(fill[y, x])
            axes.text(x, y, mark, ha="center", va="center", fontsize=cell * 72 * 0.6, color=ink)
        return
    both = cell >= 0.58
    for y, x in np.argwhere(counts > 0):
        ink = ink_on(fill[y, x])
        percent = 100 * part[y, x]
        told = "<1 %" if percent < 1 else ">99 %" if 99.5 <= percent < 100 else f"{percent:.0f} %"
        text = f"{counts[y, x]}\n{told}" if both else f"{counts[y, x]}"
        axes.text(
            x,
            y + (0.08 if both else 0.0),
            text,
            ha="center",
            va="center",
            in_layout=False,  # it lies within its cell
            fontsize=size,
            color=ink,
            linespacing=1.1,
        )
        if both:
            mark = OUTCOME_LOOKS[outcome[y, x]][1] + ("•" if mixed[y, x] else "")
            axes.text(
                x - 0.42, y - 0.42, mark, ha="left", va="top", fontsize=size, color=ink, in_layout=False
            )


def _legend(drawn: Figure, seen: NDArray[Any], mixed: bool) -> None:
    from matplotlib.patches import Patch

    handles = [
        Patch(facecolor=colour, label=f"{mark}  {words}")
        for kind, (colour, mark, words) in enumerate(OUTCOME_LOOKS)
        if (seen == kind).any()
    ]
    if mixed:
        handles.append(Patch(facecolor="none", label="•  several outcomes, the most frequent one shown"))
    across = 4 if drawn.get_size_inches()[0] > 8.5 else 2
    drawn.legend(handles=handles, loc="outside lower left", ncols=across, fontsize=9.5, handlelength=1.0)
