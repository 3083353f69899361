"""What a study of unknowns looked at: features of known spectra and of each class that was left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data._arrays import freeze
from gamma_flow.data.feature_table import FeatureTable

__all__ = ["Study"]


@dataclass(frozen=True, eq=False)
class Study:
    """How each class looked to a model that was trained without it.

    Parameters
    ----------
    table : FeatureTable
        Known and unknown spectra of all turns.
    left_out : tuple of str
        The L classes that played the unknown.
    classes : tuple of str
        All K classes.
    appearance : ndarray, shape (L, K)
        Mean shares by which the spectra of each left-out class were explained; NaN for the class itself.
    noisy : mapping of float to FeatureTable
        The same spectra with Gaussian noise added, by its size (`gamma_flow.evaluation.with_noise`).

    Raises
    ------
    DataError
        A table of appearances that does not fit the classes.

    See Also
    --------
    gamma_flow.study.leave_one_out : makes one.
    """

    table: FeatureTable
    left_out: tuple[str, ...]
    classes: tuple[str, ...]
    appearance: NDArray[np.float64]
    noisy: Mapping[float, FeatureTable] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "noisy", MappingProxyType(dict(self.noisy)))
        shape = (len(self.left_out), len(self.classes))
        object.__setattr__(self, "appearance", freeze(self.appearance, np.float64, shape, "the appearance"))

    def __repr__(self) -> str:
        return f"Study(left out: {', '.join(self.left_out)}; {self.table!r})"
