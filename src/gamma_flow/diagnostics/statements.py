"""Whether what the model states with a probability comes true as often as it says.

Two statements of an `Analysis` carry a probability, and one number is easily read as one:

- *p-value*: "without this class, so much evidence would be seen with probability p". Among spectra without
  the class, a part p should then have a p-value of p or less, at every p: p-values are uniform there. Less is
  careful, more is a false alarm that was not promised. It says nothing of spectra that hold the class.
- *interval* of a score: "the true content lies within, with probability L". Where contents are known
  (`Labels.amounts`), a part L of the intervals should hold them.
- *share*: no probability. How often a class is there among spectra that give it a share of one half is worth
  knowing where a model decides by share, but nothing promises that it is one half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow._outcomes import outcomes, paired
from gamma_flow.data import SpectrumSet
from gamma_flow.data._arrays import freeze
from gamma_flow.data.analysis import Analysis
from gamma_flow.diagnostics.comparison import Comparison
from gamma_flow.errors import IncompatibleError, LabelError, SettingsError

__all__ = ["Reliability", "coverage", "reliability"]

Floats = NDArray[np.float64]

_P_VALUES = np.geomspace(1e-4, 1.0, 33)
_BINS = np.linspace(0.0, 1.0, 11)
_LEVELS = (0.5, 0.6, 0.68, 0.8, 0.9, 0.95, 0.99)
_BAND = 0.95


@dataclass(frozen=True, eq=False)
class Reliability:
    """Stated probabilities of K classes beside how often they came true.

    Parameters
    ----------
    statement : str
        "p-value", "interval" or "share"; see the module for what each states, and of which spectra.
    classes : tuple of str, length K
        Those of the model.
    stated, observed : ndarray, shape (K, L)
        What was stated, and the part of the spectra for which it came true; NaN where there was none.
    low, high : ndarray, shape (K, L)
        Where 95 % of such parts would lie if the statement were true and spectra independent (binomial);
        frames of one run are not quite, so real bands are wider.
    n : ndarray of int, shape (K, L)
        Spectra behind each part.
    background : str or None
        The background class.
    """

    statement: str
    classes: tuple[str, ...]
    stated: Floats
    observed: Floats
    low: Floats
    high: Floats
    n: NDArray[np.int64]
    background: str | None = None

    def __post_init__(self) -> None:
        shape = (len(self.classes), np.shape(self.stated)[-1])
        for name in ("stated", "observed", "low", "high"):
            object.__setattr__(self, name, freeze(getattr(self, name), np.float64, shape, name))
        object.__setattr__(self, "n", freeze(self.n, np.int64, shape, "n"))


def reliability(
    compared: Comparison,
    statement: Literal["p-value", "share"] | None = None,
    at: ArrayLike | None = None,
) -> Reliability:
    """Compare stated p-values (or shares) with how often they came true.

    Parameters
    ----------
    compared : Comparison
        Labels and answers.
    statement : {"p-value", "share"}, optional
        The p-value where there is one. It is tested on spectra whose labels the model knows and that lack
        the class; shares are tested on all spectra, as if they were the chance that the class is there.
    at : array_like, optional
        p-values (0..1) at which the parts are counted, by default 33 from 0.0001 to 1; or edges of the bins
        of shares, by default tenths.

    Returns
    -------
    Reliability
        For p-values ``observed`` is the part of spectra with that p-value or less; for shares ``stated`` is
        the mean share in a bin and ``observed`` the part that holds the class.

    Raises
    ------
    IncompatibleError
        p-values are asked for and the model gives none.
    SettingsError
        Another word, or places that are not ascending numbers within 0..1.

    Examples
    --------
    >>> import gamma_flow as gf
    >>> from gamma_flow.diagnostics import compare
    >>> spectra = gf.SpectrumSet([[8.0, 2, 0], [0, 2, 8], [5, 2, 5]], gf.Axis.channels(3),
    ...                          labels=gf.Labels.of([["a"], ["b"], ["a"]]))
    >>> model = gf.train(spectra[:2], background=None, noise="leastsquares", held_out=0, few=0)
    >>> found = reliability(compare(model.analyse(spectra), spectra), at=[0, 0.4, 1])
    >>> found.observed.tolist()
    [[0.0, 1.0], [0.0, 0.5]]
    """
    chosen = statement if statement is not None else ("share" if compared.p_value is None else "p-value")
    if chosen not in ("p-value", "share"):
        raise SettingsError("no such word", where="statement", expected="p-value, share", found=repr(chosen))
    places = np.asarray((_P_VALUES if chosen == "p-value" else _BINS) if at is None else at, np.float64)
    if (
        places.ndim != 1
        or len(places) < 2
        or not ((places >= 0) & (places <= 1)).all()
        or (np.diff(places) <= 0).any()
    ):
        raise SettingsError(
            "probabilities are ascending numbers", where="at", expected="two or more within 0..1"
        )
    if chosen == "share":
        return _of_shares(compared, places)
    if compared.p_value is None:
        raise IncompatibleError(
            "these spectra were analysed without evidence, so there are no p-values",
            cure='take statement="share", or train with noise="poisson"',
        )
    known = ~compared.true[:, len(compared.classes) :].any(axis=1)
    rows = []
    for number in range(len(compared.classes)):
        p = np.sort(compared.p_value[known & ~compared.true[:, number], number])
        part = np.searchsorted(p, places, "right") / len(p) if len(p) else np.full(len(places), np.nan)
        rows.append((places, part, *binomial_band(np.full(len(places), len(p)), places), len(p)))
    return _joined("p-value", compared.classes, rows, compared.background)


def _of_shares(compared: Comparison, edges: Floats) -> Reliability:
    rows = []
    for number in range(len(compared.classes)):
        share, truth = compared.shares[:, number], compared.true[:, number]
        place = np.clip(np.searchsorted(edges, share, "right") - 1, 0, len(edges) - 2)
        inside = (share >= edges[0]) & (share <= edges[-1])
        n = np.bincount(place[inside], minlength=len(edges) - 1)
        some = np.maximum(n, 1)
        sums = (np.bincount(place[inside], weights, len(n)) for weights in (share[inside], truth[inside]))
        stated, observed = (np.where(n > 0, total / some, np.nan) for total in sums)
        rows.append((stated, observed, *binomial_band(n, stated), n))
    return _joined("share", compared.classes, rows, compared.background)


def coverage(
    analysis: Analysis | Sequence[Analysis],
    spectra: SpectrumSet | Sequence[SpectrumSet],
    *,
    unit: ArrayLike = 1.0,
    levels: ArrayLike = _LEVELS,
) -> Reliability:
    """Compare the stated level of intervals with how often they hold the known content.

    Parameters
    ----------
    analysis : Analysis or sequence of Analysis
        Of a model with a noise model.
    spectra : SpectrumSet or sequence of SpectrumSet
        Their spectra, with known contents in ``labels.amounts``.
    unit : float or array_like, shape (K,)
        Score of one unit of each class (counts per becquerel, say); 1 where the contents are in counts.
    levels : array_like, shape (L,)
        Stated levels, between 0 and 1.

    Returns
    -------
    Reliability
        Of spectra that hold the class in a known amount.

    Raises
    ------
    LabelError
        No amounts are known.
    IncompatibleError
        A model without intervals; analyses and spectra that do not belong together.
    SettingsError
        Levels outside 0 to 1, units that are not positive numbers.
    """
    analyses, sets = paired(analysis, spectra)
    table = outcomes(analyses, sets)
    classes = table.names[: table.classes]
    stated = np.asarray(levels, np.float64).reshape(-1)
    if not len(stated) or not ((stated > 0) & (stated < 1)).all():
        raise SettingsError("a level is a probability", where="levels", expected="between 0 and 1")
    if all(part.labels.amounts is None for part in sets):
        raise LabelError(
            "the contents of these spectra are not known, so no interval can be tested",
            cure="give Labels their amounts, or test p-values with reliability()",
        )
    units = np.asarray(unit, np.float64)
    if units.shape not in ((), (len(classes),)) or not (np.isfinite(units) & (units > 0)).all():
        raise SettingsError(
            "a unit is one number above 0, for all classes or for each",
            where="unit",
            expected=f"1 or {len(classes)} numbers",
            found=str(unit),
        )
    inside, known = [], []
    for found, part in zip(analyses, sets, strict=True):
        amounts = _amounts(part, classes) * units
        known.append(np.isfinite(amounts) & (amounts > 0))
        hits = np.zeros((len(stated), *amounts.shape), bool)
        for number, level in enumerate(stated):
            between = found.intervals(float(level))
            if between is None:
                raise IncompatibleError(
                    "the model gives no intervals", cure='train with noise="poisson" or "gaussian"'
                )
            hits[number] = (between[..., 0] <= amounts) & (amounts <= between[..., 1])
        inside.append(hits)
    hits, here = np.concatenate(inside, axis=1), np.concatenate(known)
    rows = []
    for number in range(len(classes)):
        n = int(here[:, number].sum())
        part_ = hits[:, here[:, number], number].mean(axis=1) if n else np.full(len(stated), np.nan)
        rows.append((stated, part_, *binomial_band(np.full(len(stated), n), stated), n))
    return _joined("interval", classes, rows, table.background)


def _amounts(spectra: SpectrumSet, classes: tuple[str, ...]) -> Floats:
    """Known contents in the order of the model's classes, NaN for unknown ones, shape (N, K)."""
    labels = spectra.labels
    out = np.full((len(spectra), len(classes)), np.nan)
    if labels.amounts is not None:
        for number, name in enumerate(classes):
            if name in labels.classes:
                out[:, number] = labels.amounts[:, labels.classes.index(name)]
    return out


