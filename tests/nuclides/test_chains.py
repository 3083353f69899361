from __future__ import annotations

import math
from decimal import Decimal, getcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gamma_flow.errors import DataError
from gamma_flow.nuclides import chain, hyphenated, in_growth, members, nuclide, series_lines
from gamma_flow.nuclides._bateman import propagator
from gamma_flow.nuclides._table import branches
from gamma_flow.nuclides.chains import ancestors
from gamma_flow.nuclides.times import YEAR

AGES = ["1 s", "1 h", "1 d", "1 y", "30 y", "1e3 y", "1e6 y", "1e10 y"]
SERIES = {
    "U238": 15,
    "Th232": 11,
    "U235": 13,
    "Ra226": 10,
    "Cs137": 2,
    "Mo99": 2,
    "Sr90": 2,
}  # at least so many members with activity


def bateman(name: str, seconds: float) -> dict[str, Decimal]:
    """Bateman's sums over all paths in 250 digits: slow, and obviously right."""
    getcontext().prec = 250
    found: dict[str, Decimal] = {}
    t = Decimal(seconds)

    def walk(path: list[str], weight: Decimal) -> None:
        rates = [Decimal(nuclide(one).decay_constant) for one in path]
        total = Decimal(0)
        for at, rate in enumerate(rates):
            below = Decimal(1)
            for other, value in enumerate(rates):
                if other != at:
                    below *= value - rate
            total += (-rate * t).exp() / below
        activity = weight * total
        for rate in rates[1:]:
            activity *= rate
        found[path[-1]] = found.get(path[-1], Decimal(0)) + activity
        for daughter, share in branches().get(path[-1], ()):
            walk([*path, daughter], weight * Decimal(share))

    walk([name], Decimal(1))
    return found


@pytest.mark.parametrize("age", AGES)
@pytest.mark.parametrize("name", ["U238", "Th232", "U235", "Pu241", "Mo99", "Cs137", "Ra226", "Zr95"])
def test_in_growth_is_batemans_in_every_member(name: str, age: str) -> None:
    found = chain(name, age)
    slow = bateman(name, found.age)
    for member, activity in zip(found.members, found.activities, strict=True):
        assert activity == pytest.approx(float(slow[member]), rel=1e-10, abs=1e-290), member


@pytest.mark.parametrize("age", ["1 s", "1 d", "30 y", "1e10 y"])
@pytest.mark.parametrize(
    "name", ["U-238", "Th-232", "U-235", "Pu-241", "Mo-99", "Cs-137", "Ra-226", "Am-241"]
)
def test_in_growth_is_that_of_radioactivedecay_on_its_own_data(name: str, age: str) -> None:
    """Our solver on the half-lives and branchings of radioactivedecay, against its precise inventory."""
    other = pytest.importorskip("radioactivedecay", reason="radioactivedecay is not installed")
    order: dict[str, None] = {}

    def walk(one: str) -> None:
        if one in order or not math.isfinite(other.Nuclide(one).half_life("s")):
            return
        for daughter in other.Nuclide(one).progeny():
            if daughter != "SF":
                walk(daughter)
        order[one] = None

    walk(name)
    names = list(reversed(order))
    rates = np.array([math.log(2.0) / other.Nuclide(one).half_life("s") for one in names])
    shares = np.zeros((len(names), len(names)))
    for parent in names:
        about = other.Nuclide(parent)
        for daughter, share in zip(about.progeny(), about.branching_fractions(), strict=True):
            if daughter in names:
                shares[names.index(daughter), names.index(parent)] += share
    seconds = chain("Co60", age).age
    ours = propagator(rates, shares, seconds)[:, 0]
    theirs = other.InventoryHP({name: 1.0}, "Bq").decay(seconds, "s").activities("Bq")
    for at, one in enumerate(names):
        assert ours[at] == pytest.approx(theirs.get(one, 0.0), rel=1e-6, abs=1e-250), one


@pytest.mark.parametrize("spread", [0.0, 1e-16, 1e-12, 1e-9, 1e-6, 1e-3])
def test_equal_and_nearly_equal_constants_do_no_harm(spread: float) -> None:
    """Three steps of one constant: activities are 1, x, x^2 / 2 times exp(-x)."""
    rates = np.array([1.0, 1.0 + spread, 1.0 - spread])
    shares = np.diag([1.0, 1.0], -1)
    for age in (1e-12, 1e-3, 1.0, 30.0):
        found = propagator(rates, shares, age)[:, 0]
        expected = np.array([1.0, age, age**2 / 2]) * math.exp(-age)
        np.testing.assert_allclose(found, expected, rtol=1e-13 + 40 * spread * max(age, 1))


