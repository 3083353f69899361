"""Which set of labels was taken for which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data._arrays import freeze
from gamma_flow.diagnostics.comparison import OUTCOMES, Comparison
from gamma_flow.errors import SettingsError

__all__ = ["SetConfusion", "set_confusion"]

MIXED = -1  # a cell of gathered sets, whose spectra had different outcomes


@dataclass(frozen=True, eq=False)
class SetConfusion:
    """Counts of spectra, rows the set of labels and columns the set of classes found.

    Parameters
    ----------
    true, predicted : tuple of tuple of str
        Sets of rows and columns, fewest sources first, then by name; an empty one where nothing was found.
    gathered : (int, int)
        How many rarer sets are gathered in one more row and one more column; no such row or column if 0.
    by_outcome : ndarray of int, shape (R, C, 4)
        How many spectra, by the number of their outcome in `OUTCOMES`. R and C count the gathered row and
        column.
    background : str or None
        The background class.
    """

    true: tuple[tuple[str, ...], ...]
    predicted: tuple[tuple[str, ...], ...]
    gathered: tuple[int, int]
    by_outcome: NDArray[np.int64]
    background: str | None = None

    def __post_init__(self) -> None:
        shape = (
            len(self.true) + bool(self.gathered[0]),
            len(self.predicted) + bool(self.gathered[1]),
            len(OUTCOMES),
        )
        object.__setattr__(
            self, "by_outcome", freeze(self.by_outcome, np.int64, shape, "the confusion of sets")
        )

    @property
    def counts(self) -> NDArray[np.int64]:
        """Spectra of each cell, shape (R, C)."""
        return np.asarray(self.by_outcome.sum(axis=2))

    @property
    def percent(self) -> NDArray[np.float64]:
        """Spectra of each cell in percent of its row, shape (R, C)."""
        counts = self.counts
        return np.asarray(100.0 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))

    @property
    def outcome(self) -> NDArray[np.int64]:
        """Outcome of each cell, a number of `OUTCOMES`, shape (R, C).

        -1 where no spectrum is, or where the sets gathered there had several outcomes.
        """
        single = (self.by_outcome > 0).sum(axis=2) == 1
        return np.asarray(np.where(single, self.by_outcome.argmax(axis=2), MIXED))


def set_confusion(compared: Comparison, most: int = 20, *, with_background: bool = True) -> SetConfusion:
    """Cross label sets and found sets.

    Parameters
    ----------
    compared : Comparison
        Labels and answers.
    most : int
        Rows and columns for at most so many sets, the most frequent ones; all others are counted in one more
        row and column.
    with_background : bool
        Whether the background counts as a class, as it does in `gamma_flow.evaluate`. Without it a set holds
        sources alone, and a strong source that leaves no share for the background is no incomplete answer.

    Returns
    -------
    SetConfusion
        Its counts add up to all spectra compared.

    Raises
    ------
    SettingsError
        Room for less than one set.

    Examples
    --------
    >>> import gamma_flow as gf
    >>> from gamma_flow.diagnostics import compare
    >>> spectra = gf.SpectrumSet([[8.0, 2, 0], [0, 2, 8], [5, 2, 5]], gf.Axis.channels(3),
    ...                          labels=gf.Labels.of([["a"], ["b"], ["a"]]))
    >>> model = gf.train(spectra[:2], background=None, noise="leastsquares", held_out=0, few=0)
    >>> crossed = set_confusion(compare(model.analyse(spectra), spectra))
    >>> crossed.true, crossed.predicted
    ((('a',), ('b',)), (('a',), ('b',), ('a', 'b')))
    >>> crossed.counts.tolist()
    [[1, 0, 1], [0, 1, 0]]
    """
    if most < 1:
        raise SettingsError("a confusion matrix needs a row", where="most", expected=">= 1", found=str(most))
    n = len(compared)
    flags = np.concatenate([compared.true, compared.found])
    if not with_background:
        flags = flags & np.array([name != compared.background for name in compared.names])
    missing, more = flags[:n] & ~flags[n:], flags[n:] & ~flags[:n]
    outcome = missing.any(axis=1) + 2 * more.any(axis=1)
    packed = np.packbits(flags, axis=1)
    _, first, inverse = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    inverse = inverse.reshape(-1)
    both = flags[first]
    sets = [compared.named(row) for row in both]
    sources = [[name for name in names if name != compared.background] for names in sets]
    order = sorted(range(len(sets)), key=lambda i: (len(sources[i]), sources[i], len(sets[i])))
    used = np.stack([np.bincount(part, minlength=len(sets)) for part in (inverse[:n], inverse[n:])])
    frequent = np.argsort(-used.sum(axis=0), kind="stable")[:most]
    kept = [number for number in order if number in set(frequent.tolist())]
    places, shown, gathered = [], [], []
    for side in used:
        mine = [number for number in kept if side[number]]
        place = np.full(len(sets), len(mine))  # what is not shown goes into the last row
        place[mine] = np.arange(len(mine))
        places.append(place)
        shown.append(tuple(sets[number] for number in mine))
        gathered.append(int((side > 0).sum()) - len(mine))
    table = np.zeros([len(s) + bool(g) for s, g in zip(shown, gathered, strict=True)] + [4], np.int64)
    np.add.at(table, (places[0][inverse[:n]], places[1][inverse[n:]], outcome), 1)
    return SetConfusion(shown[0], shown[1], (gathered[0], gathered[1]), table, compared.background)
