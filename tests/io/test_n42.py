import re
from dataclasses import replace

import numpy as np
import pytest

from gamma_flow.data import Axis, Labels, SpectrumSet
from gamma_flow.errors import DamagedFileError, ReadWarning, UnsafeFileError, WriteError
from gamma_flow.io import _calibration, n42, n42_write
from gamma_flow.io._format import ReadOptions
from gamma_flow.io._source import Source
from support import mutations, real, refusal

REAL = [
    "interspec/13samples_1det_peaks_on_8.n42",
    "interspec/5samples_2dets_peaks_on_3.n42",
    "interspec/6samples_nonuniform_dets_peaks_on_3.n42",
    "interspec/NaI_I131_Phantom_with_info.n42",
    "interspec/Q8910_Helicopter.N42",
    "interspec/detx_background.n42",
    "interspec/detx_p32_unshielded.n42",
    "interspec/detx_y90_phantom.n42",
    "interspec/easy_background_long.n42",
    "interspec/easy_two_disk_fore.n42",
    "interspec/fore_plus_back_peaks_on_1_2.n42",
    "interspec/gapped_samples_peaks_on_9.n42",
    "radiacode/data_am241.n42",
    "rase/DUMMY_M001_Delta_Flat.n42",
    "rase/DUMMY_M001_Teeth_Teeth.n42",
    "rase/VABCD_M001_Am241.n42",
    "rase/VABCD_M001_Cs137.n42",
    "rase/VABCD_M001_Spike.n42",
    "rase/VABCD_M001_Step.n42",
]


def read_all(data: str | bytes | Source, **options) -> list[SpectrumSet]:
    if not isinstance(data, Source):
        data = Source("a.n42", data.encode() if isinstance(data, str) else data)
    assert n42.FORMAT.sniff(data)
    return list(n42.read(data, ReadOptions(**options)))


def read(data: str | bytes | Source, **options) -> SpectrumSet:
    (found,) = read_all(data, **options)
    return found


def column(found: SpectrumSet, name: str) -> list:
    return found.meta[name].tolist()


# --------------------------------------------------------------- real files


@pytest.mark.parametrize("name", REAL)
def test_real_files_agree_with_specutils(name):
    library = pytest.importorskip("SpecUtils")
    source = real(name)
    sets = read_all(source)
    other = library.SpecFile()
    other.loadFile(str(source.path), library.ParserType.Auto)
    theirs = list(other.measurements())
    # SpecUtils puts records into an order of its own; each of ours has to be among them
    for found in sets:
        for row in range(len(found)):
            same = [
                one
                for one in theirs
                if len(one.gammaCounts()) == len(found.axis)
                and np.allclose(np.array(one.gammaCounts()), found.values[row], rtol=1e-6)
                and one.liveTime() == pytest.approx(found.live_time[row], rel=1e-6)
                and one.detectorName() == found.detector[row]
            ]
            assert same, (name, row)
            one = same[0]
            assert one.realTime() == pytest.approx(found.real_time[row], rel=1e-6)
            # with deviation pairs, too: SpecUtils works in single precision
            assert np.allclose(np.array(one.channelEnergies()), found.axis.edges, rtol=1e-6, atol=5e-4)
            start = np.datetime64(one.startTime(), "us")
            assert np.isnat(found.time[row]) == (start == np.datetime64("1970-01-01"))
            assert np.isnat(found.time[row]) or any(
                found.time[row] == np.datetime64(o.startTime()) for o in same
            )
    assert sum(map(len, sets)) == len(theirs)


def test_real_records_titles_and_positions():
    found = read(real("interspec/NaI_I131_Phantom_with_info.n42"))
    assert column(found, "record") == ["Foreground", "Background"]
    assert column(found, "title") == ["I131 Phantom", "Background"]
    assert found.axis.coefficients is None
    assert found.time[0] == np.datetime64("2013-12-26T21:15:00")
    found = read(real("interspec/Q8910_Helicopter.N42"))
    assert len(found) == 81
    assert column(found, "latitude")[0] == 30.4483028526658
    assert column(found, "longitude")[0] == -91.236734038036
    assert found.axis.coefficients == (1.8081, 2.9994, 0)
    assert found.detector[0] == "Fusion.Vgd00"
    assert (found.time[1] - found.time[0]) == np.timedelta64(1, "s")


