"""The door: files, folders, zips and patterns in; sets of spectra out, and a reason for each refusal."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Literal

from gamma_flow.data import BACKGROUND, Axis, Kind, SpectrumSet
from gamma_flow.data.axis import Reference
from gamma_flow.errors import (
    GammaFlowError,
    IncompatibleError,
    ReadError,
    ReadWarning,
    RefusedFilesError,
    UnknownFormatError,
)
from gamma_flow.io._format import ReadOptions
from gamma_flow.io.naming import Naming
from gamma_flow.io.progress import Progress, progress_bar
from gamma_flow.io.registry import read_source
from gamma_flow.io.walk import entries

__all__ = ["Found", "read", "read_each", "scan"]

Paths = str | Path | Sequence[str | Path]


@dataclass(frozen=True)
class Found:
    """What lay behind a path.

    Parameters
    ----------
    parts : tuple of SpectrumSet
        The sets of the files in their order, one an axis and file.
    refused : tuple of ReadError
        Files of a known format that could not be read.
    passed_over : tuple of UnknownFormatError
        Files that no reader knows: notes, licences, pictures.
    unmatched : tuple of str
        Rows of the table of labels that name no file.
    """

    parts: tuple[SpectrumSet, ...]
    refused: tuple[ReadError, ...] = ()
    passed_over: tuple[UnknownFormatError, ...] = ()
    unmatched: tuple[str, ...] = ()

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts)

    @cached_property
    def sets(self) -> tuple[SpectrumSet, ...]:
        """One set an axis (and kind), in the order of their first file."""
        groups: list[list[SpectrumSet]] = []
        for part in self.parts:
            for group in groups:
                if group[0].kind == part.kind and group[0].axis.matches(part.axis):
                    group.append(part)
                    break
            else:
                groups.append([part])
        return tuple(SpectrumSet.concatenate(group) for group in groups)


def scan(
    paths: Paths,
    options: ReadOptions | None = None,
    naming: Naming | None = None,
    *,
    format: str | None = None,  # noqa: A002 - the word users know
    progress: Progress | None = None,
    carry: Callable[[SpectrumSet], SpectrumSet] | None = None,
    leave_out: Path | None = None,
) -> Found:
    """Read all that a path stands for, and remember what was refused.

    Parameters
    ----------
    paths : path or sequence of paths
        Files, folders, zips or patterns.
    options : ReadOptions, optional
        What files may not say of themselves.
    naming : Naming, optional
        Labels and detectors by file name or table.
    format : str, optional
        Name of a format to read all files with, instead of looking at their content.
    progress : callable, optional
        Called with (number, count, name) before each file.
    carry : callable, optional
        What to make of each set as soon as it is read; its errors are not those of a file, and end the scan.
    leave_out : Path, optional
        A folder that is not walked, such as the one that the results go to.

    Raises
    ------
    ReadError
        The path itself: missing, or without any file. A file that was named itself and cannot be read.
    """
    options = options or ReadOptions()
    naming = naming or Naming()
    parts: list[SpectrumSet] = []
    refused: list[ReadError] = []
    passed_over: list[UnknownFormatError] = []
    files = entries(paths, leave_out)
    for number, entry in enumerate(files):
        if progress is not None:
            progress(number, len(files), entry.name)
        try:
            for part in read_source(entry.load(), options, format):
                named = naming.apply(part, entry.name)
                # at once, so that the memory of one file serves for the next
                parts.append(named if carry is None else carry(named))
        except UnknownFormatError as problem:
            if entry.alone:
                raise
            passed_over.append(problem)
        except ReadError as problem:
            if len(files) == 1:
                raise
            refused.append(problem)
    if progress is not None:
        progress(len(files), len(files), "")
    return Found(tuple(parts), tuple(refused), tuple(passed_over), naming.unmatched())


def read_each(
    paths: Paths,
    *,
    kind: Kind | None = None,
    unit: str | None = None,
    reference: Reference | None = None,
    axis: Axis | None = None,
    background: str | None = BACKGROUND,
    signed: bool = False,
    label_pattern: str | None = None,
    table: str | Path | None = None,
    aliases: Mapping[str, str] | None = None,
    format: str | None = None,  # noqa: A002 - the word users know
    refused: Literal["raise", "warn"] = "raise",
    progress: Progress | None = None,
) -> Iterator[SpectrumSet]:
    """Read everything behind a path, one set an axis; see `read` for the parameters and errors.

    Examples
    --------
    >>> import gamma_flow as gf
    >>> for spectra in gf.read_each("data/"):  # doctest: +SKIP
    ...     print(spectra)
    SpectrumSet(4893 counts spectra, Axis(256 bins, -16.2846..2175.42 keV), classes: Am241, Co60, ...)
    """
    options = ReadOptions(kind, unit, reference, axis, background, signed)
    naming = Naming(label_pattern, table, aliases)
    with nullcontext(progress) if progress is not None else progress_bar("reading") as move:
        found = scan(paths, options, naming, format=format, progress=move)
    report(found, refused)
    yield from found.sets


def report(found: Found, refused: Literal["raise", "warn"] = "raise") -> None:
    """Raise for, or warn of, everything that was not read, all at once.

    Raises
    ------
    RefusedFilesError
        Files were refused and that was not allowed, or nothing at all was read.
    """
    if found.refused and (refused == "raise" or not found.parts):
        raise RefusedFilesError(
            f"{len(found.refused)} file{'s' if len(found.refused) > 1 else ''} cannot be read",
            cure="mend them or take them out, or go on without them: refused='warn' (--skip-refused)",
            refused=found.refused,
        )
    if not found.parts:
        names = ", ".join(str(problem.where) for problem in found.passed_over[:5])
        raise RefusedFilesError(
            "none of the files is a spectrum file that a reader knows",
            found=f"{len(found.passed_over)} other files: {names}",
            cure="check the path, or name the format (--format)",
            refused=tuple(found.passed_over),
        )
    if found.refused:
        reasons = "".join(f"\n  {problem}" for problem in found.refused)
        warnings.warn(f"{len(found.refused)} files were left out:{reasons}", ReadWarning, stacklevel=3)
    if found.unmatched:
        names = ", ".join(found.unmatched[:10]) + (", ..." if len(found.unmatched) > 10 else "")
        warnings.warn(
            f"{len(found.unmatched)} rows of the table of labels name no file that was read: {names}",
            ReadWarning,
            stacklevel=3,
        )
    if found.passed_over:
        names = ", ".join(str(problem.where) for problem in found.passed_over)
        warnings.warn(
            f"{len(found.passed_over)} files are not spectrum files and were passed over: {names}",
            ReadWarning,
            stacklevel=3,
        )


def read(
    paths: Paths,
    *,
    onto: Axis | None = None,
    method: Literal["conserve", "interpolate"] | None = None,
    allow_cut: float = 0.01,
    kind: Kind | None = None,
    unit: str | None = None,
    reference: Reference | None = None,
    axis: Axis | None = None,
    background: str | None = BACKGROUND,
    signed: bool = False,
    label_pattern: str | None = None,
    table: str | Path | None = None,
    aliases: Mapping[str, str] | None = None,
    format: str | None = None,  # noqa: A002 - the word users know
    refused: Literal["raise", "warn"] = "raise",
    progress: Progress | None = None,
) -> SpectrumSet:
    """Read spectra from a file, a folder, a zip or a pattern.

    Parameters
    ----------
    paths : path or sequence of paths
        ``"a.spe"``, ``"data/"``, ``"data.zip"``, ``"data/*.npy"``; the content decides what a file is.
    onto : Axis, optional
        The axis that all spectra are carried onto; needed where the files have several.
    method : {"conserve", "interpolate"}, optional
        How they are carried; see `SpectrumSet.onto`.
    allow_cut : float
        Largest share of the counts that may lie beyond ``onto``.
    kind : {"counts", "intensity"}, optional
        What the values are, where the format does not say.
    unit : str, optional
        Unit of the axis, where the file names none.
    reference : {"lower edge", "centre"}, optional
        What a calibration polynomial gives at a channel's index, where the file leaves that open.
    axis : Axis, optional
        The axis of files without a calibration.
    background : str or None
        The background class.
    signed : bool
        Allow negative counts (differences of spectra).
    label_pattern : str, optional
        Regular expression with groups ``labels`` and/or ``detector`` for the file's path; it fills in what
        the files leave open. Several labels are divided by ``+``.
    table : path, optional
        CSV with ``file,labels,detector``; it goes before what the files say. A row holds for every path that
        ends in its parts, with any ending if it names none.
    aliases : mapping, optional
        Other spellings of labels.
    format : str, optional
        Name of a format, to skip the look at the content.
    refused : {"raise", "warn"}
        What to do about files that cannot be read: raise with all reasons at the end, or go on without them.
    progress : callable, optional
        Called with (number, count, name) before each file; by default a bar moves on a terminal.

    Returns
    -------
    SpectrumSet
        All spectra, files in order of their names.

    Raises
    ------
    ReadError
        Nothing is there, or files were refused.
    IncompatibleError
        The files have several axes and no ``onto`` was given, or ``onto`` cuts too much.

    Warns
    -----
    ReadWarning
        Files that no reader knows were passed over.

    Examples
    --------
    >>> import gamma_flow as gf
    >>> gf.read("data/*.npy", onto=gf.Axis.linear(0, 3000, 1024))  # doctest: +SKIP
    SpectrumSet(14395 counts spectra, Axis(1024 bins, 0..3000 keV), classes: Am241, ..., background)
    """
    options = ReadOptions(kind, unit, reference, axis, background, signed)
    carry = None if onto is None else partial(carried, axis=onto, method=method, allow_cut=allow_cut)
    naming = Naming(label_pattern, table, aliases)
    with nullcontext(progress) if progress is not None else progress_bar("reading") as move:
        found = scan(paths, options, naming, format=format, progress=move, carry=carry)
    report(found, refused)
    if len(found.sets) > 1:
        refuse_kinds(found.sets)
        axes = "; ".join(f"{part.axis} ({len(part)} spectra)" for part in found.sets)
        raise IncompatibleError(
            f"the spectra live on {len(found.sets)} different axes",
            found=axes,
            cure="carry them onto one with onto=Axis(...) (--axis), or take them one by one with read_each()",
        )
    return found.sets[0]


def refuse_kinds(sets: Sequence[SpectrumSet]) -> None:
    """Refuse sets of which some hold counts and others intensities: no axis would bring them together.

    Raises
    ------
    IncompatibleError
        There are both.
    """
    first = {part.kind: str(part.files[0]) for part in reversed(sets) if len(part)}
    if len(first) > 1:
        raise IncompatibleError(
            "some files hold counts, others intensities",
            found=f"counts in {first['counts']}, intensities in {first['intensity']}",
            cure="say what they are with kind='counts' (--kind counts; negative counts need --signed)",
        )


def carried(
    spectra: SpectrumSet, axis: Axis, *, method: Literal["conserve", "interpolate"] | None, allow_cut: float
) -> SpectrumSet:
    """Carry a set onto an axis; an error names the file that the spectra came from."""
    try:
        return spectra.onto(axis, method=method, allow_cut=allow_cut)
    except GammaFlowError as problem:
        if problem.where is None and len(spectra):
            raise type(problem)(
                problem.what,
                where=str(spectra.files[0]),
                expected=problem.expected,
                found=problem.found,
                cure=problem.cure,
            ) from problem
        raise
