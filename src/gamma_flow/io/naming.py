"""Labels and detectors that stand in a file's name, its folder, or a small table beside the files."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data import Labels, SpectrumSet
from gamma_flow.errors import ReadError, SettingsError
from gamma_flow.io._source import Source

__all__ = ["Naming", "split_labels"]


def split_labels(text: str) -> tuple[str, ...]:
    """Split labels that stand in one text at ``+``, ``;`` and ``|``; a blank is part of a name.

    Examples
    --------
    >>> split_labels("Cs137+background")
    ('Cs137', 'background')
    >>> split_labels("Cs 137; Co 60")
    ('Cs 137', 'Co 60')
    """
    return tuple(part.strip() for part in re.split(r"[+;|]", text) if part.strip())


@dataclass(frozen=True)
class _Row:
    """What the table says of a file; ``name`` as it stands there."""

    name: str
    labels: tuple[str, ...] = ()
    detector: str = ""


class Naming:
    """Fills in what files do not say of themselves.

    Parameters
    ----------
    pattern : str, optional
        A regular expression with a group ``labels`` or ``detector`` or both, searched for in the path
        with ``/`` between folders, without the ending. It fills in where the file itself says nothing.
    table : path, optional
        A CSV file with columns ``file``, ``labels``, ``detector`` (the last two may be missing or empty).
        What it says goes before what a file says of itself.
    aliases : mapping of str to str, optional
        Other spellings of labels and the names to take for them.

    Raises
    ------
    SettingsError
        A pattern that is no regular expression or has neither group.
    ReadError
        A table that cannot be read.

    Notes
    -----
    Several labels in one text are divided at ``+``, ``;`` or ``|``, and in a cell of the table at ``,`` too
    (the cell then stands between quotation marks). Blanks do not divide: ``Cs 137`` is one name.

    A row of the table names the last components of a path: ``sub/m.csv`` stands for every file ``m.csv`` in
    a folder ``sub``, ``m.csv`` for every file of that name (``./``, a leading ``/`` and the direction of the
    slashes do not count). Of several rows that fit, the one with the most components counts. Rows without an
    ending, such as ``sub/m``, stand for files of any ending; they count only where no row fits with the
    ending. An ending is one that a format uses: ``m.csv`` never stands for ``m.n42`` or ``m.csv.n42``, while
    ``run_0.5m`` does stand for ``run_0.5m.n42``.

    A pattern and a table speak of the source that was measured. A background that a file holds beside its
    spectrum (``meta["record"]`` is "Background") therefore gets the background class alone, or stays as it
    is if there is none or if the file itself labels it.
    """

    def __init__(
        self,
        pattern: str | None = None,
        table: str | Path | None = None,
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        self.aliases = dict(aliases or {})
        self.expression = _compiled(pattern) if pattern else None
        self.rows = _table(Path(table)) if table else {}
        self._fitted: set[tuple[str, ...]] = set()
        self._endings = _endings() if table else frozenset()

    def apply(self, spectra: SpectrumSet, name: str) -> SpectrumSet:
        """Return the spectra of one file with labels and detector filled in, and its labels noted."""
        row = self._row(name)
        found = self._matched(name)
        labels = spectra.labels
        names = row.labels or (() if labels.labelled.any() else split_labels(found.get("labels", "")))
        if names:
            labels = _filled(spectra, names)
        if self.aliases:
            labels = labels.renamed(self.aliases)
        if labels is not spectra.labels:
            spectra = spectra.relabelled(labels)
        if row.detector:
            spectra = spectra.annotated(row.detector)
        elif found.get("detector"):
            fill = np.where(spectra.detector == "", found["detector"], spectra.detector)
            spectra = spectra.annotated(fill)
        if "file_labels" in spectra.meta and not (row.labels or self.aliases):
            return spectra  # a file of ours remembers what the files held that it was made from
        return spectra.annotated(file_labels=_labels_by_file(spectra))

    def unmatched(self) -> tuple[str, ...]:
        """Return the names of those rows of the table that fitted no file so far, as they stand there."""
        return tuple(row.name for key, row in self.rows.items() if key not in self._fitted)

    def _row(self, name: str) -> _Row:
        """Return what the table says of a file, and remember all rows that fit it."""
        if not self.rows:
            return _Row("")
        path = _components(name)
        keys = _tails(path)
        stem = path[-1].rpartition(".")[0] if path else ""
        # a row m.csv names another file than m.csv.n42
        if stem and not stem.lower().endswith(tuple(self._endings)):
            keys += _tails((*path[:-1], stem))
        fitting = [key for key in keys if key in self.rows]
        # rows that give way to a better one have found their file all the same
        self._fitted.update(fitting)
        return self.rows[fitting[0]] if fitting else _Row("")

    def _matched(self, name: str) -> dict[str, str]:
        if self.expression is None:
            return {}
        hit = self.expression.search(_without_ending(name))
        return {} if hit is None else {group: text for group, text in hit.groupdict().items() if text}


def _labels_by_file(spectra: SpectrumSet) -> NDArray[np.str_]:
    """Return, for each row, all labels that its file holds: ``Cs137+background``."""
    files, place = np.unique(spectra.files, return_inverse=True)
    place = place.reshape(-1)
    held = np.zeros((len(files), len(spectra.labels.classes)), bool)
    np.logical_or.at(held, place, spectra.labels.presence)
    names = [
        "+".join(sorted(spectra.labels.classes[number] for number in np.flatnonzero(row))) for row in held
    ]
    return np.array(names)[place] if names else np.zeros(0, np.str_)


def _filled(spectra: SpectrumSet, names: tuple[str, ...]) -> Labels:
    """Return labels of ``names`` for all spectra but those that are a background beside a spectrum."""
    background = spectra.labels.background
    record = spectra.meta.get("record")
    lists: list[Sequence[str] | None] = [names] * len(spectra)
    if record is not None and record.dtype.kind == "U":
        own = spectra.labels.lists()
        for row in np.flatnonzero(np.char.lower(record) == "background").tolist():
            lists[row] = [background] if own[row] is None and background is not None else own[row]
    return Labels.of(lists, background=background)


def _without_ending(name: str) -> str:
    path = name.replace("\\", "/")
    stem, dot, _ = path.rpartition(".")
    return stem if dot and "/" not in path[len(stem) :] else path


def _components(name: str) -> tuple[str, ...]:
    return tuple(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))


def _tails(path: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Return the ends of a path, the longest first."""
    return [path[place:] for place in range(len(path))]


