"""The study of unknowns on the reference spectra: the paper's figures, and those of real unknowns."""

from __future__ import annotations

import runpy
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from gamma_flow.study import cut, judged, noise_rows, rankings

ROOT = Path(__file__).resolve().parents[1]
ARCHIVE = ROOT.parent / "shared" / "data" / "bfs" / "example_dataset.zip"
COSINE = "centred_similarity_all"
POINT = 0.01

pytestmark = pytest.mark.skipif(not ARCHIVE.exists(), reason=f"the reference data are not at {ARCHIVE}")


@pytest.fixture(scope="module")
def paper() -> SimpleNamespace:
    bench = SimpleNamespace(**runpy.run_path(str(ROOT / "benchmarks" / "unknowns.py")))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sets = bench.read(ARCHIVE)
        spectra = bench.as_in_the_paper(sets)
        study = bench.papers_study(spectra, (1.0,))
        real = bench.real(bench.train(spectra, classes=bench.TRAINED, **bench.PAPER), [spectra])
    return SimpleNamespace(bench=bench, sets=sets, study=study, real=real)


def test_the_papers_tree_is_reproduced(paper: SimpleNamespace) -> None:
    assert paper.study.table.counts == (19583, 4 * 814)
    pytest.importorskip("sklearn")
    accuracy, precision, recall, first = paper.bench.tree_figures(paper.study.table, 10).mean(axis=0)
    assert accuracy == pytest.approx(0.955, abs=POINT)
    assert precision == pytest.approx(0.998, abs=POINT)
    assert recall == pytest.approx(0.690, abs=POINT)
    assert first == pytest.approx(0.645, abs=0.015)  # the cosine at which the original splits first


def test_the_cosine_divides_simulated_unknowns_and_fails_on_uranium(paper: SimpleNamespace) -> None:
    there = rankings(paper.study.table)
    here = rankings(paper.real, {COSINE: "below", "centred_similarity": "below"})
    assert there[COSINE].auc == pytest.approx(0.987, abs=0.001)
    assert paper.real.counts == (9375, 127)
    assert here[COSINE].auc == pytest.approx(0.65, abs=POINT)
    assert here["centred_similarity"].auc == pytest.approx(0.68, abs=POINT)
    for chosen in (cut(paper.study.table, COSINE, "logistic"), cut(paper.study.table, COSINE, recall=0.9)):
        assert chosen.verdict.recall is not None
        assert chosen.verdict.recall > 0.8
        assert judged(chosen, paper.real).recall == 0
    assert cut(paper.study.table, COSINE, "logistic").threshold == pytest.approx(0.47, abs=0.02)


def test_noise_moves_the_cut_to_smaller_cosines(paper: SimpleNamespace) -> None:
    chosen = cut(paper.study.table, COSINE, "logistic")
    quiet, noisy = noise_rows(paper.study, chosen, {"how": "logistic"})
    assert noisy.threshold < quiet.threshold - 0.1
    assert noisy.own.recall == pytest.approx(quiet.own.recall, abs=0.05)


def test_novelty_divides_both(paper: SimpleNamespace) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study, real = paper.bench.our_study(paper.sets, nulls=2000)
    sides = {"novelty": "above", "novelty_p": "below"}
    assert rankings(study.table, sides)["novelty"].auc > 0.999
    here = rankings(real, sides)
    assert here["novelty"].auc == pytest.approx(0.98, abs=POINT)
    assert here["novelty_p"].auc == pytest.approx(0.98, abs=POINT)
    chosen = cut(study.table, "novelty_p", false_positive_rate=0.01)
    told = judged(chosen, real)
    assert told.recall is not None
    assert told.recall > 0.9
    assert told.false_positive_rate is not None
    assert told.false_positive_rate < 0.05
    # the strongest promise on simulated unknowns keeps least on real ones, which are weak
    proud = judged(cut(study.table, "novelty", recall=0.9), real)
    assert proud.recall is not None
    assert proud.recall < 0.1
    assert np.isfinite(study.table.matrix()).all()
