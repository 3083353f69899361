"""What an analysis says about a spectrum as a whole, one number a column: by these unknowns are told.

The names are stable, because rules in model files bear them (`gamma_flow.data.rule.UnknownRule`).

================================== ===================================================================
``share_1`` ... ``share_K``        the shares, the largest first
``share_mean``, ``share_median``,  their mean, median and Euclidean norm
``share_norm``
``explained_variance``             over the active channels
``similarity``                     cosine between spectrum and fit over the active channels
``centred_similarity``             the same without the means: the paper's cosine; ``cosine`` for short
``explained_variance_all``,        the same two over all channels, those that the model leaves out
``centred_similarity_all``         included, as the paper's study takes them
``deviance``                       chi-square of counting over the degrees of freedom (a noise model)
``mismatch``                       what counting does not explain (a noise model)
``novelty``, ``novelty_p``         distance from all that the model makes; its conformal p-value (a
                                   calibration)
``peak``                           strongest peak of the residual in standard deviations (counts over keV)
================================== ===================================================================
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data._fits import by_templates
from gamma_flow.data.method import Method
from gamma_flow.errors import SettingsError
from gamma_flow.numerics._span import fitted
from gamma_flow.numerics.novelty import peak_excess
from gamma_flow.numerics.similarity import FitQuality, fit_quality

if TYPE_CHECKING:
    from gamma_flow.data.analysis import Analysis
    from gamma_flow.data.templates import Templates

__all__ = ["ALIASES", "PAPER", "available", "feature", "features", "spelt"]

Floats = NDArray[np.float64]

ALIASES = MappingProxyType({"cosine": "centred_similarity"})
"""Short names."""

PAPER = ("share_mean", "share_median", "explained_variance_all", "centred_similarity_all", "share_norm")
"""What the paper's study uses beside the sorted shares."""

_SHARES = ("share_mean", "share_median", "share_norm")
_MEASURES = ("explained_variance", "similarity", "centred_similarity")
_ALL = ("explained_variance_all", "centred_similarity_all")
_FITTED = ("deviance", "mismatch")
_CALIBRATED = ("novelty", "novelty_p")
_SORTED = re.compile(r"share_([1-9]\d*)")


def available(templates: Templates, method: Method, calibrated: bool) -> tuple[str, ...]:
    """Return the names of the features that a model gives.

    Parameters
    ----------
    templates : Templates
        K classes: there are K sorted shares.
    method : Method
        Its noise model decides about deviance, mismatch and peak.
    calibrated : bool
        Whether there is a calibration of novelty.
    """
    return _names(
        len(templates),
        [*(_FITTED if method.noise != "leastsquares" else ()), *(_CALIBRATED if calibrated else ())],
        _has_peaks(templates, method),
    )


def spelt(name: str, names: Iterable[str]) -> str:
    """Return a feature's name in full.

    Raises
    ------
    SettingsError
        A name that is not among ``names``.

    Examples
    --------
    >>> spelt("cosine", ["novelty", "centred_similarity"])
    'centred_similarity'
    """
    known, full = tuple(names), ALIASES.get(name, name)
    if full not in known:
        raise SettingsError(
            "the model gives no such feature", where="feature", expected=", ".join(known), found=repr(name)
        )
    return full


