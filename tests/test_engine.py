"""What a model answers: bad input, order, edges, and the promises of its answers."""

from __future__ import annotations

import json
import warnings
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import gamma_flow as gf
from gamma_flow.data.method import PARTS
from gamma_flow.errors import DataError, SettingsError, SpectrumError, TrainingError, TrainingWarning
from gamma_flow.numerics.drift import moved

CHANNELS = 60
AXIS = gf.Axis.linear(0, 1500, CHANNELS)
SHAPES = {
    "Ba": np.exp(-0.5 * ((AXIS.centres - 330) / 45) ** 2) + 0.05 * (AXIS.centres < 300),
    "Cs": np.exp(-0.5 * ((AXIS.centres - 700) / 60) ** 2) + 0.1 * (AXIS.centres < 550),
    "background": np.exp(-AXIS.centres / 400),
}
ANSWERS = [
    name
    for name in gf.Analysis.__dataclass_fields__
    if name not in ("templates", "values", "time", "live_time", "detector", "origin", "basis")
]


def drawn(
    names: tuple[str, ...] = ("Ba", "Cs", "background"),
    count: int = 20,
    total: float = 3000,
    shapes: dict[str, np.ndarray] = SHAPES,
    axis: gf.Axis = AXIS,
    seed: int = 1,
) -> gf.SpectrumSet:
    """Draw pure spectra, one file a class."""
    rng = np.random.default_rng(seed)
    means = [total * shapes[name] / shapes[name].sum() for name in names]
    return gf.SpectrumSet(
        np.concatenate([rng.poisson(mean, (count, len(axis))) for mean in means]).astype(float),
        axis,
        labels=gf.Labels.of([[name] for name in names for _ in range(count)]),
        live_time=np.ones(count * len(names)),
        origin=[f"{name}.csv#{row}" for name in names for row in range(count)],
    )


def mixed(count: int = 40, seed: int = 2, gain: float = 1.0) -> gf.SpectrumSet:
    """Draw mixtures; background is in all of them."""
    rng = np.random.default_rng(seed)
    amounts = rng.uniform(300, 3000, (count, 3)) * np.array([1, 1, 0.0]) * (rng.random((count, 3)) < 0.5)
    amounts[:, 2] = 2000
    unit = moved(np.array([shape / shape.sum() for shape in SHAPES.values()]), AXIS.edges, gain)
    return gf.SpectrumSet(
        rng.poisson(amounts @ unit).astype(float), AXIS, live_time=rng.uniform(0.5, 2, count)
    )


def trained(spectra: gf.SpectrumSet | None = None, **options: Any) -> gf.Model:
    return gf.train(drawn() if spectra is None else spectra, **{"nulls": 500, "few": 0, **options})


@pytest.fixture(scope="module")
def model() -> gf.Model:
    return trained(nulls=1000)


def same(one: gf.Analysis, other: gf.Analysis) -> None:
    """Assert that two analyses are equal bit for bit."""
    for name in ANSWERS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def joined(parts: list[gf.Analysis], name: str) -> Any:
    values = [getattr(part, name) for part in parts]
    return None if values[0] is None else np.concatenate(values)


def refuse_nan(found: gf.Analysis) -> None:
    """Assert that nothing an analysis can be asked for is NaN, nor infinite without a meaning."""
    for item in fields(found):
        value = getattr(found, item.name)
        if isinstance(value, np.ndarray) and value.dtype.kind == "f" and item.name != "live_time":
            assert not np.isnan(value).any(), item.name
            assert item.name == "score_errors" or np.isfinite(value).all(), item.name
    bounds = found.limits()
    asked = [
        found.share_errors,
        found.intervals(),
        found.fractions(),
        found.fraction_errors(),
        found.denoised,
        found.residual,
        *(() if bounds is None else (bounds.decision_threshold, bounds.detection_limit)),
    ]
    for array in asked:
        assert array is None or not np.isnan(array).any()
    assert len(found.group_names()) == len(found.names()) == len(found.strongest) == len(found)
    json.dumps(found.records(), allow_nan=False)


# ------------------------------------------------------------------------------------------ the default


