"""The head of a figure: its title, and below it a legend that all panels share."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["header"]

_TITLE, _LEGEND = 12.0, 10.0  # points
_LETTERS = 10.4  # of the title in an inch
_LINE = 1.35  # of the size of letters
_MARGIN = 0.10  # inches


def header(drawn: Figure, title: str, handles: Sequence[Any] = (), labels: Sequence[str] = ()) -> None:
    """Write a title, and a legend below it, above everything else; the figure grows by what they take.

    Parameters
    ----------
    drawn : matplotlib.figure.Figure
        With a constrained layout, which gets what is below the head.
    title : str
        Wrapped to the width of the figure.
    handles, labels : sequences
        Of the legend, as ``axes.get_legend_handles_labels()`` returns them.
    """
    width, height = (float(size) for size in drawn.get_size_inches())
    lines = textwrap.wrap(title, max(20, int((width - 2 * _MARGIN) * _LETTERS)))
    above = len(lines) * _TITLE * _LINE / 72 + _MARGIN
    columns = 1
    if labels:
        longest = max(map(len, labels))
        columns = max(1, min(len(labels), int((width - _MARGIN) / (longest * 0.08 + 0.55))))
        above += math.ceil(len(labels) / columns) * _LEGEND * (_LINE + 0.15) / 72 + _MARGIN
    drawn.set_size_inches(width, height + above)
    whole = height + above
    drawn.text(
        _MARGIN / width,
        1.0 - _MARGIN / whole,
        "\n".join(lines),
        ha="left",
        va="top",
        fontsize=_TITLE,
        linespacing=1.2,
    )
    if labels:
        drawn.legend(
            handles,
            labels,
            loc="upper left",
            bbox_to_anchor=(0.0, 1.0 - (len(lines) * _TITLE * _LINE / 72 + _MARGIN) / whole),
            ncols=columns,
            borderaxespad=0.2,
            handlelength=2.6,
            handletextpad=0.5,
            columnspacing=1.6,
        )
    engine: Any = drawn.get_layout_engine()
    engine.set(rect=(0.0, 0.0, 1.0, height / whole))
