"""A tiny Llama as a Hugging Face folder, made on the spot: random weights, always the same."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.contract.onnx_models import VOCABULARY, tokenizer
from tests.contract.tiny_models import (
    BOS_ID,
    CONTEXT,
    FEED_FORWARD,
    HEADS,
    HIDDEN,
    KV_HEADS,
    LAYERS,
)

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "dtype": "float16",
    "vocab_size": VOCABULARY,
    "hidden_size": HIDDEN,
    "intermediate_size": FEED_FORWARD,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": KV_HEADS,
    "head_dim": HIDDEN // HEADS,
    "max_position_embeddings": CONTEXT,
    "rms_norm_eps": 1e-5,
    "hidden_act": "silu",
    "rope_theta": 10_000.0,
    "tie_word_embeddings": False,
    "bos_token_id": BOS_ID,
    "eos_token_id": 2,
}
TOKENIZER = {
    "tokenizer_class": "LlamaTokenizer",
    "bos_token": "<s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
}


def language_hf(folder: Path) -> Path:
    """Two layers in F16, with a SentencePiece tokenizer."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(TOKENIZER), encoding="utf-8")
    (folder / "tokenizer.model").write_bytes(tokenizer())
    random = np.random.default_rng(0)
    weights = {name: random.standard_normal(shape) * shape[1] ** -0.5 for name, shape in _matrices().items()}
    norms = {f"{name}.weight": np.ones(HIDDEN) for name in _norms()}
    _write_safetensors(
        folder / "model.safetensors",
        {name: array.astype(np.float16) for name, array in {**weights, **norms}.items()},
    )
    return folder


def _matrices() -> dict[str, tuple[int, int]]:
    """Name → (outputs, inputs)."""
    kv = HIDDEN // HEADS * KV_HEADS
    layer = {
        "self_attn.q_proj": (HIDDEN, HIDDEN),
        "self_attn.k_proj": (kv, HIDDEN),
        "self_attn.v_proj": (kv, HIDDEN),
        "self_attn.o_proj": (HIDDEN, HIDDEN),
        "mlp.gate_proj": (FEED_FORWARD, HIDDEN),
        "mlp.up_proj": (FEED_FORWARD, HIDDEN),
        "mlp.down_proj": (HIDDEN, FEED_FORWARD),
    }
    blocks = {
        f"model.layers.{i}.{name}.weight": shape for i in range(LAYERS) for name, shape in layer.items()
    }
    ends = dict.fromkeys(("model.embed_tokens.weight", "lm_head.weight"), (VOCABULARY, HIDDEN))
    return {**ends, **blocks}


def _norms() -> list[str]:
    parts = ("input_layernorm", "post_attention_layernorm")
    return ["model.norm", *(f"model.layers.{i}.{part}" for i in range(LAYERS) for part in parts)]


def _write_safetensors(path: Path, tensors: Mapping[str, NDArray[np.float16]]) -> None:
    """The length of the header, the header, the arrays one after the other."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, array in tensors.items():
        begin, end = end, end + array.nbytes
        header[name] = {"dtype": "F16", "shape": array.shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    path.write_bytes(b"".join([struct.pack("<Q", len(text)), text, *(a.tobytes() for a in tensors.values())]))
