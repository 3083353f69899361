"""What is said of a training: warnings, and the provenance that a model carries."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow._suspects import Suspect
from gamma_flow._version import __version__
from gamma_flow.data import SpectrumSet
from gamma_flow.data._arrays import row_numbers
from gamma_flow.data.calibration import Calibration
from gamma_flow.data.templates import Templates
from gamma_flow.errors import TrainingError

__all__ = ["alike", "few_draws", "odd_ones", "of_spectra", "provenance_of", "twice"]

_ALIKE = 0.95  # cosine above which two templates are called too alike
_SHOWN = 8  # names in a warning; all of them stand in the model's provenance


def few_draws(calibration: Calibration, names: Sequence[str], background: str | None) -> list[str]:
    """Return a warning where the nulls do not suffice for p-values of their own."""
    few = [name for name, n in zip(names, calibration.n_nulls, strict=True) if n == 0 and name != background]
    if not few or len(names) < 2:
        return []
    return [
        f"too few draws without {', '.join(few)} for p-values of their own: half a chi-square of one degree "
        "of freedom is taken, which promises too much where templates are wrong; ask for more nulls"
    ]


def of_spectra(
    spectra: SpectrumSet, names: list[str], kept: list[NDArray[np.intp]], active: NDArray[np.bool_], few: int
) -> list[str]:
    """Return what is doubtful about the spectra of each class."""
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
            notes.append(
                f"class '{name}' has negative counts in its training spectra: {row_numbers(bad)}; they stay "
                "in its template, and what is drawn for a calibration takes an expected count below zero as 0"
            )
    return notes


def twice(spectra: SpectrumSet, rows: NDArray[np.intp]) -> list[str]:
    """Refuse spectra that were read twice; say so if others only bear one name."""
    origin = spectra.origin[rows]
    _, first, place = np.unique(origin, return_index=True, return_inverse=True)
    before = first[place.reshape(-1)]
    again = before != np.arange(len(rows))
    if not again.any():
        return []
    same = again & np.all(spectra.values[rows] == spectra.values[rows[before]], axis=1)
    if same.any():
        raise TrainingError(
            "spectra were read twice",
            where=str(origin[np.flatnonzero(same)[0]]),
            found=f"{int(same.sum())} of {len(rows)} training spectra",
            cure="name each file once, and keep results apart from the data",
        )
    return [
        f"{int(again.sum())} training spectra share their origin with others, so validation spectra cannot "
        "be told from them by it"
    ]


def alike(templates: Templates) -> list[str]:
    """Return which templates are nearly the same."""
    cosine = templates.similarity
    pairs = np.argwhere(np.triu(np.abs(cosine) > _ALIKE, k=1))
    return [
        f"the templates of '{templates.classes[one]}' and '{templates.classes[other]}' are too alike to be "
        f"told apart reliably: cosine {cosine[one, other]:.4f}"
        for one, other in pairs
    ]


def odd_ones(spectra: SpectrumSet, names: list[str], odd: list[Suspect]) -> list[str]:
    """Return which spectra do not resemble their class."""
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


def provenance_of(
    spectra: SpectrumSet,
    used: NDArray[np.intp],
    settings: dict[str, Any],
    notes: list[str],
    names: list[str],
    odd: list[Suspect],
) -> dict[str, Any]:
    """Return where a model came from: version, date, settings, hash of its inputs, warnings."""
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
