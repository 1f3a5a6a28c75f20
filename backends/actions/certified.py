"""The comparison that a certificate certifies, put together again from the files that are found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from backends.actions.artifacts import load_artifact
from backends.actions.compare import Comparison
from backends.actions.energy import COUNTERS
from backends.actions.keeping import data_file
from backends.actions.repeating import depth_of
from backends.assessment.source import source_model
from backends.benchmarking.grid import WORLD
from backends.benchmarking.protocol import Protocol
from backends.domain.artifact import Artifact, Configuration
from backends.domain.errors import BadInput
from backends.domain.model import SourceModel
from backends.domain.preprocessing import Preprocessing
from backends.domain.result import DataFile, RunRecord, RunSetup
from backends.optimization.gates import default_gates, with_thresholds
from backends.optimization.stress import STRESS_PLANS, StressPlan
from backends.quality.data import preprocessing_for, read_images
from backends.reporting.certificate import Certificate, CertifiedArtifact
from backends.reporting.verification import ArtifactCheck


def composed(certificate: Certificate, found: Sequence[ArtifactCheck], places: Sequence[Path]) -> Comparison:
    """The comparison that was certified: ``found`` are its artifacts, in ``places`` lies its data."""
    setup = certificate.record.setup
    folders = {one.label: one.folder for one in found if not one.problem}
    loaded = {one.label: _load(one, folders.get(one.label)) for one in certificate.artifacts}
    original = next((loaded[one.label] for one in certificate.artifacts if one.original), None)
    if setup is None or original is None:
        raise BadInput("The certificate has no original to compare with.", "Certify a run that has one.")
    source = _source(original, setup, places)
    return Comparison(
        source,
        replace(original, original=True),
        tuple(
            replace(loaded[one.label], original=False) for one in certificate.artifacts if not one.original
        ),
        _protocol(setup),
        context=setup.context,
        device=setup.device,
        threads=setup.threads,
        task_limit=setup.task_limit,
        preprocessing=_preprocessing(source, setup),
        gates=with_thresholds(default_gates(), setup.thresholds),
        stress=_stress_plan(setup),
        energy=setup.energy or COUNTERS,
        grid=setup.grid or WORLD,
        opened=_opened(certificate.record, loaded),
    )


def _opened(record: RunRecord, loaded: Mapping[str, Artifact]) -> tuple[Configuration, ...]:
    """Each artifact in the way it was opened then, the original first."""
    results = sorted(record.results, key=lambda one: not one.configuration.artifact.original)
    return tuple(
        replace(
            one.configuration,
            artifact=replace(loaded[one.label], original=one.configuration.artifact.original),
        )
        for one in results
        if one.label in loaded
    )


def _load(certified: CertifiedArtifact, folder: Path | None) -> Artifact:
    if folder is None:
        raise BadInput(
            f"{certified.label}: “{certified.name}” was not found as certified.",
            "Name its folder (--artifacts).",
        )
    return load_artifact(folder if certified.entry == "." else folder / certified.entry)


def _source(original: Artifact, setup: RunSetup, places: Sequence[Path]) -> SourceModel:
    tasks, text = _data(setup.tasks, places), _data(setup.evaluation, places)
    return replace(source_model(original.path), tasks=tasks, evaluation=text)


def _data(wanted: DataFile | None, places: Sequence[Path]) -> Path | None:
    """The file or folder of this name and content. Raises BadInput where it is nowhere."""
    if wanted is None:
        return None
    named = (
        place for folder in places for place in (folder, folder / wanted.name) if place.name == wanted.name
    )
    for path in named:
        if path.exists() and data_file(path) == wanted:
            return path
    raise BadInput(
        f"“{wanted.name}”, with which the quality was judged, was not found with the certified content.",
        "Name its folder (--artifacts).",
    )


def _protocol(setup: RunSetup) -> Protocol:
    return Protocol(
        prompt_tokens=setup.prompt_tokens,
        new_tokens=setup.new_tokens,
        looks=setup.looks,
        restarts=setup.restarts,
        idle_s=setup.idle_s,
        arm_s=setup.arm_s,
        token_arm_s=setup.token_arm_s,
        confidence=setup.confidence,
        resamples=setup.resamples,
        seed=setup.seed,
    )


def _stress_plan(setup: RunSetup) -> StressPlan | None:
    """As it was; a run of an older version kept no more than its depth."""
    if not setup.stress:
        return None
    return StressPlan(**setup.stress_plan) if setup.stress_plan else STRESS_PLANS[depth_of(setup)]


def _preprocessing(source: SourceModel, setup: RunSetup) -> Preprocessing | None:
    if setup.preprocessing is not None:
        return setup.preprocessing
    if source.tasks is None or not (setup.mean or setup.std):
        return None
    first = read_images(source.tasks).load(slice(0, 1))[0]
    return preprocessing_for(source.profile.inputs[0], first, setup.mean, setup.std)
