"""Photon transport by Monte Carlo: makes the tables that ``gamma_flow.simulate`` ships.

Nothing here is installed. ``python scripts/make_responses.py`` runs it; it needs the dependency group
``responses``.
"""
