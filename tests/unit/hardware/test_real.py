"""The machine the tests run on."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from backends.hardware.detect import detect
from backends.hardware.system import RealSystem


def test_detection_is_fast_and_finds_what_python_finds(tmp_path: Path) -> None:
    profile = detect(storage_path=str(tmp_path / "not" / "made" / "yet"))
    assert profile.processor.logical_cores.value == os.cpu_count() or profile.processor.usable_cpus.value
    assert (profile.memory.total_bytes.value or 0) > 1 << 28
    assert (profile.storage.free_bytes.value or 0) > 0
    assert "Looking for it failed" not in repr(profile)
    if sys.platform == "linux":
        assert any(detect().detected_in_s < 1.0 for _ in range(10)), "usually it takes a tenth of that"


def test_a_command_without_a_program() -> None:
    assert "not installed" in RealSystem().run("edgewright-no-such-tool").problem


def test_a_command_that_hangs_is_ended() -> None:
    answer = RealSystem().run(sys.executable, "-c", "import time; time.sleep(60)", timeout_s=0.2)
    assert "did not answer" in answer.problem


def test_a_command_that_fails_keeps_its_text() -> None:
    answer = RealSystem().run(
        sys.executable, "-c", "import os; print(os.environ['LC_ALL']); raise SystemExit(3)"
    )
    assert (answer.text.strip(), answer.ok) == ("C", False)


@pytest.mark.parametrize("path", ["no/such/file", ".", "a\0b"])
def test_what_cannot_be_read_says_so(path: str) -> None:
    assert RealSystem().read(path).problem


def test_an_unknown_native_question() -> None:
    assert not RealSystem().native("the-weather").ok


@pytest.mark.skipif(sys.platform == "win32", reason="asks that these are Windows' own")
def test_windows_questions_elsewhere() -> None:
    assert "not Windows" in RealSystem().native("processor-layout").problem
