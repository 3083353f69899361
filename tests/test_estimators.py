"""The scikit-learn estimator: its conventions, its rule, and that it is the same model."""

from __future__ import annotations

import importlib.util
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import gamma_flow as gf
from gamma_flow.errors import DataError, MissingDependencyError, SettingsError, TrainingError

pytest.importorskip("sklearn", minversion="1.6", reason="scikit-learn is not installed (gamma-flow[learn])")

from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer
from sklearn.utils.estimator_checks import parametrize_with_checks

from gamma_flow.estimators import TemplateUnmixer

X = np.array([[9.0, 1, 0], [8, 2, 0], [0, 1, 9], [0, 2, 8]])
Y = np.array(["a", "a", "b", "b"])


@pytest.fixture
def singles(labelled: gf.SpectrumSet) -> tuple[np.ndarray, np.ndarray]:
    """Spectra of one class each, and the names of these."""
    rows = labelled.labels.presence.sum(axis=1) == 1
    classes = np.array(labelled.labels.classes)
    return labelled.values[rows], classes[labelled.labels.presence[rows].argmax(axis=1)]


@pytest.fixture
def model(labelled: gf.SpectrumSet) -> gf.Model:
    return gf.train(labelled, energy_range=(60, 900), held_out=0, few=0, min_share=0.15, noise="leastsquares")


# -------------------------------------------------------------------------------------- conventions


_CHECKS = parametrize_with_checks(
    [TemplateUnmixer(), TemplateUnmixer(min_share=0.0, active=slice(0, None))]
).mark


# A list, because scikit-learn 1.6 hands over a generator, of which pytest 9 warns.
@pytest.mark.parametrize(_CHECKS.args[0], list(_CHECKS.args[1]), **_CHECKS.kwargs)
def test_conventions_of_scikit_learn(estimator, check) -> None:
    check(estimator)


def test_is_reached_from_the_front_door() -> None:
    assert gf.TemplateUnmixer is TemplateUnmixer


@pytest.mark.parametrize("absent", ["sklearn.base", "sklearn.utils.validation"])
def test_missing_scikit_learn_is_told_with_its_cure(monkeypatch: pytest.MonkeyPatch, absent: str) -> None:
    monkeypatch.setitem(sys.modules, absent, None)
    source = Path(sys.modules[TemplateUnmixer.__module__].__file__)
    spec = importlib.util.spec_from_file_location("estimators_without_sklearn", source)
    with pytest.raises(MissingDependencyError, match=r"pip install 'gamma-flow\[learn\]'"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


def test_clone_keeps_the_parameters_and_forgets_the_fit() -> None:
    mask = np.array([True, True, False])
    fitted = TemplateUnmixer(background="b", min_share=0.3, active=mask).fit(X, Y)
    fresh = clone(fitted)
    assert fresh.background == "b"
    assert fresh.min_share == 0.3
    assert np.array_equal(fresh.active, mask)
    with pytest.raises(NotFittedError):
        fresh.predict(X)


@pytest.mark.parametrize(
    "ask",
    ["transform", "inverse_transform", "shares", "decision_function", "predict", "get_feature_names_out"],
)
def test_nothing_is_answered_before_fitting(ask: str) -> None:
    with pytest.raises(NotFittedError):
        getattr(TemplateUnmixer(), ask)(X)


def test_to_model_before_fitting() -> None:
    with pytest.raises(NotFittedError):
        TemplateUnmixer().to_model(gf.Axis.channels(3))


def test_a_failed_fit_leaves_it_unfitted() -> None:
    unmixer = TemplateUnmixer(background="c")
    with pytest.raises(SettingsError):
        unmixer.fit(X, Y)
    with pytest.raises(NotFittedError):
        unmixer.predict(X)


def test_pickle_gives_the_same_answers(singles) -> None:
    values, names = singles
    fitted = TemplateUnmixer(background="background", active=slice(3, 45)).fit(values, names)
    again = pickle.loads(pickle.dumps(fitted))
    assert np.array_equal(again.transform(values), fitted.transform(values))
    assert np.array_equal(again.predict(values), fitted.predict(values))


def test_joblib_gives_the_same_answers(singles, tmp_path: Path) -> None:
    joblib = pytest.importorskip("joblib")
    values, names = singles
    fitted = TemplateUnmixer().fit(values, names)
    joblib.dump(fitted, tmp_path / "unmixer.joblib")
    again = joblib.load(tmp_path / "unmixer.joblib")
    assert np.array_equal(again.shares(values), fitted.shares(values))


def test_there_are_no_probabilities() -> None:
    assert not hasattr(TemplateUnmixer().fit(X, Y), "predict_proba")


# ------------------------------------------------------------------------------------------ fitting


def test_templates_are_means_of_unit_integral() -> None:
    fitted = TemplateUnmixer().fit(X, Y)
    assert fitted.templates_ == pytest.approx(np.array([[0.85, 0.15, 0], [0, 0.15, 0.85]]))
    assert fitted.classes_.tolist() == ["a", "b"]
    assert fitted.n_spectra_.tolist() == [2, 2]
    assert fitted.n_features_in_ == 3
    assert not fitted.multilabel_


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, object])
def test_means_are_formed_in_double_precision(dtype: type) -> None:
    values = np.array([[200, 55, 0], [255, 1, 255], [0, 0, 255]], dtype=dtype)
    fitted = TemplateUnmixer().fit(values, [0, 0, 1])
    assert fitted.templates_[0] == pytest.approx(np.array([455, 56, 255]) / 766, rel=1e-15)
    assert fitted.templates_.dtype == np.float64
    assert fitted.transform(values).dtype == np.float64


