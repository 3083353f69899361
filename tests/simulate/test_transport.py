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
