"""A report as one HTML file that asks nothing of any network and runs no script."""

from __future__ import annotations

import base64
import re
from html import escape
from importlib import resources
from itertools import groupby
from typing import Any

from gamma_flow.report.blocks import Block, Facts, Paragraph, Picture, Report, Section, Table, Warned, plain

__all__ = ["html_of"]

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_LONG = 24  # rows of a table, above which it is cut ...
_NARROW = 5  # ... if it has no more columns than so many
_MINUS = re.compile(r"^-(?=\d)")


def html_of(report: Report) -> str:
    """Return the report as a page; everything it shows is inside it.

    Parameters
    ----------
    report : Report
        What to show.

    Returns
    -------
    str
        HTML 5; styles inside, pictures as data, no script, and a policy that lets a browser load nothing.
    """
    style = (resources.files("gamma_flow.report") / "page.css").read_text(encoding="utf-8")
    names = _anchors(report.sections)
    links = "".join(
        f'<li><a href="#{name}">{escape(part.title)}</a></li>'
        for name, part in zip(names, report.sections, strict=True)
    )
    numbers = "".join(
        f'<div class="figure"><span class="what">{escape(what)}</span>'
        f'<span class="value">{escape(value)}</span><span class="remark">{escape(remark)}</span></div>'
        for what, value, remark in report.headline
    )
    made = " · ".join(f"{escape(what)} {escape(value)}" for what, value in report.made.items())
    sections = "\n".join(_section(name, part) for name, part in zip(names, report.sections, strict=True))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<link rel="icon" href="data:,">
<title>{escape(report.title)}</title>
<style>
{style}
</style>
</head>
<body>
<header>
<h1>{escape(report.title)}</h1>
<p class="lead">{escape(report.lead)}</p>
<div class="headline">{numbers}</div>
</header>
<nav aria-label="Sections"><ol>{links}</ol></nav>
<main>
{sections}
</main>
<footer><p>{made}</p></footer>
</body>
</html>
"""


def _anchors(sections: tuple[Section, ...]) -> list[str]:
    """Return a name for each section to jump to."""
    return [f"section-{number}" for number in range(1, len(sections) + 1)]


def _section(name: str, part: Section) -> str:
    blocks = "\n".join(_run(run) for run in _runs(part.blocks))
    return f'<section id="{name}">\n<h2>{escape(part.title)}</h2>\n{blocks}\n</section>'


def _runs(blocks: tuple[Block, ...]) -> list[list[Block]]:
    """Return blocks in their order, tables that follow each other together."""
    out: list[list[Block]] = []
    for is_table, run in groupby(blocks, lambda one: isinstance(one, Table)):
        together = list(run)
        out.extend([together] if is_table else [[one] for one in together])
    return out


def _run(run: list[Block]) -> str:
    parts = [part for block in run for part in (_parts(block) if isinstance(block, Table) else [block])]
    inside = "\n".join(_block(block) for block in parts)
    # tables in a row stand side by side where there is room
    return inside if len(parts) == 1 else f'<div class="side">\n{inside}\n</div>'


def _parts(table: Table) -> list[Table]:
    """Cut a long narrow table into pieces, which take less paper side by side."""
    if len(table.rows) <= _LONG or len(table.columns) > _NARROW:
        return [table]
    number = -(-len(table.rows) // _LONG)
    length = -(-len(table.rows) // number)
    starts = range(0, len(table.rows), length)
    captions = [table.caption, *["(continued)"] * (number - 1)]
    return [
        Table(table.columns, table.rows[start : start + length], caption)
        for start, caption in zip(starts, captions, strict=True)
    ]


def _block(block: Block) -> str:
    match block:
        case Paragraph(text):
            return f"<p>{escape(text)}</p>"
        case Warned(sentences):
            items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
            return f'<ul class="warnings">{items}</ul>'
        case Facts(pairs):
            items = "".join(f"<dt>{escape(what)}</dt><dd>{escape(value)}</dd>" for what, value in pairs)
            return f"<dl>{items}</dl>"
        case Table():
            return _table(block)
        case Picture():
            return _picture(block)


def _table(table: Table) -> str:
    right = [
        all(_is_number(row[i]) for row in table.rows) and bool(table.rows) and i > 0
        for i in range(len(table.columns))
    ]
    heads = "".join(
        f'<th scope="col"{_side(right[i])}>{escape(name)}</th>' for i, name in enumerate(table.columns)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f'<th scope="row">{_cell(cell)}</th>' if i == 0 else f"<td{_side(right[i])}>{_cell(cell)}</td>"
            for i, cell in enumerate(row)
        )
        + "</tr>\n"
        for row in table.rows
    )
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    label = escape(table.caption or "table", quote=True)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table>{caption}'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}</tbody></table></div>"
    )


def _side(right: bool) -> str:
    return ' class="number"' if right else ""


def _is_number(cell: Any) -> bool:
    """Tell whether a cell belongs to the right of its column: a number, or a text that begins as one."""
    value = plain(cell)
    if value is None or not isinstance(value, str):
        return True
    return bool(re.match(r"^[-+−<>≤≥±]?\s?\d|^–?$", value))


def _cell(cell: Any) -> str:
    value = plain(cell)
    if value is None:
        return "–"
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return escape(_MINUS.sub("−", text))


def _picture(picture: Picture) -> str:
    made = picture.encoded
    data = base64.b64encode(made.data).decode("ascii")
    caption = f"<figcaption>{escape(picture.caption)}</figcaption>" if picture.caption else ""
    alt = escape(picture.caption or picture.name, quote=True)
    return (
        f'<figure><div class="scroll picture" tabindex="0"><img src="data:{made.kind};base64,{data}" '
        f'alt="{alt}" width="{made.width}" height="{made.height}"></div>{caption}</figure>'
    )
