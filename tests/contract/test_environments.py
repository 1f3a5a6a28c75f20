"""Managed environments made for real: venv and pip, from a folder of tiny wheels, without a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from backends.actions.artifacts import load_artifact
from backends.domain.errors import BadInput, JobCancelled, JobFailed
from backends.domain.events import Event, Progress
from backends.frameworks import installing, registry
from backends.frameworks.base import Manifest
from backends.frameworks.environments import Environments, State, interpreter_in
from backends.frameworks.installing.interpreters import problems
from backends.frameworks.registry import EXTRA_FOLDERS
from backends.jobs.context import CancelToken, Context
from backends.storage.paths import HOME_VARIABLE
from tests.conftest import ROOT
from tests.contract.managed import BUNDLED, runtime_of
from tests.fault.killing import moments, run_and_kill, run_on_a_small_disk
from tests.unit.frameworks.environments import wheels

pytestmark = [pytest.mark.real, pytest.mark.slow]

ENDLESS_S = 600.0
PATIENCE_S = 60.0

_INSTALL = """
import sys
from pathlib import Path
from backends.frameworks import installing, registry
from backends.frameworks.environments import Environments
from backends.jobs.context import Context

known = Environments(Path(sys.argv[1]))
installing.repair(known, registry.manifest("tiny"), Context(lambda _: None), Path(sys.argv[2]))
"""


@dataclass(frozen=True)
class Place:
    known: Environments
    tiny: Manifest
    wheels: Path
    frameworks: Path

    @property
    def folder(self) -> Path:
        return self.known.root / "tiny"

    @property
    def command(self) -> list[str]:
        """An installation in a process of its own."""
        return [sys.executable, "-c", _INSTALL, str(self.known.root), str(self.wheels)]

    def state(self) -> State:
        return self.known.status(self.tiny).state


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv(EXTRA_FOLDERS, str(tmp_path / "frameworks"))
    tiny = wheels.framework(tmp_path / "frameworks")
    shelf = wheels.wheel_folder(tmp_path / "wheels")
    return Place(Environments(tmp_path / "home" / "environments"), tiny, shelf, tmp_path / "frameworks")


def quiet() -> Context:
    return Context(lambda _: None)


def test_install_use_and_remove_without_trace(place: Place) -> None:
    events: list[Event] = []
    installing.install(place.known, place.tiny, Context(events.append), place.wheels)
    assert place.state() is State.READY
    assert problems(interpreter_in(place.folder), place.tiny, quiet()) == []
    fractions = [e.fraction for e in events if isinstance(e, Progress) and e.fraction is not None]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    # A second install sees that all is well, and touches nothing.
    made = interpreter_in(place.folder).lstat().st_mtime_ns
    installing.install(place.known, place.tiny, quiet(), place.wheels)
    assert interpreter_in(place.folder).lstat().st_mtime_ns == made
    assert installing.remove(place.known, place.tiny, quiet())
    assert not place.known.root.exists()
    assert not installing.remove(place.known, place.tiny, quiet())


def test_what_breaks_is_reported_and_repaired(place: Place) -> None:
    installing.install(place.known, place.tiny, quiet(), place.wheels)
    module = next(place.folder.rglob("tiny_engine/__init__.py"))
    module.write_text("raise ImportError('half of it is gone')")
    assert "half of it is gone" in problems(interpreter_in(place.folder), place.tiny, quiet())[0]
    interpreter_in(place.folder).unlink()
    assert place.state() is State.BROKEN
    installing.install(place.known, place.tiny, quiet(), place.wheels)
    assert place.state() is State.READY
    assert problems(interpreter_in(place.folder), place.tiny, quiet()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.timeout(900)
def test_killed_at_twenty_moments_it_is_never_used_half_made(place: Place) -> None:
    whole_s = run_and_kill(place.command, ENDLESS_S, {})
    assert whole_s is not None
    assert place.state() is State.READY
    for share in moments():
        installing.remove(place.known, place.tiny, quiet())
        whole_s = run_and_kill(place.command, share * whole_s, {}) or whole_s
        if place.state() is State.READY:  # it had just ended
            assert problems(interpreter_in(place.folder), place.tiny, quiet()) == []
        else:
            missing = place.known.missing(place.tiny)
            assert missing is not None
            assert "install" in missing.remedy
    installing.install(place.known, place.tiny, quiet(), place.wheels)
    assert problems(interpreter_in(place.folder), place.tiny, quiet()) == []
    installing.remove(place.known, place.tiny, quiet())
    assert not place.known.root.exists()


@pytest.mark.parametrize("size_mb", [4, 40], ids=["making it", "filling it"])
def test_a_disk_that_fills_up_leaves_nothing(place: Place, size_mb: int) -> None:
    """The room that the pins ask for was there; what is installed takes more."""
    wheels.wheel(place.wheels, "tiny_engine", code=f"data = {os.urandom(20_000_000).hex()!r}\n")
    place.known.root.mkdir(parents=True)
    ended = run_on_a_small_disk(place.command, place.known.root, size_mb, {})
    assert "JobFailed: The disk is full: Tiny could not be installed. Free some space." in ended.stderr
    assert ended.stdout == "", "something is left on the disk"


@pytest.mark.parametrize("words", ["Making the environment", "Unpacking"])
def test_a_cancelled_installation_leaves_nothing(place: Place, words: str) -> None:
    token = CancelToken()

    def listen(event: Event) -> None:
        if isinstance(event, Progress) and words in event.what:
            token.cancel()

    with pytest.raises(JobCancelled):
        installing.install(place.known, place.tiny, Context(listen, token), place.wheels)
    assert not place.folder.exists()
    assert _installers(place) == []


def test_a_missing_wheel_is_named(place: Place) -> None:
    next(place.wheels.glob("tiny_engine*")).unlink()
    with pytest.raises(JobFailed, match=r"tiny_engine==1\.0") as failure:
        installing.install(place.known, place.tiny, quiet(), place.wheels)
    assert failure.value.details
    assert not place.folder.exists()


def test_what_does_not_work_after_installing_is_no_environment(place: Place) -> None:
    wheels.wheel(place.wheels, "tiny_engine", code="raise OSError('libengine.so: no such file')")
    with pytest.raises(JobFailed, match=r"libengine\.so"):
        installing.install(place.known, place.tiny, quiet(), place.wheels)
    assert place.state() is State.ABSENT


def test_room_is_looked_for_first(place: Place) -> None:
    wheels.framework(place.frameworks, disk_bytes=10**18)
    with pytest.raises(JobFailed, match="free"):
        installing.install(place.known, place.tiny, quiet(), place.wheels)
    assert not place.folder.exists()


def test_a_python_of_the_users_own(place: Place, tmp_path: Path) -> None:
    installing.install(place.known, place.tiny, quiet(), place.wheels)
    own = tmp_path / "own"
    place.folder.rename(own)  # any folder with a Python in it will do
    installing.use_own(place.known, place.tiny, interpreter_in(own), quiet())
    assert place.known.runtime(place.tiny).interpreter == interpreter_in(own)
    installing.remove(place.known, place.tiny, quiet())
    assert interpreter_in(own).exists()
    with pytest.raises(BadInput, match="tiny_engine"):
        installing.use_own(place.known, place.tiny, Path(sys.executable), quiet())
    with pytest.raises(BadInput, match="no program"):
        installing.use_own(place.known, place.tiny, tmp_path / "nothing", quiet())
    assert place.state() is State.ABSENT


def test_the_base_install_is_not_touched(place: Place) -> None:
    for verb in (installing.install, installing.repair, installing.remove):
        with pytest.raises(BadInput, match="base install"):
            verb(place.known, registry.manifest("llamacpp"), quiet())


def test_the_command_line_lists_six_and_says_what_is_missing(tmp_path: Path) -> None:
    entries = edgewright(tmp_path, "frameworks")
    assert set(entries) == {"llamacpp", "mlx", "olive", "onnxruntime", "openvino", "qnn"}
    for name in ("mlx", "olive", "qnn"):
        assert entries[name]["available"] is False
        assert entries[name]["reason"]
        assert "frameworks install" in entries[name]["remedy"] or "runs on" in entries[name]["remedy"]
        assert entries[name]["environment"]["disk_bytes"] > 0
    with pytest.raises(subprocess.CalledProcessError) as unknown:
        edgewright(tmp_path, "frameworks", "--python", "x")
    assert unknown.value.returncode == BadInput.exit_code


@pytest.mark.timeout(1800)
def test_mlx_comes_works_and_goes_without_trace(tmp_path: Path) -> None:
    """For real, into an empty home: what the command line's remedy says is done, used, and undone."""
    mlx = registry.manifest("mlx")
    runtime_of(mlx)  # where it is not at hand for the other tests, it cannot be installed here either
    home, made = tmp_path / "home", tmp_path / "made"
    before = edgewright(home, "frameworks")["mlx"]
    assert "edgewright frameworks install mlx" in before["remedy"]
    assert edgewright(home, "frameworks", "install", "mlx")["mlx"]["available"]
    assert edgewright(home, "frameworks")["mlx"]["available"]
    edgewright(
        home, "quantize", str(BUNDLED), "--framework", "mlx", "--precision", "4bit", "--out", str(made)
    )
    assert load_artifact(made).framework == "mlx"
    assert not edgewright(home, "frameworks", "remove", "mlx")["mlx"]["available"]
    assert edgewright(home, "frameworks")["mlx"] == before
    assert [path for path in home.rglob("*") if not path.is_dir()] == []


def edgewright(home: Path, *words: str) -> dict[str, Any]:
    """One command of the program; what it says of frameworks, by name."""
    variables = {**os.environ, HOME_VARIABLE: str(home), EXTRA_FOLDERS: ""}
    command = [sys.executable, "-m", "backends.cli", *words, "--json"]
    answer = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, check=True)
    return {entry["framework"]: entry for entry in json.loads(answer.stdout).get("frameworks", [])}


def _installers(place: Place) -> list[str]:
    """What still works on the environment, after it has had time to notice."""
    at_work = [
        p for p in psutil.process_iter(["cmdline"]) if str(place.folder) in " ".join(p.info["cmdline"] or ())
    ]
    _, alive = psutil.wait_procs(at_work, PATIENCE_S)
    return [" ".join(process.info["cmdline"]) for process in alive]
