"""Results as JSON and CSV, and a folder that is filled whole or not at all."""

from __future__ import annotations

import csv
import errno
import io
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gamma_flow.data.analysis import Analysis
from gamma_flow.errors import WriteError

__all__ = ["csv_text", "json_bytes", "staged"]


_BY_CLASS = {"score_errors": "error", "p_value": "p"}
_BY_SPECTRUM = ("family_p", "novelty_p", "novel")


def json_bytes(value: Any) -> bytes:
    """Return JSON in UTF-8; what is not finite has to be None already."""
    return (json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode()


def csv_text(analyses: Sequence[Analysis]) -> str:
    """Return one row a spectrum: what it is, what is present, then scores and shares by class.

    Behind them stands what a noise model adds: errors of the scores and p-values by class, family-wise p,
    novelty p and whether it is novel; at last what was looked for in each spectrum (its gain, the thickness
    of its shield). A cell is empty where the spectrum says nothing.
    """
    classes = Analysis.classes_of(analyses)
    tables = [name for name in _BY_CLASS if all(getattr(part, name) is not None for part in analyses)]
    columns = [name for name in _BY_SPECTRUM if all(getattr(part, name) is not None for part in analyses)]
    family = analyses[0].templates.family
    searched = {"gain": analyses[0].gain is not None, "family": analyses[0].family is not None}
    heads = {"gain": "gain", "family": "" if family is None else family.label}
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(
        [
            "origin",
            "detector",
            "time",
            "live_time",
            "present",
            "similarity",
            "centred_similarity",
            "explained_variance",
            *(f"score {name}" for name in classes),
            *(f"share {name}" for name in classes),
            *(f"{_BY_CLASS[table]} {name}" for table in tables for name in classes),
            *columns,
            *(heads[name] for name, there in searched.items() if there),
        ]
    )
    for part in analyses:
        for row, record in enumerate(part.records()):
            places = [getattr(part, name)[row] for name, there in searched.items() if there]
            writer.writerow(
                [
                    record["origin"],
                    record["detector"],
                    record["time"] or "",
                    "" if record["live_time"] is None else repr(record["live_time"]),
                    "+".join(record["present"]),
                    *(
                        f"{record[key]:.6g}"
                        for key in ("similarity", "centred_similarity", "explained_variance")
                    ),
                    *(f"{score:.8g}" for score in record["scores"].values()),
                    *(f"{share:.6g}" for share in record["shares"].values()),
                    *(_cell(value) for table in tables for value in record[table].values()),
                    *(_cell(record[name]) for name in columns),
                    *(f"{place:.6g}" for place in places),
                ]
            )
    return stream.getvalue()


def _cell(value: float | bool | None) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else f"{value:.6g}"


@contextmanager
def staged(folder: Path, replaces: str | None = None) -> Iterator[Path]:
    """Yield an empty folder; on success its files take their places in ``folder``, else it vanishes.

    Files of other names in ``folder`` stay, unless they match ``replaces``: those are left from a run before
    and go when the new ones are in place. After a failure or Ctrl-C everything is as it was.

    Raises
    ------
    WriteError
        The folder cannot be made or written, or the disk is full.
    """
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=".part-", dir=folder))
    except OSError as problem:
        raise _cannot(folder, problem) from problem
    try:
        yield stage
        _put_in_place(stage, folder, replaces)
        made = False
    except WriteError as problem:
        # the user knows the folder, not the place where its files wait
        where = str(problem.where or folder).replace(str(stage), str(folder))
        raise WriteError(problem.what, where=where, cure=problem.cure) from problem
    except OSError as problem:
        raise _cannot(folder, problem) from problem
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        if made:
            shutil.rmtree(folder, ignore_errors=True)


def _put_in_place(stage: Path, folder: Path, replaces: str | None) -> None:
    """Move all files of ``stage`` to ``folder``; if one cannot be moved, put back what was there."""
    fresh = sorted(stage.iterdir())
    stale = [path for path in folder.glob(replaces) if path.is_file()] if replaces else []
    before = sorted({folder / path.name for path in fresh if (folder / path.name).exists()} | set(stale))
    aside = stage / ".before"
    aside.mkdir()
    moved: list[Path] = []
    try:
        for path in before:
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, "a folder is in the way", str(path))
            path.replace(aside / path.name)
        for path in fresh:
            path.replace(folder / path.name)
            moved.append(folder / path.name)
    except BaseException:
        for path in moved:
            path.unlink(missing_ok=True)
        for path in aside.iterdir():
            path.replace(folder / path.name)
        raise


def _cannot(folder: Path, problem: OSError) -> WriteError:
    reason = problem.strerror or type(problem).__name__
    where = problem.filename if problem.errno == errno.EISDIR and problem.filename else folder
    return WriteError(
        f"cannot be written: {reason}", where=str(where), cure="what was there before is untouched"
    )
