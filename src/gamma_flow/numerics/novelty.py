"""How templates of a class may be wrong, and how far a spectrum is from everything the model can make."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.numerics.unknown import Peaks, Unknown, residual_template

__all__ = ["Peaks", "Unknown", "learned_modes", "residual_template", "smooth_modes"]

Floats = NDArray[np.float64]


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
    modes = t[:, None, :] * basis[None] * (sd / np.sqrt(max(count, 1)))
    total = t.sum(axis=1)[:, None, None]
    modes -= t[:, None, :] / np.where(total > 0, total, 1.0) * modes.sum(axis=2, keepdims=True)
    return np.asarray(modes, dtype=np.float64)


def learned_modes(spectra: ArrayLike, count: int) -> Floats:
    """Return how the spectra of one class scatter about their mean beyond counting.

    Principal components of the normalised spectra, whitened by the root of the mean, with the variance of
    counting subtracted from the diagonal.

    Parameters
    ----------
    spectra : (N, C) array_like
        Counts of one class alone.
    count : int
        Q.

    Returns
    -------
    (Q, C) float64
        Modes times their standard deviation, in units of the normalised spectrum; zeros where there is no
        scatter.
    """
    s = np.asarray(spectra, np.float64)
    s = s[s.sum(axis=1) > 0]
    c = s.shape[1]
    out = np.zeros((count, c))
    if count == 0 or len(s) < 2:
        return out
    total = s.sum(axis=1, keepdims=True)
    mean = s.sum(axis=0) / total.sum()
    root = np.sqrt(np.maximum(mean, 1e-7))
    z = (s / total - mean) / root
    scatter = z.T @ z / len(s)
    scatter[np.diag_indices(c)] -= mean * (1 / total).mean() / root**2
    values, vectors = np.linalg.eigh(scatter)
    best = np.argsort(-values)[:count]
    found: Floats = (np.sqrt(np.maximum(values[best], 0.0)) * vectors[:, best]).T * root
    out[: len(found)] = found
    return out
