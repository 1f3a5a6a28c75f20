"""The user's signing key (Ed25519) and the keys of others that the user trusts."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from backends.domain.errors import BadInput
from backends.storage.files import PARTIAL, disk_error, write_text

KEY_BYTES = 32
SIGNATURE_BYTES = 64


@dataclass(frozen=True)
class KeyRing:
    """Lives in ``folder``, which only the user may enter."""

    folder: Path

    @property
    def _own(self) -> Path:
        return self.folder / "signing-key.pem"

    @property
    def _others(self) -> Path:
        return self.folder / "trusted.json"

    def own(self) -> Ed25519PrivateKey:
        """Made on first use. Raises BadInput where the file is damaged or others may read it."""
        if not self._own.exists():
            self._make()
        self._refuse_if_open()
        try:
            key = serialization.load_pem_private_key(self._own.read_bytes(), password=None)
        except (OSError, ValueError, TypeError) as error:
            raise self._damaged() from error
        if not isinstance(key, Ed25519PrivateKey):
            raise self._damaged()
        return key

    def trusted(self) -> frozenset[str]:
        """Public keys in hexadecimal: the user's own, where there is one yet, and those added."""
        own = {public_text(self.own())} if self._own.exists() else set()
        return frozenset(own | self._added())

    def trust(self, public_key: str) -> None:
        keys = sorted(self._added() | {public_key})
        self._prepare()
        write_text(self._others, json.dumps({"keys": keys}, indent=1) + "\n")

    def _added(self) -> set[str]:
        try:
            stored = json.loads(self._others.read_text(encoding="utf-8"))
            return {str(key) for key in stored["keys"]}
        except FileNotFoundError:
            return set()
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise BadInput(f"The list of trusted keys “{self._others}” is damaged.", "Remove it.") from error

    def _make(self) -> None:
        """Written beside and put into place: a second process finds no key or a whole one."""
        text = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        try:
            self._prepare()
            handle, name = tempfile.mkstemp(prefix=PARTIAL, dir=self.folder)  # readable by the user only
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(text)
                _put_in_place(Path(name), self._own)
            finally:
                Path(name).unlink(missing_ok=True)
        except OSError as error:
            raise disk_error(error, self._own) from error

    def _prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)

    def _refuse_if_open(self) -> None:
        """On Windows the user's folder is closed to others by its access list."""
        if os.name == "posix" and self._own.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise BadInput(
                f"Others may read the signing key “{self._own}”.",
                "If nobody has: chmod 600. Else remove it, and a new one is made. A file system without "
                "permissions is no place for it: name another folder with EDGEWRIGHT_HOME.",
            )

    def _damaged(self) -> BadInput:
        return BadInput(f"The signing key “{self._own}” is damaged.", "Remove it, and a new one is made.")


def _put_in_place(written: Path, target: Path) -> None:
    """Unless another process was quicker. A file system without hard links (FAT, some network homes) gets a
    lock instead, which nobody but the first can make."""
    try:
        os.link(written, target)
    except FileExistsError:
        pass
    except OSError:
        _renamed_once(written, target)


def _renamed_once(written: Path, target: Path) -> None:
    """Raises BadInput where another process has left the lock behind, or is about to make the key."""
    lock = target.with_suffix(".lock")
    try:
        os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError as error:
        if target.exists():
            return
        raise BadInput(
            f"Another Edgewright is making the signing key “{target}”, or was cut off at it.",
            f"Try again; where that says the same, remove “{lock.name}” beside it.",
        ) from error
    try:
        if not target.exists():
            written.replace(target)
    finally:
        lock.unlink(missing_ok=True)


def public_text(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes_raw().hex()


def fingerprint(public_key: str) -> str:
    """The first 64 bits of a key, for people to compare."""
    return ":".join(public_key[at : at + 4] for at in range(0, 16, 4))


def is_signed(public_key: str, signature: str, message: bytes) -> bool:
    """Only the one spelling in small hexadecimal digits counts."""
    key, proof = _bytes(public_key, KEY_BYTES), _bytes(signature, SIGNATURE_BYTES)
    if key is None or proof is None:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(proof, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _bytes(text: str, length: int) -> bytes | None:
    try:
        value = bytes.fromhex(text)
    except ValueError:
        return None
    return value if len(value) == length and value.hex() == text else None
