"""A background that follows the surroundings, as an explicit step from one model to the next."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data import SpectrumSet
from gamma_flow.data.family import Family
from gamma_flow.errors import DataError, SettingsError

if TYPE_CHECKING:
    from gamma_flow.model import Model

__all__ = ["followed"]

_WEIGHT = 5e4  # counts that the template of the training is worth
_SPECTRA = 200  # the last quiet ones that count
_QUIET = 0.05  # p-value of every class above which a spectrum is background


def followed(model: Model, spectra: SpectrumSet, quiet: NDArray[np.bool_] | None) -> Model:
    """Return ``model`` with its background moved towards the quiet spectra; see `Model.follow`."""
    background = model.templates.background
    if background is None:
        raise SettingsError(
            "there is no background that could follow",
            where="Model.follow",
            cure="train with a background class",
        )
    if quiet is None:
        found = model.analyse(spectra, detail="evidence")
        if found.p_value is None:
            raise SettingsError(
                "without a calibration nobody knows which spectra hold background alone",
                where="Model.follow",
                cure="name them (quiet=...), or train with rule='evidence'",
            )
        others = [k for k, name in enumerate(model.classes) if name != background]
        chosen = np.asarray((found.p_value[:, others] > _QUIET).all(axis=1))
    elif np.shape(quiet) != (len(spectra),):
        raise DataError(
            "one answer a spectrum is needed",
            where="quiet",
            expected=f"shape ({len(spectra)},)",
            found=f"{np.shape(quiet)}",
            cure="give a mask over the spectra",
        )
    else:
        chosen = np.asarray(quiet, bool)
    templates = model.on(spectra.axis)
    recent = spectra.values[np.flatnonzero(chosen)[-_SPECTRA:]].sum(axis=0)
    k = model.classes.index(background)
    shapes = templates.shapes.copy()
    shapes[k] = _WEIGHT * shapes[k] + recent * templates.integral[k]
    moved = replace(templates, shapes=shapes)
    if moved.family is not None:
        moved = replace(moved, family=_alike(moved.family, k, moved.shapes[k]))
    return replace(model, templates=moved)


def _alike(family: Family, k: int, background: NDArray[np.float64]) -> Family:
    """Return a family with this background at every value."""
    shapes = family.shapes.copy()
    if not np.allclose(shapes[:, k], shapes[0, k], rtol=1e-9, atol=0.0):
        raise SettingsError(
            "a background that changes with the value of the family cannot follow",
            where=f"Model.follow, family '{family.name}'",
            expected="one background at all values",
            cure="leave the background out of the family",
        )
    shapes[:, k] = background
    return replace(family, shapes=shapes)
