"""What stands in the report of a run, and in that of single spectra."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib")

import gamma_flow as gf
from gamma_flow.errors import DataError
from gamma_flow.report import Facts, Picture, Report, Table, Warned
from gamma_flow.report.of_run import run_report
from gamma_flow.report.of_spectrum import spectrum_report
from gamma_flow.settings import SetSettings, Settings
from gamma_flow.workflow import examine, run


def settings(**changes: Any) -> Settings:
    return Settings(sets={"all": SetSettings(), "mixed": SetSettings(labels="mixed")}).with_flags(
        train={"noise": "leastsquares", "few": 0, **changes}, evaluate={"bootstrap": 50}
    )


def words(report: Report) -> str:
    return str(report.as_dict())


def pictures(report: Report) -> list[str]:
    return [picture.name for picture in report.pictures]


@pytest.fixture(scope="module")
def spectra() -> gf.SpectrumSet:
    rng = np.random.default_rng(3)
    axis = gf.Axis.linear(0, 1000, 50)
    x = axis.centres
    shapes = {
        "Am241": np.exp(-0.5 * ((x - 150) / 40) ** 2),
        "Cs137": np.exp(-0.5 * ((x - 660) / 60) ** 2) + 0.2 * (x < 480),
        "background": np.exp(-x / 300),
    }
    lists = [["Am241"], ["Cs137"], ["background"], ["Am241", "Cs137", "background"], ["UNat", "background"]]
    values, labels, origin = [], [], []
    for number, names in enumerate(lists):
        for row in range(30):
            expected = sum(2000 * shapes.get(n, 1 + 0 * x) / shapes.get(n, 1 + 0 * x).sum() for n in names)
            values.append(rng.poisson(expected))
            labels.append(names)
            origin.append(f"file_{number}.csv#{row}")
    return gf.SpectrumSet(
        np.array(values),
        axis,
        labels=gf.Labels.of(labels),
        live_time=np.ones(len(values)),
        detector=np.array(["left", "right"] * 75),
        origin=np.array(origin),
    )


def test_a_run_is_written_up(spectra: gf.SpectrumSet) -> None:
    known = spectra.where(file="file_[0-3]*")
    chosen = settings()
    report = run_report(run([known], chosen), chosen, command="gamma-flow run")
    titles = [section.title for section in report.sections]
    assert titles[0] == "Read this first"
    for title in ("The data", "The model", "Exploration", "Results", "Examples", "Unknowns", "Settings"):
        assert title in titles
    assert {"templates", "similarity-matrix", "inventory", "all-confusion", "mixed-scores"} <= set(
        pictures(report)
    )
    assert report.headline[0][0].startswith("all")
    assert report.made["with"] == "gamma-flow run"
    assert report.data["model"]["classes"] == ["Am241", "Cs137", "background"]
    assert len(set(pictures(report))) == len(pictures(report))  # a name is a file


def test_unknown_labels_are_told_and_not_judged(spectra: gf.SpectrumSet) -> None:
    chosen = settings()
    model = run([spectra.where(file="file_[0-3]*")], chosen).model
    alone = spectra.where(file="file_4*")
    strange = Settings(sets={"strange": SetSettings()}).with_flags(evaluate={"bootstrap": 50})
    report = run_report(examine([alone], model, strange), strange)
    assert "labels that are no class of the model: UNat (30)" in words(report)
    assert "strange-confusion" in pictures(report)
    assert not {"strange-roc", "strange-measures", "strange-misclassified"} & set(pictures(report))


def test_without_labels_the_model_is_all_there_is_to_show(spectra: gf.SpectrumSet) -> None:
    chosen = settings()
    model = run([spectra.where(file="file_[0-3]*")], chosen).model
    bare = gf.SpectrumSet(spectra.values, spectra.axis)
    report = run_report(examine([bare], model, chosen), chosen)
    text = words(report)
    assert "No spectrum has a label" in text
    assert "there are no results" in text
    assert "The exploration is left out" in text
    assert "templates" in pictures(report)


def test_one_spectrum_is_written_up(spectra: gf.SpectrumSet) -> None:
    model = gf.train(spectra.where(file="file_[0-2]*"), nulls=500, few=0)
    report = spectrum_report(model, spectra.where(file="file_3*")[0])
    found = model.analyse(spectra.where(file="file_3*")[0])
    assert "Am241" in report.lead
    section = report.sections[0]
    (table,) = [block for block in section.blocks if isinstance(block, Table)]
    assert {row[0] for row in table.rows} == set(model.classes)
    assert {"95 % interval", "p-value", "detection limit", "per second"} <= set(table.columns)
    shares = {row[0]: row[1] for row in table.rows}
    for name, share in zip(found.classes, found.shares[0], strict=True):
        assert shares[name] == f"{100 * share:.1f} %"
    assert sum(isinstance(block, Picture) for block in section.blocks) == 1
    assert any(isinstance(block, Facts) for block in section.blocks)


def test_what_nobody_trained_stands_above_the_rest(spectra: gf.SpectrumSet) -> None:
    rng = np.random.default_rng(1)
    model = gf.train(spectra.where(file="file_[0-2]*"), nulls=500, few=0)
    x = spectra.axis.centres
    strange = 3000 * np.exp(-0.5 * ((x - 850) / 20) ** 2) + 20
    report = spectrum_report(model, gf.SpectrumSet(rng.poisson(strange)[None], spectra.axis))
    section = report.sections[0]
    assert isinstance(section.blocks[0], Warned)
    assert "none of the model's classes" in section.blocks[0].sentences[0]
    assert any(isinstance(block, Table) and block.columns[0] == "peak" for block in section.blocks)


def test_reports_of_single_spectra_are_for_a_few(spectra: gf.SpectrumSet) -> None:
    model = gf.train(spectra.where(file="file_[0-2]*"), noise="leastsquares", few=0)
    for chosen in (spectra[:0], replace(spectra)):
        with pytest.raises(DataError, match="for a few"):
            spectrum_report(model, chosen)
    least = spectrum_report(model, spectra[:3])
    assert [section.title for section in least.sections][:3] == [f"file_0.csv#{i}" for i in range(3)]
