"""One llama.cpp context: token ids in, logits out. Knows nothing of text, timing or jobs."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.domain.errors import JobFailed
from backends.frameworks.llamacpp.options import OpenOptions

# Rows of logits that one call may yield. llama.cpp's own default, the whole batch, reserves memory for
# batch × vocabulary floats that generation never needs (300 MB at 150,000 tokens).
ROWS_AT_ONCE = 64

_FLASH = {None: -1, False: 0, True: 1}  # enum llama_flash_attn_type

Ids = NDArray[np.int32]
Logits = NDArray[np.float32]


@dataclass(frozen=True)
class Shape:
    """How large the context is and how it computes."""

    context: int
    threads: int
    options: OpenOptions
    type_k: int
    type_v: int
    rows: int = ROWS_AT_ONCE  # rows of logits that one call may yield; llama.cpp aborts on more


class Decoder:
    """Close it before the model it was made from. ``observe`` is a native callback that sees every tensor."""

    def __init__(self, api: Any, model: Any, shape: Shape, observe: Any = None) -> None:
        self._api = api
        params = _context_params(api, shape)
        if observe is not None:
            params.cb_eval = observe
        self._context = api.llama_init_from_model(model, params)
        if not self._context:
            raise JobFailed(
                "llama.cpp could not set up the model for running.",
                "Memory may be short for this context length, or these KV-cache types may not go together.",
            )
        self._memory = api.llama_get_memory(self._context)
        self.context: int = api.llama_n_ctx(self._context)
        self.batch: int = api.llama_n_batch(self._context)
        self.vocabulary: int = api.llama_vocab_n_tokens(api.llama_model_get_vocab(model))
        self._row_type = ctypes.c_float * self.vocabulary
        self._one = np.zeros(1, np.int32)
        self._one_batch = self._batch_of(self._one)

    def close(self) -> None:
        self._api.llama_free(self._context)

    def clear(self) -> None:
        """Forget all tokens. The cache's contents stay as rubbish that nothing refers to."""
        self._api.llama_memory_clear(self._memory, False)

    def keep(self, tokens: int) -> bool:
        """Forget all but the first ``tokens``. False where the memory cannot be cut: nothing is kept."""
        if tokens and self._api.llama_memory_seq_rm(self._memory, 0, tokens, -1):
            return True
        self.clear()
        return not tokens

    def feed(self, ids: Ids) -> None:
        """Decode up to ``batch`` ids; logits are kept for the last of them."""
        self._decode(self._batch_of(ids))

    def feed_one(self, token: int) -> None:
        """The same for a single id, with nothing to allocate: this is what decoding is timed with."""
        self._one[0] = token
        self._decode(self._one_batch)

    def feed_whole(self, ids: Ids) -> None:
        """Decode up to ``Shape.rows`` ids, every one to the last layer: logits are kept for each."""
        batch = self._batch_of(ids)
        wanted = np.ones(len(ids), np.int8)
        batch.logits = wanted.ctypes.data_as(ctypes.POINTER(ctypes.c_int8))
        self._decode(batch)

    def feed_for_rows(self, ids: Ids, out: Logits) -> None:
        """The same, and write the logits to ``out`` (ids, vocabulary)."""
        self.feed_whole(ids)
        rows = self._api.llama_get_logits(self._context)
        out[:] = np.ctypeslib.as_array(rows, (len(ids), self.vocabulary))

    def last_row(self) -> Logits:
        """The logits after the last id, (vocabulary,): a view until the next call. Waits for them."""
        row = self._api.llama_get_logits_ith(self._context, -1)
        address = ctypes.addressof(row.contents)
        return np.frombuffer(self._row_type.from_address(address), np.float32)

    def wait(self) -> None:
        """Until the logits are there."""
        self._api.llama_synchronize(self._context)

    def _batch_of(self, ids: Ids) -> Any:
        """Positions and the one sequence are left to llama.cpp, which continues where it is."""
        tokens = ids.ctypes.data_as(ctypes.POINTER(ctypes.c_int32))
        return self._api.llama_batch_get_one(tokens, len(ids))

    def _decode(self, batch: Any) -> None:
        code = self._api.llama_decode(self._context, batch)
        if code != 0:
            raise JobFailed(f"llama.cpp could not run the model (code {code}).", "See the details.")


def _context_params(api: Any, shape: Shape) -> Any:
    params = api.llama_context_default_params()
    params.n_ctx = shape.context
    params.n_batch = shape.options.n_batch
    params.n_ubatch = min(shape.options.n_ubatch, shape.options.n_batch)
    params.n_outputs_max = shape.rows
    params.n_threads = params.n_threads_batch = shape.threads
    params.flash_attn_type = _FLASH[shape.options.flash_attn]
    params.type_k, params.type_v = shape.type_k, shape.type_v
    params.no_perf = True
    return params
