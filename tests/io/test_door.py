"""The door with real files: all are read or refused with one sentence, whole or cut or mutated."""

from __future__ import annotations

import io
import os
import time
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

from gamma_flow.data import SpectrumSet
from gamma_flow.errors import DamagedFileError, GammaFlowError, ReadError, UnknownFormatError
from gamma_flow.io._format import ReadOptions
from gamma_flow.io._source import Source
from gamma_flow.io.registry import identify, read_source

# Number of spectra; of the first one: channels, unit, lowest and highest edge, live time in seconds. These
# are what our own readers gave when the table was made, so they only guard against change; whether they are
# right is the business of each format's tests, which compare with SpecUtils or with what stands in the
# file.
READ = {
    "becquerel/01122014152731-GT01122014182338-GA37.4963000N-GO122.4633000W.cnf": (
        1,
        4096,
        "keV",
        -0.21,
        2944.79,
        841.42,
    ),
    "becquerel/01122014152731-GT01122014182338-GA37.4963000N-GO122.4633000W.spe": (
        1,
        4096,
        "keV",
        -0.21,
        2944.79,
        841.42,
    ),
    "becquerel/1110C NAA cave background May 2017.spe": (1, 16384, "keV", -0.035, 2994.84, 437817.0),
    "becquerel/1110C NAA cave pottery.Spe": (1, 16384, "keV", -0.035, 2994.84, 16543.0),
    "becquerel/Alcatraz14.Spc": (1, 8192, "keV", 0.578, 3088.0, 900.0),
    "becquerel/Alcatraz14.spe": (1, 8192, "keV", 0.578, 3088.0, 900.0),
    "becquerel/Mendocino_07-10-13_Acq-10-10-13.Spe": (1, 8192, "keV", 0.0, 3100.21, 595642.0),
    "becquerel/SGM102432.spe": (1, 4094, "channel", 0.0, 4094.0, 300.0),
    "becquerel/digibase_5min_30_1.spe": (1, 1024, "channel", 0.0, 1024.0, 296.0),
    "becquerel/hpge_dummy_test_01.iec": (1, 2048, "keV", -0.016, 1638.26, 3564.0),
    "becquerel/hpge_dummy_test_02a.iec": (1, 2048, "keV", -0.016, 1638.26, 3564.0),
    "becquerel/hpge_dummy_test_02b.iec": (1, 2048, "keV", -0.016, 1638.26, 3564.0),
    "becquerel/hpge_dummy_test_03.iec": (1, 2048, "keV", 7.023, 1637.28, 3564.0),
    "becquerel/hpge_dummy_test_04.iec": (1, 2048, "keV", -3.902, 1636.28, 3564.0),
    "becquerel/hpge_dummy_test_05.iec": (1, 2048, "keV", 0.43, 1639.89, 3564.0),
    "becquerel/nai_detector.spe": (1, 1001, "channel", 0.0, 1001.0, 3600.0),
    "becquerel/samples_converted/01122014152731-GT01122014182338-GA37.4963000N-GO122.4633000W.spe": (
        1,
        4096,
        "keV",
        -0.21,
        2944.79,
        841.42,
    ),
    "becquerel/samples_converted/Alcatraz14.spe": (1, 8192, "keV", 0.578, 3088.0, 900.0),
    "becquerel/sim_spec.spe": (1, 1024, "channel", 0.0, 1024.0, 100.0),
    "interspec/13samples_1det_peaks_on_8.n42": (13, 1024, "keV", 0.0, 3072.0, 300.0),
    "interspec/5samples_2dets_peaks_on_3.n42": (10, 1024, "keV", 0.0, 3072.0, 300.0),
    "interspec/6samples_nonuniform_dets_peaks_on_3.n42": (9, 1024, "keV", 0.0, 3072.0, 300.0),
    "interspec/NaI_I131_Phantom_with_info.n42": (2, 1024, "keV", -1.21, 3045.79, 1800.0),
    "interspec/Q8910_Helicopter.N42": (81, 1024, "keV", 1.808, 3073.19, 1.0),
    "interspec/detx_background.n42": (1, 16384, "keV", -0.32, 8008.63, 300.0),
    "interspec/detx_p32_unshielded.n42": (1, 16384, "keV", -0.32, 8008.63, 300.0),
    "interspec/detx_y90_phantom.n42": (1, 16384, "keV", -0.32, 8008.63, 300.0),
    "interspec/easy_background_long.n42": (1, 16384, "keV", -0.32, 8008.63, 43200.0),
    "interspec/easy_two_disk_fore.n42": (1, 16384, "keV", -0.32, 8008.63, 14400.0),
    "interspec/fore_plus_back_peaks_on_1_2.n42": (3, 1024, "keV", 0.0, 3072.0, 300.0),
    "interspec/gapped_samples_peaks_on_9.n42": (5, 1024, "keV", 0.0, 3072.0, 300.0),
    "interspec/minimal_n42.xml": (1, 10, "channel", 0.0, 10.0, 60.0),
    "interspec/nai3x3_sr90_unshielded.pcf": (4, 256, "keV", 0.0, 3200.0, 300.0),
    "interspec/nai3x3_tl204_unshielded.pcf": (4, 256, "keV", 0.0, 3200.0, 300.0),
    "radiacode/data_am241.n42": (1, 1024, "keV", -6.283, 2890.89, 613.0),
    "radiacode/data_am241.xml": (1, 1024, "keV", -6.283, 2890.89, 613.0),
    "radiacode/data_th232_plus_background.xml": (2, 1024, "keV", -11.371, 2932.43, 172800.0),
    "radiacode/trinitite.xml": (2, 1024, "keV", 2.353, 2814.61, 259200.0),
    "rase/DUMMY_M001_Delta_Flat.n42": (2, 8292, "keV", 0.0, 3068.04, 1200.0),
    "rase/DUMMY_M001_Teeth_Teeth.n42": (2, 8192, "keV", 0.0, 3031.04, 1200.0),
    "rase/VABCD_M001_Am241.n42": (1, 1024, "keV", -39.562, 3093.1, 400.2),
    "rase/VABCD_M001_Cs137.n42": (1, 1024, "keV", -39.707, 3086.83, 400.29),
    "rase/VABCD_M001_Spike.n42": (1, 1024, "keV", -39.562, 3093.1, 400.2),
    "rase/VABCD_M001_Step.n42": (1, 1024, "keV", -39.562, 3093.1, 400.2),
}
REFUSED = {
    "MANIFEST.csv": (UnknownFormatError, "not a spectrum file that a reader knows"),
    "becquerel/INVENTORY.md": (UnknownFormatError, "not a spectrum file that a reader knows"),
    "becquerel/Mendocino_07-10-13_Acq-10-10-13.h5": (
        UnknownFormatError,
        "an HDF5 file, which no reader here knows",
    ),
    "radiacode/data_invalid.n42": (DamagedFileError, "the file holds no spectrum"),
    "radiacode/data_invalid_cal_inconsistent_order.xml": (
        DamagedFileError,
        "the order of the calibration polynomial and it",
    ),
    "radiacode/data_invalid_cal_incorrect_order.xml": (
        DamagedFileError,
        "the order of the calibration polynomial and it",
    ),
    "radiacode/data_invalid_spectrum.xml": (
        DamagedFileError,
        "the spectrum does not hold the channels that i",
    ),
    "radiacode/walk.rctrk": (UnknownFormatError, "not a spectrum file that a reader knows"),
    "rase/CAEN_DiscoveRAD_template.n42": (DamagedFileError, "the file is a template: <ChannelData> holds th"),
    "rase/FLIR_R400_UW-LGH_template.n42": (
        DamagedFileError,
        "the file is a template: <ChannelData> holds th",
    ),
    "rase/Kromek_D5_template.n42": (UnknownFormatError, "not a spectrum file that a reader knows"),
    "rase/ORTEC-RadEaglet_spectrum.n42": (DamagedFileError, "the file is a template: <ChannelData> holds th"),
    "rase/Symetrica_SN33N_template.n42": (DamagedFileError, "the file is a template: <ChannelData> holds th"),
}


