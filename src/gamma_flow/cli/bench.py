"""``gamma-flow bench``: the benchmark scripts of a checkout, one after the other."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from gamma_flow.cli._common import emit, guarded, table

_SKIPPED = "skipped:"  # what a script says, and nothing else, where its data are not present


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Where the scripts lie  [default: benchmarks/ of the checkout that the package is installed from]",
)
@click.option("--list", "only_list", is_flag=True, help="List the scripts and run none.")
@click.option("--json", "as_json", is_flag=True, help="For machines: nothing is passed through.")
@guarded
def command(names: tuple[str, ...], folder: Path | None, only_list: bool, as_json: bool) -> None:
    """Run the benchmark scripts NAMES, all by default, each in a process of its own.

    Their output is passed through; at the end stands a line a script: ok, skipped (its data are not present)
    or failed, and the time it took. The exit code is 1 if one failed.
    """
    scripts = _chosen(_scripts(folder), names)
    if only_list:
        _list(scripts, as_json)
        return
    found = []
    for script in scripts:
        if not as_json:
            click.echo(f"== {script.stem}")
        found.append(_run(script, show=not as_json))
        if not as_json:
            click.echo("")
    if as_json:
        emit(found)
    else:
        rows = [(done["name"], done["state"], f"{done['seconds']:.1f}") for done in found]
        table("benchmarks", ["script", "", "seconds"], rows)
    if any(done["state"] == "failed" for done in found):
        sys.exit(1)


def _scripts(folder: Path | None) -> list[Path]:
    """Return the scripts of a folder, sorted by name."""
    from gamma_flow.errors import SettingsError

    # src/gamma_flow/cli/bench.py of a checkout lies three folders below its root
    where = Path(__file__).resolve().parents[3] / "benchmarks" if folder is None else folder
    scripts = [path for path in sorted(where.glob("*.py")) if not path.stem.startswith("_")]
    if not scripts:
        raise SettingsError(
            "there are no benchmark scripts",
            where=str(where),
            expected="files *.py",
            found="none" if where.is_dir() else "no such folder",
            cure="name the folder (--folder PATH); the scripts are part of a checkout, not of a wheel",
        )
    return scripts


def _chosen(scripts: list[Path], names: tuple[str, ...]) -> list[Path]:
    """Return the scripts with these names, in the order of the names."""
    known = {script.stem: script for script in scripts}
    wanted = [name.removesuffix(".py") for name in names]
    for name in wanted:
        if name not in known:
            raise click.BadParameter(f"there is no script '{name}'; there are {', '.join(known)}")
    return [known[name] for name in wanted] or scripts


def _list(scripts: Sequence[Path], as_json: bool) -> None:
    about = [(script.stem, _first_line(script)) for script in scripts]
    if as_json:
        emit([{"name": name, "about": text} for name, text in about])
    else:
        width = max(len(name) for name, _ in about)
        for name, text in about:
            click.echo(f"{name:{width}}  {text}")


def _first_line(script: Path) -> str:
    try:
        text = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8")))
    except (SyntaxError, ValueError):
        return ""
    return (text or "").partition("\n")[0]


def _run(script: Path, show: bool) -> dict[str, Any]:
    """Run one script where its checkout lies, and return what became of it."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
    start = time.perf_counter()
    lines = []
    with subprocess.Popen(  # noqa: S603 - a script of the folder that the user named
        [sys.executable, str(script.resolve())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=script.resolve().parents[1],
        env=environment,
        encoding="utf-8",
        errors="replace",
    ) as child:
        assert child.stdout is not None
        try:
            for line in child.stdout:
                lines.append(line)
                if show:
                    click.echo(line, nl=False)
        except BaseException:  # nobody reads on, or Ctrl-C: the script ends with us
            child.kill()
            raise
    said = [line for line in lines if line.strip()]
    skipped = bool(said) and all(line.startswith(_SKIPPED) for line in said)
    return {
        "name": script.stem,
        "exit_code": child.returncode,
        "state": "failed" if child.returncode else "skipped" if skipped else "ok",
        "seconds": round(time.perf_counter() - start, 3),
        "text": "".join(lines),
    }
