"""A model of simulated isotopes and the measured background, tested on measured spectra by the paper's rule.

    python benchmarks/bfs_simulated.py [ZIP]

Two models, both with the measured background file: one with the MCNP spectra of the data set, one with
ours. T1 is every
measured single-source spectrum outside the background file; the audited spectra are those labelled
background that show the
photopeak of their file's isotope (``audit.csv`` beside the data). Resolution and size of the detector come
from the simulated
set's unshielded spectra; ours stand bare and behind three light shields, above a floor that scatters back
and in free air. Nothing is tuned on measured isotopes.
"""

from __future__ import annotations

import argparse
import csv
import warnings
from pathlib import Path

import numpy as np

import gamma_flow as gf
from gamma_flow.simulate import Resolution, Shield, detector, expected_rates, observe

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "bfs" / "example_dataset.zip"
ISOTOPES = ("Am241", "Co60", "Cs137", "Eu152")
SHIELDS = (
    None,
    Shield.of("aluminium", thickness=1.0),
    Shield.of("steel", thickness=0.2),
    Shield.of("lead", thickness=0.1),
)


def read(path: Path) -> gf.SpectrumSet:
    """Return all spectra on the paper's axis, as the paper interpolates them."""
    axis = gf.Axis.polynomial([-12.0, 8.15, 0.0012], 256, unit="keV", reference="centre")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return gf.read(path, onto=axis, method="interpolate", reference="centre", aliases={"Unat": "UNat"})


def means(spectra: gf.SpectrumSet) -> np.ndarray:
    """Return the mean spectrum of each isotope, summing to one."""
    rows = [spectra.values[spectra.labels.has(name)].mean(axis=0) for name in ISOTOPES]
    return np.stack([row / row.sum() for row in rows])


def ours(
    axis: gf.Axis,
    crystal: str,
    resolution: Resolution,
    floor: float | None,
    count: int,
    rng: np.random.Generator,
) -> gf.SpectrumSet:
    """Return spectra of our own: each isotope bare and behind each of SHIELDS, equally often."""
    probe = detector(crystal, axis=axis, resolution=resolution).changed(name="simulated")
    parts = []
    for name in ISOTOPES:
        for shield in SHIELDS:
            rate = expected_rates(name, probe, shield=shield, distance=100.0, floor=floor)
            parts.append(
                observe({name: rate * (5000 / rate.sum())}, np.ones((count, 1)), probe, 1.0, rng).spectra
            )
    return gf.SpectrumSet.concatenate(parts)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", type=Path, default=SHARED)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    if not chosen.data.exists():
        print(f"skipped: the reference data are not present at {chosen.data}")
        return
    spectra = read(chosen.data)
    simulated = spectra[spectra.detector == "simulated"]
    bare = simulated[simulated.meta["absorber_material"] == "Air"]
    theirs = means(bare)
    print("cosine of mean unshielded spectra, MCNP of the data set against ours (channels from 7)")
    best = []
    for crystal in ("NaI-2x2", "NaI-3x3", "NaI-2x4x16"):
        tried = []
        for width in (0.06, 0.065, 0.07, 0.075, 0.08, 0.085, 0.09):
            for power in (0.5, 0.6, 0.7):
                resolution = Resolution(width, power, 2.0)
                probe = detector(crystal, axis=spectra.axis, resolution=resolution)
                mine = np.stack([expected_rates(name, probe, floor=None)[7:] for name in ISOTOPES])
                cosine = (
                    np.sum(mine * theirs[:, 7:], axis=1)
                    / np.linalg.norm(mine, axis=1)
                    / np.linalg.norm(theirs[:, 7:], axis=1)
                )
                tried.append((float(cosine.mean()), crystal, resolution, cosine))
        best.append(max(tried, key=lambda one: one[0]))
        print(
            f"  {best[-1][1]}, {best[-1][2]}: "
            + ", ".join(f"{n} {c:.4f}" for n, c in zip(ISOTOPES, best[-1][3], strict=True))
        )
    _, preset, resolution, _ = max(best, key=lambda one: one[0])
    files = np.array([Path(str(o).split("#")[0]).stem for o in spectra.origin])
    rows = np.array([int(str(o).split("#")[1]) for o in spectra.origin])
    background = np.char.startswith(files, "background_")
    mixed = np.char.startswith(files, "multi-class_")
    t1 = (spectra.detector != "simulated") & ~background & ~mixed
    with (chosen.data.parent / "audit.csv").open(encoding="utf-8") as lines:
        audited = {(row["file"], int(row["row"])) for row in csv.DictReader(lines)}
    shown = np.array([(f, r) in audited for f, r in zip(files, rows, strict=True)])
    print(f"T1 {t1.sum()} spectra, audited {(t1 & shown).sum()}")
    rng = np.random.default_rng(chosen.seed)
    trained = {"MCNP + background": simulated}
    for floor in (100.0, None):
        trained[f"ours {'above a floor' if floor else 'in free air'} + background"] = ours(
            spectra.axis, preset, resolution, floor, 300, rng
        )
    print(f"{'trained on':36}{'T1':>9}{'without audited':>17}{'left':>8}{'right':>8}")
    for title, isotopes in trained.items():
        both = gf.SpectrumSet.concatenate([isotopes, spectra[background]])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = gf.train(both, first_channel=7, held_out=0.2, split="paper", seed=1, min_share=0.1)
            figures = []
            for which in (
                t1,
                t1 & ~shown,
                t1 & ~shown & (spectra.detector == "left"),
                t1 & ~shown & (spectra.detector == "right"),
            ):
                part = spectra[which]
                figures.append(gf.evaluate(model.analyse(part), part, bootstrap=0).accuracy)
        print(
            f"{title:36}{100 * figures[0]:9.2f}{100 * figures[1]:17.2f}"
            f"{100 * figures[2]:8.2f}{100 * figures[3]:8.2f}"
        )


if __name__ == "__main__":
    main()