def test_counts_over_energy_get_evidence_and_a_calibration_by_default(model: gf.Model) -> None:
    assert (model.method.noise, model.method.rule, model.method.parts) == ("poisson", "evidence", PARTS)
    assert model.calibration is not None
    found = model.analyse(mixed())
    for name in set(ANSWERS) - {"gain", "family"}:
        assert getattr(found, name) is not None, name
    assert found.gain is found.family is None
    truth = found.free_scores > 5 * found.score_errors
    np.testing.assert_array_equal(found.present[:, :2] & truth[:, :2], truth[:, :2])


def test_other_units_get_the_mismatch_alone_and_signed_counts_least_squares() -> None:
    channels = trained(replace(drawn(), axis=gf.Axis.channels(CHANNELS)))
    assert channels.method.parts == ("mismatch",)
    difference = drawn()
    signed = replace(difference, values=difference.values - 3, signed=True)
    with pytest.warns(gf.errors.TrainingWarning, match="negative counts"):
        assert trained(signed).method.noise == "leastsquares"


def test_saved_models_answer_the_same(model: gf.Model, tmp_path: Path) -> None:
    model.save(tmp_path / "model.gfm")
    again = gf.Model.load(tmp_path / "model.gfm")
    assert again.method == model.method
    assert again.calibration is not None
    assert model.calibration is not None
    assert again.calibration.header() == model.calibration.header()
    for name, array in model.calibration.arrays().items():
        np.testing.assert_array_equal(again.calibration.arrays()[name], array)
    same(model.analyse(mixed()), again.analyse(mixed()))


# ------------------------------------------------------------------------------- order, batches, threads


@pytest.mark.parametrize(
    "options", [{}, {"noise": "gaussian"}, {"noise": "leastsquares"}, {"gain_range": 0.05}]
)
def test_batch_order_and_threads_change_no_bit(options: dict[str, Any]) -> None:
    model, spectra = trained(**options), mixed(21)
    before = spectra.values.copy()
    whole = model.analyse(spectra)
    same(whole, model.analyse(spectra, threads=3))
    order = np.random.default_rng(3).permutation(21)
    turned = model.analyse(spectra[order])
    singles = [model.analyse(spectra[row]) for row in range(21)]
    for name in ANSWERS:
        value = getattr(whole, name)
        if value is not None:
            np.testing.assert_array_equal(value[order], getattr(turned, name), err_msg=name)
        np.testing.assert_array_equal(value, joined(singles, name), err_msg=name)
    np.testing.assert_array_equal(spectra.values, before)


@hypothesis_settings(max_examples=15)
@given(cuts=st.lists(st.integers(0, 21), max_size=4), seed=st.integers(0, 50))
def test_batches_of_any_size_give_the_same(cuts: list[int], seed: int) -> None:
    spectra = mixed(21, seed)
    edges = sorted({0, *cuts, 21})
    parts = [KEPT.analyse(spectra[lo:hi]) for lo, hi in pairwise(edges)]
    whole = KEPT.analyse(spectra)
    for name in ANSWERS:
        np.testing.assert_array_equal(getattr(whole, name), joined(parts, name), err_msg=name)


KEPT = trained(nulls=500)


def test_answers_cannot_be_written_to(model: gf.Model) -> None:
    found = model.analyse(mixed(3))
    for name in ANSWERS:
        value = getattr(found, name)
        if value is not None:
            assert not value.flags.writeable, name
            with pytest.raises(ValueError, match="read-only"):
                value[...] = 0


def test_less_detail_is_less_of_the_same(model: gf.Model) -> None:
    spectra = mixed(10)
    whole = model.analyse(spectra)
    scores = model.analyse(spectra, detail="scores")
    evidence = model.analyse(spectra, detail="evidence")
    np.testing.assert_array_equal(scores.scores, whole.scores)
    np.testing.assert_array_equal(scores.score_errors, whole.score_errors)
    np.testing.assert_array_equal(scores.present, scores.shares > model.min_share)
    for name in ("evidence", "p_value", "family_p", "novelty", "novelty_p", "novel"):
        assert getattr(scores, name) is None
    for name in ("evidence", "p_value", "family_p", "present"):
        np.testing.assert_array_equal(getattr(evidence, name), getattr(whole, name))
    assert evidence.novelty is evidence.novelty_p is evidence.novel is None


# ----------------------------------------------------------------------------------------- odd spectra

ODD = np.zeros((8, CHANNELS))
ODD[1, 10] = 1
ODD[2] = 1e12 * SHAPES["Ba"]
ODD[3] = 3
ODD[4, -1] = 1e6
ODD[5] = 1e12
ODD[6] = 1e-3
ODD[7, 1:] = 1e12 * SHAPES["Cs"][:-1]