def test_a_real_file_with_two_axes_and_one_without_calibration():
    long, short = read_all(real("rase/DUMMY_M001_Delta_Flat.n42"))
    assert (len(long.axis), len(short.axis)) == (8292, 8192)
    assert long.values[0, 4195] == 1000
    assert long.total[0] == 1000
    assert [long.origin[0][-2:], short.origin[0][-2:]] == ["#0", "#1"]
    found = read(real("interspec/minimal_n42.xml"))  # SpecUtils refuses it
    assert found.axis == Axis.channels(10)
    assert found.values[0].tolist() == list(range(10, 101, 10))
    assert found.live_time[0] == 60


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("radiacode/data_invalid.n42", "data_invalid.n42: the file holds no spectrum"),
        ("rase/CAEN_DiscoveRAD_template.n42", r"<ChannelData> holds the placeholder \$\{sample_counts\}"),
        ("rase/FLIR_R400_UW-LGH_template.n42", r"<ChannelData> holds the placeholder \$\{sample_counts\}"),
        ("rase/ORTEC-RadEaglet_spectrum.n42", r"<ChannelData> holds the placeholder \$\{sample_counts\}"),
        ("rase/Symetrica_SN33N_template.n42", r"holds the placeholder \$\{compressed_sample_counts\}"),
    ],
)
def test_real_files_that_are_refused(name, sentence):
    with pytest.raises(DamagedFileError, match=sentence) as caught:
        n42.read(real(name), ReadOptions())
    assert str(caught.value).count("\n") == 0


def test_a_template_that_is_no_xml_is_not_claimed():
    assert not n42.FORMAT.sniff(real("rase/Kromek_D5_template.n42"))
    assert not n42.FORMAT.sniff(real("radiacode/data_am241.xml"))
    assert n42.FORMAT.sniff(real("rase/CAEN_DiscoveRAD_template.n42"))


