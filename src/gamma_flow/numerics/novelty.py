"""How templates of a class may be wrong, and how far a spectrum is from everything the model can make."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.errors import DataError, IncompatibleError
from gamma_flow.numerics.similarity import blocks, matrix
from gamma_flow.numerics.unknown import Peaks, Unknown, residual_template

__all__ = ["Peaks", "Unknown", "learned_modes", "peak_excess", "residual_template", "smooth_modes"]

Floats = NDArray[np.float64]

_FEWEST = 10  # spectra from which the scatter of a class is learned
_ITERATIONS = 30
_PEAK_REACH = 3.0  # standard deviations of a peak to either side of it that its filter looks at
_LEAST_SIGMA = 0.5  # channels
_FLOOR = 0.05  # counts a channel below which no variance falls, as in the fit
_TO_SIGMA = 1 / 2.3548200450309493  # of a Gaussian's full width at half maximum


def smooth_modes(shapes: ArrayLike, count: int, sd: float) -> Floats:
    """Return slow changes of a template along the channels: shield, scatter, simulation against reality.

    ``T_k sqrt(2) cos(pi j sqrt(x))`` with ``x = (channel + 1/2) / C`` and j = 1..count: finer at low
    channels, where absorption acts. Each is made sum-free, because a change of the sum is the score's
    business.

    Parameters
    ----------
    shapes : (K, C) array_like
        Templates of unit sum.
    count : int
        Q.
    sd : float
        Relative standard deviation of all of them together.

    Returns
    -------
    (K, Q, C) float64
    """
    t = np.asarray(shapes, np.float64)
    c = t.shape[1]
    x = np.sqrt((np.arange(c) + 0.5) / c)
    basis = np.sqrt(2.0) * np.cos(np.pi * np.arange(1, count + 1)[:, None] * x)
    modes: Floats = t[:, None, :] * basis[None] * (sd / np.sqrt(max(count, 1)))
    total = t.sum(axis=1)[:, None, None]
    modes -= t[:, None, :] / np.where(total > 0, total, 1.0) * modes.sum(axis=2, keepdims=True)
    return np.asarray(modes, dtype=np.float64)


def learned_modes(spectra: ArrayLike, count: int, active: ArrayLike | None = None) -> Floats:
    """Return how the spectra of one class scatter about their mean beyond counting.

    Principal components of the normalised spectra, whitened by the root of the mean, with the variance of
    counting subtracted from the diagonal. Found by subspace iteration, so that many channels cost little.

    Parameters
    ----------
    spectra : (N, C) array_like
        Counts of one class alone.
    count : int
        Q.
    active : (C,) array_like of bool, optional
        Channels that are used; all by default.

    Returns
    -------
    (Q, C) float64
        Modes times their standard deviation, for a spectrum of unit sum over the active channels; zeros
        elsewhere, and where there is no scatter.
    """
    every = np.asarray(spectra, np.float64)
    use = np.ones(every.shape[1], bool) if active is None else np.asarray(active)
    s = every[:, use]
    s = s[s.sum(axis=1) > 0]
    out = np.zeros((count, every.shape[1]))
    if count == 0 or len(s) < _FEWEST:
        return out
    total = s.sum(axis=1, keepdims=True)
    mean = s.sum(axis=0) / total.sum()
    root = np.sqrt(np.maximum(mean, 1e-7))
    z = (s / total - mean) / root
    noise = mean * (1 / total).mean() / root**2
    width = min(count + 6, z.shape[1])
    basis = np.linalg.qr(_start(z, width))[0]
    shift = noise.max()  # makes the matrix positive, so that the largest in size are the largest
    for _ in range(_ITERATIONS):
        basis = np.linalg.qr(z.T @ (z @ basis) / len(s) + (shift - noise)[:, None] * basis)[0]
    inner = z @ basis
    small = inner.T @ inner / len(s) - basis.T @ (noise[:, None] * basis)
    values, vectors = np.linalg.eigh(0.5 * (small + small.T))
    best = np.argsort(-values)[:count]
    found = (np.sqrt(np.maximum(values[best], 0.0)) * (basis @ vectors[:, best])).T * root
    out[: len(found), use] = found
    return out


def peak_excess(
    values: ArrayLike,
    mean: ArrayLike,
    widths: ArrayLike,
    *,
    mismatch: ArrayLike = 0.0,
    sigma: ArrayLike | None = None,
) -> Floats:
    """Return the strongest peak of each residual, in standard deviations of chance.

    A filter as wide as a line, of zero area: what is left of the continuum under a peak, and slow
    differences between template and detector, count for nothing.

    Parameters
    ----------
    values : (N, A) array_like
        Counts.
    mean : (N, A) array_like
        Fitted counts.
    widths : (A,) array_like
        Full width at half maximum of a line at each channel, in channels.
    mismatch : float or (N,) array_like
        Relative standard deviation of a channel about the fit beyond counting.
    sigma : (N, 1) or (N, A) array_like, optional
        Standard deviation of the values, where they are not counts.

    Returns
    -------
    (N,) float64
        The largest over the channels, 0 at least. With 200 channels chance alone gives about 3.

    Raises
    ------
    DataError
        Widths that are not positive.
    IncompatibleError
        Shapes that do not fit each other.

    References
    ----------
    M. A. Mariscotti, Nuclear Instruments and Methods 50 (1967) 309 (peaks by a filter without area).

    Examples
    --------
    >>> values = np.full((2, 40), 100.0)
    >>> values[1, 19:22] += [50.0, 100.0, 50.0]
    >>> peak_excess(values, np.full((2, 40), 100.0), np.full(40, 2.0)).round(1)
    array([0. , 9.6])
    """
    y, mu = matrix(values, "values"), matrix(mean, "mean")
    width, f = np.asarray(widths, np.float64), np.asarray(mismatch, np.float64)
    n, a = y.shape
    if mu.shape != y.shape or width.shape != (a,) or f.shape not in ((), (n,)):
        raise IncompatibleError(
            "values, mean, widths and mismatch do not fit",
            expected=f"(N, A), (N, A), (A,), one or (N,) with N = {n}, A = {a}",
            found=f"{y.shape}, {mu.shape}, {width.shape}, {f.shape}",
        )
    if not (np.isfinite(width) & (width > 0)).all():
        raise DataError("a width is not positive", where="widths", found=f"{float(np.min(width)):g}")
    filters = _peak_filters(width)
    f, out = np.broadcast_to(f, (n,)), np.zeros(n)
    for rows in blocks(n, a):
        fit = np.asarray(mu[rows], np.float64)
        if sigma is None:
            variance = np.maximum(fit, _FLOOR) + (f[rows, None] * fit) ** 2
        else:
            variance = np.broadcast_to(np.square(np.asarray(sigma, np.float64)[rows]), fit.shape)
        rest, net, spread = y[rows] - fit, np.zeros(fit.shape), np.zeros(fit.shape)
        # channel by channel of the filter, so that the sums are the same in any batch
        for offset, weight in filters:
            lo, hi = max(0, -offset), min(a, a - offset)
            net[:, lo:hi] += weight[lo:hi] * rest[:, lo + offset : hi + offset]
            spread[:, lo:hi] += weight[lo:hi] ** 2 * variance[:, lo + offset : hi + offset]
        excess = np.divide(net, np.sqrt(spread), out=np.zeros_like(net), where=spread > 0)
        out[rows] = excess.max(axis=1, initial=0.0)
    return out


def _peak_filters(width: Floats) -> list[tuple[int, Floats]]:
    """Return a Gaussian at each channel less its mean over its surroundings: offsets with weights (A,)."""
    s = np.maximum(width * _TO_SIGMA, _LEAST_SIGMA)[:, None]
    a = len(width)
    reach = min(int(np.ceil(max(_PEAK_REACH * float(s.max()), 2.0))), a - 1)
    x = np.arange(-reach, reach + 1)
    to = np.arange(a)[:, None] + x
    near = (np.abs(x) <= np.maximum(np.ceil(_PEAK_REACH * s), 2.0)) & (to >= 0) & (to < a)
    bell = np.where(near, np.exp(-0.5 * (x / s) ** 2), 0.0)
    mean = bell.sum(axis=1, keepdims=True) / near.sum(axis=1, keepdims=True)
    weights = np.where(near, bell - mean, 0.0)
    return [(int(offset), weights[:, number]) for number, offset in enumerate(x)]


def _start(z: Floats, width: int) -> Floats:
    """Begin with smooth functions and some of the data themselves: no random numbers."""
    c = z.shape[1]
    x = (np.arange(c) + 0.5) / c
    waves = np.cos(np.pi * np.arange(width)[:, None] * x)
    rows = z[np.linspace(0, len(z) - 1, width).astype(int)]
    mixed: Floats = (waves / np.sqrt(c) + rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-300)).T
    return mixed
