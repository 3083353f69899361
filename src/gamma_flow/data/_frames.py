"""Spectra as tables of pandas and xarray, both loaded only here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gamma_flow.errors import MissingDependencyError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from gamma_flow.data.spectra import SpectrumSet

__all__ = ["to_pandas", "to_xarray"]


def _missing(library: str) -> MissingDependencyError:
    return MissingDependencyError(
        f"{library} is not installed", cure=f"pip install {library}, or pip install 'gamma-flow[frames]'"
    )


def _known(spectra: SpectrumSet) -> dict[str, Any]:
    labels = ["" if row is None else "+".join(row) for row in spectra.labels.lists()]
    return {
        "origin": spectra.origin,
        "labels": labels,
        "detector": spectra.detector,
        "run": spectra.run,
        "time": spectra.time,
        "live_time": spectra.live_time,
        "real_time": spectra.real_time,
        **spectra.meta,
    }


def to_pandas(spectra: SpectrumSet) -> pd.DataFrame:
    """Return one row a spectrum: what is known, then one column a channel, named by its centre."""
    try:
        import pandas as pd
    except ImportError as missing:
        raise _missing("pandas") from missing
    known = pd.DataFrame({name: np.array(column) for name, column in _known(spectra).items()})
    channels = pd.DataFrame(
        np.array(spectra.values), columns=[f"{centre:.10g}" for centre in spectra.axis.centres]
    )
    return pd.concat([known, channels], axis=1)


def to_xarray(spectra: SpectrumSet) -> xr.Dataset:
    """Return a data set; ``channel`` bears the centres, ``edges`` stand beside it."""
    try:
        import xarray as xr
    except ImportError as missing:
        raise _missing("xarray") from missing
    data = xr.Dataset(
        {
            "values": (("spectrum", "channel"), np.array(spectra.values)),
            "presence": (("spectrum", "class"), np.array(spectra.labels.presence)),
            **{
                name: ("spectrum", np.array(column))
                for name, column in _known(spectra).items()
                if name != "labels"
            },
        },
        coords={
            "channel": ("channel", np.array(spectra.axis.centres), {"units": spectra.axis.unit}),
            "class": ("class", np.array(spectra.labels.classes, dtype=np.str_)),
            "edge": ("edge", np.array(spectra.axis.edges), {"units": spectra.axis.unit}),
        },
        attrs={"kind": spectra.kind, "background": spectra.background or ""},
    )
    if spectra.sigma is not None:
        data["sigma"] = (("spectrum", "channel"), np.array(spectra.sigma))
    return data