def several() -> dict[str, gf.Model]:
    twins = drawn(("Ba", "twin", "background"), shapes={**SHAPES, "twin": SHAPES["Ba"]})
    return {
        "default": trained(),
        "least squares": trained(noise="leastsquares"),
        "gaussian": trained(noise="gaussian"),
        "gaussian, drifting": trained(noise="gaussian", parts=("gain", "offset", "resolution", "smooth")),
        "share": trained(rule="share"),
        "gain": trained(gain_range=0.05),
        "one class": trained(drawn(("Ba",))),
        "background alone": trained(drawn(("background",))),
        "no background": trained(drawn(("Ba", "Cs"))),
        "background as any": trained(background=None),
        "none held out": trained(held_out=0),
        "one spectrum": trained(drawn(count=1), held_out=0),
        "five counts": trained(drawn(count=1, total=5), held_out=0),
        "twins": trained(twins),
    }


@pytest.mark.filterwarnings("ignore::gamma_flow.errors.TrainingWarning")
def test_no_nan_leaves_an_analysis() -> None:
    odd = gf.SpectrumSet(ODD, AXIS)
    for name, model in several().items():
        for detail in ("everything", "evidence", "scores"):
            found = model.analyse(odd, detail=detail)  # type: ignore[arg-type]
            refuse_nan(found)
            assert not found.scores[0].any(), name
            assert found.names()[0] in ([], ["background"]), name
        refuse_nan(model.analyse(gf.SpectrumSet(ODD - 2, AXIS, signed=True)))
        refuse_nan(model.analyse(odd[:0]))
    refuse_nan(several_dark(model))


def several_dark(model: gf.Model) -> gf.Analysis:
    """Analyse without a live time, with none, and with next to none."""
    return model.analyse(gf.SpectrumSet(ODD[:3], AXIS, live_time=[np.nan, 0.0, 1e-300]))


@pytest.mark.filterwarnings("ignore::gamma_flow.errors.TrainingWarning")
def test_more_classes_than_channels_and_one_template_twice() -> None:
    rng = np.random.default_rng(5)
    axis = gf.Axis.linear(0, 5, 5)
    shapes = {**{f"n{i}": rng.random(5) for i in range(9)}, "background": np.ones(5)}
    model = trained(drawn(tuple(shapes), shapes=shapes, axis=axis))
    refuse_nan(model.analyse(gf.SpectrumSet([[0.0] * 5, [1, 0, 0, 0, 0], [1e12] * 5, [5, 6, 7, 8, 9]], axis)))
    pure = drawn(("Ba", "background"))
    values = np.concatenate([pure.values, pure.values[:20]])
    lists = [*pure.labels.lists(), *[["again"]] * 20]
    twice = gf.SpectrumSet(
        values, AXIS, labels=gf.Labels.of(lists), origin=[f"{row[0]}.csv#{i}" for i, row in enumerate(lists)]
    )
    refuse_nan(trained(twice, held_out=0).analyse(gf.SpectrumSet(ODD, AXIS)))


@hypothesis_settings(max_examples=40)
@given(
    st.lists(st.sampled_from([0.0, 1.0, 2.0, 30.0, 1e4, 1e9]), min_size=CHANNELS, max_size=CHANNELS),
    st.sampled_from([None, 1.0, 1e6]),
)
def test_any_counts_have_an_answer(values: list[float], live: float | None) -> None:
    refuse_nan(KEPT.analyse(gf.SpectrumSet([values], AXIS, live_time=None if live is None else [live])))


def test_negative_counts_are_refused_unless_they_are_meant(model: gf.Model) -> None:
    with pytest.raises(SpectrumError, match="negative counts"):
        gf.SpectrumSet(-ODD, AXIS)
    pure = drawn()
    shifted = replace(pure, values=pure.values - pure.values.mean(axis=1, keepdims=True) - 1, signed=True)
    with pytest.raises(TrainingError, match="no counts"):
        trained(shifted, noise="poisson")
    with pytest.raises(TrainingError, match="no counts"):
        trained(replace(pure, values=pure.values * 1e200))


