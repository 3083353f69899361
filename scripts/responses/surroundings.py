"""Photons through matter around a source: spherical shells, a floor of concrete, soil that emits.

One material each, so that flights are sampled to the next boundary directly.
"""

from __future__ import annotations

import math

import numpy as np

from ._jit import njit
from .detector import CUTOFF, push
from .materials import MC2, SYMBOLS, Float, k_shell, materials, tables
from .physics import anywhere, compton, pick, place, rayleigh, turn

BACK, FRONT = 24, 72  # bins below and above the energy of a photon scattered straight back
LINES = 4  # unscattered or coherent only; annihilation; K-alpha and K-beta of the heaviest element
SHELL, FLOOR, SOIL = 0, 1, 2


@njit
def bin_scattered(energy, after):
    """Return the bin of a scattered photon in a row of BACK + FRONT bins."""
    back = energy / (1.0 + 2.0 * energy / MC2)
    if after < back:
        return int(BACK * after / back)
    return BACK + min(FRONT - 1, int(FRONT * (after - back) / (energy - back)))


@njit
def to_boundary(mode, inner, outer, x, y, z, u, v, w):
    """Return the distance to the next boundary of the material for a point inside it."""
    if mode != 0:
        return -z / w if w > 0 else 1e30
    along = x * u + y * v + z * w
    square = x * x + y * y + z * z
    if along < 0:
        root = along * along - square + inner * inner
        if root > 0:
            near = -along - math.sqrt(root)
            if near > 0:
                return near
    return -along + math.sqrt(max(0.0, along * along - square + outer * outer))


@njit
def score(out, energy, after, scattered, x_rays, weight):
    """Add one photon that got out."""
    if not scattered and after == energy:
        out[0] += weight
    elif after == MC2:
        out[1] += weight
    elif after == x_rays[0]:
        out[2] += weight
    elif after == x_rays[1]:
        out[3] += weight
    elif after <= energy:
        out[4 + bin_scattered(energy, after)] += weight


@njit
def walk(rng, mode, count, energy, inner, outer, lowest, t, x_rays, out):
    """Add what leaves the material to ``out`` (LINES + BACK + FRONT,), summed over ``count`` photons.

    SHELL: photons per photon that leave through the outside. FLOOR: fluence in a ring.
    SOIL: fluence through the surface, per photon emitted anywhere down to ``outer``.
    """
    stack = np.zeros((64, 7))
    for _ in range(count):
        a, b, c = anywhere(rng)
        if mode == 2:
            stack[0, 0], stack[0, 1], stack[0, 2] = 0.0, 0.0, -outer * rng.random()
        elif mode == 1:
            # from a source above the floor, downwards, to where it meets the floor
            c = -max(abs(c), 1e-6)
            stack[0, 0], stack[0, 1], stack[0, 2] = -inner * a / c, -inner * b / c, -1e-9
        else:
            stack[0, 0], stack[0, 1], stack[0, 2] = inner * a, inner * b, inner * c
        stack[0, 3], stack[0, 4], stack[0, 5], stack[0, 6] = a, b, c, energy
        size, primary = 1, True
        while size > 0:
            size -= 1
            x, y, z = stack[size, 0], stack[size, 1], stack[size, 2]
            u, v, w, now = stack[size, 3], stack[size, 4], stack[size, 5], stack[size, 6]
            scattered = not primary
            primary = False
            while now >= lowest:
                at = place(now)
                step = -math.log(1.0 - rng.random()) / t.total[0, at]
                way = to_boundary(mode, inner, outer, x, y, z, u, v, w)
                if step > way:
                    x, y, z = x + way * u, y + way * v, z + way * w
                    if mode == 1:
                        # up to the height of the source, a ring around it
                        far = (x + inner * u / w) ** 2 + (y + inner * v / w) ** 2
                        if (0.3 * inner) ** 2 < far < (1.5 * inner) ** 2:
                            score(out, energy, now, True, x_rays, 1.0 / max(w, 0.02))
                        break
                    if mode == 2:
                        score(out, energy, now, scattered, x_rays, 1.0 / max(w, 0.02))
                        break
                    along = x * u + y * v + z * w
                    if along > 0:
                        if mode == 0:
                            score(out, energy, now, scattered, x_rays, 1.0)
                        break
                    # through the cavity to its other side
                    x, y, z = x - 2.0 * along * u, y - 2.0 * along * v, z - 2.0 * along * w
                    continue
                x, y, z = x + step * u, y + step * v, z + step * w
                chance = rng.random()
                if chance < t.cumulative[0, 0, at]:
                    shell = t.shell[0, pick(rng, t.element_photo[0], at)]
                    if now > shell[0] and rng.random() < shell[1] and rng.random() < shell[2]:
                        x_ray = shell[4] if rng.random() < shell[5] else shell[3]
                        size = push(stack, size, x, y, z, anywhere(rng), x_ray)
                    break
                if chance < t.cumulative[0, 1, at]:
                    now, cosine = compton(rng, now, t.binding[0], t.element_compton[0])
                    u, v, w = turn(u, v, w, cosine, 2.0 * math.pi * rng.random())
                    scattered = True
                elif chance < t.cumulative[0, 2, at]:
                    cosine = rayleigh(rng, now, t.rayleigh[0, pick(rng, t.element_rayleigh[0], at)])
                    u, v, w = turn(u, v, w, cosine, 2.0 * math.pi * rng.random())
                else:
                    a, b, c = anywhere(rng)
                    size = push(stack, size, x, y, z, (a, b, c), MC2)
                    size = push(stack, size, x, y, z, (-a, -b, -c), MC2)
                    break


