"""What was found, as ``AnalysisResults`` of ANSI N42.42-2012, in the order of its schema."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gamma_flow.io._n42_text import element, name_of, number, opened

__all__ = ["alarm_results", "results"]

_RESULT = "gamma_flow result:"
_ALARM = "gamma_flow alarm:"

_CATEGORIES = {"class": "Isotope", "unknown": "Gamma", "gross": "Gamma", "neutron": "Neutron"}
"""Codes of the schema by the kind of an alarm; others are ``Other``."""


def results(record: Mapping[str, Any], measurement: str) -> Iterator[str]:
    """Yield the lines of one ``AnalysisResults``.

    Every class is a ``Nuclide`` (its name need not be one of a nuclide), with whether it was identified, and
    a remark of score, share and evidence. A remark holds the whole record as JSON behind ``gamma_flow
    result:``. The confidence that the schema demands is a description: a p value is no per cent of
    certainty that a class is there.

    Parameters
    ----------
    record : mapping
        Of one spectrum, as `Analysis.records` has it.
    measurement : str
        Identifier of the ``RadMeasurement`` that it is about.
    """
    yield opened("AnalysisResults", radMeasurementReferences=measurement)
    yield element("Remark", f"{_RESULT} {_json(record)}")
    yield element("AnalysisAlgorithmName", "non-negative sum of templates")
    yield element("AnalysisAlgorithmCreatorName", "gamma_flow")
    yield element("AnalysisResultDescription", _sentence(record))
    shares = record.get("shares") or {}
    if shares:
        yield "<NuclideAnalysisResults>"
        for name in shares:
            present = name in record.get("present", ())
            p_value = (record.get("p_value") or {}).get(name)
            yield from _nuclide(name, _figures(record, name), present, p_value)
        yield "</NuclideAnalysisResults>"
    yield "</AnalysisResults>"


def alarm_results(
    told: Mapping[str, Any], measurements: Sequence[str], detector: str, *, energies: bool
) -> Iterator[str]:
    """Yield the lines of one ``AnalysisResults`` that holds one alarm.

    A class is a ``Nuclide`` that was identified; the peaks of an unknown are ``SpectrumPeak``. A remark
    holds the whole alarm as JSON behind ``gamma_flow alarm:``.

    Parameters
    ----------
    told : mapping
        As `gamma_flow.live.alarm.Alarm.as_dict` has it.
    measurements : sequence of str
        Identifiers of the ``RadMeasurement`` within it; may be empty.
    detector : str
        Identifier of its ``RadDetectorInformation``.
    energies : bool
        Peaks are in keV; those in channels stay in the remark.
    """
    kind, name, details = str(told["kind"]), str(told["name"]), told.get("details") or {}
    sentence = _alarm_sentence(told)
    references = {"radMeasurementReferences": " ".join(measurements)} if measurements else {}
    yield opened("AnalysisResults", **references)
    yield element("Remark", f"{_ALARM} {_json(told)}")
    yield element("AnalysisAlgorithmCreatorName", "gamma_flow")
    yield element("AnalysisResultDescription", sentence)
    yield opened("RadAlarm", radDetectorInformationReferences=detector)
    yield element("RadAlarmDateTime", str(told["start"]))
    yield element("RadAlarmCategoryCode", _CATEGORIES.get(kind, "Other"))
    yield element("RadAlarmDescription", sentence)
    yield "</RadAlarm>"
    if kind == "class" and name.strip():
        figures = ", ".join(
            f"{word} {details[key]:.6g}"
            for key, word in (("score", "score"), ("score_error", "standard deviation"), ("level", "level"))
            if _finite(details.get(key))
        )
        p_value = details.get("p_value")
        yield "<NuclideAnalysisResults>"
        yield from _nuclide(name, figures, True, p_value if _finite(p_value) else None)
        yield "</NuclideAnalysisResults>"
    peaks = _peaks(details) if energies else []
    if peaks:
        yield "<SpectrumPeakAnalysisResults>"
        for peak in peaks:
            yield "<SpectrumPeak>"
            if _finite(peak.get("significance")):
                yield element("Remark", f"significance {peak['significance']:.6g} standard deviations")
            yield element("SpectrumPeakEnergyValue", number(peak["energy"]))
            if _finite(peak.get("counts")):
                yield element("SpectrumPeakNetAreaValue", number(peak["counts"]))
            yield "</SpectrumPeak>"
        yield "</SpectrumPeakAnalysisResults>"
    yield "</AnalysisResults>"


def _nuclide(name: str, figures: str, present: bool, p_value: float | None) -> Iterator[str]:
    shown = name_of(name)
    yield "<Nuclide>"
    yield element("Remark", figures if shown == name else f"class {json.dumps(name)}, {figures}")
    yield element("NuclideIdentifiedIndicator", str(present).lower())
    yield element("NuclideName", shown)
    told = "no p value" if p_value is None else f"p {p_value:.3g}: chance of such evidence without it"
    yield element("NuclideIDConfidenceDescription", told)
    yield "</Nuclide>"


def _peaks(details: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    listed = details.get("peaks")
    return [
        one
        for one in (listed if isinstance(listed, Sequence) else ())
        if isinstance(one, Mapping) and _finite(one.get("energy")) and one["energy"] > 0
    ]


def _finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _json(record: Mapping[str, Any]) -> str:
    return json.dumps(dict(record), ensure_ascii=False, sort_keys=True)


def _alarm_sentence(told: Mapping[str, Any]) -> str:
    what = str(told["name"]) or ("what no class explains" if told["kind"] == "unknown" else str(told["kind"]))
    return f"{what}, from {told['start']} " + (f"to {told['end']}" if told["end"] else "on")


def _sentence(record: Mapping[str, Any]) -> str:
    shares = record.get("shares") or {}
    found = ", ".join(f"{name} {100 * shares.get(name, 0.0):.3g} %" for name in record.get("present", ()))
    unknown = "; something in it is unknown" if record.get("novel") else ""
    return (found or "no class is present") + unknown


def _figures(record: Mapping[str, Any], name: str) -> str:
    told = []
    for key, word in (
        ("scores", "score"),
        ("score_errors", "standard deviation"),
        ("shares", "share"),
        ("evidence", "evidence"),
        ("p_value", "p"),
    ):
        value = (record.get(key) or {}).get(name)
        if value is not None:
            told.append(f"{word} {value:.6g}")
    return ", ".join(told)
