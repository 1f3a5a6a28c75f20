"""Energy takes minutes a configuration: of the stages of an optimization only those that need it have it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest

from backends.actions import pipeline
from backends.benchmarking.bench import Surface
from backends.optimization.stages import Step
from tests.unit.benchmarking.fakes import World


@dataclass
class Shared:
    """What a pipeline measures with, with counters that are never read."""

    counters: Any = field(default_factory=object)

    def surface(self, *_: object) -> Surface:
        return replace(World().surface, counters=self.counters)


@pytest.mark.parametrize("step", [Step.BASELINE, Step.CONVERSION, Step.QUANTIZATION, Step.ACCELERATION])
def test_no_stage_between_reads_energy(step: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Surface] = []
    monkeypatch.setattr(
        pipeline, "conductor", SimpleNamespace(run=lambda plan, surface: seen.append(surface))
    )
    shared: Any = Shared()
    nothing: Any = None
    pipeline.Pipeline(nothing, shared, nothing, lambda stage: None, [])._measured(step, nothing)
    assert (seen[0].counters is shared.counters) == (step is Step.BASELINE)
