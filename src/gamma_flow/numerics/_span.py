"""The span of the templates: spectra in its coordinates, their scores, quality of a fit from sums in it.

The steps 1 and 4 of `gamma_flow.numerics.unmix`, which names the papers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow.errors import DataError
from gamma_flow.numerics import similarity
from gamma_flow.numerics._active_set import DEPENDENT, LANES, distinct, solve, times

__all__ = ["Small", "Span", "fitted", "projected", "quality_of", "solved"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]

_NORMAL_RANGE = (1e-200, 1e200)  # of squared norms
_KERNEL_CONDITION = 1e4  # of unit templates: the kernel solves with their products and corrects twice


# ---------------------------------------------------------------------------------- the small space (1)


@dataclass(frozen=True, slots=True)
class Small:
    """What the compiled kernel asks for.

    ``columns`` (P,) are the templates that it solves for, those free in sign first, or None if they are all
    in their own order; of templates of one direction only the first is among them. ``basis`` (M, C),
    ``coordinates`` (M, P), ``ones`` (1, M), ``norms`` (1, P).
    """

    columns: Ints | None
    basis: Floats
    coordinates: Floats
    ones: Floats
    norms: Floats

    @classmethod
    def of(
        cls,
        basis: Floats,
        coordinates: Floats,
        ones: Floats,
        order: Ints,
        n_free: int,
        norms: Floats,
        n_templates: int,
    ) -> Small | None:
        bound = coordinates[n_free:, n_free:]
        kept = n_free + distinct(bound, np.sqrt((bound * bound).sum(axis=0)))
        chosen = np.array([*range(n_free), *kept], dtype=np.intp)
        part = np.ascontiguousarray(coordinates[:, chosen])
        if len(chosen) == 0 or len(chosen) > len(basis) or np.linalg.cond(part) > _KERNEL_CONDITION:
            return None
        columns = None if np.array_equal(order[chosen], np.arange(n_templates)) else order[chosen]
        return cls(columns, np.ascontiguousarray(basis.T), part, ones[None, :], norms[chosen][None, :])


@dataclass(frozen=True, slots=True)
class Span:
    """Orthonormal coordinates of everything the templates and the constant spectrum can make.

    ``order`` (J,) are the templates that take part, the ``n_free`` free in sign first; ``coordinates`` (M, J)
    are those of the unit templates, ``ones`` (M,) those of the constant spectrum, ``basis`` (C, M).
    ``small`` is the same for the compiled kernel, None where the templates depend too much on each other for
    its method.
    """

    basis: Floats
    coordinates: Floats
    ones: Floats
    order: Ints
    n_free: int
    norms: Floats
    small: Small | None

    @classmethod
    def of(cls, shapes: Floats, free: Bools | None) -> Span:
        unit, norms = similarity.unit_rows(shapes)
        if free is None:
            order, n_free = np.arange(len(shapes)), 0
        else:
            chosen = _independent(unit, np.flatnonzero(free))
            bound = np.flatnonzero(~free & (norms > 0))
            order, n_free = np.array([*chosen, *bound], dtype=np.intp), len(chosen)
        columns = np.column_stack([unit[order].T, np.ones(shapes.shape[1])])
        basis, triangle = np.linalg.qr(columns)
        coordinates, ones = triangle[:, :-1].copy(), triangle[:, -1].copy()
        small = Small.of(basis, coordinates, ones, order, n_free, norms[order], len(shapes))
        return cls(basis, coordinates, ones, order, n_free, norms[order], small)

    @property
    def n_channels(self) -> int:
        return len(self.basis)


def _independent(unit: Floats, candidates: Ints) -> list[int]:
    """Return the candidates that are not in the span of those before them."""
    chosen: list[int] = []
    basis = np.zeros((0, unit.shape[1]))
    for k in candidates:
        rest = unit[k]
        for _ in range(2):  # once more, because the first subtraction leaves rounding behind
            rest = rest - (basis @ rest) @ basis
        size = np.linalg.norm(rest)
        if size > DEPENDENT:
            chosen.append(int(k))
            basis = np.vstack([basis, rest / size])
    return chosen


def projected(spectra: NDArray[Any], span: Span) -> Iterator[tuple[slice, Floats, Floats, Floats]]:
    """Yield rows in blocks: slice, coordinates (M, n), squared norms (n,), scale (n,) they were divided by.

    n is the number of rows filled up with zero spectra to a multiple of the lanes.
    """
    size = int(np.clip((1 << 18) // (span.coordinates.shape[1] + 1), 512, 16384)) // LANES * LANES
    m = len(span.ones)
    for start in range(0, len(spectra), size):
        block = spectra[start : start + size]
        n = -(-len(block) // LANES) * LANES
        q, squares, scale = np.empty((n, m)), np.empty(n), np.ones(n)
        for part in similarity.blocks(len(block), span.n_channels, LANES):
            x, padded = _lanes(block[part])
            to = slice(part.start, part.start + padded)
            x, squares[to], scale[to] = _in_range(x, start + part.start)
            lanes = x.reshape(-1, LANES, span.n_channels)
            q[to] = (lanes @ span.basis).reshape(padded, m)
        yield slice(start, start + len(block)), np.ascontiguousarray(q.T), squares, scale


def _lanes(part: NDArray[Any]) -> tuple[Floats, int]:
    """Return float64 rows, unit stride along the channels, filled up to a multiple of the lanes."""
    n, width = part.shape
    padded = -(-n // LANES) * LANES
    if n == padded and part.dtype == np.float64 and part.strides[1] == part.itemsize:
        return part, padded
    x = np.zeros((padded, width))
    x[:n] = part
    return x, padded


def _in_range(x: Floats, first_row: int) -> tuple[Floats, Floats, Floats | float]:
    """Return rows whose squares do not over- or underflow, these squared norms, and the divisors of the rows.

    The squares are needed anyway, and they tell cheaply of NaN, of infinity and of extreme numbers.
    """
    with np.errstate(all="ignore"):
        squares = (x[:, None, :] @ x[:, :, None])[:, 0, 0]  # one dot product a row
    low, high = _NORMAL_RANGE
    extreme = np.flatnonzero(~((squares > low) & (squares < high)))
    if len(extreme) == 0:
        return x, squares, 1.0
    similarity.refuse_nonfinite(x, "values", first_row)
    largest = np.abs(x[extreme]).max(axis=1)
    if not largest.any():
        return x, squares, 1.0
    scale = np.ones(len(x))
    scale[extreme] = np.where(largest > 0, largest, 1.0)
    x = x / scale[:, None]
    return x, (x[:, None, :] @ x[:, :, None])[:, 0, 0], scale


# ------------------------------------------------------------------------------------ scores of a block


def solved(
    span: Span, q: Floats, squares: Floats, scale: Floats, tolerance: float, numbers: Ints | range
) -> tuple[Floats, Floats]:
    """Return the scores of unit templates (J, n), and those of the templates as given, (rows, J).

    ``numbers`` are what the rows are called in an error.
    """
    free = span.n_free
    r = span.coordinates
    units = np.empty((r.shape[1], q.shape[1]))
    units[free:] = solve(r[free:, free:], q[free:], np.sqrt(squares), tolerance)
    rest = q[:free] - times(r[:free, free:], units[free:])
    for j in reversed(range(free)):
        units[j] = rest[j] / r[j, j]
        rest[:j] -= r[:j, j, None] * units[j]
    units += 0.0  # no negative zero
    n = len(numbers)
    with np.errstate(over="ignore", invalid="ignore"):
        scores = (units[:, :n] * (scale[:n] / span.norms[:, None])).T
    if not np.isfinite(scores).all():
        raise DataError(
            "scores are beyond the range of float64",
            where=f"rows {numbers[0]} to {numbers[-1]}",
            cure="bring values and templates to similar scales",
        )
    return units, scores


# -------------------------------------------------------------------------------- quality from sums (4)


def quality_of(
    span: Span,
    q: Floats,
    squares: Floats,
    units: Floats,
    values: NDArray[Any],
    scores: NDArray[Any],
    shapes: Floats,
) -> Floats:
    """Return cosine, centred cosine and explained variance (3, rows) from sums in the small space."""
    c, n = span.n_channels, len(values)
    q, units, squares = q[:, :n], units, squares[:n]
    fit = times(span.coordinates, units)[:, :n]
    x1, f1 = (span.ones[:, None] * q).sum(axis=0), (span.ones[:, None] * fit).sum(axis=0)
    xf, ff = (q * fit).sum(axis=0), (fit * fit).sum(axis=0)
    outside = np.maximum(squares - (q * q).sum(axis=0), 0.0)
    residual = outside + ((q - fit) ** 2).sum(axis=0) - (x1 - f1) ** 2 / c
    spread_x, spread_f = squares - x1 * x1 / c, ff - f1 * f1 / c
    # Where differences cancel, six digits are lost, and the spectrum itself is needed.
    safe = (np.minimum(spread_x, residual) > 1e-6 * squares) & (spread_f > 1e-6 * ff)
    with np.errstate(all="ignore"):
        out = np.stack(
            [
                np.clip(xf / np.sqrt(squares * ff), -1.0, 1.0),
                np.clip((xf - x1 * f1 / c) / np.sqrt(spread_x * spread_f), -1.0, 1.0),
                1.0 - residual / spread_x,
            ]
        )
    empty = (squares == 0) & (ff == 0)
    out[:, empty] = np.array([[0.0], [0.0], [1.0]])
    rest = np.flatnonzero(~safe & ~empty)
    for part in similarity.blocks(len(rest), c):
        rows = rest[part]
        exact = similarity.fit_quality(values[rows], fitted(scores[rows], shapes))
        out[:, rows] = exact.cosine, exact.centred_cosine, exact.explained_variance
    return out


def fitted(scores: NDArray[Any], shapes: Floats) -> Floats:
    """Return denoised spectra; row by row the same sums, whatever rows there are."""
    return np.asarray(np.einsum("nk,kc->nc", np.asarray(scores, dtype=np.float64), shapes))
