"""What numpydoc has of reStructuredText, as a page of Markdown shows it: ``[1]_``, ``.. [1] text``, ``::``.

An extension of griffe, which reads the docstrings for mkdocstrings; mkdocs.yml names it.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

_MARK = re.compile(r"\[(\d+)\]_")
_ENTRY = re.compile(r"^(\s*)\.\. \[(\d+)\] ")


def as_markdown(text: str) -> str:
    r"""Return the docstring with marks as plain numbers and the references as points of a list.

    >>> print(as_markdown("So it is [1]_, as in::\n\n.. [1] A. Author, a title that\n   goes on."))
    So it is \[1\], as in:
    <BLANKLINE>
    - \[1\] A. Author, a title that
      goes on.
    """
    lines: list[str] = []
    inside = False
    for line in text.splitlines():
        entry = _ENTRY.match(line)
        if entry:
            inside = True
            lines.append(f"{entry[1]}- \\[{entry[2]}\\] {line[entry.end() :]}")
        elif inside and line.startswith("   "):
            lines.append(line[1:])  # a point of a list goes on two columns in, not three
        else:
            inside = False
            line = _MARK.sub(r"\\[\1\\]", line)
            # the block that follows stands indented, which is code in Markdown as well
            lines.append(line[:-1] if line.endswith("::") else line)
    return "\n".join(lines)


class Docstrings(griffe.Extension):
    """Rewrites every docstring once, before it is parsed."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of a module, class, function or attribute."""
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)
