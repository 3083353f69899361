"""Check the transport and the shipped tables for a 3x3 inch NaI crystal, source on its axis at 10 cm.

    pip install --group responses
    python scripts/check_responses.py

Total efficiency: bare crystal by transport, against the integral of 1 - exp(-mu L) over all directions to
the crystal with the
attenuation of NaI that NIST XCOM publishes (with photoelectric, incoherent and pair; energies of its own
table, log-log between).
Peak-to-total: with electrons and bremsstrahlung followed, and with both kept in place, as simple codes do.
Then the features of the shipped table: where Compton edge, backscatter and escape peaks lie.
"""

from __future__ import annotations

import argparse

import numpy as np
from responses.catalogue import bare, geometries
from responses.detector import Transport

# NIST XCOM, NaI, total without coherent scattering, cm2/g
XCOM = {
    100: 1.576, 150: 0.5663, 200: 0.3020, 300: 0.1534, 400: 0.1100, 500: 0.09035, 600: 0.07901, 800: 0.06571,
    1000: 0.05762, 1250: 0.05086, 1500: 0.04644, 2000: 0.04119, 3000: 0.03668,
}  # fmt: skip
LINES = (122.06, 356.01, 661.66, 1173.23, 1332.49, 2614.51)


def total_by_integral(
    energy: float, radius: float = 3.81, length: float = 7.62, distance: float = 10.0
) -> float:
    """Return interactions per photon that aims at the front face, coherent scattering left out."""
    mu = 3.667 * np.exp(np.interp(np.log(energy), np.log(list(XCOM)), np.log(list(XCOM.values()))))
    cosine = np.linspace(distance / np.hypot(distance, radius), 1.0, 200_001)
    sine = np.sqrt(1 - cosine**2)
    through = np.minimum(
        length / cosine, np.where(sine > 0, radius / np.maximum(sine, 1e-12), 1e9) - distance / cosine
    )
    return float(np.trapezoid(1 - np.exp(-mu * through), cosine) / (1 - cosine[0]))


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--histories", type=int, default=1_000_000)
    chosen = parser.parse_args()
    crystal = Transport(bare(geometries()["NaI-3x3"]))
    resting = Transport(bare(geometries()["NaI-3x3"]))
    resting.tables.yield_[:] = 0.0
    resting.tables.range_[:] = 1e-9
    print("bare 3x3 inch NaI, point source at 10 cm, per photon that aims at the front face")
    print(
        f"{'keV':>9}{'total':>9}{'XCOM':>9}{'ratio':>8}{'peak/total':>12}{'error':>8}"
        f"{'electrons at rest':>19}"
    )
    for energy in LINES:
        row = crystal.row(energy, 10.0, chosen.histories, np.random.default_rng(1))
        again = crystal.row(energy, 10.0, chosen.histories, np.random.default_rng(1))
        if not np.array_equal(row, again):
            raise SystemExit("the same seed gave two answers")
        still = resting.row(energy, 10.0, chosen.histories, np.random.default_rng(2))
        reference = total_by_integral(energy)
        total, share = row.sum(), row[0] / row.sum()
        error = np.sqrt(share * (1 - share) / chosen.histories / total)
        print(
            f"{energy:9.2f}{total:9.4f}{reference:9.4f}{total / reference:8.3f}{share:12.4f}{error:8.4f}"
            f"{still[0] / still.sum():19.4f}"
        )
    generic()
    features()


# Sandia's generic detector "NaI 3x3" of GADRAS 18.7.6 (InterSpec, data/GenericGadrasDetectors), at 122 cm:
# keV, then percent of photons at the face: peak, Compton, single and double escape; linear in between
GADRAS = np.array([
    [120, 90.830, 0.111, 0, 0], [150, 91.630, 0.580, 0, 0], [330, 77.481, 13.906, 0, 0],
    [370, 72.238, 17.803, 0, 0], [650, 43.007, 38.324, 0, 0], [700, 40.054, 40.036, 0, 0],
    [1100, 27.644, 44.540, 0.008, 0.003], [1200, 26.042, 44.502, 0.045, 0.016],
    [1300, 24.738, 44.235, 0.115, 0.042], [1400, 23.361, 44.097, 0.220, 0.080],
    [2600, 13.930, 39.242, 2.742, 1.004], [2800, 13.080, 38.401, 3.162, 1.157],
])  # fmt: skip


def generic() -> None:
    """Print the shipped table beside the generic detector of GADRAS."""
    from gamma_flow.simulate import Response

    total, peak = Response("NaI-3x3").efficiency(np.array(LINES), 122.0)
    print(
        "\nshipped table of NaI-3x3 at 122 cm against the generic 3x3 of GADRAS: peak efficiency, peak/total"
    )
    for energy, whole, full in zip(LINES, total, peak, strict=True):
        parts = [np.interp(energy, GADRAS[:, 0], GADRAS[:, k]) / 100 for k in range(1, 5)]
        ours, theirs = full / whole, parts[0] / sum(parts)
        print(
            f"{energy:9.2f}  {full:.4f} {parts[0]:.4f} ({full / parts[0] - 1:+.1%})  "
            f"{ours:.4f} {theirs:.4f} ({ours / theirs - 1:+.1%})"
        )


def features() -> None:
    """Print where the features of the shipped table lie."""
    from gamma_flow.simulate import PhotonField, Response, floor_field
    from gamma_flow.simulate.response import deposit_edges

    response = Response("NaI-3x3")
    middles = deposit_edges()[:-1] + 0.5
    print("\nshipped table of NaI-3x3 (in its can), keV: found, expected")
    cs = response.deposit(PhotonField.of([661.657], [1.0]), 10.0).continuum
    near = (middles > 440) & (middles < 520)
    steepest = middles[near][np.argmin(np.gradient(cs)[near])]
    print(f"  Compton edge of 661.7: {steepest:.1f}, 477.3")
    back = response.deposit(floor_field(PhotonField.of([661.657], [1.0])), None).continuum
    wide = np.convolve(back, np.ones(9) / 9, mode="same")
    near = (middles > 150) & (middles < 260)
    print(
        f"  backscatter of 661.7: {middles[near][np.argmax(wide[near])]:.0f}, from 184.3 (straight back) up"
    )
    tl = response.deposit(PhotonField.of([2614.511], [1.0]), 10.0)
    for name, expected in (("single", 2103.512), ("double", 1592.513)):
        at = np.argmin(np.abs(tl.energies - expected))
        print(
            f"  {name} escape of 2614.5: {tl.energies[at]:.1f}, {expected:.1f}; "
            f"{tl.rates[at] / tl.rates.max():.3f} of the peak"
        )
    am = response.deposit(PhotonField.of([59.541], [1.0]), 10.0)
    for energy, rate in sorted(zip(am.energies, am.rates, strict=True)):
        print(f"  lines of 59.5: {energy:.1f}, {rate / am.rates.max():.3f} of the peak")


if __name__ == "__main__":
    main()
