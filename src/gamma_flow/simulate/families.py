"""Families of templates behind a shield of growing thickness, for `gamma_flow.train(families=...)`.

Two ways: from nuclides, by simulation alone; from templates that were measured, of which only the change that
the shield makes is simulated (`gamma_flow.simulate.shield_family`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from gamma_flow.data.family import Family
from gamma_flow.data.templates import Templates
from gamma_flow.errors import DataError, IncompatibleError
from gamma_flow.simulate.detectors import Detector
from gamma_flow.simulate.detectors import detector as detector_of
from gamma_flow.simulate.shield_family import shield_family
from gamma_flow.simulate.shields import Shield
from gamma_flow.simulate.spectra import expected_rates

__all__ = ["family_of_nuclides", "family_of_templates"]

Unit = Literal["cm", "g/cm2"]

_SHARP = 1e6  # counts of a template: its own noise is no longer what limits it


def family_of_nuclides(
    nuclides: Sequence[str],
    detector: Detector | str,
    material: str,
    values: Sequence[float],
    *,
    unit: Unit = "cm",
) -> Family:
    """Return the templates of nuclides behind a shield of several thicknesses.

    Parameters
    ----------
    nuclides : sequence of str
        Classes, in any spelling.
    detector : Detector or str
        Or the name of one.
    material : str
        Of the shield: steel, lead, water, ...; see `gamma_flow.simulate.Shield`.
    values : sequence of float
        Increasing thicknesses. Small steps where little changes much: at thin shields.
    unit : {"cm", "g/cm2"}
        Of the thicknesses.

    Returns
    -------
    Family
        On the detector's axis.

    Raises
    ------
    DataError
        An unknown nuclide, detector, material or unit; thicknesses that do not increase, or beyond the
        tables; a nuclide of which nothing comes through.

    Examples
    --------
    >>> family_of_nuclides(["Cs-137", "Co-60"], "NaI-3x3", "steel", [0, 1, 2])
    Family(steel, 3 values 0..2 cm; Cs-137, Co-60)
    """
    probe = detector_of(detector) if isinstance(detector, str) else detector
    shields = [_shield(material, value, unit) for value in values]
    shapes = [[expected_rates(name, probe, shield=shield) for name in nuclides] for shield in shields]
    size = (len(shields), len(nuclides), len(probe.axis))
    made = np.reshape(np.asarray(shapes, np.float64), size)
    return Family(_sorted(values, material), _unit(made), tuple(nuclides), probe.axis, _name(material), unit)


def family_of_templates(
    templates: Templates,
    detector: Detector | str,
    material: str,
    values: Sequence[float],
    *,
    unit: Unit = "cm",
    distance: float = 100.0,
    floor: float | None = 100.0,
) -> Family:
    """Return measured templates as they would be behind a shield of several thicknesses.

    The background stays out of it: it does not come through the shield.

    Parameters
    ----------
    templates : Templates
        Of sources without shield: ``gf.train(spectra, noise="leastsquares").templates``.
    detector : Detector or str
        One of about the right crystal; it takes the axis of the templates.
    material, values, unit
        As for `family_of_nuclides`.
    distance, floor
        As for `gamma_flow.simulate.expected_rates`.

    Returns
    -------
    Family
        On the axis of the templates, of all classes but the background.

    Raises
    ------
    DataError
        As for `family_of_nuclides`; templates without a source.
    IncompatibleError
        Templates that are no counts over keV.
    """
    if templates.kind != "counts" or templates.axis.unit != "keV":
        raise IncompatibleError(
            "a shield is simulated for counts over energy",
            expected="counts over keV",
            found=f"{templates.kind} over {templates.axis.unit}",
        )
    sources = [k for k, name in enumerate(templates.classes) if name != templates.background]
    if not sources:
        raise DataError("there is no source to be shielded", found=", ".join(templates.classes))
    probe = (detector_of(detector) if isinstance(detector, str) else detector).changed(axis=templates.axis)
    shells = [
        (shield,) if shield is not None else () for shield in (_shield(material, v, unit) for v in values)
    ]
    used = np.where(templates.active, templates.shapes[sources], 0.0)
    first = int(np.flatnonzero(templates.active)[0])
    made = shield_family(
        _SHARP * np.maximum(used, 0.0), probe, shells, first=first, distance=distance, floor=floor
    )
    classes = tuple(templates.classes[k] for k in sources)
    shapes = made.transpose(1, 0, 2)
    return Family(_sorted(values, material), shapes, classes, templates.axis, _name(material), unit)


def _shield(material: str, value: float, unit: str) -> Shield | None:
    """Return the shield of a thickness, None for none."""
    if unit not in ("cm", "g/cm2"):
        raise DataError("no such unit of a thickness", where="unit", expected="cm, g/cm2", found=repr(unit))
    shield = Shield.of(material, thickness=value) if unit == "cm" else Shield(material, value)
    return shield if value > 0 else None


def _name(material: str) -> str:
    return Shield(material, 0.0).material


def _sorted(values: Sequence[float], material: str) -> np.ndarray:
    """Return the thicknesses as an array; the family itself refuses those that do not increase."""
    thicknesses = np.asarray(values, np.float64)
    if not len(thicknesses):
        raise DataError("a family needs thicknesses", where=material, expected="one or more", found="none")
    return thicknesses


def _unit(shapes: np.ndarray) -> np.ndarray:
    """Return shapes of unit sum; what has no counts at all stays zero, which the family refuses by name."""
    total = shapes.sum(axis=2, keepdims=True)
    return np.asarray(shapes / np.where(total > 0, total, 1.0))
