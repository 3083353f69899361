"""What both editions of ANSI N42.42 share: channel data, positions, counts beside a spectrum."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from gamma_flow.errors import DamagedFileError
from gamma_flow.io import _xml_values
from gamma_flow.io._source import Source
from gamma_flow.io._xml import Element

__all__ = ["Beside", "by_id", "channel_data", "dose_rate", "position", "title_in"]

Beside = list[tuple[str, str, float]]
"""Counts without a spectrum: kind ("neutron" or "gamma"), detector, value."""

_TO_USV = {"µsv/h": 1.0, "usv/h": 1.0, "μsv/h": 1.0, "nsv/h": 1e-3, "msv/h": 1e3, "sv/h": 1e6}
# 1 rem is 0.01 Sv
_TO_USV |= {"mrem/h": 10.0, "µrem/h": 0.01, "urem/h": 0.01, "μrem/h": 0.01, "rem/h": 1e4}


def channel_data(spectrum: Element, source: Source) -> NDArray[np.float64]:
    """Return the counts of a ``Spectrum``, shape (C,), with counted zeroes written out.

    Raises
    ------
    DamagedFileError
        There are none, or they are damaged, or packed in a way that the standard does not know.
    UnsafeFileError
        They declare more channels than a spectrum may have.
    """
    data = spectrum.first("ChannelData")
    if data is None:
        raise DamagedFileError("the spectrum has no ChannelData", where=spectrum.where(source))
    # the editions spell the attribute differently, and real files mix them
    code = data.attributes.get("compressionCode") or data.attributes.get("Compression") or "None"
    if code.lower() not in ("none", "countedzeroes", "countedzeros"):
        raise DamagedFileError(
            "the channel data are packed in an unknown way",
            where=data.where(source),
            expected='"None" or "CountedZeroes"',
            found=repr(code[:40]),
        )
    return _xml_values.counts(data, source, zeroes_counted=code.lower() != "none")


def position(latitude: float, longitude: float, where: str) -> dict[str, float]:
    """Return the columns of a position in degrees.

    Raises
    ------
    DamagedFileError
        No such place on Earth.
    """
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):
        raise DamagedFileError(
            "no such position",
            where=where,
            expected="latitude within 90, longitude within 180 degrees",
            found=f"{latitude:g}, {longitude:g}",
        )
    return {"latitude": latitude, "longitude": longitude}


def dose_rate(element: Element, source: Source, unit: str) -> dict[str, float | str]:
    """Return the dose rate in µSv/h; one in another quantity (R/h) is kept as text, as stated."""
    value = _xml_values.number(element, source)
    factor = _TO_USV.get(unit.strip().lower().replace("hr", "h").replace(" ", ""))
    if factor is None:
        return {"dose_rate_as_stated": f"{value:g} {unit.strip()}"}
    return {"dose_rate": value * factor}


def beside(counts: Beside, detector: str, detectors: Iterable[str]) -> dict[str, float]:
    """Return ``neutron_counts`` and ``gross_counts`` that belong beside the spectrum of a detector.

    Counts of the same detector (or of its namesake with the customary N for neutrons) are its own; counts of
    detectors without a spectrum of their own belong to the measurement and stand beside each of its spectra.
    """
    spectra = set(detectors)
    mine: dict[str, float] = {}
    for kind, name, value in counts:
        owner = name if name in spectra else name.removesuffix("N") if kind == "neutron" else name
        if owner == detector or owner not in spectra:
            column = "neutron_counts" if kind == "neutron" else "gross_counts"
            mine[column] = mine.get(column, 0.0) + value
    return mine


def by_id(elements: Iterable[Element], source: Source, attribute: str = "id") -> dict[str, Element]:
    """Return elements by their identifier.

    Raises
    ------
    DamagedFileError
        Two that differ bear the same one.
    """
    found: dict[str, Element] = {}
    for element in elements:
        name = element.attributes.get(attribute)
        if name is None:
            continue
        if name in found and not _same(found[name], element):
            raise DamagedFileError(
                f"two elements bear the {attribute} {name!r}",
                where=element.where(source),
                expected=f"one (the first is in line {found[name].line})",
            )
        found.setdefault(name, element)
    return found


def _same(one: Element, other: Element) -> bool:
    return (
        one.tag == other.tag
        and one.attributes == other.attributes
        and one.text.split() == other.text.split()
        and len(one.children) == len(other.children)
        and all(_same(*pair) for pair in zip(one.children, other.children, strict=True))
    )


def title_in(remarks: Iterable[str]) -> str:
    """Return the title that InterSpec, SpecUtils and RadiaCode tools keep in a remark; else ""."""
    for remark in remarks:
        if remark.startswith("Title:"):
            return remark.removeprefix("Title:").strip()
    return ""
