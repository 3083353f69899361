"""One spectrum taken apart, in plain values: what the page draws."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data import SpectrumSet
from gamma_flow.diagnostics import decompose
from gamma_flow.errors import GammaFlowError
from gamma_flow.model import Model
from gamma_flow.nuclides import candidates, lines_near
from gamma_flow.plot.palette import BACKGROUND, INK, UNKNOWN, Look, Palette

__all__ = ["bare", "palette_of", "picture"]

_DIGITS = 5
_LEAST_SHARE = 1e-4
_COLOURED = 64  # classes
_PEAKS = 6
_CANDIDATES = 4
_NEAR = 0.012  # of the energy, and
_NEAR_KEV = 2.0  # keV: how far a line may lie from a peak


def bare(spectra: SpectrumSet) -> dict[str, Any]:
    """Return the first spectrum of a set without any analysis."""
    axis = spectra.axis
    return {
        "kind": spectra.kind,
        "unit": axis.unit,
        "edges": _short(axis.edges, 7),
        "values": _short(spectra.values[0]),
        "total": float(spectra.values[0].sum()),
        "live_time": _known(float(spectra.live_time[0])),
    }


def picture(model: Model, spectra: SpectrumSet) -> dict[str, Any]:
    """Return the first spectrum of a set with its fit and components, shares and what is left over.

    Parameters
    ----------
    model : Model
        What to take it apart with.
    spectra : SpectrumSet
        Its first row is taken.

    Returns
    -------
    dict
        ``edges`` (C+1), ``values``, ``fit``, ``pulls`` (C; None where a channel is not used), ``parts`` (of
        classes with a share, C values each), ``classes`` (a dict for each),
        ``novel``, ``novelty_p`` and, of a novel spectrum, ``unknown`` with counts, residual and peaks.

    Raises
    ------
    IncompatibleError
        Spectra that do not fit the model.
    """
    one = spectra[:1]
    found = model.analyse(one)
    apart = decompose(found)
    used = apart.active
    shown = [k for k in np.argsort(-apart.shares).tolist() if apart.shares[k] > _LEAST_SHARE]
    intervals, limits = found.intervals(), found.limits()
    classes = {}
    for k, name in enumerate(apart.classes):
        told: dict[str, Any] = {
            "share": float(apart.shares[k]),
            "score": float(apart.scores[k]),
            "present": bool(apart.present[k]),
        }
        for key, column in (
            ("share_error", apart.share_errors),
            ("score_error", apart.score_errors),
            ("p_value", apart.p_value),
        ):
            if column is not None:
                told[key] = _known(float(column[k]))
        if intervals is not None:
            told["interval"] = [_known(float(end)) for end in intervals[0, k]]
        if limits is not None:
            told["detection_limit"] = _known(float(limits.detection_limit[0, k]))
        classes[name] = told
    drawn = bare(one) | {
        "fit": _short(np.where(used, apart.fit, np.nan)),
        "pulls": _short(apart.pulls, 3),
        "parts": {apart.classes[k]: _short(np.where(used, apart.parts[k], np.nan)) for k in shown},
        "classes": classes,
        "present": found.names()[0],
        "novel": apart.novel,
        "novelty_p": apart.novelty_p,
        "deviance": apart.deviance,
        "similarity": apart.similarity,
        "explained_variance": apart.explained_variance,
    }
    if apart.novel:
        drawn["unknown"] = _unknown(model, one)
    return drawn


def _unknown(model: Model, spectra: SpectrumSet) -> dict[str, Any] | None:
    """Return what is left over, with its strongest peaks and the lines of the library near them."""
    try:
        left = model.unknown(spectra)
    except GammaFlowError:
        return None  # the noise of this model is not that of counts: there is nothing to look for peaks in
    peaks = left.peaks
    order = np.argsort(-peaks.significance)[:_PEAKS].tolist()
    told = []
    for n in order:
        at = float(peaks.position[n])
        told.append(
            {
                "position": round(at, 2),
                "counts": float(peaks.counts[n]),
                "error": float(peaks.errors[n]),
                "significance": float(peaks.significance[n]),
                "candidates": lines_near(at, _reach(at), _CANDIDATES) if spectra.axis.unit == "keV" else [],
            }
        )
    sources = []
    if spectra.axis.unit == "keV":
        places = peaks.position[order]
        # a source is judged by all peaks, and so may lie further from each
        sources = candidates(places, peaks.significance[order], [2 * _reach(one) for one in places])
    return {
        "counts": float(left.counts[0]),
        "error": float(left.errors[0]),
        "residual": _short(left.shapes[0] * left.counts[0]),
        "peaks": told,
        "sources": [one.as_dict() for one in sources],
    }


def _reach(energy: float) -> float:
    """Return how far a line may lie from a peak, keV."""
    return max(_NEAR_KEV, _NEAR * energy)


def palette_of(model: Model | None) -> dict[str, Any]:
    """Return the colours of the classes, the same as in all plots."""
    told: dict[str, Any] = {"unknown": UNKNOWN, "ink": INK, "classes": {}}
    if model is not None:
        # more than a palette tells apart are grey beyond its last: a live page must not fail of that
        palette = Palette(model.sources[:_COLOURED], model.templates.background)
        for name in model.classes:
            look = palette[name] if name in palette else Look(BACKGROUND)
            told["classes"][name] = {
                "colour": look.colour,
                "dash": [] if isinstance(look.dash, str) else list(look.dash[1]),
                "mark": look.mark,
            }
    return told


def _short(values: NDArray[np.float64], digits: int = _DIGITS) -> list[float | None]:
    """Return values with so many digits, None for what is not a number."""
    listed: list[float] = values.tolist()
    return [float(f"{value:.{digits}g}") if math.isfinite(value) else None for value in listed]


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
