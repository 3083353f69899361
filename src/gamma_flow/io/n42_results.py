"""What an analysis found, as ``AnalysisResults`` of ANSI N42.42-2012, in the order of its schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

__all__ = ["results"]

_REMARK = "gamma_flow result:"


def results(record: Mapping[str, Any], measurement: str) -> Iterator[str]:
    """Yield the lines of one ``AnalysisResults``.

    Every class is a ``Nuclide`` (its name need not be one of a nuclide), with whether it was identified, and
    a remark of score, share and evidence. A remark holds the whole record as JSON behind ``gamma_flow
    result:``.

    Parameters
    ----------
    record : mapping
        Of one spectrum, as `Analysis.records` has it.
    measurement : str
        Identifier of the ``RadMeasurement`` that it is about.
    """
    yield f"<AnalysisResults radMeasurementReferences={quoteattr(measurement)}>"
    yield _element("Remark", f"{_REMARK} {json.dumps(dict(record), ensure_ascii=False, sort_keys=True)}")
    yield _element("AnalysisAlgorithmName", "non-negative sum of templates")
    yield _element("AnalysisAlgorithmCreatorName", "gamma_flow")
    yield _element("AnalysisResultDescription", _sentence(record))
    shares = record.get("shares") or {}
    if shares:
        yield "<NuclideAnalysisResults>"
        for name in shares:
            yield "<Nuclide>"
            yield _element("Remark", _figures(record, name))
            yield _element("NuclideIdentifiedIndicator", str(name in record.get("present", ())).lower())
            yield _element("NuclideName", name)
            yield "</Nuclide>"
        yield "</NuclideAnalysisResults>"
    yield "</AnalysisResults>"


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


def _element(tag: str, text: str) -> str:
    return f"<{tag}>{escape(text)}</{tag}>"
