"""Speed of the engine against its goals: least squares, Poisson, the full analysis, one spectrum, memory.

    python benchmarks/speed.py
    python benchmarks/speed.py --only scores memory

One thread, float64, one process, medians of repeats; the bare product and the loops of SciPy are timed in the
same run. The full analysis takes the paper's measured spectra where they are present, else drawn ones.
Memory is the growth of the peak resident size of a process of its own over input and answer.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
os.environ.update(dict.fromkeys(THREADS, "1"))  # before numpy is imported

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy.optimize import nnls as scipy_nnls
from unmix import synthetic

import gamma_flow as gf
from gamma_flow.data.method import PARTS, Method
from gamma_flow.numerics._compiled import engine_name
from gamma_flow.numerics.decompose import Distortions, decompose
from gamma_flow.numerics.unmix import Unmixer

Floats = NDArray[np.float64]
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "bfs" / "example_dataset.zip"
SIZES = ((5, 249, 25.0), (18, 249, 12.0), (60, 1024, 5.0))  # classes, channels, goal over the loop
NUCLIDES = (
    "Am-241 Ba-133 Cd-109 Co-57 Co-60 Cs-137 Eu-152 F-18 Ga-67 I-131 In-111 Ir-192 Lu-177m Na-22 Ra-226 "
    "Tc-99m Th-232"
)
PLAIN = {"mismatch": (1e-6, 1e-6), "adapt": False, "novelty": False}


def seconds(function: Callable[[], object], repeats: int, least: float = 0.3) -> float:
    """Return the median wall time of a call after one to warm up; more repeats where calls are short."""
    function()
    times: list[float] = []
    while len(times) < repeats or (sum(times) < least and len(times) < 2000):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def verdict(value: float, goal: float, *, more: bool = False) -> str:
    return "met" if (value >= goal if more else value <= goal) else "missed"


def line(what: str, value: str, goal: str = "", met: str = "") -> None:
    print(f"{what:<58} {value:>13} {goal:>12} {met:>7}", flush=True)


def scores(repeats: int) -> None:
    """Least squares, with and without the quality of the fit, against a loop and a product."""
    print("\nleast squares: microseconds a spectrum, and times as fast as a loop of scipy.optimize.nnls")
    for k, c, goal in SIZES:
        _, x, t = synthetic(14_000 if k < 60 else 3000, k, c)
        unmixer, columns, n = Unmixer(t), np.ascontiguousarray(t.T), len(x)
        some = x[: 3000 if k < 60 else 400]
        loop = seconds(lambda s=some, m=columns: [scipy_nnls(m, row) for row in s], repeats) / len(some)
        ours = seconds(lambda u=unmixer, s=x: u.nnls(s), 3 * repeats) / n
        whole = seconds(lambda u=unmixer, s=x: u.unmix(s), 3 * repeats) / n
        product = seconds(lambda s=x, m=columns: s @ m, 3 * repeats) / n
        name = f"k = {k}, c = {c}"
        line(f"{name}: loop of scipy.optimize.nnls", f"{1e6 * loop:.2f} us")
        line(f"{name}: product X @ T.T", f"{1e6 * product:.3f} us")
        line(
            f"{name}: scores",
            f"{1e6 * ours:.3f} us {loop / ours:.1f}x",
            f">= {goal:g}x",
            verdict(loop / ours, goal, more=True),
        )
        line(f"{name}: scores, cosine, explained variance", f"{1e6 * whole:.3f} us {loop / whole:.1f}x")
        over = ours / product
        if k == 5:
            line(f"{name}: scores over the product", f"{over:.1f}x", "<= 4x", verdict(over, 4))
        else:
            line(f"{name}: scores over the product", f"{over:.1f}x")


def evidence(repeats: int) -> None:
    """Poisson scores with errors and plain likelihood ratios, beside the paper's loop of least squares."""
    print("\nPoisson scores, errors and likelihood ratios, templates exact")
    for k, c, goal in ((5, 249, None), (10, 1024, 100.0)):
        _, x, t = synthetic(4000, k, c)
        exact = Distortions.none(k, c)
        fit = 1e6 * seconds(lambda x=x, t=t, e=exact: decompose(x, t, e, **PLAIN), repeats) / len(x)
        name = f"k = {k}, c = {c}"
        if goal is None:
            paper = 1e6 * seconds(lambda x=x, t=t: paper_loop(x, t), repeats) / len(x)
            line(f"{name}: the paper's loop (nnls, denoise, cosine)", f"{paper:.1f} us")
            line(f"{name}: decompose", f"{fit:.1f} us", f"<= {paper:.1f} us", verdict(fit, paper))
        else:
            line(f"{name}: decompose", f"{fit:.1f} us", f"< {goal:g} us", verdict(fit, goal))


