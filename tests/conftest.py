"""What every test shares: where things are, and the guard against processes and threads left behind."""

from __future__ import annotations

import importlib.util
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"
ALL_FRAMEWORKS = "EDGEWRIGHT_ALL_FRAMEWORKS"  # set in CI: a framework that is not installed fails its tests

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# What is the user's is left alone; the managed environments are those that installers/bootstrap.py has made.
os.environ.setdefault("EDGEWRIGHT_HOME", str(ROOT / ".test-home"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where Qt and its pytest plug-in are not installed, the plug-in's settings are still no mistake."""
    if importlib.util.find_spec("pytestqt") is None:
        for name in ("qt_api", "qt_log_level_fail"):
            parser.addini(name, "a setting of pytest-qt")


@pytest.fixture
def shared_data() -> Path:
    if not SHARED_DATA.is_dir():
        pytest.skip("the folder shared/data with models from elsewhere is not beside the project")
    return SHARED_DATA


@pytest.fixture
def faulty_framework(monkeypatch: pytest.MonkeyPatch) -> str:
    """A framework that fails on request; see tests/frameworks/faulty."""
    monkeypatch.setenv("EDGEWRIGHT_FRAMEWORKS", str(ROOT / "tests" / "frameworks"))
    return "faulty"


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Every test ends with the threads and child processes it began with."""
    threads = set(threading.enumerate())
    children = {child.pid for child in psutil.Process().children(recursive=True)}
    yield
    left = [thread for thread in threading.enumerate() if thread not in threads and thread.is_alive()]
    assert not left, f"threads left behind: {left}"
    orphans = [c for c in psutil.Process().children(recursive=True) if c.pid not in children]
    assert not orphans, f"processes left behind: {orphans}"
