"""The exported forms of the model behind one call: ids in, logits of every position out."""

from __future__ import annotations

import ctypes
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import gguf
import llama_cpp
import numpy as np
import onnxruntime
import torch
from tasks import LogitsOf
from transformers import AutoModelForCausalLM

CONTEXT, THREADS = 512, 1


def open_hf(folder: Path) -> LogitsOf:
    """The Hugging Face folder in fp32 PyTorch."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()

    @torch.no_grad()
    def logits_of(ids: Sequence[int]) -> np.ndarray:
        return model(torch.tensor([list(ids)])).logits[0].numpy()

    return logits_of


def open_onnx(folder: Path) -> LogitsOf:
    """The genai-built ONNX model, run raw with an empty cache."""
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    past = {
        spec.name: np.zeros((1, spec.shape[1], 0, spec.shape[3]), dtype=np.float32)
        for spec in session.get_inputs()
        if spec.name.startswith("past_key_values")
    }

    def logits_of(ids: Sequence[int]) -> np.ndarray:
        row = np.array([list(ids)], dtype=np.int64)
        return session.run(["logits"], {"input_ids": row, "attention_mask": np.ones_like(row), **past})[0][0]

    return logits_of


def default_params_without_repacking() -> llama_cpp.llama_model_params:
    """Return llama.cpp's defaults, but keep the weights as they are in the file.

    Repacked for AMX, quantized weights ended in an illegal instruction on a virtual machine that names AMX
    among its processor flags. `llama_cpp.Llama` has no argument for it.
    """
    params = _DEFAULT_PARAMS()
    params.use_extra_bufts = False
    return params


_DEFAULT_PARAMS = llama_cpp.llama_cpp.llama_model_default_params
llama_cpp.llama_cpp.llama_model_default_params = default_params_without_repacking


def open_gguf(path: Path) -> tuple[LogitsOf, llama_cpp.Llama]:
    """A GGUF in llama.cpp; the second value gives its tokenizer."""
    previous: list[int] = []
    model = llama_cpp.Llama(
        str(path), n_ctx=CONTEXT, n_batch=CONTEXT, n_ubatch=CONTEXT, logits_all=True, n_threads=THREADS,
        n_threads_batch=THREADS, verbose=False,
    )  # fmt: skip

    def logits_of(ids: Sequence[int]) -> np.ndarray:
        # What is the same as in the last call stays in the cache: the choices of a task share their query.
        shared = next((at for at, (a, b) in enumerate(zip(previous, ids, strict=False)) if a != b), 0)
        model.n_tokens = shared
        model.eval(list(ids[shared:]))
        previous[:] = ids
        return model.scores[: len(ids)].copy()

    return logits_of, model


def quantize_gguf(source: Path, target: Path, file_type: int) -> None:
    """Quantize with llama.cpp; raise RuntimeError if it refuses."""
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype, params.nthread = file_type, THREADS
    if llama_cpp.llama_model_quantize(str(source).encode(), str(target).encode(), ctypes.byref(params)):
        raise RuntimeError(f"llama.cpp did not quantize {source.name}")


def tensor_types(path: Path) -> tuple[dict[str, int], float]:
    """Return how many tensors have which type, and the bits per weight over all tensors."""
    tensors = gguf.GGUFReader(path).tensors
    bits = 8 * sum(int(t.n_bytes) for t in tensors) / sum(int(t.n_elements) for t in tensors)
    return dict(Counter(t.tensor_type.name for t in tensors)), round(bits, 3)
