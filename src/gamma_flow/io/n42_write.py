"""Spectra as ANSI N42.42-2012: one ``RadMeasurement`` a spectrum, elements in the order of the schema."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow._version import __version__
from gamma_flow.data import Axis, SpectrumSet
from gamma_flow.errors import WriteError
from gamma_flow.io import _notes
from gamma_flow.io._n42_text import SHORTEST, decimal, duration, element, number, numbers, opened, packed
from gamma_flow.io._xml import MAX_ELEMENTS
from gamma_flow.io.n42_results import alarm_results, results

__all__ = ["content", "write"]

_CLASSES = ("Foreground", "Background", "Calibration", "IntrinsicActivity", "NotSpecified")
_COLUMNS = (
    "record",
    "title",
    "neutron_counts",
    "gross_counts",
    "latitude",
    "longitude",
    "elevation",
    "dose_rate",
)
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
    measured = _measurements(spectra, keys, "Z" if utc else "")
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
    neutrons = _column(spectra, "neutron_counts")
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
    if terms is not None and len(terms) <= 3:
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


def _measurements(spectra: SpectrumSet, keys: Mapping[str, str], zone: str) -> Iterator[str]:
    record = _texts(spectra, "record")
    for row in range(len(spectra)):
        code = record[row] or "NotSpecified"
        key = keys[str(spectra.detector[row])]
        yield opened("RadMeasurement", id=f"measurement-{row + 1}")
        yield element("MeasurementClassCode", code if code in _CLASSES else "NotSpecified")
        if not np.isnat(spectra.time[row]):
            yield element("StartDateTime", f"{spectra.time[row]}{zone}")
        yield element("RealTimeDuration", duration(_real_time(spectra, row)))
        yield from _spectrum(spectra, row, key, code)
        yield from _counts(spectra, row, key)
        yield from _dose_rate(spectra, row, key)
        yield from _position(spectra, row)
        yield "</RadMeasurement>"


def _live_time(spectra: SpectrumSet, row: int) -> float:
    """Return what is written: zero where it is unknown."""
    seconds = float(spectra.live_time[row])
    return seconds if np.isfinite(seconds) else 0.0


def _real_time(spectra: SpectrumSet, row: int) -> float:
    """Return what is written: the schema wants more than zero, so the least that is possible if unknown."""
    seconds = float(spectra.real_time[row])
    return seconds if np.isfinite(seconds) and seconds > 0 else _live_time(spectra, row) or SHORTEST


def _spectrum(spectra: SpectrumSet, row: int, key: str, code: str) -> Iterator[str]:
    calibrated = {"energyCalibrationReference": "energy"} if spectra.axis.calibrated else {}
    yield opened("Spectrum", id=f"spectrum-{row + 1}", radDetectorInformationReference=key, **calibrated)
    title = _texts(spectra, "title")[row]
    if title:
        yield element("Remark", f"Title: {title}")
    left = _notes.unwritten(spectra, row, _written(spectra, row))
    if code not in _CLASSES:
        left["record"] = code
    live, real = _live_time(spectra, row), _real_time(spectra, row)
    for note in [
        *_notes.notes_of(spectra, row, left),
        *_notes.times_note(
            {"live_time": (spectra.live_time[row], live), "real_time": (spectra.real_time[row], real)}
        ),
    ]:
        yield element("Remark", note)
    yield element("LiveTimeDuration", duration(live))
    yield element("ChannelData", packed(spectra.values[row]), compressionCode="CountedZeroes")
    yield "</Spectrum>"


def _written(spectra: SpectrumSet, row: int) -> Iterable[str]:
    """Name the columns with an element of their own; half a position has none and goes into a remark."""
    left = [] if _has_position(spectra, row) else ["latitude", "longitude", "elevation"]
    # the schema wants them not negative
    left += [
        name for name in ("gross_counts", "neutron_counts", "dose_rate") if _column(spectra, name)[row] < 0
    ]
    return [name for name in _COLUMNS if name not in left]


def _has_position(spectra: SpectrumSet, row: int) -> bool:
    latitude, longitude = _column(spectra, "latitude")[row], _column(spectra, "longitude")[row]
    return bool(abs(latitude) <= 90 and abs(longitude) <= 180)


def _counts(spectra: SpectrumSet, row: int, key: str) -> Iterator[str]:
    for column, detector, name in (
        ("gross_counts", key, "gamma"),
        ("neutron_counts", f"{key}N", "neutron"),
    ):
        value = _column(spectra, column)[row]
        if np.isfinite(value) and value >= 0:
            yield opened("GrossCounts", id=f"{name}-{row + 1}", radDetectorInformationReference=detector)
            seconds = float((spectra.real_time if name == "neutron" else spectra.live_time)[row])
            shown = seconds if np.isfinite(seconds) else 0.0
            for note in _notes.times_note({"live_time": (seconds, shown)}):
                yield element("Remark", note)
            yield element("LiveTimeDuration", duration(shown))
            yield element("CountData", number(value))
            yield "</GrossCounts>"


def _dose_rate(spectra: SpectrumSet, row: int, key: str) -> Iterator[str]:
    value = _column(spectra, "dose_rate")[row]
    if np.isfinite(value) and value >= 0:
        yield opened("DoseRate", id=f"dose-{row + 1}", radDetectorInformationReference=key)
        yield element("DoseRateValue", number(value))
        yield "</DoseRate>"


def _position(spectra: SpectrumSet, row: int) -> Iterator[str]:
    if not _has_position(spectra, row):
        return
    yield '<RadInstrumentState radInstrumentInformationReference="instrument">'
    yield "<StateVector>"
    yield "<GeographicPoint>"
    yield element("LatitudeValue", decimal(_column(spectra, "latitude")[row]))
    yield element("LongitudeValue", decimal(_column(spectra, "longitude")[row]))
    elevation = _column(spectra, "elevation")[row]
    if np.isfinite(elevation):
        yield element("ElevationValue", decimal(elevation))
    yield "</GeographicPoint>"
    yield "</StateVector>"
    yield "</RadInstrumentState>"


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


def _column(spectra: SpectrumSet, name: str) -> NDArray[np.float64]:
    """Return a column of numbers, NaN where it is missing; refuse text in its place."""
    try:
        return np.asarray(spectra.meta.get(name, np.full(len(spectra), np.nan)), np.float64)
    except (TypeError, ValueError) as problem:
        raise WriteError(
            f"the column {name} has to hold numbers", found=str(spectra.meta[name][:3])
        ) from problem


def _texts(spectra: SpectrumSet, name: str) -> list[str]:
    column = spectra.meta.get(name)
    return [""] * len(spectra) if column is None else [str(value) for value in column]
