"""ANSI N42.42-2012 (IEC 62755): ``RadInstrumentData``."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from gamma_flow.data import Axis
from gamma_flow.errors import AxisError, DamagedFileError, ReadWarning
from gamma_flow.io import _calibration, _n42, _notes, _xml_values
from gamma_flow.io._format import ReadOptions, Record
from gamma_flow.io._n42_text import SHORTEST
from gamma_flow.io._source import Source
from gamma_flow.io._xml import Element

__all__ = ["records"]


@dataclass(frozen=True)
class _File:
    source: Source
    options: ReadOptions
    detectors: dict[str, Element]
    calibrations: dict[str, Element]


def records(root: Element, source: Source, options: ReadOptions) -> list[Record]:
    """Return the spectra of all ``RadMeasurement`` elements, in the order of the file.

    ``DerivedData`` (sums, differences) are read only where the file holds no measured spectrum; else they are
    passed over with a warning, for their counts are in the measurements already.

    Raises
    ------
    ReadError
        Anything that is damaged: the file is refused whole.
    """
    file = _File(
        source,
        options,
        _n42.by_id(root.all("RadDetectorInformation"), source),
        _n42.by_id(root.all("EnergyCalibration"), source),
    )
    measured = [record for one in root.all("RadMeasurement") for record in _measurement(one, file)]
    derived = [one for one in root.all("DerivedData") if one.first("Spectrum")]
    if not measured:
        return [record for one in derived for record in _measurement(one, file)]
    if derived:
        warnings.warn(
            f"{source.name}: {len(derived)} DerivedData with spectra were passed over: the file holds "
            "the measurements that they were made from",
            ReadWarning,
            stacklevel=2,
        )
    return measured


def _measurement(element: Element, file: _File) -> Iterator[Record]:
    spectra = []
    counts: _n42.Beside = list(_gross_counts(element, file))
    for spectrum in element.all("Spectrum"):
        name, category = _detector(spectrum, file)
        if category == "neutron":
            counts.append(("neutron", name, float(_n42.channel_data(spectrum, file.source).sum())))
        else:
            spectra.append((spectrum, name))
    names = [name for _, name in spectra]
    shared = _position(element, file.source)
    start = element.first("StartDateTime")
    for spectrum, name in spectra:
        meta = shared | _dose_rate(element, spectrum, file) | _n42.beside(counts, name, names)
        code = element.text_of("MeasurementClassCode")
        if code not in ("", "NotSpecified"):
            meta["record"] = code
        remarks = [one.text for part in (element, spectrum) for one in part.all("Remark")]
        labels, further, rest = _notes.notes_in(remarks, spectrum.where(file.source))
        title = _n42.title_in(rest)
        if title:
            meta["title"] = title
        values = _n42.channel_data(spectrum, file.source)
        live, real = _times(spectrum, element, remarks, file.source)
        yield Record(
            values,
            _axis(spectrum, len(values), file),
            labels,
            live_time=live,
            real_time=real,
            time=np.datetime64("NaT", "us") if start is None else _xml_values.date_time(start, file.source),
            detector=name,
            meta=meta | further,
        )


def _detector(element: Element, file: _File) -> tuple[str, str]:
    """Name of a detector (its identifier where it has none) and its category in lower case."""
    reference = element.attributes.get("radDetectorInformationReference", "")
    information = file.detectors.get(reference)
    if information is None:
        if reference and file.detectors:
            raise DamagedFileError(
                "the detector referred to is not described",
                where=element.where(file.source),
                expected=", ".join(file.detectors),
                found=reference,
            )
        return reference, ""
    name = information.text_of("RadDetectorName") or reference
    # SpecUtils and InterSpec write this, spelt so, for a detector without a name
    return "" if name == "unamed" else name, information.text_of("RadDetectorCategoryCode").lower()


def _axis(spectrum: Element, channels: int, file: _File) -> Axis:
    reference = spectrum.attributes.get("energyCalibrationReference")
    if reference is not None and reference not in file.calibrations:
        raise DamagedFileError(
            "the energy calibration referred to is not in the file",
            where=spectrum.where(file.source),
            expected=", ".join(file.calibrations) or "an EnergyCalibration",
            found=reference,
        )
    if reference is not None:
        calibration = file.calibrations[reference]
    elif len(file.calibrations) == 1:
        # the standard demands a reference; without one an only calibration can but be meant
        calibration = next(iter(file.calibrations.values()))
    else:
        return _calibration.uncalibrated(channels, file.options, spectrum.where(file.source))
    return _calibrated(calibration, channels, file)


def _calibrated(calibration: Element, channels: int, file: _File) -> Axis:
    where = calibration.where(file.source)
    terms = calibration.first("CoefficientValues")
    edges = calibration.first("EnergyBoundaryValues")
    told = _notes.coefficients_in((one.text for one in calibration.all("Remark")), where)
    if terms is not None:
        values = _xml_values.numbers(terms, file.source)
        if told and np.array_equal(np.trim_zeros(told, "b"), np.trim_zeros(values, "b")):
            values = np.array(told)
        axis = _calibration.polynomial(values, channels, file.options, where)
    elif edges is not None:
        axis = _calibration.from_edges(_xml_values.numbers(edges, file.source), channels, where)
        if told is not None:
            axis = _as_told(axis, told)
    else:
        raise DamagedFileError(
            "an energy calibration without values",
            where=where,
            expected="CoefficientValues or EnergyBoundaryValues",
        )
    energies, deviations = calibration.first("EnergyValues"), calibration.first("EnergyDeviationValues")
    if energies is None or deviations is None or not axis.calibrated:
        return axis
    return _calibration.deviated(
        axis, _listed(energies, file.source), _listed(deviations, file.source), where
    )


def _as_told(axis: Axis, terms: list[float]) -> Axis:
    """Return the axis of the polynomial that a remark tells, if that gives the edges that stand there."""
    try:
        with np.errstate(all="ignore"):
            known = Axis.polynomial(terms, len(axis))
    except AxisError:
        return axis
    return known if known == axis else axis


def _listed(element: Element, source: Source) -> list[float]:
    return _xml_values.numbers(element, source).tolist() if element.text.strip() else []


def _seconds(element: Element, tag: str, source: Source) -> float:
    child = element.first(tag)
    return np.nan if child is None else _xml_values.duration(child, source)


def _real_time(spectrum: Element, measurement: Element, source: Source) -> float:
    """Return what some instruments state for each spectrum, and the standard for the measurement."""
    own = _seconds(spectrum, "RealTimeDuration", source)
    return own if np.isfinite(own) else _seconds(measurement, "RealTimeDuration", source)


def _times(
    spectrum: Element, measurement: Element, remarks: Iterable[str], source: Source
) -> tuple[float, float]:
    """Return live and real time; unknown where a remark of ours says so of what stands in their place."""
    live = _seconds(spectrum, "LiveTimeDuration", source)
    real = _real_time(spectrum, measurement, source)
    told = _notes.times_in(remarks, spectrum.where(source))
    # a program that filled in a time, and kept the remark, is believed
    if real in (live, SHORTEST):
        real = told.get("real_time", real)
    return (told.get("live_time", live) if live == 0 else live), real


def _gross_counts(measurement: Element, file: _File) -> Iterable[tuple[str, str, float]]:
    for element in measurement.all("GrossCounts"):
        data = element.first("CountData", "TotalCounts")
        if data is not None:
            name, category = _detector(element, file)
            kind = "neutron" if category == "neutron" else "gamma"
            yield kind, name, float(_xml_values.numbers(data, file.source).sum())


def _dose_rate(measurement: Element, spectrum: Element, file: _File) -> dict[str, float | str]:
    """Return the dose rate of the spectrum's own detector, else the first; the standard means µSv/h."""
    rates = [one for one in measurement.all("DoseRate") if one.first("DoseRateValue")]
    mine = spectrum.attributes.get("radDetectorInformationReference")
    rates.sort(key=lambda one: one.attributes.get("radDetectorInformationReference") != mine)
    for rate in rates[:1]:
        value = rate.first("DoseRateValue")
        assert value is not None
        return _n42.dose_rate(value, file.source, value.attributes.get("units", "µSv/h"))
    return {}


def _position(measurement: Element, source: Source) -> dict[str, float | str]:
    state = measurement.first("RadInstrumentState")
    point = None if state is None else next(state.inside("GeographicPoint"), None)
    if point is None:
        return {}
    latitude, longitude = point.first("LatitudeValue"), point.first("LongitudeValue")
    if latitude is None or longitude is None:
        raise DamagedFileError("a position without latitude or longitude", where=point.where(source))
    found: dict[str, float | str] = {}
    found |= _n42.position(
        _xml_values.number(latitude, source), _xml_values.number(longitude, source), point.where(source)
    )
    elevation = point.first("ElevationValue")
    if elevation is not None:
        found["elevation"] = _xml_values.number(elevation, source)
    return found
