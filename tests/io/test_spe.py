from dataclasses import replace

import numpy as np
import pytest

from gamma_flow.data import Axis, Labels, SpectrumSet
from gamma_flow.errors import DamagedFileError, IncompatibleError, UnsafeFileError, WriteError
from gamma_flow.io import spe, spe_write
from gamma_flow.io._format import ReadOptions
from gamma_flow.io._source import Source
from support import mutations, real, refusal

REAL = [
    ("becquerel/01122014152731-GT01122014182338-GA37.4963000N-GO122.4633000W.spe", (-0.21, 0.718993, 0.0)),
    ("becquerel/1110C NAA cave background May 2017.spe", (-0.035087, 0.1828039, -6.86613e-10)),
    ("becquerel/1110C NAA cave pottery.Spe", (-0.035087, 0.1828039, -6.86613e-10)),
    ("becquerel/Alcatraz14.spe", (0.5783, 0.374436, 2.985859e-07)),
    ("becquerel/Mendocino_07-10-13_Acq-10-10-13.Spe", (0.0, 0.378444, 0.0)),
    ("becquerel/SGM102432.spe", None),
    ("becquerel/digibase_5min_30_1.spe", None),
    ("becquerel/nai_detector.spe", None),
    ("becquerel/sim_spec.spe", None),
]
SMALL = (
    "$SPEC_ID:\r\nwell water\r\n$SPEC_REM:\r\nDET# 1\r\nDETDESC# HPGe 3\r\nAP# Maestro\r\n"
    "$DATE_MEA:\r\n04/26/2017 11:05:11\r\n$MEAS_TIM:\r\n99.5 100\r\n$DATA:\r\n0 3\r\n"
    "       1\r\n       0\r\n      12\r\n       4\r\n$ROI:\r\n1\r\n0 2\r\n$ENER_FIT:\r\n0.5 1.5\r\n"
    "$MCA_CAL:\r\n3\r\n5.01E-001 1.5E+000 1E-006 keV\r\n$SHAPE_CAL:\r\n2\r\n1 2\r\n"
)


def read(text: str | bytes | Source, **options) -> SpectrumSet:
    data = (
        text
        if isinstance(text, Source)
        else Source("a.spe", text.encode() if isinstance(text, str) else text)
    )
    assert spe.FORMAT.sniff(data)
    (found,) = spe.read(data, ReadOptions(**options))
    return found


@pytest.mark.parametrize(("name", "coefficients"), REAL)
def test_real_files_agree_with_specutils(name, coefficients):
    library = pytest.importorskip("SpecUtils")
    source = real(name)
    found = read(source)
    other = library.SpecFile()
    other.loadFile(str(source.path), library.ParserType.SpeIaea)
    (theirs,) = other.measurements()
    assert np.array_equal(found.values[0], np.array(theirs.gammaCounts()))
    assert found.live_time[0] == pytest.approx(theirs.liveTime(), rel=1e-6)
    assert found.real_time[0] == pytest.approx(theirs.realTime(), rel=1e-6)
    # SpecUtils takes 7/11 for July or November by what it happened to read before in this process
    theirs_at = theirs.startTime()
    readings = [theirs_at]
    if theirs_at.day <= 12:
        readings.append(theirs_at.replace(month=theirs_at.day, day=theirs_at.month))
    assert found.time[0] in [np.datetime64(one) for one in readings]
    if coefficients is None:
        # SpecUtils makes an axis up to 3 MeV here; a file without a calibration says channels
        assert found.axis == Axis.channels(len(found.axis))
    else:
        assert found.axis.coefficients == coefficients
        assert np.allclose(found.axis.edges, np.array(theirs.channelEnergies()), rtol=1e-6)


def test_a_real_position_and_detector():
    found = read(real("becquerel/Alcatraz14.spe"))
    assert found.meta["latitude"][0] == 37.8270833
    assert found.meta["longitude"][0] == -122.4230556
    assert found.meta["elevation"][0] == 49
    assert read(real("becquerel/digibase_5min_30_1.spe")).detector[0] == "digiBASE"


