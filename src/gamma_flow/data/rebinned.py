"""Spectra carried onto another axis, with what fell off its ends."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data.axis import Axis
from gamma_flow.data.spectra import SpectrumSet
from gamma_flow.errors import IncompatibleError, SpectrumError
from gamma_flow.numerics.rebin import interpolate, rebin_counts

__all__ = ["onto"]


def onto(
    spectra: SpectrumSet,
    axis: Axis,
    *,
    method: Literal["conserve", "interpolate"] | None = None,
    allow_cut: float = 0.01,
) -> SpectrumSet:
    """Carry spectra onto another axis.

    Parameters
    ----------
    spectra : SpectrumSet
        N spectra.
    axis : Axis
        The target, in the same unit.
    method : {"conserve", "interpolate"}, optional
        "conserve" divides counts between edges and loses none; the columns ``underflow`` and ``overflow``
        of ``meta`` tell what lies beyond the target. "interpolate" reads the values at the centres,
        linearly, with zero beyond the source: for counts it is what the gamma_flow paper does, kept so that
        its figures can be reproduced. Counts are conserved by default, intensities interpolated.
    allow_cut : float
        Largest share of all counts that may lie beyond the target (0..1).

    Returns
    -------
    SpectrumSet
        The same spectra on ``axis``; the same object where the axes match.

    Raises
    ------
    IncompatibleError
        Axes of different units, a target that cuts more than ``allow_cut``, intensities asked for where
        none were sampled.
    SpectrumError
        An unknown method, or a sigma that would have to be rebinned with counts.

    Examples
    --------
    >>> spectra = SpectrumSet([[10.0, 20.0, 30.0, 40.0]], Axis.linear(0, 4, 4))
    >>> moved = onto(spectra, Axis.linear(0.5, 3.5, 2), allow_cut=0.5)
    >>> moved.values, moved.meta["underflow"], moved.meta["overflow"]
    (array([[25., 50.]]), array([5.]), array([20.]))
    """
    if not 0 <= allow_cut <= 1:
        raise SpectrumError("the share that may be cut lies between 0 and 1", found=f"{allow_cut:g}")
    if spectra.axis.matches(axis):
        return spectra
    if spectra.axis.unit != axis.unit:
        raise IncompatibleError(
            "spectra cannot be carried onto an axis of another unit",
            expected=f"an axis in {spectra.axis.unit}",
            found=str(axis),
            cure="convert the axis first, or give the spectra a calibration",
        )
    how = method or ("conserve" if spectra.kind == "counts" else "interpolate")
    if how == "interpolate":
        return _interpolated(spectra, axis, allow_cut)
    if how != "conserve":
        raise SpectrumError(
            "unknown method of rebinning", expected='"conserve" or "interpolate"', found=repr(how)
        )
    if spectra.sigma is not None:
        raise SpectrumError(
            "a sigma a channel cannot be carried with conserved counts: neighbours would be correlated",
            cure="leave sigma out (counts know their own scatter), or keep the spectra on their axis",
        )
    result = rebin_counts(spectra.values, spectra.axis.edges, axis.edges)
    meta = _cut(spectra, axis, result.underflow, result.overflow, allow_cut)
    # counts stay finite and keep their sign: there is nothing to check again
    return spectra._changed(values=result.values, axis=axis, meta=meta)


def _cut(
    spectra: SpectrumSet,
    axis: Axis,
    underflow: NDArray[np.float64],
    overflow: NDArray[np.float64],
    allow_cut: float,
) -> dict[str, NDArray[Any]]:
    """Return ``meta`` with what lies beyond the target, or refuse a target that cuts too much."""
    cut = np.abs(underflow).sum() + np.abs(overflow).sum()
    whole = (np.abs(spectra.values) if spectra.signed else spectra.values).sum() if cut > 0 else 0.0
    if cut > allow_cut * whole:
        raise IncompatibleError(
            "the target axis cuts too many counts",
            where=f"{spectra.axis} onto {axis}",
            expected=f"at most {allow_cut:.2%}",
            found=f"{cut / whole:.2%} ({underflow.sum():.6g} below, {overflow.sum():.6g} above)",
            cure="choose a wider axis, or allow it with allow_cut (--allow-cut)",
        )
    meta = dict(spectra.meta)
    for name, column in (("underflow", underflow), ("overflow", overflow)):
        meta[name] = column + np.nan_to_num(meta[name]) if name in meta else column
    return meta


def _interpolated(spectra: SpectrumSet, axis: Axis, allow_cut: float) -> SpectrumSet:
    counts = spectra.kind == "counts"
    old = spectra.axis
    if not counts and (axis.centres[0] < old.edges[0] or axis.centres[-1] > old.edges[-1]):
        raise IncompatibleError(
            "intensities cannot be read where none were sampled",
            expected=f"points within {old.edges[0]:g}..{old.edges[-1]:g} {old.unit}",
            found=f"{axis.centres[0]:g}..{axis.centres[-1]:g}",
            cure="choose a target axis inside that of the spectra",
        )
    # half a channel beyond the outermost points belongs to them: its intensity is read at the point itself
    points = axis.centres if counts else np.clip(axis.centres, old.centres[0], old.centres[-1])
    outside = 0.0 if counts else None
    meta = dict(spectra.meta)
    if counts:
        # interpolation knows no edges: what is read nowhere are the channels with centres beyond the target
        below, above = old.centres < axis.edges[0], old.centres > axis.edges[-1]
        lost = (spectra.values[:, below].sum(axis=1), spectra.values[:, above].sum(axis=1))
        meta = _cut(spectra, axis, *lost, allow_cut)
    values = interpolate(spectra.values, old.centres, points, outside)
    sigma = None
    if spectra.sigma is not None:
        sigma = interpolate(spectra.sigma, old.centres, points)
    return spectra._changed(values=values, axis=axis, sigma=sigma, meta=meta)
