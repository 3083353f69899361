"""The slow twin of the compiled kernel: same arguments, same mathematics, one spectrum at a time in numpy.

It says what `_kernel.decompose` has to compute, takes its place where the package was installed without a
compiler, and is what the tests hold the kernel against. The model stands in `gamma_flow.numerics.decompose`;
`poisson` in `gamma_flow.numerics._reference_poisson`.

Names: y (C,) one spectrum; T (K, C) templates; V (nv, C) signed columns, their prior standard deviation
folded in; w (C,) weights, one over the variance; a (K,) scores; z (nv,) amplitudes of V; f2 the squared
mismatch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow.numerics._quadratic import minimise
from gamma_flow.numerics._reference_poisson import poisson

__all__ = ["decompose", "poisson"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_LEAST_SHARE = 0.05  # of the undistorted mean, below which distortions do not push the mean of counts
_JOINS = 1e-4  # squared significance of a gradient with which a class joins the fit
_PURE = 1e-10  # a squared mismatch below it is none
_CHANNELS = 256  # pile-up is folded on at most about this many


@dataclass(frozen=True)
class _Plan:
    """What all spectra of one call share."""

    shapes: Floats  # (K, C)
    spread: Floats  # (K, Q, C)
    drift: Floats  # (D, K, C)
    modes: int
    pile_shift: int
    f2_range: tuple[float, float]
    adapt: bool
    floor: float
    least_ratio: float
    prune: float
    determinant: bool


@dataclass(frozen=True)
class _Row:
    """One spectrum: counts, or values of known variance (C,); pile: its prior sd as a share of them."""

    y: Floats
    variance: Floats | None
    pile: float

    def total_variance(self, mean: Floats, f2: float) -> Floats:
        own = mean if self.variance is None else self.variance
        return np.asarray(own + f2 * mean**2)


@dataclass(frozen=True)
class _Point:
    """Where a fit stands: scores, which of them take part, weights of the next step, squared mismatch."""

    a: Floats
    members: Bools
    w: Floats
    f2: float


@dataclass(frozen=True)
class _Fit:
    """A finished fit.

    ``s`` (K, K) and ``b`` (K,) are the information and the right-hand side of all classes, with the
    distortions eliminated, in the last step; ``drifts`` (D,) the fitted drifts; ``level`` the penalised
    log-likelihood.
    """

    point: _Point
    mean: Floats
    s: Floats
    b: Floats
    drifts: Floats
    level: float
    steps: int
    columns: int


def decompose(
    values: NDArray[Any],
    shapes: Floats,
    spread: Floats,
    drift: Floats,
    pairs: Floats | None,
    sigma: Floats | None,
    pile: Floats | None,
    distortions: tuple[int, int],
    mismatch: tuple[float, float, bool, float],
    steps: tuple[int, int, float, float],
    rules: tuple[float, float, bool, bool, bool, int],
    scores: Floats,
    errors: Floats,
    free: Floats,
    ratios: Floats,
    drifts: Floats,
    summary: Floats,
    sums: Floats,
    mean: Floats | None,
    threads: int,
) -> None:
    """Fit every row of ``values`` (N, C) and fill the arrays from ``scores`` on, as the kernel does.

    ``distortions``: modes of the evidence fit, pile shift. ``mismatch``: least and largest f, adapt, floor.
    ``steps``: of a fit and of a fit without a class, and their tolerances. ``rules``: least ratio, prune,
    determinant, evidence, novelty, class never left out. ``summary`` (N, 8): f, chi-square at the least f,
    Pearson's chi-square, penalised log-likelihood, scores above zero, chi-square of the novelty fit, steps,
    signed columns. ``sums`` (N, 6): see `_sums`. ``pairs`` and ``threads`` are for the kernel.
    """
    del threads, pairs
    k, c = shapes.shape
    least_ratio, prune, determinant, evidence, novelty, skip = rules
    plan = _Plan(
        shapes,
        spread.reshape(k, len(spread) // k, c),
        drift.reshape(len(drift) // k, k, c),
        distortions[0],
        distortions[1],
        (mismatch[0] ** 2, mismatch[1] ** 2),
        bool(mismatch[2]),
        mismatch[3],
        least_ratio,
        prune,
        determinant,
    )
    full_rule, null_rule = (steps[0], steps[2]), (steps[1], steps[3])
    for i, value in enumerate(values):
        y = value.astype(np.float64)
        variance = None if sigma is None else sigma[i if len(sigma) > 1 else 0] ** 2
        piles = pile is not None and variance is None and pile[0, i] ** 2 * y.sum() > 0.01
        row = _Row(y, variance, float(pile[0, i]) if piles and pile is not None else 0.0)
        full = _run(plan, row, _start(plan, row), np.ones(k, bool), plan.modes, plan.adapt, full_rule)
        a = full.point.a
        scores[i], drifts[i], ratios[i] = a, full.drifts, 0.0
        errors[i], free[i] = _errors(full)
        chi_square = _chi_square(row, full.mean, plan.f2_range[0])
        summary[i] = [
            np.sqrt(full.point.f2),
            chi_square,
            _pearson(row, full.mean),
            full.level,
            np.count_nonzero(a),
            chi_square,
            full.steps,
            full.columns,
        ]
        sums[i] = _sums(row.y, a @ shapes)
        if mean is not None:
            mean[i] = full.mean
        with np.errstate(invalid="ignore"):
            tested = (a > 0) & (a > least_ratio * errors[i])  # never where an error is NaN
        for j in np.flatnonzero(tested) if evidence else ():
            if j != skip:
                null = _run(plan, row, *_without(full, int(j)), plan.modes, False, null_rule)
                ratios[i, j] = max(0.0, 2 * (full.level - null.level))
        ndf = max(1, c - np.count_nonzero(a))
        if novelty and plan.spread.shape[1] > plan.modes and chi_square > ndf + np.sqrt(2 * ndf):
            wider = _run(plan, row, full.point, np.ones(k, bool), plan.spread.shape[1], plan.adapt, full_rule)
            summary[i, 5] = min(chi_square, _chi_square(row, wider.mean, plan.f2_range[0]))


def _sums(x: Floats, f: Floats) -> tuple[float, ...]:
    """Return the sums from which cosines and explained variance of a spectrum and its fit follow."""
    return tuple(float(one) for one in (x.sum(), f.sum(), x @ x, f @ f, x @ f, (x - f) @ (x - f)))


# ------------------------------------------------------------------------------------------ starts


def _start(plan: _Plan, row: _Row) -> _Point:
    """Least squares on the plain templates; then weighted by smoothed counts, still without distortions."""
    t, k = plan.shapes, len(plan.shapes)
    b = t @ row.y
    a = minimise(t @ t.T, b, (b > 0).astype(np.float64))
    members = a > 0
    if not members.any():
        members[:] = True
        a = np.full(k, max(row.y.sum(), 0.0) / k)
    if row.variance is None:
        near = (
            np.convolve(row.y, np.ones(7), "full")[3:-3] / np.convolve(np.ones(len(row.y)), np.ones(7))[3:-3]
        )
        w = 1 / (np.maximum(near, 0.0) + 0.5)
    else:
        w = 1 / row.variance
    for _ in range(2 + k):
        s, b = (t * w) @ t.T, (t * w) @ row.y
        a = _scores(s, b, members, a)
        joined = _joining(plan, row.y - a @ t, w, ~members)
        members = members | joined
        if not joined.any():
            break
    return _Point(a, a > 0, w, plan.f2_range[0])


def _without(full: _Fit, j: int) -> tuple[_Point, Bools]:
    """Return where a fit without class j starts, and which classes are allowed in it."""
    allowed = np.arange(len(full.b)) != j
    members = full.point.members & allowed
    if not members.any():
        members = allowed
    return replace(full.point, a=_scores(full.s, full.b, members, full.point.a), members=members), allowed


def _scores(s: Floats, b: Floats, members: Bools, start: Floats) -> Floats:
    a = np.zeros(len(b))
    a[members] = minimise(s[np.ix_(members, members)], b[members], start[members])
    return a


# ------------------------------------------------------------------------------------------- a fit


def _run(
    plan: _Plan, row: _Row, point: _Point, allowed: Bools, modes: int, adapt: bool, rule: tuple[int, float]
) -> _Fit:
    """Take reweighted steps until the mean stays: at most ``rule[0]``, to the tolerance ``rule[1]``."""
    steps, tolerance = rule
    t, y = plan.shapes, row.y
    a, members, w, f2 = point.a, point.members, point.w, point.f2
    mean = np.zeros(len(y))
    taken = steps
    for it in range(steps):
        v, of_drift = _distortions(plan, row, a, members, modes, w)
        # with z eliminated: s = T'WT - H'M^-1 H, b = T'Wy - H'M^-1 V'Wy, M = 1 + V'WV, H = V'WT
        root = _factor(np.eye(len(v)) + (v * w) @ v.T)  # M = root root'
        h, right = np.linalg.solve(root, (v * w) @ t.T), np.linalg.solve(root, (v * w) @ y)
        s = (t * w) @ t.T - h.T @ h
        b = (t * w) @ y - h.T @ right
        a = _scores(s, b, members, a)
        z = np.linalg.solve(root.T, right - h @ a)
        fitted = a @ t + z @ v
        before, mean = mean, fitted
        if row.variance is None:
            # templates may be net ones, negative somewhere
            mean = np.maximum(fitted, _LEAST_SHARE * np.maximum(a @ t, 0.0) + plan.floor)
        moved = float((w * (mean - before) ** 2).sum())
        joined = _joining(plan, y - fitted, w, allowed & ~members)
        members = members | joined
        if adapt and it >= 1:
            ndf = max(len(y) - int((a > 0).sum()), 1)
            # one standard deviation of chi-square is what chance makes: no mismatch is taken from it
            sparse = 0.0 if row.variance is not None else (1 / mean).sum()  # chi-square varies by 2 + 1/mean
            old, f2 = f2, _mismatch(plan, row, mean, ndf + np.sqrt(2.0 * ndf + sparse))
            if abs(f2 - old) > 0.02 * f2:
                moved = np.inf
        w = 1 / row.total_variance(mean, f2)
        if it > 0 and not joined.any() and moved < tolerance:
            taken = it
            break
    level = _log_likelihood(row, mean, f2) - 0.5 * float(z @ z)
    if plan.determinant:
        level -= float(np.log(np.diag(root)).sum())
    drifts = np.array([z[i] if i >= 0 else 0.0 for i in of_drift])
    return _Fit(_Point(a, members, w, f2), mean, s, b, drifts, level, taken, len(v))


def _joining(plan: _Plan, residual: Floats, w: Floats, outside: Bools) -> Bools:
    """Return which classes outside have a gradient that says that they help."""
    g = plan.shapes @ (w * residual)
    return np.asarray(outside & (g > 0) & (g**2 > _JOINS * (plan.shapes**2 @ w)))


def _distortions(
    plan: _Plan, row: _Row, a: Floats, members: Bools, modes: int, w: Floats
) -> tuple[Floats, list[int]]:
    """Return the signed columns V at scores a, and which of them each drift is (-1: none).

    Columns about which the data say next to nothing, ``V'WV <= prune``, are left to their prior.
    """
    columns: list[Floats] = []

    def keep(column: Floats) -> int:
        if (w * column**2).sum() > plan.prune:
            columns.append(column)
            return len(columns) - 1
        return -1

    of_drift = [keep(a @ one) for one in plan.drift]
    if row.pile > 0:
        keep(_pile_up(plan, a, row.pile))
    for j in np.flatnonzero(members & (a > 1e-4 * a.sum())):
        for mode in plan.spread[j, :modes]:
            keep(a[j] * mode)
    return np.array(columns).reshape(len(columns), len(w)), of_drift


def _pile_up(plan: _Plan, a: Floats, share: float) -> Floats:
    """Return ``share`` of the counts as sums of two pulses: the self-convolution of the undistorted mean."""
    c, total = plan.shapes.shape[1], a.sum()
    step = max(1, c // _CHANNELS)
    n = -(-c // step)
    coarse = np.add.reduceat(a @ plan.shapes, np.arange(0, c, step))
    sums = np.convolve(coarse, coarse) * share / max(total, 1e-9)  # sums[i + j] of channels i and j
    shift = plan.pile_shift // step
    folded = np.zeros(n)
    at = np.arange(len(sums)) + shift
    inside = (at >= 0) & (at < n)
    folded[at[inside]] = sums[inside]
    if step == 1:
        return folded
    return np.asarray(np.interp((np.arange(c) + 0.5) / step - 0.5, np.arange(n), folded) / step)


def _factor(matrix: Floats) -> Floats:
    """Return the Cholesky factor; where rounding took the definiteness, of the matrix with a ridge."""
    ridge = 0.0
    for _ in range(20):
        try:
            return np.asarray(np.linalg.cholesky(matrix + ridge * np.diag(np.diag(matrix))), np.float64)
        except np.linalg.LinAlgError:
            ridge = max(100 * ridge, 1e-15)
    return np.diag(np.sqrt(np.maximum(np.diag(matrix), 1e-300)))


def _mismatch(plan: _Plan, row: _Row, mean: Floats, limit: float) -> float:
    """Return the smallest f^2 in range at which chi-square <= limit.

    Newton's method on 1 / chi-square, which is nearly straight in f^2. It comes from below and stops within
    0.2 % of it, which is all that the next reweighting needs.
    """
    f2, largest = plan.f2_range
    for it in range(20):
        part = (row.y - mean) ** 2 / row.total_variance(mean, f2)
        chi_square, slope = part.sum(), (part * mean**2 / row.total_variance(mean, f2)).sum()
        if chi_square <= limit * (1 if it == 0 else 1.002) or not slope > 0:
            break
        f2 += (chi_square**2 / limit - chi_square) / slope
        if f2 >= largest:
            return largest
    return float(f2)


# --------------------------------------------------------------------------- what comes out of a fit


def _log_likelihood(row: _Row, mean: Floats, f2: float) -> float:
    """Return the log-likelihood without the terms of the negative binomial that do not hold the mean."""
    if row.variance is not None:
        variance = row.total_variance(mean, f2)
        return float(-0.5 * ((row.y - mean) ** 2 / variance + np.log(variance)).sum())
    if f2 < _PURE:
        return float((row.y * np.log(mean) - mean).sum())
    spread = np.log1p(f2 * mean)
    return float((row.y * (np.log(mean) - spread) - spread / f2).sum())


def _chi_square(row: _Row, mean: Floats, f2: float) -> float:
    return float(((row.y - mean) ** 2 / row.total_variance(mean, f2)).sum())


def _pearson(row: _Row, mean: Floats) -> float:
    variance = np.maximum(mean, 0.5) if row.variance is None else row.variance
    return float(((row.y - mean) ** 2 / variance).sum())


def _errors(full: _Fit) -> tuple[Floats, Floats]:
    """Return the sd of each score and the scores without the bound; NaN and 0 where the data say nothing.

    The sd is that of the inverse information on the scores above zero. One at zero is freed alone: besides
    those above zero it takes the value r / i, with r its gradient and i what is left of its own information.
    """
    a, s, b = full.point.a, full.s, full.b
    sd, unbound = np.full(len(a), np.nan), a.copy()
    above = a > 0
    inner = s[np.ix_(above, above)]
    inverse = np.zeros_like(inner)
    for ridge in (1e-9, 1e-7, 1e-5, 1e-3, 1e-1, 10.0):
        information = inner + np.diag(ridge * np.diag(inner))
        try:
            np.linalg.cholesky(information)
        except np.linalg.LinAlgError:
            continue
        scale = 1 / np.sqrt(np.diag(information))
        inverse = np.linalg.inv(information * scale[:, None] * scale) * scale[:, None] * scale
        sd[above] = np.sqrt(np.diag(inverse))
        break
    for j in np.flatnonzero(~above):
        beside = s[j, above]
        information = s[j, j] - beside @ inverse @ beside
        unbound[j] = 0.0
        if s[j, j] > 0 and information > 1e-12 * s[j, j]:
            sd[j] = 1 / np.sqrt(information)
            unbound[j] = (b[j] - beside @ a[above]) / information
    return sd, unbound
