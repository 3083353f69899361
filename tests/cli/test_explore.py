"""``gamma-flow explore`` as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import gamma_flow as gf
from gamma_flow.cli import cli

pytest.importorskip("matplotlib")


def call(*arguments: object) -> Result:
    try:
        runner = CliRunner(mix_stderr=False)  # click before 8.2 has to be told
    except TypeError:
        runner = CliRunner()
    return runner.invoke(cli, ["explore", *(str(argument) for argument in arguments)])


@pytest.fixture
def data(labelled: gf.SpectrumSet, tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    for name in sorted(set(labelled.files)):
        gf.write(labelled[labelled.files == name], folder / name)
    return folder


def test_it_writes_numbers_and_plots_and_prints_a_table(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = call(data, "-o", out, "--examples", 2)
    assert done.exit_code == 0, done.output
    for words in ("least similar detectors", "most similar classes", "condition number", "3 sigma", "Cs137"):
        assert words in done.stdout
    assert {path.name for path in out.iterdir()} == {
        "explore.json",
        "explore-inventory.png",
        "explore-means-1.png",
        "explore-detectors.png",
        "explore-similarities.png",
        "explore-separability.png",
        "explore-examples-01.png",
        "explore-examples-02.png",
        "explore-examples-03.png",
    }
    found = json.loads((out / "explore.json").read_text(encoding="utf-8"))
    assert set(found) == {"axes", "inventory", "means", "similarities", "separability", "notes"}
    seen = [group["class"] for group in found["means"]["groups"]]
    assert seen == ["Am241"] * 2 + ["Cs137"] * 2 + ["background"] * 2
    assert found["separability"]["counts_enough"] < 100
    assert found["axes"] == 1


def test_in_json_it_prints_what_it_writes(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name in ("mine-1.png", "explore-means-2.png"):  # somebody's picture, and one left from a run before
        (out / name).touch()
    chosen = ("--classes", "Cs137,background", "--detector", "left")
    done = call(data, "-o", out, "--json", "--no-plots", *chosen)
    assert done.exit_code == 0, done.output
    printed = json.loads(done.stdout)
    assert printed == json.loads((out / "explore.json").read_text(encoding="utf-8"))
    assert {path.name for path in out.iterdir()} == {"explore.json", "mine-1.png"}
    assert printed["separability"] is None
    assert "fewer than two classes" in printed["notes"][-1]
    assert [group["detector"] for group in printed["means"]["groups"]] == ["left", "left"]


def test_several_axes_meet_on_that_of_the_most(data: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    more = gf.SpectrumSet(
        rng.poisson(20.0, (5, 25)),
        gf.Axis.linear(0, 1000, 25),
        labels=gf.Labels.of([["Co60"]] * 5),
        detector="roof",
    )
    gf.write(more, data / "Co60_roof.csv")
    done = call(data, "-o", tmp_path / "out", "--no-plots")
    assert done.exit_code == 0, done.output
    assert "from 2 axes" in done.stdout
    assert "Axis(50 bins" in done.stdout


def test_what_is_wrong_is_one_sentence(data: Path, tmp_path: Path) -> None:
    done = call(data, "-o", tmp_path / "out", "--classes", "nobody")
    assert done.exit_code == 1
    assert "class 'nobody': no spectrum is of this class" in done.stderr
    assert not (tmp_path / "out").exists()
    assert call(data, "-o", tmp_path / "out", "--subtract", "magic").exit_code == 2
    assert call("-o", tmp_path / "out").exit_code == 2
