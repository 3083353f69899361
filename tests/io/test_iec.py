import numpy as np
import pytest

from gamma_flow.data import Axis
from gamma_flow.errors import DamagedFileError, UnsafeFileError
from gamma_flow.io import iec
from gamma_flow.io._format import ReadOptions
from gamma_flow.io._source import Source
from support import real, refusal


def small(
    energy: str = " 1.00000000E+00 2.00000000E+00 0.00000000E+00", pairs: str = "", channels: int = 7
) -> str:
    head = [
        "NUCICA   HPGE   0   0     0",
        f"     3564.00     3600.00  {channels}",
        "09/12/21 10:54:31",
        energy,
    ]
    head += ["", "      a sample", "    of dust"] + [""] * 3 + [pairs] + [""] * 47
    assert len(head) == 58
    lines = [
        "     0         1         2         3         4         5",
        "     5        60        70         0",
    ]
    return "".join(f"A004{line:66}\r\n" for line in head + lines)


def read(text: str | Source, **options):
    data = text if isinstance(text, Source) else Source("a.iec", text.encode())
    assert iec.FORMAT.sniff(data)
    (found,) = iec.read(data, ReadOptions(**options))
    return found


# the files' own numbers, and what becquerel reads from the first (SpecUtils knows the format not)
@pytest.mark.parametrize(
    ("name", "coefficients"),
    [
        ("01", (-1.55656e-02, 0.8, -2.97939e-08, 0.0)),
        ("02a", (-1.55656e-02, 0.8, -2.97939e-08, 0.0)),
        ("02b", (-1.55656e-02, 0.8, -2.97939e-08, 0.0)),
        ("03", None),
        ("04", None),
        ("05", None),
    ],
)
def test_real_files(name, coefficients):
    source = real(f"becquerel/hpge_dummy_test_{name}.iec")
    found = read(source)
    assert found.values.shape == (1, 2048)
    assert found.values[0, :6].tolist() == [40680, 41390, 41100, 40900, 41720, 41790]
    assert found.total[0] == 74305419
    assert (found.live_time[0], found.real_time[0]) == (3564, 3600)
    assert found.time[0] == np.datetime64("2021-09-12T10:54:31")
    assert found.detector[0] == ("HPGE" if name.startswith("02") else "NUCICA HPGE")
    if coefficients:
        assert found.axis.coefficients == coefficients
    else:
        # the pairs are 1173.228 keV at 1465.035 and 1332.492 keV at 1665.109
        channels = np.polynomial.Polynomial(found.axis.coefficients)(np.array([1465.035, 1665.109]))
        assert channels == pytest.approx([1173.228, 1332.492], abs=1.0)
    for tenth in range(1, 10):
        with pytest.raises(DamagedFileError):
            iec.read(Source("cut", source.data[: len(source.data) * tenth // 10]), ReadOptions())


def test_a_small_file():
    found = read(small())
    assert found.values.tolist() == [[1, 2, 3, 4, 5, 60, 70]]
    assert found.axis.coefficients == (1, 2, 0)
    assert found.meta["title"][0] == "a sample of dust"
    assert read(small(energy="")).axis == Axis.channels(7)
    assert read(small(energy=" 0.0E+00 0.0E+00", pairs=" 1.0E+01 0.0E+00 3.0E+01 5.0E+00")).axis.edges[
        :2
    ].tolist() == pytest.approx([10, 14])
    # numbers of fixed width that leave no space between them, and exponents of three digits
    assert read(small(energy="-1.55656000E-02 8.00000000E-01-2.97939000E-08")).axis.coefficients == (
        -1.55656e-2,
        0.8,
        -2.97939e-8,
    )
    assert read(small(energy="-1.5E-002 8.0E-001")).axis.coefficients == (-0.015, 0.8)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("3600.00  7", "3600.00  9", "expected 9 counts, found 8"),
        ("3600.00  7", "3600.00  1", "expected 1 counts, found 8"),
        ("3600.00  7", "3600.00  999999999", "at most 1048576"),
        ("3600.00  7", "3600.00", "live time, real time, channels"),
        ("A004     5", "A004     6", "expected channel 5, found 6"),
        ("        60", "       6x0", "line 60"),
        ("09/12/21", "99/99/21", "no date"),
        ("A004 1.0000", "A004 1.0x00", "line 4"),
        ("A004 1.0000", "A005 1.0000", "expected A004, found 'A005"),
    ],
)
def test_damage_is_named(old, new, sentence):
    text = small()
    assert old in text
    with pytest.raises((DamagedFileError, UnsafeFileError), match=sentence):
        read(text.replace(old, new, 1))


def test_every_cut_of_a_small_file_is_refused():
    text = small().encode()
    for length in range(300, len(text)):
        with pytest.raises(DamagedFileError):
            iec.read(Source("cut", text[:length]), ReadOptions())


def test_mutations_raise_nothing_else():
    rng = np.random.default_rng(5)
    data = small().encode()
    for _ in range(300):
        changed = bytearray(data)
        for at in rng.integers(len(data), size=3):
            changed[at] = (
                int(rng.integers(256)) if rng.random() < 0.5 else int(rng.choice([*b"0123456789 .-E"]))
            )
        assert "mutant" in refusal(iec, bytes(changed))
