"""What a look at labelled spectra shows, on sets of which the answer is known."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gamma_flow as gf
from gamma_flow import explore
from gamma_flow.errors import DataError, IncompatibleError, SettingsError, TrainingError

X = np.linspace(0, 1000, 51)[:-1] + 10
AXIS = gf.Axis.linear(0, 1000, 50)
LINE = np.exp(-0.5 * ((X - 660) / 40) ** 2) + 0.2 * (X < 480)
LINE /= LINE.sum()
OTHER = np.exp(-0.5 * ((X - 200) / 30) ** 2)
OTHER /= OTHER.sum()
FLAT = np.exp(-X / 300)
FLAT /= FLAT.sum()


def measured(
    rng: np.random.Generator, *, pure: bool = False, timed: bool = True, n: int = 200
) -> gf.SpectrumSet:
    """Spectra of a class beside background, of background, and (maybe) of the class alone."""
    seconds = rng.uniform(1, 3, 2 * n)
    rows = [rng.poisson(2000 * LINE + t * 500 * FLAT) for t in seconds[:n]]
    rows += [rng.poisson(t * 500 * FLAT) for t in seconds[n:]]
    labels = [["Cs137", "background"]] * n + [["background"]] * n
    detector = ["left"] * (2 * n)
    if pure:
        rows += [rng.poisson(3000 * LINE) for _ in range(20)]
        labels += [["Cs137"]] * 20
        detector += ["simulated"] * 20
        seconds = np.r_[seconds, np.full(20, np.nan)]
    return gf.SpectrumSet(
        np.array(rows),
        AXIS,
        labels=gf.Labels.of(labels),
        live_time=seconds if timed else None,
        detector=np.array(detector),
    )


@pytest.mark.parametrize(
    ("pure", "timed", "how"), [(False, True, "live time"), (True, False, "least squares")]
)
def test_the_background_is_taken_out_and_it_is_said_how(
    rng: np.random.Generator, pure: bool, timed: bool, how: str
) -> None:
    means = explore.mean_spectra(measured(rng, pure=pure, timed=timed))
    assert means.subtraction[0] == how
    assert means.labels[0] == "Cs137 left"
    net = means.totals[0] - means.background_totals[0]
    assert net == pytest.approx(200 * 2000, rel=0.02)
    assert np.abs(means.shapes[0]).sum() == pytest.approx(1.0)
    off = np.abs(means.shapes[0] - LINE)
    assert (off < 5 * means.error[0] + 2e-4).all()


def test_a_ceiling_never_takes_more_than_there_is(rng: np.random.Generator) -> None:
    means = explore.mean_spectra(measured(rng, timed=False))
    assert means.subtraction[0] == "ceiling"
    # over 750 keV there is background alone
    assert means.background_totals[0] == pytest.approx(200 * 1000, rel=0.06)


def test_spread_and_error_are_those_of_repeated_draws(rng: np.random.Generator) -> None:
    many = [measured(rng, n=40) for _ in range(60)]
    means = [explore.mean_spectra(one) for one in many]
    scatter = np.std([one.shapes[0] for one in means], axis=0, ddof=1)
    told = np.mean([one.error[0] for one in means], axis=0)
    inside = scatter > 0
    assert np.median(told[inside] / scatter[inside]) == pytest.approx(1.0, abs=0.15)
    counting = np.sqrt(2000 * LINE + 1000 * FLAT) / 2000
    assert np.median(means[0].spread[0] / counting) == pytest.approx(1.0, abs=0.15)


def test_pure_spectra_keep_all_they_have_and_nothing_is_subtracted_when_switched_off(
    rng: np.random.Generator,
) -> None:
    spectra = measured(rng, pure=True)
    means = explore.mean_spectra(spectra)
    assert dict(zip(means.labels, means.subtraction, strict=True))["Cs137 simulated"] == "none"
    off = explore.mean_spectra(spectra, subtract="none")
    assert not off.background_totals.any()
    alone = explore.mean_spectra(spectra, with_background=False)
    assert alone.labels == ("Cs137 simulated", "background left")


def test_one_spectrum_a_class_has_its_counting_error() -> None:
    spectra = gf.SpectrumSet(
        [[100.0, 300, 0], [50, 50, 100]], gf.Axis.channels(3), labels=gf.Labels.of([["a"], ["b"]])
    )
    means = explore.mean_spectra(spectra)
    np.testing.assert_allclose(means.error[0], [10 / 400, np.sqrt(300) / 400, 0])
    assert means.detectors == ("", "")
    assert means.labels == ("a (unknown)", "b (unknown)")
    intensities = gf.SpectrumSet(
        spectra.values, spectra.axis, kind="intensity", labels=gf.Labels.of([["a"], ["b"]])
    )
    assert np.isnan(explore.mean_spectra(intensities).spread).all()
    assert (explore.similarities(explore.mean_spectra(intensities)).attainable == 1).all()


def test_what_is_left_out_is_said(rng: np.random.Generator, labelled: gf.SpectrumSet) -> None:
    # mixtures alone
    lists = [["Am241", "Cs137"]] * 3 + [["background"]] * 3
    mixed = gf.SpectrumSet(rng.poisson(5.0, (6, 50)), AXIS, labels=gf.Labels.of(lists))
    means = explore.mean_spectra(mixed)
    assert means.names == ("background",)
    assert [note.split()[0] for note in means.notes] == ["Am241", "Cs137"]
    # nothing beyond background
    two = gf.SpectrumSet(
        [[5.0, 5], [50, 50], [9, 1]],
        gf.Axis.channels(2),
        labels=gf.Labels.of([["a", "background"], ["background"], ["b"]]),
        live_time=1.0,
    )
    means = explore.mean_spectra(two)
    assert means.names == ("b", "background")
    assert "hold nothing beyond background" in " ".join(means.notes)
    # no background at all
    none = gf.SpectrumSet([[5.0, 5]], gf.Axis.channels(2), labels=gf.Labels.of([["a", "background"]]))
    assert "no spectra of the background alone" in " ".join(explore.mean_spectra(none).notes)


def test_a_detector_without_background_gets_that_of_all(rng: np.random.Generator) -> None:
    spectra = measured(rng)
    seen = np.where(np.arange(400) < 200, "right", "left")
    means = explore.mean_spectra(spectra.annotated(detector=seen))
    assert "is that of all detectors" in " ".join(means.notes)
    assert explore.mean_spectra(spectra.annotated(detector=seen), detectors="right").labels == (
        "Cs137 right",
    )


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        ({"classes": ["Co60"]}, DataError, "class 'Co60'"),
        ({"detectors": "roof"}, DataError, "detector 'roof'"),
        ({"subtract": "guess"}, SettingsError, "unknown way"),
        ({"subtract": "least squares"}, DataError, "needs pure spectra"),
        ({"energy_range": (2000, None)}, TrainingError, "no channel is left"),
    ],
)
def test_what_cannot_be_is_refused(
    rng: np.random.Generator, changes: dict, error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        explore.mean_spectra(measured(rng), **changes)


def test_unlabelled_and_empty_sets_are_refused(rng: np.random.Generator) -> None:
    bare = gf.SpectrumSet(rng.poisson(5.0, (4, 50)), AXIS)
    for look in (explore.mean_spectra, explore.inventory):
        with pytest.raises(DataError, match="label"):
            look(bare)
        with pytest.raises(DataError):
            look(bare[:0])
    with pytest.raises(DataError, match="live time"):
        explore.mean_spectra(measured(rng, timed=False), subtract="live time")
    with pytest.raises(SettingsError, match="counting errors"):
        explore.mean_spectra(
            gf.SpectrumSet([[1.0, 2]], gf.Axis.channels(2), kind="intensity"), subtract="ceiling"
        )


def test_intensities_are_fitted_or_left_as_they_are(rng: np.random.Generator) -> None:
    base = np.stack([LINE + 0.5 * FLAT, FLAT, LINE])
    values = np.repeat(base, 10, axis=0) + rng.normal(0, 1e-4, (30, 50))
    lists = [["a", "background"]] * 10 + [["background"]] * 10 + [["a"]] * 10
    spectra = gf.SpectrumSet(values, AXIS, kind="intensity", labels=gf.Labels.of(lists), live_time=1.0)
    means = explore.mean_spectra(spectra)
    assert means.subtraction[0] == "least squares"
    np.testing.assert_allclose(means.shapes[0], LINE, atol=5e-4)
    means = explore.mean_spectra(spectra[:20])
    assert means.subtraction[0] == "none"
    assert "no pure spectra to fit" in " ".join(means.notes)


def test_similarities_flag_what_differs_and_what_is_alike(rng: np.random.Generator) -> None:
    shapes = {
        ("a", "left"): LINE,
        ("a", "right"): 0.7 * LINE + 0.3 * OTHER,
        ("b", "left"): 0.95 * LINE + 0.05 * FLAT,
    }
    rows = [rng.poisson(1e5 * shape) for shape in shapes.values() for _ in range(5)]
    spectra = gf.SpectrumSet(
        np.array(rows),
        AXIS,
        labels=gf.Labels.of([[name] for name, _ in shapes for _ in range(5)]),
        detector=np.array([probe for _, probe in shapes for _ in range(5)]),
    )
    found = explore.similarities(explore.mean_spectra(spectra))
    assert [(pair.one, pair.other) for pair in found.pairs(found.too_low)] == [
        (("a", "left"), ("a", "right"))
    ]
    assert [(pair.one, pair.other) for pair in found.pairs(found.too_high)] == [
        (("a", "left"), ("b", "left"))
    ]
    everything = found.pairs()
    assert len(everything) == 3
    assert [pair.value for pair in everything] == sorted(pair.value for pair in everything)
    loose = explore.similarities(explore.mean_spectra(spectra), low=0.0, high=1.0)
    assert not loose.too_low.any()
    assert not loose.too_high.any()
    with pytest.raises(SettingsError, match="between 0 and 1"):
        explore.similarities(explore.mean_spectra(spectra), low=2.0)


@given(st.integers(0, 10_000))
def test_noise_alone_flags_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.poisson(30 * LINE + 1.0, (40, 50))
    spectra = gf.SpectrumSet(
        rows, AXIS, labels=gf.Labels.of([["a"]] * 40), detector=np.array(["left", "right"] * 20)
    )
    found = explore.similarities(explore.mean_spectra(spectra), low=0.9)
    assert found.attainable[0, 1] < 1
    assert not found.too_low.any()


def test_examples_come_from_the_generator_alone(labelled: gf.SpectrumSet) -> None:
    one, again = (
        explore.example_spectra(labelled, "Cs137", 5, rng=np.random.default_rng(7)) for _ in range(2)
    )
    np.testing.assert_array_equal(one.values, again.values)
    assert len(one) == 5
    assert set(map(tuple, one.labels.lists())) == {("Cs137",)}
    left = explore.example_spectra(labelled, "Cs137", 99, rng=np.random.default_rng(1), detectors="left")
    assert len(left) == 15
    with pytest.raises(DataError, match="class 'Co60'"):
        explore.example_spectra(labelled, "Co60", rng=np.random.default_rng(1))
    with pytest.raises(DataError, match="one or more"):
        explore.example_spectra(labelled, "Cs137", 0, rng=np.random.default_rng(1))
    with pytest.raises(DataError, match="no examples"):
        explore.example_spectra(labelled.mixed, "Cs137", rng=np.random.default_rng(1))


def test_the_inventory_counts_everything_once(labelled: gf.SpectrumSet) -> None:
    held = explore.inventory(labelled)
    assert held.classes == ("Am241", "Cs137", "background")
    assert held.background == "background"
    np.testing.assert_array_equal(held.spectra, [[30, 30]] * 3)
    np.testing.assert_array_equal(held.pure + held.with_background + held.mixed, held.spectra.sum(axis=1))
    assert [len(part) for part in held.totals] == [30, 30, 30]
    assert json.dumps(held.as_dict(), allow_nan=False)


@given(st.floats(-100, 100), st.floats(5, 40), st.integers(5, 80))
def test_a_rebinned_spectrum_keeps_its_counts(lo: float, width: float, bins: int) -> None:
    rng = np.random.default_rng(3)
    spectra = gf.SpectrumSet(rng.poisson(500 * LINE, (2, 50)), AXIS)
    found = explore.rebinned(spectra, gf.Axis.linear(lo, lo + width * bins, bins), 1, allow_cut=1.0)
    assert abs(found.difference) < 1e-6
    twice = explore.rebinned(found.carried, gf.Axis.linear(0, 500, 5), allow_cut=1.0)
    assert abs(twice.difference) < 1e-6
    same = explore.rebinned(spectra, AXIS)
    assert (same.below, same.above, same.difference) == (0, 0, 0)


def test_sets_of_several_axes_meet_on_that_of_the_most() -> None:
    few = gf.SpectrumSet([[4.0, 6.0]], gf.Axis.linear(0, 100, 2))
    many = gf.SpectrumSet([[1.0, 2, 3, 4]] * 3, gf.Axis.linear(0, 100, 4))
    both = explore.pooled([few, many, few])
    assert both.axis == many.axis
    np.testing.assert_allclose(both.total, 10)
    with pytest.raises(DataError, match="no spectra"):
        explore.pooled([])
    with pytest.raises(IncompatibleError):
        explore.pooled([few, gf.SpectrumSet([[1.0, 2.0]], gf.Axis.linear(0, 100, 2, unit="nm"))])


def test_separability_from_all_that_has_templates(labelled: gf.SpectrumSet) -> None:
    model = gf.train(labelled, nulls=600)
    means = explore.mean_spectra(labelled)
    found = [explore.separability(of) for of in (model, model.templates, means, labelled)]
    assert all(one.classes == ("Am241", "Cs137") for one in found)
    assert all(one.background == "background" for one in found)
    for one in found[1:]:
        np.testing.assert_allclose(one.significance, found[0].significance, rtol=0.05)
    assert 3 < found[0].enough < 100
    assert found[0].hardest()[0][:2] in (("Am241", "Cs137"), ("Cs137", "Am241"))
    assert json.dumps(found[0].as_dict(), allow_nan=False)


def test_more_background_and_wrong_templates_need_more_counts(labelled: gf.SpectrumSet) -> None:
    means = explore.mean_spectra(labelled)
    enough = [explore.separability(means, background_share=share).enough for share in (0.1, 0.5, 0.9, 0.99)]
    assert enough == sorted(enough)
    wrong = explore.separability(means, background_share=0.99, mismatch=0.5)
    assert wrong.enough > enough[-1]


def two(kind: str) -> gf.Templates:
    return gf.Templates([[1.0, 0], [0, 1]], ("a", "b"), gf.Axis.channels(2), kind=kind)


def test_two_equal_classes_are_never_told_apart() -> None:
    same = gf.Templates([[0.5, 0.5], [0.5, 0.5], [0.1, 0.9]], ("a", "b", "c"), gf.Axis.channels(2))
    found = explore.separability(same)
    assert np.isinf(found.enough)
    assert np.isinf(found.condition)
    assert found.as_dict()["counts_enough"] is None
    assert found.hardest(1)[0][:2] == ("a", "b")


@pytest.mark.parametrize(
    ("of", "changes", "sentence"),
    [
        (gf.Templates([[1.0, 0]], ("a",), gf.Axis.channels(2)), {}, "takes two"),
        (
            gf.Templates([[1.0, 0], [0, 1]], ("a", "b"), gf.Axis.channels(2), kind="intensity"),
            {},
            "intensities",
        ),
        (
            gf.Templates([[1.0, 0], [0, 1]], ("a", "b"), gf.Axis.channels(2)),
            {"background_share": 1.0},
            "share",
        ),
        (gf.Templates([[1.0, 0], [0, 1]], ("a", "b"), gf.Axis.channels(2)), {"counts": 0.0}, "positive"),
        ("nothing", {}, "nothing with templates"),
    ],
)
def test_separability_refuses(of: object, changes: dict, sentence: str) -> None:
    with pytest.raises((DataError, IncompatibleError), match=sentence):
        explore.separability(of, **changes)


def test_values_are_frozen_and_leave_as_json(labelled: gf.SpectrumSet) -> None:
    means = explore.mean_spectra(labelled)
    with pytest.raises(ValueError, match="read-only"):
        means.shapes[0, 0] = 1.0
    assert json.dumps(means.as_dict(), allow_nan=False)
    assert json.dumps(explore.similarities(means).as_dict(), allow_nan=False)
    assert means.only(["Cs137"]).names == ("Cs137",)
    with pytest.raises(DataError, match="no group"):
        means.only(["x"])


def test_on_the_reference_data_the_simulated_cobalt_and_caesium_differ(shared_data: Path) -> None:
    archive = shared_data / "bfs" / "example_dataset.zip"
    axis = gf.Axis.polynomial([-12.0, 8.15, 0.0012], channels=256, unit="keV", reference="centre")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", gf.GammaFlowWarning)
        spectra = gf.read(archive, onto=axis, allow_cut=0.05)
    names = ["Am241", "Co60", "Cs137", "Eu152", "background"]
    means = explore.mean_spectra(spectra, classes=names, first_channel=7)
    assert len(means) == 14
    found = explore.similarities(means)
    low = {(pair.one[0], *sorted((pair.one[1], pair.other[1]))) for pair in found.pairs(found.too_low)}
    assert low == {(name, side, "simulated") for name in ("Co60", "Cs137") for side in ("left", "right")}
    assert not found.too_high.any()
    assert explore.separability(means).enough < 50
