"""What a comparison yields: stored as it arrives, shown in the window, reported and certified."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from backends.domain.artifact import CPU, Configuration
from backends.domain.energy import EnergyReading
from backends.domain.gate import Finding, GateResult
from backends.domain.hardware import Conditions, HardwareProfile
from backends.domain.metric import Interval, LoadedEngine, Measurement, MemoryReading, StartUp
from backends.domain.preprocessing import Preprocessing

RESUMABLE = ("cancelled", "interrupted")  # states of a run that ended early


@dataclass(frozen=True)
class Flag:
    """Something disturbed a reading. The reading is kept; the flag says why it is doubted."""

    reason: str  # "another program used 31 % of a core (chrome)"
    t_s: float


@dataclass(frozen=True)
class Reading:
    """One arm of one pair. Both arms of a pair have the same ``(comparison, pair, repeat)``."""

    label: str
    pair: int
    restart: int
    t_s: float  # seconds since the benchmark started
    measurement: Measurement
    flags: tuple[Flag, ...] = ()
    comparison: str = ""  # label of the candidate this pair compares; the original's arms carry it too
    repeat: int = 0  # 1 where a flagged pair was measured once more
    void: bool = False  # the other arm's worker died: kept, and in no figure
    conditions: Conditions | None = None  # of the machine while this arm ran
    worker_cpu_percent: float | None = None  # of all logical cores together, used by the measured process


@dataclass(frozen=True)
class Comparison:
    """Ratio of one configuration against the original: geometric mean of per-pair ratios."""

    label: str
    metric: str  # "decode_tokens_per_s", "prefill_tokens_per_s", "inferences_per_s"
    ratio: Interval
    threshold: float
    verdict: str  # Verdict
    more_pairs: int | None  # how many more pairs a decision would take, where inconclusive


@dataclass(frozen=True)
class QualityScore:
    """Task accuracy, and against the original where there is one."""

    correct: int
    items: int
    accuracy: Interval
    ratio_to_original: Interval | None = None
    flipped: float | None = None  # share of items answered otherwise than by the original
    kind: str = "accuracy"  # or "fidelity" where there are no labels: agreement with the original
    original_correct: int | None = None  # of the same items
    chance: float | None = None  # share right by guessing
    normalised_accuracy: Interval | None = None  # by log-probability per token; ``accuracy`` is by the sum
    mcnemar_p: float | None = None  # exact two-sided test that original and candidate are right equally often


@dataclass(frozen=True)
class LanguageFidelity:
    """How a language model follows text, and how closely the original. Needs no labels; never "accuracy"."""

    tokens: int  # scored positions
    perplexity: Interval
    perplexity_ratio: Interval | None = None  # to the original
    kl_mean: Interval | None = None  # nats, D(original ‖ this one)
    kl_p99: float | None = None
    top1_agreement: Interval | None = None
    flipped: float | None = None  # share of positions where only one of the two predicts the real next token


@dataclass(frozen=True)
class OutputFidelity:
    """How closely a tensor model's outputs follow the original's, where they are no class scores."""

    samples: int
    cosine: Interval  # mean cosine similarity of a sample's outputs
    cosine_min: float
    max_abs_error: float


@dataclass(frozen=True)
class StressRun:
    """What many sessions, long prompts and repeated loading did to one configuration."""

    sessions: int  # processes that worked at the same time
    loads: int  # in one process, one after the other, measured
    context: int  # tokens of the longest prompt with what it yielded; samples of the largest batch of tensors
    peaks_bytes: tuple[int, ...]  # high-water mark of each measured load
    growth: Interval | None  # bytes a load
    findings: tuple[Finding, ...]
    took_s: float = 0.0


@dataclass(frozen=True)
class ConfigurationResult:
    """Everything known of one configuration. What was not measured is ``None``."""

    configuration: Configuration
    engine: LoadedEngine | None = None
    rates: Mapping[str, Interval] = field(default_factory=dict)  # metric -> rate with interval
    latency_p50_s: float | None = None  # inter-token gap, or one inference
    latency_p95_s: float | None = None
    latency_p99_s: float | None = None
    ttft_p50_s: float | None = None
    memory: MemoryReading | None = None
    quality: QualityScore | None = None
    comparisons: tuple[Comparison, ...] = ()
    gates: tuple[GateResult, ...] = ()
    failure: str = ""  # the sentence, where this configuration could not be run
    fidelity: LanguageFidelity | None = None
    output_fidelity: OutputFidelity | None = None
    label: str = ""  # as in the readings, unique within its run
    variation: float | None = None  # standard deviation ÷ mean of the main rate over all its readings
    stress: StressRun | None = None
    energy: EnergyReading | None = None  # None: nobody asked for it
    quality_failure: str = ""  # the sentence, where its answers could not be judged (NaN, a crash)
    start_up: StartUp | None = None


@dataclass(frozen=True)
class DataFile:
    """What quality was judged with, named without its folder."""

    name: str
    sha256: str


@dataclass(frozen=True)
class RunSetup:
    """How a run was measured: all that repeating it takes beside the models themselves."""

    product_version: str
    looks: tuple[int, ...]
    restarts: int
    prompt_tokens: int
    new_tokens: int
    idle_s: float
    arm_s: float
    confidence: float  # per look
    resamples: int
    seed: int
    context: int
    threads: int  # 0: the physical cores
    task_limit: int | None = None
    mean: tuple[float, ...] = ()  # of images, per channel; empty where the model brings its own
    std: tuple[float, ...] = ()
    tasks: DataFile | None = None
    evaluation: DataFile | None = None
    versions: Mapping[str, str] = field(default_factory=dict)  # Python and the libraries of the program
    hashes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # label -> file name -> sha256
    thresholds: Mapping[str, float] = field(default_factory=dict)  # gate -> what it was judged by
    stress: bool = False  # a stress run was asked for
    preprocessing: Preprocessing | None = None  # of the images quality was judged with
    token_arm_s: float = 0.0  # a generation was repeated until so much time had passed
    stress_plan: Mapping[str, int] = field(default_factory=dict)  # how hard the stress run was
    energy: str = ""  # "counters", "battery" or "off"; "": an older version, which did not keep it
    grid: str = ""  # code of the grid that carbon was reckoned with
    calibration: DataFile | None = None
    choices: tuple[tuple[str, str], ...] = ()  # framework and precision, that an optimization tried
    device: str = CPU  # on which all models ran


@dataclass(frozen=True)
class Trial:
    """One way of opening a model that a search tried.

    ``gain``: its speed ÷ that of the best before it, measured in turns with it; ``None`` where it failed.
    """

    knob: str  # "Threads"
    setting: str  # "4", "flash_attn=true"
    gain: float | None
    failure: str = ""
    taken: bool = False  # the search went on from here


@dataclass(frozen=True)
class Stage:
    """One step of a progressive optimization, measured against the best before it.

    ``result.comparisons`` are against the configuration ``against``, not against the original.
    """

    name: str  # "baseline", "conversion", "quantization", "acceleration", "validation"
    verdict: str  # "kept", "dropped", "failed" or "skipped"
    evidence: tuple[str, ...]
    result: ConfigurationResult | None = None
    against: str = ""  # label
    trials: tuple[Trial, ...] = ()
    took_s: float = 0.0


@dataclass(frozen=True)
class RunRecord:
    """One benchmark run as the history keeps it."""

    run_id: str
    started_at: str  # ISO 8601, UTC
    model: str
    results: tuple[ConfigurationResult, ...]
    readings: tuple[Reading, ...] = ()
    notes: tuple[str, ...] = ()
    state: str = "finished"  # "running", "finished", "cancelled", "interrupted"
    machine: HardwareProfile | None = None
    setup: RunSetup | None = None
    stages: tuple[Stage, ...] = ()  # of a progressive optimization
