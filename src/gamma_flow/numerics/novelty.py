"""How templates of a class may be wrong, and how far a spectrum is from everything the model can make."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.numerics.unknown import Peaks, Unknown, residual_template

__all__ = ["Peaks", "Unknown", "learned_modes", "residual_template", "smooth_modes"]

Floats = NDArray[np.float64]

_FEWEST = 10  # spectra from which the scatter of a class is learned
_ITERATIONS = 30


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


def _start(z: Floats, width: int) -> Floats:
    """Begin with smooth functions and some of the data themselves: no random numbers."""
    c = z.shape[1]
    x = (np.arange(c) + 0.5) / c
    waves = np.cos(np.pi * np.arange(width)[:, None] * x)
    rows = z[np.linspace(0, len(z) - 1, width).astype(int)]
    mixed: Floats = (waves / np.sqrt(c) + rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-300)).T
    return mixed