def test_constants_that_lie_thirty_orders_apart_do_no_harm() -> None:
    rates = np.array([1e-18, 1e12, 1e-9, 1e6])
    found = propagator(rates, np.diag([1.0, 1.0, 1.0], -1), 1e17)[:, 0]
    expected = math.exp(-0.1) * np.array([1.0, 1.0, 1.0 / (1 - 1e-9), 1.0])
    np.testing.assert_allclose(found, expected, rtol=2e-9)


@given(
    st.lists(st.floats(-18, 7), min_size=1, max_size=10),
    st.floats(-6, 18),
    st.floats(0, 1),
)
def test_atoms_are_conserved(powers: list[float], age: float, part: float) -> None:
    """No atoms are made, none vanish but by decay out of the chain, and half the time twice is the time."""
    rates = 10.0 ** np.array(powers)
    count = len(rates)
    shares = (
        np.diag(np.full(count - 1, part), -1)
        + np.diag(np.full(max(count - 2, 0), 1 - part), -2)[:count, :count]
    )
    whole = propagator(rates, shares, 10.0**age)
    assert (whole >= 0).all()
    halves = propagator(rates, shares, 10.0**age / 2)
    np.testing.assert_allclose(halves @ halves, whole, rtol=1e-10, atol=1e-280)
    atoms = whole * rates[None, :] / rates[:, None]  # atoms of d for each atom of p
    assert (atoms.sum(axis=0) <= 1 + 1e-10).all()


@pytest.mark.parametrize("name", SERIES)
def test_at_secular_equilibrium_every_generation_is_as_active_as_the_parent(name: str) -> None:
    found = chain(name, "equilibrium")
    assert found[name] == 1.0
    assert len(found.members) >= SERIES[name]
    for member, activity in zip(found.members, found.activities, strict=True):
        fed = sum(
            share * found[parent]
            for parent in found.members
            for daughter, share in branches().get(parent, ())
            if daughter == member
        )
        if member != name:
            lag = 1 - nuclide(name).decay_constant / nuclide(member).decay_constant
            assert activity * lag == pytest.approx(fed, rel=1e-12)


def test_sums_over_the_natural_series_at_equilibrium() -> None:
    """Unbranched members and pairs of branches count one each: U-238 14, Th-232 10 (to Po-212 and Tl-208)."""
    uranium = chain("U238", "equilibrium")
    assert uranium.activities.sum() == pytest.approx(14.0017, abs=2e-3)  # Pa-234 and At-218 beside
    thorium = chain("Th232", "equilibrium")
    assert thorium.activities.sum() == pytest.approx(10.0, abs=1e-6)
    assert thorium["Tl208"] + thorium["Po212"] == pytest.approx(1.0, abs=1e-6)
    assert thorium["Tl208"] == pytest.approx(0.3594, rel=1e-6)
    actinium = chain("U235", "equilibrium")
    assert actinium["Th227"] / actinium["Ac227"] == pytest.approx(0.9862, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "age"), [("Th232", "1000 y"), ("U238", "1e8 y"), ("Ra226", "500 y"), ("Mo99", "20 d")]
)
def test_old_chains_are_at_equilibrium(name: str, age: str) -> None:
    old, limit = chain(name, age), chain(name, "equilibrium")
    for member in limit.members:
        assert old[member] / old[name] == pytest.approx(limit[member], rel=1e-3), member


def test_known_in_growth() -> None:
    # protactinium after separation: Th-234 reaches half of U-238 after its half-life of 24.10 d
    assert chain("U238", "24.10 d")["Th234"] == pytest.approx(0.5, rel=1e-6)
    # radon and radium: 99 % after 25.4 d
    assert chain("Ra226", "25.4 d")["Rn222"] == pytest.approx(0.99, abs=1e-3)
    # technetium: 0.963 of molybdenum at transient equilibrium, with 87.6 % of the decays
    assert chain("Mo99", "equilibrium")["Tc99m"] == pytest.approx(0.876 * 65.95 / (65.95 - 6.0067), rel=1e-4)
    # americium from plutonium 241 is greatest after some 73 years
    ages = np.arange(60, 90)
    most = ages[int(np.argmax([chain("Pu241", float(one) * YEAR)["Am241"] for one in ages]))]
    assert most == pytest.approx(73, abs=1)


def test_daughters_that_outlive_the_parent_are_left_out_of_the_equilibrium() -> None:
    assert chain("Am241", "equilibrium").members == ("Am241",)
    assert "Tc99" not in chain("Mo99", "equilibrium").members


