"""A simulated source that passes: are counts Poisson, do live times add up, does the drift follow the scene?

python benchmarks/passes.py
"""

from __future__ import annotations

import numpy as np

from gamma_flow.simulate.scenes import BackgroundPart, DetectorPart, DriftPart, PassPart, Scene, StaticPart


def main() -> None:
    source = PassPart({"Cs-137": 1e8}, closest=300.0, speed=5.0, before=300.0, after=300.0)
    made = Scene(detector=DetectorPart("NaI-2x2", channels=256), passes=[source]).draw()
    seen = made.expected > 0
    expected, drawn = made.expected[seen], made.spectra.values[seen]
    pearson = ((drawn - expected) ** 2 / expected).sum()
    sigma = np.sqrt((2 + 1 / expected).sum())
    print(
        f"dispersion of {len(made.spectra)} frames x 256: {pearson / expected.size:.4f}, "
        f"{(pearson - expected.size) / sigma:+.2f} sigma from 1; "
        f"live time {made.spectra.live_time.sum():.1f} s of 600"
    )
    drift = DriftPart(gain_per_hour=0.05)
    still = StaticPart(["Cs-137"], count_rate=1e5, live_time=360.0, n=10)
    moved = Scene(
        detector=DetectorPart("LaBr3-1.5x1.5"),
        background=BackgroundPart(on=False),
        drift=drift,
        static=[still],
    ).draw()
    energy = moved.spectra.axis.centres
    near = (energy > 600) & (energy < 740)
    counts = moved.spectra.values[:, near]
    peaks = counts @ energy[near] / counts.sum(axis=1)
    asked = moved.spectra.meta["drift_gain"]
    print(
        f"gain asked {asked[-1] / asked[0]:.4f}, found from the drawn 662 keV peak {peaks[-1] / peaks[0]:.4f}"
    )


if __name__ == "__main__":
    main()
