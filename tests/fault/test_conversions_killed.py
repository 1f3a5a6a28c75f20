"""The cache of conversions holds whole entries only, whatever happened to whoever made them."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from backends.actions.conversions import Conversions
from backends.storage.files import PARTIAL, partial_prefix
from tests.unit.samples import artifact

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")

KEY = "k" * 64


def store_with(tmp_path: Path, content: bytes = b"weights") -> tuple[Conversions, Path]:
    """A store with one entry, and that entry's folder."""
    store = Conversions(tmp_path / "conversions")
    with store.making() as folder:
        (folder / "model.gguf").write_bytes(content)
        store.keep(KEY, folder, replace(artifact(), path=folder / "model.gguf"))
    (entry,) = store.root.iterdir()
    return store, entry


def test_an_entry_is_found_again(tmp_path: Path) -> None:
    store, entry = store_with(tmp_path)
    found = store.find(KEY)
    assert found is not None
    assert found.path == (entry / "model.gguf").resolve()
    assert store.find("other") is None


@pytest.mark.parametrize("spoil", ["shorter", "gone", "no list", "half a list", "another list"])
def test_a_damaged_entry_is_cleared_away(tmp_path: Path, spoil: str) -> None:
    store, entry = store_with(tmp_path)
    model, listing = entry / "model.gguf", entry / "files.json"
    if spoil == "shorter":
        model.write_bytes(b"weight")
    elif spoil == "gone":
        model.unlink()
    elif spoil == "no list":
        listing.unlink()
    else:
        listing.write_text(listing.read_text()[:9] if spoil == "half a list" else "[]")
    assert store.find(KEY) is None
    assert not entry.exists()


def test_what_broke_off_is_not_found_and_goes_with_the_next_one(tmp_path: Path) -> None:
    store = Conversions(tmp_path / "conversions")
    with pytest.raises(RuntimeError), store.making() as folder:
        (folder / "half").write_text("x")
        raise RuntimeError
    assert list(store.root.iterdir()) == []
    gone = store.root / f"{PARTIAL}{_dead_pid()}-1-x"
    mine = store.root / f"{partial_prefix()}y"
    used_again = store.root / f"{PARTIAL}{os.getpid()}-1-z"  # an earlier process had this one's number
    for leftover in (gone, mine, used_again):
        leftover.mkdir()
    with store.making():
        assert mine.is_dir()  # its maker lives
        assert not gone.exists()
        assert not used_again.exists()


def _dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_of_two_that_make_the_same_the_first_counts(tmp_path: Path) -> None:
    store, entry = store_with(tmp_path, b"first")
    with store.making() as folder:
        (folder / "model.gguf").write_bytes(b"second")
        kept = store.keep(KEY, folder, replace(artifact(), path=folder / "model.gguf"))
    assert kept.path.read_bytes() == b"first"
    assert list(store.root.iterdir()) == [entry]
