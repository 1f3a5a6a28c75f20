"""The certificate: a measurement with its raw samples, signed, so that any changed byte shows.

The file is ``{"certificate": …, "signature": …}`` in the one spelling of :mod:`backends.reporting.canonical`.
The Ed25519 signature covers :data:`PURPOSE` and the canonical bytes of the certificate with its public key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from backends.codec import from_plain, to_plain
from backends.domain.errors import BadInput
from backends.domain.result import RunRecord
from backends.reporting.canonical import canonical, strict
from backends.reporting.keys import is_signed, public_text
from backends.reporting.monitoring import Watch

FORMAT = 1
PURPOSE = b"edgewright certificate 1\n"  # what the key signs for; nothing else it signs can pass for it
LARGEST_BYTES = 2**29
_AGAIN = "Get the certificate again from whoever made it."


@dataclass(frozen=True)
class CertifiedArtifact:
    """``files``: name -> sha256, relative to the artifact's folder, or to the folder of a bare model.

    ``whole_folder``: all there is in the folder is certified, so a file more is a change too.
    """

    label: str
    name: str  # of the folder, or of the file of a bare model
    entry: str  # what a framework opens, relative to the folder; "." is the folder itself
    original: bool
    whole_folder: bool
    files: Mapping[str, str]


@dataclass(frozen=True)
class Certificate:
    """Conditions, raw samples, intervals, evidence and seed are in ``record``, as the history keeps them."""

    format: int
    product_version: str
    issued_at: str  # ISO 8601, UTC
    model: str
    artifacts: tuple[CertifiedArtifact, ...]
    thresholds: Mapping[str, float]  # gate -> threshold
    verdicts: Mapping[str, Mapping[str, str]]  # label -> gate -> verdict
    overall: Mapping[str, str]  # label -> the gravest verdict
    versions: Mapping[str, str]  # library -> version, of the program and of all engines
    commands: tuple[str, ...]  # that measure the same again
    monitoring: tuple[Watch, ...]
    record: RunRecord
    public_key: str = ""  # hexadecimal, of the signer
    product: str = field(default="Edgewright")


def sign(certificate: Certificate, key: Ed25519PrivateKey) -> bytes:
    """The bytes of the file. Raises BadInput where a figure is not finite."""
    body = {**to_plain(certificate), "public_key": public_text(key)}
    try:
        signature = key.sign(PURPOSE + canonical(body)).hex()
        return canonical({"certificate": body, "signature": signature})
    except ValueError as error:
        raise BadInput(
            "The run holds a figure that is not a number, so it cannot be certified.", "Measure again."
        ) from error


def read(path: Path) -> Certificate:
    """The certificate in a file, with its signature checked. Raises BadInput with what is wrong."""
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise BadInput(f"“{path}” is too large for a certificate.", "Name another file.")
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"“{path}” cannot be read: {error.strerror}.", "Name a certificate.") from error
    return opened(data, path.name)


def opened(data: bytes, name: str) -> Certificate:
    """As :func:`read`, from bytes."""
    document = _document(data, name)
    body = document["certificate"]
    if body.get("format") != FORMAT:
        other = str(body.get("format"))[:20]
        raise BadInput(
            f"“{name}” is a certificate of another version (format {other}, not {FORMAT}).",
            "Check it with the version of Edgewright that made it.",
        )
    if canonical(document) != data:
        raise _altered(name, "it is not spelled as it was when it was signed")
    if not is_signed(str(body.get("public_key")), str(document["signature"]), PURPOSE + canonical(body)):
        raise _altered(name, "its signature does not fit its content")
    try:
        certificate = from_plain(body, Certificate)
    except (
        Exception
    ) as error:  # cattrs raises many kinds; a signed body of another shape is all one to the user
        raise BadInput(f"“{name}” is signed, but is no certificate of format {FORMAT}.", _AGAIN) from error
    if not all(
        _is_inside(place) for one in certificate.artifacts for place in (one.name, one.entry, *one.files)
    ):
        raise BadInput(f"“{name}” names files outside of its artifacts.", "Do not trust whoever signed it.")
    return certificate


def _is_inside(place: str) -> bool:
    path = PurePosixPath(place)
    return bool(place) and not path.is_absolute() and ".." not in path.parts and not set(place) & set("\\:\0")


def _document(data: bytes, name: str) -> dict[str, Any]:
    if not data.startswith(b"{"):
        raise BadInput(
            f"“{name}” is no certificate.", "Name a file that was written as one (edgewright certify)."
        )
    if not data.endswith(b"}\n"):
        raise BadInput(f"“{name}” is cut off, or something stands after its end.", _AGAIN)
    try:
        document: dict[str, Any] = strict(data)
    except ValueError as error:
        raise _altered(name, f"it cannot be read ({str(error)[:80]})") from error
    if set(document) != {"certificate", "signature"} or not isinstance(document["certificate"], dict):
        raise _altered(name, "it has not the parts of a certificate")
    return document


def _altered(name: str, how: str) -> BadInput:
    return BadInput(f"“{name}” has been altered: {how}.", _AGAIN)


def versions_of(record: RunRecord) -> dict[str, str]:
    """Of the program's libraries, of the engines that ran and of what made the artifacts."""
    found = dict(record.setup.versions) if record.setup else {}
    for result in record.results:
        found |= result.configuration.artifact.versions
        if result.engine is not None:
            found[result.engine.framework] = result.engine.version
    return found


def verdicts_of(record: RunRecord) -> dict[str, dict[str, str]]:
    return {
        one.label: {gate.gate.name: gate.verdict.value for gate in one.gates}
        for one in record.results
        if one.gates
    }


def thresholds_of(record: RunRecord) -> dict[str, float]:
    return {gate.gate.name: gate.gate.threshold for one in record.results for gate in one.gates}
