"""A whole run: prepare, train, analyse, evaluate; each step one function of values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data import SpectrumSet
from gamma_flow.data._select import matching_files
from gamma_flow.data.analysis import Analysis
from gamma_flow.data.evaluation import Evaluation
from gamma_flow.errors import IncompatibleError, TrainingError
from gamma_flow.evaluation import evaluate, with_noise
from gamma_flow.io.reading import carried, refuse_kinds
from gamma_flow.model import Model
from gamma_flow.settings import EvaluateSettings, SetSettings, Settings, presets
from gamma_flow.training import train

__all__ = ["Result", "analyse_all", "evaluate_sets", "examine", "prepare", "recognised", "run", "train_on"]


@dataclass(frozen=True)
class Result:
    """What a run made.

    Parameters
    ----------
    prepared : tuple of SpectrumSet
        One an axis.
    model : Model
        Trained on the pure spectra among them.
    analyses : tuple of Analysis
        Of each prepared set.
    sets : mapping of str to Evaluation
        Figures by name of the set.
    noise : list of dict
        Rows of figures with added noise.
    empty : tuple of str
        Names of sets that no labelled spectrum belongs to.
    preset : str or None
        The preset whose sets were taken because it recognised the data.
    chosen : mapping of str to SetSettings
        Which spectra each set is made of.
    """

    prepared: tuple[SpectrumSet, ...]
    model: Model
    analyses: tuple[Analysis, ...]
    sets: Mapping[str, Evaluation]
    noise: list[dict[str, Any]]
    empty: tuple[str, ...] = ()
    preset: str | None = None
    chosen: Mapping[str, SetSettings] = field(default_factory=dict)

    def of_set(self, name: str) -> tuple[list[Analysis], list[SpectrumSet]]:
        """Return analyses and spectra of a set by its name, one of each an axis, as `evaluate` takes them."""
        masks = [mask_of(self.chosen[name], part, self.model) for part in self.prepared]
        pairs = [
            (found[mask], part[mask])
            for part, found, mask in zip(self.prepared, self.analyses, masks, strict=True)
            if mask.any()
        ]
        return [found for found, _ in pairs], [part for _, part in pairs]

    def evaluation(self) -> dict[str, Any]:
        """Return what goes into ``evaluation.json``."""
        return {**{name: part.as_dict() for name, part in self.sets.items()}, "noise": self.noise}


def prepare(sets: Sequence[SpectrumSet], settings: Settings) -> tuple[SpectrumSet, ...]:
    """Carry spectra onto the one axis of the settings, or leave each set on its own."""
    axis = settings.axis.axis()
    if axis is None:
        return tuple(sets)
    refuse_kinds(sets)
    moved = [
        carried(part, axis, method=settings.axis.method, allow_cut=settings.axis.allow_cut) for part in sets
    ]
    return (SpectrumSet.concatenate(moved),)


def train_on(prepared: Sequence[SpectrumSet], settings: Settings) -> Model:
    """Train on all pure spectra; where they live on several axes, they meet on that of the most of them.

    Raises
    ------
    TrainingError
        No pure spectra, and all that `train` raises.
    IncompatibleError
        Spectra of several units or kinds.
    """
    chosen = settings.train
    refuse_kinds(prepared)
    kinds = {(part.axis.unit, part.kind) for part in prepared}
    if len(kinds) > 1:
        raise IncompatibleError(
            "spectra of different units or kinds cannot train one model",
            found=", ".join(f"{kind} in {unit}" for unit, kind in sorted(kinds)),
            cure="choose the files of one kind",
        )
    pools = []
    for part in prepared:
        use = part.labels.presence.sum(axis=1) == 1
        if chosen.detectors is not None:
            use &= part.mask(detector=chosen.detectors) | part.labels.has(settings.background)
        pools.append(part[use])
    most = max(pools, key=len, default=None)
    if most is None or not len(most):
        raise TrainingError(
            "there are no pure spectra to train on",
            expected="spectra with exactly one label",
            found=f"{sum(len(part) for part in prepared)} spectra, none of them pure",
            cure="give labels by file name (--label-pattern) or by a table (--table)",
        )
    pool = SpectrumSet.concatenate(
        [
            carried(part, most.axis, method=settings.axis.method, allow_cut=settings.axis.allow_cut)
            for part in pools
            if len(part)
        ]
    )
    return train(
        pool,
        classes=chosen.classes,
        detectors=chosen.detectors,
        background=settings.background,
        background_files=chosen.background_files,
        energy_range=chosen.energy_range,
        first_channel=chosen.first_channel,
        limit=chosen.limit,
        held_out=chosen.held_out,
        split=chosen.split,
        seed=chosen.seed,
        noise=chosen.noise,
        parts=chosen.parts,
        rule=chosen.rule,
        min_share=chosen.min_share,
        false_alarm_rate=chosen.false_alarm_rate,
        novelty_rate=chosen.novelty_rate,
        line_width=chosen.line_width,
        gain_range=chosen.gain_range,
        nulls=chosen.nulls,
        few=chosen.few,
        baseline=chosen.baseline,
    )


def analyse_all(model: Model, sets: Sequence[SpectrumSet]) -> tuple[Analysis, ...]:
    """Analyse each set on its own axis."""
    return tuple(model.analyse(part) for part in sets)


def recognised(sets: Sequence[SpectrumSet]) -> tuple[str, Settings] | None:
    """Return the preset whose patterns all match a file of the data, if there is one."""
    files = np.unique(np.concatenate([part.files for part in sets])) if sets else np.zeros(0, np.str_)
    for name, preset in sorted(presets().items()):
        if preset.recognise and all(matching_files(files, pattern).any() for pattern in preset.recognise):
            return name, preset
    return None


def default_sets(held_out: float) -> dict[str, SetSettings]:
    """Return the sets of data that nobody described: training, validation, the rest by number of sources."""
    sets = {"training": SetSettings(part="training")}
    if held_out > 0:
        sets["validation"] = SetSettings(part="held out")
    sets["single"] = SetSettings(part="other", labels="single")
    sets["mixed"] = SetSettings(part="other", labels="mixed")
    return sets


def mask_of(chosen: SetSettings, spectra: SpectrumSet, model: Model) -> NDArray[np.bool_]:
    """Tell which spectra belong to a set, shape (N,)."""
    mask = spectra.labels.labelled & spectra.mask(
        detector=chosen.detector, label=chosen.label, file=chosen.file
    )
    if chosen.not_file is not None:
        mask &= ~spectra.mask(file=chosen.not_file)
    if chosen.not_detector is not None:
        mask &= ~spectra.mask(detector=chosen.not_detector)
    if chosen.not_label is not None:
        mask &= ~spectra.mask(label=chosen.not_label)
    if chosen.labels == "pure":
        mask &= spectra.labels.presence.sum(axis=1) == 1
    elif chosen.labels == "single":
        mask &= spectra.labels.sources <= 1
    elif chosen.labels == "mixed":
        mask &= spectra.labels.sources >= 2
    if chosen.part != "all":
        trained, kept_back = model.knows(spectra)
        mask &= {"training": trained, "held out": kept_back, "other": ~trained & ~kept_back}[chosen.part]
    return mask


def evaluate_sets(
    model: Model,
    prepared: Sequence[SpectrumSet],
    analyses: Sequence[Analysis],
    sets: Mapping[str, SetSettings],
    settings: Settings,
) -> tuple[dict[str, Evaluation], list[dict[str, Any]], tuple[str, ...]]:
    """Evaluate each set, and the chosen ones with added noise; name those that hold nothing."""
    figures: dict[str, Evaluation] = {}
    noise: list[dict[str, Any]] = []
    empty: list[str] = []
    how = settings.evaluate
    noisy = list(sets) if how.noise_sets is None else how.noise_sets
    for name, chosen in sets.items():
        masks = [mask_of(chosen, part, model) for part in prepared]
        parts = [
            (part[mask], found[mask])
            for part, found, mask in zip(prepared, analyses, masks, strict=True)
            if mask.any()
        ]
        if not any(part.labels.has(*model.classes).any() for part, _ in parts):
            empty.append(name)
            continue
        figures[name] = evaluate(
            [found for _, found in parts], [part for part, _ in parts], bootstrap=how.bootstrap, seed=how.seed
        )
        mine = [part for part, _ in parts]
        noise.extend(
            {"set": name, "size": size, **_with_noise(model, mine, size, how)}
            for size in (how.noise if name in noisy else [])
        )
    return figures, noise, tuple(empty)


def _with_noise(
    model: Model, parts: Sequence[SpectrumSet], size: float, how: EvaluateSettings
) -> dict[str, Any]:
    rng = np.random.default_rng(how.seed)
    found = [model.analyse(with_noise(part, size, model, rng)) for part in parts]
    # labels, runs and repeats are those of the spectra without noise
    return evaluate(found, parts, bootstrap=how.bootstrap, seed=how.seed).as_dict()


def run(sets: Sequence[SpectrumSet], settings: Settings) -> Result:
    """Take read spectra through all steps.

    Parameters
    ----------
    sets : sequence of SpectrumSet
        What was read, one an axis.
    settings : Settings
        All choices. Without ``sets`` in it, those of a preset that recognises the data are taken, else
        training, validation, and all other labelled spectra with one source and with several.

    Returns
    -------
    Result
        Everything that a run writes.

    Raises
    ------
    TrainingError, IncompatibleError, LabelError
        What the steps raise.
    """
    known = recognised(sets)
    # labels have to be spelt as the sets of the preset spell them
    if known is not None and not settings.sets and not settings.read.aliases:
        sets = [replace(part, labels=part.labels.renamed(known[1].read.aliases)) for part in sets]
    prepared = prepare(sets, settings)
    model = train_on(prepared, settings)
    return examine(prepared, model, settings, known)


def examine(
    prepared: Sequence[SpectrumSet],
    model: Model,
    settings: Settings,
    known: tuple[str, Settings] | None = None,
) -> Result:
    """Analyse and evaluate spectra with a model that there is.

    Parameters
    ----------
    prepared : sequence of SpectrumSet
        One an axis.
    model : Model
        Trained on some of them, or on others.
    settings : Settings
        Which sets there are, and how they are evaluated.
    known : (str, Settings), optional
        What `recognised` said of the data: its sets are taken where the settings have none.

    Returns
    -------
    Result
        Everything that a run writes.
    """
    analyses = analyse_all(model, prepared)
    chosen = settings.sets
    if not chosen:
        chosen = known[1].sets if known is not None else default_sets(settings.train.held_out)
    figures, noise, empty = evaluate_sets(model, prepared, analyses, chosen, settings)
    taken = known[0] if known is not None and not settings.sets else None
    return Result(tuple(prepared), model, analyses, figures, noise, empty, taken, dict(chosen))
