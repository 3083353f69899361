"""Our rebinning against the recorded answers of becquerel and SpecUtils for the same edges and counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gamma_flow import Axis
from gamma_flow.numerics.rebin import Rebinned, rebin_counts

RECORD = json.loads(Path(__file__).with_name("rebinning.json").read_text())
CASES = RECORD["cases"]


def ours(case: dict[str, Any]) -> Rebinned:
    counts = np.array(case["counts"])
    source = Axis.polynomial(case["source"], len(counts))
    target = Axis.polynomial(case["target"], case["target_channels"])
    return rebin_counts(counts[None], source.edges, target.edges)


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_becquerel_gives_the_same(case: dict[str, Any]) -> None:
    result = ours(case)
    np.testing.assert_allclose(
        result.values[0], case["becquerel"], rtol=1e-9, atol=1e-9 * sum(case["counts"])
    )


@pytest.mark.parametrize("case", [case for case in CASES if case["specutils"] is not None])
def test_specutils_gives_the_same_between_the_outer_channels(case: dict[str, Any]) -> None:
    result = ours(case)
    # it puts what lies beyond the target into the outermost channels, and computes in 32 bits
    expected = result.values[0].copy()
    expected[0] += result.underflow[0]
    expected[-1] += result.overflow[0]
    np.testing.assert_allclose(case["specutils"], expected, rtol=2e-3, atol=2e-5 * sum(case["counts"]))


def test_there_is_something_of_both() -> None:
    assert len(CASES) >= 10
    assert sum(case["specutils"] is not None for case in CASES) >= 5
    assert set(RECORD["versions"]) == {"becquerel", "SandiaSpecUtils"}
