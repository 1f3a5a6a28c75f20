"""``edgewright certify``, ``verify`` and ``rerun``: proof of a run, its check, and its repetition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from backends import __version__
from backends.actions.artifacts import DESCRIPTION
from backends.actions.certified import composed
from backends.actions.compare import compare
from backends.actions.report import account_of
from backends.domain.errors import BadInput, JobFailed
from backends.domain.events import Started
from backends.domain.result import ConfigurationResult, RunRecord, RunSetup
from backends.frameworks.base import JobContext
from backends.reporting.account import label_of
from backends.reporting.agreement import Agreement, Judgement, agreements, judgements
from backends.reporting.certificate import (
    FORMAT,
    Certificate,
    CertifiedArtifact,
    sign,
    thresholds_of,
    verdicts_of,
    versions_of,
)
from backends.reporting.keys import KeyRing, public_text
from backends.reporting.monitoring import monitoring
from backends.reporting.verification import Verification, files_in, sha256, verify
from backends.storage.files import write_text
from backends.storage.history import History
from backends.storage.paths import app_paths, resources


def key_ring() -> KeyRing:
    """The user's keys."""
    return KeyRing(app_paths().data / "keys")


def certify(run_id: str, out: Path, history: History, ring: KeyRing | None = None) -> Certificate:
    """Write the signed certificate of a run to ``out``.

    Raises BadInput for a run that did not finish or is too old, and where a model is no longer the file that
    was measured.
    """
    record = history.run(run_id)
    if record.state != "finished":
        raise BadInput(f"The run {run_id} is {record.state}.", "Only a finished run can be certified.")
    if record.setup is None or record.machine is None:
        raise BadInput(
            f"The run {run_id} was stored by an older version, without what a certificate needs.",
            "Measure again.",
        )
    certificate = _certificate(record, record.setup)
    key = (ring or key_ring()).own()
    write_text(out, sign(certificate, key).decode("ascii"))
    return replace(certificate, public_key=public_text(key))


def _certificate(record: RunRecord, setup: RunSetup) -> Certificate:
    account = account_of(record)
    return Certificate(
        format=FORMAT,
        product_version=__version__,
        issued_at=datetime.now(UTC).isoformat(timespec="seconds"),
        model=record.model,
        artifacts=tuple(_certified(one, setup) for one in record.results if not one.failure),
        thresholds=thresholds_of(account.record),
        verdicts=verdicts_of(account.record),
        overall={label: verdict.value for label, verdict in account.overall.items()},
        versions=versions_of(account.record),
        commands=account.commands,
        monitoring=monitoring(account),
        record=account.record,
    )


def _certified(result: ConfigurationResult, setup: RunSetup) -> CertifiedArtifact:
    """The files as they are now, after making sure that they are the measured ones."""
    artifact, label = result.configuration.artifact, label_of(result)
    path = artifact.path
    inside = path if path.is_dir() else path.parent
    root = next((one for one in (path, path.parent) if (one / DESCRIPTION).is_file()), None)
    measured = setup.hashes.get(label) or {}
    if not measured:
        raise BadInput(f"The files of {label} were not hashed when it was measured.", "Measure again.")
    if not path.exists():
        raise BadInput(
            f"The files of {label} are no longer where they were measured.",
            "Keep them (edgewright demo --keep FOLDER), and measure again.",
        )
    files = {name: sha256(inside / name) for name in measured}
    changed = [name for name, digest in files.items() if measured[name] != digest]
    if changed:
        raise BadInput(f"{label} has changed since it was measured: {', '.join(changed)}.", "Measure again.")
    folder = root or inside
    whole = {name: sha256(folder / name) for name in files_in(folder)} if root else files
    bare = root is None and path.is_file()
    return CertifiedArtifact(
        label=label,
        name=path.name if bare else folder.name,
        entry="." if not bare else path.name,
        original=artifact.original,
        whole_folder=root is not None,
        files=whole,
    )


def verify_certificate(
    path: Path, folders: Sequence[Path] = (), trust: bool = False, ring: KeyRing | None = None
) -> Verification:
    """Check a certificate, and the artifacts in ``folders``.

    ``trust``: from now on trust the key, where its signature holds.
    """
    ring = ring or key_ring()
    found = verify(path, folders, ring)
    if trust and found.certificate is not None and not found.trusted:
        ring.trust(found.certificate.public_key)
        return replace(found, trusted=True)
    return found


