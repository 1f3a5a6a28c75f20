"""A language model of a real shape with random weights, as a GGUF file: speed needs no meaning.

The shape is that of the common 0.5 B models (hidden 896, 24 layers, 14 heads over 2 key/value heads, tied
embeddings), with 32,000 entries in its vocabulary: 386 million weights, 0.8 GB in F16.
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

HIDDEN, FEED_FORWARD, LAYERS, HEADS, KV_HEADS, VOCABULARY, CONTEXT = 896, 4864, 24, 14, 2, 32_000, 4096
SEED = 20261121
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6  # kinds of pieces


def write(path: Path, layers: int = LAYERS) -> Path:
    """Write the model to ``path`` unless it is there; returns ``path``."""
    if path.is_file():
        return path
    unfinished = path.with_name(path.name + ".part")
    writer = gguf.GGUFWriter(unfinished, "llama")
    _describe(writer, layers)
    _weights(writer, layers)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    unfinished.rename(path)
    return path


def _describe(writer: gguf.GGUFWriter, layers: int) -> None:
    writer.add_name("random weights of a 0.5 B shape")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_block_count(layers)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_dimension_count(HIDDEN // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    named = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    kinds = [_UNKNOWN, _CONTROL, _CONTROL, *[_BYTE] * 256]
    letters = ["\u2581", *map(chr, range(33, 127))]  # so that any plain text has ids
    rest = VOCABULARY - len(named)
    made_up = (f"\u2581w{number}" for number in range(rest - len(letters)))
    writer.add_tokenizer_model("llama")
    writer.add_token_list([*named, *letters, *made_up])
    writer.add_token_scores([0.0] * len(named) + [-float(number) for number in range(rest)])
    writer.add_token_types([*kinds, *[_NORMAL] * rest])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)


def _weights(writer: gguf.GGUFWriter, layers: int) -> None:
    generator = np.random.default_rng(SEED)

    def matrix(name: str, rows: int, columns: int) -> None:
        values = generator.standard_normal((rows, columns), dtype=np.float32) / np.sqrt(columns)
        writer.add_tensor(name, values.astype(np.float16))

    matrix("token_embd.weight", VOCABULARY, HIDDEN)
    writer.add_tensor("output_norm.weight", np.ones(HIDDEN, np.float32))
    narrow = HIDDEN // HEADS * KV_HEADS
    shapes = {
        "attn_q": (HIDDEN, HIDDEN),
        "attn_k": (narrow, HIDDEN),
        "attn_v": (narrow, HIDDEN),
        "attn_output": (HIDDEN, HIDDEN),
        "ffn_gate": (FEED_FORWARD, HIDDEN),
        "ffn_up": (FEED_FORWARD, HIDDEN),
        "ffn_down": (HIDDEN, FEED_FORWARD),
    }
    for layer in range(layers):
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", np.ones(HIDDEN, np.float32))
        for name, (rows, columns) in shapes.items():
            matrix(f"blk.{layer}.{name}.weight", rows, columns)