def _joined(
    statement: str,
    classes: tuple[str, ...],
    rows: Sequence[tuple[ArrayLike, ...]],
    background: str | None,
) -> Reliability:
    columns = [np.stack([np.asarray(row[i]) for row in rows]) for i in range(4)]
    n = np.stack([np.broadcast_to(np.asarray(row[4]), columns[0].shape[1:]) for row in rows])
    return Reliability(statement, classes, columns[0], columns[1], columns[2], columns[3], n, background)


def binomial_band(n: ArrayLike, p: ArrayLike, level: float = _BAND) -> tuple[Floats, Floats]:
    """Return the parts of ``n`` between which a share ``level`` of draws with probability ``p`` falls.

    Parameters
    ----------
    n, p : array_like, shape (L,)
        Draws, and their probability; NaN and zero draws give NaN.
    level : float
        Between 0 and 1; equal tails, from the binomial distribution itself.

    Examples
    --------
    >>> low, high = binomial_band([10, 10], [0.5, 1.0])
    >>> low.tolist(), high.tolist()
    ([0.2, 1.0], [0.8, 1.0])
    """
    number, chance = np.asarray(n, np.int64), np.asarray(p, np.float64)
    low, high = np.full(chance.shape, np.nan), np.full(chance.shape, np.nan)
    logs = np.r_[0.0, np.cumsum(np.log(np.arange(1.0, number.max(initial=0) + 1)))]  # of factorials
    tail = (1 - level) / 2
    for i, (m, q) in enumerate(zip(number, chance, strict=True)):
        if m == 0 or np.isnan(q):
            continue
        if q <= 0 or q >= 1:
            low[i] = high[i] = q
            continue
        reach = 10 * np.sqrt(m * q * (1 - q)) + 20
        k = np.arange(max(0, int(m * q - reach)), min(m, int(m * q + reach)) + 1)
        mass = np.exp(logs[m] - logs[k] - logs[m - k] + k * np.log(q) + (m - k) * np.log1p(-q))
        below = np.cumsum(mass)
        low[i], high[i] = k[np.searchsorted(below, (tail, 1 - tail))] / m
    return low, high
