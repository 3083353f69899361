"""How spectra of a class that nobody trained look to a model, and what a cut does on real unknowns (bfs).

    python benchmarks/unknowns.py [ZIP] [--seeds 10] [--recall 0.9] [--rate 0.01]

First the paper's study, by its protocol: least squares without each isotope in turn, all spectra known, no
part held out, features over all channels, unknowns of each isotope limited to those of the rarest, a tree of
depth 2; with noise added, too. Then the same with held-out spectra and the features of the default engine.
Beside the simulated unknowns stand the real ones: 127 spectra of uranium, against all other measured spectra.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path

import numpy as np

from gamma_flow.data import SpectrumSet
from gamma_flow.data.feature_table import FeatureTable
from gamma_flow.data.study import Study
from gamma_flow.errors import TrainingWarning
from gamma_flow.io.naming import Naming
from gamma_flow.io.reading import carried, scan
from gamma_flow.settings import load_settings
from gamma_flow.study import confront, cut, grown, judged, leave_one_out, noise_rows, paper_features, rankings
from gamma_flow.training import train
from gamma_flow.workflow import prepare

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "bfs" / "example_dataset.zip"
PAPER = {"detectors": "simulated", "first_channel": 7, "held_out": 0.0, "noise": "leastsquares"}
OURS = {"detectors": "simulated", "energy_range": (40.0, None)}
NOISE = (0.1, 0.3, 1.0)
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


def real(model, sets: list[SpectrumSet], file: str = "*") -> FeatureTable:
    """Uranium against all other measured spectra, those of the background file included."""
    measured = [part[(part.detector != "simulated") & part.mask(file=file)] for part in sets]
    return confront(model, [part for part in measured if len(part)], seen=True)


def papers_study(spectra: SpectrumSet, noise: tuple[float, ...] = ()) -> Study:
    """The paper's protocol."""
    return leave_one_out(
        spectra,
        rng=np.random.default_rng(1),
        known="all",
        classes=TRAINED,
        noise_sizes=noise,
        **PAPER,
    )


def our_study(sets: list[SpectrumSet], nulls: int | None = None) -> tuple[Study, FeatureTable]:
    """Held-out spectra and the default engine, each detector on its own axis; real unknowns beside it."""
    training = pool(sets)
    study = leave_one_out(training, rng=np.random.default_rng(1), nulls=nulls, **OURS)
    return study, real(train(training, nulls=nulls, **OURS), sets)


def tree_figures(table: FeatureTable, seeds: int) -> np.ndarray:
    """Accuracy, precision, recall, first threshold of trees on shuffled spectra, shape (seeds, 4)."""
    rows = []
    for seed in range(1, seeds + 1):
        tree = grown(table, paper_features(table), rng=np.random.default_rng(seed))
        rows.append((tree.accuracy, tree.precision, tree.recall, tree.nodes[0].threshold))
    return np.array(rows)


def show(title: str, study: FeatureTable, found: FeatureTable, rate: float, names: tuple[str, ...]) -> None:
    """One line a feature: areas, and what a cut of a false-positive rate does on both kinds of unknowns."""
    print(f"\n{title}: {study}; real: {found}")
    print(f"cuts for {rate:g} false positives of the simulated known spectra")
    head = ("AUC sim.", "AUC real", "cut", "recall sim.", "recall real", "false real")
    print(f"{'feature':24}" + "".join(f"{word:>12}" for word in head))
    there = rankings(study)
    here = rankings(found, {name: one.side for name, one in there.items()})
    for name in sorted(names, key=lambda one: -there[one].auc):
        chosen = cut(study, name, false_positive_rate=rate)
        told = judged(chosen, found)
        numbers = (chosen.verdict.recall, told.recall, told.false_positive_rate)
        print(
            f"{name:24}{there[name].auc:12.3f}{here[name].auc:12.3f}{chosen.threshold:12.4g}"
            + "".join(f"{number:12.3f}" for number in numbers)
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", nargs="?", type=Path, default=SHARED)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--recall", type=float, default=0.9)
    parser.add_argument("--rate", type=float, default=0.01)
    how = parser.parse_args()
    warnings.simplefilter("ignore", TrainingWarning)
    if not how.data.exists():
        raise SystemExit(f"skipped: {how.data} is not there")
    start = time.perf_counter()
    sets = read(how.data)
    spectra = as_in_the_paper(sets)

    study = papers_study(spectra, NOISE)
    figures = tree_figures(study.table, how.seeds)
    mean, sd = figures.mean(axis=0), figures.std(axis=0)
    print(f"the paper's protocol: {study.table}")
    print(f"tree over {how.seeds} shufflings: accuracy, precision, recall, first threshold of the cosine")
    print("  mean", *(f"{value:.3f}" for value in mean), " sd", *(f"{value:.3f}" for value in sd))
    print("  paper 0.955 0.998 0.690")
    model = train(spectra, classes=TRAINED, **PAPER)
    found = real(model, [spectra])
    cosine = "centred_similarity_all"
    sides = {cosine: "below", "centred_similarity": "below"}
    there, here = rankings(study.table, sides), rankings(found, sides)
    print(f"cosine: AUC {there[cosine].auc:.3f} of simulated unknowns (known: 0.987)")
    print(
        f"        AUC {here[cosine].auc:.3f} of uranium over all channels, "
        f"{here['centred_similarity'].auc:.3f} from channel 7 (known: 0.65, 0.68)"
    )
    for chosen in (
        cut(study.table, cosine, "tree"),
        cut(study.table, cosine, "logistic"),
        cut(study.table, cosine),
        cut(study.table, cosine, recall=how.recall),
    ):
        there, here = chosen.verdict, judged(chosen, found)
        print(
            f"  {chosen.how:11} cosine <= {chosen.threshold:.3f}: finds {there.recall:.3f} of simulated, "
            f"{here.recall:.3f} of uranium; false {there.false_positive_rate:.3f}, "
            f"{here.false_positive_rate:.3f}"
        )
    print(
        "noise added (part of each spectrum's RMS): cut of the cosine by logistic regression, recall, false"
    )
    for row in noise_rows(study, cut(study.table, cosine, "logistic"), {"how": "logistic"}):
        told = row.own
        print(f"  {row.size:4g} {row.threshold:7.3f} {told.recall:7.3f} {told.false_positive_rate:7.3f}")
    show("least squares, all channels and active ones", study.table, found, how.rate, (
        "centred_similarity_all", "explained_variance_all", "centred_similarity", "similarity",
        "explained_variance", "share_1", "share_norm"))  # fmt: skip

    study, found = our_study(sets)
    names = ("novelty", "novelty_p", "mismatch", "deviance", "peak", "similarity", "centred_similarity")
    show("the default engine, known spectra held out", study.table, found, how.rate, names)
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
