"""Drawn scenes of nine nuclides and background: which set is found, and the price in false alarms and counts.

    python benchmarks/drawn.py [known] [steel] [gain] [--spectra 10000] [--tuning 10000] [--threads 2]

A NaI detector of 3 x 3 inches, 1024 channels to 3 MeV, all of them used; sources at 1 m above a concrete
floor, natural background. A spectrum holds the background and 0 to 4 nuclides, all numbers equally likely
and all nuclides too. Total counts log-uniform 200 to 100,000, the background's share uniform .1 to .9, the
other shares uniform (Dirichlet); a spectrum with less than 50 counts expected of a nuclide or 125 of the
background is drawn again as a whole.

Two sets of nine: "common", of calibration, medicine and soil, with Ra-226, which is in the background too,
named before anything was run; "laboratory", the usual sealed check sources, added when the common set had
been seen to be hard (plain likelihood ratio .92 exact), so read the two together.

known   templates as drawn
steel   the nuclides, not the background, behind 0 to 30 mm of steel, uniform, one thickness a spectrum
gain    the detector's gain is off by up to 10 % either way, uniform

Columns: exact, the share of spectra in which just the nuclides that are there are found (half a 95 %
interval in brackets); false, the share in which any other is; missed, in which any is missed; error, the
counting error: the sum over all classes, the background too, of |estimate - expected counts| over the total,
mean over spectra, estimates of classes that are not called present counting as zero; relative, the mean over
the nuclides that are there of |estimate / expected counts - 1|; microseconds a spectrum.

"families=steel" is the model's own search, `train(families=...)`, calibrated by draws behind all thicknesses.
Only training spectra (sharp ones of each class) and their calibration set the model's thresholds. "plain
likelihood ratio" is that of the Poisson fit with one threshold, tuned on scenes of another seed for the
largest exact share at no more than 1.4 % false; "told" is the same where thickness or gain are known for
every spectrum. How much can be had at all: the rule of the largest posterior, with the very prior of the
scenes and all 256 sets of a spectrum compared (Laplace), finds .967 of the known scenes of the laboratory set
and .944 of the common one exactly (2000 spectra of each, +- .008 and .010).
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gamma_flow import Family, Labels, SpectrumSet
from gamma_flow.model import Model
from gamma_flow.numerics.decompose import decompose
from gamma_flow.numerics.rebin import rebin_counts
from gamma_flow.simulate import Shield, detector
from gamma_flow.simulate.spectra import expected_rates
from gamma_flow.simulate.surroundings import Background
from gamma_flow.training import train

SETS = {
    "common": ("Am-241", "Ba-133", "Co-57", "Co-60", "Cs-137", "Eu-152", "I-131", "Na-22", "Ra-226"),
    "laboratory": ("Am-241", "Ba-133", "Cd-109", "Co-57", "Co-60", "Cs-137", "Eu-152", "Mn-54", "Na-22"),
}
NUCLIDES = SETS["common"]
BACKGROUND = "background"
CLASSES = (*NUCLIDES, BACKGROUND)
PROBE = detector("NaI-3x3")
COUNTS, LEAST, LEAST_BACKGROUND = (200.0, 100_000.0), 50.0, 125.0
THICKEST, WIDEST = 3.0, 0.1  # cm of steel; relative gain
THIN = (0.0, 0.025, 0.05, 0.1, 0.15)  # cm of steel: the first of the model's family
FALSE = 0.014  # share of false alarms at which the plain threshold is tuned
SHARP, SPECTRA = 1e8, 25  # counts of a training spectrum, spectra of a class


def background() -> np.ndarray:
    return PROBE.counts(Background().deposit(PROBE.response))


def templates(steel: float = 0.0) -> np.ndarray:
    """Unit-sum templates behind so many cm of steel, shape (K, C)."""
    shield = Shield.of("steel", thickness=steel) if steel else None
    rows = np.stack([*(expected_rates(name, PROBE, shield=shield) for name in NUCLIDES), background()])
    return rows / rows.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class Scenes:
    """Drawn spectra; amounts (N, K) are expected counts, where is thickness in cm or gain."""

    values: np.ndarray
    amounts: np.ndarray
    where: np.ndarray

    @property
    def truth(self) -> np.ndarray:
        return self.amounts[:, :-1] > 0

    def spectra(self, rows: slice | np.ndarray = slice(None)) -> SpectrumSet:
        return SpectrumSet(self.values[rows], PROBE.axis)


def amounts(n: int, rng: np.random.Generator) -> np.ndarray:
    """Expected counts of each class."""
    out = np.zeros((n, len(CLASSES)))
    for row in out:
        while True:
            row[:] = 0
            total = np.exp(rng.uniform(*np.log(COUNTS)))
            held = rng.choice(len(NUCLIDES), rng.integers(0, 5), replace=False)
            own = rng.uniform(0.1, 0.9) if len(held) else 1.0
            row[held] = total * (1 - own) * rng.dirichlet(np.ones(len(held))) if len(held) else 0.0
            row[-1] = total * own
            if row[-1] >= LEAST_BACKGROUND and (row[held] >= LEAST).all():
                break
    return out


def drawn(kind: str, n: int, seed: int, levels: int = 61) -> Scenes:
    """Draw scenes. Thickness and gain take one of ``levels`` equally likely values, for speed."""
    rng = np.random.default_rng([seed, ["known", "steel", "gain"].index(kind)])
    true = amounts(n, rng)
    middle = (np.arange(levels) + 0.5) / levels
    which = rng.integers(0, levels, n)
    mean = np.zeros((n, len(PROBE.axis)))
    where = {
        "known": np.zeros(levels),
        "steel": THICKEST * middle,
        "gain": 1 + WIDEST * (2 * middle - 1),
    }[kind][which]
    for value in np.unique(where):
        rows = where == value
        shapes = gained(value) if kind == "gain" else templates(value)
        mean[rows] = true[rows] @ shapes
    return Scenes(rng.poisson(mean).astype(np.float64), true, where)


_FINE: list[np.ndarray] = []


def gained(gain: float) -> np.ndarray:
    """Unit-sum templates of a detector of another gain, from finer channels that reach further up."""
    edges = np.linspace(0.0, 3600.0, 3601)
    if not _FINE:
        probe = detector("NaI-3x3", axis=type(PROBE.axis)(edges, "keV"))
        rows = [expected_rates(name, probe) for name in NUCLIDES]
        _FINE.append(np.stack([*rows, probe.counts(Background().deposit(probe.response))]))
    rows = rebin_counts(_FINE[0], gain * edges, PROBE.axis.edges).values
    return rows / rows.sum(axis=1, keepdims=True)


def sharp(shapes: np.ndarray, seed: int = 1) -> SpectrumSet:
    """Training spectra."""
    values = np.random.default_rng(seed).poisson(SHARP * np.repeat(shapes, SPECTRA, axis=0))
    labels = Labels.of([[name] for name in CLASSES for _ in range(SPECTRA)], background=BACKGROUND)
    origin = np.array([f"{name}#{row}" for name in CLASSES for row in range(SPECTRA)])
    return SpectrumSet(values.astype(np.float64), PROBE.axis, labels=labels, origin=origin)


@dataclass(frozen=True)
class Found:
    """What a method says: (N, K - 1) presence, (N, K) scores."""

    present: np.ndarray
    scores: np.ndarray


Answer = Callable[[Scenes], Found]


def by_model(model: Model) -> Answer:
    def answer(scenes: Scenes) -> Found:
        found = model.analyse(scenes.spectra(), detail="evidence", threads=THREADS)
        return Found(found.present[:, :-1], found.scores)

    return answer


def family(steps: int) -> Family:
    """Templates of the nuclides behind steel; with smaller steps below 2 mm, where X-rays vanish."""
    values = np.concatenate([THIN, np.linspace(0.2, THICKEST, steps - 1)])
    shapes = np.stack([templates(float(value))[:-1] for value in values])
    return Family(values, shapes, NUCLIDES, PROBE.axis, "steel", "cm")


def plain(values: np.ndarray, shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Poisson likelihood ratios without each nuclide, and scores."""
    fit = decompose(
        values,
        shapes,
        mismatch=(1e-6, 1e-6),
        adapt=False,
        novelty=False,
        skip=len(CLASSES) - 1,
        threads=THREADS,
    )
    return fit.ratios[:, :-1], fit.scores


