"""Templates on one axis, ready for the fit: what `Model.analyse` and the calibration both run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data.method import Method
from gamma_flow.data.templates import Templates
from gamma_flow.numerics.decompose import Decomposed, Distortions, Prepared, decompose
from gamma_flow.numerics.drift import derivatives, moved
from gamma_flow.numerics.novelty import smooth_modes
from gamma_flow.numerics.nulls import Distortion, pile_shift
from gamma_flow.numerics.rebin import rebin_smooth
from gamma_flow.numerics.unmix import Unmixer

__all__ = ["FINER", "Engine", "Member"]

Floats = NDArray[np.float64]

_SMOOTH = 4  # distortions of a class
_PILE_PER_RATE = 1e-6  # seconds: share of pile-up a count per second, prior standard deviation ...
_PILE_MOST = 0.1  # ... never above this
_PILE_UNKNOWN = 0.04  # where the live time is not known
_GAIN_STEP = 0.015  # between gains of the search: the fit's own drift covers what lies between
FINER = 4  # steps of the search from one value of a family to the next; a power of two
_EVEN = 12**-0.5  # standard deviation of a value that is equally likely from 0 to 1
_SEARCH_MISMATCH = 0.02  # the same for all gains, so that likelihoods compare
_NO_MISMATCH = 1e-6  # counting alone
_EMPTY = 0.5  # counts that stand for an empty spectrum where the logarithm is taken


class Member(NamedTuple):
    """One of the fits among which a search looks: at one gain and one value of the family, None without."""

    engine: Engine
    gain: float = 1.0
    value: float | None = None


@dataclass(frozen=True, eq=False)
class Engine:
    """The fit of one model on one axis.

    Parameters
    ----------
    templates : Templates
        On the axis of the spectra.
    method : Method
        Noise and parts.
    shapes : (K, A)
        Over the A active channels.
    distortions : Distortions
        What may be wrong with them.
    prepared : Prepared
        Shapes with their distortions, checked once.
    channels : slice or (C,) bool
        The active channels, as a slice where they lie side by side: then no spectrum is copied.
    unmixer : Unmixer
        Least squares on the same shapes.
    slope : (K, C) or None
        Change of the templates with the value of their family, for one prior standard deviation of it: the
        last of the drifts. It takes up what lies between the values of the search, and makes errors and
        evidence know that the value is not known better than the spectrum tells.
    """

    templates: Templates
    method: Method
    shapes: Floats
    distortions: Distortions
    prepared: Prepared
    channels: slice | NDArray[np.bool_]
    unmixer: Unmixer
    slope: Floats | None = None

    @classmethod
    def of(cls, templates: Templates, method: Method, slope: Floats | None = None) -> Engine:
        """Make the columns of the fit."""
        active = templates.active
        used = np.flatnonzero(active)
        whole = used[-1] - used[0] + 1 == len(used)
        channels = slice(int(used[0]), int(used[-1]) + 1) if whole else active
        shapes = np.ascontiguousarray(templates.shapes[:, channels])
        edges = templates.axis.edges
        count = _SMOOTH if method.has("smooth") else 0
        smooth = smooth_modes(shapes, count, method.smooth)
        drift = derivatives(
            templates.shapes,
            edges,
            gain=method.gain if method.has("gain") else 0.0,
            offset=method.offset if method.has("offset") else 0.0,
            resolution=method.resolution if method.has("resolution") else 0.0,
            width=method.line_width_at(edges),
        )[:, :, channels]
        if slope is not None:
            drift = np.concatenate([drift, slope[None, :, channels]])
        first = edges[channels.start :] if isinstance(channels, slice) else edges[used[0] :]
        drift, shift = np.ascontiguousarray(drift), pile_shift(first)
        evidence = Distortions(np.ascontiguousarray(smooth), count, drift, shift)
        prepared = Prepared.of(shapes, evidence)
        return cls(templates, method, shapes, evidence, prepared, channels, Unmixer(shapes), slope)

    @cached_property
    def searching(self) -> Prepared:
        """Shapes with the distortions of the search, which finds the family's value by itself."""
        if self.slope is None:
            return self.prepared
        return Prepared.of(self.shapes, replace(self.distortions, drift=self.distortions.drift[:-1]))

    @cached_property
    def novelty(self) -> Prepared:
        """Shapes with the distortions of the novelty fit.

        There the training spectra's own scatter is allowed beside smooth distortions, but none of the
        background, in which the continuum of an unknown would hide. Made when it is first needed: most of
        the fits of a search never are.
        """
        smooth, templates = self.distortions.spread, self.templates
        learned = templates.modes[:, :, self.channels] if self.method.has("learned") else smooth[:, :0]
        both = np.concatenate([smooth, learned], axis=1)
        if templates.background is not None:
            both[templates.classes.index(templates.background)] = 0.0
        spread, same = np.ascontiguousarray(both), self.distortions
        return Prepared.of(self.shapes, Distortions(spread, both.shape[1], same.drift, same.pile_shift))

    def moved(self, gain: float) -> Engine:
        """Return the fit of templates that a detector of another gain would record."""
        t = self.templates
        shapes = moved(t.shapes, t.axis.edges, gain)
        size = np.abs(shapes[:, t.active]).sum(axis=1)
        vanished = size <= 0  # pushed off the axis: the template stays where it was
        shapes[vanished], size[vanished] = t.shapes[vanished], t.integral[vanished]
        slope = self.slope
        if slope is not None:
            at = t.axis.edges
            slope = np.where(vanished[:, None], slope, rebin_smooth(slope, gain * at, at, signed=True))
        return Engine.of(replace(t, shapes=shapes, integral=size, family=None), self.method, slope)

    def at(self, values: Floats, number: int) -> Engine:
        """Return the fit at one of the values of the family that the search looks among."""
        t, here = self.templates, float(values[number])
        below, above = (float(values[max(0, min(n, len(values) - 1))]) for n in (number - 1, number + 1))
        slope = None
        if above > below:
            rise = (t.at(above).shapes - t.at(below).shapes) / (above - below)
            slope = rise * np.ptp(values) * _EVEN
        return Engine.of(t.at(here), self.method, slope)

    def gains(self) -> list[float]:
        """Return the gains among which the search looks, nearest to one first."""
        wide = self.method.gain_range
        count = int(np.ceil(wide / _GAIN_STEP))
        steps = [0.0, *(sign * i for i in range(1, count + 1) for sign in (-1, 1))]
        return [1.0 + wide * step / max(count, 1) for step in steps]

    @property
    def searches(self) -> bool:
        """Whether spectra are looked at with more fits than this one."""
        return self.method.gain_range > 0 or self.templates.family is not None

    def grid(self) -> tuple[Member, ...]:
        """Return the fits among which the search looks: each value of the family at each gain.

        Without a family this fit itself comes first.
        """
        family = self.templates.family
        if family is None:
            members = [Member(self)]
        else:
            values = family.finer(FINER)
            members = [
                Member(self.at(values, number), 1.0, value) for number, value in enumerate(values.tolist())
            ]
        moved = (
            Member(member.engine.moved(gain), gain, member.value)
            for gain in self.gains()[1:]
            for member in members
        )
        return (*members, *moved)

    def line_width_at(self, energy: Floats) -> Floats:
        """Return the full width at half maximum of a line at an energy, in the unit of the axis."""
        return self.method.line_width_at(energy)

    @property
    def skip(self) -> int:
        """Number of the background class, which is never left out; -1 for none."""
        name = self.templates.background
        return -1 if name is None else self.templates.classes.index(name)

    def taken(self, values: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the active channels of spectra."""
        return values[:, self.channels]

    def fit(
        self,
        values: NDArray[np.floating],
        sigma: Floats | None = None,
        live_time: Floats | None = None,
        *,
        evidence: bool = True,
        novelty: bool = True,
        mean: bool = False,
        threads: int = 1,
    ) -> Decomposed:
        """Fit spectra that hold the active channels alone."""
        how = self.method
        pile = None
        if how.has("pile-up") and sigma is None:
            pile = pile_prior(values.sum(axis=1, dtype=np.float64), live_time)
        mismatch = how.mismatch if how.has("mismatch") else (_NO_MISMATCH, _NO_MISMATCH)

        return decompose(
            values,
            self.prepared,
            sigma=sigma,
            pile=pile,
            mismatch=mismatch if sigma is None else (0.0, 0.0),
            adapt=how.has("mismatch") and sigma is None,
            evidence=evidence,
            novelty=self.novelty if novelty and self.novelty.modes else False,
            skip=self.skip,
            mean=mean,
            threads=threads,
        )

    def likelihood(
        self, values: NDArray[np.floating], sigma: Floats | None, live_time: Floats | None, threads: int
    ) -> Floats:
        """Return the penalised log-likelihood at one fixed mismatch, which compares templates, shape (N,)."""
        counts = values.sum(axis=1, dtype=np.float64)
        mismatch = _SEARCH_MISMATCH if self.method.has("mismatch") else _NO_MISMATCH
        return decompose(
            values,
            self.searching,
            sigma=None if sigma is None else np.broadcast_to(sigma, values.shape),
            pile=pile_prior(counts, live_time) if self.method.has("pile-up") else None,
            mismatch=(mismatch, mismatch) if sigma is None else (0.0, 0.0),
            adapt=False,
            evidence=False,
            novelty=False,
            threads=threads,
        ).log_likelihood

    def drawn(self) -> Distortion:
        """Return how far spectra drawn for the calibration are from the templates: as the prior says."""
        how = self.method
        return Distortion(
            gain=how.gain if how.has("gain") else 0.0,
            offset=how.offset if how.has("offset") else 0.0,
            smooth=how.smooth if how.has("smooth") else 0.0,
            pile_up=how.has("pile-up"),
            gain_range=how.gain_range,
        )


def pile_prior(counts: Floats, live_time: Floats | None) -> Floats:
    """Return the prior standard deviation of pile-up as a share of the counts, shape (N,)."""
    if live_time is None:
        return np.full(len(counts), _PILE_UNKNOWN)
    known = (live_time > 0) & (live_time < np.inf)
    with np.errstate(over="ignore"):  # next to no live time: the most
        rate = np.divide(counts, live_time, out=np.zeros(len(counts)), where=known)
    return np.where(known, np.minimum(_PILE_MOST, _PILE_PER_RATE * rate), _PILE_UNKNOWN)


def novelty_of(fit: Decomposed, counts: Floats, channels: int) -> Floats:
    """Return by how much a spectrum misses its fit beyond noise and mismatch, a count: shape (N,)."""
    degrees = np.maximum(channels - fit.n_free, 1)
    out: Floats = (fit.novelty_chi_square - degrees) / np.maximum(counts, 1.0)
    return out


def log_counts(counts: Floats) -> Floats:
    """Return log10 of counts; those of an empty spectrum stand at half a count."""
    out: Floats = np.log10(np.maximum(counts, _EMPTY))
    return out
