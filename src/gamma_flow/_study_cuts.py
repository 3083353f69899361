"""A cut for one feature: by the tree's first split, by a sigmoid, or by what its curves promise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from gamma_flow._study_rankings import side_of
from gamma_flow._study_tree import grown
from gamma_flow._version import __version__
from gamma_flow.data.feature_table import FeatureTable
from gamma_flow.data.rule import UnknownRule
from gamma_flow.errors import DataError, SettingsError
from gamma_flow.numerics.thresholds import (
    Curves,
    Logistic,
    Side,
    called,
    curves,
    logistic,
    ranking_auc,
)

__all__ = ["Cut", "Verdict", "cut", "judged"]

How = Literal["tree", "logistic", "curves"]


@dataclass(frozen=True)
class Verdict:
    """What a rule does on spectra of which the truth is known.

    Parameters
    ----------
    known, unknown : int
        How many spectra there were.
    recall, false_positive_rate, precision, accuracy, auc : float or None
        Part of the unknown that is found, part of the known that is called unknown, part of what is called
        that is unknown, part that is right; area under the receiver operating characteristic of the feature,
        on the rule's side. None where the spectra for it are missing.
    by_label : mapping of str to (float, int)
        Of the unknown spectra, by their label: recall, and how many.
    """

    known: int
    unknown: int
    recall: float | None
    false_positive_rate: float | None
    precision: float | None
    accuracy: float | None
    auc: float | None
    by_label: Mapping[str, tuple[float, int]]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        plain = {name: value for name, value in vars(self).items() if name != "by_label"}
        by_label = {name: {"recall": part, "n": count} for name, (part, count) in self.by_label.items()}
        return {**plain, "by_label": by_label}


@dataclass(frozen=True, eq=False)
class Cut:
    """A threshold of one feature, with all that was looked at to choose it.

    Parameters
    ----------
    feature : str
        Name of the feature.
    threshold : float
        The cut; it belongs to the unknowns.
    side : {"below", "above"}
        Where unknowns lie.
    how : str
        "tree", "logistic", "recall 0.9", "false-positive rate 0.01", "accuracy".
    verdict : Verdict
        What it does on the spectra that it was chosen on.
    curves : Curves
        What other thresholds do there.
    sigmoid : Logistic or None
        The fit, where one was made.
    left_out : tuple of str
        Classes that played the unknown.
    """

    feature: str
    threshold: float
    side: Side
    how: str
    verdict: Verdict
    curves: Curves
    sigmoid: Logistic | None = None
    left_out: tuple[str, ...] = field(default=())

    def rule(self) -> UnknownRule:
        """Return the rule that a model may carry, with what is expected of it."""
        return UnknownRule(
            self.feature,
            self.threshold,
            self.side,
            self.how,
            self.verdict.recall,
            self.verdict.false_positive_rate,
            {
                "version": __version__,
                "made": datetime.now(UTC).isoformat(timespec="seconds"),
                "left_out": list(self.left_out),
                "known": self.verdict.known,
                "unknown": self.verdict.unknown,
                "auc": self.verdict.auc,
            },
        )


def cut(
    table: FeatureTable,
    feature: str,
    how: How = "curves",
    *,
    recall: float | None = None,
    false_positive_rate: float | None = None,
) -> Cut:
    """Choose a threshold of one feature.

    Parameters
    ----------
    table : FeatureTable
        Known and unknown spectra, as `gamma_flow.study.leave_one_out` makes them.
    feature : str
        Name of the feature.
    how : {"tree", "logistic", "curves"}
        The first split of a decision tree by entropy; where a sigmoid passes one half; or off the curves of
        all thresholds, by one of the following, else where the accuracy is largest.
    recall : float
        Find this part (0..1) of the unknown with as few false positives as possible.
    false_positive_rate : float
        Call at most this part (0..1) of the known spectra unknown: the cut goes as far as that allows, also
        beyond what finds all unknown spectra of the table, since real ones may be weaker.

    Returns
    -------
    Cut

    Raises
    ------
    SettingsError
        No such feature or word, a rate out of range, both rates, a rate with another way to choose.
    DataError
        No known or no unknown spectra; a feature that is the same for all.
    MissingDependencyError
        A tree without scikit-learn.

    Examples
    --------
    >>> values = np.concatenate([np.linspace(0.8, 1.0, 100), np.linspace(0.5, 0.82, 50)])
    >>> unknown = np.arange(150) >= 100
    >>> words = np.where(unknown, "b", "a")
    >>> rows = np.arange(150).astype(str)
    >>> table = FeatureTable({"similarity": values}, unknown, words, ["b"] * 150, rows)
    >>> chosen = cut(table, "similarity", recall=0.9)
    >>> chosen.side, round(chosen.threshold, 2), chosen.verdict.recall, chosen.verdict.false_positive_rate
    ('below', 0.79, 0.9, 0.0)
    """
    values, side = table.column(feature), side_of(table, feature)
    name = next(one for one in table.names if table.columns[one] is values)
    _check(how, recall, false_positive_rate)
    _refuse_constant(name, values)
    seen = curves(values, table.unknown, side)
    sigmoid = None
    if how == "tree":
        threshold, side = grown(table, [name]).first_split
        seen = curves(values, table.unknown, side)
        told = "tree"
    elif how == "logistic":
        sigmoid = logistic(values, table.unknown)
        threshold, side = sigmoid.midpoint, "below" if sigmoid.slope < 0 else "above"
        seen = curves(values, table.unknown, side)
        told = "logistic"
    else:
        threshold, told = _off_curves(seen, recall, false_positive_rate)
    left_out = tuple(dict.fromkeys(one for one in table.left_out.tolist() if one))
    rule = UnknownRule(name, threshold, side)
    return Cut(name, rule.threshold, side, told, judged(rule, table), seen, sigmoid, left_out)


def judged(rule: UnknownRule | Cut, table: FeatureTable) -> Verdict:
    """Say what a rule does on spectra of which the truth is known.

    Parameters
    ----------
    rule : UnknownRule or Cut
        Feature, threshold and side.
    table : FeatureTable
        Known or unknown spectra, or both.

    Raises
    ------
    SettingsError
        The table has no such feature.
    """
    values = table.column(rule.feature)
    found = called(values, rule.threshold, rule.side)
    known, unknown = table.counts
    hits, alarms = int((found & table.unknown).sum()), int((found & ~table.unknown).sum())
    by_label = {}
    for name in sorted(set(table.label[table.unknown].tolist())):
        mine = table.unknown & (table.label == name)
        by_label[name] = (float(found[mine].mean()), int(mine.sum()))
    return Verdict(
        known,
        unknown,
        hits / unknown if unknown else None,
        alarms / known if known else None,
        hits / (hits + alarms) if unknown and hits + alarms else None,
        (hits + known - alarms) / len(table) if len(table) else None,
        ranking_auc(values, table.unknown, rule.side) if known and unknown else None,
        MappingProxyType(by_label),
    )


def _off_curves(seen: Curves, recall: float | None, rate: float | None) -> tuple[float, str]:
    if recall is not None:
        # rates along the thresholds only grow, so the first that is enough has the fewest false positives
        at = int(np.argmax(seen.recall >= recall - 1e-12))
        return float(seen.threshold[at]), f"recall {recall:g}"
    if rate is not None:
        at = int(np.flatnonzero(seen.false_positive_rate <= rate + 1e-12)[-1])
        return float(seen.threshold[at]), f"false-positive rate {rate:g}"
    return float(seen.threshold[int(seen.accuracy.argmax())]), "accuracy"


def _check(how: str, recall: float | None, rate: float | None) -> None:
    if how not in get_args(How):
        raise SettingsError("no such word", where="how", expected=", ".join(get_args(How)), found=repr(how))
    if recall is not None and rate is not None:
        raise SettingsError(
            "a cut is chosen by one wish",
            where="cut",
            found="a recall and a false-positive rate",
            cure="leave one of them out",
        )
    for name, value, fine in (
        ("recall", recall, recall is None or 0 < recall <= 1),
        ("false_positive_rate", rate, rate is None or 0 <= rate < 1),
    ):
        if not fine:
            raise SettingsError(
                "a rate is out of range",
                where=name,
                expected="0 < recall <= 1" if name == "recall" else "0 <= rate < 1",
                found=f"{value:g}",
            )
    if how != "curves" and (recall is not None or rate is not None):
        raise SettingsError(
            "a recall or false-positive rate is chosen off the curves",
            where="how",
            expected='"curves"',
            found=repr(how),
        )


def _refuse_constant(name: str, values: NDArray[np.float64]) -> None:
    if np.ptp(values) <= 1e-12 * np.abs(values).max():
        raise DataError(
            "the feature is the same for all spectra, so nothing can be told by it",
            where=name,
            found=f"{values[0]:g}",
            cure="choose another feature",
        )