Ratios = Callable[[Scenes], tuple[np.ndarray, np.ndarray]]


def known(scenes: Scenes) -> tuple[np.ndarray, np.ndarray]:
    return plain(scenes.values, templates())


def told(kind: str) -> Ratios:
    def ratios(scenes: Scenes) -> tuple[np.ndarray, np.ndarray]:
        out = np.zeros_like(scenes.truth, float), np.zeros_like(scenes.amounts)
        for value in np.unique(scenes.where):
            rows = scenes.where == value
            shapes = gained(value) if kind == "gain" else templates(value)
            out[0][rows], out[1][rows] = plain(scenes.values[rows], shapes)
        return out

    return ratios


def profiled(kind: str, steps: int) -> Ratios:
    """The plain Poisson fit at each thickness or gain of a grid; the likeliest one answers."""
    ends = (0.0, THICKEST) if kind == "steel" else (1 - WIDEST, 1 + WIDEST)
    grid = [gained(float(v)) if kind == "gain" else templates(float(v)) for v in np.linspace(*ends, steps)]

    def ratios(scenes: Scenes) -> tuple[np.ndarray, np.ndarray]:
        level = np.stack([
            decompose(scenes.values, shapes, mismatch=(1e-6, 1e-6), adapt=False, evidence=False,
                      novelty=False, threads=THREADS).log_likelihood
            for shapes in grid
        ])  # fmt: skip
        best = level.argmax(axis=0)
        out = np.zeros_like(scenes.truth, float), np.zeros_like(scenes.amounts)
        for number in np.unique(best):
            rows = best == number
            out[0][rows], out[1][rows] = plain(scenes.values[rows], grid[number])
        return out

    return ratios


