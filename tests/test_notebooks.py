"""The notebooks are stored without results, are easy to read, and run: on the example and on a folder."""

from __future__ import annotations

import base64
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gamma_flow as gf
from gamma_flow.simulate.example import example

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
pytest.importorskip("sklearn")

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CHOICE = 'DATA = None  # or "path/to/folder"'
_DRAWS = re.compile(r"^\s*(?:display\()?(?:plot|draw)\.(?!Palette)[a-z_]+\(", re.MULTILINE)


def _read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def test_the_tour_has_three_parts() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["01_preprocessing", "02_model", "03_outliers"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_stored_without_results_and_easy_to_read(path: Path) -> None:
    book = _read(path)
    nbformat.validate(book)
    assert (book.nbformat, book.nbformat_minor) == (4, 5)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert all(len(cell.source.splitlines()) <= 6 for cell in code if "import" not in cell.source)
    assert sum("DATA = None" in cell.source for cell in code) == 1
    assert code[0].source == CHOICE, "the one line to change stands at the top"
    assert sum("%matplotlib inline" in cell.source for cell in code) == 1
    # nearly every cell is explained by the text above it
    told = [book.cells[i - 1].cell_type == "markdown" for i, cell in enumerate(book.cells) if cell in code]
    assert sum(told) >= 0.7 * len(told)


def _executed(path: Path, folder: Path, data: Path | None = None) -> Any:
    book = _read(path)
    if data is not None:
        (cell,) = [cell for cell in book.cells if cell.source == CHOICE]
        cell.source = f"DATA = {str(data)!r}"
    client = nbclient.NotebookClient(
        book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    client.execute(env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONWARNINGS": "default"})
    return book


def _check_pictures(book: Any) -> int:
    pictures = 0
    for cell in book.cells:
        if cell.cell_type != "code" or not _DRAWS.search(cell.source):
            continue
        images = [out.data["image/png"] for out in cell.outputs if "image/png" in out.get("data", {})]
        assert images, f"no picture: {cell.source}"
        assert all(len(base64.b64decode(image)) > 3000 for image in images), cell.source
        pictures += len(images)
    return pictures


def _warned(book: Any) -> list[str]:
    outputs = [out for cell in book.cells if cell.cell_type == "code" for out in cell.outputs]
    return [out.text for out in outputs if out.output_type == "stream" and out.name == "stderr"]


@pytest.mark.slow
def test_one_after_the_other_on_the_example(tmp_path: Path) -> None:
    pictures = 0
    for path in NOTEBOOKS:
        book = _executed(path, tmp_path)
        assert not _warned(book)
        pictures += _check_pictures(book)
    assert pictures >= 35
    made = sorted(path.name for path in (tmp_path / "out" / "example").iterdir())
    assert made == ["model-with-rule.gfm", "model.gfm", "prepared.npz"]
    rule = gf.Model.load(tmp_path / "out" / "example" / "model-with-rule.gfm").unknown_rule
    assert rule is not None
    assert rule.feature == "novelty_p"


@pytest.mark.slow
def test_on_a_folder_of_ones_own_each_by_itself(tmp_path: Path) -> None:
    """Two sources, spectra without labels in the files, another detector, no unknown ones."""
    data = tmp_path / "measured"
    data.mkdir()
    drawn, rng = example(), np.random.default_rng(1)
    nothing = gf.Labels.of([None] * 60)
    for name, told in (
        ("Am241_simulated", "Am241_near"),
        ("Cs137_simulated", "Cs137_near"),
        ("background_left", "background_near_1"),
        ("mix-Am241-Cs137_right", "Am241+Cs137+background_far"),
    ):
        part = drawn[name].sample(60, per=None, rng=rng).relabelled(nothing)
        gf.write(part.annotated(detector=""), data / f"{told}.csv")
    for number, path in enumerate(NOTEBOOKS):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert _check_pictures(_executed(path, folder, data)) >= 6
        assert (folder / "out" / "measured").is_dir()