@pytest.mark.parametrize("y", [[3, 3, 7, 7], ["b", "b", "x", "x"], [False, False, True, True]])
def test_labels_of_any_type(y: list) -> None:
    fitted = TemplateUnmixer().fit(X, y)
    assert fitted.predict(X).tolist() == y
    assert fitted.score(X, y) == 1.0


def test_integral_is_of_absolute_values_over_active_channels() -> None:
    fitted = TemplateUnmixer(active=[True, True, False]).fit([[3.0, -1, 8], [1, 1, 1]], ["a", "b"])
    assert fitted.templates_ == pytest.approx(np.array([[0.75, -0.25, 2.0], [0.5, 0.5, 0.5]]))
    assert fitted.active_.tolist() == [True, True, False]


def test_inactive_channels_play_no_part_in_scores_but_are_denoised() -> None:
    fitted = TemplateUnmixer(active=slice(1, None)).fit(X, Y)
    other = X + np.array([1000.0, 0, 0])
    assert np.array_equal(fitted.transform(X), fitted.transform(other))
    assert fitted.inverse_transform(fitted.transform(X)).shape == X.shape


def test_only_rows_with_one_label_make_templates() -> None:
    values = np.vstack([X, [[500.0, 0, 500], [7, 7, 7]]])
    matrix = np.array([[1, 0], [1, 0], [0, 1], [0, 1], [1, 1], [0, 0]])
    fitted = TemplateUnmixer().fit(values, matrix)
    assert np.array_equal(fitted.templates_, TemplateUnmixer().fit(X, Y).templates_)
    assert fitted.multilabel_
    assert fitted.classes_.tolist() == [0, 1]
    assert fitted.n_spectra_.tolist() == [2, 2]


def test_sparse_indicator_matrix() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    matrix = np.array([[1, 0], [1, 0], [0, 1], [0, 1]])
    fitted = TemplateUnmixer().fit(X, sparse.csr_array(matrix))
    assert np.array_equal(fitted.predict(X), matrix)


def test_order_of_the_rows_changes_nothing_but_rounding(rng: np.random.Generator, singles) -> None:
    values, names = singles
    order = rng.permutation(len(values))
    one = TemplateUnmixer().fit(values, names)
    other = TemplateUnmixer().fit(values[order], names[order])
    assert other.templates_ == pytest.approx(one.templates_, rel=1e-13)


def test_class_without_a_spectrum_of_its_own_is_refused() -> None:
    with pytest.raises(TrainingError, match="class 1: no row of the indicator matrix holds this class alone"):
        TemplateUnmixer().fit(X, [[1, 0], [1, 0], [1, 1], [1, 1]])


@pytest.mark.parametrize("fill", [0.0, 1e308])
def test_class_without_an_integral_is_refused(fill: float) -> None:
    with pytest.raises(TrainingError, match="class 'b'"):
        TemplateUnmixer().fit(np.where(Y[:, None] == "b", fill, X), Y)


def test_class_with_nothing_in_the_active_channels_is_refused() -> None:
    with pytest.raises(TrainingError, match="class 'b'"):
        TemplateUnmixer(active=slice(0, 1)).fit(X, Y)


@pytest.mark.parametrize("least", [-0.1, 1, 1.5, np.nan, "0.1", None])
def test_least_share_is_a_share(least: object) -> None:
    with pytest.raises(SettingsError, match="0 <= min_share < 1"):
        TemplateUnmixer(min_share=least).fit(X, Y)


