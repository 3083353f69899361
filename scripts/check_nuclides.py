"""Compare the library of nuclides with ENSDF as paceENSDF carries it: half-lives, branches, lines.

    pip install paceENSDF        # 2.3 GB
    python scripts/check_nuclides.py [--all-lines]

paceENSDF (A. M. Hurst, BSD licence) is only read here; no value is taken over by this script.
"""

from __future__ import annotations

import argparse
import json
import math
import re
from collections import defaultdict
from importlib.util import find_spec
from pathlib import Path

from make_nuclides import _LINES, HALF_LIVES, branches

from gamma_flow.nuclides import nuclide


def ensdf() -> dict[str, list[dict]]:
    """Return every decay by the name of its parent without isomer."""
    spec = find_spec("paceENSDF")
    if spec is None or spec.origin is None:
        raise SystemExit("paceENSDF is not installed")
    found = defaultdict(list)
    for path in (Path(spec.origin).parent / "ENSDF_JSON").glob("j_input_*.json"):
        found[path.name.split("_")[2]].append(path)
    return found


def decays(files: dict, name: str, half_life: float) -> list[dict]:
    """Return the decays of a nuclide; of an isomer those of the level whose half-life is nearest."""
    base = re.match(r"([A-Z][a-z]?\d+)", name)[1]
    isomer = name != base
    loaded = [json.loads(path.read_text()) for path in files.get(base, [])]
    loaded = [one for one in loaded if (one["levelEnergyParentDecay"] not in (0, 0.0, "0")) == isomer]
    timed = []
    for one in loaded:
        for parent in one["parentDecay"]:
            for record in parent["halfLife"]:
                seconds = record["halfLifeConverted"]
                if seconds:
                    timed.append((abs(math.log(seconds / half_life)), record, one))
    timed.sort(key=lambda row: row[0])
    if not timed:
        return []
    level = timed[0][2]["levelEnergyParentDecay"]
    return [{"half": row[1], "decay": row[2]} for row in timed if row[2]["levelEnergyParentDecay"] == level]


def number(value: object) -> float:
    """Return a number, or NaN."""
    return float(value) if isinstance(value, (int, float)) else math.nan


def gammas(decay: dict) -> list[tuple[float, float, float]]:
    """Return energy, photons per 100 decays of the parent, and its error."""
    norm = decay["decaySchemeNormalization"][0]["normalizationRecord"][0]
    factor = number(norm["multiplerPhotonIntensity"]) * number(norm["multiplerBranchingRatio"])
    out = []
    for level in decay["levelScheme"]:
        for one in level["gammaDecay"]:
            intensity = number(one["gammaIntensity"])
            if intensity > 0:
                out.append((one["gammaEnergy"], intensity * factor, number(one["dGammaIntensity"]) * factor))
    return out


def main() -> None:
    """Print what differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--all-lines", action="store_true", help="also every strong line of nuclides with half-lives"
    )
    chosen = parser.parse_args()
    files = ensdf()
    agree = missing = 0
    print("half-lives: ours, ENSDF (s); listed where they differ by over 1 % or 3 standard errors")
    for name in HALF_LIVES:
        ours = nuclide(name)
        found = decays(files, name, ours.half_life)
        if not found:
            missing += 1
            print(f"  {name:8} not found")
            continue
        record = found[0]["half"]
        seconds, error = number(record["halfLifeConverted"]), number(record["dHalfLifeConverted"])
        combined = math.hypot(ours.half_life_error, 0 if math.isnan(error) else error)
        off = abs(ours.half_life - seconds)
        if off > 0.01 * seconds or off > 3 * combined:
            print(
                f"  {name:8} {ours.half_life:.6g} {seconds:.6g} {ours.half_life / seconds - 1:+.3%}, "
                f"{off / combined:.1f} errors"
            )
        else:
            agree += 1
    print(f"  {agree} of {len(HALF_LIVES)} agree, {missing} not found")
    print("branches: ours, ENSDF; listed where they differ by over 0.005")
    agree = missing = 0
    for parent, daughter, _ in branches():
        found = decays(files, parent, nuclide(parent).half_life)
        base = re.match(r"([A-Z][a-z]?\d+)", daughter)[1]
        total = sum(
            number(
                one["decay"]["decaySchemeNormalization"][0]["normalizationRecord"][0][
                    "multiplerBranchingRatio"
                ]
            )
            for one in found
            if one["decay"]["daughterID"] == base
        )
        ours = sum(s for p, d, s in branches() if p == parent and re.match(r"([A-Z][a-z]?\d+)", d)[1] == base)
        if not found or not total > 0:
            missing += 1
        elif abs(total - ours) > 0.005:
            print(f"  {parent} to {base}: {ours:.5g} {total:.5g}")
        else:
            agree += 1
    print(f"  {agree} agree, {missing} not found there (isomers are counted with their ground state)")
    print(
        "lines: keV, photons per 100 decays ours and ENSDF; listed where they differ by over 3 errors and 2 %"
    )
    agree = missing = 0
    for name in dict.fromkeys([*_LINES, *(HALF_LIVES if chosen.all_lines else ())]):
        ours = nuclide(name)
        theirs = [line for one in decays(files, name, ours.half_life) for line in gammas(one["decay"])]
        lines = [
            (float(e), 100 * float(i), 100 * float(d))
            for e, i, d, x in zip(
                ours.lines.energy,
                ours.lines.intensity,
                ours.lines.intensity_error,
                ours.lines.is_xray,
                strict=True,
            )
            if not x and i > 0.01 and abs(e - 511) > 0.5
        ]
        for energy, intensity, error in lines:
            near = [one for one in theirs if abs(one[0] - energy) < 0.5]
            if not near:
                missing += 1
                continue
            total = sum(one[1] for one in near)
            intensity = sum(one[1] for one in lines if abs(one[0] - energy) < 0.5)  # doublets together
            off = abs(total - intensity)
            sigma = math.hypot(error if error == error else 0, *(one[2] for one in near if one[2] == one[2]))
            if off > 0.02 * intensity and off > 3 * sigma:
                print(f"  {name:8} {energy:9.3f} {intensity:8.3f} {total:8.3f} {total / intensity - 1:+.1%}")
            else:
                agree += 1
    print(f"  {agree} agree, {missing} not found")


if __name__ == "__main__":
    main()
