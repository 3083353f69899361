"""Where nuclides are met: the categories of ANSI N42.34 and IEC 62327."""

from __future__ import annotations

from functools import cache

from gamma_flow.nuclides.chains import members
from gamma_flow.nuclides.names import canonical

__all__ = ["CATEGORIES", "categories", "category"]

CATEGORIES = ("NORM", "medical", "industrial", "SNM", "other")
"""All categories; NORM is naturally occurring radioactive, SNM special nuclear material."""

LISTED = {
    "NORM": ("K40", "Ra226", "Th232", "U238"),
    "medical": (
        "F18", "Cr51", "Ga67", "Se75", "Tc99m", "Pd103", "In111", "I123", "I125", "I131", "Xe133", "Sm153",
        "Tl201",
    ),
    "industrial": ("Co57", "Co60", "Ba133", "Cs137", "Ir192", "Am241", "Ra226"),
    "SNM": ("U233", "U235", "Np237", "Pu239"),
}  # fmt: skip


@cache
def _all() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for kind in CATEGORIES[:-1]:
        for name in LISTED[kind]:
            found[name] = (*found.get(name, ()), kind)
    for name in members(*LISTED["NORM"]):  # the daughters of the natural series
        found.setdefault(name, ("NORM",))
    # what is measured instead of its parent goes with it
    return found | {"Ba137m": ("industrial",)}


def categories(name: str) -> tuple[str, ...]:
    """Return all categories of a nuclide, or ``("other",)``.

    The lists are those of ANSI N42.34; daughters of Th-232, U-238 and Ra-226 count as NORM too, unless a list
    names them, and Ba-137m goes with Cs-137.

    Raises
    ------
    DataError
        The name is unknown.

    Examples
    --------
    >>> categories("Ra-226"), categories("Bi-214"), categories("Eu-152")
    (('NORM', 'industrial'), ('NORM',), ('other',))
    """
    return _all().get(canonical(name), ("other",))


def category(name: str) -> str:
    """Return the first category of a nuclide, in the order of `CATEGORIES`.

    Raises
    ------
    DataError
        The name is unknown.

    Examples
    --------
    >>> category("Cs137")
    'industrial'
    """
    return categories(name)[0]
