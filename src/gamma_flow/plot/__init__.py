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
    from gamma_flow.plot.study import (
        appearance,
        decision_tree,
        feature_histogram,
        feature_importance,
        noise_behaviour,
        roc,
        sigmoid,
        threshold_curves,
    )

_HOMES = {
    "Palette": "gamma_flow.plot.palette",
    "appearance": "gamma_flow.plot.study",
    "decision_tree": "gamma_flow.plot.study",
    "feature_histogram": "gamma_flow.plot.study",
    "feature_importance": "gamma_flow.plot.study",
    "noise_behaviour": "gamma_flow.plot.study",
    "roc": "gamma_flow.plot.study",
    "save": "gamma_flow.plot._style",
    "sigmoid": "gamma_flow.plot.study",
    "threshold_curves": "gamma_flow.plot.study",
}

__all__ = [
    "Palette",
    "appearance",
    "decision_tree",
    "feature_histogram",
    "feature_importance",
    "noise_behaviour",
    "roc",
    "save",
    "sigmoid",
    "threshold_curves",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'gamma_flow.plot' has no attribute '{name}'")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
