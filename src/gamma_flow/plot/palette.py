"""Colours, dashes and marks that stay with a class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from gamma_flow.errors import SettingsError

__all__ = ["BACKGROUND", "INK", "NOTHING", "SHADES", "UNKNOWN", "Look", "Palette"]

# Okabe and Ito (2008), "Color universal design", which colour-blind eyes tell apart; their yellow is
# darkened, because it is read on white, and their black is kept for measured spectra
SHADES = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#B5A900", "#6A51A3")
BACKGROUND = "#8C8C8C"
UNKNOWN = "#B2182B"
INK = "#222222"  # measured spectra
NOTHING = "#DDDDDD"

_DASHES: tuple[Any, ...] = (
    "-",
    (0, (5, 2)),
    (0, (1.5, 1.5)),
    (0, (6, 2, 1.5, 2)),
    (0, (8, 3)),
    (0, (3, 1, 1, 1, 1, 1)),
    (0, (1, 3)),
    (0, (9, 2, 2, 2, 2, 2)),
)
_MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
_HATCHES = ("", "////", "....", "xxxx", "----", "||||", "++", "oo")


@dataclass(frozen=True)
class Look:
    """How one class is drawn.

    Parameters
    ----------
    colour : str
        As ``#RRGGBB``.
    dash : str or tuple
        Line style of matplotlib.
    mark : str
        Marker of matplotlib.
    hatch : str
        Hatch of matplotlib; empty for the first classes.
    """

    colour: str
    dash: Any = "-"
    mark: str = "o"
    hatch: str = ""


@dataclass(frozen=True)
class Palette:
    """The look of each of some classes; eight colours, then the same with other dashes, marks and hatches.

    Parameters
    ----------
    classes : iterable of str
        All classes that are to be told apart, sources first come, first served; repeated names count once.
    background : str or None
        The class that is drawn in grey.

    Raises
    ------
    SettingsError
        More than 64 sources: no reader tells so many apart, so plot fewer of them.

    Examples
    --------
    >>> palette = Palette(["Cs-137", "Co-60", "background"], background="background")
    >>> palette["Cs-137"].colour
    '#0072B2'
    >>> palette["background"].colour, palette["nobody knows this one"].colour
    ('#8C8C8C', '#B2182B')
    """

    classes: tuple[str, ...]
    background: str | None = None
    _looks: Mapping[str, Look] = field(init=False, repr=False, compare=False)

    def __init__(self, classes: Iterable[str], background: str | None = None) -> None:
        names = tuple(dict.fromkeys(classes))
        sources = [name for name in names if name != background]
        if len(sources) > len(SHADES) * len(_DASHES):
            raise SettingsError(
                "no plot can show so many classes",
                where="Palette",
                expected=f"at most {len(SHADES) * len(_DASHES)} sources",
                found=str(len(sources)),
                cure="plot some of them",
            )
        looks = {}
        for number, name in enumerate(sources):
            turn, colour = divmod(number, len(SHADES))
            looks[name] = Look(SHADES[colour], _DASHES[turn], _MARKS[turn], _HATCHES[turn])
        if background is not None:
            looks[background] = Look(BACKGROUND)
        object.__setattr__(self, "classes", names)
        object.__setattr__(self, "background", background)
        object.__setattr__(self, "_looks", MappingProxyType(looks))

    def __getitem__(self, name: str) -> Look:
        """Return the look of a class; that of an unknown one is a red of its own."""
        return self._looks.get(name, Look(UNKNOWN, (0, (2, 1)), "x", "xx"))

    def __contains__(self, name: object) -> bool:
        return name in self._looks
