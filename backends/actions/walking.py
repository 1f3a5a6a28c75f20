"""Walk a road: each step is a job in a child process, and what it made is read back and checked.

What passed is kept in the cache under what it was made from and with; asking again costs nothing.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from backends.actions.artifacts import ORIGINAL_RUNNERS, TRANSFORMERS, original_artifact, size_of
from backends.actions.assess import assess, inspect
from backends.actions.calibration import calibrated
from backends.actions.conversions import Conversions, conversions
from backends.actions.converters import calibrates, converter_sources, versions
from backends.actions.engines import environments
from backends.actions.sameness import check, figures, is_quantized
from backends.assessment.folder import opened
from backends.conversion.graph import Converter, Road, Step
from backends.conversion.identity import cache_key
from backends.domain.artifact import Artifact, Option
from backends.domain.errors import BadInput, JobFailed, NoRoom, WorkerKilled
from backends.domain.events import Log, Progress
from backends.domain.model import ModelFormat, ModelProfile, SourceModel, TensorContents
from backends.frameworks import registry
from backends.frameworks.base import JobContext, Manifest, OptimizeRequest
from backends.frameworks.converters.base import Converted, ConvertRequest
from backends.frameworks.environments import readable
from backends.jobs.launcher import run_job
from backends.jobs.spec import CONVERT, OPTIMIZE, JobSpec
from backends.sources.mark import marked


class Refused(Exception):
    """A converter could not take the model, or made another one of it."""

    def __init__(self, converter: Converter, why: BadInput | JobFailed) -> None:
        super().__init__(str(why))
        self.converter = converter
        self.why = why


def walk(
    source: SourceModel, road: Road, job: JobContext, wheels: Path | None, options: Mapping[str, Option]
) -> Artifact:
    """What stands at the end of ``road``, in the cache. Every environment on it has to be there.

    Raises Refused where another road may help, else NoRoom, WorkerKilled, FrameworkUnavailable or
    JobCancelled.
    """
    store = conversions()
    at = _Place.start(source, road.start, job)
    with calibrated(source, any(calibrates(step.converter) for step in road.steps), job) as data:
        for step in road.steps:
            try:
                at = _Walker(data, store, step, at, job, wheels, options).go()
            except (NoRoom, WorkerKilled):
                raise  # the model was not refused, and another road would need as much
            except (BadInput, JobFailed) as error:
                raise Refused(step.converter, error) from error
    assert at.artifact is not None
    return at.artifact


@dataclass(frozen=True)
class _Place:
    """A form on the road: what is known of it, its files' hashes, and how an engine opens it."""

    profile: ModelProfile
    hashes: Mapping[str, str]
    artifact: Artifact | None  # ``None`` for a Hugging Face folder, which no engine opens

    @classmethod
    def start(cls, source: SourceModel, form: ModelFormat, job: JobContext) -> _Place:
        profile = source.profile
        if form != profile.format:
            profile = assess(source.forms[form], job).profile
        return cls(profile, _hashes(profile, job), _opened_as(profile))


