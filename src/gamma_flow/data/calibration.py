"""How large statistics get when a class, or an unknown, is not there: what makes p-values of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.data._arrays import freeze
from gamma_flow.errors import DataError
from gamma_flow.numerics.evidence import BODY, Tail, log_p

__all__ = ["Calibration"]

Floats = NDArray[np.float64]

_NEAREST = 400  # nulls that a novelty is compared with
_BLOCK = 2048


@dataclass(frozen=True, eq=False)
class Calibration:
    """Draws without a class, condensed; made by `gamma_flow.train` from its training spectra alone.

    Parameters
    ----------
    at : (K, B)
        For each class log10 of the counts in the middle of B bins.
    quantiles : (K, B, Q)
        Quantiles of the likelihood ratio at the probabilities ``levels``.
    scale : (K, B)
        Mean of what exceeds the last quantile: the scale of the exponential tail.
    levels : (Q,)
        Probabilities from 0; see `gamma_flow.numerics.evidence.LEVELS`.
    n_nulls : (K,) int
        Draws without the class.
    effective : float
        The number of independent classes that would give the rate of false alarms seen in the draws.
    novelty_counts, novelty : (M,)
        log10 of counts, ascending, and the novelty of draws without unknowns.

    Notes
    -----
    p-values below ``tail_from`` rest on a distribution fitted to the draws' tail; those below ``seen`` on its
    extrapolation beyond the largest draw.
    """

    at: Floats
    quantiles: Floats
    scale: Floats
    levels: Floats
    n_nulls: NDArray[np.int64]
    effective: float
    novelty_counts: Floats
    novelty: Floats

    def __post_init__(self) -> None:
        k, b = np.shape(self.at)
        q = len(self.levels)
        keep = object.__setattr__
        for name, shape in (
            ("at", (k, b)),
            ("quantiles", (k, b, q)),
            ("scale", (k, b)),
            ("levels", (q,)),
            ("novelty_counts", (None,)),
            ("novelty", (len(self.novelty_counts),)),
        ):
            array = freeze(getattr(self, name), np.float64, shape, f"calibration.{name}")
            if not np.isfinite(array).all():
                raise DataError(f"calibration.{name} is not finite")
            keep(self, name, array)
        keep(self, "n_nulls", freeze(self.n_nulls, np.int64, (k,), "calibration.n_nulls"))
        if not (np.isfinite(self.effective) and self.effective >= 1):
            raise DataError("calibration.effective has to be at least one", found=str(self.effective))
        keep(self, "effective", float(self.effective))

    def __len__(self) -> int:
        return len(self.at)

    @cached_property
    def _never_left_out(self) -> NDArray[np.bool_]:
        """The background, (K,): no draws, and no distribution in their place, as a class with too few has."""
        return np.asarray((self.n_nulls == 0) & ~self.quantiles.any(axis=(1, 2)))

    @property
    def tail_from(self) -> float:
        """The p-value below which the fitted tail takes over."""
        return round(1 - BODY, 6)

    @property
    def seen(self) -> Floats:
        """The smallest p-value that draws of a bin can show, shape (K,): one over their number."""
        least: Floats = self.at.shape[1] / np.maximum(self.n_nulls, 1)
        return least

    def describe(self) -> dict[str, Any]:
        """Return in plain values from how many draws it came and where its tails are extrapolated.

        None stands for a class without draws: the background, which is never left out, or one for which too
        few could be drawn, which is judged by half a chi-square of one degree of freedom.
        """
        drawn = self.n_nulls > 0
        return {
            "nulls": self.n_nulls.tolist(),
            "bins": int(self.at.shape[1]),
            "log10_counts": [float(self.at[drawn].min()), float(self.at[drawn].max())] if drawn.any() else [],
            "tail_from": self.tail_from,
            "extrapolated_below": [
                float(f"{value:.2g}") if known else None
                for value, known in zip(self.seen, drawn, strict=True)
            ],
            "effective_classes": self.effective,
            "novelty_nulls": len(self.novelty),
        }

    def tail(self, k: int) -> Tail:
        """Return the distribution of class k."""
        return Tail(self.at[k], self.quantiles[k], self.scale[k], self.levels)

    def log_p(self, ratios: ArrayLike, log_counts: ArrayLike) -> Floats:
        """Return log p of likelihood ratios (N, K) at log10 counts (N,)."""
        t, x = np.asarray(ratios, np.float64), np.asarray(log_counts, np.float64)
        if len(t) <= _BLOCK:  # one spectrum needs no second array
            out = log_p(t, x, self.at, self.quantiles, self.scale, self.levels)
        else:
            out = np.empty(t.shape)
            for start in range(0, len(t), _BLOCK):
                rows = slice(start, start + _BLOCK)
                out[rows] = log_p(t[rows], x[rows], self.at, self.quantiles, self.scale, self.levels)
        out[:, self._never_left_out] = 0.0
        return out

    def threshold(self, rate: float) -> float:
        """Return the p-value of a class below which spectra give false alarms at ``rate`` in all."""
        return float(-np.expm1(np.log1p(-rate) / self.effective))

    def family(self, log_p: ArrayLike) -> Floats:
        """Return the family-wise p-value of each row of log p, (N,): that any class gets this low."""
        least = np.exp(np.minimum(np.asarray(log_p, np.float64).min(axis=1), -1e-16))
        out: Floats = -np.expm1(self.effective * np.log1p(-np.minimum(least, 1 - 1e-16)))
        return out

    def novelty_p(self, novelty: ArrayLike, log_counts: ArrayLike) -> Floats:
        """Return the conformal p-value of novelties (N,): the rank among the draws nearest in log counts.

        Notes
        -----
        (1 + number of nearest draws at least as novel) / (1 + number of nearest draws) [1]_; it cannot fall
        below one over their number plus one.

        References
        ----------
        .. [1] V. Vovk, A. Gammerman, G. Shafer, Algorithmic Learning in a Random World (2005).
        """
        s, x = np.asarray(novelty, np.float64), np.asarray(log_counts, np.float64)
        m = len(self.novelty)
        if m == 0:
            return np.ones(len(s))
        width = min(_NEAREST, m)
        first = np.minimum(np.maximum(self.novelty_counts.searchsorted(x) - width // 2, 0), m - width)
        window = np.arange(width)
        out = np.empty(len(s))
        for start in range(0, len(s), _BLOCK):
            rows = slice(start, start + _BLOCK)
            nearest = self.novelty[first[rows, None] + window]
            out[rows] = (1 + np.count_nonzero(nearest >= s[rows, None], axis=1)) / (1 + width)
        return out

    def header(self) -> dict[str, Any]:
        """Return what a model file holds of it beside `arrays`."""
        return {"effective": self.effective}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return its arrays by their names in a model file."""
        names = ("at", "quantiles", "scale", "levels", "n_nulls", "novelty_counts", "novelty")
        return {f"calibration_{name}": getattr(self, name) for name in names}

    @classmethod
    def from_parts(cls, header: dict[str, Any], arrays: Any) -> Calibration:
        """Return what `header` and `arrays` gave."""
        names = ("at", "quantiles", "scale", "levels", "n_nulls", "novelty_counts", "novelty")
        return cls(
            effective=float(header["effective"]), **{name: arrays[f"calibration_{name}"] for name in names}
        )
