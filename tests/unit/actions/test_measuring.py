"""The plan of a run, on machines of several sizes."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from backends.actions import measuring
from backends.actions.compare import Comparison
from backends.actions.material import Material
from backends.benchmarking.protocol import QUICK, token_workload
from backends.jobs.context import Context
from backends.optimization.gates import default_gates
from backends.storage.history import History
from tests.unit.samples import artifact, machine, source


@pytest.mark.parametrize(("free_bytes", "resident"), [(64_000_000_000, True), (1_000_000, False)])
def test_what_is_free_decides_whether_both_workers_stay_open(
    monkeypatch: pytest.MonkeyPatch, free_bytes: int, resident: bool
) -> None:
    monkeypatch.setattr(measuring, "this_machine", lambda: machine(free_bytes=free_bytes))
    original, candidate = artifact("F16", original=True), artifact()
    comparison = Comparison(source(), original, (candidate,), QUICK, gates=default_gates())
    shared = measuring.Measuring(
        comparison, Context(lambda event: None), cast(History, None), "run", Path("scratch")
    )
    shared.__dict__["material"] = Material(token_workload(QUICK, (1, 2, 3)))
    first, *others = comparison.configurations()
    plan = shared.plan(first, others)
    assert plan.resident is resident
    assert bool(plan.lack) is not resident
