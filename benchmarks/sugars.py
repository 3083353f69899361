"""Raman spectra of sugar mixtures of known concentrations, and infrared spectra of coffee.

python benchmarks/sugars.py [--data ../shared/data/chemistry]

The 21 mixtures of mdatools (three pure spectra of unit concentration; mixtures with noise and an offset) are
unmixed with templates from the pure spectra, without and with a constant baseline, sigma estimated from each
spectrum. Printed are the root mean square error of the concentration fractions, how often intervals of 95 %
hold the truth, and deviations over their errors, for fractions and for concentrations (score over the sum of
the pure spectrum).
"""

from __future__ import annotations

import argparse
import csv
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import gamma_flow as gf

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "chemistry"
SUGARS = ("fructose", "lactose", "ribose")
Floats = NDArray[np.float64]


def sugars(folder: Path) -> tuple[gf.SpectrumSet, gf.SpectrumSet, Floats]:
    """Return pure spectra, mixtures, and the concentrations of these (21, 3)."""
    with (folder / "derived_carbs.csv").open(newline="") as file:
        head, *rows = csv.reader(file)
    assert tuple(head[1:4]) == SUGARS
    axis = gf.Axis.points(np.array(head[4:], float), "cm-1")
    table = np.array([row[1:] for row in rows], float)
    names, contents, values = [row[0] for row in rows], table[:, :3], table[:, 3:]
    pure = np.array([name.startswith("pure_") for name in names])
    labels = gf.Labels.of([[SUGARS[int(row.argmax())]] for row in contents[pure]])
    return (
        gf.SpectrumSet(values[pure], axis, "intensity", labels=labels),
        gf.SpectrumSet(values[~pure], axis, "intensity"),
        contents[~pure],
    )


def coffee(folder: Path) -> tuple[Floats, list[str]]:
    """Return 60 infrared spectra and their origins."""
    with (folder / "coffee_spectra.csv").open() as file:
        rows = [[float(word) for word in line.split(",")] for line in list(file)[1:] if line.strip()]
    names = (folder / "coffee_labels.csv").read_text().split()
    return np.array(rows), names[-len(rows) :]


def report(title: str, found: gf.Analysis, unit: Floats, true: Floats) -> None:
    """Print errors and coverage."""
    chosen = [found.classes.index(name) for name in SUGARS]
    fractions = found.fractions(unit)[:, chosen]
    wanted = true / true.sum(axis=1, keepdims=True)
    off = fractions - wanted
    print(f"{title:34s} fractions: RMSE {np.sqrt((off**2).mean()):.4f}", end="")
    spread = found.fraction_errors(unit)
    bounds = found.intervals(0.95)
    if spread is None or bounds is None:
        print()
        return
    sd = spread[:, chosen]
    known = sd > 0
    z = off[known] / sd[known]
    print(
        f", mean error bar {sd[known].mean():.4f}, z {z.mean():+.2f} +- {z.std():.2f}, "
        f"within 1.96 sd {np.mean(np.abs(z) < 1.96):.3f} of {known.sum()} above zero"
    )
    scores, errors = found.free_scores, found.score_errors
    assert scores is not None
    assert errors is not None
    z = (scores[:, chosen] - true * unit[chosen]) / errors[:, chosen]
    low, high = (bounds[:, chosen, end] / unit[chosen] for end in (0, 1))
    inside = (low <= true) & (true <= high)
    amounts = found.scores[:, chosen] / unit[chosen] - true
    print(
        f"{'':34s} concentrations: RMSE {np.sqrt((amounts**2).mean()):.4f}, z {z.mean():+.2f} +- "
        f"{z.std():.2f}, 95 % intervals hold {inside.mean():.3f} of {inside.size} "
        f"(absent {inside[true == 0].mean():.3f}, present {inside[true > 0].mean():.3f})"
    )


def leave_one_out(values: Floats, names: list[str], **options: object) -> int:
    """Return how many spectra are given to their own origin when the others make the templates."""
    axis = gf.Axis.channels(values.shape[1])
    right = 0
    for row, name in enumerate(names):
        rest = [other for other in range(len(names)) if other != row]
        spectra = gf.SpectrumSet(
            values[rest], axis, "intensity", labels=gf.Labels.of([[names[other]] for other in rest])
        )
        model = gf.train(spectra, held_out=0, few=0, **options)  # type: ignore[arg-type]
        found = model.analyse(gf.SpectrumSet(values[row, None], axis, "intensity"))
        right += found.classes[int(found.fractions()[0].argmax())] == name
    return right


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=SHARED, help="folder of the chemistry data")
    folder = parser.parse_args().data
    warnings.simplefilter("ignore")
    pure, mixtures, true = sugars(folder)
    for baseline in (False, True):
        model = gf.train(pure, held_out=0, few=0, noise="gaussian", baseline=baseline)
        unit = np.array(
            [pure.where(label=name).total[0] if name in SUGARS else 1.0 for name in model.classes]
        )
        found = model.analyse(mixtures)
        report(f"sugars, baseline={baseline}", found, unit, true)
    values, names = coffee(folder)
    for title, rows in (("coffee", values), ("coffee, first differences", np.diff(values, axis=1))):
        for options in ({}, {"baseline": True}):
            print(f"{title}, {options or 'plain'}: {leave_one_out(rows, names, **options)} of {len(names)}")


if __name__ == "__main__":
    main()
