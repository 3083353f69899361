"""From photons to deposited energy: one crystal in its housing, by delta tracking (Woodcock 1965).

The front face of the crystal lies in the plane z = 0 and photons come from below. A detector is a list of
nested bodies,
innermost first; whatever lies within none of them but within the last, the bound, is that last body's
material.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ._jit import njit
from .materials import GRID, MC2, POINTS, SYMBOLS, Float, Tables, k_shell, materials, tables
from .physics import anywhere, compton, forward, pick, place, rayleigh, turn

CYLINDER, BOX = 0.0, 1.0
LOWER, UPPER, PAIR_LOWER, PAIR_UPPER = 160, 64, 32, 96  # bins of a row; see ``bin_of``
BINS = LOWER + UPPER + PAIR_LOWER + PAIR_UPPER
MOST_LINES = 5  # X-ray losses that are kept as lines, at most
DISCRETE = 3 + MOST_LINES  # full energy, single and double escape, X-ray escapes
CUTOFF = 10.0  # keV: a photon below is absorbed where it is
STEP_ELECTRONS = 60.0  # keV: an electron below stays where it is


@dataclass(frozen=True)
class Body:
    """A cylinder (radius, radius) or box (half width, half height) from z0 to z1, cm."""

    material: str
    half_x: float
    half_y: float
    z0: float
    z1: float
    shape: float = CYLINDER
    active: bool = False


@dataclass(frozen=True)
class Geometry:
    """A detector for transport: bodies, innermost first; one is active, the last one bounds the rest."""

    name: str
    bodies: tuple[Body, ...]

    @property
    def crystal(self) -> Body:
        """Return the active body."""
        return next(body for body in self.bodies if body.active)

    @property
    def face_area(self) -> float:
        """Return the area of the front face, cm2."""
        c = self.crystal
        return 4 * c.half_x * c.half_y if c.shape == BOX else math.pi * c.half_x**2

    def face_fraction(self, distance: float) -> float:
        """Return the share of an isotropic point source's photons that aim at the front face."""
        c = self.crystal
        if c.shape == BOX:
            d = math.hypot(math.hypot(c.half_x, c.half_y), distance)
            return math.atan(c.half_x * c.half_y / (distance * d)) / math.pi
        return 0.5 * (1 - distance / math.hypot(distance, c.half_x))

    def losses(self) -> Float:
        """Return the K X-ray energies of the crystal that may escape, keV, at most MOST_LINES."""
        found: list[float] = []
        for symbol in materials()[self.crystal.material].fractions:
            edge, _, _, alpha, beta, _ = k_shell(SYMBOLS[symbol])
            if 9.0 < edge < 1e6:
                found += [alpha, beta]
        return np.array(sorted(found)[-MOST_LINES:])


@njit
def within(body, x, y, z):
    """Return whether a point lies in a body (one row of the table of bodies)."""
    if z < body[3] or z > body[4]:
        return False
    if body[0] == 0.0:
        return x * x + y * y <= body[1] * body[1]
    return abs(x) <= body[1] and abs(y) <= body[2]


@njit
def depth(body, x, y, z):
    """Return the distance from a point inside to the nearest face."""
    ends = min(z - body[3], body[4] - z)
    if body[0] == 0.0:
        return min(ends, body[1] - math.sqrt(x * x + y * y))
    return min(ends, body[1] - abs(x), body[2] - abs(y))


@njit
def reach(body, x, y, z, u, v, w):
    """Return the distance to where a ray enters a body from outside, or -1 if it never does."""
    near, far = 0.0, 1e30
    for axis in range(3):
        if axis == 2:
            p, d, low, high = z, w, body[3], body[4]
        elif body[0] == 1.0 and axis == 0:
            p, d, low, high = x, u, -body[1], body[1]
        elif body[0] == 1.0:
            p, d, low, high = y, v, -body[2], body[2]
        else:
            continue
        if abs(d) < 1e-12:
            if p < low or p > high:
                return -1.0
            continue
        first, second = (low - p) / d, (high - p) / d
        near, far = max(near, min(first, second)), min(far, max(first, second))
    if body[0] == 0.0:
        a, b, c = u * u + v * v, x * u + y * v, x * x + y * y - body[1] * body[1]
        if a < 1e-14:
            if c > 0:
                return -1.0
        else:
            root = b * b - a * c
            if root <= 0:
                return -1.0
            root = math.sqrt(root)
            near, far = max(near, (-b - root) / a), min(far, (-b + root) / a)
    return near if near < far else -1.0


