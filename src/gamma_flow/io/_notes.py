"""What a standard format has no place for, kept in its remarks: labels and further columns of our own sets.

Four kinds of lines, all plain JSON behind a name, so that people and other programs can read them too:

    gamma_flow labels: ["Cs137", "background"]
    gamma_flow metadata: {"absorber": "steel"}
    gamma_flow times: {"live_time": null, "real_time": null}
    gamma_flow coefficients: [0.0, 3.0]

The third names times that are unknown where the format demands one, the fourth the terms of a calibration
where the format wants another number of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from gamma_flow.data import SpectrumSet
from gamma_flow.errors import DamagedFileError, WriteError

__all__ = [
    "coefficients_in",
    "coefficients_note",
    "notes_in",
    "notes_of",
    "plain_counts",
    "times_in",
    "times_note",
    "unwritten",
]

_LABELS = "gamma_flow labels:"
_META = "gamma_flow metadata:"
_TIMES = "gamma_flow times:"
_TERMS = "gamma_flow coefficients:"
_LARGEST = 1e300


def notes_of(spectra: SpectrumSet, row: int, left: Mapping[str, float | str]) -> list[str]:
    """Return the remarks of one spectrum: its labels, if it is labelled, and the columns ``left`` over."""
    notes = []
    labels = spectra.labels[row : row + 1].lists()[0] if spectra.labels.labelled[row] else None
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


def times_note(times: Mapping[str, tuple[float, float]]) -> list[str]:
    """Return the remark of the times that are not what is written, in seconds, null for unknown; else none.

    Parameters
    ----------
    times : mapping of str to (float, float)
        By name: what it is, NaN where that is unknown, and what is written.
    """
    told = {
        name: float(known) if np.isfinite(known) else None
        for name, (known, written) in times.items()
        if known != written
    }
    return [f"{_TIMES} {json.dumps(told)}"] if told else []


def times_in(lines: Iterable[str], where: str) -> dict[str, float]:
    """Return the times that remarks of `times_note` tell, in seconds, NaN for unknown.

    Raises
    ------
    DamagedFileError
        Such a remark that is not what `times_note` writes.
    """
    times: dict[str, float] = {}
    for line in _lines(lines, _TIMES):
        given = _json(line, where)
        if not isinstance(given, dict) or not all(
            one is None or (type(one) in (int, float) and 0 <= one < _LARGEST) for one in given.values()
        ):
            raise DamagedFileError(
                "the remark of times is damaged",
                where=where,
                expected="names with seconds or null",
                found=line[:80],
            )
        times |= {name: np.nan if one is None else float(one) for name, one in given.items()}
    return times


def coefficients_note(terms: Iterable[float]) -> str:
    """Return the remark of the terms of a calibration polynomial, lowest order first."""
    return f"{_TERMS} {json.dumps([float(term) for term in terms])}"


def coefficients_in(lines: Iterable[str], where: str) -> list[float] | None:
    """Return the terms that a remark of `coefficients_note` tells; None without one.

    Raises
    ------
    DamagedFileError
        Such a remark that holds no list of numbers.
    """
    terms: list[float] | None = None
    for line in _lines(lines, _TERMS):
        given = _json(line, where)
        if not isinstance(given, list) or not all(
            type(one) in (int, float) and abs(one) < _LARGEST for one in given
        ):
            raise DamagedFileError(
                "the remark of coefficients is damaged",
                where=where,
                expected="a list of numbers",
                found=line[:80],
            )
        terms = [float(one) for one in given]
    return terms


def _lines(lines: Iterable[str], name: str) -> Iterable[str]:
    return (line.strip().removeprefix(name) for line in lines if line.strip().startswith(name))


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
