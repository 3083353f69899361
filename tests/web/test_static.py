"""The files of the page keep the shape of the house: small modules, nothing inline, nothing from outside."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gamma_flow.web._pages import Pages

FOLDER = Path(__file__).resolve().parents[2] / "src" / "gamma_flow" / "web" / "static"
OURS = sorted(path for path in FOLDER.iterdir() if not path.name.startswith("uPlot"))


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_a_file_is_small_and_asks_for_nothing_elsewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
    if path.suffix == ".js":
        assert text.startswith("// "), "a module says what it is for"
        assert not re.search(r"\b(eval|innerHTML|outerHTML|insertAdjacentHTML|document\.write)\b", text)
        for name in re.findall(r'from "\./([^"]+)"', text):
            assert (FOLDER / name).is_file()
    if path.suffix == ".html":
        assert not re.search(r"<script(?![^>]*src=)|\son\w+=|\sstyle=", text)


def test_every_file_is_served_and_none_else() -> None:
    served = Pages().paths
    assert served == {
        "/",
        *(f"/static/{path.name}" for path in FOLDER.iterdir() if path.name != "index.html"),
    }
    assert "/static/uPlot.LICENSE.txt" in served


def test_colours_are_readable_on_their_ground() -> None:
    """Text in the colours of the theme has a contrast of 4.5 to 1 on panels, as WCAG 2 asks for."""
    text = (FOLDER / "theme.css").read_text(encoding="utf-8")
    for block in text.split("}")[:2]:
        told = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))
        for name in ("ink", "soft", "accent", "good", "bad"):
            assert _contrast(told[name], told["panel"]) >= 4.5, name
        assert _contrast(told["on-bad"], told["bad-ground"]) >= 4.5
        assert _contrast(told["warn"], told["warn-ground"]) >= 4.5
        assert _contrast(told["bad"], told["unknown-ground"]) >= 4.5


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
