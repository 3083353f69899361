"""The nouns: frozen, validated once, their arrays read-only."""

from gamma_flow.data.axis import Axis
from gamma_flow.data.labels import BACKGROUND, Labels
from gamma_flow.data.spectra import Kind, SpectrumSet, runs_of

__all__ = ["BACKGROUND", "Axis", "Kind", "Labels", "SpectrumSet", "runs_of"]