def features(
    analysis: Analysis, *, method: Method | None = None, names: Iterable[str] | None = None
) -> Mapping[str, Floats]:
    """Return what an analysis says about each spectrum as a whole.

    Parameters
    ----------
    analysis : Analysis
        Of N spectra.
    method : Method, optional
        That of the model; it knows how wide a line is. Without it there is no ``peak``.
    names : iterable of str, optional
        Columns that are wanted; all that there are by default.

    Returns
    -------
    mapping of str to ndarray, shape (N,)
        Read-only columns, in the order of the module's table.

    Raises
    ------
    SettingsError
        A name that the analysis does not give.

    Examples
    --------
    >>> import gamma_flow as gf
    >>> templates = gf.Templates([[3.0, 1, 0], [0, 1, 3]], ("a", "b"), gf.Axis.channels(3))
    >>> found = gf.Model(templates).analyse(gf.SpectrumSet([[30.0, 12, 6], [3, 40, 3]], templates.axis))
    >>> columns = features(found, names=["share_1", "cosine"])
    >>> {name: column.round(2).tolist() for name, column in columns.items()}
    {'share_1': [0.83, 0.5], 'centred_similarity': [1.0, -1.0]}
    """
    answered = [name for name in (*_FITTED, *_CALIBRATED) if getattr(analysis, name) is not None]
    peaks = method is not None and _has_peaks(analysis.templates, method)
    given = _names(len(analysis.classes), answered, peaks)
    wanted = given if names is None else [spelt(name, given) for name in names]
    out: dict[str, Floats] = {}
    quality: FitQuality | None = None
    ranked: Floats | None = None
    for name in wanted:
        if name in _ALL:
            quality = fit_quality(analysis.values, _fit(analysis)) if quality is None else quality
            column = quality.explained_variance if name == _ALL[0] else quality.centred_cosine
        elif name == "peak":
            assert method is not None
            column = _peak(analysis, method)
        elif name.startswith("share_"):
            ranked = -np.sort(-analysis.shares, axis=1) if ranked is None else ranked
            column = _of_shares(name, ranked)
        else:
            column = getattr(analysis, name)
        column = np.ascontiguousarray(column, np.float64)
        column.flags.writeable = False
        out[name] = column
    return MappingProxyType(out)


def feature(analysis: Analysis, name: str, method: Method | None = None) -> Floats | None:
    """Return one column, or None where this analysis was not asked for what it rests on, shape (N,)."""
    if name in (*_FITTED, *_CALIBRATED) and getattr(analysis, name) is None:
        return None
    return features(analysis, method=method, names=[name])[ALIASES.get(name, name)]


def _names(classes: int, answered: list[str], peaks: bool) -> tuple[str, ...]:
    shares = [f"share_{k + 1}" for k in range(classes)]
    return (*shares, *_SHARES, *_MEASURES, *_ALL, *answered, *(["peak"] if peaks else []))


def _has_peaks(templates: Templates, method: Method) -> bool:
    return method.noise == "poisson" and templates.kind == "counts" and templates.axis.unit == "keV"


def _of_shares(name: str, ranked: Floats) -> Floats:
    place = _SORTED.fullmatch(name)
    if place:
        return ranked[:, int(place[1]) - 1]
    if name == "share_mean":
        return np.asarray(ranked.mean(axis=1))
    if name == "share_median":
        return np.asarray(np.median(ranked, axis=1))
    return np.asarray(np.sqrt(np.einsum("nk,nk->n", ranked, ranked)))


def _fit(analysis: Analysis) -> Floats:
    """Return the denoised spectra; the same sums for any batch."""
    out = np.empty(analysis.values.shape)
    for rows, shapes in by_templates(analysis):
        out[rows] = fitted(analysis.scores[rows], shapes)
    return out


def _peak(analysis: Analysis, method: Method) -> Floats:
    templates = analysis.templates
    use = templates.active
    mean, basis = _fit(analysis)[:, use], analysis.basis
    if basis is not None and analysis.drift is not None and analysis.drift.shape[1]:
        # the drifts that were fitted move lines: without them each would leave a peak beside a dip
        for rows, part in basis.by_member(len(mean)):
            for number, shift in enumerate(part.distortions.drift):
                size = analysis.scores[rows] * analysis.drift[rows, number : number + 1]
                mean[rows] += fitted(size, shift)
    edges = templates.axis.edges
    centres = 0.5 * (edges[:-1] + edges[1:])[use]
    return peak_excess(
        analysis.values[:, use],
        np.maximum(mean, 0.0),
        method.line_width_at(centres) / np.diff(edges)[use],
        mismatch=0.0 if analysis.mismatch is None else analysis.mismatch,
        sigma=None if basis is None else basis.sigma,
    )
