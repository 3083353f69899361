"""The transport behind the tables, run as plain Python or compiled: physics, not speed."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("mucoeff", reason="the cross sections (dependency group 'responses') are not installed")

from responses import surroundings
from responses.catalogue import bare, geometries
from responses.detector import BINS, CYLINDER, DISCRETE, Body, Geometry, Transport, follow
from responses.materials import GRID, MC2, materials, tables
from responses.physics import klein_nishina, turn

from gamma_flow.simulate._tables import table


def test_klein_nishina_has_the_right_mean() -> None:
    rng = np.random.default_rng(1)
    for energy in (60.0, 662.0, 2614.0):
        drawn = np.array([klein_nishina(rng, energy) for _ in range(8000)])
        cosine = np.linspace(-1, 1, 20001)
        ratio = 1 / (1 + energy / MC2 * (1 - cosine))
        weight = ratio**2 * (ratio + 1 / ratio - 1 + cosine**2)
        mean = (weight * ratio).sum() / weight.sum()
        assert drawn[:, 0].mean() / energy == pytest.approx(
            mean, abs=5 * drawn[:, 0].std() / energy / math.sqrt(8000)
        )
        # energy and angle belong together
        assert drawn[:, 0] == pytest.approx(energy / (1 + energy / MC2 * (1 - drawn[:, 1])))


def test_turning_keeps_length_and_angle() -> None:
    rng = np.random.default_rng(2)
    for _ in range(200):
        direction = rng.normal(size=3)
        direction /= np.linalg.norm(direction)
        cosine = rng.uniform(-1, 1)
        turned = np.array(turn(*direction, cosine, rng.uniform(0, 2 * math.pi)))
        assert np.linalg.norm(turned) == pytest.approx(1)
        assert turned @ direction == pytest.approx(cosine, abs=1e-9)


def test_a_crystal_without_end_takes_it_all() -> None:
    huge = Body("NaI", 400.0, 400.0, 0.0, 800.0, CYLINDER, active=True)
    transport = Transport(Geometry("huge", (huge, Body("void", 401.0, 401.0, -1.0, 801.0))))
    rng = np.random.default_rng(1)
    for energy in (30.0, 200.0, 662.0, 3000.0) * 10:
        stack = np.zeros((64, 7))
        stack[0] = [0, 0, 400, 0, 0, 1, energy]
        deposit, _ = follow(rng, transport.bodies, transport.most, transport.tables, stack, 1)
        assert deposit == pytest.approx(energy)


def test_a_bare_crystal_counts_as_attenuation_says() -> None:
    transport = Transport(bare(geometries()["NaI-3x3"]))
    count = 3000
    total = transport.row(662.0, 100.0, count, np.random.default_rng(3)).sum()
    # nearly parallel: 1 - exp(-mu L), NIST XCOM without coherent scattering, less what leaves by the side
    assert total == pytest.approx(1 - math.exp(-0.0748 * 3.667 * 7.62), rel=0.06)


def test_cross_sections_are_those_of_nist() -> None:
    sodium_iodide = tables(["NaI"])
    for energy, attenuation in ((100.0, 1.576), (300.0, 0.1534), (1000.0, 0.05762), (3000.0, 0.03668)):
        at = int(np.argmin(np.abs(GRID - energy)))
        coherent = sodium_iodide.cumulative[0, 2, at] - sodium_iodide.cumulative[0, 1, at]
        found = sodium_iodide.total[0, at] * (1 - coherent) / materials()["NaI"].density
        assert found == pytest.approx(attenuation, rel=0.015)  # NIST XCOM, without coherent scattering


def test_unscattered_photons_through_a_shell() -> None:
    count = 3000
    out = surroundings.shell("steel", 8.0, 662.0, count, np.random.default_rng(4))
    steel = tables(["steel"])
    expected = math.exp(
        -steel.total[0, int(np.argmin(np.abs(GRID - 662.0)))] / materials()["steel"].density * 8.0
    )
    assert out[0] == pytest.approx(expected, abs=4 * math.sqrt(expected / count) + 0.01)
    assert out.sum() <= 1


def test_equal_seeds_give_equal_rows_and_the_shipped_ones() -> None:
    transport = Transport(geometries()["NaI-2x2"])
    count = 3000
    row = transport.row(662.0, 10.0, count, np.random.default_rng(7))
    assert np.array_equal(row, transport.row(662.0, 10.0, count, np.random.default_rng(7)))
    assert row.shape == (DISCRETE + BINS,)
    shipped = table("NaI-2x2")
    near = int(np.argmin(np.abs(shipped["energies"] - 662.0)))
    again = transport.row(float(shipped["energies"][near]), 10.0, count, np.random.default_rng(8))
    reference = shipped["rows"][1, near]
    assert again.sum() == pytest.approx(reference.sum(), rel=0.08)
    assert again[0] == pytest.approx(reference[0], rel=0.12)


def test_no_history_deposits_more_than_it_brought() -> None:
    transport = Transport(geometries()["NaI-3x3"])
    rng = np.random.default_rng(11)
    for energy in (60.0, 662.0, 2614.0):
        found = []
        for _ in range(150):
            stack = np.zeros((64, 7))
            stack[0] = [0, 0, -0.2, 0, 0, 1, energy]
            found.append(follow(rng, transport.bodies, transport.most, transport.tables, stack, 1)[0])
        assert max(found) <= energy * (1 + 1e-9)
        assert min(found) >= 0
        assert max(found) == pytest.approx(energy)  # some leave all of it


def test_a_slab_lets_through_what_attenuation_says() -> None:
    # a beam along the axis of a wide and thin crystal: what leaves nothing came through, or was scattered out
    # coherently only; 1 - exp(-mu x) of the rest interact at least once
    thick = 1.0
    slab = Body("NaI", 50.0, 50.0, 0.0, thick, CYLINDER, active=True)
    transport = Transport(Geometry("slab", (slab, Body("void", 51.0, 51.0, -1.0, 2.0))))
    rng = np.random.default_rng(12)
    at = int(np.argmin(np.abs(GRID - 662.0)))
    mu = transport.tables.total[0, at]
    coherent = transport.tables.cumulative[0, 2, at] - transport.tables.cumulative[0, 1, at]
    count, hit = 2000, 0
    for _ in range(count):
        stack = np.zeros((64, 7))
        stack[0] = [0, 0, -0.5, 0, 0, 1, 662.0]
        hit += follow(rng, transport.bodies, transport.most, transport.tables, stack, 1)[0] > 0
    expected = 1 - math.exp(-mu * (1 - coherent) * thick)
    assert hit / count == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / count))


def test_different_seeds_give_different_rows() -> None:
    transport = Transport(geometries()["CsI-1cm3"])
    one, other = (transport.row(662.0, 10.0, 400, np.random.default_rng(seed)) for seed in (1, 2))
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("name", sorted(geometries()))
def test_a_row_of_every_detector_agrees_with_its_table(name: str) -> None:
    shipped = table(name)
    transport = Transport(geometries()[name])
    near = int(np.argmin(np.abs(shipped["energies"] - 662.0)))
    at = int(np.flatnonzero(shipped["distances"] == 10.0)[0])
    count = 1500
    row = transport.row(float(shipped["energies"][near]), 10.0, count, np.random.default_rng(21))
    expected = shipped["rows"][at, near]
    assert len(row) == len(expected)
    smallest = row[row > 0].min()  # the weight of one event, as some bin holds a single one
    for found, true in ((row.sum(), expected.sum()), (row[0], expected[0])):
        assert abs(found - true) < 5 * math.sqrt(true * smallest) + 0.002
    assert table(name)["losses"] == pytest.approx(geometries()[name].losses())
