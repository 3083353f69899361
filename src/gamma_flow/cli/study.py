"""``gamma-flow study``: how unknown spectra look to a model, where to cut, and a rule inside the model."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gamma_flow.cli._common import (
    axis_options,
    config_options,
    emit,
    found_in,
    guarded,
    percent,
    reading_options,
    settings_of,
    table,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gamma_flow._study_cuts import How
    from gamma_flow._study_report import Report
    from gamma_flow._study_tree import Tree
    from gamma_flow.io.progress import Progress
    from gamma_flow.model import Model

_HOW: dict[str, How] = {"a": "tree", "b": "logistic", "c": "curves"}


@click.command()
@click.argument("paths", nargs=-1, required=True)
@click.option(
    "-m", "--model", "model_path", required=True, type=click.Path(path_type=Path), help="Model (.gfm)."
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Model with the rule to write (.gfm).")
@click.option(
    "--report", "folder", type=click.Path(path_type=Path), help="Folder for study.json and the plots."
)
@click.option(
    "--choose",
    type=click.Choice(["a", "b", "c"]),
    default="c",
    show_default=True,
    help="a: the tree's first split; b: logistic regression; c: off the curves, by the next two options, "
    "else at the best accuracy.",
)
@click.option("--recall", type=float, help="c: find this part of the unknown spectra.")
@click.option(
    "--false-positive-rate", type=float, help="c: call at most this part of the known ones unknown."
)
@click.option(
    "--feature",
    metavar="NAME",
    help="Feature to cut: cosine, novelty, ...  [default: the one that divides best; a: the tree's first]",
)
@click.option(
    "--left-out", metavar="A,B,...", help="Classes that play the unknown  [default: all but the background]"
)
@click.option(
    "--paper",
    is_flag=True,
    help="The paper's protocol: no spectra held out, all of them known, its features alone.",
)
@click.option(
    "--real-known",
    is_flag=True,
    help="Choose the cut against known spectra that the training did not see, those of a real detector.",
)
@click.option(
    "--unknown-limit", type=click.IntRange(1), help="Most unknown spectra a class  [default: the rarest's]"
)
@click.option(
    "--imbalance", type=float, default=10.0, show_default=True, help="Most known spectra an unknown."
)
@click.option("--noise", "sizes", multiple=True, type=float, help="Study spectra with this noise added, too.")
@click.option("--nulls", type=click.IntRange(200), help="Draws for the calibration of each training.")
@click.option(
    "--seed", type=click.IntRange(0), default=1, show_default=True, help="Seed of the study's draws."
)
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@axis_options
@reading_options
@config_options
@guarded
def command(
    paths: tuple[str, ...],
    model_path: Path,
    output: Path | None,
    folder: Path | None,
    choose: str,
    as_json: bool,
    **flags: Any,
) -> None:
    """Leave each class out in turn, see how its spectra look to a model without it, and choose a cut.

    PATHS hold the spectra that the model was trained on. Other labelled spectra among them show what the
    cut does on spectra that nobody simulated: those with a label outside the model are real unknowns. With
    -o the cut becomes part of the model: what it finds is called novel from then on.
    """
    if choose != "c" and (flags["recall"] is not None or flags["false_positive_rate"] is not None):
        raise click.UsageError("--recall and --false-positive-rate choose off the curves: --choose c")
    from gamma_flow._study_report import reported
    from gamma_flow.model import Model
    from gamma_flow.workflow import prepare

    settings = settings_of(flags)
    model = Model.load(model_path)
    sets = prepare(found_in(paths, settings).sets, settings)
    with _bar() as progress:
        report = reported(
            model,
            sets,
            how=_HOW[choose],
            recall=flags["recall"],
            false_positive_rate=flags["false_positive_rate"],
            feature=flags["feature"],
            left_out=_names(flags["left_out"]),
            paper=flags["paper"],
            real_known=flags["real_known"],
            unknown_limit=flags["unknown_limit"] or "smallest",
            imbalance=flags["imbalance"],
            noise_sizes=flags["sizes"],
            nulls=flags["nulls"],
            seed=flags["seed"],
            method=settings.axis.method,
            allow_cut=settings.axis.allow_cut,
            progress=progress,
        )
    ruled = replace(model, unknown_rule=report.cut.rule())
    if folder is not None:
        _write(report, model, folder)
    if output is not None:
        ruled.save(output)
    if as_json:
        emit({"model": None if output is None else str(output), **report.as_dict()})
    else:
        _show(report, ruled, output)


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


@contextmanager
def _bar() -> Iterator[Progress | None]:
    """Show a bar while models are trained, which takes longer than reading."""
    from gamma_flow.io.progress import progress_bar

    with progress_bar("training without", few=0) as progress:
        yield progress


def _write(report: Report, model: Model, folder: Path) -> None:
    import gamma_flow.plot.study as plots
    from gamma_flow.plot import save
    from gamma_flow.plot.palette import Palette
    from gamma_flow.tabular import json_bytes, staged

    many = len(report.study.classes) > 64  # more than there are looks: each plot chooses for itself
    palette = None if many else Palette(report.study.classes, model.templates.background)
    with staged(folder) as stage:
        (stage / "study.json").write_bytes(json_bytes(report.as_dict()))
        for name, drawn in plots.all_of(report, palette=palette).items():
            save(drawn, stage / f"{name}.png")


def _show(report: Report, ruled: Model, output: Path | None) -> None:
    tree, chosen, real = report.tree, report.cut, report.real
    known, unknown = report.study.table.counts
    if tree is not None:
        table(
            f"decision tree of depth 2 on {known} known and {unknown} unknown spectra, in percent",
            ["first split (tested on a fifth of them)", "accuracy", "precision", "recall"],
            [(_split(tree), percent(tree.accuracy), percent(tree.precision), percent(tree.recall))],
        )
    importance = {} if tree is None else dict(zip(tree.features, tree.importance, strict=True))
    rows = []
    for name, one in sorted(report.simulated.items(), key=lambda item: -item[1].auc):
        there = report.real_rankings.get(name)
        rows.append(
            (
                name,
                one.side,
                f"{one.auc:.3f}",
                "–" if there is None else f"{there.auc:.3f}",
                f"{importance[name]:.3f}" if name in importance else "–",
            )
        )
    table(
        "AUC (area under the receiver operating characteristic) by feature; 0.5: no better than a coin",
        ["feature", "unknowns lie", "left-out classes", "real unknowns", "importance"],
        rows,
    )
    _show_cut(report)
    if real is None or not real.unknown:
        click.echo(
            "no labelled spectrum of a class outside the model was given: the cut is untried on such\n"
        )
    if report.noise:
        _show_noise(report)
    click.echo(f"novel at {ruled.unknown_rule} (chosen by {chosen.how})")
    if output is not None:
        click.echo(f"written to {output}")


def _split(tree: Tree) -> str:
    root = tree.nodes[0]
    return "none" if root.feature is None else f"{root.feature} <= {root.threshold:.4g}"


def _show_cut(report: Report) -> None:
    rows: list[Sequence[Any]] = []
    for title, told in (("left-out classes", report.cut.verdict), ("real spectra", report.real)):
        if told is None:
            continue
        rows.append(
            (
                title,
                told.unknown,
                percent(told.recall),
                told.known,
                percent(told.false_positive_rate),
                percent(told.precision),
                percent(told.accuracy),
            )
        )
        rows.extend(
            (f"  {name}", n, percent(part), "", "", "", "") for name, (part, n) in told.by_label.items()
        )
    table(
        f"what the cut {report.cut.rule()} does, in percent",
        ["", "unknown", "found", "known", "called unknown", "precision", "accuracy"],
        rows,
    )


def _show_noise(report: Report) -> None:
    table(
        "with Gaussian noise of a share of each spectrum's RMS: this cut, and one chosen anew for it",
        ["noise", "found %", "false %", "cut anew", "found %", "false %"],
        [
            (
                f"{row.size:g}",
                percent(row.fixed.recall),
                percent(row.fixed.false_positive_rate),
                f"{row.threshold:.4g}",
                percent(row.own.recall),
                percent(row.own.false_positive_rate),
            )
            for row in report.noise
        ],
    )
