"""Loading and first tokens, in workers of their own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backends.benchmarking.conductor import run
from backends.benchmarking.protocol import QUICK, STANDARD, Plan, tensor_workload, token_workload
from backends.benchmarking.start_up import measure
from backends.domain.artifact import Artifact
from backends.domain.errors import BadInput, JobFailed, WorkerDied
from backends.domain.metric import Measurement, StartUp, TokenMeasurement, TokenWorkload, Workload
from tests.unit.benchmarking.fakes import ORIGINAL, FakeEngine, World, configuration

WORK = token_workload(STANDARD, tuple(range(40)))
PLAN = Plan(ORIGINAL, (configuration(),), WORK, QUICK, memory=False, start_up=True, text="Once upon a time")


class Splitting(FakeEngine):
    """Splits a text in 5, 3 and 4 ms; ``error`` instead where there is one."""

    error: Exception | None = None

    def __init__(self, world: World) -> None:
        super().__init__(world, ORIGINAL, 1)
        self._takes_s = iter((0.005, 0.003, 0.004))

    def measure(self, work: Workload) -> Measurement:
        if not (isinstance(work, TokenWorkload) and work.text):
            return super().measure(work)
        if self.error:
            raise self.error
        if work.chat == "broken":
            raise BadInput("The model's chat template cannot be used.")
        return TokenMeasurement(7, (0.1,), tokenizing_s=next(self._takes_s))


def test_first_tokens_come_from_the_usual_prompt_and_from_a_text() -> None:
    found = measure(Splitting(World(lambda precision, n: 100.0)), PLAN)
    assert found.warm_load_s == 0.5
    assert found.first_token_s == pytest.approx(512 / 1000)
    assert found.ttft_user_s == pytest.approx(0.104)
    assert found.user_tokens == 7


def test_an_engine_without_a_tokenizer_has_no_time_from_a_text() -> None:
    engine = Splitting(World())
    engine.error = JobFailed("There is no tokenizer.")
    found = measure(engine, PLAN)
    assert found.first_token_s is not None and found.ttft_user_s is None
    engine.error = WorkerDied("Gone.")
    with pytest.raises(WorkerDied):
        measure(engine, PLAN)


@pytest.mark.parametrize(("chat", "templated"), [("fine", True), ("broken", False), ("", False)])
def test_a_chat_template_counts_where_it_can_be_used(chat: str, templated: bool) -> None:
    found = measure(Splitting(World(lambda precision, n: 100.0)), replace(PLAN, chat=chat))
    assert found.ttft_user_s == pytest.approx(0.104) and found.templated is templated


def test_models_of_tensors_have_loads_only(tmp_path: object) -> None:
    from pathlib import Path

    plan = replace(PLAN, workload=tensor_workload(STANDARD, Path("inputs.npz")))
    assert measure(Splitting(World()), plan) == StartUp(0.5, False, 0.5)


@pytest.mark.parametrize("works", [True, False])
def test_a_first_load_is_cold_only_where_its_files_left_the_cache(works: bool) -> None:
    world, asked = World(), list[str]()

    def drop(artifact: Artifact) -> bool:
        asked.append(f"{artifact.precision} with {world.open_now[artifact.precision]} open")
        return works

    outcome = run(PLAN, replace(world.surface, drop_pages=drop))
    assert [result.start_up and result.start_up.is_cold for result in outcome.results] == [works, works]
    assert asked == ["Q4_K_M with 0 open", "F16 with 0 open"]
    assert world.opened.count("Q4_K_M") == 3  # the pairs, the first load, the warm one


def test_what_an_earlier_run_knows_is_not_measured_again() -> None:
    first = World()
    outcome = run(PLAN, first.surface)
    second = World()
    run(PLAN, second.surface, outcome.readings, outcome.results)
    assert second.opened == []
