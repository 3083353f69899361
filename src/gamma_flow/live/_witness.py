"""A second opinion: what the model itself finds in the sum of some frames."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data import SpectrumSet
from gamma_flow.data.family import Family
from gamma_flow.data.templates import Templates
from gamma_flow.errors import AnalysisWarning
from gamma_flow.live._surroundings import Surroundings
from gamma_flow.model import Model
from gamma_flow.numerics.drift import moved

__all__ = ["Witness"]

Floats = NDArray[np.float64]


class Witness:
    """Asks a model which classes are present.

    The tracker's own calibration knows background alone. Beside a source, whose template is never quite
    right, other classes gain evidence from what it leaves; the model's calibration knows of that, for its
    nulls hold sources.

    Parameters
    ----------
    model : Model
        With the rule that it was trained with.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self._here: tuple[Surroundings, Model] | None = None

    @property
    def calibrated(self) -> bool:
        """Whether the model decides by evidence; by the share weak sources would be none."""
        return self.model.method.rule == "evidence"

    def found(self, sums: Floats, around: Surroundings) -> tuple[frozenset[str], bool]:
        """Return the classes that are present in summed counts, (C,), and whether there is more in them."""
        spectra = SpectrumSet(sums[None], around.templates.axis)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AnalysisWarning)  # the tracker's note tells what is to be told
            found = self._model(around).analyse(spectra)
        present = zip(self.model.classes, found.present[0], strict=True)
        names = frozenset(name for name, there in present if there)
        return names, bool(found.novel is not None and found.novel[0])

    def _model(self, around: Surroundings) -> Model:
        """Return the model in these surroundings; made once as long as they stand still."""
        if self._here is None or self._here[0] is not around:
            on_it = self.model.on(around.templates.axis)
            here = replace(on_it, shapes=around.shapes, family=None)
            if on_it.family is not None:
                here = replace(here, family=_moved(on_it.family, here, around))
            self._here = around, replace(self.model, templates=here)
        return self._here[1]


def _moved(family: Family, here: Templates, around: Surroundings) -> Family:
    """Return a family at the gain of the surroundings, with the background of the templates here."""
    edges = around.templates.axis.edges
    shapes = np.stack([moved(shape, edges, around.gain, around.offset) for shape in family.shapes])
    shapes[:, around.background] = here.shapes[around.background]
    return replace(family, shapes=shapes)