@dataclass(frozen=True)
class _Walker:
    """One step."""

    source: SourceModel
    store: Conversions
    step: Step
    at: _Place
    job: JobContext
    wheels: Path | None
    named: Mapping[str, Option]  # by the user

    @property
    def converter(self) -> Converter:
        return self.step.converter.suited_to(self.at.profile.precision)

    @property
    def manifest(self) -> Manifest:
        return registry.manifest(self.converter.framework)

    def go(self) -> _Place:
        key = cache_key(self.at.hashes, self.converter, versions(self.converter), self._settings())
        artifact = self.store.find(key)
        if artifact is None:
            with self.store.making() as folder:
                artifact = self.store.keep(key, folder, self._make(folder))
        else:
            self.job.emit(Log(f"{artifact.format.label} was made from this model before."))
        profile = assess(artifact.path, self.job).profile
        return _Place(profile, artifact.hashes, artifact)

    def _make(self, folder: Path) -> Artifact:
        self._check_room(folder)
        self.job.emit(Progress(None, f"Starting {self.converter.title}", self.step.time_s))
        began = time.monotonic()
        made = self._by_adapter(folder) if self.converter.precision else self._by_converter(folder)
        if self.source.profile.shape_only:
            made = marked(made)
        really = inspect(made.path, made.format, self.job)
        made = replace(
            made,
            contents=really.contents,
            hashes=really.hashes,
            size_bytes=size_of(made.path),
            source=self.at.profile.path,
            took_s=time.monotonic() - began,
            preprocessing=self.source.preprocessing if self._calibration else None,
        )
        made = replace(made, original=not is_quantized(made, self.at.profile))
        title, samples = self.converter.title, self._calibration
        found = check(self.at.profile, self.at.artifact, made, title, self.job, samples)
        self.job.emit(Log(figures(found)))
        before = self.at.artifact.sameness if self.at.artifact else ()
        return replace(made, sameness=(*before, found))

    def _by_adapter(self, folder: Path) -> Artifact:
        profile = self.at.profile
        request = OptimizeRequest(
            source=profile.path,
            source_format=profile.format,
            kind=profile.kind,
            precision=self.converter.precision,
            output=folder,
            name=self.source.name,
            calibration=self._calibration,
            options=self._options,
        )
        runtime = environments().runtime(self.manifest)
        made = run_job(JobSpec(OPTIMIZE, request, self.manifest.name), self.job, runtime)
        return replace(made, framework_title=self.manifest.title)

    def _by_converter(self, folder: Path) -> Artifact:
        profile, wanted = self.at.profile, self.converter.makes
        request = ConvertRequest(
            converter=self.converter.name,
            source=profile.path,
            output=folder,
            name=self.source.name,
            precision=profile.precision,
            needed_bytes=self.step.disk_bytes,
            tool=converter_sources(self.converter, self.job, self.wheels),
            shape_only=self.source.profile.shape_only,
        )
        runtime = environments().runtime(self.manifest)
        made: Converted = run_job(JobSpec(CONVERT, request, ""), self.job, runtime)
        runner = ORIGINAL_RUNNERS.get(wanted, TRANSFORMERS)
        return Artifact(
            name=self.source.name,
            framework=runner,
            framework_title="Transformers" if runner == TRANSFORMERS else registry.manifest(runner).title,
            precision=_precision(self.converter, profile),
            format=wanted,
            kind=profile.kind,
            path=made.path,
            size_bytes=0,
            contents=TensorContents({}, 0, 0, 0.0),
            source=profile.path,
            warnings=made.warnings,
            versions={**made.versions, **versions(self.converter)},
        )

    @property
    def _options(self) -> dict[str, Option]:
        """The converter's own, and of the user's those that an adapter is asked for."""
        return {**self.converter.options, **self.named} if self.converter.precision else {}

    @property
    def _calibration(self) -> Path | None:
        return self.source.calibration if calibrates(self.converter) else None

    def _settings(self) -> dict[str, Option]:
        """What the outcome hangs on beside the model and its converter."""
        data = self._calibration
        known: dict[str, Option] = {"calibration": _sha256(data, self.job)} if data else {}
        return {**known, **{f"option {name}": value for name, value in self._options.items()}}

    def _check_room(self, folder: Path) -> None:
        free = shutil.disk_usage(folder).free
        if free < self.step.disk_bytes:
            raise NoRoom(
                f"“{folder.parent}” has {readable(free)} free; converting takes "
                f"about {readable(self.step.disk_bytes)}.",
                "Free some space and start again.",
            )


def _opened_as(profile: ModelProfile) -> Artifact | None:
    if profile.format not in ORIGINAL_RUNNERS:
        return None
    return original_artifact(SourceModel(profile.name, profile, {profile.format: profile.path}))


def _precision(converter: Converter, profile: ModelProfile) -> str:
    """What the file is said to be; what is really in it is read back."""
    if converter.bits == 32.0:
        return "FP32"
    return profile.precision if profile.precision in ("F16", "BF16") else "F32"


def _hashes(profile: ModelProfile, job: JobContext) -> dict[str, str]:
    """Of the files that make the model, which may be fewer than its folder holds."""
    root = profile.path if profile.path.is_dir() else profile.path.parent
    files = profile.files or (profile.path,)
    return {path.relative_to(root).as_posix(): _sha256(path, job) for path in files}


def _sha256(path: Path, job: JobContext) -> str:
    digest = hashlib.sha256()
    with opened(path) as file:
        while chunk := file.read(2**22):
            job.check_cancelled()
            digest.update(chunk)
    return digest.hexdigest()
