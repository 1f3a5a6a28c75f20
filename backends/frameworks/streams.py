"""Several inferences at a time from one process, timed one by one."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

GoOn = Callable[[int], bool]  # how many are done -> whether to start another; may raise JobCancelled


def in_threads(infer: Callable[[], object], parallel: int, go_on: GoOn) -> tuple[list[float], float]:
    """Latencies and the whole time, in seconds. For engines whose calls let go of Python's lock."""
    latencies: list[float] = []

    def work() -> None:
        while go_on(len(latencies)):
            start = time.perf_counter()
            infer()
            latencies.append(time.perf_counter() - start)

    began = time.perf_counter()
    with ThreadPoolExecutor(parallel) as pool:
        for one in [pool.submit(work) for _ in range(parallel)]:
            one.result()
    return latencies, time.perf_counter() - began
