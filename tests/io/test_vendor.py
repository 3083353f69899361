import builtins
import struct

import numpy as np
import pytest

from gamma_flow.data import Axis
from gamma_flow.errors import DamagedFileError, ReadError
from gamma_flow.io import iec, n42, radiacode, spe, vendor
from gamma_flow.io._format import ReadOptions
from gamma_flow.io._source import Source
from support import FORMATS, real, refusal

CNF = "becquerel/01122014152731-GT01122014182338-GA37.4963000N-GO122.4633000W.cnf"
SPC = "becquerel/Alcatraz14.Spc"
PCF = "interspec/nai3x3_sr90_unshielded.pcf"
REAL = [CNF, SPC, PCF, "interspec/nai3x3_tl204_unshielded.pcf"]
WRITTEN = ["Pcf", "Chn", "SpcBinaryInt", "SpcBinaryFloat", "Cnf", "ExploraniumGr130v0", "ExploraniumGr135v2"]


def library():
    return pytest.importorskip("SpecUtils")


def read(source: Source, **options):
    assert vendor.FORMAT.sniff(source)
    (found,) = vendor.read(source, ReadOptions(**options))
    return found


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> dict[str, Source]:
    """Small files of the formats that SpecUtils can write, made from one N42 file."""
    specutils = library()
    folder = tmp_path_factory.mktemp("vendor")
    counts = " ".join(map(str, range(1, 513)))
    records = "".join(
        f'<RadMeasurement id="m{number}"><MeasurementClassCode>{code}</MeasurementClassCode>'
        f"<StartDateTime>2024-02-0{number}T12:00:00Z</StartDateTime><RealTimeDuration>PT10S</RealTimeDuration>"
        f'<Spectrum id="s{number}" radDetectorInformationReference="d" energyCalibrationReference="c">'
        f"<LiveTimeDuration>PT9.5S</LiveTimeDuration><ChannelData>{counts}</ChannelData></Spectrum></RadMeasurement>"
        for number, code in ((1, "Foreground"), (2, "Background"))
    )
    text = (
        '<?xml version="1.0"?><RadInstrumentData xmlns="http://physics.nist.gov/N42/2011/N42" n42DocUUID="a">'
        '<RadDetectorInformation id="d"><RadDetectorCategoryCode>Gamma</RadDetectorCategoryCode>'
        '</RadDetectorInformation><EnergyCalibration id="c"><CoefficientValues>0.5 3</CoefficientValues>'
        f"</EnergyCalibration>{records}</RadInstrumentData>"
    )
    (folder / "a.n42").write_text(text)
    content = specutils.SpecFile()
    content.loadFile(str(folder / "a.n42"), specutils.ParserType.N42_2012)
    files = {}
    for name in WRITTEN:
        path = folder / name
        samples = list(content.sampleNumbers())
        one = name in ("Chn", "SpcBinaryInt", "SpcBinaryFloat", "Cnf")
        kind = getattr(specutils.SaveSpectrumAsType, name)
        content.writeToFile(str(path), samples[:1] if one else samples, list(content.detectorNumbers()), kind)
        files[name] = Source.of(path, name)
    return files


# hand-checked against the ASCII files that hold the same measurements, and the PCF's own header
@pytest.mark.parametrize(
    ("name", "rows", "channels", "live", "real_time", "total", "span"),
    [
        (CNF, 1, 4096, 841.42, 849.51, 683658, (-0.21, 2944.79)),
        (SPC, 1, 8192, 900, 905.42, 132978, (0.5783, 3088.0)),
        (PCF, 4, 256, 300, 304.3016, 426847, (0, 3200)),
        ("interspec/nai3x3_tl204_unshielded.pcf", 4, 256, 300, 304.08847, 407219, (0, 3200)),
    ],
)
def test_real_files(name, rows, channels, live, real_time, total, span):
    library()
    source = real(name)
    found = read(source)
    assert found.values.shape == (rows, channels)
    assert (found.live_time[0], found.real_time[0]) == (live, real_time)
    assert found.total[0] == total
    assert found.axis.edges[[0, -1]] == pytest.approx(span, abs=0.01)
    # from memory (a member of a zip has no path of its own) it is the same
    again = read(Source(source.name, source.data))
    assert np.array_equal(again.values, found.values)
    assert again.axis == found.axis


