"""The main job on spectra that are drawn here: five smooth templates, two detectors, mixtures, an unknown.

    python examples/demo.py -o demo

draws labelled spectra into a folder (one CSV file a class and detector), and runs
``gamma-flow run`` on it, as one would on a folder of one's own.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import gamma_flow as gf
from gamma_flow.cli import cli

CHANNELS = 256
LINES = {  # energies in keV, weights: not real sources, only shapes that are easy to tell apart
    "A": [(60, 1.0)],
    "B": [(120, 0.4), (345, 0.5), (1400, 0.4)],
    "C": [(662, 1.0)],
    "D": [(1173, 1.0), (1332, 1.0)],
    "unknown": [(186, 1.0), (880, 0.3)],
}


def shape(axis: gf.Axis, lines: list[tuple[float, float]]) -> NDArray[np.float64]:
    """Return a template of unit sum: a peak and a step below it for each line, shape (C,)."""
    energy = axis.centres
    total = np.zeros(len(axis))
    for line, weight in lines:
        width = 0.03 * np.sqrt(662 * line)
        peak = np.exp(-0.5 * ((energy - line) / width) ** 2) / width
        edge = line / (1 + 511 / (2 * line))
        step = 0.8 / (1 + np.exp((energy - edge) / width)) / edge
        total += weight * (peak / 2.5 + step)
    total *= axis.widths
    return total / total.sum()


def background(axis: gf.Axis) -> NDArray[np.float64]:
    """Return a falling continuum with one line, shape (C,)."""
    energy = np.maximum(axis.centres, 20)
    total = np.exp(-energy / 350) + 0.04 * np.exp(-0.5 * ((energy - 1461) / 40) ** 2)
    total *= axis.widths
    return total / total.sum()


def draw(folder: Path, rng: np.random.Generator) -> None:
    """Write labelled spectra: simulated single sources, measured background, measured test spectra."""
    ideal = gf.Axis.polynomial([-12, 8.15, 0.0012], CHANNELS, reference="centre")
    real = {
        "left": gf.Axis.polynomial([-11, 8.2, 0.0011], CHANNELS, reference="centre"),
        "right": gf.Axis.polynomial([-13, 8.08, 0.0013], CHANNELS, reference="centre"),
    }

    def save(
        name: str, axis: gf.Axis, expected: NDArray[np.float64], labels: list[str], detector: str
    ) -> None:
        frames = gf.SpectrumSet(
            rng.poisson(expected),
            axis,
            labels=gf.Labels.of([labels] * len(expected)),
            live_time=np.ones(len(expected)),
            detector=detector,
        )
        gf.write(frames, folder / f"{name}_{detector}.csv")

    def scores(low: float, high: float, count: int) -> NDArray[np.float64]:
        return np.exp(rng.uniform(np.log(low), np.log(high), (count, 1)))

    for name in "ABCD":
        save(name, ideal, scores(2000, 8000, 200) * shape(ideal, LINES[name]), [name], "simulated")
    for detector, axis in real.items():
        floor = 2000 * background(axis)
        save("background", axis, np.tile(floor, (300, 1)), ["background"], detector)
        for name in "ABCD":
            source = scores(500, 10000, 100) * shape(axis, LINES[name])
            save(f"{name}-near", axis, floor + source, [name, "background"], detector)
        for one, other in ("AC", "BD", "CD"):
            both = scores(800, 8000, 60) * shape(axis, LINES[one]) + scores(800, 8000, 60) * shape(
                axis, LINES[other]
            )
            save(f"mix-{one}{other}", axis, floor + both, [one, other, "background"], detector)
        strange = scores(800, 8000, 40) * shape(axis, LINES["unknown"])
        save("strange", axis, floor + strange, ["unknown", "background"], detector)


def main() -> None:
    """Draw the spectra and run everything on them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("demo"), help="folder for data and results")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    data = chosen.output / "data"
    data.mkdir(parents=True, exist_ok=True)
    draw(data, np.random.default_rng(chosen.seed))
    config = Path(__file__).with_name("demo.toml")
    cli(["run", str(data), "-o", str(chosen.output / "out"), "--config", str(config)], prog_name="gamma-flow")


if __name__ == "__main__":
    main()
