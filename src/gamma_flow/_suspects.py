"""Training spectra that do not resemble their class: mislabelled, damaged, or behind a thick shield."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Suspect", "suspects"]

_MARGIN = 0.05  # by how much another class has to be nearer, beyond counting noise
_FAR = 0.6  # share of the cosine that counting noise alone would leave, below which a spectrum is far off


class Suspect(NamedTuple):
    """One spectrum that looks odd in its class.

    Attributes
    ----------
    row : int
        Row of the set.
    own : int
        Number of the class that it is labelled with.
    cosine : float
        With the mean of the other spectra of that class.
    other : int or None
        The class that it resembles more, if there is one.
    other_cosine : float
        With that class's mean.
    """

    row: int
    own: int
    cosine: float
    other: int | None
    other_cosine: float


def suspects(values: NDArray[np.float64], members: list[NDArray[np.intp]], counts: bool) -> list[Suspect]:
    """Compare each training spectrum with the mean of the rest of its class and with the other classes.

    Parameters
    ----------
    values : ndarray, shape (N, C)
        Spectra over the active channels.
    members : list of ndarray of int
        Rows of each class.
    counts : bool
        Whether the values scatter as counts: then noise lowers the cosine of a weak spectrum by itself,
        which is allowed for.

    Returns
    -------
    list of Suspect
        The worst first. A class of one spectrum can only be compared with the others.

    Notes
    -----
    A spectrum with N counts drawn from a template T of unit sum has an expected cosine with T of about
    sqrt(NS / (NS + 1)), S the sum of T squared: the signal over signal plus counting noise.
    """
    sums = np.stack([values[rows].sum(axis=0) for rows in members])
    length = np.sqrt((sums**2).sum(axis=1))
    found: list[tuple[float, Suspect]] = []
    for own, rows in enumerate(members):
        mine = values[rows]
        norm = np.sqrt((mine**2).sum(axis=1))
        cosine = _ratio(mine @ sums.T, norm[:, None] * length)
        rest = sums[own] - mine  # the class without the spectrum itself
        alone = len(rows) < 2
        own_cosine = (
            cosine[:, own]
            if alone
            else _ratio((mine * rest).sum(axis=1), norm * np.sqrt((rest**2).sum(axis=1)))
        )
        cosine[:, own] = -np.inf
        other = cosine.argmax(axis=1)
        nearest = cosine[np.arange(len(rows)), other]
        total = np.abs(mine).sum(axis=1)
        margin = _MARGIN + (1 / np.sqrt(np.maximum(total, 1)) if counts else 0.0)
        template = sums[own] / max(np.abs(sums[own]).sum(), np.finfo(float).tiny)
        strength = total * (template**2).sum()
        expected = np.sqrt(strength / (strength + 1)) if counts else np.ones(len(rows))
        swapped = (nearest > own_cosine + margin) & ~alone if len(members) > 1 else np.zeros(len(rows), bool)
        far = (own_cosine < _FAR * expected) & ~alone
        for place in np.flatnonzero((swapped | far) & (norm > 0)):
            suspect = Suspect(
                int(rows[place]),
                own,
                float(own_cosine[place]),
                int(other[place]) if swapped[place] else None,
                float(nearest[place]) if swapped[place] else float("nan"),
            )
            gap = (
                nearest[place] - own_cosine[place] if swapped[place] else expected[place] - own_cosine[place]
            )
            found.append((float(gap), suspect))
    found.sort(key=lambda pair: (-pair[0], pair[1].row))
    return [suspect for _, suspect in found]


def _ratio(top: NDArray[np.float64], bottom: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide, with zero where the divisor vanishes."""
    ratio: NDArray[np.float64] = np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)
    return ratio
