"""Labels: which classes a spectrum holds, as far as somebody knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.data._arrays import freeze, row_numbers
from gamma_flow.errors import LabelError

__all__ = ["BACKGROUND", "Labels"]

BACKGROUND = "background"
"""The name of the background class where nothing else is said."""


@dataclass(frozen=True, eq=False)
class Labels:
    """Which of K classes N spectra hold.

    Parameters
    ----------
    classes : sequence of str, length K
        Names, each once, spelt as given.
    presence : array_like of bool, shape (N, K)
        Whether the class is in the spectrum.
    amounts : array_like of float, shape (N, K), optional
        Known contents in any one unit, zero where a class is absent, NaN where the amount is
        unknown.
    labelled : array_like of bool, shape (N,), optional
        False for spectra of which nothing is known; all True by default.
    background : str or None
        The class that is in nearly everything and does not count as a find. It need not be among ``classes``.

    Raises
    ------
    LabelError
        A name twice or empty, shapes that do not fit, a label in an unlabelled row, an amount of an
        absent class.

    Examples
    --------
    >>> labels = Labels.of([["Cs137", "background"], ["background"], None])
    >>> labels.classes
    ('Cs137', 'background')
    >>> labels.presence.sum(axis=1)
    array([2, 1, 0])
    >>> labels.lists()
    [['Cs137', 'background'], ['background'], None]
    """

    classes: tuple[str, ...]
    presence: NDArray[np.bool_]
    amounts: NDArray[np.float64] | None = None
    labelled: NDArray[np.bool_] = None  # type: ignore[assignment]  # filled in below
    background: str | None = BACKGROUND

    def __post_init__(self) -> None:
        classes = tuple(self.classes)
        for name in classes:
            if not isinstance(name, str) or not name.strip():
                raise LabelError("a class needs a name", expected="text", found=repr(name))
        if len(set(classes)) != len(classes):
            twice = sorted({name for name in classes if classes.count(name) > 1})
            raise LabelError("a class is named twice", found=", ".join(twice), cure="name every class once")
        presence = freeze(
            self.presence, np.bool_, (None, len(classes)), "the presence of classes", LabelError
        )
        rows = len(presence)
        known = np.ones(rows, bool) if self.labelled is None else self.labelled
        labelled = freeze(known, np.bool_, (rows,), "labelled", LabelError)
        wrong = presence.any(axis=1) & ~labelled
        if wrong.any():
            raise LabelError("an unlabelled spectrum has labels", where=row_numbers(wrong))
        if self.amounts is not None:
            amounts = freeze(self.amounts, np.float64, presence.shape, "the amounts", LabelError)
            wrong = (
                ((amounts != 0) & ~presence).any(axis=1)
                | (amounts < 0).any(axis=1)
                | np.isinf(amounts).any(axis=1)
            )
            if wrong.any():
                raise LabelError(
                    "an amount is negative, infinite, or belongs to a class that is not there",
                    where=row_numbers(wrong),
                )
            object.__setattr__(self, "amounts", amounts)
        object.__setattr__(self, "classes", classes)
        object.__setattr__(self, "presence", presence)
        object.__setattr__(self, "labelled", labelled)

    @classmethod
    def of(
        cls,
        lists: Sequence[Iterable[str] | None],
        classes: Sequence[str] | None = None,
        background: str | None = BACKGROUND,
    ) -> Labels:
        """Make labels from one list of names a spectrum, None for an unlabelled one.

        Parameters
        ----------
        lists : sequence of (iterable of str or None), length N
            The names; a name that stands twice in a row counts once.
        classes : sequence of str, optional
            Order of the classes; sorted names by default.
        background : str or None
            The background class.

        Raises
        ------
        LabelError
            A name that is not among ``classes``.
        """
        rows = [None if row is None else ((row,) if isinstance(row, str) else tuple(row)) for row in lists]
        distinct = {row for row in rows if row is not None}
        found = sorted({name for row in distinct for name in row})
        order = list(found if classes is None else classes)
        place = {name: number for number, name in enumerate(order)}
        strange = [name for name in found if name not in place]
        if strange:
            raise LabelError(
                "a label is not among the classes", expected=", ".join(order), found=", ".join(strange)
            )
        known = {row: [place[name] for name in row] for row in distinct}
        presence = np.zeros((len(rows), len(order)), bool)
        for number, row in enumerate(rows):
            if row is not None:
                presence[number, known[row]] = True
        presence.flags.writeable = False
        return cls(
            tuple(order), presence, None, np.array([row is not None for row in rows], bool), background
        )

    @classmethod
    def none(cls, rows: int, background: str | None = BACKGROUND) -> Labels:
        """Return the labels of ``rows`` spectra of which nothing is known."""
        return cls((), np.zeros((rows, 0), bool), None, np.zeros(rows, bool), background)

    def __len__(self) -> int:
        return len(self.presence)

    def __repr__(self) -> str:
        known = int(self.labelled.sum())
        return f"Labels({len(self)} rows, {known} labelled, classes: {', '.join(self.classes)})"

    def __getitem__(self, rows: Any) -> Labels:
        picked = self.presence[rows]
        if picked.ndim != 2:
            raise LabelError(
                "labels are selected by rows", expected="a mask, a slice or row numbers", found=repr(rows)
            )
        amounts = None if self.amounts is None else self.amounts[rows]
        return Labels(self.classes, picked, amounts, self.labelled[rows], self.background)

    def has(self, *names: str) -> NDArray[np.bool_]:
        """Tell which rows hold at least one of the names, shape (N,); a name without a class is in none."""
        found = [number for number, name in enumerate(self.classes) if name in names]
        held: NDArray[np.bool_] = np.any(self.presence[:, found], axis=1)
        return held

    @property
    def sources(self) -> NDArray[np.intp]:
        """How many classes besides the background each row holds, shape (N,)."""
        keep = [number for number, name in enumerate(self.classes) if name != self.background]
        count: NDArray[np.intp] = self.presence[:, keep].sum(axis=1)
        return count

    def lists(self) -> list[list[str] | None]:
        """Return one list of names a row, in the order of ``classes``; None for unlabelled rows."""
        names = np.array(self.classes, dtype=object)
        return [
            list(names[row]) if known else None
            for row, known in zip(self.presence, self.labelled, strict=True)
        ]

    def renamed(self, aliases: Mapping[str, str]) -> Labels:
        """Return labels in which names are replaced by a table; two names may become one.

        Examples
        --------
        >>> Labels.of([["Unat"], ["UNat"]]).renamed({"Unat": "UNat"}).classes
        ('UNat',)
        """
        new = [aliases.get(name, name) for name in self.classes]
        order = tuple(dict.fromkeys(sorted(set(new)))) if new != list(self.classes) else self.classes
        return self._gathered([order.index(name) for name in new], order)

    def onto(self, classes: Sequence[str]) -> Labels:
        """Return the same labels over another order of classes, which has to hold all that are present.

        Raises
        ------
        LabelError
            A class that some row holds is missing in ``classes``.
        """
        used = np.flatnonzero(self.presence.any(axis=0))
        missing = [self.classes[number] for number in used if self.classes[number] not in classes]
        if missing:
            raise LabelError(
                "a label is not among the classes", expected=", ".join(classes), found=", ".join(missing)
            )
        kept = [number for number, name in enumerate(self.classes) if name in classes]
        slim = Labels(
            tuple(self.classes[number] for number in kept),
            self.presence[:, kept],
            None if self.amounts is None else self.amounts[:, kept],
            self.labelled,
            self.background,
        )
        return slim._gathered([list(classes).index(name) for name in slim.classes], tuple(classes))

    def _gathered(self, target: list[int], order: tuple[str, ...]) -> Labels:
        presence = np.zeros((len(self), len(order)), bool)
        amounts = None if self.amounts is None else np.zeros((len(self), len(order)))
        for source, goal in enumerate(target):
            presence[:, goal] |= self.presence[:, source]
            if amounts is not None and self.amounts is not None:
                amounts[:, goal] += self.amounts[:, source]
        return Labels(order, presence, amounts, self.labelled, self.background)

    @staticmethod
    def concatenated(parts: Sequence[Labels]) -> Labels:
        """Put labels of several sets below each other, over all classes that any of them names.

        Raises
        ------
        LabelError
            Nothing to put together, or different background classes.
        """
        if not parts:
            raise LabelError("nothing to concatenate", expected="one or more Labels")
        if len({part.background for part in parts}) > 1:
            raise LabelError(
                "sets with different background classes cannot be put together",
                found=", ".join(sorted({str(part.background) for part in parts})),
            )
        names = [part.classes for part in parts]
        order = (
            names[0] if len(set(names)) == 1 else tuple(sorted({name for group in names for name in group}))
        )
        parts = [part.onto(order) if part.classes != order else part for part in parts]
        amounts: NDArray[np.float64] | None = None
        if any(part.amounts is not None for part in parts):
            amounts = np.concatenate([_amounts(part) for part in parts])
        return Labels(
            order,
            np.concatenate([part.presence for part in parts]),
            amounts,
            np.concatenate([part.labelled for part in parts]),
            parts[0].background,
        )


def _amounts(labels: Labels) -> ArrayLike:
    """Known amounts, NaN for a class that is present without one."""
    return np.where(labels.presence, np.nan, 0.0) if labels.amounts is None else labels.amounts
