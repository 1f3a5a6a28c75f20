"""What the Model page has done by jobs: reading, looking up, downloading, making a shape."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from backends.domain.hub import HubPlan
from backends.domain.model import SourceModel
from backends.frameworks.base import JobContext

if TYPE_CHECKING:
    from backends.actions.assess import BundledModel


def read_bundled(job: JobContext) -> tuple[BundledModel, ...]:
    from backends.actions.assess import bundled

    return bundled(job)


def read_model(path: Path, job: JobContext) -> SourceModel:
    from backends.actions.assess import assess

    return assess(path, job)


def look_up(name: str, file: str, token: str, job: JobContext) -> HubPlan:
    from backends.actions import fetch

    return fetch.look(fetch.parse(name), job, (file,) if file else (), token)


def download(plan: HubPlan, token: str, job: JobContext) -> SourceModel:
    from backends.actions import fetch

    return read_model(fetch.bring(plan, job, token).path, job)


def make_shape(named: str, job: JobContext) -> SourceModel:
    from backends.actions import shapes

    return shapes.kept(shapes.find_shape(named), job)
