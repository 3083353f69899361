"""How well each feature of a study tells unknown spectra from known ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gamma_flow.data.feature_table import FeatureTable
from gamma_flow.numerics.thresholds import Curves, Side, auc_of, curves, ranking_auc

__all__ = ["Ranking", "best_feature", "rankings", "side_of"]

_AS_GOOD = 0.002  # of an AUC
_ORDER = ("novelty", "novelty_p", "centred_similarity", "similarity", "centred_similarity_all", "deviance")


@dataclass(frozen=True, eq=False)
class Ranking:
    """How well one feature tells unknown spectra from known ones.

    Parameters
    ----------
    feature : str
    side : {"below", "above"}
        Where unknowns are taken to lie.
    auc : float
        Under the receiver operating characteristic.
    curves : Curves
        What all thresholds do.
    """

    feature: str
    side: Side
    auc: float
    curves: Curves


def side_of(table: FeatureTable, feature: str) -> Side:
    """Return the side of a feature on which unknown spectra lie rather.

    Raises
    ------
    DataError
        No known or no unknown spectra.
    """
    values = table.column(feature)
    return "below" if ranking_auc(values, table.unknown, "above") < 0.5 else "above"


def rankings(table: FeatureTable, sides: Mapping[str, Side] | None = None) -> dict[str, Ranking]:
    """Return how well each feature ranks the unknown spectra before the known ones.

    Parameters
    ----------
    table : FeatureTable
        With known and unknown spectra.
    sides : mapping of str to str, optional
        Sides that were found on other spectra, by feature: an AUC below one half then tells that they are
        wrong here. Features of both are returned. By default the side on which the AUC is larger.

    Raises
    ------
    DataError
        No known or no unknown spectra.
    """
    out: dict[str, Ranking] = {}
    for name in table.names if sides is None else [name for name in sides if name in table.columns]:
        side = side_of(table, name) if sides is None else sides[name]
        seen = curves(table.columns[name], table.unknown, side)
        out[name] = Ranking(name, side, auc_of(seen), seen)
    return out


def best_feature(table: FeatureTable, names: Iterable[str] | None = None) -> str:
    """Return the feature of the largest AUC; among those that are as good, the one that promises more.

    Simulated unknowns are often too easy, and several features then are all but perfect: novelty, which knows
    noise and drift, goes before the cosines, and these before the others.
    """
    wanted = table.names if names is None else tuple(names)
    auc = {name: one.auc for name, one in rankings(table).items() if name in wanted}
    near = [name for name in auc if auc[name] >= max(auc.values()) - _AS_GOOD]
    return min(near, key=lambda name: (_ORDER.index(name) if name in _ORDER else len(_ORDER), -auc[name]))
