"""Models straight from the library of nuclides: no training spectra needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gamma_flow.data import SpectrumSet
from gamma_flow.errors import TrainingError
from gamma_flow.model import Model
from gamma_flow.simulate.detectors import Detector
from gamma_flow.simulate.detectors import detector as detector_of
from gamma_flow.simulate.shields import Shield
from gamma_flow.simulate.spectra import BACKGROUND, expected_rates, observe
from gamma_flow.simulate.surroundings import Background
from gamma_flow.training import train

__all__ = ["train_from_library"]

_SHARP = 1e8  # counts a training spectrum: neither templates nor null draws hold noise of their own
_SPECTRA = 25


def train_from_library(
    nuclides: Sequence[str],
    detector: Detector | str,
    *,
    background: Background | None = Background(),  # noqa: B008 - frozen
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
    return train(
        SpectrumSet.concatenate(parts),
        background=None if background is None else BACKGROUND,
        energy_range=energy_range,
        held_out=0.2,
        seed=seed,
        **options,
    )


def _many(name: str, rate: np.ndarray, probe: Detector, rng: np.random.Generator) -> SpectrumSet:
    scaled = rate * (_SHARP / rate.sum())
    return observe({name: scaled}, np.ones((_SPECTRA, 1)), probe, 1.0, rng).spectra
