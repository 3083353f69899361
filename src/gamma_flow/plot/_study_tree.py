"""The decision tree of a study, and what matters to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gamma_flow._study_tree import Tree
from gamma_flow.plot._style import figure, styled
from gamma_flow.plot.palette import INK, NOTHING, UNKNOWN

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["KNOWN", "decision_tree", "feature_importance", "plain", "tree_confusion"]

KNOWN = "#5F7488"  # a slate that no class bears


_SHOWN = 12  # features, more if the tree uses more


def plain(feature: str) -> str:
    """Return a feature's name as it stands in a plot.

    Examples
    --------
    >>> plain("centred_similarity_all"), plain("share_2"), plain("novelty_p")
    ('centred cosine, all channels', 'share no. 2', 'novelty p-value')
    """
    words = {
        "similarity": "cosine",
        "centred_similarity": "centred cosine",
        "centred_similarity_all": "centred cosine, all channels",
        "explained_variance_all": "explained variance, all channels",
        "novelty_p": "novelty p-value",
        "peak": "strongest residual peak (σ)",
        "share_mean": "mean share",
        "share_median": "median share",
        "share_norm": "norm of shares",
    }
    if feature.startswith("share_") and feature[6:].isdigit():
        return f"share no. {feature[6:]}"
    return words.get(feature, feature.replace("_", " "))


@styled
def decision_tree(tree: Tree) -> Figure:
    """Draw a tree: what each node asks, how many spectra come there, and of which kind they are.

    Parameters
    ----------
    tree : Tree
        From `gamma_flow.study.grown`.

    Returns
    -------
    matplotlib.figure.Figure
        Spectra for which the condition holds go to the left. The bar in a node is the part of unknown ones.
    """
    place = _places(tree)
    depth = max(level for _, level in place.values())
    leaves = sum(node.feature is None for node in tree.nodes)
    drawn = figure(max(7.5, 2.5 * leaves), 1.6 + 1.55 * (depth + 1))
    axes = drawn.subplots()
    axes.set_axis_off()
    axes.set(xlim=(-0.5, leaves - 0.5), ylim=(-depth - 0.42, 0.42))
    for number, node in enumerate(tree.nodes):
        x, level = place[number]
        for child, word in ((node.left, "yes"), (node.right, "no")):
            if child < 0:
                continue
            to, below = place[child]
            axes.plot([x, to], [-level - 0.34, -below + 0.34], color="#777777", lw=1.2, zorder=1)
            axes.text(
                0.5 * (x + to), -0.5 * (level + below), word, ha="center", va="center", fontsize=9,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5}, zorder=2,
            )  # fmt: skip
        _node(axes, tree, number, x, -level)
    told = f"accuracy {tree.accuracy:.3f}, recall {tree.recall:.3f}"
    told += f", precision {tree.precision:.3f}" if np.isfinite(tree.precision) else ""
    axes.set_title(f"Unknown (red) and known (grey): {told}")
    return drawn


def _node(axes: Axes, tree: Tree, number: int, x: float, y: float) -> None:
    from matplotlib.patches import Rectangle

    node = tree.nodes[number]
    part = node.unknown / max(node.known + node.unknown, 1)
    wide, high = 0.94, 0.68
    left, low = x - wide / 2, y - high / 2
    axes.add_patch(Rectangle((left, low), wide, high, facecolor="white", edgecolor="#777777", zorder=3))
    axes.add_patch(Rectangle((left, low), wide * (1 - part), 0.09, facecolor=KNOWN, zorder=4))
    axes.add_patch(
        Rectangle(
            (left + wide * (1 - part), low), wide * part, 0.09, facecolor=UNKNOWN, hatch="///", zorder=4
        )
    )
    if node.feature is None:
        head = "unknown" if part > 0.5 else "known"
    else:
        head = f"{plain(node.feature)}\n≤ {node.threshold:.4g} ?"
    counts = f"{node.known} known, {node.unknown} unknown\nentropy {node.entropy:.2f} bit"
    axes.text(x, y + 0.17, head, ha="center", va="center", weight="bold", fontsize=9.5, zorder=5)
    axes.text(x, y - 0.12, counts, ha="center", va="center", fontsize=9, color=INK, zorder=5)


def _places(tree: Tree) -> dict[int, tuple[float, int]]:
    """Return a place (x, level) for each node: leaves side by side, others above the middle of theirs."""
    place: dict[int, tuple[float, int]] = {}
    taken = 0

    def put(number: int, level: int) -> float:
        nonlocal taken
        node = tree.nodes[number]
        if node.feature is None:
            x, taken = float(taken), taken + 1
        else:
            x = 0.5 * (put(node.left, level + 1) + put(node.right, level + 1))
        place[number] = (x, level)
        return x

    put(0, 0)
    return place


@styled
def feature_importance(tree: Tree) -> Figure:
    """Draw how much accuracy a tree loses when the values of a feature are shuffled, the largest first.

    Parameters
    ----------
    tree : Tree
        From `gamma_flow.study.grown`, with a generator.

    Returns
    -------
    matplotlib.figure.Figure
        Error bars are standard deviations of the shufflings. Features that the tree does not use are zero.
    """
    order = np.argsort(-tree.importance, kind="stable")
    used = tree.importance[order] > 0
    shown = max(_SHOWN, int(used.sum()))
    left, order, used = len(order) - shown, order[:shown], used[:shown]
    drawn = figure(7.5, 1.4 + 0.3 * len(order))
    axes = drawn.subplots()
    rows = np.arange(len(order))
    axes.barh(
        rows,
        tree.importance[order],
        xerr=np.where(used, tree.importance_error[order], np.nan),
        height=0.7,
        color=[KNOWN if one else NOTHING for one in used],
        error_kw={"ecolor": INK, "capsize": 3, "lw": 1.2},
    )
    axes.set_yticks(rows, [plain(tree.features[number]) for number in order])
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(0, 1.08 * max(float((tree.importance + tree.importance_error).max()), 1e-3))
    rest = f"\n({left} more features are not used)" if left > 0 else ""
    axes.set_xlabel(f"Loss of accuracy when the feature is shuffled{rest}")
    first = plain(tree.features[order[0]]) if used.any() else "no feature"
    axes.set_title(f"The tree rests most on {first}" if used.any() else "The tree rests on no feature")
    return drawn


@styled
def tree_confusion(tree: Tree) -> Figure:
    """Draw what a tree calls the known and the unknown spectra that it was not grown on.

    Parameters
    ----------
    tree : Tree
        From `gamma_flow.study.grown`.

    Returns
    -------
    matplotlib.figure.Figure
        Rows the truth, columns the answer; each cell with its percent of the row.
    """
    counts = tree.confusion
    rows = counts.sum(axis=1)
    share = counts / np.maximum(rows, 1)[:, None]
    drawn = figure(6.4, 3.2)
    axes = drawn.subplots()
    axes.pcolormesh([0, 1, 2], [0, 1, 2], share, cmap="Greys", vmin=0, vmax=1.6, edgecolors="white", lw=1.5)
    for i, j in np.ndindex(2, 2):
        text = f"{counts[i, j]:,}\n{100 * share[i, j]:.1f} %" if rows[i] else "none"
        colour = "white" if share[i, j] > 0.7 else INK
        axes.text(j + 0.5, i + 0.5, text, ha="center", va="center", color=colour, in_layout=False)
    names = ("known", "unknown")
    axes.set_xticks([0.5, 1.5], names)
    axes.set_yticks([0.5, 1.5], [f"{name} ({n:,})" for name, n in zip(names, rows, strict=True)])
    for ticks in (axes.get_xticklabels(), axes.get_yticklabels()):
        for label, colour in zip(ticks, (KNOWN, UNKNOWN), strict=True):
            label.set_color(colour)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.invert_yaxis()
    axes.set_xlabel("Called by the tree")
    axes.set_ylabel("Truth (spectra)")
    right, total = int(np.trace(counts)), int(counts.sum())
    axes.set_title(f"The tree is right for {right:,} of {total:,} test spectra")
    return drawn
