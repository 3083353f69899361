import time

import numpy as np
import pytest

from gamma_flow.errors import DamagedFileError, GammaFlowError, UnsafeFileError
from gamma_flow.io import _xml, _xml_values
from gamma_flow.io._source import Source


def source(text: str | bytes) -> Source:
    return Source("a.xml", text.encode() if isinstance(text, str) else text)


def element(text: str) -> _xml.Element:
    return _xml.parse(source(f"<v>{text}</v>"))


def test_prefixes_fall_even_where_they_were_never_declared():
    root = _xml.parse(source('<n:a xmlns:n="u" n:id="2" id="1"><DHS:b x="3">t</DHS:b><!-- c -->u</n:a>'))
    assert (root.tag, root.attributes, root.text) == ("a", {"id": "1"}, "u")
    assert root.first("b").attributes == {"x": "3"}
    assert [one.tag for one in root.inside("b")] == ["b"]


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf<?xml version='1.0'?><a>\xc3\xa4</a>",
        b" \r\n\t<?xml version='1.0' encoding='utf-8'?><a>\xc3\xa4</a>",
        b"<?xml version='1.0' encoding='windows-1252'?><a>\xe4</a>",
        "<?xml version='1.0' encoding='utf-16'?><a>ä</a>".encode("utf-16"),
    ],
)
def test_encodings_and_what_stands_before_the_declaration(data):
    assert _xml.parse(source(data)).text == "ä"
    assert _xml.root_name(source(data)) == "a"


def test_billion_laughs_and_external_entities_are_refused_before_they_are_declared(tmp_path):
    laughs = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 12))
    started = time.perf_counter()
    for inner in (
        f'[<!ENTITY l0 "ha">{laughs}]',
        f'[<!ENTITY x SYSTEM "{(tmp_path / "secret").as_uri()}">]',
        '[<!ENTITY % p SYSTEM "http://127.0.0.1:9/x"> %p;]',
        'SYSTEM "http://127.0.0.1:9/x.dtd"',
        "[<!ATTLIST a b CDATA 'c'>]",
    ):
        with pytest.raises(UnsafeFileError, match=r"DOCTYPE.*take the DOCTYPE out"):
            _xml.parse(source(f"<?xml version='1.0'?><!DOCTYPE a {inner}><a>&l11;&x;</a>"))
    assert time.perf_counter() - started < 1
    assert _xml.root_name(source("<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><a/>")) == "a"


def test_depth_and_number_of_elements_are_bounded(monkeypatch):
    with pytest.raises(UnsafeFileError, match="100 inside each other, found element 101 at depth 101"):
        _xml.parse(source("<a>" * 1_000_000))
    monkeypatch.setattr(_xml, "MAX_ELEMENTS", 10)
    with pytest.raises(UnsafeFileError, match="outgrows"):
        _xml.parse(source("<a>" + "<b/>" * 10 + "</a>"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("<a><b>1", r"a.xml, line 1: the file is cut: an unclosed element; expected </b>"),
        ("<a><b", r"unclosed element; expected </a>"),
        ("<a></b>", "mismatched tag"),
        ("<a/><a/>", "junk after document element"),
        ("<a>&nbsp;</a>", "undefined entity"),
        ("", "ends before its first element"),
        ("hello", "the XML is damaged"),
        ("<?xml version='1.0' encoding='klingon'?><a/>", "encoding"),
        ("<?xml version='1.0' encoding='cp932'?><a/>", "encoding"),
    ],
)
def test_damage_is_named(text, sentence):
    with pytest.raises(DamagedFileError, match=sentence):
        _xml.parse(source(text))


def test_root_name_does_not_take_what_is_no_xml():
    assert _xml.root_name(source("a <b>")) == ""
    assert _xml.root_name(source(b"\x00\x01")) == ""
    assert _xml.root_name(source("<!-- <x> --><?pi <y> ?> <z:root>")) == "root"


