"""Names of all figures a benchmark emits as :class:`~backends.domain.events.Sample`, for the window's charts.

A sample's ``series`` is the label of a configuration, or :data:`MACHINE` for what concerns all of them.
"""

from __future__ import annotations

from backends.domain.metric import Measurement, TensorMeasurement, TokenMeasurement, TokenWorkload, Workload

MACHINE = "machine"

# One sample an arm, at the arm's end.
DECODE = "decode_tokens_per_s"
PREFILL = "prefill_tokens_per_s"
INFERENCES = "inferences_per_s"
TTFT = "ttft_s"

# One sample a token or inference, thinned to CHART_POINTS an arm; all of them are in the reading.
GAP = "gap_s"
LATENCY = "latency_s"
CHART_POINTS = 128

WORKER_CPU = "worker_cpu_percent"  # one an arm: the measured process, of all logical cores together

# From the separate memory run.
PEAK = "peak_bytes"
WEIGHTS = "weights_bytes"

# Series MACHINE, after each arm, where the system tells.
CPU = "cpu_percent"  # other programs, of all logical cores together
STEAL = "steal_percent"
FREQUENCY = "frequency_hz"
TEMPERATURE = "temperature_celsius"

# Series: the candidate. Of its main rate (decode or inferences) against the original's; and of its prefill.
PAIR_RATIO = "pair_ratio"
RATIO_LOW = "ratio_low"  # running interval, for the eye only: claims are made at looks
RATIO_HIGH = "ratio_high"
PREFILL_RATIO, PREFILL_LOW, PREFILL_HIGH = "prefill_pair_ratio", "prefill_ratio_low", "prefill_ratio_high"
LOOK = "look"  # value: pairs looked at
FLAG = "flag"  # value: index of the pair; the reason is in the reading and in a Log event

SAMPLE_METRICS = (
    *(DECODE, PREFILL, INFERENCES, TTFT, GAP, LATENCY, PEAK, WEIGHTS, WORKER_CPU),
    *(CPU, STEAL, FREQUENCY, TEMPERATURE),
    *(PAIR_RATIO, RATIO_LOW, RATIO_HIGH, LOOK, FLAG),
    *(PREFILL_RATIO, PREFILL_LOW, PREFILL_HIGH),
)


def ratio_names(rate: str) -> tuple[str, str, str]:
    """Ratio, low and high end of the running interval of one rate."""
    if rate == PREFILL:
        return PREFILL_RATIO, PREFILL_LOW, PREFILL_HIGH
    return PAIR_RATIO, RATIO_LOW, RATIO_HIGH


def rate_metrics(work: Workload) -> tuple[str, ...]:
    """The rates that are compared, the main one first."""
    return (DECODE, PREFILL) if isinstance(work, TokenWorkload) else (INFERENCES,)


def main_rate(measurement: Measurement) -> float:
    """Decode tokens/s or inferences/s: what warm-up, A–A control and variation look at."""
    if isinstance(measurement, TokenMeasurement):
        return measurement.decode_tokens_per_s
    return measurement.inferences_per_s


def figures(measurement: Measurement) -> dict[str, float]:
    """All figures of one arm that are a single number, by metric name."""
    if isinstance(measurement, TensorMeasurement):
        return {INFERENCES: measurement.inferences_per_s}
    return {
        DECODE: measurement.decode_tokens_per_s,
        PREFILL: measurement.prefill_tokens_per_s,
        TTFT: measurement.ttft_engine_s,
    }


def latencies_s(measurement: Measurement) -> tuple[float, ...]:
    """Inter-token gaps, or the latencies of single inferences."""
    return measurement.gaps_s if isinstance(measurement, TokenMeasurement) else measurement.latencies_s
