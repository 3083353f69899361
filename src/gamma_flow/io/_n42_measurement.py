"""Spectra as ``RadMeasurement`` of ANSI N42.42-2012, in the order of its schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data import SpectrumSet
from gamma_flow.errors import WriteError
from gamma_flow.io import _notes
from gamma_flow.io._n42_text import SHORTEST, decimal, duration, element, number, opened, packed

__all__ = ["column", "measurements"]

_CLASSES = ("Foreground", "Background", "Calibration", "IntrinsicActivity", "NotSpecified")
_PLACE = ("latitude", "longitude", "elevation")
_AMOUNTS = ("gross_counts", "neutron_counts", "dose_rate")


def measurements(spectra: SpectrumSet, keys: Mapping[str, str], zone: str) -> Iterator[str]:
    """Yield the lines of one ``RadMeasurement`` a spectrum.

    Parameters
    ----------
    spectra : SpectrumSet
        N spectra.
    keys : mapping of str to str
        Identifiers of the detectors by their names.
    zone : str
        What is put behind the times: "Z" for UTC.

    Raises
    ------
    WriteError
        A column holds text where a number belongs.
    """
    columns = {name: column(spectra, name) for name in (*_PLACE, *_AMOUNTS)}
    title, record = _texts(spectra, "title"), _texts(spectra, "record")
    for row in range(len(spectra)):
        yield from _Measurement(
            spectra,
            row,
            keys[str(spectra.detector[row])],
            record[row] or "NotSpecified",
            title[row],
            {name: float(values[row]) for name, values in columns.items()},
        ).lines(zone)


def column(spectra: SpectrumSet, name: str) -> NDArray[np.float64]:
    """Return a column of numbers, shape (N,), NaN where it is missing.

    Raises
    ------
    WriteError
        There is text in its place.
    """
    try:
        return np.asarray(spectra.meta.get(name, np.full(len(spectra), np.nan)), np.float64)
    except (TypeError, ValueError) as problem:
        raise WriteError(
            f"the column {name} has to hold numbers", found=str(spectra.meta[name][:3])
        ) from problem


def _texts(spectra: SpectrumSet, name: str) -> list[str]:
    values = spectra.meta.get(name)
    return [""] * len(spectra) if values is None else [str(value) for value in values]


@dataclass(frozen=True)
class _Measurement:
    """One spectrum, and what stands beside it."""

    spectra: SpectrumSet
    row: int
    key: str
    code: str
    title: str
    known: Mapping[str, float]

    def lines(self, zone: str) -> Iterator[str]:
        time = self.spectra.time[self.row]
        yield opened("RadMeasurement", id=f"measurement-{self.row + 1}")
        yield element("MeasurementClassCode", self.code if self.code in _CLASSES else "NotSpecified")
        if not np.isnat(time):
            yield element("StartDateTime", f"{time}{zone}")
        yield element("RealTimeDuration", duration(self.real_time))
        yield from self.spectrum()
        yield from self.counts("gamma", self.key, "gross_counts", float(self.spectra.live_time[self.row]))
        yield from self.counts(
            "neutron", f"{self.key}N", "neutron_counts", float(self.spectra.real_time[self.row])
        )
        yield from self.dose_rate()
        yield from self.position()
        yield "</RadMeasurement>"

    @property
    def live_time(self) -> float:
        """What is written: zero where it is unknown."""
        return _or_zero(float(self.spectra.live_time[self.row]))

    @property
    def real_time(self) -> float:
        """What is written: the schema wants more than zero, so the least that it can be if unknown."""
        return _or_zero(float(self.spectra.real_time[self.row])) or self.live_time or SHORTEST

    @property
    def placed(self) -> bool:
        return abs(self.known["latitude"]) <= 90 and abs(self.known["longitude"]) <= 180

    def spectrum(self) -> Iterator[str]:
        spectra, row = self.spectra, self.row
        calibrated = {"energyCalibrationReference": "energy"} if spectra.axis.calibrated else {}
        yield opened(
            "Spectrum", id=f"spectrum-{row + 1}", radDetectorInformationReference=self.key, **calibrated
        )
        if self.title:
            yield element("Remark", f"Title: {self.title}")
        left = _notes.unwritten(spectra, row, self.written())
        if self.code not in _CLASSES:
            left["record"] = self.code
        times = {
            "live_time": (float(spectra.live_time[row]), self.live_time),
            "real_time": (float(spectra.real_time[row]), self.real_time),
        }
        for note in (*_notes.notes_of(spectra, row, left), *_notes.times_note(times)):
            yield element("Remark", note)
        yield element("LiveTimeDuration", duration(self.live_time))
        yield element("ChannelData", packed(spectra.values[row]), compressionCode="CountedZeroes")
        yield "</Spectrum>"

    def written(self) -> list[str]:
        """Name the columns with an element of their own; what the schema forbids goes into a remark."""
        amounts = [name for name in _AMOUNTS if not self.known[name] < 0]
        # half a position, or one that is not on Earth, has no element
        return ["record", "title", *amounts, *(_PLACE if self.placed else ())]

    def counts(self, name: str, detector: str, column: str, seconds: float) -> Iterator[str]:
        value = self.known[column]
        if not (np.isfinite(value) and value >= 0):
            return
        yield opened("GrossCounts", id=f"{name}-{self.row + 1}", radDetectorInformationReference=detector)
        for note in _notes.times_note({"live_time": (seconds, _or_zero(seconds))}):
            yield element("Remark", note)
        yield element("LiveTimeDuration", duration(_or_zero(seconds)))
        yield element("CountData", number(value))
        yield "</GrossCounts>"

    def dose_rate(self) -> Iterator[str]:
        value = self.known["dose_rate"]
        if np.isfinite(value) and value >= 0:
            yield opened("DoseRate", id=f"dose-{self.row + 1}", radDetectorInformationReference=self.key)
            yield element("DoseRateValue", number(value))
            yield "</DoseRate>"

    def position(self) -> Iterator[str]:
        if not self.placed:
            return
        yield opened("RadInstrumentState", radInstrumentInformationReference="instrument")
        yield "<StateVector>"
        yield "<GeographicPoint>"
        yield element("LatitudeValue", decimal(self.known["latitude"]))
        yield element("LongitudeValue", decimal(self.known["longitude"]))
        if np.isfinite(self.known["elevation"]):
            yield element("ElevationValue", decimal(self.known["elevation"]))
        yield "</GeographicPoint>"
        yield "</StateVector>"
        yield "</RadInstrumentState>"


def _or_zero(seconds: float) -> float:
    return seconds if np.isfinite(seconds) else 0.0
