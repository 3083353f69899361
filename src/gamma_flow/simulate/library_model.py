"""Models straight from the library of nuclides: no training spectra needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gamma_flow.data import Axis, SpectrumSet
from gamma_flow.errors import DataError, TrainingError
from gamma_flow.model import Model
from gamma_flow.simulate.detectors import Detector
from gamma_flow.simulate.detectors import detector as detector_of
from gamma_flow.simulate.shields import Shield
from gamma_flow.simulate.spectra import BACKGROUND, expected_rates, observe
from gamma_flow.simulate.surroundings import STRENGTHS, Background
from gamma_flow.training import train

__all__ = ["RADON", "radon_spectra", "train_from_library"]

RADON = "radon"
"""The class of radon's daughters in the air."""

_SHARP = 1e8  # counts a training spectrum: neither templates nor null draws hold noise of their own
_SPECTRA = 25


def train_from_library(
    nuclides: Sequence[str],
    detector: Detector | str,
    *,
    background: Background | None = Background(),  # noqa: B008 - frozen
    radon: bool = False,
    shields: Sequence[Shield | None] = (None,),
    energy_range: tuple[float | None, float | None] = (30.0, None),
    seed: int = 1,
    **options: Any,
) -> Model:
    """Train a model on simulated spectra of nuclides.

    Parameters
    ----------
    nuclides : sequence of str
        Classes, in any spelling; mixtures such as "WGPu" too.
    detector : Detector or str
        Or the name of one.
    background : Background or None
        Natural background as a class of its own; None for no such class.
    radon : bool
        Radon's daughters as a class of their own, "radon": rain brings them down, and without a class of
        their own they look like iodine. A tracker takes it for a part of the surroundings.
    shields : sequence of Shield or None
        A class is the mean of its source behind each of them; None stands for no shield.
    energy_range, seed, options
        As for `gamma_flow.train`: noise, parts, rule, ...

    Returns
    -------
    Model
        Its templates hold counts at a distance of 1 m above a concrete floor.

    Raises
    ------
    TrainingError
        Fewer than one nuclide, one named twice.
    DataError
        An unknown nuclide or detector; the nearest names are suggested.

    Examples
    --------
    >>> train_from_library(["Cs-137", "Co-60"], "NaI-3x3").templates.classes
    ('Co-60', 'Cs-137', 'background')
    """
    names = [name.strip() for name in nuclides if name.strip()]
    if not names or len(set(names)) < len(names):
        raise TrainingError(
            "a model needs nuclides, each once",
            where="nuclides",
            expected="names such as Cs-137",
            found=", ".join(names) or "none",
        )
    probe = detector_of(detector) if isinstance(detector, str) else detector
    rng = np.random.default_rng(seed)
    parts: list[SpectrumSet] = []
    for name in names:
        for shield in shields:
            rate = expected_rates(name, probe, shield=shield)
            parts.append(_many(name, rate, probe, rng))
    if background is not None:
        rate = probe.counts(background.deposit(probe.response))
        parts.append(_many(BACKGROUND, rate, probe, rng))
    if radon:
        parts.append(radon_spectra(probe, rng=rng))
    return train(
        SpectrumSet.concatenate(parts),
        background=None if background is None else BACKGROUND,
        energy_range=energy_range,
        held_out=0.2,
        seed=seed,
        **options,
    )


def radon_spectra(
    detector: Detector | str, axis: Axis | None = None, *, rng: np.random.Generator, number: int = _SPECTRA
) -> SpectrumSet:
    """Return training spectra of radon's daughters around a detector, as a class "radon".

    Parameters
    ----------
    detector : Detector or str
        Or the name of one; that most like the real one has to do.
    axis : Axis, optional
        Onto which it records, in keV; its own by default.
    rng : numpy.random.Generator
    number : int
        Spectra, of 10^8 counts each.

    Raises
    ------
    DataError
        An unknown detector, an axis in another unit than keV.

    Notes
    -----
    Pb-214 and Bi-214 in equilibrium, spread in the air and on the ground, as in `Background`. After rain they
    are several times as strong as before, for an hour or two. Added to measured spectra they let a model,
    and its tracker, know what that is::

        gf.train(gf.SpectrumSet.concatenate([measured, radon_spectra("NaI-3x3", measured.axis, rng=rng)]))

    Examples
    --------
    >>> made = radon_spectra("NaI-2x2", rng=np.random.default_rng(1), number=3)
    >>> made.labels.classes, len(made)
    (('radon',), 3)
    """
    probe = detector_of(detector) if isinstance(detector, str) else detector
    if axis is not None:
        if axis.unit != "keV":
            raise DataError("radon is simulated on energies", where="axis", expected="keV", found=axis.unit)
        probe = probe.changed(axis=axis)
    alone = Background(**{name: float(name == "radon") for name in STRENGTHS})
    return _many(RADON, probe.counts(alone.deposit(probe.response)), probe, rng, number)


def _many(
    name: str, rate: np.ndarray, probe: Detector, rng: np.random.Generator, number: int = _SPECTRA
) -> SpectrumSet:
    scaled = rate * (_SHARP / rate.sum())
    return observe({name: scaled}, np.ones((number, 1)), probe, 1.0, rng).spectra
