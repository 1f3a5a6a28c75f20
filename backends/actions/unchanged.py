"""Are the files of a run's models still those that its readings are of?

Size and time of writing tell at no cost; hashing before a measurement would bring the files into the page
cache and make a cold load warm. So contents are read in doubt only: of the same size, but written to since.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from backends.assessment.contents import sha256
from backends.domain.artifact import Artifact
from backends.domain.errors import BadInput


@dataclass(frozen=True)
class FileMark:
    """A file as it was when a run began. ``sha256`` is "" where it was not known by then."""

    size_bytes: int
    mtime_ns: int
    sha256: str = ""


Marks = Mapping[str, FileMark]  # path -> mark


def marks(artifacts: Sequence[Artifact], companions: Sequence[Path] = ()) -> dict[str, FileMark]:
    """Of every file there is. ``companions``: files beside a model that its own name does not tell of."""
    digests = dict.fromkeys(companions, "")
    for artifact in artifacts:
        root = _root(artifact)
        recorded = {root / name: digest for name, digest in artifact.hashes.items()}
        for path in (*_files(artifact), *recorded):
            digests[path] = recorded.get(path) or digests.get(path, "")
    return {str(path): _mark(path, digest) for path, digest in digests.items() if path.is_file()}


def _mark(path: Path, digest: str) -> FileMark:
    status = path.stat()
    return FileMark(status.st_size, status.st_mtime_ns, digest)


def refuse_changed(then: Marks, now: Marks) -> None:
    """Raises BadInput for the first file of the two that is not the same."""
    for path in sorted({*then, *now}):
        why = _difference(Path(path), then.get(path), now.get(path))
        if why:
            raise BadInput(
                f"“{path}” is no longer the file that was measured: {why}.", "Put it back, or measure again."
            )


def refuse_other_than_made(artifact: Artifact) -> None:
    """Raises BadInput where a file of an artifact is gone or not what it was when it was made."""
    for name, digest in sorted(artifact.hashes.items()):
        path = _root(artifact) / name
        if not path.is_file():
            raise BadInput(f"“{path}”, which the run made, is gone.", "Start a new run instead.")
        if sha256(path) != digest:
            raise BadInput(
                f"“{path}” is no longer the file that the run made: its content is another.",
                "Start a new run instead.",
            )


def _difference(path: Path, then: FileMark | None, now: FileMark | None) -> str:
    """ "" where the file is the same."""
    if then is None:
        return "it was not there then"
    if now is None:
        return "it is gone"
    if then.size_bytes != now.size_bytes:
        return f"it has {now.size_bytes:,} bytes in place of {then.size_bytes:,}"
    if then.mtime_ns == now.mtime_ns:
        return ""
    if not then.sha256:
        return "it was written to since then, and what it held was not recorded"
    return "" if sha256(path) == then.sha256 else "its content is another"


def _root(artifact: Artifact) -> Path:
    """What names in ``hashes`` are relative to."""
    return artifact.path if artifact.path.is_dir() else artifact.path.parent


def _files(artifact: Artifact) -> Iterator[Path]:
    """What is there, or may be, beyond what was hashed."""
    path = artifact.path
    if path.is_dir():  # without a file manager's own
        yield from (file for file in path.rglob("*") if not file.name.startswith("."))
    else:
        yield from (path, path.with_suffix(".bin"), path.with_name(path.name + ".data"))
