"""A family of templates beside those of the training: the same classes, in the same order and size."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from gamma_flow.data.family import Family
from gamma_flow.data.method import Method
from gamma_flow.data.templates import Templates
from gamma_flow.errors import IncompatibleError, SettingsError, TrainingError

__all__ = ["refuse_no_likelihood", "told", "with_family"]


def refuse_no_likelihood(family: Family, method: Method) -> None:
    """Refuse a family where nothing could choose its value.

    Raises
    ------
    SettingsError
        Least squares.
    """
    if method.noise == "leastsquares":
        raise SettingsError(
            "the value of a family is looked for by likelihood",
            where=f"family '{family.name}'",
            expected='noise="poisson" or "gaussian"',
            found='noise="leastsquares"',
            cure="choose a noise model, or leave the family out",
        )


def with_family(templates: Templates, family: Family) -> Templates:
    """Return templates with a family; a class that is not in it keeps its template at every value.

    Raises
    ------
    TrainingError
        A class of the family that is not trained; negative shapes of counts; a shape of which nothing is in
        the active channels.
    IncompatibleError
        Another axis.
    """
    where = f"family '{family.name}'"
    if not family.axis.matches(templates.axis):
        raise IncompatibleError(
            "the family lives on another axis than the training spectra",
            where=where,
            expected=str(templates.axis),
            found=str(family.axis),
            cure="make it on the axis of the training spectra",
        )
    strange = [name for name in family.classes if name not in templates.classes]
    if strange:
        raise TrainingError(
            "the family holds a class that is not trained",
            where=where,
            expected=f"classes among {', '.join(templates.classes)}",
            found=", ".join(strange),
            cure="spell its classes as the labels are spelt, or leave this one out",
        )
    if templates.kind == "counts" and family.shapes.min() < 0:
        p, k, _ = np.argwhere(family.shapes < 0)[0]
        raise TrainingError(
            "shapes of a family of counts are not negative",
            where=f"{where}, class '{family.classes[k]}' at {family.values[p]:g} {family.unit}".rstrip(),
            found=f"{family.shapes.min():g}",
        )
    shapes = np.repeat(templates.shapes[None], len(family), axis=0)
    for number, name in enumerate(family.classes):
        k = templates.classes.index(name)
        mine = family.shapes[:, number]
        size = np.abs(mine[:, templates.active]).sum(axis=1)
        if not (size > 0).all():
            p = int(np.flatnonzero(~(size > 0))[0])
            raise TrainingError(
                "nothing of a shape of the family lies in the active channels",
                where=f"{where}, class '{name}' at {family.values[p]:g} {family.unit}".rstrip(),
                cure="leave this value out, or widen the energy range",
            )
        same = np.abs(size - 1) <= 1e-13  # those of unit sum keep their last digit
        shapes[:, k] = mine / np.where(same, 1.0, size)[:, None] * templates.integral[k]
    made = Family(family.values, shapes, templates.classes, templates.axis, family.name, family.unit)
    return replace(templates, family=made)


def told(family: Family) -> dict[str, Any]:
    """Return in plain values what a provenance says of a family."""
    return {
        "name": family.name,
        "unit": family.unit,
        "values": family.values.tolist(),
        "classes": list(family.classes),
    }
