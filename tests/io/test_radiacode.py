import numpy as np
import pytest

from gamma_flow.data import Axis
from gamma_flow.errors import DamagedFileError, UnsafeFileError
from gamma_flow.io import radiacode
from gamma_flow.io._format import ReadOptions
from gamma_flow.io._source import Source
from support import real, refusal


def read(data: str | Source, **options):
    source = data if isinstance(data, Source) else Source("a.xml", data.encode())
    assert radiacode.FORMAT.sniff(source)
    (found,) = radiacode.read(source, ReadOptions(**options))
    return found


def spectrum(tag: str, counts: list, name: str = "") -> str:
    points = "".join(f"<DataPoint>{count}</DataPoint>" for count in counts)
    return (
        f"<{tag}><NumberOfChannels>{len(counts)}</NumberOfChannels><ChannelPitch>1</ChannelPitch>"
        f"<SpectrumName>{name}</SpectrumName><SerialNumber>RC-103</SerialNumber><EnergyCalibration>"
        "<PolynomialOrder>2</PolynomialOrder><Coefficients><Coefficient>-6.5</Coefficient>"
        "<Coefficient>2.5</Coefficient><Coefficient>3.8E-4</Coefficient></Coefficients></EnergyCalibration>"
        f"<MeasurementTime>613</MeasurementTime><Spectrum>{points}</Spectrum></{tag}>\n"
    )


SMALL = (
    '<?xml version="1.0"?>\n<ResultDataFile><FormatVersion>120920</FormatVersion>\n'
    "<ResultDataList><ResultData>\n"
    "<SampleInfo><Name><![CDATA[dust <3>]]></Name></SampleInfo><BackgroundSpectrumFile/>\n"
    "<StartTime>2024-01-21T21:07:16</StartTime><StartTime>2024-01-20T09:04:23</StartTime>\n"
    "<EndTime>2024-01-24T21:07:16</EndTime><EndTime>2024-01-21T21:04:23</EndTime>\n"
    + spectrum("EnergySpectrum", [1, 2, 0, 7])
    + spectrum("BackgroundEnergySpectrum", [0, 1, 0, 0], "3gz")
    + "</ResultData></ResultDataList></ResultDataFile>"
)


# numbers as they stand in the files; SpecUtils gives each trinitite record the start of the other
@pytest.mark.parametrize(
    ("name", "coefficients", "seconds", "starts", "titles", "totals"),
    [
        (
            "data_am241.xml",
            (-6.2832313, 2.4383054, 3.818e-4),
            [613],
            ["2023-06-07T05:52:00"],
            ["Am-241"],
            [306058],
        ),
        (
            "data_th232_plus_background.xml",
            (-11.3706, 2.46757, 3.9769e-4),
            [172800, 127800],
            ["2023-10-17T22:30:56", "2023-09-15T18:58:27"],
            ["Th-232-BG", "BG 35hr"],
            [26474139, 450876],
        ),
        (
            "trinitite.xml",
            (2.3534122, 2.3784826, 3.5924054e-4),
            [259200, 129600],
            ["2024-01-21T21:07:16", "2024-01-20T09:04:23"],
            ["Trinitite rc103 72hr graded-z", "3gz"],
            [667988, 146343],
        ),
    ],
)
def test_real_files(name, coefficients, seconds, starts, titles, totals):
    found = read(real(f"radiacode/{name}"))
    assert found.axis.coefficients == coefficients
    assert len(found.axis) == 1024
    assert found.live_time.tolist() == seconds
    assert found.real_time.tolist() == seconds
    assert found.time.tolist() == np.array(starts, "datetime64[us]").tolist()
    assert found.meta["title"].tolist() == titles
    assert found.meta["record"].tolist() == ["Foreground", "Background"][: len(seconds)]
    assert found.total.tolist() == totals
    assert found.detector[0].startswith("RC-10")


