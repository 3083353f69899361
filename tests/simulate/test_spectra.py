"""simulate(), scenes, the example, models from the library."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import gamma_flow as gf
from gamma_flow.cli import cli
from gamma_flow.errors import DataError, SettingsError, TrainingError
from gamma_flow.simulate import (
    Scene,
    detector,
    expected_rates,
    radon_spectra,
    read_scene,
    simulate,
    train_from_library,
)
from gamma_flow.simulate.example import ISOTOPES, example

ROOT = Path(__file__).resolve().parents[2]
RNG = np.random.default_rng


def scene(path: Path, text: str) -> Scene:
    (path / "scene.toml").write_text(text, encoding="utf-8")
    return read_scene(path / "scene.toml")


def test_amounts_are_expected_counts() -> None:
    made = simulate({"Cs137": 1e5, "Co60": 2e5}, "NaI-3x3", live_time=[10.0, 20.0], rng=RNG(1))
    labels = made.spectra.labels
    assert labels.classes == ("Co60", "Cs137", "background")
    assert labels.amounts is not None
    assert labels.amounts.sum(axis=1) == pytest.approx(made.expected.sum(axis=1))
    assert labels.amounts[1] == pytest.approx(2 * labels.amounts[0])
    alone = 10 * 1e5 * expected_rates("Cs137", "NaI-3x3").sum()
    assert labels.amounts[0, 1] == pytest.approx(alone)


def test_the_order_of_sources_changes_no_expectation() -> None:
    one = simulate({"Cs137": 1e5, "Co60": 2e5}, "NaI-2x2", rng=RNG(1))
    other = simulate({"Co60": 2e5, "Cs137": 1e5}, "NaI-2x2", rng=RNG(1))
    assert one.expected == pytest.approx(other.expected)


def test_count_rate_sets_the_sources_alone() -> None:
    made = simulate(["Am241", "Cs137"], "NaI-3x3", count_rate=100.0, rng=RNG(1))
    assert made.rates["Am241"].sum() == pytest.approx(50.0)
    assert made.rates["Cs137"].sum() == pytest.approx(50.0)


def test_dead_time_and_pile_up() -> None:
    probe = detector("NaI-3x3").changed(dead_time=1e-5, resolving_time=1e-6)
    made = simulate("Cs137", probe, count_rate=5000.0, background=None, rng=RNG(1))
    assert made.spectra.real_time == pytest.approx(1 + 5000 * 1e-5)
    merged = -np.expm1(-5000 * 1e-6)
    assert made.expected.sum() == pytest.approx(5000 * (1 - merged), rel=1e-4)
    above = made.expected[0, probe.axis.centres > 760]
    assert above.sum() > 0


def test_bad_calls_say_what_is_wrong() -> None:
    with pytest.raises(DataError, match="names alone do not say"):
        simulate("Cs137", "NaI-3x3", rng=RNG(1))
    with pytest.raises(DataError, match="not negative"):
        simulate({"Cs137": -1.0}, "NaI-3x3", rng=RNG(1))
    with pytest.raises(DataError, match="live time has to be positive"):
        simulate({"Cs137": 1.0}, "NaI-3x3", live_time=0.0, rng=RNG(1))


PASS = """
seed = 3
[detector]
name = "NaI-2x2"
channels = 256
[[pass]]
nuclides = { Cs-137 = 1e8 }
closest = 300.0
speed = 5.0
before = 30.0
after = 30.0
"""


def test_a_passing_source_gives_poisson_frames(tmp_path: Path) -> None:
    made = scene(tmp_path, PASS).draw()
    spectra = made.spectra
    assert len(spectra) == 60
    assert spectra.live_time.sum() == pytest.approx(60.0)
    assert (spectra.run == spectra.run[0]).all()
    seen = made.expected > 0
    pearson = ((spectra.values - made.expected)[seen] ** 2 / made.expected[seen]).sum()
    sigma = np.sqrt((2 + 1 / made.expected[seen]).sum())
    assert abs(pearson - seen.sum()) < 5 * sigma
    amounts = spectra.labels.amounts
    assert amounts is not None
    source = amounts[:, spectra.labels.classes.index("Cs-137")]
    assert np.argmax(source) in (29, 30)
    assert source == pytest.approx(source[::-1])  # it comes as it goes
    # a frame at 25 s is 125 m away, one at closest approach 3 m
    assert not spectra.labels.has("Cs-137")[0]
    assert spectra.labels.has("Cs-137")[30]


def test_rates_of_a_pass_fall_as_the_square(tmp_path: Path) -> None:
    # no label threshold: amounts of every frame
    made = scene(tmp_path, PASS + "labelled_from = 0.0\n").draw()
    amounts = made.spectra.labels.amounts
    assert amounts is not None
    source = amounts[:, 0]
    distance = np.hypot(3.0, 5.0 * (np.arange(60) - 29.5))
    far = (distance > 20) & (distance < 100)
    squared = (source * distance**2)[far]
    assert squared.max() / squared.min() < 1.1


def test_drift_follows_the_scene(tmp_path: Path) -> None:
    made = scene(
        tmp_path,
        """
