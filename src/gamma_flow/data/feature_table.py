"""Features of many spectra with the truth beside them: what a study of unknowns works on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data._arrays import freeze, freeze_strings
from gamma_flow.data.features import spelt
from gamma_flow.errors import DataError

__all__ = ["FeatureTable"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """One row a spectrum, one column a feature.

    Parameters
    ----------
    columns : mapping of str to array_like, shape (N,)
        Features by name (`gamma_flow.data.features`); finite.
    unknown : array_like of bool, shape (N,)
        Whether the spectrum holds a class that the model which analysed it does not know.
    label : array_like of str, shape (N,)
        Labels of the spectrum, with "+" between them.
    left_out : array_like of str, shape (N,)
        The class that the model was trained without; empty for a model of all classes.
    origin : array_like of str, shape (N,)
        Where the spectrum came from.

    Raises
    ------
    DataError
        Columns of different lengths, values that are not finite.

    Examples
    --------
    >>> table = FeatureTable({"novelty": [0.1, 3.0]}, [False, True], ["a", "b"], ["b", "b"], ["#0", "#1"])
    >>> table
    FeatureTable(1 known and 1 unknown spectra, 1 feature)
    >>> table[table.unknown].label.tolist()
    ['b']
    """

    columns: Mapping[str, Floats]
    unknown: NDArray[np.bool_]
    label: NDArray[np.str_]
    left_out: NDArray[np.str_]
    origin: NDArray[np.str_]

    def __post_init__(self) -> None:
        rows = len(self.unknown)
        keep = object.__setattr__
        columns = {}
        for name, column in self.columns.items():
            columns[name] = freeze(column, np.float64, (rows,), f"the feature {name}")
            if not np.isfinite(columns[name]).all():
                raise DataError("a feature is not finite", where=name)
        keep(self, "columns", MappingProxyType(columns))
        keep(self, "unknown", freeze(self.unknown, np.bool_, (rows,), "unknown"))
        for name in ("label", "left_out", "origin"):
            keep(self, name, freeze_strings(getattr(self, name), rows, name, DataError))

    def __len__(self) -> int:
        return len(self.unknown)

    def __repr__(self) -> str:
        known, unknown = self.counts
        number = len(self.columns)
        return (
            f"FeatureTable({known} known and {unknown} unknown spectra, "
            f"{number} feature{'' if number == 1 else 's'})"
        )

    def __getitem__(self, rows: Any) -> FeatureTable:
        """Select by mask, slice or row numbers."""
        return FeatureTable(
            {name: column[rows] for name, column in self.columns.items()},
            self.unknown[rows],
            self.label[rows],
            self.left_out[rows],
            self.origin[rows],
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features."""
        return tuple(self.columns)

    @property
    def counts(self) -> tuple[int, int]:
        """How many spectra are known, and how many unknown."""
        unknown = int(self.unknown.sum())
        return len(self) - unknown, unknown

    def column(self, name: str) -> Floats:
        """Return one feature, shape (N,).

        Raises
        ------
        SettingsError
            The table has no such feature.
        """
        return self.columns[spelt(name, self.names)]

    def matrix(self, names: Iterable[str] | None = None) -> Floats:
        """Return features beside each other, shape (N, F)."""
        chosen = self.names if names is None else tuple(names)
        return np.column_stack([self.column(name) for name in chosen]) if chosen else np.zeros((len(self), 0))

    @staticmethod
    def concatenate(parts: Sequence[FeatureTable]) -> FeatureTable:
        """Put tables below each other; the features that all of them have.

        Raises
        ------
        DataError
            No table.
        """
        if not parts:
            raise DataError("nothing to concatenate", expected="one or more tables of features")
        common = [name for name in parts[0].names if all(name in part.columns for part in parts)]
        return FeatureTable(
            {name: np.concatenate([part.columns[name] for part in parts]) for name in common},
            *(
                np.concatenate([getattr(part, name) for part in parts])
                for name in ("unknown", "label", "left_out", "origin")
            ),
        )
