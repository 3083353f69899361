"""A report as Markdown; its pictures are files beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gamma_flow.report.blocks import Report

__all__ = ["markdown_of"]

_MARKS = re.compile(r"([\\`*_\[\]<>#|])")


def markdown_of(report: Report, pictures: Mapping[str, str] | None = None) -> str:
    """Return the report as Markdown with tables as GitHub knows them.

    Parameters
    ----------
    report : Report
        What to show.
    pictures : mapping of str to str, optional
        Name of a picture to the path of its file, as it is to stand in the text. Pictures that are not in
        it are told by their captions alone.

    Returns
    -------
    str
        The text.
    """
    shown = report.as_dict()
    out = [f"# {_text(shown['title'])}", _text(shown["lead"])]
    if shown["headline"]:
        rows = [
            [one["what"], f"{one['value']} {('(' + one['remark'] + ')') if one['remark'] else ''}".strip()]
            for one in shown["headline"]
        ]
        out.append(_table(["figure", "value"], rows))
    for section in shown["sections"]:
        out.append(f"## {_text(section['title'])}")
        out.extend(_block(block, pictures or {}) for block in section["blocks"])
    out.append("---")
    out.append(" · ".join(f"{_text(what)} {_text(value)}" for what, value in shown["made"].items()))
    return "\n\n".join(part for part in out if part) + "\n"


def _block(block: dict[str, Any], pictures: Mapping[str, str]) -> str:
    match block["kind"]:
        case "text":
            return _text(block["text"])
        case "warnings":
            return "\n".join(f"> **Warning:** {_text(sentence)}\n>" for sentence in block["sentences"])
        case "facts":
            return "\n".join(f"- {_text(what)}: {_text(value)}" for what, value in block["pairs"])
        case "table":
            caption = f"{_text(block['caption'])}\n\n" if block["caption"] else ""
            return caption + _table(block["columns"], block["rows"])
    caption = _text(block["caption"])
    path = pictures.get(block["name"])
    return f"![{caption}]({path})\n\n*{caption}*" if path else f"*Picture {block['name']}: {caption}*"


def _table(columns: list[str], rows: list[list[Any]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(
        "| " + " | ".join(cell if number == 1 else _cell(cell) for cell in line) + " |"
        for number, line in enumerate(lines)
    )


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return _text(f"{value:g}" if isinstance(value, float) else str(value))


def _text(text: str) -> str:
    """Return text in which nothing is taken for a mark."""
    return _MARKS.sub(r"\\\1", " ".join(text.split()))
