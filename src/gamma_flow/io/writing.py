"""One set of spectra out to a file, by the format's name or the ending of the path."""

from __future__ import annotations

from pathlib import Path

from gamma_flow.data import SpectrumSet
from gamma_flow.errors import SettingsError, WriteError
from gamma_flow.io._format import Format
from gamma_flow.io.atomic import replacing
from gamma_flow.io.registry import by_name, formats

__all__ = ["format_for", "write"]


def format_for(path: Path, name: str | None = None) -> Format:
    """Return the format to write: the one named, or the one whose ending the path bears.

    Raises
    ------
    SettingsError
        No format writes such files.
    """
    writers = [known for known in formats() if known.write is not None]
    if name is not None:
        found = by_name(name)
        if found.write is None:
            raise SettingsError(
                "the format can be read, but not written",
                expected=", ".join(known.name for known in writers),
                found=name,
            )
        return found
    for known in writers:
        if path.suffix.lower() in known.endings:
            return known
    endings = ", ".join(ending for known in writers for ending in known.endings)
    raise SettingsError(
        "the ending of the file names no format that can be written",
        where=str(path),
        expected=endings,
        found=path.suffix or "no ending",
        cure="choose another ending, or name the format (--to)",
    )


def write(spectra: SpectrumSet, path: str | Path, format: str | None = None) -> None:  # noqa: A002
    """Write spectra to one file, whole or not at all.

    Parameters
    ----------
    spectra : SpectrumSet
        N spectra; a format that holds one spectrum a file refuses more.
    path : path
        Where to; the ending decides the format.
    format : str, optional
        Name of the format, if the ending does not tell.

    Raises
    ------
    SettingsError
        No such format.
    WriteError
        The format cannot hold these spectra, or the file cannot be written.

    Examples
    --------
    >>> import gamma_flow as gf
    >>> gf.write(spectra, "set.n42")  # doctest: +SKIP
    """
    target = Path(path)
    known = format_for(target, format)
    assert known.write is not None
    if not len(spectra):
        raise WriteError("there is no spectrum to write", where=str(target))
    with replacing(target) as temporary:
        known.write(spectra, temporary)
