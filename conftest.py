"""Doctests of modules whose optional library is not installed are not collected."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("sklearn") else ["src/gamma_flow/estimators.py"]
