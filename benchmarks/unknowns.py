"""How spectra of a class that nobody trained look to a model, and what a cut does on real unknowns (bfs).

    python benchmarks/unknowns.py [ZIP] [--seeds 10] [--recall 0.9]

First the paper's study, by its protocol: least squares without each isotope in turn, all spectra known, no
part held out, features over all channels, unknowns of each isotope limited to those of the rarest, a tree of
depth 2. Then the same with held-out spectra and the features of the default engine. Beside the simulated
unknowns stand the real ones: 127 spectra of uranium, against the other spectra of the same files.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path

import numpy as np

from gamma_flow.data import SpectrumSet
from gamma_flow.data.feature_table import FeatureTable
from gamma_flow.errors import TrainingWarning
from gamma_flow.io.naming import Naming
from gamma_flow.io.reading import carried, scan
from gamma_flow.settings import load_settings
from gamma_flow.study import areas, confront, cut, grown, judged, leave_one_out, paper_features
from gamma_flow.training import train
from gamma_flow.workflow import prepare

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "bfs" / "example_dataset.zip"
PAPER = {"detectors": "simulated", "first_channel": 7, "held_out": 0.0, "noise": "leastsquares"}
OURS = {"detectors": "simulated", "energy_range": (40.0, None)}
TRAINED = ["Am241", "Co60", "Cs137", "Eu152", "background"]


def read(path: Path) -> list[SpectrumSet]:
    """All spectra, one set an axis, labels spelt in one way."""
    return list(scan(path, naming=Naming(aliases=load_settings(preset="paper").read.aliases)).sets)


def as_in_the_paper(sets: list[SpectrumSet]) -> SpectrumSet:
    """All spectra on the paper's axis, by its interpolation."""
    (spectra,) = prepare(sets, load_settings(preset="paper"))
    return spectra


def pool(sets: list[SpectrumSet]) -> SpectrumSet:
    """Simulated spectra and background files on the axis of the simulated ones; no count is lost."""
    axis = next(part.axis for part in sets if part.detector[0] == "simulated")
    parts = []
    for part in sets:
        use = part.mask(detector="simulated") | part.mask(file="background_*")
        parts.append(carried(part[use], axis, method=None, allow_cut=0.05))
    return SpectrumSet.concatenate(parts)


def real(model, sets: list[SpectrumSet]) -> FeatureTable:
    """Uranium against everything else in the files of mixtures."""
    mixtures = [part[part.mask(file="multi-class_*")] for part in sets]
    return confront(model, [part for part in mixtures if len(part)])


def tree_figures(table: FeatureTable, seeds: int) -> np.ndarray:
    """Accuracy, precision, recall, first threshold of trees on shuffled spectra, shape (seeds, 4)."""
    rows = []
    for seed in range(1, seeds + 1):
        tree = grown(table, paper_features(table), rng=np.random.default_rng(seed))
        rows.append((tree.accuracy, tree.precision, tree.recall, tree.nodes[0].threshold))
    return np.array(rows)


def show(title: str, study: FeatureTable, found: FeatureTable, recall: float, names: tuple[str, ...]) -> None:
    print(f"\n{title}: {study}; real: {found}")
    print(f"{'feature':26}{'AUC sim.':>9}{'AUC real':>9}{'cut':>12}{'FPR sim.':>9}{'recall real':>12}{'FPR real':>9}")
    there = areas(study)
    for name in sorted(names, key=lambda one: -there[one][1]):
        chosen = cut(study, name, recall=recall)
        verdict = judged(chosen, found)
        print(
            f"{name:26}{there[name][1]:9.3f}{verdict.area:9.3f}{chosen.threshold:12.4g}"
            f"{chosen.verdict.false_positive_rate:9.3f}{verdict.recall:12.3f}{verdict.false_positive_rate:9.3f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", nargs="?", type=Path, default=SHARED)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--recall", type=float, default=0.9)
    how = parser.parse_args()
    warnings.simplefilter("ignore", TrainingWarning)
    if not how.data.exists():
        raise SystemExit(f"skipped: {how.data} is not there")
    start = time.perf_counter()
    sets = read(how.data)
    spectra = as_in_the_paper(sets)

    study = leave_one_out(spectra, rng=np.random.default_rng(1), known="all", classes=TRAINED, **PAPER)
    figures = tree_figures(study.table, how.seeds)
    mean, sd = figures.mean(axis=0), figures.std(axis=0)
    print(f"the paper's protocol: {study.table}")
    print(f"tree over {how.seeds} shufflings: accuracy, precision, recall, first threshold of the cosine")
    print("  mean", *(f"{value:.3f}" for value in mean), " sd", *(f"{value:.3f}" for value in sd))
    print("  paper 0.955 0.998 0.690")
    model = train(spectra, classes=TRAINED, **PAPER)
    found = real(model, [spectra])
    cosine = "centred_similarity_all"
    print(f"cosine: AUC {areas(study.table)[cosine][1]:.3f} (paper 0.987)")
    for chosen in (
        cut(study.table, cosine, "tree"),
        cut(study.table, cosine, "logistic"),
        cut(study.table, cosine),
        cut(study.table, cosine, recall=how.recall),
    ):
        there, here = chosen.verdict, judged(chosen, found)
        print(
            f"  {chosen.how:16} cosine <= {chosen.threshold:.3f}: recall {there.recall:.3f} of simulated unknowns, "
            f"{here.recall:.3f} of uranium; false {there.false_positive_rate:.3f} and {here.false_positive_rate:.3f}"
        )
    show("least squares, all channels and active ones", study.table, found, how.recall, (
        "centred_similarity_all", "explained_variance_all", "centred_similarity", "similarity",
        "explained_variance", "share_1", "share_norm"))  # fmt: skip

    study = leave_one_out(pool(sets), rng=np.random.default_rng(1), **OURS)
    found = real(train(pool(sets), **OURS), sets)
    names = tuple(name for name in study.table.names if name in found.names and name != "share_mean")
    show("the default engine, known spectra held out", study.table, found, how.recall, names)
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
