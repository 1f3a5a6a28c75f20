"""Killing a command at any moment, as the out-of-memory killer does it, or giving it too small a disk."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from tests.conftest import ROOT

MOMENTS = 20
SEED = 20261121
PATIENCE_S = 60.0  # for the end of what a killed program had started, on a busy machine
MARK = "EDGEWRIGHT_TEST_RUN"  # whatever a command starts inherits it, and is found by it


def moments() -> Iterator[float]:
    """Shares of the time that a whole run takes: one at random in each twentieth, in no order."""
    chance = random.Random(SEED)
    parts = list(range(MOMENTS))
    chance.shuffle(parts)
    for number, part in enumerate(parts, 1):
        share = (part + chance.random()) / MOMENTS
        sys.stdout.write(f"seed {SEED}, moment {number}: at {share:.1%} of a run\n")
        yield share


def run_and_kill(command: Sequence[str], after_s: float, variables: Mapping[str, str]) -> float | None:
    """Kill the command where it still runs then, and wait for the end of all that it has started.

    Returns how long it took where it ended by itself, which it may do only well. Fails where anything it has
    started lives on.
    """
    mark = uuid4().hex
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **variables, MARK: mark},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.wait(after_s) == 0
        took_s = time.perf_counter() - began
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        took_s = None
    assert living(mark) == [], "these went on after their program was killed"
    return took_s


def living(mark: str) -> list[str]:
    """The command lines of what was started with ``MARK`` set to this, and does not end by itself."""
    _, alive = psutil.wait_procs(_marked(mark), PATIENCE_S)
    return [line for process in alive if (line := _command_line(process))]


def _command_line(process: psutil.Process) -> str:
    """ "" for one that has ended, and only waits for somebody to take note."""
    with suppress(psutil.Error):
        return " ".join(process.cmdline()) if process.status() != psutil.STATUS_ZOMBIE else ""
    return ""


def run_on_a_small_disk(
    command: Sequence[str], disk: Path, size_mb: float, variables: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run the command with a file system of this size at ``disk``, which only it sees.

    What is left there is listed last on its standard output. Skips the test where nothing can be mounted.
    """
    alone = ["unshare", "--map-root-user", "--mount"]
    mount = f'mount -t tmpfs -o size={int(size_mb * 1024)}k none "$0"'
    tried = [*alone, "sh", "-c", mount, str(disk)]
    if not shutil.which("unshare") or subprocess.run(tried, capture_output=True, check=False).returncode:
        pytest.skip("a small disk needs Linux, where users may mount in a name space of their own")
    script = f'{mount} && {{ "$@"; code=$?; find "$0" -mindepth 1; exit $code; }}'
    return subprocess.run(
        [*alone, "sh", "-c", script, str(disk), *command],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def _marked(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == mark:
                found.append(process)
    return found
