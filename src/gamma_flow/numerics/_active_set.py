"""Non-negative least squares in the small space: which components are above zero, and how large.

The steps 2 and 3 of `gamma_flow.numerics.unmix`, which names the papers. Arrays have the problems along their
last axis: r is shared by all, q (M, n) holds one right-hand side a column.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gamma_flow.numerics import similarity

__all__ = ["DEPENDENT", "LANES", "distinct", "solve", "times"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]

LANES = 32
"""Problems in one product: always the same shape, hence the same rounding for everybody."""

DEPENDENT = 1e-10
"""A unit template this close to the span of others adds nothing."""

_DUPLICATE = 1e-13  # a unit template this close to another one is the same
_STEEP, _TOO_STEEP = 1e-7, 1e-10  # squared pivots that need more corrections, or another method
_SWEEPS = 10  # measured: fewer leave more exchanges to do, more cost more than they save
_EXCHANGES = 12  # block pivoting ends within a few, or crawls
_FEW = 8  # components that are not worth sorting
_BUDGET = 1 << 18  # numbers in the factors of one go: 2 MB


def solve(r: Floats, q: Floats, norms: Floats, tolerance: float) -> Floats:
    """Minimise ||q - r u|| over u >= 0 for every column of q (M, n); r (M, k) with columns of norm <= 1."""
    sizes = np.sqrt((r * r).sum(axis=0))
    kept = distinct(r, sizes)
    out = np.zeros((r.shape[1], q.shape[1]))
    if len(kept) == 0:
        return out
    m = min(len(r), r.shape[1])  # below that r has nothing but zeros
    small = _Problem.of(r[:m, kept] / sizes[kept])
    q = q[:m]
    # What a gradient may be by rounding alone.
    floor = 4.0 * np.finfo(np.float64).eps * (len(kept) + 4) * norms
    start = _descended(small, q)
    u, bad = _pivot(small, q, floor, start > 0, tolerance * norms)
    if len(bad):
        some = _fill_lanes(bad)
        u[:, some] = _lawson_hanson(small, q[:, some], floor[some], start[:, some])
    out[kept] = u / sizes[kept, None]
    return out


def distinct(r: Floats, sizes: Floats) -> Ints:
    """Return the columns that are not (nearly) zero and point in no direction an earlier one does."""
    kept: list[int] = []
    for j in np.flatnonzero(sizes > DEPENDENT):
        away = r[:, kept] / sizes[kept] - (r[:, j] / sizes[j])[:, None]
        if not ((away * away).sum(axis=0) <= _DUPLICATE**2).any():
            kept.append(int(j))
    return np.array(kept, dtype=np.intp)


# ------------------------------------------------------- which components are above zero (2) and (3)


@dataclass(frozen=True, slots=True)
class _Problem:
    """Unit columns ``r`` (M, k) and their scalar products.

    ``gram`` (k + 1, k + 1) has one dummy component of zeros more, which fills up sets of components of
    unequal size.
    """

    r: Floats
    gram: Floats

    @classmethod
    def of(cls, r: Floats) -> _Problem:
        k = r.shape[1]
        gram = np.zeros((k + 1, k + 1))
        gram[:k, :k] = r.T @ r
        return cls(np.ascontiguousarray(r), gram)

    def gradient(self, q: Floats, u: Floats) -> Floats:
        return times(self.r.T, q - times(self.r, u))


def times(a: Floats, b: Floats) -> Floats:
    """Multiply; b has a multiple of the lanes in columns, which keeps BLAS to one kernel for all of them."""
    return np.asarray(a @ b)


def _fill_lanes(rows: Ints) -> Ints:
    """Repeat the last row until the lanes are full."""
    return np.pad(rows, (0, -len(rows) % LANES), mode="edge")


def _descended(problem: _Problem, q: Floats) -> Floats:
    """Return scores after a few sweeps of coordinate descent: feasible, and often with the right zeros."""
    k, n = problem.r.shape[1], q.shape[1]
    out = np.empty((k, n))
    for part in similarity.blocks(n, k, LANES):
        g = times(problem.r.T, q[:, part])
        u = np.zeros_like(g)
        for _ in range(_SWEEPS):
            for j in range(k):
                step = np.maximum(g[j], -u[j])
                u[j] += step
                g -= problem.gram[:k, j, None] * step
        out[:, part] = u
    return out


def _pivot(
    problem: _Problem, q: Floats, floor: Floats, passive: Bools, accept: Floats
) -> tuple[Floats, Ints]:
    """Exchange infeasible components until none is left; return u (k, n) and the columns that failed.

    All are exchanged while that reduces their number, or has failed to do so fewer than three times in a row;
    else only the last one. That rule ends by itself, but slowly: who needs it for long is handed on.
    """
    k, n = passive.shape
    rows, failed = np.arange(n), [np.arange(0)]
    fewest, chances = np.full(n, k + 1), np.full(n, 3)
    u = np.empty((0, 0))
    for _ in range(_EXCHANGES):
        trial = _least_squares(problem, q, passive)
        gradient = problem.gradient(q, trial)
        if len(u):
            u[:, rows] = trial
        else:
            u = trial
        wrong = np.where(passive, trial < 0, gradient > floor)
        count = wrong.sum(axis=0)
        missed = np.where(passive, np.abs(gradient), gradient).max(axis=0)
        failed.append(rows[(count == 0) & (missed > accept)])
        left = np.flatnonzero(count)
        if len(left) == 0:
            return u, np.unique(np.concatenate(failed))
        left = _fill_lanes(left)
        rows, q, passive, wrong, count = rows[left], q[:, left], passive[:, left], wrong[:, left], count[left]
        floor, accept, fewest, chances = floor[left], accept[left], fewest[left], chances[left]
        better = count < fewest
        single = ~better & (chances == 0)
        chances = np.where(better, 3, np.maximum(chances - 1, 0))
        fewest = np.minimum(count, fewest)
        last = k - 1 - wrong[::-1].argmax(axis=0)
        passive = passive ^ (wrong & (~single | (np.arange(k)[:, None] == last)))
    return u, np.unique(np.concatenate([*failed, rows]))


def _lawson_hanson(problem: _Problem, q: Floats, floor: Floats, start: Floats) -> Floats:
    """Solve by adding one component at a time and walking back to the boundary where one turns negative.

    Begins at feasible scores. The sum of squares falls with every addition, so no set of components comes
    twice; the bound on the number of steps guards against rounding only, and what it returns is feasible.
    """
    k, n = start.shape
    u, passive = start.copy(), start > 0
    barred = np.zeros((k, n), dtype=np.bool_)
    walking = np.ones(n, dtype=np.bool_)
    todo = np.arange(n)
    for _ in range(20 * k + 50):
        rows = _fill_lanes(todo)
        s, now, no, walk = u[:, rows], passive[:, rows], barred[:, rows], walking[rows]
        gradient = np.where(now | no, -np.inf, problem.gradient(q[:, rows], s))
        best = gradient.argmax(axis=0)
        ends = ~walk & (gradient.max(axis=0) <= floor[rows])
        enters = (np.arange(k)[:, None] == best) & ~walk & ~ends
        now |= enters
        trial = _least_squares(problem, q[:, rows], now)
        vain = enters & (trial <= 0)  # by rounding only: the component does not help after all
        now &= ~vain
        no |= vain
        ready = ~ends & ~vain.any(axis=0)
        bad = now & (trial <= 0) & ready
        clear = ready & ~bad.any(axis=0)
        back = ready & ~clear
        ratio = np.divide(s, s - trial, out=np.full_like(s, np.inf), where=bad & (s > 0))
        ratio[bad & (s <= 0)] = 0.0
        step = np.where(back, ratio.min(axis=0), 1.0)
        s = np.where(ready, s + step * (trial - s), s)
        now &= ~(back & ((ratio <= step) | (s <= 0)))
        u[:, rows] = np.where(now, s, 0.0)
        passive[:, rows], walking[rows] = now, back
        barred[:, rows] = no & ~clear
        todo = np.unique(rows[~ends])
        if len(todo) == 0:
            break
    return u


# ------------------------------------------------------------- least squares on the passive components


def _least_squares(problem: _Problem, q: Floats, passive: Bools) -> Floats:
    """Return u (k, n) that minimises ||q - r u||, where it is zero outside the passive components."""
    k, n = passive.shape
    u = np.empty((k, n))
    for rows, index in _gathered(passive):
        factor, smallest = _factorised(problem.gram, index)
        target = q[:, rows]
        # Where a component (or the dummy, at the end) of a column is found in the flat array.
        places = index * index.shape[1] + np.arange(index.shape[1])
        part = np.zeros((k + 1, index.shape[1]))
        gradient = np.zeros_like(part)
        for _ in range(2 if smallest.min() > _STEEP else 4):
            gradient[:k] = problem.gradient(target, part[:k])
            part.reshape(-1)[places] += _substituted(factor, gradient.take(places))
        u[:, rows] = part[:k]
        steep = np.flatnonzero(smallest <= _TOO_STEEP)
        if len(steep):
            some = np.arange(n)[rows][steep]
            u[:, some] = _by_gram_schmidt(problem, q[:, some], passive[:, some])
    return u


def _gathered(passive: Bools) -> Iterator[tuple[slice | Ints, Ints]]:
    """Yield columns with about equally many passive components, and which these are (p, n).

    Where there are fewer than p, the dummy component stands in.
    """
    k, n = passive.shape
    names = np.where(passive, np.arange(k)[:, None], k)
    if k <= _FEW:
        for part in similarity.blocks(n, k * k, LANES):
            yield part, names[:, part]
        return
    counts = passive.sum(axis=0)
    order = np.argsort(counts, kind="stable")
    start = 0
    while start < n:
        # The first guess of the width is too wide, as the last of these has more components than the first.
        p = counts[order[start]]
        for _ in range(2):
            width = max(LANES, _BUDGET // max(int(p), 1) ** 2 // LANES * LANES)
            p = counts[order[min(start + width, n) - 1]]
        rows = order[start : start + width]
        yield rows, np.sort(names[:, rows], axis=0)[: max(int(p), 1)]
        start += width


def _factorised(gram: Floats, index: Ints) -> tuple[Floats, Floats]:
    """Return Cholesky factors [column, row, n] and the smallest squared pivots (n,).

    The diagonal holds its inverse, because multiplying is faster than dividing.
    """
    p, n = index.shape
    factor = np.empty((p, p, n))
    smallest = np.ones(n)
    flat, offset = gram.ravel(), index * len(gram)
    for j in range(p):
        column = flat.take(offset[j:] + index[j])
        if j:
            column -= np.einsum("irn,in->rn", factor[:j, j:], factor[:j, j])
        pivot = np.where(index[j] == len(gram) - 1, 1.0, column[0])
        np.minimum(smallest, pivot, out=smallest)
        # Too small ones are left out here, for nothing may overflow, and others solve these columns again.
        factor[j, j] = np.where(pivot > _TOO_STEEP, 1.0 / np.sqrt(np.maximum(pivot, _TOO_STEEP)), 0.0)
        np.multiply(column[1:], factor[j, j], out=factor[j, j + 1 :])
    return factor, smallest


def _substituted(factor: Floats, b: Floats) -> Floats:
    """Solve with Cholesky factors, forwards and backwards."""
    p = len(b)
    for j in range(p):
        if j:
            b[j] -= np.einsum("in,in->n", factor[:j, j], b[:j])
        b[j] *= factor[j, j]
    for j in reversed(range(p)):
        if j + 1 < p:
            b[j] -= np.einsum("in,in->n", factor[j, j + 1 :], b[j + 1 :])
        b[j] *= factor[j, j]
    return b


def _by_gram_schmidt(problem: _Problem, q: Floats, passive: Bools) -> Floats:
    """Solve by modified Gram-Schmidt on columns and target; a dependent column gets nothing."""
    (k, n), m = passive.shape, len(q)
    u = np.zeros((k, n))
    for part in similarity.blocks(n, 2 * k * m, 1):
        columns = problem.r.T[:, :, None] * passive[:, None, part]
        rest, z = q[:, part], u[:, part]
        triangle = np.zeros((k, *z.shape))
        for j in range(k):
            size = np.sqrt((columns[j] * columns[j]).sum(axis=0))
            counts = size > DEPENDENT
            triangle[j, j] = np.where(counts, size, 1.0)
            unit = columns[j] * (counts / triangle[j, j])
            triangle[j, j + 1 :] = (unit * columns[j + 1 :]).sum(axis=1)
            columns[j + 1 :] -= triangle[j, j + 1 :, None] * unit
            z[j] = (unit * rest).sum(axis=0)
            rest = rest - z[j] * unit
        for j in reversed(range(k)):
            z[j] -= (triangle[j, j + 1 :] * z[j + 1 :]).sum(axis=0)
            z[j] /= triangle[j, j]
    return u
