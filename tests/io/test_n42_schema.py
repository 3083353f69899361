"""What is written as N42 is valid against our schema of it, and comes back as it was."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gamma_flow.data import Axis, Labels, SpectrumSet
from gamma_flow.errors import DamagedFileError, WriteError
from gamma_flow.io import n42, n42_write
from gamma_flow.io._format import ReadOptions
from gamma_flow.io._n42_text import name_of
from gamma_flow.io._source import Source
from n42_schema import SCHEMA, faults

START = np.datetime64("2026-01-01T00:00:00.25", "us")
NAMES = [
    "left",
    "NaI & left",
    "a-b c-d",
    'quo"te',
    "measurement-1",
    "energy",
    "2nd",
    "Straße 5",
    "x" * 200,
    "",
]
AXES = [
    Axis.polynomial([1.0, 3.0], 5),
    Axis.polynomial([-12.0, 8.15, 0.0012], 5),
    Axis.polynomial([0.5, 3.0, 0.0], 5),
    Axis.polynomial([0.0, 3.0, 0.01, 0.001], 5),
    Axis.polynomial([-1.0, 3.0, 0.01, 0.0, 0.0], 5),
    Axis([0, 1, 2.5, 7, 9, 1e4]),
]


def read(document: bytes) -> SpectrumSet:
    (found,) = n42.read(Source("a.n42", document), ReadOptions())
    return found


def same(back: SpectrumSet, spectra: SpectrumSet) -> None:
    assert np.array_equal(back.values, spectra.values)
    assert back.axis == spectra.axis
    assert back.axis.coefficients == spectra.axis.coefficients
    assert back.detector.tolist() == spectra.detector.tolist()
    assert back.labels.lists() == spectra.labels.lists()
    for name in ("live_time", "real_time", "time"):
        assert np.array_equal(getattr(back, name), getattr(spectra, name), equal_nan=True), name
    for name, column in spectra.meta.items():
        if column.dtype.kind == "U":
            assert back.meta.get(name, np.full(len(spectra), "")).tolist() == column.tolist(), name
        else:
            assert np.array_equal(
                back.meta.get(name, np.full(len(spectra), np.nan)), column, equal_nan=True
            ), name


seconds = st.sampled_from([np.nan, 0.0, 1e-6, 0.98, 1.0, 3600.123456, 1e7])
amounts = st.sampled_from([np.nan, 0.0, 1e-9, 3.0, 7.25, -2.0, 1e12])
words = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=6)


@st.composite
def sets(draw: Any) -> SpectrumSet:
    rows = draw(st.integers(1, 3))

    def each(strategy: st.SearchStrategy[Any]) -> list[Any]:
        return [draw(strategy) for _ in range(rows)]

    counts = st.lists(st.sampled_from([0, 0, 1, 2.5, 1e6]), min_size=5, max_size=5)
    labels = each(st.none() | st.lists(words, max_size=2, unique=True))
    return SpectrumSet(
        each(counts),
        draw(st.sampled_from(AXES)),
        labels=Labels.of(labels),
        live_time=each(seconds),
        real_time=each(seconds),
        time=START + np.array(each(st.integers(0, 10**9)), "timedelta64[us]"),
        detector=each(st.sampled_from(NAMES) | words.filter(lambda name: not name.endswith("N"))),
        meta={
            "record": each(st.sampled_from(["", "Background", "Odd"])),
            "title": each(st.sampled_from(["", "roof <1> & co"])),
            "latitude": each(st.sampled_from([np.nan, -90.0, 1e-7, 48.137, 100.0])),
            "longitude": each(st.sampled_from([np.nan, 180.0, -1e-9, 11.5, 181.0])),
            "elevation": each(st.sampled_from([np.nan, -400.0, 1e-5, 520.0])),
            "neutron_counts": each(amounts),
            "gross_counts": each(amounts),
            "dose_rate": each(amounts),
            "absorber": each(st.sampled_from(["", "steel"])),
        },
    )


@settings(max_examples=60, deadline=None)
@given(sets(), st.booleans())
def test_any_set_with_starts_is_valid_and_comes_back(spectra: SpectrumSet, utc: bool) -> None:
    document = n42_write.content(spectra, utc=utc)
    assert faults(document) == []
    assert (b"Z</StartDateTime>" in document) == utc
    same(read(document), spectra)


@pytest.fixture
def plain() -> SpectrumSet:
    return SpectrumSet([[0, 0, 5, 0, 1]] * 2, AXES[1], live_time=1.0, real_time=1.5, time=[START] * 2)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"time": None}, r"RadMeasurement: .*RealTimeDuration.*StartDateTime' expected"),
        ({"axis": Axis.channels(5)}, "Spectrum: .*energyCalibrationReference"),
        ({"axis": Axis([-3, 1, 2, 3, 4, 5])}, "EnergyBoundaryValues: .*greater or equal"),
        ({"axis": Axis.polynomial([-1, 3, 0.01, 0.001], 5)}, "EnergyBoundaryValues: .*greater or equal"),
    ],
)
def test_what_the_documentation_calls_not_valid_is_so_for_that_reason_only(
    plain: SpectrumSet, change: dict[str, Any], reason: str
) -> None:
    spectra = replace(plain, **change)
    document = n42_write.content(spectra)
    found = faults(document)
    assert found
    for one in found:
        assert re.match(reason, one), one
    same(read(document), spectra)


def test_times_that_are_unknown_say_so(plain: SpectrumSet) -> None:
    document = n42_write.content(replace(plain, live_time=[np.nan, 2.0], real_time=[np.nan, np.nan])).decode()
    assert document.count("<LiveTimeDuration>PT0S<") == 1
    assert document.count("<RealTimeDuration>PT0.000001S<") == 1
    assert document.count("<RealTimeDuration>PT2S<") == 1  # no real time is shorter than the live time
    assert document.count('gamma_flow times: {"live_time": null, "real_time": null}') == 1
    assert document.count('gamma_flow times: {"real_time": null}') == 1
    # another program may keep our remark and state a time, or drop the remark
    filled = document.replace("PT0S", "PT0.5S").replace("PT0.000001S", "PT1S").replace("PT2S", "PT3S", 1)
    assert read(filled.encode()).live_time.tolist() == [0.5, 2.0]
    assert read(filled.encode()).real_time.tolist() == [1.0, 3.0]
    bare = re.sub("<Remark>gamma_flow times:.*?</Remark>", "", document)
    assert read(bare.encode()).live_time.tolist() == [0.0, 2.0]


def test_another_program_may_calibrate_anew(plain: SpectrumSet) -> None:
    document = n42_write.content(replace(plain, axis=AXES[0])).replace(b">1 3 0<", b">2 4 0<")
    assert read(document).axis.coefficients == (2, 4, 0)
    edges = n42_write.content(replace(plain, axis=AXES[3]))
    assert b"gamma_flow coefficients: [0.0, 3.0, 0.01, 0.001]" in edges
    moved = read(edges.replace(b"<EnergyBoundaryValues>0 ", b"<EnergyBoundaryValues>0.5 "))
    assert moved.axis.coefficients is None
    assert moved.axis.edges[0] == 0.5
    assert read(edges.replace(b"[0.0, 3.0,", b"[0.0, -3.0,")).axis.coefficients is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('times: {"live_time": null}', 'times: {"live_time": -1}'),
        ('times: {"live_time": null}', "times: [1]"),
        ('times: {"live_time": null}', "times: {"),
        ("coefficients: [1.0, 3.0]", "coefficients: 3"),
        ("coefficients: [1.0, 3.0]", "coefficients: [1.0, 1" + "0" * 400 + "]"),
    ],
)
def test_damaged_remarks_are_refused(plain: SpectrumSet, old: str, new: str) -> None:
    document = n42_write.content(replace(plain, axis=AXES[0], live_time=np.nan)).decode()
    assert old in document
    with pytest.raises(DamagedFileError, match="remark"):
        read(document.replace(old, new, 1).encode())


def test_specutils_takes_it(plain: SpectrumSet, tmp_path: Any) -> None:
    library = pytest.importorskip("SpecUtils", reason="SpecUtils is not installed")
    spectra = replace(
        plain,
        values=np.arange(10.0).reshape(2, 5),
        axis=AXES[3],
        live_time=[np.nan, 2.0],
        real_time=[np.nan, np.nan],
        detector=["left", "right"],
        meta={"dose_rate": [0.1, np.nan]},
    )
    path = tmp_path / "a.n42"
    path.write_bytes(n42_write.content(spectra, utc=True))
    other = library.SpecFile()
    other.loadFile(str(path), library.ParserType.N42_2012)
    theirs = sorted(other.measurements(), key=lambda one: one.detectorName())
    assert [list(one.gammaCounts()) for one in theirs] == spectra.values.tolist()
    assert [one.liveTime() for one in theirs] == [0.0, 2.0]
    assert [one.realTime() for one in theirs] == pytest.approx([1e-6, 2.0])
    assert [np.datetime64(one.startTime()) for one in theirs] == spectra.time.tolist()
    assert np.allclose(np.array(theirs[0].channelEnergies()), spectra.axis.edges, rtol=1e-5)


# ------------------------------------------------------------- the validator refuses


RECORD = {
    "shares": {"Cs-137 and Co-60": 0.25, "background": 0.75},
    "present": ["background"],
    "p_value": {"background": 1e-7},
    "scores": {"background": 30.0},
}
ALARM = {
    "key": "left/unknown//2026",
    "detector": "left",
    "kind": "unknown",
    "name": "",
    "start": "2026-01-01T00:00:00Z",
    "end": None,
    "details": {"peaks": [{"energy": 661.7, "counts": 120.0, "significance": 6.5}]},
}


def whole(plain: SpectrumSet) -> str:
    meta = {"neutron_counts": [3, np.nan], "dose_rate": [0.1, 0.2], "latitude": [1, 2], "longitude": [3, 4]}
    spectra = replace(plain, detector="left", meta=meta)
    return n42_write.content(spectra, [RECORD, None], [ALARM], utc=True).decode()


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("<MeasurementClassCode>NotSpecified</MeasurementClassCode>\n", "", "MeasurementClassCode' expected"),
        (r"(<StartDateTime>.*)\n(<RealTime.*)\n", r"\2\n\1\n", "StartDateTime' expected"),
        (r"<LiveTimeDuration>.*\n", "", "LiveTimeDuration' expected"),
        (r"<RealTimeDuration>.*</", "<RealTimeDuration>PT0S</", "greater than"),
        (r"<RealTimeDuration>.*</", "<RealTimeDuration>1.5</", "RealTimeDuration: "),
        (r"<LiveTimeDuration>.*</", "<LiveTimeDuration>PT1e-3S</", "LiveTimeDuration: "),
        (r"<StartDateTime>.*</", "<StartDateTime>noon</", "StartDateTime: "),
        ('<DoseRate id="dose-1" rad.*>', '<DoseRate id="dose-1">', "missing required attribute"),
        ("<GrossCounts id=.*? ", "<GrossCounts ", "missing required attribute"),
        ('"energy">', '"energies">', "IDREF 'energ"),
        (
            'radDetectorInformationReferences="left"',
            'radDetectorInformationReferences="right"',
            "'right' not",
        ),
        ('radMeasurementReferences=".*"', 'radMeasurementReferences="measurement-9"', "'measurement-9' not"),
        ('id="measurement-2"', 'id="measurement-1"', "(?i)duplicate"),
        (">Gamma</RadAlarmCategoryCode>", ">Unknown</RadAlarmCategoryCode>", "RadAlarmCategoryCode: "),
        (">NotSpecified<", ">Odd<", "MeasurementClassCode: "),
        (">-12 8.15 0.0012<", ">-12 8.15<", "length"),
        ("<NuclideIdentifiedIndicator>.*\n", "", "NuclideIdentifiedIndicator' expected"),
        ("<NuclideIDConfidence.*\n", "", "Nuclide: "),
        (">Cs-137_and_Co-60<", ">Cs-137 and Co-60<", "NuclideName: .*pattern"),
        ("<SpectrumPeakEnergyValue>661.7</", "<SpectrumPeakEnergyValue>0</", "greater than"),
        ("<CountData>3<", "<CountData>-3<", "greater or equal"),
        ("<LatitudeValue>1<", "<LatitudeValue>1e0<", "LatitudeValue: "),
        ("<ChannelData", "<TotalCounts>1</TotalCounts><ChannelData", "Spectrum: Unexpected"),
        ("CountedZeroes", "Zipped", "compressionCode|ChannelData"),
        ("N42/2011/N42", "N42/2006/N42", "RadInstrumentData"),
    ],
)
def test_the_validator_refuses(plain: SpectrumSet, old: str, new: str, reason: str) -> None:
    document = whole(plain)
    assert faults(document.encode()) == []
    broken, changed = re.subn(old, new, document, count=1)
    assert changed == 1
    assert any(re.search(reason, one) for one in faults(broken.encode())), faults(broken.encode())


def test_the_schema_names_what_is_written_and_nothing_else(plain: SpectrumSet) -> None:
    document = whole(plain) + n42_write.content(
        replace(plain, axis=AXES[-1], meta={"latitude": [1, 2], "longitude": [3, 4], "elevation": [5, 6]})
    ).decode("utf-8")
    schema = SCHEMA.read_text("utf-8")
    assert set(re.findall('<xs:element name="(.*?)"', schema)) == set(
        re.findall("<([A-Z][A-Za-z0-9]*)", document)
    )
    assert set(re.findall('<xs:attribute name="(.*?)"', schema)) == set(
        re.findall(' ([a-z]\\w+)="', document)
    ) - {*("version", "encoding", "xmlns")}


@pytest.mark.parametrize(
    "name", ["Cs137", "Cs-137", "a b", "a-b c", "a-b c-d", "a\tb", "\u00a0", "x + y", "(x) (y)", "Straße"]
)
def test_names_fit_the_pattern_of_the_schema(plain: SpectrumSet, name: str) -> None:
    document = n42_write.content(plain, [{"shares": {name: 1.0}, "present": [name]}, None])
    assert faults(document) == []
    kept = name_of(name)
    if kept != name:
        asis = document.decode().replace(f"<NuclideName>{kept}<", f"<NuclideName>{name}<")
        assert faults(asis.encode()) != []


def test_more_elements_than_are_read_back_are_not_written(
    plain: SpectrumSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    elements = len(re.findall("<[A-Z]", whole(plain)))
    monkeypatch.setattr(n42_write, "MAX_ELEMENTS", elements)
    whole(plain)
    monkeypatch.setattr(n42_write, "MAX_ELEMENTS", elements - 1)
    with pytest.raises(WriteError, match=f"more than is read back.*found {elements}"):
        whole(plain)
