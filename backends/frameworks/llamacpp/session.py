"""An open model: greedy generation with a time for every token, and logits for given ids."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backends.domain.errors import BadInput
from backends.domain.metric import TokenMeasurement
from backends.frameworks.base import JobContext
from backends.frameworks.generation import greedy
from backends.frameworks.llamacpp.account import Account
from backends.frameworks.llamacpp.decoder import ROWS_AT_ONCE, Decoder, Ids, Logits
from backends.frameworks.llamacpp.model import Model

# Rows of logits kept for the next call; a larger result is not worth its memory.
_MOST_KEPT_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class _Past:
    """The ids that are in the cache, and the logits after each."""

    ids: Ids
    rows: Logits

    def shared_with(self, ids: Ids) -> int:
        """How many ids both begin with, or 0 where that is less than half.

        Splitting a run elsewhere moves its logits in the fourth digit (the cache is F16), so a lone common
        beginning-of-text token must not make a window's figures depend on the window before it.
        """
        length = min(len(ids), len(self.ids))
        differs = np.flatnonzero(ids[:length] != self.ids[:length])
        shared = int(differs[0]) if len(differs) else length
        return shared if 2 * shared >= len(ids) else 0


class LlamaSession:
    """A :class:`~backends.frameworks.base.LanguageSession`. One sequence, one context, no sampler."""

    def __init__(self, model: Model, decoder: Decoder, account: Account) -> None:
        self._model = model
        self._decoder = decoder
        self._nothing = _Past(np.empty(0, np.int32), np.empty((0, model.vocabulary), np.float32))
        self._past = self._nothing
        self.vocabulary = model.vocabulary
        self.bos_id = model.bos_id
        self.device = account.device
        self.threads = account.threads
        self.details = account.details
        self.warnings = account.warnings
        self.kv_allocated_bytes = account.kv_cache_bytes
        self.kv_bytes_per_token = account.kv_bytes_per_token

    def tokenize(self, text: str) -> list[int]:
        return self._model.tokenize(text)

    def generate(self, token_ids: tuple[int, ...], new_tokens: int, job: JobContext) -> TokenMeasurement:
        """Greedy, from an empty context, end-of-sequence ignored."""
        if not token_ids:
            raise BadInput("There is nothing to generate from: the prompt has no tokens.")
        self._begin(token_ids, new_tokens)

        def forward(ids: Sequence[int]) -> Logits:
            self._append(ids, job)
            return self._decoder.last_row()

        return greedy(forward, token_ids, new_tokens, job)

    def feed(self, token_ids: tuple[int, ...], new_tokens: int, job: JobContext) -> TokenMeasurement:
        """llama-bench's way: no choice from the logits, arbitrary ids, a token is there when its logits are.

        Without ``token_ids`` it is llama-bench's text generation (tg), which starts from an empty context.
        """
        numbers = random.Random(0)
        arbitrary = [numbers.randrange(self.vocabulary) for _ in range(new_tokens)]
        ids: Sequence[int] = token_ids or (0 if self.bos_id is None else self.bos_id,)
        self._begin(ids, new_tokens)
        times = []
        began = time.perf_counter()
        for following in arbitrary:
            self._append(ids, job)
            self._decoder.wait()
            times.append(time.perf_counter() - began)
            ids = (following,)
        return TokenMeasurement(len(token_ids), tuple(times), tuple(arbitrary))

    def logits(self, token_ids: tuple[int, ...]) -> Logits:
        """(positions, vocabulary) float32; any length up to the context. Raises BadInput beyond it.

        What the call shares with the one before it is not computed again: the choices of one question differ
        in their last tokens only.
        """
        ids = self._checked(token_ids, 0)
        shared = self._past.shared_with(ids)
        kept = shared if self._decoder.keep(shared) else 0
        rows = np.empty((len(ids), self.vocabulary), np.float32)
        rows[:kept] = self._past.rows[:kept]
        self._past = self._nothing  # until all is done, should a piece fail
        step = min(ROWS_AT_ONCE, self._decoder.batch)
        for start in range(kept, len(ids), step):
            part = slice(start, start + step)
            self._decoder.feed_for_rows(ids[part], rows[part])
        if rows.nbytes <= _MOST_KEPT_BYTES:
            self._past = _Past(ids, rows.copy())
        return rows

    def _begin(self, ids: Sequence[int], new_tokens: int) -> None:
        """An empty context, once it is known that all will fit."""
        self._checked(ids, new_tokens)
        self._past = self._nothing
        self._decoder.clear()

    def _append(self, ids: Sequence[int], job: JobContext) -> None:
        """Decode ``ids`` behind what is in the context, in batches, with a look for a cancel before each."""
        if len(ids) == 1:
            job.check_cancelled()
            self._decoder.feed_one(ids[0])
            return
        for start in range(0, len(ids), self._decoder.batch):
            job.check_cancelled()
            self._decoder.feed(np.asarray(ids[start : start + self._decoder.batch], np.int32))

    def _checked(self, token_ids: Sequence[int], new_tokens: int) -> Ids:
        """llama.cpp answers with a bare code, or aborts, where ids or lengths do not fit."""
        ids = np.asarray(token_ids, np.int32)
        needed, room = len(ids) + new_tokens, self._decoder.context
        if needed > room:
            raise BadInput(
                f"{needed:,} tokens do not fit into the context of {room:,}.",
                "Open the model with a longer context, or hand over fewer tokens.",
            )
        if len(ids) and not (ids.min() >= 0 and ids.max() < self.vocabulary):
            raise BadInput(f"A token id lies outside the model's vocabulary of {self.vocabulary:,}.")
        return ids
