"""What is around a detector: its background and its gain, as an explicit value that moves in small steps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from gamma_flow._engine import Engine
from gamma_flow.data import Axis
from gamma_flow.data.method import Method
from gamma_flow.data.templates import Templates
from gamma_flow.errors import SettingsError
from gamma_flow.live.tracker_settings import TrackerSettings
from gamma_flow.model import Model
from gamma_flow.numerics.drift import moved
from gamma_flow.numerics.rebin import rebin_counts

__all__ = ["Surroundings"]

Floats = NDArray[np.float64]

_KNOTS = 24  # along the root of the channel number: how finely the model's background is bent
_PRIOR = 100.0  # counts of a channel that weigh as much as the bent model: it is right to a tenth
_LEAST = 0.01  # of the counts around a channel: no channel expects less
_GAINS = (0.8, 1.25)  # beyond these it is no drift


@dataclass(frozen=True, eq=False)
class Surroundings:
    """Background and gain of one detector.

    Parameters
    ----------
    templates : Templates
        Of the model, on the axis of the detector, at the gain one.
    method : Method
        Of the fit.
    counts : (C,)
        What the background is made of, at the gain one.
    start : Method
        Of the fit that finds gain and offset at the start, with what the model expects of them.
    gain, offset : float
        A pulse of energy E comes out at ``gain * E + offset``.
    """

    templates: Templates
    method: Method
    counts: Floats
    start: Method
    gain: float = 1.0
    offset: float = 0.0

    @classmethod
    def of(cls, model: Model, axis: Axis, settings: TrackerSettings) -> Surroundings:
        """Return those that the model was trained in.

        Raises
        ------
        SettingsError
            A model whose noise is not that of counts, without a background, or without a nuisance.
        IncompatibleError
            As `Model.on` does.
        """
        if model.method.noise != "poisson" or model.templates.kind != "counts":
            raise SettingsError(
                "a tracker needs counts",
                where="Tracker",
                expected='a model with noise="poisson"',
                found=f'noise="{model.method.noise}"',
            )
        background = model.templates.background
        if background is None:
            raise SettingsError(
                "a tracker needs a background that it can follow",
                where="Tracker",
                cure="train with a background class",
            )
        strange = [name for name in settings.nuisances if name not in model.sources]
        if strange:
            raise SettingsError(
                "the model has no such class",
                where="nuisances",
                expected=", ".join(model.sources)[:200],
                found=", ".join(strange)[:100],
            )
        if len(settings.nuisances) == len(model.sources):
            raise SettingsError("no class is left that could be an alarm", where="nuisances")
        parts = tuple(part for part in settings.parts if part != "gain" or settings.gain > 0)
        method = replace(model.method, parts=parts, gain=settings.gain, gain_range=0.0, rule="share")
        on_it = model.on(axis)
        drifts = tuple(part for part in ("gain", "offset") if part in model.method.parts)
        start = replace(method, parts=("mismatch", *drifts), gain=model.method.gain)
        templates = replace(on_it, modes=on_it.modes[:, :0])
        k = templates.classes.index(background)
        return cls(templates, method, settings.trust * templates.shapes[k], start)

    @property
    def background(self) -> int:
        """Number of the background class."""
        return self.templates.classes.index(str(self.templates.background))

    @cached_property
    def shapes(self) -> Floats:
        """The templates as they are now, (K, C): with this background, at this gain."""
        t = self.templates
        shapes: Floats = t.shapes.copy()
        shapes[self.background] = self._background_shape()
        if (self.gain, self.offset) != (1.0, 0.0):
            shapes = moved(shapes, t.axis.edges, self.gain, self.offset)
        total = np.abs(shapes[:, t.active]).sum(axis=1)
        vanished = total <= 0  # pushed off the axis: the template stays where it was
        shapes[vanished] = t.shapes[vanished]
        return shapes

    @cached_property
    def engine(self) -> Engine:
        """The fit in these surroundings."""
        # a template keeps its size, the background's alone is a mean of several
        return Engine.of(replace(self.templates, shapes=self.shapes), self.method)

    def _background_shape(self) -> Floats:
        """Return the counts as a template, (C,), without the noise of channels that hold few of them.

        Notes
        -----
        The model's background, bent by a slow factor to the counts, is the prior of each channel: a gamma
        distribution of a tenth relative width. The template is its posterior mean, m (n + a) / (m + a) with
        a = 100: the bent model where there are few counts, the counts where there are many. A histogram of
        few counts would be a template with holes, in which every count is evidence for something.
        """
        t, counts = self.templates.shapes[self.background], self.counts
        hats = _hats(len(counts))
        around = counts @ hats
        expected = np.maximum(t, 0.0) * (max(float(counts.sum()), 1.0) / max(float(t.sum()), 1e-300))
        bent = expected * (hats @ ((around + 1.0) / (expected @ hats + 1.0)))
        level = hats @ (around / hats.sum(axis=0))
        mean = np.maximum(bent, np.maximum(_LEAST * level, 1e-9))
        shape: Floats = mean * (counts + _PRIOR) / (mean + _PRIOR)
        return shape

    def expecting(self, shape: Floats) -> Surroundings:
        """Return those whose background is expected to have a shape, (C,), at the gain one."""
        t = self.templates
        shapes = t.shapes.copy()
        shapes[self.background] = shape
        return replace(self, templates=replace(t, shapes=shapes))

    def found(self, values: Floats) -> Surroundings:
        """Return those whose gain and offset are what summed counts, (C,), show from scratch.

        Notes
        -----
        A fit about gain one and offset zero, with the model's own prior of both: what an axis that is not
        quite right, or a temperature unlike that of its calibration, does to a detector as a whole.
        """
        if not self.start.has("gain"):
            return self
        from_scratch = replace(self, method=self.start, gain=1.0, offset=0.0).engine
        taken = np.ascontiguousarray(from_scratch.taken(values[None]))
        drifts = from_scratch.fit(taken, evidence=False, novelty=False).drifts[0]
        gain = float(np.clip(1.0 + drifts[0] * self.start.gain, *_GAINS))
        offset = float(drifts[1] * self.start.offset) if self.start.has("offset") else 0.0
        return replace(self, gain=gain, offset=offset)

    def energy(self, position: float) -> float:
        """Return the energy that comes out at a position of the axis."""
        return (position - self.offset) / self.gain

    def accepted(self, scores: Floats) -> Surroundings:
        """Return those in which what a fit found, scores (K,), is the background; nothing is learned yet."""
        t = self.templates
        shapes = t.shapes.copy()
        own = self._background_shape()
        shapes[self.background] = own * (
            t.integral[self.background] / max(float(own[t.active].sum()), 1e-300)
        )
        fresh = self.expecting(scores @ shapes)
        return replace(fresh, counts=np.zeros_like(self.counts))

    def followed(
        self,
        values: Floats | None,
        *,
        keep: float = 1.0,
        others: Floats | None = None,
        gain: float | None = None,
    ) -> Surroundings:
        """Return the next ones.

        Parameters
        ----------
        values : (C,) or None
            Summed counts of quiet frames, recorded at the new gain.
        keep : float
            What is left of the weight of the older ones, 0..1.
        others : (K,), optional
            Counts of each class among the values that are not the background's.
        gain : float, optional
            The new gain.
        """
        now = self.gain if gain is None else float(np.clip(gain, *_GAINS))
        counts = self.counts
        if values is not None:
            edges = self.templates.axis.edges
            nominal = (now, self.offset) == (1.0, 0.0)
            own = edges if nominal else (edges - self.offset) / now
            new = values if nominal else rebin_counts(values[None], own, edges).values[0]
            if others is not None:
                new = new - others @ self.templates.shapes
            # single channels of few counts may fall below zero by what others take: noise, gone in the sum
            counts = np.maximum(keep * counts + new, 0.0)
        return replace(self, counts=counts, gain=now)


@lru_cache(maxsize=8)
def _hats(channels: int) -> Floats:
    """Return triangles that add up to one in each channel, (C, knots), equally far apart in its root."""
    number = min(_KNOTS, channels)
    at = np.sqrt((np.arange(channels) + 0.5) / channels) * max(number - 1, 1)
    hats = np.maximum(1.0 - np.abs(at[:, None] - np.arange(number)), 0.0)
    hats = hats[:, hats.any(axis=0)]  # the first ones may lie between two channels
    return np.asarray(hats / hats.sum(axis=1, keepdims=True))
