"""The Hugging Face Hub: what a download would bring, and the download, which goes on where it broke off.

Written against https://huggingface.co/docs/hub/api: one request lists files, sizes and hashes; each file is
asked for at the commit that the revision stands for now, and checked before it gets its name.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import quote

from backends.domain.errors import BadInput, JobFailed
from backends.domain.events import Log, Progress
from backends.domain.hub import MAIN, HubFile, HubModel, HubPlan
from backends.frameworks.base import JobContext
from backends.frameworks.files import writing
from backends.sources.connection import Interrupted, Server, wait
from backends.sources.selection import CONFIG, checked_name, choices, select

PREFIX = "hf:"
CHUNK_BYTES = 2**20
LISTING_LIMIT_BYTES = 32 * 2**20
ATTEMPTS = 6  # in a row without a single new byte
FIRST_WAIT_S = 1.0
PART, TAG = ".part", ".part.tag"
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_REVISION = re.compile(r"[\w][\w./-]{0,127}", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def parse(text: str, revision: str = "") -> HubModel:
    """From "owner/name" or "owner/name@revision", with or without "hf:" before it. Raises BadInput."""
    name, _, at = text.strip().removeprefix(PREFIX).partition("@")
    chosen = revision or at or MAIN
    if not _NAME.fullmatch(name) or ".." in name or "--" in name:
        raise BadInput(f"“{name[:100]}” is no name of a model on the Hub.", "Write it as owner/name.")
    if not _REVISION.fullmatch(chosen) or ".." in chosen:
        raise BadInput(f"“{chosen[:100]}” is no revision.", "Name a branch, a tag or a commit.")
    return HubModel(name, chosen)


def plan(server: Server, model: HubModel, job: JobContext, wanted: Sequence[str] = ()) -> HubPlan:
    """Ask the server what ``model`` is now. Raises BadInput or JobFailed.

    Of several models, where no pattern says which is ``wanted``, the plan is empty but for its choices.
    """
    revision = quote(model.revision, safe="")
    url = f"{server.endpoint}/api/models/{model.name}/revision/{revision}?blobs=true"
    listing = _patiently(lambda: _listing(server, url, model), job)
    commit = listing.get("sha")
    if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
        raise _strange(server)
    entries = listing.get("siblings")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise _strange(server)
    known = {checked_name(entry.get("rfilename")): entry for entry in entries}
    several = {} if wanted else choices(tuple(known))
    if several:
        return HubPlan(model, commit, (), tuple(known), choices=_sized(several, known, server))
    chosen = select(tuple(known), wanted)
    files = tuple(_file(name, known[name], server) for name in chosen)
    ordered = sorted(files, key=lambda file: (file.name != CONFIG, file.size_bytes, file.name))
    left_out = tuple(name for name in known if name not in chosen)
    return HubPlan(model, commit, tuple(ordered), left_out, tuple(wanted))


def _sized(
    models: Mapping[str, Sequence[str]], known: Mapping[str, dict[str, Any]], server: Server
) -> tuple[HubFile, ...]:
    """The smallest first."""
    sizes = {
        first: sum(_file(name, known[name], server).size_bytes for name in names)
        for first, names in models.items()
    }
    return tuple(HubFile(first, size) for first, size in sorted(sizes.items(), key=lambda one: one[::-1]))


def download(
    server: Server,
    wanted: HubPlan,
    folder: Path,
    job: JobContext,
    on_file: Callable[[Path], None] = lambda path: None,
) -> None:
    """Bring every file of the plan into ``folder``, the configuration first. What is there is left alone.

    ``on_file`` sees each as it is whole and may raise: so a model can be refused before its weights come.
    Raises BadInput, JobFailed (the disk, the connection, a wrong hash) or JobCancelled; parts stay for the
    next time.
    """
    there = sum(_there(folder / file.name) for file in wanted.files)
    with writing(folder, wanted.size_bytes - there):
        meter = _Meter(job, wanted.size_bytes, there)
        for file in wanted.files:
            target = folder / file.name
            if not target.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                _Transfer(server, wanted, file, target, meter, job).go()
            on_file(target)


@dataclass
class _Meter:
    """Bytes over all files as progress, with the time left at the rate since the start."""

    job: JobContext
    total: int
    done: int
    fresh: int = 0
    began: float = field(default_factory=time.monotonic)

    def add(self, count: int, what: str) -> None:
        self.done += count
        self.fresh += count
        rate = self.fresh / max(1e-6, time.monotonic() - self.began)
        left = (self.total - self.done) / rate if rate > 0 else None
        self.job.emit(Progress(min(1.0, self.done / max(1, self.total)), f"Downloading {what}", left))

    def take_back(self, count: int) -> None:
        self.done -= count


@dataclass
class _Transfer:
    """One file: as many connections as it takes, then the check, then its name."""

    server: Server
    plan: HubPlan
    file: HubFile
    target: Path
    meter: _Meter
    job: JobContext

    @property
    def part(self) -> Path:
        return self.target.with_name(self.target.name + PART)

    @property
    def tag(self) -> Path:
        return self.target.with_name(self.target.name + TAG)

    def go(self) -> None:
        if self._have() > self.file.size_bytes:
            self._start_over()
        self.part.touch()
        fruitless = 0
        while self._have() < self.file.size_bytes:
            before = self._have()
            try:
                self._connect()
            except Interrupted as broken:
                fruitless = 0 if self._have() > before else fruitless + 1
                if fruitless >= ATTEMPTS:
                    raise broken.final() from None
                self._pause(broken, fruitless)
        self._check()
        self.part.rename(self.target)
        self.tag.unlink(missing_ok=True)

    def _have(self) -> int:
        return self.part.stat().st_size if self.part.is_file() else 0

    def _pause(self, broken: Interrupted, fruitless: int) -> None:
        self.job.emit(Log(f"{broken.sentence} Going on in a moment."))
        wait(FIRST_WAIT_S * 2**fruitless if broken.wait_s is None else broken.wait_s, self.job)

    def _connect(self) -> None:
        """From where the part ends, if the server still has the same file; else from the start."""
        have = self._have()
        tag = self.tag.read_text(encoding="ascii") if self.tag.is_file() else ""
        if have and not tag:
            self._start_over()
            have = 0
        headers = {"Range": f"bytes={have}-", "If-Range": tag} if have else {}
        name = quote(self.file.name)
        url = f"{self.server.endpoint}/{self.plan.model.name}/resolve/{self.plan.commit}/{name}"
        with self.server.open(url, headers, self.plan.model.title) as response:
            if have and not _continues(response, have):
                self._start_over()
            if not self._have():
                self._remember(response)
            self._receive(response)

    def _remember(self, response: HTTPResponse) -> None:
        """Only a strong tag says that two answers are the same to the byte."""
        size, tag = response.headers.get("Content-Length", ""), response.headers.get("ETag", "")
        if size.isdigit() and int(size) != self.file.size_bytes:
            raise self._changed()
        if tag.startswith('"') and tag.isascii():
            self.tag.write_text(tag, encoding="ascii")

    def _receive(self, response: HTTPResponse) -> None:
        with self.part.open("ab") as output:
            while True:
                self.job.check_cancelled()
                try:
                    chunk = response.read(CHUNK_BYTES)
                except (OSError, HTTPException):
                    raise self._broken() from None
                if not chunk:
                    break
                output.write(chunk)
                self.meter.add(len(chunk), self.file.name)
                if output.tell() > self.file.size_bytes:
                    raise self._changed()
        if self._have() < self.file.size_bytes:
            raise self._broken()

    def _check(self) -> None:
        expected = self.file.sha256 or self.file.blob_sha1
        if expected and _hash(self.part, bool(self.file.sha256), self.job) != expected:
            raise self._changed()

    def _start_over(self) -> None:
        self.meter.take_back(self._have())
        for path in (self.part, self.tag):
            path.unlink(missing_ok=True)

    def _changed(self) -> JobFailed:
        """What came is not what was announced, and is not kept."""
        self._start_over()
        return JobFailed(
            f"{self.file.name} of {self.plan.model.title} is not what {self.server.host} announced: it was "
            "damaged on the way, or changed meanwhile.",
            "Start again; if it happens again, do not use this server.",
        )

    def _broken(self) -> Interrupted:
        return Interrupted(
            f"The connection to {self.server.host} broke off.",
            "Start again when there is a connection: it goes on where it was.",
        )


def _continues(response: HTTPResponse, have: int) -> bool:
    return response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")


def _hash(path: Path, large: bool, job: JobContext) -> str:
    digest = hashlib.sha256() if large else hashlib.sha1(usedforsecurity=False)
    if not large:
        digest.update(f"blob {path.stat().st_size}\0".encode())  # as git hashes what it stores
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            job.check_cancelled()
            digest.update(chunk)
    return digest.hexdigest()


def _there(target: Path) -> int:
    """Bytes of a file or of its part; 0 where neither is."""
    for path in (target, target.with_name(target.name + PART)):
        with suppress(OSError):
            return path.stat().st_size
    return 0


def _listing(server: Server, url: str, model: HubModel) -> dict[str, Any]:
    with server.open(url, {"Accept": "application/json"}, model.title) as response:
        try:
            content = json.loads(response.read(LISTING_LIMIT_BYTES))
        except (ValueError, RecursionError):
            raise _strange(server) from None
        except (OSError, HTTPException):
            raise Interrupted(f"The connection to {server.host} broke off.", "Try again.") from None
    if not isinstance(content, dict):
        raise _strange(server)
    return content


def _file(name: str, entry: dict[str, Any], server: Server) -> HubFile:
    large = entry.get("lfs")
    large = large if isinstance(large, dict) else {}
    size = large.get("size", entry.get("size"))
    if type(size) is not int or not 0 <= size < 2**53:
        raise _strange(server)
    sha256, blob = large.get("sha256", large.get("oid", "")), entry.get("blobId", "")
    return HubFile(
        name,
        size,
        sha256 if isinstance(sha256, str) and _SHA256.fullmatch(sha256) else "",
        blob if not large and isinstance(blob, str) and _COMMIT.fullmatch(blob) else "",
    )


def _patiently(ask: Callable[[], dict[str, Any]], job: JobContext) -> dict[str, Any]:
    """Once more where the server named a time to wait; what else breaks is told at once."""
    try:
        return ask()
    except Interrupted as broken:
        if broken.wait_s is None:
            raise broken.final() from None
        job.emit(Log(f"{broken.sentence} Waiting {broken.wait_s:.0f} s, as it asks."))
        wait(broken.wait_s, job)
    try:
        return ask()
    except Interrupted as broken:
        raise broken.final() from None


def _strange(server: Server) -> JobFailed:
    return JobFailed(
        f"{server.host} answers in a way that is not understood.", "Check HF_ENDPOINT, or try again later."
    )