def test_background_is_one_of_the_classes() -> None:
    with pytest.raises(SettingsError, match="expected one of 'a', 'b', or None, found 'c'"):
        TemplateUnmixer(background="c").fit(X, Y)
    with pytest.raises(SettingsError, match="expected one of 0, 1, or None"):
        TemplateUnmixer(background="a").fit(X, [0, 0, 1, 1])


@pytest.mark.parametrize(
    "active", [slice(3, None), [True, False], [False] * 3, [0, 1, 2], np.ones((1, 3), bool), "all"]
)
def test_active_is_a_choice_of_channels(active: object) -> None:
    with pytest.raises(SettingsError, match="active: no choice of channels"):
        TemplateUnmixer(active=active).fit(X, Y)


def test_bad_input_is_refused_as_scikit_learn_does() -> None:
    fitted = TemplateUnmixer().fit(X, Y)
    with pytest.raises(ValueError, match="contains NaN"):
        fitted.predict([[1.0, np.nan, 0]])
    with pytest.raises(ValueError, match="4 features"):
        fitted.transform(np.ones((1, 4)))
    with pytest.raises(ValueError, match="3 scores a row for 2 classes"):
        fitted.inverse_transform(X)
    with pytest.raises(ValueError, match="Unknown label type"):
        TemplateUnmixer().fit(X, [0.1, 0.2, 0.3, 0.4])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        TemplateUnmixer().fit(X, Y[:3])
    with pytest.raises(ValueError, match="1d array"):
        TemplateUnmixer().fit(X, [[0, 3], [1, 2], [2, 2], [1, 1]])


# --------------------------------------------------------------------------------- scores and shares


@st.composite
def _problems(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Draw one training spectrum a class (well apart), and amounts to mix them with."""
    count = draw(st.integers(1, 4))
    noise = draw(hnp.arrays(float, (count, 7), elements=st.floats(0, 1)))
    amounts = draw(hnp.arrays(float, (5, count), elements=st.floats(0, 1e4)))
    return noise + 10 * np.eye(count, 7), amounts


@given(_problems())
def test_mixtures_of_templates_come_back(problem: tuple[np.ndarray, np.ndarray]) -> None:
    pure, amounts = problem
    fitted = TemplateUnmixer().fit(pure, np.arange(len(pure)))
    mixed = fitted.inverse_transform(amounts)
    scores = fitted.transform(mixed)
    assert scores == pytest.approx(amounts, rel=1e-9, abs=1e-6)
    assert fitted.inverse_transform(scores) == pytest.approx(mixed, rel=1e-9, abs=1e-6)


@given(_problems(), st.floats(1e-3, 1e3))
def test_shares_and_answers_do_not_depend_on_the_scale(problem, factor: float) -> None:
    pure, amounts = problem
    fitted = TemplateUnmixer().fit(pure, np.arange(len(pure)))
    mixed = fitted.inverse_transform(amounts)
    shares = fitted.shares(mixed)
    assert (shares >= 0).all()
    assert shares.sum(axis=1) == pytest.approx(np.where(mixed.any(axis=1), 1.0, 0.0))
    assume((amounts.sum(axis=1) > 1e-6).all())
    assert fitted.shares(mixed * factor) == pytest.approx(shares, abs=1e-9)


def test_an_empty_spectrum_has_no_shares() -> None:
    fitted = TemplateUnmixer().fit(X, Y)
    assert fitted.shares([[0.0, 0, 0]]).tolist() == [[0.0, 0.0]]
    assert fitted.predict([[0.0, 0, 0]]).tolist() == ["a"]
    assert TemplateUnmixer(background="b").fit(X, Y).predict([[0.0, 0, 0]]).tolist() == ["b"]


# ------------------------------------------------------------------------------------------ the rule


def _slow_rule(shares: np.ndarray, classes: list, background: object, least: float) -> list:
    """The paper's rule, spectrum by spectrum."""
    answers = []
    for row in shares:
        others = {name: share for name, share in zip(classes, row, strict=True) if name != background}
        best = max(others, key=lambda name: others[name]) if others else None
        if background is None or (best is not None and others[best] > least):
            answers.append(best)
        else:
            answers.append(background)
    return answers


@given(
    st.integers(1, 4),
    st.data(),
    st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9]),
)
def test_single_labels_follow_the_rule_of_the_paper(count: int, data: st.DataObject, least: float) -> None:
    names = ["a", "b", "c", "d"][:count]
    background = data.draw(st.sampled_from([None, *names]))
    fitted = TemplateUnmixer(background=background, min_share=least).fit(np.eye(count), names)
    spectra = data.draw(hnp.arrays(float, (6, count), elements=st.integers(0, 20).map(float)))
    expected = _slow_rule(fitted.shares(spectra), names, background, least)
    assert fitted.predict(spectra).tolist() == expected


