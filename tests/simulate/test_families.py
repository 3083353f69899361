"""Families by simulation: of nuclides, and of templates that were measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import gamma_flow as gf
from gamma_flow.cli import cli
from gamma_flow.errors import DataError, IncompatibleError
from gamma_flow.simulate import (
    Shield,
    detector,
    expected_rates,
    family_of_nuclides,
    family_of_templates,
    simulate,
)

VALUES = (0.0, 0.1, 0.5, 1.0, 2.0)
SMALL = detector("NaI-2x2")  # its responses are made once for this and the tests of shield_family
PROBE = detector("NaI-3x3", axis=gf.Axis.linear(0, 3000, 256))


def test_nuclides_behind_steel_are_those_of_the_simulation() -> None:
    made = family_of_nuclides(["Cs-137", "Co-60"], PROBE, "fe", VALUES)
    assert (made.name, made.unit, made.classes) == ("steel", "cm", ("Cs-137", "Co-60"))
    rate = expected_rates("Co-60", PROBE, shield=Shield.of("steel", thickness=2.0))
    np.testing.assert_allclose(made.shapes[4, 1], rate / rate.sum())
    density = Shield("steel", 0).density
    same = family_of_nuclides(
        ["Cs-137", "Co-60"], PROBE, "steel", [value * density for value in VALUES], unit="g/cm2"
    )
    np.testing.assert_allclose(same.shapes, made.shapes)


def test_measured_templates_behind_steel_are_near_the_simulation() -> None:
    rates = [expected_rates(name, SMALL) for name in ("Ba-133", "Co-60")]
    low = SMALL.axis.centres > 40
    templates = gf.Templates(
        [*rates, np.ones(len(SMALL.axis))],
        ("Ba-133", "Co-60", "background"),
        SMALL.axis,
        low,
        background="background",
    )
    few = (0.0, 1.5)
    made = family_of_templates(templates, "NaI-2x2", "steel", few)
    assert made.classes == ("Ba-133", "Co-60")
    goal = family_of_nuclides(made.classes, SMALL, "steel", few)
    for one, other in zip(made.shapes[:, :, low], goal.shapes[:, :, low], strict=True):
        for mine, theirs in zip(one, other, strict=True):
            assert mine @ theirs / np.sqrt((mine @ mine) * (theirs @ theirs)) > 0.99
    with pytest.raises(IncompatibleError, match="counts over energy"):
        family_of_templates(replace(templates, kind="intensity"), SMALL, "steel", VALUES)
    alone = gf.Templates([np.ones(len(SMALL.axis))], ("background",), SMALL.axis, background="background")
    with pytest.raises(DataError, match="no source"):
        family_of_templates(alone, SMALL, "steel", VALUES)


@pytest.mark.parametrize(
    ("material", "values", "unit", "words"),
    [
        ("cheese", VALUES, "cm", "unknown shield"),
        ("steel", (1.0, 0.0), "cm", "increase"),
        ("steel", (), "cm", "thicknesses"),
        ("steel", (-1.0, 0.0), "cm", "not negative"),
        ("steel", (0.0, 1e4), "cm", "thicker"),
        ("steel", VALUES, "inch", "no such unit"),
    ],
)
def test_bad_shields_are_refused(material: str, values: tuple[float, ...], unit: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        family_of_nuclides(["Cs-137"], PROBE, material, values, unit=unit)  # type: ignore[arg-type]


def test_the_commands_train_with_a_shield_and_tell_the_thickness(tmp_path: Path) -> None:
    path = tmp_path / "model.gfm"
    how = ["--nuclides", "Cs-137, Ba-133", "--detector", "NaI-3x3", "-o", str(path), "--nulls", "200"]
    made = CliRunner().invoke(cli, ["train", *how, "--shield", "steel", "--thickness", "0,0.5,1,1.5,2"])
    assert made.exit_code == 0, made.output
    assert "steel, 0 to 2 cm, 5 values" in made.output
    drawn = simulate(
        {"Cs-137": 3e6, "Ba-133": 3e6},
        "NaI-3x3",
        shield=Shield.of("steel", thickness=1.0),
        live_time=20,
        n=3,
        rng=np.random.default_rng(1),
    )
    gf.write(drawn.spectra, tmp_path / "set.npz")
    shown = CliRunner().invoke(cli, ["analyse", str(tmp_path / "set.npz"), "-m", str(path), "--csv"])
    assert shown.exit_code == 0, shown.output
    head, *rows = shown.output.splitlines()
    assert head.endswith("steel (cm)")
    assert all(abs(float(row.rpartition(",")[2]) - 1.0) <= 0.25 for row in rows)


@pytest.mark.parametrize(
    "extra",
    [["--shield", "steel"], ["--thickness", "0,1"], ["PATHS", "--shield", "steel", "--thickness", "0,1"]],
)
def test_a_shield_needs_its_thicknesses_and_nuclides(extra: list[str], tmp_path: Path) -> None:
    given = extra if extra[0] == "PATHS" else ["--nuclides", "Cs-137", "--detector", "NaI-3x3", *extra]
    result = CliRunner().invoke(cli, ["train", *given, "-o", str(tmp_path / "m.gfm")])
    assert result.exit_code == 2
    assert "go together" in result.output
