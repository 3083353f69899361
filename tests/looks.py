"""What a reader would see of a figure: is a text cut, do texts overlap, does a legend lie over data?"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

__all__ = ["faults", "texts"]

_SLACK = 1.5  # pixels that two boxes of text may share


def texts(drawn: Figure) -> list[str]:
    """Return all words of a figure."""
    return [item.get_text() for item in drawn.findobj(Text) if item.get_text().strip() and item.get_visible()]


def faults(drawn: Figure) -> list[str]:
    """Return what is wrong with how a figure reads, a sentence each; an empty list if nothing is.

    Looked for: text outside the figure, texts over each other, tick labels over each other, a legend over
    the points of a line, a scatter or a bar of its own axes, an empty frame.
    """
    canvas = FigureCanvasAgg(drawn)
    canvas.draw()
    renderer = canvas.get_renderer()
    whole = drawn.bbox
    found: list[str] = []
    boxes: list[tuple[str, Bbox]] = []
    for item in _shown_texts(drawn):
        box = item.get_window_extent(renderer)
        name = item.get_text().replace("\n", " ")
        if not (
            whole.x0 - 1 <= box.x0
            and box.x1 <= whole.x1 + 1
            and whole.y0 - 1 <= box.y0
            and box.y1 <= whole.y1 + 1
        ):
            found.append(f"'{name}' is cut by the edge of the figure")
        if item.get_rotation() % 90 == 0:  # the box of a slanted text says nothing of its letters
            boxes.append((name, box))
    for (one, a), (other, b) in combinations(boxes, 2):
        across = min(a.x1, b.x1) - max(a.x0, b.x0)
        down = min(a.y1, b.y1) - max(a.y0, b.y0)
        if across > _SLACK and down > _SLACK:
            found.append(f"'{one}' lies over '{other}'")
    for axes in drawn.axes:
        if not axes.get_visible():
            continue
        box_of_legend = axes.get_legend()
        if box_of_legend is not None:
            covered = _points(axes)
            box = box_of_legend.get_window_extent(renderer)
            inside = (
                (covered[:, 0] > box.x0)
                & (covered[:, 0] < box.x1)
                & (covered[:, 1] > box.y0)
                & (covered[:, 1] < box.y1)
                & axes.bbox.contains(*box.get_points().mean(axis=0))
            )
            if inside.any():
                found.append(f"a legend covers {int(inside.sum())} points of data")
        if axes.axison and not _has_data(axes):
            found.append("an empty frame")
    return found


def _shown_texts(drawn: Figure) -> list[Text]:
    """Return texts that are drawn: visible, not empty, and not ticks outside the range of their axis."""
    out = []
    hidden: set[int] = set()
    for axes in drawn.axes:
        if not axes.axison or not axes.get_visible():
            hidden |= {id(item) for axis in (axes.xaxis, axes.yaxis) for item in axis.findobj(Text)}
            continue
        for axis in (axes.xaxis, axes.yaxis):
            seen = {id(tick) for tick in axis._update_ticks()}  # type: ignore[attr-defined]
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                if id(tick) not in seen:
                    hidden |= {id(tick.label1), id(tick.label2)}
    for item in drawn.findobj(Text):
        if (
            item.get_visible()
            and item.get_text().strip()
            and id(item) not in hidden
            and _parents_visible(item)
        ):
            out.append(item)
    return out


def _parents_visible(item: Artist) -> bool:
    axes = getattr(item, "axes", None)
    return axes is None or bool(axes.get_visible())


def _points(axes: object) -> np.ndarray:
    """Return the data of lines, scatters and bars in pixels, shape (n, 2)."""
    out = [np.zeros((0, 2))]
    for line in axes.get_lines():  # type: ignore[attr-defined]
        path = line.get_path().transformed(line.get_transform())
        # what lies between two far points is data, too
        steps = 1 + 200 // max(len(path.vertices), 1)
        out.append(path.interpolated(steps).vertices)
    for patch in axes.patches:  # type: ignore[attr-defined]
        path = patch.get_path().transformed(patch.get_transform())
        out.append(path.vertices)
    for part in axes.collections:  # type: ignore[attr-defined]
        if isinstance(part, PathCollection):
            out.append(part.get_offset_transform().transform(np.ma.filled(part.get_offsets(), np.nan)))
    points = np.concatenate(out)
    return points[np.isfinite(points).all(axis=1)]


def _has_data(axes: object) -> bool:
    return bool(
        axes.lines or axes.patches or axes.collections or axes.images or axes.texts or axes.tables  # type: ignore[attr-defined]
    )