@pytest.mark.parametrize("name", [*REAL, "interspec/minimal_n42.xml"])
def test_real_files_cut_at_every_tenth(name):
    source = real(name)
    for tenth in range(1, 10):
        with pytest.raises(DamagedFileError, match="the file is cut: "):
            n42.read(Source("cut", source.data[: len(source.data) * tenth // 10]), ReadOptions())


# -------------------------------------------------------------- edition 2012

NEW = """<?xml version="1.0" encoding="utf-8"?>
<RadInstrumentData xmlns="http://physics.nist.gov/N42/2011/N42">
<RadDetectorInformation id="d1"><RadDetectorName>left</RadDetectorName>
<RadDetectorCategoryCode>Gamma</RadDetectorCategoryCode></RadDetectorInformation>
<RadDetectorInformation id="d2"><RadDetectorName>right</RadDetectorName>
<RadDetectorCategoryCode>Gamma</RadDetectorCategoryCode></RadDetectorInformation>
<RadDetectorInformation id="n1"><RadDetectorName>leftN</RadDetectorName>
<RadDetectorCategoryCode>Neutron</RadDetectorCategoryCode></RadDetectorInformation>
<RadDetectorInformation id="n2"><RadDetectorCategoryCode>Neutron</RadDetectorCategoryCode>
</RadDetectorInformation>
<EnergyCalibration id="c1"><CoefficientValues>-1 2 0.5</CoefficientValues></EnergyCalibration>
<EnergyCalibration id="c2"><EnergyBoundaryValues>0 1 3 6 10</EnergyBoundaryValues></EnergyCalibration>
<RadMeasurement id="m1"><Remark>Title: gate 3</Remark>
<MeasurementClassCode>Foreground</MeasurementClassCode>
<StartDateTime>2023-06-07T05:52:00.5+02:00</StartDateTime><RealTimeDuration>PT1M1S</RealTimeDuration>
<Spectrum id="s1" radDetectorInformationReference="d1" energyCalibrationReference="c1">
<LiveTimeDuration>PT59.5S</LiveTimeDuration>
<ChannelData compressionCode="CountedZeroes">0 2 3.5 1</ChannelData></Spectrum>
<Spectrum id="s2" radDetectorInformationReference="d2" energyCalibrationReference="c2">
<LiveTimeDuration>58</LiveTimeDuration><ChannelData>4 3 2 1</ChannelData></Spectrum>
<Spectrum id="s3" radDetectorInformationReference="n2"><ChannelData>2 3</ChannelData></Spectrum>
<GrossCounts id="g1" radDetectorInformationReference="n1"><CountData>7</CountData></GrossCounts>
<GrossCounts id="g2" radDetectorInformationReference="d2"><CountData>10 1</CountData></GrossCounts>
<DoseRate id="r1"><DoseRateValue>0.12</DoseRateValue></DoseRate>
<RadInstrumentState><StateVector><GeographicPoint><LatitudeValue>48.1</LatitudeValue>
<LongitudeValue>-11.5</LongitudeValue><ElevationValue>520</ElevationValue></GeographicPoint></StateVector>
</RadInstrumentState></RadMeasurement>
<DerivedData id="x"><Spectrum id="s9" energyCalibrationReference="c2"><ChannelData>9 9 9 9</ChannelData>
</Spectrum></DerivedData>
<AnalysisResults><NuclideAnalysisResults><Nuclide><NuclideName>Cs-137</NuclideName></Nuclide>
</NuclideAnalysisResults></AnalysisResults>
</RadInstrumentData>"""
PLAIN = NEW[: NEW.index("<DerivedData")] + NEW[NEW.index("<AnalysisResults") :]


def test_everything_of_the_new_edition():
    left, right = read_all(PLAIN)
    assert left.values.tolist() == [[0, 0, 3.5, 1]]
    assert right.values.tolist() == [[4, 3, 2, 1]]
    assert left.axis.coefficients == (-1, 2, 0.5)
    assert right.axis.edges.tolist() == [0, 1, 3, 6, 10]
    assert (left.live_time[0], left.real_time[0], right.live_time[0]) == (59.5, 61, 58)
    assert left.time[0] == np.datetime64("2023-06-07T03:52:00.5")
    assert (left.detector[0], right.detector[0]) == ("left", "right")
    both = {
        "record": "Foreground",
        "title": "gate 3",
        "dose_rate": 0.12,
        "latitude": 48.1,
        "longitude": -11.5,
        "elevation": 520,
    }
    # the neutrons of leftN are left's; those of the detector without a gamma spectrum stand beside both
    assert {key: value[0] for key, value in left.meta.items()} == {**both, "neutron_counts": 12}
    assert {key: value[0] for key, value in right.meta.items()} == {
        **both,
        "neutron_counts": 5,
        "gross_counts": 11,
    }
    assert not left.labels.labelled.any()  # what an instrument believes is no label


def test_derived_data_are_passed_over_aloud_or_read_alone():
    with pytest.warns(ReadWarning, match="1 DerivedData with spectra were passed over"):
        assert len(read_all(NEW)) == 2
    alone = re.sub("<RadMeasurement.*</RadMeasurement>", "", NEW, flags=re.DOTALL)
    assert read(alone).values.tolist() == [[9, 9, 9, 9]]


def test_the_reference_of_the_polynomial_can_be_named():
    left, _ = read_all(PLAIN, reference="centre")
    assert left.axis.edges[0] == pytest.approx(-1 - 1 + 0.125)
    assert left.axis.centres[0] == pytest.approx(-1, abs=0.2)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("0 2 3.5 1", "", "<ChannelData> is empty"),
        ("0 2 3.5 1", "0 2 3.5 x", "found 'x'"),
        ("0 2 3.5 1", "0 4000000000", "counted zeroes declare too many channels"),
        ('"CountedZeroes"', '"zip"', 'expected "None" or "CountedZeroes", found \'zip\''),
        ("<ChannelData>4 3 2 1</ChannelData>", "", "the spectrum has no ChannelData"),
        ("<ChannelData>4 3 2 1", "<ChannelData>4 3 2", "expected 4 edges, found 5"),
        (
            'Reference="c1"',
            'Reference="c9"',
            "energy calibration referred to is not in the file; expected c1, c2",
        ),
        ('Reference="d1"', 'Reference="d9"', "detector referred to is not described"),
        ('id="c2"', 'id="c1"', "two elements bear the id 'c1'"),
        ("-1 2 0.5", "-1 -2 0.5", "does not increase"),
        ("-1 2 0.5", "1e300 1e308 1e308", "edge"),
        ("0 1 3 6 10", "0 1 3 2 10", "have to increase"),
        ("<CoefficientValues>-1 2 0.5</CoefficientValues>", "", "an energy calibration without values"),
        ("PT59.5S", "PT${live}S", "<LiveTimeDuration> holds the placeholder ${live}"),
        ("PT59.5S", "a minute", "expected a duration such as PT300S, found 'a minute'"),
        ("2023-06-07T05:52:00.5+02:00", "now", "StartDateTime"),
        ("<CountData>7", "<CountData>x", "CountData"),
        ("48.1", "98.1", "no such position"),
        ("<RadInstrumentData ", "<!DOCTYPE a><RadInstrumentData ", "DOCTYPE"),
    ],
)
def test_damage_of_the_new_edition_is_named(old, new, sentence):
    assert old in PLAIN
    with pytest.raises((DamagedFileError, UnsafeFileError)) as caught:
        read_all(PLAIN.replace(old, new, 1))
    assert sentence in str(caught.value)
    assert "a.n42" in str(caught.value)


def test_hostile_files():
    many = "<Spectrum><ChannelData compressionCode='CountedZeroes'>0 1048576</ChannelData></Spectrum>"
    text = f"<RadInstrumentData><RadMeasurement>{many}</RadMeasurement></RadInstrumentData>"
    assert read(text).values.shape == (1, 2**20)
    with pytest.raises(UnsafeFileError, match="found 4000000000"):
        read(text.replace("1048576", "4000000000"))
    with pytest.raises(UnsafeFileError, match="inside each other"):
        read("<RadInstrumentData>" + "<a>" * 100000)
    laughs = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'
    with pytest.raises(UnsafeFileError, match="DOCTYPE"):
        read(f"{laughs}<RadInstrumentData>&b;</RadInstrumentData>")


# -------------------------------------------------------------- edition 2006

OLD = """<N42InstrumentData xmlns="u"><Calibration Type="Energy" ID="e1" EnergyUnits="MeV"><Equation
 Model="Polynomial"><Coefficients>0.001 0.002</Coefficients></Equation></Calibration>
<Calibration Type="FWHM" ID="f1"><Equation><Coefficients>1</Coefficients></Equation></Calibration>
<Measurement><MeasuredItemInformation><MeasurementLocation><Coordinates>48.1 11.5 520</Coordinates>
</MeasurementLocation></MeasuredItemInformation>
<DetectorData><StartTime>2016-02-04T20:28:33Z</StartTime><SampleRealTime>PT1S</SampleRealTime>
<DetectorMeasurement Detector="left" DetectorType="Gamma"><SpectrumMeasurement>
<Spectrum CalibrationIDs="f1 e1"><LiveTime>PT0.9S</LiveTime><SourceType>Item</SourceType>
<ChannelData Compression="CountedZeroes">1 0 2 4</ChannelData></Spectrum></SpectrumMeasurement>
<CountDoseData><DoseRate Units="nSv/h">120</DoseRate></CountDoseData></DetectorMeasurement>
<DetectorMeasurement Detector="leftN" DetectorType="Neutron"><CountDoseData><Counts>3</Counts></CountDoseData>
</DetectorMeasurement></DetectorData>
<DetectorData><StartTime>2016-02-04T20:28:34Z</StartTime><SampleRealTime>PT1S</SampleRealTime>
<DetectorMeasurement Detector="left" DetectorType="Gamma"><SpectrumMeasurement>
<Spectrum><LiveTime>PT0.8S</LiveTime><SourceType>Background</SourceType>
<Calibration EnergyUnits="keV"><Equation Model="Polynomial"><Coefficients>1 2</Coefficients></Equation>
</Calibration>
<ChannelData>1 2 3 4</ChannelData></Spectrum></SpectrumMeasurement></DetectorMeasurement>
<DetectorMeasurement Detector="far" DetectorType="Neutron"><SpectrumMeasurement><Spectrum><ChannelData>2 2
</ChannelData></Spectrum></SpectrumMeasurement></DetectorMeasurement></DetectorData></Measurement>
</N42InstrumentData>"""


def test_everything_of_the_old_edition():
    for text in (OLD, f"<Event><OnsetDateTime/>{OLD}</Event>"):
        found = read(text)
        assert found.values.tolist() == [[1, 0, 0, 4], [1, 2, 3, 4]]
        assert found.axis.coefficients == (1, 2)
        assert found.live_time.tolist() == [0.9, 0.8]
        assert found.real_time.tolist() == [1, 1]
        assert found.time[1] - found.time[0] == np.timedelta64(1, "s")
        assert set(found.detector) == {"left"}
        assert column(found, "record") == ["Foreground", "Background"]
        assert column(found, "neutron_counts") == [3, 4]
        assert found.meta["dose_rate"][0] == pytest.approx(0.12)
        assert np.isnan(found.meta["dose_rate"][1])
        assert column(found, "latitude") == [48.1, 48.1]
        assert column(found, "elevation") == [520, 520]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('"MeV"', '"furlong"', "expected keV, MeV or eV"),
        ("f1 e1", "e2", "expected e1, found e2"),
        ('Model="Polynomial"><Coefficients>1 2', 'Model="Spline"><Coefficients>1 2', "Spline"),
        ("<Coefficients>1 2", "<Coefficients>1</Coefficients><Coefficients>2", "not one equation"),
        ("48.1 11.5 520", "48.1", "latitude and longitude"),
        ("<Counts>3", "<Counts>three", "Counts"),
        ("PT0.9S", "PT0.9", "duration"),
    ],
)
def test_damage_of_the_old_edition_is_named(old, new, sentence):
    assert old in OLD
    with pytest.raises(DamagedFileError, match=f"(?i){sentence}"):
        read(OLD.replace(old, new, 1))


