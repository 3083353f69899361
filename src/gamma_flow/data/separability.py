"""Which classes could be told apart at N counts: the value of `gamma_flow.explore.separability`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data.exploration import kept

__all__ = ["Separability"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Separability:
    """Which classes could be told apart at N counts.

    Parameters
    ----------
    classes : tuple of str, length K
        Without the background.
    significance : (K, K)
        Row i, column j: expected significance, in standard deviations, with which ``counts`` counts of class
        i on background are told from class j on background. On the diagonal: from background alone.
    counts_needed : (K, K)
        Counts of class i from which that is ``goal``; infinite where more counts do not help.
    inflation : (K,)
        By how much the error of a class's score grows because all the others are fitted too.
    condition : float
        Condition number of the information about all scores, scaled to a unit diagonal.
    counts : float
        N.
    background_share : float
        Part of all counts that is background; 0 where there is no background class.
    goal : float
        Standard deviations that count as told apart.
    mismatch : float
        Relative standard deviation of each channel beyond counting.
    background : str or None
        The background class.
    """

    classes: tuple[str, ...]
    significance: Floats
    counts_needed: Floats
    inflation: Floats
    condition: float
    counts: float
    background_share: float
    goal: float
    mismatch: float = 0.0
    background: str | None = None

    def __post_init__(self) -> None:
        count = len(self.classes)
        for name in ("significance", "counts_needed"):
            kept(self, name, (count, count))
        kept(self, "inflation", (count,))

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def enough(self) -> float:
        """Smallest counts with which every pair is told apart at the goal; infinite if none do."""
        apart = self.counts_needed[~np.eye(len(self), dtype=bool)]
        return float(apart.max()) if len(apart) else 1.0

    def hardest(self, most: int = 5) -> tuple[tuple[str, str, float, float], ...]:
        """Return the pairs that are hardest to tell apart: two names, significance, counts needed.

        Of the two directions of a pair the harder one counts; the first name is that of the true class.
        """
        z = np.where(np.eye(len(self), dtype=bool), np.inf, self.significance)
        harder = (z < z.T) | ((z == z.T) & np.triu(np.ones(z.shape, bool), 1))
        rows, columns = np.nonzero(harder)
        order = np.argsort(z[rows, columns], kind="stable")[:most]
        return tuple(
            (self.classes[i], self.classes[j], float(z[i, j]), float(self.counts_needed[i, j]))
            for i, j in zip(rows[order].tolist(), columns[order].tolist(), strict=True)
        )

    def as_dict(self) -> dict[str, Any]:
        """Return plain lists; None stands for what is infinite."""
        return {
            "classes": list(self.classes),
            "background": self.background,
            "counts": self.counts,
            "background_share": self.background_share,
            "goal": self.goal,
            "mismatch": self.mismatch,
            "condition": _finite(self.condition),
            "counts_enough": _finite(self.enough),
            "significance": self.significance.tolist(),
            "counts_needed": [[_finite(value) for value in row] for row in self.counts_needed.tolist()],
            "inflation": dict(zip(self.classes, self.inflation.tolist(), strict=True)),
            "hardest": [
                {"true": one, "other": other, "significance": z, "counts_needed": _finite(needed)}
                for one, other, z, needed in self.hardest()
            ],
        }


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
