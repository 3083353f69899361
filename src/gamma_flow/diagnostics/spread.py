"""How scores and measures of spectra scatter: by true class, and between right and wrong answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data._arrays import freeze
from gamma_flow.diagnostics.comparison import By, Comparison
from gamma_flow.errors import SettingsError

__all__ = ["MeanScores", "Measures", "mean_scores", "measures"]

Floats = NDArray[np.float64]

_LESS_IS_BETTER = ("deviance",)


@dataclass(frozen=True, eq=False)
class MeanScores:
    """Mean scores or shares of K classes in spectra of each of R true classes.

    Parameters
    ----------
    true : tuple of str, length R
        Labels, those that the model does not know last; the background stands for spectra of it alone.
    classes : tuple of str, length K
        Those of the model.
    of : str
        "shares" or "scores".
    mean, deviation : ndarray, shape (R, K)
        Mean and standard deviation over the spectra; the deviation of one spectrum is NaN.
    error : ndarray, shape (R, K)
        Standard error of the mean from the scatter of the spectra, as if they were independent.
    run_error : ndarray, shape (R, K)
        The same from the scatter of whole runs, whose frames are correlated; NaN for a single run.
    n, runs : ndarray of int, shape (R,)
        Spectra and runs of each row. With mixtures a spectrum counts in the row of each of its sources.
    background : str or None
        The background class.
    """

    true: tuple[str, ...]
    classes: tuple[str, ...]
    of: str
    mean: Floats
    deviation: Floats
    error: Floats
    run_error: Floats
    n: NDArray[np.int64]
    runs: NDArray[np.int64]
    background: str | None = None

    def __post_init__(self) -> None:
        shape = (len(self.true), len(self.classes))
        for name in ("mean", "deviation", "error", "run_error"):
            object.__setattr__(self, name, freeze(getattr(self, name), np.float64, shape, name))
        for name in ("n", "runs"):
            object.__setattr__(self, name, freeze(getattr(self, name), np.int64, shape[:1], name))


def mean_scores(compared: Comparison, of: Literal["shares", "scores"] = "shares") -> MeanScores:
    """Return what spectra of each label are made of on average.

    Parameters
    ----------
    compared : Comparison
        Labels and answers.
    of : {"shares", "scores"}
        What is averaged; scores in counts (or summed intensity).

    Returns
    -------
    MeanScores
        One row a label that occurs.

    Raises
    ------
    SettingsError
        Another word.

    Examples
    --------
    >>> import gamma_flow as gf
    >>> from gamma_flow.diagnostics import compare
    >>> spectra = gf.SpectrumSet([[8.0, 2, 0], [0, 2, 8], [5, 2, 5]], gf.Axis.channels(3),
    ...                          labels=gf.Labels.of([["a"], ["b"], ["a"]]))
    >>> model = gf.train(spectra[:2], background=None, noise="leastsquares", held_out=0, few=0)
    >>> mean_scores(compare(model.analyse(spectra), spectra)).mean.round(2).tolist()
    [[0.75, 0.25], [0.0, 1.0]]
    """
    if of not in ("shares", "scores"):
        raise SettingsError("no such word", where="of", expected="shares, scores", found=repr(of))
    values = compared.shares if of == "shares" else compared.scores
    held = np.array(compared.true)
    if compared.background in compared.names:
        place = compared.names.index(compared.background)
        held[:, place] &= held.sum(axis=1) == 1
    rows = np.flatnonzero(held.any(axis=0))
    parts = [_moments(values[held[:, row]], compared.run[held[:, row]]) for row in rows]
    mean, deviation, error, run_error = (np.array([part[i] for part in parts]) for i in range(4))
    return MeanScores(
        tuple(compared.names[row] for row in rows),
        compared.classes,
        of,
        mean,
        deviation,
        error,
        run_error,
        held.sum(axis=0)[rows],
        np.array([len(np.unique(compared.run[held[:, row]])) for row in rows]),
        compared.background,
    )


def _moments(values: Floats, run: NDArray[np.int64]) -> tuple[Floats, ...]:
    """Return mean, standard deviation, and standard errors by spectrum and by run, each of shape (K,)."""
    n, unknown = len(values), np.full(values.shape[1], np.nan)
    mean = values.mean(axis=0)
    deviation = values.std(axis=0, ddof=1) if n > 1 else unknown
    number, place = np.unique(run, return_inverse=True)
    if len(number) < 2:
        return mean, deviation, deviation / np.sqrt(n), unknown
    sums = np.zeros((len(number), values.shape[1]))
    np.add.at(sums, place, values - mean)
    spread = np.sqrt((sums**2).sum(axis=0) * len(number) / (len(number) - 1)) / n
    return mean, deviation, deviation / np.sqrt(n), spread


@dataclass(frozen=True, eq=False)
class Measures:
    """How well N spectra are described and how bright they are, beside whether their answer is correct.

    Parameters
    ----------
    values : mapping of str to ndarray, each of shape (N,)
        "explained_variance", "similarity" (cosine), "counts" (over the active channels) and, where the model
        has a noise model, "deviance".
    correct : ndarray of bool, shape (N,)
        Which answers are correct.
    by : str
        "single": the strongest source; "sets": the whole set of classes.
    """

    values: Mapping[str, Floats]
    correct: NDArray[np.bool_]
    by: str

    def __post_init__(self) -> None:
        n = len(self.correct)
        object.__setattr__(self, "correct", freeze(self.correct, np.bool_, (n,), "correct"))
        table = {name: freeze(column, np.float64, (n,), name) for name, column in self.values.items()}
        object.__setattr__(self, "values", MappingProxyType(table))

    def kept(self, name: str, cut: float) -> tuple[float, float]:
        """Return the parts of the correct and of the wrong answers that a cut would keep.

        Parameters
        ----------
        name : str
            One of ``values``.
        cut : float
            Spectra at or above it are kept; for the deviance those at or below.

        Returns
        -------
        correct, wrong : float
            Between 0 and 1; NaN where there is no such answer.

        Raises
        ------
        SettingsError
            No such measure.

        Examples
        --------
        >>> some = Measures({"counts": [10.0, 20.0, 30.0]}, [False, True, True], "single")
        >>> some.kept("counts", 20)
        (1.0, 0.0)
        """
        if name not in self.values:
            raise SettingsError(
                "no such measure", where="name", expected=", ".join(self.values), found=repr(name)
            )
        column = self.values[name]
        inside = column <= cut if name in _LESS_IS_BETTER else column >= cut
        right, wrong = (
            float(inside[rows].mean()) if rows.any() else float("nan")
            for rows in (self.correct, ~self.correct)
        )
        return right, wrong


def measures(compared: Comparison, by: By | None = None) -> Measures:
    """Return what may tell a right answer from a wrong one, for histograms and cuts.

    Parameters
    ----------
    compared : Comparison
        Labels and answers.
    by : {"single", "sets"}, optional
        What makes an answer correct; see `Comparison.correct`.

    Returns
    -------
    Measures
        Of all spectra compared.

    Raises
    ------
    SettingsError
        Another word.
    """
    chosen: By = by if by is not None else ("sets" if compared.several else "single")
    table = {
        "explained_variance": compared.explained_variance,
        "similarity": compared.similarity,
        "counts": compared.counts,
    }
    if compared.deviance is not None:
        table["deviance"] = compared.deviance
    return Measures(table, compared.correct(chosen), chosen)
