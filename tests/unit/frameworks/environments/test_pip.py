"""pip's lines as progress, and its end as a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.domain.events import Event, Progress
from backends.frameworks.installing import pip
from backends.frameworks.installing.interpreters import fits
from backends.jobs.context import Context

LINES = """Looking in links: /wheels
Collecting numpy==2.4.6 (from -r qnn.txt (line 3))
  Downloading numpy-2.4.6-cp311-cp311-manylinux_2_28_x86_64.whl (16.7 MB)
Processing /wheels/onnxruntime_qnn-2.7.0-cp311-cp311-manylinux_2_35_x86_64.whl (from -r qnn.txt (line 4))
Installing collected packages: numpy, onnxruntime-qnn
Successfully installed numpy-2.4.6 onnxruntime-qnn-2.7.0""".splitlines()


def test_progress_rises_and_names_packages() -> None:
    events: list[Event] = []
    hear = pip.PipProgress(2, Context(events.append))
    for line in LINES:
        hear(line)
    told = [(event.fraction, event.what) for event in events if isinstance(event, Progress)]
    assert [what for _, what in told] == [
        "Gathering numpy",
        "Downloading numpy (16.7 MB)",
        "Gathering onnxruntime_qnn",
        "Unpacking 2 packages",
    ]
    fractions = [fraction for fraction, _ in told if fraction is not None]
    assert fractions == sorted(fractions)
    assert fractions[-1] <= 0.95


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("ERROR: No matching distribution found for mlx==0.32.4", "mlx==0.32.4"),
        ("HTTPSConnection: Failed to establish NewConnectionError(...)", "cannot be reached"),
        ("The virtual environment was not created because ensurepip is not available", "ensurepip"),
        ("something else", "pip failed"),
    ],
)
def test_a_failure_is_a_sentence_with_the_last_lines(line: str, says: str) -> None:
    failure = pip.explain("MLX", "pip", ["before", line])
    assert says in failure.message
    assert line in failure.details


def test_a_wheel_folder_shuts_the_network_out() -> None:
    assert "--no-index" in pip.arguments(Path("r.txt"), Path("/wheels"))
    assert "--no-index" not in pip.arguments(Path("r.txt"), None)


@pytest.mark.parametrize(
    ("version", "wanted", "expected"),
    [
        ("1.31.1", ">=1.26,<1.32", True),
        ("1.32.0", ">=1.26,<1.32", False),
        ("2.13.0+cpu", ">=2.8", True),
        ("2.7.0", "==2.7.0", True),
        ("2.7", "==2.7.0", True),
        ("2.7.1", "==2.7.0", False),
        ("1.0", "", True),
    ],
)
def test_version_ranges(version: str, wanted: str, expected: bool) -> None:
    assert fits(version, wanted) is expected
