"""From labelled spectra to a model: which spectra make a template, and what is odd about them."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gamma_flow._suspects import Suspect, suspects
from gamma_flow._version import __version__
from gamma_flow.data import BACKGROUND, Axis, SpectrumSet
from gamma_flow.data._arrays import row_numbers
from gamma_flow.data._select import matching_files
from gamma_flow.data.templates import Templates
from gamma_flow.errors import TrainingError, TrainingWarning
from gamma_flow.model import Model

__all__ = ["active_channels", "train", "training_rows"]

_ALIKE = 0.95  # cosine above which two templates are called too alike
_SHOWN = 5  # names in a warning; all of them stand in the model's provenance


def train(
    spectra: SpectrumSet,
    *,
    classes: Sequence[str] | None = None,
    detectors: str | Sequence[str] | None = None,
    background: str | None = BACKGROUND,
    background_files: str | Sequence[str] | None = None,
    energy_range: tuple[float | None, float | None] | None = None,
    first_channel: int | None = None,
    limit: int | None = None,
    held_out: float = 0.2,
    split: Literal["class", "paper"] = "class",
    seed: int = 1,
    min_share: float = 0.1,
    few: int = 20,
) -> Model:
    """Make a template of each class: the mean of its pure spectra.

    Parameters
    ----------
    spectra : SpectrumSet
        N spectra on the axis that the model shall live on. Only the pure ones (exactly one label) are used.
    classes : sequence of str, optional
        Classes to train; by default every class that has pure spectra.
    detectors : str or sequence of str, optional
        Detectors whose spectra make templates ("simulated", say); all by default. The background is taken
        from any detector.
    background : str or None
        The background class; it need not be there. None: no class is special.
    background_files : str or sequence of str, optional
        Patterns of the files whose background frames make its template. By default only files are taken
        that hold nothing but background: the frames before a source comes near may hold some of it already.
    energy_range : (float or None, float or None), optional
        Channels that lie within are used, in the unit of the axis; None stands for an end of it.
    first_channel : int, optional
        Channels below are left out; together with ``energy_range`` both hold.
    limit : int, optional
        Most spectra of a class, drawn by chance, to balance classes.
    held_out : float
        Share of each class (0..1) kept back for validation; `Model.held_out` names them.
    split : {"class", "paper"}
        "class" draws each class by itself. "paper" draws from the pool of all classes, background first, as
        scikit-learn's ``train_test_split(random_state=seed)`` does in the original, to reproduce its figures.
    seed : int
        Seed of the draws.
    min_share : float
        Share above which a class is taken as present.
    few : int
        Fewer spectra of a class than this are warned of, unless they hold enough counts all the same.

    Returns
    -------
    Model
        With the settings, the hash of the training spectra and all warnings in ``provenance``.

    Raises
    ------
    TrainingError
        No pure spectra, a class nobody labelled, a class with one spectrum where some are to be held out,
        a class without counts, no channel in the energy range.

    Warns
    -----
    TrainingWarning
        Classes with few spectra; empty or negative spectra; two templates too alike to be told apart;
        spectra that do not resemble their class, worst first.

    References
    ----------
    Supervised factorisation with fixed loadings: V. Rädle et al., GAMMA_FLOW (package 0.9.0).

    Examples
    --------
    >>> import gamma_flow as gf
    >>> spectra = gf.SpectrumSet([[9.0, 1, 0], [8, 2, 0], [0, 1, 9], [0, 2, 8]], gf.Axis.channels(3),
    ...                          labels=gf.Labels.of([["a"], ["a"], ["b"], ["b"]]))
    >>> model = gf.train(spectra, held_out=0, few=0)
    >>> model.templates.shapes
    array([[0.85, 0.15, 0.  ],
           [0.  , 0.15, 0.85]])
    """
    names, rows = training_rows(spectra, classes, detectors, background, background_files)
    active = active_channels(spectra.axis, energy_range, first_channel)
    rng = np.random.default_rng(seed)
    kept, out = _divided(names, rows, limit, held_out, rng)
    if split == "paper":
        kept, out = _divided_as_in_the_paper(names, rows, held_out, seed, background)
    elif split != "class":
        raise TrainingError("unknown way to split", expected='"class" or "paper"', found=repr(split))
    notes = _notes_on_spectra(spectra, names, kept, active, few)
    sums = np.stack([spectra.values[part].sum(axis=0) for part in kept])
    hollow = np.abs(sums[:, active]).sum(axis=1) <= 0
    if hollow.any():
        raise TrainingError(
            "the spectra of a class hold nothing in the active channels",
            where=f"class '{names[int(np.flatnonzero(hollow)[0])]}'",
            cure="check the spectra and the energy range, or leave the class out (--classes)",
        )
    templates = Templates(
        sums / np.array([len(part) for part in kept])[:, None],
        tuple(names),
        spectra.axis,
        active,
        np.array([len(part) for part in kept]),
        spectra.kind,
        background,
    )
    notes += _alike(templates)
    if held_out > 0 and len(np.unique(spectra.origin)) < len(spectra):
        notes.append(
            "several spectra bear the same origin, so validation spectra cannot be told from training spectra "
            "by it; was a file read twice?"
        )
    odd = suspects(spectra.values[:, active], kept, spectra.kind == "counts")
    notes += _odd_ones(spectra, names, odd)
    for note in notes:
        warnings.warn(note, TrainingWarning, stacklevel=2)
    settings = {
        "classes": list(names),
        "detectors": None
        if detectors is None
        else [detectors]
        if isinstance(detectors, str)
        else list(detectors),
        "background": background,
        "background_files": background_files
        if isinstance(background_files, str | None)
        else list(background_files),
        "energy_range": None if energy_range is None else list(energy_range),
        "first_channel": first_channel,
        "limit": limit,
        "held_out": held_out,
        "split": split,
        "seed": seed,
        "min_share": min_share,
    }
    used = np.sort(np.concatenate(kept))
    return Model(
        templates,
        min_share,
        _provenance(spectra, used, settings, notes, names, odd),
        spectra.origin[used],
        spectra.origin[np.sort(np.concatenate(out))],
    )


def training_rows(
    spectra: SpectrumSet,
    classes: Sequence[str] | None,
    detectors: str | Sequence[str] | None,
    background: str | None,
    background_files: str | Sequence[str] | None,
) -> tuple[list[str], list[NDArray[np.intp]]]:
    """Find the classes (background last) and the rows that may make their templates; see `train`."""
    labels = spectra.labels
    pure = labels.presence.sum(axis=1) == 1
    if not pure.any():
        raise TrainingError(
            "there are no pure spectra to train on",
            expected="spectra with exactly one label",
            found=f"{len(spectra)} spectra, {int(labels.labelled.sum())} labelled, none with one label",
            cure="give labels by file name (--label-pattern) or by a table (--table)",
        )
    from_detector = pure if detectors is None else pure & spectra.mask(detector=detectors)
    allowed: dict[str, NDArray[np.intp]] = {}
    for number, name in enumerate(labels.classes):
        mine = labels.presence[:, number]
        if name != background:
            rows = mine & from_detector
        elif background_files is not None:
            rows = mine & pure & matching_files(spectra.files, background_files)
        else:
            rows = mine & pure & _only_background(spectra, background)
        if rows.any():
            allowed[name] = np.flatnonzero(rows)
    wanted = list(allowed) if classes is None else list(dict.fromkeys(classes))
    for name in wanted:
        if name not in allowed:
            _refuse_class(spectra, name, pure, background, detectors)
    if not wanted:
        raise TrainingError(
            "no class has pure spectra of the chosen detectors",
            expected=f"detectors among {', '.join(sorted(set(spectra.detector[pure].tolist())))}",
            found=str(detectors),
        )
    ordered = sorted(wanted, key=lambda name: (name == background, name))
    return ordered, [allowed[name] for name in ordered]


def _refuse_class(
    spectra: SpectrumSet, name: str, pure: NDArray[np.bool_], background: str | None, detectors: Any
) -> None:
    known = spectra.labels.has(name)
    if not known.any():
        raise TrainingError(
            "nobody labelled this class",
            where=f"class '{name}'",
            expected=f"one of {', '.join(spectra.labels.classes)}",
            found=f"'{name}'",
        )
    if name == background and (known & pure).any():
        raise TrainingError(
            "no file holds nothing but background",
            where=f"class '{name}'",
            found=f"{int((known & pure).sum())} background spectra in files of other classes",
            cure="name the files whose background may be used (--background-files PATTERN)",
        )
    raise TrainingError(
        "the class has no pure spectra to train on",
        where=f"class '{name}'",
        found=f"{int(known.sum())} spectra with this label, {int((known & pure).sum())} of them pure"
        + (f", none of detector {detectors}" if detectors is not None else ""),
        cure="choose other detectors (--train-on) or leave the class out (--classes)",
    )


def _only_background(spectra: SpectrumSet, background: str | None) -> NDArray[np.bool_]:
    """Rows of files in which nothing but background was labelled."""
    if "file_labels" in spectra.meta:  # written at the door: it knows the rows that a selection took out
        told = spectra.meta["file_labels"]
        return np.asarray(told == (background or ""))
    files, back = np.unique(spectra.files, return_inverse=True)
    others = spectra.labels.sources > 0
    mixed = np.bincount(back.reshape(-1), weights=others, minlength=len(files)) > 0
    return np.asarray(~mixed[back.reshape(-1)])


def active_channels(
    axis: Axis, energy_range: tuple[float | None, float | None] | None, first_channel: int | None
) -> NDArray[np.bool_]:
    """Return the channels that lie within a range and from a first channel on, shape (C,).

    Raises
    ------
    TrainingError
        None is left.
    """
    active = np.ones(len(axis), bool)
    if energy_range is not None:
        lo, hi = energy_range
        if lo is not None:
            active &= axis.edges[:-1] >= lo - 1e-9 * abs(lo)
        if hi is not None:
            active &= axis.edges[1:] <= hi + 1e-9 * abs(hi)
    if first_channel is not None:
        active[: max(first_channel, 0)] = False
    if not active.any():
        raise TrainingError(
            "no channel is left",
            expected=f"a range within {axis.edges[0]:g}..{axis.edges[-1]:g} {axis.unit}",
            found=f"energy range {energy_range}, first channel {first_channel}",
        )
    return active


def _divided(
    names: list[str],
    rows: list[NDArray[np.intp]],
    limit: int | None,
    held_out: float,
    rng: np.random.Generator,
) -> tuple[list[NDArray[np.intp]], list[NDArray[np.intp]]]:
    """Draw each class to its limit and hold a part of it back."""
    if not 0 <= held_out < 1:
        raise TrainingError(
            "the held-out part is a share", expected="0 <= held_out < 1", found=f"{held_out:g}"
        )
    if limit is not None and limit < 1:
        raise TrainingError("the limit of spectra a class is a number from 1", found=str(limit))
    kept, out = [], []
    for name, mine in zip(names, rows, strict=True):
        drawn = rng.permutation(mine)[:limit]
        count = round(held_out * len(drawn))
        if held_out > 0 and len(drawn) < 2:
            raise TrainingError(
                "a class with one spectrum cannot be both trained and checked",
                where=f"class '{name}'",
                expected="2 or more spectra",
                found="1",
                cure="add spectra, leave the class out (--classes), or hold none back (--held-out 0)",
            )
        count = min(max(count, 1), len(drawn) - 1) if held_out > 0 else 0
        out.append(np.sort(drawn[:count]))
        kept.append(np.sort(drawn[count:]))
    return kept, out


def _divided_as_in_the_paper(
    names: list[str], rows: list[NDArray[np.intp]], held_out: float, seed: int, background: str | None
) -> tuple[list[NDArray[np.intp]], list[NDArray[np.intp]]]:
    """Draw the held-out part from the pool of all classes, with the generator that the original used."""
    order = sorted(range(len(names)), key=lambda number: names[number] != background)
    pool = np.concatenate([rows[number] for number in order])
    shuffled = np.random.RandomState(seed).permutation(len(pool))
    chosen = set(pool[shuffled[: int(np.ceil(held_out * len(pool)))]].tolist())
    mask = [np.array([row in chosen for row in mine], bool) for mine in rows]
    for name, mine in zip(names, mask, strict=True):
        if mine.all():
            raise TrainingError(
                "the draw left no training spectrum of a class",
                where=f"class '{name}'",
                cure='draw each class by itself: split="class"',
            )
    return [mine[~part] for mine, part in zip(rows, mask, strict=True)], [
        mine[part] for mine, part in zip(rows, mask, strict=True)
    ]


def _notes_on_spectra(
    spectra: SpectrumSet, names: list[str], kept: list[NDArray[np.intp]], active: NDArray[np.bool_], few: int
) -> list[str]:
    notes = []
    for name, rows in zip(names, kept, strict=True):
        values = spectra.values[rows][:, active]
        total = np.abs(values).sum()
        enough = spectra.kind == "counts" and total >= 100 * active.sum()
        if len(rows) < few and not enough:
            notes.append(
                f"class '{name}' has few training spectra: {len(rows)} with {total:.4g} {spectra.kind} in "
                f"{int(active.sum())} channels; its template is noisy"
            )
        empty = ~values.any(axis=1)
        if empty.any():
            first = spectra.origin[rows[np.flatnonzero(empty)[0]]]
            notes.append(f"class '{name}' has {int(empty.sum())} empty training spectra, the first: {first}")
        if spectra.kind == "counts" and values.size and values.min() < 0:
            bad = np.any(values < 0, axis=1)
            notes.append(f"class '{name}' has negative counts in its training spectra: {row_numbers(bad)}")
    return notes


def _alike(templates: Templates) -> list[str]:
    cosine = templates.similarity
    pairs = np.argwhere(np.triu(np.abs(cosine) > _ALIKE, k=1))
    return [
        f"the templates of '{templates.classes[one]}' and '{templates.classes[other]}' are too alike to be "
        f"told apart reliably: cosine {cosine[one, other]:.4f}"
        for one, other in pairs
    ]


def _odd_ones(spectra: SpectrumSet, names: list[str], odd: list[Suspect]) -> list[str]:
    if not odd:
        return []
    shown = "; ".join(_told(spectra, names, suspect) for suspect in odd[:_SHOWN])
    more = f"; and {len(odd) - _SHOWN} more, all named in the model's provenance" if len(odd) > _SHOWN else ""
    return [f"{len(odd)} training spectra do not resemble their class, the worst first: {shown}{more}"]


def _told(spectra: SpectrumSet, names: list[str], suspect: Suspect) -> str:
    # the last part of the path is enough to find it; the whole stands in the provenance
    name = str(spectra.origin[suspect.row]).replace("\\", "/").rpartition("/")[2]
    text = f"{name} (labelled {names[suspect.own]}, cosine {suspect.cosine:.2f}"
    if suspect.other is not None:
        text += f"; resembles {names[suspect.other]}: {suspect.other_cosine:.2f}"
    return text + ")"


def _provenance(
    spectra: SpectrumSet,
    used: NDArray[np.intp],
    settings: dict[str, Any],
    notes: list[str],
    names: list[str],
    odd: list[Suspect],
) -> dict[str, Any]:
    digest = hashlib.sha256()
    for part in (spectra.axis.edges, spectra.values[used], spectra.labels.presence[used]):
        digest.update(np.ascontiguousarray(part).tobytes())
    files, counts = np.unique(spectra.files[used], return_counts=True)
    return {
        "version": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "settings": settings,
        "inputs": {
            "sha256": digest.hexdigest(),
            "files": dict(zip(files.tolist(), counts.tolist(), strict=True)),
            "detectors": sorted(set(spectra.detector[used].tolist())),
        },
        "warnings": notes,
        "suspects": [
            {
                "origin": str(spectra.origin[suspect.row]),
                "label": names[suspect.own],
                "cosine": round(suspect.cosine, 4),
                "resembles": None if suspect.other is None else names[suspect.other],
                "other_cosine": None if suspect.other is None else round(suspect.other_cosine, 4),
            }
            for suspect in odd
        ],
    }
