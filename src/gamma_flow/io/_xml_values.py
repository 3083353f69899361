"""What stands in the elements of a gamma file: numbers, counts, durations, dates."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from gamma_flow.errors import DamagedFileError, UnsafeFileError
from gamma_flow.io._source import MAX_CHANNELS, Source
from gamma_flow.io._xml import Element

__all__ = ["counts", "date_time", "duration", "number", "numbers", "refuse"]

_PLACEHOLDER = re.compile(r"\$\{[^}]*\}?|%[A-Za-z_]\w*%")
_NUMBERS = re.compile(r"[-+.\deE\s]*")
_DURATION = re.compile(
    r"P(?:0+Y)?(?:0+M)?(?:(?P<d>[\d.,]+)D)?"
    r"(?:T(?:(?P<h>[\d.,]+)H)?(?:(?P<m>[\d.,]+)M)?(?:(?P<s>[\d.,]+(?:[eE][-+]?\d+)?)S)?)?"
)
_SECONDS = re.compile(r"(\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\s*s?")
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*")


def refuse(element: Element, source: Source, text: str, expected: str) -> NoReturn:
    """Raise the error of an element whose text is not what it has to be.

    Raises
    ------
    DamagedFileError
        Always. A placeholder of a template (``${sample_counts}``) is named as such.
    """
    template = _PLACEHOLDER.search(text)
    if template:
        raise DamagedFileError(
            f"the file is a template: <{element.tag}> holds the placeholder {template.group()[:60]}",
            where=f"{source.name}, line {element.line}",
            expected=expected,
            cure="fill in the template, or leave it out",
        )
    short = text.strip()
    raise DamagedFileError(
        f"the text of <{element.tag}> cannot be understood" if short else f"<{element.tag}> is empty",
        where=f"{source.name}, line {element.line}",
        expected=expected,
        found=(repr(short[:60]) + ("..." if len(short) > 60 else "")) if short else None,
    )


def numbers(element: Element, source: Source, limit: int = MAX_CHANNELS) -> NDArray[np.float64]:
    """Return the numbers of an element, divided by white space, shape (n,) with n > 0.

    Raises
    ------
    DamagedFileError
        No number, or something that is none (nan and inf are none).
    UnsafeFileError
        More than ``limit`` numbers.
    """
    text = element.text
    try:
        # the pattern keeps out what float() takes and no file means: inf, nan, 1_000
        if not _NUMBERS.fullmatch(text):
            raise ValueError
        parts = text.split()
        if len(parts) > limit:
            raise UnsafeFileError(
                "too many numbers in one element",
                where=element.where(source),
                expected=f"at most {limit}",
                found=str(len(parts)),
            )
        values = np.array([float(part) for part in parts], np.float64)
    except ValueError:
        strange = next((part for part in text.split() if not _is_number(part)), text)
        refuse(element, source, text if "${" in text else strange, "numbers divided by spaces")
    if not len(values):
        refuse(element, source, "", "numbers divided by spaces")
    if not np.isfinite(values).all():
        refuse(element, source, text.split()[int(np.flatnonzero(~np.isfinite(values))[0])], "finite numbers")
    return values


def _is_number(part: str) -> bool:
    try:
        float(part)
    except ValueError:
        return False
    return _NUMBERS.fullmatch(part) is not None


def number(element: Element, source: Source) -> float:
    """Return the one number of an element; raises as `numbers` does."""
    values = numbers(element, source)
    if len(values) != 1:
        refuse(element, source, element.text, "one number")
    return float(values[0])


def counts(element: Element, source: Source, *, zeroes_counted: bool) -> NDArray[np.float64]:
    """Return the counts of a spectrum, shape (C,).

    Parameters
    ----------
    element : Element
        Holds the counts, divided by white space.
    source : Source
        The file.
    zeroes_counted : bool
        Each zero is followed by how many zeroes there are ("CountedZeroes" of ANSI N42.42).

    Raises
    ------
    DamagedFileError
        No counts, something that is none, or a zero without its number.
    UnsafeFileError
        More than `MAX_CHANNELS` channels; they are refused before memory is taken.
    """
    values = numbers(element, source)
    if (np.abs(values) > 2.0**53).any():
        refuse(element, source, f"{np.abs(values).max():g}", "counts below 2^53")
    return _expanded(values, element, source) if zeroes_counted else values


def _expanded(values: NDArray[np.float64], element: Element, source: Source) -> NDArray[np.float64]:
    zeroes = np.flatnonzero(values == 0)
    if not len(zeroes):
        return values
    if zeroes[-1] == len(values) - 1:
        raise DamagedFileError(
            "counted zeroes end with a zero that has no number",
            where=element.where(source),
            cure="copy or export the file again",
        )
    lengths = values[zeroes + 1]
    wrong = (lengths < 1) | (lengths != np.floor(lengths))
    if wrong.any():
        bad = int(np.flatnonzero(wrong)[0])
        raise DamagedFileError(
            "a zero of counted zeroes is not followed by how many there are",
            where=f"{element.where(source)}, number {int(zeroes[bad]) + 2}",
            expected="a whole number above zero",
            found=f"{lengths[bad]:g}",
        )
    channels = float(len(values) - 2 * len(zeroes)) + float(lengths.sum())
    if channels > MAX_CHANNELS:
        raise UnsafeFileError(
            "counted zeroes declare too many channels",
            where=element.where(source),
            expected=f"at most {MAX_CHANNELS}",
            found=f"{channels:.0f}",
        )
    repeats = np.ones(len(values), np.int64)
    repeats[zeroes] = lengths.astype(np.int64)
    repeats[zeroes + 1] = 0
    return np.repeat(values, repeats)


def duration(element: Element, source: Source) -> float:
    """Return seconds from an ISO 8601 duration such as PT1M51.1S, or from plain seconds.

    Raises
    ------
    DamagedFileError
        It is neither, or names years or months, whose length is not fixed.
    """
    text = element.text.strip()
    if _SECONDS.fullmatch(text):
        seconds = float(text.rstrip("s "))
    else:
        found = _DURATION.fullmatch(text)
        if found is None or not any(found.groups()):
            refuse(element, source, text, "a duration such as PT300S")
        try:
            parts = {key: float((found[key] or "0").replace(",", ".")) for key in "dhms"}
        except ValueError:
            refuse(element, source, text, "a duration such as PT300S")
        seconds = 86400 * parts["d"] + 3600 * parts["h"] + 60 * parts["m"] + parts["s"]
    if not np.isfinite(seconds):
        refuse(element, source, text, "a duration such as PT300S")
    return seconds


def date_time(element: Element, source: Source) -> np.datetime64:
    """Return an ISO 8601 date and time, in UTC where the text names its offset; NaT for an empty element.

    Raises
    ------
    DamagedFileError
        The text is no date with a time.
    """
    text = element.text.strip()
    if not text:
        return np.datetime64("NaT", "us")
    try:
        if not _DATE_TIME.fullmatch(text):
            raise ValueError
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        refuse(element, source, text, "a date and time such as 2023-06-07T05:52:00Z")
    return np.datetime64(moment, "us")
