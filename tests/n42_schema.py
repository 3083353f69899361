"""Validation of N42 documents against our schema of what is written, ``tests/io/n42_2012.xsd``."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

SCHEMA = Path(__file__).parent / "io" / "n42_2012.xsd"


def faults(document: bytes) -> list[str]:
    """Return what is not valid, as "element: reason", or skip where there is no validator."""
    library = pytest.importorskip("xmlschema", reason="xmlschema is not installed: pip install xmlschema")
    return [
        f"{(one.path or '').rpartition('/')[2].partition('[')[0]}: {one.reason}"
        for one in _schema(library).iter_errors(document.decode("utf-8"))
    ]


@cache
def _schema(library: Any) -> Any:
    return library.XMLSchema10(SCHEMA)
