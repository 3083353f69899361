"""Make the tables that ``gamma_flow.simulate`` ships: responses of detectors, shields, a floor, soil.

    pip install --group responses
    python scripts/make_responses.py                 # all of it, about half an hour
    python scripts/make_responses.py --histories 1000 -o /tmp/quick

Every row has a generator of its own, seeded by what it is, so that equal seeds give equal files whatever
the number of processes.
"""

from __future__ import annotations

import argparse
import zlib
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from responses import surroundings
from responses.catalogue import DISTANCES, SEED, SHIELDS, energies, geometries
from responses.detector import Transport
from responses.materials import GRID, SYMBOLS, materials, partial
from rich.progress import Progress

HOME = Path(__file__).resolve().parent.parent / "src" / "gamma_flow" / "simulate" / "tables"
CHEAP = 4  # the surroundings take a quarter of the histories


def generator(*what: object) -> np.random.Generator:
    """Return the generator of one row."""
    return np.random.default_rng([SEED, zlib.crc32(repr(what).encode())])


def detector(name: str, distance: float, histories: int) -> np.ndarray:
    """Return the rows of one detector at one distance, (energies, bins)."""
    geometry = geometries()[name]
    transport = Transport(geometry)
    grid = energies(geometry.crystal.material)
    return np.stack(
        [transport.row(e, distance, histories, generator(name, distance, float(e))) for e in grid]
    )


def around(kind: str, areal: float, histories: int) -> np.ndarray:
    """Return the rows of a shield of one thickness, or of the floor or the soil."""
    rows = []
    for e in energies():
        rng = generator(kind, areal, float(e))
        count = max(histories // CHEAP, 1)
        if kind == "floor":
            rows.append(surroundings.floor(e, count * 4, rng))
        elif kind == "soil":
            rows.append(surroundings.soil(e, count * 4, rng))
        else:
            rows.append(surroundings.shell(kind, areal, e, count, rng))
    return np.stack(rows)


def coefficients(name: str, grid: np.ndarray) -> np.ndarray:
    """Return attenuation without coherent scattering, cm2/g: what thins a line behind a shell."""
    one = materials()[name]
    parts = sum(share * partial(SYMBOLS[symbol]) for symbol, share in one.fractions.items())
    return np.exp(np.interp(np.log(grid), np.log(GRID), np.log(parts[0] + parts[1] + parts[3])))


def small(values: np.ndarray) -> np.ndarray:
    """Return half precision: 11 bits are finer than the counting errors."""
    return np.asarray(values, dtype=np.float16)


def main() -> None:
    """Compute everything and write one file a detector and one for the surroundings."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, default=HOME)
    parser.add_argument("--histories", type=int, default=1_000_000, help="photons a row")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", action="append", help="a detector, or 'surroundings'; repeat for more")
    chosen = parser.parse_args()
    chosen.output.mkdir(parents=True, exist_ok=True)
    wanted = chosen.only or [*geometries(), "surroundings"]
    with ProcessPoolExecutor(chosen.processes) as pool, Progress() as progress:
        jobs = {
            name: [pool.submit(detector, name, d, chosen.histories) for d in DISTANCES]
            for name in geometries()
            if name in wanted
        }
        around_jobs = {}
        if "surroundings" in wanted:
            pairs = [(kind, areal) for kind, all_areal in SHIELDS.items() for areal in all_areal]
            around_jobs = {
                pair: pool.submit(around, *pair, chosen.histories)
                for pair in [*pairs, ("floor", 0), ("soil", 0)]
            }
        task = progress.add_task("rows", total=len(jobs) * len(DISTANCES) + len(around_jobs))
        for name, parts in jobs.items():
            geometry = geometries()[name]
            rows = []
            for part in parts:
                rows.append(part.result())
                progress.advance(task)
            np.savez_compressed(
                chosen.output / f"{name}.npz",
                energies=energies(geometry.crystal.material),
                distances=np.array(DISTANCES),
                losses=geometry.losses(),
                rows=small(np.stack(rows)),
                half=np.array(
                    [geometry.crystal.half_x, geometry.crystal.half_y, float(geometry.crystal.shape)]
                ),
                histories=np.array(chosen.histories),
            )
        if around_jobs:
            out = {"energies": energies(), "histories": np.array(chosen.histories)}
            grid = np.unique(np.concatenate([np.geomspace(15, 3200, 300), [87.9, 88.1]]))
            out["coefficient_energies"] = grid
            for pair, part in around_jobs.items():
                out["/".join(map(str, pair))] = part.result()
                progress.advance(task)
            made = {key: value for key, value in out.items() if "/" not in key}
            for kind, all_areal in SHIELDS.items():
                made[f"{kind}_areal"] = np.array(all_areal, dtype=float)
                made[f"{kind}_rows"] = small(np.stack([out[f"{kind}/{areal}"] for areal in all_areal]))
                made[f"{kind}_coefficients"] = coefficients(kind, grid)
                made[f"{kind}_lines"] = surroundings.x_rays_of(kind)
                made[f"{kind}_density"] = np.array(materials()[kind].density)
            made["floor_rows"] = out["floor/0"].astype(np.float32)
            made["soil_rows"] = out["soil/0"].astype(np.float32)
            np.savez_compressed(chosen.output / "surroundings.npz", **made)


if __name__ == "__main__":
    main()
