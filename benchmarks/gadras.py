"""How close simulated spectra come to those of GADRAS, an independent simulator: cosine similarity a nuclide.

    python benchmarks/gadras.py [--detector IdentiFINDER-NG] [--data ../shared/data/gadras]

The file's own background spectrum is subtracted by live time; what a floor scatters back is fitted beside the
source with a non-negative weight. Only size and resolution of the detector are set (by the width of its
Cs-137 peak); no nuclide has a parameter of its own.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

from gamma_flow.data import Axis
from gamma_flow.errors import DataError
from gamma_flow.numerics.unmix import nnls
from gamma_flow.simulate import Resolution, detector, emission, floor_field

SETTINGS = {
    "IdentiFINDER-NG": ("NaI-1.4x2", Resolution(0.077, 0.60, 2.0)),
    "RadiaCode-102": ("CsI-1cm3", Resolution(0.103, 0.60, 5.0)),
    "RadSeeker-CL-LaBr": ("LaBr3-1.5x1.5", Resolution(0.034, 0.50, 2.0)),
}

REASONS = {  # seen by looking at both spectra
    "La138": "a large mass: its own X-rays do not come out there",
    "Cf252": "gamma rays of fission, which the library does not hold",
    "Pu238": "lines below 60 keV: L X-rays and what they are absorbed in",
    "Pu239": "holds Am-241 there",
    "U233": "holds U-232 with its daughters up to 2614 keV there",
    "U238": "bremsstrahlung of Pa-234m",
    "Sr90": "bremsstrahlung alone",
    "Pd103": "X-rays of 20 keV, below the range compared; the rest is noise",
    "K40": "an extended source that scatters in itself",
    "U235": "uranium of some enrichment: U-238 and bremsstrahlung beside it",
    "Lu176": "an extended source that scatters in itself",
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--detector", default="IdentiFINDER-NG", choices=list(SETTINGS))
    parser.add_argument("--data", type=Path, default=Path("../shared/data/gadras"))
    parser.add_argument("--distance", type=float, default=100.0)
    parser.add_argument("--lowest", type=float, default=30.0, help="keV")
    parser.add_argument("--list", type=int, default=10)
    chosen = parser.parse_args()
    path = chosen.data / f"{chosen.detector}.csv"
    if not path.exists():
        print(f"skipped: {path} is not here")
        return
    with path.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    names = [key for key in rows[0] if key.startswith("ch")]
    background = next(row for row in rows if row["nuclide"] == "background")
    result = []
    for row in rows:
        if not row["variant"].startswith("Unshielded") or row["nuclide"] == "background":
            continue
        counts = np.array([float(row[n]) for n in names])
        terms = [float(t) for t in row["energy_poly_keV"].split(";")]
        axis = Axis.polynomial(terms, channels=len(counts))
        preset, resolution = SETTINGS[chosen.detector]
        probe = detector(preset, axis=axis, resolution=resolution)
        floor = np.array([float(background[n]) for n in names])
        try:
            field = emission(row["nuclide"])
        except DataError as error:
            print(f"left out {row['name']}: {error}")
            continue
        direct = probe.counts(probe.response.deposit(field, chosen.distance))
        around = probe.counts(probe.response.deposit(floor_field(field), None))
        used = axis.centres > chosen.lowest
        net = counts - floor * (float(row["live_s"]) / float(background["live_s"]))
        templates = np.stack([direct, around])
        templates /= templates.sum(axis=1, keepdims=True)
        scores = nnls(net[None, used], templates[:, used])[0]
        ours = scores @ templates
        cosine = (
            net[used] @ ours[used] / np.sqrt((net[used] @ net[used]) * (ours[used] @ ours[used]) + 1e-300)
        )
        result.append((cosine, row["name"], scores, net[used].sum() / counts[used].sum()))
    result.sort()
    cosines = np.array([r[0] for r in result])
    quarter, half, most = np.quantile(cosines, [0.25, 0.5, 0.75])
    print(
        f"{chosen.detector}: {len(result)} unshielded sources, cosine without background: "
        f"median {half:.4f}, quartiles {quarter:.4f} {most:.4f}, lowest {cosines.min():.4f}"
    )
    for cosine, name, scores, share in result[: chosen.list]:
        print(
            f"  {cosine:.4f}  {name:28} source above background {share:6.1%}, "
            f"of it backscatter {scores[1] / max(scores.sum(), 1e-300):.2f}; "
            f"{REASONS.get(name.split('_')[0], '')}"
        )


if __name__ == "__main__":
    main()
