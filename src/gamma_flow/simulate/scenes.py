"""Scenes: a small TOML file says what to simulate: sources at rest, random mixtures, sources that pass."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from gamma_flow.data import Axis, Labels, SpectrumSet
from gamma_flow.errors import DataError, SettingsError
from gamma_flow.io._source import Source
from gamma_flow.numerics.draw import pile_up, poisson, shares
from gamma_flow.simulate._tables import Floats
from gamma_flow.simulate.detectors import Detector, Resolution
from gamma_flow.simulate.detectors import detector as detector_of
from gamma_flow.simulate.response import NEAREST
from gamma_flow.simulate.shields import Shield
from gamma_flow.simulate.spectra import BACKGROUND, Simulated, expected_rates
from gamma_flow.simulate.surroundings import STRENGTHS, Background

__all__ = ["Scene", "read_scene"]


class _Strict(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    pass


class DetectorPart(_Strict, frozen=True):
    """``[detector]``."""

    name: str = "NaI-3x3"
    label: str | None = None
    channels: int | None = None
    calibration: list[float] | None = None
    resolution: float | None = None
    resolution_power: float | None = None
    noise: float | None = None
    nonlinearity: float = 0.0
    dead_time: float = 0.0
    resolving_time: float = 0.0
    threshold: float = 0.0

    def made(self) -> Detector:
        """Return the detector."""
        known = detector_of(self.name)
        axis = known.axis
        if self.calibration is not None:
            axis = Axis.polynomial(self.calibration, channels=self.channels or len(axis), unit="keV")
        elif self.channels is not None:
            axis = Axis.linear(axis.edges[0], axis.edges[-1], self.channels, "keV")
        usual = known.resolution
        width = Resolution(
            usual.at_662 if self.resolution is None else self.resolution,
            usual.power if self.resolution_power is None else self.resolution_power,
            usual.noise if self.noise is None else self.noise,
        )
        return known.changed(
            name=self.label or self.name,
            axis=axis,
            resolution=width,
            nonlinearity=self.nonlinearity,
            dead_time=self.dead_time,
            resolving_time=self.resolving_time,
            threshold=self.threshold,
        )


class BackgroundPart(_Strict, frozen=True):
    """``[background]``."""

    on: bool = True
    potassium: float = 400.0
    uranium: float = 35.0
    thorium: float = 30.0
    radon: float = 10.0
    cosmic: float = 1.0
    walls: float = 1.0
    spread: float = 0.0


class DriftPart(_Strict, frozen=True):
    """``[drift]``."""

    gain_per_hour: float = 0.0
    offset_per_hour: float = 0.0
    resolution_per_hour: float = 0.0
    gain_walk: float = 0.0


class ShieldPart(_Strict, frozen=True):
    """A shell: cm."""

    material: str
    thickness: float


class ShieldRange(_Strict, frozen=True):
    """A shell of random thickness: cm, from and to."""

    material: str
    thickness: tuple[float, float]


class StaticPart(_Strict, frozen=True):
    """``[[static]]``."""

    nuclides: list[str] | dict[str, float]
    count_rate: float | None = None
    shields: list[ShieldPart] = []
    distance: float = 100.0
    live_time: float = 1.0
    n: int = 1
    age: str | None = None


class MixturesPart(_Strict, frozen=True):
    """``[mixtures]``."""

    classes: list[str]
    n: int
    alpha: float = 1.0
    present: tuple[int, ...] = (1, 2, 3)
    count_rate: tuple[float, float] = (10.0, 1000.0)
    shields: list[ShieldRange] = []
    distance: float = 100.0
    live_time: float = 1.0


class PassPart(_Strict, frozen=True):
    """``[[pass]]``."""

    nuclides: list[str] | dict[str, float]
    closest: float
    speed: float
    frame: float = 1.0
    before: float = 30.0
    after: float = 30.0
    peak_rate: float | None = None
    shields: list[ShieldPart] = []
    labelled_from: float = 10.0
    age: str | None = None


class Scene(_Strict, frozen=True):
    """What to simulate, in the order it happens: rest, mixtures, passes.

    Attributes
    ----------
    detector, background, drift, static, mixtures, passes
        As documented in docs/scenes.md.
    seed : int
        Equal seeds give equal spectra.
    """

    detector: DetectorPart = DetectorPart()
    background: BackgroundPart = BackgroundPart()
    drift: DriftPart = DriftPart()
    static: list[StaticPart] = []
    mixtures: MixturesPart | None = None
    passes: list[PassPart] = msgspec.field(default_factory=list, name="pass")
    seed: int = 1

    def draw(self, rng: np.random.Generator | None = None) -> Simulated:
        """Return expected and drawn spectra.

        Parameters
        ----------
        rng : numpy.random.Generator, optional
            Instead of one with the scene's seed.

        Raises
        ------
        DataError
            Unknown names, negative activities, shields beyond the tables, a speed that is not positive.
        """
        return _Drawing(self, rng or np.random.default_rng(self.seed)).result()


def read_scene(path: str | Path) -> Scene:
    """Read a scene from a TOML file.

    Raises
    ------
    SettingsError
        A key that is none (the nearest is suggested), a value of the wrong kind, an empty scene.
    ReadError
        The file cannot be read.
    """
    source = Source.of(Path(path))
    try:
        scene = msgspec.toml.decode(source.data, type=Scene)
    except msgspec.ValidationError as problem:
        text = str(problem)
        unknown = re.search(r"unknown field `(\w+)`", text)
        near = difflib.get_close_matches(unknown[1], _keys(), n=1) if unknown else []
        raise SettingsError(
            text[:1].lower() + text[1:],
            where=source.name,
            cure=f"did you mean {near[0]}?" if near else "see docs/scenes.md for the keys",
        ) from problem
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise SettingsError(f"is not TOML: {problem}", where=source.name) from problem
    if not scene.static and scene.mixtures is None and not scene.passes:
        raise SettingsError(
            "the scene is empty",
            where=source.name,
            expected="[[static]], [mixtures] or [[pass]]",
            found="none of them",
        )
    return scene


def _keys() -> list[str]:
    parts = (Scene, DetectorPart, BackgroundPart, DriftPart, ShieldPart, StaticPart, MixturesPart, PassPart)
    return sorted({key for part in parts for key in part.__struct_encode_fields__})


class _Drawing:
    """One drawing of a scene: rows are gathered as parts, then the drift is laid over them in time."""

    def __init__(self, scene: Scene, rng: np.random.Generator) -> None:
        self.scene, self.rng = scene, rng
        self.probe = scene.detector.made()
        strengths = scene.background
        self.surroundings = Background(
            **{name: getattr(strengths, name) for name in Background.__dataclass_fields__}
        )
        self.rows: list[tuple[dict[str, Floats], float, int, float]] = []  # counts, live time, run, least
        self.units: dict[str, Floats] = {}
        self.runs = 0

    def result(self) -> Simulated:
        for part in self.scene.static:
            self._static(part)
        if self.scene.mixtures is not None:
            self._mixtures(self.scene.mixtures)
        for one in self.scene.passes:
            self._pass(one)
        names = sorted({name for row in self.rows for name in row[0] if name != BACKGROUND})
        if self.scene.background.on:
            names.append(BACKGROUND)
        live = np.array([row[1] for row in self.rows])
        parts = np.zeros((len(self.rows), len(names), len(self.probe.axis)))
        for number, row in enumerate(self.rows):
            for name, counts in row[0].items():
                parts[number, names.index(name)] = counts
        amounts = parts.sum(axis=2)
        least = np.array([row[3] for row in self.rows])
        presence = amounts > 0
        presence &= (amounts >= least[:, None]) | (np.array(names) == BACKGROUND)
        amounts = np.where(presence, amounts, 0.0)
        expected, meta = self._drifted(parts.sum(axis=1), live)
        if self.probe.resolving_time > 0:
            pulses = parts.sum(axis=(1, 2)) / live
            expected, _ = pile_up(expected, self.probe.axis.edges, pulses, self.probe.resolving_time)
        dead = parts.sum(axis=(1, 2)) / live * self.probe.dead_time
        spectra = SpectrumSet(
            poisson(expected, self.rng).astype(np.float64),
            self.probe.axis,
            labels=Labels(tuple(names), presence, amounts=amounts, background=BACKGROUND),
            live_time=live,
            real_time=live * (1 + dead),
            detector=np.full(len(live), self.probe.name),
            run=np.array([row[2] for row in self.rows], dtype=np.int64),
            meta=meta,
        )
        return Simulated(expected, spectra, {})

    def _background(self) -> dict[str, Floats]:
        if not self.scene.background.on:
            return {}
        place = self.surroundings
        if self.scene.background.spread > 0:
            place = place.drawn(self.rng, self.scene.background.spread)
        rate = sum(getattr(place, name) * unit for name, unit in self._units().items())
        return {BACKGROUND: np.asarray(rate)}

    def _units(self) -> dict[str, Floats]:
        """Return the rates of each kind of background at unit strength: together they are linear."""
        if not self.units:
            for name in STRENGTHS:
                alone = Background(
                    **{**dict.fromkeys(STRENGTHS, 0.0), name: 1.0, "walls": self.surroundings.walls}
                )
                self.units[name] = self.probe.counts(alone.deposit(self.probe.response))
        return self.units

    def _add(self, rates: dict[str, Floats], live: float, least: float = 0.0) -> None:
        self.rows.append(({name: rate * live for name, rate in rates.items()}, live, self.runs, least))

    def _rates(self, part: StaticPart | PassPart, distance: float) -> dict[str, Floats]:
        shells = [Shield.of(one.material, thickness=one.thickness) for one in part.shields]
        activities = part.nuclides if isinstance(part.nuclides, dict) else dict.fromkeys(part.nuclides, 1.0)
        for name, activity in activities.items():
            if not (np.isfinite(activity) and activity >= 0):
                raise DataError(
                    "an activity has to be finite and not negative",
                    where=name,
                    expected="Bq >= 0",
                    found=f"{activity:g}",
                    cure="give the activity in becquerel",
                )
        given = part.count_rate if isinstance(part, StaticPart) else part.peak_rate
        if not isinstance(part.nuclides, dict) and given is None:
            raise DataError(
                "names alone do not say how strong the sources are",
                where=", ".join(activities),
                expected="activities in Bq, or a count rate",
                found="neither",
                cure="nuclides = {Cs137 = 1e6}, or count_rate (in a pass: peak_rate)",
            )
        return {
            name: activity * expected_rates(name, self.probe, shield=shells, distance=distance, age=part.age)
            for name, activity in activities.items()
        }

    def _static(self, part: StaticPart) -> None:
        _positive(part.live_time, "live_time", "s")
        _positive(part.n, "n", "")
        rates = self._rates(part, part.distance)
        if part.count_rate is not None:
            rates = _scaled(rates, part.count_rate, equal=not isinstance(part.nuclides, dict))
        rates |= self._background()
        for _ in range(part.n):
            self._add(rates, part.live_time)
        self.runs += 1

    def _mixtures(self, part: MixturesPart) -> None:
        _positive(part.live_time, "live_time", "s")
        _positive(part.n, "n", "")
        low, high = part.count_rate
        _positive(low, "count_rate", "1/s")
        _positive(high - low + 1e-12, "the range of count_rate", "1/s")
        weights = shares(part.n, len(part.classes), self.rng, alpha=part.alpha, present=part.present)
        shells: list[list[Shield]] = [[]]
        for one in part.shields:
            # five thicknesses a shield stand for all of its range
            shells += [[Shield.of(one.material, thickness=float(t))] for t in np.linspace(*one.thickness, 5)]
        unit = [
            [
                rate / rate.sum()
                for name in part.classes
                for rate in [expected_rates(name, self.probe, shield=shell, distance=part.distance)]
            ]
            for shell in shells
        ]
        rates = np.exp(self.rng.uniform(np.log(low), np.log(high), part.n))
        chosen = self.rng.integers(len(shells), size=part.n)
        still = None if self.scene.background.spread > 0 else self._background()
        for row in range(part.n):
            found = {
                name: unit[chosen[row]][k] * (weights[row, k] * rates[row])
                for k, name in enumerate(part.classes)
                if weights[row, k] > 0
            }
            self._add(found | (self._background() if still is None else still), part.live_time)
            self.runs += 1

    def _pass(self, part: PassPart) -> None:
        _positive(part.speed, "speed", "m/s")
        _positive(part.frame, "frame", "s")
        if part.closest < NEAREST:
            raise DataError(
                "the source passes too near",
                where="closest",
                expected=f"at least {NEAREST:g} cm",
                found=f"{part.closest:g} cm",
            )
        frames = int(np.floor((part.before + part.after) / part.frame + 1e-9))
        _positive(frames, "frames of the pass", "")
        # rates times distance squared change slowly: tabulated at some distances, linear in its logarithm
        farthest = np.hypot(part.closest, 100 * part.speed * max(part.before, part.after))
        places = np.geomspace(part.closest, max(farthest, part.closest * 1.01), 8)
        known = [self._rates(part, float(place)) for place in places]
        if part.peak_rate is not None:
            total = sum(rate.sum() for rate in known[0].values())
            known = [{name: rate * (part.peak_rate / total) for name, rate in one.items()} for one in known]
        floor = self._background()
        for frame in range(frames):
            moments = -part.before + (frame + (np.arange(16) + 0.5) / 16) * part.frame
            distance = np.hypot(part.closest, 100 * part.speed * moments)
            weights = np.mean([_between(places, d) for d in distance], axis=0)
            rates = {
                name: np.tensordot(weights, np.stack([one[name] for one in known]), axes=1)
                for name in known[0]
            }
            self._add(rates | floor, part.frame, part.labelled_from)
        self.runs += 1

    def _drifted(self, expected: Floats, live: Floats) -> tuple[Floats, dict[str, Any]]:
        drift = self.scene.drift
        hours = (np.cumsum(live) - live / 2) / 3600
        walk = np.cumsum(self.rng.standard_normal(len(live)) * np.sqrt(live / 3600)) * drift.gain_walk
        gain = 1 + drift.gain_per_hour * hours + walk
        offset = drift.offset_per_hour * hours
        wider = drift.resolution_per_hour * hours
        meta = {"drift_gain": gain, "drift_offset": offset, "drift_resolution": 1 + wider}
        if (gain <= 0.5).any() or (wider < 0).any():
            raise DataError(
                "the drift runs away",
                where="[drift]",
                expected="a gain above 0.5 and a resolution that gets no better",
                found=f"gain {gain.min():g}, resolution {1 + wider.min():g} times",
                cure="a shorter scene or a smaller drift",
            )
        if not (drift.gain_per_hour or drift.offset_per_hour or drift.gain_walk or drift.resolution_per_hour):
            return expected, meta
        edges = self.probe.axis.edges
        middles = 0.5 * (edges[1:] + edges[:-1])
        out = np.empty_like(expected)
        for row in range(len(expected)):
            spectrum = expected[row]
            if wider[row] > 0:
                spectrum = _widened(spectrum, middles, self.probe.resolution, wider[row])
            # energy E shows at gain * E + offset: a channel holds what lay between its edges before
            running = np.concatenate([[0.0], np.cumsum(spectrum)])
            before = (edges - offset[row]) / gain[row]
            out[row] = np.diff(np.interp(before, edges, running))
        return out, meta


def _between(places: Floats, distance: float) -> Floats:
    """Return weights of tabulated distances: linear in the logarithm of rate times distance squared."""
    high = int(np.clip(np.searchsorted(places, distance), 1, len(places) - 1))
    near, far = places[high - 1], places[high]
    part = float(np.clip(np.log(distance / near) / np.log(far / near), 0.0, 1.0))
    weights = np.zeros(len(places))
    weights[high - 1] = (1 - part) * (near / distance) ** 2
    weights[high] = part * (far / distance) ** 2
    return weights


def _widened(spectrum: Floats, middles: Floats, resolution: Resolution, by: float) -> Floats:
    """Return the spectrum with peaks ``1 + by`` times as wide, counts kept."""
    sigma = resolution.fwhm(middles) / 2.354820045 * np.sqrt((1 + by) ** 2 - 1)
    kernel = np.exp(-0.5 * ((middles[None, :] - middles[:, None]) / sigma[:, None]) ** 2)
    kernel /= kernel.sum(axis=1, keepdims=True)
    result: Floats = spectrum @ kernel
    return result


def _scaled(rates: dict[str, Floats], total: float, *, equal: bool) -> dict[str, Floats]:
    _positive(total, "count_rate", "1/s")
    if equal:
        rates = {name: rate / rate.sum() for name, rate in rates.items()}
    whole = sum(float(rate.sum()) for rate in rates.values())
    return {name: rate * (total / whole) for name, rate in rates.items()}


def _positive(value: float, name: str, unit: str) -> None:
    if not (np.isfinite(value) and value > 0):
        raise DataError(
            f"{name} has to be positive", where="scene", expected=f"> 0 {unit}".strip(), found=f"{value:g}"
        )