def x_rays_of(name: str) -> Float:
    """Return K-alpha and K-beta energies of a material's heaviest element, or zeros below CUTOFF."""
    heaviest = max(materials()[name].fractions, key=lambda symbol: SYMBOLS[symbol])
    edge, _, _, alpha, beta, _ = k_shell(SYMBOLS[heaviest])
    return np.array([alpha, beta]) if CUTOFF < edge < 1e6 else np.zeros(2)


def shell(
    name: str, areal: float, energy: float, count: int, rng: np.random.Generator, cavity: float = 2.0
) -> Float:
    """Return what leaves a shell of ``areal`` g/cm2, per photon, (LINES + BACK + FRONT,)."""
    out = np.zeros(LINES + BACK + FRONT)
    thick = areal / materials()[name].density
    walk(rng, SHELL, count, energy, cavity, cavity + thick, CUTOFF, tables([name]), x_rays_of(name), out)
    return out / count


def floor(energy: float, count: int, rng: np.random.Generator) -> Float:
    """Return what a floor scatters up: fluence times height squared per photon, (LINES + BACK + FRONT,).

    The source stands 1 m above concrete; the fluence is averaged over the ring of 0.3 to 1.5 m around it
    at its own height. Air is left out, so that the fluence goes as height**-2.
    """
    out = np.zeros(LINES + BACK + FRONT)
    height = 100.0
    walk(rng, FLOOR, count, energy, height, 0.0, CUTOFF, tables(["concrete"]), x_rays_of("concrete"), out)
    area = math.pi * (1.5**2 - 0.3**2) * height**2
    return 0.5 * out / count / area * height**2  # half of the photons go up


def soil(energy: float, count: int, rng: np.random.Generator, deep: float = 120.0) -> Float:
    """Return the fluence above soil (1/cm2) per photon emitted in each gram, (LINES + BACK + FRONT,)."""
    out = np.zeros(LINES + BACK + FRONT)
    walk(rng, SOIL, count, energy, 0.0, deep, CUTOFF, tables(["soil"]), x_rays_of("soil"), out)
    return out / count * deep * materials()["soil"].density