def confirmed(path: Path, folders: Sequence[Path] = (), trust: bool = False) -> Verification:
    """As :func:`verify_certificate`, for a command line: raises BadInput for all but a full confirmation."""
    found = verify_certificate(path, folders, trust)
    if not found.intact:
        raise BadInput(" ".join(found.problems), found.remedy)
    if not found.trusted:
        raise BadInput(
            f"“{path.name}” is as it was signed, but by a key that is not known here ({found.signer}).",
            "Ask the signer for that line; where it is the same, trust the key (edgewright verify --trust).",
        )
    return found


@dataclass(frozen=True)
class Rerun:
    """``remarks`` say what is not as it was (another processor, other versions), and how much it is worth."""

    record: RunRecord
    agreements: tuple[Agreement, ...]
    remarks: tuple[str, ...]
    judgements: tuple[Judgement, ...] = ()

    @property
    def agrees(self) -> bool:
        """No figure and no verdict contradicts the certificate, and there was something to compare."""
        alike = all(one.agrees for one in self.agreements)
        return bool(self.agreements) and alike and not any(one.contradicts for one in self.judgements)


def rerun(
    path: Path, folders: Sequence[Path], job: JobContext, history: History, ring: KeyRing | None = None
) -> Rerun:
    """Measure again what a certificate certifies, by the same rules, and compare the ratios.

    ``folders`` hold the artifacts and the data; the certificate's own folder and the bundled models are
    looked through as well. Raises BadInput where the certificate or an artifact is not as certified.
    """
    job.emit(Started(f"Repeating the measurement of {path.name}"))
    elsewhere = tuple(_places(path))
    found = verify(path, folders, ring or key_ring(), elsewhere)
    if found.certificate is None or not found.intact:
        raise BadInput(" ".join(found.problems), found.remedy)
    certificate = found.certificate
    comparison = composed(certificate, found.artifacts, (*folders, *elsewhere))
    record = compare(comparison, job, history)
    compared = agreements(certificate.record, record)
    judged = judgements(certificate.record, record)
    remarks = (*_on_signer(found), *_on_verdicts(judged), *_remarks(certificate.record, record, compared))
    return Rerun(record, compared, remarks, judged)


def agreed(path: Path, folders: Sequence[Path], job: JobContext, history: History) -> Rerun:
    """As :func:`rerun`, for a command line: raises JobFailed where it does not agree; the new run is kept."""
    found = rerun(path, folders, job, history)
    if not found.agrees:
        differing = [one.sentence for one in found.agreements if not one.agrees]
        raise JobFailed(
            " ".join(("The measurement does not agree with the certificate.", *differing, *found.remarks)),
            f"The new run is {found.record.run_id}: compare the two reports.",
        )
    return found


def _places(path: Path) -> Iterator[Path]:
    """Where to look for artifacts and data that nobody named; each of these and the folders right in it."""
    yield path.resolve().parent
    yield from sorted(place for place in (resources() / "models").iterdir() if place.is_dir())


def _on_signer(found: Verification) -> Iterator[str]:
    if not found.trusted:
        yield (
            f"The certificate was signed by a key that is not known here ({found.signer}): "
            "compare that line with the signer's."
        )


def _on_verdicts(judged: Sequence[Judgement]) -> Iterator[str]:
    changed = [one.sentence for one in judged if one.changed]
    yield from changed
    if judged and not changed:
        yield f"All {len(judged)} verdicts of the gates are as they were."


def _remarks(before: RunRecord, after: RunRecord, found: Sequence[Agreement]) -> Iterator[str]:
    vague = [one for one in found if one.agrees and one.is_vague]
    if vague:
        yield f"{len(vague)} of {len(found)} figures agree only because their intervals are wide."
    then, now = _processor(before), _processor(after)
    if then != now:
        yield f"It was another processor then ({then}; now {now}): ratios may differ for that reason."
    older, newer = versions_of(before), versions_of(after)
    changed = [name for name in older.keys() & newer.keys() if older[name] != newer[name]]
    if changed:
        yield f"Other versions now: {_listed(sorted(changed), older, newer)}."


def _listed(names: Sequence[str], older: Mapping[str, str], newer: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {older[name]} → {newer[name]}" for name in names)


def _processor(record: RunRecord) -> str:
    return (record.machine.processor.brand.value if record.machine else None) or "not known"
