"""One spectrum as ASCII SPE."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gamma_flow.data import Axis, SpectrumSet
from gamma_flow.errors import WriteError
from gamma_flow.io import _notes

__all__ = ["content", "write"]

_COLUMNS = {
    "latitude": "LATITUDE",
    "longitude": "LONGITUDE",
    "elevation": "ELEVATION",
    "neutron_counts": "NEUTRONS",
    "dose_rate": "DOSE_RATE",
}


def write(spectra: SpectrumSet, path: Path) -> None:
    """Write a set of one spectrum as ASCII SPE.

    Labels and metadata without a block of their own go into ``$SPEC_REM``, from where our reader takes them
    again.

    Raises
    ------
    WriteError
        More or less than one spectrum, counts that are not whole or negative, an axis that is neither
        channels nor a polynomial in keV, a text that would break its line.
    """
    path.write_bytes(content(spectra))


def content(spectra: SpectrumSet) -> bytes:
    """Return what `write` writes; lines end as on the instruments' computers."""
    _notes.plain_counts(spectra, "SPE")
    if len(spectra) != 1:
        raise WriteError(
            "SPE holds one spectrum a file",
            expected="1",
            found=str(len(spectra)),
            cure="write each row to its own file (gamma-flow convert numbers them), or write N42",
        )
    counts = spectra.values[0]
    if (counts < 0).any() or (counts != np.floor(counts)).any() or (counts > 2.0**53).any():
        bad = int(np.flatnonzero((counts < 0) | (counts != np.floor(counts)) | (counts > 2.0**53))[0])
        raise WriteError(
            "SPE holds whole counts",
            where=f"{spectra.origin[0]}, channel {bad}",
            expected="a whole number that is not negative",
            found=f"{counts[bad]:g}",
            cure="write .npz, CSV or N42",
        )
    lines = [*_head(spectra), "$DATA:", f"0 {len(counts) - 1}"]
    lines += [f"{int(count):8d}" for count in counts.tolist()]
    lines += _calibration(spectra.axis)
    for column, block in _COLUMNS.items():
        value = _text(spectra, column)
        if value:
            lines += [f"${block}:", value]
    for line in lines:
        if len(line.splitlines()) > 1 or "\0" in line:
            raise WriteError(
                "a text would break its line in SPE", found=repr(line[:60]), cure="shorten it to one line"
            )
    return "".join(f"{line}\r\n" for line in [*lines, "$ENDRECORD:"]).encode("utf-8", "replace")


def _head(spectra: SpectrumSet) -> list[str]:
    lines = []
    title = _text(spectra, "title")
    detector = str(spectra.detector[0])
    for text in (title, detector):
        if text.lstrip().startswith("$") and text.rstrip().endswith(":"):
            raise WriteError("a text looks like the name of a block in SPE", found=repr(text[:60]))
    if title:
        lines += ["$SPEC_ID:", title]
    remarks = [f"DETDESC# {detector}"] if detector else []
    remarks += _notes.notes_of(spectra, 0, _notes.unwritten(spectra, 0, ["title", *_COLUMNS]))
    if remarks:
        lines += ["$SPEC_REM:", *remarks]
    live, real = spectra.live_time[0], spectra.real_time[0]
    if np.isfinite(live) != np.isfinite(real):
        raise WriteError(
            "SPE holds live and real time together",
            found=f"live {live:g} s, real {real:g} s",
            cure="give both, or write N42",
        )
    if np.isfinite(live):
        lines += ["$MEAS_TIM:", f"{_plain(live)} {_plain(real)}"]
    if not np.isnat(spectra.time[0]):
        moment = spectra.time[0].item()
        fraction = f".{moment.microsecond:06d}" if moment.microsecond else ""
        lines += ["$DATE_MEA:", f"{moment:%m/%d}/{moment.year:04d} {moment:%H:%M:%S}{fraction}"]
    return lines


def _calibration(axis: Axis) -> list[str]:
    if axis == Axis.channels(len(axis)):
        return []
    if axis.unit != "keV" or axis.coefficients is None:
        raise WriteError(
            "SPE holds polynomial calibrations in keV only",
            found=str(axis),
            cure="carry the spectrum onto such an axis, or write N42, which holds channel edges",
        )
    terms = [repr(term) for term in axis.coefficients]
    short = [*terms, "0.0", "0.0"][:3]
    return ["$ENER_FIT:", " ".join(short), "$MCA_CAL:", str(len(terms)), f"{' '.join(terms)} keV"]


def _text(spectra: SpectrumSet, name: str) -> str:
    column = spectra.meta.get(name)
    if column is None or column[0] is None:
        return ""
    value = column[0]
    if isinstance(value, (str, np.str_)):
        return str(value)
    return _plain(float(value)) if np.isfinite(float(value)) else ""


def _plain(value: float) -> str:
    return np.format_float_positional(value, trim="-")
