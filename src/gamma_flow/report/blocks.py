"""What a report is made of: plain blocks that know nothing of HTML."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from gamma_flow.errors import SettingsError
from gamma_flow.report.pictures import Encoded, encoded

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Block", "Facts", "Paragraph", "Picture", "Report", "Section", "Table", "Warned", "plain"]


@dataclass(frozen=True)
class Paragraph:
    """A few sentences of plain text."""

    text: str

    def as_dict(self) -> dict[str, Any]:
        """Return the block in plain values."""
        return {"kind": "text", "text": self.text}


@dataclass(frozen=True)
class Warned:
    """Sentences that a reader has to see before all else."""

    sentences: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the block in plain values."""
        return {"kind": "warnings", "sentences": list(self.sentences)}


@dataclass(frozen=True)
class Facts:
    """Names and values, one pair a line."""

    pairs: tuple[tuple[str, str], ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the block in plain values."""
        return {"kind": "facts", "pairs": [list(pair) for pair in self.pairs]}


@dataclass(frozen=True)
class Table:
    """Rows of values, the first column names.

    Parameters
    ----------
    columns : sequence of str
        Heads.
    rows : sequence of sequences
        Strings, or numbers that are shown as they are; None and NaN as a dash.
    caption : str
        What the table shows.

    Raises
    ------
    SettingsError
        A row of another length than the heads.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    caption: str = ""

    def __init__(self, columns: Sequence[str], rows: Iterable[Sequence[Any]], caption: str = "") -> None:
        object.__setattr__(self, "columns", tuple(columns))
        object.__setattr__(self, "rows", tuple(tuple(row) for row in rows))
        object.__setattr__(self, "caption", caption)
        for row in self.rows:
            if len(row) != len(self.columns):
                raise SettingsError(
                    "a row does not fit its table",
                    where=caption or "Table",
                    expected=f"{len(self.columns)} cells",
                    found=str(len(row)),
                )

    def as_dict(self) -> dict[str, Any]:
        """Return the block in plain values."""
        return {
            "kind": "table",
            "caption": self.caption,
            "columns": list(self.columns),
            "rows": [[plain(cell) for cell in row] for row in self.rows],
        }


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure with what it shows.

    Parameters
    ----------
    name : str
        Of its file, where pictures are written beside the text.
    figure : matplotlib.figure.Figure
        What a function of `gamma_flow.plot` returned.
    caption : str
        What is seen, and how to read it.
    """

    name: str
    figure: Figure = field(repr=False)
    caption: str = ""

    @cached_property
    def encoded(self) -> Encoded:
        """The picture as SVG where that is small, else as PNG."""
        return encoded(self.figure)

    def as_dict(self) -> dict[str, Any]:
        """Return the block in plain values, without the picture itself."""
        return {"kind": "picture", "name": self.name, "caption": self.caption}


Block = Paragraph | Warned | Facts | Table | Picture
"""What a section may hold."""


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: tuple[Block, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the section in plain values."""
        return {"title": self.title, "blocks": [block.as_dict() for block in self.blocks]}


@dataclass(frozen=True)
class Report:
    """A document of sections.

    Parameters
    ----------
    title : str
        What it is about.
    lead : str
        One or two sentences with the answer.
    headline : tuple of (str, str, str)
        Few figures that stand above all else: what, value, interval or remark.
    sections : tuple of Section
        In the order in which they are read.
    data : mapping
        The numbers behind it, for machines; they stand in the JSON alone.
    made : mapping of str to str
        Version, date, command: how it was made.
    """

    title: str
    lead: str
    headline: tuple[tuple[str, str, str], ...]
    sections: tuple[Section, ...]
    data: Mapping[str, Any]
    made: Mapping[str, str]

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """All pictures, in their order."""
        return tuple(
            block for section in self.sections for block in section.blocks if isinstance(block, Picture)
        )

    def as_dict(self) -> dict[str, Any]:
        """Return everything but the pictures in plain values."""
        return {
            "title": self.title,
            "lead": self.lead,
            "headline": [
                {"what": what, "value": value, "remark": remark} for what, value, remark in self.headline
            ],
            "sections": [section.as_dict() for section in self.sections],
            "made": dict(self.made),
            "data": dict(self.data),
        }


def plain(cell: Any) -> str | int | float | None:
    """Return a cell as JSON takes it.

    Examples
    --------
    >>> import numpy as np
    >>> [plain(x) for x in ("a", np.int64(3), 2.5, float("nan"), None)]
    ['a', 3, 2.5, None, None]
    """
    if cell is None or isinstance(cell, str):
        return cell
    value = cell.item() if hasattr(cell, "item") else cell
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, (bool, int, float)):
        return value
    return str(value)
