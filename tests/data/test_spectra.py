from __future__ import annotations

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest

import gamma_flow as gf
from gamma_flow.errors import IncompatibleError, SpectrumError


def test_selection_by_mask_slice_numbers_and_one_row(labelled: gf.SpectrumSet) -> None:
    mask = labelled.detector == "left"
    assert len(labelled[mask]) == 60
    assert len(labelled[3:7]) == 4
    assert labelled[np.array([5, 2])].origin.tolist() == [labelled.origin[5], labelled.origin[2]]
    assert labelled[-1].values.shape == (1, 50)
    assert labelled[2].meta["dose_rate"][0] == labelled.meta["dose_rate"][2]
    with pytest.raises(SpectrumError, match="no such spectrum"):
        labelled[120]


def test_pure_single_and_mixed(labelled: gf.SpectrumSet) -> None:
    assert len(labelled.pure) == 90
    assert len(labelled.single) == 90
    assert len(labelled.mixed) == 30
    source = gf.SpectrumSet([[1.0]], gf.Axis.channels(1), labels=gf.Labels.of([["a", "background"]]))
    assert (len(source.pure), len(source.single), len(source.mixed)) == (0, 1, 0)
    unlabelled = gf.SpectrumSet([[1.0]], gf.Axis.channels(1))
    assert (len(unlabelled.pure), len(unlabelled.single), len(unlabelled.mixed)) == (0, 0, 0)


def test_where_takes_detector_label_and_file_patterns(labelled: gf.SpectrumSet) -> None:
    assert len(labelled.where(detector="left")) == 60
    assert len(labelled.where(label="Cs137")) == 60
    assert len(labelled.where(label=["Am241", "Cs137"], detector=["left", "right"])) == 90
    assert len(labelled.where(file="Cs137_*")) == 30
    assert len(labelled.where(file="Cs137_1.csv")) == 30
    assert len(labelled.where(file="nothing")) == 0


def test_sample_balances_and_keeps_the_order(labelled: gf.SpectrumSet, rng: np.random.Generator) -> None:
    drawn = labelled.sample(7, per="label", rng=rng)
    assert len(drawn) == 28
    rows = [int(np.flatnonzero(labelled.origin == name)[0]) for name in drawn.origin]
    assert rows == sorted(rows)
    assert len(labelled.sample(7, per=None, rng=rng)) == 7
    with pytest.raises(SpectrumError):
        labelled.sample(0, rng=rng)


def test_split_divides_and_keeps_runs_together(labelled: gf.SpectrumSet, rng: np.random.Generator) -> None:
    rest, out = labelled.split(0.25, rng=rng)
    assert (len(rest), len(out)) == (90, 30)
    assert sorted([*rest.origin, *out.origin]) == sorted(labelled.origin)
    for keep in ("run", "file"):
        rest, out = labelled.split(0.25, rng=rng, keep=keep)  # type: ignore[arg-type]
        assert len(out) == 30
        assert not set(rest.run) & set(out.run)
    with pytest.raises(SpectrumError, match="divided"):
        labelled[:10].split(0.5, rng=rng, keep="file")


def test_runs_begin_where_file_or_labels_change() -> None:
    labels = gf.Labels.of([["a"], ["a"], ["b"], ["a"], ["a"], None])
    spectra = gf.SpectrumSet(
        np.ones((6, 2)),
        gf.Axis.channels(2),
        labels=labels,
        origin=np.array(["f#0", "f#1", "f#2", "f#3", "g#0", "g#1"]),
    )
    assert spectra.run.tolist() == [0, 0, 1, 2, 3, 4]


def test_concatenation_keeps_runs_apart_and_fills_missing_columns(labelled: gf.SpectrumSet) -> None:
    plain = replace(labelled, meta={"note": np.full(len(labelled), "x")})
    both = gf.SpectrumSet.concatenate([labelled, plain])
    assert len(both) == 240
    assert len(np.unique(both.run)) == 2 * len(np.unique(labelled.run))
    assert np.isnan(both.meta["dose_rate"][-1])
    assert both.meta["note"][0] == ""
    assert both.meta["note"][-1] == "x"


