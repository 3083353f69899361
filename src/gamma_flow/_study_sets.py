"""Which spectra a study looks at: those that a training would take, and labelled ones that it did not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data import SpectrumSet
from gamma_flow.data.feature_table import FeatureTable
from gamma_flow.data.features import features
from gamma_flow.errors import LabelError, SettingsError, TrainingError
from gamma_flow.io.reading import carried
from gamma_flow.model import Model

__all__ = ["confront", "pool_for", "table_of", "training_of"]

_METHOD = (
    "noise",
    "parts",
    "rule",
    "min_share",
    "false_alarm_rate",
    "novelty_rate",
    "line_width",
    "gain_range",
)
_OTHER = (
    "detectors",
    "background",
    "background_files",
    "energy_range",
    "first_channel",
    "limit",
    "held_out",
    "split",
    "seed",
    "baseline",
)


def confront(
    model: Model, spectra: SpectrumSet | Sequence[SpectrumSet], *, seen: bool = False
) -> FeatureTable:
    """Return the features of labelled spectra that made no template: real unknowns, and known ones.

    Parameters
    ----------
    model : Model
        Of all classes.
    spectra : SpectrumSet or sequence of SpectrumSet
        Each is analysed on its own axis. Unlabelled spectra do not count. A spectrum with a label outside the
        model is unknown.
    seen : bool
        Take spectra, too, that made the templates or were held out when they were made.

    Raises
    ------
    LabelError
        No labelled spectrum is left.
    """
    parts = []
    for part in [spectra] if isinstance(spectra, SpectrumSet) else spectra:
        use = part.labels.presence.any(axis=1)
        if not seen:
            trained, held_out = model.knows(part)
            use &= ~trained & ~held_out
        chosen = part[use]
        if not len(chosen):
            continue
        strange = [name for name in chosen.labels.classes if name not in model.classes]
        found = features(model.analyse(chosen), method=model.method)
        parts.append(table_of(found, chosen, chosen.labels.has(*strange), ""))
    if not parts:
        raise LabelError(
            "no labelled spectrum is left to look at",
            expected="labelled spectra that the model's training did not see",
            found="none",
        )
    return FeatureTable.concatenate(parts)


def training_of(model: Model) -> dict[str, Any]:
    """Return the arguments with which a model was trained, for `leave_one_out`.

    Raises
    ------
    SettingsError
        The model does not tell them.
    """
    told = model.provenance.get("settings")
    if not isinstance(told, Mapping) or any(name not in told for name in (*_OTHER, "classes", "method")):
        raise SettingsError(
            "the model does not tell how it was trained",
            where="provenance",
            cure="make it with train(), or give the arguments of the training yourself",
        )
    method = {name: told["method"][name] for name in _METHOD}
    classes = [name for name in told["classes"] if name in model.classes]
    return {**{name: told[name] for name in _OTHER}, **method, "classes": classes}


def pool_for(
    model: Model,
    spectra: SpectrumSet | Sequence[SpectrumSet],
    *,
    method: Literal["conserve", "interpolate"] | None = None,
    allow_cut: float = 0.01,
) -> SpectrumSet:
    """Return the pure spectra of the model's training detectors and of background, on the model's axis.

    Parameters
    ----------
    model : Model
        Tells classes, detectors and axis.
    spectra : SpectrumSet or sequence of SpectrumSet
        Labelled; on any axes of the model's unit.
    method, allow_cut
        How they are carried onto its axis; see `SpectrumSet.onto`.

    Raises
    ------
    TrainingError
        None is left.
    SettingsError
        The model does not tell how it was trained.
    IncompatibleError
        An axis of another unit.
    """
    told = training_of(model)
    pools = []
    for part in [spectra] if isinstance(spectra, SpectrumSet) else spectra:
        use = (part.labels.presence.sum(axis=1) == 1) & part.labels.has(*told["classes"])
        if told["detectors"] is not None:
            use &= part.mask(detector=told["detectors"]) | part.labels.has(told["background"] or "")
        if use.any():
            pools.append(carried(part[use], model.templates.axis, method=method, allow_cut=allow_cut))
    if not pools:
        raise TrainingError(
            "there are no pure spectra of the model's classes and detectors",
            expected=f"spectra labelled {', '.join(told['classes'])}, detectors {told['detectors'] or 'any'}",
            found="none",
            cure="give the data that the model was trained on",
        )
    return SpectrumSet.concatenate(pools)


def table_of(
    columns: Mapping[str, NDArray[np.float64]],
    spectra: SpectrumSet,
    unknown: NDArray[np.bool_],
    left_out: str,
) -> FeatureTable:
    labels = np.array(["+".join(row or []) for row in spectra.labels.lists()], np.str_)
    return FeatureTable(columns, unknown, labels, np.full(len(spectra), left_out), spectra.origin)
