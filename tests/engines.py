"""The engines that compute, to run a test on each: the kernel with and without wide instructions, twin."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import numpy as np
import pytest

from gamma_flow.numerics._compiled import VARIABLE

try:
    from gamma_flow.numerics import _kernel
except ImportError:  # installed without a compiler
    _kernel = None  # type: ignore[assignment]

KERNELS = [] if _kernel is None else ["compiled", "compiled, narrow"]
ENGINES = ["numpy", *KERNELS]

each_engine = pytest.mark.parametrize("engine", ENGINES)
each_kernel = pytest.mark.parametrize(
    "engine", KERNELS or [pytest.param("compiled", marks=pytest.mark.skip("no kernel"))]
)


@contextmanager
def using(engine: str) -> Iterator[None]:
    """Compute by one of the engines."""
    with mock.patch.dict(os.environ, {VARIABLE: engine.split(",")[0]}):
        if _kernel is not None:
            _kernel.wide("narrow" not in engine)
        try:
            yield
        finally:
            if _kernel is not None:
                _kernel.wide(True)


def draw(rng, n, k, c, *, kind="random"):
    """Draw values (n, c) and templates (k, c) for least squares."""
    if kind == "random":
        templates = rng.normal(size=(k, c))
    elif kind == "positive":
        templates = rng.random((k, c)) * 10.0 ** rng.uniform(-3, 3, (k, 1))
    elif kind == "collinear":
        templates = rng.random((1, c)) + 10.0 ** rng.uniform(-12, -1) * rng.normal(size=(k, c))
    else:
        templates = rng.random((k, c))[rng.integers(0, k, k)]  # some more than once
    scores = rng.gamma(0.5, 2.0, (n, k)) * (rng.random((n, k)) < 0.5)
    values = scores @ templates + rng.normal(size=(n, c)) * np.abs(templates).mean() * rng.choice([0.01, 1.0])
    values[rng.random(n) < 0.1] = 0.0
    return values, templates
