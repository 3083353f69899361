"""Commands as a user calls them: in process, or as a process where signals and disks matter."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import gamma_flow as gf
from gamma_flow.cli import cli


def call(*arguments: object) -> Result:
    try:
        runner = CliRunner(mix_stderr=False)  # click before 8.2 has to be told
    except TypeError:
        runner = CliRunner()
    return runner.invoke(cli, [str(argument) for argument in arguments])


def succeed(*arguments: object) -> str:
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def fail(*arguments: object) -> str:
    """Call a command that has to end with one sentence and exit code 1; return the sentence."""
    result = call(*arguments)
    assert result.exit_code == 1, (result.exit_code, result.output, result.exception)
    lines = [line for line in result.stderr.splitlines() if line.startswith("gamma-flow: ")]
    assert len(lines) == 1, result.output
    assert "Traceback" not in result.output
    return lines[0]


@pytest.fixture
def data(labelled: gf.SpectrumSet, tmp_path: Path) -> Path:
    """A folder with one CSV file a class."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name in sorted(set(labelled.files)):
        gf.write(labelled[labelled.files == name], folder / name)
    return folder


@pytest.fixture
def model(data: Path, tmp_path: Path) -> Path:
    path = tmp_path / "model.gfm"
    succeed("train", data, "-o", path, "--energy-range", "40,")
    return path


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_run_writes_everything_and_prints_a_summary(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    text = succeed("run", data, "-o", out, "--noise", "0.2", "--no-report")
    assert "accuracy" in text
    assert {path.name for path in out.iterdir()} == {
        "prepared.npz",
        "model.gfm",
        "results.json",
        "results.csv",
        "evaluation.json",
        "settings.json",
    }
    evaluation = json.loads((out / "evaluation.json").read_text())
    assert set(evaluation) == {"training", "validation", "mixed", "noise"}
    keys = "n accuracy explained_variance exact incomplete extra both mean_multilabel_accuracy ordered auc"
    keys += " detectors unique interval"
    assert set(keys.split()) <= set(evaluation["mixed"])
    assert evaluation["mixed"]["exact"] == 1
    assert evaluation["noise"][0]["size"] == 0.2
    results = json.loads((out / "results.json").read_text())
    assert len(results) == 120
    assert len((out / "results.csv").read_text().splitlines()) == 121
    assert len(gf.read(out / "prepared.npz")) == 120
    (out / "prepared-2.npz").write_bytes(b"left from a run before")
    (out / "notes.txt").write_text("mine")
    succeed("run", data, "-o", out, "--noise", "0.2", "--no-report")
    assert not (out / "prepared-2.npz").exists()
    assert (out / "notes.txt").read_text() == "mine"
    again = tmp_path / "again"
    text = succeed("run", data, "-o", again, "--compare", out / "evaluation.json", "--no-report")
    assert "+0.00" in text


def test_run_ends_with_a_report_and_a_study(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    out = tmp_path / "out"
    succeed("run", data, "-o", out, "--noise-model", "leastsquares", "--study", "--bootstrap", "20")
    assert {path.name for path in out.iterdir()} >= {
        "report.html",
        "report.md",
        "report.json",
        "report-pictures",
    }
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert report["data"]["evaluation"] == json.loads((out / "evaluation.json").read_text())
    assert report["data"]["study"]["left_out"] == ["Am241", "Cs137"]
    assert report["made"]["with"].startswith("gamma-flow")
    pictures = {path.stem for path in (out / "report-pictures").iterdir()}
    assert {"templates", "study-thresholds"} <= pictures


def test_report_writes_up_data_with_a_model_that_there_is(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    model = tmp_path / "m.gfm"
    succeed("train", data, "-o", model, "--noise-model", "leastsquares")
    path = tmp_path / "r.html"
    text = succeed(
        "report", data, "-m", model, "-o", path, "-o", tmp_path / "r.json", "--no-study", "--title", "Mine"
    )
    assert str(path) in text
    assert "<title>Mine</title>" in path.read_text(encoding="utf-8")
    sections = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["sections"]
    assert "The model" in [section["title"] for section in sections]
    assert "not written in that format" in fail("report", data, "-m", model, "-o", tmp_path / "r.docx")
    assert not (tmp_path / "r.docx").exists()


def test_analyse_writes_a_report_on_single_spectra(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    model = tmp_path / "m.gfm"
    succeed("train", data, "-o", model, "--noise-model", "leastsquares")
    assert "for a few" in fail("analyse", data, "-m", model, "--report", tmp_path / "r.html")
    one = tmp_path / "one.npz"
    gf.write(gf.read(data)[:2], one)
    succeed("analyse", one, "-m", model, "--report", tmp_path / "r.html")
    assert (tmp_path / "r.html").read_text(encoding="utf-8").count("<section") == 3


def test_run_in_json_prints_the_evaluation(data: Path, tmp_path: Path) -> None:
    printed = json.loads(succeed("run", data, "-o", tmp_path / "out", "--json", "--no-report"))
    assert printed == json.loads((tmp_path / "out" / "evaluation.json").read_text())


def test_a_settings_file_defines_sets_and_flags_go_before_it(data: Path, tmp_path: Path) -> None:
    config = tmp_path / "gamma-flow.toml"
    config.write_text(
        '[train]\nseed = 5\nheld_out = 0.0\n[sets.left]\ndetector = "left"\n[sets.none]\nfile = "no*"\n'
    )
    out = tmp_path / "out"
    text = succeed("run", data, "-o", out, "--config", config, "--seed", 7, "--no-report")
    assert set(json.loads((out / "evaluation.json").read_text())) == {"left", "noise"}
    assert "'none' is empty" in text
    settings = json.loads((out / "settings.json").read_text())
    assert settings["train"]["seed"] == 7
    assert settings["train"]["held_out"] == 0


def test_prepare_train_analyse_evaluate_step_by_step(data: Path, tmp_path: Path) -> None:
    ready, model = tmp_path / "ready.npz", tmp_path / "m.gfm"
    succeed(
        "prepare", data, "-o", ready, "--axis", "0,25", "--channels", "40", "--axis-reference", "lower edge"
    )
    assert gf.read(ready).axis == gf.Axis.linear(0, 1000, 40)
    trained = json.loads(succeed("train", ready, "-o", model, "--classes", "Cs137,background", "--json"))
    assert trained["classes"] == {"Cs137": 24, "background": 24}
    found = json.loads(succeed("analyse", data / "Cs137_1.csv", "-m", model))
    assert len(found) == 30
    assert found[0]["present"][0] == "Cs137"
    assert succeed("analyse", data / "Cs137_1.csv", "-m", model, "--csv").startswith("origin,detector")
    text = succeed("evaluate", ready, "-m", model, "--detector", "left", "-o", tmp_path / "evaluation")
    assert "confusion" in text or "rows true" in text
    evaluation = json.loads((tmp_path / "evaluation" / "evaluation.json").read_text())
    assert list(evaluation["all"]["detectors"]) == ["left"]
    printed = json.loads(succeed("evaluate", ready, "-m", model, "--json"))
    assert printed["all"]["n"] == 120


def test_inspect_says_what_was_found(data: Path) -> None:
    text = succeed("inspect", data)
    assert "120 counts spectra on 50 channels" in text
    about = json.loads(succeed("inspect", data, "--json"))["sets"][0]
    assert about["labels"] == {"Am241": 30, "Cs137": 30, "background": 30, "Am241+Cs137+background": 30}
    assert about["detectors"] == {"left": 60, "right": 60}
    assert about["live_time_s"] == [1, 1, 1]


@pytest.mark.parametrize("ending", ["npz", "csv", "n42"])
def test_convert_keeps_counts_labels_and_times(data: Path, tmp_path: Path, ending: str) -> None:
    target = tmp_path / f"all.{ending}"
    succeed("convert", data, "-o", target)
    before, after = gf.read(data), gf.read(target)
    np.testing.assert_array_equal(after.values, before.values)
    assert after.labels.lists() == before.labels.lists()
    np.testing.assert_array_equal(after.live_time, before.live_time)
    assert after.detector.tolist() == before.detector.tolist()
    assert after.axis.matches(before.axis)


def test_convert_numbers_files_where_one_holds_one_spectrum(data: Path, tmp_path: Path) -> None:
    spectra = gf.read(data / "Cs137_1.csv")
    timed = gf.SpectrumSet(spectra.values, spectra.axis, live_time=np.ones(30), real_time=np.full(30, 1.1))
    gf.write(timed, tmp_path / "timed.csv")
    about = json.loads(succeed("convert", tmp_path / "timed.csv", "-o", tmp_path / "cs.spe", "--json"))
    assert [Path(row["file"]).name for row in about][:2] == ["cs-01.spe", "cs-02.spe"]
    np.testing.assert_array_equal(gf.read(tmp_path / "cs-03.spe").values, spectra.values[2:3])


def test_labels_come_from_names_or_a_table(data: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("Cs137", "background"):
        spectra = gf.read(data / f"{name}_{1 if name == 'Cs137' else 2}.csv")
        gf.write(gf.SpectrumSet(spectra.values, spectra.axis), bare / f"{name}_left.csv")
    pattern = r"(?P<labels>[^_/]+)_(?P<detector>[^_/]+)$"
    about = json.loads(succeed("inspect", bare, "--label-pattern", pattern, "--json"))["sets"][0]
    assert about["labels"] == {"Cs137": 30, "background": 30}
    assert about["detectors"] == {"left": 60}
    table = tmp_path / "labels.csv"
    table.write_text("file,labels,detector\nCs137_left.csv,Cs137+background,hall\n")
    about = json.loads(succeed("inspect", bare, "--table", table, "--json"))["sets"][0]
    assert about["labels"] == {"Cs137+background": 30, "(unlabelled)": 30}


# ------------------------------------------------------------------------------------------------- bad input


def test_wrong_and_empty_places(tmp_path: Path, model: Path) -> None:
    assert "no such file or folder" in fail("inspect", tmp_path / "nowhere")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "holds no files" in fail("run", empty, "-o", tmp_path / "out")
    assert "holds no files" in fail("analyse", empty, "-m", model)
    assert not (tmp_path / "out").exists()
    (empty / "zero.csv").write_bytes(b"")
    assert "empty" in fail("inspect", empty / "zero.csv")
    assert "no such file" in fail("inspect", tmp_path / "*.spe")


def test_a_file_of_another_kind(tmp_path: Path, model: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("Remember to measure the background.\nAnd to label it.\n")
    assert "not a spectrum file" in fail("analyse", notes, "-m", model)
    assert "notes.txt" in fail("analyse", notes, "-m", notes)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "notes.txt").write_text(notes.read_text())
    assert "none of the files is a spectrum file" in fail("inspect", folder)


def test_files_that_are_refused_are_reported_together(data: Path, tmp_path: Path) -> None:
    (data / "bad1.spe").write_text("$SPEC_ID:\nx\n$DATA:\n0 7\n1\n2\n")
    (data / "bad2.spe").write_text("$SPEC_ID:\nx\n$DATA:\n0 7\n1\n")
    (data / "notes.txt").write_text("Nothing to see here, only words and more words.\n")
    result = call("run", data, "-o", tmp_path / "out", "--no-report")
    assert result.exit_code == 1
    assert "2 files cannot be read" in result.stderr
    assert "bad1.spe" in result.stderr
    assert "bad2.spe" in result.stderr
    assert not (tmp_path / "out").exists()
    seen = call("inspect", data)
    assert seen.exit_code == 1
    assert "120 counts spectra" in seen.stdout
    assert "bad1.spe" in seen.stderr
    assert call("inspect", data, "--skip-refused").exit_code == 0
    assert len(json.loads(call("inspect", data, "--json").stdout)["refused"]) == 2
    result = call("run", data, "-o", tmp_path / "out", "--skip-refused", "--no-report")
    assert result.exit_code == 0
    assert "bad1.spe" in result.stderr
    assert "notes.txt" in result.stderr


def test_several_axes_without_a_common_one(data: Path, labelled: gf.SpectrumSet, tmp_path: Path) -> None:
    other = gf.SpectrumSet(labelled.values, gf.Axis.linear(0, 2000, 50), labels=labelled.labels)
    gf.write(other, data / "other.npz")
    sentence = fail("prepare", data, "-o", tmp_path / "ready.npz")
    assert "2 different axes" in sentence
    assert "--axis" in sentence
    wave = gf.SpectrumSet(labelled.values, gf.Axis.linear(400, 4000, 50, "cm-1"), labels=labelled.labels)
    gf.write(wave, data / "wave.npz")
    assert "different units" in fail("train", data, "-o", tmp_path / "m.gfm")


def test_labels_nobody_trained_and_labels_nobody_gave(data: Path, model: Path, tmp_path: Path) -> None:
    assert "nobody labelled this class" in fail("train", data, "-o", tmp_path / "m.gfm", "--classes", "Co60")
    strange = tmp_path / "strange.npz"
    spectra = gf.read(data / "Cs137_1.csv")
    gf.write(spectra.relabelled(gf.Labels.of([["Xe133"]] * 30)), strange)
    assert "no labelled spectrum is left" in fail("evaluate", strange, "-m", model)
    gf.write(gf.SpectrumSet(spectra.values, spectra.axis), strange)
    assert "no labelled spectrum is left" in fail("evaluate", strange, "-m", model)
    assert "no pure spectra" in fail("train", strange, "-o", tmp_path / "m.gfm")


def test_a_class_with_one_spectrum(data: Path, tmp_path: Path) -> None:
    spectra = gf.read(data)
    few = gf.SpectrumSet.concatenate(
        [spectra.where(file="Am*_0*")[:1], spectra.where(file=["Cs137_*", "background_*"])]
    )
    gf.write(few, tmp_path / "few.npz")
    sentence = fail("train", tmp_path / "few.npz", "-o", tmp_path / "m.gfm")
    assert "class 'Am241'" in sentence
    assert "one spectrum" in sentence
    assert not (tmp_path / "m.gfm").exists()
    result = call("train", tmp_path / "few.npz", "-o", tmp_path / "m.gfm", "--held-out", 0)
    assert result.exit_code == 0


def test_zero_counts_nan_and_negative_counts(model: Path, tmp_path: Path) -> None:
    axis = gf.Axis.linear(0, 1000, 50)
    gf.write(gf.SpectrumSet(np.zeros((1, 50)), axis), tmp_path / "dark.npz")
    assert "hold nothing" in fail("analyse", tmp_path / "dark.npz", "-m", model)
    some = gf.SpectrumSet(np.r_[np.zeros((1, 50)), np.ones((1, 50))], axis)
    gf.write(some, tmp_path / "some.npz")
    result = call("analyse", tmp_path / "some.npz", "-m", model)
    assert result.exit_code == 1
    assert "1 spectra hold nothing" in result.stderr
    assert len(json.loads(result.stdout)) == 2
    rows = "\n".join(",".join(["1"] * 49 + [last]) for last in ("nan", "2", "3")) + "\n"
    (tmp_path / "nan.csv").write_text(rows)
    assert "nan.csv" in fail("analyse", tmp_path / "nan.csv", "-m", model)
    (tmp_path / "minus.csv").write_text(rows.replace("nan", "-4"))
    sentence = fail("analyse", tmp_path / "minus.csv", "-m", model, "--kind", "counts")
    assert "negative counts" in sentence
    assert "--signed" in sentence


def test_a_model_of_another_unit(model: Path, tmp_path: Path) -> None:
    wave = gf.SpectrumSet(np.ones((2, 50)), gf.Axis.linear(400, 4000, 50, "cm-1"))
    gf.write(wave, tmp_path / "wave.npz")
    sentence = fail("analyse", tmp_path / "wave.npz", "-m", model)
    assert (
        "the model lives on Axis(50 bins, 0..1000 keV), the spectra on Axis(50 bins, 400..4000 cm-1)"
        in sentence
    )


def test_no_model_a_cut_model_and_something_else(data: Path, model: Path, tmp_path: Path) -> None:
    assert "cannot be read" in fail("analyse", data, "-m", tmp_path / "none.gfm")
    whole = model.read_bytes()
    model.write_bytes(whole[: len(whole) // 2])
    assert "model.gfm" in fail("analyse", data, "-m", model)
    assert "Cs137_1.csv" in fail("analyse", data, "-m", data / "Cs137_1.csv")


def test_settings_with_a_misspelt_key(data: Path, tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text("[train]\nenergy_rang = [1, 2]\n")
    sentence = fail("run", data, "-o", tmp_path / "out", "--config", config)
    assert "there is no setting 'energy_rang'; did you mean energy_range" in sentence
    config.write_text("[train\n")
    assert "no valid TOML" in fail("run", data, "-o", tmp_path / "out", "--config", config)
    assert "unknown preset" in fail("run", data, "-o", tmp_path / "out", "--preset", "other")


@pytest.mark.parametrize(
    "arguments",
    [["analyse"], ["nothing"], ["run", "x"], ["train", "x", "-o", "y", "--energy-range", "a,b"],
     ["prepare", "x", "-o", "y", "--axis", "1,two"], ["run", "x", "-o", "y", "--kind", "volts"]],
)  # fmt: skip
def test_a_wrong_call_is_exit_code_2(arguments: list[str]) -> None:
    assert call(*arguments).exit_code == 2


def test_every_command_has_help() -> None:
    for name in ("analyse", "convert", "evaluate", "inspect", "lines", "nuclide", "prepare", "run", "train"):
        assert "--json" in succeed(name, "--help")
    assert "gamma-flow" in succeed("--version")


def test_names_and_numbers_that_nothing_bears(data: Path, tmp_path: Path) -> None:
    out = ["-o", tmp_path / "m.gfm"]
    assert "no pure spectrum is of this detector" in fail("train", data, *out, "--train-on", "Left")
    assert "nobody labelled the background class" in fail("train", data, *out, "--background", "floor")
    assert "out of range" in fail("train", data, *out, "--seed", -1)
    assert "out of range" in fail("train", data, *out, "--held-out", 2)
    assert "out of range" in fail("prepare", data, *out, "--axis", "0,1", "--channels", 10**12)
    assert "out of range" in fail(
        "prepare", data, *out, "--axis", "0,20", "--channels", 50, "--allow-cut", "nan"
    )
    assert "out of range" in fail("run", data, "-o", tmp_path / "out", "--noise", "nan")
    config = tmp_path / "c.toml"
    config.write_text('[sets.noise]\ndetector = "left"\n')
    assert "no set can be called 'noise'" in fail("run", data, "-o", tmp_path / "out", "--config", config)
    config.write_text('[evaluate]\nnoise_sets = ["zz"]\n[sets.left]\ndetector = "left"\n')
    assert "not there" in fail("run", data, "-o", tmp_path / "out", "--config", config)
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "m.gfm").exists()


def test_an_axis_that_cuts_too_much_is_refused_in_either_way(data: Path, tmp_path: Path) -> None:
    for method in ("conserve", "interpolate"):
        axis = ["--axis", "500,10", "--channels", 40, "--method", method]
        assert "cuts too many counts" in fail("prepare", data, "-o", tmp_path / "r.npz", *axis)
        succeed("prepare", data, "-o", tmp_path / "r.npz", *axis, "--allow-cut", 1)
        assert gf.read(tmp_path / "r.npz").meta["underflow"].sum() > 0


def test_counts_and_intensities_are_told_apart(data: Path, tmp_path: Path) -> None:
    spectra = gf.read(data / "Cs137_1.csv")
    mixed = gf.SpectrumSet(spectra.values + 0.5, spectra.axis, "intensity")
    gf.write(mixed, data / "other.csv")
    assert "some files hold counts, others intensities" in fail("prepare", data, "-o", tmp_path / "r.npz")
    assert "some files hold counts" in fail("train", data, "-o", tmp_path / "m.gfm")
    with pytest.raises(gf.GammaFlowError, match="some files hold counts"):
        gf.read(data)


def test_a_relative_table_is_meant_from_the_settings_file(data: Path, tmp_path: Path) -> None:
    (tmp_path / "settings").mkdir()
    (tmp_path / "settings" / "labels.csv").write_text("file,labels\nCs137_1.csv,Xe133\n")
    config = tmp_path / "settings" / "c.toml"
    config.write_text('[read]\ntable = "labels.csv"\n')
    about = json.loads(succeed("inspect", data / "Cs137_1.csv", "--config", config, "--json"))
    assert about["sets"][0]["labels"] == {"Xe133": 30}


def test_seen_spectra_are_known_however_their_path_is_typed(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "m.gfm"
    succeed("train", data, "-o", model)
    shutil.make_archive(str(tmp_path / "packed"), "zip", data)
    config = tmp_path / "c.toml"
    config.write_text(
        '[sets.seen]\npart = "training"\n[sets.back]\npart = "held out"\n[sets.new]\npart = "other"\n'
    )
    monkeypatch.chdir(tmp_path)
    for path in (data, "data", "./data/../data", "packed.zip"):
        printed = json.loads(succeed("evaluate", path, "-m", model, "--config", config, "--json"))
        assert {name: part["n"] for name, part in printed.items() if name != "noise"} == {
            "seen": 72,
            "back": 18,
            "new": 30,
        }
    result = call("evaluate", "data", "-m", model)
    assert "72 of these spectra made the templates (18 were held out)" in result.stderr


def test_a_run_does_not_read_its_own_results(data: Path) -> None:
    out = data / "out"
    succeed("run", data, "-o", out, "--no-report")
    first = json.loads((out / "evaluation.json").read_text())
    succeed("run", data, "-o", out, "--no-report")
    assert json.loads((out / "evaluation.json").read_text()) == first


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_an_output_that_cannot_be_written_is_one_sentence(data: Path, model: Path) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "gamma_flow", "analyse", str(data), "-m", str(model)]
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60
        )
    assert done.returncode == 1
    assert "the output cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


# ------------------------------------------------------------------------------- what was there before stays


def process(*arguments: object, **options: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "gamma_flow", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)  # type: ignore[call-overload, no-any-return]


def small_disk() -> None:
    """Let files of this process grow to 1 kB only: the write fails as on a full disk."""
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not limit the size of files")
def test_a_full_disk_leaves_what_was_there_before(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    succeed("run", data, "-o", out, "--no-report")
    before = content(out)
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    for arguments in (
        ["run", data, "-o", out, "--seed", "9", "--no-report"],
        ["convert", data, "-o", out / "prepared.npz"],
        ["train", data, "-o", out / "model.gfm"],
    ):
        running = process(*arguments, preexec_fn=small_disk, env=environment)
        _, said = running.communicate(timeout=60)
        assert running.returncode == 1, said
        assert "cannot be written" in said
        assert "Traceback" not in said
        assert content(out) == before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_ctrl_c_in_the_middle_leaves_what_was_there_before(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    succeed("run", data, "-o", out, "--no-report")
    before = content(out)
    noise = [part for number in range(3000) for part in ("--noise", str(0.1 + number * 1e-4))]
    running = process("run", data, "-o", out, "--seed", "9", "--no-report", *noise)
    time.sleep(4)
    assert running.poll() is None, "the run ended before it could be interrupted"
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 1, said
    assert "interrupted; nothing was written" in said
    assert "Traceback" not in said
    assert content(out) == before


def test_a_folder_in_the_way_of_a_result_leaves_what_was_there_before(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "results.csv").mkdir(parents=True)
    (out / "evaluation.json").write_text("old")
    (out / "model.gfm").write_text("old")
    sentence = fail("run", data, "-o", out, "--no-report")
    assert "results.csv" in sentence
    assert ".part" not in sentence
    assert content(out) == {"evaluation.json": b"old", "model.gfm": b"old"}
    assert [path.name for path in sorted(out.iterdir())] == ["evaluation.json", "model.gfm", "results.csv"]
