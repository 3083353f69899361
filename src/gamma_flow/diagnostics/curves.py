"""How well a ranking tells spectra with a class from those without, at every threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data._arrays import freeze
from gamma_flow.diagnostics.comparison import Comparison
from gamma_flow.errors import IncompatibleError, SettingsError

__all__ = ["Roc", "roc"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Roc:
    """Receiver operating characteristics of K classes.

    Parameters
    ----------
    classes : tuple of str, length K
        Those of the model.
    by : str
        What ranks: "evidence" (small p-values first) or "share" (large shares first).
    false_positive, true_positive : tuple of ndarray, each of shape (P,)
        Rates from (0, 0) to (1, 1), corners alone; empty for a class that all or none of the spectra hold.
    auc : ndarray, shape (K,)
        Area under each curve; NaN for such a class.
    n_true, n_false : ndarray of int, shape (K,)
        Spectra with and without each class.
    working : ndarray, shape (K, 2)
        False and true positive rate of the model's own rule of presence.
    background : str or None
        The background class.
    """

    classes: tuple[str, ...]
    by: str
    false_positive: tuple[Floats, ...]
    true_positive: tuple[Floats, ...]
    auc: Floats
    n_true: NDArray[np.int64]
    n_false: NDArray[np.int64]
    working: Floats
    background: str | None = None

    def __post_init__(self) -> None:
        count = len(self.classes)
        for name in ("false_positive", "true_positive"):
            curves = tuple(freeze(curve, np.float64, (None,), name) for curve in getattr(self, name))
            object.__setattr__(self, name, curves)
        object.__setattr__(self, "auc", freeze(self.auc, np.float64, (count,), "auc"))
        object.__setattr__(self, "n_true", freeze(self.n_true, np.int64, (count,), "n_true"))
        object.__setattr__(self, "n_false", freeze(self.n_false, np.int64, (count,), "n_false"))
        object.__setattr__(self, "working", freeze(self.working, np.float64, (count, 2), "working"))


def roc(compared: Comparison, by: Literal["evidence", "share"] | None = None) -> Roc:
    """Return true against false positive rates of each class, at every threshold.

    Parameters
    ----------
    compared : Comparison
        Labels and answers.
    by : {"evidence", "share"}, optional
        What ranks the spectra; the evidence's p-value where there is one.

    Returns
    -------
    Roc
        Equal values make one step, so that the area is the chance that a spectrum with the class ranks above
        one without (Mann and Whitney, 1947).

    Raises
    ------
    IncompatibleError
        Evidence is asked for and the model gives none.
    SettingsError
        Another word.

    Examples
    --------
    >>> import gamma_flow as gf
    >>> from gamma_flow.diagnostics import compare
    >>> spectra = gf.SpectrumSet([[8.0, 2, 0], [0, 2, 8], [5, 2, 5]], gf.Axis.channels(3),
    ...                          labels=gf.Labels.of([["a"], ["b"], ["a"]]))
    >>> model = gf.train(spectra[:2], background=None, noise="leastsquares", held_out=0, few=0)
    >>> roc(compare(model.analyse(spectra), spectra)).auc.tolist()
    [1.0, 1.0]
    """
    chosen = by if by is not None else ("share" if compared.p_value is None else "evidence")
    if chosen not in ("evidence", "share"):
        raise SettingsError("no such word", where="by", expected="evidence, share", found=repr(by))
    if chosen == "evidence" and compared.p_value is None:
        raise IncompatibleError(
            "these spectra were analysed without evidence",
            cure='rank by share, or train with noise="poisson"',
        )
    rank = compared.shares if chosen == "share" else -np.asarray(compared.p_value)
    count = len(compared.classes)
    truth, found = compared.true[:, :count], compared.found[:, :count]
    held = truth.sum(axis=0)
    curves = [_curve(truth[:, k], rank[:, k]) for k in range(count)]
    area = np.array([np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2) if len(x) else np.nan for x, y in curves])
    rates = [
        np.divide((found & part).sum(axis=0), part.sum(axis=0), out=np.full(count, np.nan), where=some)
        for part, some in ((~truth, held < len(truth)), (truth, held > 0))
    ]
    return Roc(
        compared.classes,
        chosen,
        tuple(x for x, _ in curves),
        tuple(y for _, y in curves),
        area,
        held,
        len(truth) - held,
        np.stack(rates, axis=1),
        compared.background,
    )


def _curve(truth: NDArray[np.bool_], rank: Floats) -> tuple[Floats, Floats]:
    if truth.all() or not truth.any():
        return np.zeros(0), np.zeros(0)
    order = np.argsort(-rank, kind="stable")
    hits = np.cumsum(truth[order])
    ends = np.r_[np.flatnonzero(np.diff(rank[order])), len(rank) - 1]
    y, x = np.r_[0, hits[ends]], np.r_[0, ends + 1 - hits[ends]]
    corner = np.ones(len(x), bool)  # a point between two on one upright or level line says nothing
    corner[1:-1] = ~(
        ((np.diff(x)[1:] == 0) & (np.diff(x)[:-1] == 0)) | ((np.diff(y)[1:] == 0) & (np.diff(y)[:-1] == 0))
    )
    return x[corner] / x[-1], y[corner] / y[-1]