def test_binary_and_ascii_agree():
    library()
    for binary, text in ((CNF, CNF.replace(".cnf", ".spe")), (SPC, "becquerel/Alcatraz14.spe")):
        found = read(real(binary))
        (other,) = spe.read(real(text), ReadOptions())
        # the converter of the CNF put an empty channel before the first
        theirs = other.values[0, 1:] if binary == CNF else other.values[0]
        assert np.array_equal(found.values[0, : len(theirs)], theirs)
        assert np.allclose(found.axis.edges, other.axis.edges, atol=1e-2)
        assert abs(found.time[0] - other.time[0]) < np.timedelta64(1, "s")
        assert found.live_time[0] == other.live_time[0]
    # SpecUtils misreads the seconds of SPC positions (37.92 for 37.83 degrees), so they are left out
    assert "latitude" not in read(real(SPC)).meta


def test_what_pcf_tells():
    library()
    found = read(real(PCF))
    assert found.meta["title"].tolist()[:2] == ["Sr90_Unsh", "Background"]
    assert found.meta["record"].tolist()[:2] == ["Foreground", "Background"]
    assert found.axis.coefficients == (0, 12.5)
    assert found.time[0] == np.datetime64("2013-12-26T21:15:00")


@pytest.mark.parametrize("name", REAL)
def test_real_files_cut_at_every_tenth(name):
    library()
    source = real(name)
    for tenth in range(1, 10):
        with pytest.raises(DamagedFileError, match="cut"):
            vendor.read(Source("cut", source.data[: len(source.data) * tenth // 10]), ReadOptions())


@pytest.mark.parametrize("name", WRITTEN)
def test_written_files(written, name):
    found = read(written[name])
    if name == "ExploraniumGr130v0":
        assert found.axis == Axis.channels(256)  # SpecUtils assumes a calibration
    else:
        first = 2 if name.startswith("Exploranium") else 0
        assert found.values[0, first:512].tolist() == list(range(first + 1, 513))
    assert found.live_time[0] == pytest.approx(9.5, abs=0.51)  # Exploranium knows whole seconds only
    for tenth in range(1, 10):
        data = written[name].data
        cut = Source("cut", data[: len(data) * tenth // 10])
        if name.startswith(("Pcf", "Exploranium")) and tenth == 5:
            continue  # may be the border between the two spectra, which no one can see
        with pytest.raises(DamagedFileError):
            vendor.read(cut, ReadOptions())


@pytest.mark.parametrize("name", ["Chn", "SpcBinaryInt", "Cnf", "Pcf"])
def test_written_files_keep_their_axis(written, name):
    found = read(written[name])
    assert found.axis.coefficients[:2] == pytest.approx((0.5, 3))
    assert abs(found.time[0] - np.datetime64("2024-02-01T12:00:00")) < np.timedelta64(1, "s")
    shifted = read(written[name], reference="centre")
    assert shifted.axis.edges[0] == pytest.approx(-1)


def chn(channels: int = 16, *, trailer: bool = True, terms: tuple = (0, 0, 0)) -> bytes:
    head = struct.pack("<hhh2sii8s4shH", -1, 1, 1, b"07", 500, 450, b"01FEB241", b"1200", 0, channels)
    tail = (
        struct.pack("<hhfff", -102, 0, *terms).ljust(256, b"\0")
        + b"\6HPGe 3".ljust(64)
        + b"\4dust".ljust(192)
    )
    tail = tail if trailer else b""
    return head + struct.pack(f"<{channels}i", *range(channels)) + tail


def test_chn():
    found = read(Source("a.chn", chn()))
    assert found.axis == Axis.channels(16)
    assert found.values[0].tolist() == list(range(16))
    assert (found.live_time[0], found.real_time[0]) == (9, 10)
    assert found.time[0] == np.datetime64("2024-02-01T12:00:07")
    assert (found.detector[0], found.meta["title"][0]) == ("HPGe 3", "dust")
    bare = chn(trailer=False)
    assert read(Source("a.chn", bare)).axis == Axis.channels(16)
    assert read(Source("a.chn", chn(terms=(1.5, 0.25, 1e-6)))).axis.coefficients == (1.5, 0.25, 1e-6)
    for old, new, sentence in (
        (b"01FEB241", b"99FEB241", "no date"),
        (struct.pack("<i", 450), struct.pack("<i", -450), "time is negative"),
        (struct.pack("<i", 15), struct.pack("<i", -15), "channel 15: a count is negative"),
        (struct.pack("<h", -102), struct.pack("<h", -7), "expected -101 or -102, found -7"),
        (struct.pack("<hhff", -102, 0, 0, 0), struct.pack("<hhff", -102, 0, 0, -1), "does not increase"),
        (struct.pack("<hhff", -102, 0, 0, 0), struct.pack("<hhff", -102, 0, 0, np.nan), "is no number"),
    ):
        assert old in chn()
        with pytest.raises(DamagedFileError, match=sentence):
            read(Source("a.chn", chn().replace(old, new)))
    assert read(Source("a.chn", chn()), axis=Axis.linear(0, 160, 16)).axis == Axis.linear(0, 160, 16)


def test_a_calibration_that_specutils_makes_up_is_not_taken():
    library()
    assert read(Source("a.mca", MCA.encode())).axis == Axis.channels(256)


def test_lengths_that_lie(written):
    library()
    with pytest.raises(
        DamagedFileError, match="16 channels and their calibration are declared; expected 608"
    ):
        read(Source("a.chn", chn()[:-1]))
    with pytest.raises(DamagedFileError, match="the header declares no channel"):
        read(Source("a.chn", struct.pack("<h", -1) + b"\0" * 60))
    data = bytearray(written["SpcBinaryInt"].data)
    data[64:66] = struct.pack("<H", 60000)
    with pytest.raises(DamagedFileError, match="records of the spectrum do not hold its channels"):
        read(Source("a.spc", bytes(data)))
    data = bytearray(written["Pcf"].data)
    data[256 + 252 : 256 + 256] = struct.pack("<i", 10**9)
    with pytest.raises(
        DamagedFileError, match="channels of a spectrum do not fit its records; expected at most"
    ):
        read(Source("a.pcf", bytes(data)))
    data[:2] = struct.pack("<h", -5)
    with pytest.raises(DamagedFileError, match="whole spectra"):
        read(Source("a.pcf", bytes(data)))
    with pytest.raises(DamagedFileError, match="records of 560 or 2124 bytes"):
        read(Source("a.dat", b"ZZZZ" + b"\0" * 700))


def test_deviation_pairs_in_pcf(tmp_path):
    specutils = library()
    source = real("interspec/NaI_I131_Phantom_with_info.n42")
    content = specutils.SpecFile()
    content.loadFile(str(source.path), specutils.ParserType.N42_2012)
    path = tmp_path / "a.pcf"
    detectors = list(content.detectorNumbers())
    content.writeToFile(str(path), list(content.sampleNumbers()), detectors, specutils.SaveSpectrumAsType.Pcf)
    found = read(Source.of(path))
    (ours,) = n42.read(source, ReadOptions())
    assert np.array_equal(found.values, ours.values)
    assert np.allclose(found.axis.edges, ours.axis.edges, rtol=1e-6, atol=2e-3)
    other = path.read_bytes().replace(b"DeviationPairsInFile ", b"DeviationPairsInFileX")
    with pytest.raises(DamagedFileError, match="kind whose length is not known"):
        read(Source("a.pcf", other))


MCA = (
    "<<PMCA SPECTRUM>>\r\nTAG - dust\r\nDESCRIPTION - x\r\nGAIN - 0\r\nTHRESHOLD - 0\r\nLIVE_MODE - 0\r\n"
    + (
        "PRESET_TIME - 0\r\nLIVE_TIME - 9.5\r\nREAL_TIME - 10.0\r\nSTART_TIME - 02/01/2024 12:00:00\r\n"
        "SERIAL_NUMBER - 7\r\n<<DATA>>\r\n"
        + "".join(f"{number}\r\n" for number in range(256))
        + "<<END>>\r\n"
    )
)


def test_amptek():
    library()
    found = read(Source("a.mca", MCA.encode()))
    assert found.values[0].tolist() == list(range(256))
    assert (found.live_time[0], found.real_time[0]) == (9.5, 10)
    for tenth in range(1, 10):
        with pytest.raises(DamagedFileError, match="no end of the counts"):
            read(Source("a.mca", MCA.encode()[: len(MCA) * tenth // 10]))


def test_mps():
    library()
    record = bytearray(10597)
    record[32:48] = struct.pack("<2d", 48.0, 11.0)
    for start in (2184, 4238, 6340, 8394):
        record[start : start + 2048] = struct.pack("<1024H", *range(1024))
        record[start + 2048 : start + 2054] = struct.pack("<3H", 6250, 0, 6000)
    source = Source("a.mps", bytes(record) * 2)
    sets = vendor.read(source, ReadOptions())
    assert sum(map(len, sets)) == 8
    assert sets[0].live_time[0] == pytest.approx(0.96)
    assert sets[0].meta["latitude"][0] == 48
    for tenth in range(1, 10):
        assert tenth == 5 or not vendor.FORMAT.sniff(Source("cut", source.data[: 21194 * tenth // 10]))


def test_nothing_else_is_claimed():
    """Texts, tables, containers, and what our own readers know or refused."""
    for path in sorted(FORMATS.rglob("*")):
        if path.is_file() and path.suffix.lower() not in (".pcf", ".cnf", ".spc"):
            source = Source.of(path)
            assert not vendor.FORMAT.sniff(source), path
            if path.suffix in (".md", ".h5", ".rctrk", ".csv") or "Kromek_D5" in path.name:
                assert not any(one.FORMAT.sniff(source) for one in (n42, spe, iec, radiacode)), path
    for data in (b"", b"\x89HDF\r\n\x1a\n", b"PK\3\4", b"channel,counts\n0,1\n", b"\xff\xff", b"\xff\xfea\0"):
        assert not vendor.FORMAT.sniff(Source("a", data))
    with pytest.raises(ReadError, match="not a vendor's file"):
        vendor.read(Source("a", b"hello"), ReadOptions())


def test_without_specutils_the_cure_is_named(monkeypatch):
    load = builtins.__import__

    def without(name, *rest, **named):
        if name == "SpecUtils":
            raise ImportError(name)
        return load(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(
        ReadError, match=r"sandiaspecutils, which is not installed; pip install 'gamma-flow\[gamma\]'"
    ):
        vendor.read(Source("a.mca", MCA.encode()), ReadOptions())
    assert vendor.read(Source("a.chn", chn()), ReadOptions())


@pytest.mark.parametrize("name", [*REAL, *WRITTEN])
def test_mutations_raise_nothing_else(name, written):
    data = (written[name] if name in written else real(name)).data
    rng = np.random.default_rng(13)
    for number in range(50):
        changed = bytearray(data)
        for _ in range(3):
            at = int(rng.integers(min(len(data), 600) if number % 2 else len(data)))
            if number % 5 == 0:
                del changed[at : at + int(rng.integers(1, 40))]
            elif number % 5 == 1:
                changed[at:at] = changed[max(0, at - 30) : at]
            else:
                changed[at] = int(rng.integers(256))
        assert "mutant" in refusal(vendor, bytes(changed))