def test_numbers():
    found = _xml_values.numbers(element("1 2.5\n-3e2\t+4 .5"), source(""))
    assert found.tolist() == [1, 2.5, -300, 4, 0.5]
    for text, sentence in (
        ("", "<v> is empty"),
        ("1 nan", "expected numbers divided by spaces, found 'nan'"),
        ("1 2_0", "'2_0'"),
        ("1,2", "'1,2'"),
        ("1 - 2", "'-'"),
        ("1 1e999", "expected finite numbers, found '1e999'"),
        ("12 ${sample_counts}", r"the file is a template: <v> holds the placeholder \$\{sample_counts\}"),
        ("%counts%", "placeholder %counts%"),
    ):
        with pytest.raises(DamagedFileError, match=sentence):
            _xml_values.numbers(element(text), source(""))
    with pytest.raises(UnsafeFileError, match="too many numbers"):
        _xml_values.numbers(element("1 " * 5), source(""), limit=4)
    with pytest.raises(DamagedFileError, match="one number"):
        _xml_values.number(element("1 2"), source(""))


def test_counted_zeroes_against_a_plain_loop():
    rng = np.random.default_rng(3)
    for _ in range(50):
        plain = rng.poisson(0.5, rng.integers(1, 40)).astype(float)
        packed: list[float] = []
        at = 0
        while at < len(plain):
            run = 0
            while at + run < len(plain) and plain[at + run] == 0:
                run += 1
            packed += [0, run] if run else [plain[at]]
            at += run or 1
        text = " ".join(map(str, packed))
        found = _xml_values.counts(element(text), source(""), zeroes_counted=True)
        assert np.array_equal(found, plain)


@pytest.mark.parametrize(
    ("text", "error", "sentence"),
    [
        ("0 4000000000", UnsafeFileError, "at most 1048576, found 4000000000"),
        ("0 1e300", UnsafeFileError, "declare too many|counts below"),
        (" ".join(["0 1048576"] * 3), UnsafeFileError, "found 3145728"),
        ("1 0", DamagedFileError, "no number"),
        ("0 0 1", DamagedFileError, "not followed by how many"),
        ("0 1.5", DamagedFileError, "whole number above zero, found 1.5"),
        ("0 -3", DamagedFileError, "whole number above zero"),
        ("1e17", DamagedFileError, "counts below"),
    ],
)
def test_counted_zeroes_that_lie(text, error, sentence):
    with pytest.raises(GammaFlowError, match=sentence) as caught:
        _xml_values.counts(element(text), source(""), zeroes_counted=True)
    assert isinstance(caught.value, (error, DamagedFileError))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT0.999998S", 0.999998),
        ("PT1M51.1S", 111.1),
        ("PT300S", 300),
        ("P1DT2H3M4.5S", 93784.5),
        ("P0Y0M0DT0H0M300S", 300),
        ("PT0,5S", 0.5),
        ("300", 300),
        ("7229.9278611", 7229.9278611),
        (" 300 s ", 300),
        ("PT0S", 0),
    ],
)
def test_durations(text, seconds):
    assert _xml_values.duration(element(text), source("")) == pytest.approx(seconds, rel=1e-15)


@pytest.mark.parametrize(
    "text",
    ["", "PT", "P", "PTS", "-PT3S", "P1Y", "P1M", "PT1.2.3S", "fast", "-3", "1e999", "PT1e999S", "PT${t}S"],
)
def test_durations_that_are_none(text):
    with pytest.raises(DamagedFileError, match="<v>"):
        _xml_values.duration(element(text), source(""))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2016-02-04T20:28:33.000Z", "2016-02-04T20:28:33"),
        ("2023-06-07T05:52:00", "2023-06-07T05:52:00"),
        ("2018-01-01T12:00:00-00:00", "2018-01-01T12:00:00"),
        ("2019-03-22T08:14:16.463-04:00", "2019-03-22T12:14:16.463"),
        ("2020-09-20T11:38:21.9764733Z", "2020-09-20T11:38:21.976473"),
        ("2020-09-20 11:38", "2020-09-20T11:38"),
    ],
)
def test_dates(text, moment):
    assert _xml_values.date_time(element(text), source("")) == np.datetime64(moment, "us")


def test_dates_that_are_none():
    assert np.isnat(_xml_values.date_time(element(""), source("")))
    for text in ("yesterday", "2020-13-01T00:00:00", "20200101", "0001-01-01T00:00:00+10:00", "${start}"):
        with pytest.raises(DamagedFileError, match="<v>"):
            _xml_values.date_time(element(text), source(""))