@given(st.integers(2, 4), st.data(), st.sampled_from([0.0, 0.1, 0.25]))
def test_decision_function_decides(count: int, data: st.DataObject, least: float) -> None:
    background = data.draw(st.sampled_from([None, *range(count)]))
    fitted = TemplateUnmixer(background=background, min_share=least).fit(np.eye(count), range(count))
    spectra = data.draw(hnp.arrays(float, (6, count), elements=st.integers(0, 20).map(float)))
    decision = fitted.decision_function(spectra)
    if count == 2:
        assert decision.shape == (6,)
        clear, chosen = decision != 0, (decision > 0).astype(int)
    else:
        assert decision.shape == (6, count)
        ranked = np.sort(decision, axis=1)
        clear, chosen = ranked[:, -1] > ranked[:, -2], decision.argmax(axis=1)
    assert np.array_equal(fitted.predict(spectra)[clear], chosen[clear])


def test_share_must_exceed_the_least_share() -> None:
    fitted = TemplateUnmixer(background="b", min_share=0.25).fit(np.eye(2), ["a", "b"])
    assert fitted.predict([[1.0, 3.0], [1.1, 3.0], [0.9, 3.0]]).tolist() == ["b", "a", "b"]
    matrix = TemplateUnmixer(min_share=0.25).fit(np.eye(2), np.eye(2))
    assert matrix.predict([[1.0, 3.0], [1.1, 3.0], [0.9, 3.0]]).tolist() == [[0, 1], [1, 1], [0, 1]]


def test_parameters_of_the_rule_hold_at_once() -> None:
    fitted = TemplateUnmixer(background="b").fit(np.eye(2), ["a", "b"])
    assert fitted.predict([[1.0, 3.0]]).tolist() == ["a"]
    assert fitted.set_params(min_share=0.3).predict([[1.0, 3.0]]).tolist() == ["b"]
    with pytest.raises(SettingsError):
        fitted.set_params(min_share=3).predict([[1.0, 3.0]])


def test_indicator_matrix_of_present_classes(labelled: gf.SpectrumSet) -> None:
    presence = labelled.labels.presence.astype(int)
    fitted = TemplateUnmixer().fit(labelled.values, presence)
    found = fitted.predict(labelled.values)
    assert found.dtype.kind == "i"
    assert np.array_equal(found, fitted.shares(labelled.values) > 0.1)
    assert fitted.score(labelled.values, presence) == np.mean((found == presence).all(axis=1))
    assert fitted.score(labelled.values, presence) > 0.9
    assert roc_auc_score(presence, fitted.decision_function(labelled.values)) > 0.95


def test_background_column_of_an_indicator_matrix_is_a_class_like_others() -> None:
    matrix = np.eye(2, dtype=int)
    one = TemplateUnmixer(background=1).fit(np.eye(2), matrix)
    other = TemplateUnmixer().fit(np.eye(2), matrix)
    spectra = [[1.0, 20], [20, 1], [1, 1], [0, 0]]
    assert np.array_equal(one.predict(spectra), other.predict(spectra))
    assert one.to_model(gf.Axis.channels(2)).templates.background == "1"


# --------------------------------------------------------------------------------- among other steps


def test_as_the_last_step_of_a_pipeline(singles) -> None:
    values, names = singles
    for first in (Normalizer(norm="l1"), FunctionTransformer(np.sqrt)):
        pipeline = make_pipeline(first, TemplateUnmixer(background="background", min_share=0.5))
        assert pipeline.fit(values, names).score(values, names) > 0.95


@pytest.mark.filterwarnings("ignore:scipy.optimize:DeprecationWarning")  # old scikit-learn on new SciPy
def test_as_a_transformer_before_a_classifier(singles) -> None:
    values, names = singles
    pipeline = make_pipeline(
        TemplateUnmixer(), Normalizer(norm="l1"), LogisticRegression(C=100, max_iter=1000)
    )
    assert pipeline.fit(values, names).score(values, names) > 0.95
    assert pipeline[:-1].get_feature_names_out().tolist() == sorted(set(names))


