"""Formats of vendors: PCF, SPC, CNF, MPS, Exploranium, Amptek MCA by Sandia's SpecUtils; CHN by ourselves.

SpecUtils loads a cut file short without a word. So a format is read only if its lengths can be checked here
first, by what its own header declares; and it is named to SpecUtils by its signature, never left to guessing.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gamma_flow.data import Axis, SpectrumSet
from gamma_flow.errors import DamagedFileError, ReadError
from gamma_flow.io import _calibration, _chn
from gamma_flow.io._format import Format, ReadOptions, Record, gather
from gamma_flow.io._source import Source
from gamma_flow.io._vendor_kinds import KINDS, Kind, kind_of

__all__ = ["FORMAT", "read"]

_UNKNOWN_TIMES = ("1970-01-01T00:00:00", "1999-11-30T00:00:00")  # what zeros in a header become
_SOURCES = {
    "Foreground": "Foreground",
    "Background": "Background",
    "Calibration": "Calibration",
    "IntrinsicActivity": "IntrinsicActivity",
}


def _sniff(source: Source) -> bool:
    return kind_of(source) is not None


def read(source: Source, options: ReadOptions) -> Sequence[SpectrumSet]:
    """Read the spectra of a vendor's file, after checking that it is whole.

    SpecUtils works in single precision: counts above 16,777,216 in one channel lose their last digits. A
    calibration that SpecUtils makes up where a file has none is not taken: such an axis is in channels. Meta
    columns: ``title``, ``record``, ``neutron_counts``, ``latitude``, ``longitude`` (not from SPC, whose
    positions SpecUtils misreads). The first two channels and the last one of Exploranium hold other things
    and are zero.

    Raises
    ------
    ReadError
        sandiaspecutils is not installed, or this is no format that can be checked.
    DamagedFileError
        Cut, contradictory, or refused by SpecUtils.
    """
    kind = kind_of(source)
    if kind is None:
        raise ReadError(
            "not a vendor's file whose length can be checked",
            where=source.name,
            expected=", ".join(kind.title for kind in KINDS),
            cure="convert it to N42 or CSV",
        )
    declared = kind.check(source)
    if kind.parser == "Chn":
        return gather([_chn.record(source, options)], source, options)
    try:
        import SpecUtils
    except ImportError as problem:
        raise ReadError(
            f"{kind.title} files are read with sandiaspecutils, which is not installed",
            where=source.name,
            cure="pip install 'gamma-flow[gamma]', or convert the file to N42 or SPE",
        ) from problem
    try:
        # the values are copied out before the library's object goes
        content = _load(SpecUtils, source, kind)
        # a calibration that SpecUtils makes up is none
        assumed = any("has been assumed" in str(warning) for warning in content.parseWarnings())
        records = [_record(one, kind, assumed, options, source) for one in content.measurements()]
    except (RuntimeError, ValueError, TypeError, MemoryError, OverflowError) as problem:
        if isinstance(problem, ReadError):
            raise
        raise DamagedFileError(
            f"SpecUtils cannot read it as {kind.title}", where=source.name, cure="copy or export it again"
        ) from problem
    if declared is not None and len(records) != declared:
        raise DamagedFileError(
            "SpecUtils finds not as many spectra as the file has",
            where=source.name,
            expected=str(declared),
            found=str(len(records)),
        )
    return gather(records, source, options)


def _load(library: Any, source: Source, kind: Kind) -> Any:
    """Load from a path, for SpecUtils reads nothing else."""
    content = library.SpecFile()
    parser = getattr(library.ParserType, kind.parser)
    if source.path is not None:
        content.loadFile(str(source.path), parser)
        return content
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "spectrum"
        copy.write_bytes(source.data)
        content.loadFile(str(copy), parser)
    return content


def _decimal(value: float) -> float:
    """Return the shortest decimal that single precision means: 841.42, not 841.4199829."""
    return float(str(np.float32(value)))


def _record(measurement: Any, kind: Kind, assumed: bool, options: ReadOptions, source: Source) -> Record:
    values = np.array(measurement.gammaCounts(), np.float64)
    where = f"{source.name}, spectrum {measurement.sampleNumber()}"
    if not len(values) or not np.isfinite(values).all():
        raise DamagedFileError("a spectrum without counts, or with such as are no numbers", where=where)
    start = np.datetime64(measurement.startTime(), "us")
    if str(start)[:19] in _UNKNOWN_TIMES:
        start = np.datetime64("NaT", "us")
    elif kind.parser == "Cnf":
        start = _cnf_start(source.data, start)
    meta: dict[str, float | str] = {}
    title = " ".join(str(measurement.title()).split())
    if title and kind.parser != "Exploranium":  # its "title" is the device and its record's length
        meta["title"] = title
    record = _SOURCES.get(str(measurement.sourceType()).rpartition(".")[2])
    if record:
        meta["record"] = record
    if measurement.containedNeutron():
        meta["neutron_counts"] = float(measurement.neutronCountsSum())
    if measurement.hasGpsInfo() and kind.parser != "Spc":
        meta |= {"latitude": float(measurement.latitude()), "longitude": float(measurement.longitude())}
    return Record(
        values,
        _calibration.uncalibrated(len(values), options, where)
        if assumed
        else _axis(measurement, len(values), options, where),
        live_time=_seconds(measurement.liveTime()),
        real_time=_seconds(measurement.realTime()),
        time=start,
        detector=str(measurement.detectorName()).strip(),
        meta=meta,
    )


def _cnf_start(data: bytes, theirs: np.datetime64) -> np.datetime64:
    """Return the start as the file states it: SpecUtils is some seconds late.

    The section of the acquisition (its offset at 122) tells at 36 where the time stands: a VAX time, in
    units of 100 ns since 1858-11-17. Where that is nothing near, the time of SpecUtils stays.
    """
    try:
        section = struct.unpack_from("<I", data, 122)[0]
        at = section + 48 + struct.unpack_from("<H", data, section + 36)[0] + 1
        ticks = struct.unpack_from("<Q", data, at)[0]
        ours = np.datetime64("1858-11-17", "us") + np.timedelta64(ticks // 10, "us")
    except (struct.error, OverflowError):
        return theirs
    return ours if abs(ours - theirs) < np.timedelta64(60, "s") else theirs


def _seconds(value: float) -> float:
    """Take zero for unknown, as these formats mean it."""
    return np.nan if value == 0 else _decimal(value)


def _axis(measurement: Any, channels: int, options: ReadOptions, where: str) -> Axis:
    model = str(measurement.energyCalibrationModel()).rpartition(".")[2]
    if model not in ("Polynomial", "FullRangeFraction", "LowerChannelEdge"):
        return _calibration.uncalibrated(channels, options, where)
    energies = np.array(measurement.channelEnergies(), np.float64)
    terms = np.array([_decimal(term) for term in measurement.calibrationCoeffs()])
    if model == "FullRangeFraction":
        # its fifth term is no polynomial: the edges then do not agree below
        terms = terms[:4] / float(channels) ** np.arange(len(terms[:4]))
    if model != "LowerChannelEdge" and len(terms) and np.isfinite(terms).all():
        axis = _calibration.polynomial(terms, channels, options, where)
        # deviation pairs make edges that are no polynomial; single precision makes small differences
        lower = axis.edges if options.reference in (None, "lower edge") else axis.centres
        close = len(lower) <= len(energies) and np.allclose(
            lower, energies[: len(lower)], rtol=1e-6, atol=1e-2
        )
        if close or options.reference == "centre":
            return axis
    return _calibration.from_edges(energies, channels, where)


FORMAT = Format(
    name="vendor",
    title="formats of vendors (PCF, CHN, SPC, CNF, ...)",
    endings=(".pcf", ".chn", ".spc", ".cnf", ".dat", ".mca", ".mps"),
    sniff=_sniff,
    read=read,
)
"""What the registry knows of this format."""