def one_threshold(ratios: Ratios, tuning: Scenes) -> tuple[Answer, float]:
    """The threshold of the largest exact share at no more than FALSE, on scenes for that alone."""
    found = ratios(tuning)[0]
    rows = []
    for cut in np.arange(4.0, 16.0, 0.1):
        present = found > cut
        false = float((present & ~tuning.truth).any(axis=1).mean())
        rows.append((false <= FALSE, float((present == tuning.truth).all(axis=1).mean()), float(cut)))
    best = max(rows)[2]

    def answer(scenes: Scenes) -> Found:
        level, scores = ratios(scenes)
        return Found(level > best, scores)

    return answer, best


def measures(scenes: Scenes, found: Found) -> tuple[float, ...]:
    truth, true = scenes.truth, scenes.amounts
    exact = (found.present == truth).all(axis=1)
    kept = np.where(np.column_stack([found.present, np.ones(len(truth), bool)]), found.scores, 0.0)
    error = np.abs(kept - true).sum(axis=1) / true.sum(axis=1)
    relative = np.abs(kept[:, :-1][truth] / true[:, :-1][truth] - 1)
    return (
        float(exact.mean()),
        float(1.96 * exact.std() / np.sqrt(len(exact))),
        float((found.present & ~truth).any(axis=1).mean()),
        float((~found.present & truth).any(axis=1).mean()),
        float(error.mean()),
        float(relative.mean()),
    )


