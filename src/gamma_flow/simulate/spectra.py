"""simulate(): nuclides, detector, shield and background in; expected and drawn spectra out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gamma_flow.data import Labels, SpectrumSet
from gamma_flow.errors import DataError
from gamma_flow.numerics.draw import pile_up, poisson
from gamma_flow.simulate._tables import Floats
from gamma_flow.simulate.detectors import Detector
from gamma_flow.simulate.detectors import detector as detector_of
from gamma_flow.simulate.fields import PhotonField, emission
from gamma_flow.simulate.shields import Shield, through_all
from gamma_flow.simulate.surroundings import Background, floor_field

__all__ = ["BACKGROUND", "Simulated", "expected_rates", "observe", "simulate"]

BACKGROUND = "background"
"""The class of natural background."""

Sources = str | Sequence[str] | Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Simulated:
    """What ``simulate`` gives.

    Attributes
    ----------
    expected : ndarray, shape (N, C)
        Expected counts, pile-up included.
    spectra : SpectrumSet
        Counts drawn from them, with labels, expected counts of each class as amounts, live and real time.
    rates : mapping of str to ndarray of shape (C,)
        Counts per second of each class alone, without dead time and pile-up.
    """

    expected: Floats
    spectra: SpectrumSet
    rates: Mapping[str, Floats]


def expected_rates(
    source: str | PhotonField,
    detector: Detector | str,
    *,
    shield: Shield | Sequence[Shield] | None = None,
    distance: float = 100.0,
    floor: float | None = 100.0,
    age: float | str | None = None,
) -> Floats:
    """Return counts per second and channel of one becquerel (one gram of a mixture), shape (C,).

    Parameters
    ----------
    source : str or PhotonField
        A name in any spelling, or photons per second.
    detector : Detector or str
        Or the name of one.
    shield : Shield or sequence of Shield, optional
        Shells around the source, the innermost first.
    distance : float
        cm between source and front face, at least 5.
    floor : float or None
        Height above a concrete floor that scatters back, cm; None for none.
    age : float or str, optional
        As for `emission`.

    Raises
    ------
    DataError
        Unknown names (the nearest are suggested), a shield thicker than tabulated, a distance below 5 cm.

    Examples
    --------
    >>> rate = expected_rates("Cs-137", "NaI-3x3", distance=10.0)
    >>> rate.shape, round(float(rate.sum()), 3)
    ((1024,), 0.019)
    """
    probe = detector_of(detector) if isinstance(detector, str) else detector
    field = source if isinstance(source, PhotonField) else emission(source, age)
    shells = () if shield is None else (shield,) if isinstance(shield, Shield) else tuple(shield)
    field = through_all(field, shells)
    total = probe.response.deposit(field, distance)
    if floor is not None:
        # tabulated about a height away; far from the source it falls as the direct photons do
        around = probe.response.deposit(floor_field(field, floor), None)
        total = total.plus(around.scaled(2 / (1 + (distance / floor) ** 2)))
    return probe.counts(total)


def observe(
    rates: Mapping[str, Floats],
    weights: ArrayLike,
    detector: Detector,
    live_time: ArrayLike,
    rng: np.random.Generator,
    *,
    run: ArrayLike | None = None,
) -> Simulated:
    """Draw spectra of classes whose rates are known.

    Parameters
    ----------
    rates : mapping of str to ndarray of shape (C,)
        Counts per second by class; "background" is the background.
    weights : array_like, shape (N, K)
        Factor of each class in each spectrum, in the order of ``rates``.
    detector : Detector
        For its axis, dead time and resolving time.
    live_time : float or array_like of shape (N,)
        Seconds.
    rng : numpy.random.Generator
    run : array_like of int, shape (N,), optional
        Spectra of one measurement.

    Raises
    ------
    DataError
        Negative weights, live times that are not positive, a rate too high for the resolving time.
    """
    names = tuple(rates)
    if not names:
        raise DataError(
            "there is nothing to draw",
            expected="a source or a background",
            found="neither",
            cure="name a source, or leave the background on",
        )
    factor = np.atleast_2d(np.asarray(weights, dtype=np.float64))
    if (
        factor.ndim != 2
        or factor.shape[1] != len(names)
        or not (np.isfinite(factor).all() and (factor >= 0).all())
    ):
        raise DataError(
            "weights have to be finite and not negative, one for each class",
            where="activity or weight",
            expected=f"(N, {len(names)}) values >= 0 for {', '.join(names)}",
            found=f"shape {factor.shape}, lowest {factor.min(initial=0):g}",
            cure="check the activities",
        )
    live = _times(live_time, len(factor))
    if not (np.isfinite(live).all() and (live > 0).all()):
        raise DataError(
            "a live time has to be positive",
            where="live_time",
            expected="s > 0",
            found=f"{live.min():g}",
            cure="1 is usual",
        )
    single = np.stack([rates[name] for name in names])
    rate = factor @ single
    total = rate.sum(axis=1)
    if detector.resolving_time > 0:
        rate, _ = pile_up(rate, detector.axis.edges, total, detector.resolving_time)
    expected = rate * live[:, None]
    # amounts are counts of each class, as scores are
    amounts = factor * single.sum(axis=1) * live[:, None]
    classes = tuple(sorted(names, key=lambda name: (name == BACKGROUND, name)))
    order = [names.index(name) for name in classes]
    labels = Labels(classes, amounts[:, order] > 0, amounts=amounts[:, order], background=BACKGROUND)
    spectra = SpectrumSet(
        poisson(expected, rng).astype(np.float64),
        detector.axis,
        labels=labels,
        live_time=np.array(live),
        real_time=live * (1 + total * detector.dead_time),
        detector=np.full(len(factor), detector.name),
        run=None if run is None else np.asarray(run, dtype=np.int64),  # type: ignore[arg-type]
        origin=np.array([f"simulated {'+'.join(names)}#{row}" for row in range(len(factor))]),
    )
    return Simulated(expected, spectra, dict(rates))


def simulate(
    nuclides: Sources,
    detector: Detector | str,
    *,
    rng: np.random.Generator,
    shield: Shield | Sequence[Shield] | None = None,
    distance: float = 100.0,
    count_rate: float | None = None,
    live_time: ArrayLike = 1.0,
    background: Background | bool | None = True,
    floor: float | None = 100.0,
    age: float | str | None = None,
    n: int | None = None,
) -> Simulated:
    """Simulate spectra of sources at rest in front of a detector.

    Parameters
    ----------
    nuclides : str, sequence of str or mapping of str to float
        Names; or activities in Bq by name (grams of a mixture such as "WGPu"). Names alone count equally
        often.
    detector : Detector or str
        Or the name of one: "NaI-3x3".
    rng : numpy.random.Generator
    shield, distance, floor, age
        As for `expected_rates`.
    count_rate : float, optional
        Counts per second that the sources give together, instead of what activity and distance would.
        Needed with names alone.
    live_time : float or array_like of shape (N,)
        Seconds.
    background : Background or bool
        True for the world's average; False or None for none.
    n : int, optional
        Number of spectra. Default: as many as live times.

    Returns
    -------
    Simulated

    Raises
    ------
    DataError
        Unknown names, negative activities, a shield beyond the tables, neither activity nor count rate.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> made = simulate(["Cs137", "Co60"], "NaI-3x3", count_rate=500, live_time=10, n=3, rng=rng)
    >>> made.spectra
    SpectrumSet(3 counts spectra, ...)
    """
    probe = detector_of(detector) if isinstance(detector, str) else detector
    given = _sources(nuclides, count_rate)
    common = {"shield": shield, "distance": distance, "floor": floor, "age": age}
    rates = {name: expected_rates(name, probe, **common) for name in given}  # type: ignore[arg-type]
    if isinstance(nuclides, Mapping):
        rates = {name: rate * given[name] for name, rate in rates.items()}
    else:
        rates = {name: rate / _seen(float(rate.sum()), name) for name, rate in rates.items()}
    if count_rate is not None and rates:
        total = sum(float(rate.sum()) for rate in rates.values())
        factor = count_rate / _seen(total, ", ".join(rates)) if count_rate else 0.0
        rates = {name: rate * factor for name, rate in rates.items()}
    if background:
        floor_rate = probe.counts(
            (Background() if background is True else background).deposit(probe.response)
        )
        rates[BACKGROUND] = floor_rate
    times = np.atleast_1d(np.asarray(live_time, dtype=np.float64))
    if n is not None and n < 0:
        raise DataError("a number of spectra cannot be negative", where="n", expected=">= 0", found=str(n))
    count = len(times) if n is None else n
    return observe(rates, np.ones((count, len(rates))), probe, times, rng)


def _times(live_time: ArrayLike, count: int) -> Floats:
    times: Floats = np.asarray(live_time, dtype=np.float64)
    if times.shape not in {(), (1,), (count,)}:
        raise DataError(
            "live times do not fit the spectra",
            where="live_time",
            expected=f"one, or one for each of {count} spectra",
            found=f"shape {times.shape}",
            cure="leave n out: there are as many spectra as live times",
        )
    return np.broadcast_to(times, (count,))


def _seen(total: float, name: str) -> float:
    if not total > 0:
        raise DataError(
            "a source that gives no counts cannot be scaled to a count rate",
            where=name,
            expected="counts above the detector's threshold and within its axis",
            found="none",
            cure="check activity, threshold, axis and shield",
        )
    return total


def _sources(nuclides: Sources, count_rate: float | None) -> dict[str, float]:
    if count_rate is not None and not (np.isfinite(count_rate) and count_rate >= 0):
        raise DataError(
            "a count rate has to be finite and not negative", expected="1/s >= 0", found=f"{count_rate:g}"
        )
    if isinstance(nuclides, Mapping):
        for name, activity in nuclides.items():
            if not (np.isfinite(activity) and activity >= 0):
                raise DataError(
                    "an activity has to be finite and not negative",
                    where=str(name),
                    expected="Bq >= 0",
                    found=f"{activity:g}",
                    cure="give the activity in becquerel",
                )
        return dict(nuclides)
    names = [nuclides] if isinstance(nuclides, str) else list(nuclides)
    if names and count_rate is None:
        raise DataError(
            "names alone do not say how strong the sources are",
            where=", ".join(names),
            expected="activities in Bq, or a count rate",
            found="neither",
            cure="simulate({'Cs137': 1e6}, ...) or simulate('Cs137', ..., count_rate=100)",
        )
    return dict.fromkeys(names, 1.0)