NEEDS_SPECUTILS = (".cnf", ".Spc", ".pcf")


@pytest.fixture
def formats(shared_data: Path) -> Path:
    return shared_data / "formats"


def read(name: str, data: bytes) -> list[SpectrumSet]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a reader warns of is tested with the reader
        return list(read_source(Source(name, data), ReadOptions()))


def test_every_real_file_is_in_one_of_the_tables(formats: Path) -> None:
    present = {str(path.relative_to(formats)) for path in formats.rglob("*") if path.is_file()}
    assert present == READ.keys() | REFUSED.keys()


@pytest.mark.parametrize("name", READ)
def test_a_real_file_is_read_as_it_is(formats: Path, name: str) -> None:
    if name.endswith(NEEDS_SPECUTILS):
        pytest.importorskip("SpecUtils")
    sets = read(name, (formats / name).read_bytes())
    count, channels, unit, lo, hi, live = READ[name]
    first = sets[0]
    assert sum(len(part) for part in sets) == count
    assert (len(first.axis), first.axis.unit) == (channels, unit)
    assert first.axis.edges[0] == pytest.approx(lo, abs=1e-3)
    assert first.axis.edges[-1] == pytest.approx(hi, abs=1e-2)
    assert first.live_time[0] == pytest.approx(live, abs=1e-3)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_whole_spectrum_file_is_refused_with_one_sentence(formats: Path, name: str) -> None:
    kind, words = REFUSED[name]
    with pytest.raises(kind) as caught:
        read(name, (formats / name).read_bytes())
    sentence = str(caught.value)
    assert words in sentence
    assert sentence.startswith(name)
    assert "\n" not in sentence
    assert len(sentence) < 500


