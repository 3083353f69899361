"""The model as a scikit-learn estimator: for pipelines, cross-validation and grid search.

This is the only module that needs scikit-learn, and it is loaded when `TemplateUnmixer` is first asked for.
"""

from __future__ import annotations

from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow._version import __version__
from gamma_flow.data import Axis
from gamma_flow.data.method import Method
from gamma_flow.data.spectra import Kind
from gamma_flow.data.templates import Templates
from gamma_flow.errors import MissingDependencyError, SettingsError, TrainingError
from gamma_flow.model import Model
from gamma_flow.numerics.unmix import nnls

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
    from sklearn.utils.multiclass import check_classification_targets, type_of_target
    from sklearn.utils.validation import check_array, check_is_fitted, column_or_1d, validate_data
except ImportError as problem:
    raise MissingDependencyError(
        "TemplateUnmixer is a scikit-learn estimator",
        expected="scikit-learn 1.6 or later",
        found=str(problem),
        cure="pip install 'gamma-flow[learn]'",
    ) from problem

__all__ = ["TemplateUnmixer"]

Floats = NDArray[np.float64]


class TemplateUnmixer(TransformerMixin, ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # untyped
    """Classes as mean spectra, spectra as non-negative sums of them.

    As a transformer it turns C channels into K scores, and scores back into denoised spectra; as a
    classifier it names the strongest class (fitted with one label a row) or all classes that are present
    (fitted with an indicator matrix).

    Parameters
    ----------
    background : class label, optional
        The class that is answered where no other one is strong enough; for an indicator matrix the number
        of its column, which is then only carried into `to_model`. None: no class is special.
    min_share : float
        A class is present if its share of the summed scores exceeds this (0..1; the paper takes 0.1). For
        single labels it matters only together with ``background``.
    active : slice or array_like of bool, shape (C,), optional
        Channels that are used; all by default. ``slice(30, None)`` leaves the first 30 out.

    Attributes
    ----------
    templates_ : ndarray, shape (K, C)
        Mean spectrum of each class, scaled so that absolute values over the active channels add up to one.
    classes_ : ndarray, shape (K,)
        Class labels, sorted; column numbers after fitting with an indicator matrix.
    active_ : ndarray of bool, shape (C,)
        Channels that are used.
    n_spectra_ : ndarray of int, shape (K,)
        From how many spectra each template was made.
    multilabel_ : bool
        Whether `predict` answers with an indicator matrix.
    n_features_in_ : int
        Number of channels C.
    feature_names_in_ : ndarray of str, shape (C,)
        Names of the channels, if X was a data frame.

    See Also
    --------
    gamma_flow.Model : the same model with axes, units, similarities and files.

    Notes
    -----
    Shares are not probabilities: they say how much of a spectrum a class makes up, not how sure that is.
    Hence there are `shares` and `decision_function`, and no ``predict_proba``.

    References
    ----------
    Supervised factorisation with fixed loadings: V. Rädle et al., GAMMA_FLOW (package 0.9.0).

    Examples
    --------
    >>> X = [[9.0, 1.0, 0.0], [8.0, 2.0, 0.0], [0.0, 1.0, 9.0], [0.0, 2.0, 8.0]]
    >>> unmixer = TemplateUnmixer().fit(X, ["a", "a", "b", "b"])
    >>> unmixer.templates_
    array([[0.85, 0.15, 0.  ],
           [0.  , 0.15, 0.85]])
    >>> unmixer.transform([[17.0, 6.0, 17.0]]).round(6)
    array([[20., 20.]])
    >>> unmixer.predict([[7.0, 1.0, 2.0], [1.0, 2.0, 7.0]])
    array(['a', 'b'], dtype='<U1')
    """

    def __init__(
        self,
        *,
        background: Any = None,
        min_share: float = 0.1,
        active: slice | ArrayLike | None = None,
    ) -> None:
        self.background = background
        self.min_share = min_share
        self.active = active

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Make a template of each class: the mean of its spectra.

        Parameters
        ----------
        X : array_like, shape (N, C)
            Spectra.
        y : array_like, shape (N,) or (N, K)
            One class label a row, or an indicator matrix of the classes a spectrum holds. Of the latter
            only rows with exactly one label make templates; the others are passed over.

        Returns
        -------
        TemplateUnmixer
            Itself.

        Raises
        ------
        TrainingError
            A class without a spectrum that holds it alone, or with nothing in the active channels.
        SettingsError
            ``min_share`` outside 0..1, a background that is no class, a mask that does not fit.
        ValueError
            Whatever scikit-learn refuses in X and y.
        """
        values, labels = validate_data(self, X, y, dtype="numeric", multi_output=True)
        check_classification_targets(labels)
        multilabel = type_of_target(labels) == "multilabel-indicator"
        if multilabel:
            presence = np.asarray(labels.toarray() if hasattr(labels, "toarray") else labels) != 0
            classes = np.arange(presence.shape[1])
            rows = [np.flatnonzero(mine & (presence.sum(axis=1) == 1)) for mine in presence.T]
        else:
            classes, number = np.unique(column_or_1d(labels, warn=True), return_inverse=True)
            rows = [np.flatnonzero(number == k) for k in range(len(classes))]
        self._rule(classes)
        active = _mask(self.active, values.shape[1])
        templates = [
            _template(values[mine], active, name) for mine, name in zip(rows, classes.tolist(), strict=True)
        ]
        self.templates_, self.classes_, self.active_ = np.stack(templates), classes, active
        self.n_spectra_, self.multilabel_ = np.array([len(mine) for mine in rows]), multilabel
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _rule(self, classes: NDArray[Any]) -> tuple[float, int | None]:
        """Return the least share and the number of the background class, as the parameters are now."""
        least, names = self.min_share, classes.tolist()
        if not isinstance(least, Real) or not 0 <= least < 1:
            raise SettingsError(
                "the least share is a share", expected="0 <= min_share < 1", found=f"{least!r}"
            )
        if self.background is None:
            return float(least), None
        if self.background not in names:
            raise SettingsError(
                "the background is none of the classes",
                where="background",
                expected=f"one of {', '.join(map(repr, names))}, or None",
                found=repr(self.background),
            )
        return float(least), names.index(self.background)

    def transform(self, X: ArrayLike) -> Floats:
        """Find the non-negative scores with which the templates fit each spectrum best.

        Spectra (N, C), of which values may be negative, become counts (or summed intensity) of each class
        over the active channels, shape (N, K).
        """
        return self._scores(X)

    def inverse_transform(self, X: ArrayLike) -> Floats:
        """Return sums of templates, scaled by scores (N, K): spectra without noise, shape (N, C).

        All channels are filled, the inactive ones too.
        """
        check_is_fitted(self, "templates_")
        scores = check_array(X, dtype=np.float64)
        if scores.shape[1] != len(self.classes_):
            raise ValueError(f"X has {scores.shape[1]} scores a row for {len(self.classes_)} classes")
        denoised: Floats = scores @ self.templates_
        return denoised

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:  # noqa: ARG002
        """Return the names of the scores, shape (K,): those of the classes. ``input_features`` is ignored."""
        check_is_fitted(self, "templates_")
        return np.array([str(name) for name in self.classes_], dtype=object)

    def shares(self, X: ArrayLike) -> Floats:
        """Return scores over their sum, shape (N, K); zeros where all scores are zero. Not probabilities."""
        scores = self._scores(X)
        total: Floats = scores.sum(axis=1, keepdims=True)
        return np.divide(scores, total, out=np.zeros_like(scores), where=total > 0)

    def decision_function(self, X: ArrayLike) -> Floats:
        """Return ``shares - min_share``, shape (N, K); `predict` follows from it.

        For single labels the background gets the negative of the best of the others, because it is what is
        left where they are weak, and of two classes the result is second minus first, shape (N,).
        """
        margins, _ = self._margins(X)
        if len(self.classes_) == 2 and not self.multilabel_:
            margins = margins[:, 1] - margins[:, 0]
        return margins

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Name the classes of spectra.

        Parameters
        ----------
        X : array_like, shape (N, C)
            Spectra.

        Returns
        -------
        ndarray, shape (N,) or, if fitted with an indicator matrix, (N, K) of 0 and 1
            Single labels: the strongest class besides the background if its share exceeds ``min_share``,
            else the background; without a background the strongest (the first one for an empty spectrum).
            Indicator matrix: all classes whose share exceeds ``min_share``.
        """
        margins, background = self._margins(X)
        if self.multilabel_:
            return (margins > 0).astype(np.int64)
        best = margins.argmax(axis=1)
        if background is not None:
            best[margins[:, background] >= 0] = background
        answer: NDArray[Any] = self.classes_[best]
        return answer

    def _scores(self, X: ArrayLike) -> Floats:
        """Do what `transform` does, whatever container that is set to return."""
        check_is_fitted(self, "templates_")
        values = validate_data(self, X, dtype="numeric", reset=False)
        use = slice(None) if self.active_.all() else self.active_
        return nnls(values[:, use], self.templates_[:, use])

    def _margins(self, X: ArrayLike) -> tuple[Floats, int | None]:
        margins = self.shares(X)
        least, background = self._rule(self.classes_)
        margins -= least
        if background is not None and not self.multilabel_:
            others = np.delete(margins, background, axis=1)
            margins[:, background] = -others.max(axis=1, initial=-least)
        return margins, background

    @classmethod
    def from_model(cls, model: Model, *, multilabel: bool = False) -> Self:
        """Return a fitted estimator with the templates and the rule of a model, for spectra on its axis.

        Parameters
        ----------
        model : Model
            Of K classes on C channels.
        multilabel : bool
            Let `predict` answer with an indicator matrix (`Analysis.present`) instead of one class a row.

        Returns
        -------
        TemplateUnmixer
            Its scores equal those of ``model.analyse``; ``classes_`` keeps the order of the model.

        Examples
        --------
        >>> import gamma_flow as gf
        >>> templates = gf.Templates([[3.0, 1, 0], [0, 1, 3]], ("a", "b"), gf.Axis.channels(3))
        >>> gf.TemplateUnmixer.from_model(gf.Model(templates)).predict([[1.0, 2.0, 7.0]])
        array(['b'], dtype='<U1')
        """
        t = model.templates
        new = cls(
            background=t.background,
            min_share=model.min_share,
            active=None if t.active.all() else t.active.copy(),
        )
        new.classes_ = np.array(t.classes)
        new.templates_, new.active_, new.n_spectra_ = t.shapes.copy(), t.active.copy(), t.n_spectra.copy()
        new.n_features_in_, new.multilabel_ = t.shapes.shape[1], multilabel
        return new

    def to_model(self, axis: Axis, *, kind: Kind = "counts") -> Model:
        """Return the model with these templates on an axis.

        Parameters
        ----------
        axis : Axis
            Of the C channels.
        kind : {"counts", "intensity"}
            What the values of the spectra are.

        Returns
        -------
        Model
            Its classes are the labels, spelt as strings.

        Raises
        ------
        DataError
            An axis with another number of channels.
        """
        check_is_fitted(self, "templates_")
        least, background = self._rule(self.classes_)
        names = tuple(str(name) for name in self.classes_)
        special = None if background is None else names[background]
        shapes = Templates(self.templates_, names, axis, self.active_, self.n_spectra_, kind, special)
        return Model(shapes, Method(min_share=least), provenance={"version": __version__})


def _mask(active: slice | ArrayLike | None, n: int) -> NDArray[np.bool_]:
    if active is None or isinstance(active, slice):
        mask = np.zeros(n, bool)
        mask[active if isinstance(active, slice) else slice(None)] = True
    else:
        mask = np.array(active)
    if mask.dtype != np.bool_ or mask.shape != (n,) or not mask.any():
        raise SettingsError(
            "no choice of channels",
            where="active",
            expected=f"a slice, or bool of shape ({n},), with at least one channel",
            found=f"{active}" if isinstance(active, slice) else f"{mask.dtype}, shape {mask.shape}",
        )
    return mask


def _template(spectra: NDArray[Any], active: NDArray[np.bool_], name: Any) -> Floats:
    if len(spectra) == 0:
        raise TrainingError(
            "no row of the indicator matrix holds this class alone",
            where=f"class {name}",
            cure="add spectra of nothing but this class, or leave its column out",
        )
    with np.errstate(over="ignore", invalid="ignore"):
        mean = spectra.sum(axis=0, dtype=np.float64) / len(spectra)
        integral = np.abs(mean[active]).sum()
    if not 0 < integral < np.inf:
        raise TrainingError(
            "the spectra of a class add up to nothing, or to more than a number holds",
            where=f"class {name!r}",
            expected="a positive integral over the active channels",
            found=f"{integral:g}",
        )
    return np.asarray(mean / integral, dtype=np.float64)
