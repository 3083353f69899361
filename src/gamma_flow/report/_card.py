"""The model card: what a model is made of, how it decides, where it ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gamma_flow import plot
from gamma_flow.model import Model
from gamma_flow.plot.palette import Palette
from gamma_flow.report._words import axis_words, count, listed, percent, plural
from gamma_flow.report.blocks import Block, Facts, Paragraph, Picture, Section, Table

__all__ = ["card", "card_data", "warnings_of"]

_NOISE = {
    "poisson": "counts scatter as counts do (Poisson)",
    "gaussian": "values scatter with a given or estimated standard deviation",
    "leastsquares": "least squares, no statement about noise (the paper's method)",
}


def card(model: Model, palette: Palette) -> Section:
    """Return the section that describes a model."""
    templates = model.templates
    low, high = templates.range
    made = model.provenance
    inputs: Mapping[str, Any] = made.get("inputs", {})
    facts = [
        ("Classes", listed(templates.classes, 70)),
        ("Background", templates.background or "none"),
        ("Axis", axis_words(templates.axis)),
        ("Used range", f"{low:g} to {high:g} {templates.axis.unit}".strip()),
        (
            "Detectors of the training",
            listed([str(name) for name in inputs.get("detectors", [])]) or "unknown",
        ),
        ("Noise model", _NOISE.get(model.method.noise, model.method.noise)),
        ("Fitted beside the scores", ", ".join(model.method.parts) or "nothing"),
        ("A class is present", _rule(model)),
        ("Unknown", _unknown(model)),
        ("Made", f"{made.get('created', 'date unknown')} by gamma_flow {made.get('version', '?')}"),
    ]
    if "sha256" in inputs:
        facts.append(("SHA-256 of the training spectra", str(inputs["sha256"])))
    files: Mapping[str, Any] = inputs.get("files", {})
    rows = [(name, int(n)) for name, n in zip(templates.classes, templates.n_spectra.tolist(), strict=True)]
    blocks: list[Block] = [
        Facts(tuple(facts)),
        Table(("class", "training spectra"), rows, "Spectra behind each template"),
        Picture(
            "templates",
            plot.templates(model, palette=palette),
            "The template of each class, of unit sum over the channels that are used; grey channels are not.",
        ),
    ]
    if files:
        most = sorted(files.items(), key=lambda pair: -pair[1])
        blocks.append(
            Table(
                ("file", "spectra"),
                [(name, int(n)) for name, n in most[:20]],
                f"Training files ({plural(len(files), 'file')}"
                + (", the 20 with the most spectra)" if len(files) > 20 else ")"),
            )
        )
    blocks.extend(_limits(model))
    return Section("The model", tuple(blocks))


def _rule(model: Model) -> str:
    how = model.method
    if how.rule == "share":
        return f"above {percent(how.min_share, 0)} of the summed scores"
    return (
        f"by evidence: at most {percent(how.false_alarm_rate)} of spectra show a false alarm of any class, "
        f"and a share above {percent(how.min_share, 0)}"
    )


def _unknown(model: Model) -> str:
    if model.calibration is None or not len(model.calibration.novelty):
        return "not looked for"
    rate = percent(model.method.novelty_rate)
    return f"more novel than all but {rate} of spectra that were drawn without unknowns"


def _limits(model: Model) -> list[Block]:
    """Return what the model does not say."""
    out: list[Block] = []
    if model.calibration is not None:
        told = model.calibration.describe()
        nulls = [n for n in told["nulls"] if n]
        below = [value for value in told["extrapolated_below"] if value is not None]
        if nulls and below:
            out.append(
                Paragraph(
                    f"p-values rest on {count(min(nulls))} to {count(max(nulls))} spectra drawn without the "
                    f"class; those below {max(below):.2g} are an extrapolated tail. "
                    f"They hold between {10 ** told['log10_counts'][0]:.0f} and "
                    f"{10 ** told['log10_counts'][1]:.0f} counts a spectrum; beyond these, the nearest are "
                    "taken."
                )
            )
    out.append(
        Paragraph(
            "The model knows nothing but its classes: what nobody trained is at best called unknown. It "
            "describes the detectors of its training, and those that resemble them in resolution and peak "
            "shape."
        )
    )
    return out


def warnings_of(model: Model) -> list[str]:
    """Return what the training warned of."""
    return [str(sentence) for sentence in model.provenance.get("warnings", [])]


def card_data(model: Model) -> dict[str, Any]:
    """Return the card in plain values."""
    templates = model.templates
    return {
        "classes": list(templates.classes),
        "background": templates.background,
        "n_spectra": templates.n_spectra.tolist(),
        "unit": templates.axis.unit,
        "channels": len(templates.axis),
        "range": [float(end) for end in templates.range],
        "method": model.method.as_dict(),
        "calibration": None if model.calibration is None else model.calibration.describe(),
        "provenance": {key: value for key, value in model.provenance.items() if key != "suspects"},
    }
