"""Make ``src/gamma_flow/nuclides/library.npz`` from actigamma's decay_2012 and the tables below.

    pip install actigamma==0.1.5
    python scripts/make_nuclides.py

What goes in, and what is changed on the way, is told in docs/nuclides.md. The bytes depend on the input
and on the version of zlib only.
"""

from __future__ import annotations

import io
import json
import math
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np

TARGET = Path(__file__).resolve().parents[1] / "src" / "gamma_flow" / "nuclides" / "library.npz"

MINUTE, HOUR, DAY, YEAR = 60.0, 3600.0, 86400.0, 365.25 * 86400.0

# Entered by hand, checked with check_nuclides.py: meant to be the half-lives and standard uncertainties of
# DDEP (Laboratoire National Henri Becquerel, Monographie BIPM-5 and the recommended data at lnhb.fr); ENSDF
# where DDEP has none (marked E). They replace those of decay_2012, which come without uncertainties; the
# script refuses one that is more than 7 % from decay_2012.
HALF_LIVES = {
    "F18": (1.82890, 0.00023, HOUR),
    "Na22": (2.6029, 0.0008, YEAR),
    "Na24": (14.9574, 0.0020, HOUR),
    "K40": (1.2504e9, 0.0030e9, YEAR),
    "Cr51": (27.704, 0.004, DAY),
    "Mn54": (312.13, 0.03, DAY),
    "Co56": (77.236, 0.026, DAY),
    "Co57": (271.81, 0.04, DAY),
    "Co58": (70.85, 0.03, DAY),
    "Co60": (5.2711, 0.0008, YEAR),
    "Fe59": (44.495, 0.008, DAY),
    "Zn65": (244.01, 0.09, DAY),
    "Ga67": (3.2613, 0.0005, DAY),
    "Ge68": (270.95, 0.26, DAY),
    "Ga68": (67.83, 0.20, MINUTE),
    "Se75": (119.781, 0.024, DAY),
    "Kr85": (10.752, 0.023, YEAR),
    "Sr85": (64.850, 0.007, DAY),
    "Y88": (106.63, 0.05, DAY),
    "Sr90": (28.80, 0.07, YEAR),
    "Y90": (2.6684, 0.0013, DAY),
    "Mo99": (2.7479, 0.0006, DAY),
    "Tc99m": (6.0067, 0.0010, HOUR),
    "Ru106": (371.5, 2.1, DAY),
    "Cd109": (461.9, 0.4, DAY),
    "Ag110m": (249.78, 0.02, DAY),
    "In111": (2.8049, 0.0004, DAY),
    "Sn113": (115.09, 0.03, DAY),
    "I123": (13.2234, 0.0037, HOUR),
    "I125": (59.388, 0.028, DAY),
    "I131": (8.0233, 0.0019, DAY),
    "Xe133": (5.2474, 0.0005, DAY),
    "Ba133": (10.540, 0.006, YEAR),
    "Cs134": (2.0644, 0.0014, YEAR),
    "Cs137": (30.05, 0.08, YEAR),
    "Ba137m": (2.552, 0.001, MINUTE),
    "Ce139": (137.641, 0.020, DAY),
    "Ba140": (12.753, 0.004, DAY),
    "La140": (1.67850, 0.00017, DAY),
    "Sm153": (1.92849, 0.00013, DAY),
    "Eu152": (13.522, 0.016, YEAR),
    "Eu154": (8.601, 0.004, YEAR),
    "Eu155": (4.753, 0.016, YEAR),
    "Lu176": (3.76e10, 0.07e10, YEAR),  # E
    "Lu177": (6.647, 0.004, DAY),
    "Ir192": (73.827, 0.013, DAY),
    "Au198": (2.6943, 0.0003, DAY),
    "Tl201": (3.0421, 0.0017, DAY),
    "Tl208": (3.058, 0.006, MINUTE),
    "Pb210": (22.23, 0.12, YEAR),
    "Bi210": (5.012, 0.005, DAY),
    "Po210": (138.3763, 0.0017, DAY),
    "Pb212": (10.64, 0.01, HOUR),
    "Bi212": (60.54, 0.06, MINUTE),
    "Pb214": (26.8, 0.9, MINUTE),
    "Bi214": (19.8, 0.1, MINUTE),
    "Rn222": (3.8232, 0.0008, DAY),
    "Ra224": (3.631, 0.002, DAY),
    "Ra226": (1600.0, 7.0, YEAR),
    "Ra228": (5.75, 0.04, YEAR),
    "Ac228": (6.15, 0.03, HOUR),
    "Ac227": (21.772, 0.003, YEAR),  # E
    "Th228": (698.60, 0.23, DAY),
    "Th230": (75380.0, 300.0, YEAR),  # E
    "Th232": (14.02e9, 0.06e9, YEAR),
    "Pa231": (32670.0, 260.0, YEAR),
    "Th234": (24.10, 0.03, DAY),
    "Pa234m": (1.159, 0.016, MINUTE),
    "Pa233": (26.98, 0.02, DAY),
    "U233": (159.1e3, 0.2e3, YEAR),
    "U234": (245.5e3, 0.6e3, YEAR),
    "U235": (704e6, 1e6, YEAR),
    "U236": (23.43e6, 0.06e6, YEAR),
    "U238": (4.468e9, 0.005e9, YEAR),
    "Np237": (2.144e6, 0.007e6, YEAR),
    "Pu238": (87.74, 0.03, YEAR),
    "Pu239": (24100.0, 11.0, YEAR),
    "Pu240": (6561.0, 7.0, YEAR),
    "Pu241": (14.33, 0.04, YEAR),
    "Pu242": (373e3, 3e3, YEAR),
    "Am241": (432.6, 0.6, YEAR),
    "Am243": (7367.0, 23.0, YEAR),
    "Cm244": (18.11, 0.03, YEAR),
    "Cf252": (2.6470, 0.0026, YEAR),
}

