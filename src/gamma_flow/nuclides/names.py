"""Every spelling of a nuclide's name, and the one that the package uses: ``Cs137``, ``Tc99m``."""

from __future__ import annotations

import re
import unicodedata
from difflib import SequenceMatcher, get_close_matches
from functools import cache
from typing import NamedTuple

from gamma_flow.errors import DataError
from gamma_flow.nuclides._table import positions, table

__all__ = ["ELEMENTS", "Spelling", "canonical", "hyphenated", "nearest", "parse"]

_WORDS = """
    H:hydrogen He:helium Li:lithium Be:beryllium B:boron C:carbon N:nitrogen O:oxygen
    F:fluorine Ne:neon Na:sodium Mg:magnesium Al:aluminium Si:silicon P:phosphorus S:sulfur
    Cl:chlorine Ar:argon
    K:potassium Ca:calcium Sc:scandium Ti:titanium V:vanadium Cr:chromium Mn:manganese Fe:iron Co:cobalt
    Ni:nickel Cu:copper Zn:zinc Ga:gallium Ge:germanium As:arsenic Se:selenium Br:bromine Kr:krypton
    Rb:rubidium Sr:strontium Y:yttrium Zr:zirconium Nb:niobium Mo:molybdenum Tc:technetium Ru:ruthenium
    Rh:rhodium Pd:palladium Ag:silver Cd:cadmium In:indium Sn:tin Sb:antimony Te:tellurium I:iodine Xe:xenon
    Cs:caesium Ba:barium La:lanthanum Ce:cerium Pr:praseodymium Nd:neodymium Pm:promethium Sm:samarium
    Eu:europium Gd:gadolinium Tb:terbium Dy:dysprosium Ho:holmium Er:erbium Tm:thulium Yb:ytterbium
    Lu:lutetium Hf:hafnium Ta:tantalum W:tungsten Re:rhenium Os:osmium Ir:iridium Pt:platinum Au:gold
    Hg:mercury Tl:thallium Pb:lead Bi:bismuth Po:polonium At:astatine Rn:radon Fr:francium Ra:radium
    Ac:actinium Th:thorium Pa:protactinium U:uranium Np:neptunium Pu:plutonium Am:americium Cm:curium
    Bk:berkelium Cf:californium Es:einsteinium Fm:fermium Md:mendelevium No:nobelium Lr:lawrencium
    Rf:rutherfordium Db:dubnium Sg:seaborgium Bh:bohrium Hs:hassium Mt:meitnerium Ds:darmstadtium
    Rg:roentgenium"""

ELEMENTS: tuple[tuple[str, str], ...] = tuple(
    (word.split(":")[0], word.split(":")[1]) for word in _WORDS.split()
)
"""Symbol and name of the elements; the first has Z = 1."""

_OTHER_NAMES = {"cesium": 55, "aluminum": 13, "sulphur": 16, "wolfram": 74}
_STATES = {"": 0, "g": 0, "m": 1, "m1": 1, "n": 2, "m2": 2}
_LETTERS = ("", "m", "n")


class Spelling(NamedTuple):
    """What a name says: symbol of the element, Z, mass number, and isomeric state (0 ground, 1 m, 2 n)."""

    symbol: str
    Z: int
    A: int
    state: int

    @property
    def name(self) -> str:
        """The name as the package writes it."""
        return f"{self.symbol}{self.A}{_LETTERS[self.state]}"


@cache
def _elements() -> dict[str, int]:
    known = {symbol.lower(): number for number, (symbol, _) in enumerate(ELEMENTS, 1)}
    known |= {name: number for number, (_, name) in enumerate(ELEMENTS, 1)}
    return known | _OTHER_NAMES


def parse(text: str) -> Spelling:
    """Read a name in any spelling; whether there are data for it is not asked.

    Parameters
    ----------
    text : str
        Element by symbol or name, mass number, and ``m`` (``m1``) or ``n`` (``m2``) for isomers; in either
        order, in capitals or not, with or without hyphens, underscores, blanks and superscripts.

    Returns
    -------
    Spelling
        Symbol, Z, A and state.

    Raises
    ------
    DataError
        The text names no nuclide; the names nearest to it are suggested.

    Examples
    --------
    >>> parse("Tc-99m")
    Spelling(symbol='Tc', Z=43, A=99, state=1)
    >>> {parse(one).name for one in ("Cs137", "Cs-137", "137Cs", "CS-137", "cs 137", "caesium-137")}
    {'Cs137'}
    """
    found = _read(text) if isinstance(text, str) else None
    if found is None:
        raise DataError(
            "this names no nuclide",
            expected="a name such as Cs137, Cs-137, 137Cs or Tc-99m",
            found=repr(text),
            cure=_suggestion(text),
        )
    return found


