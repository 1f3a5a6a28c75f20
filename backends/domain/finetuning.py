"""Fine-tuning: what is asked for, and what came of it. Losses are in nats a token."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from backends.domain.artifact import Artifact

TRAINING, HELD_OUT = "training", "held out"  # the two series of a live chart
LOSS = "loss"


@dataclass(frozen=True)
class FinetuneSettings:
    """Low-rank adapters (LoRA): ``rank`` columns beside each linear layer of the last ``layers`` blocks.

    ``held_out``: the share of lines that is never trained on, and by which before and after are judged.
    """

    iterations: int = 200
    rank: int = 8
    layers: int = 0  # 0: all of them
    scale: float = 20.0  # what the adapters' output is multiplied by
    dropout: float = 0.0
    learning_rate: float = 1e-4
    batch_size: int = 4
    sequence_tokens: int = 512  # longer lines are cut
    held_out: float = 0.1
    mask_prompt: bool = False  # learn the answers only
    seed: int = 0


@dataclass(frozen=True)
class LossPoint:
    """``iteration``: how many steps had been taken."""

    series: str
    iteration: int
    loss: float


@dataclass(frozen=True)
class FineTuned:
    """``artifact`` is the fused model, ``adapters`` the folder mlx-lm itself can load.

    All three losses are over the same held-out lines: of the base, of the base with adapters, and of the
    fused model as it was read back from disk.
    """

    artifact: Artifact
    adapters: Path
    settings: FinetuneSettings
    loss_before: float
    loss_adapted: float
    loss_after: float
    curve: tuple[LossPoint, ...]
    training_lines: int
    held_out_lines: int
    trained_tokens: int
    trained_parameters: int
    adapter_bytes: int
    peak_bytes: int  # of the library's memory, while training
    took_s: float
    warnings: tuple[str, ...] = ()

    @property
    def perplexity_before(self) -> float:
        return math.exp(self.loss_before)

    @property
    def perplexity_after(self) -> float:
        return math.exp(self.loss_after)
