"""Record what becquerel and SpecUtils make of the same rebinning; run by hand, needs both.

    python tests/reference/record_rebinning.py

writes rebinning.json beside this file. becquerel: ``rebin(..., method="interpolation")``, which keeps only
what lies between the outer edges. SpecUtils rebins when it sums two measurements of different calibration:
one without counts on the target, one with the counts.
"""

from __future__ import annotations

import json
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np

N42 = """<?xml version="1.0"?>
<RadInstrumentData xmlns="http://physics.nist.gov/N42/2011/N42">
<RadDetectorInformation id="a">
<RadDetectorCategoryCode>Gamma</RadDetectorCategoryCode></RadDetectorInformation>
<RadDetectorInformation id="b">
<RadDetectorCategoryCode>Gamma</RadDetectorCategoryCode></RadDetectorInformation>
<EnergyCalibration id="ca"><CoefficientValues>{target}</CoefficientValues></EnergyCalibration>
<EnergyCalibration id="cb"><CoefficientValues>{source}</CoefficientValues></EnergyCalibration>
<RadMeasurement id="m"><MeasurementClassCode>Foreground</MeasurementClassCode>
<RealTimeDuration>PT1S</RealTimeDuration>
<Spectrum id="s1" radDetectorInformationReference="a" energyCalibrationReference="ca">
<LiveTimeDuration>PT1S</LiveTimeDuration><ChannelData>{zeros}</ChannelData></Spectrum>
<Spectrum id="s2" radDetectorInformationReference="b" energyCalibrationReference="cb">
<LiveTimeDuration>PT1S</LiveTimeDuration><ChannelData>{counts}</ChannelData></Spectrum>
</RadMeasurement></RadInstrumentData>
"""


def edges(terms: list[float], channels: int) -> np.ndarray:
    """Values of the polynomial at 0, 1, ..., channels."""
    return np.polynomial.polynomial.polyval(np.arange(channels + 1.0), terms)


def by_becquerel(counts: np.ndarray, old: np.ndarray, new: np.ndarray) -> list[float]:
    """Rebin with becquerel."""
    import becquerel

    return becquerel.rebin(counts, old, new, method="interpolation", zero_pad_warnings=False).tolist()


def by_specutils(
    counts: np.ndarray, source: list[float], target: list[float], channels: int
) -> list[float] | None:
    """Rebin with SpecUtils; None if it chose the other calibration."""
    import SpecUtils

    def text(numbers: object) -> str:
        return " ".join(f"{number:.9g}" for number in numbers)  # type: ignore[attr-defined]

    content = N42.format(
        target=text(target), source=text(source), zeros=text(np.zeros(channels)), counts=text(counts)
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "two.n42"
        path.write_text(content)
        file = SpecUtils.SpecFile()
        file.loadFile(str(path), SpecUtils.ParserType.Auto)
        total = file.sumMeasurements(list(file.sampleNumbers()), list(file.detectorNames()))
    rebinned = list(total.gammaCounts())
    return [float(value) for value in rebinned] if len(rebinned) == channels else None


def main() -> None:
    """Draw cases, rebin them with both, write them down."""
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(7)
    cases = []
    for _ in range(12):
        channels, target_channels = int(rng.integers(40, 120)), int(rng.integers(121, 200))
        source = [float(rng.uniform(-20, 20)), float(rng.uniform(5, 20)), float(rng.uniform(0, 0.01))]
        span = edges(source, channels)[-1] - source[0]
        slope = span / target_channels * float(rng.uniform(0.8, 1.3))
        target = [source[0] + float(rng.uniform(-0.2, 0.2)) * span, slope, float(rng.uniform(0, 1e-3))]
        counts = rng.poisson(rng.uniform(0, 200, channels)).astype(float)
        new = edges(target, target_channels)
        cases.append(
            {
                "source": source,
                "target": target,
                "counts": counts.tolist(),
                "target_channels": target_channels,
                "becquerel": by_becquerel(counts, edges(source, channels), new),
                "specutils": by_specutils(counts, source, target, target_channels),
            }
        )
    versions = {name: version(name) for name in ("becquerel", "SandiaSpecUtils")}
    record = {"versions": versions, "cases": cases}
    Path(__file__).with_name("rebinning.json").write_text(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
