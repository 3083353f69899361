"""RadiaCode XML (``ResultDataFile``): a spectrum, often with its background beside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data import SpectrumSet
from gamma_flow.errors import DamagedFileError, UnsafeFileError
from gamma_flow.io import _calibration, _xml, _xml_values
from gamma_flow.io._format import Format, ReadOptions, Record, gather
from gamma_flow.io._source import MAX_CHANNELS, Source
from gamma_flow.io._xml import Element

__all__ = ["FORMAT", "read"]

_RECORDS = {"EnergySpectrum": "Foreground", "BackgroundEnergySpectrum": "Background"}


def _sniff(source: Source) -> bool:
    return _xml.root_name(source) == "ResultDataFile"


def read(source: Source, options: ReadOptions) -> Sequence[SpectrumSet]:
    """Read the spectra of a RadiaCode file; its background follows as a record of its own.

    The file knows one time, ``MeasurementTime``, and no dead time: it stands as live and as real time, as the
    N42 export of radiacode-tools has it. (SpecUtils subtracts 5 µs a count for the live time; that is a
    guess.) The polynomial gives lower edges unless ``options.reference`` says otherwise.

    Meta columns: ``record`` (Foreground, Background), ``title``.

    Raises
    ------
    DamagedFileError
        Cut, or numbers of channels, data points or coefficients that contradict each other.
    UnsafeFileError
        A document type, or more than `MAX_CHANNELS` channels.
    """
    root = _xml.parse(source)
    if root.tag != "ResultDataFile":
        raise DamagedFileError(
            "not a RadiaCode file", where=source.name, expected="<ResultDataFile>", found=f"<{root.tag}>"
        )
    results = [one for part in root.all("ResultDataList") for one in part.all("ResultData")]
    return gather([record for one in results for record in _records(one, source, options)], source, options)


def _records(result: Element, source: Source, options: ReadOptions) -> list[Record]:
    spectra = [one for one in result.children if one.tag in _RECORDS and (one.children or one.text.strip())]
    if not any(one.tag == "EnergySpectrum" for one in spectra):
        raise DamagedFileError("a result without a spectrum", where=result.where(source))
    # the start times stand in the result, not in the spectra: the first belongs to the first spectrum, ...
    starts: list[Element | None] = [*result.all("StartTime")]
    starts += [None] * (len(spectra) - len(starts))
    sample = result.first("SampleInfo")
    name = "" if sample is None else sample.text_of("Name")
    return [
        _record(one, start, name if one.tag == "EnergySpectrum" else "", source, options)
        for one, start in zip(spectra, starts, strict=False)
    ]


def _record(
    spectrum: Element, start: Element | None, sample: str, source: Source, options: ReadOptions
) -> Record:
    values = _data_points(spectrum, source)
    seconds = _measured(spectrum, source)
    meta: dict[str, float | str] = {"record": _RECORDS[spectrum.tag]}
    title = spectrum.text_of("SpectrumName") or sample
    if title:
        meta["title"] = title
    return Record(
        values,
        _calibration.polynomial(
            _coefficients(spectrum, source), len(values), options, spectrum.where(source)
        ),
        live_time=seconds,
        real_time=seconds,
        time=np.datetime64("NaT", "us") if start is None else _xml_values.date_time(start, source),
        detector=spectrum.text_of("SerialNumber"),
        meta=meta,
    )


def _measured(spectrum: Element, source: Source) -> float:
    element = spectrum.first("MeasurementTime")
    return np.nan if element is None or not element.text.strip() else _xml_values.duration(element, source)


def _whole(element: Element, tag: str, source: Source) -> int:
    """Return a declared number, which has to be there."""
    child = element.first(tag)
    if child is None:
        raise DamagedFileError(f"<{tag}> is missing", where=element.where(source))
    value = _xml_values.number(child, source)
    if value != int(value) or value < 0:
        _xml_values.refuse(child, source, child.text, "a whole number")
    if value > MAX_CHANNELS:
        raise UnsafeFileError(
            f"<{tag}> declares too much",
            where=child.where(source),
            expected=f"at most {MAX_CHANNELS}",
            found=child.text.strip()[:40],
        )
    return int(value)


def _data_points(spectrum: Element, source: Source) -> NDArray[np.float64]:
    declared = _whole(spectrum, "NumberOfChannels", source)
    data = spectrum.first("Spectrum")
    points = [] if data is None else data.all("DataPoint")
    if len(points) != declared or not points:
        raise DamagedFileError(
            "the spectrum does not hold the channels that it declares",
            where=spectrum.where(source),
            expected=f"{declared} data points (NumberOfChannels)" if declared else "one channel or more",
            found=str(len(points)),
            cure="export the file again",
        )
    for point in points:
        if len(point.text.split()) != 1:
            _xml_values.refuse(point, source, point.text, "one count")
    try:
        together = Element("DataPoint", {}, points[0].line)
        together.text = " ".join([point.text for point in points])
        return _xml_values.counts(together, source, zeroes_counted=False)
    except DamagedFileError:
        for point in points:  # one by one, so that the error names its line
            _xml_values.counts(point, source, zeroes_counted=False)
        raise


def _coefficients(spectrum: Element, source: Source) -> list[float]:
    calibration = spectrum.first("EnergyCalibration")
    if calibration is None:
        return [0.0]
    order = _whole(calibration, "PolynomialOrder", source)
    listed = calibration.first("Coefficients")
    terms = [] if listed is None else listed.all("Coefficient")
    if len(terms) != order + 1:
        raise DamagedFileError(
            "the order of the calibration polynomial and its coefficients contradict each other",
            where=calibration.where(source),
            expected=f"{order + 1} coefficients (PolynomialOrder {order})",
            found=str(len(terms)),
        )
    return [_xml_values.number(term, source) for term in terms]


FORMAT = Format(
    name="radiacode",
    title="RadiaCode XML",
    endings=(".xml",),
    sniff=_sniff,
    read=read,
)
"""What the registry knows of this format."""
