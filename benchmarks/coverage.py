"""How often intervals hold the true score, by counts and by size of the score.

python benchmarks/coverage.py
python benchmarks/coverage.py --spectra 20000 --case exact

Nine nuclides and background in a NaI detector of 3 x 3 inches, 256 channels, drawn counts. In each spectrum
background of 5 to 95 % and one to three nuclides; the other scores are zero. The columns are true scores in
units of their standard deviation at the truth, from the Fisher information of the classes that are there.
Cases:

exact   templates as drawn, Poisson fit
drawn   templates distorted as the prior of the fit says (gain 1 %, offset 3 keV, resolution 10 %, smooth 10
%,
        1 % a channel), fit with distortions
moved   the same, but gain and offset move the templates for good, which derivatives describe to first order
only

Methods: "cut" is the normal distribution cut at zero with the error of the fit; "bound" takes the variance at
the bound; "settled" does so about estimates that got back what insignificant scores took; "both" spans
the last two. The last columns have the scores above 3 sd apart: the nuclides and the background.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data import Axis
from gamma_flow.numerics.decompose import Decomposed, Distortions, decompose
from gamma_flow.numerics.draw import poisson
from gamma_flow.numerics.drift import derivatives, moved
from gamma_flow.numerics.information import covariance, information
from gamma_flow.numerics.novelty import smooth_modes
from gamma_flow.numerics.uncertainty import intervals, settled
from gamma_flow.simulate import detector
from gamma_flow.simulate.spectra import expected_rates
from gamma_flow.simulate.surroundings import Background

Floats = NDArray[np.float64]

NUCLIDES = ["Am-241", "Ba-133", "Co-57", "Co-60", "Cs-137", "Eu-152", "I-131", "Ir-192", "Ra-226"]
COUNTS = [300, 1000, 3000, 10_000, 30_000, 100_000]
CASES = ["exact", "drawn", "moved", "refit"]
MISMATCH = 0.01
EDGES = np.linspace(0.0, 3000.0, 257)


def templates() -> tuple[Floats, Distortions]:
    probe = detector("NaI-3x3", axis=Axis(EDGES, "keV"))
    rows = [expected_rates(name, probe) for name in NUCLIDES]
    rows.append(probe.counts(Background().deposit(probe.response)))
    shapes = np.array(rows)
    shapes /= shapes.sum(axis=1, keepdims=True)
    return shapes, distortions(shapes)


def distortions(shapes: Floats) -> Distortions:
    width = detector("NaI-3x3").resolution.fwhm(np.maximum(EDGES, 1.0))
    drift = derivatives(shapes, EDGES, gain=0.01, offset=3.0, resolution=0.1, width=width)
    return Distortions(smooth_modes(shapes, 4, 0.1), 4, drift)


def amounts(n: int, counts: int, rng: np.random.Generator) -> Floats:
    shares = np.zeros((n, len(NUCLIDES) + 1))
    shares[:, -1] = rng.uniform(0.05, 0.95, n)
    for row in shares:
        present = rng.choice(len(NUCLIDES), rng.integers(1, 4), replace=False)
        row[present] = (1 - row[-1]) * rng.dirichlet(np.full(len(present), 0.4))
    return shares * counts


def expected(case: str, true: Floats, shapes: Floats, prior: Distortions, rng: np.random.Generator) -> Floats:
    if case == "exact":
        return true @ shapes
    n, k = true.shape
    z = rng.normal(size=(n, k, prior.modes))
    d = rng.normal(size=(n, len(prior.drift)))
    first = 2 if case in ("moved", "refit") else 0
    mean = true @ shapes + np.einsum("nk,nkq,kqc->nc", true, z, prior.spread, optimize=True)
    mean += np.einsum("nd,nk,dkc->nc", d[:, first:], true, prior.drift[first:], optimize=True)
    mean = np.maximum(mean, 0.0)
    if first:
        for i in range(n):
            mean[i] = moved(mean[i : i + 1], EDGES, 1 + 0.01 * d[i, 0], 3.0 * d[i, 1])[0]
    return mean * rng.gamma(MISMATCH**-2, MISMATCH**2, size=mean.shape)


def true_errors(true: Floats, s: Floats) -> Floats:
    out = np.empty_like(true)
    for k in range(true.shape[1]):
        free = true > 0
        free[:, k] = True
        out[:, k] = np.sqrt(covariance(s, free)[:, k, k])
    return out


def fitted_to(values: Floats, shapes: Floats, used: Distortions, plain: bool) -> Decomposed:
    return decompose(
        values,
        shapes,
        used,
        mismatch=(1e-6, 1e-6) if plain else (MISMATCH, 0.3),
        adapt=not plain,
        evidence=False,
        novelty=False,
        mean=True,
    )


def refitted(values: Floats, shapes: Floats, fit: Decomposed, passes: int = 2) -> tuple[Decomposed, Floats]:
    """Move the templates of each spectrum by its fitted drift, and fit again."""
    rows, parts = [], []
    for i in range(len(values)):
        gain, offset, found = 1.0, 0.0, fit.drifts[i]
        for _ in range(passes):
            gain, offset = gain + 0.01 * found[0], offset + 3.0 * found[1]
            there = moved(shapes, EDGES, gain, offset)
            used = distortions(there)
            one = fitted_to(values[i : i + 1], there, used, plain=False)
            found = one.drifts[0]
        rows.append(one)
        parts.append(information(one.scores, there, used, mean=one.mean, mismatch=one.mismatch))
    names = ("scores", "free", "errors")
    return replace(fit, **{n: np.concatenate([getattr(r, n) for r in rows]) for n in names}), np.concatenate(
        parts
    )


def report(case: str, counts: int, n: int, shapes: Floats, prior: Distortions) -> None:
    rng = np.random.default_rng([counts, CASES.index(case)])
    n = n // 10 if case == "refit" else n
    true = amounts(n, counts, rng)
    values = poisson(expected(case, true, shapes, prior, rng), rng, threads=1)
    plain = case == "exact"
    used = Distortions.none(*shapes.shape) if plain else prior
    start = time.perf_counter()
    fit = fitted_to(values, shapes, used, plain)
    s = information(fit.scores, shapes, used, mean=fit.mean, mismatch=fit.mismatch)
    if case == "refit":
        fit, s = refitted(values, shapes, fit)
    fitted = time.perf_counter()
    free = settled(fit.scores, fit.free, fit.errors, s)
    bounds = intervals(fit.free, fit.errors, settled=free)
    done = time.perf_counter()
    size = true / true_errors(true, information(true, shapes, used, mismatch=0.0 if plain else MISMATCH))
    groups = [true == 0, (true > 0) & (size < 1), (size >= 1) & (size < 3), size >= 3]
    source = np.arange(true.shape[1]) < len(NUCLIDES)
    groups += [groups[3] & source, groups[3] & ~source]
    methods = {
        "cut": intervals(fit.free, fit.errors, unit=0.0),
        "bound": intervals(fit.free, fit.errors),
        "settled": intervals(free, fit.errors),
        "both": bounds,
    }
    for method, found in methods.items():
        inside = (found[..., 0] <= true + 1e-9) & (true <= found[..., 1] + 1e-9)
        cells = " ".join(f"{inside[g].mean():8.3f}" if g.any() else f"{'-':>8}" for g in groups)
        print(f"{case:<6} {counts:>7} {method:<8} {cells}", flush=True)
    print(
        f"{'':<6} {'':>7} {'scores':<8} {' '.join(f'{g.sum():8d}' for g in groups)}   us a spectrum: "
        f"fit and information {1e6 * (fitted - start) / n:.0f}, intervals {1e6 * (done - fitted) / n:.0f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--spectra", type=int, default=4000, help="of each kind (%(default)s)")
    parser.add_argument("--case", choices=CASES, action="append", help="default: all")
    parser.add_argument("--counts", type=int, action="append", help="default: 300 to 100,000")
    given = parser.parse_args()
    shapes, prior = templates()
    titles = ["0", "< 1 sd", "1-3 sd", "> 3 sd", "nuclides", "backgr."]
    print("coverage of 95 % intervals by true score")
    print(f"{'case':<6} {'counts':>7} {'method':<8} {' '.join(f'{t:>8}' for t in titles)}")
    for case in given.case or CASES:
        for counts in given.counts or COUNTS:
            report(case, counts, given.spectra, shapes, prior)


if __name__ == "__main__":
    main()