def test_other_models_of_the_old_edition():
    fraction = OLD.replace("f1 e1", "").replace(
        'Model="Polynomial"><Coefficients>1 2', 'Model="FullRangeFraction"><Coefficients>1 8'
    )
    fraction = fraction.replace('ID="e1" EnergyUnits="MeV"', 'EnergyUnits="MeV"')
    assert read(fraction).axis.coefficients == (1, 2)
    edges = fraction.replace(
        '"FullRangeFraction"><Coefficients>1 8', '"LowerChannelEdge"><Coefficients>1 3 5 7 9'
    )
    assert read(edges).axis.edges.tolist() == [1, 3, 5, 7, 9]


def test_without_calibration_there_are_channels():
    text = "<Measurement><Spectrum><ChannelData>1 2</ChannelData></Spectrum></Measurement>"
    text = f"<N42InstrumentData>{text}</N42InstrumentData>"
    assert read(text).axis == Axis.channels(2)
    assert read(text, axis=Axis.linear(0, 10, 2)).axis == Axis.linear(0, 10, 2)


# ---------------------------------------------------------- deviation pairs


def test_deviation_pairs_against_scipy():
    interpolate = pytest.importorskip("scipy.interpolate")
    axis = Axis.polynomial([-0.2, 3.0], 1024)
    energy = np.array([32, 60, 81, 122, 239, 661, 1332, 2614.0])
    offset = np.array([-1, -2.5, -2, 1, 0, 5, 15, 0.0])
    found = _calibration.deviated(axis, energy.tolist(), offset.tolist(), "here")
    at = energy - offset
    spline = interpolate.CubicSpline(at, offset, bc_type=((2, 0.0), (1, 0.0)))
    assert np.allclose(found.edges, axis.edges + spline(np.clip(axis.edges, at[0], at[-1])), atol=1e-9)
    assert found.coefficients is None
    assert _calibration.deviated(axis, [661.0], [2.0], "here").edges[5] == axis.edges[5] + 2
    assert _calibration.deviated(axis, [1.0, 2.0], [0.0, 0.0], "here") is axis


