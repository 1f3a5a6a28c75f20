"""Killed at any moment, or short of disk, making a model leaves nothing half-made that is later used."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from backends.actions.artifacts import load_artifact
from backends.actions.conversions import Conversions
from backends.assessment.contents import hashes
from backends.domain.artifact import Artifact
from backends.domain.errors import JobFailed
from backends.storage.paths import HOME_VARIABLE, resources
from tests.fault.killing import moments, run_and_kill, run_on_a_small_disk

pytestmark = [
    pytest.mark.slow,
    pytest.mark.real,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals"),
]

DIGITS = resources() / "models" / "edgewright-digits"
LANGUAGE = resources() / "models" / "edgewright-lm"
ENDLESS_S = 600.0


def quantize(model: Path, framework: str, precision: str) -> list[str]:
    """A command that lacks its last word: the folder."""
    wanted = [str(model), "--framework", framework, "--precision", precision]
    return [sys.executable, "-m", "backends.cli", "quantize", *wanted, "--out"]


CONVERT = [sys.executable, "-m", "backends.cli", "convert", str(DIGITS), "--to", "openvino", "--out"]
QUANTIZE = {
    "llamacpp": quantize(LANGUAGE, "llamacpp", "Q8_0"),
    "onnxruntime": quantize(DIGITS, "onnxruntime", "INT8_STATIC"),
    "openvino": quantize(DIGITS, "openvino", "INT8"),
}


def test_a_conversion_killed_at_twenty_moments(tmp_path: Path) -> None:
    """Its cache as well. What came to its end is taken out of it, so that the next one converts anew."""
    home, cache = tmp_path / "home", tmp_path / "home" / "cache" / "conversions"

    def look() -> None:
        for entry in cache.glob("[!.]*"):
            found = Conversions(cache).find(entry.name)
            assert found is not None
            assert whole(found)
            shutil.rmtree(entry)

    made = kill_at_every_moment(CONVERT, tmp_path, home, look)
    assert made.sameness[0].top1_agreement == 1.0
    assert [entry.name for entry in cache.glob(".*")] == [], "the last run cleared away what was half-made"


@pytest.mark.parametrize("framework", ["llamacpp", "onnxruntime"])
def test_a_quantization_killed_at_twenty_moments(framework: str, tmp_path: Path) -> None:
    made = kill_at_every_moment(QUANTIZE[framework], tmp_path, tmp_path / "home")
    assert made.framework == framework
    assert not made.original


def kill_at_every_moment(
    command: Sequence[str], folder: Path, home: Path, look: Callable[[], None] = lambda: None
) -> Artifact:
    """What was made is there in full or not at all, each time. Returns what a last run, left alone, made."""
    variables = {HOME_VARIABLE: str(home)}
    whole_s = run_and_kill([*command, str(folder / "first")], ENDLESS_S, variables)
    assert whole_s is not None
    killed = 0
    for number, share in enumerate(moments()):
        target = folder / "out" / str(number)
        took_s = run_and_kill([*command, str(target)], share * whole_s, variables)
        killed += took_s is None
        whole_s = took_s or whole_s
        assert target.exists() or took_s is None
        if target.exists():
            assert whole(load_artifact(target))
        look()
    assert killed >= 5, "hardly any run was still at work when its moment came"
    assert run_and_kill([*command, str(folder / "last")], ENDLESS_S, variables) is not None
    made = load_artifact(folder / "last")
    assert whole(made)
    return made


def whole(artifact: Artifact) -> bool:
    """Whether its files are those that were hashed when they had been read back."""
    return dict(artifact.hashes) == hashes(artifact.path)


@pytest.mark.parametrize("framework", list(QUANTIZE))
def test_a_quantization_whose_disk_fills_up(framework: str, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    variables = {HOME_VARIABLE: str(tmp_path / "home")}
    ended = run_on_a_small_disk([*QUANTIZE[framework], str(disk / "out")], disk, 0.25, variables)
    assert ended.returncode == JobFailed.exit_code, ended.stderr
    assert "full" in ended.stderr
    assert "Free some space" in ended.stderr
    assert ended.stdout == "", "something is left on the disk"


def test_a_conversion_whose_disk_fills_up(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    ended = run_on_a_small_disk([*CONVERT, str(tmp_path / "out")], home, 0.25, {HOME_VARIABLE: str(home)})
    assert ended.returncode == JobFailed.exit_code, ended.stderr
    assert "Free some space" in ended.stderr
    assert not (tmp_path / "out").exists()
    assert "model" not in ended.stdout, "something half-made is left on the disk"
