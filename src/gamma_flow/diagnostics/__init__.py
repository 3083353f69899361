"""What stands behind the figures of an evaluation: which spectra, which confusions, how sure.

`compare` puts answers and labels side by side once; all else is made of what it returns::

    from gamma_flow import diagnostics

    compared = diagnostics.compare(found, spectra)
    diagnostics.set_confusion(compared).counts
    diagnostics.roc(compared).auc

What needs the spectra themselves (`misclassified`, `decompose`, `coverage`) takes analysis and spectra, as
`gamma_flow.evaluate` does. `gamma_flow.plot` draws all of it.
"""

from gamma_flow.diagnostics.comparison import OUTCOMES, Comparison, compare
from gamma_flow.diagnostics.confusions import SetConfusion, set_confusion
from gamma_flow.diagnostics.curves import Roc, roc
from gamma_flow.diagnostics.decomposition import Decomposition, decompose
from gamma_flow.diagnostics.mistakes import Mistake, misclassified
from gamma_flow.diagnostics.spread import MeanScores, Measures, mean_scores, measures
from gamma_flow.diagnostics.statements import Reliability, coverage, reliability

__all__ = [
    "OUTCOMES",
    "Comparison",
    "Decomposition",
    "MeanScores",
    "Measures",
    "Mistake",
    "Reliability",
    "Roc",
    "SetConfusion",
    "compare",
    "coverage",
    "decompose",
    "mean_scores",
    "measures",
    "misclassified",
    "reliability",
    "roc",
    "set_confusion",
]
