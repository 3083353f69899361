"""The study of unknowns: how spectra of a class that nobody trained look to a model, and where to cut.

Each class plays the unknown once: `leave_one_out` trains without it and looks at its spectra and at the
others. `grown` grows a small decision tree on the features and says which of them matter, `cut` chooses a
threshold of one feature, `judged` says what it does on other spectra, such as real unknowns (`confront`).
`Cut.rule` makes the noun that a model carries::

    study = leave_one_out(spectra, rng=np.random.default_rng(1), detectors="simulated")
    chosen = cut(study.table, "novelty", recall=0.9)
    model = dataclasses.replace(model, unknown_rule=chosen.rule())

The protocol is that of V. Rädle et al., GAMMA_FLOW (package 0.9.0), with ``known="all"``, ``held_out=0`` and
the features of `gamma_flow.data.features.PAPER`. Beside it: known spectra that no template was made of, other
features, real unknowns, recall by class.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from gamma_flow._study_cuts import Cut, Verdict, cut, judged
from gamma_flow._study_noise import NoiseRow, noise_rows
from gamma_flow._study_rankings import Ranking, best_feature, rankings
from gamma_flow._study_sets import confront, pool_for, table_of, training_of
from gamma_flow._study_tree import Node, Tree, grown
from gamma_flow._training_rows import training_rows
from gamma_flow.data import BACKGROUND, SpectrumSet
from gamma_flow.data.feature_table import FeatureTable
from gamma_flow.data.features import PAPER, features
from gamma_flow.data.study import Study
from gamma_flow.errors import SettingsError, TrainingError, TrainingWarning
from gamma_flow.evaluation import with_noise
from gamma_flow.model import Model
from gamma_flow.training import train

__all__ = [
    "Cut",
    "Node",
    "NoiseRow",
    "Ranking",
    "Study",
    "Tree",
    "Verdict",
    "best_feature",
    "confront",
    "cut",
    "grown",
    "judged",
    "leave_one_out",
    "noise_rows",
    "paper_features",
    "pool_for",
    "rankings",
    "training_of",
]

Rows = NDArray[np.intp]
Known = Literal["held out", "all"]
Progress = Callable[[int, int, str], None]


def leave_one_out(
    spectra: SpectrumSet | Sequence[SpectrumSet],
    *,
    rng: np.random.Generator,
    left_out: Sequence[str] | None = None,
    known: Known = "held out",
    unknown_limit: int | Literal["smallest"] | None = "smallest",
    imbalance: float = 10.0,
    noise_sizes: Sequence[float] = (),
    progress: Progress | None = None,
    **training: Any,
) -> Study:
    """Train without each class in turn and look at its spectra.

    Parameters
    ----------
    spectra : SpectrumSet or sequence of SpectrumSet
        Labelled spectra on one axis; the pure ones that `gamma_flow.train` would take are used.
    rng : numpy.random.Generator
        Draws the spectra of large classes, and the noise.
    left_out : sequence of str, optional
        Classes that play the unknown; all but the background by default.
    known : {"held out", "all"}
        Which spectra of the trained classes stand against the unknown: those that made no template, or all,
        as in the paper. The latter flatter a model that learns the scatter of its training spectra.
    unknown_limit : int, "smallest" or None
        Most unknown spectra of a class: a number, or that of the smallest class, so that each weighs alike.
    imbalance : float
        Known spectra are drawn down to so many times the unknown ones; inf keeps all.
    noise_sizes : sequence of float
        Added noise as shares of a spectrum's root mean square: each makes another table.
    progress : callable, optional
        Called before each training with its number, how many there are, and the class.
    **training
        Arguments of `gamma_flow.train`, those of the model for which a rule is wanted (`training_of`). Its
        warnings are left to the training of that model.

    Returns
    -------
    Study

    Raises
    ------
    TrainingError
        Fewer than two classes; a class to leave out that is not trained; all that `train` raises.
    SettingsError
        Held-out spectra where none are held out, a number out of range.

    Examples
    --------
    >>> import gamma_flow as gf
    >>> drawn = np.random.default_rng(1).poisson(np.repeat([[90, 9, 1], [1, 99, 1], [1, 9, 90]], 20, axis=0))
    >>> spectra = gf.SpectrumSet(drawn, gf.Axis.channels(3), labels=gf.Labels.of(
    ...     [["a"]] * 20 + [["b"]] * 20 + [["background"]] * 20))
    >>> leave_one_out(spectra, rng=np.random.default_rng(1), noise="leastsquares", background_files="*")
    Study(left out: a, b; FeatureTable(16 known and 40 unknown spectra, 10 features))
    """
    pool = _named(spectra if isinstance(spectra, SpectrumSet) else SpectrumSet.concatenate(list(spectra)))
    _check(known, unknown_limit, imbalance, noise_sizes, training)
    names, rows = training_rows(
        pool,
        training.pop("classes", None),
        training.get("detectors"),
        training.get("background", BACKGROUND),
        training.get("background_files"),
    )
    turns = _turns(names, left_out, training.get("background", BACKGROUND))
    most = (
        min(len(rows[names.index(name)]) for name in turns) if unknown_limit == "smallest" else unknown_limit
    )
    draws, chance, balance = rng.spawn(3)  # so that added noise changes no other draw
    parts: dict[float, list[FeatureTable]] = {0.0: [], **{float(size): [] for size in noise_sizes}}
    appearance = np.full((len(turns), len(names)), np.nan)
    for number, name in enumerate(turns):
        if progress is not None:
            progress(number, len(turns), name)
        mine = rows[names.index(name)]
        others = np.sort(np.concatenate([part for k, part in enumerate(rows) if names[k] != name]))
        model = _trained_without(pool, name, names, training)
        if known == "held out":
            others = others[model.knows(pool[others])[1]]
        if most is not None and len(mine) > most:
            mine = np.sort(draws.permutation(mine)[:most])
        chosen = pool[np.concatenate([others, mine])]
        unknown = np.arange(len(chosen)) >= len(others)
        for size, made in parts.items():
            noisy = with_noise(chosen, size, model, chance) if size else chosen
            found = model.analyse(noisy)
            made.append(table_of(features(found, method=model.method), chosen, unknown, name))
            if not size:
                shares = found.shares[unknown].mean(axis=0)
                appearance[number, [names.index(one) for one in found.classes if one in names]] = [
                    share for one, share in zip(found.classes, shares, strict=True) if one in names
                ]
    whole = {size: FeatureTable.concatenate(made) for size, made in parts.items()}
    balanced = _balanced(whole[0.0].unknown, imbalance, balance)
    tables = {size: table[balanced] for size, table in whole.items()}
    return Study(tables.pop(0.0), tuple(turns), tuple(names), appearance, tables)


def paper_features(table: FeatureTable) -> tuple[str, ...]:
    """Return the features of the paper's study that a table holds: sorted shares and the measures."""
    ranked = [name for name in table.names if name.startswith("share_") and name[6:].isdigit()]
    return (*ranked, *(name for name in PAPER if name in table.columns))


