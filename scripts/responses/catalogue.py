"""The detectors, shields and energies that are tabulated."""

from __future__ import annotations

import numpy as np

from .detector import BOX, CYLINDER, Body, Geometry
from .materials import Float, k_shell

INCH = 2.54
SEED = 20240124
DISTANCES = (5.0, 10.0, 100.0, 0.0)  # cm from the front face; 0 stands for an isotropic field
SHIELDS = {  # areal densities, g/cm2
    "steel": (0.8, 2, 4, 8, 12, 16, 24, 32, 48, 64, 80),
    "lead": (0.3, 1, 2, 4, 6, 9, 12, 18, 24, 36, 57),
    "aluminium": (0.3, 0.8, 2, 4, 8, 12, 20, 28, 40, 54),
    "water": (0.5, 1, 2, 4, 8, 12, 18, 25, 35, 50),
    "polyethylene": (0.5, 1, 2, 4, 8, 12, 18, 25, 35, 47),
    "concrete": (1, 2.5, 5, 10, 16, 24, 36, 50, 70, 92),
}


def _canned(
    name: str, crystal: str, diameter: float, length: float, *, can: float = 0.05, gap: float = 0.18
) -> Geometry:
    """Return a scintillator in its reflector and aluminium can, with window and photomultiplier behind it."""
    r, outside = diameter / 2, diameter / 2 + gap + can
    return Geometry(
        name,
        (
            Body(crystal, r, r, 0.0, length, active=True),
            Body("MgO", r + gap, r + gap, -gap, length),
            Body("Al", outside, outside, -gap - can, length),
            Body("glass", outside, outside, length, length + 0.4),
            Body("tube", outside, outside, length + 0.4, length + 10.4),
            Body("void", outside + 0.01, outside + 0.01, -gap - can - 0.01, length + 10.41),
        ),
    )


def geometries() -> dict[str, Geometry]:
    """Return the geometry of every detector; lengths in cm."""
    half = 0.5
    csi = Geometry(
        "CsI-1cm3",
        (
            Body("CsI", half, half, 0.0, 1.0, BOX, active=True),
            Body("plastic", half + 0.1, half + 0.1, -0.1, 1.1, BOX),  # reflector and potting
            Body("void", 1.5, 1.5, -0.4, 1.2, BOX),
            Body("electronics", 1.5, 3.0, 1.2, 1.7, BOX),
            Body("plastic", 1.7, 3.2, -0.55, 1.85, BOX),
            Body("void", 1.71, 3.21, -0.56, 1.86, BOX),
        ),
    )
    czt = Geometry(
        "CZT-1cm3",
        (
            Body("CZT", half, half, 0.0, 1.0, BOX, active=True),
            Body("void", 1.2, 1.2, -0.5, 1.2, BOX),
            Body("electronics", 1.2, 1.2, 1.2, 2.2, BOX),
            Body("Al", 1.3, 1.3, -0.6, 2.3, BOX),
            Body("void", 1.31, 1.31, -0.61, 2.31, BOX),
        ),
    )
    bar = Geometry(
        "NaI-2x4x16",
        (
            Body("NaI", 2 * INCH, 8 * INCH, 0.0, 2 * INCH, BOX, active=True),
            Body("MgO", 2 * INCH + 0.2, 8 * INCH + 0.2, -0.2, 2 * INCH + 0.2, BOX),
            Body("steel", 2 * INCH + 0.25, 8 * INCH + 0.25, -0.25, 2 * INCH + 0.25, BOX),
            Body("void", 2 * INCH + 0.26, 8 * INCH + 0.26, -0.26, 2 * INCH + 0.26, BOX),
        ),
    )
    dead = 0.07
    germanium = Geometry(
        "HPGe-coaxial",
        (
            Body("void", 0.5, 0.5, 1.5, 6.0),  # the bore
            Body("Ge", 3.0 - dead, 3.0 - dead, dead, 6.0, CYLINDER, active=True),
            Body("Ge", 3.0, 3.0, 0.0, 6.0),  # dead layer
            Body("Al", 3.1, 3.1, 0.0, 9.0),  # holder, behind the crystal too
            Body("void", 3.5, 3.5, -0.5, 12.0),
            Body("Al", 3.6, 3.6, -0.6, 12.1),
            Body("void", 3.61, 3.61, -0.61, 12.11),
        ),
    )
    made = (
        _canned("NaI-2x2", "NaI", 2 * INCH, 2 * INCH),
        _canned("NaI-3x3", "NaI", 3 * INCH, 3 * INCH),
        _canned("NaI-1.4x2", "NaI", 1.4 * INCH, 2 * INCH, gap=0.15, can=0.25),  # with the case of a handheld
        bar,
        csi,
        _canned("LaBr3-1.5x1.5", "LaBr3", 1.5 * INCH, 1.5 * INCH, gap=0.1),
        czt,
        germanium,
    )
    return {one.name: one for one in made}


def bare(geometry: Geometry) -> Geometry:
    """Return the crystal alone: what published efficiencies are for."""
    c = geometry.crystal
    bound = Body("void", c.half_x + 0.01, c.half_y + 0.01, c.z0 - 0.01, c.z1 + 0.01, c.shape)
    return Geometry(geometry.name + " (bare)", (c, bound))


def energies(crystal: str | None = None) -> Float:
    """Return the tabulated photon energies, keV: 15 to 3200, closer where edges bend the response."""
    if crystal is None:
        return np.geomspace(15.0, 3200.0, 56)
    from .materials import SYMBOLS, materials

    grid = np.geomspace(15.0, 3200.0, 96)
    edges = [k_shell(SYMBOLS[s])[0] for s in materials()[crystal].fractions]
    close = [edge * side for edge in edges if 15 < edge < 100 for side in (0.999, 1.001)]
    return np.unique(np.concatenate([grid, close]))
