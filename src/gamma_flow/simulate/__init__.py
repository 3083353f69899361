"""Nuclide, shield and detector in; expected spectrum, then drawn spectra out."""

from gamma_flow.simulate.detectors import Detector, Resolution, detector, detector_names
from gamma_flow.simulate.families import family_of_nuclides, family_of_templates
from gamma_flow.simulate.fields import PhotonField, emission
from gamma_flow.simulate.library_model import RADON, radon_spectra, train_from_library
from gamma_flow.simulate.response import Deposit, Response
from gamma_flow.simulate.scenes import Scene, read_scene
from gamma_flow.simulate.shields import Shield
from gamma_flow.simulate.spectra import Simulated, expected_rates, observe, simulate
from gamma_flow.simulate.surroundings import Background, floor_field

__all__ = [
    "RADON",
    "Background",
    "Deposit",
    "Detector",
    "PhotonField",
    "Resolution",
    "Response",
    "Scene",
    "Shield",
    "Simulated",
    "detector",
    "detector_names",
    "emission",
    "expected_rates",
    "family_of_nuclides",
    "family_of_templates",
    "floor_field",
    "observe",
    "radon_spectra",
    "read_scene",
    "simulate",
    "train_from_library",
]
