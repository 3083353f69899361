"""The report of single spectra: what is in each, how sure that is, and what is left over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from gamma_flow import plot
from gamma_flow._version import __version__
from gamma_flow.data import SpectrumSet
from gamma_flow.data.analysis import Analysis
from gamma_flow.errors import DataError, GammaFlowError
from gamma_flow.model import Model
from gamma_flow.plot.palette import Palette
from gamma_flow.report._card import card, card_data, warnings_of
from gamma_flow.report._words import count, number, percent, plural
from gamma_flow.report.blocks import Block, Facts, Paragraph, Picture, Report, Section, Table, Warned

__all__ = ["spectrum_report"]

_MOST = 40


def spectrum_report(
    model: Model,
    spectra: SpectrumSet | Sequence[SpectrumSet],
    *,
    found: Sequence[Analysis] | None = None,
    command: str | None = None,
) -> Report:
    """Write up single spectra: spectrum, fit, components, residual, shares, evidence, limits.

    Parameters
    ----------
    model : Model
        What they are analysed with.
    spectra : SpectrumSet or sequence of SpectrumSet
        One spectrum or a few, one set an axis.
    found : sequence of Analysis, optional
        The answers to each set, where they are there already.
    command : str, optional
        How it was called.

    Returns
    -------
    Report
        A section a spectrum, then the model card.

    Raises
    ------
    DataError
        No spectrum, or more than anybody reads.
    IncompatibleError
        What `Model.analyse` raises.
    MissingDependencyError
        Matplotlib is not installed.
    """
    sets = [spectra] if isinstance(spectra, SpectrumSet) else list(spectra)
    number_of = sum(len(part) for part in sets)
    if not 1 <= number_of <= _MOST:
        raise DataError(
            "a report of single spectra is for a few",
            expected=f"1 to {_MOST} spectra",
            found=str(number_of),
            cure="choose some of them, or use 'gamma-flow report' for many",
        )
    analyses = [model.analyse(part) for part in sets] if found is None else list(found)
    pairs = list(zip(sets, analyses, strict=True))
    single = next(answers for part, answers in pairs if len(part)) if number_of == 1 else None
    palette = Palette(model.classes, background=model.templates.background)
    sections = []
    warned = warnings_of(model)
    if warned:
        sections.append(Section("Read this first", (Warned(tuple(warned[:8])),)))
    sections += [
        _spectrum(model, part[row], answers[row], palette)
        for part, answers in pairs
        for row in range(len(part))
    ]
    sections.append(card(model, palette))
    told = [names for _, answers in pairs for names in answers.names()]
    lead = "; ".join(" + ".join(names) or "nothing found" for names in told[:3])
    if len(told) > 3:
        lead = plural(len(told), "spectrum", "spectra")
    made = {"made by gamma_flow": __version__, "on": datetime.now(UTC).isoformat(timespec="seconds")}
    if command:
        made["with"] = command
    records = [record for answers in analyses for record in answers.records()]
    data = {"results": records, "model": card_data(model), "warnings": warned}
    title = "What is in these spectra" if single is None else f"What is in {_name(single, 0)}"
    top = () if single is None else tuple(_headline(single))
    return Report(title, lead, top, tuple(sections), data, made)


def _name(found: Analysis, row: int) -> str:
    return str(found.origin[row]).rsplit("/", 1)[-1] or f"spectrum {row}"


def _headline(found: Analysis) -> list[tuple[str, str, str]]:
    present = [k for k in np.argsort(-found.shares[0]) if found.present[0, k]]
    errors = found.share_errors
    out = []
    for k in present[:4]:
        remark = f"{number(found.scores[0, k])} counts"
        if errors is not None and np.isfinite(errors[0, k]):
            remark = f"± {percent(float(errors[0, k]))}; {remark}"
        out.append((found.classes[k], percent(float(found.shares[0, k])), remark))
    return out


def _spectrum(model: Model, spectrum: SpectrumSet, found: Analysis, palette: Palette) -> Section:
    live = float(spectrum.live_time[0])
    time = spectrum.time[0]
    facts = [
        ("Origin", str(spectrum.origin[0]) or "unknown"),
        ("Detector", str(spectrum.detector[0]) or "unnamed"),
        ("Time", "unknown" if np.isnat(time) else str(time)),
        ("Live time", f"{live:g} s" if np.isfinite(live) else "unknown"),
        ("Counts", count(float(spectrum.total[0]))),
        ("Found", " + ".join(found.names()[0]) or "nothing"),
        ("Cosine similarity", f"{found.similarity[0]:.4f}"),
        ("Explained variance", percent(float(found.explained_variance[0]), 2)),
    ]
    if found.deviance is not None:
        facts.append(("Chi-square a degree of freedom", number(float(found.deviance[0]))))
    if found.gain is not None:
        facts.append(("Gain that was found", number(float(found.gain[0]), 4)))
    if found.family is not None and found.templates.family is not None:
        behind = found.templates.family
        facts.append((behind.name.capitalize(), f"{number(float(found.family[0]))} {behind.unit}"))
    drifts = [name for name in ("gain", "offset", "resolution") if model.method.has(name)]
    if found.drift is not None and drifts:
        told = zip(drifts, found.drift[0].tolist(), strict=False)  # the slope of a family may follow
        facts.append(("Drift, in prior standard deviations", ", ".join(f"{a} {d:+.2f}" for a, d in told)))
    blocks: list[Block] = []
    if found.novel is not None and found.novel[0]:
        sentence = "Something in this spectrum is none of the model's classes"
        if found.novelty_p is not None:
            sentence += f" (p = {number(float(found.novelty_p[0]), 2)})"
        blocks.append(Warned((sentence + ".",)))
    blocks.append(Facts(tuple(facts)))
    blocks.append(
        Picture(
            f"spectrum-{_safe(found)}",
            plot.decomposition(found, 0, palette=palette),
            "The spectrum and its components stacked; below, what is left in standard deviations; beside it, "
            "the shares with their errors.",
        )
    )
    blocks.append(_answers(found, live))
    if found.novel is not None and found.novel[0]:
        blocks.extend(_leftover(model, spectrum))
    return Section(_name(found, 0), tuple(blocks))


def _safe(found: Analysis) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in _name(found, 0))[:60]


def _answers(found: Analysis, live: float) -> Table:
    """Return one row a class: what was found, how sure, and what would have been."""
    intervals, limits = found.intervals(), found.limits()
    heads = ["class", "share", "counts"]
    if intervals is not None:
        heads += ["95 % interval"]
    if found.p_value is not None:
        heads += ["p-value"]
    if limits is not None:
        heads += ["detection limit"]
    if np.isfinite(live) and live > 0:
        heads += ["per second"]
    heads += ["present"]
    rows: list[list[Any]] = []
    for k, name in enumerate(found.classes):
        row: list[Any] = [name, percent(float(found.shares[0, k])), number(float(found.scores[0, k]), 4)]
        if intervals is not None:
            low, high = intervals[0, k]
            row.append(f"{number(float(low))} to {number(float(high))}")
        if found.p_value is not None:
            row.append(number(float(found.p_value[0, k]), 2))
        if limits is not None:
            row.append(number(float(limits.detection_limit[0, k])))
        if np.isfinite(live) and live > 0:
            row.append(number(float(found.scores[0, k]) / live))
        row.append("yes" if found.present[0, k] else "no")
        rows.append(row)
    order = np.argsort(-found.shares[0], kind="stable")
    return Table(heads, [rows[k] for k in order], "What each class contributes; detection limit in counts")


def _leftover(model: Model, spectrum: SpectrumSet) -> list[Block]:
    """Return the peaks of what nothing explains."""
    try:
        left = model.unknown(spectrum)
    except GammaFlowError:
        return []
    unit = model.templates.axis.unit
    peaks = left.peaks
    if not len(peaks.position):
        counts = number(float(left.counts[0]))
        return [Paragraph(f"About {counts} counts are left over, without a clear peak.")]
    columns = (
        peaks.position.tolist(),
        peaks.counts.tolist(),
        peaks.errors.tolist(),
        peaks.significance.tolist(),
    )
    rows = [
        (f"{at:.1f} {unit}", f"{number(n)} ± {number(error, 2)}", number(sure))
        for at, n, error, sure in zip(*columns, strict=True)
    ]
    return [Table(("peak", "counts", "standard deviations"), rows, "Peaks of what no class explains")]
