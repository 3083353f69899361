"""A report as HTML, Markdown and JSON: the same words, nothing from outside, nothing taken for a mark."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from hypothesis import given
from hypothesis import strategies as st

from browser import opened
from gamma_flow.errors import SettingsError, WriteError
from gamma_flow.plot._style import figure, styled
from gamma_flow.report import (
    Facts,
    Paragraph,
    Picture,
    Report,
    Section,
    Table,
    Warned,
    html_of,
    markdown_of,
    write_report,
)


@styled
def drawn(points: int = 10) -> Any:
    made = figure(8, 3)
    made.subplots().plot(np.sin(np.arange(points)), ".")
    return made


def report(text: str = "A few words.", points: int = 10) -> Report:
    table = Table(("name", "n", "share"), [("a", 3, "12.5 %"), (text, None, "–"), ("b", -2.5, "3 %")], "What")
    many = Table(("name", *(f"column {i}" for i in range(40))), [("x", *range(40))])
    return Report(
        text,
        "The answer.",
        (("set: right", "87.3 %", "95 %: 84–90"), ("other", "1", "")),
        (
            Section("First", (Warned((text, "Second.")), Paragraph(text), Facts((("Classes", text),)))),
            Section("Then", (table, table, many, Picture("line", drawn(points), "A line."))),
        ),
        {"numbers": [1, 2]},
        {"made by": "gamma_flow"},
    )


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words = ""
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.words += data


@given(
    st.text(min_size=1).filter(lambda text: "\r" not in text and "\x00" not in text and text.isprintable())
)
def test_html_shows_any_text_and_takes_none_of_it_for_a_tag(text: str) -> None:
    page, plain = _Page(), _Page()
    sections = (Section(text, (Warned((text,)), Paragraph(text), Facts(((text, text),)))),)
    page.feed(html_of(Report(text, text, ((text, text, text),), sections, {}, {text: text})))
    plain.feed(html_of(Report("x", "x", (("x", "x", "x"),), (Section("x", sections[0].blocks[:0]),), {}, {})))
    assert page.words.count(text) >= 10
    assert set(page.tags) <= {*plain.tags, "ul", "li", "dl", "dt", "dd", "p"}


def test_html_holds_all_it_shows() -> None:
    page = _Page()
    page.feed(html_of(report("<script>alert(1)</script>")))
    assert "script" not in page.tags
    assert all(link.startswith(("data:", "#")) for link in page.links)
    assert page.tags.count("table") == 3
    assert page.tags.count("img") == 1
    assert "−2.5" in page.words


@given(st.text(alphabet="ab<>[]()*_`#|\\! \n", min_size=1))
def test_markdown_tables_keep_their_cells(text: str) -> None:
    lines = markdown_of(report(text) if text.strip() else report()).split("\n")
    rows = [line for line in lines if line.startswith("| ") and not line.startswith("| figure")]
    for line in rows:
        cells = line.replace("\\\\", "").replace("\\|", "").count("|") - 1
        assert cells in (2, 3, 41)


def test_json_and_the_others_are_of_one_dict(tmp_path: Path) -> None:
    made = report()
    write_report(made, tmp_path / "r.json")
    loaded = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert loaded == made.as_dict()
    assert loaded["sections"][1]["blocks"][0]["rows"][1] == ["A few words.", None, "–"]
    for text in (html_of(made), markdown_of(made)):
        for section in loaded["sections"]:
            assert section["title"] in text
        assert "12.5 %" in text
        assert "A line." in text


def test_markdown_has_its_pictures_beside_it(tmp_path: Path) -> None:
    (tmp_path / "r-pictures").mkdir()
    (tmp_path / "r-pictures" / "old.png").write_bytes(b"")
    (tmp_path / "r-pictures" / "mine.txt").write_bytes(b"")
    write_report(report(), tmp_path / "r.md")
    assert sorted(path.name for path in (tmp_path / "r-pictures").iterdir()) == ["line.svg", "mine.txt"]
    assert "(r-pictures/line.svg)" in (tmp_path / "r.md").read_text(encoding="utf-8")


def test_pictures_are_vector_where_small_and_raster_where_large() -> None:
    assert Picture("small", drawn()).encoded.ending == ".svg"
    large = Picture("large", drawn(60_000)).encoded
    assert large.ending == ".png"
    assert len(large.data) < 400_000


def test_places_and_formats_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"expected \.html or \.md or \.json, found \.pdf"):
        write_report(report(), tmp_path / "r.pdf")
    with pytest.raises(WriteError):
        write_report(report(), tmp_path / "nowhere" / "r.html")
    with pytest.raises(SettingsError, match="expected 2 cells, found 1"):
        Table(("a", "b"), [("x",)])


@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_finds_nothing_to_complain_of(tmp_path: Path, width: int) -> None:
    path = write_report(report("A word-that-is-long-" + "x" * 200), tmp_path / "r.html")
    with opened(width) as page:
        page.goto(path.as_uri())
        page.wait_for_load_state("networkidle")
        assert page.told == []
        assert [url for url in page.asked if not url.startswith("data:")] == [path.as_uri()]
        # wide tables and pictures scroll in their own box, the page does not
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
        page.click("nav a >> nth=1")
        assert page.evaluate("location.hash") == "#section-2"


def test_long_narrow_tables_stand_in_pieces_and_lose_no_row() -> None:
    rows = [(f"class {i}", i) for i in range(60)]
    long = Table(("class", "spectra"), rows, "Spectra")
    wide = Table(tuple(f"c{i}" for i in range(9)), [tuple(range(9))] * 60)
    page = _Page()
    page.feed(html_of(Report("t", "l", (), (Section("s", (long, Paragraph("x"), wide)),), {}, {})))
    assert page.tags.count("table") == 4
    assert page.words.count("class ") == 60
    assert page.words.count("Spectra") == 1
    assert markdown_of(Report("t", "l", (), (Section("s", (long,)),), {}, {})).count("| class ") == 61
