"""Which classes could be told apart: how `gamma_flow.explore` finds it from templates or mean spectra."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gamma_flow.data.exploration import MeanSpectra
from gamma_flow.data.separability import Separability
from gamma_flow.data.templates import Templates
from gamma_flow.errors import DataError, IncompatibleError
from gamma_flow.model import Model
from gamma_flow.numerics.information import information
from gamma_flow.numerics.separation import conditioning, counts_needed, pair_significance

__all__ = ["told_apart"]

Floats = NDArray[np.float64]


def told_apart(
    of: Templates | Model | MeanSpectra,
    *,
    counts: float,
    background_share: float,
    goal: float,
    mismatch: float,
) -> Separability:
    """Return the separability of classes; see `gamma_flow.explore.separability`."""
    shapes, variances, names, background, kind = _templates(of)
    if kind != "counts":
        raise DataError(
            "how far intensities can be told apart depends on their noise, which is not known here",
            expected="counts",
            found="intensities",
            cure="look at the similarities",
        )
    sources = [k for k, name in enumerate(names) if name != background]
    if len(sources) < 2:
        raise DataError(
            "to tell classes apart takes two",
            expected="two or more classes besides the background",
            found=", ".join(names[k] for k in sources) or "none",
        )
    if not 0 <= background_share < 1:
        raise DataError(
            "the share of the background lies from 0 to below 1",
            where="background_share",
            found=f"{background_share:g}",
        )
    beneath = shapes[names.index(background)] if background is not None else None
    share = background_share if beneath is not None else 0.0
    ratio = share / (1.0 - share)
    wanted = shapes[sources]
    noise = None if variances is None else variances[sources]
    z = pair_significance(wanted, beneath, counts, ratio * counts, variances=noise, mismatch=mismatch)
    needed = counts_needed(wanted, beneath, ratio, goal, variances=noise, mismatch=mismatch)
    everyone = wanted if beneath is None else np.concatenate([wanted, beneath[None]])
    scores = np.full((1, len(everyone)), counts / len(sources))
    if beneath is not None:
        scores[0, -1] = ratio * counts
    about = information(scores, everyone, mismatch=mismatch)[0]
    found = conditioning(about)
    return Separability(
        tuple(names[k] for k in sources),
        z,
        needed,
        found.inflation[: len(sources)],
        found.number,
        float(counts),
        share,
        float(goal),
        float(mismatch),
        background,
    )


def _templates(
    of: Templates | Model | MeanSpectra,
) -> tuple[Floats, Floats | None, tuple[str, ...], str | None, str]:
    """Return shapes of unit sum over the active channels, their variances, classes, background, kind."""
    if isinstance(of, Model):
        of = of.templates
    if isinstance(of, Templates):
        inside = of.shapes[:, of.active]
        return inside / inside.sum(axis=1, keepdims=True), None, of.classes, of.background, of.kind
    if not isinstance(of, MeanSpectra):
        raise IncompatibleError(
            "nothing with templates",
            expected="Templates, Model, MeanSpectra or SpectrumSet",
            found=type(of).__name__,
        )
    size = (of.totals - of.background_totals)[:, None]
    net, error = size * of.shapes[:, of.active], size * of.error[:, of.active]
    which = np.array([of.names.index(name) for name in of.classes])
    groups = [which == k for k in range(len(of.names))]
    summed = np.stack([net[mine].sum(axis=0) for mine in groups])
    square = np.stack([(error[mine] ** 2).sum(axis=0) for mine in groups])
    whole = np.abs(summed).sum(axis=1, keepdims=True)
    background = of.background if of.background in of.names else None
    return summed / whole, np.nan_to_num(square / whole**2), of.names, background, of.kind
