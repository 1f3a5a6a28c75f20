"""Who made a half-made thing, and whether that process still runs."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from backends.storage.files import PARTIAL, folder_in_the_making, is_abandoned, remove_leftovers
from backends.storage.owners import announce, lives, running_since, this_process

ANNOUNCING = """
import sys
from pathlib import Path
from backends.storage.owners import announce
announce(Path(sys.argv[1]))
print(flush=True)
sys.stdin.read()
"""


def test_this_process_lives_and_an_earlier_one_of_its_number_does_not() -> None:
    assert lives(this_process())
    assert lives(f"{this_process()}-model")
    pid, _, _ = this_process().partition("-")
    assert not lives(f"{pid}-1-model")
    assert not lives("")
    assert not lives("nobody")
    assert not lives(f"{2**70}-1")


def test_what_a_living_process_makes_is_left_alone(tmp_path: Path) -> None:
    with folder_in_the_making(tmp_path / "artifact") as mine:
        dead = tmp_path / f"{PARTIAL}{psutil.Process().pid}-1-x"
        dead.mkdir()
        assert (is_abandoned(mine), is_abandoned(dead)) == (False, True)
        assert remove_leftovers(tmp_path) == 1
        assert mine.is_dir()
    assert [path.name for path in tmp_path.iterdir()] == ["artifact"]


def test_what_a_killed_process_left_goes_when_the_folder_is_used_again(tmp_path: Path) -> None:
    dead = tmp_path / f"{PARTIAL}{psutil.Process().pid}-1-x"
    dead.mkdir()
    (dead / "half").write_text("x")
    with folder_in_the_making(tmp_path / "first") as living, folder_in_the_making(tmp_path / "second"):
        assert not dead.exists()
        assert living.is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "second"]


def test_a_process_says_that_it_runs_until_it_ends(tmp_path: Path) -> None:
    assert running_since(tmp_path / "running") is None
    process = subprocess.Popen(
        [sys.executable, "-c", ANNOUNCING, str(tmp_path / "running")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        since = running_since(tmp_path / "running")
        assert since is not None
        assert since == pytest.approx(time.time(), abs=60)
        process.communicate()
    assert running_since(tmp_path / "running") is None
    assert list((tmp_path / "running").iterdir()) == []


def test_a_mark_of_a_killed_process_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / f"{psutil.Process().pid}-1").touch()
    assert running_since(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_written_nobody_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    announce(tmp_path / "file" / "running")
    assert running_since(tmp_path / "file" / "running") is None