def test_net_templates_of_one_spectrum_each_find_the_rates(model: gf.Model) -> None:
    rng = np.random.default_rng(6)
    unit = np.array([shape / shape.sum() for shape in SHAPES.values()])
    background = rng.poisson(2e5 * unit[2]).astype(float)
    alone = [rng.poisson(1e5 * shape + 2e4 * unit[2]) - 0.1 * background for shape in unit[:2]]
    assert min(row.min() for row in alone) < 0
    pure = gf.SpectrumSet(
        [*alone, background],
        AXIS,
        labels=gf.Labels.of([["Ba"], ["Cs"], ["background"]]),
        origin=["a#0", "b#0", "c#0"],
        signed=True,
    )
    with pytest.warns(gf.errors.TrainingWarning, match="stay in its template"):
        net = trained(pure, noise="poisson", held_out=0)
    both = gf.SpectrumSet([rng.poisson(np.array([1e5, 5e4, 2e4]) @ unit)], AXIS, live_time=[100.0])
    found = net.analyse(both)
    refuse_nan(found)
    np.testing.assert_allclose(found.scores[0, :2], [1e5, 5e4], rtol=0.03)
    low, high = found.intervals(0.999)[0, :2].T  # type: ignore[index]
    assert (low < [1e5, 5e4]).all()
    assert (high > [1e5, 5e4]).all()


# --------------------------------------------------------------------------------------- sigma and axes


def test_intensities_take_the_sigma_that_is_given_or_estimate_one() -> None:
    rng = np.random.default_rng(7)
    unit = np.array([shape / shape.sum() for shape in SHAPES.values()])
    labels = gf.Labels.of([[name] for name in SHAPES])
    model = gf.train(
        gf.SpectrumSet(unit, AXIS, "intensity", labels=labels, origin=["a#0", "b#0", "c#0"]),
        held_out=0,
        few=0,
    )
    assert (model.method.noise, model.method.rule, model.method.parts) == ("gaussian", "share", ())
    true = np.array([3.0, 0.0, 2.0])
    clean = np.tile(true @ unit, (400, 1))
    values = clean + 0.01 * rng.normal(size=clean.shape)
    given_ = model.analyse(gf.SpectrumSet(values, AXIS, "intensity", sigma=np.full(values.shape, 0.01)))
    estimated = model.analyse(gf.SpectrumSet(values, AXIS, "intensity"))
    np.testing.assert_allclose(
        estimated.score_errors.mean(axis=0), given_.score_errors.mean(axis=0), rtol=0.05
    )  # type: ignore[union-attr]
    for found in (given_, estimated):
        refuse_nan(found)
        bounds = found.intervals()
        inside = (bounds[..., 0] <= true) & (true <= bounds[..., 1])  # type: ignore[index]
        assert (inside.mean(axis=0) > 0.92).all()
        z = (found.free_scores - true) / found.score_errors
        assert (np.abs(z[:, [0, 2]].std(axis=0) - 1) < 0.1).all()
    refuse_nan(model.analyse(gf.SpectrumSet(clean[:1], AXIS, "intensity")))
    for bad in (0.0, -1.0, np.nan):
        with pytest.raises(SpectrumError, match="sigma"):
            gf.SpectrumSet(values, AXIS, "intensity", sigma=np.full(values.shape, bad))
    drifting = replace(model, method=replace(model.method, parts=("gain", "smooth")))
    refuse_nan(drifting.analyse(gf.SpectrumSet(values[:5], AXIS, "intensity")))


