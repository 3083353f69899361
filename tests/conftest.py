"""What all tests share: the real data, where they are present, and small sets of spectra."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

import gamma_flow as gf

settings.register_profile("house", deadline=None, max_examples=60, print_blob=True)
# a gate gives the same answer for the same code; new examples are looked for wherever else the tests run
settings.register_profile("gate", parent=settings.get_profile("house"), derandomize=True)
settings.load_profile("gate" if os.environ.get("CI") else "house")

SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the repository; tests that need it are skipped without it."""
    if not SHARED.is_dir():
        pytest.skip(f"the real data are not present at {SHARED}")
    return SHARED


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20240101)


@pytest.fixture
def labelled(rng: np.random.Generator) -> gf.SpectrumSet:
    """120 drawn spectra: two pure classes, background, and mixtures, of two detectors and four files."""
    axis = gf.Axis.linear(0, 1000, 50)
    x = axis.centres
    shapes = {
        "Am241": np.exp(-0.5 * ((x - 150) / 40) ** 2),
        "Cs137": np.exp(-0.5 * ((x - 660) / 60) ** 2) + 0.2 * (x < 480),
        "background": np.exp(-x / 300),
    }
    lists = [["Am241"], ["Cs137"], ["background"], ["Am241", "Cs137", "background"]]
    rows, labels, files = [], [], []
    for number, names in enumerate(lists):
        for row in range(30):
            expected = sum(2000 * shapes[name] / shapes[name].sum() for name in names)
            rows.append(rng.poisson(expected))
            labels.append(names)
            files.append(f"{'+'.join(names)}_{number}.csv#{row}")
    return gf.SpectrumSet(
        np.array(rows),
        axis,
        labels=gf.Labels.of(labels),
        live_time=np.ones(len(rows)),
        detector=np.array(["left", "right"] * 60),
        origin=np.array(files),
        meta={"dose_rate": np.linspace(0.05, 0.2, len(rows))},
    )