@pytest.mark.parametrize("name", [name for name, _ in REAL])
def test_real_files_cut_at_every_tenth(name):
    source = real(name)
    for tenth in range(1, 10):
        with pytest.raises(DamagedFileError):
            spe.read(Source("cut", source.data[: len(source.data) * tenth // 10]), ReadOptions())


def test_everything_of_a_small_file():
    found = read(SMALL)
    assert found.values.tolist() == [[1, 0, 12, 4]]
    assert (found.live_time[0], found.real_time[0]) == (99.5, 100)
    assert found.time[0] == np.datetime64("2017-04-26T11:05:11")
    assert found.detector[0] == "HPGe 3"
    assert found.meta["title"][0] == "well water"
    assert found.axis.coefficients == (0.501, 1.5, 1e-6)
    assert found.origin[0] == "a.spe#0"
    assert not found.labels.labelled.any()
    assert read(SMALL, reference="centre").axis.centres[1] == pytest.approx(0.501 + 1.5 + 1e-6)


def test_a_small_file_cut_at_every_byte():
    whole = read(SMALL)
    survived = []
    for length in range(len(SMALL)):
        data = Source("cut", SMALL[:length].encode())
        if not spe.FORMAT.sniff(data):
            continue
        try:
            (found,) = spe.read(data, ReadOptions())
        except DamagedFileError:
            continue
        assert np.array_equal(found.values, whole.values)
        survived.append(SMALL[length:].lstrip("\r\n")[:1])
    # complete counts and then nothing, or whole blocks: that nothing is missing cannot be denied
    assert set(survived) == {"$"}


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("01/12/2014 3:12:28 PM", "2014-01-12T15:12:28"),
        ("09/17/2012 13:41:07.0", "2012-09-17T13:41:07"),
        ("09/17/2012 13:41:07.25", "2012-09-17T13:41:07.25"),
        ("26/04/2017 11:05:11", "2017-04-26T11:05:11"),
        ("2017-04-26 11:05:11", "2017-04-26T11:05:11"),
        ("2017-04-26T11:05:11", "2017-04-26T11:05:11"),
        ("26.04.2017 11:05:11", "2017-04-26T11:05:11"),
    ],
)
def test_dialects_of_the_date(text, moment):
    assert read(SMALL.replace("04/26/2017 11:05:11", text)).time[0] == np.datetime64(moment)


def test_further_blocks():
    text = SMALL.replace("\r\n", "\n") + (
        "$GPS:\nLon= -122.5\nLat= 37.25\nAlt= 12\nSpeed= 0\n$NEUTRONS:\n17\n$DOSE_RATE:\n0.125\n$ENDRECORD:"
    )
    meta = {key: column[0] for key, column in read(text).meta.items()}
    assert meta == {
        "title": "well water",
        "latitude": 37.25,
        "longitude": -122.5,
        "elevation": 12,
        "neutron_counts": 17,
        "dose_rate": 0.125,
    }


def test_zero_coefficients_are_no_calibration():
    zero = SMALL.replace("5.01E-001 1.5E+000 1E-006 keV", "0 0 0")
    assert read(zero).axis.coefficients == (0.5, 1.5)
    zero = zero.replace("0.5 1.5", "0 0")
    assert read(zero).axis == Axis.channels(4)
    assert read(zero, axis=Axis.linear(0, 8, 4)).axis == Axis.linear(0, 8, 4)
    with pytest.raises(IncompatibleError, match="expected 5 channels, found 4"):
        read(zero, axis=Axis.linear(0, 8, 5))


def test_channels_that_do_not_begin_at_zero():
    text = SMALL.replace("0 3\r\n    ", "10 13\r\n    ")
    assert read(text).axis.edges[0] == pytest.approx(0.501 + 15 + 1e-4)
    plain = text[: text.index("$ROI")]
    assert read(plain).axis.edges.tolist() == [10, 11, 12, 13, 14]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("0 3\r\n ", "0 4\r\n ", r"\$DATA in line 11: .* expected 5 counts \(channels 0 to 4\), found 4"),
        ("0 3\r\n ", "0 2\r\n ", "expected 3 counts"),
        ("0 3\r\n ", "0 999999999\r\n ", "at most 1048576"),
        ("0 3\r\n ", "3 0\r\n ", "does not hold the channels"),
        ("0 3\r\n ", "0\r\n ", "does not begin with its first and last channel"),
        ("     12", "    1x2", r"line 15: a count is no number; .*found '1x2'"),
        ("     12", "    nan", "found 'nan'"),
        ("     12", "  1e300", "a number below 2"),
        ("99.5 100", "99.5", "live and real time in seconds, found '99.5'"),
        ("99.5 100", "99.5 inf", "MEAS_TIM"),
        ("04/26/2017 11:05:11", "some day", "DATE_MEA holds no date"),
        ("$MCA_CAL:\r\n3", "$MCA_CAL:\r\n4", "does not hold what it declares; expected 4, found 3"),
        ("$ROI:\r\n1", "$ROI:\r\n2", "expected 2, found 1"),
        ("$ROI:\r\n1", "$DATA:\r\n1", r"\$DATA stands twice"),
        ("$ROI:", "$MEAS_TIM:", "stands twice"),
        ("1.5E+000", "-1.5E+000", "does not increase"),
        ("1.5E+000", "1e999", "MCA_CAL"),
        ("keV", "furlongs", "expected keV, MeV or eV"),
        ("2\r\n1 2\r\n", "2\r\n1 2", "the last line has no end"),
        ("$DATA:", "$DATEN:", r"no block \$DATA"),
        ("well water", "well\0water", "NUL"),
        ("99.5 100\r\n", "", r"\$MEAS_TIM is empty"),
    ],
)
def test_damage_is_named(old, new, sentence):
    assert old in SMALL
    with pytest.raises((DamagedFileError, UnsafeFileError), match=sentence):
        read(SMALL.replace(old, new, 1))


def test_other_texts_are_not_claimed():
    for text in ("", "channel,counts\n1,2\n", "$5 a piece\n", "$100: a price\n", "# $DATA:\n"):
        assert not spe.FORMAT.sniff(Source("a", text.encode()))


