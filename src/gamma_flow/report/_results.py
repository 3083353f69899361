"""What the model got right and wrong on labelled spectra, with intervals and examples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gamma_flow import diagnostics, plot
from gamma_flow.data import SpectrumSet
from gamma_flow.data.evaluation import Evaluation
from gamma_flow.diagnostics import Comparison
from gamma_flow.errors import GammaFlowError
from gamma_flow.model import Model
from gamma_flow.plot.palette import Palette
from gamma_flow.report._words import listed, number, percent, plural, span
from gamma_flow.report.blocks import Block, Paragraph, Picture, Section, Table
from gamma_flow.workflow import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["examples", "foreign", "headline", "results"]

_FEW_RUNS = 10
_SETS = 6  # with pictures of their own
_CLASSES = 70


def headline(sets: Mapping[str, Evaluation]) -> list[tuple[str, str, str]]:
    """Return the figures that stand above all else: how many spectra of each set are exactly right."""
    out = []
    for name, part in list(sets.items())[:_SETS]:
        if name == "training" or (part.unknown_labels.keys() and part.exact == 0):
            continue
        interval = span(part.interval, "exact")
        remark = f"95 %: {interval}" if interval else plural(part.n, "spectrum", "spectra")
        out.append((f"{name}: labels exactly right", percent(part.exact), remark))
    return out


def results(result: Result, palette: Palette) -> tuple[Section, list[str]]:
    """Return the section of figures and plots, and what a reader has to be warned of."""
    sets = result.sets
    warned = [
        f"Set '{name}' has {plural(part.runs, 'run')}: frames of one run resemble each other, so its "
        "intervals are rough."
        for name, part in sets.items()
        if part.runs < _FEW_RUNS and name not in ("training", "validation")
    ]
    warned += [
        f"Set '{name}' holds labels that are no class of the model: "
        + listed([f"{label} ({count})" for label, count in part.unknown_labels.items()])
        + "."
        for name, part in sets.items()
        if part.unknown_labels
    ]
    blocks: list[Block] = [
        Paragraph(
            "Single-label accuracy: the strongest source found is the first label. The other columns compare "
            "the set of classes found with the set of labels: exactly right, incomplete, with extra classes, "
            "or both. Intervals are 95 % from a bootstrap by run."
        ),
        Table(
            ("set", "spectra", "runs", "accuracy", "95 %", "exact", "95 %", "incomplete", "extra", "both"),
            [row for name, part in sets.items() for row in _rows(name, part)],
            "Figures by set and detector",
        ),
    ]
    for name, part in sets.items():
        if name != "training" and len([one for one in sets if one != "training"]) <= _SETS:
            blocks.extend(_by_class(name, part))
    tested = [name for name in sets if name not in ("training", "validation")] or [
        name for name in sets if name != "training"
    ]
    for name in tested[:_SETS]:
        blocks.extend(_pictures(name, result, palette, warned))
    return Section("Results", tuple(blocks)), warned


def _rows(name: str, part: Evaluation) -> list[tuple[object, ...]]:
    parts = [(name, part)]
    if len(part.detectors) > 1:
        parts += [(f"· {detector}", one) for detector, one in part.detectors.items()]
    if part.unique is not None and part.unique.n < part.n:
        parts.append(("· without repeated frames", part.unique))
    return [
        (
            what,
            one.n,
            one.runs,
            percent(one.accuracy),
            span(one.interval, "accuracy") or "–",
            percent(one.exact),
            span(one.interval, "exact") or "–",
            percent(one.incomplete),
            percent(one.extra),
            percent(one.both),
        )
        for what, one in parts
    ]


def _by_class(name: str, part: Evaluation) -> list[Block]:
    rows = [
        (
            label,
            percent(part.precision.get(label)),
            percent(part.recall[label]),
            percent(part.f1.get(label)),
            number(part.auc.get(label)),
        )
        for label in part.recall
        if part.recall[label] is not None
    ]
    if not rows:
        return []
    return [Table(("class", "precision", "recall", "F1", "AUC by share"), rows[:_CLASSES], f"Set '{name}'")]


def _pictures(name: str, result: Result, palette: Palette, warned: list[str]) -> list[Block]:
    """Return the plots of one set; what cannot be drawn is told instead."""
    analyses, spectra = result.of_set(name)
    compared = diagnostics.compare(analyses, spectra)
    blocks: list[Block] = []

    def show(what: str, caption: str, draw: Callable[[], Figure]) -> None:
        try:
            drawn = draw()
        except GammaFlowError as problem:
            warned.append(f"Set '{name}' has no plot '{what}': {problem}")
        else:
            blocks.append(Picture(f"{name}-{what}", drawn, f"Set '{name}': {caption}"))

    background = compared.background
    nobody_knows = _all_foreign(result, spectra)
    if compared.several and not nobody_knows:
        show(
            "confusion",
            "sets of labels (rows) and of classes found (columns).",
            lambda: plot.confusion(
                diagnostics.set_confusion(compared), background=background, palette=palette
            ),
        )
    else:
        show(
            "confusion",
            "the label (rows) and the strongest class found (columns).",
            lambda: plot.confusion(result.sets[name], background=background, palette=palette),
        )
    if nobody_knows:  # no answer can be right: there is nothing to measure
        show(
            "mean-scores",
            "what the model makes of spectra whose labels it does not know.",
            lambda: plot.mean_scores(diagnostics.mean_scores(compared), palette=palette),
        )
        return blocks
    show(
        "measures",
        "right and wrong answers against how well the spectrum is described, and its counts.",
        lambda: plot.measures(diagnostics.measures(compared)),
    )
    show(
        "mean-scores",
        "what spectra of each label are made of on average.",
        lambda: plot.mean_scores(diagnostics.mean_scores(compared), palette=palette),
    )
    show(
        "roc",
        "true against false positive rates of each class; marks are where the model decides.",
        lambda: plot.roc(diagnostics.roc(compared), palette=palette),
    )
    show(
        "reliability",
        "stated probabilities against how often they came true.",
        lambda: plot.reliability(diagnostics.reliability(compared), palette=palette),
    )
    training = _training(result)
    show(
        "scores",
        "shares of classes against each other; training spectra are dots, test spectra framed.",
        lambda: plot.scores(compared, training, palette=palette),
    )
    return blocks


def _all_foreign(result: Result, spectra: Sequence[SpectrumSet]) -> bool:
    """Tell whether each spectrum of a set has a label that is no class of the model."""
    return all(bool(foreign(part, result.model).all()) for part in spectra)


def foreign(spectra: SpectrumSet, model: Model) -> NDArray[np.bool_]:
    """Tell which spectra have a label that is no class of the model, shape (N,)."""
    outside = [name for name in spectra.labels.classes if name not in model.classes]
    return spectra.labels.has(*outside) if outside else np.zeros(len(spectra), bool)


def _training(result: Result) -> Comparison | None:
    if "training" not in result.sets:
        return None
    return diagnostics.compare(*result.of_set("training"))


def examples(result: Result, palette: Palette, rng: np.random.Generator) -> Section | None:
    """Return some spectra with what they are made of: a mixture or the like that is right, and wrong ones."""
    tested = [name for name in result.sets if name not in ("training", "validation")] or list(result.sets)
    blocks: list[Block] = []
    for name in tested:
        analyses, spectra = result.of_set(name)
        compared = diagnostics.compare(analyses, spectra)
        right = np.flatnonzero(compared.correct())
        if len(right) and not blocks:
            richest = compared.true.sum(axis=1)[right]
            best = right[richest == richest.max()]
            at = int(rng.choice(best))
            row, part = int(compared.row[at]), int(compared.part[at])
            blocks.append(
                Picture(
                    f"{name}-example",
                    plot.decomposition(analyses[part], row, palette=palette),
                    f"A spectrum of set '{name}' that was answered rightly, drawn by chance: components "
                    "stacked, residual in standard deviations, shares with their errors.",
                )
            )
    for name in tested:
        if _all_foreign(result, result.of_set(name)[1]):
            continue
        mistakes = diagnostics.misclassified(*result.of_set(name), n=6)
        if mistakes:
            blocks.append(
                Picture(
                    f"{name}-misclassified",
                    plot.misclassified(mistakes, palette=palette),
                    f"Set '{name}': spectra that were answered wrongly, the most frequent confusions first.",
                )
            )
    return Section("Examples", tuple(blocks)) if blocks else None
