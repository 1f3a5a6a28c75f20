"""Is a certificate as it was signed, by whom, and are the artifacts the certified ones?"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path, PurePosixPath

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
        what = f"{self.label} in “{self.folder}”"
        return f"{what} is not what was certified ({'; '.join(parts)})." if parts else ""


@dataclass(frozen=True)
class Verification:
    """``problems`` are sentences on the certificate and on artifacts that differ.

    ``trusted`` is a thing of its own: an unknown key may sign what it likes, and the signature still holds.
    """

    certificate: Certificate | None
    trusted: bool
    signer: str  # fingerprint of the key, "" where the signature does not hold
    problems: tuple[str, ...]
    artifacts: tuple[ArtifactCheck, ...] = ()  # those that were looked for
    remedy: str = ""  # "" where nothing is wrong

    @property
    def intact(self) -> bool:
        return not self.problems

    @property
    def ok(self) -> bool:
        return self.intact and self.trusted


def verify(path: Path, named: Sequence[Path], ring: KeyRing, also: Sequence[Path] = ()) -> Verification:
    """Check the certificate ``path``, and the artifacts in ``named``.

    A file, or the folder of one artifact, has itself to be as certified, whatever else lies around it; those
    that are not named then are not checked. In a folder that holds several, every certified one must be
    found. ``also``: where to look for what is not there; nothing may be missing then.

    Never raises for a certificate that is wrong: that is an answer too.
    """
    try:
        certificate = read(path)
    except BadInput as error:
        return Verification(None, False, "", (error.message,), remedy=error.remedy)
    artifacts = certificate.artifacts
    meant = [_meant(artifacts, place) for place in named]
    exactly = tuple(chain.from_iterable(meant))
    if not all(meant) or also:
        checks = tuple(check(one, _searched(one, named, meant), also) for one in artifacts)
    else:
        checks = exactly
    strange = [_strange(place) for place, found in zip(named, meant, strict=True) if not found]
    problems = (*strange, *(found.problem for found in (*exactly, *checks)))
    told = tuple(dict.fromkeys(problem for problem in problems if problem))
    missing = any(found.folder is None for found in checks)
    remedy = "Name where it is (--artifacts)." if missing else "Do not rely on what differs."
    return Verification(
        certificate,
        certificate.public_key in ring.trusted(),
        fingerprint(certificate.public_key),
        told,
        checks,
        remedy if told else "",
    )


def check(artifact: CertifiedArtifact, named: Sequence[Path], also: Sequence[Path] = ()) -> ArtifactCheck:
    """Against its folder in ``named``; only where there is none, against one in ``also``.

    Folders of the certified name are the artifact's: where there are some, no copy under another name stands
    in for them. Else it is the first that is as certified, or the one with the fewest differences, if
    something in it is as certified: “model.gguf” is in many.
    """
    places = {place for folder in named for place in _places(artifact, folder)}
    own = [_compared(artifact, place) for place in sorted(places) if _is_named(artifact, place)]
    if own:
        return max(own, key=lambda found: found.differences)
    best = ArtifactCheck(artifact.label, artifact.name, None)
    for place in sorted(places):
        found = _compared(artifact, place)
        alien = len(found.changed) + len(found.missing) == len(artifact.files)
        if alien and artifact.entry == ".":
            continue
        if best.folder is None or found.differences < best.differences:
            best = found
        if not best.differences:
            break
    return check(artifact, also) if best.folder is None and also else best


def _searched(
    artifact: CertifiedArtifact, named: Sequence[Path], meant: Sequence[tuple[ArtifactCheck, ...]]
) -> list[Path]:
    """Without what is another artifact's."""
    known = zip(named, meant, strict=True)
    return [place for place, found in known if not found or artifact.label in {one.label for one in found}]


def _strange(place: Path) -> str:
    """What is wrong with something named that is no artifact; "" for a folder that may hold several."""
    if place.is_dir():
        return ""
    return f"“{place.name}” is no file of this certificate." if place.exists() else f"There is no “{place}”."


def _meant(artifacts: Sequence[CertifiedArtifact], place: Path) -> tuple[ArtifactCheck, ...]:
    """The artifact that a named file or folder is, or that it was before it was changed.

    More than one where the same files were certified several times, opened in different ways.
    """
    if place.is_file():
        folders = [(one, _folder_of(one, place)) for one in artifacts]
    else:
        folders = [(one, place if _may_be(one, place) else None) for one in artifacts]
    found = [
        (_compared(one, folder), _is_named(one, folder), one) for one, folder in folders if folder is not None
    ]
    if not found:
        return ()
    best, _, meant = min(found, key=lambda one: (one[0].differences, not one[1]))
    return tuple(replace(best, label=one.label) for one in artifacts if one.files == meant.files)


def _may_be(artifact: CertifiedArtifact, folder: Path) -> bool:
    there = [(folder / name).is_file() for name in artifact.files]
    return all(there) or (_is_named(artifact, folder) and any(there))


def _folder_of(artifact: CertifiedArtifact, file: Path) -> Path | None:
    """The artifact's folder, if ``file`` has the name of one of its files there."""
    whole = file.absolute()
    for name in map(PurePosixPath, artifact.files):
        if whole.parts[-len(name.parts) :] == name.parts:
            return whole.parents[len(name.parts) - 1]
    return None


def _is_named(artifact: CertifiedArtifact, place: Path) -> bool:
    """The folder of a bare model may have any name, so none is its own."""
    return artifact.entry == "." and place.absolute().name == artifact.name


def _places(artifact: CertifiedArtifact, named: Path) -> Iterator[Path]:
    """A folder and those in it, where they hold a file of the artifact; of a file the folder it is of."""
    if named.is_file():
        folder = _folder_of(artifact, named)
        yield from () if folder is None else (folder,)
        return
    within = sorted(named.iterdir()) if named.is_dir() else []
    for place in (named, *within):
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
