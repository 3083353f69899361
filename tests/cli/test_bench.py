"""The command that runs the benchmark scripts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gamma_flow.cli import cli

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = {
    "fine": '"""A table.\n\nMore."""\nprint("one 1.0")\nprint("µs ±")\n',
    "without_data": 'print("skipped: no data here")\nprint()\n',
    "broken": 'import sys\nprint("before", flush=True)\nsys.exit("it broke")\n',
    "half_skipped": 'print("skipped: one set")\nprint("two 2.0")\n',
    "_common": 'print("never run")\n',
}


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["bench", *(str(one) for one in arguments)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    where = tmp_path / "benchmarks"
    where.mkdir()
    for name, text in SCRIPTS.items():
        (where / f"{name}.py").write_text(text, encoding="utf-8")
    return where


def test_all_scripts_run_in_order_and_each_gets_a_line(folder: Path) -> None:
    result = call("--folder", folder)
    assert result.exit_code == 1
    text = result.output
    assert text.index("== broken") < text.index("before") < text.index("it broke") < text.index("== fine")
    assert "µs ±" in text
    assert "never run" not in text
    states = {line.split()[0]: line.split()[1] for line in text.splitlines()[-5:] if len(line.split()) == 3}
    assert states == {"broken": "failed", "fine": "ok", "half_skipped": "ok", "without_data": "skipped"}


def test_names_choose_and_order(folder: Path) -> None:
    result = call("without_data", "fine.py", "--folder", folder)
    assert result.exit_code == 0
    assert result.output.index("skipped: no data") < result.output.index("one 1.0")
    assert "it broke" not in result.output


def test_json_holds_what_was_printed(folder: Path) -> None:
    result = call("fine", "broken", "--folder", folder, "--json")
    assert result.exit_code == 1
    fine, broken = json.loads(result.output)
    assert (fine["name"], fine["exit_code"], fine["state"]) == ("fine", 0, "ok")
    assert fine["text"] == "one 1.0\nµs ±\n"
    assert fine["seconds"] > 0
    assert (broken["exit_code"], broken["state"]) == (1, "failed")
    assert "it broke" in broken["text"]


def test_the_list_says_what_each_is_for(folder: Path) -> None:
    result = call("--list", "--folder", folder)
    assert result.exit_code == 0
    assert "A table." in result.output
    assert "one 1.0" not in result.output
    listed = json.loads(call("--list", "--json", "--folder", folder).output)
    assert [one["name"] for one in listed] == ["broken", "fine", "half_skipped", "without_data"]


def test_an_unknown_name_is_a_wrong_call(folder: Path) -> None:
    result = call("fien", "--folder", folder)
    assert result.exit_code == 2
    assert "there is no script 'fien'" in result.output


def test_without_scripts_the_error_says_the_cure(tmp_path: Path) -> None:
    result = call("--folder", tmp_path / "nowhere")
    assert result.exit_code == 1
    assert "no such folder" in result.output
    assert "--folder PATH" in result.output


def test_the_scripts_of_this_checkout_are_found() -> None:
    result = call("--list", "--json")
    assert result.exit_code == 0
    names = {one["name"] for one in json.loads(result.output)}
    assert names == {path.stem for path in (ROOT / "benchmarks").glob("*.py")}
    assert all(one["about"] for one in json.loads(result.output))