def test_concatenation_refuses_other_axes_and_kinds(labelled: gf.SpectrumSet) -> None:
    other = replace(labelled, axis=gf.Axis.linear(0, 2000, 50))
    with pytest.raises(IncompatibleError, match="different axes"):
        gf.SpectrumSet.concatenate([labelled, other])
    with pytest.raises(IncompatibleError, match="intensities"):
        gf.SpectrumSet.concatenate([labelled, replace(labelled, kind="intensity")])
    with pytest.raises(SpectrumError):
        gf.SpectrumSet.concatenate([])


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"values": np.ones((2, 3))}, "shape"),
        ({"values": [[1.0, np.nan], [1, 1]]}, "finite"),
        ({"values": [[1.0, np.inf], [1, 1]]}, "finite"),
        ({"values": [[1.0, -1.0], [1, 1]]}, "negative counts"),
        ({"kind": "volts"}, "kind"),
        ({"live_time": [-1.0, 1.0]}, "live time"),
        ({"real_time": [np.inf, 1.0]}, "real time"),
        ({"labels": gf.Labels.of([["a"]])}, "labels do not fit"),
        ({"sigma": np.zeros((2, 2))}, "sigma"),
        ({"detector": np.array(["a", "b", "c"])}, "shape"),
        ({"detector": np.array([1, 2])}, "text"),
        ({"meta": {"x": np.ones(3)}}, "meta column 'x'"),
        ({"meta": {"x": np.array([{}, {}])}}, "neither numbers"),
        ({"axis": "keV"}, "need an Axis"),
    ],
)
def test_what_is_no_spectrum_is_refused(changes: dict, word: str) -> None:  # type: ignore[type-arg]
    good = {"values": np.ones((2, 2)), "axis": gf.Axis.channels(2)}
    with pytest.raises(SpectrumError, match=word):
        gf.SpectrumSet(**{**good, **changes})


def test_signed_counts_are_allowed_when_asked_for() -> None:
    spectra = gf.SpectrumSet([[1.0, -1.0]], gf.Axis.channels(2), signed=True)
    assert spectra.values.min() == -1
    assert gf.SpectrumSet([[1.0, -1.0]], gf.Axis.channels(2), kind="intensity").values.min() == -1


def test_arrays_are_read_only_and_inputs_stay_the_callers() -> None:
    values = np.ones((2, 2))
    spectra = gf.SpectrumSet(values, gf.Axis.channels(2))
    values[0, 0] = 7
    assert spectra.values[0, 0] == 1
    for name in ("values", "live_time", "origin", "run"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(spectra, name)[0] = 0
    with pytest.raises(AttributeError):
        spectra.kind = "intensity"  # type: ignore[misc]
    with pytest.raises(TypeError):
        spectra.meta["a"] = values  # type: ignore[index]


def test_sets_travel_by_pickle_and_copy(labelled: gf.SpectrumSet) -> None:
    for again in (pickle.loads(pickle.dumps(labelled)), copy.deepcopy(labelled)):
        np.testing.assert_array_equal(again.values, labelled.values)
        assert again.origin.tolist() == labelled.origin.tolist()
        assert again.meta.keys() == labelled.meta.keys()


def test_to_pandas_and_to_xarray_hold_the_same_numbers(labelled: gf.SpectrumSet) -> None:
    pytest.importorskip("pandas")
    frame = labelled.to_pandas()
    assert frame.shape == (120, 7 + 1 + 50)
    np.testing.assert_array_equal(frame.iloc[:, -50:].to_numpy(), labelled.values)
    assert frame["labels"][119] == "Am241+Cs137+background"
    pytest.importorskip("xarray")
    data = labelled.to_xarray()
    np.testing.assert_array_equal(data["values"].to_numpy(), labelled.values)
    assert data["channel"].attrs["units"] == "keV"
    assert data["presence"].sel({"class": "Cs137"}).sum() == 60
