"""Templates: the mean spectrum of every class, of unit integral."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data._arrays import freeze
from gamma_flow.data.axis import Axis
from gamma_flow.data.family import Family, carried_shapes
from gamma_flow.data.spectra import Kind
from gamma_flow.errors import DataError, IncompatibleError
from gamma_flow.numerics.rebin import coverage
from gamma_flow.numerics.similarity import cosine_matrix

__all__ = ["Templates"]

_WHOLE = 1 - 1e-6  # a channel counts as covered when all but a rounding error of it is


@dataclass(frozen=True, eq=False)
class Templates:
    """Shapes of K classes on one axis (the loadings of the factorisation).

    Parameters
    ----------
    shapes : array_like, shape (K, C)
        One row a class; scaled here so that the absolute values over ``active`` add up to ``integral``. A
        score then is the number of counts (or the summed intensity) that the class contributes.
    classes : sequence of str, length K
        Names, each once.
    axis : Axis
        Of C channels.
    active : array_like of bool, shape (C,), optional
        Channels that are used; all by default.
    n_spectra : array_like of int, shape (K,), optional
        From how many spectra each shape was made.
    kind : {"counts", "intensity"}
        Decides how shapes are carried onto another axis.
    background : str or None
        The class that counts as background, if it is among ``classes``.
    modes : array_like, shape (K, Q, C), optional
        How the training spectra of a class scatter about their mean beyond counting: principal components
        times their standard deviation, for a template of unit integral.
    integral : array_like, shape (K,), optional
        Sum of each shape over ``active``: one on the axis of a model. Templates that were carried onto
        another axis keep their size, so that scores stay comparable; there it is the part that lies on it.
    family : Family or None
        The same classes, in the same order, at several values of a parameter (behind a shield of several
        thicknesses), in the same unit of size: on the axis of a model of unit sum over ``active``.

    Raises
    ------
    DataError
        Shapes that are not finite or vanish over the active channels, names twice, no class at all.
    IncompatibleError
        A family of other classes, another order of them, or another axis.

    Examples
    --------
    >>> templates = Templates([[2.0, 2.0, 0.0], [0.0, 1.0, 3.0]], ("a", "b"), Axis.channels(3))
    >>> templates.shapes
    array([[0.5 , 0.5 , 0.  ],
           [0.  , 0.25, 0.75]])
    """

    shapes: NDArray[np.float64]
    classes: tuple[str, ...]
    axis: Axis
    active: NDArray[np.bool_] = None  # type: ignore[assignment]  # filled in below
    n_spectra: NDArray[np.int64] = None  # type: ignore[assignment]
    kind: Kind = "counts"
    background: str | None = None
    integral: NDArray[np.float64] = None  # type: ignore[assignment]
    modes: NDArray[np.float64] = None  # type: ignore[assignment]
    family: Family | None = None

    def __post_init__(self) -> None:
        classes = tuple(self.classes)
        if not classes:
            raise DataError("templates need at least one class")
        if len(set(classes)) != len(classes):
            raise DataError("a class is named twice among the templates", found=", ".join(classes))
        count = len(classes)
        shapes = freeze(self.shapes, np.float64, (count, len(self.axis)), "the shapes of templates")
        use = np.ones(len(self.axis), bool) if self.active is None else self.active
        active = freeze(use, np.bool_, (len(self.axis),), "the active channels")
        if not active.any():
            raise DataError("no channel is active", cure="widen the energy range")
        if not np.isfinite(shapes).all():
            bad = classes[int(np.flatnonzero(~np.all(np.isfinite(shapes), axis=1))[0])]
            raise DataError("a template is not finite", where=f"class '{bad}'")
        size = np.abs(shapes[:, active]).sum(axis=1)
        if (size <= 0).any():
            bad = classes[int(np.flatnonzero(size <= 0)[0])]
            raise DataError(
                "a template vanishes over the active channels",
                where=f"class '{bad}'",
                cure="widen the energy range or leave the class out",
            )
        number = np.zeros(count, np.int64) if self.n_spectra is None else self.n_spectra
        keep = object.__setattr__
        keep(self, "classes", classes)
        goal = np.ones(count) if self.integral is None else self.integral
        integral = freeze(goal, np.float64, (count,), "the integral of templates")
        if not (np.isfinite(integral).all() and (integral > 0).all()):
            raise DataError("the integral of a template has to be positive")
        keep(self, "integral", integral)
        off = np.abs(size - integral) > 1e-13 * integral  # the others keep their last digit
        if off.any():
            factor = np.where(off, integral / size, 1.0)[:, None]
            shapes = freeze(shapes * factor, np.float64, shapes.shape, "the shapes")
        modes = np.zeros((count, 0, len(self.axis))) if self.modes is None else self.modes
        keep(
            self, "modes", freeze(modes, np.float64, (count, None, len(self.axis)), "the modes of templates")
        )
        if not np.isfinite(self.modes).all():
            raise DataError("the modes of templates are not finite")
        keep(self, "shapes", shapes)
        keep(self, "active", active)
        keep(self, "n_spectra", freeze(number, np.int64, (count,), "n_spectra"))
        keep(self, "background", self.background if self.background in classes else None)
        if self.family is not None:
            self._check_family(self.family)

    def _check_family(self, family: Family) -> None:
        if family.classes != self.classes or not family.axis.matches(self.axis):
            raise IncompatibleError(
                "the family is that of other templates",
                where=family.name,
                expected=f"{', '.join(self.classes)} on {self.axis}",
                found=f"{', '.join(family.classes)} on {family.axis}",
                cure="give it to gamma_flow.train, which puts its classes in order",
            )
        size = np.abs(family.shapes[:, :, self.active]).sum(axis=2)
        if not (size > 0).all():
            p, k = np.argwhere(~(size > 0))[0]
            raise DataError(
                "a template of the family vanishes over the active channels",
                where=f"class '{self.classes[k]}' at {family.name} = {family.values[p]:g} {family.unit}",
                cure="leave this value out, widen the energy range, or leave the class out",
            )

    def at(self, value: float) -> Templates:
        """Return the templates at one value of the family, alone.

        Raises
        ------
        IncompatibleError
            There is no family.
        DataError
            It does not reach so far.
        """
        family = self.family
        if family is None:
            raise IncompatibleError("these templates have no family", found=f"a value of {value:g}")
        shapes = family.at(value)
        size = np.abs(family.shapes[:, :, self.active]).sum(axis=2)
        goal = np.array([np.interp(value, family.values, column) for column in size.T])
        return replace(self, shapes=shapes, integral=goal, family=None)

    def __len__(self) -> int:
        return len(self.classes)

    def __repr__(self) -> str:
        return f"Templates({', '.join(self.classes)}; {int(self.active.sum())} of {self.axis})"

    @property
    def similarity(self) -> NDArray[np.float64]:
        """Cosine similarity of the shapes over the active channels, shape (K, K)."""
        return cosine_matrix(self.shapes[:, self.active])

    @property
    def range(self) -> tuple[float, float]:
        """Lower edge of the first and upper edge of the last active channel, in the axis' unit."""
        used = np.flatnonzero(self.active)
        return float(self.axis.edges[used[0]]), float(self.axis.edges[used[-1] + 1])

    def onto(self, axis: Axis) -> Templates:
        """Carry the shapes onto another axis: the templates move, the counts do not.

        A channel of the new axis is active if active channels of the old one cover all of it. Shapes keep
        their size: scores on any axis are in the units of the axis on which the model was trained.

        Parameters
        ----------
        axis : Axis
            The target, in the same unit.

        Raises
        ------
        IncompatibleError
            Another unit, or no channel of the target within the active range.
        """
        if self.axis.matches(axis):
            return self
        if axis.unit != self.axis.unit:
            raise IncompatibleError(
                f"the model lives on {self.axis}, the spectra on {axis}",
                expected=f"an axis in {self.axis.unit}",
                found=axis.unit,
                cure=f"train a model on {axis.unit}, or convert the axis of the spectra",
            )
        covered = coverage(self.axis.edges, axis.edges, self.active) >= _WHOLE
        if not covered.any():
            lo, hi = self.range
            raise IncompatibleError(
                f"the model lives on {self.axis}, the spectra on {axis}: they have no channel in common",
                expected=f"channels within {lo:g}..{hi:g} {axis.unit}",
                cure="check the calibration of the spectra",
            )
        shapes = carried_shapes(self.shapes, self.axis, axis, self.kind)
        size = np.abs(shapes[:, covered]).sum(axis=1)
        vanished = size <= 0
        if vanished.any():
            name = self.classes[int(np.flatnonzero(vanished)[0])]
            raise IncompatibleError(
                f"nothing of the template of '{name}' lies on {axis}",
                expected=f"an axis that covers more of {self.axis}",
                cure="leave the class out of the model, or measure over a wider range",
            )
        return Templates(
            shapes,
            self.classes,
            axis,
            covered,
            self.n_spectra,
            self.kind,
            self.background,
            size,
            self._modes_onto(axis),
            None if self.family is None else self.family.onto(axis, self.kind),
        )

    def _modes_onto(self, axis: Axis) -> NDArray[np.float64]:
        count, number, channels = self.modes.shape
        if number == 0:
            return np.zeros((count, 0, len(axis)))
        rows = self.modes.reshape(-1, channels)
        carried = carried_shapes(rows, self.axis, axis, self.kind, signed=True)
        return carried.reshape(count, number, len(axis))

    def covered_by(self, other: Templates) -> NDArray[np.float64]:
        """Return the part of each template that lies on the active channels of ``other``, shape (K,).

        ``other`` are the same templates carried onto another axis.
        """
        if self.kind == "counts":
            return other.integral / self.integral
        here, there = (np.abs(part.shapes * part.axis.widths) for part in (self, other))
        part: NDArray[np.float64] = there[:, other.active].sum(axis=1) / here[:, self.active].sum(axis=1)
        return part
