"""Columns of an analysis by which unknowns are told, and the rule and the table that hold them."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import gamma_flow as gf
from gamma_flow.data.feature_table import FeatureTable
from gamma_flow.data.features import ALIASES, feature, features
from gamma_flow.data.rule import UnknownRule
from gamma_flow.errors import DamagedFileError, DataError, SettingsError
from gamma_flow.io._source import Source
from gamma_flow.io.container import read_container, write_container
from gamma_flow.numerics.similarity import centred_cosine, explained_variance
from unknowns import drawn


@pytest.fixture(scope="module")
def spectra() -> gf.SpectrumSet:
    return drawn(3, 20)


@pytest.fixture(scope="module")
def poisson(spectra: gf.SpectrumSet) -> gf.Model:
    return gf.train(spectra, detectors="simulated", energy_range=(60, None), few=0, nulls=1200)


@pytest.fixture(scope="module")
def paper(spectra: gf.SpectrumSet) -> gf.Model:
    return gf.train(spectra, detectors="simulated", energy_range=(60, None), few=0, noise="leastsquares")


def test_the_columns_are_what_their_names_say(poisson: gf.Model, spectra: gf.SpectrumSet) -> None:
    found = poisson.analyse(spectra)
    columns = features(found, method=poisson.method)
    assert tuple(columns) == poisson.features
    ranked = np.sort(found.shares, axis=1)[:, ::-1]
    for k in range(4):
        np.testing.assert_array_equal(columns[f"share_{k + 1}"], ranked[:, k])
    np.testing.assert_allclose(columns["share_mean"], 0.25)
    np.testing.assert_allclose(columns["share_median"], np.median(ranked, axis=1))
    np.testing.assert_allclose(columns["share_norm"], np.linalg.norm(ranked, axis=1))
    for name in (
        "similarity",
        "centred_similarity",
        "explained_variance",
        "deviance",
        "novelty",
        "novelty_p",
    ):
        np.testing.assert_array_equal(columns[name], getattr(found, name))
    whole = centred_cosine(spectra.values, found.denoised)
    np.testing.assert_allclose(columns["centred_similarity_all"], whole, rtol=1e-9)
    whole = explained_variance(spectra.values, found.denoised)
    np.testing.assert_allclose(columns["explained_variance_all"], whole, rtol=1e-9)
    assert (columns["peak"] >= 0).all()
    assert not any(column.flags.writeable for column in columns.values())


def test_a_drift_that_was_fitted_leaves_no_peak(poisson: gf.Model) -> None:
    template = poisson.on(poisson.templates.axis)
    moved = gf.Axis(template.axis.edges * 1.008, "keV")
    steady = gf.SpectrumSet(30000 * poisson.templates.shapes[:1], template.axis)
    drifted = replace(steady, axis=moved).onto(template.axis, allow_cut=0.1)
    columns = features(poisson.analyse(drifted), method=poisson.method)
    without = features(replace(poisson.analyse(drifted), drift=None), method=poisson.method)
    assert columns["peak"][0] < without["peak"][0]


def test_models_without_noise_or_over_channels_give_fewer(paper: gf.Model, spectra: gf.SpectrumSet) -> None:
    assert not {"deviance", "novelty", "novelty_p", "peak"} & set(paper.features)
    assert tuple(features(paper.analyse(spectra), method=paper.method)) == paper.features
    with pytest.raises(SettingsError, match=r"no such feature; expected share_1, .*found 'novelty'"):
        features(paper.analyse(spectra), names=["novelty"])
    channels = gf.Templates(paper.templates.shapes, paper.classes, gf.Axis.channels(100))
    assert "peak" not in gf.Model(channels, gf.Model(channels).method).features
    assert len(features(paper.analyse(spectra[:0]))["similarity"]) == 0


# -------------------------------------------------------------------------------------------------- the rule


@pytest.mark.parametrize("name", ["cosine", "centred_similarity_all", "share_1", "explained_variance"])
def test_a_rule_decides_with_least_squares(paper: gf.Model, spectra: gf.SpectrumSet, name: str) -> None:
    assert paper.analyse(spectra).novel is None
    values = feature(paper.analyse(spectra), name)
    assert values is not None
    cut = float(np.median(values))
    for side in ("below", "above"):
        ruled = replace(paper, unknown_rule=UnknownRule(name, cut, side))  # type: ignore[arg-type]
        assert ruled.unknown_rule is not None
        assert ruled.unknown_rule.feature == ALIASES.get(name, name)
        novel = ruled.analyse(spectra).novel
        assert novel is not None
        np.testing.assert_array_equal(novel, values <= cut if side == "below" else values >= cut)


@pytest.mark.parametrize("name", ["novelty", "novelty_p", "peak", "deviance", "centred_similarity_all"])
def test_a_batch_gives_what_single_spectra_do(poisson: gf.Model, spectra: gf.SpectrumSet, name: str) -> None:
    values = feature(poisson.analyse(spectra), name, poisson.method)
    assert values is not None
    # a value itself is the cut: any other digit would show
    ruled = replace(poisson, unknown_rule=UnknownRule(name, float(np.sort(values)[40]), "below"))
    whole = ruled.analyse(spectra).novel
    assert whole is not None
    assert whole.sum() >= 41
    single = [ruled.analyse(spectra[row]).novel for row in range(0, len(spectra), 3)]
    assert [bool(one[0]) for one in single if one is not None] == whole[::3].tolist()
    assert not whole.flags.writeable


def test_with_a_search_for_gains_too(spectra: gf.SpectrumSet) -> None:
    wide = gf.train(spectra, detectors="simulated", few=0, nulls=1200, gain_range=0.03, parts=("mismatch",))
    values = features(wide.analyse(spectra), method=wide.method)
    for name in ("centred_similarity_all", "peak"):
        single = [
            features(wide.analyse(spectra[row]), method=wide.method)[name][0] for row in range(0, 80, 9)
        ]
        assert single == values[name][0:80:9].tolist()


def test_the_rule_goes_before_the_calibration_and_changes_nothing_else(
    poisson: gf.Model, spectra: gf.SpectrumSet
) -> None:
    plain = poisson.analyse(spectra)
    ruled = replace(poisson, unknown_rule=UnknownRule("novelty_p", 0.5, "below")).analyse(spectra)
    assert plain.novel is not None
    assert ruled.novel is not None
    assert ruled.novel.sum() > plain.novel.sum()
    np.testing.assert_array_equal(ruled.scores, plain.scores)
    np.testing.assert_array_equal(ruled.p_value, plain.p_value)
    assert ruled.records()[0]["novel"] == bool(ruled.novel[0])


def test_details_that_lack_the_feature_leave_novel_open(poisson: gf.Model, spectra: gf.SpectrumSet) -> None:
    by_novelty = replace(poisson, unknown_rule=UnknownRule("novelty", 0.1, "above"))
    assert by_novelty.analyse(spectra, detail="scores").novel is None
    assert by_novelty.analyse(spectra, detail="evidence").novel is None
    by_cosine = replace(poisson, unknown_rule=UnknownRule("cosine", 0.5, "below"))
    assert by_cosine.analyse(spectra, detail="scores").novel is not None


def test_an_empty_spectrum_holds_nothing_unknown(paper: gf.Model, spectra: gf.SpectrumSet) -> None:
    ruled = replace(paper, unknown_rule=UnknownRule("cosine", 0.5, "below"))
    dark = replace(spectra[:1], values=np.zeros((1, 100)))
    novel = ruled.analyse(dark).novel
    assert novel is not None
    assert not novel.any()


def test_a_rule_is_saved_and_loaded_whole_and_old_files_have_none(paper: gf.Model, tmp_path: Path) -> None:
    rule = UnknownRule("cosine", 1 / 3, "below", "recall 0.9", 0.9, 0.01, {"left_out": ["a"], "known": 3})
    ruled = replace(paper, unknown_rule=rule)
    path = tmp_path / "ruled.gfm"
    ruled.save(path)
    loaded = gf.Model.load(path)
    assert loaded.unknown_rule == ruled.unknown_rule
    assert loaded.unknown_rule is not None
    assert loaded.unknown_rule.threshold == 1 / 3
    assert pickle.loads(pickle.dumps(ruled)).unknown_rule == ruled.unknown_rule
    header, arrays = read_container(Source.of(path), "model")
    del header["unknown_rule"]
    write_container(path, "model", header, arrays)
    assert gf.Model.load(path).unknown_rule is None
    for wrong in ({"side": "beside"}, {"feature": "novelty"}, {"threshold": "x"}, {"recall": 2.0}):
        damaged = {**rule.as_dict(), **wrong}
        write_container(path, "model", {**header, "unknown_rule": damaged}, arrays)
        with pytest.raises(DamagedFileError):
            gf.Model.load(path)
    write_container(path, "model", {**header, "unknown_rule": {"feature": "cosine"}}, arrays)
    with pytest.raises(DamagedFileError, match="not whole"):
        gf.Model.load(path)


def test_rules_that_make_no_sense_are_refused(paper: gf.Model) -> None:
    with pytest.raises(SettingsError, match="gives no such feature"):
        replace(paper, unknown_rule=UnknownRule("novelty", 0.1, "above"))
    with pytest.raises(SettingsError, match="gives no such feature"):
        replace(paper, unknown_rule=UnknownRule("share_5", 0.1, "above"))
    with pytest.raises(SettingsError, match="no such side"):
        UnknownRule("cosine", 0.1, "left")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="finite number"):
        UnknownRule("cosine", float("nan"), "below")
    with pytest.raises(SettingsError, match="out of range"):
        UnknownRule("cosine", 0.5, "below", false_positive_rate=1.5)


# ------------------------------------------------------------------------------------------------- the table


def test_tables_are_put_together_by_common_columns() -> None:
    one = FeatureTable({"a": [1.0], "b": [2.0]}, [True], ["x"], ["x"], ["#0"])
    other = FeatureTable({"b": [3.0]}, [False], ["y"], ["x"], ["#1"])
    both = FeatureTable.concatenate([one, other])
    assert both.names == ("b",)
    assert both.counts == (1, 1)
    assert both.matrix().tolist() == [[2.0], [3.0]]
    assert both[both.unknown].origin.tolist() == ["#0"]
    with pytest.raises(DataError):
        FeatureTable.concatenate([])
    with pytest.raises(DataError, match="not finite"):
        FeatureTable({"a": [np.inf]}, [True], ["x"], ["x"], ["#0"])
    with pytest.raises(DataError, match="wrong shape"):
        FeatureTable({"a": [1.0, 2.0]}, [True], ["x"], ["x"], ["#0"])
    with pytest.raises(SettingsError, match="no such feature"):
        one.column("c")
