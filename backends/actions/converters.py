"""The converters there are: what each needs to be here, and what its outcome hangs on."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from backends import __version__
from backends.actions.artifacts import ORIGINAL_RUNNERS
from backends.actions.engines import environments
from backends.actions.sameness import reference_framework
from backends.conversion.catalogue import read_closed, read_converters
from backends.conversion.graph import Closed, Converter
from backends.domain.errors import FrameworkUnavailable
from backends.domain.model import ModelFormat
from backends.frameworks import registry
from backends.frameworks.base import Availability, JobContext, Manifest
from backends.frameworks.converters.fetching import fetch
from backends.storage.paths import resources

DOWNLOAD_BYTES_PER_S = 5e6  # what an environment that is not there yet is counted at


def converters() -> tuple[Converter, ...]:
    return read_converters(_catalogue())


def closed_roads() -> tuple[Closed, ...]:
    """Where no converter leads, and why."""
    return read_closed(_catalogue())


def missing(converter: Converter) -> tuple[Availability, ...]:
    """What it needs and is not there, once for each environment: frameworks may share one."""
    known = environments()
    needed = {manifest.environment: manifest for manifest in reversed(tuple(_needed(converter)))}
    found = (known.missing(manifest) for manifest in reversed(needed.values()))
    return tuple(gone for gone in found if gone is not None)


def waiting_s() -> dict[str, float]:
    """How long the environments that are not there would take to come, by framework."""
    known = environments()
    waiting = {}
    for name in {converter.framework for converter in converters()}:
        manifest = registry.manifest(name)
        if known.missing(manifest) is not None:
            waiting[name] = 60.0 + known.status(manifest).download_bytes / DOWNLOAD_BYTES_PER_S
    return waiting


def calibrates(converter: Converter) -> bool:
    """Whether it quantizes on the way by what it sees of calibration data."""
    spec = registry.manifest(converter.framework).precision(converter.precision)
    return spec is not None and spec.needs_calibration


def versions(converter: Converter) -> dict[str, str]:
    """What a conversion's outcome hangs on: installed versions, or those the environment is pinned to.

    Raises FrameworkUnavailable where a package of the base install is gone.
    """
    manifest = registry.manifest(converter.framework)
    found = {"edgewright": __version__}
    for package, pinned in manifest.packages.items():
        found[package] = pinned if manifest.environment else _installed(package)
    if converter.archive:
        found[converter.archive] = _installed(converter.archive)
    return found


def converter_sources(converter: Converter, job: JobContext, wheels: Path | None = None) -> Path | None:
    """Where a converter that comes in a source archive was unpacked, fetched where it is not there yet.

    ``None``: it needs none. For a converter whose environment is there. Raises FrameworkUnavailable,
    JobFailed or JobCancelled.
    """
    package = converter.archive
    if not package:
        return None
    status = environments().status(registry.manifest(converter.framework))
    assert status.folder is not None and status.interpreter is not None
    return fetch(status.folder, status.interpreter, package, versions(converter)[package], job, wheels)


def _needed(converter: Converter) -> Iterator[Manifest]:
    """Frameworks whose environments take part: the converter's, and those that run source and outcome."""
    yield registry.manifest(converter.framework)
    for form in (converter.takes, converter.makes):
        if form is ModelFormat.HUGGING_FACE:
            yield reference_framework()
        elif form in ORIGINAL_RUNNERS:
            yield registry.manifest(ORIGINAL_RUNNERS[form])


def _installed(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError as error:
        raise FrameworkUnavailable(f"The package “{package}” is not installed.") from error


def _catalogue() -> Path:
    return resources() / "rules" / "converters.toml"
