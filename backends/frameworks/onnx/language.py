"""An open language model: the key/value cache, prefill and decode over an ``InferenceSession``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.domain.artifact import LoadOptions
from backends.domain.errors import BadInput
from backends.domain.metric import TokenMeasurement
from backends.frameworks.base import JobContext
from backends.frameworks.generation import check_context, greedy

CACHE_INPUT, CACHE_OUTPUT = "past_key_values.", "present."
KNOWN_INPUTS = ("input_ids", "attention_mask", "position_ids")
CACHE_TYPES: dict[str, Any] = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


class OnnxLanguageSession:
    """Feeds ids with growing context. ``errors``: what the library raises.

    Where the graph's attention can, past and present share one buffer of full length, so that a step writes
    one row instead of copying the whole cache. A graph that appends by Concat makes a longer tensor, which
    the library refuses to put into that buffer; it gets its cache handed round as it comes.
    """

    def __init__(
        self,
        session: Any,
        options: LoadOptions,
        tokenize: Callable[[], Callable[[str], list[int]]],
        threads: int,
        details: tuple[str, ...],
        errors: tuple[type[Exception], ...],
    ) -> None:
        self._session = session
        self._binding = session.io_binding()
        self._load_tokenizer = tokenize
        self._tokenize: Callable[[str], list[int]] | None = None
        self._cache_inputs = [entry for entry in session.get_inputs() if entry.name.startswith(CACHE_INPUT)]
        self._takes = {entry.name for entry in session.get_inputs()}
        logits = next((entry for entry in session.get_outputs() if entry.name == "logits"), None)
        self.vocabulary = _declared(logits)
        self._logits_type = CACHE_TYPES.get(getattr(logits, "type", ""), np.float32)
        self._context = max(1, options.context)
        self._length = 0
        self.device = options.device
        self.threads = threads
        self.warnings: tuple[str, ...] = ()
        self._check_inputs()
        self._buffers = {entry.name: self._buffer(entry) for entry in self._cache_inputs}
        self._shares = self._try_sharing(errors)
        cache = "one shared buffer" if self._shares else "copied at every step"
        self.details = (*details, f"Key/value cache: {cache}")

    def tokenize(self, text: str) -> list[int]:
        if self._tokenize is None:
            self._tokenize = self._load_tokenizer()
        return self._tokenize(text)

    def generate(self, token_ids: tuple[int, ...], new_tokens: int, job: JobContext) -> TokenMeasurement:
        self._begin(len(token_ids) + new_tokens)
        return greedy(lambda ids: self._forward(ids)[-1], token_ids, new_tokens, job)

    def logits(self, token_ids: tuple[int, ...]) -> NDArray[np.float32]:
        self._begin(len(token_ids))
        return self._forward(token_ids)

    @property
    def kv_bytes_per_token(self) -> float:
        return sum(buffer.nbytes for buffer in self._buffers.values()) / self._context

    @property
    def kv_allocated_bytes(self) -> int:
        """A cache that is copied at every step is as long as the text; its buffers are never touched."""
        return int(self.kv_bytes_per_token * (self._context if self._shares else self._length))

    def _check_inputs(self) -> None:
        unknown = [
            name for name in self._takes if name not in KNOWN_INPUTS and not name.startswith(CACHE_INPUT)
        ]
        if unknown or not self._cache_inputs or "input_ids" not in self._takes or not self.vocabulary:
            what = (
                f"inputs that are not known here: {', '.join(unknown)}" if unknown else "no key/value cache"
            )
            raise BadInput(
                f"The ONNX model cannot be run as a language model; it has {what}.",
                "Convert it anew from the Hugging Face folder.",
            )

    def _try_sharing(self, errors: tuple[type[Exception], ...]) -> bool:
        """One token tells whether the graph writes into the shared buffer."""
        for shares in (True, False):
            self._shares = shares
            self._begin(1)
            try:
                self._forward((0,))
            except errors as error:
                if shares:
                    continue
                raise BadInput(f"ONNX Runtime cannot run this model: {_reason(error)}") from error
            return shares
        raise AssertionError("the second round returns or raises")

    def _buffer(self, entry: Any) -> NDArray[Any]:
        return np.zeros((1, entry.shape[1], self._context, entry.shape[3]), CACHE_TYPES[entry.type])

    def _begin(self, length: int) -> None:
        """An empty context, in which ``length`` tokens shall find room."""
        check_context(length, self._context)
        self._length = 0
        self._binding.clear_binding_inputs()
        self._binding.clear_binding_outputs()
        for name, buffer in self._buffers.items():
            past = (
                buffer if self._shares else np.zeros((1, buffer.shape[1], 0, buffer.shape[3]), buffer.dtype)
            )
            self._binding.bind_cpu_input(name, past)
            present = name.replace(CACHE_INPUT, CACHE_OUTPUT)
            if self._shares:
                self._bind_output(present, buffer)
            else:
                self._binding.bind_output(present, "cpu")

    def _forward(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Append ids to the context. Returns (ids, vocabulary)."""
        start, self._length = self._length, self._length + len(ids)
        feed = {
            "input_ids": np.array([ids], dtype=np.int64),
            "attention_mask": np.ones((1, self._length), dtype=np.int64),
            "position_ids": np.arange(start, self._length, dtype=np.int64)[None],
        }
        for name in self._takes & feed.keys():
            self._binding.bind_cpu_input(name, feed[name])
        logits = np.empty((1, len(ids), self.vocabulary), self._logits_type)
        self._bind_output("logits", logits)
        self._session.run_with_iobinding(self._binding)
        if not self._shares:
            # Outputs come back in the order in which they were bound first.
            for name, present in zip(self._buffers, self._binding.get_outputs(), strict=False):
                self._binding.bind_ortvalue_input(name, present)
                # Else the next, longer present would be written into this one's memory.
                self._binding.bind_output(name.replace(CACHE_INPUT, CACHE_OUTPUT), "cpu")
        rows: NDArray[np.float32] = logits[0].astype(np.float32, copy=False)
        return rows

    def _bind_output(self, name: str, array: NDArray[Any]) -> None:
        self._binding.bind_output(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)


def _declared(logits: Any) -> int:
    """The vocabulary, or 0 where the graph does not tell."""
    size = logits.shape[-1] if logits is not None else 0
    return size if isinstance(size, int) else 0


def _reason(error: Exception) -> str:
    """The library's last words without codes and node paths."""
    return str(error).rsplit("Status Message:", 1)[-1].strip().rstrip(".") + "."
