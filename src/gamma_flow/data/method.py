"""How a model takes counts, templates and decisions: the settings of the engine, each with its word."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from gamma_flow.errors import SettingsError

__all__ = ["PARTS", "Method", "Noise", "Rule"]

Noise = Literal["poisson", "gaussian", "leastsquares"]
"""How values scatter about their mean; docs/engine.md says what each answers."""
Rule = Literal["evidence", "share"]
"""What makes a class present: calibrated evidence, or its share of the scores alone."""

PARTS = ("mismatch", "gain", "offset", "resolution", "smooth", "pile-up", "learned")
"""What may be wrong with a template; docs/engine.md says what each part buys."""

_LINE_AT = 662.0  # keV: where the width of a line is stated


@dataclass(frozen=True)
class Method:
    """How spectra are analysed; a model carries one.

    Parameters
    ----------
    noise : {"poisson", "gaussian", "leastsquares"}
        How values scatter: as counts; with a standard deviation that the spectra bring or that is estimated
        for each; or not at all (the paper's non-negative least squares, without errors or evidence).
    parts : sequence of str
        What is fitted beside the scores, of `PARTS`: the mismatch left in each channel, drifts of gain,
        offset and resolution, smooth distortions of each class, pile-up, and (for novelty alone) what the
        training spectra show. Empty: templates are exact.
    rule : {"evidence", "share"}
        What makes a class present: its p-value, or its share of the summed scores.
    min_share : float
        The share (0..1) that a class has to exceed under either rule.
    false_alarm_rate : float
        Promised share of spectra (0..0.5) in which any class that is not there is called present.
    novelty_rate : float
        Promised share of spectra without unknowns that are called novel.
    gain, offset, resolution : float
        Prior standard deviations: relative; in the unit of the axis; relative.
    line_width : float
        Full width at half maximum of a line at 662 keV over its energy; it grows with the root of the energy.
    smooth : float
        Prior standard deviation of a template's smooth distortion, relative.
    mismatch : tuple of float
        Least and greatest relative standard deviation of a channel about the fitted mean.
    gain_range : float
        Gains are looked for within 1 +- this on a grid, beyond what ``gain`` allows; 0 for no such search.

    Raises
    ------
    SettingsError
        A word that is none, a number out of range, evidence without a noise model, parts that a noise model
        does not fit.
    """

    noise: Noise = "leastsquares"
    parts: tuple[str, ...] = ()
    rule: Rule = "share"
    min_share: float = 0.1
    false_alarm_rate: float = 0.005
    novelty_rate: float = 0.01
    gain: float = 0.01
    offset: float = 3.0
    resolution: float = 0.1
    line_width: float = 0.075
    smooth: float = 0.1
    mismatch: tuple[float, float] = (0.01, 0.3)
    gain_range: float = 0.0

    def __post_init__(self) -> None:
        _one_of("noise", self.noise, get_args(Noise))
        _one_of("rule", self.rule, get_args(Rule))
        given = (self.parts,) if isinstance(self.parts, str) else tuple(self.parts)
        for part in given:
            _one_of("parts", part, PARTS)
        object.__setattr__(self, "parts", tuple(part for part in PARTS if part in given))
        if not 0 <= self.min_share < 1:
            raise SettingsError(
                "the least share is a share", expected="0 <= min_share < 1", found=f"{self.min_share:g}"
            )
        for name, most in (("false_alarm_rate", 0.5), ("novelty_rate", 0.5)):
            value = getattr(self, name)
            if not 0 < value <= most:
                raise SettingsError(
                    "a promised rate is out of range",
                    where=name,
                    expected=f"0 < {name} <= {most:g}",
                    found=f"{value:g}",
                )
        for name in ("gain", "offset", "resolution", "line_width", "smooth", "gain_range"):
            value = getattr(self, name)
            if not 0 <= value < 1e6 or (name == "gain_range" and value > 0.5):
                raise SettingsError(
                    "a prior standard deviation is out of range",
                    where=name,
                    expected="0 <= gain_range <= 0.5" if name == "gain_range" else ">= 0",
                    found=f"{value:g}",
                )
        least, most = (float(end) for end in self.mismatch)
        if not 0 <= least <= most <= 10:
            raise SettingsError(
                "the mismatch is a range",
                where="mismatch",
                expected="0 <= least <= most",
                found=str(self.mismatch),
            )
        object.__setattr__(self, "mismatch", (least, most))
        if self.rule == "evidence" and self.noise == "leastsquares":
            raise SettingsError(
                "evidence needs to know how values scatter",
                expected='noise="poisson"',
                found='noise="leastsquares"',
                cure='choose that noise model, or rule="share"',
            )
        nowhere = self.parts if self.noise == "leastsquares" else ("mismatch", "pile-up", "learned")
        unused = [part for part in nowhere if part in self.parts]
        if self.noise != "poisson" and unused:
            raise SettingsError(
                "parts that this noise model does not fit",
                where="parts",
                expected='noise="poisson"',
                found=f'{", ".join(unused)} with noise="{self.noise}"',
                cure="leave these parts out",
            )
        if self.noise == "leastsquares" and self.gain_range > 0:
            raise SettingsError(
                "gains are looked for by likelihood",
                where="gain_range",
                expected='noise="poisson" or "gaussian", or gain_range=0',
                found=f'{self.gain_range:g} with noise="leastsquares"',
            )

    def has(self, part: str) -> bool:
        """Tell whether a part is fitted."""
        return part in self.parts

    def line_width_at(self, energy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the full width at half maximum of a line at an energy, in the unit of the axis."""
        width: NDArray[np.float64] = self.line_width * np.sqrt(_LINE_AT * np.maximum(energy, _LINE_AT / 33))
        return width

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, as a file holds them."""
        return {**asdict(self), "parts": list(self.parts), "mismatch": list(self.mismatch)}

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Method:
        """Return what `as_dict` gave."""
        return cls(**{**plain, "parts": tuple(plain["parts"]), "mismatch": tuple(plain["mismatch"])})


def _one_of(where: str, word: object, known: Iterable[str]) -> None:
    if word not in tuple(known):
        raise SettingsError("no such word", where=where, expected=", ".join(known), found=repr(word))
