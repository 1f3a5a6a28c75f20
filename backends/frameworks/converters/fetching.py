"""Getting a converter that comes only in a package's source archive. For the parent: imports nothing heavy.

It is kept in the environment's folder under its version, whole or not at all, and goes when that goes.
"""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

from backends.domain.errors import FrameworkUnavailable, JobFailed
from backends.domain.events import Progress
from backends.frameworks.base import JobContext
from backends.frameworks.children import run_module
from backends.frameworks.installing import pip

SOURCES = "sources"
INSIDE = ("vendor", "llama.cpp")  # where in the archive the converter lies
WANTED = ("convert_hf_to_gguf.py", "conversion", "gguf-py")


def fetch(
    environment: Path, interpreter: Path, package: str, version: str, job: JobContext, wheels: Path | None
) -> Path:
    """The folder with the converter of ``package`` at ``version``, downloaded where it is not there yet.

    ``wheels``: a folder with the archive, instead of the network. Raises FrameworkUnavailable, JobFailed or
    JobCancelled.
    """
    target = environment / SOURCES / f"{package}-{version}"
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=target.parent) as scratch:
        archive = _archive_in(wheels, package, version) if wheels else None
        if archive is None:
            archive = _download(interpreter, package, version, Path(scratch), job, wheels)
        job.emit(Progress(None, "Unpacking the converter"))
        unpacked = Path(scratch) / "unpacked"
        unpack(archive, unpacked)
        with suppress(OSError):  # another process was quicker
            unpacked.rename(target)
    return target


def unpack(archive: Path, target: Path) -> None:
    """Only the converter's own files, and only plain ones. Raises JobFailed where they are not there."""
    try:
        with tarfile.open(archive) as tar:
            for member, inside in _wanted(tar):
                source = tar.extractfile(member)
                assert source is not None
                path = target.joinpath(*inside)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(source.read())
    except (tarfile.TarError, EOFError, OSError) as error:
        raise JobFailed(f"“{archive.name}” cannot be unpacked: {error}.", "Download it again.") from error
    if not all((target / name).exists() for name in WANTED):
        raise JobFailed(f"“{archive.name}” holds no converter.", "Use the version that is installed here.")


def _wanted(tar: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, tuple[str, ...]]]:
    """Members of the converter, each with its path below the target."""
    for member in tar:
        parts = PurePosixPath(member.name).parts
        inside = parts[1 + len(INSIDE) :]
        ours = parts[1 : 1 + len(INSIDE)] == INSIDE and inside and inside[0] in WANTED
        if ours and member.isfile() and ".." not in parts:
            yield member, inside


def _archive_in(wheels: Path, package: str, version: str) -> Path | None:
    stem = package.replace("-", "_")
    names = (f"{stem}-{version}.tar.gz", f"{package}-{version}.tar.gz")
    return next((wheels / name for name in names if (wheels / name).is_file()), None)


def _download(
    interpreter: Path, package: str, version: str, folder: Path, job: JobContext, wheels: Path | None
) -> Path:
    job.emit(Progress(None, f"Downloading the converter of {package} {version}"))
    offline = ["--no-index", "--find-links", str(wheels.resolve())] if wheels else []
    plain = ["--no-deps", "--no-binary", package, "--progress-bar", "off", "--no-input"]
    arguments = ["download", *plain, *offline, "--dest", str(folder), f"{package}=={version}"]
    lines: list[str] = []
    if run_module(interpreter, "pip", arguments, job, lines.append) != 0:
        error = pip.explain(f"The source archive of {package} {version}", "pip", lines)
        raise FrameworkUnavailable(
            error.message,
            f"Check the connection, or name a folder that holds {package.replace('-', '_')}-{version}.tar.gz "
            "(--find-links).",
        )
    found = next(folder.glob("*.tar.gz"), None)
    if found is None:
        raise JobFailed(f"pip brought no source archive of {package} {version}.", "See the details.")
    return found
