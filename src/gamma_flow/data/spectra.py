"""A set of spectra on one axis, with everything that is known about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.data import _select
from gamma_flow.data._arrays import columns, freeze, freeze_strings, row_numbers
from gamma_flow.data.axis import Axis
from gamma_flow.data.labels import Labels
from gamma_flow.errors import IncompatibleError, SpectrumError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["Kind", "SpectrumSet", "runs_of"]

_COLUMNS = ("values", "live_time", "real_time", "time", "detector", "run", "origin")

Kind = Literal["counts", "intensity"]
"""Counts are conserved between edges and scatter as Poisson; intensities are sampled at points."""


@dataclass(frozen=True, eq=False)
class SpectrumSet:
    """N spectra of C channels on one axis; the arrays are read-only.

    Parameters
    ----------
    values : array_like, shape (N, C)
        Counts, or intensities in any unit; finite.
    axis : Axis
        The one axis of all spectra.
    kind : {"counts", "intensity"}
        What the values are.
    sigma : array_like, shape (N, C), optional
        Standard deviation of every value, positive; for intensities.
    labels : Labels, optional
        What the spectra hold; nothing is known by default.
    live_time, real_time : array_like, shape (N,), optional
        Seconds; NaN where unknown.
    time : array_like of datetime64, shape (N,), optional
        Start of the measurement, UTC where the file says so; NaT where unknown.
    detector : array_like of str, shape (N,), or str, optional
        Name of the detector; empty where unknown.
    run : array_like of int, shape (N,), optional
        Consecutive frames of one file with equal labels bear one number. Found from ``origin`` by default.
    origin : array_like of str, shape (N,), optional
        Where a spectrum came from, ``file#row``.
    meta : mapping of str to array_like of shape (N,), optional
        More columns: ``neutron_counts``, ``latitude``, ``longitude``, ``dose_rate`` (µSv/h), ...
    signed : bool
        Allow negative counts, as differences of two spectra have them. Intensities may always be negative.

    Raises
    ------
    SpectrumError
        Shapes that do not fit the axis, values that are not finite, negative counts without ``signed``.

    Examples
    --------
    >>> spectra = SpectrumSet([[1, 2, 3], [4, 5, 6]], Axis.channels(3),
    ...                       labels=Labels.of([["Cs137"], ["background"]]), live_time=[1.0, 1.0])
    >>> spectra
    SpectrumSet(2 counts spectra, Axis(3 bins, 0..3 channel), classes: Cs137, background)
    >>> spectra.where(label="Cs137").total
    array([6.])
    """

    values: NDArray[np.float64]
    axis: Axis
    kind: Kind = "counts"
    sigma: NDArray[np.float64] | None = None
    labels: Labels = None  # type: ignore[assignment]  # filled in below
    live_time: NDArray[np.float64] = None  # type: ignore[assignment]
    real_time: NDArray[np.float64] = None  # type: ignore[assignment]
    time: NDArray[np.datetime64] = None  # type: ignore[assignment]
    detector: NDArray[np.str_] = None  # type: ignore[assignment]
    run: NDArray[np.int64] = None  # type: ignore[assignment]
    origin: NDArray[np.str_] = None  # type: ignore[assignment]
    meta: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    signed: bool = False

    def __post_init__(self) -> None:
        if self.kind not in ("counts", "intensity"):
            raise SpectrumError(
                "unknown kind of spectra", expected='"counts" or "intensity"', found=repr(self.kind)
            )
        if not isinstance(self.axis, Axis):
            raise SpectrumError("spectra need an Axis", found=type(self.axis).__name__)
        values = freeze(self.values, np.float64, (None, len(self.axis)), "the values", SpectrumError)
        rows = len(values)
        keep = object.__setattr__
        keep(self, "values", values)
        origin = np.array([f"#{row}" for row in range(rows)]) if self.origin is None else self.origin
        keep(self, "origin", freeze_strings(origin, rows, "the origin", SpectrumError))
        self._check_values()
        labels = Labels.none(rows) if self.labels is None else self.labels
        if len(labels) != rows:
            raise SpectrumError(
                "labels do not fit the spectra", expected=f"{rows} rows", found=str(len(labels))
            )
        keep(self, "labels", labels)
        for name in ("live_time", "real_time"):
            keep(self, name, self._seconds(name))
        start = np.full(rows, "NaT", "datetime64[us]") if self.time is None else self.time
        keep(self, "time", freeze(start, "datetime64[us]", (rows,), "the time", SpectrumError))
        detector = "" if self.detector is None else self.detector
        keep(self, "detector", freeze_strings(detector, rows, "the detector", SpectrumError))
        run = runs_of(self.files, labels) if self.run is None else self.run
        keep(self, "run", freeze(run, np.int64, (rows,), "the run", SpectrumError))
        keep(self, "meta", columns(self.meta, rows, SpectrumError))

    def _check_values(self) -> None:
        # a sum is finite if all of its terms are (or, rarely, overflows: then the slow look decides)
        if not np.isfinite(self.values.sum()) and not np.isfinite(self.values).all():
            bad: NDArray[np.bool_] = ~np.all(np.isfinite(self.values), axis=1)
            row = int(np.flatnonzero(bad)[0])
            channel = int(np.flatnonzero(~np.isfinite(self.values[row]))[0])
            raise SpectrumError(
                "a spectrum holds a value that is not finite",
                where=f"{self.origin[row]}, channel {channel}",
                found=f"{self.values[row, channel]} ({row_numbers(bad)} of {len(self)})",
                cure="take the spectrum out or mend its source",
            )
        if self.kind == "counts" and not self.signed and self.values.size and self.values.min() < 0:
            bad = np.any(self.values < 0, axis=1)
            row = int(np.flatnonzero(bad)[0])
            channel = int(np.flatnonzero(self.values[row] < 0)[0])
            raise SpectrumError(
                "a spectrum holds negative counts",
                where=f"{self.origin[row]}, channel {channel}",
                found=f"{self.values[row, channel]:g} ({row_numbers(bad)} of {len(self)})",
                cure="differences of spectra are read with signed=True (--signed)",
            )
        if self.sigma is not None:
            sigma = freeze(self.sigma, np.float64, self.values.shape, "sigma", SpectrumError)
            if not (np.isfinite(sigma).all() and (sigma > 0).all()):
                raise SpectrumError("sigma has to be positive and finite everywhere")
            object.__setattr__(self, "sigma", sigma)

    def _seconds(self, name: str) -> NDArray[np.float64]:
        given = getattr(self, name)
        value = np.full(len(self), np.nan) if given is None else given
        if np.ndim(value) == 0:
            value = np.full(len(self), value, np.float64)
        seconds = freeze(value, np.float64, (len(self),), name, SpectrumError)
        wrong = (seconds < 0) | np.isinf(seconds)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise SpectrumError(
                f"a {name.replace('_', ' ')} is negative or infinite",
                where=str(self.origin[row]),
                found=f"{seconds[row]:g} s",
            )
        return seconds

    # ---------------------------------------------------------------- looking

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        names = f", classes: {', '.join(self.labels.classes)}" if self.labels.classes else ""
        return f"SpectrumSet({len(self)} {self.kind} spectra, {self.axis}{names})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes: the read-only table of columns goes as a plain dict."""
        parts = {item.name: getattr(self, item.name) for item in fields(self)}
        return _restored, ({**parts, "meta": dict(self.meta)},)

    @property
    def total(self) -> NDArray[np.float64]:
        """Sum of each spectrum, shape (N,)."""
        total: NDArray[np.float64] = self.values.sum(axis=1)
        return total

    @property
    def files(self) -> NDArray[np.str_]:
        """The file part of ``origin``, shape (N,)."""
        return _select.files_of(self.origin)

    @property
    def background(self) -> str | None:
        """The class that counts as background."""
        return self.labels.background

    # -------------------------------------------------------------- selecting

    def __getitem__(self, rows: Any) -> SpectrumSet:
        """Select by mask, slice, row numbers or one row number (a batch of one)."""
        if isinstance(rows, (int, np.integer)):
            if not -len(self) <= rows < len(self):
                raise SpectrumError("no such spectrum", expected=f"row 0..{len(self) - 1}", found=str(rows))
            rows = slice(int(rows), int(rows) + 1 or None)
        try:
            picked: dict[str, Any] = {name: getattr(self, name)[rows] for name in _COLUMNS}
        except IndexError as problem:
            raise SpectrumError(
                "no such spectra",
                expected=f"rows within {len(self)}, or a mask of that length",
                found=str(problem),
            ) from problem
        if picked["values"].ndim != 2:
            raise SpectrumError("spectra are selected by rows", expected="a mask, a slice or row numbers")
        if self.sigma is not None:
            picked["sigma"] = self.sigma[rows]
        meta = {name: column[rows] for name, column in self.meta.items()}
        return self._changed(**picked, labels=self.labels[rows], meta=meta)

    def _changed(self, **parts: Any) -> SpectrumSet:
        """Return a set with parts that are known to be valid: nothing is checked a second time."""
        for name, part in parts.items():
            if isinstance(part, np.ndarray):
                parts[name] = part if part.flags.c_contiguous else np.ascontiguousarray(part)
                parts[name].flags.writeable = False
        if "meta" in parts:
            for column in parts["meta"].values():
                column.flags.writeable = False
            parts["meta"] = MappingProxyType(dict(sorted(parts["meta"].items())))
        changed = object.__new__(SpectrumSet)
        changed.__dict__.update(self.__dict__)
        changed.__dict__.update(parts)
        return changed

    @property
    def pure(self) -> SpectrumSet:
        """Spectra with exactly one label."""
        return self[self.labels.presence.sum(axis=1) == 1]

    @property
    def single(self) -> SpectrumSet:
        """Labelled spectra with at most one class besides the background."""
        return self[self.labels.labelled & (self.labels.sources <= 1)]

    @property
    def mixed(self) -> SpectrumSet:
        """Spectra with two or more classes besides the background."""
        return self[self.labels.sources >= 2]

    def mask(
        self,
        *,
        detector: str | Iterable[str] | None = None,
        label: str | Iterable[str] | None = None,
        file: str | Iterable[str] | None = None,
    ) -> NDArray[np.bool_]:
        """Tell which rows fulfil all conditions given, shape (N,); see `where`."""
        return _select.mask(self, detector, label, file)

    def where(
        self,
        *,
        detector: str | Iterable[str] | None = None,
        label: str | Iterable[str] | None = None,
        file: str | Iterable[str] | None = None,
    ) -> SpectrumSet:
        """Return the spectra that fulfil all conditions given.

        Parameters
        ----------
        detector : str or iterable of str, optional
            Names of detectors.
        label : str or iterable of str, optional
            Spectra that hold at least one of these classes.
        file : str or iterable of str, optional
            Patterns (``*``, ``?``) for the file name, with or without its ending.
        """
        return self[self.mask(detector=detector, label=label, file=file)]

    def sample(
        self, n: int, per: Literal["label", "detector", "file"] | None = "label", *, rng: np.random.Generator
    ) -> SpectrumSet:
        """Draw at most ``n`` spectra a group, in their old order, to balance classes.

        Parameters
        ----------
        n : int
            Most spectra of a group (a combination of labels, a detector, a file) or, with None, of all.
        per : {"label", "detector", "file"} or None
            What makes a group.
        rng : numpy.random.Generator
            Where the chance comes from.
        """
        return self[_select.sample(self, n, per, rng)]

    def split(
        self, part: float, *, rng: np.random.Generator, keep: Literal["run", "file"] | None = None
    ) -> tuple[SpectrumSet, SpectrumSet]:
        """Divide by chance into the larger rest and a ``part`` (0..1) that is held out.

        Parameters
        ----------
        part : float
            Share of the spectra to hold out.
        rng : numpy.random.Generator
            Where the chance comes from.
        keep : {"run", "file"}, optional
            Keep runs or files together: frames of one run are correlated.

        Returns
        -------
        rest, held_out : SpectrumSet
            Both in the old order.
        """
        out = _select.held_out(self, part, rng, keep)
        return self[~out], self[out]

    # --------------------------------------------------------------- changing

    def onto(
        self,
        axis: Axis,
        *,
        method: Literal["conserve", "interpolate"] | None = None,
        allow_cut: float = 0.01,
    ) -> SpectrumSet:
        """Carry the spectra onto another axis; see `gamma_flow.data.rebinned`."""
        from gamma_flow.data.rebinned import onto

        return onto(self, axis, method=method, allow_cut=allow_cut)

    def relabelled(self, labels: Labels) -> SpectrumSet:
        """Return the same spectra with other labels; runs are found anew."""
        if len(labels) != len(self):
            raise SpectrumError(
                "labels do not fit the spectra", expected=f"{len(self)} rows", found=str(len(labels))
            )
        # what the files held before says nothing about the new labels
        meta = {name: column for name, column in self.meta.items() if name != "file_labels"}
        return self._changed(labels=labels, run=runs_of(self.files, labels), meta=meta)

    def annotated(self, detector: ArrayLike | None = None, **columns_: ArrayLike) -> SpectrumSet:
        """Return the same spectra with other detectors, or with more columns of ``meta``.

        Parameters
        ----------
        detector : array_like of str, shape (N,), or str, optional
            Names of detectors.
        **columns_ : array_like, shape (N,)
            Columns of ``meta``, by name.
        """
        parts: dict[str, Any] = {}
        if detector is not None:
            parts["detector"] = freeze_strings(detector, len(self), "the detector", SpectrumError)
        if columns_:
            parts["meta"] = {**self.meta, **columns(columns_, len(self), SpectrumError)}
        return self._changed(**parts)

    @staticmethod
    def concatenate(parts: Sequence[SpectrumSet]) -> SpectrumSet:
        """Put sets on one axis below each other; runs stay apart.

        Raises
        ------
        SpectrumError
            Nothing to put together.
        IncompatibleError
            Sets on different axes, or of different kinds.
        """
        if not parts:
            raise SpectrumError("nothing to concatenate", expected="one or more SpectrumSets")
        if len(parts) == 1:
            return parts[0]
        first = parts[0]
        for other in parts[1:]:
            if not first.axis.matches(other.axis):
                raise IncompatibleError(
                    "spectra on different axes cannot be put together",
                    found=f"{first.axis} and {other.axis}",
                    cure="carry them onto one axis first: spectra.onto(axis), or read(..., onto=axis)",
                )
            if first.kind != other.kind:
                raise IncompatibleError("counts and intensities cannot be put together")
        return _select.concatenated(parts)

    # ---------------------------------------------------------------- leaving

    def to_pandas(self) -> pd.DataFrame:
        """Return one row a spectrum: what is known about it, then its channels (needs pandas)."""
        from gamma_flow.data._frames import to_pandas

        return to_pandas(self)

    def to_xarray(self) -> xr.Dataset:
        """Return a data set with dimensions ``spectrum``, ``channel`` and ``class`` (needs xarray)."""
        from gamma_flow.data._frames import to_xarray

        return to_xarray(self)


def _restored(parts: dict[str, Any]) -> SpectrumSet:
    return SpectrumSet(**parts)


def runs_of(files: ArrayLike, labels: Labels) -> NDArray[np.int64]:
    """Return numbers of runs: a new one begins where the file or the labels change.

    Parameters
    ----------
    files : array_like of str, shape (N,)
        The file of each frame.
    labels : Labels
        Of the same N frames.

    Returns
    -------
    ndarray of int, shape (N,)
        Ascending from zero.
    """
    names = np.asarray(files)
    if not len(names):
        return np.zeros(0, np.int64)
    same = (names[1:] == names[:-1]) & (labels.labelled[1:] == labels.labelled[:-1])
    if labels.classes:
        same &= (labels.presence[1:] == labels.presence[:-1]).all(axis=1)
    return np.concatenate([[0], np.cumsum(~same)]).astype(np.int64)
