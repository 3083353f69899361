"""Values as the texts and elements that the schema of ANSI N42.42-2012 allows."""

from __future__ import annotations

import unicodedata
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from numpy.typing import NDArray

__all__ = ["SHORTEST", "decimal", "duration", "element", "name_of", "number", "numbers", "opened", "packed"]

SHORTEST = 1e-6
"""Seconds that stand for a real time of which nothing is known: the schema wants more than zero."""


def opened(tag: str, **attributes: str) -> str:
    """Return the start of an element.

    Examples
    --------
    >>> opened("DoseRate", id="dose-1")
    '<DoseRate id="dose-1">'
    """
    return f"<{tag}{''.join(f' {name}={quoteattr(value)}' for name, value in attributes.items())}>"


def element(tag: str, text: str, **attributes: str) -> str:
    """Return an element that holds a text.

    Examples
    --------
    >>> element("Remark", "a < b")
    '<Remark>a &lt; b</Remark>'
    """
    return f"{opened(tag, **attributes)}{escape(text)}</{tag}>"


def number(value: float) -> str:
    """Return the shortest decimal that reads back as the same number, an ``xsd:double``."""
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(float(value))


def numbers(values: NDArray[np.float64]) -> str:
    """Return numbers as a list of ``xsd:double``."""
    return " ".join(number(value) for value in values.tolist())


def decimal(value: float) -> str:
    """Return a number as an ``xsd:decimal``, which knows no exponent.

    Examples
    --------
    >>> decimal(-1e-7), decimal(48.0)
    ('-0.0000001', '48')
    """
    return np.format_float_positional(value, trim="-")


def duration(seconds: float) -> str:
    """Return an ``xsd:duration``, which knows no exponent either.

    Examples
    --------
    >>> duration(1e-6)
    'PT0.000001S'
    """
    return f"PT{decimal(seconds)}S"


def name_of(text: str) -> str:
    """Return a name as the schema's text that is not blank: with underscores for spaces where these fail.

    The pattern of the schema wants all punctuation of a text within one word.

    Examples
    --------
    >>> name_of("Cs-137"), name_of("behind steel"), name_of("Cs-137 and Co-60")
    ('Cs-137', 'behind steel', 'Cs-137_and_Co-60')
    """
    marked = [word for word in text.split(" ") if any(unicodedata.category(one)[0] in "PZC" for one in word)]
    plain = len(marked) <= 1 and not set(text) & set("\t\n\r")
    return text if plain and text.strip() else "_".join(text.split()) or "unnamed"


def packed(counts: NDArray[np.float64]) -> str:
    """Return counts with every run of zeroes as a zero and its length.

    Examples
    --------
    >>> packed(np.array([2.0, 0.0, 0.0, 5.0]))
    '2 0 2 5'
    """
    zero = np.concatenate([[False], counts == 0, [False]])
    starts = np.flatnonzero(zero[1:] & ~zero[:-1])
    lengths = np.flatnonzero(~zero[1:] & zero[:-1]) - starts
    parts: list[str] = []
    at = 0
    for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
        parts += [number(value) for value in counts[at:start].tolist()]
        parts += ["0", str(length)]
        at = start + length
    parts += [number(value) for value in counts[at:].tolist()]
    return " ".join(parts)
