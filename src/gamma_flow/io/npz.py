"""``.npz``: one SpectrumSet in our container, exactly as it was.

Members are the fields of the set: ``values``, ``edges``, ``centres``, ``presence``, ``labelled``,
``live_time``, ``real_time``, ``time``, ``detector``, ``run``, ``origin``, where there are any ``sigma``
and ``amounts``, and one ``meta.<number>`` a column of metadata, whose names stand in the header. Whole
numbers are stored as whole numbers of the fewest bytes that hold them: counts take a quarter of the space
of floats.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data import Axis, Labels, SpectrumSet
from gamma_flow.errors import DamagedFileError, DataError
from gamma_flow.io._format import Format, ReadOptions
from gamma_flow.io._source import Source
from gamma_flow.io.container import is_container, read_container, write_container

__all__ = ["FORMAT", "read", "write"]

_KIND: Final = "spectra"
_TEXT: Final = ("detector", "origin")
_ROWS: Final = ("live_time", "real_time", "time", "detector", "run", "origin")


def write(spectra: SpectrumSet, path: Path) -> None:
    """Write a set of spectra.

    Parameters
    ----------
    spectra : SpectrumSet
        Anything; every field comes back as it was.
    path : Path
        Where to.

    Raises
    ------
    WriteError
        The path cannot be written.
    """
    axis, labels = spectra.axis, spectra.labels
    names = list(spectra.meta)
    header: dict[str, Any] = {
        "axis": {
            "unit": axis.unit,
            # as text: JSON has one number where floats have -0.0, and readers of JSON round
            "coefficients": None
            if axis.coefficients is None
            else [float(term).hex() for term in axis.coefficients],
        },
        "kind": spectra.kind,
        "signed": spectra.signed,
        "classes": list(labels.classes),
        "background": labels.background,
        "meta": names,
        "spectra": len(spectra),
        "channels": len(axis),
    }
    arrays: dict[str, NDArray[Any]] = {
        "values": _narrow(spectra.values),
        "edges": axis.edges,
        "centres": axis.centres,
        "presence": labels.presence,
        "labelled": labels.labelled,
        **{name: _storable(getattr(spectra, name)) for name in _ROWS},
        **{f"meta.{place}": _storable(spectra.meta[name]) for place, name in enumerate(names)},
    }
    if spectra.sigma is not None:
        arrays["sigma"] = spectra.sigma
    if labels.amounts is not None:
        arrays["amounts"] = labels.amounts
    write_container(path, _KIND, header, arrays)


def _narrow(values: NDArray[np.float64]) -> NDArray[Any]:
    """Whole numbers in the fewest bytes that hold all of them; anything else as it is."""
    if not values.size:
        return values
    low, high = float(values.min()), float(values.max())
    for dtype in (np.uint8, np.uint16, np.uint32) if low >= 0 else (np.int8, np.int16, np.int32):
        limits = np.iinfo(dtype)
        if limits.min <= low and high <= limits.max:
            small = values.astype(dtype)
            # -0.0 equals 0 but is not the same
            if np.array_equal(small, values) and not np.signbit(values[values == 0]).any():
                return small
            break
    return values


def _storable(column: NDArray[Any]) -> NDArray[Any]:
    """Text of no letters at all has no width in numpy's files before version 2; give it one."""
    return column.astype("U1") if column.dtype.kind == "U" and column.dtype.itemsize == 0 else column


def read(source: Source, options: ReadOptions) -> list[SpectrumSet]:
    """Read a set of spectra; the file says everything, so ``options`` do not count.

    Parameters
    ----------
    source : Source
        The file.
    options : ReadOptions
        Not used.

    Returns
    -------
    list of SpectrumSet
        The one set.

    Raises
    ------
    DamagedFileError
        The file is cut, or its parts do not fit each other.
    UnsafeFileError
        It declares or unpacks to more than the limits, or holds objects.
    """
    del options
    header, arrays = read_container(source, _KIND)
    try:
        # numbers near the largest float are met by checks, not by warnings
        with np.errstate(all="ignore"):
            return [_restored(header, arrays, source.name)]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as wrong:
        if isinstance(wrong, DataError):
            raise DamagedFileError(
                f"the parts of the file make no spectra: {wrong.what}",
                where=f"{source.name}, {wrong.where}" if wrong.where else source.name,
                expected=wrong.expected,
                found=wrong.found,
                cure="make the file anew",
            ) from wrong
        raise DamagedFileError(
            "the parts of the file make no spectra", where=source.name, cure="make the file anew"
        ) from wrong


def _restored(header: dict[str, Any], arrays: dict[str, NDArray[Any]], where: str) -> SpectrumSet:
    about = header["axis"]
    terms = about["coefficients"]
    axis = Axis(
        arrays["edges"],
        about["unit"],
        arrays["centres"],
        None if terms is None else tuple(float.fromhex(term) for term in terms),
    )
    values = arrays["values"]
    if values.shape != (header["spectra"], header["channels"]):
        raise DamagedFileError(
            "the number of spectra or channels contradicts the header",
            where=where,
            expected=f"{header['spectra']} x {header['channels']}"[:80],
            found=str(values.shape),
        )
    background = header["background"]
    if not (background is None or isinstance(background, str)) or not isinstance(header["signed"], bool):
        raise TypeError
    names = header["meta"]
    stored = sum(name.startswith("meta.") for name in arrays)
    if not isinstance(names, list) or len(set(names)) != len(names) or len(names) != stored:
        raise TypeError
    labels = Labels(
        tuple(header["classes"]), arrays["presence"], arrays.get("amounts"), arrays["labelled"], background
    )
    return SpectrumSet(
        values,
        axis,
        header["kind"],
        arrays.get("sigma"),
        labels,
        **{name: arrays[name] for name in _ROWS},
        meta={name: arrays[f"meta.{place}"] for place, name in enumerate(names)},
        signed=header["signed"],
    )


def sniff(source: Source) -> bool:
    """Tell whether this is a container of spectra."""
    return is_container(source, _KIND)


FORMAT = Format("npz", "gamma_flow spectra", (".npz",), sniff, read, write)
"""What the registry knows of this format."""
