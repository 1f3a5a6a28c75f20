"""An open language model with its key/value cache as state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.domain.errors import BadInput
from backends.domain.metric import TokenMeasurement
from backends.frameworks.base import JobContext
from backends.frameworks.generation import check_context, greedy

FIRST_LOGIT = "first_logit"
KNOWN_INPUTS = ("input_ids", "attention_mask", "position_ids", "beam_idx", FIRST_LOGIT)


class OpenVinoLanguageSession:
    def __init__(
        self,
        compiled: Any,
        tokenize: Callable[[], Callable[[str], list[int]]],
        device: str,
        context: int,
        threads: int,
        details: tuple[str, ...],
        kv_bytes_per_token: float,
    ) -> None:
        self._request = compiled.create_infer_request()
        self._takes = {port.get_any_name() for port in compiled.inputs}
        unknown = self._takes.difference(KNOWN_INPUTS)
        if unknown:
            raise BadInput(
                f"The model has inputs that are not known here: {', '.join(sorted(unknown))}.",
                "Convert it anew from the Hugging Face folder.",
            )
        self._load_tokenizer = tokenize
        self._tokenize: Callable[[str], list[int]] | None = None
        self._length = 0
        self._context = context
        self.kv_bytes_per_token = kv_bytes_per_token
        self.vocabulary = compiled.output("logits").get_partial_shape()[2].get_length()
        self.device = device
        self.threads = threads
        self.details = details
        self.warnings: tuple[str, ...] = ()

    def tokenize(self, text: str) -> list[int]:
        if self._tokenize is None:
            self._tokenize = self._load_tokenizer()
        return self._tokenize(text)

    def generate(self, token_ids: tuple[int, ...], new_tokens: int, job: JobContext) -> TokenMeasurement:
        self._begin(len(token_ids) + new_tokens)
        return greedy(lambda ids: self._forward(ids, len(ids) - 1)[-1], token_ids, new_tokens, job)

    def logits(self, token_ids: tuple[int, ...]) -> NDArray[np.float32]:
        self._begin(len(token_ids))
        return self._forward(token_ids, 0).astype(np.float32, copy=True)

    def _begin(self, length: int) -> None:
        check_context(length, self._context)
        self._request.reset_state()
        self._length = 0

    def _forward(self, ids: Sequence[int], first: int) -> NDArray[np.float32]:
        """Append ids to the context. Returns the logits from ``first`` on, in memory the next call reuses."""
        start, self._length = self._length, self._length + len(ids)
        feed = {
            "input_ids": np.array([ids], dtype=np.int64),
            "attention_mask": np.ones((1, self._length), dtype=np.int64),
            "position_ids": np.arange(start, self._length, dtype=np.int64)[None],
            "beam_idx": np.zeros(1, dtype=np.int32),
            FIRST_LOGIT: np.array([first], dtype=np.int64),
        }
        wanted = {name: feed[name] for name in self._takes}
        made = self._request.infer(wanted, share_inputs=True, share_outputs=True)
        logits: NDArray[np.float32] = made["logits"]
        rows: NDArray[np.float32] = logits[0]
        return rows
