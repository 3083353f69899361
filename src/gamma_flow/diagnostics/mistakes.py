"""Spectra that were answered wrongly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gamma_flow._outcomes import paired
from gamma_flow.data import SpectrumSet
from gamma_flow.data._arrays import freeze
from gamma_flow.data.analysis import Analysis
from gamma_flow.diagnostics.comparison import OUTCOMES, By, Comparison, compare
from gamma_flow.diagnostics.decomposition import Decomposition, decompose
from gamma_flow.errors import SettingsError
from gamma_flow.numerics.unmix import nnls

__all__ = ["Mistake", "misclassified"]

Floats = NDArray[np.float64]
Order = Literal["frequent", "worst", "random"]


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
