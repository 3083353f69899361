"""The engines that compute, to run a test on each: the kernel with and without wide instructions, twin."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

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