@pytest.mark.parametrize("name", ["data_am241.xml", "data_th232_plus_background.xml", "trinitite.xml"])
def test_real_files_agree_with_specutils(name):
    library = pytest.importorskip("SpecUtils")
    source = real(f"radiacode/{name}")
    found = read(source)
    other = library.SpecFile()
    other.loadFile(str(source.path), library.ParserType.RadiaCode)
    for one in other.measurements():
        row = int(np.flatnonzero(found.total == np.array(one.gammaCounts()).sum())[0])
        assert np.array_equal(np.array(one.gammaCounts()), found.values[row])
        assert one.realTime() == found.real_time[row]
        assert one.liveTime() == pytest.approx(found.live_time[row], rel=0.01)  # its guess of the dead time
        assert np.allclose(np.array(one.channelEnergies()), found.axis.edges, rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "data_invalid_cal_inconsistent_order.xml",
            r"expected 3 coefficients \(PolynomialOrder 2\), found 2",
        ),
        ("data_invalid_cal_incorrect_order.xml", r"expected 4 coefficients \(PolynomialOrder 3\), found 3"),
        ("data_invalid_spectrum.xml", r"expected 1024 data points \(NumberOfChannels\), found 4"),
    ],
)
def test_real_files_that_are_invalid_on_purpose(name, sentence):
    with pytest.raises(DamagedFileError, match=sentence):
        read(real(f"radiacode/{name}"))


@pytest.mark.parametrize("name", ["data_am241.xml", "data_th232_plus_background.xml", "trinitite.xml"])
def test_real_files_cut_at_every_tenth(name):
    source = real(f"radiacode/{name}")
    for tenth in range(1, 10):
        with pytest.raises(DamagedFileError, match="the file is cut"):
            radiacode.read(Source("cut", source.data[: len(source.data) * tenth // 10]), ReadOptions())


def test_a_track_log_is_not_claimed():
    assert not radiacode.FORMAT.sniff(real("radiacode/walk.rctrk"))


def test_a_small_file():
    found = read(SMALL)
    assert found.values.tolist() == [[1, 2, 0, 7], [0, 1, 0, 0]]
    assert found.meta["title"].tolist() == ["dust <3>", "3gz"]
    assert found.time[0] > found.time[1]
    one = SMALL.replace("<StartTime>2024-01-20T09:04:23</StartTime>", "")
    assert np.isnat(read(one).time).tolist() == [False, True]
    assert read(SMALL, reference="centre").axis.edges[0] < found.axis.edges[0]
    bare = SMALL.replace("2.5<", "0<").replace("-6.5", "0").replace("3.8E-4", "0")
    assert read(bare).axis == Axis.channels(4)


@pytest.mark.parametrize(
    ("old", "new", "error", "sentence"),
    [
        (">4</NumberOf", ">5</NumberOf", DamagedFileError, "expected 5 data points"),
        (">4</NumberOf", ">1000000000</NumberOf", UnsafeFileError, "declares too much"),
        (">4</NumberOf", ">4.5</NumberOf", DamagedFileError, "a whole number"),
        ("<NumberOfChannels>4</NumberOfChannels>", "", DamagedFileError, "<NumberOfChannels> is missing"),
        ("<DataPoint>7<", "<DataPoint>x<", DamagedFileError, "<DataPoint>"),
        ("<DataPoint>7<", "<DataPoint>7 8<", DamagedFileError, "expected one count, found '7 8'"),
        ("<DataPoint>7<", "<DataPoint><", DamagedFileError, "<DataPoint> is empty; expected one count"),
        ("<DataPoint>7<", "<DataPoint>1e300<", DamagedFileError, "2^53"),
        (">613<", ">a while<", DamagedFileError, "<MeasurementTime>"),
        ("2024-01-21T21:07:16", "then", DamagedFileError, "<StartTime>"),
        (">2.5<", ">-2.5<", DamagedFileError, "does not increase"),
        ('<?xml version="1.0"?>', '<!DOCTYPE a [<!ENTITY b "c">]>', UnsafeFileError, "DOCTYPE"),
    ],
)
def test_damage_is_named(old, new, error, sentence):
    assert old in SMALL
    with pytest.raises(error) as caught:
        read(SMALL.replace(old, new, 1))
    assert sentence in str(caught.value)
    assert "a.xml" in str(caught.value)


def test_a_result_without_spectrum():
    with pytest.raises(DamagedFileError, match="a result without a spectrum"):
        read("<ResultDataFile><ResultDataList><ResultData/></ResultDataList></ResultDataFile>")
    with pytest.raises(DamagedFileError, match="holds no spectrum"):
        read("<ResultDataFile/>")


def test_mutations_raise_nothing_else():
    rng = np.random.default_rng(9)
    data = SMALL.encode()
    digits = [at for at, byte in enumerate(data) if byte in b"0123456789"]
    for number in range(300):
        changed = bytearray(data)
        for _ in range(3):
            at = int(rng.choice(digits) if number % 2 else rng.integers(len(data) - 40))
            if number % 3:
                changed[at] = int(rng.choice([*b"0123456789-.e <"]))
            else:
                del changed[at : at + int(rng.integers(1, 40))]
        assert "mutant" in refusal(radiacode, bytes(changed))
