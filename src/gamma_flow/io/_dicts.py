"""An array of dicts, taken apart column by column; see `gamma_flow.io.dictionaries` for what they hold."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data import Axis, Labels, SpectrumSet
from gamma_flow.errors import (
    AxisError,
    DamagedFileError,
    IncompatibleError,
    ReadError,
    ReadWarning,
    UnsafeFileError,
)
from gamma_flow.io import _npy, _pickled, _unpickle
from gamma_flow.io._format import ReadOptions
from gamma_flow.io._pickled import Array, Pairs, Scalar
from gamma_flow.io._plain import (
    alike_numbers,
    as_dict,
    as_numbers,
    distinguished,
    kind_name,
    plain_value,
    stacked,
)
from gamma_flow.io._source import MAX_CHANNELS, Source

__all__ = ["Dicts", "axis_for", "check_channels", "origins"]

_TERMS: Final = {
    "offset": 0,
    "slope": 1,
    "quad": 2,
    "quadratic": 2,
    "cube": 3,
    "cubic": 3,
    "quartic": 4,
}
_KNOWN: Final = ("spectrum", "labels", "calibration", "detector", "live_time", "real_time")
_MAX_UNFOLDED: Final = 16
"""How many cells a file may unfold to, for each of its bytes: one array may be named many times."""


def axis_for(channels: int, options: ReadOptions, where: str) -> Axis:
    """Return the axis of spectra whose file has none."""
    if options.axis is None:
        return Axis.channels(channels)
    if len(options.axis) != channels:
        raise IncompatibleError(
            "the axis that was given does not fit the spectra",
            where=where,
            expected=f"{channels} channels",
            found=repr(options.axis),
        )
    return options.axis


def check_channels(channels: int, where: str) -> None:
    """Refuse spectra without channels, or with too many."""
    if not 0 < channels <= MAX_CHANNELS:
        raise UnsafeFileError(
            "a spectrum has no channels, or too many",
            where=where,
            expected=f"1 to {MAX_CHANNELS}",
            found=str(channels),
        )


def origins(source: Source, rows: Sequence[int] | range) -> NDArray[np.str_]:
    """Return ``file#row`` of rows."""
    name = source.name
    return np.array([f"{name}#{row}" for row in rows])


