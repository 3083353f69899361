"""Answers and labels side by side, one row a labelled spectrum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gamma_flow._outcomes import Outcomes, multilabel_accuracy, outcomes, paired
from gamma_flow.data import SpectrumSet
from gamma_flow.data._arrays import freeze
from gamma_flow.data.analysis import Analysis
from gamma_flow.errors import SettingsError

__all__ = ["OUTCOMES", "By", "Comparison", "compare"]

OUTCOMES = ("exact", "incomplete", "extra", "both")
"""How a found set of classes may compare with the labels: equal; a part is missing; more; both of these."""

By = Literal["single", "sets"]
"""What is compared: the one strongest class, or the set of all."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Labels and answers of N labelled spectra; K classes of the model, L names in all.

    Parameters
    ----------
    names : tuple of str, length L
        The K classes of the model, then labels that the model does not know.
    classes : tuple of str, length K
        Those of the model.
    background : str or None
        The background class of the model.
    part, row : ndarray of int, shape (N,)
        Which of the sets given a spectrum comes from, and its row there; unlabelled ones are left out.
    run : ndarray of int, shape (N,)
        Numbers of runs: frames of one run are correlated.
    true, found : ndarray of bool, shape (N, L)
        Labels, and classes found.
    true_single, found_single : ndarray of int, shape (N,)
        The single-label truth (the first label that is not the background) and answer (the strongest class
        that is not the background), as numbers of ``names``; -1 for none.
    outcome : ndarray of int, shape (N,)
        How the found set compares with the labels, a number of `OUTCOMES`.
    right : ndarray of bool, shape (N,)
        Whether the single-label answer is right.
    accuracy : ndarray, shape (N,)
        The paper's multi-label accuracy of each spectrum, 0..1.
    shares, scores : ndarray, shape (N, K)
        Of the analysis; scores in counts (or summed intensity).
    explained_variance, similarity : ndarray, shape (N,)
        Of the analysis.
    counts : ndarray, shape (N,)
        Sum of each spectrum over the active channels, counts (or summed intensity).
    p_value : ndarray, shape (N, K), optional
        Probability of so much evidence without the class; None where the model has no noise model.
    deviance : ndarray, shape (N,), optional
        Chi-square over the degrees of freedom; None likewise.

    See Also
    --------
    compare : makes one.
    """

    names: tuple[str, ...]
    classes: tuple[str, ...]
    background: str | None
    part: NDArray[np.intp]
    row: NDArray[np.intp]
    run: NDArray[np.int64]
    true: NDArray[np.bool_]
    found: NDArray[np.bool_]
    true_single: NDArray[np.intp]
    found_single: NDArray[np.intp]
    outcome: NDArray[np.int64]
    right: NDArray[np.bool_]
    accuracy: NDArray[np.float64]
    shares: NDArray[np.float64]
    scores: NDArray[np.float64]
    explained_variance: NDArray[np.float64]
    similarity: NDArray[np.float64]
    counts: NDArray[np.float64]
    p_value: NDArray[np.float64] | None = None
    deviance: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        n, names, classes = len(self.true), len(self.names), len(self.classes)
        for fields, kind, shape in (
            (("part", "row", "true_single", "found_single"), np.intp, (n,)),
            (("run", "outcome"), np.int64, (n,)),
            (("true", "found"), np.bool_, (n, names)),
            (("right",), np.bool_, (n,)),
            (("accuracy", "explained_variance", "similarity", "counts", "deviance"), np.float64, (n,)),
            (("shares", "scores", "p_value"), np.float64, (n, classes)),
        ):
            for name in fields:
                given = getattr(self, name)
                if given is not None:
                    object.__setattr__(self, name, freeze(given, kind, shape, f"comparison.{name}"))

    def __len__(self) -> int:
        return len(self.true)

    def __repr__(self) -> str:
        correct = int(self.correct().sum())
        return f"Comparison({len(self)} spectra, {correct} correct, classes: {', '.join(self.classes)})"

    @property
    def several(self) -> bool:
        """Whether any spectrum is labelled with two or more sources."""
        sources = [number for number, name in enumerate(self.names) if name != self.background]
        return bool((self.true[:, sources].sum(axis=1) > 1).any())

    def correct(self, by: By | None = None) -> NDArray[np.bool_]:
        """Tell which answers are correct, shape (N,).

        Parameters
        ----------
        by : {"single", "sets"}, optional
            The strongest source alone, or the whole set of classes. By default the set where any spectrum is
            labelled with two or more sources, else the source.

        Raises
        ------
        SettingsError
            Another word.
        """
        chosen = ("sets" if self.several else "single") if by is None else by
        if chosen not in ("single", "sets"):
            raise SettingsError("no such word", where="by", expected="single, sets", found=repr(by))
        return self.right if chosen == "single" else self.outcome == 0

    def named(self, flags: NDArray[np.bool_]) -> tuple[str, ...]:
        """Return the names that a row of ``true`` or ``found`` holds, sorted, the background last."""
        names = sorted(self.names[number] for number in np.flatnonzero(flags))
        if self.background in names:
            names = [name for name in names if name != self.background] + [self.background]
        return tuple(names)


def compare(
    analysis: Analysis | Sequence[Analysis], spectra: SpectrumSet | Sequence[SpectrumSet]
) -> Comparison:
    """Put what was found beside the labels, spectrum by spectrum.

    Parameters
    ----------
    analysis : Analysis or sequence of Analysis
        What one model found; several where the spectra live on several axes.
    spectra : SpectrumSet or sequence of SpectrumSet
        The spectra of each analysis, in the same order. Unlabelled ones are left out.

    Returns
    -------
    Comparison
        One row a labelled spectrum, those of the first set first.

    Raises
    ------
    IncompatibleError
        Analyses and spectra that do not belong together.
    LabelError
        No spectrum is labelled, or none of the labels is a class of the model.

    Examples
    --------
    >>> import gamma_flow as gf
    >>> spectra = gf.SpectrumSet([[8.0, 2, 0], [0, 2, 8], [5, 2, 5]], gf.Axis.channels(3),
    ...                          labels=gf.Labels.of([["a"], ["b"], ["a"]]))
    >>> model = gf.train(spectra[:2], background=None, noise="leastsquares", held_out=0, few=0)
    >>> compared = compare(model.analyse(spectra), spectra)
    >>> [OUTCOMES[number] for number in compared.outcome]
    ['exact', 'exact', 'extra']
    """
    analyses, sets = paired(analysis, spectra)
    table = outcomes(analyses, sets)
    starts = np.cumsum([0, *(len(part) for part in analyses[:-1])])
    rows = starts[table.part] + table.row

    def column(name: str) -> NDArray[np.float64] | None:
        parts = [getattr(part, name) for part in analyses]
        known = [part for part in parts if part is not None]
        return np.concatenate(known)[rows] if len(known) == len(parts) else None

    counts = np.concatenate([part.values[:, part.templates.active].sum(axis=1) for part in analyses])
    return Comparison(
        names=table.names,
        classes=table.names[: table.classes],
        background=table.background,
        part=table.part,
        row=table.row,
        run=table.run,
        true=table.true,
        found=table.found,
        true_single=table.true_single,
        found_single=table.found_single,
        outcome=_outcome(table),
        right=table.true_single == table.found_single,
        accuracy=multilabel_accuracy(table),
        shares=table.shares,
        scores=np.concatenate([part.scores for part in analyses])[rows],
        explained_variance=table.explained_variance,
        similarity=np.concatenate([part.similarity for part in analyses])[rows],
        counts=counts[rows],
        p_value=column("p_value"),
        deviance=column("deviance"),
    )


def _outcome(table: Outcomes) -> NDArray[np.int64]:
    missing = (table.true & ~table.found).any(axis=1)
    more = (table.found & ~table.true).any(axis=1)
    return np.asarray(missing + 2 * more, np.int64)