# Decay branches, meant to be those of DDEP and ENSDF, entered by hand and checked with
# check_nuclides.py (see
# docs/nuclides.md): parent, then daughters with their shares, 1 by default. Left out are daughters that are
# stable, that have no data, or that are fed in less than a part in 10,000 (unless they carry lines of
# note), and those whose lines decay_2012 already counts among the parent's (Nb95m in Zr95, Kr81m in Rb81,
# Xe131m in I131).
CHAINS = """
U238 Th234; Th234 Pa234m; Pa234m U234 0.9985 Pa234 0.0015; Pa234 U234; U234 Th230; Th230 Ra226
Ra226 Rn222; Rn222 Po218; Po218 Pb214 0.99978 At218 0.00022; At218 Bi214 0.999 Rn218 0.001; Rn218 Po214
Pb214 Bi214; Bi214 Po214 0.99979 Tl210 0.00021; Tl210 Pb210; Po214 Pb210; Pb210 Bi210; Bi210 Po210
Th232 Ra228; Ra228 Ac228; Ac228 Th228; Th228 Ra224; Ra224 Rn220; Rn220 Po216; Po216 Pb212; Pb212 Bi212
Bi212 Po212 0.6406 Tl208 0.3594; U235 Th231; Th231 Pa231; Pa231 Ac227; Ac227 Th227 0.9862 Fr223 0.0138
Th227 Ra223; Fr223 Ra223; Ra223 Rn219; Rn219 Po215; Po215 Pb211; Pb211 Bi211
Bi211 Tl207 0.99724 Po211 0.00276; Np237 Pa233; Pa233 U233; U233 Th229; Th229 Ra225; Ra225 Ac225
Ac225 Fr221; Fr221 At217; At217 Bi213; Bi213 Po213 0.9791 Tl209 0.0209; Tl209 Pb209; Po213 Pb209
Pu241 Am241 0.9999756 U237 0.0000244; U237 Np237; Am241 Np237; Pu236 U232; U232 Th228; Pu238 U234
Pu239 U235; Pu240 U236; U236 Th232; Pu242 U238; Pu244 U240 0.9988; U240 Np240m
Np240m Pu240 0.9988 Np240 0.0012; Np240 Pu240; Pu243 Am243; U230 Th226; Th226 Ra222; Ra222 Rn218
Th233 Pa233; U239 Np239; Np238 Pu238; Np239 Pu239; Am242m Am242 0.9955 Np238 0.0045
Am242 Cm242 0.827 Pu242 0.173; Am243 Np239; Cm242 Pu238; Cm243 Pu239 0.9971 Am243 0.0029; Cm244 Pu240
Cm245 Pu241; Cm246 Pu242; Cm247 Pu243; Cm248 Pu244 0.9161; Cf249 Cm245; Cf250 Cm246; Cf251 Cm247
Cf252 Cm248 0.96908; At211 Po211 0.582 Bi207 0.418; Cs137 Ba137m 0.944; Mo99 Tc99m 0.876 Tc99 0.124
Tc99m Tc99; Sr90 Y90; Ru106 Rh106; Ru103 Rh103m 0.988; Pd103 Rh103m 0.999; Zr95 Nb95; Nb95m Nb95 0.944
Ag108m Ag108 0.087; Ag110m Ag110 0.0133; Cd109 Ag109m; Pd109 Ag109m; Sn113 In113m; In114m In114 0.9675
Sb125 Te125m 0.231; Te129m Te129 0.63; Te132 I132; Te131 I131; Xe133m Xe133; Ba140 La140; Ce144 Pr144
Nd147 Pm147; Pm147 Sm147; Ge68 Ga68; Sr82 Rb82; Ti44 Sc44; Sc44m Sc44 0.988; Zr89 Y89m 0.9987; W188 Re188
Os191 Ir191m; Lu177m Lu177 0.214 Hf177m 0.786; Hf172 Lu172; Ca47 Sc47; Mg28 Al28; Zn62 Cu62; Zn69m Zn69
Kr88 Rb88; Ba131 Cs131; Co58m Co58; Y90m Y90; Sn126 Sb126m; Sb126m Sb126 0.14; Te121m Te121 0.886
Te127m Te127 0.976; Zr97 Nb97m 0.951 Nb97 0.049; Nb97m Nb97; Cd115 In115m; Sr91 Y91m 0.585 Y91 0.415
Y91m Y91; I133 Xe133 0.9712 Xe133m 0.0288; I135 Xe135 0.835 Xe135m 0.165; Xe135m Xe135 0.994
Te131m Te131 0.222 I131 0.778
"""


