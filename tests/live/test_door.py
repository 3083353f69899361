from __future__ import annotations

import subprocess
import sys

import pytest

import gamma_flow.live as live


def test_the_names_of_live_operation_are_loaded_when_they_are_used() -> None:
    assert live.__all__ == sorted(live.__all__)
    assert dir(live) == live.__all__
    for name in live.__all__:
        assert getattr(live, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        live.nothing  # noqa: B018


def test_what_is_optional_is_loaded_when_it_is_needed() -> None:
    code = """
from gamma_flow.live import Loop, Log, open_source, export
import sys
sys.stdout.write(" ".join(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {
        "paho",
        "zmq",
        "pyarrow",
        "rich",
        "scipy",
        "matplotlib",
        "radiacode",
        "digibase",
        "pandas",
    }
