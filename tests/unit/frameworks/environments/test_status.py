"""What is said of an environment, from the files that are there; no process is started."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from backends.frameworks import registry
from backends.frameworks.base import Manifest
from backends.frameworks.environments import (
    OWN,
    READY,
    Environments,
    State,
    interpreter_in,
    readable,
    requirements,
)
from backends.frameworks.registry import EXTRA_FOLDERS
from tests.unit.frameworks.environments import wheels


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    monkeypatch.setenv(EXTRA_FOLDERS, str(tmp_path / "frameworks"))
    return wheels.framework(tmp_path / "frameworks")


@pytest.fixture
def known(tmp_path: Path) -> Environments:
    return Environments(tmp_path / "environments")


def finished(known: Environments, tiny: Manifest) -> Path:
    """The files of an installed environment, without what is in them."""
    folder = known.root / "tiny"
    site = folder / "lib" / "python3.11" / "site-packages"
    for path in (site / "tiny_engine", site / "tiny_engine-1.0.dist-info", interpreter_in(folder).parent):
        path.mkdir(parents=True)
    interpreter_in(folder).write_text("")
    marker = {"requirements": requirements(tiny).digest, "packages": ["tiny_engine-1.0.dist-info"]}
    (folder / READY).write_text(json.dumps(marker))
    return folder


def test_nothing_there_is_not_installed_with_the_sizes(known: Environments, tiny: Manifest) -> None:
    missing = known.missing(tiny)
    assert missing is not None
    assert missing.reason == "not installed"
    assert "edgewright frameworks install tiny" in missing.remedy
    assert "on disk" in missing.remedy


def test_a_folder_without_the_marker_is_never_used(known: Environments, tiny: Manifest) -> None:
    folder = finished(known, tiny)
    (folder / READY).unlink()
    assert known.status(tiny).state is State.ABSENT
    assert "broke off" in known.status(tiny).why


def test_a_finished_environment_gives_its_interpreter(known: Environments, tiny: Manifest) -> None:
    folder = finished(known, tiny)
    assert known.missing(tiny) is None
    assert known.runtime(tiny).interpreter == interpreter_in(folder)


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda folder: interpreter_in(folder).unlink(), "the Python it was made with is gone"),
        (lambda folder: (folder / READY).write_text("{"), "asks for other packages"),
        (lambda folder: next(folder.rglob("*.dist-info")).rmdir(), "tiny_engine-1.0"),
        (lambda folder: next(folder.rglob("tiny_engine")).rmdir(), "tiny_engine"),
    ],
    ids=["interpreter", "marker", "metadata", "module"],
)
def test_a_broken_environment_is_reported(known: Environments, tiny: Manifest, harm, says: str) -> None:  # type: ignore[no-untyped-def]
    harm(finished(known, tiny))
    missing = known.missing(tiny)
    assert known.status(tiny).state is State.BROKEN
    assert missing is not None
    assert says in missing.reason
    assert "frameworks repair tiny" in missing.remedy


def test_changed_requirements_ask_for_repair(known: Environments, tiny: Manifest, tmp_path: Path) -> None:
    finished(known, tiny)
    wheels.framework(tmp_path / "frameworks", version="1.1")
    assert known.status(tiny).state is State.BROKEN


def test_an_interpreter_of_the_users_own(known: Environments, tiny: Manifest, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("")
    (known.root / "tiny").mkdir(parents=True)
    (known.root / "tiny" / OWN).write_text(json.dumps({"interpreter": str(python)}))
    assert known.runtime(tiny).interpreter == python
    python.unlink()
    assert known.status(tiny).state is State.BROKEN


def test_another_system_is_said_first(known: Environments, tiny: Manifest) -> None:
    missing = known.missing(replace(tiny, systems=("plan9",)))
    assert missing is not None
    assert "plan9" in missing.remedy


def test_the_base_install_needs_no_environment(known: Environments) -> None:
    manifest = registry.manifest("llamacpp")
    assert known.status(manifest).state is State.BASE
    assert known.runtime(manifest).interpreter is None


@pytest.mark.parametrize("name", ["olive", "mlx", "qnn", "optimum"])
def test_the_programs_own_requirements_are_exact_and_name_no_host(name: str) -> None:
    required = requirements(registry.manifest(name))
    text = "".join(path.read_text() for path in (required.path, required.alone) if path)
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert required.pins == len(lines)
    assert required.disk_bytes > required.download_bytes > 0
    assert not [line for line in lines if "://" in line or "--" in line or "==" not in line]
    assert {"cattrs", "numpy", "psutil"} <= {line.partition("==")[0] for line in lines}


def test_a_tool_is_installed_like_a_framework_and_is_none(known: Environments) -> None:
    tool = registry.manifest("optimum-intel")
    assert registry.is_tool(tool)
    assert tool not in registry.manifests()
    assert not any(registry.is_tool(manifest) for manifest in registry.manifests())
    missing = known.missing(tool)
    assert missing is not None
    assert "edgewright frameworks install optimum" in missing.remedy


def test_the_pins_of_packages_that_come_alone_count_too(known: Environments, tiny: Manifest) -> None:
    before = requirements(tiny)
    before.path.with_suffix(".no-deps.txt").write_text("extra==1.0\n")
    after = requirements(tiny)
    assert (before.alone, after.pins) == (None, before.pins + 1)
    assert after.alone is not None
    assert after.digest != before.digest


def test_sizes_in_words() -> None:
    assert readable(540_000_000) == "540 MB"
    assert readable(1_750_000_000) == "1.8 GB"
