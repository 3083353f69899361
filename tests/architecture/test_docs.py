"""What the docs show is run, what they promise to hold is there, and their links lead somewhere."""

from __future__ import annotations

import ast
import re
import runpy
import subprocess
import sys
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import gamma_flow as gf

ROOT = Path(__file__).resolve().parents[2]


def _shown(page: str) -> list[str]:
    """Return the blocks of Python of a page that are to be run, in their order."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    blocks = re.findall(r"(<!-- not run -->\n)?```python\n(.*?)```", text, re.DOTALL)
    return [code for skipped, code in blocks if not skipped]


def test_the_tour_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn")
    shown = _shown("tour.md")
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


@pytest.mark.parametrize("page", sorted(path.name for path in (ROOT / "docs" / "how-to").glob("*.md")))
def test_what_a_how_to_page_shows_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It can be copied: block by block, in an empty folder, without a warning."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("builtins.print", lambda *_, **__: None)
    names: dict[str, object] = {}
    shown = _shown(f"how-to/{page}")
    assert shown
    for code in shown:
        exec(compile(code, page, "exec"), names)


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


@cache
def _public_modules() -> dict[str, ast.Module]:
    """Return the syntax of every module whose path has no part that begins with an underscore, cli aside."""
    found = {}
    for path in sorted((ROOT / "src" / "gamma_flow").rglob("*.py")):
        parts = path.relative_to(ROOT / "src").with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        if "cli" not in parts and not any(part.startswith("_") for part in parts):
            found[".".join(parts)] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def _exported(tree: ast.Module) -> list[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return [str(name) for name in ast.literal_eval(node.value)]
    return []


@cache
def _homes(tree: ast.Module) -> dict[str, str]:
    """Return where the names come from that a module imports: name to full path."""
    return {
        name.asname or name.name: f"{node.module}.{name.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }


def _shown_in_the_api() -> tuple[set[str], set[str]]:
    """Return what stands behind ``:::``: modules with all their names, and everything else."""
    whole, alone = set(), set()
    for page in (ROOT / "docs" / "api").glob("*.md"):
        text = page.read_text(encoding="utf-8")
        for name, options in re.findall(r"^::: ([\w.]+)\n((?:[ ]+\S.*\n)*)", text, re.MULTILINE):
            (alone if "members: false" in options else whole).add(name)
    return whole, whole | alone


def _home(path: str) -> str:
    """Return where a name is made, however often it is handed on by imports."""
    module, _, name = path.rpartition(".")
    home = _homes(_public_modules()[module]).get(name) if module in _public_modules() else None
    return path if home is None or home == path else _home(home)


def test_every_public_name_is_in_the_api_pages() -> None:
    modules = _public_modules()
    whole, shown = _shown_in_the_api()
    documented = {_home(name) for name in shown}
    documented |= {
        _home(f"{module}.{name}") for module in whole & modules.keys() for name in _exported(modules[module])
    }
    missing = [
        f"{module}.{name}"
        for module, tree in modules.items()
        for name in _exported(tree)
        if name != "__version__" and _home(f"{module}.{name}") not in documented
    ]
    assert not missing, f"put '::: MODULE' of these into a page of docs/api: {', '.join(missing)}"


def test_nothing_in_the_api_pages_is_gone() -> None:
    modules = _public_modules()
    _, shown = _shown_in_the_api()
    gone = [
        name
        for name in shown
        if name not in modules
        and name.rpartition(".")[2] not in _exported(modules.get(name.rpartition(".")[0], ast.Module([], [])))
    ]
    assert not gone


def test_every_command_and_option_is_in_the_docs() -> None:
    import click

    from gamma_flow.cli import _COMMANDS, cli

    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    headings = set(re.findall(r"^## gamma-flow ([\w-]+)$", text, re.MULTILINE))
    linked = re.findall(r"\]\(([\w./-]+\.md)", text)
    everything = text + "".join((ROOT / "docs" / page).read_text(encoding="utf-8") for page in set(linked))
    words = set(re.findall(r"--[a-z][a-z-]*", everything))
    assert headings == set(_COMMANDS)
    for name in _COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        spelt = {word for part in command.params for word in [*part.opts, *part.secondary_opts]}
        options = {word for word in spelt if word.startswith("--")}
        assert options <= words, f"{name}: {', '.join(sorted(options - words))} in docs/commands.md"


def test_every_reference_of_the_numerics_is_in_the_docs() -> None:
    told = "".join((ROOT / "docs" / page).read_text("utf-8") for page in ("algorithms.md", "engine.md"))
    for path in (ROOT / "src" / "gamma_flow" / "numerics").glob("*.py"):
        for year, page in re.findall(r"\((\d{4})\) (\d+)", path.read_text(encoding="utf-8")):
            assert f"({year}) {page}" in told, f"{path.name}: ({year}) {page}"


def test_every_work_that_a_page_names_is_in_its_references() -> None:
    for page in ("algorithms.md", "engine.md"):
        text, references = (ROOT / "docs" / page).read_text("utf-8").split("## References")
        for names, year in re.findall(r"((?:[A-Z]\w+(?:, | and |; )?)+) \(?((?:19|20)\d\d)\b", text):
            first = re.split(r", | and |; ", names)[0]
            lines = [line for line in references.split("\n- ") if first in line]
            assert any(year in line or "algorithms.md" in line for line in lines), f"{page}: {names} {year}"


def test_readme_and_landing_page_agree() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    for block in re.findall(r"```.*?```", index, re.DOTALL):
        assert block in readme, "what the landing page shows is not what README.md says"
    for text in (readme, index):
        assert "whether something in it is unknown" in " ".join(text.split())


def test_every_plot_is_on_the_page_of_plots_with_a_picture_of_modest_size() -> None:
    pytest.importorskip("matplotlib")
    from gamma_flow import plot
    from gamma_flow.plot import study

    text = (ROOT / "docs" / "plots.md").read_text(encoding="utf-8")
    names = {f"plot.{name}" for name in plot.__all__} - {"plot.Palette", "plot.save"}
    names |= {f"plot.study.{name}" for name in study.__all__} - {"plot.study.all_of"}
    assert names == set(re.findall(r"^### `([\w.]+)`", text, re.MULTILINE))
    pictures = set(re.findall(r"\(pictures/(plot-[\w-]+\.png)\)", text))
    stored = {path.name: path.stat().st_size for path in (ROOT / "docs" / "pictures").glob("plot-*.png")}
    assert pictures == set(stored)
    assert sum(stored.values()) < 1_500_000


def _pages() -> dict[str, str]:
    docs = ROOT / "docs"
    return {path.relative_to(docs).as_posix(): path.read_text("utf-8") for path in sorted(docs.rglob("*.md"))}


def test_every_page_is_in_the_navigation() -> None:
    _, nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").split("\nnav:\n")
    named = re.findall(r"\S+\.md$", nav, re.MULTILINE)
    assert sorted(named) == sorted(_pages())


def test_no_table_shows_a_backslash() -> None:
    shown = [name for name, text in _pages().items() if re.search(r"`[^`\n]*\\\|[^`\n]*`", text)]
    assert not shown, "a pipe within code is shown with its backslash: name the choices one by one"


def _anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings as Python-Markdown makes them, and those set by hand."""
    plain = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    heads = re.findall(r"^#+ +(.+?)(?: +\{.*\})?$", plain, re.MULTILINE)
    heads = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", head) for head in heads]
    made = {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", head).strip().lower()) for head in heads}
    return made | set(re.findall(r"\{[^}]*#([\w-]+)[^}]*\}", plain))


def test_links_between_pages_lead_somewhere() -> None:
    pages = {f"docs/{name}": text for name, text in _pages().items()}
    pages |= {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "CONTRIBUTING.md")}
    broken = []
    for name, text in pages.items():
        prose = re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
        for target in re.findall(r"\]\(([^)\s]+)\)", prose):
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            file = (ROOT / name).parent / path if path else ROOT / name
            if not file.exists():
                broken.append(f"{name}: {target}")
            elif anchor and anchor not in _anchors(file.read_text(encoding="utf-8")):
                broken.append(f"{name}: {target} (no such heading)")
    assert not broken


@pytest.mark.slow
def test_the_site_builds_strictly(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    pytest.importorskip("mkdocstrings")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_docstrings_are_shown_as_markdown() -> None:
    pytest.importorskip("griffe")
    changed = runpy.run_path(str(ROOT / "docs" / "griffe_docstrings.py"))["as_markdown"](
        "So it is [1]_ [2]_, as in::\n\n    x\n\n.. [1] A. Author\n   goes on.\n.. [2] B. Author."
    )
    assert changed == (
        "So it is \\[1\\] \\[2\\], as in:\n\n    x\n\n- \\[1\\] A. Author\n  goes on.\n- \\[2\\] B. Author."
    )
