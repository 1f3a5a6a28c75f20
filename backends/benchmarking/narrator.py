"""What a benchmark tells while it runs: events for charts and log. It decides nothing."""

from __future__ import annotations

from collections.abc import Sequence

from backends.benchmarking import metrics, sampling
from backends.domain.events import Log, Sample
from backends.domain.metric import Interval, MemoryReading, TokenMeasurement
from backends.domain.result import Comparison, Reading
from backends.frameworks.base import JobContext


class Narrator:
    """Turns what happened into events. All ``t_s`` are seconds since the benchmark started."""

    def __init__(self, job: JobContext) -> None:
        self._job = job
        self.notes: list[str] = []  # sentences that belong into the record of the run

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)
        self._job.emit(Log(sentence))

    def reading(self, reading: Reading) -> None:
        """One arm, as soon as it is measured."""
        for metric, value in metrics.figures(reading.measurement).items():
            self._sample(reading.label, metric, reading.t_s, value)
        self._latencies(reading)
        if reading.worker_cpu_percent is not None:
            self._sample(reading.label, metrics.WORKER_CPU, reading.t_s, reading.worker_cpu_percent)
        if reading.conditions is not None:
            for sample in sampling.condition_samples(reading.conditions, reading.t_s):
                self._job.emit(sample)
        for flag in reading.flags:
            self._sample(reading.label, metrics.FLAG, flag.t_s, reading.pair)
            self._job.emit(Log(f"{reading.label}, pair {reading.pair + 1}: {flag.reason}"))

    def ratio(
        self, label: str, t_s: float, rate: str, pair: int, newest: float, interval: Interval | None
    ) -> None:
        """The newest pair's ratio of one rate, and the running interval once there are pairs enough.

        ``pair``: its number, from 1; a pair that is repeated keeps it.
        """
        ratio, low, high = metrics.ratio_names(rate)
        self._job.emit(Sample(label, ratio, t_s, newest, pair))
        if interval is not None:
            self._sample(label, low, t_s, interval.low)
            self._sample(label, high, t_s, interval.high)

    def look(self, label: str, t_s: float, pairs: int, comparisons: Sequence[Comparison]) -> None:
        self._sample(label, metrics.LOOK, t_s, pairs)
        for c in comparisons:
            span = f"{c.ratio.estimate:.2f}× ({c.ratio.low:.2f} to {c.ratio.high:.2f})"
            claim = f"at least {c.threshold:g}×: {c.verdict}"
            self._job.emit(Log(f"{label} after {pairs} pairs: {c.metric} {span}, {claim}"))

    def memory(self, label: str, t_s: float, memory: MemoryReading) -> None:
        self._sample(label, metrics.PEAK, t_s, memory.total_peak_bytes)
        self._sample(label, metrics.WEIGHTS, t_s, memory.weights_bytes)

    def _latencies(self, reading: Reading) -> None:
        """At the moments they happened, counted back from the arm's end; thinned, for 2 s can hold 10,000."""
        values = metrics.latencies_s(reading.measurement)
        metric = metrics.GAP if isinstance(reading.measurement, TokenMeasurement) else metrics.LATENCY
        step = -(-len(values) // metrics.CHART_POINTS) or 1
        moment_s = reading.t_s - sum(values)
        for number, value in enumerate(values):
            moment_s += value
            if number % step == 0:
                self._sample(reading.label, metric, moment_s, value)

    def _sample(self, series: str, metric: str, t_s: float, value: float) -> None:
        self._job.emit(Sample(series, metric, t_s, float(value)))