def test_cross_validation_and_grid_search(singles) -> None:
    values, names = singles
    estimator = TemplateUnmixer(background="background")
    assert cross_val_score(estimator, values, names, cv=3).min() > 0.5
    search = GridSearchCV(estimator, {"min_share": [0.01, 0.4, 0.99]}, cv=3).fit(values, names)
    assert search.best_params_ == {"min_share": 0.4}
    assert search.best_score_ > 0.95
    assert search.transform(values).shape == (len(values), 3)


def test_binary_auc_by_name() -> None:
    spectra = np.vstack([X, [[3.0, 2, 5]]])
    y = [0, 0, 1, 1, 1]
    assert cross_val_score(TemplateUnmixer(), spectra, y, cv=2, scoring="roc_auc").tolist() == [1.0, 1.0]


def test_data_frames_in_and_out() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=["ch0", "ch1", "ch2"], index=list("wxyz"))
    fitted = TemplateUnmixer().set_output(transform="pandas").fit(frame, pandas.Series(Y))
    assert fitted.feature_names_in_.tolist() == ["ch0", "ch1", "ch2"]
    scores = fitted.transform(frame)
    assert scores.columns.tolist() == ["a", "b"]
    assert scores.index.tolist() == list("wxyz")
    assert isinstance(fitted.shares(frame), np.ndarray)
    assert fitted.predict(frame).tolist() == Y.tolist()
    assert fitted.inverse_transform(scores.to_numpy()) == pytest.approx(fitted.inverse_transform(scores))
    with pytest.raises(ValueError, match="feature names"):
        fitted.predict(frame[["ch1", "ch0", "ch2"]])


# ------------------------------------------------------------------------------------- the same model


def test_scores_equal_those_of_the_model(model: gf.Model, labelled: gf.SpectrumSet) -> None:
    found = model.analyse(labelled)
    unmixer = TemplateUnmixer.from_model(model)
    assert np.array_equal(unmixer.transform(labelled.values), found.scores)
    assert np.array_equal(unmixer.shares(labelled.values), found.shares)
    assert unmixer.inverse_transform(found.scores) == pytest.approx(found.denoised, rel=1e-12)
    assert tuple(unmixer.classes_) == found.classes
    assert np.array_equal(unmixer.active_, found.templates.active)
    assert unmixer.min_share == 0.15
    assert unmixer.background == "background"


def test_answers_equal_those_of_the_model(model: gf.Model, labelled: gf.SpectrumSet) -> None:
    found = model.analyse(labelled)
    names = np.array(found.classes)[found.strongest]
    assert np.array_equal(TemplateUnmixer.from_model(model).predict(labelled.values), names)
    several = TemplateUnmixer.from_model(model, multilabel=True)
    assert np.array_equal(several.predict(labelled.values), found.present)


def test_fitting_makes_the_model_that_training_makes(model: gf.Model, singles) -> None:
    values, names = singles
    fitted = clone(TemplateUnmixer.from_model(model)).fit(values, names)
    order = [fitted.classes_.tolist().index(name) for name in model.classes]
    assert fitted.templates_[order] == pytest.approx(model.templates.shapes, rel=1e-12)
    assert fitted.n_spectra_[order].tolist() == model.templates.n_spectra.tolist()


def test_from_a_model_and_back(model: gf.Model, labelled: gf.SpectrumSet, tmp_path: Path) -> None:
    again = TemplateUnmixer.from_model(model).to_model(labelled.axis)
    again.save(tmp_path / "again.gfm")
    again = gf.Model.load(tmp_path / "again.gfm")
    assert again.min_share == model.min_share
    assert again.templates.background == model.templates.background
    one, other = model.analyse(labelled), again.analyse(labelled)
    assert np.array_equal(one.scores, other.scores)
    assert np.array_equal(one.present, other.present)


def test_a_fitted_estimator_as_a_model(singles, labelled: gf.SpectrumSet) -> None:
    values, names = singles
    fitted = TemplateUnmixer(min_share=0.2, active=slice(4, 40)).fit(values, names)
    found = fitted.to_model(labelled.axis).analyse(labelled)
    assert found.scores == pytest.approx(fitted.transform(labelled.values), rel=1e-9, abs=1e-9)
    assert found.classes == tuple(fitted.classes_)
    with pytest.raises(DataError):
        fitted.to_model(gf.Axis.channels(7))


def test_changing_the_estimator_leaves_the_model_alone(model: gf.Model) -> None:
    before = model.templates.shapes.copy()
    unmixer = TemplateUnmixer.from_model(model)
    unmixer.templates_ *= 2
    assert np.array_equal(model.templates.shapes, before)
