"""The importance matrix: how strongly each column of each weight matrix is used on calibration text.

For every matrix multiplication of the model the squares of the incoming activations are summed up by column
and divided by the number of rows; quantization then spends its precision where they are large. The same
quantity as llama.cpp's own imatrix tool (tools/imatrix), which the Python package does not carry. Each expert
has sums of its own, over the tokens that are led to it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.domain.errors import BadInput, JobFailed
from backends.frameworks.llamacpp.decoder import Decoder, Shape
from backends.frameworks.llamacpp.model import Model
from backends.frameworks.llamacpp.options import OpenOptions
from backends.frameworks.llamacpp.tensor import (
    F32,
    GgmlTensor,
    expert_matmul_code,
    float_rows,
    matmul_code,
    source,
    values,
)

CHUNK_TOKENS = 512
_LEAST_ROWS = 16  # smaller multiplications (a lone last token) say nothing, as in llama.cpp's tool
_MOST_TEXT_BYTES = 4_000_000

Importance = dict[
    str, NDArray[np.float32]
]  # weight name -> mean square of each input column, experts in turn


@dataclass
class Collector:
    """Sees every tensor of a graph as it is computed, and adds up what flows into the weight matrices."""

    matmul: int
    expert_matmul: int = -1
    sums: dict[str, NDArray[np.float64]] = field(default_factory=dict)  # (experts, columns)
    rows: dict[str, NDArray[np.int64]] = field(default_factory=dict)  # (experts,)
    error: Exception | None = None

    def observe(self, address: int, asking: bool, _: Any) -> bool:
        """Asked before a tensor is computed whether it is wanted, and called again when it is there."""
        try:
            tensor = GgmlTensor.from_address(address)
            if asking:
                return self._wanted(tensor)
            name, activations = source(tensor, 0).name.decode(), source(tensor, 1)
            if tensor.op == self.matmul:
                self._add(name, float_rows(activations), 0, 1)
            else:
                self._add_experts(name, source(tensor, 0).ne[2], activations, source(tensor, 2))
        except Exception as error:  # noqa: BLE001 - nothing may be raised through native code
            self.error = error
        return True

    def importance(self) -> Importance:
        return {name: _mean(total, self.rows[name]) for name, total in self.sums.items()}

    def _wanted(self, tensor: GgmlTensor) -> bool:
        if tensor.op not in (self.matmul, self.expert_matmul):
            return False
        weight, activations = source(tensor, 0), source(tensor, 1)
        if not weight.name.startswith(b"blk.") or activations.type != F32:
            return False
        if tensor.op == self.expert_matmul:
            return bool(activations.ne[2] >= _LEAST_ROWS)
        return bool(weight.ne[2] * weight.ne[3] == 1 and activations.ne[1] >= _LEAST_ROWS)

    def _add_experts(self, name: str, experts: int, activations: GgmlTensor, chosen: GgmlTensor) -> None:
        """``activations`` (tokens, 1 or as many as chosen, columns), ``chosen`` (tokens, experts a token)."""
        flowing = values(activations, np.float32)[0]
        led_to = values(chosen, np.int32)[0, 0]
        flowing = np.broadcast_to(flowing, (*led_to.shape, flowing.shape[-1]))
        for expert in np.unique(led_to):
            self._add(name, flowing[led_to == expert], int(expert), experts)

    def _add(self, name: str, activations: NDArray[np.float32], expert: int, experts: int) -> None:
        squares = np.einsum("rc,rc->c", activations, activations, dtype=np.float64)
        totals = self.sums.setdefault(name, np.zeros((experts, len(squares))))
        totals[expert] += squares
        self.rows.setdefault(name, np.zeros(experts, np.int64))[expert] += len(activations)


def _mean(totals: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Flat; an expert that no token was led to gets what the others have on average."""
    usual = totals.sum(0) / max(1, int(rows.sum()))
    known = totals / np.maximum(rows, 1)[:, None]
    mean: NDArray[np.float32] = np.where(rows[:, None] > 0, known, usual).astype(np.float32).reshape(-1)
    return mean


def collect(
    api: Any,
    ggml_base: Any,
    model: Model,
    text: Path,
    chunks: int,
    threads: int,
    step: Callable[[float], None],
) -> tuple[Importance, int]:
    """Importance by weight name, and how many tokens it rests on. ``step`` hears the fraction done.

    Raises BadInput for text that is missing or too short, JobFailed where this build cannot be observed.
    """
    code = matmul_code(ggml_base)
    if code is None:
        raise JobFailed(
            "This version of llama.cpp lays out its tensors in an unknown way; activations cannot be read.",
            "Install the version of llama-cpp-python that Edgewright names, or choose a precision without "
            "importance matrix.",
        )
    pieces = chunked(model.tokenize(read_text(text)), chunks, model.bos_id)
    if not pieces:
        raise BadInput(
            f"The calibration text “{text}” has fewer than {CHUNK_TOKENS} tokens.", "Give a longer text."
        )
    collector = Collector(code, expert_matmul_code(ggml_base, code))
    callback = api.ggml_backend_sched_eval_callback(collector.observe)
    _run_all(api, model, pieces, threads, callback, step)
    if collector.error is not None:
        raise JobFailed("Activations could not be read.", details=repr(collector.error))
    return collector.importance(), sum(map(len, pieces))


def _run_all(
    api: Any,
    model: Model,
    pieces: list[NDArray[np.int32]],
    threads: int,
    callback: Any,
    step: Callable[[float], None],
) -> None:
    options = OpenOptions(n_batch=CHUNK_TOKENS, n_ubatch=CHUNK_TOKENS)
    shape = Shape(CHUNK_TOKENS, threads, options, api.GGML_TYPE_F16, api.GGML_TYPE_F16, CHUNK_TOKENS)
    decoder = Decoder(api, model.pointer, shape, callback)
    try:
        for done, piece in enumerate(pieces):
            step(done / len(pieces))
            decoder.clear()
            decoder.feed_whole(piece)
    finally:
        decoder.close()


def read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_TEXT_BYTES).decode(errors="ignore")
    except OSError as error:
        raise BadInput(
            f"The calibration text “{path}” cannot be read: {error.strerror}.", "Choose a text file."
        ) from error


def chunked(ids: list[int], most: int, bos_id: int | None) -> list[NDArray[np.int32]]:
    """Whole chunks only; each begins with the beginning-of-text token where the model expects one."""
    count = min(most, len(ids) // CHUNK_TOKENS)
    pieces = [np.array(ids[i * CHUNK_TOKENS : (i + 1) * CHUNK_TOKENS], np.int32) for i in range(count)]
    for piece in pieces:
        if bos_id is not None:
            piece[0] = bos_id
    return pieces


def native(api: Any, importance: Importance) -> Any:
    """As ``llama_model_quantize`` wants it: an array that ends with a nameless entry."""
    entries = (api.llama_model_imatrix_data * (len(importance) + 1))()
    for entry, (name, columns) in zip(entries, importance.items(), strict=False):
        entry.name = name.encode()
        entry.data = np.ascontiguousarray(columns).ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        entry.size = columns.size
    return entries
