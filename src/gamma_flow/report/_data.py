"""What the data are, and what one sees in them before any model is trusted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gamma_flow import explore, plot
from gamma_flow.data import SpectrumSet
from gamma_flow.data.exploration import MeanSpectra, Similarities
from gamma_flow.data.separability import Separability
from gamma_flow.errors import GammaFlowError
from gamma_flow.model import Model
from gamma_flow.plot.palette import Palette
from gamma_flow.report._words import axis_words, count, listed, number, plural
from gamma_flow.report.blocks import Block, Facts, Paragraph, Picture, Section, Table

__all__ = ["data_section", "exploration", "separable"]

_DETECTORS = 8  # columns of a table
_CLASSES = 70
_EXAMPLES = 12


def data_section(sets: Sequence[SpectrumSet], pool: SpectrumSet, palette: Palette) -> Section:
    """Return the section that says what was read."""
    total = sum(len(part) for part in sets)
    files = np.unique(np.concatenate([part.files for part in sets]))
    detectors = np.unique(np.concatenate([part.detector for part in sets]))
    live = np.concatenate([part.live_time for part in sets])
    known = np.isfinite(live)
    labelled = sum(int(part.labels.labelled.sum()) for part in sets)
    facts = [
        ("Spectra", count(total)),
        ("Labelled", f"{count(labelled)} of {count(total)}"),
        ("Files", plural(len(files), "file")),
        ("Detectors", listed([str(name) or "(unnamed)" for name in detectors])),
        ("Values", f"{sets[0].kind}" + (" (signed)" if any(part.signed for part in sets) else "")),
        ("Axes", "; ".join(dict.fromkeys(axis_words(part.axis) for part in sets[:6]))),
        (
            "Live time",
            f"{count(np.nansum(live))} s in all, median {np.median(live[known]):g} s a spectrum"
            + ("" if known.all() else f"; unknown for {count((~known).sum())} spectra")
            if known.any()
            else "not stated by the files",
        ),
    ]
    blocks: list[Block] = [Facts(tuple(facts))]
    if not labelled:
        blocks.append(Paragraph("No spectrum has a label: nothing can be said by class."))
        return Section("The data", tuple(blocks))
    held = explore.inventory(pool)
    few = held.detectors[:_DETECTORS]
    rows = [
        (name, *(int(n) for n in held.spectra[i, : len(few)]), int(held.spectra[i].sum()))
        for i, name in enumerate(held.classes[:_CLASSES])
    ]
    heads = ("class", *(name or "(unnamed)" for name in few), "all")
    caption = "Labelled spectra by class and detector; a mixture counts for each of its classes"
    if len(held.detectors) > len(few) or len(held.classes) > _CLASSES:
        caption += " (a part of them)"
    blocks.append(Table(heads, rows, caption))
    blocks.append(
        Picture(
            "inventory",
            plot.inventory(held, palette=palette),
            "How many spectra there are of each class, how many counts they hold, and how long they last.",
        )
    )
    moved = _moved(sets, pool)
    if moved is not None:
        blocks.append(moved)
    return Section("The data", tuple(blocks))


def _moved(sets: Sequence[SpectrumSet], pool: SpectrumSet) -> Picture | None:
    """Return a spectrum before and after it was carried onto the axis of the exploration, if one was."""
    other = next((part for part in sets if len(part) and not part.axis.matches(pool.axis)), None)
    if other is None:
        return None
    return Picture(
        "rebinned",
        plot.rebinned(explore.rebinned(other, pool.axis, int(other.total.argmax()))),
        f"The brightest spectrum of {str(other.detector[0]) or 'an unnamed detector'} on its own axis and on "
        "the one that the exploration uses.",
    )


def exploration(
    pool: SpectrumSet, palette: Palette, rng: np.random.Generator
) -> tuple[Section | None, Similarities | None, list[str]]:
    """Return the section of means and similarities, the similarities, and what could not be shown."""
    try:
        means = explore.mean_spectra(pool)
        alike = explore.similarities(means)
    except GammaFlowError as problem:
        return None, None, [f"The exploration is left out: {problem}"]
    blocks: list[Block] = [*_means(means, palette)]
    blocks.append(_single(pool, means.names[:_EXAMPLES], rng))
    blocks.extend(_similar(alike, palette))
    return Section("Exploration", tuple(blocks)), alike, []


def _means(means: MeanSpectra, palette: Palette) -> list[Block]:
    return [
        Picture(
            "mean-spectra",
            plot.mean_spectra(means, palette=palette),
            "Mean spectrum of each class and detector, of unit sum; background was subtracted where spectra "
            "hold it. Bands show how single spectra scatter.",
        ),
        *(Paragraph(text) for text in means.notes),
    ]


def _single(pool: SpectrumSet, names: Sequence[str], rng: np.random.Generator) -> Picture:
    shown = SpectrumSet.concatenate([explore.example_spectra(pool, name, 1, rng=rng) for name in names])
    what = "one of each class" if len(shown) > 1 else names[0]
    return Picture(
        "example-spectra",
        plot.example_spectra(shown, title=what),
        "Single spectra, drawn by chance, with their counting errors.",
    )


def _similar(alike: Similarities, palette: Palette) -> list[Block]:
    blocks: list[Block] = [
        Picture(
            "similarity-matrix",
            plot.similarity_matrix(alike),
            "Cosine similarity between the means of all classes and detectors. Orange frames: one class that "
            "two detectors see too differently. Red frames: two classes that are nearly the same spectrum.",
        )
    ]
    if len(alike.cosine) < 2:
        return [Paragraph("There is one group alone: nothing to compare it with.")]
    if len(set(alike.detectors)) > 1:
        blocks.append(
            Picture(
                "detector-similarity",
                plot.detector_similarity(alike, palette=palette),
                "Cosine similarity between the detectors of a class, with what counting noise leaves of a "
                "perfect one.",
            )
        )
    return blocks


def separable(model: Model, palette: Palette) -> tuple[Section | None, Separability | None, dict[str, Any]]:
    """Return the section of classes that cannot be told apart, the numbers, and them in plain values."""
    sources = [name for name in model.classes if name != model.templates.background]
    if len(sources) < 2 or model.templates.kind != "counts":
        return None, None, {}
    found = explore.separability(model)
    rows = [
        (one, other, "never" if not np.isfinite(needed) else f"{needed:.0f}", number(sigma))
        for one, other, sigma, needed in found.hardest(10)
    ]
    blocks: list[Block] = [
        Paragraph(
            f"From the Fisher information of the templates: {found.counts:.0f} counts of a class on a "
            f"background of {100 * found.background_share:.0f} % of all counts. The condition number of the "
            f"information matrix is {number(found.condition)}: the larger, the more the scores of classes "
            "depend on each other. Templates are taken as exact; real spectra are told apart less well."
        ),
        Picture(
            "separability",
            plot.separability(found, palette=palette),
            "With how many standard deviations a class is told from each other one.",
        ),
        Table(
            ("class", "taken for", f"counts for {found.goal:g} sigma", f"sigma at {found.counts:.0f} counts"),
            rows,
            "The pairs that need the most counts",
        ),
    ]
    return Section("What cannot be told apart", tuple(blocks)), found, found.as_dict()
