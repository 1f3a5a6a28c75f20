"""A running benchmark as its events tell it: a value to draw from. Knows no Qt."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from backends.benchmarking import metrics
from backends.domain.energy import EnergyReading
from backends.domain.events import Event, Log, Progress, Sample
from backends.domain.metric import Interval, MemoryReading
from backends.domain.result import ConfigurationResult

QUALITY_SHARE, STRESS_SHARE = 0.15, 0.2  # of the progress bar, for what comes after measuring
QUALITY = ": quality"
STRESS = ": stress, "
BUSY = "Before measuring: "
CONTROL = "(A–A control)"  # a flag on the readings themselves; all others are on the machine
RESAMPLES = 2_000  # for the eye; the results of a run take more
CONFIDENCE = 0.983


@dataclass
class Band:
    """An interval that closes in: one entry a reading."""

    x: list[float] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)

    def add(self, x: float, low: float, high: float) -> None:
        self.x.append(x)
        self.low.append(low)
        self.high.append(high)


@dataclass
class Mark:
    """Why the reading ``who`` ("llama.cpp Q4_K_M, pair 3") is doubted; reasons of a moment stand together."""

    t_s: float
    who: str
    reasons: list[str]
    pair: int = 0  # its number, from 1


@dataclass
class Rated:
    """One rate of a configuration, and its ratio to the original's."""

    rates: list[float] = field(default_factory=list)
    rate: Interval | None = None
    band: Band = field(default_factory=Band)
    ratios: list[float] = field(default_factory=list)
    pairs: list[int] = field(default_factory=list)  # whose ratios these are; a repeated one more than once
    ratio_band: Band = field(default_factory=Band)
    looked: Interval | None = None  # the running interval when it was looked at

    @property
    def ratio(self) -> Interval | None:
        """The geometric mean of the pairs so far in its running interval; ``None`` while there is none."""
        if not self.ratio_band.x:
            return None
        mean = math.exp(math.fsum(map(math.log, self.ratios)) / len(self.ratios))
        return Interval(mean, self.ratio_band.low[-1], self.ratio_band.high[-1], CONFIDENCE, len(self.ratios))


@dataclass
class Track(Rated):
    """All that is known so far of one configuration; its main rate is what it is itself."""

    prefill: Rated = field(default_factory=Rated)
    first_token_s: list[float] = field(default_factory=list)
    latency_s: list[float] = field(default_factory=list)  # the median of each turn
    latency_band: Band = field(default_factory=Band)  # and where the middle half of its values lies
    latencies_s: list[float] = field(default_factory=list)  # all that were told, thinned where there are many
    looked_at: int = 0
    result: ConfigurationResult | None = None

    @property
    def memory(self) -> MemoryReading | None:
        """It is read in a run of its own, after the pairs."""
        return self.result.memory if self.result else None

    @property
    def energy(self) -> EnergyReading | None:
        """As the memory; ``None`` too where nobody asked for it."""
        return self.result.energy if self.result else None

    def of(self, metric: str) -> Rated:
        """The figures of one rate."""
        return self.prefill if metric == metrics.PREFILL else self

    @property
    def ttft_s(self) -> float | None:
        return median(self.first_token_s) if self.first_token_s else None


