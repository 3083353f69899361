"""The commands on nuclides, called by their modules so that they need no place in the list of commands."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner, Result

from gamma_flow.cli import lines, nuclide


def call(module: object, *arguments: str) -> Result:
    try:
        runner = CliRunner(mix_stderr=False)  # click before 8.2 has to be told
    except TypeError:
        runner = CliRunner()
    return runner.invoke(module.command, list(arguments))  # type: ignore[attr-defined]


def succeed(module: object, *arguments: str) -> str:
    result = call(module, *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def fail(module: object, *arguments: str) -> str:
    result = call(module, *arguments)
    assert result.exit_code == 1, result.output
    said = [line for line in result.stderr.splitlines() if line]
    assert len(said) == 1
    assert said[0].startswith("gamma-flow: ")
    return said[0]


@pytest.mark.parametrize("spelling", ["Cs-137", "137Cs", "cs137"])
def test_nuclide_shows_half_life_category_and_the_daughters_lines(spelling: str) -> None:
    text = succeed(nuclide, spelling)
    assert "30.05(8) y" in text
    assert "industrial" in text
    assert "Ba137m" in text
    assert "661.657" in text
    assert "85.0" in text


def test_nuclide_for_machines() -> None:
    found = json.loads(succeed(nuclide, "Th-232", "--json"))
    assert found["name"] == "Th232"
    assert found["age_s"] is None
    assert found["activity_Bq"]["Tl208"] == pytest.approx(0.3594, rel=1e-6)
    assert min(line["intensity"] for line in found["lines"]) >= 0.001
    assert {"nuclide", "kind", "energy", "energy_error", "intensity", "intensity_error"} == set(
        found["lines"][0]
    )
    assert {line["kind"] for line in found["lines"]} <= {"gamma", "x-ray", "annihilation"}


def test_nuclide_at_an_age() -> None:
    found = json.loads(succeed(nuclide, "Pu241", "--age", "30 y", "--json", "--least", "0.0001"))
    assert found["age_s"] == pytest.approx(30 * 365.25 * 86400)
    assert found["activity_Bq"]["Pu241"] == pytest.approx(0.5 ** (30 / 14.33), rel=1e-6)
    assert any(line["nuclide"] == "Am241" for line in found["lines"])


@pytest.mark.parametrize("name", ["HEU", "natural uranium", "wgpu"])
def test_mixtures_are_shown_like_nuclides(name: str) -> None:
    text = succeed(nuclide, name, "--age", "20 y")
    assert "mass fractions" in text
    assert "after 20 y" in text
    assert json.loads(succeed(nuclide, name, "--json"))["activity_Bq"]


def test_lines_near_an_energy() -> None:
    text = succeed(lines, "662", "--within", "10", "--longer-than", "10 y")
    assert "Ba137m" in text
    assert "Cs137" in text
    assert "As76" not in text
    found = json.loads(succeed(lines, "662", "--within", "1", "--least", "0.1", "--json"))
    assert found["lo"] == 661
    barium = next(line for line in found["lines"] if line["nuclide"] == "Ba137m")
    assert barium["fed_by"] == ["Cs137"]
    assert barium["categories"] == ["industrial"]
    assert barium["intensity"] == pytest.approx(0.9007)


def test_where_there_is_no_line_the_table_is_empty() -> None:
    assert succeed(lines, "99999").startswith("0 lines")


def test_bad_input_ends_in_one_sentence() -> None:
    assert "did you mean Cs137" in fail(nuclide, "Cs173")
    assert "no length of time" in fail(nuclide, "Cs137", "--age", "old")
    assert "nothing of Tc99m is left" in fail(nuclide, "Tc99m", "--age", "30 y")
    assert "not negative" in fail(lines, "--", "-5")
    assert "not negative" in fail(lines, "nan")
    assert call(lines, "abc").exit_code == 2
    assert call(nuclide, "Cs137", "--least", "-1").exit_code == 2


def test_nothing_of_this_is_loaded_with_the_package_or_with_help() -> None:
    code = (
        "import sys, gamma_flow, gamma_flow.cli.nuclide, gamma_flow.cli.lines\n"
        "sys.exit(any(name.startswith('gamma_flow.nuclides') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_nuclides_load_nothing_heavy() -> None:
    code = (
        "import sys\nfrom gamma_flow.nuclides import series_lines\nseries_lines('U238', '1 y')\n"
        "sys.exit(bool({'scipy', 'pandas', 'matplotlib', 'sklearn', 'click', 'msgspec'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
