"""How long the ten plots of the paper's first two notebooks take to draw on its own data.

    python benchmarks/plots.py [ZIP] [--repeats 5] [--folder PNG/]

Reading, rebinning, training and analysis are done before and not counted; the numbers behind a plot (means,
similarities, comparisons, figures) are counted, and so is writing it as PNG. The settings are those of the
preset "paper". The ten are what 01_preprocessing and 02_model of the original draw with their settings as
published; the original's own code takes 7.7 s for them on the machine that the others were timed on.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import gamma_flow as gf
from gamma_flow import diagnostics, explore, plot
from gamma_flow.io.naming import Naming
from gamma_flow.io.reading import scan
from gamma_flow.settings import presets
from gamma_flow.workflow import mask_of, prepare, train_on

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "bfs" / "example_dataset.zip"
ORIGINAL = 7.7  # seconds, the original's own code


@dataclass(frozen=True)
class Ready:
    """What is there before anything is drawn."""

    spectra: gf.SpectrumSet
    model: gf.Model
    test: gf.SpectrumSet  # T0, all measured spectra of one isotope or none
    found: gf.Analysis
    train: gf.SpectrumSet
    trained: gf.Analysis
    palette: plot.Palette


def ready(path: Path) -> Ready:
    """Read, pool, train and analyse."""
    settings = presets()["paper"]
    sets = scan([str(path)], naming=Naming(aliases=settings.read.aliases)).sets
    (spectra,) = prepare(sets, settings)
    model = train_on([spectra], settings)
    test = spectra[mask_of(settings.sets["T0"], spectra, model)]
    train = spectra[model.knows(spectra)[0]]
    palette = plot.Palette([*model.classes, *spectra.labels.classes], "background")
    return Ready(spectra, model, test, model.analyse(test), train, model.analyse(train), palette)


def means(data: Ready) -> Sequence[Figure]:
    return [plot.mean_spectra(explore.mean_spectra(data.spectra), palette=data.palette)]


def examples(data: Ready) -> Sequence[Figure]:
    rng = np.random.default_rng(1)
    drawn = (explore.example_spectra(data.spectra, name, rng=rng) for name in data.model.classes)
    return [plot.example_spectra(part) for part in drawn]


def similarity(data: Ready) -> Sequence[Figure]:
    return [plot.similarity_matrix(explore.similarities(explore.mean_spectra(data.spectra)))]


def templates(data: Ready) -> Sequence[Figure]:
    return [plot.templates(data.model, palette=data.palette)]


def confusion(data: Ready) -> Sequence[Figure]:
    return [plot.confusion(gf.evaluate(data.found, data.test, bootstrap=0), palette=data.palette)]


def misclassified(data: Ready) -> Sequence[Figure]:
    return [plot.misclassified(diagnostics.misclassified(data.found, data.test), palette=data.palette)]


def denoised(data: Ready) -> Sequence[Figure]:
    strongest = int(data.test.total.argmax())
    return [plot.decomposition(data.found, strongest, palette=data.palette)]


def statistics_of_wrong(data: Ready) -> Sequence[Figure]:
    return [plot.measures(diagnostics.measures(diagnostics.compare(data.found, data.test)))]


def scores(data: Ready) -> Sequence[Figure]:
    tested = diagnostics.compare(data.found, data.test)
    return [plot.scores(tested, diagnostics.compare(data.trained, data.train), palette=data.palette)]


def mean_scores(data: Ready) -> Sequence[Figure]:
    compared = diagnostics.compare(data.found, data.test)
    return [plot.mean_scores(diagnostics.mean_scores(compared), palette=data.palette)]


PLOTS: dict[str, Callable[[Ready], Sequence[Figure]]] = {
    "mean spectra by class and detector": means,
    "example spectra of each class": examples,
    "similarity matrix": similarity,
    "templates (loadings)": templates,
    "confusion matrix, T0": confusion,
    "misclassified spectra, T0": misclassified,
    "one denoised spectrum": denoised,
    "statistics of misclassified, T0": statistics_of_wrong,
    "scores as a scatter matrix, T0": scores,
    "mean scores, T0": mean_scores,
}


def saved(figures: Sequence[Figure], folder: Path, name: str) -> None:
    for number, drawn in enumerate(figures):
        plot.save(drawn, folder / f"{name}-{number}.png")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", type=Path, default=SHARED)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="keep the pictures there")
    chosen = parser.parse_args()
    if not chosen.data.exists():
        print(f"skipped: the reference data are not present at {chosen.data}")
        return
    warnings.simplefilter("ignore", gf.GammaFlowWarning)  # the paper's labels are not perfect
    data = ready(chosen.data)
    print(f"{len(data.spectra)} spectra, {len(data.test)} of them in T0; medians of {chosen.repeats} runs")
    wall: dict[str, list[float]] = {name: [] for name in PLOTS}
    used: dict[str, list[float]] = {name: [] for name in PLOTS}
    with tempfile.TemporaryDirectory() as scratch:
        folder = chosen.folder or Path(scratch)
        for _ in range(chosen.repeats):
            for name, draw in PLOTS.items():
                start, before = time.perf_counter(), time.process_time()
                saved(draw(data), folder, draw.__name__)
                wall[name].append(time.perf_counter() - start)
                used[name].append(time.process_time() - before)
    print(f"{'':36s}{'wall s':>8s}{'process s':>11s}")
    for name in PLOTS:
        print(f"{name:36s}{statistics.median(wall[name]):8.2f}{statistics.median(used[name]):11.2f}")
    sums = [statistics.median(map(sum, zip(*each.values(), strict=True))) for each in (wall, used)]
    print(f"{'all ten':36s}{sums[0]:8.2f}{sums[1]:11.2f}")
    first, least = sum(part[0] for part in used.values()), min(map(sum, zip(*used.values(), strict=True)))
    print(f"fastest run {least:.2f} s process, the first (matplotlib is loaded) {first:.2f} s")
    print(f"the original: {ORIGINAL} s")


if __name__ == "__main__":
    main()