@pytest.mark.parametrize("name", ["small", "becquerel/Alcatraz14.spe", "becquerel/SGM102432.spe"])
def test_mutations_raise_nothing_else(name):
    data = SMALL.encode() if name == "small" else real(name).data
    for changed in mutations(data, 200 if name == "small" else 25, 11):
        assert "mutant" in refusal(spe, changed)


# ------------------------------------------------------------------ writing


@pytest.fixture
def one() -> SpectrumSet:
    return SpectrumSet(
        [[0, 5, 1234567, 0]],
        Axis.polynomial([-12.0, 8.15, 0.0012], 4, reference="centre"),
        labels=Labels.of([["Cs137", "background"]]),
        live_time=[0.999718],
        real_time=[1.000001],
        time=np.array(["2024-02-29T23:59:58"], "datetime64[us]"),
        detector="NaI, left",
        meta={
            "title": ["roof"],
            "latitude": [48.137],
            "longitude": [11.575],
            "neutron_counts": [3],
            "dose_rate": [0.0871],
            "absorber": ["steel"],
        },
    )


def test_round_trip_is_exact(one, tmp_path):
    spe.FORMAT.write(one, tmp_path / "a.spe")
    back = read(Source.of(tmp_path / "a.spe"))
    assert np.array_equal(back.values, one.values)
    for name in ("live_time", "real_time", "time", "detector"):
        assert np.array_equal(getattr(back, name), getattr(one, name))
    assert np.allclose(back.axis.coefficients, one.axis.coefficients, rtol=1e-15, atol=0)
    assert back.labels.lists() == one.labels.lists()
    assert {key: column[0] for key, column in back.meta.items()} == {
        key: column[0] for key, column in one.meta.items()
    }


def test_specutils_reads_what_we_write(one, tmp_path):
    library = pytest.importorskip("SpecUtils")
    spe.FORMAT.write(one, tmp_path / "a.spe")
    other = library.SpecFile()
    other.loadFile(str(tmp_path / "a.spe"), library.ParserType.Auto)
    (theirs,) = other.measurements()
    assert list(theirs.gammaCounts()) == one.values[0].tolist()
    assert theirs.liveTime() == pytest.approx(0.999718, rel=1e-6)
    assert np.allclose(np.array(theirs.channelEnergies()), one.axis.edges, rtol=1e-5)
    assert np.datetime64(theirs.startTime()) == one.time[0]


def test_what_is_unknown_stays_unknown(tmp_path):
    bare = SpectrumSet([[1, 2, 3]], Axis.channels(3))
    spe.FORMAT.write(bare, tmp_path / "a.spe")
    back = read(Source.of(tmp_path / "a.spe"))
    assert back.axis == bare.axis
    assert np.isnan(back.live_time[0])
    assert np.isnat(back.time[0])
    assert not back.labels.labelled[0]
    assert not back.meta


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"values": [[1, 2, 2.5, 4]]}, "SPE holds whole counts; .*found 2.5; write .npz, CSV or N42"),
        ({"values": [[1, 2, -2, 4]], "signed": True}, "SPE holds whole counts"),
        ({"axis": Axis([0, 1, 2, 4, 9])}, "polynomial calibrations in keV only"),
        ({"axis": Axis.linear(0, 8, 4, unit="channel")}, "polynomial calibrations"),
        ({"axis": Axis.linear(0, 8, 4, unit="nm")}, "for gamma spectra"),
        ({"kind": "intensity"}, "holds counts only"),
        ({"detector": "a\nb"}, "break its line"),
        ({"real_time": [np.nan]}, "live and real time together"),
        ({"meta": {"title": ["$DATA:"]}}, "name of a block"),
    ],
)
def test_what_spe_cannot_hold(one, change, sentence):
    with pytest.raises(WriteError, match=sentence):
        spe_write.content(replace(one, **change))


def test_two_spectra_do_not_go_into_one_file(one):
    with pytest.raises(WriteError, match="one spectrum a file; expected 1, found 2; write each row"):
        spe_write.content(one[[0, 0]])


def test_calibration_points_serve_where_there_is_no_polynomial():
    plain = "$DATA:\n0 3\n1\n2\n3\n4\n$ENER_FIT:\n0 0\n$ENER_DATA:\n{}\n"
    line = read(plain.format("2\n0 10.0\n2 14.0"))
    np.testing.assert_allclose(line.axis.centres, [10, 12, 14, 16])
    lower = read(plain.format("2\n0 10.0\n2 14.0"), reference="lower edge")
    np.testing.assert_allclose(lower.axis.edges, [10, 12, 14, 16, 18])
    bent = read(plain.format("3\n0 0.0\n1 3.0\n3 15.0"))
    np.testing.assert_allclose(bent.axis.centres[[0, 1, 3]], [0, 3, 15], atol=1e-9)
    for wrong in ("3\n0 10.0\n2 14.0", "1\n0 10.0", "2\n0 14.0\n2 10.0"):
        with pytest.raises(DamagedFileError, match="calibration points"):
            read(plain.format(wrong))
