"""``gamma-flow study`` as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import gamma_flow as gf
from gamma_flow.cli import cli
from unknowns import drawn


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def succeed(*arguments: object) -> str:
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Spectra and a model of least squares."""
    out = tmp_path_factory.mktemp("study")
    gf.write(drawn(3, 20), out / "ready.npz")
    succeed(
        "train",
        out / "ready.npz",
        "-o",
        out / "nai.gfm",
        "--train-on",
        "simulated",
        "--noise-model",
        "leastsquares",
    )
    return out


def test_a_cut_goes_into_the_model_and_is_used(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "nai2.gfm"
    told = succeed(
        "study",
        folder / "ready.npz",
        "-m",
        folder / "nai.gfm",
        "--recall",
        "0.9",
        "--feature",
        "cosine",
        "-o",
        out,
    )
    assert "what the cut centred_similarity <= " in told
    assert "Mystery" in told
    assert "chosen by recall 0.9" in told
    rule = gf.Model.load(out).unknown_rule
    assert rule is not None
    assert (rule.feature, rule.chosen) == ("centred_similarity", "recall 0.9")
    assert rule.recall is not None
    assert rule.recall >= 0.9
    assert gf.Model.load(folder / "nai.gfm").unknown_rule is None
    records = json.loads(succeed("analyse", folder / "ready.npz", "-m", out, "--json"))
    assert {record["novel"] for record in records} <= {True, False}
    monkeypatch.setattr("gamma_flow.cli.analyse.on_terminal", lambda: True)
    shown = succeed("analyse", folder / "ready.npz", "-m", out, "--show", "80")
    assert "novel" in shown
    assert shown.count("yes") == sum(record["novel"] for record in records[:80])


def test_all_ways_to_choose_and_a_report(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    common = ("study", folder / "ready.npz", "-m", folder / "nai.gfm")
    report = tmp_path / "report"
    found = {}
    for how in "abc":
        more = ("--report", report, "--noise", "0.3") if how == "b" else ()
        found[how] = json.loads(succeed(*common, "--choose", how, "--json", *more))
    assert [found[how]["rule"]["chosen"] for how in "abc"] == ["tree", "logistic", "accuracy"]
    assert found["a"]["rule"]["feature"] == found["a"]["tree"]["nodes"][0]["feature"]
    assert found["b"]["sigmoid"]["midpoint"] == found["b"]["rule"]["threshold"]
    assert found["b"]["noise"][1]["size"] == 0.3
    assert found["c"]["real"]["unknown"] == 10
    assert found["c"]["model"] is None
    names = {"appearance", "feature", "importance", "noise", "roc", "sigmoid", "thresholds", "tree"}
    names.add("tree-confusion")
    assert {path.name for path in report.iterdir()} == {"study.json", *(f"{name}.png" for name in names)}
    assert json.loads((report / "study.json").read_text())["rule"]["feature"] == found["b"]["rule"]["feature"]


def test_the_papers_protocol_takes_all_spectra(folder: Path) -> None:
    told = json.loads(
        succeed(
            "study", folder / "ready.npz", "-m", folder / "nai.gfm", "--paper", "--json",
            "--false-positive-rate", "0.05", "--left-out", "Nu100,Nu101",
        )
    )  # fmt: skip
    assert (told["known"], told["unknown"]) == (120, 40)
    assert told["left_out"] == ["Nu100", "Nu101"]
    assert "similarity" not in told["features"]
    assert told["simulated"]["false_positive_rate"] <= 0.05


def test_wrong_calls_and_bad_input_are_told_in_one_sentence(folder: Path, tmp_path: Path) -> None:
    common = ("study", folder / "ready.npz", "-m", folder / "nai.gfm")
    assert call(*common, "--choose", "a", "--recall", "0.9").exit_code == 2
    assert call("study", folder / "ready.npz").exit_code == 2
    unlabelled = tmp_path / "unlabelled.npz"
    gf.write(drawn(2, 4).relabelled(gf.Labels.none(16)), unlabelled)
    for arguments, sentence in (
        ((*common, "--recall", "1.5"), "a rate is out of range"),
        ((*common, "--recall", "0.9", "--false-positive-rate", "0.1"), "chosen by one wish"),
        ((*common, "--feature", "novelty"), "no such feature"),
        ((*common, "--left-out", "Xx"), "not trained"),
        (("study", unlabelled, "-m", folder / "nai.gfm"), "no pure spectra of the model's classes"),
    ):
        result = call(*arguments, "-o", tmp_path / "never.gfm")
        assert result.exit_code == 1, result.output
        assert sentence in result.output
        assert "Traceback" not in result.output
    assert not (tmp_path / "never.gfm").exists()
    told = json.loads(succeed(*common, "--real-known", "--false-positive-rate", "0.1", "--json"))
    assert told["simulated"]["known"] == told["real"]["known"] == 10
    told = succeed("study", folder / "ready.npz", "-m", folder / "nai.gfm", "--false-positive-rate", "0.1")
    assert "written to" not in told


def test_without_real_unknowns_it_says_so(tmp_path: Path) -> None:
    gf.write(drawn(2, 15, unknown=False), tmp_path / "ready.npz")
    succeed("train", tmp_path / "ready.npz", "-o", tmp_path / "m.gfm", "--noise-model", "leastsquares")
    told = succeed("study", tmp_path / "ready.npz", "-m", tmp_path / "m.gfm")
    assert "the cut is untried on such" in told
