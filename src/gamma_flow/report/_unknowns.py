"""What is said of spectra that hold something nobody trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gamma_flow.plot.palette import Palette
from gamma_flow.report._results import foreign
from gamma_flow.report._words import listed, number, percent
from gamma_flow.report.blocks import Block, Paragraph, Picture, Section, Table
from gamma_flow.workflow import Result

if TYPE_CHECKING:
    from gamma_flow._study_report import Report as StudyReport

__all__ = ["unknowns"]

_FEATURES = 12
_CAPTIONS = {
    "appearance": "What the model makes of a class that it does not know, in mean shares of those it knows.",
    "feature": "The chosen feature for known and unknown spectra; the cut is marked.",
    "thresholds": "What each threshold would do; the chosen one is marked.",
    "roc": "How well features rank unknown before known spectra: classes left out, and real unknowns.",
    "tree": "The decision tree of the paper, grown on the features.",
    "tree-confusion": "What the tree calls the spectra that it was not grown on.",
    "importance": "By how much accuracy falls when a feature is shuffled.",
    "sigmoid": "The logistic regression through the chosen feature, another way to a cut.",
    "noise": "How feature and cut behave with Gaussian noise added.",
}


def unknowns(result: Result, study: StudyReport | None, palette: Palette) -> Section:
    """Return the section of unknowns: what the model calls novel, and the study where one was made."""
    blocks: list[Block] = []
    rows = _novel_rows(result)
    if rows:
        blocks.append(
            Table(
                (
                    "set",
                    "spectra",
                    "with known labels",
                    "called unknown",
                    "with others",
                    "called unknown",
                ),
                rows,
                "What the model calls unknown",
            )
        )
    else:
        blocks.append(
            Paragraph(
                "The model has no rule for unknowns: it is one of least squares, or of values that are no "
                "counts. 'gamma-flow study' finds one and writes it into the model."
            )
        )
    if study is None:
        blocks.append(Paragraph("No class was left out for this report: the study of unknowns was not made."))
        return Section("Unknowns", tuple(blocks))
    rule = study.cut.rule()
    seen = study.cut.verdict
    text = (
        f"Each of {listed(list(study.study.left_out))} was left out of the training in turn. The cut "
        f"{rule} ({rule.chosen}) finds {percent(seen.recall)} of their spectra and takes "
        f"{percent(seen.false_positive_rate)} of the known ones for unknown."
    )
    if study.real is not None:
        text += (
            f" On labelled spectra that made no template it finds {percent(study.real.recall)} of those with "
            f"labels outside the model and takes {percent(study.real.false_positive_rate)} of the others for "
            "unknown."
        )
    blocks.append(Paragraph(text))
    ranked = sorted(study.simulated.items(), key=lambda pair: -pair[1].auc)[:_FEATURES]
    blocks.append(
        Table(
            ("feature", "unknown if", "area, classes left out", "area, real unknowns"),
            [
                (
                    name,
                    "small" if one.side == "below" else "large",
                    number(one.auc),
                    number(study.real_rankings[name].auc if name in study.real_rankings else None),
                )
                for name, one in ranked
            ],
            "How well single features rank unknown spectra before known ones (area under the ROC curve)",
        )
    )
    from gamma_flow.plot.study import all_of, sigmoid
    from gamma_flow.study import cut

    drawn = all_of(study, palette=palette)
    if study.cut.sigmoid is None:
        table = study.study.table
        drawn["sigmoid"] = sigmoid(table, cut(table, study.cut.feature, "logistic"))
    for name, figure in drawn.items():
        blocks.append(Picture(f"study-{name}", figure, _CAPTIONS.get(name, name)))
    return Section("Unknowns", tuple(blocks))


def _novel_rows(result: Result) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for name in result.sets:
        analyses, spectra = result.of_set(name)
        novel = [found.novel for found in analyses]
        if any(column is None for column in novel):
            return []
        called = np.concatenate([column for column in novel if column is not None])
        strange = np.concatenate([foreign(part, result.model) for part in spectra])
        known = ~strange
        rows.append(
            (
                name,
                len(called),
                int(known.sum()),
                percent(float(called[known].mean())) if known.any() else "–",
                int(strange.sum()),
                percent(float(called[strange].mean())) if strange.any() else "–",
            )
        )
    return rows
