"""Draw the gallery of docs/plots.md from the embedded example: each plot once, small.

python docs/pictures/plots.py

Needs matplotlib and scikit-learn. All seeds are fixed.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

import gamma_flow as gf
from gamma_flow import diagnostics, explore, plot, study
from gamma_flow.plot import study as draw
from gamma_flow.simulate.example import example_sets

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HERE = Path(__file__).parent
WIDTH = 720  # pixels; the page shows them at about half of it
COLOURS = 160  # of each picture
CHOICES = {"detectors": "simulated", "energy_range": (30, 2000)}


@dataclass(frozen=True)
class Example:
    """What all pictures share."""

    sets: tuple[gf.SpectrumSet, ...]
    spectra: gf.SpectrumSet
    model: gf.Model
    palette: plot.Palette


def exploration(has: Example) -> dict[str, Figure]:
    means = explore.mean_spectra(has.spectra)
    alike = explore.similarities(means)
    strongest = int(has.sets[0].total.argmax())
    some = explore.example_spectra(has.spectra, "Cs137", 6, rng=np.random.default_rng(2))
    return {
        "rebinned": plot.rebinned(explore.rebinned(has.sets[0], has.spectra.axis, strongest)),
        "inventory": plot.inventory(explore.inventory(has.spectra), palette=has.palette),
        "mean_spectra": plot.mean_spectra(means, palette=has.palette),
        "detector_similarity": plot.detector_similarity(alike, palette=has.palette),
        "example_spectra": plot.example_spectra(some),
        "similarity_matrix": plot.similarity_matrix(alike),
        "separability": plot.separability(explore.separability(means), palette=has.palette),
    }


def tests(has: Example) -> dict[str, Figure]:
    spectra, model, palette = has.spectra, has.model, has.palette
    trained, held_out = model.knows(spectra)
    others = spectra[~trained & ~held_out & ~spectra.labels.has("UNat")]
    single, mixed = others.single, others.mixed
    found, answers = model.analyse(single), model.analyse(mixed)
    compared, together = diagnostics.compare(found, single), diagnostics.compare(answers, mixed)
    made = diagnostics.compare(model.analyse(spectra[trained]), spectra[trained])
    return {
        "templates": plot.templates(model, palette=palette),
        "confusion": plot.confusion(gf.evaluate(found, single), palette=palette),
        "confusion_sets": plot.confusion(diagnostics.set_confusion(together), palette=palette),
        "misclassified": plot.misclassified(diagnostics.misclassified(found, single, 4), palette=palette),
        "decomposition": plot.decomposition(answers, int(mixed.total.argmax()), palette=palette),
        "measures": plot.measures(diagnostics.measures(compared), {"counts": 800}),
        "scores": plot.scores(compared, made, palette=palette),
        "mean_scores": plot.mean_scores(diagnostics.mean_scores(compared), palette=palette),
        "reliability": plot.reliability(diagnostics.reliability(compared), palette=palette),
        "roc": plot.roc(diagnostics.roc(together), palette=palette),
    }


def unknowns(has: Example) -> dict[str, Figure]:
    training = {**study.training_of(has.model), "nulls": 2000}
    left_out = study.leave_one_out(
        has.spectra, rng=np.random.default_rng(1), noise_sizes=(0.1, 0.3, 1.0), **training
    )
    table, real = left_out.table, study.confront(has.model, has.spectra)
    tree = study.grown(table, study.paper_features(table), rng=np.random.default_rng(1))
    chosen = study.cut(table, "cosine", recall=0.9)
    rows = study.noise_rows(left_out, chosen, {"how": "curves", "recall": 0.9})
    return {
        "study_appearance": draw.appearance(left_out),
        "study_decision_tree": draw.decision_tree(tree),
        "study_tree_confusion": draw.tree_confusion(tree),
        "study_feature_importance": draw.feature_importance(tree),
        "study_feature_histogram": draw.feature_histogram(table, chosen, real=real, palette=has.palette),
        "study_sigmoid": draw.sigmoid(table, study.cut(table, "cosine", "logistic")),
        "study_threshold_curves": draw.threshold_curves(chosen),
        "study_roc": draw.roc(study.rankings(table), study.rankings(real), chosen=chosen),
        "study_noise_behaviour": draw.noise_behaviour(rows, chosen),
    }


def small(drawn: Figure) -> Image.Image:
    """Return a figure of one width and few colours."""
    stream = io.BytesIO()
    drawn.savefig(stream, format="png", dpi=2 * WIDTH / drawn.get_size_inches()[0])
    picture = Image.open(stream).convert("RGB")
    height = round(picture.height * WIDTH / picture.width)
    return picture.resize((WIDTH, height), Image.Resampling.LANCZOS).quantize(
        COLOURS, dither=Image.Dither.NONE
    )


def main() -> None:
    warnings.simplefilter("ignore")
    sets = example_sets()
    spectra = explore.pooled(sets)
    palette = plot.Palette(spectra.labels.classes, spectra.background)
    has = Example(sets, spectra, gf.train(spectra, **CHOICES), palette)
    total = 0
    for name, drawn in {**exploration(has), **tests(has), **unknowns(has)}.items():
        target = HERE / f"plot-{name.replace('_', '-')}.png"
        small(drawn).save(target, optimize=True)
        total += target.stat().st_size
    print(f"{total / 1e6:.2f} MB in all")


if __name__ == "__main__":
    main()
