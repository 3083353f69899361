"""A small decision tree on the features of spectra, and which of the features matter to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data.feature_table import FeatureTable
from gamma_flow.errors import DataError, MissingDependencyError, SettingsError
from gamma_flow.numerics.thresholds import Side

__all__ = ["Node", "Tree", "grown"]

_TEST = 0.2  # part of the spectra that the tree is tested on
_REPEATS = 5  # shufflings of a column for its importance
_FEWEST = 5  # spectra that can be divided


@dataclass(frozen=True, slots=True)
class Node:
    """One node of a tree.

    Parameters
    ----------
    known, unknown : int
        Training spectra that come here.
    entropy : float
        In bits: 0 where all are of one kind.
    feature : str or None
        Spectra whose feature is at most ``threshold`` go to the node number ``left``, the others to
        ``right``; None for a leaf.
    threshold : float
    left, right : int
        -1 for a leaf.
    """

    known: int
    unknown: int
    entropy: float
    feature: str | None = None
    threshold: float = float("nan")
    left: int = -1
    right: int = -1


@dataclass(frozen=True, eq=False)
class Tree:
    """A decision tree, how it does on spectra that it was not grown on, and what matters to it.

    Parameters
    ----------
    nodes : tuple of Node
        The root first.
    accuracy, precision, recall : float
        On the test part; the precision is NaN where the tree calls nothing unknown.
    confusion : ndarray of int, shape (2, 2)
        Of the test part: rows truly known and unknown, columns called known and unknown.
    features : tuple of str
        The F features.
    importance, importance_error : ndarray, shape (F,)
        Loss of accuracy on the training part when the values of a feature are shuffled among the spectra,
        mean and standard deviation of several shufflings.
    """

    nodes: tuple[Node, ...]
    accuracy: float
    precision: float
    recall: float
    confusion: NDArray[np.int64]
    features: tuple[str, ...]
    importance: NDArray[np.float64]
    importance_error: NDArray[np.float64]

    @property
    def first_split(self) -> tuple[float, Side]:
        """Threshold of the root, and on which side of it the unknown part is larger.

        Raises
        ------
        DataError
            The tree has no split.
        """
        root = self.nodes[0]
        if root.feature is None:
            raise DataError("the tree found nothing to split by", cure="give more spectra or other features")
        left, right = (self.nodes[number] for number in (root.left, root.right))
        part = [node.unknown / max(node.known + node.unknown, 1) for node in (left, right)]
        return root.threshold, "below" if part[0] > part[1] else "above"

    def as_dict(self) -> dict[str, Any]:
        """Return plain values; what is no number is None."""

        def plain(value: float) -> float | None:
            return float(value) if np.isfinite(value) else None

        return {
            "accuracy": self.accuracy,
            "precision": plain(self.precision),
            "recall": self.recall,
            "confusion": self.confusion.tolist(),
            "importance": {
                name: {"mean": float(mean), "sd": float(sd)}
                for name, mean, sd in zip(self.features, self.importance, self.importance_error, strict=True)
            },
            "nodes": [
                {name: plain(value) if name == "threshold" else value for name, value in _fields(node)}
                for node in self.nodes
            ],
        }


def grown(
    table: FeatureTable,
    names: Iterable[str] | None = None,
    *,
    depth: int = 2,
    rng: np.random.Generator | None = None,
) -> Tree:
    """Grow a decision tree by entropy on four fifths of the spectra, and test it on the rest.

    Parameters
    ----------
    table : FeatureTable
        With known and unknown spectra.
    names : iterable of str, optional
        Features that it may split by; all by default.
    depth : int
        Splits from the root to a leaf.
    rng : numpy.random.Generator, optional
        Divides the spectra and shuffles the features; without one, the tree is grown on all spectra, tested
        on the same, and nothing is shuffled (the importance is zero).

    Raises
    ------
    MissingDependencyError
        scikit-learn is not installed.
    DataError
        Known or unknown spectra are missing, or too few of them to divide.
    SettingsError
        No such feature, a depth below 1.

    References
    ----------
    L. Breiman, J. Friedman, R. Olshen, C. Stone, Classification and Regression Trees (1984); permutation
    importance: L. Breiman, Machine Learning 45 (2001) 5.
    """
    if depth < 1:
        raise SettingsError("a tree has a depth of 1 or more", where="depth", found=str(depth))
    chosen = table.names if names is None else tuple(names)
    values, truth = table.matrix(chosen), table.unknown
    train = test = np.arange(len(table))
    if rng is not None:
        mixed = rng.permutation(len(table))
        train, test = np.split(mixed, [int((1 - _TEST) * len(table))])
    if len(table) < _FEWEST or not chosen or len(np.unique(truth[train])) < 2 or not truth[test].any():
        known, unknown = table.counts
        raise DataError(
            "too few spectra to grow a tree and to test it",
            expected="known and unknown ones in both parts",
            found=f"{known} known, {unknown} unknown",
            cure="raise the limit, or give more spectra",
        )
    grower = _classifier(depth)
    grower.fit(values[train], truth[train])
    called = grower.predict(values[test]).astype(bool)
    confusion = np.array([[int(((truth[test] == t) & (called == c)).sum()) for c in (0, 1)] for t in (0, 1)])
    hits, claims = confusion[1, 1], confusion[:, 1].sum()
    mean, sd = np.zeros(len(chosen)), np.zeros(len(chosen))
    if rng is not None:
        mean, sd = _importance(grower, values[train], truth[train], rng)
    return Tree(
        _nodes(grower.tree_, table.unknown[train], tuple(chosen)),
        float(np.trace(confusion) / len(test)),
        float(hits / claims) if claims else float("nan"),
        float(hits / confusion[1].sum()),
        confusion,
        tuple(chosen),
        mean,
        sd,
    )


def _classifier(depth: int) -> Any:
    try:
        from sklearn.tree import DecisionTreeClassifier
    except ImportError as problem:
        raise MissingDependencyError(
            "a decision tree needs scikit-learn", cure="pip install gamma-flow[learn]"
        ) from problem
    # its chance decides between equal splits alone: the same for all
    return DecisionTreeClassifier(criterion="entropy", max_depth=depth, random_state=0)


def _importance(
    grower: Any, values: NDArray[np.float64], truth: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    right = float((grower.predict(values) == truth).mean())
    used = set(grower.tree_.feature[grower.tree_.feature >= 0].tolist())
    lost = np.zeros((values.shape[1], _REPEATS))
    for number in sorted(used):  # to shuffle what the tree does not look at changes nothing
        for repeat in range(_REPEATS):
            shuffled = values.copy()
            shuffled[:, number] = rng.permutation(values[:, number])
            lost[number, repeat] = right - float((grower.predict(shuffled) == truth).mean())
    return lost.mean(axis=1), lost.std(axis=1)


def _nodes(tree: Any, truth: NDArray[np.bool_], names: tuple[str, ...]) -> tuple[Node, ...]:
    """Return our nodes; the library keeps the parts of the kinds in each of its own."""
    total = np.asarray(tree.n_node_samples, np.float64)
    parts = np.asarray(tree.value)[:, 0, :]
    parts = parts / parts.sum(axis=1, keepdims=True)
    counts = np.rint(parts * total[:, None]).astype(int)
    assert counts[0].sum() == len(truth)
    out = []
    for number, (known, unknown) in enumerate(counts.tolist()):
        left, right = int(tree.children_left[number]), int(tree.children_right[number])
        common = (known, unknown, float(tree.impurity[number]))
        if left < 0:
            out.append(Node(*common))
        else:
            feature = names[int(tree.feature[number])]
            out.append(Node(*common, feature, float(tree.threshold[number]), left, right))
    return tuple(out)


def _fields(node: Node) -> list[tuple[str, Any]]:
    return [(name, getattr(node, name)) for name in Node.__slots__]