def test_templates_move_to_the_axis_of_the_spectra(model: gf.Model) -> None:
    fine = gf.Axis.polynomial([0, 9.9, 0.001], 150)
    rng = np.random.default_rng(8)
    spectra = mixed(20)
    here = model.analyse(spectra)
    there = model.analyse(replace(spectra.onto(fine, allow_cut=0.2), live_time=spectra.live_time))
    assert there.axis == fine
    np.testing.assert_allclose(there.shares, here.shares, atol=0.08)
    for axis in (gf.Axis.linear(100, 900, 40), gf.Axis.linear(-500, 5000, 300)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", gf.errors.AnalysisWarning)
            refuse_nan(model.analyse(gf.SpectrumSet(rng.poisson(20, (3, len(axis))), axis)))


def test_a_large_gain_is_found() -> None:
    wide = trained(gain_range=0.1)
    found = wide.analyse(mixed(30, gain=1.08))
    assert found.gain is not None
    sources = found.scores[:, :2].sum(axis=1) > 500
    assert np.abs(np.median(found.gain[sources]) - 1.08) < 0.011
    assert np.abs(np.median(wide.analyse(mixed(30)).gain[sources]) - 1) < 0.011  # type: ignore[index]
    fit = found.denoised[sources].sum(axis=0)
    seen = found.values[sources].sum(axis=0)
    assert np.corrcoef(fit, seen)[0, 1] > 0.998


# -------------------------------------------------------------------------------------- follow, unknown


def test_the_background_follows_the_surroundings(model: gf.Model) -> None:
    rng = np.random.default_rng(9)
    changed = SHAPES["background"] * (1 + 0.5 * (AXIS.centres > 800))
    around = gf.SpectrumSet(rng.poisson(3000 * changed / changed.sum(), (60, CHANNELS)), AXIS)
    before = model.templates.shapes.copy()
    new = model.follow(around)
    np.testing.assert_array_equal(model.templates.shapes, before)
    np.testing.assert_array_equal(new.templates.shapes[:2], before[:2])
    goal = changed / changed.sum()
    assert np.abs(new.templates.shapes[2] - goal).sum() < 0.6 * np.abs(before[2] - goal).sum()
    np.testing.assert_allclose(new.templates.shapes[2].sum(), 1)
    nobody = model.follow(around, quiet=np.zeros(60, bool))
    np.testing.assert_allclose(nobody.templates.shapes, before, rtol=1e-12)
    half = model.follow(around, quiet=np.arange(60) < 5)
    assert (
        np.abs(half.templates.shapes[2] - before[2]).sum() < np.abs(new.templates.shapes[2] - before[2]).sum()
    )
    with pytest.raises(DataError, match=r"quiet.*shape \(60,\)"):
        model.follow(around, quiet=np.zeros(3, bool))
    with pytest.raises(SettingsError, match="no background"):
        trained(drawn(("Ba", "Cs")), nulls=1500).follow(around)
    with pytest.raises(SettingsError, match="calibration"):
        trained(noise="leastsquares").follow(around)


def test_what_is_left_over_is_shown(model: gf.Model) -> None:
    rng = np.random.default_rng(10)
    line = np.exp(-0.5 * ((AXIS.centres - 1150) / 50) ** 2)
    strange = rng.poisson(
        2000 * SHAPES["background"] / SHAPES["background"].sum() + 1500 * line / line.sum(), (8, CHANNELS)
    )
    spectra = gf.SpectrumSet(strange, AXIS)
    assert model.analyse(spectra).novel.all()  # type: ignore[union-attr]
    assert not model.analyse(mixed(40)).novel.mean() > 0.2  # type: ignore[union-attr]
    together = model.unknown(spectra, together=True)
    assert together.shapes.shape == (1, CHANNELS)
    np.testing.assert_allclose(together.shapes.sum(), 1)
    assert abs(AXIS.centres[together.shapes[0].argmax()] - 1150) < 60
    assert model.unknown(spectra).shapes.shape == (8, CHANNELS)
    with pytest.raises(SettingsError, match="counts"):
        trained(noise="gaussian").unknown(spectra)


# ----------------------------------------------------------------------------------- errors and groups


def test_intervals_limits_and_share_errors_make_sense(model: gf.Model) -> None:
    found = model.analyse(mixed(40))
    bounds, limits, n = found.intervals(), found.limits(), len(found)
    assert bounds is not None
    assert limits is not None
    assert bounds.shape == (n, 3, 2)
    assert (bounds[..., 0] >= 0).all()
    assert (bounds[..., 0] <= found.scores + 1e-9).all()
    assert (bounds[..., 1] >= found.scores).all()
    wider = found.intervals(0.99)
    assert wider is not None
    assert (np.diff(wider)[..., 0] >= np.diff(bounds)[..., 0]).all()
    for table in (limits.decision_threshold, limits.detection_limit, found.share_errors, found.groups):
        assert table is not None
        assert table.shape == (n, 3)
    assert (limits.detection_limit > limits.decision_threshold).all()
    assert (found.share_errors >= 0).all()
    assert (found.share_errors <= 1).all()
    np.testing.assert_allclose(found.fractions()[:, :2].sum(axis=1), found.scores[:, :2].any(axis=1))
    assert not found.fractions()[:, 2].any()
    plain = trained(noise="leastsquares").analyse(mixed(2))
    assert plain.intervals() is plain.limits() is plain.groups is plain.share_errors is None
    assert plain.fraction_errors() is None


@pytest.mark.filterwarnings("ignore::gamma_flow.errors.TrainingWarning")
def test_classes_that_cannot_be_told_apart_are_one_answer() -> None:
    near = SHAPES["Ba"] * (1 + 0.01 * np.sin(np.arange(CHANNELS)))
    shapes = {**SHAPES, "Ba2": near}
    model = trained(drawn(("Ba", "Ba2", "Cs", "background"), shapes=shapes, total=1e5))
    rng = np.random.default_rng(11)
    mean = 3000 * near / near.sum() + 2000 * SHAPES["background"] / SHAPES["background"].sum()
    found = model.analyse(gf.SpectrumSet(rng.poisson(mean, (20, CHANNELS)), AXIS))
    # neither is needed beside the other, so presence goes by share here
    share = replace(model, method=replace(model.method, rule="share")).analyse(
        gf.SpectrumSet(found.values, AXIS)
    )
    told = [name for names in share.group_names() for name in names]
    assert sum(name in ("Ba or Ba2", "Ba2 or Ba") for name in told) >= 15
    assert not any("Cs" in name and " or " in name for name in told)


def test_records_are_plain_json(model: gf.Model) -> None:
    records = model.analyse(gf.SpectrumSet(ODD, AXIS)).records()
    text = json.dumps(records, allow_nan=False)
    assert json.loads(text)[0]["live_time"] is None
    assert set(records[1]["p_value"]) == set(model.classes)


# --------------------------------------------------------------------------------------- words, parts


@pytest.mark.parametrize("part", PARTS)
def test_each_part_can_be_switched_off_and_stand_alone(part: str) -> None:
    spectra = mixed(6)
    for parts in ([part], [other for other in PARTS if other != part]):
        model = trained(parts=parts, nulls=500)
        assert set(model.method.parts) == set(parts)
        refuse_nan(model.analyse(spectra))
    assert trained(parts=part, nulls=500).method.parts == (part,)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"noise": "binomial"}, "noise"),
        ({"rule": "coin"}, "rule"),
        ({"parts": ["gain", "luck"]}, "parts"),
        ({"parts": "luck"}, "'luck'"),
        ({"min_share": 1.0}, "share"),
        ({"false_alarm_rate": 0.0}, "false_alarm_rate"),
        ({"novelty_rate": 0.9}, "novelty_rate"),
        ({"gain_range": 0.9}, "gain_range.*0.5"),
        ({"line_width": -1.0}, "line_width"),
        ({"noise": "leastsquares", "rule": "evidence"}, "evidence"),
        ({"noise": "gaussian", "rule": "evidence"}, "drawn counts"),
        ({"noise": "gaussian", "parts": ["learned"]}, "learned"),
        ({"noise": "leastsquares", "parts": ["gain"]}, "does not fit"),
        ({"noise": "leastsquares", "gain_range": 0.1}, "gain_range"),
        ({"baseline": True}, "baseline is one of intensities"),
    ],
)
def test_wrong_words_are_settings_errors(options: dict[str, Any], word: str) -> None:
    with pytest.raises(SettingsError, match=word):
        trained(**options)


