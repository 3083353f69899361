from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gamma_flow.errors import DataError
from gamma_flow.nuclides import all_names, canonical, hyphenated, nuclide, parse
from gamma_flow.nuclides.names import ELEMENTS, nearest
from gamma_flow.nuclides.times import duration, readable

NAMES = all_names()


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("Cs137", "Cs137"),
        ("Cs-137", "Cs137"),
        ("137Cs", "Cs137"),
        ("CS-137", "Cs137"),
        ("cs 137", "Cs137"),
        ("¹³⁷Cs", "Cs137"),
        ("137-Cs", "Cs137"),
        ("Cesium-137", "Cs137"),
        ("caesium 137", "Cs137"),
        ("Tc99m", "Tc99m"),
        ("Tc-99m", "Tc99m"),
        ("Tc-99M", "Tc99m"),
        ("99mTc", "Tc99m"),
        ("99m-Tc", "Tc99m"),
        ("99Tcm", "Tc99m"),
        ("tc_99_m", "Tc99m"),
        ("99Mo", "Mo99"),
        ("99mo", "Mo99"),
        ("Pa-234m", "Pa234m"),
        ("Ba-137m", "Ba137m"),
        ("Ag110m", "Ag110m"),
        ("110mAg", "Ag110m"),
        ("Po210", "Po210"),
        ("PO-210", "Po210"),
        ("K-40", "K40"),
        ("40k", "K40"),
        ("Am-242m1", "Am242m"),
        ("Hf178m2", "Hf178n"),
        ("13N", "N13"),
        ("242mAm", "Am242m"),
        ("sulphur-35", "S35"),
        (" U 235 ", "U235"),
        ("U‑238", "U238"),
    ],
)
def test_spellings(spelling: str, name: str) -> None:
    assert canonical(spelling) == name


@st.composite
def spellings(draw: st.DrawFn) -> tuple[str, str]:
    """A name of the library, and a spelling of it."""
    name = draw(st.sampled_from(NAMES))
    said = parse(name)
    symbol = draw(st.sampled_from([said.symbol, ELEMENTS[said.Z - 1][1]]))
    state = ["", "m", "n"][said.state]
    if said.state == 2 and draw(st.booleans()):
        state = "m2"
    gap = draw(st.sampled_from(["", "-", " ", "_", " - "]))
    text = f"{symbol}{gap}{said.A}{state}"
    if len(symbol) <= 2 and state != "m2" and draw(st.booleans()):
        text = f"{said.A}{state}{gap}{symbol}"
    case = draw(st.sampled_from([str, str.upper, str.lower]))
    return name, draw(st.sampled_from(["", " "])) + case(text)


@given(spellings())
def test_any_spelling_gives_the_same_name(pair: tuple[str, str]) -> None:
    name, spelling = pair
    assert canonical(spelling) == name


@given(st.sampled_from(NAMES))
def test_canonical_and_hyphenated_names_stay_what_they_are(name: str) -> None:
    assert canonical(name) == name
    assert canonical(hyphenated(name)) == name
    assert nuclide(name).label == hyphenated(name)


@given(st.text(max_size=12))
def test_any_text_gives_a_name_or_our_error(text: str) -> None:
    try:
        name = canonical(text)
    except DataError as problem:
        name, cure = "", problem.cure
    assert name in NAMES or cure


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("Cs173", "Cs137"), ("Co6O", "Co60"), ("caesum-137", "Cs137"), ("Am-214", "Am241")],
)
def test_the_nearest_names_are_suggested(wrong: str, meant: str) -> None:
    with pytest.raises(DataError) as caught:
        canonical(wrong)
    assert meant in str(caught.value.cure)
    assert nearest(wrong)[0].startswith(meant)


@pytest.mark.parametrize(
    "wrong", ["", "background", "Cs", "137", "Xx137", "Cs1370", "U-5", "U900", "99mm", "Cs-13x"]
)
def test_what_is_no_nuclide_is_refused_in_a_sentence(wrong: str) -> None:
    with pytest.raises(DataError, match="names no nuclide"):
        canonical(wrong)


def test_a_stable_nuclide_is_said_to_be_unknown() -> None:
    with pytest.raises(DataError, match="no nuclide Pb208"):
        canonical("Pb-208")


@pytest.mark.parametrize("wrong", [None, 137, ["Cs137"]])
def test_what_is_no_text_is_refused(wrong: object) -> None:
    with pytest.raises(DataError):
        canonical(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30 y", 30 * 365.25 * 86400),
        ("1e3d", 8.64e7),
        ("2.5 h", 9000),
        ("3min", 180),
        ("7", 7),
        (7.5, 7.5),
        ("2 weeks", 1209600),
    ],
)
def test_durations(text: str | float, seconds: float) -> None:
    assert duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "wrong", ["", "y", "-3 y", "3 parsec", "1.2.3 s", "nan", "1e999 y", float("nan"), -1.0]
)
def test_what_is_no_duration_is_refused(wrong: str | float) -> None:
    with pytest.raises(DataError, match="no length of time"):
        duration(wrong)


@given(st.floats(1e-8, 1e30))
def test_readable_times_can_be_read_again(seconds: float) -> None:
    assert duration(readable(seconds)) == pytest.approx(seconds, rel=1e-3)
