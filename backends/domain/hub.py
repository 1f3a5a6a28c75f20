"""A model on a server: its name, its files, and what a download would bring."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MAIN = "main"


@dataclass(frozen=True)
class HubModel:
    """What the user asked for: "owner/name", and a branch, tag or commit."""

    name: str
    revision: str = MAIN

    @property
    def title(self) -> str:
        return self.name if self.revision == MAIN else f"{self.name} at {self.revision}"


@dataclass(frozen=True)
class HubFile:
    """``sha256`` for large files, ``blob_sha1`` (git's hash of the content) for small ones."""

    name: str
    size_bytes: int
    sha256: str = ""
    blob_sha1: str = ""


@dataclass(frozen=True)
class HubPlan:
    """What a download would bring. ``commit`` is what the revision stood for when the server was asked."""

    model: HubModel
    commit: str
    files: tuple[HubFile, ...]
    left_out: tuple[str, ...] = ()  # files of the repository that the model does not need
    wanted: tuple[str, ...] = ()  # the patterns that chose the weights
    choices: tuple[HubFile, ...] = ()  # models, by their first file; a size is of all its files

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)


@dataclass(frozen=True)
class Fetched:
    """A model that is here. ``path`` is what to open, in ``folder``."""

    model: HubModel
    commit: str
    folder: Path
    path: Path
    downloaded_bytes: int  # 0 where it was here before
