"""The paper's own data, where they are present: its figures, and what must hold on them."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import gamma_flow as gf
from gamma_flow.cli import cli
from gamma_flow.errors import TrainingWarning
from gamma_flow.io.naming import Naming
from gamma_flow.io.reading import Found, scan
from gamma_flow.numerics.unmix import kkt_violation, nnls
from gamma_flow.settings import load_settings
from gamma_flow.workflow import prepare, train_on

POINTS = 0.003  # a figure counts as reproduced within 0.3 points


@pytest.fixture(scope="module")
def archive(shared_data: Path) -> Path:
    return shared_data / "bfs" / "example_dataset.zip"


@pytest.fixture(scope="module")
def evaluation(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("bfs") / "out"
    result = CliRunner().invoke(
        cli, ["run", str(archive), "--preset", "paper", "-o", str(out), "--no-report"]
    )
    assert result.exit_code == 0, result.output
    loaded: dict[str, Any] = json.loads((out / "evaluation.json").read_text())
    return loaded


@pytest.fixture(scope="module")
def found(archive: Path) -> Found:
    return scan(archive, naming=Naming(aliases={"Unat": "UNat"}))


def test_sets_have_the_sizes_of_the_protocol(evaluation: dict[str, Any]) -> None:
    sizes = {name: part["n"] for name, part in evaluation.items() if name != "noise"}
    assert sizes == {
        "training": 4895,
        "validation": 1224,
        "T0": 8218,
        "T1": 6992,
        "multi": 1157,
        "unknowns": 127,
    }
    assert evaluation["T1"]["unique"]["n"] == 5385
    assert evaluation["multi"]["unique"]["n"] == 897


@pytest.mark.parametrize(
    ("name", "figure", "value"),
    [
        ("training", "explained_variance", 0.910),
        ("validation", "explained_variance", 0.912),
        ("validation", "accuracy", 0.998),
        ("T0", "accuracy", 0.9551),
        ("T0", "explained_variance", 0.953),
        ("T1", "accuracy", 0.9472),
        ("multi", "mean_multilabel_accuracy", 0.817),
        ("multi", "exact", 0.712),
        ("multi", "incomplete", 0.263),
        ("multi", "extra", 0.025),
        ("multi", "both", 0.0),
    ],
)
def test_the_papers_figures_are_reproduced(
    evaluation: dict[str, Any], name: str, figure: str, value: float
) -> None:
    assert evaluation[name][figure] == pytest.approx(value, abs=POINTS)


def test_detectors_ordered_lists_and_errors_are_reproduced(evaluation: dict[str, Any]) -> None:
    accuracy = {name: part["accuracy"] for name, part in evaluation["T1"]["detectors"].items()}
    assert accuracy == {"left": pytest.approx(0.974, abs=POINTS), "right": pytest.approx(0.920, abs=POINTS)}
    ordered = {"exact": 0.614, "incomplete": 0.263, "extra": 0.025, "both": 0.099}
    assert evaluation["multi"]["ordered"] == pytest.approx(ordered, abs=POINTS)
    assert (evaluation["T1"]["missed"], evaluation["T1"]["false_alarms"]) == (188, 181)
    assert evaluation["unknowns"]["unknown_labels"] == {"U233CERN": 58, "UNat": 69}
    assert {row["set"] for row in evaluation["noise"]} == {"T1", "multi"}
    lo, hi = evaluation["T1"]["interval"]["accuracy"]
    assert lo < evaluation["T1"]["accuracy"] < hi


def test_two_or_more_isotopes_are_exact_as_often_as_in_the_paper(found: Found) -> None:
    settings = load_settings(preset="paper")
    (spectra,) = prepare(found.sets, settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrainingWarning)
        model = train_on((spectra,), settings)
    known = ~spectra.mask(label=["UNat", "U233CERN"])
    several = spectra[spectra.mask(file="multi-class_*") & known & (spectra.labels.sources >= 2)]
    assert len(several) == 528
    assert gf.evaluate(model.analyse(several), several).exact == pytest.approx(0.447, abs=POINTS)


def test_the_data_live_on_six_axes_and_lose_few_counts_on_one(found: Found) -> None:
    assert len(found.sets) == 6
    assert len(found) == 14395
    axis = gf.Axis.polynomial([-12.0, 8.15, 0.0012], 256, reference="centre")
    for part in found.sets:
        moved = part.onto(axis, allow_cut=0.02)
        back = moved.total + moved.meta["underflow"] + moved.meta["overflow"]
        np.testing.assert_allclose(back, part.total, rtol=1e-12)


def test_scores_are_those_of_scipy_on_all_spectra(found: Found) -> None:
    optimize = pytest.importorskip("scipy.optimize")
    settings = load_settings(preset="paper")
    (spectra,) = prepare(found.sets, settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrainingWarning)
        model = train_on((spectra,), settings)
    active = model.templates.active
    templates, values = model.templates.shapes[:, active], spectra.values[:, active]
    assert np.linalg.cond(templates) < 1e3
    scores = nnls(values, templates)
    expected = np.array([optimize.nnls(templates.T, row)[0] for row in values])
    norm = np.linalg.norm(values, axis=1)
    assert (np.abs(scores - expected).max(axis=1) <= 1e-8 * expected.max(axis=1)).all()
    ours = np.linalg.norm(values - scores @ templates, axis=1)
    theirs = np.linalg.norm(values - expected @ templates, axis=1)
    assert (np.abs(ours - theirs) <= 1e-9 * norm).all()
    assert (kkt_violation(values, templates, scores) <= 1e-9).all()


def test_a_swapped_label_is_named_among_the_worst(found: Found) -> None:
    simulated = next(part for part in found.sets if set(part.detector) == {"simulated"})
    lists = simulated.labels.lists()
    row = int(np.flatnonzero(simulated.mask(file="Co60_simulated"))[100])
    lists[row] = ["Am241"]
    with pytest.warns(TrainingWarning, match=r"the worst first: Co60_simulated\.npy#100 \(labelled Am241"):
        gf.train(simulated.relabelled(gf.Labels.of(lists)), energy_range=(45, None))


def test_each_detector_on_its_own_axis_agrees_with_the_paper_within_a_point(
    archive: Path, evaluation: dict[str, Any], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    result = CliRunner().invoke(
        cli,
        [
            "run",
            str(archive),
            "-o",
            str(out),
            "--energy-range",
            "41,",
            "--noise-model",
            "leastsquares",
            "--no-report",
        ],
    )
    assert result.exit_code == 0, result.output
    assert "recognised" in result.output
    own = json.loads((out / "evaluation.json").read_text())
    assert len(list(out.glob("prepared-*.npz"))) == 6
    for name in ("T0", "T1", "multi"):
        assert own[name]["n"] == evaluation[name]["n"]
        assert own[name]["accuracy"] == pytest.approx(evaluation[name]["accuracy"], abs=0.01)


def test_order_of_files_and_rows_changes_nothing(found: Found) -> None:
    settings = load_settings(preset="paper")
    (spectra,) = prepare(found.sets, settings)
    rng = np.random.default_rng(1)
    shuffled = spectra[rng.permutation(len(spectra))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrainingWarning)
        one = gf.train(spectra, detectors="simulated", first_channel=7, held_out=0, noise="leastsquares")
        other = gf.train(shuffled, detectors="simulated", first_channel=7, held_out=0, noise="leastsquares")
    np.testing.assert_allclose(one.templates.shapes, other.templates.shapes, rtol=1e-10, atol=1e-16)


# ------------------------------------------------------------------------------------- other spectroscopies


def test_sugar_mixtures_are_unmixed_without_counts_or_kev(shared_data: Path) -> None:
    path = shared_data / "chemistry" / "derived_carbs.csv"
    spectra = gf.read(path, kind="intensity", unit="cm-1", background=None)
    assert spectra.axis.unit == "cm-1"
    sugars = ("fructose", "lactose", "ribose")
    amounts = np.column_stack([spectra.meta[name] for name in sugars])
    pure = np.char.startswith(spectra.meta["name"], "pure_")
    assert (pure.sum(), (~pure).sum()) == (3, 21)
    lists = [[sugars[int(row.argmax())]] if one else None for row, one in zip(amounts, pure, strict=True)]
    known = spectra.relabelled(gf.Labels.of(lists, background=None))
    model = gf.train(known, held_out=0, background=None, few=0)
    found = model.analyse(known[~pure])
    # fractions by weight: scores over the sum of each pure spectrum
    sums = np.abs(known.values[pure]).sum(axis=1)[np.argsort([row[0] for row in lists if row])]
    fractions = found.scores / sums
    fractions /= fractions.sum(axis=1, keepdims=True)
    error = np.sqrt(((fractions - amounts[~pure]) ** 2).mean())
    assert error == pytest.approx(0.041, abs=0.002)  # what plain NNLS reaches, says the data's README


def test_coffee_leave_one_out_by_nnls(shared_data: Path) -> None:
    spectra = gf.read(shared_data / "chemistry" / "coffee_spectra.csv", kind="intensity", unit="cm-1")
    names = (shared_data / "chemistry" / "coffee_labels.csv").read_text().split()[1:]
    known = spectra.relabelled(gf.Labels.of([[name] for name in names], background=None))
    right = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrainingWarning)
        for row in range(len(known)):
            rest = known[np.arange(len(known)) != row]
            model = gf.train(rest, held_out=0, background=None, min_share=0.0, noise="leastsquares")
            found = model.analyse(known[row])
            right += found.classes[int(found.strongest[0])] == names[row]
    assert right >= 33  # what plain NNLS reaches, says the data's README


def test_radiacode_mixtures_by_net_templates_and_signed_spectra(shared_data: Path) -> None:
    folder = shared_data / "radiacode" / "tests" / "data_deadtime"
    background = gf.read(folder / "bg.xml")
    rate = background.values / background.live_time[:, None]

    def net(name: str) -> gf.SpectrumSet:
        gross = gf.read(folder / name)
        return replace(gross, values=gross.values - rate * gross.live_time[:, None], signed=True)

    for one, other, both in [
        ("Co60_a", "Cs137_b", "Co60_a+Cs137_b"),
        ("Ba133_a", "Eu152_b", "Ba133_a+Eu152_b"),
    ]:
        kind = "Co60_Cs137" if one.startswith("Co") else "Ba133_Eu152"
        parts = [net(f"{kind}/{name}.xml") for name in (one, other)]
        single = gf.SpectrumSet.concatenate(parts).relabelled(gf.Labels.of([["one"], ["other"]]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TrainingWarning)
            model = gf.train(single, held_out=0)
        mixture = net(f"{kind}/{both}.xml")
        # templates of differences are normalised by absolute values: net counts are scores times net sums
        net_counts = model.analyse(mixture).scores[0] * model.templates.shapes.sum(axis=1)
        rates = net_counts / mixture.live_time[0]
        expected = single.total / single.live_time
        np.testing.assert_allclose(rates, expected, rtol=0.05)
