"""Figures of an evaluation as tables for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from gamma_flow.cli._common import percent, table

if TYPE_CHECKING:
    from gamma_flow.data.evaluation import Confusion, Evaluation

__all__ = ["comparison_table", "confusion_table", "figures_table"]

_HEAD = [
    "set",
    "n",
    "accuracy",
    "95 %",
    "expl. var.",
    "exact",
    "95 %",
    "incompl.",
    "extra",
    "both",
    "mean",
    "missed",
    "false",
]


def figures_table(figures: Mapping[str, Evaluation], noise: Sequence[dict[str, Any]]) -> None:
    """Print one row a set, a detector, and a set without repeats; all shares in percent."""
    rows: list[Sequence[Any]] = []
    for name, whole in figures.items():
        rows.append(_row(name, whole))
        if len(whole.detectors) > 1:
            rows.extend(_row(f"  {detector}", part) for detector, part in whole.detectors.items())
        if whole.unique is not None and whole.unique.n < whole.n:
            rows.append(_row("  without repeats", whole.unique))
    table("figures in percent; intervals from a bootstrap by run", _HEAD, rows)
    ordered = [
        (name, *(percent(part.ordered[key]) for key in ("exact", "incomplete", "extra", "both")))
        for name, part in figures.items()
    ]
    table(
        "the paper's ordered comparison, in percent: a right set in another order counts as 'both'",
        ["set", "exact", "incompl.", "extra", "both"],
        ordered,
    )
    if noise:
        table(
            "with Gaussian noise of a share of each spectrum's RMS, in percent",
            ["set", "noise", "accuracy", "expl. var.", "exact"],
            [
                (
                    row["set"],
                    f"{row['size']:g}",
                    *(percent(row[key]) for key in ("accuracy", "explained_variance", "exact")),
                )
                for row in noise
            ],
        )
    for name, part in figures.items():
        if part.unknown_labels:
            told = ", ".join(f"{label} ({count})" for label, count in part.unknown_labels.items())
            click.echo(f"set '{name}' holds labels that are no class of the model: {told}\n")


def _row(name: str, part: Evaluation) -> list[Any]:
    return [
        name,
        part.n,
        percent(part.accuracy),
        _interval(part, "accuracy"),
        percent(part.explained_variance),
        percent(part.exact),
        _interval(part, "exact"),
        percent(part.incomplete),
        percent(part.extra),
        percent(part.both),
        percent(part.mean_multilabel_accuracy),
        part.missed,
        part.false_alarms,
    ]


def _interval(part: Evaluation, name: str) -> str:
    if name not in part.interval:
        return "–"
    lo, hi = part.interval[name]
    return f"{100 * lo:.1f}–{100 * hi:.1f}"


def confusion_table(name: str, confusion: Confusion) -> None:
    """Print a confusion matrix, rows true."""
    rows = [(true, *counts) for true, counts in zip(confusion.true, confusion.counts.tolist(), strict=True)]
    table(f"{name}: single-label answers, rows true, columns found", ["", *confusion.predicted], rows)


def comparison_table(now: Mapping[str, Any], before: Mapping[str, Any], other: str) -> None:
    """Print figures of two evaluations beside each other, with the difference in points."""
    rows = []
    for name in [key for key in now if key != "noise" and key in before]:
        for figure in ("accuracy", "explained_variance", "exact", "mean_multilabel_accuracy"):
            new, old = now[name][figure], before[name].get(figure)
            if new is not None and old is not None:
                rows.append(
                    (name, figure.replace("_", " "), percent(old), percent(new), f"{100 * (new - old):+.2f}")
                )
    table(f"against {other}, in percent and points", ["set", "figure", "there", "here", "difference"], rows)
