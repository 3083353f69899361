"""A whole study of one model, as the command makes it: all steps, one value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from gamma_flow._study_cuts import Cut, How, Verdict, cut, judged
from gamma_flow._study_noise import NoiseRow, noise_rows
from gamma_flow._study_rankings import Ranking, best_feature, rankings
from gamma_flow._study_sets import confront, pool_for, training_of
from gamma_flow._study_tree import Tree, grown
from gamma_flow.data import SpectrumSet
from gamma_flow.data.feature_table import FeatureTable
from gamma_flow.errors import LabelError, MissingDependencyError, SettingsError
from gamma_flow.model import Model
from gamma_flow.study import Progress, Study, leave_one_out, paper_features

__all__ = ["Report", "reported"]


@dataclass(frozen=True, eq=False)
class Report:
    """What a study found.

    Parameters
    ----------
    study : Study
        Features of known and unknown spectra.
    tree : Tree or None
        None without scikit-learn, where none was asked for.
    simulated, real_rankings : mapping of str to Ranking
        Each feature on left-out classes, and on real unknowns; the latter empty without such.
    cut : Cut
        The choice.
    real : Verdict or None
        What the cut does on labelled spectra that made no template; None without such.
    real_table : FeatureTable or None
        These spectra.
    noise : tuple of NoiseRow
        How it bears noise.
    """

    study: Study
    tree: Tree | None
    simulated: Mapping[str, Ranking]
    cut: Cut
    real: Verdict | None = None
    real_table: FeatureTable | None = None
    real_rankings: Mapping[str, Ranking] = field(default_factory=dict)
    noise: tuple[NoiseRow, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON; what is not known is None."""
        known, unknown = self.study.table.counts
        chosen = self.cut
        appearance = [
            {
                name: None if np.isnan(part) else float(part)
                for name, part in zip(self.study.classes, row, strict=True)
            }
            for row in self.study.appearance
        ]
        return {
            "known": known,
            "unknown": unknown,
            "left_out": list(self.study.left_out),
            "appearance": dict(zip(self.study.left_out, appearance, strict=True)),
            "tree": None if self.tree is None else self.tree.as_dict(),
            "features": {
                name: {
                    "side": one.side,
                    "auc": one.auc,
                    "auc_real": self.real_rankings[name].auc if name in self.real_rankings else None,
                }
                for name, one in self.simulated.items()
            },
            "rule": chosen.rule().as_dict(),
            "sigmoid": None
            if chosen.sigmoid is None
            else {"midpoint": chosen.sigmoid.midpoint, "slope": chosen.sigmoid.slope},
            "simulated": chosen.verdict.as_dict(),
            "real": None if self.real is None else self.real.as_dict(),
            "noise": [row.as_dict() for row in self.noise],
        }


def reported(
    model: Model,
    sets: Sequence[SpectrumSet],
    *,
    how: How = "curves",
    recall: float | None = None,
    false_positive_rate: float | None = None,
    feature: str | None = None,
    left_out: Sequence[str] | None = None,
    paper: bool = False,
    real_known: bool = False,
    unknown_limit: int | Literal["smallest"] | None = "smallest",
    imbalance: float = 10.0,
    noise_sizes: Sequence[float] = (),
    nulls: int | None = None,
    seed: int = 1,
    method: Literal["conserve", "interpolate"] | None = None,
    allow_cut: float = 0.01,
    progress: Progress | None = None,
) -> Report:
    """Study a model; arguments as in `gamma_flow.study`.

    Parameters
    ----------
    model : Model
        Of all classes; the others are trained as it was.
    sets : sequence of SpectrumSet
        Those that it was trained on, and others.
    paper : bool
        The paper's protocol: nothing held out, all spectra known, its features alone.
    real_known : bool
        Choose the cut against the known ones among the labelled spectra that the training did not see: they
        bring what detectors do and simulations do not.

    Raises
    ------
    LabelError
        No such known spectra, where the cut is to be chosen against them.
    SettingsError
        Added noise together with them: it is added to the study's own spectra.
    """
    training = training_of(model)
    if nulls is not None:
        training["nulls"] = nulls
    if paper:
        training["held_out"] = 0.0
    draws, splits = np.random.default_rng(seed).spawn(2)
    study = leave_one_out(
        pool_for(model, sets, method=method, allow_cut=allow_cut),
        rng=draws,
        left_out=left_out,
        known="all" if paper else "held out",
        unknown_limit=unknown_limit,
        imbalance=imbalance,
        noise_sizes=noise_sizes,
        progress=progress,
        **training,
    )
    names = paper_features(study.table) if paper else study.table.names
    tree = _tree(study.table, names, how, splits)
    chosen_by = feature or _first(study.table, names, tree if how == "tree" else None)
    real_table = _real(model, sets)
    table = _against_real(study.table, real_table, noise_sizes) if real_known else study.table
    wish: dict[str, Any] = {"how": how, "recall": recall, "false_positive_rate": false_positive_rate}
    chosen = cut(table, chosen_by, **wish)
    simulated = {name: one for name, one in rankings(study.table).items() if name in {*names, chosen.feature}}
    real_rankings: Mapping[str, Ranking] = {}
    if real_table is not None and min(real_table.counts) > 0:
        real_rankings = rankings(real_table, {name: one.side for name, one in simulated.items()})
    return Report(
        study,
        tree,
        simulated,
        chosen,
        None if real_table is None else judged(chosen, real_table),
        real_table,
        real_rankings,
        noise_rows(study, chosen, wish) if noise_sizes else (),
    )


def _real(model: Model, sets: Sequence[SpectrumSet]) -> FeatureTable | None:
    try:
        return confront(model, sets)
    except LabelError:
        return None


def _against_real(
    table: FeatureTable, real: FeatureTable | None, noise_sizes: Sequence[float]
) -> FeatureTable:
    """Return the unknown spectra of the study with the known ones of real spectra."""
    if len(noise_sizes):
        raise SettingsError(
            "noise is added to the study's own spectra",
            where="real_known",
            expected="no noise_sizes",
            found=", ".join(f"{size:g}" for size in noise_sizes),
            cure="study noise without real known spectra",
        )
    if real is None or not real.counts[0]:
        raise LabelError(
            "there are no known spectra that the training did not see",
            expected="spectra whose labels are all classes of the model",
            found="none",
            cure="give labelled spectra of a real detector beside those of the training",
        )
    return FeatureTable.concatenate([table[table.unknown], real[~real.unknown]])


def _tree(table: FeatureTable, names: Sequence[str], how: How, rng: np.random.Generator) -> Tree | None:
    try:
        return grown(table, names, rng=rng)
    except MissingDependencyError:
        if how == "tree":
            raise
        return None


def _first(table: FeatureTable, names: Sequence[str], tree: Tree | None) -> str:
    """Return the feature of the tree's first split, or the one that divides best."""
    if tree is not None and tree.nodes[0].feature is not None:
        return tree.nodes[0].feature
    return best_feature(table, names)
