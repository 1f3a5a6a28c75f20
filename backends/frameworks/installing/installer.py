"""Makes managed environments with venv and pip, or takes a Python of the user's own after a look at it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path

from backends.domain.errors import BadInput, JobFailed
from backends.domain.events import Log, Progress, Started
from backends.frameworks.base import JobContext, Manifest
from backends.frameworks.children import run_module
from backends.frameworks.environments import (
    OWN,
    READY,
    Environments,
    Requirements,
    State,
    interpreter_in,
    readable,
    requirements,
    site_packages,
)
from backends.frameworks.files import folder_bytes
from backends.frameworks.installing import pip
from backends.frameworks.installing.interpreters import base_interpreter, problems
from backends.frameworks.installing.locks import locked

FULL_BYTES = 1_000_000  # with less left, the disk is what went wrong, whatever was said


def install(known: Environments, manifest: Manifest, job: JobContext, wheels: Path | None = None) -> None:
    """Make the framework's environment; nothing happens where it is there and works.

    ``wheels``: a folder of wheels that is used instead of the network. Raises BadInput, FrameworkUnavailable
    (no Python to make it with), JobFailed and JobCancelled; what is half-made then is never used.
    """
    _refuse_base(manifest)
    status = known.status(manifest)
    if status.state is State.READY and status.interpreter and not problems(status.interpreter, manifest, job):
        job.emit(Log(f"{manifest.title} is installed already."))
        return
    repair(known, manifest, job, wheels)


def repair(known: Environments, manifest: Manifest, job: JobContext, wheels: Path | None = None) -> None:
    """Make the environment anew, whatever state it is in. A user's own Python is only looked at again."""
    _refuse_base(manifest)
    if wheels is not None and not wheels.is_dir():
        raise BadInput(f"The wheel folder “{wheels}” is not there.", "Check the path.")
    status = known.status(manifest)
    if status.own and status.interpreter is not None:
        use_own(known, manifest, status.interpreter, job)
        return
    job.emit(Started(f"Installing {manifest.title}"))
    with _alone(known, manifest, job) as lock:
        maker = _Maker(known, manifest, requirements(manifest), job, lock)
        try:
            maker.make(wheels)
        except BaseException:
            shutil.rmtree(maker.folder, ignore_errors=True)
            raise


def remove(known: Environments, manifest: Manifest, job: JobContext) -> bool:
    """Take the environment away, or forget the user's own Python; whether there was anything."""
    _refuse_base(manifest)
    folder = known.root / manifest.environment
    if not folder.exists():
        return False
    job.emit(Started(f"Removing {manifest.title}"))
    with _alone(known, manifest, job):
        _clear(folder)
    with suppress(OSError):  # other environments are in it
        known.root.rmdir()
    return True


def use_own(known: Environments, manifest: Manifest, interpreter: Path, job: JobContext) -> None:
    """Let the framework run on ``interpreter`` instead. Raises BadInput with what that Python lacks."""
    _refuse_base(manifest)
    found = shutil.which(interpreter)
    if found is None:
        raise BadInput(f"“{interpreter}” is no program that can be started.", "Name a Python interpreter.")
    chosen = Path(found).absolute()  # not resolved: its link is what makes a virtual environment one
    lacking = problems(chosen, manifest, job)
    if lacking:
        raise BadInput(
            f"“{chosen}” cannot run {manifest.title}: {'; '.join(lacking)}.",
            f"Mend that, or install {manifest.title} in an environment of its own.",
        )
    folder = known.root / manifest.environment
    with _alone(known, manifest, job):
        _clear(folder)
        folder.mkdir(parents=True)
        _write(folder / OWN, {"interpreter": str(chosen)})


@dataclass(frozen=True)
class _Maker:
    known: Environments
    manifest: Manifest
    required: Requirements
    job: JobContext
    lock: int

    @property
    def folder(self) -> Path:
        return self.known.root / self.manifest.environment

    def make(self, wheels: Path | None) -> None:
        self._check_room()
        _clear(self.folder)
        self.job.emit(Progress(0.0, "Making the environment"))
        python = interpreter_in(self.folder)
        self._run(base_interpreter(self.job), "venv", [str(self.folder)], lambda _: None)
        place = wheels.resolve() if wheels else None
        progress = pip.PipProgress(self.required.pins, self.job)
        self._run(python, "pip", pip.arguments(self.required.path, place), progress)
        if self.required.alone is not None:
            self._run(python, "pip", pip.arguments(self.required.alone, place, alone=True), progress)
        self.job.emit(Progress(0.95, "Checking what was installed"))
        lacking = problems(python, self.manifest, self.job)
        if lacking:
            raise JobFailed(f"{self.manifest.title} was installed but does not work: {'; '.join(lacking)}.")
        self._mark()
        self.job.emit(Progress(1.0, f"{self.manifest.title} is installed"))

    def _check_room(self) -> None:
        needed = self.required.disk_bytes + self.required.download_bytes
        before = folder_bytes(self.folder) if self.folder.is_dir() else 0  # makes room for its successor
        free = shutil.disk_usage(self.known.root).free + before
        if free < needed:
            raise JobFailed(
                f"“{self.known.root}” has {readable(free)} free; installing takes {readable(needed)}, "
                f"of which {readable(self.required.disk_bytes)} stay in use.",
                "Free some space and start again.",
            )

    def _run(self, python: Path, module: str, arguments: list[str], on_line: Callable[[str], None]) -> None:
        lines: list[str] = []

        def hear(line: str) -> None:
            lines.append(line)
            on_line(line)

        if run_module(python, module, arguments, self.job, hear, (self.lock,)) != 0:
            full = shutil.disk_usage(self.known.root).free < FULL_BYTES
            raise pip.explain(self.manifest.title, module, lines, full)

    def _mark(self) -> None:
        site = site_packages(self.folder)
        assert site is not None
        packages = sorted(entry.name for entry in site.glob("*.dist-info"))
        _write(self.folder / READY, {"requirements": self.required.digest, "packages": packages})


def _refuse_base(manifest: Manifest) -> None:
    if not manifest.environment:
        raise BadInput(
            f"{manifest.title} is part of the base install and has no environment of its own.",
            "To mend it, install Edgewright again.",
        )


def _alone(known: Environments, manifest: Manifest, job: JobContext) -> AbstractContextManager[int]:
    return locked(known.root / f".{manifest.environment}.lock", job)


def _clear(folder: Path) -> None:
    """The markers go first, should this break off."""
    for marker in (READY, OWN):
        (folder / marker).unlink(missing_ok=True)
    if folder.exists():
        shutil.rmtree(folder)


def _write(path: Path, data: dict[str, object]) -> None:
    """Whole or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)
