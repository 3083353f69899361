"""What a detector does to every template alike: gain, offset and resolution as small changes of shape.

A drifting detector moves peaks; the counts it delivers stay Poisson. So the counts are left where they are and the
templates get derivatives: the change of a template for one prior standard deviation of the gain, of the offset, of
the resolution. They enter the fit as signed columns with a bounded prior (`gamma_flow.numerics.decompose`). Large
drifts, beyond what a derivative describes, are looked for on a grid of moved templates (`moved`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.errors import DataError
from gamma_flow.numerics.rebin import rebin_counts

__all__ = ["blurred", "derivatives", "moved"]

Floats = NDArray[np.float64]

_STEP = 0.5  # of a prior standard deviation: central differences over this much on either side
_TO_SIGMA = 1 / 2.3548200450309493  # of a Gaussian's full width at half maximum


def moved(shapes: ArrayLike, edges: ArrayLike, gain: float = 1.0, offset: float = 0.0) -> Floats:
    """Return templates as a detector with another calibration would record them.

    A pulse that belongs to energy E comes out at ``gain * E + offset``, in a channel that the nominal ``edges`` name.

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
    >>> moved([[0.0, 4.0, 0.0]], [0.0, 1.0, 2.0, 3.0], offset=0.25)
    array([[0., 3., 1.]])
    """
    if not gain > 0:
        raise DataError("a gain is positive", where="gain", expected="> 0", found=f"{gain:g}")
    at = np.asarray(edges, np.float64)
    return rebin_counts(np.asarray(shapes, np.float64), gain * at + offset, at).values


def blurred(shapes: ArrayLike, edges: ArrayLike, sigma: ArrayLike) -> Floats:
    """Return the change of templates when the variance of every line grows by ``sigma**2``, to first order.

    Half of ``sigma(E)**2`` times the second derivative of the density (the heat equation), written as the difference
    of fluxes through the edges, so that counts are conserved.

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
