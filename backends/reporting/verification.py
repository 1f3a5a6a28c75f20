"""Is a certificate as it was signed, by whom, and are the artifacts the certified ones?"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from backends.domain.errors import BadInput
from backends.reporting.certificate import Certificate, CertifiedArtifact, read
from backends.reporting.keys import KeyRing, fingerprint


@dataclass(frozen=True)
class ArtifactCheck:
    """``folder`` is ``None`` where nothing like it was found in the named folders."""

    label: str
    name: str
    folder: Path | None
    changed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    added: tuple[str, ...] = ()

    @property
    def differences(self) -> int:
        return len(self.changed) + len(self.missing) + len(self.added)

    @property
    def problem(self) -> str:
        """A sentence, "" where all is as certified."""
        if self.folder is None:
            return f"{self.label}: “{self.name}” was not found."
        kinds = (("changed", self.changed), ("missing", self.missing), ("not certified", self.added))
        parts = [f"{kind}: {', '.join(names)}" for kind, names in kinds if names]
        return f"{self.label} is not what was certified ({'; '.join(parts)})." if parts else ""


@dataclass(frozen=True)
class Verification:
    """``problems`` are sentences on the certificate and on artifacts that differ.

    ``trusted`` is a thing of its own: an unknown key may sign what it likes, and the signature still holds.
    """

    certificate: Certificate | None
    trusted: bool
    signer: str  # fingerprint of the key, "" where the signature does not hold
    problems: tuple[str, ...]
    artifacts: tuple[ArtifactCheck, ...] = ()  # empty where no folder was named

    @property
    def intact(self) -> bool:
        return not self.problems

    @property
    def ok(self) -> bool:
        return self.intact and self.trusted


def verify(path: Path, folders: Sequence[Path], ring: KeyRing) -> Verification:
    """Check the certificate ``path``; with ``folders``, every certified artifact must be in one of them.

    A folder is an artifact's own, or one that holds several. Never raises for a certificate that is wrong:
    that is an answer too.
    """
    try:
        certificate = read(path)
    except BadInput as error:
        return Verification(None, False, "", (error.message,))
    checks = tuple(check(one, folders) for one in certificate.artifacts) if folders else ()
    return Verification(
        certificate,
        certificate.public_key in ring.trusted(),
        fingerprint(certificate.public_key),
        tuple(found.problem for found in checks if found.problem),
        checks,
    )


def check(artifact: CertifiedArtifact, folders: Sequence[Path]) -> ArtifactCheck:
    """Against the first folder that is as certified, else the one with the fewest differences.

    Folders of the certified name come first: models are large, and each look at one reads all of it. Another
    folder counts only where something in it is as certified: “model.gguf” is in many.
    """
    places = {place for folder in folders for place in _places(artifact, folder)}
    best = ArtifactCheck(artifact.label, artifact.name, None)
    for place in sorted(places, key=lambda one: (not _is_named(artifact, one), str(one))):
        found = _compared(artifact, place)
        alien = len(found.changed) + len(found.missing) == len(artifact.files)
        if alien and not _is_named(artifact, place):
            continue
        if best.folder is None or found.differences < best.differences:
            best = found
        if best.folder is not None and not best.differences:
            break
    return best


def _is_named(artifact: CertifiedArtifact, place: Path) -> bool:
    """The folder of a bare model may have any name."""
    return artifact.entry != "." or place.name == artifact.name


def _places(artifact: CertifiedArtifact, folder: Path) -> Iterator[Path]:
    """The folder and those in it, where they hold a file of that name; a named file stands for its folder."""
    folder = folder.parent if folder.is_file() else folder
    within = sorted(folder.iterdir()) if folder.is_dir() else []
    for place in (folder, *within):
        if place.is_dir() and any((place / name).is_file() for name in artifact.files):
            yield place


def _compared(artifact: CertifiedArtifact, folder: Path) -> ArtifactCheck:
    there = {name: sha256(folder / name) for name in artifact.files if (folder / name).is_file()}
    changed = tuple(name for name, digest in there.items() if digest != artifact.files[name])
    missing = tuple(name for name in artifact.files if name not in there)
    names = set(files_in(folder)) if artifact.whole_folder else set()
    added = tuple(sorted(names - artifact.files.keys()))
    return ArtifactCheck(artifact.label, artifact.name, folder, changed, missing, added)


def files_in(folder: Path) -> Iterator[str]:
    """Names of all files, relative to ``folder``; links to folders are not followed."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix()


def sha256(path: Path) -> str:
    """Raises BadInput where the file cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadInput(f"“{path}” cannot be read: {error.strerror}.", "Check its permissions.") from error
