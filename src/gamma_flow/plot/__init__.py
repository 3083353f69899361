"""A value in, a matplotlib Figure out: this room draws and computes nothing.

Every function returns a `matplotlib.figure.Figure` that belongs to no window and to no global list, so
nothing has to be closed, and a thousand of them may be made in a loop. In a notebook say
``%matplotlib inline`` once; elsewhere ``figure.savefig("name.png")`` or `gamma_flow.plot.save`.

A class keeps its colour everywhere: each function takes a `Palette` and makes one of the classes that it
sees if there is none. Make one of all classes and hand it to every plot where several are to be compared.

Matplotlib is an extra, ``pip install gamma-flow[plot]``; it is loaded when the first figure is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gamma_flow._lazy import exports

if TYPE_CHECKING:
    from gamma_flow.plot._classes import detector_similarity, inventory, similarity_matrix
    from gamma_flow.plot._confusion import confusion
    from gamma_flow.plot._curves import reliability, roc
    from gamma_flow.plot._decomposition import decomposition
    from gamma_flow.plot._measures import measures
    from gamma_flow.plot._mistakes import misclassified
    from gamma_flow.plot._scores import mean_scores, scores
    from gamma_flow.plot._separability import separability
    from gamma_flow.plot._style import save
    from gamma_flow.plot._templates import templates
    from gamma_flow.plot.explore import example_spectra, mean_spectra, rebinned
    from gamma_flow.plot.palette import Palette

_HOMES = {
    "Palette": "gamma_flow.plot.palette",
    "confusion": "gamma_flow.plot._confusion",
    "decomposition": "gamma_flow.plot._decomposition",
    "detector_similarity": "gamma_flow.plot._classes",
    "example_spectra": "gamma_flow.plot.explore",
    "inventory": "gamma_flow.plot._classes",
    "mean_scores": "gamma_flow.plot._scores",
    "mean_spectra": "gamma_flow.plot.explore",
    "measures": "gamma_flow.plot._measures",
    "misclassified": "gamma_flow.plot._mistakes",
    "rebinned": "gamma_flow.plot.explore",
    "reliability": "gamma_flow.plot._curves",
    "roc": "gamma_flow.plot._curves",
    "save": "gamma_flow.plot._style",
    "scores": "gamma_flow.plot._scores",
    "separability": "gamma_flow.plot._separability",
    "similarity_matrix": "gamma_flow.plot._classes",
    "templates": "gamma_flow.plot._templates",
}

__all__ = [
    "Palette",
    "confusion",
    "decomposition",
    "detector_similarity",
    "example_spectra",
    "inventory",
    "mean_scores",
    "mean_spectra",
    "measures",
    "misclassified",
    "rebinned",
    "reliability",
    "roc",
    "save",
    "scores",
    "separability",
    "similarity_matrix",
    "templates",
]

__getattr__, __dir__ = exports(__name__, _HOMES, globals())
