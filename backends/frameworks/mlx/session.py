"""An open model in MLX: greedy generation with a time for every token, and logits for given ids."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import mlx.core as mx
import numpy as np
from mlx_lm.models.cache import make_prompt_cache
from numpy.typing import NDArray

from backends.domain.errors import BadInput
from backends.domain.metric import TokenMeasurement
from backends.frameworks.base import JobContext
from backends.frameworks.generation import greedy
from backends.frameworks.mlx.folders import device

PIECE = 512  # ids at once: bounds what attention needs in between
NOT_APPLE = "MLX runs on the processor here; its speed says nothing about Apple silicon."


class MlxSession:
    """A :class:`~backends.frameworks.base.LanguageSession`."""

    # MLX's processor kernels run on one thread, Metal's on none of ours.
    threads = 1

    def __init__(
        self,
        model: Any,
        context: int,
        bos_id: int | None,
        tokenize: Callable[[], Callable[[str], list[int]]],
        details: tuple[str, ...],
    ) -> None:
        self._model = model
        self._context = context
        self._cache: list[Any] = []
        self._load_tokenizer = tokenize
        self._tokenize: Callable[[str], list[int]] | None = None
        self.bos_id = bos_id
        self.device = device()
        self.warnings = () if self.device == "Metal" else (NOT_APPLE,)
        # The first run compiles kernels; that belongs to loading. It also tells the size of the vocabulary.
        self._begin(1)
        self.vocabulary = int(self._rows([0]).shape[-1])
        self.kv_bytes_per_token = _bytes_per_token(self._cache)
        self.details = (
            *details,
            f"Peak memory while loading: {mx.get_peak_memory() / 1e6:.0f} MB, as MLX counts",
        )

    def tokenize(self, text: str) -> list[int]:
        if self._tokenize is None:
            self._tokenize = self._load_tokenizer()
        return self._tokenize(text)

    def generate(self, token_ids: tuple[int, ...], new_tokens: int, job: JobContext) -> TokenMeasurement:
        self._check(token_ids)
        if not token_ids:
            raise BadInput("There is nothing to generate from: the prompt has no tokens.")
        mx.reset_peak_memory()
        self._begin(len(token_ids) + new_tokens)
        return greedy(self._last, token_ids, new_tokens, job)

    def logits(self, token_ids: tuple[int, ...]) -> NDArray[np.float32]:
        self._check(token_ids)
        self._begin(len(token_ids))
        rows = np.empty((len(token_ids), self.vocabulary), np.float32)
        for start in range(0, len(token_ids), PIECE):
            piece = token_ids[start : start + PIECE]
            rows[start : start + len(piece)] = np.asarray(self._rows(piece).astype(mx.float32))
        return rows

    @property
    def engine_peak_bytes(self) -> int:
        """Of the latest generation, weights included: on Metal it is not in the process's own figures."""
        return int(mx.get_peak_memory())

    @property
    def kv_allocated_bytes(self) -> int:
        return sum(array.nbytes for layer in self._cache for array in _arrays(layer.state))

    def _last(self, ids: Sequence[int]) -> Any:
        """The last position's logits. They stay in MLX: its own argmax hands over one number a token."""
        for start in range(0, len(ids) - PIECE, PIECE):
            self._rows(ids[start : start + PIECE])
        left = len(ids) % PIECE or min(PIECE, len(ids))
        return self._rows(ids[-left:])[-1]

    def _rows(self, ids: Sequence[int]) -> Any:
        """Append ids to the context; (ids, vocabulary), computed when this returns."""
        rows = self._model(mx.array([list(ids)]), cache=self._cache)[0]
        mx.eval(rows)
        return rows

    def _begin(self, length: int) -> None:
        if length > self._context:
            raise BadInput(
                f"{length:,} tokens do not fit into the context of {self._context:,}.",
                "Open the model with a longer context, or hand over fewer tokens.",
            )
        self._cache = make_prompt_cache(self._model)

    def _check(self, token_ids: tuple[int, ...]) -> None:
        """MLX reads beyond its tables without a word."""
        if token_ids and not (min(token_ids) >= 0 and max(token_ids) < self.vocabulary):
            raise BadInput(f"A token id lies outside the model's vocabulary of {self.vocabulary:,}.")


def _bytes_per_token(cache: Iterable[Any]) -> float:
    """Of keys and values, (batch, heads, tokens, width) each.

    A layer that counts no tokens has a state of fixed size, which is no part of it.
    """
    counting = (layer for layer in cache if hasattr(layer, "offset"))
    return float(sum(array.nbytes / array.shape[2] for layer in counting for array in _arrays(layer.state)))


def _arrays(state: Any) -> list[Any]:
    """A layer's cache is an array, or a list of such, to any depth."""
    if isinstance(state, mx.array):
        return [state]
    return (
        [array for part in state or () for array in _arrays(part)] if isinstance(state, (list, tuple)) else []
    )
