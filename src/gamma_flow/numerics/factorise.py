"""Templates from mixtures alone: non-negative factorisation, with some templates fixed and some free.

Values X (N, C) are written as scores A (N, K) times templates T (K, C) of unit sum, both not negative. Each
step minimises a function that lies above the loss and touches it where the step begins (majorise and
minimise), so no step can raise the loss:

- Poisson: sum(AT - X log AT), twice its distance from the best possible is the deviance. The steps are those
  of [1]_, which are those of expectation maximisation for emission tomography.
- Least squares: half of sum((X - AT)^2), one class after the other solved exactly [4]_.

Free templates may be made smooth by the penalty ``smooth/2 S C sum (t_c - t_c+1)^2``, S the sum of the values
(least squares: of their squares), which makes ``smooth`` independent of counts, channels and spectra. Its
mixed terms are split as in [2]_; then each channel has a quadratic equation of its own, and the unit sum a
multiplier that bisection finds.

References
----------
.. [1] D. D. Lee, H. S. Seung, Nature 401 (1999) 788; C. Fevotte, J. Idier, Neural Computation 23 (2011) 2421
   (why they descend).
.. [2] A. R. De Pierro, IEEE Transactions on Medical Imaging 14 (1995) 132.
.. [3] C. Boutsidis, E. Gallopoulos, Pattern Recognition 41 (2008) 1350.
.. [4] A. Cichocki, A.-H. Phan, IEICE Transactions on Fundamentals E92-A (2009) 708.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.errors import DataError
from gamma_flow.numerics import similarity
from gamma_flow.numerics._factor_steps import Loss, Work, unit_templates

__all__ = ["Factorised", "factorise"]

Floats = NDArray[np.float64]

_CHECK = 10  # steps between two looks at the loss


@dataclass(frozen=True, slots=True)
class Factorised:
    """Values as scores times templates.

    Parameters
    ----------
    templates : (K, C)
        Of unit sum, the fixed ones first, then the free ones by falling total score.
    scores : (N, K)
        In the unit of the values.
    deviance : (S,)
        Before the first step and after each: twice loss and penalty, that is, the Poisson deviance or the sum
        of squared residuals where nothing is made smooth. It never rises (up to rounding).
    converged : bool
        Whether the loss had settled before the steps were used up.
    """

    templates: Floats
    scores: Floats
    deviance: Floats
    converged: bool


def factorise(
    values: ArrayLike,
    n_free: int,
    *,
    fixed: ArrayLike | None = None,
    loss: Loss = "poisson",
    smooth: float = 0.0,
    start: ArrayLike | np.random.Generator | None = None,
    tolerance: float = 1e-5,
    max_steps: int = 1000,
    progress: Callable[[int, float], object] | None = None,
) -> Factorised:
    """Find templates, and scores, that together make the values.

    Parameters
    ----------
    values : (N, C) array_like
        Spectra; not negative where the loss is Poisson. Not modified.
    n_free : int
        Number of templates to find; 0 fits scores only.
    fixed : (F, C) array_like, optional
        Templates that are known, not negative; scaled to unit sum and never changed.
    loss : {"poisson", "leastsquares"}
        For counts, and for everything else.
    smooth : float
        Weight of the penalty on differences of neighbouring channels of free templates: with peaks ten
        channels wide 1e-3 hardly shows, and 0.1 is strong.
    start : (n_free, C) array_like or numpy.random.Generator, optional
        First free templates, or what draws them. Without it they come from the leading singular vectors of
        what the fixed ones leave, without chance [3]_.
    tolerance : float
        Stop when ten steps lower the loss by no more than this times the loss.
    max_steps : int
        Most steps.
    progress : callable, optional
        Called as ``progress(step, deviance)`` after each step; a result that is ``False`` ends the work with
        what there is.

    Returns
    -------
    Factorised
        Which factorisation is found depends on the start: the problem has many local minima, and even the
        best one need not be unique. Fixed templates, and spectra in which a class is absent, make it so.

    Raises
    ------
    DataError
        Values that are not finite or, for Poisson, negative; fixed or start templates that are negative or
        zero; numbers out of range.
    IncompatibleError
        Templates with other channels than the values.

    References
    ----------
    .. [3] C. Boutsidis, E. Gallopoulos, Pattern Recognition 41 (2008) 1350.

    Examples
    --------
    >>> shapes = np.array([[0.7, 0.3, 0.0], [0.0, 0.5, 0.5]])
    >>> amounts = np.array([[100.0, 0.0], [0.0, 100.0], [50.0, 50.0]])
    >>> found = factorise(amounts @ shapes, 1, fixed=shapes[:1], tolerance=1e-9)
    >>> found.templates.round(2)
    array([[0.7, 0.3, 0. ],
           [0. , 0.5, 0.5]])
    """
    x = _checked(values, n_free, loss, smooth, tolerance, max_steps)
    known = unit_templates(fixed, "fixed", x.shape[1])
    work = Work(x, loss, smooth, len(known))
    t, a = work.begin(known, n_free, start)
    history = [work.loss(a, t)]
    converged = False
    for step in range(1, max_steps + 1):
        t, now = work.step(a, t)
        history.append(now)
        stopped = progress is not None and progress(step, now) is False
        converged = step >= _CHECK and history[-1 - _CHECK] - now <= tolerance * abs(now)
        if stopped or converged:
            break
    order = np.argsort(-a[:, len(known) :].sum(axis=0), kind="stable") + len(known)
    keep = np.concatenate([np.arange(len(known)), order])
    return Factorised(t[keep], a[:, keep], np.array(history), converged)


def _checked(
    values: ArrayLike, n_free: int, loss: str, smooth: float, tolerance: float, max_steps: int
) -> NDArray[Any]:
    x = similarity.matrix(values, "values")
    if loss not in ("poisson", "leastsquares"):
        raise DataError("unknown loss", where="loss", expected="poisson or leastsquares", found=str(loss))
    for number, name in (
        (n_free, "n_free"),
        (smooth, "smooth"),
        (tolerance, "tolerance"),
        (max_steps, "max_steps"),
    ):
        if not (np.isfinite(number) and number >= 0):
            raise DataError("a number is out of range", where=name, expected=">= 0", found=f"{number:g}")
    for block in similarity.blocks(len(x), x.shape[1]):
        similarity.refuse_nonfinite(x[block], "values", block.start)
        if loss == "poisson" and x[block].min(initial=0) < 0:
            raise DataError(
                "counts are not negative",
                where=f"values, rows {block.start} to {block.stop - 1}",
                expected=">= 0",
                found=f"{x[block].min():g}",
                cure='for values that may be negative: loss="leastsquares"',
            )
    return x
