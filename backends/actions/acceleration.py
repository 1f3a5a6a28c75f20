"""The look at what a framework lets one set on opening: quick readings in turns, which its stage confirms."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from backends.actions.engines import opener
from backends.actions.keeping import this_machine
from backends.actions.measuring import Measuring
from backends.benchmarking import threads
from backends.benchmarking.clock import RealClock
from backends.domain.artifact import Configuration, LoadOptions
from backends.domain.errors import EdgewrightError
from backends.domain.metric import TokenWorkload, Workload
from backends.domain.result import ConfigurationResult
from backends.frameworks.base import EngineHandle, Knob
from backends.optimization import search
from backends.optimization.stress import affordable

SEARCH_S = {"quick": 90.0, "standard": 400.0, "thorough": 1800.0}  # no knob is begun after that
SEARCH_ROUNDS = {"quick": 1, "standard": 2, "thorough": 3}
SEARCH_PROMPT, SEARCH_TOKENS = 128, 32  # of a quick look; what it finds is confirmed in pairs


@dataclass(frozen=True)
class Acceleration:
    """``best``: what all settings are tried on. ``depth``: a key of ``SEARCH_S``."""

    best: ConfigurationResult
    shared: Measuring
    depth: str

    @property
    def start(self) -> LoadOptions:
        """As the best is opened, with the threads that it really uses."""
        load, engine = self.best.configuration.load, self.best.engine
        return replace(load, threads=load.threads or (engine.threads if engine else 0))

    def found(self, knobs: Sequence[Knob]) -> search.Found:
        """The quickest way to open it, or :attr:`start` where none is faster."""
        processor = this_machine().processor
        logical = processor.logical_cores.value or 1
        counts = threads.counts_to_try(processor.physical_cores.value or logical, logical)
        begun = self.shared.now_s()
        return search.search(
            self.start,
            knobs,
            counts,
            self._compare,
            SEARCH_ROUNDS[self.depth],
            lambda: self.shared.now_s() - begun < SEARCH_S[self.depth],
        )

    def _compare(self, loads: Sequence[LoadOptions]) -> Sequence[float | str]:
        """As many at once as the memory holds."""
        self.shared.wait()
        peak = self.best.memory.total_peak_bytes if self.best.memory else None
        room = affordable(len(loads), peak, this_machine().memory.available_bytes.value)
        return search.in_batches(loads, room, self._in_turns)

    def _in_turns(self, loads: Sequence[LoadOptions]) -> Sequence[float | str]:
        """All open at once. The first is what the others are held against."""
        work, job = _short(self.shared.material.work), self.shared.job
        handles: dict[int, EngineHandle] = {}
        failures: dict[int, str] = {}
        with ExitStack() as opened:
            for number, load in enumerate(loads):
                try:
                    handles[number] = opener(job)(self._opened(load))
                except EdgewrightError as error:
                    failures[number] = str(error)
                else:
                    opened.callback(handles[number].close)
            if 0 in failures:
                return [failures[0]] * (len(loads) - 1)
            seen = threads.in_turns(handles, work, RealClock(), job)
        return [
            failures[number] if number in failures else search.gain(seen[number], seen[0], work)
            for number in range(1, len(loads))
        ]

    def _opened(self, load: LoadOptions) -> Configuration:
        return replace(self.best.configuration, load=load)


def _short(work: Workload) -> Workload:
    """A quick look at the same work."""
    if isinstance(work, TokenWorkload):
        return TokenWorkload(work.token_ids[:SEARCH_PROMPT], SEARCH_TOKENS, work.sampling)
    return replace(work, min_duration_s=min(work.min_duration_s, 0.5))
