"""Peak memory from recorded answers of three systems, and from real processes where there is /proc."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from backends.benchmarking.memory import GPU_SOURCE, MemoryRecorder
from backends.benchmarking.memory_marks import (
    Marks,
    MemorySystem,
    larger,
    parse_linux,
    parse_macos,
    parse_windows,
    together,
)

OWN, CHILD = os.getpid(), 4_000_000
MIB = 2**20

STATUS = """Name:\tpython
VmPeak:\t  912340 kB
VmHWM:\t  251904 kB
VmRSS:\t  198656 kB
RssAnon:\t   94208 kB
Threads:\t4
"""
ROLLUP = """5581e8a54000-7ffc1f5f4000 ---p 00000000 00:00 0                          [rollup]
Rss:              198660 kB
Pss:              180112 kB
Pss_Anon:          94208 kB
Anonymous:         94208 kB
Swap:                  0 kB
"""


def test_linux_tells_its_mark_and_both_kinds_of_pages() -> None:
    found = parse_linux(STATUS, ROLLUP)
    assert found == Marks(251904 * 1024, 198656 * 1024, 94208 * 1024, (198660 - 94208) * 1024)


def test_a_process_that_has_ended_has_no_memory() -> None:
    assert parse_linux("Name:\tpython\nState:\tZ (zombie)\n", "") is None


def test_macos_tells_its_footprint_and_what_lies_outside_it() -> None:
    """rusage_info_v4 by offsets of <sys/resource.h>: 16 bytes of uuid, then 64-bit words."""
    info = bytearray(16 + 8 * 37)
    for offset, value in {64: 900 * MIB, 72: 300 * MIB, 240: 420 * MIB}.items():
        struct.pack_into("=Q", info, offset, value)
    assert parse_macos(bytes(info)) == Marks(420 * MIB, 300 * MIB, 300 * MIB, 600 * MIB)


def test_windows_tells_its_working_set_and_its_private_bytes() -> None:
    counters = SimpleNamespace(
        num_page_faults=9001,
        peak_wset=310 * MIB,
        wset=290 * MIB,
        pagefile=180 * MIB,
        peak_pagefile=205 * MIB,
        private=180 * MIB,
    )
    assert parse_windows(counters) == Marks(310 * MIB, 290 * MIB, private_peak=205 * MIB)


def test_peaks_are_taken_figure_by_figure_and_added_up_over_processes() -> None:
    early, late = Marks(10, 8, 5, 3), Marks(12, 6, 2, 4)
    assert larger(early, late) == Marks(12, 8, 5, 4)
    assert together([early, late]) == Marks(22, 14, 7, 7)
    assert together([early, Marks(1, 1)]) == Marks(11, 9)


class Told:
    """A system that answers with one set of marks after the other, and stays at the last."""

    def __init__(self, *answers: dict[int, Marks], maps_beside: bool = False) -> None:
        self._answers, self._now, self._looks = answers, answers[0], 0
        self.resets: list[int] = []
        self.system = MemorySystem("told", self.read, self.children, self.resets.append, maps_beside)

    def read(self, pid: int) -> Marks | None:
        return self._now.get(pid)

    def children(self, pid: int) -> Sequence[int]:
        """Asked for once before every round of reading."""
        if pid == OWN and self.resets:
            self._looks += 1
            self._now = self._answers[min(self._looks - 1, len(self._answers) - 1)]
        return [other for other in self._now if other != OWN]


def test_the_largest_of_each_kind_over_all_looks_with_the_children() -> None:
    told = Told(
        {OWN: Marks(50, 50, 30, 20)},
        {OWN: Marks(100, 90, 60, 30), CHILD: Marks(40, 40, 35, 5)},
        {OWN: Marks(120, 80, 40, 40)},
    )
    recorder = MemoryRecorder(told.system, ended_child_peak=lambda: 0)
    recorder.look()
    reading = recorder.reading(weights_bytes=25, kv_cache_bytes=7)
    assert told.resets == [OWN]
    assert reading.baseline_bytes == 50
    assert reading.total_peak_bytes == 120 + 40
    assert reading.anonymous_peak_bytes == 60 + 35
    assert reading.file_peak_bytes == 40 + 5
    assert (reading.weights_bytes, reading.kv_cache_bytes, reading.source) == (25, 7, "told")


@pytest.mark.parametrize(("mapped", "counted"), [(620, 500), (320, 220)])
def test_mapped_model_files_are_added_to_a_footprint(mapped: int, counted: int) -> None:
    """Libraries were mapped before the model was; no more than the model's files can be the model's."""
    told = Told({OWN: Marks(90, 80, 80, 100)}, {OWN: Marks(400, 300, 300, mapped)}, maps_beside=True)
    reading = MemoryRecorder(told.system, ended_child_peak=lambda: 0).reading(500, None)
    assert reading.file_peak_bytes == counted
    assert reading.total_peak_bytes == 400 + counted


@pytest.mark.parametrize(
    ("marks_of_ended", "was_seen", "total"),
    [((5, 70), False, 170), ((5, 70), True, 170), ((70, 70), False, 100)],
)
def test_a_child_that_ended_between_two_looks_is_counted_once(
    marks_of_ended: tuple[int, int], was_seen: bool, total: int
) -> None:
    """By the mark of ended children, where that grew."""
    own = {OWN: Marks(100, 90, 60, 30)}
    child = {CHILD: Marks(70, 70, 60, 10)} if was_seen else {}
    told, peaks = Told(own, own | child), iter(marks_of_ended)
    reading = MemoryRecorder(told.system, None, lambda: next(peaks)).reading(1, None)
    assert reading.total_peak_bytes == total


def test_memory_of_the_gpu_is_the_largest_that_was_seen() -> None:
    answers = iter((None, 900, 400))
    told = Told({OWN: Marks(1, 1)})
    recorder = MemoryRecorder(told.system, lambda pids: next(answers), lambda: 0)
    recorder.look()
    recorder.look()
    reading = recorder.reading(1, None)
    assert reading.gpu_peak_bytes == 900
    assert reading.source == f"told; {GPU_SOURCE}"


REAL = """
import json, subprocess, sys
from backends.benchmarking.memory import MemoryRecorder
recorder = MemoryRecorder()
own = b"x" * (32 << 20)
recorder.look()
del own
hold = "import sys; held = b'x' * (64 << 20); print('held', flush=True); sys.stdin.read()"
child = subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
alive = recorder.reading(1, None)
child.communicate()
after = MemoryRecorder()
subprocess.run([sys.executable, "-c", "held = b'x' * (160 << 20)"], check=True)
ended = after.reading(1, None)
print(json.dumps({
    "baseline": alive.baseline_bytes, "total": alive.total_peak_bytes,
    "anonymous": alive.anonymous_peak_bytes, "file": alive.file_peak_bytes,
    "after": after.baseline_bytes, "ended": ended.total_peak_bytes,
}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_real_processes_and_their_children_are_counted() -> None:
    told = subprocess.run([sys.executable, "-c", REAL], check=True, capture_output=True, text=True)
    found = json.loads(told.stdout)
    grown = found["total"] - found["baseline"]
    assert 96 * MIB < grown < 160 * MIB  # its own 32, the child's 64, the child's interpreter
    assert 96 * MIB < found["anonymous"] < found["total"]
    assert found["file"] > MIB
    assert found["ended"] - found["after"] > 160 * MIB
