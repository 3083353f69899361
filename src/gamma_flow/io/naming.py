"""Labels and detectors that stand in a file's name, its folder, or a small table beside the files."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data import Labels, SpectrumSet
from gamma_flow.errors import ReadError, SettingsError
from gamma_flow.io._source import Source

__all__ = ["Naming", "split_labels"]


def split_labels(text: str) -> tuple[str, ...]:
    """Split labels that stand in one text: ``Cs137+background``, ``Cs137;Co60``, ``Cs137 Co60``.

    Examples
    --------
    >>> split_labels("Cs137+background")
    ('Cs137', 'background')
    """
    return tuple(part for part in re.split(r"[+;|\s]+", text) if part)


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

    def apply(self, spectra: SpectrumSet, name: str) -> SpectrumSet:
        """Return the spectra of one file with labels and detector filled in, and its labels noted."""
        row = self.rows.get(_key(name)) or self.rows.get(_key(name.rpartition("/")[2])) or {}
        found = self._matched(name)
        labels = spectra.labels
        told = row.get("labels", "")
        if told or (found.get("labels") and not labels.labelled.any()):
            names = split_labels(told or found["labels"])
            labels = Labels.of([names] * len(spectra), background=labels.background)
        if self.aliases:
            labels = labels.renamed(self.aliases)
        if labels is not spectra.labels:
            spectra = spectra.relabelled(labels)
        detector = row.get("detector", "")
        if detector:
            spectra = spectra.annotated(detector)
        elif found.get("detector"):
            fill = np.where(spectra.detector == "", found["detector"], spectra.detector)
            spectra = spectra.annotated(fill)
        if "file_labels" in spectra.meta and not (told or self.aliases):
            return spectra  # a file of ours remembers what the files held that it was made from
        return spectra.annotated(file_labels=_labels_by_file(spectra))

    def _matched(self, name: str) -> dict[str, str]:
        if self.expression is None:
            return {}
        hit = self.expression.search(_key(name))
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


def _key(name: str) -> str:
    path = name.replace("\\", "/")
    stem, dot, _ = path.rpartition(".")
    return stem if dot and "/" not in path[len(stem) :] else path


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


def _table(path: Path) -> dict[str, dict[str, str]]:
    source = Source.of(path)
    try:
        text = source.data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise ReadError("the table of labels is not text in UTF-8", where=source.name) from problem
    first = text.split("\n", 1)[0]
    reader = csv.DictReader(io.StringIO(text), delimiter=";" if first.count(";") > first.count(",") else ",")
    columns = [name.strip().lower() for name in reader.fieldnames or []]
    if "file" not in columns or not {"labels", "detector"} & set(columns):
        raise ReadError(
            "the table of labels has the wrong columns",
            where=source.name,
            expected="file, labels, detector",
            found=", ".join(columns) or "nothing",
        )
    reader.fieldnames = columns
    rows: dict[str, dict[str, str]] = {}
    for number, row in enumerate(reader, start=2):
        name = (row.get("file") or "").strip()
        if not name:
            raise ReadError("a row of the table names no file", where=f"{source.name}, line {number}")
        if _key(name) in rows:
            raise ReadError("the table names a file twice", where=f"{source.name}, line {number}", found=name)
        rows[_key(name)] = {
            key: (row.get(key) or "").strip().replace(",", "+")
            for key in ("labels", "detector")
            if row.get(key)
        }
    return rows
