"""Speed of unmixing: all spectra at once, against one scipy call a spectrum as in the published method.

    python benchmarks/unmix.py
    python benchmarks/unmix.py --npz mine.npz      # arrays `values` (N, C) and `templates` (K, C)

Both sides do the same work on the same arrays in the same run: scores by non-negative least squares, shares
of the scores, and the centred cosine of every spectrum and its denoised twin. One thread; medians of repeats.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy.optimize import nnls as scipy_nnls

from gamma_flow.io.reading import scan
from gamma_flow.numerics.unmix import kkt_violation, unmix
from gamma_flow.settings import load_settings
from gamma_flow.workflow import prepare, train_on

Floats = NDArray[np.float64]
Result = tuple[Floats, Floats, Floats]


SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "bfs" / "example_dataset.zip"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def keep_to_one_thread() -> None:
    """Start again with one thread, for BLAS reads its limits when numpy is imported."""
    if any(os.environ.get(name) != "1" for name in THREADS):
        os.environ.update(dict.fromkeys(THREADS, "1"))
        os.execv(sys.executable, [sys.executable, *sys.argv])


def load(npz: Path | None, n: int, k: int) -> tuple[str, Floats, Floats]:
    """Return a name, values (N, C) and templates (K, C); a synthetic stand-in without a file."""
    if npz is not None:
        with np.load(npz) as arrays:
            return npz.name, arrays["values"].astype(np.float64), arrays["templates"].astype(np.float64)
    return synthetic(n, k)


def reference() -> tuple[str, Floats, Floats] | None:
    """Return the paper's own data as its settings prepare them, if they are present beside the repository."""
    if not SHARED.exists():
        return None
    warnings.simplefilter("ignore")
    settings = load_settings(preset="paper")
    (spectra,) = prepare(scan(SHARED).sets, settings)
    templates = train_on((spectra,), settings).templates
    return "the paper's data", spectra.values[:, templates.active], templates.shapes[:, templates.active]


def synthetic(n: int, k: int, channels: int = 249) -> tuple[str, Floats, Floats]:
    """Return counts that Poisson draws from one to a few of k smooth shapes with peaks."""
    rng = np.random.default_rng(k)
    x = np.arange(channels)
    shapes = []
    for _ in range(k):
        shape = np.exp(-x / rng.uniform(30, 200))
        for _ in range(rng.integers(2, 8)):
            height, place, width = rng.uniform(1, 4), rng.uniform(5, channels - 9), rng.uniform(2, 6)
            shape += height * np.exp(-0.5 * ((x - place) / width) ** 2)
        shapes.append(shape / shape.sum())
    templates = np.array(shapes)
    chosen = rng.random((n, k)) < 0.2
    chosen[np.arange(n), rng.integers(0, k, n)] = True
    scores = rng.gamma(1.0, 4000.0, (n, k)) * chosen
    return f"synthetic, k = {k}", rng.poisson(scores @ templates).astype(np.float64), templates


def batched(values: Floats, templates: Floats) -> Result:
    """All spectra at once."""
    found = unmix(values, templates)
    total = found.scores.sum(axis=1, keepdims=True)
    shares = np.divide(found.scores, total, out=np.zeros_like(found.scores), where=total > 0)
    return found.scores, shares, found.quality.centred_cosine


def one_by_one(values: Floats, templates: Floats) -> Result:
    """One spectrum after the other, as in the published method."""
    scores, shares = np.empty((2, len(values), len(templates)))
    cosines = np.zeros(len(values))
    columns = np.ascontiguousarray(templates.T)
    for i, spectrum in enumerate(values):
        scores[i], _ = scipy_nnls(columns, spectrum)
        total = scores[i].sum()
        shares[i] = scores[i] / total if total > 0 else 0.0
        denoised = np.dot(scores[i], templates)
        a, b = spectrum - spectrum.mean(), denoised - denoised.mean()
        size = np.sqrt(np.dot(a, a) * np.dot(b, b))
        cosines[i] = np.dot(a, b) / size if size > 0 else 0.0
    return scores, shares, cosines


def median_time(
    function: Callable[[Floats, Floats], Result], data: tuple[Floats, Floats], repeats: int
) -> float:
    """Return the median wall time of a call in seconds, after one call to warm up."""
    function(*data)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function(*data)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def report(name: str, values: Floats, templates: Floats, repeats: int) -> str:
    """Time both on the same arrays, compare their results, and return a line of the table."""
    data = values, templates
    fast = median_time(batched, data, 3 * repeats) / len(values) * 1e6
    slow = median_time(one_by_one, data, repeats) / len(values) * 1e6
    found, expected = batched(*data), one_by_one(*data)
    scale = np.maximum(np.abs(expected[0]).max(axis=1), np.finfo(float).tiny)
    apart = (np.abs(found[0] - expected[0]).max(axis=1) / scale).max()
    cosine = np.abs(found[2] - expected[2]).max()
    kkt = kkt_violation(values, templates, found[0]).max()
    shape = f"{len(values)} x {values.shape[1]}"
    return (
        f"{name:<22} {shape:>13} {len(templates):>4} {slow:>10.2f} {fast:>10.2f} {slow / fast:>8.1f} "
        f"{apart:>9.0e} {cosine:>9.0e} {kkt:>9.0e}"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--npz", type=Path, help="file with arrays `values` (N, C) and `templates` (K, C)")
    parser.add_argument("--spectra", type=int, default=14_395, help="synthetic spectra (%(default)s)")
    parser.add_argument("--repeats", type=int, default=3, help="repeats of the slow side (%(default)s)")
    given = parser.parse_args()
    print(
        f"numpy {np.__version__}, scipy {scipy.__version__}, python {platform.python_version()}, one thread; "
        "microseconds a spectrum, medians; largest differences of scores (to the largest of a spectrum) and "
        "cosines, and largest violation of the KKT conditions"
    )
    print(
        f"{'data':<22} {'spectra':>13} {'k':>4} {'one by one':>10} {'batched':>10} {'times':>8} "
        f"{'scores':>9} {'cosine':>9} {'KKT':>9}"
    )
    sizes = [(given.spectra, 5), (given.spectra // 2, 18), (given.spectra // 4, 60)]
    sets = [load(None, n, k) for n, k in sizes]
    paper = reference()
    if paper is not None:
        sets.insert(0, paper)
    else:
        print(f"the reference data are not present at {SHARED}: synthetic spectra only")
    if given.npz is not None:
        sets.insert(0, load(given.npz, 0, 0))
    for name, values, templates in sets:
        print(report(name, values, templates, given.repeats), flush=True)


if __name__ == "__main__":
    keep_to_one_thread()
    main()
