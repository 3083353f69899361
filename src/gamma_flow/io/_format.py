"""What a format is to the registry, and how single records become sets.

To add a format, write a module with one ``FORMAT`` and name it in `gamma_flow.io.registry`. ``sniff``
looks at the content only, never at the name. ``read`` returns one `SpectrumSet` an axis, in the order of
the file; it raises `ReadError` and its kin, and lets no KeyError, ValueError or struct.error out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data import BACKGROUND, Axis, Kind, Labels, SpectrumSet
from gamma_flow.data.axis import Reference
from gamma_flow.errors import DamagedFileError
from gamma_flow.io._source import Source

__all__ = ["Format", "ReadOptions", "Record", "gather"]


@dataclass(frozen=True)
class ReadOptions:
    """What a file may not say of itself.

    Parameters
    ----------
    kind : {"counts", "intensity"}, optional
        What the values are; without it a reader decides (counts for all gamma formats; for tables, counts if
        every value is a whole number that is not negative, else intensity).
    unit : str, optional
        Unit of the axis where the file names none.
    reference : {"lower edge", "centre"}, optional
        What a calibration polynomial gives at a channel's index; without it what the format defines.
    axis : Axis, optional
        The axis of files that have none.
    background : str or None
        The background class.
    signed : bool
        Allow negative counts.
    """

    kind: Kind | None = None
    unit: str | None = None
    reference: Reference | None = None
    axis: Axis | None = None
    background: str | None = BACKGROUND
    signed: bool = False


@dataclass(frozen=True)
class Record:
    """One spectrum as its file tells it. NaN, NaT, None and "" stand for unknown."""

    values: NDArray[np.float64]
    axis: Axis
    labels: tuple[str, ...] | None = None
    live_time: float = np.nan
    real_time: float = np.nan
    time: np.datetime64 = field(default_factory=lambda: np.datetime64("NaT", "us"))
    detector: str = ""
    meta: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Format:
    """A format of files.

    Parameters
    ----------
    name : str
        Short, lower case: what ``--format`` takes.
    title : str
        For people.
    endings : tuple of str
        Usual endings with their dot; for writing and for messages only.
    sniff : callable
        Whether the content may be of this format; quick, never raises.
    read : callable
        Returns one set an axis.
    write : callable, optional
        Writes one set to a path (the caller sees to it that a failure leaves no half file). Returns
        nothing; raises WriteError for what the format cannot hold.
    """

    name: str
    title: str
    endings: tuple[str, ...]
    sniff: Callable[[Source], bool]
    read: Callable[[Source, ReadOptions], Sequence[SpectrumSet]]
    write: Callable[[SpectrumSet, Path], None] | None = None


def gather(
    records: Iterable[Record], source: Source, options: ReadOptions, kind: Kind = "counts"
) -> list[SpectrumSet]:
    """Make one set of all records that share an axis; ``origin`` is ``file#record``.

    Raises
    ------
    DamagedFileError
        There is no record at all.
    SpectrumError
        Values that no spectrum may hold.
    """
    groups: list[tuple[Axis, list[tuple[int, Record]]]] = []
    for number, record in enumerate(records):
        for axis, members in groups:
            if axis.matches(record.axis):
                members.append((number, record))
                break
        else:
            groups.append((record.axis, [(number, record)]))
    if not groups:
        raise DamagedFileError("the file holds no spectrum", where=source.name)
    return [_together(axis, members, source, options, kind) for axis, members in groups]


def _together(
    axis: Axis, members: list[tuple[int, Record]], source: Source, options: ReadOptions, kind: Kind
) -> SpectrumSet:
    records = [record for _, record in members]
    return SpectrumSet(
        np.stack([record.values for record in records]),
        axis,
        options.kind or kind,
        labels=Labels.of([record.labels for record in records], background=options.background),
        live_time=np.array([record.live_time for record in records]),
        real_time=np.array([record.real_time for record in records]),
        time=np.array([record.time for record in records], "datetime64[us]"),
        detector=np.array([record.detector for record in records]),
        origin=np.array([f"{source.name}#{number}" for number, _ in members]),
        meta=_columns(records),
        signed=options.signed,
    )


def _columns(records: Sequence[Record]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for name in sorted({name for record in records for name in record.meta}):
        values = [record.meta.get(name) for record in records]
        if any(isinstance(value, str) for value in values):
            table[name] = np.array(["" if value is None else str(value) for value in values])
        else:
            table[name] = np.array([np.nan if value is None else float(value) for value in values])
    return table
