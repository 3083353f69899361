"""The normal distribution without scipy, whose import alone takes more than a second.

The distribution function follows Cody's rational approximations to the error function [1]_, the quantile
Wichura's algorithm AS 241 [2]_. Both agree with scipy to 1e-12, relative to themselves in the lower tail too,
down to a probability of 1e-300 (tests).

References
----------
.. [1] W. J. Cody, Mathematics of Computation 23 (1969) 631.
.. [2] M. J. Wichura, Applied Statistics 37 (1988) 477, algorithm AS 241 (PPND16).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.errors import DataError

__all__ = ["cdf", "quantile"]

Floats = NDArray[np.float64]

# Numerators and denominators, highest power first. Cody: erf(x) = x P(x^2) / Q(x^2) for x <= 0.46875;
_ERF = (
    (
        1.85777706184603153e-1,
        3.16112374387056560,
        1.13864154151050156e2,
        3.77485237685302021e2,
        3.20937758913846947e3,
    ),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)
# erfc(x) = exp(-x^2) P(x) / Q(x) for 0.46875 <= x <= 4;
_ERFC = (
    (
        *(2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1),
        *(2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3),
        1.23033935479799725e3,
    ),
    (
        *(1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2),
        *(1.62138957456669019e3, 3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3),
        1.23033935480374942e3,
    ),
)
# erfc(x) = exp(-x^2) / x (1 / sqrt(pi) - P(1 / x^2) / (x^2 Q(1 / x^2))) beyond.
_ERFC_FAR = (
    (
        *(1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1),
        *(1.25781726111229246e-1, 1.60837851487422766e-2, 6.58749161529837803e-4),
    ),
    (
        *(1.0, 2.56852019228982242, 1.87295284992346725, 5.27905102951428412e-1),
        *(6.05183413124413191e-2, 2.33520497626869185e-3),
    ),
)
# Wichura: q P(r) / Q(r) with r = 0.180625 - q^2 for q = p - 1/2 of at most 0.425;
_CENTRE = (
    (
        *(2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4, 4.5921953931549871457e4),
        *(1.3731693765509461125e4, 1.9715909503065514427e3, 1.3314166789178437745e2, 3.3871328727963666080),
    ),
    (
        *(5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4, 2.1213794301586595867e4),
        *(5.3941960214247511077e3, 6.8718700749205790830e2, 4.2313330701600911252e1, 1.0),
    ),
)
# P(r - 1.6) / Q(r - 1.6) with r = sqrt(-log p) up to 5;
_TAIL = (
    (
        *(
            7.74545014278341407640e-4,
            2.27238449892691845833e-2,
            2.41780725177450611770e-1,
            1.27045825245236838258,
        ),
        *(3.64784832476320460504, 5.76949722146069140550, 4.63033784615654529590, 1.42343711074968357734),
    ),
    (
        *(1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2),
        *(
            1.48103976427480074590e-1,
            6.89767334985100004550e-1,
            1.67638483018380384940,
            2.05319162663775882187,
        ),
        1.0,
    ),
)
# P(r - 5) / Q(r - 5) beyond.
_TAIL_FAR = (
    (
        *(2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3),
        *(
            2.65321895265761230930e-2,
            2.96560571828504891230e-1,
            1.78482653991729133580,
            5.46378491116411436990,
        ),
        6.65790464350110377720,
    ),
    (
        *(2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5),
        *(7.86869131145613259100e-4, 1.48753612908506148525e-2, 1.36929880922735805310e-1),
        *(5.99832206555887937690e-1, 1.0),
    ),
)

_FAR = 37.5  # standard deviations: beyond, the tail is smaller than a float64 can hold to full precision


def cdf(x: ArrayLike) -> Floats:
    """Return the normal distribution function.

    Parameters
    ----------
    x : array_like
        Any shape, in standard deviations; infinities are allowed.

    Returns
    -------
    float64, the same shape
        Accurate relative to itself, in the lower tail too; the upper tail is ``cdf(-x)``.

    Raises
    ------
    DataError
        For NaN.

    References
    ----------
    W. J. Cody, Mathematics of Computation 23 (1969) 631.

    Examples
    --------
    >>> cdf([-1.959963984540054, 0.0, 1.0]).round(6)
    array([0.025   , 0.5     , 0.841345])
    """
    z = _numbers(x, "x")
    y = np.minimum(np.abs(z) / np.sqrt(2.0), 30.0)
    near = y <= 0.46875
    middle = np.clip(y, 0.46875, 4.0)
    far = np.maximum(y, 4.0)
    low = np.minimum(y, 0.46875)
    inner = 1.0 - low * _ratio(_ERF, low * low)
    # exp(-y^2) in two factors, so that the rounding of y^2 does not grow with it
    head = np.trunc(y * 16.0) / 16.0
    bell = np.exp(-head * head) * np.exp(-(y - head) * (y + head))
    inverse = 1.0 / (far * far)
    tail = (1.0 / np.sqrt(np.pi) - inverse * _ratio(_ERFC_FAR, inverse)) / far
    upper = np.where(near, inner, bell * np.where(y <= 4.0, _ratio(_ERFC, middle), tail))
    return np.asarray(np.where(z < 0, 0.5 * upper, 1.0 - 0.5 * upper), dtype=np.float64)


def quantile(p: ArrayLike) -> Floats:
    """Return the normal quantile, the inverse of `cdf`.

    Parameters
    ----------
    p : array_like
        Any shape; probabilities from 0 to 1.

    Returns
    -------
    float64, the same shape
        In standard deviations; minus infinity at 0, infinity at 1. Far in the upper tail take
        ``-quantile(q)`` of the small probability q = 1 - p, which a float64 holds to full precision.

    Raises
    ------
    DataError
        For NaN and for numbers outside 0 to 1.

    References
    ----------
    M. J. Wichura, Applied Statistics 37 (1988) 477, algorithm AS 241.

    Examples
    --------
    >>> quantile([0.025, 0.5, 0.95]).round(6)
    array([-1.959964,  0.      ,  1.644854])
    """
    chance = _numbers(p, "p")
    outside = (chance < 0) | (chance > 1)
    if outside.any():
        raise DataError(
            "a probability lies between 0 and 1",
            where="p",
            expected="0 to 1",
            found=f"{chance[outside].flat[0]:g}",
        )
    q = chance - 0.5
    small = np.maximum(np.minimum(chance, 1.0 - chance), 5e-324)
    r = np.sqrt(-np.log(small))
    centre = np.clip(q, -0.425, 0.425)
    inner = centre * _ratio(_CENTRE, 0.180625 - centre * centre)
    tail = np.where(
        r <= 5.0, _ratio(_TAIL, np.clip(r, 1.0, 5.0) - 1.6), _ratio(_TAIL_FAR, np.maximum(r, 5.0) - 5.0)
    )
    found = np.where(np.abs(q) <= 0.425, inner, np.copysign(tail, q))
    found = np.where(chance == 0, -np.inf, np.where(chance == 1, np.inf, found))
    return np.asarray(found, dtype=np.float64)


def _ratio(coefficients: tuple[tuple[float, ...], tuple[float, ...]], x: Floats) -> Floats:
    above, below = (np.polyval(np.array(part), x) for part in coefficients)
    return np.asarray(above / below, dtype=np.float64)


def _numbers(x: ArrayLike, where: str) -> Floats:
    values = np.asarray(x, dtype=np.float64)
    if np.isnan(values).any():
        raise DataError("a value is not a number", where=where, expected="no NaN", found="NaN")
    return values