def test_every_branch_is_sound() -> None:
    for parent, daughters in branches().items():
        assert sum(share for _, share in daughters) <= 1 + 1e-9
        mass = nuclide(parent)
        for name, share in daughters:
            daughter = nuclide(name)
            assert 0 < share <= 1
            steps = (daughter.Z - mass.Z, daughter.A - mass.A)
            assert steps in ((-2, -4), (1, 0), (-1, 0), (0, 0)), (parent, name)
            assert steps != (0, 0) or mass.state > daughter.state


def test_no_line_of_a_daughter_is_counted_in_its_parent_too() -> None:
    for parent, daughters in branches().items():
        own = nuclide(parent).lines
        own = own[~own.is_xray & ~own.is_annihilation]
        for name, share in daughters:
            fed = nuclide(name).lines.scaled(share)
            fed = fed[~fed.is_xray & ~fed.is_annihilation].at_least(1e-3)
            for energy, intensity in zip(fed.energy, fed.intensity, strict=True):
                same = abs(own.energy - energy) < 0.02
                assert not (abs(own.intensity[same] / intensity - 1) < 0.2).any(), (parent, name, energy)


def test_lines_of_a_series_belong_to_their_members() -> None:
    found = series_lines("Th232")
    for energy, member in ((2614.511, "Tl208"), (238.632, "Pb212"), (911.196, "Ac228"), (727.33, "Bi212")):
        near = found[abs(found.energy - energy) < 0.05].strongest_first()
        assert near.nuclides[0] == member
    thallium = found[abs(found.energy - 2614.511) < 0.05]
    assert thallium.intensity[0] == pytest.approx(0.3594 * 0.9983, rel=1e-3)
    assert (np.diff(found.energy) >= 0).all()


def test_lines_at_an_age_are_per_decay_of_the_parent_then() -> None:
    young = series_lines("Cs137", "1 s")
    old = series_lines("Cs137", "100 y")
    at = young.energy == 661.657
    assert young.intensity[at][0] < 0.01
    assert old.intensity[old.energy == 661.657][0] == pytest.approx(0.8503, rel=1e-3)


def test_several_parents_grow_together_and_spellings_add_up() -> None:
    found = in_growth({"Cs-137": 1.0, "137Cs": 2.0, "Co60": 5.0}, 0.0)
    assert found["Cs137"] == 3.0
    assert found["Co60"] == 5.0
    assert found["Ba137m"] == 0.0
    assert found["Am241"] == 0.0
    one, other = in_growth({"Pu241": 7.0}, "20 y"), in_growth({"Am241": 1.0}, "20 y")
    both = in_growth({"Am241": 1.0, "Pu241": 7.0}, "20 y")
    assert both["Am241"] == pytest.approx(one["Am241"] + other["Am241"], rel=1e-12)


def test_nothing_grows_out_of_nothing() -> None:
    found = in_growth({}, "1 y")
    assert found.members == ()
    assert len(found.lines()) == 0


def test_members_and_ancestors() -> None:
    assert members("Am241", "Pu241")[0] == "Pu241"
    order = members("U238")
    for parent, daughters in branches().items():
        for daughter, _ in daughters:
            if parent in order:
                assert order.index(parent) < order.index(daughter)
    assert {"U238", "Ra226", "Pb214"} <= set(ancestors("Bi214"))


def test_bad_input_is_refused() -> None:
    with pytest.raises(DataError, match="negative"):
        in_growth({"Cs137": -1.0}, 0.0)
    with pytest.raises(DataError, match="negative or infinite"):
        in_growth({"Cs137": math.nan}, 0.0)
    with pytest.raises(DataError, match="no length of time"):
        chain("Cs137", "long")
    with pytest.raises(DataError, match="too long"):
        chain("Cs137", "1e25 y")
    with pytest.raises(DataError, match="did you mean"):
        chain("Cs173", "1 y")
    with pytest.raises(DataError, match="nothing of Tc99m is left"):
        series_lines("Tc99m", "50 y")


def test_branches_are_those_of_radioactivedecay_where_it_has_them() -> None:
    """ICRP-107 counts isomers of Zr95, Ce144, Pu239, Hf172 apart, and short ones with their parents."""
    other = pytest.importorskip("radioactivedecay", reason="radioactivedecay is not installed")
    apart = {"Zr95", "Zr97", "Ce144", "Pu239", "Hf172"}
    compared = 0
    for parent, daughters in branches().items():
        if parent in apart or hyphenated(parent) not in other.DEFAULTDATA.nuclides:
            continue
        about = other.Nuclide(hyphenated(parent))
        theirs = dict(zip(about.progeny(), about.branching_fractions(), strict=True))
        for name, share in daughters:
            if hyphenated(name) in theirs:
                assert share == pytest.approx(theirs[hyphenated(name)], rel=0.01, abs=4e-3), (parent, name)
                compared += 1
    assert compared > 120