def source() -> dict[str, dict]:
    """The database, without running the package."""
    spec = find_spec("actigamma")
    if spec is None or spec.origin is None:
        sys.exit("install actigamma first: pip install actigamma==0.1.5")
    return json.loads((Path(spec.origin).parent / "data" / "lines_decay_2012.min.json").read_text())


def lines_of(entry: dict) -> list[tuple[float, float, float, float, int]]:
    """Energy (keV), its error, intensity per decay, its error, kind (0 gamma, 1 X-ray, 2 annihilation)."""
    found = []
    for kind, name in ((0, "gamma"), (1, "x-ray")):
        block = entry.get(name, {}).get("lines", {})
        columns = ("energies", "energies_unc", "intensities", "intensities_unc", "norms", "norms_unc")
        for at, at_error, part, part_error, norm, norm_error in zip(
            *(block.get(c, []) for c in columns), strict=True
        ):
            intensity = part * norm
            error = math.hypot(part_error * norm, part * norm_error)
            if intensity <= 0 or at <= 0:
                continue
            annihilation = abs(at - 511e3) < 20 and (kind == 1 or intensity > 1.05)
            found.append(
                (
                    at / 1e3,
                    at_error / 1e3 or math.nan,
                    intensity,
                    error or math.nan,
                    2 if annihilation else kind,
                )
            )
    return sorted(found)


def per_decay(lines: list[tuple[float, float, float, float, int]]) -> bool:
    """Whether intensities can be per decay: nothing but annihilation gives more than a photon a decay."""
    return all(line[2] <= {0: 1.05, 1: 1.5, 2: 2.02}[line[4]] for line in lines)


# Lines that decay_2012 takes from older evaluations: energy (keV), photons per 100 decays and its error,
# meant to be those of DDEP (W187: ENSDF), entered by hand and checked with
# check_nuclides.py. Every entry replaces
# the strongest gamma line within 0.4 keV; the other gamma lines of the nuclide are multiplied by the first
# number. None keeps what is there.
_LINES: dict[str, tuple[float, str]] = {
    "Ac228": (
        0.905,
        """911.196 26.2 0.8  968.960 15.9 0.5  338.320 11.4 0.4  964.786 4.99 0.17  463.002 4.45 0.24
        794.942 4.31 0.14  209.248 3.97 0.13  270.245 3.55 0.10  328.004 3.04 0.11  1588.200 3.06 0.12
        129.065 2.50 0.07  409.460 2.02 0.06  835.704 1.70 0.07  1630.618 1.52 0.05""",
    ),
    "Bi214": (
        0.965,
        """609.312 45.49 0.19  1764.494 15.31 0.05  1120.287 14.91 0.03
        1238.110 5.831 0.014  2204.21 4.913 0.023  768.356 4.892 0.016  1377.669 3.968 0.011
        934.061 3.10 0.01  1729.595 2.844 0.010  1407.98 2.389 0.008  1509.228 2.128 0.010
        1847.420 2.025 0.009  1155.19 1.635 0.007  665.453 1.530 0.007
        2447.86 1.548 0.007  1280.96 1.435 0.006""",
    ),
    "Th234": (1.0, "92.38 2.18 0.19  92.80 2.15 0.19"),
    "Ra223": (1.0, "269.463 14.23 0.32  154.208 5.84 0.13  323.871 4.06 0.08"),
    "Rn219": (1.0, "271.228 11.07 0.22  401.81 6.75 0.22"),
    "Pb211": (1.0, "404.834 3.83 0.06  831.984 3.50 0.05"),
    "W187": (1.226, "685.81 33.2 0.5  479.53 26.6 0.4"),
    "Tl208": (1.0, "583.187 None None  2614.511 None None"),
    "Eu154": (1.0, "123.0706 None None  723.3014 None None  1004.76 None None  1274.429 None None"),
}

Line = tuple[float, float, float, float, int]


