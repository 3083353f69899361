"""Analysis against labels: one set of figures for spectroscopists, with intervals that respect runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gamma_flow._bootstrap import intervals, ranking_auc
from gamma_flow._outcomes import Outcomes, multilabel_accuracy, outcomes, paired
from gamma_flow.data import SpectrumSet
from gamma_flow.data.analysis import Analysis
from gamma_flow.data.evaluation import Confusion, Evaluation
from gamma_flow.model import Model

__all__ = ["evaluate", "summarise", "with_noise"]

NOTHING = "(none)"


def evaluate(
    analysis: Analysis | Sequence[Analysis],
    spectra: SpectrumSet | Sequence[SpectrumSet],
    *,
    bootstrap: int = 1000,
    seed: int = 1,
) -> Evaluation:
    """Compare what was found with the labels.

    Parameters
    ----------
    analysis : Analysis or sequence of Analysis
        What one model found; several where the spectra live on several axes.
    spectra : SpectrumSet or sequence of SpectrumSet
        The spectra of each analysis, in the same order. Unlabelled ones do not count.
    bootstrap : int
        Draws for the intervals; 0 for none. Whole runs are drawn, because frames of one run are correlated.
    seed : int
        Seed of the draws.

    Returns
    -------
    Evaluation
        Over all spectra, by detector, and without exact repeats of the frame before.

    Raises
    ------
    IncompatibleError
        Analyses and spectra that do not belong together.
    LabelError
        No spectrum is labelled, or none of the labels is a class of the model.

    Examples
    --------
    >>> import gamma_flow as gf
    >>> spectra = gf.SpectrumSet([[8.0, 2, 0], [0, 2, 8], [4, 2, 4]], gf.Axis.channels(3),
    ...                          labels=gf.Labels.of([["a"], ["b"], ["a"]]))
    >>> model = gf.train(spectra[:2], held_out=0, few=0)
    >>> gf.evaluate(model.analyse(spectra), spectra).exact.__round__(3)
    0.667
    """
    return summarise(outcomes(*paired(analysis, spectra)), bootstrap, seed)


def summarise(table: Outcomes, bootstrap: int, seed: int) -> Evaluation:
    """Return the figures of a table of outcomes, by detector and without repeats too."""
    return replace(
        _by_detector(table, bootstrap, seed), unique=_by_detector(table[~table.repeated], bootstrap, seed)
    )


def _by_detector(table: Outcomes, bootstrap: int, seed: int) -> Evaluation:
    names = sorted(set(table.detector.tolist()))
    detectors = {name: _figures(table[table.detector == name], bootstrap, seed) for name in names if name}
    return replace(_figures(table, bootstrap, seed), detectors=detectors)


def _figures(table: Outcomes, bootstrap: int, seed: int) -> Evaluation:
    right = _per_spectrum(table)
    means = {name: float(column.mean()) if len(column) else float("nan") for name, column in right.items()}
    precision, recall, f1, auc = _by_class(table)
    background = table.names.index(table.background) if table.background in table.names else -2
    source = table.true_single != background
    alarm = (table.found_single != background) & (table.found_single >= 0)
    unknown = table.true[:, table.classes :].sum(axis=0)
    return Evaluation(
        n=len(table),
        accuracy=means["accuracy"],
        explained_variance=means["explained_variance"],
        exact=means["exact"],
        incomplete=means["incomplete"],
        extra=means["extra"],
        both=means["both"],
        mean_multilabel_accuracy=means["mean_multilabel_accuracy"],
        ordered={name: means[f"ordered {name}"] for name in ("exact", "incomplete", "extra", "both")},
        precision=precision,
        recall=recall,
        f1=f1,
        auc=auc,
        confusion=_confusion(table),
        missed=int((source & ~alarm).sum()),
        false_alarms=int((~source & alarm).sum()),
        unknown_labels={
            name: int(count)
            for name, count in zip(table.names[table.classes :], unknown, strict=True)
            if count
        },
        runs=len(np.unique(table.run)),
        interval=intervals(table, right, bootstrap, seed),
    )


def _per_spectrum(table: Outcomes) -> dict[str, NDArray[np.float64]]:
    """Return what each spectrum adds to the means, one column a figure."""
    missing = (table.true & ~table.found).any(axis=1)
    more = (table.found & ~table.true).any(axis=1)
    exact = ~missing & ~more
    # the original compares ordered lists first, so a right set in another order counts as neither
    incomplete, extra = missing & ~more, more & ~missing
    columns = {
        "accuracy": table.found_single == table.true_single,
        "exact": exact,
        "incomplete": incomplete,
        "extra": extra,
        "both": missing & more,
        "ordered exact": table.ordered,
        "ordered incomplete": incomplete,
        "ordered extra": extra,
        "ordered both": ~table.ordered & ~incomplete & ~extra,
    }
    result = {name: column.astype(np.float64) for name, column in columns.items()}
    result["explained_variance"] = table.explained_variance
    result["mean_multilabel_accuracy"] = multilabel_accuracy(table)
    return result


def _by_class(table: Outcomes) -> tuple[dict[str, float | None], ...]:
    precision: dict[str, float | None] = {}
    recall: dict[str, float | None] = {}
    f1: dict[str, float | None] = {}
    auc: dict[str, float | None] = {}
    for number, name in enumerate(table.names[: table.classes]):
        true, found = table.true[:, number], table.found[:, number]
        hits, claims, held = int((true & found).sum()), int(found.sum()), int(true.sum())
        precision[name] = hits / claims if claims else None
        recall[name] = hits / held if held else None
        f1[name] = 2 * hits / (claims + held) if claims + held else None
        auc[name] = ranking_auc(true, table.shares[:, number])
    return precision, recall, f1, auc


def _confusion(table: Outcomes) -> Confusion:
    """Cross single-label truth and answer; only names that occur make rows, all classes make columns."""
    size = len(table.names) + 1  # the last place is for "nothing"
    counts = np.zeros((size, size), np.int64)
    np.add.at(counts, (table.true_single, table.found_single), 1)
    labels = (*table.names, NOTHING)
    rows = [number for number in range(size) if counts[number].any()]
    columns = [*range(table.classes), *([size - 1] if counts[:, -1].any() else [])]
    return Confusion(
        tuple(labels[number] for number in rows),
        tuple(labels[number] for number in columns),
        counts[np.ix_(rows, columns)],
    )


def with_noise(spectra: SpectrumSet, size: float, model: Model, rng: np.random.Generator) -> SpectrumSet:
    """Add Gaussian noise to every spectrum, to see how an analysis bears it.

    Parameters
    ----------
    spectra : SpectrumSet
        N spectra.
    size : float
        Standard deviation of the noise as a share of the root mean square of the spectrum over the
        channels that the model uses.
    model : Model
        Tells which channels are used.
    rng : numpy.random.Generator
        Where the chance comes from.

    Returns
    -------
    SpectrumSet
        Signed, since noise may push a channel below zero.

    Examples
    --------
    >>> import gamma_flow as gf
    >>> flat = gf.SpectrumSet(np.full((1, 1000), 100.0), gf.Axis.channels(1000), labels=gf.Labels.of([["a"]]))
    >>> noisy = with_noise(flat, 0.1, gf.train(flat, held_out=0), np.random.default_rng(1))
    >>> bool(9 < noisy.values.std() < 11)
    True
    """
    active = model.on(spectra.axis).active
    scale = size * np.sqrt((spectra.values[:, active] ** 2).mean(axis=1, keepdims=True))
    noisy = spectra.values + scale * rng.standard_normal(spectra.values.shape)
    return replace(spectra, values=noisy, signed=True)
