"""The embedded example: five classes, a simulated and two measured-like detectors, mixtures, an unknown.

Nothing of it is shipped: it is drawn from the library and the responses when it is first asked for.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gamma_flow.data import Axis, Labels, SpectrumSet
from gamma_flow.io.writing import write
from gamma_flow.numerics.draw import poisson
from gamma_flow.simulate._tables import Floats
from gamma_flow.simulate.detectors import Detector, Resolution, detector
from gamma_flow.simulate.shields import Shield
from gamma_flow.simulate.spectra import BACKGROUND, expected_rates
from gamma_flow.simulate.surroundings import Background

__all__ = ["ISOTOPES", "UNKNOWN", "example", "example_sets", "write_example"]

ISOTOPES = ("Am241", "Co60", "Cs137", "Eu152")
"""The classes of the embedded example, background aside."""
UNKNOWN = "UNat"
"""What the example holds beside them: no template is made of it."""
_CHANNELS = 256
# calibration, resolution, non-linearity, background: the first as designed, the others as they are
_DETECTORS = {
    "simulated": ([-16.0, 8.15, 0.0012], Resolution(0.070, 0.60, 2.0), 0.0, None),
    "left": ([-15.0, 8.21, 0.0011], Resolution(0.075, 0.58, 3.0), 0.006, Background(450, 40, 35, walls=1.6)),
    "right": ([-17.0, 8.08, 0.0013], Resolution(0.082, 0.62, 4.0), 0.010, Background(600, 30, 45, walls=1.3)),
}
_HOUSING = {"left": ("steel", 0.05), "right": ("aluminium", 0.3)}
_SHIELDS = (None, ("aluminium", 1.0), ("steel", 0.2), ("lead", 0.1))


def _detector(name: str) -> Detector:
    terms, resolution, bend, _ = _DETECTORS[name]
    axis = Axis.polynomial(terms, channels=_CHANNELS, unit="keV")
    return detector("NaI-3x3", axis=axis, resolution=resolution).changed(name=name, nonlinearity=bend)


def _unit(source: str, probe: Detector, shields: list[tuple[str, float]], floor: float | None) -> Floats:
    """Return the spectrum of a source, summing to one."""
    shells = [Shield.of(material, thickness=thickness) for material, thickness in shields]
    rate = expected_rates(source, probe, shield=shells, floor=floor)
    result: Floats = rate / rate.sum()
    return result


def example(seed: int = 1) -> dict[str, SpectrumSet]:
    """Draw the example.

    Parameters
    ----------
    seed : int
        Equal seeds give equal spectra.

    Returns
    -------
    dict of str to SpectrumSet
        By the name of the file that holds it: "Cs137_simulated", "Cs137_left", "background_left",
        "mix-Am241-Cs137_left",
        "unknown_left" and so on, 5,000 spectra of one second in all. The simulated ones are single sources
        without background, bare and behind light shields; the others stand above a floor with background,
        behind the housing of their detector, with calibration, resolution and non-linearity of their own.

    Examples
    --------
    >>> drawn = example()
    >>> len(drawn), drawn["unknown_left"].labels.classes
    (24, ('UNat', 'background'))
    """
    rng = np.random.default_rng(seed)
    sets: dict[str, SpectrumSet] = {}
    probe = _detector("simulated")
    for name in ISOTOPES:
        shapes = np.stack([_unit(name, probe, [s] if s else [], None) for s in _SHIELDS])
        expected = np.repeat(shapes, 75, axis=0) * _counts(rng, 300, 2000, 10000)
        sets[f"{name}_simulated"] = _drawn(name, expected, probe, [name], rng)
    for side in ("left", "right"):
        probe, housing = _detector(side), _HOUSING[side]
        natural = _DETECTORS[side][3] or Background()
        floor = probe.counts(natural.deposit(probe.response))
        sets[f"{BACKGROUND}_{side}"] = _drawn(BACKGROUND, np.tile(floor, (500, 1)), probe, [BACKGROUND], rng)
        single = {name: _unit(name, probe, [housing], 100.0) for name in ISOTOPES}
        heavy = {name: _unit(name, probe, [("steel", 0.5), housing], 100.0) for name in ISOTOPES}
        for name in ISOTOPES:
            both = np.repeat(np.stack([single[name], heavy[name]]), 100, axis=0)
            expected = floor + both * _counts(rng, 200, 80, 6000)
            sets[f"{name}_{side}"] = _drawn(name, expected, probe, [name, BACKGROUND], rng)
        mixtures = (("Am241", "Cs137"), ("Co60", "Eu152"), ("Cs137", "Co60"), ("Am241", "Cs137", "Co60"))
        for names in mixtures:
            expected = np.tile(floor, (120, 1))
            for name in names:
                expected = expected + single[name] * _counts(rng, 120, 200, 5000)
            title = f"mix-{'-'.join(names)}"
            sets[f"{title}_{side}"] = _drawn(title, expected, probe, [*names, BACKGROUND], rng)
        strange = _unit(UNKNOWN, probe, [("steel", 0.1), housing], 100.0)
        expected = floor + strange * _counts(rng, 120, 200, 5000)
        sets[f"unknown_{side}"] = _drawn("unknown", expected, probe, [UNKNOWN, BACKGROUND], rng)
    return sets


def example_sets(seed: int = 1) -> tuple[SpectrumSet, ...]:
    """Draw the example and put the files of each detector together, as `gamma_flow.read_each` yields them.

    Parameters
    ----------
    seed : int
        Equal seeds give equal spectra.

    Returns
    -------
    tuple of SpectrumSet
        One a detector, for each has an axis of its own: simulated, left, right.

    Examples
    --------
    >>> [(str(part.detector[0]), len(part)) for part in example_sets()]
    [('simulated', 1200), ('left', 1900), ('right', 1900)]
    """
    drawn = list(example(seed).values())
    detectors = dict.fromkeys(str(one.detector[0]) for one in drawn)
    return tuple(
        SpectrumSet.concatenate([one for one in drawn if one.detector[0] == name]) for name in detectors
    )


def write_example(folder: str | Path, seed: int = 1) -> list[Path]:
    """Write the example into a folder, one .npz file a set, and return the paths.

    Raises
    ------
    WriteError
        The folder cannot be written to.
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, spectra in example(seed).items():
        paths.append(place / f"{name}.npz")
        write(spectra, paths[-1])
    return paths


def _counts(rng: np.random.Generator, rows: int, low: float, high: float) -> Floats:
    """Return counts of a source a second, equally likely on a logarithmic scale, shape (rows, 1)."""
    return np.exp(rng.uniform(np.log(low), np.log(high), (rows, 1)))


def _drawn(
    name: str, expected: Floats, probe: Detector, labels: list[str], rng: np.random.Generator
) -> SpectrumSet:
    rows = len(expected)
    return SpectrumSet(
        poisson(expected, rng).astype(np.float64),
        probe.axis,
        labels=Labels.of([labels] * rows),
        live_time=np.ones(rows),
        detector=np.full(rows, probe.name),
        origin=np.array([f"{name}_{probe.name}.npz#{row}" for row in range(rows)]),
    )