@pytest.mark.parametrize(
    ("energies", "deviations", "sentence"),
    [
        ([1, 2], [1], "expected 2 deviations"),
        ([10, 10], [1, 1], "same place"),
        ([100, 200], [0, 190], "increase"),
    ],
)
def test_deviation_pairs_that_make_no_axis(energies, deviations, sentence):
    with pytest.raises(DamagedFileError, match=sentence):
        _calibration.deviated(Axis.linear(0, 3000, 1000), energies, deviations, "here")


# ------------------------------------------------------------------ writing


@pytest.fixture
def some() -> SpectrumSet:
    return SpectrumSet(
        [[0, 0, 5, 0], [1, 2.5, 0, 1e6], [0, 0, 0, 0]],
        Axis.polynomial([-12.0, 8.15, 0.0012], 4, reference="centre"),
        labels=Labels.of([["Cs137", 'back"ground, <&>'], None, []]),
        live_time=[0.999718, np.nan, 1e-7],
        real_time=[1.0, 2.0, np.nan],
        time=np.array(["2024-02-29T23:59:58.123456", "NaT", "2024-03-01T00:00:00"], "datetime64[us]"),
        detector=["NaI & left", "", "right"],
        meta={
            "record": ["Background", "", "Odd"],
            "title": ["roof <1>", "", ""],
            "latitude": [48.137, np.nan, 1.0],
            "longitude": [11.575, np.nan, np.nan],
            "elevation": [520, np.nan, np.nan],
            "neutron_counts": [3, 0, np.nan],
            "gross_counts": [np.nan, 7, np.nan],
            "dose_rate": [0.0871, np.nan, np.nan],
            "absorber": ["steel", "", ""],
            "thickness": [2.5, np.nan, np.nan],
        },
    )


