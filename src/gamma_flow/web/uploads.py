"""What requests bring: frames as JSON, or a file of any format that the readers know; with limits."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath

from gamma_flow.data import SpectrumSet
from gamma_flow.errors import (
    DamagedFileError,
    MessageError,
    RequestError,
    UnknownFormatError,
    UnsafeFileError,
)
from gamma_flow.io._format import ReadOptions
from gamma_flow.io._source import Source
from gamma_flow.io.registry import read_source
from gamma_flow.live.frames import Frame
from gamma_flow.live.messages import Decoder, Limits, refuse_large_n42
from gamma_flow.web.settings import WebSettings

__all__ = ["Upload", "frames_in", "is_json", "part_of_form", "plain_name", "sets_in"]

_MOST_MEMBERS = 1000
_SPACE = b"\xef\xbb\xbf \t\r\n"
_LINES = ("application/x-ndjson", "application/jsonl", "application/json-lines")


@dataclass(frozen=True)
class Upload:
    """One body: its bytes, what its sender calls it, and its declared type."""

    data: bytes
    name: str = "upload"
    kind: str = ""


def plain_name(text: str) -> str:
    r"""Return a name for people, without folders; it never names a file here.

    Examples
    --------
    >>> plain_name("../../etc/passwd"), plain_name("C:\\data\\a b.n42"), plain_name("\n")
    ('passwd', 'a b.n42', 'upload')
    """
    last = PureWindowsPath(PurePosixPath(text).name).name
    kept = "".join(letter for letter in last if letter.isprintable())[:100].strip()
    return kept if kept.strip(".") else "upload"


def is_json(data: bytes) -> bool:
    """Tell whether a body is meant to be JSON."""
    return data[:64].lstrip(_SPACE)[:1] in (b"{", b"[")


def part_of_form(data: bytes, content_type: str) -> Upload:
    """Return the one file of a form (``multipart/form-data``).

    Raises
    ------
    RequestError
        The form is cut, or holds no file or several.
    """
    boundary = _parameter(content_type, "boundary").encode("latin-1", "replace")
    if not 1 <= len(boundary) <= 70:
        raise RequestError("the form does not say its boundary", where="Content-Type")
    pieces = (b"\r\n" + data).split(b"\r\n--" + boundary)
    if len(pieces) < 3 or not pieces[-1].startswith(b"--"):
        raise RequestError("the form is cut", expected="a part between two boundaries")
    found = []
    for piece in pieces[1:-1]:
        head, gap, body = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        lines = head.decode("utf-8", "replace").split("\r\n")
        told = {key.strip().lower(): value for key, _, value in (one.partition(":") for one in lines)}
        disposition = told.get("content-disposition", "")
        if gap and "filename" in disposition:
            name = plain_name(_parameter(disposition, "filename"))
            found.append(Upload(body, name, told.get("content-type", "").strip()))
    if len(found) != 1:
        raise RequestError(
            "the form holds one file", expected="one part with a filename", found=str(len(found))
        )
    return found[0]


def _parameter(header: str, name: str) -> str:
    for part in header.split(";")[1:]:
        key, _, value = part.strip().partition("=")
        if key.lower() == name:
            return value.strip().strip('"')
    return ""


def frames_in(upload: Upload, settings: WebSettings, detector: str = "upload") -> list[Frame]:
    """Return the frames of a body of JSON: one, several, or a line each.

    Raises
    ------
    MessageError
        Something is wrong with one of them: all are refused.
    """
    decoder = Decoder(
        Limits(
            settings.upload_bytes, settings.upload_channels, settings.upload_spectra, settings.upload_values
        ),
        detector=detector,
    )
    data = upload.data.lstrip(_SPACE)
    if data[:1] == b"[":
        raise MessageError(
            "a list is no message", expected='{"version": 1, "frames": [...]}', cure="or send a frame a line"
        )
    first, _, rest = data.partition(b"\n")
    several = rest.lstrip(_SPACE)[:1] == b"{" and first.rstrip().endswith(b"}")
    if not (several or upload.kind.partition(";")[0].strip() in _LINES):
        return decoder.decode(data)
    frames: list[Frame] = []
    total = 0
    for number, text in enumerate(data.splitlines(), 1):
        if text.strip():
            frames += decoder.decode(text, where=f"line {number}")
            total += len(frames[-1].values) if frames else 0
        if len(frames) > settings.upload_spectra or total > settings.upload_values:
            raise MessageError(
                "the lines hold too much", expected=f"{settings.upload_spectra} frames at most"
            )
    if not frames:
        raise MessageError("there is no frame", expected="a frame a line")
    return frames


def sets_in(upload: Upload, settings: WebSettings) -> list[SpectrumSet]:
    """Return the spectra of a file, or of the files in a zip; the content decides what it is.

    Raises
    ------
    ReadError
        It is refused; of a zip, because of one of its files.
    UnsafeFileError
        It holds more than is allowed.
    """
    options, sets = ReadOptions(), []
    limits = Limits(
        settings.upload_bytes, settings.upload_channels, settings.upload_spectra, settings.upload_values
    )
    members = _members(upload, settings.upload_bytes)
    passed_over = 0
    for source in members:
        if source.data[:64].lstrip(_SPACE)[:1] == b"<":
            refuse_large_n42(source, limits)
        try:
            sets += list(read_source(source, options))
        except UnknownFormatError:
            passed_over += 1
            if passed_over == len(members):
                raise
    _check(sets, settings)
    return sets


def _check(sets: Sequence[SpectrumSet], settings: WebSettings) -> None:
    spectra = sum(len(part) for part in sets)
    values = sum(part.values.size for part in sets)
    channels = max((len(part.axis) for part in sets), default=0)
    for what, found, most in (
        ("spectra", spectra, settings.upload_spectra),
        ("channels in a spectrum", channels, settings.upload_channels),
        ("channels in all", values, settings.upload_values),
    ):
        if found > most:
            raise UnsafeFileError(
                "the file holds too much", expected=f"{most} {what} at most", found=str(found)
            )
    if not spectra:
        raise DamagedFileError("the file holds no spectrum")


def _members(upload: Upload, most: int) -> list[Source]:
    """Return the files of a zip, or the upload itself; formats that are zips are packed anew."""
    if not upload.data.startswith(b"PK\x03\x04"):
        return [Source(upload.name, upload.data)]
    try:
        with zipfile.ZipFile(io.BytesIO(upload.data)) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
            _check_zip(infos, upload.name, most)
            files = {info.filename: archive.read(info) for info in infos}
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        ValueError,
        NotImplementedError,
        RuntimeError,
    ) as problem:
        if isinstance(problem, UnsafeFileError):
            raise
        raise DamagedFileError(
            "the zip is cut or damaged", where=upload.name, found=str(problem)[:120] or None
        ) from problem
    except Exception as problem:
        if type(problem).__module__ not in ("lzma", "_lzma", "zstd"):
            raise
        raise DamagedFileError("the zip is cut or damaged", where=upload.name) from problem
    if {"header.json", "[Content_Types].xml"} & set(files):
        return [Source(upload.name, _honest(files))]
    kept = [(name, data) for name, data in sorted(files.items()) if "__MACOSX/" not in name]
    return [Source(f"{upload.name}/{plain_name(name)}", data) for name, data in kept]


def _check_zip(infos: Sequence[zipfile.ZipInfo], where: str, most: int) -> None:
    unpacked = sum(info.file_size for info in infos)
    if unpacked > most or len(infos) > _MOST_MEMBERS:
        raise UnsafeFileError(
            "the zip unpacks to too much",
            where=where,
            expected=f"{most} bytes in {_MOST_MEMBERS} files at most",
            found=f"{unpacked} bytes in {len(infos)} files",
        )
    if not infos:
        raise DamagedFileError("the zip holds no files", where=where)
    if len({info.filename for info in infos}) < len(infos):
        raise DamagedFileError("the zip holds a file twice", where=where)


def _honest(files: dict[str, bytes]) -> bytes:
    """Pack files anew: what a reader then unpacks is what was counted, whatever the sender declared."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return packed.getvalue()
