"""Plots of the study of unknowns: the tree, the features, the cut, and what it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gamma_flow.plot._study_cut import feature_histogram, roc, sigmoid, threshold_curves
from gamma_flow.plot._study_look import appearance, noise_behaviour
from gamma_flow.plot._study_tree import decision_tree, feature_importance, tree_confusion

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from gamma_flow._study_report import Report
    from gamma_flow.plot.palette import Palette

__all__ = [
    "all_of",
    "appearance",
    "decision_tree",
    "feature_histogram",
    "feature_importance",
    "noise_behaviour",
    "roc",
    "sigmoid",
    "threshold_curves",
    "tree_confusion",
]


def all_of(report: Report, *, palette: Palette | None = None) -> dict[str, Figure]:
    """Return all plots that a study has the values for, by name.

    Parameters
    ----------
    report : Report
        What `gamma-flow study` makes.
    palette : Palette, optional
        Colours of the classes.
    """
    study, chosen = report.study, report.cut
    drawn = {
        "appearance": appearance(study),
        "feature": feature_histogram(study.table, chosen, real=report.real_table, palette=palette),
        "thresholds": threshold_curves(chosen),
        "roc": roc(report.simulated, report.real_rankings, chosen=chosen),
    }
    if report.tree is not None:
        drawn["tree"] = decision_tree(report.tree)
        drawn["tree-confusion"] = tree_confusion(report.tree)
        drawn["importance"] = feature_importance(report.tree)
    if chosen.sigmoid is not None:
        drawn["sigmoid"] = sigmoid(study.table, chosen)
    if len(report.noise) > 1:
        drawn["noise"] = noise_behaviour(report.noise, chosen)
    return drawn
