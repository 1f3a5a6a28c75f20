"""Models from the Hugging Face Hub: kept under the commit they come from, whole or not at all.

The layout is that of Hugging Face's own cache, models--OWNER--NAME/snapshots/COMMIT: a path tells its model's
name. A download that broke off stays beside it and goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from backends.codec import to_plain
from backends.domain.errors import JobFailed
from backends.domain.events import Log, Started
from backends.domain.hub import Fetched, HubModel, HubPlan
from backends.frameworks.base import JobContext
from backends.frameworks.environments import readable
from backends.frameworks.installing.locks import locked
from backends.jobs.launcher import run_job
from backends.jobs.spec import HUB_FETCH, HUB_PLAN, HubFetchRequest, HubPlanRequest, JobSpec
from backends.sources.hub import PREFIX, parse
from backends.sources.selection import several
from backends.storage.files import PARTIAL, disk_error, write_text
from backends.storage.owners import announce
from backends.storage.paths import app_paths

ORIGIN = "origin.json"  # where a folder's files come from
_OPENED = (".gguf", ".onnx")  # opened by their file, unlike a checkpoint's folder


def is_hub_name(text: str) -> bool:
    """Whether a model was named as one on the Hub: "hf:owner/name"."""
    return text.startswith(PREFIX)


def plan(model: HubModel, job: JobContext, files: tuple[str, ...] = (), token: str = "") -> HubPlan:
    """What a download would bring. Raises BadInput (of several models, too) or JobFailed, with a remedy."""
    found = look(model, job, files, token)
    if found.choices:
        raise several([one.name for one in found.choices])
    return found


def look(model: HubModel, job: JobContext, files: tuple[str, ...] = (), token: str = "") -> HubPlan:
    """As :func:`plan`; of several models their choices are the answer."""
    job.emit(Started(f"Asking for {model.title}"))
    return run_job(JobSpec(HUB_PLAN, HubPlanRequest(model, files, token), ""), job)


def fetch(model: HubModel, job: JobContext, files: tuple[str, ...] = (), token: str = "") -> Fetched:
    """Have the model here. Without a connection, the copy that was last fetched under this name counts.

    Raises BadInput, JobFailed or JobCancelled. What came until then is kept for the next time.
    """
    place = _Place(app_paths().hub, model, files)
    try:
        wanted = plan(model, job, files, token)
    except JobFailed as error:
        last = place.last()
        if last is None:
            raise
        place.use()
        job.emit(Log(f"{error.message} The copy that is here is used: commit {last.commit[:12]}."))
        return last
    return bring(wanted, job, token)


def bring(wanted: HubPlan, job: JobContext, token: str = "") -> Fetched:
    """Download what :func:`plan` found; nothing is fetched where the same commit is here. Raises as fetch."""
    place = _Place(app_paths().hub, wanted.model, wanted.wanted)
    with locked(place.root / ".lock", job, "download"):
        place.use()
        there = place.whole(wanted)
        if there is not None:
            job.emit(Log(f"{wanted.model.title} is here already, at commit {wanted.commit[:12]}."))
            place.remember(wanted)
            return there
        job.emit(Started(f"Downloading {wanted.model.title}: {readable(wanted.size_bytes)}"))
        try:
            partial = place.partial(wanted)
            run_job(JobSpec(HUB_FETCH, HubFetchRequest(wanted, partial, token), ""), job)
            return place.keep(wanted, partial)
        except OSError as error:
            raise disk_error(error, place.root) from error


@dataclass(frozen=True)
class _Place:
    """Where one model, or a choice of its ``files``, is kept."""

    hub: Path
    model: HubModel
    files: tuple[str, ...]

    @property
    def root(self) -> Path:
        return self.hub / f"models--{self.model.name.replace('/', '--')}"

    def use(self) -> None:
        """Say so: what is used while this process runs, no other clears away."""
        announce(app_paths().running)
        with suppress(OSError):  # a cache that only others may write to is read all the same
            os.utime(self.root)

    def whole(self, wanted: HubPlan) -> Fetched | None:
        """The folder of this commit, if every file is there at its size."""
        folder = self._folder(wanted.commit)
        for file in wanted.files:
            path = folder / file.name
            if not path.is_file() or path.stat().st_size != file.size_bytes:
                return None
        return self._fetched(wanted, folder, 0)

    def partial(self, wanted: HubPlan) -> Path:
        folder = self.root / f"{PARTIAL}{self._name(wanted.commit)}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def keep(self, wanted: HubPlan, partial: Path) -> Fetched:
        """The finished folder gets its name; what older downloads left half-done goes."""
        write_text(partial / ORIGIN, json.dumps(to_plain(wanted), indent=1) + "\n")
        target = self._folder(wanted.commit)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():  # damaged by somebody: it was not whole
            shutil.rmtree(target)
        partial.rename(target)
        self.remember(wanted)
        for leftover in self.root.glob(f"{PARTIAL}*"):
            shutil.rmtree(leftover, ignore_errors=True)
        return self._fetched(wanted, target, wanted.size_bytes)

    def remember(self, wanted: HubPlan) -> None:
        write_text(self._reference, wanted.commit + "\n")

    def last(self) -> Fetched | None:
        """What the revision stood for when the server was last asked, if that is here."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            commit = self._reference.read_text(encoding="ascii").strip()
            folder = self._folder(commit)
            names = [entry["name"] for entry in json.loads((folder / ORIGIN).read_text("utf-8"))["files"]]
            return Fetched(self.model, commit, folder, _opened(folder, names), 0)
        return None

    @property
    def _reference(self) -> Path:
        return self.root / "refs" / (quote(self.model.revision, safe="") + self._suffix)

    def _folder(self, commit: str) -> Path:
        return self.root / "snapshots" / self._name(commit)

    def _name(self, commit: str) -> str:
        return commit + self._suffix

    @property
    def _suffix(self) -> str:
        """A choice of files is not the whole model, and lies beside it."""
        if not self.files:
            return ""
        return "-" + hashlib.sha256("\n".join(sorted(self.files)).encode()).hexdigest()[:8]

    def _fetched(self, wanted: HubPlan, folder: Path, downloaded: int) -> Fetched:
        path = _opened(folder, [file.name for file in wanted.files])
        return Fetched(self.model, wanted.commit, folder, path, downloaded)


def _opened(folder: Path, names: list[str]) -> Path:
    """A checkpoint is its folder; of other models the first file with weights is named."""
    models = sorted(name for name in names if name.endswith(_OPENED))
    checkpoint = any(name.endswith(".safetensors") for name in names)
    return folder if checkpoint or not models else folder / models[0]


__all__ = ["bring", "fetch", "is_hub_name", "look", "parse", "plan"]
