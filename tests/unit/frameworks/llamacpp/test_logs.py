"""llama.cpp's log lines, recorded from 0.3.36 (ggml 0.25) with stories260K, and what is read from them."""

from __future__ import annotations

import pytest

from backends.frameworks.llamacpp import loadlog, quantlog
from backends.frameworks.llamacpp.quantlog import Fallback

DRY_RUN = [
    "warning: blk.0.attn_k.weight                  - ncols     64 not divisible by 256 ",
    "(required for type    q4_K) ",
    "-> falling back to    q5_0\n",
    "warning: blk.0.ffn_down.weight                - ncols    172 not divisible by 256 ",
    "(required for type    q6_K) ",
    "(WARNING: must use F16 due to unusual shape) ",
    "-> falling back to     f16\n",
    "[   1/   4] blk.0.attn_k.weight                  - [   64,    32,     1,     1], type =    f32, ",
    "size =     0.01 MiB ->     0.00 MiB (q5_0)\n",
    "[   2/   4] blk.0.attn_norm.weight               - [   64,     1,     1,     1], type =    f32, ",
    "size =    0.000 MiB\n",
    "[   3/   4] blk.0.ffn_down.weight                - [  172,    64,     1,     1], type =    f32, ",
    "size =     0.04 MiB ->     0.02 MiB (f16)\n",
    "[   4/   4] token_embd.weight                    - [  512,   512,     1,     1], type =    f32, ",
    "size =     1.00 MiB ->     0.26 MiB (q8_0)\n",
    "llama_model_quantize_impl: model size  =     1.05 MiB (32.00 BPW)\n",
    "llama_model_quantize_impl: quant size  =     0.28 MiB (9.35 BPW)\n",
    "llama_model_quantize_impl: WARNING: 2 of 4 tensor(s) required fallback quantization\n",
]


def test_a_plan_tells_types_sizes_and_fallbacks() -> None:
    plan = quantlog.read_plan(DRY_RUN)
    assert [(t.name, t.source, t.target) for t in plan.tensors] == [
        ("blk.0.attn_k.weight", "f32", "q5_0"),
        ("blk.0.attn_norm.weight", "f32", "f32"),
        ("blk.0.ffn_down.weight", "f32", "f16"),
        ("token_embd.weight", "f32", "q8_0"),
    ]
    assert plan.fallbacks == (Fallback("q4_K", "q5_0"), Fallback("q6_K", "f16"))
    assert plan.size_bytes == int(0.28 * 1024 * 1024)
    assert len(plan.matrices) == 3
    assert plan.changes
    assert plan.requantized == ()
    assert not plan.needs_imatrix


def test_progress_goes_by_elements() -> None:
    plan = quantlog.read_plan(DRY_RUN)
    assert plan.done(0) == 0
    assert plan.done(3) == pytest.approx((64 * 32 + 64 + 172 * 64) / (64 * 32 + 64 + 172 * 64 + 512 * 512))
    assert quantlog.begun(DRY_RUN[13]) == (3, "token_embd.weight")
    assert quantlog.begun(DRY_RUN[14]) is None


def test_the_fallback_sentence_counts() -> None:
    sentence = quantlog.fallback_warning(quantlog.read_plan(DRY_RUN))
    assert sentence.startswith("2 of 3 weight matrices fell back to other types (1 × Q5_0, 1 × F16)")
    assert "Q4_K and Q6_K" in sentence
    assert quantlog.fallback_warning(quantlog.read_plan(DRY_RUN[7:])) == ""


def test_an_already_quantized_source_is_seen() -> None:
    lines = [
        "[   1/   1] token_embd.weight - [  512,   512,     1,     1], type =   q8_0, size = 0.26 MiB -> "
    ]
    plan = quantlog.read_plan([*lines, "0.14 MiB (q4_0)\n"])
    assert plan.requantized == ("Q8_0",)


def test_needing_an_importance_matrix_is_seen() -> None:
    assert quantlog.read_plan(
        ["... actually completing this quantization will require an imatrix!\n"]
    ).needs_imatrix


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["x: failed to quantize: tensor data is out of bounds\n"], "tensor data is out of bounds"),
        (
            ["x: failed to quantize: this quantization requires an imatrix!\n"],
            "this quantization requires an imatrix",
        ),
        (["all well\n"], ""),
    ],
)
def test_why_it_gave_up(lines: list[str], reason: str) -> None:
    assert quantlog.failure(lines) == reason


def test_types_that_are_not_quantized() -> None:
    assert not any(map(quantlog.is_quantized, ("F32", "f16", "bf16")))
    assert all(map(quantlog.is_quantized, ("Q4_K_M", "q8_0", "IQ1_S")))


LOADING = [
    "load_tensors: offloaded 5/7 layers to GPU\n",
    "load_tensors:        AMX model buffer size =     0.04 MiB\n",
    "load_tensors:   CPU_Mapped model buffer size =  1234.50 MiB\n",
    "llama_kv_cache:        CPU KV buffer size =    12.00 MiB\n",
    "llama_kv_cache:      CUDA0 KV buffer size =    20.00 MiB\n",
    "resolve_fused_ops: Flash Attention enabled\n",
]


def test_a_load_report() -> None:
    report = loadlog.read_report(LOADING)
    assert report.weights == (("AMX", 0.04), ("CPU_Mapped", 1234.5))
    assert report.cache_bytes == 32 * 1024 * 1024
    assert report.offloaded == (5, 7)
    assert report.flash_attention is True
    assert report.error == ""
    assert report.sentences == ("weights in AMX 0.0 MiB, CPU_Mapped 1,234.5 MiB", "5 of 7 layers on a GPU")


def test_a_load_report_of_a_failure() -> None:
    report = loadlog.read_report(
        ["llama_model_load: error loading model: tensor 'x' data is not within the file bounds\n"]
    )
    assert report.error == "tensor 'x' data is not within the file bounds"
    assert report.sentences == ()
    assert report.flash_attention is None
    assert loadlog.read_report(["Flash Attention not supported, set to disabled"]).flash_attention is False
