"""Spectra as ANSI N42.42-2012: one ``RadMeasurement`` a spectrum, elements in the order of the schema."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data import Axis, SpectrumSet
from gamma_flow.errors import WriteError
from gamma_flow.io import _notes
from gamma_flow.io.n42_results import results

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
    calibration. Labels and columns that the format does not know go into remarks that our reader reads back;
    unknown times are left out, although the standard demands them.

    Raises
    ------
    WriteError
        Intensities, standard deviations, known amounts, an axis in another unit, counts of 2^53 and more,
        characters that no XML holds.
    """
    path.write_bytes(content(spectra))


def content(spectra: SpectrumSet, records: Sequence[Mapping[str, Any] | None] | None = None) -> bytes:
    """Return what `write` writes; the same set gives the same bytes.

    Parameters
    ----------
    spectra : SpectrumSet
        N spectra.
    records : sequence of mapping or None, optional
        What an analysis found in each, as `Analysis.records` has it: it becomes ``AnalysisResults``.
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
    found = [
        line
        for row, record in enumerate(records or ())
        if record is not None
        for line in results(record, f"measurement-{row + 1}")
    ]
    body = "\n".join([*_head(spectra), *_measurements(spectra), *found])
    digest = hashlib.sha256(body.encode("utf-8", "surrogatepass")).digest()
    text = (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<RadInstrumentData xmlns="http://physics.nist.gov/N42/2011/N42" '
        f'n42DocUUID="{uuid.UUID(bytes=digest[:16], version=4)}">\n{body}\n</RadInstrumentData>\n'
    )
    strange = _FORBIDDEN.search(text)
    if strange:
        raise WriteError(
            "a text holds a character that XML cannot hold",
            found=repr(strange.group()),
            cure="take it out of the labels, detectors or metadata",
        )
    return text.encode("utf-8")


def _element(tag: str, text: str, **attributes: str) -> str:
    listed = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items())
    return f"<{tag}{listed}>{escape(text)}</{tag}>"


def _detectors(spectra: SpectrumSet) -> dict[str, str]:
    """Return identifiers of the detectors by their names, in order of appearance."""
    names = list(dict.fromkeys(spectra.detector.tolist()))
    keys: dict[str, str] = {}
    for number, name in enumerate(names, 1):
        # other programs show the identifier for the name, so it is the name wherever that can be one
        plain = _IDENTIFIER.fullmatch(name) and not _OUR_OWN.fullmatch(name)
        free = not (name.endswith("N") and name[:-1] in names) and name != "unamed"
        keys[name] = name if plain and free else f"detector-{number}" if name else "unamed"
    return keys


def _head(spectra: SpectrumSet) -> Iterator[str]:
    yield _element("RadInstrumentDataCreatorName", "gamma_flow")
    yield '<RadInstrumentInformation id="instrument">'
    yield _element("RadInstrumentManufacturerName", "unknown")
    yield _element("RadInstrumentModelName", "unknown")
    yield _element("RadInstrumentClassCode", "Other")
    yield "<RadInstrumentVersion>"
    yield _element("RadInstrumentComponentName", "Software")
    yield _element("RadInstrumentComponentVersion", "unknown")
    yield "</RadInstrumentVersion>"
    yield "</RadInstrumentInformation>"
    neutrons = _column(spectra, "neutron_counts")
    for name, key in _detectors(spectra).items():
        yield from _detector(name or "unamed", key, "Gamma")
        if np.isfinite(neutrons[spectra.detector == name]).any():
            yield from _detector(f"{name or 'unamed'}N", f"{key}N", "Neutron")
    if spectra.axis.calibrated:
        yield '<EnergyCalibration id="energy">'
        terms = spectra.axis.coefficients
        if terms is None:
            yield _element("EnergyBoundaryValues", _numbers(spectra.axis.edges))
        else:
            yield _element("CoefficientValues", _numbers(np.array(terms)))
        yield "</EnergyCalibration>"


def _detector(name: str, key: str, category: str) -> Iterator[str]:
    yield f"<RadDetectorInformation id={quoteattr(key)}>"
    yield _element("RadDetectorName", name)
    yield _element("RadDetectorCategoryCode", category)
    yield _element("RadDetectorKindCode", "Other")
    yield "</RadDetectorInformation>"


def _measurements(spectra: SpectrumSet) -> Iterator[str]:
    keys = _detectors(spectra)
    record = _texts(spectra, "record")
    for row in range(len(spectra)):
        code = record[row] or "NotSpecified"
        yield f'<RadMeasurement id="measurement-{row + 1}">'
        yield _element("MeasurementClassCode", code if code in _CLASSES else "NotSpecified")
        if not np.isnat(spectra.time[row]):
            yield _element("StartDateTime", str(spectra.time[row]))
        if np.isfinite(spectra.real_time[row]):
            yield _element("RealTimeDuration", _duration(spectra.real_time[row]))
        yield from _spectrum(spectra, row, keys[str(spectra.detector[row])], code)
        yield from _counts(spectra, row, keys[str(spectra.detector[row])])
        yield from _dose_rate(spectra, row)
        yield from _position(spectra, row)
        yield "</RadMeasurement>"


def _spectrum(spectra: SpectrumSet, row: int, key: str, code: str) -> Iterator[str]:
    reference = ' energyCalibrationReference="energy"' if spectra.axis.calibrated else ""
    yield f'<Spectrum id="spectrum-{row + 1}" radDetectorInformationReference="{key}"{reference}>'
    title = _texts(spectra, "title")[row]
    if title:
        yield _element("Remark", f"Title: {title}")
    left = _notes.unwritten(spectra, row, _written(spectra, row))
    if code not in _CLASSES:
        left["record"] = code
    for note in _notes.notes_of(spectra, row, left):
        yield _element("Remark", note)
    if np.isfinite(spectra.live_time[row]):
        yield _element("LiveTimeDuration", _duration(spectra.live_time[row]))
    yield _element("ChannelData", _packed(spectra.values[row]), compressionCode="CountedZeroes")
    yield "</Spectrum>"


def _written(spectra: SpectrumSet, row: int) -> Iterable[str]:
    """Name the columns with an element of their own; half a position has none and goes into a remark."""
    if not _has_position(spectra, row):
        return [name for name in _COLUMNS if name not in ("latitude", "longitude", "elevation")]
    return _COLUMNS


def _has_position(spectra: SpectrumSet, row: int) -> bool:
    places = (_column(spectra, "latitude")[row], _column(spectra, "longitude")[row])
    return bool(np.isfinite(places).all())


def _counts(spectra: SpectrumSet, row: int, key: str) -> Iterator[str]:
    for column, detector, name in (
        ("gross_counts", key, "gamma"),
        ("neutron_counts", f"{key}N", "neutron"),
    ):
        value = _column(spectra, column)[row]
        if np.isfinite(value):
            yield f'<GrossCounts id="{name}-{row + 1}" radDetectorInformationReference="{detector}">'
            seconds = spectra.real_time[row] if name == "neutron" else spectra.live_time[row]
            if np.isfinite(seconds):
                yield _element("LiveTimeDuration", _duration(seconds))
            yield _element("CountData", _number(value))
            yield "</GrossCounts>"


def _dose_rate(spectra: SpectrumSet, row: int) -> Iterator[str]:
    value = _column(spectra, "dose_rate")[row]
    if np.isfinite(value):
        yield f'<DoseRate id="dose-{row + 1}">'
        yield _element("DoseRateValue", _number(value))
        yield "</DoseRate>"


def _position(spectra: SpectrumSet, row: int) -> Iterator[str]:
    if not _has_position(spectra, row):
        return
    yield '<RadInstrumentState radInstrumentInformationReference="instrument">'
    yield "<StateVector>"
    yield "<GeographicPoint>"
    yield _element("LatitudeValue", _number(_column(spectra, "latitude")[row]))
    yield _element("LongitudeValue", _number(_column(spectra, "longitude")[row]))
    elevation = _column(spectra, "elevation")[row]
    if np.isfinite(elevation):
        yield _element("ElevationValue", _number(elevation))
    yield "</GeographicPoint>"
    yield "</StateVector>"
    yield "</RadInstrumentState>"


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


def _number(value: float) -> str:
    """Return the shortest decimal that reads back as the same number."""
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(float(value))


def _numbers(values: NDArray[np.float64]) -> str:
    return " ".join(_number(value) for value in values.tolist())


def _duration(seconds: float) -> str:
    # an xsd:duration knows no exponent
    return f"PT{np.format_float_positional(seconds, trim='-')}S"


def _packed(counts: NDArray[np.float64]) -> str:
    """Write counts with every run of zeroes as a zero and its length."""
    zero = np.concatenate([[False], counts == 0, [False]])
    starts = np.flatnonzero(zero[1:] & ~zero[:-1])
    lengths = np.flatnonzero(~zero[1:] & zero[:-1]) - starts
    packed: list[str] = []
    at = 0
    for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
        packed += [_number(value) for value in counts[at:start].tolist()]
        packed += ["0", str(length)]
        at = start + length
    packed += [_number(value) for value in counts[at:].tolist()]
    return " ".join(packed)
