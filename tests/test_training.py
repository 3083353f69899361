from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import gamma_flow as gf
from gamma_flow.errors import TrainingError, TrainingWarning


def test_templates_are_means_of_unit_integral(labelled: gf.SpectrumSet) -> None:
    model = gf.train(labelled, held_out=0)
    assert model.classes == ("Am241", "Cs137", "background")
    for name, shape in zip(model.classes, model.templates.shapes, strict=True):
        mean = labelled.pure.where(label=name).values.mean(axis=0)
        np.testing.assert_allclose(shape, mean / mean.sum(), rtol=1e-12)
    assert model.templates.n_spectra.tolist() == [30, 30, 30]


def test_order_of_spectra_and_classes_is_irrelevant(
    labelled: gf.SpectrumSet, rng: np.random.Generator
) -> None:
    shuffled = labelled[rng.permutation(len(labelled))]
    one, other = gf.train(labelled, held_out=0), gf.train(shuffled, held_out=0)
    np.testing.assert_allclose(one.templates.shapes, other.templates.shapes, rtol=1e-12)
    turned = gf.train(labelled, held_out=0, classes=["background", "Cs137", "Am241"])
    assert turned.classes == one.classes


def test_held_out_spectra_are_named_and_not_trained_on(labelled: gf.SpectrumSet) -> None:
    model = gf.train(labelled, held_out=0.2, seed=3)
    assert len(model.held_out) == 18
    assert len(model.trained_on) == 72
    assert not set(model.held_out) & set(model.trained_on)
    rest = labelled[np.isin(labelled.origin, model.trained_on)]
    again = gf.train(rest, held_out=0)
    np.testing.assert_allclose(again.templates.shapes, model.templates.shapes, rtol=1e-12)
    assert gf.train(labelled, seed=3).held_out.tolist() == model.held_out.tolist()
    assert gf.train(labelled, seed=4).held_out.tolist() != model.held_out.tolist()


def test_energy_range_and_first_channel_leave_channels_out(labelled: gf.SpectrumSet) -> None:
    model = gf.train(labelled, energy_range=(100, None), first_channel=7)
    assert model.templates.active.sum() == 43
    assert model.templates.range == (140, 1000)
    np.testing.assert_allclose(model.templates.shapes[:, 7:].sum(axis=1), 1)
    assert gf.train(labelled, energy_range=(None, 500)).templates.range == (0, 500)


def test_classes_detectors_and_limit_choose_the_spectra(labelled: gf.SpectrumSet) -> None:
    model = gf.train(labelled, classes=["Cs137", "background"], detectors="left", limit=10, held_out=0, few=0)
    assert model.classes == ("Cs137", "background")
    assert model.templates.n_spectra.tolist() == [10, 10]
    held = labelled[np.isin(labelled.origin, model.trained_on)]
    assert set(held.where(label="Cs137").detector) == {"left"}
    assert set(held.where(label="background").detector) == {"left", "right"}


def background_in_a_source_file() -> gf.SpectrumSet:
    values = np.array([[9.0, 1, 1], [1, 1, 9], [0, 9, 1], [0, 5, 5]])
    labels = gf.Labels.of([["a"], ["background"], ["background"], ["background"]])
    origin = np.array(["source.csv#0", "source.csv#1", "quiet.csv#0", "quiet.csv#1"])
    return gf.SpectrumSet(values, gf.Axis.channels(3), labels=labels, origin=origin)


def test_background_comes_from_files_without_a_source_unless_named() -> None:
    spectra = background_in_a_source_file()
    by_default = gf.train(spectra, held_out=0, few=0)
    np.testing.assert_allclose(by_default.templates.shapes[1], np.array([0, 14, 6]) / 20)
    named = gf.train(spectra, held_out=0, few=0, background_files="source*")
    np.testing.assert_allclose(named.templates.shapes[1], np.array([1, 1, 9]) / 11)


