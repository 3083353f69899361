"""Reading and rebinning the unpacked reference data, against one interpolation a spectrum as in the paper.

    python benchmarks/reading.py [FOLDER_OR_ZIP]

prints microseconds a spectrum, medians over repeats in turn in one process, and medians of the ratios.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.interpolate import interp1d

import gamma_flow as gf

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "bfs" / "example_dataset.zip"
AXIS = gf.Axis.polynomial([-12.0, 8.15, 0.0012], 256, reference="centre")


def paper_loop(folder: Path) -> int:
    """Load each file and interpolate each spectrum by itself, as the original does."""
    channel = np.arange(256)
    target = -12.0 + 8.15 * channel + 0.0012 * channel**2
    count = 0
    for path in sorted(folder.glob("*.npy")):
        for record in np.load(path, allow_pickle=True):  # the original's way; our reader never does this
            terms = record["calibration"]
            energy = terms["offset"] + terms["slope"] * channel + terms["quad"] * channel**2
            function = interp1d(
                energy, record["spectrum"], kind="linear", bounds_error=False, fill_value=0, axis=0
            )
            moved = function(target)
            moved[moved < 0] = 1e-6
            count += 1
    return count


def ours(method: str) -> Callable[[Path], int]:
    """Return a function that reads everything onto one axis."""

    def read(folder: Path) -> int:
        return len(gf.read(folder, onto=AXIS, method=method, allow_cut=0.05))  # type: ignore[arg-type]

    return read


def main() -> None:
    """Time all ways in turn and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", type=Path, default=SHARED)
    parser.add_argument("--repeats", type=int, default=9)
    chosen = parser.parse_args()
    if not chosen.data.exists():
        print(f"skipped: the reference data are not present at {chosen.data}")
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = chosen.data
        if chosen.data.suffix == ".zip":
            with zipfile.ZipFile(chosen.data) as archive:
                archive.extractall(scratch)
            folder = Path(scratch) / "data" / "1_numpy_raw"
        ways = {
            "paper: np.load, one interp1d a spectrum": paper_loop,
            "gamma_flow, linear interpolation": ours("interpolate"),
            "gamma_flow, counts conserved": ours("conserve"),
        }
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(chosen.repeats):
            for name, way in ways.items():
                start = time.perf_counter()
                count = way(folder)
                times[name].append((time.perf_counter() - start) / count * 1e6)
    base = times["paper: np.load, one interp1d a spectrum"]
    print(f"{count} spectra, median of {chosen.repeats}, microseconds a spectrum, loading included")
    for name, taken in times.items():
        middle = statistics.median(taken)
        ratio = statistics.median(one / other for one, other in zip(base, taken, strict=True))
        print(f"  {name:42s} {middle:7.2f}   {ratio:5.2f} times the paper's speed")


if __name__ == "__main__":
    main()
