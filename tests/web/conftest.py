"""What the tests of the service share: one running service, and one with a token."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import gamma_flow as gf
from live.conftest import frames, model  # noqa: F401 - fixtures

pytest.importorskip("starlette", reason="starlette is missing: pip install 'gamma-flow[web]'")
pytest.importorskip("uvicorn", reason="uvicorn is missing: pip install 'gamma-flow[web]'")
pytest.importorskip("wsproto", reason="wsproto is missing: pip install 'gamma-flow[web]'")

from web.served import Served, serving


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory, model: gf.Model) -> Path:  # noqa: F811
    path = tmp_path_factory.mktemp("model") / "model.gfm"
    model.save(path)
    return path


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, saved: Path) -> Iterator[Served]:
    log = tmp_path_factory.mktemp("log") / "log.gfl"
    with serving("-m", str(saved), "--log", str(log), "--upload-limit", "4") as made:
        yield made