[detector]
name = "LaBr3-1.5x1.5"
[background]
on = false
[drift]
gain_per_hour = 0.05
[[static]]
nuclides = ["Cs-137"]
count_rate = 1e5
live_time = 360.0
n = 10
""",
    ).draw()
    energy = made.spectra.axis.centres
    near = (energy > 600) & (energy < 740)
    peaks = (made.expected[:, near] * energy[near]).sum(axis=1) / made.expected[:, near].sum(axis=1)
    gain = made.spectra.meta["drift_gain"]
    assert gain == pytest.approx(1 + 0.05 * (np.arange(10) + 0.5) * 0.1)
    assert peaks / peaks[0] == pytest.approx(gain / gain[0], rel=0.002)
    assert made.expected.sum(axis=1) == pytest.approx(made.expected[0].sum(), rel=1e-3)


def test_pile_up_in_a_scene(tmp_path: Path) -> None:
    plain = PASS.replace("1e8", "1e9")
    piled = plain.replace('name = "NaI-2x2"', 'name = "NaI-2x2"\nresolving_time = 1e-6')
    one, two = scene(tmp_path, plain).draw().expected, scene(tmp_path, piled).draw().expected
    closest = one.sum(axis=1).argmax()
    merged = -np.expm1(-one[closest].sum() * 1e-6)
    assert two[closest].sum() == pytest.approx(one[closest].sum() * (1 - merged), rel=1e-3)


def test_scenes_are_reproducible(tmp_path: Path) -> None:
    read = read_scene(ROOT / "examples" / "scene.toml")
    one, two = read.draw().spectra, read.draw().spectra
    assert np.array_equal(one.values, two.values)
    assert not np.array_equal(one.values, read.draw(RNG(99)).spectra.values)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed = 3", "sede = 3", "did you mean seed"),
        ("closest", "closet", "did you mean closest"),
        ("speed = 5.0", "speed = 0.0", "speed has to be positive"),
        ("Cs-137", "Cx-137", "did you mean"),
        ("1e8", "-1e8", "not negative"),
        ("closest = 300.0", "closest = 1.0", "passes too near"),
        ("NaI-2x2", "NaI-2x2x2", "did you mean"),
        (
            "after = 30.0",
            'after = 30.0\nshields = [{ material = "lead", thickness = 9.0 }]',
            "thicker than tabulated",
        ),
    ],
)
def test_bad_scenes_get_one_sentence(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in PASS
    path = tmp_path / "scene.toml"
    path.write_text(PASS.replace(old, new), encoding="utf-8")
    result = CliRunner().invoke(cli, ["simulate", str(path), "-o", str(tmp_path / "set.npz")])
    assert result.exit_code == 1
    assert message in result.output
    assert not (tmp_path / "set.npz").exists()


def test_an_empty_scene_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="empty"):
        scene(tmp_path, "seed = 1\n")


def test_the_command_writes_what_read_reads(tmp_path: Path) -> None:
    out = tmp_path / "set.npz"
    result = CliRunner().invoke(
        cli, ["simulate", str(ROOT / "examples" / "scene.toml"), "-o", str(out), "--json"]
    )
    assert result.exit_code == 0, result.output
    again = gf.read(out)
    assert len(again) == 160
    assert again.labels.classes == ("Am-241", "Co-60", "Cs-137", "Eu-152", "background")


def test_the_example_is_what_it_says() -> None:
    drawn = example()
    assert sum(len(part) for part in drawn.values()) == 5000
    again = example()
    assert all(np.array_equal(part.values, again[name].values) for name, part in drawn.items())
    assert {str(part.detector[0]) for part in drawn.values()} == {"simulated", "left", "right"}
    assert len({part.axis for part in drawn.values()}) == 3


def test_run_without_a_path_runs_the_example(tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = CliRunner().invoke(cli, ["run", "-o", str(out), "--bootstrap", "0", "--no-report"])
    assert result.exit_code == 0, result.output
    model = gf.Model.load(out / "model.gfm")
    assert model.templates.classes == (*ISOTOPES, "background")
    unknown = example()["unknown_left"]
    known = example()["Cs137_left"]
    strange = np.median(model.analyse(unknown).similarity)
    assert strange < np.median(model.analyse(known).similarity)


def test_a_model_from_the_library_finds_its_source(tmp_path: Path) -> None:
    path = tmp_path / "model.gfm"
    arguments = ["train", "--nuclides", "Cs-137,Co-60,Am-241", "--detector", "NaI-3x3", "-o", str(path)]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    model = gf.Model.load(path)
    made = simulate("Cs137", "NaI-3x3", count_rate=300.0, live_time=10.0, n=20, rng=RNG(11))
    assert model.analyse(made.spectra).names() == [["Cs-137", "background"]] * 20


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--nuclides", "Cx-137", "--detector", "NaI-3x3"], 1, "did you mean"),
        (["--nuclides", "Cs-137", "--detector", "NaI-9x9"], 1, "unknown detector"),
        (["--nuclides", "Cs-137"], 2, "need --detector"),
        (["somewhere", "--nuclides", "Cs-137", "--detector", "NaI-3x3"], 2, "either PATHS or --nuclides"),
        ([], 2, "either PATHS or --nuclides"),
        (["somewhere", "--radon"], 2, "need --detector"),
        (["somewhere", "--detector", "NaI-3x3"], 2, "need --detector"),
    ],
)
def test_bad_library_models(tmp_path: Path, arguments: list[str], code: int, message: str) -> None:
    result = CliRunner().invoke(cli, ["train", *arguments, "-o", str(tmp_path / "model.gfm")])
    assert result.exit_code == code
    assert message in result.output


def test_a_nuclide_cannot_be_named_twice() -> None:
    with pytest.raises(TrainingError, match="each once"):
        train_from_library(["Cs137", "Cs137"], "NaI-3x3")


def test_radon_is_a_class_of_its_own(tmp_path: Path) -> None:
    """Simulated, and added to measured spectra, also where training takes some detectors alone."""
    arguments = ["train", "--nuclides", "I-131", "--detector", "NaI-3x3", "--radon", "--nulls", "300"]
    result = CliRunner().invoke(cli, [*arguments, "-o", str(tmp_path / "a.gfm")])
    assert result.exit_code == 0, result.output
    assert gf.Model.load(tmp_path / "a.gfm").classes == ("I-131", "radon", "background")
    made = simulate("Cs137", "NaI-2x2", count_rate=300.0, live_time=100.0, n=20, background=False, rng=RNG(1))
    gf.write(made.spectra, tmp_path / "cs.npz")
    arguments = ["train", str(tmp_path / "cs.npz"), "--detector", "NaI-3x3", "--radon", "--nulls", "300"]
    result = CliRunner().invoke(cli, [*arguments, "--train-on", "NaI-2x2", "-o", str(tmp_path / "b.gfm")])
    assert result.exit_code == 0, result.output
    mixed = gf.Model.load(tmp_path / "b.gfm")
    assert mixed.classes == ("Cs137", "radon")
    assert mixed.templates.axis == made.spectra.axis
    shape = mixed.templates.shapes[1]
    centres = mixed.templates.axis.centres
    window = shape[(centres > 320) & (centres < 385)].sum(), shape[(centres > 400) & (centres < 465)].sum()
    assert window[0] > 1.5 * window[1]  # the line of Pb-214 at 352 keV


def test_radon_needs_energies() -> None:
    with pytest.raises(DataError, match="radon is simulated on energies"):
        radon_spectra("NaI-3x3", gf.Axis.points([1.0, 2.0, 3.0], "nm"), rng=RNG(1))
