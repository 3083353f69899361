"""Spectra as ANSI N42.42-2012: one ``RadMeasurement`` a spectrum, elements in the order of the schema."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gamma_flow._version import __version__
from gamma_flow.data import Axis, SpectrumSet
from gamma_flow.errors import WriteError
from gamma_flow.io import _notes
from gamma_flow.io._n42_measurement import column, measurements
from gamma_flow.io._n42_text import element, numbers, opened
from gamma_flow.io._xml import MAX_ELEMENTS
from gamma_flow.io.n42_results import alarm_results, results

__all__ = ["content", "write"]

_MOST_COUNTS = 2.0**53
"""From here on not every whole number is a float, and no reader of ours takes it for a count."""
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_OUR_OWN = re.compile(r"(measurement|spectrum|gamma|neutron|dose|detector)-.*|instrument|energy")
# what XML 1.0 cannot hold, escaped or not
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(spectra: SpectrumSet, path: Path) -> None:
    """Write all spectra of a set as ANSI N42.42-2012.

    A calibration polynomial is written as such, other axes as channel edges; an axis in channels gets no
    calibration. Labels and columns that the format does not know go into remarks that our reader reads back.
    The standard demands a live and a real time: where one is unknown, zero (the live time) or the least that
    it can be (the real time: the live time, else a microsecond) stands in its place, and a remark says so.

    Not valid by the letter of the standard are spectra without a start (it is left out), an axis in channels
    (the reference to a calibration is left out), and edges below 0 keV that no parabola gives.

    Raises
    ------
    WriteError
        Intensities, standard deviations, known amounts, an axis in another unit, counts of 2^53 and more,
        characters that no XML holds, more than our reader takes in.
    """
    path.write_bytes(content(spectra))


def content(
    spectra: SpectrumSet,
    records: Sequence[Mapping[str, Any] | None] | None = None,
    alarms: Sequence[Mapping[str, Any]] = (),
    *,
    utc: bool = False,
) -> bytes:
    """Return what `write` writes; the same set gives the same bytes.

    Parameters
    ----------
    spectra : SpectrumSet
        N spectra.
    records : sequence of mapping or None, optional
        What an analysis found in each, as `Analysis.records` has it: it becomes ``AnalysisResults``.
    alarms : sequence of mapping
        As `gamma_flow.live.alarm.Alarm.as_dict` has them; each becomes ``AnalysisResults`` of its own with a
        ``RadAlarm``, and refers to the spectra of its detector that lie within it.
    utc : bool
        The times are known to be UTC: they are marked so.
    """
    if records is not None and len(records) != len(spectra):
        raise WriteError(
            "one result a spectrum is needed", expected=str(len(spectra)), found=str(len(records))
        )
    _notes.plain_counts(spectra, "N42")
    if not len(spectra):
        raise WriteError("there is no spectrum to write", expected="one or more", found="0")
    if spectra.axis.unit == "channel" and spectra.axis != Axis.channels(len(spectra.axis)):
        raise WriteError(
            "N42 holds calibrated axes, or channels that count from 0 one by one",
            found=str(spectra.axis),
            cure="give the axis its energies in keV",
        )
    large = np.argwhere(np.abs(spectra.values) >= _MOST_COUNTS)
    if len(large):
        row, channel = large[0].tolist()
        raise WriteError(
            "a count is too large to be read back",
            where=f"row {row} ({spectra.origin[row]}), channel {channel}",
            expected="counts below 2^53",
            found=f"{spectra.values[row, channel]:g}",
            cure="write .npz, which holds everything, or CSV",
        )
    keys = _detectors([*spectra.detector.tolist(), *(str(one["detector"]) for one in alarms)])
    found = [
        line
        for row, record in enumerate(records or ())
        if record is not None
        for line in results(record, f"measurement-{row + 1}")
    ]
    rung = _alarms(spectra, alarms, keys)
    measured = measurements(spectra, keys, "Z" if utc else "")
    body = "\n".join([*_head(spectra, keys), *measured, *found, *rung])
    digest = hashlib.sha256(body.encode("utf-8", "surrogatepass")).digest()
    text = (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<RadInstrumentData xmlns="http://physics.nist.gov/N42/2011/N42" '
        f'n42DocUUID="{uuid.UUID(bytes=digest[:16], version=4)}">\n{body}\n</RadInstrumentData>\n'
    )
    _check(text)
    return text.encode("utf-8")


def _check(text: str) -> None:
    strange = _FORBIDDEN.search(text)
    if strange:
        raise WriteError(
            "a text holds a character that XML cannot hold",
            found=repr(strange.group()),
            cure="take it out of the labels, detectors or metadata",
        )
    elements = text.count("<") - text.count("</") - 1  # less the declaration
    if elements > MAX_ELEMENTS:
        raise WriteError(
            "the document would hold more than is read back",
            expected=f"{MAX_ELEMENTS} elements at most",
            found=str(elements),
            cure="write fewer spectra to a file",
        )


def _detectors(named: Iterable[str]) -> dict[str, str]:
    """Return identifiers of the detectors by their names, in order of appearance."""
    names = list(dict.fromkeys(named))
    keys: dict[str, str] = {}
    for place, name in enumerate(names, 1):
        # other programs show the identifier for the name, so it is the name wherever that can be one
        plain = _IDENTIFIER.fullmatch(name) and not _OUR_OWN.fullmatch(name)
        free = not (name.endswith("N") and name[:-1] in names) and name != "unamed"
        keys[name] = name if plain and free else f"detector-{place}" if name else "unamed"
    return keys


def _head(spectra: SpectrumSet, keys: Mapping[str, str]) -> Iterator[str]:
    yield element("RadInstrumentDataCreatorName", "gamma_flow")
    yield '<RadInstrumentInformation id="instrument">'
    yield element("RadInstrumentManufacturerName", "unknown")
    yield element("RadInstrumentModelName", "unknown")
    yield element("RadInstrumentClassCode", "Other")
    yield "<RadInstrumentVersion>"
    yield element("RadInstrumentComponentName", "Software")
    # the standard means the software that wrote the document
    yield element("RadInstrumentComponentVersion", f"gamma_flow-{__version__}")
    yield "</RadInstrumentVersion>"
    yield "</RadInstrumentInformation>"
    neutrons = column(spectra, "neutron_counts")
    for name, key in keys.items():
        yield from _detector(name or "unamed", key, "Gamma")
        if np.isfinite(neutrons[spectra.detector == name]).any():
            yield from _detector(f"{name or 'unamed'}N", f"{key}N", "Neutron")
    if spectra.axis.calibrated:
        yield from _calibration(spectra.axis)


def _calibration(axis: Axis) -> Iterator[str]:
    """Yield three coefficients, as the schema wants; else the edges, with the coefficients in a remark."""
    terms = axis.coefficients
    yield opened("EnergyCalibration", id="energy")
    if terms is not None and len(terms) != 3:
        yield element("Remark", _notes.coefficients_note(terms))
    if terms is not None and not any(terms[3:]):
        yield element("CoefficientValues", numbers(np.array([*terms, 0.0, 0.0][:3])))
    else:
        yield element("EnergyBoundaryValues", numbers(axis.edges))
    yield "</EnergyCalibration>"


def _detector(name: str, key: str, category: str) -> Iterator[str]:
    yield opened("RadDetectorInformation", id=key)
    yield element("RadDetectorName", name)
    yield element("RadDetectorCategoryCode", category)
    yield element("RadDetectorKindCode", "Other")
    yield "</RadDetectorInformation>"


def _alarms(
    spectra: SpectrumSet, alarms: Sequence[Mapping[str, Any]], keys: Mapping[str, str]
) -> Iterator[str]:
    """Yield the alarms, each with the measurements of its detector from its start to its end."""
    names = {str(told["detector"]) for told in alarms}
    rows = {name: np.flatnonzero(spectra.detector == name) for name in names}
    for told in alarms:
        mine = rows[str(told["detector"])]
        start, end = (
            np.datetime64(str(told[name] or "NaT").removesuffix("Z"), "us") for name in ("start", "end")
        )
        time = spectra.time[mine]
        within = mine[(time >= start) & ((time <= end) | np.isnat(end))]
        yield from alarm_results(
            told,
            [f"measurement-{row + 1}" for row in within.tolist()],
            keys[str(told["detector"])],
            energies=spectra.axis.calibrated,
        )
