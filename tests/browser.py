"""A real browser without a window: Debian's chromium, driven by playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

__all__ = ["opened"]

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def opened(width: int = 1280, height: int = 800) -> Iterator[Any]:
    """Yield a page that records what it complains of and asks for, as ``page.told`` and ``page.asked``.

    Skips where no browser is installed.
    """
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no browser is installed: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=list(_FLAGS))
        try:
            page = browser.new_page(viewport={"width": width, "height": height})
            told: list[str] = []
            asked: list[str] = []
            page.on("console", lambda message: told.append(message.text))
            page.on("pageerror", lambda problem: told.append(str(problem)))
            page.on("request", lambda request: asked.append(request.url))
            page.told, page.asked = told, asked
            yield page
        finally:
            browser.close()
