"""One row a spectrum: what was true, what was found, and how the two compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data import SpectrumSet
from gamma_flow.data.analysis import Analysis
from gamma_flow.errors import IncompatibleError, LabelError

__all__ = ["Outcomes", "multilabel_accuracy", "outcomes", "paired", "repeats"]


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Labelled spectra and their answers; K classes of the model, L names in all.

    Parameters
    ----------
    names : tuple of str, length L
        The K classes of the model, then labels that the model does not know.
    classes : int
        K.
    background : str or None
        The background class.
    true : ndarray of bool, shape (N, L)
        Labels.
    found : ndarray of bool, shape (N, L)
        Classes found; False for all names that the model does not know.
    shares : ndarray, shape (N, K)
        Of the analysis.
    true_single, found_single : ndarray of int, shape (N,)
        Single-label truth and answer as numbers of ``names``; -1 for none.
    ordered : ndarray of bool, shape (N,)
        Whether the classes found, ordered by share with the background last, are the sorted labels.
    explained_variance : ndarray, shape (N,)
        Of the analysis.
    run : ndarray of int, shape (N,)
        Numbers of runs, different between sets.
    detector : ndarray of str, shape (N,)
        Names of detectors.
    repeated : ndarray of bool, shape (N,)
        Frames equal to the one before.
    part, row : ndarray of int, shape (N,)
        Which set a spectrum comes from, and its row there.
    """

    names: tuple[str, ...]
    classes: int
    background: str | None
    true: NDArray[np.bool_]
    found: NDArray[np.bool_]
    shares: NDArray[np.float64]
    true_single: NDArray[np.intp]
    found_single: NDArray[np.intp]
    ordered: NDArray[np.bool_]
    explained_variance: NDArray[np.float64]
    run: NDArray[np.int64]
    detector: NDArray[np.str_]
    repeated: NDArray[np.bool_]
    part: NDArray[np.intp]
    row: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.true)

    def __getitem__(self, rows: Any) -> Outcomes:
        kept = {item.name: getattr(self, item.name) for item in fields(self)}
        whole = ("names", "classes", "background")
        return Outcomes(**{name: part if name in whole else part[rows] for name, part in kept.items()})


def paired(
    analysis: Analysis | Sequence[Analysis], spectra: SpectrumSet | Sequence[SpectrumSet]
) -> tuple[list[Analysis], list[SpectrumSet]]:
    """Return analyses and their spectra as two lists of one length.

    Raises
    ------
    IncompatibleError
        More of the ones than of the others, or none.
    """
    analyses = [analysis] if isinstance(analysis, Analysis) else list(analysis)
    sets = [spectra] if isinstance(spectra, SpectrumSet) else list(spectra)
    if len(analyses) != len(sets) or not sets:
        raise IncompatibleError(
            "each analysis needs its spectra",
            expected=f"{len(analyses)} sets of spectra",
            found=str(len(sets)),
        )
    return analyses, sets


def outcomes(analyses: Sequence[Analysis], sets: Sequence[SpectrumSet]) -> Outcomes:
    """Put analyses and the labels of their spectra together; unlabelled spectra are left out.

    Raises
    ------
    IncompatibleError
        Analyses and spectra are not of the same rows.
    LabelError
        No spectrum is labelled, or none of the labels is a class of the model.
    """
    table = _joined(analyses, sets)
    if not len(table):
        raise LabelError(
            "no spectrum is labelled, so nothing can be compared",
            cure="give labels by file name (--label-pattern) or by a table (--table)",
        )
    if not table.true[:, : table.classes].any():
        raise LabelError(
            "none of the labels is a class of the model",
            expected=", ".join(table.names[: table.classes]),
            found=", ".join(table.names[table.classes :]),
            cure="rename them with [read.aliases] in gamma-flow.toml, or train these classes",
        )
    return table


def multilabel_accuracy(table: Outcomes) -> NDArray[np.float64]:
    """Return the paper's accuracy of each spectrum: shares of right classes less wrong and missing ones."""
    classes = table.classes
    shares = np.where(table.found[:, :classes], table.shares, 0.0)
    signed = np.where(table.true[:, :classes], shares, -shares).sum(axis=1)
    lost = (table.true & ~table.found).sum(axis=1) / np.maximum(table.true.sum(axis=1), 1)
    kept: NDArray[np.float64] = np.maximum(signed - lost, 0.0)
    return kept


