"""Work handed to an engine and what came back, in seconds and bytes. Definitions: docs/MEASUREMENT.md."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path


@dataclass(frozen=True)
class TokenWorkload:
    """Greedy generation from fixed ids, end-of-sequence ignored; the same ids for every engine.

    ``sampling`` false is llama-bench's way: no token is chosen from the logits; arbitrary ids are fed, and a
    token's time is when its logits are there. ``min_duration_s``: the same generation again and again, each
    from an empty context, until so much time has passed; a tiny model's single one is over before the noise.
    ``text`` stands in place of ids where the engine's own splitting is to be timed as well; it is laid out by
    the chat template ``chat`` first where there is one.
    """

    token_ids: tuple[int, ...]
    new_tokens: int = 128
    sampling: bool = True
    min_duration_s: float = 0.0
    text: str = ""
    chat: str = ""


@dataclass(frozen=True)
class TensorWorkload:
    """Repeated inference on named inputs from an .npz file, first axis the batch.

    ``parallel``: so many inferences at a time, in streams or sessions of one process.
    """

    inputs: Path
    min_duration_s: float = 2.0
    min_repeats: int = 8
    parallel: int = 1


Workload = TokenWorkload | TensorWorkload


@dataclass(frozen=True)
class TokenMeasurement:
    """One generation, or the same one several times over.

    ``token_times_s``: seconds since the ids were handed over, one entry a new token; ``repeats``: those of
    the passes after the first. Rates are over all passes together.
    """

    prompt_tokens: int
    token_times_s: tuple[float, ...]
    token_ids: tuple[int, ...] = ()
    repeats: tuple[tuple[float, ...], ...] = ()
    tokenizing_s: float | None = None  # of a text in place of ids, its chat template included

    @property
    def passes(self) -> tuple[tuple[float, ...], ...]:
        return (self.token_times_s, *self.repeats)

    @property
    def duration_s(self) -> float:
        return sum(times[-1] for times in self.passes)

    @property
    def ttft_engine_s(self) -> float:
        """The mean over the passes."""
        return sum(times[0] for times in self.passes) / len(self.passes)

    @property
    def ttft_user_s(self) -> float | None:
        """From the text to its first token; ``None`` where ids were handed over."""
        return None if self.tokenizing_s is None else self.tokenizing_s + self.token_times_s[0]

    @property
    def prefill_tokens_per_s(self) -> float:
        return self.prompt_tokens / self.ttft_engine_s

    @property
    def decode_tokens_per_s(self) -> float:
        """(n − 1) ÷ (t_n − t_1): the first token never counts as decode."""
        decoding_s = sum(times[-1] - times[0] for times in self.passes)
        return sum(len(times) - 1 for times in self.passes) / decoding_s

    @property
    def gaps_s(self) -> tuple[float, ...]:
        return tuple(after - before for times in self.passes for before, after in pairwise(times))


@dataclass(frozen=True)
class TensorMeasurement:
    """Inferences of one batch size, back to back.

    ``elapsed_s`` where several ran at a time: their latencies overlap, so the sum of them is no duration.
    """

    batch: int
    latencies_s: tuple[float, ...]
    elapsed_s: float | None = None

    @property
    def duration_s(self) -> float:
        return sum(self.latencies_s) if self.elapsed_s is None else self.elapsed_s

    @property
    def inferences_per_s(self) -> float:
        return self.batch * len(self.latencies_s) / self.duration_s


Measurement = TokenMeasurement | TensorMeasurement


@dataclass(frozen=True)
class MemoryReading:
    """Kernel high-water marks of the worker and its children. ``None`` where the system does not tell.

    Anonymous and file-backed bytes are the largest seen after load, prefill and decode, each for itself; what
    came and went in between is in the total only.
    """

    total_peak_bytes: int
    anonymous_peak_bytes: int | None
    file_peak_bytes: int | None
    baseline_bytes: int  # the runtime alone, adapter imported, no model loaded
    weights_bytes: int
    kv_cache_bytes: int | None  # of the whole context: 2 · layers · kv_heads · head_dim · context · bytes
    source: str  # "VmHWM and smaps_rollup", "peak working set", ...
    engine_peak_bytes: int | None = None  # what the engine itself counts, where it counts
    private_peak_bytes: int | None = None  # Windows: promised to the process alone, in memory or not
    kv_allocated_bytes: int | None = None  # what the engine held, which its own way of keeping it decides
    context: int | None = None  # tokens in the context at the end
    gpu_peak_bytes: int | None = None  # NVIDIA's, the largest seen after load, prefill and decode


@dataclass(frozen=True)
class StartUp:
    """What a user waits for at first: loading in two fresh workers, and first tokens in the second.

    ``ttft_user_s`` is from a text of about the usual prompt's length to its first token: chat template where
    the model has one (``templated``), tokenization and engine, the median of a few; ``user_tokens`` is how
    many tokens that made.
    """

    first_load_s: float
    is_cold: bool  # the model's files had been dropped from the page cache before the first load
    warm_load_s: float
    first_token_s: float | None = None  # the usual prompt's, as the first work after loading
    ttft_user_s: float | None = None
    user_tokens: int | None = None
    templated: bool = False


@dataclass(frozen=True)
class Interval:
    """A figure with its confidence interval; all in the figure's own unit."""

    estimate: float
    low: float
    high: float
    confidence: float
    samples: int


MEMORY_TOLERANCE = 0.05  # allocators and page caches differ by this much from start to start


def around_a_peak(value: float) -> Interval:
    """What a peak of memory, or a ratio of two, may be at the next start; one reading is all there is."""
    half = MEMORY_TOLERANCE / 2
    return Interval(value, value * (1 - half), value * (1 + half), 1.0, 2)


def peak_share(ours: MemoryReading, theirs: MemoryReading) -> Interval:
    """Ratio of two total peaks."""
    return around_a_peak(ours.total_peak_bytes / theirs.total_peak_bytes)


@dataclass(frozen=True)
class LogitsRef:
    """(positions, vocabulary) float32 in a .npy file that can be memory-mapped."""

    path: Path
    positions: int
    vocabulary: int


@dataclass(frozen=True)
class ChoiceItem:
    """A multiple-choice item as ids: the shared query and the continuations to score."""

    query: tuple[int, ...]
    choices: tuple[tuple[int, ...], ...]
    gold: int


@dataclass(frozen=True)
class ChoiceScores:
    """Sum of log-probabilities and number of tokens of each choice, in the order of the item's choices."""

    log_probabilities: tuple[float, ...]
    tokens: tuple[int, ...]


@dataclass(frozen=True)
class LoadedEngine:
    """What a session says of itself after opening: what really runs, not what was asked for."""

    framework: str
    version: str
    device: str
    threads: int
    cold_load_s: float  # of this opening, whatever lay in the page cache; cold and warm: see StartUp
    baseline_bytes: int
    details: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    bos_id: int | None = None  # what stands before a text, where the model was trained so
    vocabulary: int | None = None  # of a language model: ids from 0 to here
