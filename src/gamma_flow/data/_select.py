"""How rows of a set are chosen, drawn, divided and put together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data.labels import Labels
from gamma_flow.errors import SpectrumError

if TYPE_CHECKING:
    from gamma_flow.data.spectra import SpectrumSet

__all__ = [
    "concatenated",
    "files_of",
    "held_out",
    "key_depth",
    "mask",
    "matching_files",
    "origin_keys",
    "sample",
]


def files_of(origin: NDArray[np.str_]) -> NDArray[np.str_]:
    """Return what stands before the last ``#`` of each origin."""
    if not len(origin):
        return origin
    return np.array([text.rpartition("#")[0] for text in origin.tolist()])


def _names(value: str | Iterable[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def matching_files(files: NDArray[np.str_], patterns: str | Iterable[str]) -> NDArray[np.bool_]:
    """Tell which file names (their last part, with or without the ending) match one of the patterns."""
    wanted = _names(patterns)
    distinct, back = np.unique(files, return_inverse=True)
    hit = np.zeros(len(distinct), bool)
    for number, file in enumerate(distinct.tolist()):
        name = file.replace("\\", "/").rpartition("/")[2]
        stem = name.rpartition(".")[0] or name
        hit[number] = any(fnmatchcase(text, pattern) for text in (file, name, stem) for pattern in wanted)
    chosen: NDArray[np.bool_] = hit[back.reshape(-1)] if len(distinct) else np.zeros(0, bool)
    return chosen


def origin_keys(origin: NDArray[np.str_], depth: int) -> list[str]:
    """Return the last ``depth`` parts of each path, without the ending, and the row: ``folder/name#3``.

    What is above these parts depends on how a path was typed, or on whether the files lay in a zip.
    """
    keys = []
    for text in origin.tolist():
        file, _, row = text.rpartition("#")
        parts = file.replace("\\", "/").split("/")[-depth:]
        parts[-1] = parts[-1].rpartition(".")[0] or parts[-1]
        keys.append(f"{'/'.join(parts)}#{row}")
    return keys


def key_depth(origin: NDArray[np.str_]) -> int:
    """Return how many parts of a path tell all origins apart (as far as they differ at all)."""
    different = len(set(origin.tolist()))
    most = max((text.replace("\\", "/").count("/") + 1 for text in origin.tolist()), default=1)
    for depth in range(1, most):
        if len(set(origin_keys(origin, depth))) == different:
            return depth
    return most


def mask(
    spectra: SpectrumSet,
    detector: str | Iterable[str] | None,
    label: str | Iterable[str] | None,
    file: str | Iterable[str] | None,
) -> NDArray[np.bool_]:
    """Tell which rows fulfil all conditions that are not None."""
    chosen = np.ones(len(spectra), bool)
    if detector is not None:
        chosen &= np.isin(spectra.detector, _names(detector))
    if label is not None:
        chosen &= spectra.labels.has(*_names(label))
    if file is not None:
        chosen &= matching_files(spectra.files, file)
    return chosen


def _groups(spectra: SpectrumSet, per: str | None) -> NDArray[np.intp]:
    if per is None:
        return np.zeros(len(spectra), np.intp)
    if per == "label":
        keys: NDArray[Any] = np.column_stack([spectra.labels.labelled, spectra.labels.presence])
        group: NDArray[np.intp] = np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1)
        return group
    by = {"detector": spectra.detector, "file": spectra.files, "run": spectra.run}
    if per not in by:
        raise SpectrumError("unknown group", expected="label, detector, file, run or None", found=repr(per))
    group = np.unique(by[per], return_inverse=True)[1].reshape(-1)
    return group


def sample(spectra: SpectrumSet, n: int, per: str | None, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return the rows, ascending, of at most ``n`` spectra a group."""
    if n < 1:
        raise SpectrumError("a sample holds at least one spectrum", expected="n >= 1", found=str(n))
    group = _groups(spectra, per)
    chosen = []
    for number in range(int(group.max()) + 1 if len(group) else 0):
        rows = np.flatnonzero(group == number)
        chosen.append(rows if len(rows) <= n else rng.choice(rows, n, replace=False))
    return np.sort(np.concatenate(chosen)) if chosen else np.zeros(0, np.intp)


def held_out(
    spectra: SpectrumSet, part: float, rng: np.random.Generator, keep: str | None
) -> NDArray[np.bool_]:
    """Return a mask of the rows that are held out."""
    if not 0 <= part < 1:
        raise SpectrumError("the held-out part is a share", expected="0 <= part < 1", found=f"{part:g}")
    count = int(np.ceil(part * len(spectra)))
    out = np.zeros(len(spectra), bool)
    if keep is None:
        out[rng.permutation(len(spectra))[:count]] = True
        return out
    group = _groups(spectra, keep)
    sizes = np.bincount(group) if len(group) else np.zeros(0, np.intp)
    if len(sizes) < 2 and count:
        raise SpectrumError(
            f"the spectra cannot be divided by {keep}", expected=f"two or more {keep}s", found=str(len(sizes))
        )
    taken = 0
    for number in rng.permutation(len(sizes)):
        # a group that brings the part nearer to its goal is taken whole
        if abs(taken + sizes[number] - count) < abs(taken - count):
            out |= group == number
            taken += int(sizes[number])
    if count and not taken:
        # every group is more than twice what was asked for: the smallest comes nearest
        out = group == int(sizes.argmin())
    return out


def concatenated(parts: Sequence[SpectrumSet]) -> SpectrumSet:
    """Put sets below each other that are known to fit."""
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("values", "live_time", "real_time", "time", "detector", "origin")
    }
    if all(part.sigma is not None for part in parts):
        joined["sigma"] = np.concatenate([part.sigma for part in parts if part.sigma is not None])
    elif any(part.sigma is not None for part in parts):
        raise SpectrumError("some of the sets have a sigma and some have none", cure="give all of them one")
    offset, run = 0, []
    for part in parts:
        run.append(part.run + offset - (part.run.min() if len(part) else 0))
        offset = int(run[-1].max()) + 1 if len(part) else offset
    return parts[0]._changed(
        **joined,
        labels=Labels.concatenated([part.labels for part in parts]),
        run=np.concatenate(run),
        meta=_joined_columns(parts),
        signed=any(part.signed for part in parts),
    )


def _joined_columns(parts: Sequence[SpectrumSet]) -> dict[str, NDArray[Any]]:
    table: dict[str, NDArray[Any]] = {}
    for name in sorted({name for part in parts for name in part.meta}):
        have = [part.meta[name] for part in parts if name in part.meta]
        text = any(column.dtype.kind == "U" for column in have)
        filler: Any = "" if text else (np.datetime64("NaT") if have[0].dtype.kind == "M" else np.nan)
        pieces = [part.meta[name] if name in part.meta else np.full(len(part), filler) for part in parts]
        table[name] = np.concatenate([piece.astype(np.str_) for piece in pieces] if text else pieces)
    return table