def show(name: str, scenes: Scenes, answer: Answer) -> None:
    start = time.perf_counter()
    found = answer(scenes)
    taken = 1e6 * (time.perf_counter() - start) / len(scenes.values)
    exact, half, false, missed, error, relative = measures(scenes, found)
    cells = f"{false:8.4f}{missed:8.4f}{error:8.4f}{relative:9.4f}{taken:8.0f}"
    print(f"{name:52s}{exact:8.4f} ({half:.4f}){cells}", flush=True)


def methods(kind: str, chosen: argparse.Namespace, tuning: Scenes) -> dict[str, Answer]:
    """Name of each method and what it answers; a model of templates as they are, unless named otherwise."""
    rates = {} if chosen.rate is None else {"false_alarm_rate": chosen.rate}
    options = {"nulls": chosen.nulls, **rates}
    shapes = templates()
    out: dict[str, Answer] = {}
    if kind == "gain":
        options["gain_range"] = WIDEST
    exact = ("gain",) if kind == "gain" else ()
    if kind == "steel":
        mean = np.stack([templates(float(t)) for t in np.linspace(0.0, THICKEST, 7)]).mean(axis=0)
        out["default, mean template of 0-30 mm"] = by_model(train(sharp(mean), **options))
        behind = {**options, "families": family(chosen.steps)}
        if chosen.slow:
            out["default, families=steel"] = by_model(train(sharp(shapes), **behind))
        out["parts=(), families=steel"] = by_model(train(sharp(shapes), **behind, parts=()))
    else:
        out["default"] = by_model(train(sharp(shapes), **options))
        out[f"parts={exact}"] = by_model(train(sharp(shapes), **options, parts=exact))
    way = (
        known
        if kind == "known"
        else profiled(kind, chosen.steps if kind == "steel" else 2 * chosen.steps + 1)
    )
    name = "plain likelihood ratio" + ("" if kind == "known" else ", profiled")
    out[name], cut = one_threshold(way, tuning)
    print(f"one threshold, {name}: {cut:.1f}")
    if kind != "known":
        out["told"], cut = one_threshold(told(kind), tuning)
        print(f"one threshold, told: {cut:.1f}")
    out["the paper's rule"] = by_model(train(sharp(shapes), noise="leastsquares"))
    return out


THREADS = 1


def main() -> None:
    global CLASSES, NUCLIDES, THREADS
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kinds", nargs="*", default=["known", "steel", "gain"])
    parser.add_argument("--spectra", type=int, default=5000)
    parser.add_argument(
        "--tuning", type=int, default=5000, help="scenes that the plain threshold is tuned on"
    )
    parser.add_argument("--nulls", type=int, default=10_000, help="of the calibrations")
    parser.add_argument(
        "--steps",
        type=int,
        default=16,
        help="thicknesses of the grid; gains are twice as many; the family has four more",
    )
    parser.add_argument("--rate", type=float, help="false_alarm_rate; the package's by default")
    parser.add_argument("--set", choices=SETS, action="append", dest="sets")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--slow", action="store_true", help="the default method with steel searched, too")
    parser.add_argument("--only", default="", help="methods whose names hold this text")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    THREADS = chosen.threads
    for name in chosen.sets or SETS:
        NUCLIDES = SETS[name]
        CLASSES = (*NUCLIDES, BACKGROUND)
        _FINE.clear()
        for kind in chosen.kinds:
            scenes, tuning = drawn(kind, chosen.spectra, 1), drawn(kind, chosen.tuning, 2)
            print(f"\n{kind}, the {name} set: {', '.join(NUCLIDES)}; {chosen.spectra} spectra")
            answers = methods(kind, chosen, tuning)
            print(
                f"{'':52s}{'exact':>8s}{'':9s}{'false':>8s}{'missed':>8s}{'error':>8s}{'relative':>9s}{'us':>8s}"
            )
            for label, answer in answers.items():
                if chosen.only in label:
                    show(label, scenes, answer)


if __name__ == "__main__":
    main()
