"""An engine without a model: a table of bigram logits over the bytes of a text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, settings
from numpy.typing import NDArray

from backends.domain.errors import JobCancelled
from backends.domain.events import Event, Progress
from backends.domain.metric import (
    ChoiceItem,
    ChoiceScores,
    LoadedEngine,
    LogitsRef,
    Measurement,
    MemoryReading,
)
from backends.quality.scoring import score_choices

# Examples on a busy machine are slow at times; that is no failure.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)
VOCABULARY = 300  # bytes, and a few ids beyond them
BOS = 256


def table(seed: int = 0, noise: float = 0.0) -> NDArray[np.float32]:
    """(vocabulary, vocabulary) logits; ``noise`` is what a quantization would add."""
    logits = np.random.default_rng(seed).normal(0, 3, (VOCABULARY, VOCABULARY))
    return (logits + noise * np.random.default_rng(seed + 1).normal(size=logits.shape)).astype(np.float32)


class BigramEngine:
    """A language model whose next token depends on the last one only."""

    def __init__(
        self, logits: NDArray[np.float32], scratch: Path, shift: int = 0, bos: int | None = BOS
    ) -> None:
        self.engine = LoadedEngine("fake", "1", "CPU", 1, 0.0, 0, bos_id=bos)
        self._logits = logits
        self._scratch = scratch
        self._shift = shift  # another tokenizer: every id moved
        self.runs: list[tuple[int, ...]] = []

    def logits_of(self, token_ids: tuple[int, ...]) -> NDArray[np.float32]:
        self.runs.append(token_ids)
        return self._logits[list(token_ids)]

    def logits(self, token_ids: Sequence[int]) -> LogitsRef:
        path = self._scratch / f"logits-{len(self.runs)}.npy"
        np.save(path, self.logits_of(tuple(token_ids)))
        return LogitsRef(path, len(token_ids), self._logits.shape[1])

    def choose(self, items: Sequence[ChoiceItem]) -> list[ChoiceScores]:
        return [score_choices(self.logits_of, item) for item in items]

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        return [[(byte + self._shift) % 256 for byte in text.encode()] for text in texts]

    def measure(self, work: object) -> Measurement:
        raise NotImplementedError

    def memory(self, work: object) -> MemoryReading:
        raise NotImplementedError

    def infer(self, inputs: Path, output: Path) -> Path:
        raise NotImplementedError

    @property
    def pid(self) -> int:
        return 0

    def close(self) -> None:
        pass


class TensorEngine(BigramEngine):
    """Named arrays in, named arrays out: outputs are a fixed linear map of the flat inputs."""

    def __init__(self, weights: NDArray[np.float32], outputs: int = 1) -> None:
        super().__init__(table(), Path())
        self._weights = weights
        self._outputs = outputs

    def infer(self, inputs: Path, output: Path) -> Path:
        with np.load(inputs) as archive:
            batch = archive[archive.files[0]]
        scores = batch.reshape(len(batch), -1) @ self._weights
        np.savez(output, **{f"out{index}": scores + index for index in range(self._outputs)})
        return output


class Job:
    """Keeps what was emitted; can ask for the end after some events."""

    def __init__(self, cancel_after: int | None = None) -> None:
        self.events: list[Event] = []
        self._cancel_after = cancel_after

    def emit(self, event: Event) -> None:
        self.events.append(event)

    def check_cancelled(self) -> None:
        if self._cancel_after is not None and len(self.events) > self._cancel_after:
            raise JobCancelled

    def fractions(self) -> list[float]:
        return [event.fraction or 0.0 for event in self.events if isinstance(event, Progress)]
