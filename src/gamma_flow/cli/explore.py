"""``gamma-flow explore``: see labelled spectra before a model is made of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gamma_flow.cli._common import (
    axis_options,
    config_options,
    emit,
    energy_range_option,
    found_in,
    guarded,
    reading_options,
    settings_of,
    table,
)

if TYPE_CHECKING:
    from gamma_flow.data import SpectrumSet
    from gamma_flow.data.exploration import Inventory, MeanSpectra, Similarities
    from gamma_flow.data.separability import Separability
    from gamma_flow.settings import Settings

_SHOWN = 5  # pairs of a kind in the table
_MOST_LOOKS = 64  # classes that a palette can tell apart
_PANELS = 48  # classes in a figure of means, where there are more
_MOST_EXAMPLES = 24  # classes of which example spectra are drawn


@click.command()
@click.argument("paths", nargs=-1, required=True)
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder for numbers and plots."
)
@click.option("--classes", metavar="A,B,...", help="Classes to look at  [default: all]")
@click.option("--detector", "detectors", multiple=True, metavar="NAME", help="Detectors  [default: all]")
@click.option("--background", metavar="NAME", help="The background class  [default: background]")
@click.option(
    "--subtract",
    type=click.Choice(["auto", "live time", "least squares", "ceiling", "none"]),
    default="auto",
    show_default=True,
    help="How the background is taken from spectra labelled with it.",
)
@energy_range_option
@click.option("--first-channel", type=click.IntRange(0), help="Leave out the channels below.")
@click.option("--low", type=float, help="Detectors differ too much below this cosine  [default: 0.95]")
@click.option("--high", type=float, help="Classes are too alike above this cosine  [default: 0.95]")
@click.option(
    "--counts", type=float, default=1000.0, show_default=True, help="Counts of a source to tell classes by."
)
@click.option(
    "--background-share", type=float, default=0.5, show_default=True, help="Background among all counts then."
)
@click.option(
    "--mismatch", type=float, default=0.0, show_default=True, help="Relative error of templates a channel."
)
@click.option(
    "--examples", type=click.IntRange(0, 48), default=6, show_default=True, help="Example spectra a class."
)
@click.option("--seed", type=click.IntRange(0), help="Seed of the draw of examples  [default: 1]")
@click.option("--plots/--no-plots", default=True, help="Draw the plots  [default: yes]")
@click.option("--json", "as_json", is_flag=True, help="Print explore.json for machines.")
@axis_options
@reading_options
@config_options
@guarded
def command(
    paths: tuple[str, ...],
    output: Path,
    subtract: Any,
    low: float | None,
    high: float | None,
    counts: float,
    background_share: float,
    mismatch: float,
    examples: int,
    plots: bool,
    as_json: bool,
    **flags: Any,
) -> None:
    """Look at the labelled spectra behind PATHS: means, similarities, counts, what can be told apart.

    It writes explore.json and the plots as PNG. Spectra of several axes meet on the axis of the settings, or
    else on that of the most of them.
    """
    from gamma_flow import explore
    from gamma_flow.tabular import json_bytes, staged

    wanted = {"classes": flags.pop("classes"), "detectors": flags.pop("detectors")}
    settings = settings_of(flags)
    spectra, several = _pooled(paths, settings, output)
    means = explore.mean_spectra(
        spectra,
        classes=[name.strip() for name in wanted["classes"].split(",")] if wanted["classes"] else None,
        detectors=wanted["detectors"] or None,
        subtract=subtract,
        energy_range=settings.train.energy_range,
        first_channel=settings.train.first_channel,
    )
    found = explore.similarities(
        means,
        low=explore.DIFFERENT if low is None else low,
        high=explore.ALIKE if high is None else high,
    )
    held = explore.inventory(spectra)
    apart, why = _separability(means, counts, background_share, mismatch)
    record = {
        "axes": several,
        "inventory": held.as_dict(),
        "means": means.as_dict(),
        "similarities": found.as_dict(),
        "separability": None if apart is None else apart.as_dict(),
        "notes": [*means.notes, *why],
    }
    with staged(output, replaces="explore-*.png") as folder:
        (folder / "explore.json").write_bytes(json_bytes(_plain(record)))
        if plots:
            _draw(folder, spectra, means, found, held, apart, examples, settings.train.seed)
    if as_json:
        emit(_plain(record))
        return
    _summary(spectra, several, means, found, apart, record["notes"], output)


def _pooled(paths: tuple[str, ...], settings: Settings, output: Path) -> tuple[SpectrumSet, int]:
    """Return all spectra on one axis, and on how many they were before."""
    from dataclasses import replace

    from gamma_flow.explore import pooled
    from gamma_flow.workflow import prepare, recognised

    sets = found_in(paths, settings, leave_out=output).sets
    known = recognised(sets)
    # as run does: labels are spelt as the preset that knows the data spells them
    if known is not None and not settings.read.aliases:
        sets = tuple(replace(part, labels=part.labels.renamed(known[1].read.aliases)) for part in sets)
    prepared = prepare(sets, settings)
    how = settings.axis
    return pooled(prepared, method=how.method, allow_cut=how.allow_cut), len(prepared)


def _separability(
    means: MeanSpectra, counts: float, share: float, mismatch: float
) -> tuple[Separability | None, list[str]]:
    """Return what can be told apart, or a sentence why that has no answer."""
    from gamma_flow.explore import separability

    sources = [name for name in means.names if name != means.background]
    if means.kind != "counts":
        return None, ["how far intensities can be told apart depends on noise that is not known here"]
    if len(sources) < 2:
        return None, ["there are fewer than two classes besides the background to tell apart"]
    return separability(means, counts=counts, background_share=share, mismatch=mismatch), []


def _draw(
    folder: Path,
    spectra: SpectrumSet,
    means: MeanSpectra,
    found: Similarities,
    held: Inventory,
    apart: Separability | None,
    examples: int,
    seed: int,
) -> None:
    import numpy as np

    from gamma_flow import explore, plot

    few = len(held.classes) <= _MOST_LOOKS
    palette = plot.Palette(held.classes, held.background) if few else None
    plot.save(plot.inventory(held, palette=palette), folder / "explore-inventory.png")
    for number, start in enumerate(range(0, len(means.names), _PANELS), start=1):
        some = means if few else means.only(means.names[start : start + _PANELS])
        plot.save(plot.mean_spectra(some, palette=palette), folder / f"explore-means-{number}.png")
        if few:
            break
    plot.save(plot.detector_similarity(found, palette=palette), folder / "explore-detectors.png")
    plot.save(plot.similarity_matrix(found), folder / "explore-similarities.png")
    if apart is not None:
        plot.save(plot.separability(apart, palette=palette), folder / "explore-separability.png")
    if examples:
        rng = np.random.default_rng(seed)
        probes = sorted(set(means.detectors))
        for number, name in enumerate(means.names[:_MOST_EXAMPLES], start=1):
            drawn = explore.example_spectra(spectra, name, examples, rng=rng, detectors=probes)
            plot.save(plot.example_spectra(drawn, title=name), folder / f"explore-examples-{number:02d}.png")


def _summary(
    spectra: SpectrumSet,
    several: int,
    means: MeanSpectra,
    found: Similarities,
    apart: Separability | None,
    notes: Any,
    output: Path,
) -> None:
    from gamma_flow.data.exploration import shown_detector

    rows = [
        (
            name,
            shown_detector(probe),
            int(means.n_spectra[g]),
            f"{means.totals[g]:.4g}",
            f"{100 * means.background_totals[g] / means.totals[g]:.1f}",
            means.subtraction[g],
        )
        for g, (name, probe) in enumerate(zip(means.classes, means.detectors, strict=True))
    ]
    unit = means.kind
    table(
        f"{len(spectra)} spectra on {spectra.axis}",
        ["class", "detector", "spectra", unit, "background %", "subtracted by"],
        rows,
    )
    lines = [("carried onto it", f"from {several} axes")] if several > 1 else []
    same, other = found.pairs(found.same_class), found.pairs(~found.same_class, lowest_first=False)
    lines += [("least similar detectors", str(pair)) for pair in same[:_SHOWN]]
    lines += [("most similar classes", str(pair)) for pair in other[:_SHOWN]]
    if apart is not None:
        endless = float("inf")
        enough = f"{apart.enough:.3g}" if apart.enough < endless else "never, with any number"
        condition = f"{apart.condition:.3g}" if apart.condition < endless else "infinite"
        lines += [
            ("condition number", condition),
            (f"counts that tell every pair apart at {apart.goal:g} sigma", enough),
        ]
        lines += [
            ("hardest to tell apart", f"{one} from {two}: {z:.3g} sigma at {apart.counts:g} counts")
            for one, two, z, _ in apart.hardest(3)
        ]
    lines.append(("written to", str(output)))
    table("", ["", ""], lines)
    for sentence in notes:
        click.echo(f"note: {sentence}")


def _plain(value: Any) -> Any:
    """Return the same with None in the place of numbers that are not finite, for JSON."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if isinstance(value, float) and value - value != 0:
        return None
    return value
