"""Where each framework's libraries live: in the base install, or in a managed environment of their own."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from backends.domain.runtime import Runtime
from backends.frameworks.base import Availability, Manifest

READY = "ready.json"  # written last: an environment without it is not used


@dataclass(frozen=True)
class Environments:
    """The managed environments under one folder."""

    root: Path

    def missing(self, manifest: Manifest) -> Availability | None:
        """Why the framework cannot even be asked, or ``None`` when it can."""
        if manifest.environment and not (self.root / manifest.environment / READY).is_file():
            return Availability(
                manifest.name,
                False,
                reason="not installed",
                remedy=f"Run “edgewright frameworks install {manifest.name}”.",
            )
        return None

    def runtime(self, manifest: Manifest) -> Runtime:
        if not manifest.environment:
            return Runtime()
        return Runtime(interpreter_in(self.root / manifest.environment))


def interpreter_in(environment: Path) -> Path:
    return environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
