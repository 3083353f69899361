"""What the tour shows is run, on the spectra of the demonstration."""

from __future__ import annotations

import re
import runpy
import warnings
from pathlib import Path

import numpy as np
import pytest

import gamma_flow as gf

ROOT = Path(__file__).resolve().parents[2]


def test_the_tour_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn")
    text = (ROOT / "docs" / "tour.md").read_text(encoding="utf-8")
    blocks = re.findall(r"(<!-- not run -->\n)?```python\n(.*?)```", text, re.DOTALL)
    shown = [code for skipped, code in blocks if not skipped]
    assert len(shown) >= 6
    data = tmp_path / "demo" / "data"
    data.mkdir(parents=True)
    runpy.run_path(str(ROOT / "examples" / "demo.py"))["draw"](data, np.random.default_rng(1))
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        monkeypatch.setattr("builtins.print", lambda *_: None)
        for code in shown:
            exec(compile(code, "tour.md", "exec"), names)
    found = names["found"]
    assert isinstance(found, gf.Analysis)
    assert len(found) == 5000


def test_every_settings_key_is_in_the_docs() -> None:
    from gamma_flow.settings import AxisSettings, EvaluateSettings, ReadSettings, SetSettings, TrainSettings

    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    for kind in (ReadSettings, AxisSettings, TrainSettings, EvaluateSettings, SetSettings):
        for key in kind.__struct_fields__:
            assert re.search(rf"\b{key}\b", text), f"{kind.__name__}.{key}"


def test_the_settings_shown_are_valid(tmp_path: Path) -> None:
    from gamma_flow.settings import load_settings

    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    path = tmp_path / "gamma-flow.toml"
    path.write_text(block, encoding="utf-8")
    assert load_settings(path).train.first_channel == 7


def test_every_format_is_in_the_docs() -> None:
    from gamma_flow.io.registry import formats

    text = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    for known in formats():
        assert f"| `{known.name}` |" in text
