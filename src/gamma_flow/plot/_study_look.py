"""How left-out classes look to a model without them, and how a cut bears noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gamma_flow._study_cuts import Cut
from gamma_flow._study_noise import NoiseRow
from gamma_flow.data.study import Study
from gamma_flow.errors import DataError
from gamma_flow.plot._study_tree import KNOWN, plain
from gamma_flow.plot._style import figure, legend, styled
from gamma_flow.plot.palette import INK, SHADES, UNKNOWN

if TYPE_CHECKING:
    from matplotlib.figure import Figure


__all__ = ["appearance", "noise_behaviour"]

_MOST_NUMBERS = 14  # classes up to which each cell tells its number


@styled
def appearance(study: Study) -> Figure:
    """Draw by which known classes the spectra of each left-out class are explained.

    Parameters
    ----------
    study : Study
        From `gamma_flow.study.leave_one_out`.

    Returns
    -------
    matplotlib.figure.Figure
        Mean shares, one row a class that was left out; its own column is empty.
    """
    rows, columns = study.appearance.shape
    cell = 0.62 if columns <= _MOST_NUMBERS else 0.3 if columns <= 30 else 0.2
    wide = max(5.5, 2.6 + cell * columns)
    drawn = figure(wide, max(3.0, 1.9 + cell * 0.85 * rows))
    axes = drawn.subplots()
    most = float(np.nanmax(study.appearance, initial=0.0))
    top = most if 0 < most < 0.9 else 1.0
    image = axes.pcolormesh(
        np.arange(columns + 1), np.arange(rows + 1), np.ma.masked_invalid(study.appearance), cmap="cividis",
        vmin=0, vmax=top, edgecolors="white", linewidth=0.5,
    )  # fmt: skip
    size = 10.0 if cell > 0.5 else 7.5 if cell > 0.25 else 5.5
    axes.set_xticks(np.arange(columns) + 0.5, study.classes, fontsize=size)
    axes.set_yticks(np.arange(rows) + 0.5, study.left_out, fontsize=size)
    if columns > 8 or max(len(name) for name in study.classes) > 8:
        axes.tick_params(axis="x", rotation=90 if columns > _MOST_NUMBERS else 40)
        for label in axes.get_xticklabels():
            label.set_horizontalalignment("center" if columns > _MOST_NUMBERS else "right")
            label.set_rotation_mode("default" if columns > _MOST_NUMBERS else "anchor")
    axes.tick_params(length=0)
    axes.invert_yaxis()
    axes.spines[["left", "bottom"]].set_visible(False)
    for row, column in zip(*np.nonzero(np.isnan(study.appearance)), strict=True):
        axes.text(column + 0.5, row + 0.5, "×", ha="center", va="center", color="#999999", fontsize=size)
    if columns <= _MOST_NUMBERS:
        for (row, column), value in np.ndenumerate(study.appearance):
            if np.isfinite(value) and value >= 0.005:
                colour = "white" if value < 0.5 * top else INK
                axes.text(
                    column + 0.5,
                    row + 0.5,
                    f"{value:.2f}",
                    ha="center",
                    va="center",
                    color=colour,
                    fontsize=9,
                )
    drawn.colorbar(image, ax=axes, label="Mean share", fraction=0.05, pad=0.02)
    axes.set_xlabel("is explained by")
    axes.set_ylabel("Left-out class")
    axes.set_title("What a left-out class is taken for")
    return drawn


@styled
def noise_behaviour(rows: Sequence[NoiseRow], chosen: Cut) -> Figure:
    """Draw how a feature, and the cut through it, change with noise that is added to the spectra.

    Parameters
    ----------
    rows : sequence of NoiseRow
        From `gamma_flow.study.noise_rows`.
    chosen : Cut
        The cut for spectra without added noise.

    Returns
    -------
    matplotlib.figure.Figure
        To the left the feature (middle, 25 to 75 %, 5 to 95 %) and the cuts, to the right what they do.

    Raises
    ------
    DataError
        Fewer than two sizes of noise.
    """
    if len(rows) < 2:
        raise DataError(
            "one size of noise shows no behaviour", where="noise_behaviour", expected="two or more",
            found=str(len(rows)), cure="study with noise_sizes=(0.1, 0.3, 1.0)",
        )  # fmt: skip
    size = np.array([row.size for row in rows])
    drawn = figure(11.0, 4.8)
    left, right = drawn.subplots(1, 2)
    for name, colour, spread in (
        ("known", KNOWN, np.array([row.known for row in rows])),
        ("unknown", UNKNOWN, np.array([row.unknown for row in rows])),
    ):
        left.fill_between(size, spread[:, 0], spread[:, 4], color=colour, alpha=0.13, lw=0)
        left.fill_between(size, spread[:, 1], spread[:, 3], color=colour, alpha=0.28, lw=0)
        left.plot(size, spread[:, 2], "o-", color=colour, label=name, ms=4)
    left.plot(size, [row.threshold for row in rows], "s--", color=INK, label="new cut", ms=5)
    left.axhline(chosen.threshold, color="#777777", lw=1.2, ls=":", label="old cut (without noise)")
    left.set_ylabel(plain(chosen.feature)[:1].upper() + plain(chosen.feature)[1:])
    for name, colour, pick in (
        ("recall", SHADES[0], "recall"),
        ("false positives", SHADES[4], "false_positive_rate"),
    ):
        for kind, dash, mark in (("own", "--", "s"), ("fixed", ":", "o")):
            told = [getattr(getattr(row, kind), pick) for row in rows]
            word = "new cut" if kind == "own" else "old cut"
            right.plot(
                size, np.array(told, float), ls=dash, marker=mark, ms=5, color=colour, lw=1.7,
                label=f"{name}, {word}",
            )  # fmt: skip
    right.set(ylim=(-0.03, 1.05), ylabel="Part of spectra")
    for axes, many in ((left, 2), (right, 2)):
        axes.set_xlabel("Noise added (part of each spectrum's RMS)")
        axes.set_xlim(-0.03 * float(size.max()), 1.03 * float(size.max()))
        legend(axes, rows=many)
    moved = rows[-1].threshold - rows[0].threshold
    word = (
        "does not move"
        if moved == 0
        else "moves to smaller values"
        if moved < 0
        else "moves to larger values"
    )
    drawn.suptitle(
        f"With noise the cut through {plain(chosen.feature)} {word}", x=0.01, ha="left", fontsize=12
    )
    return drawn
