"""ANSI N42.42-2006: ``N42InstrumentData``, in the many ways in which it was understood."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gamma_flow.data import Axis
from gamma_flow.errors import DamagedFileError
from gamma_flow.io import _calibration, _n42, _notes, _xml_values
from gamma_flow.io._format import ReadOptions, Record
from gamma_flow.io._source import Source
from gamma_flow.io._xml import Element

__all__ = ["records"]

_RECORD = {"item": "Foreground", "unclassified foreground": "Foreground"}
_PLACES = ("MeasuredItemInformation", "MeasurementLocation", "InstrumentInformation", "InstrumentLocation")
Trail = tuple[Element, ...]


def records(root: Element, source: Source, options: ReadOptions) -> list[Record]:
    """Return all spectra inside ``Measurement`` elements, in the order of the file.

    Raises
    ------
    ReadError
        Anything that is damaged: the file is refused whole.
    """
    known = _n42.by_id(_all_calibrations(root), source, "ID")
    found: list[Record] = []
    for measurement in root.all("Measurement"):
        spectra = [
            (trail, one) for trail, one in _spectra(measurement, (root,)) if not _is_neutron(one, trail)
        ]
        for trail, spectrum in spectra:
            scope = _scope(trail)
            names = [_detector(other, path) for path, other in spectra if _scope(path) is scope]
            found.append(_record(spectrum, trail, names, known, source, options))
    return found


def _all_calibrations(root: Element) -> Iterator[Element]:
    return (one for one in root.inside("Calibration") if one.attributes.get("Type", "Energy") == "Energy")


def _spectra(element: Element, trail: Trail) -> Iterator[tuple[Trail, Element]]:
    """Yield spectra with the elements around them, outermost first; not those that an analysis quotes."""
    inner = (*trail, element)
    for child in element.children:
        if child.tag == "Spectrum":
            yield inner, child
        elif child.tag != "AnalysisResults":
            yield from _spectra(child, inner)


def _record(
    spectrum: Element,
    trail: Trail,
    names: list[str],
    known: dict[str, Element],
    source: Source,
    options: ReadOptions,
) -> Record:
    values = _n42.channel_data(spectrum, source)
    name = _detector(spectrum, trail)
    scope = _scope(trail)
    labels, meta, rest = _notes.notes_in((one.text for one in spectrum.all("Remark")), spectrum.where(source))
    kind = _nearest("SourceType", spectrum, trail)
    if kind is not None and kind.text.strip():
        meta["record"] = _RECORD.get(kind.text.strip().lower(), kind.text.strip())
    title = _n42.title_in(rest)
    if title:
        meta["title"] = title
    meta |= _position(trail, source)
    meta |= _n42.beside(list(_beside(scope, (), source)), name, names)
    rate = next(scope.inside("DoseRate"), None)
    if rate is not None and rate.text.strip():
        meta |= _n42.dose_rate(rate, source, rate.attributes.get("Units", "µSv/h"))
    live = spectrum.first("LiveTime")
    real = _nearest("RealTime", spectrum, trail) or _nearest("SampleRealTime", spectrum, trail)
    start = _nearest("StartTime", spectrum, trail)
    return Record(
        values,
        _axis(spectrum, trail, len(values), known, source, options),
        labels,
        live_time=np.nan if live is None else _xml_values.duration(live, source),
        real_time=np.nan if real is None else _xml_values.duration(real, source),
        time=np.datetime64("NaT", "us") if start is None else _xml_values.date_time(start, source),
        detector=name,
        meta=meta,
    )


def _nearest(tag: str, element: Element, trail: Trail) -> Element | None:
    """Return the child of that name of the element, or of the innermost element around it that has one."""
    for part in (element, *trail[::-1]):
        child = part.first(tag)
        if child is not None:
            return child
    return None


def _scope(trail: Trail) -> Element:
    """Return the element whose neutrons and dose rates were measured together with the spectrum."""
    return next((part for part in trail[::-1] if part.tag in ("DetectorData", "Measurement")), trail[-1])


def _detector(spectrum: Element, trail: Trail) -> str:
    for part in (spectrum, *trail[::-1]):
        for attribute in ("Detector", "Sensor", "DetectorName"):
            name = part.attributes.get(attribute, "").strip()
            if name:
                return name
    return ""


def _type(trail: Trail) -> str:
    """Kind of detector, from the innermost element that states it, in lower case."""
    for part in trail[::-1]:
        kind = part.attributes.get("DetectorType") or part.text_of("DetectorType")
        if kind:
            return kind.strip().lower()
    return ""


def _is_neutron(spectrum: Element, trail: Trail) -> bool:
    return _type((*trail, spectrum)) == "neutron"


def _beside(element: Element, trail: Trail, source: Source) -> Iterator[tuple[str, str, float]]:
    """Yield counts without a spectrum, and the sums of neutron spectra, below an element."""
    inner = (*trail, element)
    for child in element.children:
        if child.tag in ("Counts", "GrossCounts", "TotalCounts") and not child.children:
            kind = "neutron" if _type(inner) == "neutron" else "gamma"
            yield kind, _detector(child, inner), float(_xml_values.numbers(child, source).sum())
        elif child.tag == "Spectrum":
            if _is_neutron(child, inner):
                yield "neutron", _detector(child, inner), float(_n42.channel_data(child, source).sum())
        elif child.tag != "AnalysisResults":
            yield from _beside(child, inner, source)


def _axis(
    spectrum: Element,
    trail: Trail,
    channels: int,
    known: dict[str, Element],
    source: Source,
    options: ReadOptions,
) -> Axis:
    calibration = _own_calibration(spectrum, known, source)
    for part in trail[::-1]:
        # without a reference, a calibration beside the spectrum, or beside what it is part of, is meant
        calibration = calibration or _energy(part)
    if calibration is None:
        return _calibration.uncalibrated(channels, options, spectrum.where(source))
    where = calibration.where(source)
    factor = _calibration.scale_of(calibration.attributes.get("EnergyUnits", "keV"), where)
    equations = calibration.all("Equation")
    terms = [one for equation in equations for one in equation.all("Coefficients")]
    points = [one for array in calibration.all("ArrayXY") for one in array.all("PointXY")]
    if points and not terms:
        numbers_of_points = [float(x) for point in points for x in _xml_values.numbers(point, source)]
        return _calibration.through(numbers_of_points, channels, options, where, factor)
    if len(terms) != 1:
        raise DamagedFileError(
            "the energy calibration is not one equation",
            where=where,
            expected="one Equation with one set of Coefficients",
            found=f"{len(equations)} and {len(terms)}",
        )
    model = equations[0].attributes.get("Model", "Polynomial").strip().lower().replace(" ", "")
    numbers = _xml_values.numbers(terms[0], source) * factor
    if model in ("lowerchanneledge", "lowerbinedge"):
        return _calibration.from_edges(numbers, channels, where)
    if model == "fullrangefraction":
        # E = c0 + c1 x + c2 x^2 + c3 x^3 with x = channel / channels (GADRAS); a fifth is no polynomial
        if len(numbers) > 4 and numbers[4:].any():
            raise DamagedFileError(
                "a full range fraction with a fifth term cannot be read", where=where, found=terms[0].text
            )
        numbers = numbers[:4] / float(channels) ** np.arange(len(numbers[:4]))
    elif model not in ("polynomial", "other", ""):
        raise DamagedFileError(
            "the model of the energy calibration is not known",
            where=where,
            expected="Polynomial, FullRangeFraction or LowerChannelEdge",
            found=repr(model[:40]),
        )
    return _calibration.polynomial(numbers, channels, options, where)


def _energy(element: Element) -> Element | None:
    for one in element.all("Calibration"):
        if one.attributes.get("Type", "Energy") == "Energy":
            return one
    return None


def _own_calibration(spectrum: Element, known: dict[str, Element], source: Source) -> Element | None:
    inside = _energy(spectrum)
    named = spectrum.attributes.get("CalibrationIDs", "").split()
    if inside is not None or not named:
        return inside
    for name in named:
        if name in known:
            return known[name]
    raise DamagedFileError(
        "the energy calibration referred to is not in the file",
        where=spectrum.where(source),
        expected=", ".join(known) or "a Calibration with an ID",
        found=", ".join(named),
    )


def _position(trail: Trail, source: Source) -> dict[str, float | str]:
    """Coordinates of the innermost element that names its place: "latitude longitude [elevation]"."""
    for part in trail[::-1]:
        near = (child for child in part.children if child.tag in _PLACES)
        points = (point for child in near for point in child.inside("Coordinates"))
        point = part.first("Coordinates") or next(points, None)
        if point is None or not point.text.strip():
            continue
        numbers = _xml_values.numbers(point, source)
        if len(numbers) < 2:
            _xml_values.refuse(point, source, point.text, "latitude and longitude")
        found: dict[str, float | str] = {}
        found |= _n42.position(float(numbers[0]), float(numbers[1]), point.where(source))
        if len(numbers) > 2:
            found["elevation"] = float(numbers[2])
        return found
    return {}
