"""The house keeps its shape: what is public, what is loaded, what no module may do."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import gamma_flow

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
HEAVY = ("scipy", "matplotlib", "sklearn", "pandas", "xarray", "SpecUtils", "python_calamine", "rich")


def loaded_by(code: str) -> set[str]:
    """Names of the modules that a fresh interpreter holds after running code."""
    script = f"{code}\nimport sys\nsys.stdout.write(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split("\n")[-1].split())


def test_all_is_sorted_and_everything_in_it_can_be_imported() -> None:
    assert gamma_flow.__all__ == sorted(gamma_flow.__all__)
    for name in gamma_flow.__all__:
        if name == "TemplateUnmixer":
            pytest.importorskip("sklearn")
        assert getattr(gamma_flow, name) is not None
    assert len(gamma_flow.__all__) < 30
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        gamma_flow.nothing  # noqa: B018


def test_no_public_name_is_hidden_by_a_module_of_that_name() -> None:
    modules = {path.stem for path in (ROOT / "src" / "gamma_flow").iterdir()}
    assert not modules & set(gamma_flow.__all__)


def test_importing_the_package_loads_nothing_heavy() -> None:
    loaded = loaded_by("import gamma_flow")
    assert not loaded & {*HEAVY, "click", "msgspec"}


def test_using_the_core_loads_nothing_heavy() -> None:
    code = """
import numpy as np, gamma_flow as gf
s = gf.SpectrumSet(np.eye(3), gf.Axis.channels(3), labels=gf.Labels.of([["a"], ["b"], ["c"]]))
found = gf.train(s, held_out=0, few=0).analyse(s)
gf.evaluate(found, s)
"""
    assert not loaded_by(code) & {*HEAVY, "click"}


def test_help_loads_neither_numpy_nor_anything_heavy() -> None:
    code = """
from click.testing import CliRunner
from gamma_flow.cli import cli
assert "analyse" in CliRunner().invoke(cli, ["--help"]).output
"""
    assert not loaded_by(code) & {*HEAVY, "numpy", "msgspec"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_no_module_prints_loads_pickles_or_grows_without_end(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "a module says what it is for"
    assert len(text.splitlines()) <= 500
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert all(name.name != "*" for name in node.names)
            assert node.module not in ("pickle", "marshal", "shelve")
        if isinstance(node, ast.Import):
            assert all(name.name not in ("pickle", "marshal", "shelve") for name in node.names)
        if isinstance(node, ast.Global):
            pytest.fail("no module keeps state in globals")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("print", "eval", "exec")
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert isinstance(node.value, ast.Constant)
            assert node.value.value is False


def test_every_public_function_says_what_it_takes() -> None:
    missing = []
    for name in gamma_flow.__all__:
        if name in ("__version__", "TemplateUnmixer"):
            continue
        text = getattr(gamma_flow, name).__doc__ or ""
        if (
            name not in ("GammaFlowError", "GammaFlowWarning")
            and "Examples" not in text
            and "See Also" not in text
        ):
            missing.append(name)
    assert not missing, missing


def test_the_preset_and_the_example_for_users_are_one() -> None:
    one = (ROOT / "examples" / "bfs.toml").read_bytes()
    assert one == (ROOT / "src" / "gamma_flow" / "presets" / "paper.toml").read_bytes()


def test_every_command_is_in_the_readme_and_the_docs() -> None:
    from gamma_flow.cli import _COMMANDS

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    docs = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    for name in _COMMANDS:
        assert f"gamma-flow {name}" in readme, name
        assert f"gamma-flow {name}" in docs, name


def test_imports_run_downward_only() -> None:
    linter = pytest.importorskip("importlinter.cli")
    del linter
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert done.returncode == 0, done.stdout + done.stderr
