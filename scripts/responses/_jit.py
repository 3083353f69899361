"""numba's ``njit`` where numba is installed; without it the same functions run as plain Python, slowly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

try:
    from numba import njit as _njit
except ImportError:  # the tests run the same code without a compiler

    def njit(function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function as it is."""
        return function

else:

    def njit(function: Callable[..., Any]) -> Callable[..., Any]:
        """Compile the function; no fast-math, so that equal seeds give equal tables."""
        return _njit(cache=True, nogil=True)(function)


__all__ = ["njit"]
