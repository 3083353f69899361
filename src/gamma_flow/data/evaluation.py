"""How well an analysis agrees with the labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data._arrays import freeze

__all__ = ["Confusion", "Evaluation"]


@dataclass(frozen=True, eq=False)
class Confusion:
    """Counts of spectra, rows true and columns predicted (single-label answers).

    Parameters
    ----------
    true, predicted : tuple of str
        Names of rows and columns; "(none)" for spectra in which nothing was found.
    counts : ndarray of int, shape (len(true), len(predicted))
        How many spectra.
    """

    true: tuple[str, ...]
    predicted: tuple[str, ...]
    counts: NDArray[np.int64]

    def __post_init__(self) -> None:
        shape = (len(self.true), len(self.predicted))
        object.__setattr__(self, "counts", freeze(self.counts, np.int64, shape, "the confusion matrix"))

    def as_dict(self) -> dict[str, Any]:
        """Return plain lists."""
        return {"true": list(self.true), "predicted": list(self.predicted), "counts": self.counts.tolist()}


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Figures of one set of labelled spectra; all shares are between 0 and 1, NaN where nothing was to count.

    Parameters
    ----------
    n : int
        Spectra that were counted (labelled ones).
    accuracy : float
        Single-label: the strongest class found is the first label that is not the background.
    explained_variance : float
        Mean over the spectra.
    exact, incomplete, extra, both : float
        Found set of classes against the set of labels: equal; a proper part; with more; both short and with
        more. They add up to one.
    mean_multilabel_accuracy : float
        The paper's: shares of right classes minus shares of wrong ones minus 1/labels for each missing one,
        not below zero, averaged.
    ordered : mapping of str to float
        ``exact``, ``incomplete``, ``extra``, ``both`` when lists ordered by share are compared with sorted
        labels, as the original code does; kept for comparison with its figures.
    precision, recall, f1, auc : mapping of str to (float or None)
        By class of the model, multi-label; ``auc`` ranks by share. None where undefined.
    confusion : Confusion
        Single-label answers.
    missed, false_alarms : int
        Spectra with a source for which only background (or nothing) was found, and background spectra for
        which a source was found.
    unknown_labels : mapping of str to int
        Labels that are no class of the model, with their number of spectra.
    runs : int
        Number of runs that the bootstrap draws from.
    interval : mapping of str to (float, float)
        95 % intervals from a bootstrap by run.
    detectors : mapping of str to Evaluation
        The same by detector.
    unique : Evaluation or None
        The same without frames that repeat the frame before them exactly.

    See Also
    --------
    gamma_flow.evaluate : makes one from an analysis and labelled spectra.
    """

    n: int
    accuracy: float
    explained_variance: float
    exact: float
    incomplete: float
    extra: float
    both: float
    mean_multilabel_accuracy: float
    ordered: Mapping[str, float]
    precision: Mapping[str, float | None]
    recall: Mapping[str, float | None]
    f1: Mapping[str, float | None]
    auc: Mapping[str, float | None]
    confusion: Confusion
    missed: int
    false_alarms: int
    unknown_labels: Mapping[str, int]
    runs: int
    interval: Mapping[str, tuple[float, float]]
    detectors: Mapping[str, Evaluation] = field(default_factory=dict)
    unique: Evaluation | None = None

    def __post_init__(self) -> None:
        for name in (
            "ordered",
            "precision",
            "recall",
            "f1",
            "auc",
            "unknown_labels",
            "interval",
            "detectors",
        ):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def __repr__(self) -> str:
        return f"Evaluation({self.n} spectra, accuracy {self.accuracy:.4f}, exact {self.exact:.4f})"

    def as_dict(self) -> dict[str, Any]:
        """Return what goes into ``evaluation.json``: NaN becomes None, tables become plain."""
        plain: dict[str, Any] = {
            "n": self.n,
            "accuracy": _number(self.accuracy),
            "explained_variance": _number(self.explained_variance),
            "exact": _number(self.exact),
            "incomplete": _number(self.incomplete),
            "extra": _number(self.extra),
            "both": _number(self.both),
            "mean_multilabel_accuracy": _number(self.mean_multilabel_accuracy),
            "ordered": {name: _number(value) for name, value in self.ordered.items()},
            "precision": dict(self.precision),
            "recall": dict(self.recall),
            "f1": dict(self.f1),
            "auc": dict(self.auc),
            "confusion": self.confusion.as_dict(),
            "missed": self.missed,
            "false_alarms": self.false_alarms,
            "unknown_labels": dict(self.unknown_labels),
            "runs": self.runs,
            "interval": {name: [_number(lo), _number(hi)] for name, (lo, hi) in self.interval.items()},
        }
        if self.detectors:
            plain["detectors"] = {name: part.as_dict() for name, part in self.detectors.items()}
        if self.unique is not None:
            plain["unique"] = self.unique.as_dict()
        return plain


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
