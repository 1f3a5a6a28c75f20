"""Where the program keeps what is the user's: history, settings, artifacts, environments, caches."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from platformdirs import PlatformDirs

HOME_VARIABLE = "EDGEWRIGHT_HOME"  # everything in one folder: portable installs and tests


@dataclass(frozen=True)
class AppPaths:
    data: Path
    cache: Path

    @property
    def history(self) -> Path:
        return self.data / "history.sqlite3"

    @property
    def settings(self) -> Path:
        return self.data / "settings.json"

    @property
    def artifacts(self) -> Path:
        """Quantized models the window makes; the command line names its own folder with --out."""
        return self.data / "artifacts"

    @property
    def shapes(self) -> Path:
        """Models with random weights that the window makes."""
        return self.data / "shapes"

    @property
    def hub(self) -> Path:
        """Models from the Hugging Face Hub, each under the commit it comes from."""
        return self.data / "hub"

    @property
    def environments(self) -> Path:
        return self.data / "environments"

    @property
    def conversions(self) -> Path:
        """Converted models, found again by what they were made from."""
        return self.cache / "conversions"

    @property
    def references(self) -> Path:
        """What original models predict, found again by what it follows from."""
        return self.data / "references"

    @property
    def running(self) -> Path:
        """Where processes say that they run, so that nobody clears away what they use."""
        return self.data / "running"

    @property
    def throughput(self) -> Path:
        """Folder of the cached bandwidth and arithmetic figures."""
        return self.cache / "throughput"


def app_paths() -> AppPaths:
    """The user's folders; they are made when something is first written to them."""
    home = os.environ.get(HOME_VARIABLE)
    if home:
        return AppPaths(Path(home) / "data", Path(home) / "cache")
    dirs = PlatformDirs("edgewright", appauthor=False)
    return AppPaths(dirs.user_data_path, dirs.user_cache_path)


def resources() -> Path:
    """The data that ships with the program."""
    return Path(__file__).resolve().parents[2] / "resources"
