"""One source of 86 behind a shield or in a phantom: GADRAS spectra whose first class is right.

    python benchmarks/gadras_identify.py [--detector IdentiFINDER-NG] [--data ../shared/data/gadras] [--wrong]

Templates: the `Unshielded` row of each nuclide and the background row; identified: the `Shielded` and the
`Phantom` rows of the same detector, of nuclides that have an `Unshielded` row. From 30 keV on. Compared:

    NNLS      all net templates and the background together, channels weighted by 1 / sqrt(counts + 1)
    Poisson   the same templates together, the greatest Poisson likelihood
    alone     background + one net template, plain Poisson
    screen    background + one member of a class's family of shields, plain Poisson
    family    the best 15 classes of the screen with distortions, mismatch and pile-up

No setting depends on detector, nuclide or kind of shield.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path

import numpy as np
from gadras import SETTINGS

from gamma_flow.data import Axis
from gamma_flow.numerics.decompose import decompose
from gamma_flow.numerics.families import best_of, usual_distortions
from gamma_flow.numerics.unmix import nnls
from gamma_flow.simulate import detector
from gamma_flow.simulate.shield_family import shield_family

LOWEST = 30.0  # keV
VARIANTS = ("Shielded", "Phantom")
METHODS = ("NNLS", "Poisson", "alone", "screen", "family")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--detector", nargs="+", default=list(SETTINGS), choices=list(SETTINGS))
    parser.add_argument("--data", type=Path, default=Path("../shared/data/gadras"))
    parser.add_argument("--wrong", action="store_true", help="name the rows that the last method gets wrong")
    chosen = parser.parse_args()
    for name in chosen.detector:
        path = chosen.data / f"{name}.csv"
        if not path.exists():
            print(f"skipped: {path} is not here")
            continue
        identify(name, path, chosen.wrong)


def identify(name: str, path: Path, wrong: bool) -> None:
    with path.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    channels = [key for key in rows[0] if key.startswith("ch")]
    counts = np.array([[float(row[key]) for key in channels] for row in rows])
    live = np.array([float(row["live_s"]) for row in rows])
    nuclides, variants = ([row[key] for row in rows] for key in ("nuclide", "variant"))
    train = [i for i, variant in enumerate(variants) if variant == "Unshielded"]
    known = [nuclides[i] for i in train]
    test = [i for i, v in enumerate(variants) if v in VARIANTS and nuclides[i] in known]
    truth = np.array([known.index(nuclides[i]) for i in test])
    kind = np.array([variants[i] for i in test])

    axis = Axis.polynomial([float(t) for t in rows[0]["energy_poly_keV"].split(";")], channels=len(channels))
    preset, resolution = SETTINGS[name]
    probe = detector(preset, axis=axis, resolution=resolution)
    first = int(np.argmax(axis.centres > LOWEST))
    edges = axis.edges[first:]
    floor = counts[nuclides.index("background")]
    y, background = counts[test][:, first:], floor[first:]
    net = np.maximum(counts[train] - floor, 0.0)[:, first:]

    distort = usual_distortions(edges, resolution.fwhm(edges))
    pile = np.minimum(0.1, 1e-6 * y.sum(axis=1) / live[test])
    more = {"pile": pile, "pile_shift": round(float(axis.centres[first] / np.diff(edges)[0]))}
    found: dict[str, np.ndarray] = {}
    shapes = np.vstack([net, background])
    shapes /= shapes.sum(axis=1, keepdims=True)
    weight = 1 / np.sqrt(y + 1)
    found["NNLS"] = np.array(
        [nnls((v * w)[None], shapes * w)[0, :-1].argmax() for v, w in zip(y, weight, strict=True)]
    )
    plain = {"mismatch": (1e-6, 1e-6), "adapt": False, "evidence": False, "novelty": False}
    together = decompose(y, shapes, steps=100, tolerance=1e-4, **plain)
    found["Poisson"] = together.scores[:, :-1].argmax(axis=1)
    found["alone"] = best_of(y, net[:, None], background).best
    start = time.perf_counter()
    members = shield_family(counts[train], probe, background=floor, first=first)[:, :, first:]
    made = time.perf_counter()
    ranked = best_of(y, members, background, distort, **more)
    spent = time.perf_counter() - made
    found["screen"], found["family"] = ranked.screened.argmax(axis=1), ranked.best

    print(
        f"{name}: families in {made - start:.0f} s, then {spent / len(y):.2f} s a spectrum "
        f"({members.shape[0]} classes x {members.shape[1]} shields x {members.shape[2]} channels)"
    )
    for method in METHODS:
        right = found[method] == truth
        print(
            f"  {method:8}"
            + "".join(f"  {v} {right[kind == v].sum():2d} of {(kind == v).sum()}" for v in VARIANTS)
        )
    if wrong:
        for i in np.flatnonzero(found["family"] != truth):
            print(f"    {kind[i]} {known[truth[i]]}: {known[found['family'][i]]}")


if __name__ == "__main__":
    main()
