"""Bring a model into another format: the planned road is walked in child processes, every step is checked.

A converted form is kept in the cache under what it was made from and with; asking again costs nothing.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

from backends import __version__
from backends.actions.artifacts import (
    ORIGINAL_RUNNERS,
    TRANSFORMERS,
    original_artifact,
    save_artifact,
    size_of,
)
from backends.actions.assess import assess, inspect
from backends.actions.calibration import calibrated
from backends.actions.conversions import FILES, Conversions, conversions
from backends.actions.engines import environments
from backends.actions.sameness import check, figures, is_quantized, reference_framework
from backends.assessment.folder import opened
from backends.conversion.catalogue import read_closed, read_converters
from backends.conversion.graph import Converter, Road, Size, Step, plan
from backends.conversion.identity import cache_key
from backends.domain.artifact import Artifact, Option
from backends.domain.errors import BadInput, FrameworkUnavailable, JobFailed, NoRoom, WorkerKilled
from backends.domain.events import Log, Progress, Started
from backends.domain.model import ModelFormat, ModelKind, ModelProfile, SourceModel, TensorContents
from backends.frameworks import registry
from backends.frameworks.base import Availability, JobContext, Manifest, OptimizeRequest
from backends.frameworks.converters.base import Converted, ConvertRequest
from backends.frameworks.converters.fetching import fetch
from backends.frameworks.environments import readable
from backends.jobs.launcher import run_job
from backends.jobs.spec import CONVERT, OPTIMIZE, JobSpec
from backends.sources.mark import marked
from backends.storage.files import folder_in_the_making
from backends.storage.paths import resources

CONVERTED_ORIGINALS = (ModelFormat.GGUF, ModelFormat.ONNX)  # what keeps the weights as they are
DOWNLOAD_BYTES_PER_S = 5e6  # what an environment that is not there yet is counted at


@dataclass(frozen=True)
class PlannedStep:
    """One step as it is shown before it runs. ``missing``: frameworks whose environments are needed first."""

    step: Step
    environment: str
    missing: tuple[Availability, ...]


@dataclass(frozen=True)
class Walked:
    """What was made, and the road that led there: another than the planned one where a converter refused."""

    road: Road
    artifact: Artifact


def converters() -> tuple[Converter, ...]:
    return read_converters(_catalogue())


def road_to(source: SourceModel, targets: Collection[ModelFormat], without: Collection[str] = ()) -> Road:
    """From any form of ``source`` to any of ``targets``. Raises NoRoad, a BadInput.

    ``without``: names of converters that are not to be used.
    """
    profile = source.profile
    size = Size(profile.contents.parameters, profile.contents.weight_bytes)
    edges = [edge for edge in converters() if edge.name not in without]
    return plan(source.forms, targets, profile.kind, edges, size, _waiting_s(), read_closed(_catalogue()))


def planned(road: Road) -> tuple[PlannedStep, ...]:
    """The road with what stands in its way here. Starts nothing."""
    return tuple(
        PlannedStep(step, registry.manifest(step.converter.framework).environment, _missing(step.converter))
        for step in road.steps
    )


def check_options(road: Road, options: Mapping[str, Option], kind: ModelKind) -> None:
    """Raises BadInput for options that no converter on the road takes; only adapters take any."""
    adapters = [step.converter for step in road.steps if step.converter.precision]
    if options and not adapters:
        names = ", ".join(f"“{name}”" for name in options)
        raise BadInput(
            f"Nothing on the road {road.text} takes options: {_titles(road)} would never see {names}.",
            "Leave it out.",
        )
    for converter in adapters:
        registry.manifest(converter.framework).settings(
            {**converter.options, **options}, kind, converter.precision
        )


def convert(
    source: SourceModel,
    target: ModelFormat,
    out: Path,
    job: JobContext,
    wheels: Path | None = None,
    options: Mapping[str, Option] | None = None,
) -> Artifact:
    """The artifact of :func:`convert_by_road`."""
    return convert_by_road(source, target, out, job, wheels, options).artifact


def convert_by_road(
    source: SourceModel,
    target: ModelFormat,
    out: Path,
    job: JobContext,
    wheels: Path | None = None,
    options: Mapping[str, Option] | None = None,
) -> Walked:
    """``source`` as ``target`` in the new folder ``out``, checked to be the same model.

    ``wheels``: a folder with a converter's source archive, instead of the network. ``options``: of the
    adapters that convert, such as the chip that is compiled for. Raises BadInput (NoRoad among them),
    FrameworkUnavailable, JobFailed or JobCancelled; nothing half-made is left behind.
    """
    if target in source.forms:
        raise BadInput(f"“{source.name}” is there as {target.label} already.", "There is nothing to convert.")
    with folder_in_the_making(out) as folder:
        walked = _form_by_road(source, (target,), job, wheels, options or {})
        found = walked.artifact
        origin = found.path if found.path.is_dir() else found.path.parent
        shutil.copytree(origin, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(FILES))
        inside = found.path.relative_to(origin)
        save_artifact(folder, replace(found, path=folder / inside))
    return replace(walked, artifact=replace(found, path=out / inside))


def form_of(source: SourceModel, targets: Collection[ModelFormat], job: JobContext) -> Artifact:
    """``source`` in one of these formats, kept in the cache. Raises as :func:`convert`.

    Where a converter on the road refuses the model, the next best road without it is taken, if there is one
    that waits for no installation; else all that was said on the way is told.
    """
    return _form_by_road(source, targets, job, None, {}).artifact


def _form_by_road(
    source: SourceModel,
    targets: Collection[ModelFormat],
    job: JobContext,
    wheels: Path | None,
    options: Mapping[str, Option],
) -> Walked:
    road, refusals = road_to(source, targets), dict[str, BadInput | JobFailed]()
    check_options(road, options, source.profile.kind)
    _refuse_missing(road)
    while True:
        job.emit(Started(f"Converting {source.name}: {road.text}"))
        try:
            return Walked(road, _walked(source, road, job, wheels, options))
        except _Refused as refused:
            refusals[refused.converter.name] = refused.why
            another = _another_road(source, targets, refusals, options)
            if another is None:
                raise _all_said(tuple(refusals.values())) from None
            job.emit(Log(f"{refused.why.message} Trying {another.text} with {_titles(another)}."))
            road = another


class _Refused(Exception):
    """A converter could not take the model, or made another one of it."""

    def __init__(self, converter: Converter, why: BadInput | JobFailed) -> None:
        super().__init__(str(why))
        self.converter = converter
        self.why = why


def _walked(
    source: SourceModel, road: Road, job: JobContext, wheels: Path | None, options: Mapping[str, Option]
) -> Artifact:
    store = conversions()
    at = _Place.start(source, road.start, job)
    with calibrated(source, any(_calibrates(step.converter) for step in road.steps), job) as data:
        for step in road.steps:
            try:
                at = _Walker(data, store, step, at, job, wheels, options).go()
            except (NoRoom, WorkerKilled):
                raise  # the model was not refused, and another road would need as much
            except (BadInput, JobFailed) as error:
                raise _Refused(step.converter, error) from error
    assert at.artifact is not None
    return at.artifact


def _another_road(
    source: SourceModel,
    targets: Collection[ModelFormat],
    without: Collection[str],
    options: Mapping[str, Option],
) -> Road | None:
    """``None`` too where it would not take the options, which nobody may ignore."""
    try:
        road = road_to(source, targets, without)
        check_options(road, options, source.profile.kind)
    except BadInput:  # NoRoad among them
        return None
    return None if any(_missing(step.converter) for step in road.steps) else road


def _all_said(refusals: Sequence[BadInput | JobFailed]) -> BadInput | JobFailed:
    """The first refusal, with what stood in the way of the other roads."""
    first, *others = refusals
    if not others:
        return first
    message = " ".join(dict.fromkeys(error.message for error in refusals))
    if isinstance(first, JobFailed):
        return JobFailed(message, first.remedy, first.details)
    return BadInput(message, first.remedy)


def _titles(road: Road) -> str:
    return " and ".join(step.converter.title for step in road.steps)


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
    return fetch(status.folder, status.interpreter, package, _versions(converter)[package], job, wheels)


def original(source: SourceModel, job: JobContext) -> Artifact:
    """The unquantized model as a framework runs it; a Hugging Face folder is converted for that.

    Raises as :func:`convert`.
    """
    if any(form in source.forms for form in ORIGINAL_RUNNERS):
        return original_artifact(source, lambda path: assess(path, job))
    return form_of(source, CONVERTED_ORIGINALS, job)


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
        key = cache_key(self.at.hashes, self.converter, _versions(self.converter), self._settings())
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
            versions={**made.versions, **_versions(self.converter)},
        )

    @property
    def _options(self) -> dict[str, Option]:
        """The converter's own, and of the user's those that an adapter is asked for."""
        return {**self.converter.options, **self.named} if self.converter.precision else {}

    @property
    def _calibration(self) -> Path | None:
        return self.source.calibration if _calibrates(self.converter) else None

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


def _calibrates(converter: Converter) -> bool:
    """Whether it quantizes on the way by what it sees of calibration data."""
    spec = registry.manifest(converter.framework).precision(converter.precision)
    return spec is not None and spec.needs_calibration


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


def _versions(converter: Converter) -> dict[str, str]:
    """What a conversion's outcome hangs on: installed versions, or those the environment is pinned to."""
    manifest = registry.manifest(converter.framework)
    found = {"edgewright": __version__}
    for package, pinned in manifest.packages.items():
        found[package] = pinned if manifest.environment else _installed(package)
    if converter.archive:
        found[converter.archive] = _installed(converter.archive)
    return found


