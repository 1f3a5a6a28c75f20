"""Which tensors a decoder of a known class has, and in which shapes. From its ``config.json`` alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from math import prod
from typing import Any

from backends.domain.errors import BadInput

LARGEST = 2**20  # of a dimension or a count: beyond any real model


class Filling(Enum):
    """What a made tensor is filled with."""

    RANDOM = auto()  # normal, as training starts
    RESIDUAL = auto()  # normal and smaller: it is added to the stream in every layer
    ONES = auto()
    ZEROS = auto()


@dataclass(frozen=True)
class TensorShape:
    """``shape`` as PyTorch stores it: rows first."""

    name: str
    shape: tuple[int, ...]
    filling: Filling = Filling.RANDOM

    @property
    def elements(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True)
class _Layout:
    """What a class of models does its own way."""

    fused: bool = False  # q, k and v in one matrix, gate and up in another
    qkv_bias: bool = False
    head_norms: bool = False  # of q and k, over head_dim
    norms: tuple[str, ...] = ("input_layernorm", "post_attention_layernorm")
    norm: Filling = Filling.ONES  # zeros where the model adds 1 itself
    biases: bool = False  # whether "attention_bias" and "mlp_bias" of the configuration count


_LAYOUTS: Mapping[str, _Layout] = {
    "LlamaForCausalLM": _Layout(biases=True),
    "MistralForCausalLM": _Layout(),
    "Qwen2ForCausalLM": _Layout(qkv_bias=True),
    "Qwen3ForCausalLM": _Layout(head_norms=True),
    "Phi3ForCausalLM": _Layout(fused=True),
    "Gemma3ForCausalLM": _Layout(
        head_norms=True,
        norms=(
            "input_layernorm",
            "post_attention_layernorm",
            "pre_feedforward_layernorm",
            "post_feedforward_layernorm",
        ),
        norm=Filling.ZEROS,
    ),
}
_TIED_BY_DEFAULT = ("Gemma3ForCausalLM",)


@dataclass(frozen=True)
class DecoderShape:
    """The dimensions of a decoder. Made by :func:`decoder_shape` only, which checks them."""

    architecture: str
    hidden: int
    ffn: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    context: int
    tied: bool
    attention_bias: bool
    mlp_bias: bool

    @property
    def parameters(self) -> int:
        return sum(tensor.elements for tensor in self.tensors())

    def tensors(self) -> Iterator[TensorShape]:
        """All of them, under the names and in the shapes that Transformers gives them."""
        layout = _LAYOUTS[self.architecture]
        yield TensorShape("model.embed_tokens.weight", (self.vocabulary, self.hidden))
        for number in range(self.layers):
            yield from self._layer(f"model.layers.{number}", layout)
        yield TensorShape("model.norm.weight", (self.hidden,), layout.norm)
        if not self.tied:
            yield TensorShape("lm_head.weight", (self.vocabulary, self.hidden))

    def _layer(self, prefix: str, layout: _Layout) -> Iterator[TensorShape]:
        yield from self._attention(f"{prefix}.self_attn", layout)
        yield from self._feed_forward(f"{prefix}.mlp", layout)
        for name in layout.norms:
            yield TensorShape(f"{prefix}.{name}.weight", (self.hidden,), layout.norm)

    def _attention(self, prefix: str, layout: _Layout) -> Iterator[TensorShape]:
        wide, narrow = self.heads * self.head_dim, self.kv_heads * self.head_dim
        biased = layout.biases and self.attention_bias
        if layout.fused:
            yield TensorShape(f"{prefix}.qkv_proj.weight", (wide + 2 * narrow, self.hidden))
        else:
            for name, rows in (("q_proj", wide), ("k_proj", narrow), ("v_proj", narrow)):
                yield from _linear(f"{prefix}.{name}", rows, self.hidden, layout.qkv_bias or biased)
        yield from _linear(f"{prefix}.o_proj", self.hidden, wide, biased, Filling.RESIDUAL)
        if layout.head_norms:
            yield TensorShape(f"{prefix}.q_norm.weight", (self.head_dim,), layout.norm)
            yield TensorShape(f"{prefix}.k_norm.weight", (self.head_dim,), layout.norm)

    def _feed_forward(self, prefix: str, layout: _Layout) -> Iterator[TensorShape]:
        biased = layout.biases and self.mlp_bias
        if layout.fused:
            yield TensorShape(f"{prefix}.gate_up_proj.weight", (2 * self.ffn, self.hidden))
        else:
            yield from _linear(f"{prefix}.gate_proj", self.ffn, self.hidden, biased)
            yield from _linear(f"{prefix}.up_proj", self.ffn, self.hidden, biased)
        yield from _linear(f"{prefix}.down_proj", self.hidden, self.ffn, biased, Filling.RESIDUAL)


def known_architectures() -> tuple[str, ...]:
    return tuple(_LAYOUTS)


def decoder_shape(config: Mapping[str, Any]) -> DecoderShape:
    """The shape that a ``config.json`` describes. Raises BadInput for what it lacks or this cannot make."""
    architecture = _architecture(config)
    hidden, heads = _number(config, "hidden_size"), _number(config, "num_attention_heads")
    shape = DecoderShape(
        architecture=architecture,
        hidden=hidden,
        ffn=_number(config, "intermediate_size"),
        layers=_number(config, "num_hidden_layers"),
        heads=heads,
        kv_heads=_number(config, "num_key_value_heads", heads),
        head_dim=_number(config, "head_dim", hidden // heads),
        vocabulary=_number(config, "vocab_size"),
        context=_number(config, "max_position_embeddings", 2048),
        tied=bool(config.get("tie_word_embeddings", architecture in _TIED_BY_DEFAULT)),
        attention_bias=bool(config.get("attention_bias", False)),
        mlp_bias=bool(config.get("mlp_bias", False)),
    )
    if shape.heads % shape.kv_heads:
        raise BadInput(
            f"Its {shape.heads} attention heads cannot share {shape.kv_heads} key-value heads.",
            "Check num_attention_heads and num_key_value_heads in config.json.",
        )
    return shape


def _architecture(config: Mapping[str, Any]) -> str:
    named = config.get("architectures")
    first = named[0] if isinstance(named, list) and named else None
    if isinstance(first, str) and first in _LAYOUTS and not config.get("quantization_config"):
        return first
    what = f"a {str(first)[:60]}" if first else "a model that does not name its architecture"
    if first in _LAYOUTS:
        what = "a model that is quantized already"
    known = ", ".join(name.removesuffix("ForCausalLM") for name in _LAYOUTS)
    raise BadInput(
        f"No weights can be made for {what}.",
        f"Take the config.json of an unquantized model of one of these families: {known}.",
    )


def _linear(
    name: str, rows: int, columns: int, bias: bool, filling: Filling = Filling.RANDOM
) -> Iterator[TensorShape]:
    yield TensorShape(f"{name}.weight", (rows, columns), filling)
    if bias:
        yield TensorShape(f"{name}.bias", (rows,), Filling.ZEROS)


def _number(config: Mapping[str, Any], name: str, default: int | None = None) -> int:
    value = config.get(name)
    if value is None:
        value = default
    if type(value) is not int or not 0 < value <= LARGEST:
        raise BadInput(
            f"config.json gives {str(value)[:40]!r} as {name}, which is no size of a language model.",
            "Take the config.json as the model's authors published it.",
        )
    return value
