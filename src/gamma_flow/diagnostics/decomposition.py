"""One spectrum taken apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data import Axis
from gamma_flow.data._arrays import freeze
from gamma_flow.data._fits import by_templates
from gamma_flow.data.analysis import Analysis
from gamma_flow.errors import DataError

__all__ = ["Decomposition", "decompose"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Decomposition:
    """One spectrum and what an analysis made of it; C channels, K classes.

    Parameters
    ----------
    classes : tuple of str, length K
        Those of the model.
    background : str or None
        The background class.
    axis : Axis
        Of the spectrum.
    active : ndarray of bool, shape (C,)
        Channels that were used.
    kind : str
        "counts" or "intensity".
    values, errors : ndarray, shape (C,)
        The spectrum and its standard deviations: the root of the counts (at least 1), those that came with
        the spectrum, or None where nothing is known of them.
    parts : ndarray, shape (K, C)
        Scaled templates; ``fit`` is their sum.
    sigma : ndarray, shape (C,)
        Expected standard deviation about the fit: the root of the fitted counts (at least 1) and of what the
        templates miss by (``mismatch``); without counts as ``errors``, or else the root mean square of the
        residual, one for all active channels.
    scores, shares : ndarray, shape (K,)
        Of the analysis.
    present : ndarray of bool, shape (K,)
        Classes found.
    score_errors, share_errors, p_value : ndarray, shape (K,), optional
        None where the model has no noise model.
    explained_variance, similarity : float
        Of the analysis.
    deviance, novelty_p : float, optional
        None likewise.
    novel : bool, optional
        Whether something that nobody trained is in the spectrum; None where this was not asked.
    origin, detector : str
        Where the spectrum comes from.
    live_time : float
        Seconds, NaN if unknown.
    """

    classes: tuple[str, ...]
    background: str | None
    axis: Axis
    active: NDArray[np.bool_]
    kind: str
    values: Floats
    errors: Floats | None
    parts: Floats
    sigma: Floats
    scores: Floats
    shares: Floats
    present: NDArray[np.bool_]
    score_errors: Floats | None
    share_errors: Floats | None
    p_value: Floats | None
    explained_variance: float
    similarity: float
    deviance: float | None
    novelty_p: float | None
    novel: bool | None
    origin: str
    detector: str
    live_time: float

    def __post_init__(self) -> None:
        channels, count = len(self.axis), len(self.classes)
        for fields, kind, shape in (
            (("active",), np.bool_, (channels,)),
            (("values", "errors", "sigma"), np.float64, (channels,)),
            (("parts",), np.float64, (count, channels)),
            (("scores", "shares", "score_errors", "share_errors", "p_value"), np.float64, (count,)),
            (("present",), np.bool_, (count,)),
        ):
            for name in fields:
                given = getattr(self, name)
                if given is not None:
                    object.__setattr__(self, name, freeze(given, kind, shape, f"decomposition.{name}"))

    @property
    def fit(self) -> Floats:
        """Sum of the parts, shape (C,): the spectrum without noise."""
        return np.asarray(self.parts.sum(axis=0))

    @property
    def pulls(self) -> Floats:
        """Residual over its standard deviation, shape (C,); NaN outside the active channels."""
        ok = self.active & (self.sigma > 0)
        out = np.full(len(ok), np.nan)
        return np.asarray(np.divide(self.values - self.fit, self.sigma, out=out, where=ok))


def decompose(analysis: Analysis, row: int = 0) -> Decomposition:
    """Take one spectrum apart.

    Parameters
    ----------
    analysis : Analysis
        Of N spectra.
    row : int
        Which one; negative ones count from the end.

    Returns
    -------
    Decomposition
        Parts, errors, pulls, shares.

    Raises
    ------
    DataError
        No such row.

    Examples
    --------
    >>> import gamma_flow as gf
    >>> templates = gf.Templates([[1.0, 0, 0], [0, 1, 1]], ("a", "b"), gf.Axis.channels(3))
    >>> apart = decompose(gf.Model(templates).analyse(gf.SpectrumSet([[9.0, 4, 6]], templates.axis)))
    >>> apart.fit.round(1).tolist(), apart.pulls.round(2).tolist()
    ([9.0, 5.0, 5.0], [0.0, -0.45, 0.45])
    """
    found = analysis[row]
    if not len(found):
        raise DataError("no such spectrum", where=f"row {row}", expected=f"one of {len(analysis)}")
    active = found.templates.active
    ((_, shapes),) = by_templates(found)
    parts = found.scores[0][:, None] * shapes
    values, fit = found.values[0], parts.sum(axis=0)
    errors, sigma = _spread(found, values, fit)

    def one(column: NDArray[np.generic] | None) -> float | None:
        return None if column is None else float(column[0])

    def line(table: Floats | None) -> Floats | None:
        return None if table is None else table[0]

    return Decomposition(
        classes=found.classes,
        background=found.templates.background,
        axis=found.axis,
        active=active,
        kind=found.templates.kind,
        values=values,
        errors=errors,
        parts=parts,
        sigma=sigma,
        scores=found.scores[0],
        shares=found.shares[0],
        present=found.present[0],
        score_errors=line(found.score_errors),
        share_errors=line(found.share_errors),
        p_value=line(found.p_value),
        explained_variance=float(found.explained_variance[0]),
        similarity=float(found.similarity[0]),
        deviance=one(found.deviance),
        novelty_p=one(found.novelty_p),
        novel=None if found.novel is None else bool(found.novel[0]),
        origin=str(found.origin[0]),
        detector=str(found.detector[0]),
        live_time=float(found.live_time[0]),
    )


def _spread(found: Analysis, values: Floats, fit: Floats) -> tuple[Floats | None, Floats]:
    """Return standard deviations of the values, and of the values about the fit, each of shape (C,)."""
    active = found.templates.active
    if found.basis is not None and found.basis.sigma is not None:
        given = np.full(len(values), np.nan)
        given[active] = found.basis.sigma[0]
        return given, given
    if found.templates.kind == "counts" and values.min() >= 0:
        mismatch = 0.0 if found.mismatch is None else float(found.mismatch[0])
        return np.sqrt(np.maximum(values, 1.0)), np.sqrt(np.maximum(fit, 1.0) + (mismatch * fit) ** 2)
    return None, np.full(len(values), np.sqrt(np.mean((values - fit)[active] ** 2)))