def _installed(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError as error:
        raise FrameworkUnavailable(f"The package “{package}” is not installed.") from error


def _needed(converter: Converter) -> Iterator[Manifest]:
    """Frameworks whose environments take part: the converter's, and those that run source and outcome."""
    yield registry.manifest(converter.framework)
    for form in (converter.takes, converter.makes):
        if form is ModelFormat.HUGGING_FACE:
            yield reference_framework()
        elif form in ORIGINAL_RUNNERS:
            yield registry.manifest(ORIGINAL_RUNNERS[form])


def _missing(converter: Converter) -> tuple[Availability, ...]:
    """Once for each environment: frameworks may share one."""
    known = environments()
    needed = {manifest.environment: manifest for manifest in reversed(tuple(_needed(converter)))}
    found = (known.missing(manifest) for manifest in reversed(needed.values()))
    return tuple(gone for gone in found if gone is not None)


def _catalogue() -> Path:
    return resources() / "rules" / "converters.toml"


def _waiting_s() -> dict[str, float]:
    """How long the environments that are not there would take to come."""
    known = environments()
    waiting = {}
    for name in {converter.framework for converter in converters()}:
        manifest = registry.manifest(name)
        if known.missing(manifest) is not None:
            waiting[name] = 60.0 + known.status(manifest).download_bytes / DOWNLOAD_BYTES_PER_S
    return waiting


def _refuse_missing(road: Road) -> None:
    for step in road.steps:
        for gone in _missing(step.converter):
            title = registry.manifest(gone.framework).title
            here, there = step.converter.takes.label, step.converter.makes.label
            raise FrameworkUnavailable(
                f"Converting {here} to {there} needs the environment of {title}, which is {gone.reason}.",
                gone.remedy,
            )