def test_wrong_words_to_analyse_are_settings_errors(model: gf.Model) -> None:
    with pytest.raises(SettingsError, match="detail"):
        model.analyse(mixed(2), detail="all")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="threads"):
        model.analyse(mixed(2), threads=0)
    with pytest.raises(TrainingError, match="nulls"):
        trained(nulls=50)


# ------------------------------------------------------------------------------------------- baseline


def sugars(offset: float, noise: float, rng: np.random.Generator) -> tuple[gf.SpectrumSet, gf.SpectrumSet]:
    """Return pure spectra of unit content, two of them of different size, and mixtures on an offset."""
    pure = np.array([2.0 * SHAPES["Ba"], SHAPES["Cs"]])
    contents = np.array([[1.0, 0], [0.6, 0.4], [0.2, 0.8], [0, 1]])
    values = contents @ pure + offset + noise * rng.normal(size=(4, CHANNELS))
    axis = gf.Axis.linear(400, 1900, CHANNELS, "cm-1")
    labels = gf.Labels.of([["Ba"], ["Cs"]])
    return gf.SpectrumSet(pure, axis, "intensity", labels=labels), gf.SpectrumSet(values, axis, "intensity")


def test_a_baseline_takes_the_offset(rng: np.random.Generator, tmp_path: Path) -> None:
    pure, mixtures = sugars(0.5, 0.01, rng)
    model = gf.train(pure, held_out=0, few=0, baseline=True)
    assert model.classes == ("Ba", "Cs", "baseline")
    assert model.templates.background == "baseline"
    assert np.ptp(model.templates.shapes[2]) == 0
    assert model.provenance["settings"]["baseline"] is True
    found = model.analyse(mixtures)
    refuse_nan(found)
    np.testing.assert_allclose(found.scores[:, 2], 0.5 * CHANNELS, rtol=0.01)
    np.testing.assert_allclose(found.shares.sum(axis=1), 1)
    unit = np.append(pure.total, 1.0)
    fractions = found.fractions(unit)
    np.testing.assert_allclose(fractions, [[1, 0, 0], [0.6, 0.4, 0], [0.2, 0.8, 0], [0, 1, 0]], atol=0.01)
    errors = found.fraction_errors(unit)
    assert errors is not None
    assert ((errors[1:3, :2] > 1e-4) & (errors[1:3, :2] < 0.01)).all()
    assert "baseline" not in [found.classes[k] for k in found.strongest]
    plain = gf.train(pure, held_out=0, few=0).analyse(mixtures)
    assert np.abs(plain.fractions(unit[:2]) - fractions[:, :2]).max() > 0.03
    model.save(tmp_path / "model.gfm")
    same(gf.Model.load(tmp_path / "model.gfm").analyse(mixtures), found)
    coarse = gf.Axis.points(np.linspace(450, 1800, 40), "cm-1")
    assert np.ptp(model.on(coarse).shapes[2]) < 1e-12
    with pytest.raises(DataError, match="unit"):
        found.fractions([1.0, 2.0])


