"""Knob after knob: what is found, what is tried, and where the search stops."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from backends.domain.artifact import LoadOptions
from backends.domain.metric import TensorMeasurement, TensorWorkload, TokenMeasurement, TokenWorkload
from backends.domain.model import ModelKind
from backends.frameworks import registry
from backends.frameworks.base import Knob
from backends.optimization.search import described, gain, in_batches, knobs_for, search, settings

LANGUAGE = (ModelKind.LANGUAGE,)
THREADS = Knob("Threads", LANGUAGE, threads=True)
FLASH = Knob("Flash attention", LANGUAGE, ({}, {"flash": True}, {"flash": False}))
CACHE = Knob("KV cache", LANGUAGE, ({}, {"k": "Q8_0", "v": "Q8_0"}))
START = LoadOptions(threads=4)


class Machine:
    """Speeds by setting; every comparison is counted."""

    def __init__(self, **speeds: float) -> None:
        self.speeds, self.asked = speeds, 0

    def speed(self, load: LoadOptions) -> float:
        found = self.speeds.get(f"threads{load.threads}", 1.0)
        for name, value in load.options.items():
            found *= self.speeds.get(f"{name}_{value}", 1.0)
        return found

    def compare(self, loads: Sequence[LoadOptions]) -> list[float | str]:
        self.asked += len(loads) - 1
        return [
            "It would not open." if speed == 0 else speed / self.speed(loads[0])
            for speed in map(self.speed, loads[1:])
        ]


def test_every_knob_is_turned_to_where_it_serves_best() -> None:
    machine = Machine(threads1=0.6, threads2=1.3, flash_True=1.2, flash_False=0.9, k_Q8_0=0.8)
    found = search(START, (THREADS, FLASH, CACHE), (1, 2, 4), machine.compare)
    assert (found.load.threads, dict(found.load.options)) == (2, {"flash": True})
    assert [(one.knob, one.setting) for one in found.trials if one.taken] == [
        ("Threads", "2"),
        ("Flash attention", "flash=True"),
    ]
    assert len(found.trials) == machine.asked == 5
    assert described(found.load, START) == "threads=2, flash=True"


def test_what_is_hardly_faster_stays_as_it_is() -> None:
    found = search(START, (THREADS, FLASH), (2, 4), Machine(threads2=1.02, flash_True=1.01).compare)
    assert found.load == START and not any(one.taken for one in found.trials)
    assert described(found.load, START) == ""


def test_a_setting_that_does_not_open_is_told_and_passed_over() -> None:
    found = search(START, (FLASH,), (), Machine(flash_True=0.0, flash_False=1.5).compare)
    assert found.load.options == {"flash": False}
    assert found.trials[0].gain is None and found.trials[0].failure == "It would not open."


def test_rounds_end_where_nothing_changes_any_more() -> None:
    machine = Machine(threads2=1.3)
    found = search(START, (THREADS, FLASH), (2, 4), machine.compare, rounds=5)
    assert found.load.threads == 2
    assert machine.asked == 6  # two rounds of three; the third would have found nothing new


def test_what_there_is_no_time_for_is_named() -> None:
    time_is_left = iter([True, False])
    found = search(START, (THREADS, FLASH), (2, 4), Machine().compare, in_time=lambda: next(time_is_left))
    assert found.untried == ("Flash attention",)


def test_a_knob_takes_back_its_own_other_value_only() -> None:
    load = LoadOptions(threads=2, options={"flash": True, "k": "Q8_0"})
    assert settings(FLASH, ())[0].applied(load, FLASH).options == {"k": "Q8_0"}


def test_gains_are_of_all_rates_together_and_turn_by_turn() -> None:
    def tokens(prefill_s: float, gap_s: float) -> TokenMeasurement:
        return TokenMeasurement(10, (prefill_s, prefill_s + gap_s))

    work = TokenWorkload((1,), 2)
    ours, theirs = [tokens(1.0, 0.5), tokens(2.0, 1.0)], [tokens(2.0, 1.0), tokens(4.0, 2.0)]
    assert gain(ours, theirs, work) == pytest.approx(2.0)
    images = TensorWorkload(Path("x.npz"))
    assert gain([TensorMeasurement(1, (0.5,))], [TensorMeasurement(1, (1.0,))], images) == pytest.approx(2.0)


@pytest.mark.parametrize("name", ["llamacpp", "onnxruntime", "openvino", "olive"])
def test_frameworks_name_their_knobs_as_data(name: str) -> None:
    manifest = registry.manifest(name)
    for kind in manifest.kinds:
        knobs = knobs_for(manifest.acceleration, kind)
        assert knobs and any(knob.threads for knob in knobs)
        assert all(knob.threads or (knob.choices[0] == {} and len(knob.choices) > 1) for knob in knobs)


@pytest.mark.parametrize(
    ("most", "batches"),
    [
        (9, [[0, 1, 2, 3, 4]]),
        (4, [[0, 1, 2, 3], [0, 4]]),
        (3, [[0, 1, 2], [0, 3, 4]]),
        (0, [[0, 1], [0, 2], [0, 3], [0, 4]]),
    ],
)
def test_what_memory_does_not_hold_at_once_is_tried_in_batches_with_the_best(
    most: int, batches: list[list[int]]
) -> None:
    tried: list[list[int]] = []

    def compare(loads: Sequence[LoadOptions]) -> list[float | str]:
        tried.append([load.threads for load in loads])
        return [float(load.threads) for load in loads[1:]]

    loads = [LoadOptions(threads=count) for count in range(5)]
    assert in_batches(loads, most, compare) == [1.0, 2.0, 3.0, 4.0]
    assert tried == batches