class Dicts:
    """The array of dicts of one file, taken apart column by column."""

    def __init__(self, source: Source, options: ReadOptions, header: _npy.Header) -> None:
        self.source = source
        self.options = options
        self.where = source.name
        found = _unpickle.load(source.data, header.start, source.name)
        self.rows = self._records(found, header)
        self.columns = self._columns()

    def _records(self, found: Any, header: _npy.Header) -> list[Pairs]:
        rows = getattr(found, "raw", None) if type(found) is Array else None
        if type(rows) is not list:
            raise DamagedFileError("the file holds no array of objects", where=self.where)
        if len(header.shape) > 1 or (header.shape or (1,)) != (len(rows),):
            raise DamagedFileError(
                "the number of spectra contradicts the header",
                where=self.where,
                expected=f"shape {header.shape}",
                found=f"{len(rows)} objects",
            )
        if not rows:
            raise DamagedFileError("the file holds no spectrum", where=self.where)
        if set(map(type, rows)) != {Pairs}:
            bad = next(row for row, item in enumerate(rows) if type(item) is not Pairs)
            raise ReadError(
                "the array does not hold dicts",
                where=f"{self.where}#{bad}",
                expected='dicts with "spectrum", "labels", "calibration", "detector"',
                found=kind_name(rows[bad]),
                cure="save plain numbers as a 2-D array without dtype=object",
            )
        return rows

    def _columns(self) -> dict[str, Sequence[Any]]:
        """One list a name; rows that lack it hold None."""
        names: list[Any] = self.rows[0][0] if self.rows[0] else []
        # the rows mostly share one list of names, then a transposition is enough
        if all(len(row) == 2 and row[0] is names for row in self.rows) and len(set(names)) == len(names):
            self._check_unfolded(len(names) * len(self.rows))
            return dict(zip(names, zip(*[row[1] for row in self.rows], strict=True), strict=True))
        self._check_unfolded(sum([len(part) for row in self.rows for part in row]))
        dicts = [as_dict(row) for row in self.rows]
        order = dict.fromkeys(name for row in dicts for name in row)
        self._check_unfolded(len(order) * len(dicts))
        return {name: [row.get(name) for row in dicts] for name in order}

    def _check_unfolded(self, cells: int) -> None:
        if cells > _MAX_UNFOLDED * len(self.source.data):
            raise UnsafeFileError(
                "the file unfolds to far more than it holds",
                where=self.where,
                expected=f"at most {_MAX_UNFOLDED} numbers for each of its {len(self.source.data)} bytes",
                found=str(cells),
            )

    # ------------------------------------------------------------- columns

    def sets(self) -> list[SpectrumSet]:
        """Return one set an axis."""
        pieces, shapes = self._spectra()
        axes, of_row = self._axes(shapes)
        labels = self._labels()
        detector = self._texts("detector")
        times = {name: self._seconds(name) for name in ("live_time", "real_time")}
        meta = self._meta()
        made = []
        for number, axis in enumerate(axes):
            rows = np.flatnonzero(of_row == number)
            everything = len(rows) == len(pieces)
            chosen = slice(None) if everything else rows
            made.append(
                SpectrumSet(
                    stacked([pieces[row] for row in rows], [shapes[row][0] for row in rows]),
                    axis,
                    self.options.kind or "counts",
                    labels=labels if everything else labels[rows],
                    live_time=times["live_time"][chosen],
                    real_time=times["real_time"][chosen],
                    detector=detector[chosen],
                    origin=origins(self.source, rows.tolist()),
                    meta={name: column[chosen] for name, column in meta.items()},
                    signed=self.options.signed,
                )
            )
        return made

    def _spectra(self) -> tuple[list[Any], list[tuple[np.dtype[Any], int]]]:
        """Bytes of each spectrum, and what they are: dtype and number of channels."""
        if "spectrum" not in self.columns:
            raise ReadError(
                'the dicts have no "spectrum"', where=self.where, found=", ".join(self.columns)[:200]
            )
        view = memoryview(self.source.data)
        alike = self._alike_spectra(view)
        if alike is not None:
            return alike
        known: dict[tuple[int, int], tuple[np.dtype[Any], int]] = {}
        pieces: list[Any] = []
        shapes = []
        total = 0
        for row, item in enumerate(self.columns["spectrum"]):
            if type(item) is Array and type(item.raw) is int:
                place = item.raw
                key = (id(item.dtype), id(item.shape))
                if key not in known or item.length != known[key][0].itemsize * known[key][1]:
                    array = _pickled.numbers(item, self.source.data, f"{self.where}#{row}")
                    known[key] = (array.dtype, len(array))
                pieces.append(view[place : place + item.length])
                shapes.append(known[key])
            else:
                array = self._one_spectrum(item, row)
                pieces.append(array.tobytes())
                shapes.append((array.dtype, len(array)))
            total += shapes[-1][1]
        self._check_unfolded(total)
        for channels in {channels for _, channels in shapes}:
            check_channels(channels, self.where)
        return pieces, shapes

    def _alike_spectra(
        self, view: memoryview[int]
    ) -> tuple[list[Any], list[tuple[np.dtype[Any], int]]] | None:
        """Do at one stroke what `_spectra` does, where all arrays share dtype and shape; else None."""
        column = self.columns["spectrum"]
        if set(map(type, column)) != {Array}:
            return None
        # the interpreter spells out the first array of a file and takes the others at one stroke
        whole = [item for item in column if type(item.raw) is int]
        if len({(id(item.dtype), id(item.shape), item.length) for item in whole}) != 1:
            return None
        array = _pickled.numbers(whole[0], self.source.data, f"{self.where}#0")
        length: int = whole[0].length
        if array.ndim != 1 or length != array.dtype.itemsize * len(array):
            return None
        self._check_unfolded(len(array) * len(column))
        check_channels(len(array), self.where)
        pieces: list[Any] = []
        for row, item in enumerate(column):
            if type(item.raw) is int:
                pieces.append(view[item.raw : item.raw + length])
                continue
            other = self._one_spectrum(item, row)
            if other.dtype != array.dtype or len(other) != len(array):
                return None
            pieces.append(other.tobytes())
        return pieces, [(array.dtype, len(array))] * len(column)

    def _one_spectrum(self, item: Any, row: int) -> NDArray[Any]:
        where = f"{self.where}#{row}"
        if type(item) is Array and type(getattr(item, "raw", None)) in (bytes, str):
            array = _pickled.numbers(item, self.source.data, where)
        elif type(item) in (list, tuple) and item and set(map(type, item)) <= {int, float}:
            array = np.array(item, np.float64)
        else:
            raise DamagedFileError(
                "a spectrum is missing or is no array of numbers", where=where, found=kind_name(item)
            )
        if array.ndim != 1:
            raise DamagedFileError(
                "a spectrum is no row of numbers", where=where, found=f"shape {array.shape}"
            )
        return np.ascontiguousarray(array)

    def _axes(self, shapes: list[tuple[np.dtype[Any], int]]) -> tuple[list[Axis], NDArray[np.intp]]:
        """Distinct axes, and which one each row has."""
        objects, code = distinguished(self.columns.get("calibration", [None] * len(self.rows)))
        alike = alike_numbers(objects)
        if alike is not None:
            rows, of_object = alike
            terms: list[tuple[float, ...] | None] = [self._coefficients(objects[row]) for row in rows]
        else:
            terms, of_object = self._each_calibration(objects)
        channels = np.array([length for _, length in shapes], np.int64)
        pairs = of_object[code] * (MAX_CHANNELS + 1) + channels
        _, first, which = np.unique(pairs, return_index=True, return_inverse=True)
        axes: list[Axis] = []
        place_of = np.empty(len(first), np.intp)
        for number in np.argsort(first).tolist():
            row = int(first[number])
            axis = self._axis(terms[of_object[code[row]]], int(channels[row]), row)
            same = [place for place, other in enumerate(axes) if other.matches(axis)]
            place_of[number] = same[0] if same else len(axes)
            if not same:
                axes.append(axis)
        return axes, place_of[which]

    def _each_calibration(
        self, objects: list[Any]
    ) -> tuple[list[tuple[float, ...] | None], NDArray[np.int64]]:
        """Coefficients of the distinct calibrations, and which of them each object has."""
        known: dict[tuple[Any, ...], int] = {}
        terms: list[tuple[float, ...] | None] = []
        of_object = np.empty(len(objects), np.int64)
        for place, item in enumerate(objects):
            # equal names are one object mostly, and tuples of plain numbers are safe to compare
            plain = type(item) is Pairs and len(item) == 2 and set(map(type, item[1])) == {float}
            key = (id(item[0]), *item[1]) if plain else (id(item),)
            if key not in known:
                known[key] = len(terms)
                terms.append(self._coefficients(item))
            of_object[place] = known[key]
        return terms, of_object

    def _coefficients(self, item: Any) -> tuple[float, ...] | None:
        if item is None:
            return None
        where = f"{self.where}, a calibration"
        if type(item) is Pairs:
            given = as_dict(item)
            strange = [name for name in given if name not in _TERMS]
            if strange or len({_TERMS[name] for name in given}) != len(given):
                raise DamagedFileError(
                    "the terms of a calibration are not understood",
                    where=where,
                    expected="offset, slope, quad, cubic, quartic",
                    found=", ".join(given)[:200],
                )
            order = max((_TERMS[name] for name in given), default=0)
            row: list[Any] = [0.0] * (order + 1)
            for name, value in given.items():
                row[_TERMS[name]] = value
        elif type(item) is Array:
            row = _pickled.numbers(item, self.source.data, where).ravel()[:64].tolist()
        else:
            row = list(item) if type(item) in (list, tuple) else [item]
        values = [plain_value(value, where) for value in row[:64]]
        terms = [float(value) for value in values if isinstance(value, (int, float))]
        if len(values) < 2 or len(terms) < len(values):
            raise DamagedFileError(
                "a calibration is no polynomial", where=where, expected="offset, slope, quad, ..."
            )
        return tuple(terms)

    def _axis(self, terms: tuple[float, ...] | None, channels: int, row: int) -> Axis:
        where = f"{self.where}#{row}"
        if terms is None:
            return axis_for(channels, self.options, where)
        reference = self.options.reference or "centre"
        try:
            return Axis.polynomial(terms, channels, self.options.unit or "keV", reference)
        except AxisError as wrong:
            at = f"{where}, {wrong.where}" if wrong.where else where
            raise AxisError(
                wrong.what, where=at, expected=wrong.expected, found=wrong.found, cure=wrong.cure
            ) from None

    def _labels(self) -> Labels:
        """Labels of all rows; each distinct list of names is looked at once."""
        background = self.options.background
        if "labels" not in self.columns:
            return Labels.none(len(self.rows), background)
        objects, by_object = distinguished(self.columns["labels"])
        lists = self._names(objects)
        places: dict[tuple[str, ...] | None, int] = {}
        code = np.array([places.setdefault(names, len(places)) for names in lists], np.intp)[by_object]
        distinct = Labels.of(list(places), background=background)
        return distinct[code]

    def _names(self, objects: list[Any]) -> list[tuple[str, ...] | None]:
        if set(map(type, objects)) == {list} and set(map(type, chain.from_iterable(objects))) <= {str}:
            lists: list[tuple[str, ...] | None] = list(map(tuple, objects))
        else:
            lists = [self._row_of_names(item) for item in objects]
        if any(not name.strip() for names in lists for name in names or ()):
            raise DamagedFileError("a label is empty", where=self.where, cure="take the empty label out")
        return lists

    def _row_of_names(self, item: Any) -> tuple[str, ...] | None:
        if type(item) is Array:
            array = _pickled.numbers(item, self.source.data, self.where, text=True)
            item = array.ravel().tolist()
        if item is None:
            return None
        row = list(item) if type(item) in (list, tuple) else [item]
        names = [plain_value(name, self.where) for name in row]
        if any(not isinstance(name, str) for name in names):
            raise DamagedFileError(
                "labels are no names", where=self.where, expected="a list of text", found=kind_name(item)
            )
        return tuple(str(name) for name in names)

    def _texts(self, name: str) -> NDArray[np.str_]:
        column = self.columns.get(name)
        if column is None:
            return np.full(len(self.rows), "")
        objects, code = distinguished(column)
        return self._text_column([plain_value(item, self.where) for item in objects], code)

    def _text_column(self, values: list[Any], code: NDArray[np.intp]) -> NDArray[np.str_]:
        texts = ["" if value is None else str(value) for value in values]
        # a column of text takes as much for each row as for its longest
        self._check_unfolded(max(map(len, texts)) * len(code))
        return np.array(texts)[code]

    def _seconds(self, name: str) -> NDArray[np.float64]:
        column = self.columns.get(name)
        if column is None:
            return np.full(len(self.rows), np.nan)
        numbers = as_numbers([plain_value(item, self.where) for item in column])
        if numbers is None:
            raise DamagedFileError(f"a {name.replace('_', ' ')} is no number of seconds", where=self.where)
        return numbers

    def _meta(self) -> dict[str, NDArray[Any]]:
        table: dict[str, NDArray[Any]] = {}
        passed = []
        for name, column in self.columns.items():
            if name in _KNOWN:
                continue
            values = self._scalars(column)
            if values is None:
                passed.append(name)
                continue
            key = re.sub(r"\W+", "_", name.strip()) or "_"
            if key in table:
                raise DamagedFileError("two columns have one name", where=self.where, found=repr(key[:80]))
            table[key] = values
        if passed:
            warnings.warn(
                f"{self.where}: passed over what is neither number nor text: {', '.join(passed)[:200]}",
                ReadWarning,
                stacklevel=2,
            )
        return table

    def _scalars(self, column: Sequence[Any]) -> NDArray[Any] | None:
        """One column of numbers where all are (or spell) numbers, else of text; None for anything else."""
        if set(map(type, column)) <= {float}:
            return np.array(column, np.float64)
        objects, code = distinguished(column)
        if not set(map(type, objects)) <= {float, int, bool, str, bytes, Scalar, type(None)}:
            return None
        values = [plain_value(item, self.where) for item in objects]
        numbers = as_numbers(values)
        if numbers is not None:
            return numbers[code]
        return self._text_column(values, code)
