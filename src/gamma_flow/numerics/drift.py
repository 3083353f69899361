"""What a detector does to every template alike: gain, offset and resolution as small changes of shape.

A drifting detector moves peaks; the counts it delivers stay Poisson. So the counts are left where they are
and the templates get derivatives: the change of a template for one prior standard deviation of the gain, of
the offset, of the resolution. They enter the fit as signed columns with a bounded prior
(`gamma_flow.numerics.decompose`). Large drifts, beyond what a derivative describes, are looked for on a grid
of moved templates (`moved`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.errors import DataError
from gamma_flow.numerics.rebin import rebin_smooth

__all__ = ["blurred", "derivatives", "moved", "width_of_lines"]

Floats = NDArray[np.float64]

_STEP = 0.5  # of a prior standard deviation: central differences over this much on either side
_LEAST_BEND = 1e-3  # second difference of a line, relative to its top: less is rounding or a slope
_LOWEST_LINE = 40.0  # keV: below it absorption edges look like lines
_TO_SIGMA = 1 / 2.3548200450309493  # of a Gaussian's full width at half maximum


def moved(shapes: ArrayLike, edges: ArrayLike, gain: float = 1.0, offset: float = 0.0) -> Floats:
    """Return templates as a detector with another calibration would record them.

    A pulse that belongs to energy E comes out at ``gain * E + offset``, in a channel that the nominal
    ``edges`` name.

    Parameters
    ----------
    shapes : (K, C) array_like
        Counts a channel.
    edges : (C + 1,) array_like
        Nominal edges, increasing.
    gain : float
        Positive.
    offset : float
        In the unit of the edges.

    Returns
    -------
    (K, C) float64
        What is moved beyond the ends is lost; nothing comes in from there.

    Examples
    --------
    >>> moved([[0.0, 2.0, 4.0, 2.0, 0.0]], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0], offset=1.0)
    array([[0., 0., 2., 4., 2.]])
    """
    if not gain > 0:
        raise DataError("a gain is positive", where="gain", expected="> 0", found=f"{gain:g}")
    at = np.asarray(edges, np.float64)
    return rebin_smooth(np.asarray(shapes, np.float64), gain * at + offset, at)


def blurred(shapes: ArrayLike, edges: ArrayLike, sigma: ArrayLike) -> Floats:
    """Return the change of templates when the variance of every line grows by ``sigma**2``, to first order.

    Half of ``sigma(E)**2`` times the second derivative of the density (the heat equation), written as the
    difference of fluxes through the edges, so that counts are conserved.

    Parameters
    ----------
    shapes : (K, C) array_like
        Counts a channel.
    edges : (C + 1,) array_like
        Edges.
    sigma : float or (C + 1,) array_like
        Added standard deviation at the edges, in their unit.

    Returns
    -------
    (K, C) float64
        To be added to the shapes.
    """
    t = np.asarray(shapes, np.float64)
    at = np.asarray(edges, np.float64)
    width = np.diff(at)
    density = t / width
    centre = 0.5 * (at[1:] + at[:-1])
    variance = np.broadcast_to(np.asarray(sigma, np.float64), at.shape) ** 2
    flux = np.zeros((len(t), len(at)))
    flux[:, 1:-1] = 0.5 * variance[1:-1] * np.diff(density, axis=1) / np.diff(centre)
    change: Floats = np.diff(flux, axis=1)
    return change


def derivatives(
    shapes: ArrayLike,
    edges: ArrayLike,
    *,
    gain: float = 0.0,
    offset: float = 0.0,
    resolution: float = 0.0,
    width: ArrayLike | None = None,
) -> Floats:
    """Return the change of each template for one prior standard deviation of what may drift.

    Parameters
    ----------
    shapes : (K, C) array_like
        Counts a channel.
    edges : (C + 1,) array_like
        Edges.
    gain : float
        Prior standard deviation of the relative gain; 0 leaves the column out, here and below.
    offset : float
        That of the offset, in the unit of the edges.
    resolution : float
        That of the relative width of a line.
    width : (C + 1,) array_like
        Full width at half maximum of a line at the edges, in their unit; needed for the resolution.

    Returns
    -------
    (D, K, C) float64
        In the order gain, offset, resolution.
    """
    t = np.asarray(shapes, np.float64)
    columns = []
    if gain > 0:
        h = _STEP * gain
        columns.append((moved(t, edges, 1 + h) - moved(t, edges, 1 - h)) / (2 * _STEP))
    if offset > 0:
        h = _STEP * offset
        columns.append((moved(t, edges, 1.0, h) - moved(t, edges, 1.0, -h)) / (2 * _STEP))
    if resolution > 0:
        if width is None:
            raise DataError(
                "the resolution needs the width of a line", where="width", cure="give it, or resolution=0"
            )
        # a relative change r of the width changes the variance by 2 r sigma^2
        sigma = np.sqrt(2 * resolution) * np.asarray(width, np.float64) * _TO_SIGMA
        columns.append(blurred(t, edges, sigma))
    return np.stack(columns) if columns else np.zeros((0, *t.shape))


def width_of_lines(shapes: ArrayLike, edges: ArrayLike, otherwise: float) -> float:
    """Read the width of lines off templates: full width at half maximum over energy, at 662 keV.

    About a Gaussian line on any straight continuum the second derivative changes its sign one standard
    deviation to either side. It is taken on the root of the energy, on which the lines of most detectors are
    equally wide, at the sharpest line of each template.

    Parameters
    ----------
    shapes : (K, C) array_like
        Templates, in counts a channel.
    edges : (C + 1,) array_like
        keV.
    otherwise : float
        What is returned where no template has a line.

    Returns
    -------
    float
        The median over the templates, between 0.002 and 0.25.
    """
    t = np.asarray(shapes, np.float64)
    at = np.asarray(edges, np.float64)
    use = np.flatnonzero(at[:-1] >= _LOWEST_LINE)
    if len(use) < 16 or len(t) == 0:
        return otherwise
    at, t = at[use[0] :], t[:, use]
    u = np.linspace(np.sqrt(at[0]), np.sqrt(at[-1]), len(at))
    # at low energies its steps are finer than channels: counts spread evenly over them would be stairs
    density = rebin_smooth(t, np.sqrt(at), u)
    step = u[1] - u[0]
    found = []
    for row in density:
        # fine noise is smoothed away as long as lines are wider than a few channels
        smooth = np.convolve(row, [0.25, 0.5, 0.25], mode="same")
        bend = np.zeros_like(smooth)
        bend[1:-1] = smooth[2:] - 2 * smooth[1:-1] + smooth[:-2]
        top = int(np.argmin(bend[2:-2])) + 2
        if not bend[top] < -1e-6 * np.abs(smooth).max():  # straight but for rounding
            continue
        left = top
        while left > 0 and bend[left] < 0:
            left -= 1
        right = top
        while right < len(bend) - 1 and bend[right] < 0:
            right += 1
        if right - left < 2 or not -bend[top] > _LEAST_BEND * smooth[top]:
            continue
        lo = left + bend[left] / (bend[left] - bend[left + 1]) if bend[left] > 0 else float(left)
        hi = right - bend[right] / (bend[right] - bend[right - 1]) if bend[right] > 0 else float(right)
        variance = (0.5 * (hi - lo)) ** 2 - 0.5  # less that of the smoothing
        if variance > 0.25:
            # dE = 2 sqrt(E) du, and the width over the energy at 662 keV is 2 w / sqrt(662)
            found.append(2 * np.sqrt(variance) * step / _TO_SIGMA / np.sqrt(662.0))
    return float(np.clip(np.median(found), 0.002, 0.25)) if found else otherwise
