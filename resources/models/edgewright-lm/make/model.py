"""Llama in plain PyTorch, with the parameter names of Hugging Face's `LlamaForCausalLM`."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Size of the constant that every embedding starts with, and gains of the prepared attention heads.
CONSTANT, OFFSET_GAIN, MATCH_GAIN, FAST_PAIRS = 4.0, 1.4, 1.75, 6


@dataclass(frozen=True)
class Shape:
    """Row lengths (hidden, ffn) are multiples of 256: K-quants need that."""

    vocabulary: int = 1536
    hidden: int = 256
    ffn: int = 768
    layers: int = 5
    heads: int = 4
    kv_heads: int = 2
    positions: int = 1024
    rope_theta: float = 10000.0
    norm_eps: float = 1e-5

    @property
    def head_dim(self) -> int:
        return self.hidden // self.heads


def rope_tables(shape: Shape, length: int) -> tuple[Tensor, Tensor]:
    """Return cos and sin, each (length, head_dim), for the half-rotation layout."""
    steps = torch.arange(0, shape.head_dim, 2, dtype=torch.float32) / shape.head_dim
    angles = torch.outer(torch.arange(length, dtype=torch.float32), shape.rope_theta**-steps)
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Apply rotary position embedding to x (batch, heads, length, head_dim)."""
    left, right = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-right, left), dim=-1) * sin


class Attention(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        kv_width = shape.kv_heads * shape.head_dim
        self.q_proj = nn.Linear(shape.hidden, shape.hidden, bias=False)
        self.k_proj = nn.Linear(shape.hidden, kv_width, bias=False)
        self.v_proj = nn.Linear(shape.hidden, kv_width, bias=False)
        self.o_proj = nn.Linear(shape.hidden, shape.hidden, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        batch, length, _ = x.shape
        q, k, v = (
            proj(x).view(batch, length, -1, self.shape.head_dim).transpose(1, 2)
            for proj in (self.q_proj, self.k_proj, self.v_proj)
        )
        repeats = self.shape.heads // self.shape.kv_heads
        k = rotate(k, cos, sin).repeat_interleave(repeats, dim=1)
        v = v.repeat_interleave(repeats, dim=1)
        mixed = F.scaled_dot_product_attention(rotate(q, cos, sin), k, v, is_causal=True)
        return self.o_proj(mixed.transpose(1, 2).reshape(batch, length, -1))


class FeedForward(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.hidden, shape.ffn, bias=False)
        self.up_proj = nn.Linear(shape.hidden, shape.ffn, bias=False)
        self.down_proj = nn.Linear(shape.ffn, shape.hidden, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(shape.hidden, eps=shape.norm_eps)
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = nn.RMSNorm(shape.hidden, eps=shape.norm_eps)
        self.mlp = FeedForward(shape)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        return x + self.mlp(self.post_attention_layernorm(x))


class Body(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(shape.vocabulary, shape.hidden)
        self.layers = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.hidden, eps=shape.norm_eps)


def prepare_lookup(layers: list[Attention], shape: Shape) -> None:
    """Start the attention as a lookup: "what stood after this word earlier in the text?"

    Found by training alone, this circuit takes far more tokens than there are here. In the first layer head h
    looks h + 1 positions back, by rotary phase; in layer n the first half of the heads looks for positions whose
    n-th predecessor is like the current token and copies what is there; the other half looks for the same token.
    """
    size, half = shape.head_dim, shape.head_dim // 2
    group = shape.heads // shape.kv_heads
    angles = shape.rope_theta ** -(torch.arange(half) / half)
    first = layers[0]
    values = [orthogonal(size, shape.hidden) for _ in range(shape.kv_heads)]
    outputs = orthogonal(shape.hidden, shape.hidden)
    first.v_proj.weight.copy_(torch.cat(values))
    first.o_proj.weight.copy_(outputs)
    for kv in range(shape.kv_heads):
        first.k_proj.weight[kv * size : kv * size + FAST_PAIRS, 0] += OFFSET_GAIN
    for head in range(shape.heads):
        phase = (head + 1) * angles[:FAST_PAIRS]
        first.q_proj.weight[head * size : head * size + FAST_PAIRS, 0] += OFFSET_GAIN * phase.cos()
        at = head * size + half
        first.q_proj.weight[at : at + FAST_PAIRS, 0] -= OFFSET_GAIN * phase.sin()
    for number, layer in enumerate(layers[1:]):
        source = number % shape.heads
        seen = outputs[:, source * size : (source + 1) * size].T
        prepare_match(layer, values[source // group], [seen, values[source // group]], shape)


def prepare_match(layer: Attention, query: Tensor, keys: list[Tensor], shape: Shape) -> None:
    """Let the queries match keys[kv]; only slow rotary pairs take part, so that distance hardly matters."""
    size, half, group = shape.head_dim, shape.head_dim // 2, shape.heads // shape.kv_heads
    slow = torch.cat((torch.arange(half // 2, half), torch.arange(half // 2, half) + half))
    mix = MATCH_GAIN * orthogonal(len(slow), size)
    for kv, key in enumerate(keys):
        layer.k_proj.weight[kv * size + slow] += mix @ key
        copied = orthogonal(size, shape.hidden)
        layer.v_proj.weight[kv * size : (kv + 1) * size].copy_(copied)
        for head in range(kv * group, (kv + 1) * group):
            layer.q_proj.weight[head * size + slow] += mix @ query
            layer.o_proj.weight[:, head * size : (head + 1) * size] = copied.T / group


def orthogonal(rows: int, columns: int) -> Tensor:
    """Return a random matrix with orthonormal rows (or columns)."""
    return nn.init.orthogonal_(torch.empty(rows, columns))


class Llama(nn.Module):
    """Decoder with an output matrix of its own; `forward` maps ids (batch, length) to logits (batch, length, vocabulary)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.model = Body(shape)
        self.lm_head = nn.Linear(shape.hidden, shape.vocabulary, bias=False)
        cos, sin = rope_tables(shape, shape.positions)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self._initialise()

    @torch.no_grad()
    def _initialise(self) -> None:
        for name, parameter in self.named_parameters():
            if name.endswith("down_proj.weight"):
                nn.init.zeros_(parameter)
            elif parameter.dim() == 2:
                nn.init.normal_(parameter, std=0.02 if "attn" in name else self.shape.hidden**-0.5)
        embedding = self.model.embed_tokens.weight
        nn.init.normal_(embedding, std=1.0)
        embedding[:, 0] = CONSTANT
        self.lm_head.weight.copy_(0.05 * embedding)
        self.lm_head.weight[:, 0] = 0.0
        prepare_lookup([block.self_attn for block in self.model.layers], self.shape)

    def forward(self, ids: Tensor) -> Tensor:
        length = ids.shape[1]
        x = self.model.embed_tokens(ids)
        for block in self.model.layers:
            x = block(x, self.cos[:length], self.sin[:length])
        return self.lm_head(self.model.norm(x))
