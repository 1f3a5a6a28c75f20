"""Nothing half-written is ever seen."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from backends.domain.errors import BadInput, JobFailed
from backends.storage.files import PARTIAL, folder_in_the_making, remove_leftovers, write_text


def test_a_folder_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "artifact"
    with folder_in_the_making(target) as folder:
        (folder / "model").write_text("weights")
        assert not target.exists()
    assert (target / "model").read_text() == "weights"
    assert list(target.parent.iterdir()) == [target]


def test_nothing_is_left_of_a_folder_that_was_not_finished(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), folder_in_the_making(tmp_path / "artifact") as folder:
        (folder / "half").write_text("x")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_an_existing_output_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "artifact").mkdir()
    with pytest.raises(BadInput, match="exists already"), folder_in_the_making(tmp_path / "artifact"):
        pytest.fail("the block must not run")


def test_a_parent_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(BadInput, match="Nothing can be written"),
        folder_in_the_making(tmp_path / "file" / "x"),
    ):
        pytest.fail("the block must not run")


def test_a_full_disk_is_a_sentence_with_a_remedy(tmp_path: Path) -> None:
    with (
        pytest.raises(JobFailed, match="disk is full") as caught,
        folder_in_the_making(tmp_path / "artifact") as folder,
    ):
        (folder / "half").write_text("x")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert "space" in caught.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_text_is_replaced_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    write_text(path, "old")
    write_text(path, "new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name != "posix", reason="Windows has no umask")
@pytest.mark.parametrize(("umask", "expected"), [(0o022, 0o644), (0o077, 0o600)])
def test_text_is_readable_by_whom_the_umask_says(tmp_path: Path, umask: int, expected: int) -> None:
    before = os.umask(umask)
    try:
        write_text(tmp_path / "report.html", "text")
    finally:
        os.umask(before)
    assert (tmp_path / "report.html").stat().st_mode & 0o777 == expected


def test_leftovers_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    (tmp_path / f"{PARTIAL}abc").mkdir()
    (tmp_path / f"{PARTIAL}abc" / "half").write_text("x")
    (tmp_path / f"{PARTIAL}def").write_text("x")
    (tmp_path / "whole").mkdir()
    assert remove_leftovers(tmp_path) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]
