"""The report of a whole run: data, model, exploration, results, examples, unknowns; warnings first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from gamma_flow import explore
from gamma_flow._version import __version__
from gamma_flow.data.exploration import Similarities
from gamma_flow.io.progress import Progress
from gamma_flow.plot.palette import Palette
from gamma_flow.report._card import card, card_data, warnings_of
from gamma_flow.report._data import data_section, exploration, separable
from gamma_flow.report._results import examples, headline, results
from gamma_flow.report._unknowns import unknowns
from gamma_flow.report._words import listed, plural
from gamma_flow.report.blocks import Facts, Report, Section, Warned
from gamma_flow.settings import Settings
from gamma_flow.workflow import Result

if TYPE_CHECKING:
    from gamma_flow._study_report import Report as StudyReport

__all__ = ["run_report"]

_MOST_WARNINGS = 12
_STEPS = 7


def run_report(
    result: Result,
    settings: Settings | None = None,
    *,
    study: StudyReport | None = None,
    title: str = "What is in these spectra",
    command: str | None = None,
    seed: int = 1,
    progress: Progress | None = None,
) -> Report:
    """Write up a run.

    Parameters
    ----------
    result : Result
        What `gamma_flow.workflow.run` or `examine` returned.
    settings : Settings, optional
        Those in force, for the record.
    study : Report of a study, optional
        What leaving classes out has shown.
    title : str
        Heading.
    command : str, optional
        How it was called.
    seed : int
        Of the choice of examples.
    progress : callable, optional
        Called with the number of each part, how many there are, and its name, before it is made.

    Returns
    -------
    Report
        Sections in the order of reading; what cannot be shown is told among the warnings.

    Raises
    ------
    MissingDependencyError
        Matplotlib is not installed.
    """
    steps = iter(range(_STEPS))

    def tell(part: str) -> None:
        if progress is not None:
            progress(next(steps), _STEPS, part)

    model = result.model
    pool = explore.pooled(result.prepared)
    every = list(model.classes) + [name for name in pool.labels.classes if name not in model.classes]
    palette = Palette(every[:64], background=model.templates.background)
    warned = warnings_of(model)
    warned += [f"Set '{name}' is empty: no labelled spectrum belongs to it." for name in result.empty]
    tell("data")
    sections = [data_section(result.prepared, pool, palette)]
    tell("model")
    sections.append(card(model, palette))
    tell("exploration")
    seen, alike, missing = exploration(pool, palette, np.random.default_rng(seed))
    warned += missing
    if seen is not None:
        sections.append(seen)
    if alike is not None:
        warned += _marked(alike, warned)
    tell("results")
    if result.sets:
        found, more = results(result, palette)
        sections.append(found)
        warned += more
        tell("examples")
        shown = examples(result, palette, np.random.default_rng(seed))
        if shown is not None:
            sections.append(shown)
        tell("unknowns")
        sections.append(unknowns(result, study, palette))
    else:
        warned.append("No set holds a labelled spectrum of a class of the model: there are no results.")
    tell("separability")
    apart, _, numbers = separable(model, palette)
    if apart is not None:
        sections.append(apart)
    if settings is not None:
        sections.append(_settings(settings))
    if warned:
        told = warned[:_MOST_WARNINGS]
        if len(warned) > len(told):
            told.append(f"And {len(warned) - len(told)} more, all in the JSON form of this report.")
        sections.insert(0, Section("Read this first", (Warned(tuple(told)),)))
    made = {"made by gamma_flow": __version__, "on": datetime.now(UTC).isoformat(timespec="seconds")}
    if command:
        made["with"] = command
    data: dict[str, Any] = {
        "evaluation": result.evaluation(),
        "model": card_data(model),
        "warnings": warned,
        "separability": numbers,
        "study": None if study is None else study.as_dict(),
        "settings": None if settings is None else settings.as_dict(),
    }
    return Report(title, _lead(result), tuple(headline(result.sets)), tuple(sections), data, made)


def _lead(result: Result) -> str:
    model = result.model
    spectra = sum(len(part) for part in result.prepared)
    sources = [name for name in model.classes if name != model.templates.background]
    beside = f" and {model.templates.background}" if model.templates.background else ""
    return (
        f"{plural(spectra, 'spectrum', 'spectra')}, written as non-negative sums of the templates of "
        f"{listed(sources, 8)}{beside}."
    )


def _marked(alike: Similarities, told: Sequence[str]) -> list[str]:
    """Return a sentence for classes that are nearly the same, and for detectors that disagree."""
    out = []
    close = [
        f"{pair.one[0]} and {pair.other[0]} ({pair.value:.3f})"
        for pair in alike.pairs(alike.too_high, lowest_first=False)
        # the training may have said so
        if not any(f"'{pair.one[0]}'" in text and f"'{pair.other[0]}'" in text for text in told)
    ]
    if close:
        out.append(
            "These classes have nearly the same mean spectrum and will be taken for each other (cosine): "
            + listed(list(dict.fromkeys(close)), 6)
            + "."
        )
    apart = [
        f"{pair.one[0]} by {pair.one[1]} and {pair.other[1]} ({pair.value:.3f})"
        for pair in alike.pairs(alike.too_low)
    ]
    if apart:
        out.append("These detectors see one class differently (cosine): " + listed(apart, 6) + ".")
    return out


def _settings(settings: Settings) -> Section:
    rows = []
    for name, part in settings.as_dict().items():
        if isinstance(part, dict):
            given = {key: value for key, value in part.items() if value not in (None, [], {})}
            rows += [(f"{name}.{key}", _setting(value)) for key, value in given.items()]
        elif part not in (None, [], {}):
            rows.append((name, str(part)))
    return Section("Settings", (Facts(tuple(rows)),))


def _setting(value: object) -> str:
    """Return a setting as it is read; parts that were not set are left out."""
    if isinstance(value, dict):
        return "; ".join(f"{key} = {_setting(part)}" for key, part in value.items() if part is not None)
    if isinstance(value, (list, tuple)):
        return ", ".join(str(part) for part in value)
    return str(value)
