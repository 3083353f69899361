"""Gamma and X-ray lines, half-lives, decay chains, mixtures, categories, and every spelling of a name.

Nothing here is loaded by ``import gamma_flow``; say ``from gamma_flow.nuclides import nuclide``.
"""

from gamma_flow.nuclides.candidates import Candidate, candidates, lines_near
from gamma_flow.nuclides.categories import CATEGORIES, categories, category
from gamma_flow.nuclides.chains import Inventory, ancestors, chain, in_growth, members, series_lines
from gamma_flow.nuclides.library import LineTable, Nuclide, all_names, lines, nuclide
from gamma_flow.nuclides.mixtures import Mixture, all_mixtures, mixed, mixture
from gamma_flow.nuclides.names import Spelling, canonical, hyphenated, parse
from gamma_flow.nuclides.times import duration, readable

__all__ = [
    "CATEGORIES",
    "Candidate",
    "Inventory",
    "LineTable",
    "Mixture",
    "Nuclide",
    "Spelling",
    "all_mixtures",
    "all_names",
    "ancestors",
    "candidates",
    "canonical",
    "categories",
    "category",
    "chain",
    "duration",
    "hyphenated",
    "in_growth",
    "lines",
    "lines_near",
    "members",
    "mixed",
    "mixture",
    "nuclide",
    "parse",
    "readable",
    "series_lines",
]
