"""Write to a temporary name beside the target and rename: a failure leaves what was there before."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gamma_flow.errors import GammaFlowError, WriteError

__all__ = ["replacing", "write_bytes", "write_text"]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of ``path``; on success it takes the place of ``path``.

    On any failure, Ctrl-C included, the temporary file is removed and ``path`` is as it was.

    Raises
    ------
    WriteError
        The folder is missing or not writeable, the disk is full, ``path`` is a folder.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        os.close(handle)
    except OSError as problem:
        raise _cannot(path, problem) from problem
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        # mkstemp makes files for the owner alone; a result is for whom the user lets in
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    except WriteError as problem:
        # the user knows the target, not the temporary name
        where = str(problem.where or path).replace(str(temporary), str(path))
        raise WriteError(
            problem.what, where=where, expected=problem.expected, found=problem.found, cure=problem.cure
        ) from problem
    except GammaFlowError:
        raise  # some are OSErrors too, and say what is wrong
    except OSError as problem:
        raise _cannot(path, problem) from problem
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _cannot(path: Path, problem: OSError) -> WriteError:
    reason = problem.strerror or type(problem).__name__
    return WriteError(
        f"cannot be written: {reason}", where=str(path), cure="what was there before is untouched"
    )


def write_bytes(path: Path, data: bytes) -> None:
    """Write bytes, whole or not at all; see `replacing`."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write text in UTF-8, whole or not at all; see `replacing`."""
    write_bytes(path, text.encode("utf-8"))
