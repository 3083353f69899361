"""Which files a path stands for, and what can be no path at all."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

import gamma_flow as gf
from gamma_flow.errors import ReadError
from gamma_flow.io.walk import entries


def names(folder: Path, *args: Any, **options: Any) -> list[str]:
    found = entries(*args, **options)
    return [Path(entry.name).relative_to(folder).as_posix() for entry in found]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.csv", "sub/b.csv", "out/c.csv", "out/deep/d.csv", "outer/e.csv", ".git/f.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1\n2\n")
    return tmp_path


def test_folders_files_and_patterns(folder: Path) -> None:
    everything = ["a.csv", "out/c.csv", "out/deep/d.csv", "outer/e.csv", "sub/b.csv"]
    assert names(folder, folder) == everything
    assert names(folder, [folder / "sub", str(folder / "a.csv")]) == ["sub/b.csv", "a.csv"]
    assert names(folder, folder / "*.csv") == ["a.csv"]
    assert names(folder, folder / "out*") == everything[1:4]


def test_a_folder_is_left_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rest = ["a.csv", "outer/e.csv", "sub/b.csv"]
    assert names(folder, folder, folder / "out") == rest
    assert names(folder, folder, folder / "sub" / ".." / "out") == rest
    assert names(folder, folder, folder / "not there yet") == names(folder, folder)
    assert names(folder, folder / "*", folder / "out") == rest
    # what is named itself is read, and so is a folder that gets its own results
    assert names(folder, folder / "out" / "c.csv", folder / "out") == ["out/c.csv"]
    assert names(folder, folder / "out", folder / "out") == ["out/c.csv", "out/deep/d.csv"]
    assert names(folder, folder, folder) == names(folder, folder)
    monkeypatch.chdir(folder)
    assert names(Path(), ".", Path("out")) == rest
    (folder / "link").symlink_to(folder / "out")
    assert names(folder, folder, folder / "link") == rest
    (folder / "only" / "out").mkdir(parents=True)
    (folder / "only" / "out" / "g.csv").write_text("1\n2\n")
    with pytest.raises(ReadError, match="holds no files"):
        entries("only", "only/out")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "an empty path was given"),
        (["a.csv", ""], "an empty path was given"),
        ([], "no path was given"),
        ("x" * 5000, "path cannot be used"),
        ("x/" * 5000, "path cannot be used"),
        ("x" * 5000 + "*", "no such file|path cannot be used"),
        ("a\0b", "no such file|path cannot be used"),
        ("a\0*", "no such file|path cannot be used"),
        ("\ud800", "no such file|path cannot be used"),
        ("~nobody-of-this-name/a.csv", "path cannot be used"),
        (5, "no path was given; expected .*, found int 5"),
        (None, "no path was given"),
        (b"a.csv", "no path was given.*bytes"),
        ([5.0], "no path was given; expected .*, found float"),
        (gf.Axis.channels(2), "no path was given"),
    ],
)
def test_what_can_be_no_path(folder: Path, monkeypatch: pytest.MonkeyPatch, given: Any, words: str) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(ReadError, match=words) as caught:
        entries(given)
    assert len(str(caught.value)) < 500
    with pytest.raises(ReadError):
        gf.read(given)


def test_a_zip_in_a_folder_is_walked(folder: Path) -> None:
    with zipfile.ZipFile(folder / "sub" / "all.zip", "w") as archive:
        archive.writestr("in/g.csv", "1\n2\n")
    assert names(folder, folder / "sub") == ["sub/all.zip/in/g.csv", "sub/b.csv"]
