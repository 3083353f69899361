"""Real-time analysis of one-dimensional spectra by non-negative sums of known templates.

Labelled spectra in, a small model out; then any spectrum in, and out comes what it is made of, how well
that describes it, and the same spectrum without noise:

    import gamma_flow as gf

    spectra = gf.read("data/*.npy", onto=gf.Axis.linear(0, 3000, 1024))
    model = gf.train(spectra, energy_range=(45, None))
    found = model.analyse(spectra)
    gf.evaluate(found, spectra)

Names are loaded when they are first used: importing the package costs no more than numpy.
"""

from typing import TYPE_CHECKING

from gamma_flow._lazy import exports
from gamma_flow._version import __version__

if TYPE_CHECKING:
    from gamma_flow.data.analysis import Analysis
    from gamma_flow.data.axis import Axis
    from gamma_flow.data.evaluation import Evaluation
    from gamma_flow.data.family import Family
    from gamma_flow.data.labels import Labels
    from gamma_flow.data.spectra import SpectrumSet
    from gamma_flow.data.templates import Templates
    from gamma_flow.errors import GammaFlowError, GammaFlowWarning
    from gamma_flow.estimators import TemplateUnmixer
    from gamma_flow.evaluation import evaluate, with_noise
    from gamma_flow.io.reading import read, read_each
    from gamma_flow.io.writing import write
    from gamma_flow.model import Model
    from gamma_flow.numerics.unmix import nnls
    from gamma_flow.training import train

_HOMES = {
    "Analysis": "gamma_flow.data.analysis",
    "Axis": "gamma_flow.data.axis",
    "Evaluation": "gamma_flow.data.evaluation",
    "Family": "gamma_flow.data.family",
    "GammaFlowError": "gamma_flow.errors",
    "GammaFlowWarning": "gamma_flow.errors",
    "Labels": "gamma_flow.data.labels",
    "Model": "gamma_flow.model",
    "SpectrumSet": "gamma_flow.data.spectra",
    "TemplateUnmixer": "gamma_flow.estimators",
    "Templates": "gamma_flow.data.templates",
    "evaluate": "gamma_flow.evaluation",
    "nnls": "gamma_flow.numerics.unmix",
    "read": "gamma_flow.io.reading",
    "read_each": "gamma_flow.io.reading",
    "train": "gamma_flow.training",
    "with_noise": "gamma_flow.evaluation",
    "write": "gamma_flow.io.writing",
}

__all__ = [
    "Analysis",
    "Axis",
    "Evaluation",
    "Family",
    "GammaFlowError",
    "GammaFlowWarning",
    "Labels",
    "Model",
    "SpectrumSet",
    "TemplateUnmixer",
    "Templates",
    "__version__",
    "evaluate",
    "nnls",
    "read",
    "read_each",
    "train",
    "with_noise",
    "write",
]

__getattr__, __dir__ = exports(__name__, _HOMES, globals())
