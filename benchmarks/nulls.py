"""Are p-values uniform on fresh nulls? Drawn as the calibration draws them, with another seed.

    python benchmarks/nulls.py [library] [bfs] [--draws 20000] [--nulls 10000] [--seeds 1] [--parts gain,...]

For each class, the share of draws without it whose p-value is below .1, .05, .01, .001, and how far the
distribution of p below .1 is from uniform (Kolmogorov-Smirnov, over the critical distance at 5 %). A star
marks shares whose 95 % interval (Wilson) excludes the nominal. The calibration is itself an estimate from
--nulls draws, which the interval does not contain: an exclamation mark stands where the deviation exceeds
95 % of what an empirical quantile of so many draws would bring with it. "spread" is the relative standard
deviation of the share over --seeds trainings. Then the same over counts; the rate of spectra with any alarm
at the promised rate, without and with the rule of the least share; and novelty.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np

from gamma_flow import training
from gamma_flow._answers import shares_of
from gamma_flow._engine import Engine, log_counts, novelty_of
from gamma_flow.data import SpectrumSet
from gamma_flow.model import Model
from gamma_flow.numerics.nulls import draw_nulls
from gamma_flow.simulate import train_from_library

LEVELS = (0.1, 0.05, 0.01, 0.001)
NUCLIDES = ("Am-241", "Ba-133", "Co-60", "Cs-137", "Eu-152")


def wilson(hits: int, n: int, z: float = 1.96) -> tuple[float, float]:
    p = hits / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return middle - half, middle + half


def told(hits: int, n: int, nominal: float, calibration: int = 0) -> str:
    lo, hi = wilson(hits, n)
    mark = " "
    if not lo <= nominal <= hi:
        spread = np.sqrt(nominal * (1 - nominal) * (1 / n + (1 / calibration if calibration else 0.0)))
        mark = "!" if abs(hits / n - nominal) > 1.96 * spread else "*"
    return f"{hits / n:.5f} [{lo:.5f}, {hi:.5f}]{mark}"


class Trained:
    """A model with the pools that its nulls were drawn from."""

    def __init__(self, make, seed: int) -> None:
        original = training.calibrate

        def kept(engine: Engine, pools, *rest, **named):
            self.engine, self.pools = engine, pools
            return original(engine, pools, *rest, **named)

        training.calibrate = kept
        try:
            self.model: Model = make(seed)
        finally:
            training.calibrate = original


class Fresh:
    """Draws and their fit; the same for all calibrations of one model."""

    def __init__(self, of: Trained, draws: int, seed: int, threads: int) -> None:
        engine = of.engine
        background = None if engine.skip < 0 else engine.skip
        values, self.presence = draw_nulls(
            of.pools,
            background,
            engine.templates.axis.edges,
            engine.templates.active,
            draws,
            engine.drawn(),
            np.random.default_rng(seed),
        )
        taken = np.ascontiguousarray(engine.taken(values))
        self.background = background
        self.fit = engine.fit(taken, threads=threads)
        counts = taken.sum(axis=1)
        self.x = log_counts(counts)
        self.novelty = novelty_of(self.fit, counts, taken.shape[1])
        self.shares = shares_of(self.fit.scores)


def distance(p: np.ndarray) -> float:
    """Kolmogorov-Smirnov distance of p below .1 from uniform, in units of its critical value at 5 %."""
    low = np.sort(p[p < 0.1]) / 0.1
    n = len(low)
    if n == 0:
        return np.inf
    step = np.arange(n + 1) / n
    largest = max(np.abs(low - step[1:]).max(), np.abs(low - step[:-1]).max())
    return float(largest * np.sqrt(n) / 1.358)


def report(name: str, make, seeds: int, draws: int, threads: int) -> None:
    start = time.perf_counter()
    first = Trained(make, 1)
    fresh = Fresh(first, draws, 1234, threads)
    models = [first.model, *(Trained(make, 1 + i).model for i in range(1, seeds))]
    model, rate = first.model, first.model.method.false_alarm_rate
    print(f"\n{name}: {', '.join(model.classes)}; parts {', '.join(model.method.parts) or 'none'}")
    print(f"calibration {model.calibration.describe()}, {time.perf_counter() - start:.0f} s")
    print(f"{'':12s}{'draws':>7s}" + "".join(f"{f'p < {at:g}':^31s}" for at in LEVELS) + "  KS / critical")
    inside, cells = np.zeros(len(LEVELS)), 0
    log_p = [m.calibration.log_p(fresh.fit.ratios, fresh.x) for m in models]
    for k, label in enumerate(model.classes):
        if k == fresh.background:
            continue
        absent = ~fresh.presence[:, k]
        p, n = np.exp(log_p[0][absent, k]), int(absent.sum())
        shown = [told(int((p < at).sum()), n, at, int(model.calibration.n_nulls[k])) for at in LEVELS]
        inside += [text.endswith(" ") for text in shown]
        cells += 1
        print(f"{label:12s}{n:7d}" + "".join(f"{text:>31s}" for text in shown) + f"{distance(p):15.2f}")
        if seeds > 1:
            rates = np.array([[(np.exp(one[absent, k]) < at).mean() for at in LEVELS] for one in log_p])
            means, spread = rates.mean(axis=0), rates.std(axis=0, ddof=1)
            text = [f"mean {m:.5f} spread {s / max(m, 1e-9):.1%}" for m, s in zip(means, spread, strict=True)]
            print(f"{'':19s}" + "".join(f"{one:>31s}" for one in text))
    print(f"{'inside':19s}" + "".join(f"{f'{int(one)} of {cells}':>31s}" for one in inside))
    by_bins(fresh, log_p[0])
    alarms = []
    for one, cal in zip(log_p, (m.calibration for m in models), strict=True):
        sure = (np.exp(one) < cal.threshold(rate)) & ~fresh.presence
        alarms.append([sure.any(axis=1), (sure & (fresh.shares > model.method.min_share)).any(axis=1)])
    for label, column in (("without the share", 0), ("with the share", 1)):
        first_one = told(int(alarms[0][column].sum()), draws, rate)
        rates = np.array([a[column].mean() for a in alarms])
        print(
            f"spectra with an alarm, {label}: {first_one} promised {rate:g}"
            + (f"; seeds {rates.mean():.5f} +- {rates.std(ddof=1):.5f}" if seeds > 1 else "")
        )
    if len(model.calibration.novelty) and model.method.has("learned"):
        p = model.calibration.novelty_p(fresh.novelty, fresh.x)
        shown = [f"p <= {at:g}: {told(int((p <= at).sum()), draws, at)}" for at in LEVELS[:3]]
        print("novelty  " + "  ".join(shown))


def by_bins(fresh: Fresh, log_p: np.ndarray, bins: int = 6) -> None:
    """The same over counts, all classes together: is it uniform at every number of counts?"""
    edges = np.quantile(fresh.x, np.linspace(0, 1, bins + 1))
    where = np.clip(np.searchsorted(edges, fresh.x, side="right") - 1, 0, bins - 1)
    absent = ~fresh.presence
    for b in range(bins):
        p = np.exp(log_p[where == b][absent[where == b]])
        shown = [told(int((p < at).sum()), len(p), at) for at in LEVELS]
        label = f"10^{edges[b]:.1f} to {edges[b + 1]:.1f}"
        print(f"{label:12s}{len(p):7d}" + "".join(f"{text:>31s}" for text in shown))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("which", nargs="*", default=["library", "bfs"], help="library, bfs (default: both)")
    parser.add_argument("--draws", type=int, default=20_000)
    parser.add_argument("--nulls", type=int, default=10_000, help="of the calibration")
    parser.add_argument("--seeds", type=int, default=1, help="trainings that the spread is taken over")
    parser.add_argument("--parts", default=None, help="comma-separated; an empty text for none")
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    options = {"nulls": chosen.nulls}
    if chosen.parts is not None:
        options["parts"] = tuple(filter(None, chosen.parts.split(",")))
    given = (chosen.seeds, chosen.draws, chosen.threads)
    if "library" in chosen.which:
        report("library", lambda s: train_from_library(NUCLIDES, "NaI-3x3", seed=s, **options), *given)
    if "bfs" in chosen.which:
        bfs(options, given)


def bfs(options: dict, given: tuple[int, int, int]) -> None:
    import accuracy

    if not accuracy.SHARED.exists():
        print(f"\nbfs skipped: the reference data are not present at {accuracy.SHARED}")
        return
    found = accuracy.scan(accuracy.SHARED, naming=accuracy.Naming(aliases={"Unat": "UNat"}))
    spectra: SpectrumSet = accuracy.pool(list(found.sets))
    report("bfs", lambda s: accuracy.trained(spectra, seed=s, **options), *given)


if __name__ == "__main__":
    main()
