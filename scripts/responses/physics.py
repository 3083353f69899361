"""What happens to one photon at one place: free functions that compile, or run as plain Python."""

from __future__ import annotations

import math

import numpy as np

from ._jit import njit
from .materials import GRID, HC, LOW, MC2, POINTS, X_GRID, X_POINTS

_LOG_LOW = math.log(LOW)
_PER_STEP = (POINTS - 1) / math.log(float(GRID[-1]) / LOW)
_X_LOW = math.log(float(X_GRID[0]))
_X_PER_STEP = (X_POINTS - 1) / math.log(float(X_GRID[-1] / X_GRID[0]))
_X_FIRST, _X_LAST = float(X_GRID[0]), float(X_GRID[-1])


@njit
def place(energy):
    """Return the grid point next to an energy."""
    if energy <= LOW:
        return 0
    return min(POINTS - 1, int((math.log(energy) - _LOG_LOW) * _PER_STEP + 0.5))


@njit
def turn(u, v, w, cosine, phi):
    """Return a direction that makes an angle with (u, v, w)."""
    sine = math.sqrt(max(0.0, 1.0 - cosine * cosine))
    a, b = sine * math.cos(phi), sine * math.sin(phi)
    if abs(w) > 0.99999:
        sign = 1.0 if w > 0 else -1.0
        return a, b, sign * cosine
    root = math.sqrt(1.0 - w * w)
    return (
        cosine * u + (a * u * w - b * v) / root,
        cosine * v + (a * v * w + b * u) / root,
        cosine * w - a * root,
    )


@njit
def anywhere(rng):
    """Return an isotropic direction."""
    w = 2.0 * rng.random() - 1.0
    phi = 2.0 * math.pi * rng.random()
    root = math.sqrt(1.0 - w * w)
    return root * math.cos(phi), root * math.sin(phi), w


@njit
def klein_nishina(rng, energy):
    """Return (energy after, cosine), by the composition and rejection of Butcher and Messel (1960)."""
    k = energy / MC2
    least = 1.0 / (1.0 + 2.0 * k)
    a1, a2 = -math.log(least), 0.5 * (1.0 - least * least)
    while True:
        if rng.random() * (a1 + a2) < a1:
            ratio = math.exp(-a1 * rng.random())
        else:
            ratio = math.sqrt(least * least + (1.0 - least * least) * rng.random())
        t = (1.0 - ratio) / (k * ratio)
        if rng.random() < 1.0 - ratio * t * (2.0 - t) / (1.0 + ratio * ratio):
            return energy * ratio, 1.0 - t


@njit
def bound(table, energy, cosine):
    """Return S(x)/Z for a scatter by an angle, from one row of ``Tables.binding``."""
    x = energy / HC * math.sqrt(max(0.0, 0.5 * (1.0 - cosine)))
    if x <= _X_FIRST:
        return table[0] * (x / _X_FIRST) ** 2
    if x >= _X_LAST:
        return 1.0
    return table[int((math.log(x) - _X_LOW) * _X_PER_STEP)]


@njit
def compton(rng, energy, binding, elements):
    """Return (energy after, cosine) of a scatter on a bound electron: Klein-Nishina times S(x)/Z."""
    e = 0
    chance = rng.random()
    while elements[e] < chance:
        e += 1
    while True:
        after, cosine = klein_nishina(rng, energy)
        if rng.random() < bound(binding[e], energy, cosine):
            return after, cosine


@njit
def rayleigh(rng, energy, running):
    """Return the cosine of a coherent scatter: x**2 from f0**2, then Thomson's (1 + cos**2)/2."""
    most = energy / HC
    if most <= _X_FIRST:
        top = running[0] * (most / _X_FIRST) ** 2
    else:
        top = running[min(X_POINTS - 1, int((math.log(most) - _X_LOW) * _X_PER_STEP))]
    while True:
        wanted = rng.random() * top
        if wanted <= running[0]:
            square = _X_FIRST**2 * wanted / running[0]
        else:
            low = np.searchsorted(running, wanted) - 1
            low = max(0, min(low, X_POINTS - 2))
            part = (wanted - running[low]) / max(1e-300, running[low + 1] - running[low])
            square = X_GRID[low] ** 2 + part * (X_GRID[low + 1] ** 2 - X_GRID[low] ** 2)
        cosine = 1.0 - 2.0 * square / (most * most)
        if cosine < -1.0:
            continue
        if rng.random() < 0.5 * (1.0 + cosine * cosine):
            return cosine


@njit
def pick(rng, shares, at):
    """Return the element that a running table (E, POINTS) gives at a grid point."""
    e = 0
    chance = rng.random()
    while shares[e, at] < chance:
        e += 1
    return e


@njit
def forward(rng, energy):
    """Return the cosine of an electron's bremsstrahlung or a photoelectron: the dipole of a moving charge."""
    tau = energy / MC2
    beta = math.sqrt(tau * (tau + 2.0)) / (tau + 1.0)
    c = 2.0 * rng.random() - 1.0
    return (c + beta) / (1.0 + beta * c)
