"""What is around a detector: its background and its gain, as an explicit value that moves in small steps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

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

_ANCHOR = 0.01  # of the background's counts: the model's own, which leaves no channel empty
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
    gain : float
        A pulse of energy E comes out at ``gain * E``.
    """

    templates: Templates
    method: Method
    counts: Floats
    gain: float = 1.0

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
        templates = replace(on_it, modes=on_it.modes[:, :0])
        k = templates.classes.index(background)
        return cls(templates, method, settings.trust * templates.shapes[k])

    @property
    def background(self) -> int:
        """Number of the background class."""
        return self.templates.classes.index(str(self.templates.background))

    @cached_property
    def engine(self) -> Engine:
        """The fit in these surroundings."""
        t = self.templates
        shapes = t.shapes.copy()
        k = self.background
        size = max(float(self.counts[t.active].sum()), 1.0)
        shapes[k] = self.counts / size * t.integral[k] + _ANCHOR * shapes[k]
        if self.gain != 1.0:
            shapes = moved(shapes, t.axis.edges, self.gain)
        total = np.abs(shapes[:, t.active]).sum(axis=1)
        vanished = total <= 0  # pushed off the axis: the template stays where it was
        shapes[vanished] = t.shapes[vanished]
        # a template keeps its size, the background's alone is a mean of several
        return Engine.of(replace(t, shapes=shapes), self.method)

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
            new = values if now == 1.0 else rebin_counts(values[None], edges / now, edges).values[0]
            if others is not None:
                new = new - others @ self.templates.shapes
            # single channels of few counts may fall below zero by what others take: noise, gone in the sum
            counts = np.maximum(keep * counts + new, 0.0)
        return replace(self, counts=counts, gain=now)
