"""Peak memory of this process and its children, from the kernel's own high-water marks.

Read inside the worker. The kernel keeps a mark of the whole only, so the split into anonymous and file-backed
pages is looked at when the model is loaded, when the prompt is computed, and after the last token: of each
kind the largest seen. What comes and goes between these moments is in the total alone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection
from dataclasses import replace

from backends.benchmarking.memory_marks import Marks, MemorySystem, larger, this_system, together
from backends.domain.metric import MemoryReading

GpuBytes = Callable[[Collection[int]], int | None]  # on all GPUs, of the processes with these ids
GPU_SOURCE = "NVML after load, prefill and decode"


class MemoryRecorder:
    """From before a model is loaded to the end of its work.

    Children are added up with their parent: each has a mark of its own, and those need not fall on the same
    moment, so the total is never too small. Pages that they share count for each of them.
    """

    def __init__(
        self,
        system: MemorySystem | None = None,
        gpu_bytes: GpuBytes | None = None,
        ended_child_peak: Callable[[], int] | None = None,
    ) -> None:
        self._system = system or this_system()
        self._gpu_bytes = gpu_bytes
        self._ended_child_peak = ended_child_peak or _ended_child_peak
        self._gpu_peak: int | None = None
        self._marks: dict[int, Marks] = {}
        self._reset()
        self._before = together([marks for marks in map(self._system.read, self._pids()) if marks])
        self._ended_before = self._ended_child_peak()

    @property
    def baseline_bytes(self) -> int:
        """What was resident when this began: the runtime without a model."""
        return self._before.resident

    def look(self) -> None:
        """At everything there is now; the largest of each is kept."""
        for pid in self._pids():
            marks = self._system.read(pid)
            if marks is not None:
                self._marks[pid] = larger(self._marks.get(pid, marks), marks)
        on_gpu = self._gpu_bytes(self._pids()) if self._gpu_bytes else None
        if on_gpu is not None:
            self._gpu_peak = max(on_gpu, self._gpu_peak or 0)

    def reading(self, weights_bytes: int, kv_cache_bytes: int | None) -> MemoryReading:
        """After a last look."""
        self.look()
        found = self._with_ended_children(together(list(self._marks.values())))
        mapped = self._mapped(found, weights_bytes)
        beside = mapped if self._system.maps_beside and mapped else 0
        gpu = f"; {GPU_SOURCE}" if self._gpu_peak is not None else ""
        return MemoryReading(
            found.peak + beside,
            found.anonymous,
            mapped,
            self.baseline_bytes,
            weights_bytes,
            kv_cache_bytes,
            self._system.source + gpu,
            private_peak_bytes=found.private_peak,
            gpu_peak_bytes=self._gpu_peak,
        )

    def _mapped(self, found: Marks, weights_bytes: int) -> int | None:
        """Beside a footprint only the model's files count: the libraries are no memory of this process's own.

        They are what came to be mapped since before the model was loaded, and never more than its files.
        """
        if found.mapped is None or not self._system.maps_beside:
            return found.mapped
        return max(0, min(weights_bytes, found.mapped - (self._before.mapped or 0)))

    def _with_ended_children(self, found: Marks) -> Marks:
        """One that ended between two looks is known by the largest mark of all that ended."""
        own = self._marks[os.getpid()].peak
        ended = self._ended_child_peak()
        missed = ended - (found.peak - own) if ended > self._ended_before else 0
        return replace(found, peak=found.peak + max(0, missed))

    def _pids(self) -> tuple[int, ...]:
        return (os.getpid(), *self._system.children(os.getpid()))

    def _reset(self) -> None:
        for pid in self._pids():
            self._system.reset(pid)


def _ended_child_peak() -> int:
    """Bytes; the largest high-water mark of the children that have ended. 0 where this is not told."""
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