@pytest.mark.parametrize("name", READ)
def test_a_file_cut_at_every_tenth_is_never_read_short(formats: Path, name: str) -> None:
    if name.endswith(NEEDS_SPECUTILS):
        pytest.importorskip("SpecUtils")
    data = (formats / name).read_bytes()
    whole = read(name, data)
    for tenth in range(10):
        try:
            part = read(name, data[: len(data) * tenth // 10])
        except ReadError:
            continue
        # the loss cannot be told only where all spectra are still there, such as in notes behind them
        assert len(part) == len(whole)
        for one, other in zip(part, whole, strict=True):
            np.testing.assert_array_equal(one.values, other.values)


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """Flip, drop, double, swap or overwrite a few stretches."""
    broken = bytearray(data)
    for _ in range(int(rng.integers(1, 6))):
        at = int(rng.integers(len(broken) + 1)) if broken else 0
        length = int(rng.integers(1, 40))
        choice = int(rng.integers(5))
        if choice == 0 and broken:
            broken[min(at, len(broken) - 1)] ^= int(rng.integers(1, 256))
        elif choice == 1:
            del broken[at : at + length]
        elif choice == 2:
            broken[at:at] = broken[at : at + length]
        elif choice == 3:
            broken[at : at + length] = rng.bytes(length)
        else:
            word = [b"-1", b"1e999", b"nan", b"999999999999", b"\x00", b"<", b"&", b"", b"\xff\xff\xff\x7f"]
            broken[at : at + 4] = word[int(rng.integers(len(word)))]
    return bytes(broken)


@pytest.mark.parametrize("part", range(20))
def test_two_thousand_mutations_raise_nothing_else_and_hang_never(
    formats: Path, part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("a file made a reader run a command")

    monkeypatch.setattr(os, "system", forbidden)
    rng = np.random.default_rng(part)
    # the longest files are mutated less often, to keep the test short
    files = sorted(path for path in formats.rglob("*") if path.is_file())
    weight = np.array([1 / (2e4 + path.stat().st_size) for path in files])
    for _ in range(100):
        path = files[int(rng.choice(len(files), p=weight / weight.sum()))]
        start = time.monotonic()
        try:
            for spectra in read(path.name, mutated(path.read_bytes(), rng)):
                assert np.isfinite(spectra.values).all()
        except GammaFlowError:
            pass
        assert time.monotonic() - start < 30


def test_the_registry_asks_the_content_and_not_the_name(formats: Path) -> None:
    data = (formats / "rase" / "VABCD_M001_Cs137.n42").read_bytes()
    assert identify(Source("holiday.jpg", data)).name == "n42"
    with pytest.raises(UnknownFormatError):
        identify(Source("spectrum.n42", b"These are the minutes of our meeting.\nWe met.\n"))
    with pytest.raises(DamagedFileError, match="empty"):
        identify(Source("spectrum.n42", b" \n"))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("spectrum.n42", DamagedFileError),
        ("SPECTRUM.SPE", DamagedFileError),
        ("all.zip/a.csv", DamagedFileError),
        ("dose.txt", DamagedFileError),
        ("README.md", UnknownFormatError),
        ("__init__.py", UnknownFormatError),
        ("folder.n42/LICENSE", UnknownFormatError),
    ],
)
def test_an_empty_file_is_a_loss_only_where_a_spectrum_was_to_be(name: str, kind: type[ReadError]) -> None:
    for data in (b"", b" \n"):
        with pytest.raises(kind, match="the file is empty") as caught:
            identify(Source(name, data))
        assert type(caught.value) is kind


def zipped(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, "1\n2\n" * 50)
    return stream.getvalue()


def test_zips_that_hold_nothing_to_read() -> None:
    whole = zipped("a.csv", "b.csv")
    for data in (whole[:-1], whole[:100], whole[:4], whole.replace(b"PK\x01\x02", b"PK\x01\x03")):
        with pytest.raises(DamagedFileError, match="cut or damaged"):
            identify(Source("all.zip", data))
    for data in (zipped(), zipped("only/")):
        with pytest.raises(DamagedFileError, match="holds no files"):
            identify(Source("all.zip", data))
    with pytest.raises(UnknownFormatError, match="zip within a zip"):
        identify(Source("outer.zip/all.zip", whole))
    with pytest.raises(UnknownFormatError, match="not a spectrum file"):
        identify(Source("PK.md", b"PK, a memoir\n"))


def test_mutated_zips_raise_our_errors_only() -> None:
    whole = zipped("a.csv", "b/c.csv")
    rng = np.random.default_rng(3)
    for _ in range(500):
        with pytest.raises(ReadError):
            identify(Source("all.zip", b"PK\x03\x04" + mutated(whole[4:], rng)))
