#!/usr/bin/env python3
"""Sets Edgewright up in ``.venv`` beside the project and starts it, or passes its tests.

    python3 installers/bootstrap.py             set up, then open the window
    python3 installers/bootstrap.py test        set up with the tools for development and all frameworks, and
                                                run the tests
    python3 installers/bootstrap.py setup       set up only, with the tools for development
    python3 installers/bootstrap.py frameworks  set up, and install all frameworks that the tests need
    python3 installers/bootstrap.py headless    run the tests of the engine where Qt is not installed

Runs on a bare Python 3.11 to 3.13; needs a C++ compiler, because llama.cpp is compiled for this processor.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONSTRAINTS = ROOT / "installers" / "constraints.txt"
QT_PACKAGES = ("PySide6_Essentials", "pyqtgraph", "pytest-qt")
HEADLESS_TESTS = ("tests/unit/cli", "tests/unit/jobs", "tests/fault")  # those that start programs
# Two files at a time, because most tests wait for a child that loads a library; the long ones come first, as
# they are collected. What measures is disturbed, and says so.
SIDE_BY_SIDE = ("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder")
ALONE = ("tokenizers",)  # asks for a client of the Hub, which nothing here uses and which brings nine more
TEST_HOME = ROOT / ".test-home"  # what tests use in place of the user's own folders
ALL_FRAMEWORKS = "EDGEWRIGHT_ALL_FRAMEWORKS"  # set in CI: a framework that is missing is a failure
SYSTEMS = {"linux": "linux", "darwin": "macos", "win32": "windows"}

# What Qt needs from Debian and Ubuntu: the library that shows it is there, and its package.
DEBIAN_NEEDS = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-xinerama.so.0": "libxcb-xinerama0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libgomp.so.1": "libgomp1",
}


def main(arguments: list[str]) -> int:
    command = arguments[0] if arguments else "run"
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        say(f"Edgewright needs Python 3.11, 3.12 or 3.13; this is {sys.version.split()[0]}.")
        return 2
    install_system_packages()
    if command == "headless":
        python = environment(ROOT / ".venv-headless", extra="dev", without=QT_PACKAGES)
        return run_tests(python, ["-m", "not slow", *HEADLESS_TESTS, *arguments[1:]])
    python = environment(ROOT / ".venv", extra="" if command == "run" else "dev")
    if command in ("test", "frameworks"):
        install_frameworks(python)
    if command == "test":
        return run_tests(python, arguments[1:] or SIDE_BY_SIDE)
    if command == "run":
        return subprocess.call([python, "-m", "gui", *arguments[1:]], cwd=ROOT)
    return 0


def say(text: str) -> None:
    sys.stderr.write(text + "\n")


def run_tests(python: Path, arguments: Sequence[str]) -> int:
    return subprocess.call([python, "-m", "pytest", *arguments], cwd=ROOT, env=test_variables())


def test_variables() -> dict[str, str]:
    return {"QT_QPA_PLATFORM": "offscreen", "EDGEWRIGHT_HOME": str(TEST_HOME), **os.environ}


def install_frameworks(python: Path) -> None:
    """Those with environments of their own, by the program's installer; what is there and works it leaves."""
    for name in managed_frameworks():
        command = [python, "-m", "backends.cli", "frameworks", "install", name]
        if subprocess.call(command, cwd=ROOT, env=test_variables(), stdout=subprocess.DEVNULL) == 0:
            continue
        if os.environ.get(ALL_FRAMEWORKS):
            raise SystemExit(f"“{name}” could not be installed; {ALL_FRAMEWORKS} asks for every framework.")
        say(f"“{name}” could not be installed; the tests that need it are skipped.")


def managed_frameworks() -> list[str]:
    """Frameworks and converters of this system that do not come with the base install."""
    here = SYSTEMS.get(sys.platform, sys.platform)
    found = []
    for path in sorted((ROOT / "backends" / "frameworks").rglob("manifest.toml")):
        manifest = tomllib.loads(path.read_text(encoding="utf-8"))
        if manifest.get("environment") and here in manifest["systems"]:
            found.append(path.parent.name)
    return found


def environment(folder: Path, extra: str = "", without: tuple[str, ...] = ()) -> Path:
    """The interpreter of an environment that has exactly what the pinned files say."""
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wanted = packages(extra, without)
    stamp = folder / "edgewright-stamp"
    fingerprint = hashlib.sha256("\n".join([*wanted, CONSTRAINTS.read_text()]).encode()).hexdigest()
    if stamp.is_file() and stamp.read_text() == fingerprint:
        return python
    say(f"Setting up {folder.name}; the first time llama.cpp is compiled, which takes 5 to 15 minutes.")
    venv.create(folder, with_pip=True, upgrade_deps=False, symlinks=os.name != "nt")
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    alone = [line for line in wanted if name_of(line) in ALONE]
    others = [line for line in wanted if line not in alone]
    subprocess.check_call([*pip, "--constraint", CONSTRAINTS, *others])
    subprocess.check_call([*pip, "--no-deps", *alone, "--editable", ROOT], cwd=ROOT)
    stamp.write_text(fingerprint)
    return python


def packages(extra: str, without: tuple[str, ...]) -> list[str]:
    """The requirements of pyproject.toml, less those that are not wanted."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = project["dependencies"] + (project["optional-dependencies"][extra] if extra else [])
    dropped = {name.lower() for name in without}
    return [line for line in listed if name_of(line) not in dropped]


def name_of(requirement: str) -> str:
    """``PySide6_Essentials==6.11.3; sys_platform == 'linux'`` → ``pyside6_essentials``."""
    return requirement.split("==")[0].split(";")[0].strip().lower()


def install_system_packages() -> None:
    """On Debian and Ubuntu: what Qt needs from the system, installed as root or named in one sentence."""
    if not sys.platform.startswith("linux") or not shutil.which("apt-get"):
        return
    missing = missing_packages()
    if not missing:
        return
    prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
    say(f"Installing from the system's packages: {' '.join(missing)}")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        subprocess.check_call([*prefix, "apt-get", "update", "-qq"], env=quiet, stdout=subprocess.DEVNULL)
        install = [*prefix, "apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
        subprocess.check_call(install, env=quiet, stdout=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        say(f"Please install them yourself: sudo apt-get install {' '.join(missing)}")


def missing_packages() -> list[str]:
    libraries = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=False).stdout
    missing = [package for library, package in DEBIAN_NEEDS.items() if library not in libraries]
    if not shutil.which("g++") and not shutil.which("c++"):
        missing.append("g++")
    if not any(Path("/usr/share/fonts").rglob("*.[to]tf")):
        missing.append("fonts-dejavu-core")
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        missing.append(f"python{sys.version_info[0]}.{sys.version_info[1]}-venv")
    return missing


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
