"""What a running benchmark tells the window, and the gate at which it waits: plain values, no page."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from backends.benchmarking import metrics
from backends.domain.events import Log, Progress, Sample
from backends.domain.metric import MemoryReading
from backends.jobs.context import Context
from gui.wizard.pages.live import LiveRun
from gui.wizard.pages.live_memory import by_kind, by_use
from gui.wizard.pages.measuring import PauseGate


def test_nobody_waits_untold_where_a_pause_comes_just_behind_the_look() -> None:
    class PausedBehindTheLook(PauseGate):
        @property
        def paused(self) -> bool:
            looked = super().paused
            self.pause()
            return looked

    gate = PausedBehindTheLook()
    gate.wait(Context(lambda event: None))
    assert gate.paused


def test_the_gate_lets_go_when_cancelled() -> None:
    gate, job = PauseGate(), Context(lambda event: None)
    gate.pause()
    ended = threading.Event()

    def wait() -> None:
        try:
            gate.wait(job)
        except BaseException:  # noqa: BLE001 - JobCancelled, looked at through the event
            ended.set()

    thread = threading.Thread(target=wait)
    thread.start()
    job.token.cancel()
    thread.join(10)
    assert ended.is_set()


def test_progress_never_goes_back() -> None:
    live = LiveRun(["a", "b"], metrics.DECODE)
    seen = []
    for event in (
        Progress(0.5, "a: pair 3", 60.0),
        Progress(1.0, "a: finished"),
        Progress(0.0, "a: quality"),
        Progress(0.5, "Scoring"),
        Progress(1.0, "Scoring"),
        Progress(0.5, "b: quality"),
        Progress(1.0, "Scoring"),
    ):
        live.hear(event)
        seen.append(live.fraction)
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(1.0)
    assert live.what == "Scoring"
    assert live.remaining_s is None


def test_stress_comes_after_quality_and_never_goes_back() -> None:
    live = LiveRun(["a", "b"], metrics.DECODE, stress=True)
    seen = []
    for event in (
        Progress(1.0, "a: finished"),
        Progress(0.0, "a: quality"),
        Progress(1.0, "Scoring"),
        Progress(0.5, "b: quality"),
        Progress(1.0, "Scoring"),
        Progress(0.0, "b: stress, repeated loading"),
        Progress(2 / 3, "b: stress, long context"),
    ):
        live.hear(event)
        seen.append(live.fraction)
    assert seen == sorted(seen)
    assert seen[-1] > seen[-2] and seen[-1] < 1.0
    assert live.what == "b, stress, long context"


def test_latencies_of_a_turn_are_one_point() -> None:
    live = LiveRun(["a"], metrics.DECODE)
    for number in range(101):
        live.hear(Sample("a", metrics.GAP, number / 10, (number + 1) / 1000))
    live.hear(Progress(0.1, "a: pair 1"))
    track = live.tracks["a"]
    assert track.latency_s == [0.051]
    assert (track.latency_band.x, track.latency_band.low, track.latency_band.high) == (
        [10.0],
        [0.026],
        [0.076],
    )
    assert live.pair == 1


def test_flags_at_one_moment_are_one_mark() -> None:
    live = LiveRun(["a"], metrics.DECODE)
    for reason in ("x", "y"):
        live.hear(Sample("a", metrics.FLAG, 3.0, 0))
        live.hear(Log(f"a, pair 1: {reason}"))
    assert [(mark.t_s, mark.who, mark.reasons) for mark in live.marks] == [(3.0, "a, pair 1", ["x", "y"])]


def test_who_uses_the_machine_is_said_while_it_lasts() -> None:
    live = LiveRun(["a"], metrics.DECODE)
    busy = "other programs used 31 % of a core; the busiest was Make"
    live.hear(Sample("a", metrics.DECODE, 3.0, 40.0))
    live.hear(Sample("a", metrics.FLAG, 3.0, 0))
    live.hear(Log(f"a, pair 1: {busy}"))
    assert live.busy == busy
    live.hear(Sample("a", metrics.DECODE, 6.0, 40.0))
    live.hear(Sample("a", metrics.FLAG, 6.0, 0))
    live.hear(Log("a, pair 2: the same engine twice in a row differed by 9% (A–A control)"))
    assert live.busy == "", "a flag on the readings says nothing of other programs"


def test_memory_is_split_twice_and_both_splits_are_the_peak() -> None:
    reading = MemoryReading(100, 70, 30, 20, 60, 10, "VmHWM")
    assert by_use(reading) == (60, 10, 20, 10)
    assert by_kind(reading) == (70, 30)
    mapped = replace(reading, weights_bytes=500, anonymous_peak_bytes=None)
    assert by_use(mapped) == (100, 0, 0, 0), "a mapped file need not be read whole"
    assert by_kind(mapped) is None
