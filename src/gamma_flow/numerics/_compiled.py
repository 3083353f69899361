"""Which of the two engines computes: the compiled kernel, or its twin in numpy.

The kernel where it is installed. The environment variable GAMMA_FLOW_KERNEL chooses otherwise: ``numpy``
takes the twin, ``compiled`` insists on the kernel.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gamma_flow.errors import MissingDependencyError, SettingsError

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["VARIABLE", "engine", "engine_name", "kernel"]

VARIABLE = "GAMMA_FLOW_KERNEL"


def kernel() -> ModuleType | None:
    """Return the compiled kernel, or None where it is not installed or not wanted.

    Raises
    ------
    SettingsError
        If the environment variable names neither engine.
    MissingDependencyError
        If it insists on a kernel that is not installed.
    """
    wanted = os.environ.get(VARIABLE, "")
    if wanted == "numpy":
        return None
    if wanted not in ("", "compiled"):
        raise SettingsError(
            "no such engine", where=VARIABLE, expected="numpy or compiled", found=repr(wanted)
        )
    try:
        from gamma_flow.numerics import _kernel
    except ImportError:
        if wanted:
            raise MissingDependencyError(
                "the compiled kernel is not installed",
                where=VARIABLE,
                cure="install the package where a C++ compiler is at hand, or unset the variable",
            ) from None
        return None
    return _kernel


def engine() -> ModuleType:
    """Return the module whose ``decompose`` and ``poisson`` compute: ``_kernel`` or ``_reference``.

    Raises
    ------
    SettingsError, MissingDependencyError
        As `kernel` does.
    """
    compiled = kernel()
    if compiled is not None:
        return compiled
    from gamma_flow.numerics import _reference

    return _reference


def engine_name() -> str:
    """Return which engine computes, ``"compiled"`` or ``"numpy"``.

    Examples
    --------
    >>> engine_name() in ("compiled", "numpy")
    True
    """
    return "numpy" if kernel() is None else "compiled"
