"""What the plots of test results share: titles, names of sets, looks of outcomes, unused channels."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow.plot.palette import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gamma_flow.data.axis import Axis

__all__ = ["OUTCOME_LOOKS", "UNUSED", "ink_on", "set_name", "shade_unused", "steps", "title", "wrapped"]

# colour, mark and words of the outcomes "exact", "incomplete", "extra", "both": a green, gold, orange and red
# that differ in lightness, too; the mark says the same without colour
OUTCOME_LOOKS = (
    ("#1B8A6B", "=", "complete and correct"),
    ("#F2D15C", "−", "incomplete"),
    ("#E8894A", "+", "complete with extra"),
    ("#A3123A", "±", "incomplete with extra"),
)
UNUSED = "#EFEFEF"
_WIDTH = 0.52  # of a letter over its height, on average


def wrapped(text: str, inches: float, size: float) -> str:
    """Break a text into lines that fit into so many inches at a font size in points."""
    letters = max(12, int(inches * 72 / (size * _WIDTH)))
    return "\n".join(
        "\n".join(textwrap.wrap(line, letters, break_long_words=False)) for line in text.split("\n")
    )


def title(drawn: Figure, text: str, size: float = 12.0, *, beside: float = 0.0) -> None:
    """Write what is seen above all panels, at the left; a legend ``beside`` it takes so many inches."""
    width = float(drawn.get_size_inches()[0]) - beside
    drawn.suptitle(wrapped(text, width - 0.3, size), x=0.012, ha="left", fontsize=size)


def set_name(names: Sequence[str], without: str | None = None) -> str:
    """Return a set of classes as one text, ``without`` left out unless it stands alone.

    Examples
    --------
    >>> set_name(("Co60", "Cs137", "background"), "background"), set_name(("background",), "background")
    ('Co60 + Cs137', 'background')
    >>> set_name(())
    '(nothing)'
    """
    kept = [name for name in names if name != without] or list(names)
    return " + ".join(kept) if kept else "(nothing)"


def ink_on(colour: Any) -> str:
    """Return the colour of text that can be read on a background of (R, G, B), each 0..1."""
    red, green, blue = (float(part) for part in colour[:3])
    return INK if 0.299 * red + 0.587 * green + 0.114 * blue > 0.55 else "white"


def shade_unused(axes: Axes, axis: Axis, active: NDArray[np.bool_]) -> bool:
    """Grey the channels that are not used; say whether there are any."""
    edges, change = axis.edges, np.flatnonzero(np.diff(np.r_[True, active, True].astype(int)))
    label: str | None = "not used"
    for first, last in change.reshape(-1, 2):
        axes.axvspan(edges[first], edges[last], color=UNUSED, linewidth=0, zorder=0, label=label)
        label = None
    return len(change) > 0


def steps(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values with the last one twice, as ``step="post"`` wants them on edges."""
    return np.append(values, values[-1:])