class LiveRun:
    """``main`` is the rate that is compared, ``latency`` what is timed one by one.

    ``hear`` takes events in the order they came.
    """

    def __init__(
        self, labels: Sequence[str], main: str, latency: str = metrics.GAP, *, stress: bool = False
    ) -> None:
        self.tracks = {label: Track() for label in labels}
        self.latency = latency
        self.warnings: list[str] = []  # what would disturb, said before measuring
        self.marks: list[Mark] = []
        self.now: dict[str, float] = {}  # the newest figure of the machine, by metric
        self.busy = ""  # what disturbed the newest reading
        self.what = ""
        self.fraction: float | None = None
        self.remaining_s: float | None = None
        self.disturbed = 0
        self._judging = False
        self._later = QUALITY_SHARE + STRESS_SHARE * stress
        self._quality = QUALITY_SHARE / self._later  # of the judging of one configuration
        self._step = (0.0, 0.0)
        self._flagged: tuple[float, int] | None = None  # when, and the number of the pair; its reason follows
        self._low = 0.0
        self._turn: list[Sample] = []  # the latencies of the turn in hand
        self.pair = 0
        self._heard: Mapping[str, Callable[[Track, Sample], None]] = {
            main: self._rate,
            metrics.TTFT: lambda track, sample: track.first_token_s.append(sample.value),
            metrics.PAIR_RATIO: self._ratio,
            metrics.RATIO_LOW: self._ratio_low,
            metrics.RATIO_HIGH: self._ratio_high,
            metrics.PREFILL: lambda track, sample: self._rate(track.prefill, sample),
            metrics.PREFILL_RATIO: lambda track, sample: self._ratio(track.prefill, sample),
            metrics.PREFILL_LOW: self._ratio_low,
            metrics.PREFILL_HIGH: lambda track, sample: self._ratio_high(track.prefill, sample),
            metrics.LOOK: self._look,
            metrics.FLAG: self._flag,
        }

    @property
    def judging(self) -> bool:
        """Measuring is over; quality is being looked at."""
        return self._judging

    def hear(self, event: Event) -> None:
        if isinstance(event, Sample) and event.metric == self.latency:
            self._turn.append(event)
            return
        self._end_turn()
        match event:
            case Sample(series=metrics.MACHINE):
                self.now[event.metric] = event.value
            case Sample() if event.series in self.tracks and event.metric in self._heard:
                self._heard[event.metric](self.tracks[event.series], event)
            case Progress():
                self._progress(event)
            case Log():
                self._log(event.text)

    def take_result(self, result: ConfigurationResult) -> None:
        track = self.tracks.get(result.label or result.configuration.label)
        if track is not None:
            track.result = result

    def _end_turn(self) -> None:
        """All latencies of one arm come in one go; whatever follows ends them."""
        turn, self._turn = self._turn, []
        track = self.tracks.get(turn[0].series) if turn else None
        if track is None:
            return
        values = sorted(sample.value for sample in turn)
        last = len(values) - 1
        track.latencies_s += values
        track.latency_s.append(median(values))
        track.latency_band.add(turn[-1].t_s, values[round(last / 4)], values[round(3 * last / 4)])

    def _rate(self, track: Rated, sample: Sample) -> None:
        from backends.benchmarking import statistics

        self.busy = ""
        track.rates.append(sample.value)
        track.rate = statistics.rate_interval(track.rates, RESAMPLES)
        if track.rate is not None and len(track.rates) > 1:
            track.band.add(sample.t_s, track.rate.low, track.rate.high)

    def _ratio(self, track: Rated, sample: Sample) -> None:
        track.ratios.append(sample.value)
        track.pairs.append(sample.step or len(track.ratios))

    def _ratio_low(self, track: Rated, sample: Sample) -> None:
        self._low = sample.value

    def _ratio_high(self, track: Rated, sample: Sample) -> None:
        track.ratio_band.add(max(track.pairs), self._low, sample.value)

    def _look(self, track: Track, sample: Sample) -> None:
        track.looked_at = round(sample.value)
        for rated in (track, track.prefill):
            rated.looked = rated.ratio

    def _flag(self, track: Track, sample: Sample) -> None:
        """The reason follows in the next Log event."""
        self._flagged = (sample.t_s, round(sample.value) + 1)

    def _log(self, text: str) -> None:
        if text.startswith(BUSY):
            self.warnings.append(text)
        if self._flagged is None:
            return
        (t_s, pair), self._flagged = self._flagged, None
        who, _, reason = text.partition(": ")
        if CONTROL not in reason:
            self.busy = reason
        if self.marks and self.marks[-1].t_s == t_s:
            self.marks[-1].reasons.append(reason)
            return
        self.disturbed += 1
        self.marks.append(Mark(t_s, who, [reason], pair))

    def _progress(self, event: Progress) -> None:
        self.what = event.what.replace(": ", ", ", 1)
        _, _, pair = event.what.partition(": pair ")
        self.pair = int(pair) if pair.isdigit() else 0
        if event.what.endswith(QUALITY):
            self._judging = True
            known = max(1, len(self.tracks))
            self._step = (event.fraction or 0.0, 1 / known)
        elif not self._judging:
            self.remaining_s = event.remaining_s
        self.fraction = self._overall(event)

    def _overall(self, event: Progress) -> float | None:
        if event.fraction is None:
            return self.fraction
        if not self._judging:
            return event.fraction * (1 - self._later)
        self.remaining_s = None
        base, share = self._step
        return max(self.fraction or 0.0, 1 - self._later * (1 - base - share * self._within(event)))

    def _within(self, event: Progress) -> float:
        """How far one configuration is judged: its quality first, then its stress run."""
        if event.what.endswith(QUALITY):
            return 0.0
        fraction = event.fraction or 0.0
        if STRESS in event.what:
            return self._quality + (1 - self._quality) * fraction
        return self._quality * fraction
