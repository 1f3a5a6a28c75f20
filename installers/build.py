#!/usr/bin/env python3
"""Builds the one-folder program with PyInstaller and proves that it runs away from its sources.

    python3 installers/build.py [--skip-demo]

The folder is copied elsewhere and started with an empty environment: ``detect --json`` and ``demo --json``
must succeed and the window must open. The size is printed; docs/BUILD.md keeps the figures.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYINSTALLER = "pyinstaller==6.22.3"


def main(arguments: list[str]) -> int:
    python = ROOT / (".venv/Scripts/python.exe" if os.name == "nt" else ".venv/bin/python")
    subprocess.check_call([sys.executable, ROOT / "installers" / "bootstrap.py", "setup"])
    subprocess.check_call([python, "-m", "pip", "install", "--quiet", PYINSTALLER])
    command = [python, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN", "build.spec"]
    subprocess.check_call(command, cwd=ROOT)
    built = next(path for path in (ROOT / "dist").glob("edgewright-*") if path.is_dir())
    size = sum(file.stat().st_size for file in built.rglob("*") if file.is_file() and not file.is_symlink())
    say(f"{built.name}: {size / 1e6:.0f} MB")
    with tempfile.TemporaryDirectory(prefix="edgewright-build-") as elsewhere:
        moved = Path(elsewhere) / "moved here" / built.name
        shutil.copytree(built, moved, symlinks=True)
        program = moved / ("edgewright.exe" if os.name == "nt" else "edgewright")
        prove(program, demo="--skip-demo" not in arguments)
    return 0


def prove(program: Path, demo: bool) -> None:
    """Run the moved program with nothing in its environment but a home of its own."""
    home = program.parent.parent / "home"
    bare = {"EDGEWRIGHT_HOME": str(home), "QT_QPA_PLATFORM": "offscreen"}
    if os.name == "nt":
        bare["SYSTEMROOT"] = os.environ["SYSTEMROOT"]
    for words in (["detect"], ["demo"]) if demo else (["detect"],):
        say(f"{' '.join(words)} …")
        done = subprocess.run([program, *words, "--json"], env=bare, capture_output=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{words} ended with {done.returncode}:\n{done.stderr.decode()[-4000:]}")
        if failures := json.loads(done.stdout).get("failures"):
            raise SystemExit("\n".join(failures))
    say("window …")
    subprocess.run([program, "--check-window"], env=bare, check=True, timeout=120)


def say(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
