"""Files leave the page cache, or it is said that they did not."""

from __future__ import annotations

import mmap
import os
import sys
from pathlib import Path

import pytest

from backends.hardware import page_cache


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux's page cache")
def test_a_file_is_forgotten_unless_somebody_has_it_mapped(tmp_path: Path) -> None:
    file = tmp_path / "weights.bin"
    file.write_bytes(os.urandom(4 << 20))
    if not page_cache.dropped([file]):
        pytest.skip("this file system keeps its files in memory, or does not tell")
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        assert sum(mapped[:: mmap.PAGESIZE]) > 0  # every page is used
        assert not page_cache.dropped([file])
    assert page_cache.dropped([file])


def test_a_file_that_is_not_there_was_not_dropped(tmp_path: Path) -> None:
    assert not page_cache.dropped([tmp_path / "nothing"])
    assert not page_cache.dropped([tmp_path])


def test_other_systems_cannot_drop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not page_cache.dropped([])
