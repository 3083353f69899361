"""Build the wheel and use it on every Python that is found, and once on the lowest allowed dependencies.

    python scripts/check_wheel.py

Each interpreter gets a fresh virtual environment with nothing but the wheel and its dependencies, in which
the demonstration runs. The lowest versions are those that pyproject.toml names with ``>=``; with them the
tests of the nouns, the numerics and the model run too.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERSIONS = ("3.11", "3.12", "3.13", "3.14")


def call(*command: str | Path, cwd: Path | None = None) -> None:
    """Run a command; print what it said only if it failed."""
    done = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")


def interpreters() -> dict[str, str]:
    """Return the interpreters that are found and run, by version: on the path, or where pyenv keeps them."""
    found = {}
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for version in VERSIONS:
        places = [
            shutil.which(f"python{version}"),
            *sorted(map(str, kept.glob(f"{version}.*/bin/python{version}"))),
        ]
        for path in filter(None, places):
            if subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0:
                found[version] = path
                break
    return found


def lowest(project: dict[str, object], table: str) -> list[str]:
    """Return requirements pinned to the lowest version that the project allows."""
    listed = project[table]
    assert isinstance(listed, list)
    return [re.sub(r">=", "==", requirement) for requirement in listed]


def environment(python: str, folder: Path) -> Path:
    """Make a virtual environment and return its interpreter."""
    call(python, "-m", "venv", folder)
    return folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"


def main() -> None:
    """Build, install, run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as scratch:
        here = Path(scratch)
        builder = environment(sys.executable, here / "builder")
        call(builder, "-m", "pip", "install", "-q", "build")
        call(builder, "-m", "build", "--wheel", "--outdir", here, ROOT)
        wheel = next(here.glob("*.whl"))
        print(f"built {wheel.name}, {wheel.stat().st_size / 1024:.0f} KiB")
        for version, path in interpreters().items():
            python = environment(path, here / f"py{version}")
            call(python, "-m", "pip", "install", "-q", wheel)
            call(python, ROOT / "examples" / "demo.py", "-o", here / f"demo{version}", cwd=here)
            print(f"python {version}: installed and ran the demonstration")
        python = environment(next(iter(interpreters().values())), here / "lowest")
        pins = lowest(project["project"], "dependencies")
        call(python, "-m", "pip", "install", "-q", wheel, *pins, "pytest", "hypothesis")
        call(python, ROOT / "examples" / "demo.py", "-o", here / "demo-lowest", cwd=here)
        tests = ["tests/data", "tests/numerics", "tests/test_training.py", "tests/test_model.py"]
        call(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, cwd=ROOT)
        print(f"lowest dependencies ({', '.join(pins)}): ran the demonstration and the tests of the core")


if __name__ == "__main__":
    main()