def paper_loop(x: Floats, t: Floats) -> Floats:
    """One spectrum after the other: scores, shares, the denoised spectrum, its centred cosine."""
    columns = np.ascontiguousarray(t.T)
    cosines = np.zeros(len(x))
    for i, row in enumerate(x):
        found, _ = scipy_nnls(columns, row)
        found = found / max(found.sum(), 1e-300)
        made = np.dot(found, t)
        a, b = row - row.mean(), made - made.mean()
        size = np.sqrt(np.dot(a, a) * np.dot(b, b))
        cosines[i] = np.dot(a, b) / size if size > 0 else 0.0
    return cosines


def drawn(nuclides: list[str], n: int) -> tuple[gf.Model, gf.SpectrumSet]:
    """Return a model of simulated nuclides and background, and mixtures of up to three of them."""
    from gamma_flow.simulate import detector, train_from_library

    axis = gf.Axis.polynomial([-12.0, 8.15, 0.0012], channels=256, unit="keV", reference="centre")
    model = train_from_library(nuclides, detector("NaI-3x3", axis=axis), energy_range=(41, None), nulls=1000)
    rng = np.random.default_rng(1)
    k = len(model.classes)
    amounts = np.zeros((n, k))
    for row in amounts:
        chosen = rng.choice(k - 1, rng.integers(0, 4), replace=False)
        row[chosen] = 10 ** rng.uniform(2, 4.5, len(chosen))
        row[-1] = 10 ** rng.uniform(2.5, 3.5)
    values = rng.poisson(amounts @ model.templates.shapes).astype(np.float64)
    return model, gf.SpectrumSet(values, axis, live_time=np.ones(n))


def measured() -> tuple[gf.Model, gf.SpectrumSet] | None:
    """Return a model of the paper's data and measured spectra of a detector, if they are present."""
    if not SHARED.exists():
        return None
    from accuracy import pool, trained

    from gamma_flow.io.naming import Naming
    from gamma_flow.io.reading import scan

    sets = scan(SHARED, naming=Naming(aliases={"Unat": "UNat"})).sets
    model = trained(pool(sets), classes=["Am241", "Co60", "Cs137", "Eu152", "background"])
    parts = [part for part in sets if part.detector[0] != "simulated"]
    return model, max(parts, key=len)


def full(repeats: int) -> None:
    """Everything that the default analysis answers, and how two threads share it."""
    print("\nthe default analysis: all parts, errors, likelihood ratios, novelty; microseconds a spectrum")
    real = measured()
    if real is None:
        print("the reference data are not present: drawn spectra")
    cases = [real or drawn(NUCLIDES.split()[3:7], 3000), drawn(NUCLIDES.split(), 2000)]
    for number, (goal, (model, spectra)) in enumerate(zip((150.0, 600.0), cases, strict=True)):
        engine = model._engine(spectra.axis)
        assert engine.method.parts == PARTS
        values, live = engine.taken(spectra.values), spectra.live_time
        k, c = engine.shapes.shape
        kind = "measured" if number == 0 and real is not None else "drawn"
        name = f"k = {k}, c = {c}, {len(values)} {kind}"

        def fit(threads: int, e=engine, v=values, t=live) -> object:
            return e.fit(v, None, t, threads=threads)

        one = seconds(lambda: fit(1), repeats)
        us = 1e6 * one / len(values)
        line(f"{name}: Engine.fit", f"{us:.0f} us", f"< {goal:g} us", verdict(us, goal))
        whole = 1e6 * seconds(lambda m=model, s=spectra: m.analyse(s), repeats) / len(values)
        line(f"{name}: Model.analyse", f"{whole:.0f} us")
        if (os.cpu_count() or 1) > 1:
            times = one / seconds(lambda: fit(2), repeats)
            line(f"{name}: 2 threads against 1", f"{times:.2f}x", ">= 1.8x", verdict(times, 1.8, more=True))


