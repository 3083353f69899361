"""One spectrum taken apart, and the spectra that were answered wrongly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gamma_flow._outcomes import paired
from gamma_flow.data import Axis, SpectrumSet
from gamma_flow.data._arrays import freeze
from gamma_flow.data.analysis import Analysis
from gamma_flow.diagnostics.comparison import OUTCOMES, By, Comparison, compare
from gamma_flow.errors import DataError, SettingsError
from gamma_flow.numerics.drift import moved
from gamma_flow.numerics.unmix import nnls

__all__ = ["Decomposition", "Mistake", "decompose", "misclassified"]

Floats = NDArray[np.float64]
Order = Literal["frequent", "worst", "random"]


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
    shapes, active = found.templates.shapes, found.templates.active
    if found.gain is not None:
        shapes = moved(shapes, found.axis.edges, float(found.gain[0]))
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


@dataclass(frozen=True, eq=False)
class Mistake:
    """A spectrum that was answered wrongly.

    Parameters
    ----------
    part, row : int
        Which of the sets given it comes from, and its row there.
    true, found : tuple of str
        Labels, and classes found; those of single-label answers are one each, or none.
    outcome : str
        Of `OUTCOMES`.
    alike : int
        Spectra with the same labels and the same answer, this one included.
    spectrum : Decomposition
        The spectrum itself and its fit.
    true_fit, found_fit : ndarray, shape (C,)
        Best non-negative sums (least squares over the active channels) of the templates of the true classes
        alone, and of the classes found alone; zeros where the model has no template of them.
    """

    part: int
    row: int
    true: tuple[str, ...]
    found: tuple[str, ...]
    outcome: str
    alike: int
    spectrum: Decomposition
    true_fit: Floats
    found_fit: Floats

    def __post_init__(self) -> None:
        for name in ("true_fit", "found_fit"):
            shape = (len(self.spectrum.axis),)
            object.__setattr__(self, name, freeze(getattr(self, name), np.float64, shape, name))


def misclassified(
    analysis: Analysis | Sequence[Analysis],
    spectra: SpectrumSet | Sequence[SpectrumSet],
    n: int = 6,
    *,
    order: Order = "frequent",
    by: By | None = None,
    rng: np.random.Generator | None = None,
) -> tuple[Mistake, ...]:
    """Return some of the spectra that were answered wrongly.

    Parameters
    ----------
    analysis, spectra : Analysis and SpectrumSet, or sequences of them
        As `gamma_flow.evaluate` takes them.
    n : int
        At most so many.
    order : {"frequent", "worst", "random"}
        One of each confusion, the most frequent confusion first (of each the one of middle accuracy), then a
        second one of each; or the least accurate first (`Comparison.accuracy`); or drawn by ``rng``.
    by : {"single", "sets"}, optional
        What makes an answer wrong; see `Comparison.correct`.
    rng : numpy.random.Generator, optional
        Needed for "random".

    Returns
    -------
    tuple of Mistake
        None of them if all answers are correct.

    Raises
    ------
    SettingsError
        Another word, no room for a spectrum, a random order without a generator.
    IncompatibleError, LabelError
        As `compare` does.
    """
    if n < 1 or order not in ("frequent", "worst", "random"):
        raise SettingsError(
            "no spectrum can be chosen so",
            where="misclassified",
            expected="n >= 1 and an order of frequent, worst, random",
            found=f"n={n}, order={order!r}",
        )
    analyses, sets = paired(analysis, spectra)
    compared = compare(analyses, sets)
    wrong = np.flatnonzero(~compared.correct(by))
    if not len(wrong):
        return ()
    pairs = np.concatenate([compared.true[wrong], compared.found[wrong]], axis=1)
    _, kind, size = np.unique(np.packbits(pairs, axis=1), axis=0, return_inverse=True, return_counts=True)
    kind = kind.reshape(-1)
    if order == "random":
        if rng is None:
            raise SettingsError(
                "a random order needs a generator", where="rng", cure="rng=numpy.random.default_rng(1)"
            )
        chosen = rng.permutation(len(wrong))[:n]
    elif order == "worst":
        chosen = np.argsort(compared.accuracy[wrong], kind="stable")[:n]
    else:
        chosen = _one_of_each(kind, size, compared.accuracy[wrong])[:n]
    return tuple(_mistake(analyses, compared, int(wrong[i]), int(size[kind[i]])) for i in chosen)


def _one_of_each(kind: NDArray[np.intp], size: NDArray[np.intp], accuracy: Floats) -> NDArray[np.intp]:
    """Order rows: the middle one of each kind, largest kind first, then their neighbours."""
    inside = np.lexsort((accuracy, kind))
    start = np.concatenate([[0], np.cumsum(size)[:-1]])
    place = np.empty(len(kind), np.intp)
    place[inside] = np.arange(len(kind)) - start[kind[inside]]
    turn = np.abs(place - (size[kind] - 1) // 2) * 2 - (place > (size[kind] - 1) // 2)
    return np.lexsort((kind, -size[kind], turn))


def _mistake(analyses: list[Analysis], compared: Comparison, at: int, alike: int) -> Mistake:
    part, row = int(compared.part[at]), int(compared.row[at])
    apart = decompose(analyses[part], row)
    classes = len(compared.classes)
    fits = [_fitted(analyses[part], row, side[at, :classes]) for side in (compared.true, compared.found)]
    return Mistake(
        part,
        row,
        compared.named(compared.true[at]),
        compared.named(compared.found[at]),
        OUTCOMES[compared.outcome[at]],
        alike,
        apart,
        fits[0],
        fits[1],
    )


def _fitted(analysis: Analysis, row: int, chosen: NDArray[np.bool_]) -> Floats:
    shapes, active = analysis.templates.shapes, analysis.templates.active
    fit = np.zeros(len(active))
    if chosen.any():
        scores = nnls(analysis.values[row : row + 1, active], shapes[chosen][:, active])
        fit = (scores @ shapes[chosen])[0]
    return fit