def corrected(name: str, lines: list[Line]) -> list[Line]:
    """Lines with those of `_LINES` put in their place."""
    if name not in _LINES:
        return lines
    scale, text = _LINES[name]
    changed = [
        (e, de, i * scale, di * scale, k) if k == 0 else (e, de, i, di, k) for e, de, i, di, k in lines
    ]
    words = text.split()
    taken: set[int] = set()
    for at, part, error in zip(words[::3], words[1::3], words[2::3], strict=True):
        near = [
            n
            for n, one in enumerate(lines)
            if one[4] == 0 and abs(one[0] - float(at)) < 0.4 and n not in taken
        ]
        if not near:
            sys.exit(f"{name}: no line at {at} keV to correct")
        best = max(near, key=lambda n: lines[n][2])
        taken.add(best)
        if part == "None":
            changed[best] = (float(at), *changed[best][1:])
        else:
            changed[best] = (float(at), lines[best][1], float(part) / 100, float(error) / 100, 0)
    return sorted(changed)


def decimals(values: list[float], digits: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers as whole numbers over powers of ten, which compress; NaN is 0 over 10**127."""
    whole, power = [], []
    for value in values:
        if not math.isfinite(value):
            whole.append(0)
            power.append(127)
            continue
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        number = mantissa.replace(".", "").rstrip("0") or "0"
        whole.append(int(number))
        power.append(len(number) - 1 - int(exponent))
    return np.array(whole, dtype="<i4"), np.array(power, dtype="i1")


def branches() -> list[tuple[str, str, float]]:
    """Parent, daughter and share, as they stand in `CHAINS`."""
    found = []
    for text in CHAINS.replace("\n", ";").split(";"):
        parent, *rest = text.split() or [""]
        for at, word in enumerate(rest):
            if word[0].isalpha():
                share = rest[at + 1] if at + 1 < len(rest) and not rest[at + 1][0].isalpha() else "1"
                found.append((parent, word, float(share)))
    for parent in {one[0] for one in found}:
        total = sum(share for name, _, share in found if name == parent)
        if total > 1 + 1e-9:
            sys.exit(f"the branches of {parent} add up to {total}")
    return found


def half_lives(data: dict[str, dict]) -> tuple[list[float], list[float]]:
    """Half-lives in seconds and their errors (NaN: unknown)."""
    values, errors = [], []
    for name, entry in data.items():
        value, error = float(entry["halflife"]), math.nan
        if name in HALF_LIVES:
            number, spread, unit = HALF_LIVES[name]
            if abs(number * unit / value - 1) > 0.07:
                sys.exit(f"{name}: {number * unit:g} s here, {value:g} s in decay_2012")
            value, error = number * unit, spread * unit
        values.append(value)
        errors.append(error)
    return values, errors


def arrays() -> dict[str, np.ndarray]:
    """All columns of the library."""
    data = dict(sorted(source().items(), key=lambda item: item[1]["zai"]))
    lines, start = [], [0]
    for name, entry in data.items():
        own = lines_of(entry)
        lines += corrected(name, own) if per_decay(own) else []
        start.append(len(lines))
    position = {name: at for at, name in enumerate(data)}
    pairs = branches()
    missing = {name for pair in pairs for name in pair[:2]} - set(position)
    if missing:
        sys.exit(f"no data for {', '.join(sorted(missing))}")
    values, errors = half_lives(data)
    columns: dict[str, np.ndarray] = {
        "names": np.array(list(data)),
        "zai": np.array([entry["zai"] for entry in data.values()], dtype="<i4"),
        "half_life": np.array(values, dtype="<f8"),
        "half_life_error": np.array(errors, dtype="<f8"),
        "start": np.array(start, dtype="<i4"),
        "kind": np.array([line[4] for line in lines], dtype="u1"),
        "not_per_decay": np.array(
            [position[name] for name, entry in data.items() if not per_decay(lines_of(entry))], dtype="<i4"
        ),
        "parent": np.array([position[one] for one, _, _ in pairs], dtype="<i4"),
        "daughter": np.array([position[one] for _, one, _ in pairs], dtype="<i4"),
        "share": np.array([share for _, _, share in pairs], dtype="<f8"),
    }
    for at, (name, digits) in enumerate(
        [("energy", 7), ("energy_error", 3), ("intensity", 6), ("intensity_error", 3)]
    ):
        columns[name], columns[f"{name}_power"] = decimals([line[at] for line in lines], digits)
    return columns


def main() -> None:
    """Write the library."""
    columns = arrays()
    with zipfile.ZipFile(TARGET, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, values in columns.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, values, version=(1, 0), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy")  # the date is 1980-01-01, so equal input gives equal bytes
            entry.compress_type, entry.create_system = zipfile.ZIP_DEFLATED, 3
            archive.writestr(entry, buffer.getvalue(), compresslevel=9)
    print(f"{TARGET}: {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