def single(repeats: int) -> None:
    """One spectrum through the public door, as a live detector sends it."""
    print("\none spectrum through Model.analyse, 4 nuclides and background")
    model, spectra = drawn(NUCLIDES.split()[3:7], 200)
    plain = gf.Model(model.templates, Method())
    rows = [spectra[i] for i in range(len(spectra))]
    for what, m, goal in (("least squares", plain, 100.0), ("everything", model, 500.0)):
        each = 1e6 * seconds(lambda m=m: [m.analyse(row) for row in rows], repeats) / len(rows)
        line(f"{what}", f"{each:.0f} us", f"< {goal:g} us", verdict(each, goal))


CHILD = """
import os, resource, sys
import numpy as np
import gamma_flow as gf
from gamma_flow.data.method import Method

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

def resident():
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

n, noise = int(sys.argv[1]), sys.argv[2]
rng = np.random.default_rng(1)
axis = gf.Axis.linear(0, 3000, 256, "keV")
x = np.arange(256.0)
shapes = np.array([np.exp(-x / 60) + 3 * np.exp(-0.5 * ((x - 40 * i - 30) / 4) ** 2) for i in range(5)])
templates = gf.Templates(shapes, tuple("abcde"), axis, np.ones(256, bool), np.ones(5, int), "counts", None)
model = gf.Model(templates, Method(noise, ("mismatch",) if noise == "poisson" else ()))
values = np.empty((n, 256))
mean = 20.0 * templates.shapes.sum(axis=0)
for start in range(0, n, 1000):
    values[start : start + 1000] = rng.poisson(mean, (min(1000, n - start), 256))
spectra = gf.SpectrumSet(values, axis, origin=np.array(["x"] * n))
del values
model.analyse(spectra[:200])
ballast = np.ones(max(peak() - resident(), 0) // 8)  # making the spectra took more: stand at the peak again
before = peak()
found = model.analyse(spectra)
grown = peak() - before
answer = sum(
    getattr(found, name).nbytes
    for name in found.__dataclass_fields__
    if name not in ("values", "time", "live_time", "detector", "origin")
    and isinstance(getattr(found, name), np.ndarray)
)
print(grown, answer, spectra.values.nbytes)
"""


def memory() -> None:
    """By how much the peak resident size grows beyond input and answer."""
    print("\nmemory: growth of the peak beyond input and answer: bounded if it does not grow with N")
    if not Path("/proc/self/statm").exists():
        print("the resident size is read from /proc, which is not here")
        return
    for noise in ("leastsquares", "poisson"):
        extra = []
        for n in (20_000, 200_000):
            done = subprocess.run(
                [sys.executable, "-c", CHILD, str(n), noise], capture_output=True, text=True, check=False
            )
            if done.returncode:
                print(f"{noise}, N = {n}: failed: {done.stderr.strip().splitlines()[-1]}")
                continue
            grown, answer, values = (int(v) / 2**20 for v in done.stdout.split())
            extra.append(grown - answer)
            what = f"{noise}, N = {n} x 256: input {values:.0f} MB, answer {answer:.0f} MB"
            line(what, f"{extra[-1]:.0f} MB")
        if len(extra) == 2:
            more = extra[1] - extra[0]
            line(f"{noise}: more for ten times as many", f"{more:.0f} MB", "<= 16 MB", verdict(more, 16))


def main() -> None:
    parts = {"scores": scores, "evidence": evidence, "full": full, "single": single, "memory": memory}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=list(parts), default=list(parts))
    parser.add_argument("--repeats", type=int, default=3, help="repeats of the slow sides (%(default)s)")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    print(
        f"numpy {np.__version__}, scipy {scipy.__version__}, python {platform.python_version()}, "
        f"engine: {engine_name()}; one thread unless said otherwise; medians"
    )
    if hasattr(os, "getloadavg"):
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors; figures hold where it is idle")
    line("", "found", "goal")
    for name in given.only:
        if name == "memory":
            memory()
        else:
            parts[name](given.repeats)


if __name__ == "__main__":
    main()