# --------------------------------------------------------------------------------------------------- inside


def _named(spectra: SpectrumSet) -> SpectrumSet:
    """Return spectra of which no two have one origin, by which a model knows what it was trained on."""
    if len(np.unique(spectra.origin)) == len(spectra):
        return spectra
    names = [f"{file}#{row}" for row, file in enumerate(spectra.files.tolist())]
    return replace(spectra, origin=np.array(names))


def _trained_without(
    pool: SpectrumSet, name: str, names: Sequence[str], training: Mapping[str, Any]
) -> Model:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrainingWarning)
        return train(pool, classes=[one for one in names if one != name], **training)


def _turns(names: Sequence[str], left_out: Sequence[str] | None, background: str | None) -> list[str]:
    """Return the classes that play the unknown."""
    if len(names) < 2:
        raise TrainingError(
            "with one class none can be left out",
            expected="two or more classes with pure spectra",
            found=", ".join(names),
            cure="add spectra of other classes, or of background",
        )
    turns = (
        [name for name in names if name != background] if left_out is None else list(dict.fromkeys(left_out))
    )
    for name in turns:
        if name not in names:
            raise TrainingError(
                "a class to leave out is not trained",
                where=f"class '{name}'",
                expected=", ".join(names),
                found=f"'{name}'",
            )
    return turns


def _balanced(unknown: NDArray[np.bool_], imbalance: float, rng: np.random.Generator) -> Rows:
    """Return rows, ascending: all unknown ones and at most so many times as many known ones."""
    known, rest = np.flatnonzero(~unknown), np.flatnonzero(unknown)
    if len(known) > imbalance * len(rest):
        known = rng.permutation(known)[: max(1, round(imbalance * len(rest)))]
    return np.sort(np.concatenate([known, rest]))


def _check(
    known: str,
    limit: int | str | None,
    imbalance: float,
    noise_sizes: Sequence[float],
    training: Mapping[str, Any],
) -> None:
    if known not in get_args(Known):
        raise SettingsError("no such word", where="known", expected="held out or all", found=repr(known))
    if known == "held out" and training.get("held_out", 0.2) == 0:
        raise SettingsError(
            "no spectra are held out",
            where="known",
            expected="held_out above 0",
            found="held_out=0",
            cure='hold some out, or take known="all" as the paper does',
        )
    if limit is not None and limit != "smallest" and (isinstance(limit, str) or limit < 1):
        raise SettingsError(
            "the limit of unknown spectra is a number from 1",
            where="unknown_limit",
            expected='>= 1, "smallest" or None',
            found=repr(limit),
        )
    if not imbalance > 0:
        raise SettingsError(
            "the imbalance is a factor", where="imbalance", expected="> 0", found=f"{imbalance:g}"
        )
    for size in noise_sizes:
        if not 0 < size < np.inf:
            raise SettingsError("a size of noise is positive", where="noise_sizes", found=f"{size:g}")
