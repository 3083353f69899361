from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gamma_flow as gf
from gamma_flow.errors import (
    AnalysisWarning,
    DamagedFileError,
    IncompatibleError,
    ReadError,
    SettingsError,
    WriteError,
)
from gamma_flow.numerics.similarity import centred_cosine, cosine, explained_variance


@pytest.fixture
def model(labelled: gf.SpectrumSet) -> gf.Model:
    return gf.train(labelled, energy_range=(40, None), noise="leastsquares")


def test_the_fit_is_the_best_non_negative_one(model: gf.Model, labelled: gf.SpectrumSet) -> None:
    found = model.analyse(labelled)
    use = model.templates.active
    fit = (found.scores @ model.templates.shapes)[:, use]
    seen = labelled.values[:, use]
    gradient = (seen - fit) @ model.templates.shapes[:, use].T
    scale = np.linalg.norm(seen, axis=1)[:, None]
    assert (found.scores >= 0).all()
    assert (gradient <= 1e-9 * scale).all()
    assert (np.abs(gradient * found.scores) <= 1e-9 * scale * (1 + found.scores)).all()


def test_shares_add_up_and_presence_follows_the_least_share(
    model: gf.Model, labelled: gf.SpectrumSet
) -> None:
    found = model.analyse(labelled)
    np.testing.assert_allclose(found.shares.sum(axis=1), 1)
    np.testing.assert_array_equal(found.present, found.shares > 0.1)
    assert found.names()[0] == ["Am241"]
    assert sorted(found.names()[-1]) == ["Am241", "Cs137", "background"]
    assert found.names()[-1][-1] == "background"
    assert [found.classes[number] for number in found.strongest[[0, 30, 60]]] == [
        "Am241",
        "Cs137",
        "background",
    ]


def test_measures_are_those_of_the_denoised_spectrum(model: gf.Model, labelled: gf.SpectrumSet) -> None:
    found = model.analyse(labelled)
    use = model.templates.active
    seen, fit = labelled.values[:, use], found.denoised[:, use]
    np.testing.assert_allclose(found.similarity, cosine(seen, fit), atol=1e-12)
    np.testing.assert_allclose(found.centred_similarity, centred_cosine(seen, fit), atol=1e-12)
    np.testing.assert_allclose(found.explained_variance, explained_variance(seen, fit), atol=1e-10)
    np.testing.assert_allclose(found.residual, labelled.values - found.denoised)


