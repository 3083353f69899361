"""What all plots share: an empty figure, fonts, axes that name their unit, writing to a file."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike

from gamma_flow.errors import MissingDependencyError, WriteError
from gamma_flow.plot.palette import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import StepPatch

    from gamma_flow.data.axis import Axis

__all__ = [
    "axis_label",
    "figure",
    "grid_of",
    "legend",
    "note",
    "outer_labels",
    "pin_empty_labels",
    "save",
    "stairs",
    "styled",
    "value_label",
]

P = ParamSpec("P")
R = TypeVar("R")

_RC: Any = {
    "font.size": 11.0,
    "axes.titlesize": 12.0,
    "axes.labelsize": 11.0,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "axes.labelcolor": INK,
    "axes.formatter.limits": (-3, 5),
    "axes.formatter.use_mathtext": True,
    "axes.axisbelow": True,
    "text.color": INK,
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "xtick.labelsize": 10.0,
    "ytick.labelsize": 10.0,
    "legend.frameon": False,
    "legend.fontsize": 10.0,
    "lines.linewidth": 1.4,
    "hatch.linewidth": 0.6,
    "savefig.dpi": 144,
    "figure.dpi": 100,
    "svg.fonttype": "none",
    "svg.hashsalt": "gamma_flow",  # the same figure gives the same file
    "path.simplify": True,
}

_QUANTITIES = {
    "keV": "Energy (keV)",
    "MeV": "Energy (MeV)",
    "eV": "Energy (eV)",
    "cm-1": "Wavenumber (cm$^{-1}$)",
    "nm": "Wavelength (nm)",
    "um": "Wavelength (µm)",
    "µm": "Wavelength (µm)",
    "angstrom": "Wavelength (Å)",
    "m/z": "m/z",
    "channel": "Channel",
    "s": "Time (s)",
}


def styled(function: Callable[P, R]) -> Callable[P, R]:
    """Run a plot under our settings and leave those of the process as they were.

    Raises
    ------
    MissingDependencyError
        Matplotlib is not installed.
    """

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            import matplotlib as mpl
        except ImportError as problem:
            raise MissingDependencyError(
                "plots need matplotlib", cure="pip install gamma-flow[plot]"
            ) from problem
        with mpl.rc_context(_RC):
            return function(*args, **kwargs)

    return wrapped


def figure(width: float = 8.0, height: float = 4.5) -> Figure:
    """Return an empty figure, sizes in inches, that belongs to no window."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def grid_of(number: int, columns: int = 3) -> tuple[int, int]:
    """Return rows and columns for so many panels, no more columns than are filled.

    Examples
    --------
    >>> grid_of(5), grid_of(2), grid_of(1)
    ((2, 3), (1, 2), (1, 1))
    """
    across = max(1, min(columns, number))
    return max(1, math.ceil(number / across)), across


def axis_label(axis: Axis) -> str:
    """Return what an axis is, with its unit."""
    return _QUANTITIES.get(axis.unit, f"Position ({axis.unit})" if axis.unit else "Channel")


def value_label(kind: str, *, normalised: bool = False) -> str:
    """Return what stands along the upright axis of a spectrum."""
    if normalised:
        return "Part of all counts per channel" if kind == "counts" else "Intensity (unit integral)"
    return "Counts per channel" if kind == "counts" else "Intensity"


def stairs(
    axes: Axes,
    values: ArrayLike,
    edges: ArrayLike,
    *,
    color: str,
    baseline: ArrayLike | None = 0.0,
    fill: bool = False,
    **look: Any,
) -> StepPatch:
    """Draw values between edges, as `Axes.stairs` does, in a tenth of its time.

    That one looks for the extrema of a step line as if each step were a curve. Here the extrema are those of
    the values.
    """
    from matplotlib.patches import StepPatch

    high, along = np.asarray(values, float), np.asarray(edges, float)
    look = {"facecolor": color, "linewidth": 0.0, **look} if fill else {"edgecolor": color, **look}
    drawn = StepPatch(high, along, baseline=cast(Any, baseline), fill=fill, **look)
    axes.add_artist(drawn)
    ends = high if baseline is None else np.concatenate([high, np.ravel(np.asarray(baseline, float))])
    ends = ends[np.isfinite(ends)]
    if baseline is not None:
        drawn.sticky_edges.y.append(float(np.min(baseline)))
    if ends.size:
        axes.update_datalim([(along[0], ends.min()), (along[-1], ends.max())])
    axes.autoscale_view()
    return drawn


def legend(axes: Axes, *, rows: int = 1, **how: Any) -> None:
    """Put the legend above the axes, where it covers no data; ``rows`` lines at least."""
    handles, labels = axes.get_legend_handles_labels()
    if not handles:
        return
    how.setdefault("ncols", max(1, math.ceil(len(handles) / rows)))
    axes.legend(handles, labels, loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.2, **how)


def outer_labels(drawn: Figure, across: str, up: str) -> None:
    """Label all panels together, below them and at their left."""
    drawn.supxlabel(across, fontsize=11)
    drawn.supylabel(up, fontsize=11)
    pin_empty_labels(drawn)


def pin_empty_labels(drawn: Figure) -> None:
    """Give the labels of axes that have none a fixed place.

    Matplotlib would measure all ticks again and again to find one for each, a quarter of the time that a
    figure of many panels takes.
    """
    for axes in drawn.axes:
        if not axes.get_xlabel():
            axes.xaxis.set_label_coords(0.5, -0.15)
        if not axes.get_ylabel():
            axes.yaxis.set_label_coords(-0.15, 0.5)


def note(axes: Axes, text: str) -> None:
    """Say in place of a panel why it is left out: no frame, no ticks, one sentence."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center", va="center", wrap=True, color="#555555", transform=axes.transAxes)


@styled
def save(drawn: Figure, path: str | Path) -> Path:
    """Write a figure as PNG, SVG or PDF, by the ending of the path.

    Parameters
    ----------
    drawn : matplotlib.figure.Figure
        What a function of `gamma_flow.plot` returned.
    path : str or Path
        Where to; a folder that does not exist is made.

    Returns
    -------
    Path
        The same path.

    Raises
    ------
    WriteError
        An ending that matplotlib does not know, or a place that cannot be written.
    """
    target = Path(path)
    metadata = {".png": {"Software": None}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        drawn.savefig(target, metadata=metadata.get(target.suffix.lower()))
    except (OSError, ValueError) as problem:
        raise WriteError(
            f"the figure cannot be written: {problem}",
            where=str(target),
            cure="give a path that ends in .png, .svg or .pdf in a folder that can be written",
        ) from problem
    return target
