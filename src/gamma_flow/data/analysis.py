"""What an analysis found in N spectra."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.data._arrays import freeze, freeze_strings
from gamma_flow.data._derived import Basis
from gamma_flow.data._fits import by_templates
from gamma_flow.data.axis import Axis
from gamma_flow.data.templates import Templates
from gamma_flow.errors import DataError
from gamma_flow.numerics.uncertainty import Limits

__all__ = ["Analysis"]

_FINITE = (
    "scores",
    "shares",
    "similarity",
    "centred_similarity",
    "explained_variance",
    "free_scores",
    "evidence",
    "p_value",
    "family_p",
    "deviance",
    "mismatch",
    "drift",
    "gain",
    "family",
    "novelty",
    "novelty_p",
)
_OPTIONAL = frozenset({*_FINITE[5:], "score_errors", "novel"})
_OURS = (*_FINITE, "score_errors", "present", "novel")  # made by an analysis, not handed through it
_FEW = 1000  # spectra
_NOTHING: dict[str, None] = dict.fromkeys([*_OPTIONAL, "basis"])


@dataclass(frozen=True, eq=False)
class Analysis:
    """The answers for N spectra and K classes; what was not asked for is None.

    Parameters
    ----------
    scores : ndarray, shape (N, K)
        Counts (or summed intensity) of each class over the active channels.
    shares : ndarray, shape (N, K)
        Scores over their sum (the paper's normalised scores); zeros where all scores are zero.
    present : ndarray of bool, shape (N, K)
        Classes that the model's rule takes as present.
    similarity : ndarray, shape (N,)
        Cosine between spectrum and fit over the active channels; 0 for an empty spectrum.
    centred_similarity : ndarray, shape (N,)
        The same with the mean over the channels subtracted from each (the paper's similarity).
    explained_variance : ndarray, shape (N,)
        1 - variance of the residual over variance of the spectrum, over the active channels.
    templates : Templates
        What the spectra were analysed with, on their axis.
    values : ndarray, shape (N, C)
        The spectra themselves.
    time, live_time, detector, origin : ndarray, shape (N,)
        As the spectra tell.
    score_errors : ndarray, shape (N, K), optional
        Standard deviations of the scores, what is fitted beside them included; infinite where the spectrum
        says nothing about a class. None, here and below, where the model's method gives no such answer.
    free_scores : ndarray, shape (N, K), optional
        Scores without the bound at zero: those of absent classes may be negative.
    evidence : ndarray, shape (N, K), optional
        Likelihood ratio of each class: twice the loss of log-likelihood when it is left out and all else is
        fitted again. For the background, which is never left out, the square of its score over its error.
    p_value : ndarray, shape (N, K), optional
        Probability of that much evidence in spectra without the class, from the model's calibration.
    family_p : ndarray, shape (N,), optional
        Probability that any absent class shows as much evidence as the strongest one does.
    deviance : ndarray, shape (N,), optional
        Pearson's chi-square of pure counting over the degrees of freedom; near one for a perfect fit.
    mismatch : ndarray, shape (N,), optional
        Relative standard deviation of a channel about the fit that counting does not explain.
    drift : ndarray, shape (N, D), optional
        Fitted drifts of gain, offset, resolution (those that are fitted) and, last, of the family's value
        about the chosen one, in units of their prior standard deviation.
    gain : ndarray, shape (N,), optional
        Gain that the search for large drifts chose.
    family : ndarray, shape (N,), optional
        Value of the templates' family that was chosen: the thickness of the shield, say, in the unit of
        ``templates.family``.
    novelty, novelty_p : ndarray, shape (N,), optional
        Distance from everything that the model can make, a count; its conformal p-value.
    novel : ndarray of bool, shape (N,), optional
        Spectra that hold something which nobody trained: by the model's `UnknownRule` if it carries one (then
        with any noise model, and never for an empty spectrum), else at ``novelty_p <= method.novelty_rate``.
    basis : Basis, optional
        What the fit rested on, for `intervals`, `share_errors`, `limits` and `groups`, which are made when
        they are asked for.

    Examples
    --------
    >>> import gamma_flow as gf
    >>> spectra = gf.SpectrumSet([[8.0, 2, 0], [0, 2, 8], [4, 2, 4]], gf.Axis.channels(3),
    ...                          labels=gf.Labels.of([["a"], ["b"], None]))
    >>> model = gf.train(spectra, background=None, noise="leastsquares", held_out=0, few=0)
    >>> found = model.analyse(spectra)
    >>> found.shares.round(2).tolist()
    [[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]]
    >>> found.names()
    [['a'], ['b'], ['a', 'b']]
    """

    scores: NDArray[np.float64]
    shares: NDArray[np.float64]
    present: NDArray[np.bool_]
    similarity: NDArray[np.float64]
    centred_similarity: NDArray[np.float64]
    explained_variance: NDArray[np.float64]
    templates: Templates
    values: NDArray[np.float64]
    time: NDArray[np.datetime64]
    live_time: NDArray[np.float64]
    detector: NDArray[np.str_]
    origin: NDArray[np.str_]
    score_errors: NDArray[np.float64] | None = None
    free_scores: NDArray[np.float64] | None = None
    evidence: NDArray[np.float64] | None = None
    p_value: NDArray[np.float64] | None = None
    family_p: NDArray[np.float64] | None = None
    deviance: NDArray[np.float64] | None = None
    mismatch: NDArray[np.float64] | None = None
    drift: NDArray[np.float64] | None = None
    gain: NDArray[np.float64] | None = None
    family: NDArray[np.float64] | None = None
    novelty: NDArray[np.float64] | None = None
    novelty_p: NDArray[np.float64] | None = None
    novel: NDArray[np.bool_] | None = None
    basis: Basis | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        rows, classes = len(self.values), len(self.templates)
        shapes: dict[str, tuple[Any, tuple[int | None, ...]]] = {
            "scores": (np.float64, (rows, classes)),
            "shares": (np.float64, (rows, classes)),
            "present": (np.bool_, (rows, classes)),
            "similarity": (np.float64, (rows,)),
            "centred_similarity": (np.float64, (rows,)),
            "explained_variance": (np.float64, (rows,)),
            "values": (np.float64, (rows, len(self.templates.axis))),
            "time": ("datetime64[us]", (rows,)),
            "live_time": (np.float64, (rows,)),
            "score_errors": (np.float64, (rows, classes)),
            "free_scores": (np.float64, (rows, classes)),
            "evidence": (np.float64, (rows, classes)),
            "p_value": (np.float64, (rows, classes)),
            "family_p": (np.float64, (rows,)),
            "deviance": (np.float64, (rows,)),
            "mismatch": (np.float64, (rows,)),
            "drift": (np.float64, (rows, None)),
            "gain": (np.float64, (rows,)),
            "family": (np.float64, (rows,)),
            "novelty": (np.float64, (rows,)),
            "novelty_p": (np.float64, (rows,)),
            "novel": (np.bool_, (rows,)),
        }
        for name, (dtype, shape) in shapes.items():
            if getattr(self, name) is None and name in _OPTIONAL:
                continue
            object.__setattr__(self, name, freeze(getattr(self, name), dtype, shape, f"analysis.{name}"))
        for name in ("detector", "origin"):
            object.__setattr__(self, name, freeze_strings(getattr(self, name), rows, name, DataError))
        for name in _FINITE:
            array = getattr(self, name)
            # a sum is finite if all of its terms are
            if array is not None and not np.isfinite(array.sum()) and not np.isfinite(array).all():
                raise DataError(f"analysis.{name} is not finite")
        if self.score_errors is not None and np.isnan(self.score_errors).any():
            raise DataError("analysis.score_errors is not a number")

    @classmethod
    def trusted(cls, **parts: Any) -> Analysis:
        """Return an analysis of arrays that nobody else holds, of the right kinds and shapes, unchecked.

        For `Model.analyse`, where one spectrum a second would spend its time on checks. The arrays become
        read-only in place; what is not finite goes through the constructor, which names it.
        """
        numbers = [parts[name] for name in _FINITE if parts.get(name) is not None]
        if len(numbers[0]) < _FEW:  # one look at all of them together, which is quicker for a few
            numbers = [np.concatenate([array.reshape(-1) for array in numbers])]
        if not all(np.isfinite(array).all() for array in numbers):
            return cls(**parts)
        for name in _OURS:
            array = parts.get(name)
            if array is not None:
                array.setflags(write=False)
        new = object.__new__(cls)
        new.__dict__.update(_NOTHING)
        new.__dict__.update(parts)
        return new

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        return f"Analysis({len(self)} spectra, classes: {', '.join(self.classes)})"

    def __getitem__(self, rows: Any) -> Analysis:
        """Select by mask, slice, row numbers or one row number (a batch of one)."""
        if isinstance(rows, (int, np.integer)):
            if not -len(self) <= rows < len(self):
                raise DataError("no such spectrum", expected=f"row 0..{len(self) - 1}", found=str(rows))
            rows = slice(int(rows), int(rows) + 1 or None)
        picked = {item.name: getattr(self, item.name) for item in fields(self)}
        return Analysis(
            **{
                name: part if part is None or name == "templates" else part[rows]
                for name, part in picked.items()
            }
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the K classes."""
        return self.templates.classes

    @property
    def axis(self) -> Axis:
        """The axis of the spectra."""
        return self.templates.axis

    @property
    def denoised(self) -> NDArray[np.float64]:
        """Sum of the scaled templates, shape (N, C): the spectrum without noise. Made anew at each call."""
        fit = np.empty(self.values.shape)
        for rows, shapes in by_templates(self):
            fit[rows] = self.scores[rows] @ shapes
        return fit

    @property
    def residual(self) -> NDArray[np.float64]:
        """Spectrum minus ``denoised``, shape (N, C)."""
        return self.values - self.denoised

    def intervals(self, level: float = 0.95) -> NDArray[np.float64] | None:
        """Return intervals of the scores, shape (N, K, 2) in counts; None without a noise model.

        See `gamma_flow.numerics.uncertainty.intervals` for the boundary at zero.
        """
        if self.basis is None:
            return None
        scores, free, errors, mismatch = self._fitted()
        return self.basis.intervals(scores, free, errors, mismatch, level)

    @cached_property
    def share_errors(self) -> NDArray[np.float64] | None:
        """Standard deviations of the shares, correlations of the scores included, shape (N, K)."""
        if self.basis is None:
            return None
        scores, _, _, mismatch = self._fitted()
        return self.basis.share_errors(scores, mismatch)

    def fractions(self, unit: ArrayLike | None = None) -> NDArray[np.float64]:
        """Return what each source is of all sources: shares without background and baseline, shape (N, K).

        Parameters
        ----------
        unit : array_like, shape (K,), optional
            Score of one unit of each class (a concentration, an activity), above 0; fractions then are of
            these. With pure spectra of unit content it is their sum over the active channels. One for all by
            default.

        Returns
        -------
        ndarray
            Zeros for the background, and in rows without sources.

        Raises
        ------
        DataError
            Units that are not one positive number a class.

        Examples
        --------
        >>> import gamma_flow as gf
        >>> templates = gf.Templates([[1.0, 0, 0], [0, 1, 0], [1, 1, 1]], ("a", "b", "floor"),
        ...                          gf.Axis.channels(3), background="floor")
        >>> found = gf.Model(templates).analyse(gf.SpectrumSet([[9.0, 7, 3]], templates.axis))
        >>> found.fractions().round(2).tolist()
        [[0.6, 0.4, 0.0]]
        >>> found.fractions([2.0, 1.0, 1.0]).round(2).tolist()
        [[0.43, 0.57, 0.0]]
        """
        chosen, units = self._sources(unit)
        amounts = np.where(chosen, self.scores / units, 0.0)
        total = amounts.sum(axis=1, keepdims=True)
        return np.asarray(amounts / np.where(total > 0, total, 1.0))

    def fraction_errors(self, unit: ArrayLike | None = None) -> NDArray[np.float64] | None:
        """Return the standard deviations of `fractions`, correlations included, shape (N, K).

        What background and baseline cost is in them. None without a noise model.
        """
        if self.basis is None:
            return None
        chosen, units = self._sources(unit)
        scores, _, _, mismatch = self._fitted()
        return self.basis.share_errors(scores, mismatch, chosen, units)

    def _sources(self, unit: ArrayLike | None) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Return which classes are not the background, and a unit for each."""
        chosen = np.array([name != self.templates.background for name in self.classes])
        units = np.ones(len(chosen)) if unit is None else np.asarray(unit, np.float64)
        if units.shape != chosen.shape or not (np.isfinite(units) & (units > 0)).all():
            raise DataError(
                "a unit for each class is needed",
                where="unit",
                expected=f"{len(chosen)} numbers above 0",
                found=str(units),
            )
        return chosen, units

    def limits(self, alpha: float = 0.05, beta: float = 0.05) -> Limits | None:
        """Return decision thresholds and detection limits; None without a noise model.

        Parameters
        ----------
        alpha, beta : float
            Chances to find what is not there and to miss what is.

        Returns
        -------
        Limits or None
            ``decision_threshold`` and ``detection_limit``, each of shape (N, K), in counts; divide by
            ``live_time`` for rates.

        References
        ----------
        L. A. Currie, Analytical Chemistry 40 (1968) 586; ISO 11929-1:2019.
        """
        if self.basis is None:
            return None
        scores, _, _, mismatch = self._fitted()
        return self.basis.limits(scores, mismatch, alpha, beta)

    @cached_property
    def decision_threshold(self) -> NDArray[np.float64] | None:
        """Score above which a class is there, with a chance of 5 % to be wrong, shape (N, K), counts."""
        found = self.limits()
        return None if found is None else found.decision_threshold

    @cached_property
    def detection_limit(self) -> NDArray[np.float64] | None:
        """Score that would be found with a chance of 95 %, shape (N, K), counts."""
        found = self.limits()
        return None if found is None else found.detection_limit

    @cached_property
    def groups(self) -> NDArray[np.int64] | None:
        """Classes that these counts cannot tell apart share a number, shape (N, K); see `group_names`."""
        if self.basis is None:
            return None
        scores, _, _, mismatch = self._fitted()
        return self.basis.groups(scores, mismatch, self.present)

    def _fitted(self) -> tuple[NDArray[np.float64], ...]:
        assert self.free_scores is not None
        assert self.score_errors is not None
        assert self.mismatch is not None
        return self.scores, self.free_scores, self.score_errors, self.mismatch

    def group_names(self) -> list[list[str]]:
        """Return what is present in every row, classes that cannot be told apart as one: "Ra226 or U238".

        Without a noise model the same as `names`.
        """
        if self.groups is None:
            return self.names()
        rows = []
        for row, names in enumerate(self.names()):
            told: list[str] = []
            for name in names:
                number = self.groups[row, self.classes.index(name)]
                alike = [
                    other
                    for k, other in enumerate(self.classes)
                    if self.groups[row, k] == number and other != name
                ]
                text = " or ".join([name, *alike])
                if not any(name in earlier.split(" or ") for earlier in told):
                    told.append(text)
            rows.append(told)
        return rows

    @property
    def strongest(self) -> NDArray[np.intp]:
        """The single-label answer, shape (N,): a class number, -1 where nothing is present.

        The strongest present class that is not the background, else the background if it is present.
        """
        rank = np.where(self.present, self.scores, -np.inf)
        if self.templates.background is None:
            best = rank.argmax(axis=1)
            return np.where(self.present.any(axis=1), best, -1)
        background = self.classes.index(self.templates.background)
        others = rank.copy()
        others[:, background] = -np.inf
        found = others.max(axis=1, initial=-np.inf) > -np.inf
        return np.where(found, others.argmax(axis=1), np.where(self.present[:, background], background, -1))

    def names(self) -> list[list[str]]:
        """Return the present classes of every row, the largest share first, the background last."""
        order = np.argsort(-self.shares, axis=1, kind="stable")
        background = self.templates.background
        rows = []
        for row, ranks in enumerate(order):
            names = [self.classes[number] for number in ranks if self.present[row, number]]
            if background in names:
                names = [name for name in names if name != background] + [background]
            rows.append(names)
        return rows

    def records(self) -> list[dict[str, Any]]:
        """Return one plain dict a spectrum, for JSON and CSV."""
        labels = self.names()
        return [
            {
                **self._record(row),
                "present": labels[row],
                "scores": dict(zip(self.classes, self.scores[row].tolist(), strict=True)),
                "shares": dict(zip(self.classes, self.shares[row].tolist(), strict=True)),
                "similarity": float(self.similarity[row]),
                "centred_similarity": float(self.centred_similarity[row]),
                "explained_variance": float(self.explained_variance[row]),
                **self._evidence(row),
            }
            for row in range(len(self))
        ]

    def _record(self, row: int) -> dict[str, Any]:
        return {
            "origin": str(self.origin[row]),
            "detector": str(self.detector[row]),
            "time": None if np.isnat(self.time[row]) else str(self.time[row]),
            "live_time": None if np.isnan(self.live_time[row]) else float(self.live_time[row]),
        }

    def _evidence(self, row: int) -> dict[str, Any]:
        """Return what a noise model adds; what is not known (infinite errors) is None."""
        out: dict[str, Any] = {}
        for name in ("score_errors", "evidence", "p_value"):
            table = getattr(self, name)
            if table is not None:
                values = [value if np.isfinite(value) else None for value in table[row].tolist()]
                out[name] = dict(zip(self.classes, values, strict=True))
        for name in ("family_p", "deviance", "mismatch", "gain", "novelty", "novelty_p"):
            column = getattr(self, name)
            if column is not None:
                out[name] = float(column[row])
        if self.family is not None and self.templates.family is not None:
            family = self.templates.family
            out["family"] = {"name": family.name, "value": float(self.family[row]), "unit": family.unit}
        if self.novel is not None:
            out["novel"] = bool(self.novel[row])
        return out

    @staticmethod
    def classes_of(parts: Sequence[Analysis]) -> tuple[str, ...]:
        """Return the classes that several analyses share.

        Raises
        ------
        DataError
            They come from models of different classes, or there is none.
        """
        found = {part.classes for part in parts}
        if len(found) != 1:
            raise DataError(
                "analyses of one model are needed", found=f"{len(found)} different lists of classes"
            )
        return found.pop()
