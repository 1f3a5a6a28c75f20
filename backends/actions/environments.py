"""Installing, repairing and removing what a framework needs, for the command line and the window alike."""

from __future__ import annotations

from pathlib import Path

from backends.actions.converters import converter_sources, converters
from backends.actions.engines import environments
from backends.actions.frameworks import availability
from backends.domain.errors import EdgewrightError
from backends.domain.events import Log
from backends.frameworks import installing, registry
from backends.frameworks.base import Availability, JobContext, Manifest
from backends.frameworks.environments import EnvironmentStatus


def install(
    name: str, job: JobContext, wheels: Path | None = None, python: Path | None = None
) -> Availability:
    """Make the framework usable, and ask it. Frameworks that share its environment become usable too.

    ``wheels``: a folder of wheels instead of the network. ``python``: the user's own interpreter instead of a
    managed environment. Raises BadInput, FrameworkUnavailable, JobFailed or JobCancelled.
    """
    manifest = registry.manifest(name)
    if python is not None:
        installing.use_own(environments(), manifest, python, job)
    else:
        installing.install(environments(), manifest, job, wheels)
        _fetch_converters(manifest, job, wheels)
    return availability(manifest.name, job)


def repair(name: str, job: JobContext, wheels: Path | None = None) -> Availability:
    """Make the framework's environment anew. Raises as :func:`install` does."""
    manifest = registry.manifest(name)
    installing.repair(environments(), manifest, job, wheels)
    _fetch_converters(manifest, job, wheels)  # their sources lay in the environment, and went with it
    return availability(manifest.name, job)


def remove(name: str, job: JobContext) -> Availability:
    """Take the framework's environment away. One of the user's own is forgotten, never touched."""
    manifest = registry.manifest(name)
    installing.remove(environments(), manifest, job)
    return availability(manifest.name, job)


def _fetch_converters(manifest: Manifest, job: JobContext, wheels: Path | None) -> None:
    """Where they cannot be had now, the framework itself works all the same."""
    for converter in converters():
        if converter.framework == manifest.name:
            try:
                converter_sources(converter, job, wheels)
            except EdgewrightError as error:
                job.emit(Log(f"{error} Until then it converts no models."))


def status(manifest: Manifest) -> EnvironmentStatus:
    """What is on the disk for this framework; asks no process."""
    return environments().status(manifest)


def sharing(manifest: Manifest) -> tuple[str, ...]:
    """Titles of the frameworks that live in the same environment and come and go with it."""
    if not manifest.environment:
        return ()
    return tuple(
        other.title
        for other in registry.manifests()
        if other.environment == manifest.environment and other.name != manifest.name
    )
