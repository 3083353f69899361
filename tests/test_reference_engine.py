"""The engine on the reference spectra: figures that `benchmarks/accuracy.py` prints, with some room."""

from __future__ import annotations

import runpy
import warnings
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from gamma_flow.io.naming import Naming
from gamma_flow.io.reading import scan

ROOT = Path(__file__).resolve().parents[1]
ARCHIVE = ROOT.parent / "shared" / "data" / "bfs" / "example_dataset.zip"

pytestmark = pytest.mark.skipif(not ARCHIVE.exists(), reason=f"the reference data are not at {ARCHIVE}")


@pytest.fixture(scope="module")
def found() -> SimpleNamespace:
    bench = SimpleNamespace(**runpy.run_path(str(ROOT / "benchmarks" / "accuracy.py")))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sets = scan(ARCHIVE, naming=Naming(aliases={"Unat": "UNat"})).sets
        sets = [replace(part, live_time=np.ones(len(part))) for part in sets]
        rows = bench.Rows(sets, ARCHIVE.parent / "audit.csv")
        model = bench.trained(bench.pool(sets))
        parts = [model.analyse(part) for part in rows.sets]
    figures = bench.figures(rows, *bench.columns(parts, model.classes))
    return SimpleNamespace(bench=bench, rows=rows, model=model, parts=parts, figures=figures)


@pytest.mark.parametrize(
    ("figure", "least", "most"),
    [
        ("T1 without the audited", 0.97, 1.0),
        ("T1 alarms of other classes", 0.0, 0.02),
        ("multi exact", 0.86, 1.0),
        ("multi exact, two or more", 0.77, 1.0),
        ("multi exact, without the suspect run", 0.89, 1.0),
    ],
)
def test_mixtures_are_told_as_the_benchmark_says(
    found: SimpleNamespace, figure: str, least: float, most: float
) -> None:
    good, among = found.figures[figure]
    assert least <= good[among].mean() <= most


def test_uranium_that_nobody_trained_is_novel(found: SimpleNamespace) -> None:
    novelty = np.concatenate([part.novelty for part in found.parts])
    uranium, known = novelty[found.rows.uranium], novelty[~found.rows.unknown]
    assert found.bench.auc(uranium, known) >= 0.97
    assert (uranium > np.quantile(known, 0.95)).mean() >= 0.85


def test_background_rarely_alarms(found: SimpleNamespace) -> None:
    present, _ = found.bench.columns(found.parts, found.model.classes)
    assert present[found.rows.background].any(axis=1).mean() <= 2 * found.model.method.false_alarm_rate


def test_what_is_left_of_uranium_has_its_lines(found: SimpleNamespace) -> None:
    """U-235 at 186 keV with U-234 and Th-234 at about 93 keV: lines of uranium that no template has."""
    part = max(found.rows.sets, key=lambda one: int(one.labels.has("U233CERN", "UNat").sum()))
    unknown = found.model.unknown(part[part.labels.has("UNat")], together=True)
    assert unknown.shapes.sum() == pytest.approx(1)
    assert ((unknown.peaks.position > 70) & (unknown.peaks.position < 210)).any()


def test_no_answer_is_nan(found: SimpleNamespace) -> None:
    for part in found.parts:
        for name in ("scores", "free_scores", "evidence", "p_value", "family_p", "novelty", "novelty_p"):
            assert np.isfinite(getattr(part, name)).all(), name
        assert not np.isnan(part.score_errors).any()
        few = part[:50]
        assert not np.isnan(few.intervals()).any()
        assert not np.isnan(few.share_errors).any()
        assert not np.isnan(few.detection_limit).any()
