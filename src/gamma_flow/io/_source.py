"""What a reader is given: the bytes of one file, under a name that a person recognises."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from gamma_flow.errors import ReadError, UnsafeFileError

__all__ = ["MAX_CHANNELS", "MAX_FILE", "Source"]

MAX_FILE = 2**31
"""Bytes that one file (or one unpacked member of a zip) may have."""

MAX_CHANNELS = 2**20
"""Channels that one spectrum may have: a file that declares more is refused before memory is taken."""


@dataclass(frozen=True)
class Source:
    """One file, read whole.

    Parameters
    ----------
    name : str
        As it is reported: a path, or ``archive.zip/member`` for a member of a zip.
    data : bytes
        The content.
    path : Path, optional
        Where the content lies on disk, if it lies there by itself.
    """

    name: str
    data: bytes = field(repr=False)
    path: Path | None = None

    @classmethod
    def of(cls, path: Path, name: str | None = None) -> Source:
        """Read a file.

        Raises
        ------
        ReadError
            The file is missing, a folder, or cannot be read.
        UnsafeFileError
            It is larger than ``MAX_FILE``.
        """
        shown = str(path) if name is None else name
        try:
            size = path.stat().st_size
            if size > MAX_FILE:
                raise UnsafeFileError(
                    "the file is too large",
                    where=shown,
                    expected=f"at most {MAX_FILE} bytes",
                    found=str(size),
                )
            return cls(shown, path.read_bytes(), path)
        except UnsafeFileError:
            raise
        except OSError as problem:
            reason = problem.strerror or type(problem).__name__
            raise ReadError(f"cannot be read: {reason}", where=shown) from problem

    @property
    def head(self) -> bytes:
        """The first four kilobytes, for sniffing."""
        return self.data[:4096]

    @property
    def stem(self) -> str:
        """The name of the file without folders and ending."""
        last = self.name.replace("\\", "/").rpartition("/")[2]
        return last.rpartition(".")[0] or last