def _joined(analyses: Sequence[Analysis], sets: Sequence[SpectrumSet]) -> Outcomes:
    classes = Analysis.classes_of(analyses)
    background = analyses[0].templates.background
    strange = sorted({name for part in sets for name in _used(part) if name not in classes})
    names = (*classes, *strange)
    columns: dict[str, list[NDArray[Any]]] = {}
    offset = 0
    for number, (analysis, spectra) in enumerate(zip(analyses, sets, strict=True)):
        if len(analysis) != len(spectra) or not np.array_equal(analysis.origin, spectra.origin):
            raise IncompatibleError(
                "an analysis and its spectra have to be of the same rows",
                expected=f"{len(spectra)} rows from {_first(spectra.origin)}",
                found=f"{len(analysis)} rows from {_first(analysis.origin)}",
                cure="evaluate(model.analyse(spectra), spectra)",
            )
        known = spectra.labels.labelled & spectra.labels.presence.any(axis=1)
        part = _columns(analysis, spectra, names, background)
        part["run"] = spectra.run + offset
        part["part"], part["row"] = np.full(len(spectra), number), np.arange(len(spectra))
        offset += int(spectra.run.max()) + 1 if len(spectra) else 0
        for name, column in part.items():
            columns.setdefault(name, []).append(column[known])
    joined: dict[str, Any] = {name: np.concatenate(parts) for name, parts in columns.items()}
    return Outcomes(names=names, classes=len(classes), background=background, **joined)


def _first(origin: NDArray[np.str_]) -> str:
    return str(origin[0]) if len(origin) else "nowhere"


def _used(spectra: SpectrumSet) -> list[str]:
    held = np.flatnonzero(np.any(spectra.labels.presence, axis=0))
    return [spectra.labels.classes[number] for number in held]


def _columns(
    analysis: Analysis, spectra: SpectrumSet, names: tuple[str, ...], background: str | None
) -> dict[str, NDArray[Any]]:
    true = np.zeros((len(spectra), len(names)), bool)
    for number, name in enumerate(spectra.labels.classes):
        if name in names:
            true[:, names.index(name)] = spectra.labels.presence[:, number]
    found = np.zeros_like(true)
    found[:, : len(analysis.classes)] = analysis.present
    return {
        "true": true,
        "found": found,
        "shares": analysis.shares,
        "true_single": _first_source(true, names, background),
        "found_single": analysis.strongest,
        "ordered": _ordered(analysis, true, names),
        "explained_variance": analysis.explained_variance,
        "detector": spectra.detector,
        "repeated": repeats(spectra),
    }


def _first_source(
    true: NDArray[np.bool_], names: tuple[str, ...], background: str | None
) -> NDArray[np.intp]:
    """Return the first label by name that is not the background, else the background, else -1."""
    sources = [number for number in np.argsort(np.array(names)) if names[number] != background]
    ranked = true[:, sources]
    first = np.array(sources, np.intp)[ranked.argmax(axis=1)] if sources else np.zeros(len(true), np.intp)
    fallback = np.full(len(true), -1, np.intp)
    if background in names:
        fallback = np.where(true[:, names.index(background)], names.index(background), -1)
    return np.where(ranked.any(axis=1), first, fallback)


def _ordered(analysis: Analysis, true: NDArray[np.bool_], names: tuple[str, ...]) -> NDArray[np.bool_]:
    labels: dict[bytes, list[str]] = {}
    equal = np.zeros(len(true), bool)
    for row, found in enumerate(analysis.names()):
        key = true[row].tobytes()
        if key not in labels:
            labels[key] = sorted(names[number] for number in np.flatnonzero(true[row]))
        equal[row] = found == labels[key]
    return equal


def repeats(spectra: SpectrumSet) -> NDArray[np.bool_]:
    """Tell which frames equal the frame before them in the same file channel by channel, shape (N,)."""
    same = np.zeros(len(spectra), bool)
    if len(spectra) > 1:
        same[1:] = (spectra.values[1:] == spectra.values[:-1]).all(axis=1)
        same[1:] &= spectra.files[1:] == spectra.files[:-1]
    return same
