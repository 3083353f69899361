"""A constant beside the classes: what an instrument adds to every channel of an intensity spectrum alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gamma_flow.data.method import Method
from gamma_flow.data.spectra import Kind
from gamma_flow.data.templates import Templates
from gamma_flow.errors import SettingsError

__all__ = ["BASELINE", "refuse_baseline", "with_baseline"]

BASELINE = "baseline"


def refuse_baseline(classes: Sequence[str], kind: Kind, method: Method) -> None:
    """Refuse a baseline where there can be none.

    Raises
    ------
    SettingsError
        Spectra of counts, or taken as such; a class that already has the name.
    """
    if kind != "intensity" or method.noise == "poisson":
        raise SettingsError(
            "a constant baseline is one of intensities",
            where="baseline",
            expected='kind="intensity", noise="gaussian" or "leastsquares"',
            found=f'kind="{kind}", noise="{method.noise}"',
            cure="for counts, train a class of measured background",
        )
    if BASELINE in classes:
        raise SettingsError(
            "the baseline would bear the name of a class",
            where="baseline",
            expected=f"no class named '{BASELINE}'",
            found=", ".join(classes),
            cure="rename the class (aliases), or leave the option out",
        )


def with_baseline(templates: Templates) -> Templates:
    """Return templates with a constant one behind them, which is the background if there is no other."""
    count, number, channels = templates.modes.shape
    return replace(
        templates,
        shapes=np.concatenate([templates.shapes, np.ones((1, channels))]),
        classes=(*templates.classes, BASELINE),
        n_spectra=np.append(templates.n_spectra, 0),
        background=templates.background or BASELINE,
        integral=np.ones(count + 1),
        modes=np.concatenate([templates.modes, np.zeros((1, number, channels))]),
    )
