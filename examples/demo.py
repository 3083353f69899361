"""The embedded example, step by step: draw its spectra into a folder, then run everything on them.

    python examples/demo.py -o demo

``gamma-flow run -o demo`` does the same without keeping the drawn files.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from gamma_flow.cli import cli
from gamma_flow.simulate.example import write_example


def draw(folder: Path, rng: np.random.Generator) -> None:
    """Write labelled spectra: simulated single sources, measured-like background and test spectra."""
    write_example(folder, seed=int(rng.integers(2**31)))


def main() -> None:
    """Draw the spectra and run everything on them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("demo"), help="folder for data and results")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    data = chosen.output / "data"
    write_example(data, chosen.seed)
    cli(["run", str(data), "-o", str(chosen.output / "out"), "--preset", "example"], prog_name="gamma-flow")


if __name__ == "__main__":
    main()
