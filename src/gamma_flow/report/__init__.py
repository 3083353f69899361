"""A value in, a document out: what the data are, what the model is, what it found, and what to doubt.

A `Report` is a list of sections of plain blocks (text, facts, tables, pictures, warnings). It is written as
one HTML file without a link to anything outside itself, as Markdown with its pictures beside it, or as JSON;
all three come from `Report.as_dict`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gamma_flow._lazy import exports

if TYPE_CHECKING:
    from gamma_flow.report.blocks import Facts, Paragraph, Picture, Report, Section, Table, Warned
    from gamma_flow.report.html import html_of
    from gamma_flow.report.markdown import markdown_of
    from gamma_flow.report.writing import write_report

_HOMES = {
    "Facts": "gamma_flow.report.blocks",
    "Paragraph": "gamma_flow.report.blocks",
    "Picture": "gamma_flow.report.blocks",
    "Report": "gamma_flow.report.blocks",
    "Section": "gamma_flow.report.blocks",
    "Table": "gamma_flow.report.blocks",
    "Warned": "gamma_flow.report.blocks",
    "html_of": "gamma_flow.report.html",
    "markdown_of": "gamma_flow.report.markdown",
    "write_report": "gamma_flow.report.writing",
}

__all__ = [
    "Facts",
    "Paragraph",
    "Picture",
    "Report",
    "Section",
    "Table",
    "Warned",
    "html_of",
    "markdown_of",
    "write_report",
]

__getattr__, __dir__ = exports(__name__, _HOMES, globals())