def test_the_door_remembers_what_a_file_held_when_a_selection_took_it_out() -> None:
    spectra = background_in_a_source_file()
    told = replace(
        spectra, meta={"file_labels": np.array(["a+background", "a+background", "background", "background"])}
    )
    quiet = gf.train(gf.SpectrumSet.concatenate([told[1:], told[:1]]), held_out=0, few=0)
    np.testing.assert_allclose(quiet.templates.shapes[1], np.array([0, 14, 6]) / 20)
    only = told[np.array([1, 2, 3])]
    alone = gf.train(only, held_out=0, few=0)
    np.testing.assert_allclose(alone.templates.shapes[0], np.array([0, 14, 6]) / 20)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"classes": ["Co60"]}, "nobody labelled"),
        ({"detectors": "middle", "classes": ["Cs137"]}, "no pure spectrum"),
        ({"energy_range": (2000, None)}, "no channel is left"),
        ({"first_channel": 50}, "no channel is left"),
        ({"limit": 0}, "limit"),
        ({"held_out": 1.0}, "share"),
        ({"limit": 1}, "class with one spectrum"),
        ({"background_files": "nothing", "classes": ["background"]}, "nothing but background"),
    ],
)
def test_what_cannot_be_trained_is_refused(labelled: gf.SpectrumSet, options: dict, word: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(TrainingError, match=word):
        gf.train(labelled, **options)


def test_no_pure_spectra_is_an_error(labelled: gf.SpectrumSet) -> None:
    with pytest.raises(TrainingError, match="no pure spectra"):
        gf.train(labelled.mixed)


def test_a_class_of_zeros_is_an_error(labelled: gf.SpectrumSet) -> None:
    values = labelled.values.copy()
    values[:30] = 0
    with pytest.raises(TrainingError, match="Am241"):
        gf.train(replace(labelled, values=values), held_out=0)


def test_few_empty_and_negative_spectra_are_warned_of(labelled: gf.SpectrumSet) -> None:
    few = labelled[np.r_[0:3, 30:60, 60:90]]
    with pytest.warns(TrainingWarning, match="class 'Am241' has few training spectra: 3"):
        gf.train(replace(few, values=few.values / 100), held_out=0)
    values = labelled.values.copy()
    values[5] = 0
    with pytest.warns(TrainingWarning, match=r"1 empty training spectra, the first: Am241_0\.csv#5"):
        model = gf.train(replace(labelled, values=values), held_out=0)
    assert "empty" in model.provenance["warnings"][0]
    values[5] = -1
    with pytest.warns(TrainingWarning) as caught:
        gf.train(replace(labelled, values=values, signed=True), held_out=0)
    assert any("negative" in str(item.message) for item in caught)


def test_templates_too_alike_are_named(labelled: gf.SpectrumSet) -> None:
    lists = labelled.labels.lists()
    twin = [["Cs137-twin"] if 30 <= row < 45 else names for row, names in enumerate(lists)]
    with pytest.warns(TrainingWarning) as caught:
        gf.train(labelled.relabelled(gf.Labels.of(twin)), held_out=0)
    assert any("'Cs137' and 'Cs137-twin' are too alike" in str(item.message) for item in caught)


def test_a_mislabelled_spectrum_is_named(labelled: gf.SpectrumSet) -> None:
    lists = labelled.labels.lists()
    lists[40] = ["Am241"]  # in truth Cs137
    with pytest.warns(TrainingWarning, match=r"Cs137_1\.csv#10 \(labelled Am241.*resembles Cs137") as caught:
        model = gf.train(labelled.relabelled(gf.Labels.of(lists)), held_out=0)
    assert len(caught) == 1
    assert [suspect["origin"] for suspect in model.provenance["suspects"]] == ["Cs137_1.csv#10"]


def test_a_spectrum_that_resembles_nothing_is_named(labelled: gf.SpectrumSet) -> None:
    values = labelled.values.copy()
    values[40] = np.where(np.arange(50) > 44, 500, 0)
    with pytest.warns(TrainingWarning, match=r"Cs137_1\.csv#10 \(labelled Cs137, cosine 0\.0"):
        gf.train(replace(labelled, values=values), held_out=0)


def test_good_spectra_raise_no_suspicion_even_when_they_are_weak(
    labelled: gf.SpectrumSet, rng: np.random.Generator
) -> None:
    weak = replace(labelled, values=rng.poisson(labelled.values / 100))
    model = gf.train(weak, held_out=0, few=0)
    assert model.provenance["suspects"] == []


def test_training_does_not_change_its_input(labelled: gf.SpectrumSet) -> None:
    before = labelled.values.copy()
    gf.train(labelled)
    np.testing.assert_array_equal(labelled.values, before)


def test_spectra_that_were_read_twice_are_refused(labelled: gf.SpectrumSet) -> None:
    twice = gf.SpectrumSet.concatenate([labelled, labelled])
    with pytest.raises(TrainingError, match="read twice"):
        gf.train(twice)
    others = replace(labelled, values=labelled.values + 1)
    with pytest.warns(TrainingWarning, match="share their origin"):
        gf.train(gf.SpectrumSet.concatenate([labelled, others]))


def test_names_that_nothing_bears_are_refused(labelled: gf.SpectrumSet) -> None:
    with pytest.raises(TrainingError, match=r"no pure spectrum is of this detector.*left, right"):
        gf.train(labelled, detectors=["left", "middle"])
    with pytest.raises(TrainingError, match="nobody labelled the background class"):
        gf.train(labelled, background="floor")
    with pytest.raises(TrainingError, match="seed"):
        gf.train(labelled, seed=-1)


def test_a_background_that_cannot_be_used_is_said(labelled: gf.SpectrumSet) -> None:
    one_file = replace(labelled, origin=np.array([f"all.csv#{row}" for row in range(len(labelled))]))
    with pytest.warns(
        TrainingWarning, match="30 pure spectra of 'background' stand in files that hold sources"
    ):
        model = gf.train(one_file)
    assert model.classes == ("Am241", "Cs137")
    assert gf.train(one_file, background_files="*").classes == ("Am241", "Cs137", "background")


def test_an_infinite_end_of_the_range_is_an_open_one(labelled: gf.SpectrumSet) -> None:
    model = gf.train(labelled, energy_range=(40, float("inf")))
    assert model.templates.range == (40, 1000)
    assert model.provenance["settings"]["energy_range"] == [40, None]


def test_the_papers_split_is_that_of_scikit_learn(labelled: gf.SpectrumSet) -> None:
    selection = pytest.importorskip("sklearn.model_selection")
    model = gf.train(labelled, split="paper", seed=1, limit=25, few=0)
    assert len(model.held_out) == 15
    assert len(model.trained_on) == 60
    whole = gf.train(labelled, split="paper", seed=1)
    pool = np.r_[60:90, 0:30, 30:60]  # background first
    _, expected = selection.train_test_split(pool, test_size=0.2, random_state=1)
    assert sorted(whole.held_out) == sorted(labelled.origin[expected])
    with pytest.raises(TrainingError, match="split"):
        gf.train(labelled, split="half")  # type: ignore[arg-type]


def test_exact_templates_leave_presence_to_the_evidence():
    rng = np.random.default_rng(3)
    shapes = np.array([[8.0, 2, 1, 1, 1, 1], [1, 1, 1, 8, 2, 1], [1, 1, 1, 1, 2, 8]])
    labels = gf.Labels.of([["a"], ["b"], ["background"]] * 6)
    spectra = gf.SpectrumSet(
        rng.poisson(1e4 * np.tile(shapes, (6, 1))).astype(float),
        gf.Axis.linear(0, 600, 6),
        labels=labels,
        origin=[f"{name}#{row}" for row in range(6) for name in "abc"],
    )
    least = {
        parts: gf.train(spectra, parts=parts, nulls=600, few=0).min_share
        for parts in [(), ("gain",), ("mismatch",), ("gain", "smooth")]
    }
    assert list(least.values()) == [0.0, 0.0, 0.02, 0.02]
    assert gf.train(spectra, parts=(), rule="share", nulls=600, few=0).min_share == 0.1
