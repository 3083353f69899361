"""What a standard format has no place for, kept in its remarks: labels and further columns of our own sets.

Two kinds of lines, both plain JSON behind a name, so that people and other programs can read them too:

    gamma_flow labels: ["Cs137", "background"]
    gamma_flow metadata: {"absorber": "steel"}
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from gamma_flow.data import SpectrumSet
from gamma_flow.errors import DamagedFileError, WriteError

__all__ = ["notes_in", "notes_of", "plain_counts", "unwritten"]

_LABELS = "gamma_flow labels:"
_META = "gamma_flow metadata:"


def notes_of(spectra: SpectrumSet, row: int, left: Mapping[str, float | str]) -> list[str]:
    """Return the remarks of one spectrum: its labels, if it is labelled, and the columns ``left`` over."""
    notes = []
    labels = spectra.labels.lists()[row] if spectra.labels.labelled[row] else None
    if labels is not None:
        notes.append(f"{_LABELS} {json.dumps(labels, ensure_ascii=False)}")
    if left:
        notes.append(f"{_META} {json.dumps(dict(left), ensure_ascii=False, sort_keys=True)}")
    return notes


def notes_in(
    lines: Iterable[str], where: str
) -> tuple[tuple[str, ...] | None, dict[str, float | str], list[str]]:
    """Return labels (None without such a remark), further columns, and the lines that are no note of ours.

    Raises
    ------
    DamagedFileError
        A note that is not what `notes_of` writes.
    """
    labels: tuple[str, ...] | None = None
    meta: dict[str, float | str] = {}
    rest = []
    for line in (line.strip() for line in lines):
        if line.startswith(_LABELS):
            names = _json(line.removeprefix(_LABELS), where)
            if not isinstance(names, list) or not all(isinstance(one, str) and one.strip() for one in names):
                raise DamagedFileError(
                    "the remark of labels is damaged",
                    where=where,
                    expected="a list of names",
                    found=line[:80],
                )
            labels = tuple(names)
        elif line.startswith(_META):
            given = _json(line.removeprefix(_META), where)
            if not isinstance(given, dict) or not all(
                type(one) in (str, int, float) for one in given.values()
            ):
                raise DamagedFileError(
                    "the remark of metadata is damaged",
                    where=where,
                    expected="names with numbers or texts",
                    found=line[:80],
                )
            meta.update(
                {key: value if isinstance(value, str) else float(value) for key, value in given.items()}
            )
        elif line:
            rest.append(line)
    return labels, meta, rest


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise DamagedFileError(
            "a remark of gamma_flow is damaged", where=where, expected="JSON", found=repr(text.strip()[:60])
        ) from problem


def unwritten(spectra: SpectrumSet, row: int, written: Iterable[str]) -> dict[str, float | str]:
    """Return the known metadata of a row that are not among the columns already ``written``."""
    skip = set(written)
    left: dict[str, float | str] = {}
    for name, column in spectra.meta.items():
        value = column[row]
        if name in skip or value is None:
            continue
        if isinstance(value, (str, np.str_)):
            if value:
                left[name] = str(value)
        elif np.isfinite(float(value)):
            left[name] = float(value)
    return left


def plain_counts(spectra: SpectrumSet, title: str) -> None:
    """Refuse what no gamma format can hold.

    Raises
    ------
    WriteError
        Intensities, standard deviations, known amounts, or an axis in another unit than keV or channels.
    """
    cure = "write .npz, which holds everything, or CSV"
    if spectra.kind != "counts" or spectra.sigma is not None:
        found = spectra.kind if spectra.kind != "counts" else "counts with standard deviations"
        raise WriteError(f"{title} holds counts only", expected="plain counts", found=found, cure=cure)
    if spectra.axis.unit not in ("keV", "channel"):
        raise WriteError(
            f"{title} is for gamma spectra",
            expected="an axis in keV or channels",
            found=str(spectra.axis),
            cure=cure,
        )
    if spectra.labels.amounts is not None:
        raise WriteError(f"{title} has no place for known amounts", found="labels with amounts", cure=cure)
