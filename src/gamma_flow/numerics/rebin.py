"""From one axis to another: counts between edges are conserved, intensities between points interpolated."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.errors import DataError

__all__ = ["Rebinned", "coverage", "interpolate", "rebin_counts", "rebin_smooth"]

_BLOCK = 2**17  # numbers held at once beyond input and output: about what a processor's cache takes


_SHALLOW = 4  # pieces a new channel up to which adding layer by layer is faster than by stretches


class Rebinned(NamedTuple):
    """Counts on new edges, and those that fell off the ends.

    Attributes
    ----------
    values : ndarray, shape (N, C')
        Counts between the new edges.
    underflow, overflow : ndarray, shape (N,)
        Counts below the first and above the last new edge.
    """

    values: NDArray[np.float64]
    underflow: NDArray[np.float64]
    overflow: NDArray[np.float64]


class _Pieces(NamedTuple):
    """The pieces into which two sets of edges cut the old channels, in order."""

    old: NDArray[np.intp]  # the old channel of each piece
    new: NDArray[np.intp]  # the new channel of each piece: -1 below all of them, C' above
    share: NDArray[np.float64]  # the part of its old channel


def _pieces(old_edges: NDArray[np.float64], new_edges: NDArray[np.float64]) -> _Pieces:
    inner = new_edges[(new_edges > old_edges[0]) & (new_edges < old_edges[-1])]
    cuts = np.union1d(old_edges, inner)
    lower, upper = cuts[:-1], cuts[1:]
    old = np.searchsorted(old_edges, lower, side="right") - 1
    new = np.searchsorted(new_edges, lower, side="right") - 1
    share = (upper - lower) / (old_edges[old + 1] - old_edges[old])
    # the pieces of one channel add up to it exactly, whatever the rounding of their widths
    share /= np.bincount(old, weights=share, minlength=len(old_edges) - 1)[old]
    return _Pieces(old, new, share)


def _edges(value: ArrayLike, name: str) -> NDArray[np.float64]:
    edges = np.asarray(value, dtype=np.float64)
    if edges.ndim != 1 or len(edges) < 2 or not np.isfinite(edges).all() or (np.diff(edges) <= 0).any():
        raise DataError(
            f"{name} have to be two or more finite numbers that increase", found=f"shape {edges.shape}"
        )
    return edges


def _rows(value: ArrayLike, length: int, name: str) -> NDArray[np.float64]:
    rows = np.asarray(value, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != length:
        raise DataError(
            f"{name} do not fit their axis", expected=f"shape (any, {length})", found=str(rows.shape)
        )
    return rows


def rebin_counts(values: ArrayLike, old_edges: ArrayLike, new_edges: ArrayLike) -> Rebinned:
    """Carry counts from old channels to new ones; none is lost, none invented.

    A count is taken as lying anywhere in its channel with equal probability, so a channel that a new
    edge cuts is divided in proportion to width. Signed values (differences of counts) are carried likewise.

    Parameters
    ----------
    values : array_like, shape (N, C)
        Counts between the old edges.
    old_edges : array_like, shape (C + 1,)
        Increasing edges, any unit.
    new_edges : array_like, shape (C' + 1,)
        Increasing edges, in the same unit.

    Returns
    -------
    Rebinned
        For every row, values + underflow + overflow add up to the counts that came in, to rounding (counts
        below some 1e-290, of which a part cannot be told from zero, excepted).

    Raises
    ------
    DataError
        Edges that do not increase, or values that do not fit the old edges.

    Examples
    --------
    >>> rebin_counts([[4.0, 2.0]], [0, 1, 2], [0.5, 1.5, 3.0])
    Rebinned(values=array([[3., 1.]]), underflow=array([2.]), overflow=array([0.]))
    """
    old, new = _edges(old_edges, "the old edges"), _edges(new_edges, "the new edges")
    rows = _rows(values, len(old) - 1, "the counts")
    pieces = _pieces(old, new)
    below, above = pieces.new < 0, pieces.new >= len(new) - 1
    within = ~(below | above)
    inner = _Pieces(pieces.old[within], pieces.new[within], pieces.share[within])
    return Rebinned(
        _gathered(rows, inner, len(new) - 1),
        rows[:, pieces.old[below]] @ pieces.share[below],
        rows[:, pieces.old[above]] @ pieces.share[above],
    )


def _gathered(rows: NDArray[np.float64], pieces: _Pieces, channels: int) -> NDArray[np.float64]:
    """Add up the pieces of each new channel, shape (N, channels)."""
    result = np.zeros((len(rows), channels))
    if not len(pieces.new):
        return result
    # pieces come in order of the new channel, so each channel is one stretch of them
    starts = np.flatnonzero(np.r_[True, np.diff(pieces.new) > 0])
    depth = int(np.diff(np.r_[starts, len(pieces.new)]).max())
    if depth <= _SHALLOW:
        place = np.arange(len(pieces.new)) - np.repeat(starts, np.diff(np.r_[starts, len(pieces.new)]))
        old = np.zeros((depth, channels), np.intp)
        share = np.zeros((depth, channels))
        old[place, pieces.new], share[place, pieces.new] = pieces.old, pieces.share
    step = max(1, _BLOCK // max(len(pieces.new), channels))
    for first in range(0, len(rows), step):
        block, out = rows[first : first + step], result[first : first + step]
        if depth <= _SHALLOW:
            for layer in range(depth):
                part = np.take(block, old[layer], axis=1)
                part *= share[layer]
                out += part
        else:
            cut = np.take(block, pieces.old, axis=1)
            cut *= pieces.share
            out[:, pieces.new[starts]] = np.add.reduceat(cut, starts, axis=1)
    return result


def interpolate(
    values: ArrayLike, old_points: ArrayLike, new_points: ArrayLike, outside: float | None = None
) -> NDArray[np.float64]:
    """Read sampled intensities at other points, linearly between neighbours.

    Parameters
    ----------
    values : array_like, shape (N, C)
        Intensities at the old points.
    old_points : array_like, shape (C,)
        Increasing, C at least 2.
    new_points : array_like, shape (C',)
        Any order.
    outside : float, optional
        What to write where a new point lies beyond the old ones. Without it such a point is an error.

    Returns
    -------
    ndarray, shape (N, C')
        Intensities at the new points.

    Raises
    ------
    DataError
        Points that do not increase, values that do not fit them, new points outside without ``outside``.

    Notes
    -----
    With ``outside=0`` and counts this is the rebinning of the gamma_flow paper (Rädle et al.): it reads
    counts as if they were a density per channel, and so does not conserve them.

    Examples
    --------
    >>> interpolate([[0.0, 10.0]], [400, 410], [404.0])
    array([[4.]])
    """
    old = _edges(old_points, "the old points")
    new = np.atleast_1d(np.asarray(new_points, dtype=np.float64))
    rows = _rows(values, len(old), "the intensities")
    beyond = (new < old[0]) | (new > old[-1])
    if outside is None and beyond.any():
        raise DataError(
            "intensities cannot be read beyond the points at which they were sampled",
            expected=f"{old[0]:g}..{old[-1]:g}",
            found=f"{new.min():g}..{new.max():g}",
            cure="choose a target axis inside, or say what to fill in outside",
        )
    left = np.clip(np.searchsorted(old, new, side="right") - 1, 0, len(old) - 2)
    part = np.where(beyond, 0.0, (new - old[left]) / (old[left + 1] - old[left]))
    result = np.empty((len(rows), len(new)))
    step = max(1, _BLOCK // max(len(new), 1))
    for first in range(0, len(rows), step):
        block = rows[first : first + step]
        low, high = np.take(block, left, axis=1), np.take(block, left + 1, axis=1)
        high -= low
        high *= part
        np.add(low, high, out=result[first : first + step])
    if outside is not None:
        result[:, beyond] = outside
    return result


def rebin_smooth(
    values: ArrayLike, old_edges: ArrayLike, new_edges: ArrayLike, *, signed: bool = False
) -> NDArray[np.float64]:
    """Carry expected counts, which vary smoothly from channel to channel, from old channels to new ones.

    `rebin_counts` takes the counts as lying anywhere in their channel, which is right for drawn counts and
    blurs a template by half a channel. Here the cumulative counts are interpolated by cubics whose slopes at
    the edges are a density of fourth order; no counts are lost or invented between the ends.

    Parameters
    ----------
    values : array_like, shape (N, C)
        Expected counts between the old edges.
    old_edges : array_like, shape (C + 1,)
        Increasing edges, any unit.
    new_edges : array_like, shape (C' + 1,)
        Increasing edges, in the same unit.
    signed : bool
        Values of both signs (changes of templates); otherwise slopes are limited such that nothing becomes
        negative.

    Returns
    -------
    ndarray, shape (N, C')
        Counts beyond the ends are left out.

    Raises
    ------
    DataError
        Edges that do not increase, or values that do not fit the old edges.

    References
    ----------
    Slopes at edges: P. Colella, P. R. Woodward, J. Comput. Phys. 54 (1984) 174. Limits that keep a cubic
    monotonic: F. N. Fritsch, R. E. Carlson, SIAM J. Numer. Anal. 17 (1980) 238.

    Examples
    --------
    >>> rebin_smooth([[1.0, 2.0, 3.0, 4.0]], [0, 1, 2, 3, 4], [0.5, 2.5, 4.0])
    array([[4.   , 5.625]])
    """
    old, new = _edges(old_edges, "the old edges"), _edges(new_edges, "the new edges")
    rows = _rows(values, len(old) - 1, "the expected counts")
    width = np.diff(old)
    density = rows / width
    slope = np.empty((len(rows), len(old)))
    if len(width) == 1:
        slope[:] = density
    else:
        left, right = width[:-1], width[1:]
        slope[:, 1:-1] = (right * density[:, :-1] + left * density[:, 1:]) / (left + right)
        # the ends by straight lines through the middles of the last two channels
        slope[:, 0] = density[:, 0] - (slope[:, 1] - density[:, 0])
        slope[:, -1] = density[:, -1] + (density[:, -1] - slope[:, -2])
        if len(width) > 3:
            outer = density[:, :-3] + density[:, 3:] - density[:, 1:-2] - density[:, 2:-1]
            slope[:, 2:-2] -= outer / 12
    if not signed:
        least = np.minimum(
            np.concatenate([density[:, :1], density], axis=1),
            np.concatenate([density, density[:, -1:]], axis=1),
        )
        slope = np.clip(slope, 0.0, 3.0 * np.maximum(least, 0.0))
    total = np.concatenate([np.zeros((len(rows), 1)), np.cumsum(rows, axis=1)], axis=1)
    at = np.clip(new, old[0], old[-1])
    cell = np.clip(np.searchsorted(old, at, side="right") - 1, 0, len(width) - 1)
    t = (at - old[cell]) / width[cell]
    # the cubic through both ends of a channel with the slopes there, less its start
    reached = t**2 * (3 - 2 * t) * rows[:, cell] + width[cell] * (
        t * (1 - t) ** 2 * slope[:, cell] + t**2 * (t - 1) * slope[:, cell + 1]
    )
    result: NDArray[np.float64] = np.diff(total[:, cell] + reached, axis=1)
    return result if signed else np.maximum(result, 0.0)


def coverage(
    old_edges: ArrayLike, new_edges: ArrayLike, active: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Tell how much of each new channel is covered by (active) old ones.

    Parameters
    ----------
    old_edges : array_like, shape (C + 1,)
        Increasing edges.
    new_edges : array_like, shape (C' + 1,)
        Increasing edges, in the same unit.
    active : array_like of bool, shape (C,), optional
        Old channels that count; all by default.

    Returns
    -------
    ndarray, shape (C',)
        Shares between 0 and 1.

    Examples
    --------
    >>> coverage([0, 1, 2], [-1.0, 0.5, 1.5, 2.0], active=[True, False])
    array([0.33333333, 0.5       , 0.        ])
    """
    old, new = _edges(old_edges, "the old edges"), _edges(new_edges, "the new edges")
    use = np.ones(len(old) - 1, bool) if active is None else np.asarray(active, bool)
    width = np.where(use, np.diff(old), 0.0)
    covered = rebin_counts(width[None], old, new).values[0]
    share: NDArray[np.float64] = np.minimum(np.maximum(covered / np.diff(new), 0.0), 1.0)
    return share
