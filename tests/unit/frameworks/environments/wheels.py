"""A framework for tests with an environment of its own: tiny wheels, pins and a manifest, in a folder."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

from backends.frameworks import registry
from backends.frameworks.base import Manifest

NAME = "tiny"
PACKAGES = ("cattrs", "numpy", "psutil", "tiny_engine")  # what a worker asks for, and the framework itself
MANIFEST = """
title = "Tiny"
summary = "Only there to be installed."
kinds = ["tensor"]
takes = ["onnx"]
makes = "onnx"
devices = ["CPU"]
systems = ["linux", "macos", "windows"]
environment = "tiny"
precisions = []

[packages]
tiny_engine = ">=1.0,<2"

[default_precision]
"""


def framework(folder: Path, disk_bytes: int = 1000, version: str = "1.0") -> Manifest:
    """The folder for EDGEWRIGHT_FRAMEWORKS is ``folder``; the caller has set it."""
    own = folder / NAME
    own.mkdir(parents=True, exist_ok=True)
    (own / "manifest.toml").write_text(MANIFEST, encoding="utf-8")
    pins = [f"{name}=={version if name == 'tiny_engine' else '1.0'}" for name in PACKAGES]
    header = f"# Tiny\n# download-bytes: 1000\n# disk-bytes: {disk_bytes}\n"
    (own / "requirements.txt").write_text(header + "\n".join(pins) + "\n", encoding="utf-8")
    return registry.manifest(NAME)


def wheel_folder(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in PACKAGES:
        wheel(folder, name)
    return folder


def wheel(folder: Path, name: str, version: str = "1.0", code: str = "") -> None:
    """A package of one module, as pip takes it."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": code or f'__version__ = "{version}"\n',
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},sha256={_digest(text)},{len(text)}\n" for path, text in files.items())
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            archive.writestr(path, text)


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