def canonical(text: str) -> str:
    """Return the name that the package uses for a nuclide of the library.

    Raises
    ------
    DataError
        The text names no nuclide, or one of which the library knows nothing; the nearest are suggested.

    Examples
    --------
    >>> canonical("ag-110M"), canonical("99mTc"), canonical("U 235")
    ('Ag110m', 'Tc99m', 'U235')
    >>> canonical("Cs133")
    Traceback (most recent call last):
    ...
    gamma_flow.errors.DataError: the library has no nuclide Cs133 (stable, or unknown to decay_2012); ...
    """
    name = parse(text).name
    if name not in positions():
        raise DataError(
            f"the library has no nuclide {name} (stable, or unknown to decay_2012)", cure=_suggestion(name)
        )
    return name


def hyphenated(name: str) -> str:
    """Return the name as it is mostly printed, and as N42 writes it.

    Examples
    --------
    >>> hyphenated("Pa234m")
    'Pa-234m'
    """
    said = parse(name)
    return f"{said.symbol}-{said.A}{_LETTERS[said.state]}"


def nearest(text: str, most: int = 3) -> tuple[str, ...]:
    """Return the names of the library nearest to a text, the nearest first.

    Examples
    --------
    >>> nearest("Co6O")[0]
    'Co60'
    """
    plain = re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", str(text)))[:40]
    turned = re.fullmatch(r"(\d+)(m?)([A-Za-z]+)", plain)
    if turned:
        plain = turned[3].capitalize() + turned[1] + turned[2]
    word = re.match(r"[A-Za-z]+", plain)
    if word:
        plain = _symbol(word[0]) + plain[word.end() :]
    if not plain:
        return ()
    close = get_close_matches(plain, positions(), n=60, cutoff=0.5)
    lives = table().half_life

    def rank(name: str) -> tuple[bool, float, float]:
        """Exchanged digits first, then likeness, then the nuclides that last."""
        likeness = SequenceMatcher(None, name, plain).ratio()
        return sorted(name) != sorted(plain), -round(likeness, 2), -float(lives[positions()[name]])

    return tuple(sorted(close, key=rank)[:most])


def _symbol(word: str) -> str:
    """Return the symbol of an element whose name is nearly spelt right, else the word in its usual case."""
    if len(word) > 3:
        close = get_close_matches(word.lower(), _elements(), n=1, cutoff=0.7)
        if close:
            return ELEMENTS[_elements()[close[0]] - 1][0]
    return word.capitalize()


def _suggestion(text: object) -> str:
    close = nearest(str(text))
    return f"did you mean {', '.join(close)}?" if close else "see gamma-flow lines for what there is"


def _read(text: str) -> Spelling | None:
    plain = re.sub(r"[\s_\-‐‑–−.,()\[\]^{}]+", "", unicodedata.normalize("NFKC", text)).lower()
    first = re.fullmatch(r"([a-z]+)(\d{1,3})(m[12]?|n|g)?", plain)
    if first:
        return _spelling(first[1], int(first[2]), first[3] or "")
    last = re.fullmatch(r"(\d{1,3})([a-z]+)", plain)
    if not last:
        return None
    mass, letters = int(last[1]), last[2]
    # 99mTc, 99Tcm; the whole word goes first, so that 99Mo is molybdenum
    for element, state in ((letters, ""), (letters[1:], letters[:1]), (letters[:-1], letters[-1:])):
        if state in _STATES:
            found = _spelling(element, mass, state)
            if found is not None:
                return found
    return None


def _spelling(element: str, mass: int, state: str) -> Spelling | None:
    number = _elements().get(element)
    if number is None or not number <= mass <= 3 * number + 3:
        return None
    return Spelling(ELEMENTS[number - 1][0], number, mass, _STATES[state])
