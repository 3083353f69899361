"""Templates as a function of one parameter: the same classes behind a shield of many thicknesses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data._arrays import freeze
from gamma_flow.data.axis import Axis
from gamma_flow.data.spectra import Kind
from gamma_flow.errors import DataError, IncompatibleError
from gamma_flow.numerics.families import between
from gamma_flow.numerics.rebin import interpolate, rebin_smooth

__all__ = ["Family", "carried_shapes"]


@dataclass(frozen=True, eq=False)
class Family:
    """Shapes of K classes at each of P values of one parameter.

    A spectrum has one value, common to all that is in it: all its sources are behind one shield. Which value
    that is is looked for in every spectrum.

    Parameters
    ----------
    values : array_like, shape (P,)
        Increasing; the first need not be zero. All from the first to the last are equally likely in the
        spectra that are drawn for a calibration. Between neighbours shapes are interpolated, so the steps
        have to be small where shapes change much: at thin shields and low energies.
    shapes : array_like, shape (P, K, C)
        One row a class at each value. Their sizes do not count: `gamma_flow.train` scales each to unit sum
        over the active channels.
    classes : sequence of str, length K
        Names, each once. A class of the model that is not among them keeps its template at every value, as
        the background does behind no shield.
    axis : Axis
        Of C channels.
    name, unit : str
        What the parameter is, such as "steel", and its unit, such as "cm".

    Raises
    ------
    DataError
        No value, values that do not increase, a class named twice, shapes that are not finite or all zero.

    See Also
    --------
    gamma_flow.simulate.families : makes families by simulation, from nuclides or from measured templates.

    Examples
    --------
    >>> family = Family([0, 1], [[[3.0, 1.0]], [[2.0, 2.0]]], ("a",), Axis.channels(2), "steel", "cm")
    >>> family
    Family(steel, 2 values 0..1 cm; a)
    >>> family.at(0.5)
    array([[2.44948974, 1.41421356]])
    """

    values: NDArray[np.float64]
    shapes: NDArray[np.float64]
    classes: tuple[str, ...]
    axis: Axis
    name: str = "family"
    unit: str = ""

    def __post_init__(self) -> None:
        classes = tuple(self.classes)
        if not classes or len(set(classes)) != len(classes):
            raise DataError(
                "a family needs classes, each once", where=self.name, found=", ".join(classes) or "none"
            )
        values = freeze(self.values, np.float64, (None,), f"the values of the family '{self.name}'")
        if not len(values) or not np.isfinite(values).all() or not (np.diff(values) > 0).all():
            raise DataError(
                "the values of a family have to increase",
                where=self.name,
                expected="one or more finite numbers, each greater than the one before",
                found=", ".join(f"{value:g}" for value in values) or "none",
            )
        wanted = (len(values), len(classes), len(self.axis))
        shapes = freeze(self.shapes, np.float64, wanted, f"the shapes of the family '{self.name}'")
        size = np.abs(shapes).sum(axis=2)
        bad = np.argwhere(~(np.isfinite(size) & (size > 0)))
        if len(bad):
            p, k = bad[0]
            raise DataError(
                "a shape of a family is not finite, or nothing is left of it",
                where=f"class '{classes[k]}' at {self.name} = {values[p]:g} {self.unit}".rstrip(),
                expected="finite values that are not all zero",
                found=f"a sum of {size[p, k]:g}",
                cure="leave this value out",
            )
        keep = object.__setattr__
        keep(self, "classes", classes)
        keep(self, "values", values)
        keep(self, "shapes", shapes)

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        span = f"{self.values[0]:g}..{self.values[-1]:g} {self.unit}".rstrip()
        return f"Family({self.name}, {len(self)} values {span}; {', '.join(self.classes)})"

    @property
    def label(self) -> str:
        """Name and unit as the head of a column: "steel (cm)"."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    def finer(self, steps: int) -> NDArray[np.float64]:
        """Return the values with others between neighbours, so many steps from one to the next."""
        places = np.arange((len(self) - 1) * steps + 1) / steps
        return np.interp(places, np.arange(len(self)), self.values)

    def at(self, value: float) -> NDArray[np.float64]:
        """Return the shapes at a value, interpolated between neighbours, (K, C).

        Raises
        ------
        DataError
            A value beyond the first or the last.
        """
        if not self.values[0] <= value <= self.values[-1]:
            raise DataError(
                "the family does not reach so far",
                where=self.name,
                expected=f"{self.values[0]:g} to {self.values[-1]:g} {self.unit}".rstrip(),
                found=f"{value:g}",
            )
        high = int(np.searchsorted(self.values, value))
        if self.values[high] == value:
            return np.asarray(self.shapes[high])
        part = (value - self.values[high - 1]) / (self.values[high] - self.values[high - 1])
        return between(self.shapes[high - 1], self.shapes[high], part)

    def onto(self, axis: Axis, kind: Kind) -> Family:
        """Carry the shapes onto another axis, as `Templates.onto` does; they keep their size.

        Raises
        ------
        IncompatibleError
            Nothing of a shape lies on it.
        """
        flat = self.shapes.reshape(-1, len(self.axis))
        carried = carried_shapes(flat, self.axis, axis, kind).reshape(*self.shapes.shape[:2], len(axis))
        try:
            return Family(self.values, carried, self.classes, axis, self.name, self.unit)
        except DataError as problem:
            raise IncompatibleError(
                f"nothing of a template of the family '{self.name}' lies on {axis}",
                where=problem.where,
                expected=f"an axis that covers more of {self.axis}",
                cure="leave the value or the class out of the model, or measure over a wider range",
            ) from problem


def carried_shapes(
    shapes: NDArray[np.float64], old: Axis, new: Axis, kind: Kind, *, signed: bool = False
) -> NDArray[np.float64]:
    """Return shapes (K, C) of one axis on another: counts are conserved, intensities interpolated."""
    if kind == "counts":
        return rebin_smooth(shapes, old.edges, new.edges, signed=signed)
    return interpolate(shapes, old.centres, np.clip(new.centres, old.centres[0], old.centres[-1]))
