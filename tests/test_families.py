"""Templates of which a parameter is looked for in each spectrum: a shield of unknown thickness."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_engine import ANSWERS, AXIS, CHANNELS, SHAPES, joined, refuse_nan, same

import gamma_flow as gf
from gamma_flow.data.method import Method
from gamma_flow.errors import DataError, IncompatibleError, SettingsError, TrainingError
from gamma_flow.numerics.nulls import Changed
from gamma_flow.tabular import csv_text

VALUES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
SOURCES = ("Ba", "Cs")
ALL = (*SOURCES, "background")


def behind(value: float) -> np.ndarray:
    """Return unit shapes of all classes, the sources behind a shield that takes low energies first."""
    through = np.exp(-value * (400 / (AXIS.centres + 200)))
    rows = np.stack([SHAPES[name] * (through if name in SOURCES else 1) for name in ALL])
    return np.asarray(rows / rows.sum(axis=1, keepdims=True))


def steel(values: tuple[float, ...] = VALUES, names: tuple[str, ...] = SOURCES) -> gf.Family:
    shapes = np.stack([behind(value)[[ALL.index(name) for name in names]] for value in values])
    return gf.Family(values, shapes, names, AXIS, "steel", "cm")


def pure(seed: int = 1, total: float = 1e5, count: int = 20) -> gf.SpectrumSet:
    rng = np.random.default_rng(seed)
    return gf.SpectrumSet(
        rng.poisson(np.repeat(total * behind(0.0), count, axis=0)).astype(float),
        AXIS,
        labels=gf.Labels.of([[name] for name in ALL for _ in range(count)]),
        live_time=np.ones(3 * count),
        origin=[f"{name}.csv#{row}" for name in ALL for row in range(count)],
    )


def trained(**options: Any) -> gf.Model:
    return gf.train(pure(), **{"nulls": 600, "few": 0, "families": steel(), **options})


def scenes(
    count: int, seed: int = 2, least: int = 0, counts: tuple[float, float] = (1000.0, 10_000.0)
) -> tuple[gf.SpectrumSet, np.ndarray, np.ndarray]:
    """Draw spectra of some sources behind one thickness each; return amounts and thicknesses, too."""
    rng = np.random.default_rng(seed)
    there = rng.random((count, 2)) < (1.0 if least else 0.5)
    amounts = np.column_stack(
        [np.exp(rng.uniform(*np.log(counts), (count, 2))) * there, np.full(count, 3000.0)]
    )
    where = rng.uniform(0, 3, count)
    mean = np.stack([row @ behind(value) for row, value in zip(amounts, where, strict=True)])
    return gf.SpectrumSet(rng.poisson(mean).astype(float), AXIS, live_time=np.ones(count)), amounts, where


@pytest.fixture(scope="module")
def model() -> gf.Model:
    return trained()


@pytest.fixture(scope="module")
def exact() -> gf.Model:
    return trained(parts=(), nulls=6000, false_alarm_rate=0.03)


# ------------------------------------------------------------------------------------------ what is found


def test_the_thickness_and_the_counts_are_found(exact: gf.Model) -> None:
    spectra, amounts, where = scenes(150, least=1)
    found = exact.analyse(spectra)
    assert found.family is not None
    assert set(found.family) <= set(steel().finer(4))
    off = found.family - where
    assert abs(off.mean()) < 3 * off.std() / np.sqrt(len(off)) + 0.05
    assert np.sqrt((off**2).mean()) < 0.35
    strong = amounts[:, :2].sum(axis=1) > 10_000
    assert np.abs(off[strong]).mean() < 0.2
    assert (found.present[:, :2]).mean() > 0.95
    np.testing.assert_allclose(found.scores.sum(axis=0), amounts.sum(axis=0), rtol=0.02)
    told = gf.train(pure(), parts=(), nulls=600, few=0).analyse(spectra)
    error, without = (np.abs(one.scores - amounts).sum() for one in (found, told))
    assert error < 0.5 * without
    assert (np.abs(found.deviance - 1) < 0.7).all()  # type: ignore[operator]
    refuse_nan(found)


def test_what_is_asked_afterwards_rests_on_the_templates_that_were_chosen(exact: gf.Model) -> None:
    value = 1.25  # a step of the search
    rng = np.random.default_rng(4)
    amounts = np.array([4000.0, 3000.0, 3000.0])
    spectra = gf.SpectrumSet(rng.poisson(amounts @ behind(value), (60, CHANNELS)).astype(float), AXIS)
    found = exact.analyse(spectra)
    basis, row = found.basis, int(np.flatnonzero(found.family == value)[0])
    assert basis is not None
    assert basis.chosen is not None
    shapes, distortions = basis.members[basis.chosen[row]]
    np.testing.assert_array_equal(shapes, exact.templates.at(value).shapes)
    assert len(distortions.drift) == 1  # errors know that the thickness is fitted
    np.testing.assert_allclose(found.denoised[row], found.scores[row] @ shapes)
    np.testing.assert_allclose(found.residual, spectra.values - found.denoised)
    bounds = found.intervals()
    assert bounds is not None
    inside = (bounds[..., 0] <= amounts) & (amounts <= bounds[..., 1])
    assert (inside.mean(axis=0) > 0.85).all()
    told = np.sqrt(np.diagonal(np.linalg.inv(basis[row : row + 1].information(
        found.scores[row : row + 1], np.full(1, 1e-6))[0])))  # fmt: skip
    np.testing.assert_allclose(told, found.score_errors[row], rtol=0.02)  # type: ignore[index]
    without = replace(exact, templates=exact.templates.at(value)).analyse(spectra[row])
    assert (found.score_errors[row] > without.score_errors[0]).all()  # type: ignore[index]
    single = found[3]
    np.testing.assert_allclose(single.denoised[0], found.denoised[3])
    np.testing.assert_allclose(single.limits().detection_limit[0], found.limits().detection_limit[3])  # type: ignore[union-attr]


def test_gains_too_are_those_that_errors_and_unknowns_rest_on() -> None:
    wide = gf.train(pure(), nulls=600, few=0, gain_range=0.09)
    spectra = scenes(12, least=1)[0]
    found = wide.analyse(spectra)
    assert found.gain is not None
    moved = found.gain != 1
    assert moved.any()
    engine = wide._engine(AXIS).moved(float(found.gain[moved][0]))
    row = int(np.flatnonzero(moved)[0])
    basis = found.basis
    assert basis is not None
    np.testing.assert_array_equal(basis.members[basis.chosen[row]][0], engine.shapes)  # type: ignore[index]


def test_false_alarms_keep_the_promise_behind_any_thickness(exact: gf.Model) -> None:
    spectra, amounts, _ = scenes(3000, seed=5)
    found = exact.analyse(spectra, detail="evidence")
    false = (found.present & (amounts == 0)).any(axis=1).mean()
    assert false < 0.03 + 3 * np.sqrt(0.03 / 3000) + 0.01
    hit = (found.present == (amounts > 0)).all(axis=1).mean()
    assert hit > 0.9


# --------------------------------------------------------------------------------------- nothing changes


def test_without_a_family_nothing_is_different() -> None:
    one, other = (gf.train(pure(), nulls=600, few=0, **how) for how in ({}, {"families": None}))
    spectra = scenes(10)[0]
    same(one.analyse(spectra), other.analyse(spectra))
    assert one.analyse(spectra).family is None
    assert "family" not in one.analyse(spectra).records()[0]


def test_a_family_of_the_templates_alone_answers_as_they_do() -> None:
    plain = gf.train(pure(), nulls=600, few=0)
    shapes = plain.templates.shapes[None, :2]
    alone = gf.Family([1.5], shapes, plain.classes[:2], AXIS, "steel", "cm")
    both = gf.train(pure(), nulls=600, few=0, families=alone)
    spectra = scenes(10)[0]
    found = both.analyse(spectra)
    assert found.family is not None
    assert set(found.family) == {1.5}
    for name in ("scores", "score_errors", "evidence", "novelty", "similarity"):
        np.testing.assert_array_equal(
            getattr(found, name), getattr(plain.analyse(spectra), name), err_msg=name
        )


@pytest.mark.parametrize("options", [{}, {"parts": ()}, {"gain_range": 0.02}])
def test_batch_order_and_threads_change_no_bit(options: dict[str, Any]) -> None:
    made, spectra = trained(**options), scenes(15)[0]
    whole = made.analyse(spectra)
    same(whole, made.analyse(spectra, threads=2))
    order = np.random.default_rng(3).permutation(15)
    turned = made.analyse(spectra[order])
    singles = [made.analyse(spectra[row]) for row in range(15)]
    for name in ANSWERS:
        value = getattr(whole, name)
        if value is not None:
            np.testing.assert_array_equal(value[order], getattr(turned, name), err_msg=name)
        np.testing.assert_array_equal(value, joined(singles, name), err_msg=name)
    assert (whole.gain is not None) == ("gain_range" in options)


def test_blocks_give_the_answers_of_one_batch(model: gf.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    spectra = scenes(23)[0]
    whole = model.analyse(spectra)
    monkeypatch.setattr("gamma_flow._answers._BLOCK", 7 * CHANNELS)
    blocks = model.analyse(spectra)
    same(whole, blocks)
    np.testing.assert_array_equal(whole.intervals(), blocks.intervals())
    refuse_nan(model.analyse(spectra[:0]))


def test_the_order_of_classes_and_their_sizes_are_irrelevant(model: gf.Model) -> None:
    turned = steel(names=("Cs", "Ba"))
    turned = replace(turned, shapes=7.0 * turned.shapes)
    other = trained(families=turned)
    assert other.classes == model.classes == ALL
    one, two = model.templates.family, other.templates.family
    assert one is not None
    assert two is not None
    np.testing.assert_allclose(one.shapes, two.shapes, rtol=1e-14)
    np.testing.assert_array_equal(one.shapes[:, 2], np.tile(model.templates.shapes[2], (len(VALUES), 1)))
    spectra = scenes(10)[0]
    np.testing.assert_allclose(model.analyse(spectra).scores, other.analyse(spectra).scores, rtol=1e-6)


def test_saved_models_answer_the_same(model: gf.Model, tmp_path: Path) -> None:
    model.save(tmp_path / "model.gfm")
    again = gf.Model.load(tmp_path / "model.gfm")
    assert again.templates.family is not None
    assert repr(again.templates.family) == repr(model.templates.family)
    spectra = scenes(10)[0]
    same(model.analyse(spectra), again.analyse(spectra))
    assert again.provenance["settings"]["families"]["values"] == list(VALUES)
    again.save(tmp_path / "again.gfm")
    assert (tmp_path / "again.gfm").read_bytes() == (tmp_path / "model.gfm").read_bytes()


def test_records_and_csv_say_the_value(model: gf.Model) -> None:
    found = model.analyse(scenes(4)[0])
    record = json.loads(json.dumps(found.records()))[2]
    assert found.family is not None
    assert record["family"] == {"name": "steel", "value": float(found.family[2]), "unit": "cm"}
    head, first, *_ = csv_text([found]).splitlines()
    assert head.endswith(",steel (cm)")
    assert float(first.rpartition(",")[2]) == found.family[0]


# -------------------------------------------------------------------------------- other axes, other steps


def test_the_family_moves_to_the_axis_of_the_spectra(exact: gf.Model) -> None:
    spectra, _, where = scenes(40, least=1, counts=(5000.0, 10_000.0))
    fine = gf.Axis.polynomial([0, 9.9, 0.001], 150)
    there = exact.analyse(spectra.onto(fine, allow_cut=0.2))
    assert there.family is not None
    assert np.abs(there.family - where).mean() < 0.35
    refuse_nan(there)


def test_the_background_follows_at_every_value(model: gf.Model) -> None:
    rng = np.random.default_rng(9)
    changed = SHAPES["background"] * (1 + 0.5 * (AXIS.centres > 800))
    around = gf.SpectrumSet(rng.poisson(3000 * changed / changed.sum(), (60, CHANNELS)), AXIS)
    new = model.follow(around, quiet=np.ones(60, bool))
    before, after = model.templates.family, new.templates.family
    assert before is not None
    assert after is not None
    np.testing.assert_array_equal(after.shapes[:, :2], before.shapes[:, :2])
    np.testing.assert_array_equal(after.shapes[:, 2], np.tile(new.templates.shapes[2], (len(VALUES), 1)))
    assert np.abs(after.shapes[0, 2] - before.shapes[0, 2]).sum() > 0.01
    shapes = steel(names=ALL).shapes.copy()
    shapes[1:, 2] *= np.linspace(1, 2, CHANNELS)
    odd = trained(families=replace(steel(names=ALL), shapes=shapes))
    with pytest.raises(SettingsError, match="cannot follow"):
        odd.follow(around, quiet=np.ones(60, bool))


def test_what_is_left_over_and_the_rank_use_the_family(model: gf.Model) -> None:
    rng = np.random.default_rng(3)
    shapes = behind(2.0)
    alone = gf.SpectrumSet(
        rng.poisson(3000 * shapes[0] + 2000 * shapes[2], (5, CHANNELS)).astype(float), AXIS
    )
    ranked = model.rank(alone)
    assert (ranked.best == 0).all()
    assert np.isin(ranked.member[:, 0], (3, 4, 5)).all()
    line = np.exp(-0.5 * ((AXIS.centres - 1200) / 50) ** 2)
    strange = gf.SpectrumSet(
        rng.poisson(3000 * shapes[0] + 2000 * shapes[2] + 1500 * line / line.sum(), (8, CHANNELS)), AXIS
    )
    left = model.unknown(strange, together=True)
    assert abs(AXIS.centres[left.shapes[0].argmax()] - 1200) < 60


def test_intensities_have_a_family_too() -> None:
    rng = np.random.default_rng(7)
    spectra = gf.SpectrumSet(
        behind(0.0),
        AXIS,
        "intensity",
        labels=gf.Labels.of([[name] for name in ALL]),
        origin=["a#0", "b#0", "c#0"],
    )
    made = gf.train(spectra, held_out=0, few=0, families=steel())
    clean = np.array([3.0, 2.0, 2.0]) @ behind(1.0)
    found = made.analyse(gf.SpectrumSet(clean + 1e-4 * rng.normal(size=(9, CHANNELS)), AXIS, "intensity"))
    np.testing.assert_array_equal(found.family, 1.0)
    np.testing.assert_allclose(found.scores, np.tile([3.0, 2.0, 2.0], (9, 1)), rtol=0.02)
    refuse_nan(found)


# ------------------------------------------------------------------------------------------------ refused


def test_families_that_do_not_fit_are_refused() -> None:
    with pytest.raises(TrainingError, match="class that is not trained"):
        trained(families=replace(steel(), classes=("Ba", "Cs-137")))
    with pytest.raises(IncompatibleError, match="another axis"):
        trained(families=replace(steel(), axis=gf.Axis.linear(0, 1400, CHANNELS)))
    negative = steel().shapes.copy()
    negative[2, 1, 5] = -1
    with pytest.raises(TrainingError, match="class 'Cs' at 1 cm"):
        trained(families=replace(steel(), shapes=negative))
    low = steel().shapes * (AXIS.centres < 200)
    with pytest.raises(TrainingError, match="lies in the active channels"):
        trained(families=replace(steel(), shapes=low), energy_range=(300, None))
    with pytest.raises(SettingsError, match="likelihood"):
        trained(noise="leastsquares")
    with pytest.raises(SettingsError, match="likelihood"):
        replace(trained(nulls=600, parts=()), method=Method())
    with pytest.raises(DataError, match="increase"):
        steel(values=(1.0, 0.5))


# ---------------------------------------------------------------------------------------------- the draws


def test_draws_are_changed_as_the_templates_are() -> None:
    active = np.ones(CHANNELS, bool)
    plain = behind(0.0)
    changed = Changed(plain, np.stack([behind(value) for value in VALUES]), np.array(VALUES))
    rng = np.random.default_rng(1)
    places = changed.places(2000, rng)
    value = np.interp(places, np.arange(len(VALUES)), VALUES)
    assert np.abs(np.histogram(value, 6, (0, 3))[0] / 2000 - 1 / 6).max() < 0.01
    mean = 1000 * np.tile(plain[0], (3, 1))
    out = changed.applied(mean, 0, np.array([0.0, 2.0, 4.5]), active)
    np.testing.assert_allclose(out[0], mean[0])
    np.testing.assert_allclose(out[1], 1000 * behind(1.0)[0])
    np.testing.assert_allclose(out[2], 1000 * behind(2.5)[0], rtol=1e-6)
    background = 500 * np.tile(plain[2], (2, 1))
    np.testing.assert_allclose(changed.applied(background, 2, np.array([0.3, 5.0]), active), background)
    # a channel that the template does not have comes from the member alone
    hole = plain.copy()
    hole[0, 20] = 0.0
    filled = Changed(hole, changed.members, changed.values).applied(
        1000 * hole[:1], 0, np.array([1.0]), active
    )
    assert filled[0, 20] > 0
