"""One class alone beside the background, each a family of templates: which explains a spectrum best."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gamma_flow._engine import Engine, pile_prior
from gamma_flow.data import SpectrumSet
from gamma_flow.errors import IncompatibleError, SettingsError
from gamma_flow.numerics.families import Ranked, best_of, usual_distortions
from gamma_flow.numerics.nulls import pile_shift

__all__ = ["ranked"]


def ranked(
    engine: Engine, spectra: SpectrumSet, families: NDArray[np.float64] | None, threads: int
) -> Ranked:
    """Rank the classes; see `Model.rank`."""
    how, templates = engine.method, engine.templates
    if engine.skip < 0 or how.noise != "poisson":
        raise SettingsError(
            "classes are ranked beside a background, by the likelihood of counts",
            where="Model.rank",
            expected='a background class and noise="poisson"',
            found=f'background {templates.background!r}, noise="{how.noise}"',
        )
    sources = [k for k in range(len(templates)) if k != engine.skip]
    if families is not None:
        members = np.asarray(families, np.float64)
    elif templates.family is not None:
        members = np.ascontiguousarray(templates.family.shapes[:, sources].transpose(1, 0, 2))
    else:
        members = templates.shapes[sources][:, None, :]
    if members.ndim != 3 or members.shape[0] != len(sources) or members.shape[2] != len(templates.axis):
        raise IncompatibleError(
            "the families do not fit the model",
            where="families",
            expected=f"({len(sources)}, any, {len(templates.axis)})",
            found=str(members.shape),
            cure="make them on the axis of the spectra, one for each of Model.sources",
        )
    values = np.ascontiguousarray(engine.taken(spectra.values))
    used = np.flatnonzero(templates.active)
    edges = templates.axis.edges[used[0] : used[-1] + 2]
    distort = None
    if len(used) == len(edges) - 1 and how.parts:
        distort = usual_distortions(
            edges,
            engine.line_width_at(edges),
            gain=how.gain if how.has("gain") else 0.0,
            offset=how.offset if how.has("offset") else 0.0,
            resolution=how.resolution if how.has("resolution") else 0.0,
            smooth_sd=how.smooth if how.has("smooth") else 0.0,
        )
    pile = pile_prior(values.sum(axis=1), spectra.live_time) if how.has("pile-up") else None
    return best_of(
        values,
        members[:, :, engine.channels],
        engine.shapes[engine.skip],
        distort,
        pile=pile,
        pile_shift=pile_shift(edges),
        threads=threads,
    )
