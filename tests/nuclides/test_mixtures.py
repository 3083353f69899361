from __future__ import annotations

import pytest

from gamma_flow.errors import DataError
from gamma_flow.nuclides import CATEGORIES, all_mixtures, categories, category, mixed, mixture


@pytest.mark.parametrize("made", all_mixtures(), ids=lambda made: made.name)
def test_every_mixture_is_sound(made: object) -> None:
    known = mixture(made.name)  # type: ignore[attr-defined]
    assert known is mixture(known.title.upper())
    assert sum(share for _, share in known.fractions) == pytest.approx(1.0, abs=1e-12)
    assert known.source
    assert known.category in CATEGORIES
    new = mixed(known.name)
    assert new.activities.sum() == pytest.approx(sum(known.activities.values()))


def test_specific_activities_of_uranium_and_plutonium() -> None:
    """IAEA: natural uranium 25.4 Bq/mg, of it 12.4 U-238 and 0.57 U-235; depleted 14.8 with 0.2 % U-235."""
    natural = mixed("Unat")
    assert natural.activities.sum() == pytest.approx(25.2e3, rel=0.02)
    assert natural["U238"] == pytest.approx(12.35e3, rel=0.005)
    assert natural["U235"] == pytest.approx(569, rel=0.01)
    assert natural["U234"] / natural["U238"] == pytest.approx(1.0, rel=0.02)  # equilibrium in nature
    assert mixed("DU").activities.sum() == pytest.approx(14e3, rel=0.1)
    assert mixed("HEU")["U234"] > mixed("HEU")["U235"]


def test_americium_grows_into_plutonium() -> None:
    new, old = mixed("RGPu"), mixed("RGPu", "10 y")
    assert new["Am241"] == 0.0
    assert old["Am241"] > old["Pu239"]
    assert old["Pu241"] / new["Pu241"] == pytest.approx(0.5 ** (10 / 14.33), rel=1e-6)


def test_depleted_uranium_shows_protactinium_and_no_radium() -> None:
    old = mixed("DU", "30 y")
    assert old["Pa234m"] == pytest.approx(old["U238"], rel=1e-3)
    assert old["Bi214"] < 1e-3 * old["U238"]
    lines = old.lines()
    shown = lines[lines.energy > 950].strongest_first()
    assert shown.nuclides[0] == "Pa234m"
    assert shown.energy[0] == pytest.approx(1001.03, abs=0.05)


def test_mixtures_by_hand() -> None:
    by_hand = mixed({"U-235": 0.2, "238U": 0.8}, "1 y")
    assert by_hand["U235"] == pytest.approx(0.2 * 79_960, rel=1e-3)
    assert by_hand["Th231"] == pytest.approx(by_hand["U235"], rel=1e-6)


@pytest.mark.parametrize("wrong", [{}, {"U235": 0.5}, {"U235": 1.2, "U238": -0.2}, {"U235": float("nan")}])
def test_fractions_that_make_no_mixture_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(DataError, match="mass fractions"):
        mixed(wrong)


def test_an_unknown_mixture_is_refused_with_a_suggestion() -> None:
    with pytest.raises(DataError, match="did you mean HEU"):
        mixture("HEUU")
    with pytest.raises(DataError, match="one of Unat"):
        mixture("zzz")


def test_categories_are_those_of_the_standard() -> None:
    assert category("K-40") == "NORM"
    assert category("99mTc") == "medical"
    assert category("Co-60") == category("Ba137m") == "industrial"
    assert category("U-235") == category("Pu239") == "SNM"
    assert category("Eu152") == "other"
    assert categories("Ra226") == ("NORM", "industrial")
    assert categories("Tl208") == categories("Pb214") == ("NORM",)
    with pytest.raises(DataError):
        category("Cs173")
