"""Draw the picture of the README from the demonstration's spectra; needs matplotlib.

python docs/pictures/draw.py
"""

from __future__ import annotations

import runpy
import tempfile
import warnings
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

import gamma_flow as gf

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
# Okabe and Ito, which colour-blind eyes tell apart
COLOURS = {
    "Am241": "#0072B2",
    "Co60": "#CC79A7",
    "Cs137": "#009E73",
    "Eu152": "#E69F00",
    "background": "#9A9A9A",
}


def spectra_and_model(folder: Path) -> tuple[gf.SpectrumSet, gf.Model]:
    """Draw the demonstration's spectra; return measured ones of one detector, and a model."""
    runpy.run_path(str(ROOT / "examples" / "demo.py"))["draw"](folder, np.random.default_rng(1))
    sets = list(gf.read_each(folder))
    axis = next(part.axis for part in sets if "simulated" in part.detector)
    pooled = gf.SpectrumSet.concatenate([part.onto(axis, allow_cut=0.05) for part in sets])
    model = gf.train(pooled, detectors="simulated", energy_range=(30, 2000))
    return next(part for part in sets if "left" in part.detector), model


def main() -> None:
    """Draw one mixture: spectrum, fit with its components stacked, residual."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as scratch:
        measured, model = spectra_and_model(Path(scratch))
    mixtures = measured.where(file="mix-Cs137-Co60_*")
    chosen = mixtures[int(np.abs(mixtures.total - 5000).argmin())]
    found = model.analyse(chosen)
    axis, active = found.axis, found.templates.active
    edges = axis.edges[np.r_[np.flatnonzero(active), np.flatnonzero(active)[-1] + 1]]
    counts, fit = chosen.values[0][active], found.denoised[0][active]

    plt.rcParams.update({"font.size": 11, "axes.spines.top": False, "axes.spines.right": False})
    figure, (top, below) = plt.subplots(
        2, 1, figsize=(9.6, 5.4), height_ratios=(3.2, 1), sharex=True, layout="constrained"
    )
    floor = np.zeros(active.sum())
    order = [name for name in COLOURS if found.present[0, found.classes.index(name)]][::-1]
    for name in order:
        number = found.classes.index(name)
        part = found.scores[0, number] * found.templates.shapes[number][active]
        share = found.shares[0, number]
        label = f"{name}: {100 * share:.0f} % ({found.scores[0, number]:.0f} counts)"
        top.stairs(
            floor + part, edges, baseline=floor, fill=True, color=COLOURS[name], alpha=0.75, label=label
        )
        floor = floor + part
    top.stairs(fit, edges, color="black", linewidth=1.4, label="sum of scaled templates")
    centres = 0.5 * (edges[1:] + edges[:-1])
    top.errorbar(
        centres,
        counts,
        np.sqrt(counts),
        fmt=".",
        color="#333333",
        markersize=3,
        linewidth=0.6,
        label="one spectrum",
    )
    top.set_yscale("symlog", linthresh=10)
    top.set_ylim(0, 4 * counts.max())
    top.set_yticks([0, 5, 10, 100], ["0", "5", "10", "100"])
    top.set_ylabel("counts per channel")
    top.legend(frameon=False, ncols=2, loc="upper right")
    pull = (counts - fit) / np.sqrt(np.maximum(fit, 1))
    below.axhspan(-2, 2, color="#DDDDDD", zorder=0)
    below.plot(centres, pull, ".", color="#333333", markersize=3)
    below.set_ylim(-5.5, 5.5)
    below.set_ylabel("residual (σ)")
    below.set_xlabel("energy (keV)")
    below.set_xlim(edges[0], edges[-1])
    figure.savefig(HERE / "decomposition.png", dpi=110)


if __name__ == "__main__":
    main()