@njit
def electron(rng, energy, x, y, z, u, v, w, m, body, t, stack, size):
    """Slow an electron down: return (energy left in the crystal, stack size with its photons)."""
    left = energy
    at = place(energy)
    share = t.yield_[m, at]
    if energy > STEP_ELECTRONS:
        mean = 2.0 * share * (math.log(energy / CUTOFF) - 1.0 + CUTOFF / energy)
        number = rng.poisson(mean)
        for _ in range(number):
            while True:
                k = CUTOFF * math.exp(rng.random() * math.log(energy / CUTOFF))
                if rng.random() < 1.0 - k / energy:
                    break
            if k < left and size < stack.shape[0]:
                left -= k
                a, b, c = turn(u, v, w, forward(rng, energy), 2.0 * math.pi * rng.random())
                stack[size, 0], stack[size, 1], stack[size, 2] = x, y, z
                stack[size, 3], stack[size, 4], stack[size, 5], stack[size, 6] = a, b, c, k
                size += 1
        length = t.range_[m, at]
        if length > depth(body, x, y, z):
            steps = 16
            step = length / steps
            for i in range(steps):
                remaining = length * (1.0 - (i + 0.5) / steps)
                now = GRID[min(POINTS - 1, np.searchsorted(t.range_[m], remaining))]
                x, y, z = x + step * u, y + step * v, z + step * w
                if not within(body, x, y, z):
                    return max(0.0, left - now), size
                tau = now / MC2
                pv = now * (tau + 2.0) / (tau + 1.0)  # momentum times velocity, keV
                thickness = step / t.radiation_length[m]
                width = 13600.0 / pv * math.sqrt(thickness) * max(0.2, 1.0 + 0.038 * math.log(thickness))
                angle = min(math.pi, width * math.sqrt(-2.0 * math.log(1.0 - rng.random())))
                u, v, w = turn(u, v, w, math.cos(angle), 2.0 * math.pi * rng.random())
    return left, size


@njit
def push(stack, size, x, y, z, direction, energy):
    """Put a photon on the stack and return its new size."""
    if size < stack.shape[0]:
        stack[size, 0], stack[size, 1], stack[size, 2] = x, y, z
        stack[size, 3], stack[size, 4], stack[size, 5] = direction
        stack[size, 6] = energy
        return size + 1
    return size


@njit
def follow(rng, bodies, most, t, stack, size):
    """Follow every photon on the stack; return (energy deposited, 1 if a pair was made in the crystal)."""
    deposit, paired = 0.0, 0
    last = bodies.shape[0] - 1
    while size > 0:
        size -= 1
        x, y, z = stack[size, 0], stack[size, 1], stack[size, 2]
        u, v, w, energy = stack[size, 3], stack[size, 4], stack[size, 5], stack[size, 6]
        while True:
            at = place(energy)
            step = -math.log(1.0 - rng.random()) / most[at]
            x, y, z = x + step * u, y + step * v, z + step * w
            if not within(bodies[last], x, y, z):
                break
            b = 0
            while not within(bodies[b], x, y, z):
                b += 1
            m = int(bodies[b, 5])
            if rng.random() * most[at] > t.total[m, at]:
                continue
            active = bodies[b, 6] > 0
            chance = rng.random()
            if chance < t.cumulative[m, 0, at] or energy < CUTOFF:
                shell = t.shell[m, pick(rng, t.element_photo[m], at)]
                kept = energy
                if energy > shell[0] and rng.random() < shell[1] and rng.random() < shell[2]:
                    x_ray = shell[4] if rng.random() < shell[5] else shell[3]
                    kept -= x_ray
                    size = push(stack, size, x, y, z, anywhere(rng), x_ray)
                if active:
                    moving = max(0.0, energy - shell[0]) if energy > shell[0] else energy
                    rest = kept - moving
                    if moving > STEP_ELECTRONS:
                        a, c, d = turn(u, v, w, forward(rng, moving), 2.0 * math.pi * rng.random())
                        moving, size = electron(rng, moving, x, y, z, a, c, d, m, bodies[b], t, stack, size)
                    deposit += rest + moving
                break
            if chance < t.cumulative[m, 1, at]:
                after, cosine = compton(rng, energy, t.binding[m], t.element_compton[m])
                phi = 2.0 * math.pi * rng.random()
                a, c, d = turn(u, v, w, cosine, phi)
                if active:
                    moving = energy - after
                    if moving > STEP_ELECTRONS:
                        # the electron takes the momentum that the photon lost
                        p, q, r = energy * u - after * a, energy * v - after * c, energy * w - after * d
                        norm = math.sqrt(p * p + q * q + r * r)
                        moving, size = electron(
                            rng, moving, x, y, z, p / norm, q / norm, r / norm, m, bodies[b], t, stack, size
                        )
                    deposit += moving
                u, v, w, energy = a, c, d, after
                if energy < CUTOFF:
                    if active:
                        deposit += energy
                    break
            elif chance < t.cumulative[m, 2, at]:
                cosine = rayleigh(rng, energy, t.rayleigh[m, pick(rng, t.element_rayleigh[m], at)])
                u, v, w = turn(u, v, w, cosine, 2.0 * math.pi * rng.random())
            else:
                direction = anywhere(rng)
                size = push(stack, size, x, y, z, direction, MC2)
                size = push(stack, size, x, y, z, (-direction[0], -direction[1], -direction[2]), MC2)
                if active:
                    paired = 1
                    available = energy - 2.0 * MC2
                    first = available * rng.random()
                    for moving in (first, available - first):
                        spread = math.cos(min(math.pi, MC2 / (moving + MC2)))
                        a, c, d = turn(u, v, w, spread, 2.0 * math.pi * rng.random())
                        kept, size = electron(rng, moving, x, y, z, a, c, d, m, bodies[b], t, stack, size)
                        deposit += kept
                break
    return deposit, paired


