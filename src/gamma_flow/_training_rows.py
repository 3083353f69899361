"""Which rows of a set make templates, which are held back, and which channels are used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data import BACKGROUND, Axis, SpectrumSet
from gamma_flow.data._select import matching_files
from gamma_flow.errors import TrainingError

__all__ = [
    "active_channels",
    "divided",
    "divided_as_in_the_paper",
    "left_out_background",
    "limited",
    "only_background",
    "training_rows",
]


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
    _check_names(spectra, pure, background, detectors)
    from_detector = pure if detectors is None else pure & spectra.mask(detector=detectors)
    allowed: dict[str, NDArray[np.intp]] = {}
    for number, name in enumerate(labels.classes):
        mine = labels.presence[:, number]
        if name != background:
            rows = mine & from_detector
        elif background_files is not None:
            rows = mine & pure & matching_files(spectra.files, background_files)
        else:
            rows = mine & pure & only_background(spectra, background)
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


def _check_names(
    spectra: SpectrumSet,
    pure: NDArray[np.bool_],
    background: str | None,
    detectors: str | Sequence[str] | None,
) -> None:
    """Refuse names that nothing bears: a mistyped one would make another model without a word."""
    if detectors is not None:
        known = sorted(set(spectra.detector[pure].tolist()))
        for name in [detectors] if isinstance(detectors, str) else detectors:
            if name not in known:
                raise TrainingError(
                    "no pure spectrum is of this detector",
                    where=f"detector '{name}'",
                    expected=f"one of {', '.join(known)}",
                    found=f"'{name}'",
                )
    if background not in (None, BACKGROUND) and not spectra.labels.has(str(background)).any():
        raise TrainingError(
            "nobody labelled the background class",
            where=f"class '{background}'",
            expected=f"one of {', '.join(spectra.labels.classes)}",
            found=f"'{background}'",
        )


def left_out_background(spectra: SpectrumSet, names: list[str], background: str | None) -> list[str]:
    """Say so if there are background spectra, but none in a file without sources."""
    if background is None or background in names:
        return []
    count = int((spectra.labels.has(background) & (spectra.labels.presence.sum(axis=1) == 1)).sum())
    if not count:
        return []
    return [
        f"the {count} pure spectra of '{background}' stand in files that hold sources too, so there is no "
        "background template; name the files that may be used (--background-files PATTERN, '*' for all)"
    ]


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


def only_background(spectra: SpectrumSet, background: str | None) -> NDArray[np.bool_]:
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


def limited(
    rows: list[NDArray[np.intp]], limit: int | None, rng: np.random.Generator
) -> list[NDArray[np.intp]]:
    """Draw each class to its limit; the rows stay ascending."""
    if limit is None:
        return rows
    if limit < 1:
        raise TrainingError("the limit of spectra a class is a number from 1", found=str(limit))
    return [np.sort(rng.permutation(mine)[:limit]) for mine in rows]


def divided(
    names: list[str], rows: list[NDArray[np.intp]], held_out: float, rng: np.random.Generator
) -> tuple[list[NDArray[np.intp]], list[NDArray[np.intp]]]:
    """Hold a part of each class back."""
    kept, out = [], []
    for name, mine in zip(names, rows, strict=True):
        drawn = rng.permutation(mine)
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


def divided_as_in_the_paper(
    names: list[str], rows: list[NDArray[np.intp]], held_out: float, seed: int, background: str | None
) -> tuple[list[NDArray[np.intp]], list[NDArray[np.intp]]]:
    """Draw the held-out part from the pool of all classes, with the generator that the original used."""
    order = sorted(range(len(names)), key=lambda number: names[number] != background)
    pool = np.concatenate([rows[number] for number in order])
    # the legacy generator, because its stream is the point: no other draw of the package uses it
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