def test_round_trip_is_exact(some, tmp_path):
    n42.FORMAT.write(some, tmp_path / "a.n42")
    back = read(Source.of(tmp_path / "a.n42"))
    assert np.array_equal(back.values, some.values)
    for name in ("live_time", "real_time"):
        assert np.array_equal(getattr(back, name), getattr(some, name), equal_nan=True)
    assert np.array_equal(back.time, some.time, equal_nan=True)
    assert back.detector.tolist() == some.detector.tolist()
    assert back.axis.coefficients == some.axis.coefficients
    assert back.labels.lists() == some.labels.lists()
    for name in some.meta:
        if some.meta[name].dtype.kind == "U":
            assert column(back, name) == column(some, name)
        else:
            assert np.array_equal(back.meta[name], some.meta[name], equal_nan=True), name
    assert n42_write.content(some) == n42_write.content(some)


@pytest.mark.parametrize("axis", [Axis([0, 1, 2.5, 7, 9]), Axis.channels(4)])
def test_other_axes_come_back(some, axis):
    back = read(n42_write.content(replace(some, axis=axis)))
    assert back.axis == axis


def test_specutils_reads_what_we_write(some, tmp_path):
    library = pytest.importorskip("SpecUtils")
    rng = np.random.default_rng(1)
    spectra = SpectrumSet(
        rng.poisson(2.0, (3, 256)),
        Axis.polynomial([-16.0, 8.15, 0.0012], 256),
        live_time=[1.5, 2.5, 3.5],
        real_time=[2, 3, 4],
        time=np.array(
            ["2024-02-29T23:59:58", "2024-03-01T00:00:00", "2024-03-01T00:00:01"], "datetime64[us]"
        ),
        detector=["left", "left", "right"],
        meta={
            "neutron_counts": [3, 4, np.nan],
            "latitude": [48.0, 48.1, 48.2],
            "longitude": [11.0, 11.1, 11.2],
            "record": ["Foreground", "Background", "Foreground"],
        },
    )
    n42.FORMAT.write(spectra, tmp_path / "a.n42")
    other = library.SpecFile()
    other.loadFile(str(tmp_path / "a.n42"), library.ParserType.N42_2012)
    theirs = sorted(
        (one for one in other.measurements() if one.gammaCounts()), key=lambda one: one.liveTime()
    )
    assert len(theirs) == 3
    for row, one in enumerate(theirs):
        assert list(one.gammaCounts()) == spectra.values[row].tolist()
        assert one.liveTime() == spectra.live_time[row]
        assert one.realTime() == spectra.real_time[row]
        assert np.allclose(np.array(one.channelEnergies()), spectra.axis.edges, rtol=1e-6, atol=1e-4)
        assert np.datetime64(one.startTime()) == spectra.time[row]
        assert one.detectorName() == spectra.detector[row]
        assert one.latitude() == pytest.approx(spectra.meta["latitude"][row])
    assert str(theirs[1].sourceType()).endswith("Background")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"axis": Axis.linear(0, 8, 4, unit="nm")},
            "N42 is for gamma spectra; expected an axis in keV or channels",
        ),
        ({"axis": Axis.linear(0, 8, 4, unit="channel")}, "count from 0"),
        ({"kind": "intensity"}, "N42 holds counts only"),
        ({"sigma": np.ones((3, 4))}, "standard deviations"),
        ({"detector": "a\0b"}, "character that XML cannot hold"),
        ({"meta": {"latitude": ["north"] * 3}}, "has to hold numbers"),
        (
            {"labels": Labels(("a",), np.ones((3, 1), bool), np.ones((3, 1)))},
            "no place for known amounts",
        ),
    ],
)
def test_what_n42_cannot_hold(some, change, sentence):
    with pytest.raises(WriteError, match=sentence):
        n42_write.content(replace(some, **change))


