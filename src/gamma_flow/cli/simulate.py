"""``gamma-flow simulate``: spectra of a scene."""

from __future__ import annotations

from pathlib import Path

import click

from gamma_flow.cli._common import emit, guarded, table


@click.command()
@click.argument("scene", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="File to write: .npz, ..."
)
@click.option("--seed", type=int, help="Instead of the scene's.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@guarded
def command(scene: Path, output: Path, seed: int | None, as_json: bool) -> None:
    """Draw the spectra that the file SCENE describes: sources at rest, mixtures, sources that pass.

    Every key of the file stands in docs/scenes.md; examples/scene.toml is one to start from.
    """
    import numpy as np

    from gamma_flow.io.writing import write
    from gamma_flow.simulate import read_scene

    read = read_scene(scene)
    made = read.draw(np.random.default_rng(read.seed if seed is None else seed)).spectra
    write(made, output)
    labels = made.labels
    counts = {name: int(labels.has(name).sum()) for name in labels.classes}
    about = {
        "spectra": len(made),
        "detector": str(made.detector[0]),
        "channels": len(made.axis),
        "live_time_s": float(made.live_time.sum()),
        "counts": float(made.total.sum()),
        "seed": read.seed if seed is None else seed,
    }
    if as_json:
        emit({"written": str(output), **about, "classes": counts})
        return
    table(f"{output}", ["", ""], [(key.replace("_", " "), str(value)) for key, value in about.items()])
    table("labels", ["class", "spectra"], list(counts.items()))
