"""Figures as bytes: vector where that is small, raster where it is large."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gamma_flow.plot._style import styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Encoded", "encoded"]

_VECTOR_BELOW = 160_000  # bytes: a page of thirty pictures then stays below five megabytes
_RASTER_DPI = 130


@dataclass(frozen=True)
class Encoded:
    """One picture.

    Parameters
    ----------
    kind : str
        Media type: image/svg+xml or image/png.
    data : bytes
        The file.
    width, height : int
        Size in CSS pixels.
    """

    kind: str
    data: bytes
    width: int
    height: int

    @property
    def ending(self) -> str:
        """The ending of a file of it, with its dot."""
        return ".svg" if self.kind == "image/svg+xml" else ".png"


@styled
def encoded(drawn: Figure) -> Encoded:
    """Return a figure as SVG, or as PNG where the SVG is large.

    Letters become shapes, so that they look alike on every machine. The figure keeps its layout from then on.
    """
    import matplotlib as mpl

    drawn.draw_without_rendering()
    drawn.set_layout_engine("none")  # everything has its place now: no second look for either format
    inches = drawn.get_size_inches()
    width, height = (round(96 * float(size)) for size in inches)
    stream = io.BytesIO()
    with mpl.rc_context({"svg.fonttype": "path"}):
        drawn.savefig(stream, format="svg", metadata={"Date": None})
    if stream.tell() <= _VECTOR_BELOW:
        return Encoded("image/svg+xml", stream.getvalue(), width, height)
    stream = io.BytesIO()
    drawn.savefig(stream, format="png", dpi=_RASTER_DPI, metadata={"Software": None})
    return Encoded("image/png", stream.getvalue(), width, height)
