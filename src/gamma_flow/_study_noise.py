"""How a feature and its cut bear noise that is added to the spectra."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gamma_flow._study_cuts import Cut, Verdict, cut, judged
from gamma_flow.data.study import Study

__all__ = ["NoiseRow", "noise_rows"]

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class NoiseRow:
    """What one size of added noise does.

    Parameters
    ----------
    size : float
        As a share of each spectrum's root mean square.
    known, unknown : tuple of float
        5, 25, 50, 75 and 95 % quantiles of the feature.
    threshold : float
        The cut chosen for this noise in the same way.
    own, fixed : Verdict
        What that cut does, and the one for spectra without noise.
    """

    size: float
    known: tuple[float, ...]
    unknown: tuple[float, ...]
    threshold: float
    own: Verdict
    fixed: Verdict

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        verdicts = {"own": self.own.as_dict(), "fixed": self.fixed.as_dict()}
        return {**vars(self), "known": list(self.known), "unknown": list(self.unknown), **verdicts}


def noise_rows(study: Study, chosen: Cut, wish: Mapping[str, Any] | None = None) -> tuple[NoiseRow, ...]:
    """Return how a feature and its cut bear added noise, no noise first.

    Parameters
    ----------
    study : Study
        With tables of noisy spectra.
    chosen : Cut
        The cut for spectra without noise.
    wish : mapping, optional
        The arguments (``how``, ``recall``, ``false_positive_rate``) by which it was chosen: by the same a cut
        is chosen for each size.
    """
    rows = []
    for size, table in {0.0: study.table, **study.noisy}.items():
        values = table.column(chosen.feature)
        here = chosen if size == 0 else cut(table, chosen.feature, **(wish or {}))
        known, unknown = (
            tuple(float(q) for q in np.quantile(values[mask], _QUANTILES))
            for mask in (~table.unknown, table.unknown)
        )
        rows.append(NoiseRow(size, known, unknown, here.threshold, here.verdict, judged(chosen, table)))
    return tuple(sorted(rows, key=lambda row: row.size))