def test_counts_that_would_not_be_read_back_are_not_written(some):
    values = np.array(some.values)
    values[0, 1] = 2.0**53 - 1
    assert np.array_equal(read(n42_write.content(replace(some, values=values))).values, values)
    values[2, 3] = 2.0**53
    with pytest.raises(WriteError, match=r"row 2 \(.*\), channel 3: a count is too large.*below 2\^53"):
        n42_write.content(replace(some, values=values))


def test_an_empty_set_is_not_written(some):
    with pytest.raises(WriteError, match="no spectrum to write"):
        n42_write.content(some[:0])


def test_notes_that_are_damaged(some):
    text = n42_write.content(some).decode()
    for old, new in (
        ('labels: ["Cs137"', 'labels: ["Cs137'),
        ("labels: [", "labels: 3, ["),
        ('metadata: {"absorber": ', 'metadata: {"absorber": null, "b": '),
    ):
        assert old in text
        with pytest.raises(DamagedFileError, match="remark"):
            read(text.replace(old, new, 1))


# ---------------------------------------------------------------- mutations


def digits_changed(data: bytes, number: int, seed: int):
    """Leaves the XML well-formed, so that what stands in it is tried."""
    rng = np.random.default_rng(seed)
    places = [at for at, byte in enumerate(data) if byte in b"0123456789"]
    for _ in range(number):
        changed = bytearray(data)
        for at in rng.choice(places, 3):
            changed[at] = int(rng.choice([*b"0123456789-.e "]))
        yield bytes(changed)


@pytest.mark.parametrize("name", ["new", "old", "interspec/detx_background.n42", "rase/VABCD_M001_Am241.n42"])
def test_mutations_raise_nothing_else(name):
    data = {"new": PLAIN.encode(), "old": OLD.encode()}.get(name) or real(name).data
    number = 300 if name in ("new", "old") else 50
    for changed in [*mutations(data, number, 7), *digits_changed(data, number, 8)]:
        assert "mutant" in refusal(n42, changed)


def test_2006_calibration_points():
    text = """<N42InstrumentData><Measurement><Spectrum><LiveTime>PT1S</LiveTime>
<Calibration Type="Energy" EnergyUnits="MeV"><ArrayXY X="Channel" Y="Energy">
<PointXY>0 0.010</PointXY><PointXY>2 0.014</PointXY></ArrayXY></Calibration>
<ChannelData>1 2 3 4</ChannelData></Spectrum></Measurement></N42InstrumentData>"""
    (found,) = n42.read(Source("points.n42", text.encode()), ReadOptions())
    np.testing.assert_allclose(found.axis.centres, [10, 12, 14, 16])
    with pytest.raises(DamagedFileError, match="without partner"):
        n42.read(Source("points.n42", text.replace("<PointXY>2 0.014", "<PointXY>2").encode()), ReadOptions())
