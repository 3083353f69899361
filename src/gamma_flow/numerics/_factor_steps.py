"""The steps of a factorisation (`gamma_flow.numerics.factorise`), over blocks of rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.errors import DataError, IncompatibleError
from gamma_flow.numerics import similarity

__all__ = ["Loss", "Work", "unit_templates"]

Floats = NDArray[np.float64]
Loss = Literal["poisson", "leastsquares"]

_BLOCK = 1 << 20  # values held at a time
_LIFT = 0.01  # of the mean spectrum, mixed into a start so that no channel is shut
_ROUNDS = 30  # of subspace iteration for the start
_BISECTIONS = 70
_WARM = 10  # steps of the scores before the first of the templates


class Work:
    """Values, and the two halves of a step over blocks of them."""

    def __init__(self, x: NDArray[Any], loss: Loss, smooth: float, n_fixed: int) -> None:
        self.x, self.poisson, self.n_fixed = x, loss == "poisson", n_fixed
        total = mass = constant = 0.0
        mean = np.zeros(x.shape[1])
        for block in self.blocks():
            values = np.asarray(x[block], np.float64)
            total += float(values.sum() if self.poisson else (values * values).sum())
            mass += float(np.abs(values).sum())
            mean += np.maximum(values, 0.0).sum(axis=0)
            if self.poisson:
                constant += float((values * np.log(np.where(values > 0, values, 1.0)) - values).sum())
        self.constant, self.smoothness = constant, smooth * total * x.shape[1]
        self.mean = mean / mean.sum() if mean.sum() > 0 else np.full(len(mean), 1.0 / len(mean))
        self.mean = (1 - 1e-9) * self.mean + 1e-9 / len(mean)
        # known and constant, so that the steps still descend, and no logarithm meets zero
        self.tiny = max(1e-12 * mass / max(x.size, 1), 1e-300)

    def blocks(self) -> list[slice]:
        size = max(1, _BLOCK // self.x.shape[1])
        return [slice(i, min(i + size, len(self.x))) for i in range(0, max(len(self.x), 1), size)]

    def penalty(self, t: Floats) -> float:
        return float(self.smoothness * (np.diff(t[self.n_fixed :], axis=1) ** 2).sum())

    def loss(self, a: Floats, t: Floats) -> float:
        parts = sum(self._part(np.asarray(self.x[b], np.float64), a[b] @ t) for b in self.blocks())
        return self._whole(parts, t)

    def _part(self, x: Floats, mean: Floats) -> float:
        if self.poisson:
            return float((mean - x * np.log(mean + self.tiny)).sum())
        return float(((x - mean) ** 2).sum())

    def _whole(self, parts: float, t: Floats) -> float:
        return (2.0 * (parts + self.constant) if self.poisson else parts) + self.penalty(t)

    def step(self, a: Floats, t: Floats) -> tuple[Floats, float]:
        """Move the scores (in place), then the templates; return these and the loss."""
        free = slice(self.n_fixed, len(t))
        top, gram = np.zeros_like(t[free]), np.zeros((len(t), len(t)))
        for block in self.blocks():
            x = np.asarray(self.x[block], np.float64)
            part = self.scores(a[block], x, t)
            a[block] = part
            if self.poisson:
                top += part[:, free].T @ (x / (part @ t + self.tiny))
            else:
                top += part[:, free].T @ x
                gram += part.T @ part
        if top.size:
            t = t.copy()
            if self.poisson:
                t[free] = self.poisson_templates(t[free], t[free] * top, a[:, free].sum(axis=0))
            else:
                t = self.square_templates(t, top, gram)
        return t, self.loss(a, t)

    def scores(self, a: Floats, x: Floats, t: Floats) -> Floats:
        if self.poisson:
            return np.asarray(a * ((x / (a @ t + self.tiny)) @ t.T))  # unit sums: the denominators are 1
        a, right, gram = a.copy(), x @ t.T, t @ t.T
        for k in range(len(t)):
            a[:, k] = np.maximum(a[:, k] + (right[:, k] - a @ gram[:, k]) / gram[k, k], 0.0)
        return a

    def poisson_templates(self, old: Floats, top: Floats, amount: Floats) -> Floats:
        """Minimise ``amount sum t - sum top log t`` and the split penalty, at unit sum."""
        filled = top.sum(axis=1) > 0
        if self.smoothness == 0:
            total = np.where(filled, top.sum(axis=1), 1.0)[:, None]
            return np.asarray(np.where(filled[:, None], top / total, old))
        two, pull = self.curvature(old)

        def at(nu: Floats) -> Floats:
            linear = nu[:, None] - pull
            root = np.sqrt(linear * linear + 4.0 * two * top)
            # the positive root of two t^2 + linear t - top, written without cancellation
            big = np.where(
                linear > 0, 2.0 * top / np.maximum(linear + root, 1e-300), (root - linear) / (2.0 * two)
            )
            return np.asarray(big)

        reach = top.sum(axis=1) + amount + np.abs(pull).max(axis=1) + two.max() + 1.0
        return _unit_sum(at, reach, old)

    def square_templates(self, t: Floats, top: Floats, gram: Floats) -> Floats:
        """Minimise half of the squared residuals and the split penalty, one template after the other."""
        for k in range(self.n_fixed, len(t)):
            two, pull = self.curvature(t[k : k + 1])
            curve = gram[k, k] + two
            right = top[k - self.n_fixed] - gram[k] @ t + gram[k, k] * t[k] + pull

            def at(nu: Floats, right: Floats = right, curve: Floats = curve) -> Floats:
                return np.asarray(np.maximum(right - nu[:, None], 0.0) / curve)

            if gram[k, k] > 0:
                reach = np.abs(right).max(axis=1) + curve.max() + 1e-300
                t[k] = _unit_sum(at, reach, t[k : k + 1])[0]
        return t

    def curvature(self, old: Floats) -> tuple[Floats, Floats]:
        """Return what the split penalty adds to curvature, (C,), and to slope, (F, C)."""
        if old.shape[1] < 2:
            return np.full(old.shape[1], 1e-300), np.zeros_like(old)
        pairs = old[:, 1:] + old[:, :-1]
        pull = np.zeros_like(old)
        pull[:, 1:] += pairs
        pull[:, :-1] += pairs
        neighbours = np.full(old.shape[1], 2.0)
        neighbours[[0, -1]] = 1.0
        return np.maximum(2.0 * self.smoothness * neighbours, 1e-300), self.smoothness * pull

    def begin(
        self, known: Floats, n_free: int, start: ArrayLike | np.random.Generator | None
    ) -> tuple[Floats, Floats]:
        """Return templates and scores to start from."""
        c = self.x.shape[1]
        if isinstance(start, np.random.Generator):
            first = self.mean * start.exponential(size=(n_free, c))
            first /= first.sum(axis=1, keepdims=True)
        elif start is not None:
            first = unit_templates(start, "start", c)
            if len(first) != n_free:
                raise IncompatibleError(
                    "the start does not have as many templates as are free",
                    expected=f"{n_free}",
                    found=f"{len(first)}",
                )
        else:
            first = self.leading(known, n_free)
        t = np.vstack([known, (1 - _LIFT) * first + _LIFT * self.mean])
        rows = np.concatenate(
            [np.maximum(np.asarray(self.x[b], np.float64), 0.0).sum(axis=1) for b in self.blocks()]
        )
        a = np.repeat(rows[:, None] / max(len(t), 1), len(t), axis=1)
        for _ in range(_WARM):
            for b in self.blocks():
                a[b] = self.scores(a[b], np.asarray(self.x[b], np.float64), t)
        return t, a

    def leading(self, known: Floats, n_free: int) -> Floats:
        """Return the larger signed parts of leading singular vectors of what the known templates leave."""
        c = self.x.shape[1]
        if n_free == 0:
            return np.zeros((0, c))
        scale = np.sqrt(self.mean) if self.poisson else np.ones(c)
        rest = np.empty(self.x.shape)
        for b in self.blocks():
            x = np.asarray(self.x[b], np.float64)
            a = np.repeat(np.maximum(x, 0.0).sum(axis=1)[:, None] / max(len(known), 1), len(known), axis=1)
            for _ in range(2 * _WARM):
                a = self.scores(a, x, known)
            rest[b] = (x - a @ known) / scale
        width = min(n_free, c)
        basis = np.cos(np.pi * np.outer(np.arange(c) + 0.5, np.arange(width)) / c)
        for _ in range(_ROUNDS):
            basis, _ = np.linalg.qr(rest.T @ (rest @ basis))
        _, _, turn = np.linalg.svd(rest @ basis, full_matrices=False)
        vectors = (basis @ turn.T).T * scale
        if len(vectors) < n_free:
            vectors = np.vstack([vectors, np.zeros((n_free - len(vectors), c))])
        ups, downs = np.maximum(vectors, 0.0), np.maximum(-vectors, 0.0)
        larger = (ups**2).sum(axis=1) >= (downs**2).sum(axis=1)
        chosen = np.where(larger[:, None], ups, downs)
        total = chosen.sum(axis=1, keepdims=True)
        return np.asarray(np.where(total > 0, chosen / np.where(total > 0, total, 1.0), self.mean))


def _unit_sum(at: Callable[[Floats], Floats], reach: Floats, old: Floats) -> Floats:
    """Return the templates at the multipliers with which they sum to one; more of it, less sum."""
    low, high = -reach, reach.copy()
    for _ in range(60):
        short = at(low).sum(axis=1) < 1
        if not short.any():
            break
        low[short] *= 4
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        big = at(middle).sum(axis=1) > 1
        low, high = np.where(big, middle, low), np.where(big, high, middle)
    found = at(0.5 * (low + high))
    total = found.sum(axis=1, keepdims=True)
    good = np.isfinite(total) & (total > 0)
    return np.asarray(np.where(good, found / np.where(good, total, 1.0), old))


def unit_templates(given: ArrayLike | None, where: str, channels: int) -> Floats:
    """Return checked templates of unit sum, (F, C)."""
    if given is None:
        return np.zeros((0, channels))
    t = np.array(similarity.matrix(given, where), dtype=np.float64)
    if t.shape[1] != channels:
        raise IncompatibleError(
            "templates and values differ in channels",
            where=where,
            expected=f"{channels}",
            found=f"{t.shape[1]}",
        )
    similarity.refuse_nonfinite(t, where, 0)
    total = t.sum(axis=1, keepdims=True)
    if (t < 0).any() or (total <= 0).any():
        raise DataError(
            "a template is negative somewhere, or zero everywhere",
            where=where,
            expected=">= 0, sum > 0",
            found=f"{t.min():g}",
        )
    return np.asarray(t / total)
