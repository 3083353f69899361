"""How often training names a spectrum whose label was swapped, on the paper's own training spectra.

    python benchmarks/mislabelled.py [ZIP]

swaps the label of one spectrum at a time, drawn by chance, and looks for its name among the suspects.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np

import gamma_flow as gf
from gamma_flow.io.reading import scan
from gamma_flow.settings import load_settings
from gamma_flow.workflow import prepare

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "bfs" / "example_dataset.zip"
SHOWN = 8  # suspects that the warning of a training names


def rank_of(pool: gf.SpectrumSet, row: int, label: str) -> tuple[int | None, int]:
    """Return the place among the suspects of a spectrum whose label was swapped, and how many there are."""
    lists = pool.labels.lists()
    lists[row] = [label]
    swapped = pool.relabelled(gf.Labels.of(lists))
    model = gf.train(swapped, first_channel=7, held_out=0, background_files="*")
    names = [suspect["origin"] for suspect in model.provenance["suspects"]]
    origin = str(pool.origin[row])
    return (names.index(origin) + 1 if origin in names else None), len(names)


def main() -> None:
    """Swap, train, count."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", nargs="?", type=Path, default=SHARED)
    parser.add_argument("--swaps", type=int, default=60)
    given = parser.parse_args()
    if not given.data.exists():
        print(f"skipped: the reference data are not present at {given.data}")
        return
    warnings.simplefilter("ignore")
    (spectra,) = prepare(scan(given.data).sets, load_settings(preset="paper"))
    pool = spectra[spectra.mask(detector="simulated") | spectra.mask(file="background_*")]
    held = np.any(pool.labels.presence, axis=0)
    classes = [name for name, some in zip(pool.labels.classes, held, strict=True) if some]
    rng = np.random.default_rng(3)
    named = shown = 0
    for _ in range(given.swaps):
        row = int(rng.integers(len(pool)))
        true = (pool.labels.lists()[row] or [""])[0]
        label = str(rng.choice([name for name in classes if name != true]))
        place, suspects = rank_of(pool, row, label)
        named += place is not None
        shown += place is not None and place <= SHOWN
        if place is None:
            print(f"  not named: {pool.origin[row]}, {true} labelled {label}")
    print(f"{given.swaps} swaps: {named} named, {shown} among the first {SHOWN} of about {suspects} suspects")


if __name__ == "__main__":
    main()
