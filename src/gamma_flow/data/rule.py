"""The rule by which a spectrum is taken to hold something that nobody trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from types import MappingProxyType
from typing import Any, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.errors import SettingsError
from gamma_flow.numerics.thresholds import Side, called

__all__ = ["UnknownRule"]


@dataclass(frozen=True)
class UnknownRule:
    """One feature of an analysis, and on which side of which number unknowns lie; a model may carry one.

    Parameters
    ----------
    feature : str
        A name of `gamma_flow.data.features`.
    threshold : float
        The cut, which itself belongs to the unknowns.
    side : {"below", "above"}
        Where unknowns lie.
    chosen : str
        How the cut was chosen: "tree", "logistic", "recall 0.9", "by hand", ...
    recall, false_positive_rate : float or None
        What the study saw with this cut: part of the unknown spectra that it finds, part of the known ones
        that it takes for unknown. None where nobody looked.
    provenance : mapping
        Version, date, classes that played the unknown, number of spectra; plain values.

    Raises
    ------
    SettingsError
        A side that is none, a threshold that is not finite, a rate outside 0..1.

    See Also
    --------
    gamma_flow.study : chooses one.

    Examples
    --------
    >>> rule = UnknownRule("centred_similarity", 0.65, "below")
    >>> rule.applies([0.5, 0.9])
    array([ True, False])
    >>> print(rule)
    centred_similarity <= 0.65
    """

    feature: str
    threshold: float
    side: Side
    chosen: str = "by hand"
    recall: float | None = None
    false_positive_rate: float | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.side not in get_args(Side):
            raise SettingsError(
                "no such side of a threshold", where="side", expected="below or above", found=repr(self.side)
            )
        if isinstance(self.threshold, bool) or not isfinite(self.threshold):
            raise SettingsError(
                "a threshold is a finite number", where="threshold", found=str(self.threshold)
            )
        object.__setattr__(self, "threshold", float(self.threshold))
        for name in ("recall", "false_positive_rate"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise SettingsError("a rate is out of range", where=name, expected="0..1", found=f"{value:g}")
        object.__setattr__(self, "provenance", MappingProxyType(dict(self.provenance)))

    def __str__(self) -> str:
        return f"{self.feature} {'<=' if self.side == 'below' else '>='} {self.threshold:.4g}"

    def __reduce__(self) -> tuple[Any, ...]:
        return UnknownRule.from_dict, (self.as_dict(),)

    def applies(self, values: ArrayLike) -> NDArray[np.bool_]:
        """Tell which values of the feature are those of unknowns, shape (N,)."""
        return called(values, self.threshold, self.side)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, as a model file holds them."""
        return {
            "feature": self.feature,
            "threshold": self.threshold,
            "side": self.side,
            "chosen": self.chosen,
            "recall": self.recall,
            "false_positive_rate": self.false_positive_rate,
            "provenance": dict(self.provenance),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> UnknownRule:
        """Return what `as_dict` gave."""
        return cls(**plain)