def _endings() -> frozenset[str]:
    # the formats are many modules: loaded only where a table is given
    from gamma_flow.io.registry import formats

    return frozenset(ending.lower() for known in formats() for ending in known.endings)


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        expression = re.compile(pattern)
    except re.error as problem:
        raise SettingsError(
            f"the label pattern is no regular expression: {problem}",
            found=pattern,
            cure=r"for example (?P<labels>[^_/]+)_(?P<detector>[^_/]+)$",
        ) from problem
    if not {"labels", "detector"} & set(expression.groupindex):
        raise SettingsError(
            "the label pattern names nothing",
            expected="a group (?P<labels>...) or (?P<detector>...)",
            found=pattern,
            cure=r"for example (?P<labels>[^_/]+)_(?P<detector>[^_/]+)$",
        )
    return expression


def _table(path: Path) -> dict[tuple[str, ...], _Row]:
    source = Source.of(path)
    try:
        text = source.data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise ReadError("the table of labels is not text in UTF-8", where=source.name) from problem
    first = text.split("\n", 1)[0]
    reader = csv.DictReader(io.StringIO(text), delimiter=";" if first.count(";") > first.count(",") else ",")
    try:
        columns = [name.strip().lower() for name in reader.fieldnames or []]
        if "file" not in columns or not {"labels", "detector"} & set(columns):
            raise ReadError(
                "the table of labels has the wrong columns",
                where=source.name,
                expected="file, labels, detector",
                found=", ".join(columns) or "nothing",
            )
        reader.fieldnames = columns
        rows: dict[tuple[str, ...], _Row] = {}
        for cells in reader:
            row = _table_row(cells, f"{source.name}, line {reader.line_num}")
            key = _components(row.name)
            if key in rows:
                raise ReadError(
                    "the table names a file twice",
                    where=f"{source.name}, line {reader.line_num}",
                    found=row.name if row.name == rows[key].name else f"{rows[key].name} and {row.name}",
                )
            rows[key] = row
    except csv.Error as problem:
        raise ReadError(
            f"the table of labels is damaged: {problem}", where=f"{source.name}, line {reader.line_num}"
        ) from problem
    return rows


def _table_row(cells: dict[str, Any], where: str) -> _Row:
    # DictReader keeps what stands behind the last column under None
    if None in cells:
        raise ReadError(
            "a row of the table has more cells than the header",
            where=where,
            found=", ".join(cells[None])[:80],  # type: ignore[index]
            cure='divide several labels by "+", or put them between quotation marks',
        )
    name, labels, detector = ((cells.get(key) or "").strip() for key in ("file", "labels", "detector"))
    if not _components(name):
        raise ReadError("a row of the table names no file", where=where)
    names = split_labels(labels.replace(",", "+"))
    if labels and not names:
        raise ReadError(
            "a row of the table names no label",
            where=where,
            expected="names, or an empty cell where nothing is known",
            found=repr(labels[:40]),
        )
    return _Row(name, names, detector)