@given(size=st.integers(1, 50), seed=st.integers(0, 100))
def test_order_and_batch_size_change_nothing(size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shapes = rng.uniform(0, 1, (4, 30))
    templates = gf.Templates(shapes, ("a", "b", "c", "d"), gf.Axis.linear(0, 30, 30))
    model = gf.Model(templates)
    spectra = gf.SpectrumSet(rng.poisson(rng.uniform(0, 20, (size, 4)) @ shapes), templates.axis)
    whole = model.analyse(spectra)
    order = rng.permutation(size)
    np.testing.assert_allclose(model.analyse(spectra[order]).scores, whole.scores[order], atol=1e-9)
    alone = np.concatenate([model.analyse(spectra[row]).scores for row in range(size)])
    np.testing.assert_allclose(alone, whole.scores, atol=1e-9)


def test_empty_spectra_get_zeros_and_never_nan(model: gf.Model, labelled: gf.SpectrumSet) -> None:
    dark = replace(labelled[:2], values=np.zeros((2, 50)))
    found = model.analyse(dark)
    for name in ("scores", "shares", "similarity", "centred_similarity"):
        assert not getattr(found, name).any()
    assert np.isfinite(found.explained_variance).all()
    assert found.names() == [[], []]
    assert found.strongest.tolist() == [-1, -1]
    assert len(model.analyse(labelled[:0])) == 0


def test_signed_spectra_are_analysed_where_asked_for(model: gf.Model, labelled: gf.SpectrumSet) -> None:
    difference = replace(labelled[90:], values=labelled.values[90:] - labelled.values[60:90], signed=True)
    found = model.analyse(difference)
    assert (found.scores >= 0).all()
    assert found.names()[0][:2] == ["Am241", "Cs137"] or found.names()[0][:2] == ["Cs137", "Am241"]


def test_templates_move_to_another_axis_and_find_the_same(model: gf.Model, labelled: gf.SpectrumSet) -> None:
    fine = gf.Axis.polynomial([-3, 8.1, 0.001], 130)
    moved = labelled.onto(fine, allow_cut=0.2)
    here, there = model.analyse(labelled), model.analyse(moved)
    assert there.axis == fine
    np.testing.assert_allclose(there.shares, here.shares, atol=0.06)
    carried = model.on(fine)
    np.testing.assert_allclose(carried.shapes[:, carried.active].sum(axis=1), carried.integral)
    assert ((carried.integral > 0.85) & (carried.integral <= 1 + 1e-12)).all()
    used = np.flatnonzero(carried.active)
    assert fine.edges[used[0]] >= 40
    assert fine.edges[used[-1] + 1] <= 1000
    assert model.on(fine) is carried
    np.testing.assert_array_equal(moved.values, labelled.onto(fine, allow_cut=0.2).values)


def test_carrying_templates_is_linear_and_their_counts_are_conserved(model: gf.Model) -> None:
    wide = gf.Axis.linear(-100, 1100, 37)
    carried = model.templates.onto(wide)
    whole = gf.Templates(model.templates.shapes, model.classes, model.templates.axis).onto(wide)
    assert carried.active.sum() < whole.active.sum() <= 37
    # the same shapes up to the integral of the model's templates, which is taken over fewer channels
    ratio = whole.shapes[:, carried.active] / np.maximum(carried.shapes[:, carried.active], 1e-300)
    for row, present in zip(ratio, carried.shapes[:, carried.active] > 0, strict=True):
        np.testing.assert_allclose(row[present], row[present][0], rtol=1e-9)
    np.testing.assert_allclose(carried.integral, carried.shapes[:, carried.active].sum(axis=1))


def test_scores_keep_their_meaning_where_the_axis_covers_a_part_of_the_model() -> None:
    wide = gf.Axis.linear(0, 300, 30)
    low, high = np.exp(-np.arange(30) / 5), np.linspace(0.1, 2, 30)
    model = gf.Model(gf.Templates([low, high], ("low", "high"), wide))
    mixture = 600 * model.templates.shapes[0] + 600 * model.templates.shapes[1]
    narrow = gf.SpectrumSet(mixture[None, :10], gf.Axis.linear(0, 100, 10))
    with pytest.warns(AnalysisWarning, match="only .* % of the template of 'high' lies on"):
        found = model.analyse(narrow)
    np.testing.assert_allclose(found.scores, [[600, 600]])
    np.testing.assert_allclose(found.shares, [[0.5, 0.5]])
    np.testing.assert_allclose(found.denoised, narrow.values)


def test_a_model_keeps_few_axes(model: gf.Model, labelled: gf.SpectrumSet) -> None:
    for number in range(40):
        model.on(gf.Axis.linear(0, 1000 + number, 50))
    assert len(model._engines) <= 16


def test_another_unit_kind_or_place_is_refused(model: gf.Model, labelled: gf.SpectrumSet) -> None:
    other = replace(labelled, axis=gf.Axis.linear(400, 4000, 50, "cm-1"))
    with pytest.raises(
        IncompatibleError, match=r"model lives on Axis\(50 bins, 0..1000 keV\), the spectra on .*cm-1"
    ):
        model.analyse(other)
    with pytest.raises(IncompatibleError, match="no channel in common"):
        model.analyse(replace(labelled, axis=gf.Axis.linear(5000, 6000, 50)))
    with pytest.raises(IncompatibleError, match="another kind"):
        model.analyse(replace(labelled, kind="intensity"))
    with pytest.raises(IncompatibleError, match="nothing of the template"):
        gf.Templates([[1.0, 0], [0, 1]], ("a", "b"), gf.Axis.channels(2)).onto(
            gf.Axis.linear(0, 1, 3, "channel")
        )


def test_intensities_are_interpolated() -> None:
    x = np.linspace(400, 500, 101)
    templates = gf.Templates(
        np.stack([np.exp(-0.5 * ((x - c) / 8) ** 2) for c in (430, 460)]),
        ("a", "b"),
        gf.Axis.points(x, "nm"),
        kind="intensity",
    )
    model = gf.Model(templates)
    coarse = gf.Axis.points(np.linspace(402, 498, 60), "nm")
    wanted = np.array([[2.0, 1.0]])
    values = wanted @ np.stack([np.exp(-0.5 * ((coarse.centres - c) / 8) ** 2) for c in (430, 460)])
    found = model.analyse(gf.SpectrumSet(values, coarse, kind="intensity"))
    np.testing.assert_allclose(found.shares, [[2 / 3, 1 / 3]], atol=2e-3)


def test_save_and_load_are_identical(model: gf.Model, labelled: gf.SpectrumSet, tmp_path: Path) -> None:
    path = tmp_path / "model.gfm"
    model.save(path)
    again = gf.Model.load(path)
    np.testing.assert_array_equal(again.templates.shapes, model.templates.shapes)
    np.testing.assert_array_equal(again.templates.active, model.templates.active)
    assert again.templates.axis == model.templates.axis
    assert again.templates.axis.coefficients == model.templates.axis.coefficients
    assert again.classes == model.classes
    assert again.templates.background == "background"
    assert again.min_share == model.min_share
    assert dict(again.provenance) == dict(model.provenance)
    assert again.held_out.tolist() == model.held_out.tolist()
    np.testing.assert_array_equal(again.analyse(labelled).scores, model.analyse(labelled).scores)
    assert pickle.loads(pickle.dumps(model)).classes == model.classes


def test_a_cut_or_foreign_file_is_no_model(model: gf.Model, labelled: gf.SpectrumSet, tmp_path: Path) -> None:
    path = tmp_path / "model.gfm"
    model.save(path)
    data = path.read_bytes()
    for tenth in range(10):
        path.write_bytes(data[: len(data) * tenth // 10])
        with pytest.raises(ReadError):
            gf.Model.load(path)
    spectra = tmp_path / "set.npz"
    gf.write(labelled, spectra)
    with pytest.raises(ReadError):
        gf.Model.load(spectra)
    with pytest.raises(ReadError):
        gf.Model.load(tmp_path / "missing.gfm")


def test_every_flipped_byte_is_seen_or_harmless(
    model: gf.Model, tmp_path: Path, rng: np.random.Generator
) -> None:
    path = tmp_path / "model.gfm"
    model.save(path)
    data = path.read_bytes()
    seen = 0
    for _ in range(150):
        broken = bytearray(data)
        place = int(rng.integers(len(data)))
        broken[place] ^= int(rng.integers(1, 256))
        path.write_bytes(bytes(broken))
        try:
            again = gf.Model.load(path)
        except ReadError:
            seen += 1
        else:
            np.testing.assert_array_equal(again.templates.shapes, model.templates.shapes)
    assert seen > 100


def test_a_model_of_an_unknown_rule_is_refused(model: gf.Model, tmp_path: Path) -> None:
    from gamma_flow.io._source import Source
    from gamma_flow.io.container import read_container, write_container

    path = tmp_path / "model.gfm"
    model.save(path)
    header, arrays = read_container(Source.of(path), "model")
    write_container(path, "model", {**header, "method": {**header["method"], "rule": "coin"}}, arrays)
    with pytest.raises(DamagedFileError, match="rule"):
        gf.Model.load(path)
    write_container(path, "model", {**header, "classes": ["one"]}, arrays)
    with pytest.raises(DamagedFileError, match="not whole"):
        gf.Model.load(path)


def test_saving_where_nothing_can_be_written_leaves_all_as_it_was(model: gf.Model, tmp_path: Path) -> None:
    with pytest.raises(WriteError):
        model.save(tmp_path / "no" / "such" / "folder" / "model.gfm")
    folder = tmp_path / "taken"
    folder.mkdir()
    with pytest.raises(WriteError):
        model.save(folder)
    assert list(tmp_path.rglob("*")) == [folder]


def test_a_share_outside_its_range_is_refused(model: gf.Model) -> None:
    with pytest.raises(SettingsError):
        replace(model.method, min_share=1.5)


def test_analyses_are_selected_by_rows(model: gf.Model, labelled: gf.SpectrumSet) -> None:
    found = model.analyse(labelled)
    part = found[labelled.detector == "left"]
    assert len(part) == 60
    assert part.names() == [
        names for names, left in zip(found.names(), labelled.detector == "left", strict=True) if left
    ]
    assert found[3].origin[0] == labelled.origin[3]
    assert [record["origin"] for record in found.records()] == labelled.origin.tolist()