def test_a_baseline_stands_beside_a_background_and_never_takes_a_name() -> None:
    pure, _ = sugars(0, 0, np.random.default_rng(1))
    named = replace(pure.relabelled(gf.Labels.of([["Ba"], ["background"]])), origin=["a#0", "b#0"])
    model = gf.train(named, held_out=0, few=0, baseline=True)
    assert model.templates.background == "background"
    assert model.classes == ("Ba", "background", "baseline")
    taken = pure.relabelled(gf.Labels.of([["Ba"], ["baseline"]]))
    with pytest.raises(SettingsError, match="name of a class"):
        gf.train(taken, held_out=0, few=0, baseline=True)


@pytest.mark.parametrize(
    "options", [{}, {"noise": "gaussian"}, {"noise": "leastsquares"}, {"gain_range": 0.03}]
)
def test_many_spectra_in_blocks_get_the_answers_of_one_batch(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = trained(**options)
    spectra = mixed(23)
    whole = model.analyse(spectra)
    monkeypatch.setattr("gamma_flow._answers._BLOCK", 7 * CHANNELS)
    blocks = model.analyse(spectra)
    same(whole, blocks)
    intervals = whole.intervals(), blocks.intervals()
    np.testing.assert_array_equal(*intervals)


def test_signed_spectra_are_gaussian_whatever_stands_beside_them(model: gf.Model) -> None:
    values = mixed(6).values.copy()
    values[2, 3] = -4.0
    spectra = gf.SpectrumSet(values, AXIS, signed=True)
    same(model.analyse(spectra)[0], model.analyse(spectra[0]))


@pytest.mark.parametrize("names", [("Ba", "Cs", "background"), ("Ba",)])
def test_a_class_with_too_few_draws_is_judged_by_half_a_chi_square(names: tuple[str, ...]) -> None:
    background = "background" if "background" in names else None
    spectra = drawn(names)
    if len(names) > 1:
        with pytest.warns(TrainingWarning, match="too few draws without Ba, Cs"):
            model = trained(spectra, nulls=250, background=background)
    else:
        model = trained(spectra, nulls=250, background=background)
    assert model.calibration is not None
    assert not model.calibration.n_nulls.any()
    found = model.analyse(spectra)
    assert found.p_value is not None
    row = 0  # pure Ba
    assert found.present[row, 0]
    assert found.p_value[row, 0] < 1e-12
    if background:
        assert found.p_value[row, 1] > 1e-3
    nothing = model.analyse(gf.SpectrumSet(np.zeros((1, CHANNELS)), AXIS))
    assert not nothing.present[0, 0]
