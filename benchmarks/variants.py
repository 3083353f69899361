"""What each of the paper's choices does on its own data: figures of T1, multi and validation.

    python benchmarks/variants.py [ZIP]

From the paper's settings, one step after the other: counts conserved instead of interpolated, templates
carried to each detector's own axis, the range given as an energy instead of a channel, the split drawn class
by class.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

from msgspec.structs import replace

from gamma_flow.io.naming import Naming
from gamma_flow.io.reading import scan
from gamma_flow.settings import AxisSettings, Settings, load_settings
from gamma_flow.workflow import run

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "bfs" / "example_dataset.zip"


def variants() -> dict[str, Settings]:
    """Return settings by name, each a step further from the paper's."""
    paper = load_settings(preset="paper")
    paper = replace(paper, evaluate=replace(paper.evaluate, noise=[], bootstrap=0))
    conserved = replace(paper, axis=replace(paper.axis, method="conserve", allow_cut=0.05))
    own = replace(paper, axis=AxisSettings())
    energy = replace(own, train=replace(own.train, first_channel=None, energy_range=(41.0, None)))
    return {
        "the paper: interpolated onto one axis": paper,
        "counts conserved onto one axis": conserved,
        "own axes, templates carried": own,
        "  and the range from 41 keV": energy,
        "  and the split by class (the default)": replace(energy, train=replace(energy.train, split="class")),
    }


def main() -> None:
    """Run all variants and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", type=Path, default=SHARED)
    chosen = parser.parse_args()
    if not chosen.data.exists():
        print(f"skipped: the reference data are not present at {chosen.data}")
        return
    warnings.simplefilter("ignore")
    known = variants()
    aliases = next(iter(known.values())).read.aliases
    found = scan(chosen.data, naming=Naming(aliases=aliases))
    head = ("T1 acc.", "T1 exact", "T1 e.v.", "multi exact", "multi e.v.", "valid. acc.", "valid. e.v.")
    print(f"{'in percent':42s}" + "".join(f"{name:>13s}" for name in head))
    for name, settings in known.items():
        sets = run(found.sets, settings).sets
        figures = (
            sets["T1"].accuracy,
            sets["T1"].exact,
            sets["T1"].explained_variance,
            sets["multi"].exact,
            sets["multi"].explained_variance,
            sets["validation"].accuracy,
            sets["validation"].explained_variance,
        )
        print(f"{name:42s}" + "".join(f"{100 * figure:13.2f}" for figure in figures))


if __name__ == "__main__":
    main()
