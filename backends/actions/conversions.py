"""The cache of converted models: an entry is whole or absent, whatever happens to whoever makes it."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from backends.actions.artifacts import load_artifact, save_artifact
from backends.domain.artifact import Artifact
from backends.domain.errors import BadInput
from backends.storage.files import disk_error, partial_prefix, remove_leftovers, write_text
from backends.storage.owners import announce
from backends.storage.paths import app_paths

KEY_CHARACTERS = 32
FILES = "files.json"  # written last: names and sizes of all that belongs to an entry


@dataclass(frozen=True)
class Conversions:
    """One folder an entry, named by its key; its time of change tells when it was last used."""

    root: Path

    def find(self, key: str) -> Artifact | None:
        """An entry that is there in full. One that somebody has damaged is cleared away."""
        folder = self._folder(key)
        if not folder.is_dir():
            return None
        if _whole(folder):
            with suppress(BadInput):
                found = load_artifact(folder)
                os.utime(folder)
                return found
        shutil.rmtree(folder, ignore_errors=True)
        return None

    @contextmanager
    def making(self) -> Iterator[Path]:
        """An empty folder for a new entry, gone at the end of the block unless :meth:`keep` took it."""
        remove_leftovers(self.root)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(prefix=partial_prefix(), dir=self.root))
        except OSError as error:
            raise disk_error(error, self.root) from error
        try:
            yield folder
        except OSError as error:
            raise disk_error(error, folder) from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def keep(self, key: str, folder: Path, artifact: Artifact) -> Artifact:
        """Make ``folder`` the entry in one step. Where another process was quicker, its entry counts."""
        save_artifact(folder, artifact)
        write_text(folder / FILES, json.dumps(_sizes(folder), indent=1) + "\n")
        with suppress(OSError):
            folder.rename(self._folder(key))
        found = self.find(key)
        if found is None:
            raise BadInput(f"Nothing can be kept in “{self.root}”.", "Look who may write there.")
        return found

    def _folder(self, key: str) -> Path:
        return self.root / key[:KEY_CHARACTERS]


def conversions() -> Conversions:
    """Those of this user; whoever asks for them is known to run from then on."""
    announce(app_paths().running)
    return Conversions(app_paths().conversions)


def _whole(folder: Path) -> bool:
    """Whether every file is there at its size; what is in them was hashed when they were made."""
    try:
        sizes = json.loads((folder / FILES).read_text(encoding="utf-8"))
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, AttributeError):
        return False


def _sizes(folder: Path) -> dict[str, int]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}
