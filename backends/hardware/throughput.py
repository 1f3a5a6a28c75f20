"""Measuring what this machine really does: memory bandwidth and fp32 arithmetic, in about two seconds.

Bandwidth bounds decoding and arithmetic bounds prefill, so these two predict more than any data sheet.

*Bandwidth*: every physical core that may be used reads its own part of one buffer with ``numpy.max`` (a
vector load and a comparison; NumPy lets go of the interpreter's lock meanwhile). The buffer is much larger
than all last-level caches together, every page of it is written before, and the best pass counts, as in
STREAM (McCalpin 1995): what other processes take away is no property of the machine.

*Arithmetic*: square fp32 matrix products with NumPy's BLAS, which chooses its own threads; 2·n³ operations.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backends.domain.hardware import HardwareProfile, Processor, Throughput
from backends.hardware import parse
from backends.hardware.conditions import ConditionsSampler

METHOD = 1  # raise it when the method changes: cached figures of another method are not comparable
FILE_NAME = "throughput.json"
READING_S = 0.8
COMPUTING_S = 0.6
SMALLEST_BUFFER = 256 << 20
LARGEST_BUFFER = 1 << 30
CACHE_MULTIPLE = 4
FEWEST_CACHE_MULTIPLE = 2.0
DISTURBED_PERCENT = 10.0  # as for a pair of a benchmark
FLOATS = np.dtype(np.float32).itemsize
FEWEST_PASSES = 3
SHORT_PRODUCT_S = 0.02
MATRIX_SIZES = (1024, 2048, 4096)
BANDWIDTH, COMPUTE = "read_bytes_per_s", "fp32_flops_per_s"
NUMBERS = (BANDWIDTH, COMPUTE, "threads", "took_s", "buffer_bytes", "other_load_percent")


@dataclass(frozen=True)
class SubResult:
    """The best figure so far of ``what`` (BANDWIDTH or COMPUTE); ``share`` of all work done, 0 to 1."""

    what: str
    value: float
    share: float


Report = Callable[[SubResult], None]  # may raise to stop the measurement
Clock = Callable[[], float]


def measured(
    profile: HardwareProfile, folder: Path, report: Report | None = None, again: bool = False
) -> Throughput:
    """From the cache in ``folder`` if it is of this machine, else measured now and, if undisturbed, kept.

    Raises what ``report`` raises; a folder that cannot be written only means measuring again next time.
    """
    known = None if again else cached(profile, folder)
    if known is not None:
        return known
    result = measure(profile, report or _silent)
    if result.other_load_percent <= DISTURBED_PERCENT:
        _keep(profile, folder, result)
    return result


def cached(profile: HardwareProfile, folder: Path) -> Throughput | None:
    """What was measured on this machine before; ``None`` also when the file is damaged."""
    entry = parse.mapping(_load(folder / FILE_NAME).get(fingerprint(profile)))
    numbers = {name: parse.number(entry.get(name)) for name in NUMBERS}
    rates = [numbers[name] for name in (BANDWIDTH, COMPUTE)]
    when = parse.word(entry, "measured_at")
    if not when or any(rate is None or rate <= 0 for rate in rates):
        return None
    return Throughput(
        read_bytes_per_s=numbers[BANDWIDTH] or 0.0,
        fp32_flops_per_s=numbers[COMPUTE] or 0.0,
        threads=int(numbers["threads"] or 1),
        took_s=numbers["took_s"] or 0.0,
        measured_at=when,
        buffer_bytes=int(numbers["buffer_bytes"] or 0),
        other_load_percent=numbers["other_load_percent"] or 0.0,
        note=parse.word(entry, "note"),
    )


def measure(profile: HardwareProfile, report: Report) -> Throughput:
    """Measure now, with all physical cores this process may use, in up to a quarter of the free memory."""
    started_s = time.perf_counter()
    threads = threads_for(profile.processor)
    caches = last_level_bytes(profile.processor)
    size = buffer_bytes(caches, profile.memory.available_bytes.value)
    others = ConditionsSampler([os.getpid()])
    bandwidth = _measure_bandwidth(size, threads, report)
    flops = _measure_compute(report)
    load = others.sample().cpu_percent
    return Throughput(
        read_bytes_per_s=bandwidth,
        fp32_flops_per_s=flops,
        threads=threads,
        took_s=time.perf_counter() - started_s,
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        buffer_bytes=size,
        other_load_percent=load,
        note=" ".join(filter(None, (_cache_note(size, caches), _load_note(load)))),
    )


def fingerprint(profile: HardwareProfile) -> str:
    """The same for the same machine with the same share of it and the same NumPy; names nobody."""
    processor = profile.processor
    parts = (
        METHOD,
        np.__version__,
        profile.operating_system.family,
        processor.brand.value,
        processor.architecture,
        processor.instruction_sets.value,
        processor.physical_cores.value,
        processor.logical_cores.value,
        processor.usable_cpus.value,
        profile.memory.total_bytes.value,
        profile.virtualization.value,
    )
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def threads_for(processor: Processor) -> int:
    """All physical cores, or fewer where this process may use fewer."""
    cores = processor.physical_cores.value or os.cpu_count() or 1
    allowed = processor.usable_cpus.value
    return max(1, min(cores, int(allowed) if allowed is not None else cores))


def last_level_bytes(processor: Processor) -> int:
    """All caches of the last level together; 0 when the system tells none."""
    caches = [cache for cache in processor.caches.value or () if cache.kind != "instruction"]
    last = max((cache.level for cache in caches), default=0)
    return sum(cache.size_bytes * cache.instances for cache in caches if cache.level == last)


def buffer_bytes(caches: int, available: int | None) -> int:
    """Several times the caches, but never more than a quarter of the free memory."""
    wanted = min(max(SMALLEST_BUFFER, CACHE_MULTIPLE * caches), max(LARGEST_BUFFER, 2 * caches))
    room = available // 4 if available is not None else wanted
    return max(1 << 20, min(wanted, room)) // 4096 * 4096


def _cache_note(size: int, caches: int) -> str:
    if caches == 0:
        return "The caches of this processor are not told, so the bandwidth may include what they hold."
    if size < FEWEST_CACHE_MULTIPLE * caches:
        return "Memory was too short for a buffer much larger than the caches, which flatters the bandwidth."
    return ""


def _load_note(percent: float) -> str:
    if percent <= DISTURBED_PERCENT:
        return ""
    return (
        f"Other programs took {percent:.0f} % of the processor meanwhile; measure again when they are done."
    )


def _measure_bandwidth(size: int, threads: int, report: Report) -> float:
    """Bytes a second of the best pass over the whole buffer."""
    buffer = np.empty(size // FLOATS, dtype=np.float32)
    parts = np.array_split(buffer, threads)
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(_write, parts))
        return _best_rate(lambda: list(pool.map(np.max, parts)), size, READING_S, _first_half(report))


def _write(part: NDArray[np.float32]) -> None:
    """Memory that was never written is one shared page of zeros, which would be read from the cache."""
    part.fill(1.0)


def _measure_compute(report: Report) -> float:
    """Operations a second of the best product."""
    for size in MATRIX_SIZES:
        left = np.full((size, size), 0.5, dtype=np.float32)
        product = np.empty_like(left)

        def multiply(left: NDArray[np.float32] = left, product: NDArray[np.float32] = product) -> object:
            return np.matmul(left, left, out=product)

        # A product that is over at once measures the start of the threads: take a larger one.
        if _duration_s(multiply) > SHORT_PRODUCT_S or size == MATRIX_SIZES[-1]:
            break
    return _best_rate(multiply, 2 * size**3, COMPUTING_S, _second_half(report))


def _best_rate(
    work: Callable[[], object], amount: float, for_s: float, report: Callable[[float, float], None]
) -> float:
    """``amount`` by the shortest of the passes that fit into ``for_s`` (three at least)."""
    best = 0.0
    passes, started_s = 0, time.perf_counter()
    while passes < FEWEST_PASSES or time.perf_counter() - started_s < for_s:
        best = max(best, amount / _duration_s(work))
        passes += 1
        report(best, min(1.0, (time.perf_counter() - started_s) / for_s))
    return best


def _duration_s(work: Callable[[], object]) -> float:
    before_s = time.perf_counter()
    work()
    return max(time.perf_counter() - before_s, 1e-9)


def _first_half(report: Report) -> Callable[[float, float], None]:
    return lambda value, share: report(SubResult(BANDWIDTH, value, share / 2))


def _second_half(report: Report) -> Callable[[float, float], None]:
    return lambda value, share: report(SubResult(COMPUTE, value, 0.5 + share / 2))


def _silent(_: SubResult) -> None:
    """For callers who do not watch."""


def _load(path: Path) -> parse.Json:
    try:
        return parse.json_object(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return {}


def _keep(profile: HardwareProfile, folder: Path, result: Throughput) -> None:
    """Written beside and renamed, so that nobody ever reads half a file."""
    path = folder / FILE_NAME
    entries = {**_load(path), fingerprint(profile): asdict(result)}
    beside = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        beside.write_text(json.dumps(entries, indent=1), encoding="utf-8")
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