@njit
def bin_of(energy, deposit, paired):
    """Return the bin of a continuum event in a row.

    Without a pair: [0, Compton edge] in LOWER equal bins, [Compton edge, energy] in UPPER. With one:
    [0, double escape] in
    PAIR_LOWER, [double escape, full energy] in PAIR_UPPER. Features keep their bins as the energy
    changes, so that rows of
    neighbouring energies can be interpolated.
    """
    if paired:
        lowest = max(energy - 2.0 * MC2, 0.0)
        if deposit < lowest:
            return LOWER + UPPER + int(PAIR_LOWER * deposit / lowest)
        part = (deposit - lowest) / (energy - lowest)
        return LOWER + UPPER + PAIR_LOWER + min(PAIR_UPPER - 1, int(PAIR_UPPER * part))
    k = energy / MC2
    edge = energy * 2.0 * k / (1.0 + 2.0 * k)
    if deposit < edge:
        return int(LOWER * deposit / edge)
    return LOWER + min(UPPER - 1, int(UPPER * (deposit - edge) / (energy - edge)))


@njit
def tally(rng, count, energy, distance, cosine_most, radius, bodies, most, t, losses, out):
    """Start ``count`` photons, add what they deposit to ``out`` (DISCRETE + BINS,), return the events.

    distance > 0: a point source on the axis, directions within a cone. distance = 0: an
    isotropic field, from the inside
    of a sphere around the bound with the cosine law.
    """
    stack = np.zeros((64, 7))
    last = bodies[bodies.shape[0] - 1]
    middle = 0.5 * (last[3] + last[4])
    total = 0
    for _ in range(count):
        phi = 2.0 * math.pi * rng.random()
        if distance > 0:
            x, y, z = 0.0, 0.0, -distance
            w = cosine_most + (1.0 - cosine_most) * rng.random()
            root = math.sqrt(1.0 - w * w)
            u, v = root * math.cos(phi), root * math.sin(phi)
        else:
            a, b, c = anywhere(rng)
            x, y, z = radius * a, radius * b, middle + radius * c
            u, v, w = turn(-a, -b, -c, math.sqrt(rng.random()), phi)
        way = reach(last, x, y, z, u, v, w)
        if way < 0:
            continue
        way += 1e-9
        stack[0, 0], stack[0, 1], stack[0, 2] = x + way * u, y + way * v, z + way * w
        stack[0, 3], stack[0, 4], stack[0, 5], stack[0, 6] = u, v, w, energy
        deposit, paired = follow(rng, bodies, most, t, stack, 1)
        if deposit < 1.0:
            continue
        total += 1
        loss = energy - deposit
        if loss < 1.0:
            out[0] += 1
            continue
        if paired and abs(loss - MC2) < 1.0:
            out[1] += 1
            continue
        if paired and abs(loss - 2.0 * MC2) < 1.0:
            out[2] += 1
            continue
        line = -1
        for i in range(losses.size):
            if abs(loss - losses[i]) < 0.01:
                line = i
        if line >= 0:
            out[3 + line] += 1
        else:
            out[DISCRETE + bin_of(energy, deposit, paired)] += 1
    return total


class Transport:
    """A detector made ready: its bodies and tables as arrays."""

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry
        names = list(dict.fromkeys(body.material for body in geometry.bodies))
        self.tables: Tables = tables(names)
        self.bodies = np.array(
            [
                [b.shape, b.half_x, b.half_y, b.z0, b.z1, names.index(b.material), float(b.active)]
                for b in geometry.bodies
            ]
        )
        self.most: Float = self.tables.total.max(axis=0)
        self.losses = geometry.losses()

    def row(self, energy: float, distance: float, count: int, rng: np.random.Generator) -> Float:
        """Return lines and continuum (DISCRETE + BINS,) per photon that aims at the front face.

        With distance 0: per photon of an isotropic field that would cross an area as large as the front
        face, that is per fluence times face area.
        """
        last = self.geometry.bodies[-1]
        across = last.half_x if last.shape == CYLINDER else math.hypot(last.half_x, last.half_y)
        radius = math.hypot(across, 0.5 * (last.z1 - last.z0)) * 1.001
        out = np.zeros(DISCRETE + BINS)
        if distance > 0:
            front = distance + last.z0
            cosine = front / math.hypot(front, across)
            weight = 0.5 * (1 - cosine) / self.geometry.face_fraction(distance)
        else:
            cosine, weight = 0.0, math.pi * radius**2 / self.geometry.face_area
        tally(
            rng,
            count,
            energy,
            distance,
            cosine,
            radius,
            self.bodies,
            self.most,
            self.tables,
            self.losses,
            out,
        )
        return out * (weight / count)


__all__ = [
    "BINS",
    "BOX",
    "CYLINDER",
    "DISCRETE",
    "LOWER",
    "PAIR_LOWER",
    "PAIR_UPPER",
    "UPPER",
    "Body",
    "Geometry",
    "Transport",
]
