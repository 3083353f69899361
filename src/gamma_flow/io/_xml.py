"""XML of strangers, read safely: no document type, no entities of its own, bounded depth and size.

The parser is the standard library's expat without its namespace processing: names lose their prefix here, so
that a file which uses a prefix it never declared (there are such among the real ones) can still be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NoReturn
from xml.parsers import expat

from gamma_flow.errors import DamagedFileError, UnsafeFileError
from gamma_flow.io._source import Source

__all__ = [
    "MAX_DEPTH",
    "MAX_ELEMENTS",
    "Element",
    "parse",
    "root_name",
]

MAX_DEPTH = 100
"""Elements inside each other; the deepest real format has about twelve."""

MAX_ELEMENTS = 1_000_000
"""Elements of one file."""

_CUT = {
    expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS],
    expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN],
    expat.errors.codes[expat.errors.XML_ERROR_PARTIAL_CHAR],
    expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION],
}
_ROOT = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?([A-Za-z_][\w.-]*)[\s/>]")


class Element:
    """One element: its name without prefix, its attributes, its own text, its children.

    Parameters
    ----------
    tag : str
        Local name.
    attributes : dict of str to str
        By local name; declarations of namespaces are left out.
    line : int
        Where it begins in the file.
    """

    __slots__ = ("attributes", "children", "line", "tag", "text")

    def __init__(self, tag: str, attributes: dict[str, str], line: int) -> None:
        self.tag = tag
        self.attributes = attributes
        self.line = line
        self.text = ""
        self.children: list[Element] = []

    def all(self, tag: str) -> list[Element]:
        """Return the children of that name."""
        return [child for child in self.children if child.tag == tag]

    def first(self, *tags: str) -> Element | None:
        """Return the first child that bears one of the names."""
        return next((child for child in self.children if child.tag in tags), None)

    def text_of(self, *tags: str) -> str:
        """Return the text of the first such child, stripped; empty where there is none."""
        child = self.first(*tags)
        return "" if child is None else child.text.strip()

    def inside(self, tag: str) -> Iterator[Element]:
        """Yield all elements of that name at any depth below, in the order of the file."""
        waiting = self.children[::-1]
        while waiting:
            element = waiting.pop()
            if element.tag == tag:
                yield element
            waiting.extend(element.children[::-1])

    def where(self, source: Source) -> str:
        """Return the place of this element for an error message."""
        return f"{source.name}, <{self.tag}> in line {self.line}"


class _Builder:
    """The handlers that make a tree of what expat reports."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.open: list[tuple[Element, list[str]]] = []
        self.root: Element | None = None
        self.number = 0
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.characters
        # called before anything inside the document type is looked at: no entity is ever declared
        self.parser.StartDoctypeDeclHandler = self.doctype
        self.parser.EntityDeclHandler = self.doctype
        self.parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)

    def doctype(self, *_: object) -> NoReturn:
        raise UnsafeFileError(
            "the XML brings its own document type (DOCTYPE), which may hide harmful entities",
            where=f"{self.source.name}, line {self.parser.CurrentLineNumber}",
            cure="take the DOCTYPE out if you trust the file",
        )

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.number += 1
        if self.number > MAX_ELEMENTS or len(self.open) >= MAX_DEPTH:
            raise UnsafeFileError(
                "the XML outgrows the limits",
                where=f"{self.source.name}, line {self.parser.CurrentLineNumber}",
                expected=f"at most {MAX_ELEMENTS} elements, {MAX_DEPTH} inside each other",
                found=f"element {self.number} at depth {len(self.open) + 1}",
            )
        own: dict[str, str] = {}
        for key, value in attributes.items():
            prefix, _, local = key.rpartition(":")
            # an attribute without prefix is the format's own and goes before a namesake of an extension
            if key != "xmlns" and prefix != "xmlns" and (not prefix or local not in own):
                own[local] = value
        element = Element(name.rpartition(":")[2], own, self.parser.CurrentLineNumber)
        if self.open:
            self.open[-1][0].children.append(element)
        else:
            self.root = element
        self.open.append((element, []))

    def end(self, _: str) -> None:
        element, pieces = self.open.pop()
        element.text = "".join(pieces)

    def characters(self, text: str) -> None:
        self.open[-1][1].append(text)


def parse(source: Source) -> Element:
    """Read the whole file as XML.

    Parameters
    ----------
    source : Source
        UTF-8, UTF-16 or any encoding of one byte a character that the file declares. White space and a byte
        order mark may stand before the declaration.

    Returns
    -------
    Element
        The root.

    Raises
    ------
    UnsafeFileError
        The file brings a document type, or outgrows `MAX_DEPTH` or `MAX_ELEMENTS`.
    DamagedFileError
        The XML is cut or not well-formed.
    """
    data = source.data
    if data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        data = data.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    builder = _Builder(source)
    try:
        builder.parser.Parse(data, True)
    except expat.ExpatError as problem:
        raise _damage(problem, builder) from problem
    except (LookupError, ValueError) as problem:
        raise DamagedFileError(
            f"the encoding of the XML is not known: {problem}", where=source.name, expected="UTF-8"
        ) from problem
    finally:
        builder.parser.StartElementHandler = None  # breaks the circle of references
    if builder.root is None:  # pragma: no cover  # expat reports a document without an element itself
        raise DamagedFileError("the XML holds no element", where=source.name)
    return builder.root


def _damage(problem: expat.ExpatError, builder: _Builder) -> DamagedFileError:
    where = f"{builder.source.name}, line {problem.lineno}"
    if problem.code in _CUT and builder.root is None:
        return DamagedFileError(
            "the file is cut: it ends before its first element",
            where=where,
            cure="copy or export the file again",
        )
    if problem.code in _CUT and builder.open:
        element = builder.open[-1][0]
        return DamagedFileError(
            "the file is cut: an unclosed element",
            where=where,
            expected=f"</{element.tag}>",
            found=f"the end of the file ({element.tag} begins in line {element.line})",
            cure="copy or export the file again",
        )
    return DamagedFileError(
        f"the XML is damaged: {expat.ErrorString(problem.code)}",
        where=where,
        cure="copy or export the file again",
    )


def root_name(source: Source) -> str:
    """Return the local name of the first element, as far as the head of the file shows it; else "".

    Instructions, comments and a document type before it are stepped over without being understood.
    """
    head = source.head
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        head = head[2:].replace(b"\0", b"")
    head = head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    if not head.startswith(b"<"):
        return ""
    head = re.sub(rb"<!--.*?-->|<\?.*?\?>", b"", head, flags=re.DOTALL)
    found = _ROOT.search(head)
    return found.group(1).decode("ascii", "replace") if found else ""
