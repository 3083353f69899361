"""``.npy`` files: arrays of dicts, as the reference data set has them, and plain arrays of numbers.

An array of dicts holds one dict a spectrum:

======================  =====================================================================
``spectrum``            numbers, one a channel
``labels``              list of names, or one name; missing or None where nothing is known
``calibration``         dict of ``offset``, ``slope``, ``quad``, ``cubic``, ``quartic``, or the
                        list of these: the energy at channel index i = 0, 1, ... in keV, taken
                        as the centre of the channel unless ``ReadOptions.reference`` says more
``detector``            its name
``live_time``           seconds; ``real_time`` likewise
any other number/text   a column of ``meta``, blanks in its name replaced by ``_``
======================  =====================================================================

Such files are pickles. They are read by `gamma_flow.io._unpickle`, which runs nothing.

A plain array of numbers is one spectrum (1-D) or one spectrum a row (2-D), without labels, on
``ReadOptions.axis`` or on channels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data import Kind, Labels, SpectrumSet
from gamma_flow.errors import (
    ReadError,
)
from gamma_flow.io import _npy
from gamma_flow.io._dicts import Dicts, axis_for, check_channels, origins
from gamma_flow.io._format import Format, ReadOptions
from gamma_flow.io._source import Source

__all__ = ["FORMAT", "read"]


def read(source: Source, options: ReadOptions) -> list[SpectrumSet]:
    """Read an ``.npy`` file.

    Parameters
    ----------
    source : Source
        The file.
    options : ReadOptions
        ``reference`` and ``unit`` of calibrations, ``axis`` of spectra without one, ``kind``,
        ``background``, ``signed``.

    Returns
    -------
    list of SpectrumSet
        One an axis, in the order of their first spectra.

    Raises
    ------
    UnsafeFileError
        The file asks for more than numbers and text.
    DamagedFileError
        It is cut or contradicts itself.
    ReadError
        It holds something else than spectra.
    AxisError, SpectrumError, IncompatibleError
        A calibration that does not increase, values that no spectrum may hold, ``options.axis`` of
        another length.
    """
    header = _npy.header_of(source.data, source.name)
    # numbers near the largest float are met by checks, not by warnings
    with np.errstate(all="ignore"):
        if header.descr is not None:
            return [_plain(_npy.array_of(source.data, source.name), source, options)]
        return Dicts(source, options, header).sets()


def _plain(array: NDArray[Any], source: Source, options: ReadOptions) -> SpectrumSet:
    if array.ndim not in (1, 2) or 0 in array.shape:
        raise ReadError(
            "the array is no table of spectra",
            where=source.name,
            expected="one spectrum, or one a row",
            found=f"shape {array.shape}",
        )
    values = np.atleast_2d(array)
    check_channels(values.shape[1], source.name)
    return SpectrumSet(
        values,
        axis_for(values.shape[1], options, source.name),
        options.kind or _kind_of(values, options),
        labels=Labels.none(len(values), options.background),
        origin=origins(source, range(len(values))),
        signed=options.signed,
    )


def _kind_of(values: NDArray[Any], options: ReadOptions) -> Kind:
    """Tell the kind: counts are whole and, unless differences are welcome, not negative."""
    whole = values.dtype.kind in "iub" or bool((np.isfinite(values) & (values == np.rint(values))).all())
    return "counts" if whole and (options.signed or values.min() >= 0) else "intensity"


def sniff(source: Source) -> bool:
    """Tell whether this is an ``.npy`` file."""
    return source.data.startswith(_npy.MAGIC)


FORMAT = Format("npy", "numpy array: numbers, or dicts as in the reference data set", (".npy",), sniff, read)
"""What the registry knows of this format."""
