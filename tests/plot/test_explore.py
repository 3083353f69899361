"""Plots of a look at spectra, by the data that their artists hold and by how they read."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from matplotlib.collections import LineCollection, QuadMesh
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import gamma_flow as gf
from gamma_flow import explore, plot
from gamma_flow.data.exploration import Similarities
from gamma_flow.errors import DataError, SettingsError
from looks import faults, texts


def several(
    classes: int,
    detectors: int = 2,
    *,
    each: int = 3,
    long: bool = False,
    timed: bool = True,
    channels: int = 64,
) -> gf.SpectrumSet:
    """Drawn spectra of classes with three lines each beside background, the last class."""
    rng = np.random.default_rng(3)
    axis = gf.Axis.linear(0, 3000, channels)
    x = axis.centres
    beneath = np.exp(-x / 400) / np.exp(-x / 400).sum()
    rows, labels, probes = [], [], []
    for k in range(classes - 1):
        at = rng.uniform(100, 2700, 3)
        shape = sum(np.exp(-0.5 * ((x - one) / (40 + 0.03 * one)) ** 2) for one in at) + 0.1 * (x < at.max())
        for d in range(detectors):
            for _ in range(each):
                size = 10 ** rng.uniform(2.5, 4.5)
                rows.append(rng.poisson(size * shape / shape.sum() + 1500 * beneath))
                labels.append([f"Nuclide-{k:02d}" + " behind steel 12 mm" * long, "background"])
                probes.append(f"detector {d}")
    for d in range(detectors):
        for _ in range(10):
            rows.append(rng.poisson(1500 * beneath))
            labels.append(["background"])
            probes.append(f"detector {d}")
    return gf.SpectrumSet(
        np.array(rows),
        axis,
        labels=gf.Labels.of(labels),
        detector=np.array(probes),
        live_time=1.0 if timed else None,
    )


def everything(spectra: gf.SpectrumSet) -> dict[str, Figure]:
    means = explore.mean_spectra(spectra, energy_range=(45, 2900))
    found = explore.similarities(means)
    source = next(name for name in means.names if name != means.background)
    some = explore.example_spectra(spectra, source, 4, rng=np.random.default_rng(1))
    made = {
        "means": plot.mean_spectra(means),
        "logarithmic": plot.mean_spectra(means, log=True),
        "detectors": plot.detector_similarity(found),
        "matrix": plot.similarity_matrix(found),
        "examples": plot.example_spectra(some),
        "inventory": plot.inventory(explore.inventory(spectra)),
        "rebinned": plot.rebinned(explore.rebinned(spectra, gf.Axis.linear(-10, 3100, 40))),
    }
    if len(means.names) > 2:
        made["separability"] = plot.separability(explore.separability(means))
    return made


@pytest.mark.parametrize(("classes", "long"), [(2, False), (5, True)])
def test_everything_reads_well(classes: int, long: bool) -> None:
    for name, drawn in everything(several(classes, long=long)).items():
        assert faults(drawn) == [], name


def test_means_and_matrices_of_eighteen_classes_read_well() -> None:
    means = explore.mean_spectra(several(18, detectors=1))
    assert faults(plot.mean_spectra(means)) == []
    assert faults(plot.similarity_matrix(explore.similarities(means))) == []
    assert faults(plot.separability(explore.separability(means))) == []


def test_matrices_and_rows_of_sixty_classes_read_well() -> None:
    spectra = several(60, detectors=2, each=2, channels=40)
    means = explore.mean_spectra(spectra)
    found = explore.similarities(means)
    for drawn in (
        plot.similarity_matrix(found),
        plot.separability(explore.separability(means)),
        plot.detector_similarity(found),
        plot.inventory(explore.inventory(spectra)),
    ):
        assert faults(drawn) == []


def test_more_classes_than_a_palette_knows_share_one_colour() -> None:
    means = explore.mean_spectra(several(70, detectors=1, each=1, channels=40))
    bars = plot.separability(explore.separability(means)).axes[1]
    assert len({to_hex(patch.get_facecolor()) for patch in bars.patches}) == 1
    with pytest.raises(SettingsError, match="so many classes"):
        plot.mean_spectra(means)
    assert len(plot.mean_spectra(means.only(means.names[:3])).axes) == 3


def test_the_means_are_drawn_as_they_are_in_the_colours_of_their_classes(labelled: gf.SpectrumSet) -> None:
    means = explore.mean_spectra(labelled, energy_range=(100, 900))
    palette = plot.Palette(means.names, means.background)
    drawn = plot.mean_spectra(means, palette=palette)
    panels = [axes for axes in drawn.axes if axes.get_visible()]
    assert len(panels) == 3
    for name, axes in zip(means.names, panels, strict=True):
        groups = [g for g, one in enumerate(means.classes) if one == name]
        curves = [line for line in axes.lines if len(line.get_xdata()) == means.active.sum()]
        assert len(curves) == len(groups)
        for g, line in zip(groups, curves, strict=True):
            np.testing.assert_array_equal(line.get_ydata(), means.shapes[g, means.active])
            assert to_hex(line.get_color()) == palette[name].colour.lower()
        assert len({str(line.get_linestyle()) + str(line.get_marker()) for line in curves}) == len(curves)
    assert {"left", "right"} <= set(texts(drawn))


def test_frames_stand_around_what_is_flagged() -> None:
    cosine = np.array([[1, 0.5, 0.2], [0.5, 1, 0.99], [0.2, 0.99, 1]])
    found = Similarities(cosine, np.ones((3, 3)), ("a", "a", "b"), ("l", "r", "l"), 0.95, 0.95)
    drawn = plot.similarity_matrix(found)
    axes = drawn.axes[0]
    (mesh,) = [part for part in axes.collections if isinstance(part, QuadMesh)]
    np.testing.assert_array_equal(np.asarray(mesh.get_array()).reshape(3, 3), cosine)
    orange, red = [part for part in axes.collections if isinstance(part, LineCollection)]
    assert {tuple(path.vertices[:4].mean(axis=0).round(6)) for path in orange.get_paths()} == {(0, 1), (1, 0)}
    assert {tuple(path.vertices[:4].mean(axis=0).round(6)) for path in red.get_paths()} == {(1, 2), (2, 1)}
    assert ".99" in texts(drawn)
    assert any("one class" in text and text.endswith(": 1") for text in texts(drawn))


def test_the_condition_number_stands_in_the_title() -> None:
    templates = gf.Templates([[0.6, 0.4], [0.4, 0.6]], ("a", "b"), gf.Axis.channels(2))
    words = " ".join(texts(plot.separability(explore.separability(templates)))).replace("\n", " ")
    assert "condition number 25" in words
    assert "64 counts tell every pair apart at 3σ" in words
    same = gf.Templates([[0.5, 0.5], [0.5, 0.5]], ("a", "b"), gf.Axis.channels(2))
    drawn = plot.separability(explore.separability(same))
    words = " ".join(texts(drawn)).replace("\n", " ")
    assert "infinite" in words
    assert "no counts tell every pair apart" in words
    assert faults(drawn) == []


def test_what_is_missing_is_said_in_a_sentence() -> None:
    one = several(3, detectors=1, timed=False)
    drawn = plot.detector_similarity(explore.similarities(explore.mean_spectra(one)))
    assert texts(drawn) == ["No class was seen by two detectors, so there is nothing to compare."]
    drawn = plot.inventory(explore.inventory(one))
    assert "No live time is known." in texts(drawn)
    assert faults(drawn) == []
    with pytest.raises(DataError, match="examples are a few spectra"):
        plot.example_spectra(one[:0])


def test_single_spectra_empty_ones_and_intensities_are_drawn() -> None:
    axis = gf.Axis.points(np.linspace(400, 4000, 30), unit="cm-1")
    values = np.sin(np.linspace(0, 6, 30))[None, :] * [[1.0], [0.8]]
    spectra = gf.SpectrumSet(values, axis, kind="intensity", labels=gf.Labels.of([["a"], ["b"]]))
    means = explore.mean_spectra(spectra)
    empty = gf.SpectrumSet(np.zeros((1, 30)), gf.Axis.channels(30))
    for drawn in (
        plot.mean_spectra(means),
        plot.similarity_matrix(explore.similarities(means)),
        plot.inventory(explore.inventory(spectra)),
        plot.example_spectra(spectra),
        plot.rebinned(explore.rebinned(spectra, gf.Axis.points(np.linspace(500, 3900, 50), unit="cm-1"))),
        plot.example_spectra(empty),
        plot.rebinned(explore.rebinned(empty, gf.Axis.linear(0, 30, 10, unit="channel"))),
    ):
        assert faults(drawn) == []


def test_the_histograms_hold_every_spectrum(labelled: gf.SpectrumSet) -> None:
    held = explore.inventory(labelled)
    bars, totals, _ = plot.inventory(held).axes
    widths = [patch.get_width() for patch in bars.patches]
    assert sum(widths) == held.spectra.sum()
    assert len(totals.patches) == len(held.classes)


def test_the_rebinned_spectrum_is_shown_by_unit() -> None:
    spectra = gf.SpectrumSet([[10.0, 20.0, 30.0, 40.0]], gf.Axis.linear(0, 4, 4))
    drawn = plot.rebinned(explore.rebinned(spectra, gf.Axis.linear(0, 4, 2)))
    one, other = drawn.axes[0].patches
    np.testing.assert_array_equal(one.get_data().values, [10, 20, 30, 40])
    np.testing.assert_array_equal(other.get_data().values, [15, 35])
    assert "Rebinned: every count is kept" in texts(drawn)
    moved = plot.rebinned(explore.rebinned(spectra, gf.Axis.linear(0, 4, 3), method="interpolate"))
    assert any("counts came or went" in text for text in texts(moved))


def test_an_inventory_of_mixtures_alone_says_so() -> None:
    spectra = gf.SpectrumSet(
        np.ones((3, 4)), gf.Axis.channels(4), labels=gf.Labels.of([["a", "b"]] * 3), live_time=np.ones(3)
    )
    drawn = plot.inventory(explore.inventory(spectra))
    assert any("Mixtures alone" in text for text in texts(drawn))
    assert faults(drawn) == []
