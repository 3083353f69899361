"""A value in, a matplotlib Figure out: this room draws and computes nothing.

Every function returns a `matplotlib.figure.Figure` that belongs to no window and to no global list, so
nothing has to be closed, and a thousand of them may be made in a loop. In a notebook say
``%matplotlib inline`` once; elsewhere ``figure.savefig("name.png")`` or `gamma_flow.plot.save`.

A class keeps its colour everywhere: each function takes a `Palette` and makes one of the classes that it
sees if there is none. Make one of all classes and hand it to every plot where several are to be compared.

Matplotlib is an extra, ``pip install gamma-flow[plot]``; it is loaded when the first figure is made.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gamma_flow.plot._style import save
    from gamma_flow.plot.palette import Palette

_HOMES = {
    "Palette": "gamma_flow.plot.palette",
    "save": "gamma_flow.plot._style",
}

__all__ = ["Palette", "save"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'gamma_flow.plot' has no attribute '{name}'")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
