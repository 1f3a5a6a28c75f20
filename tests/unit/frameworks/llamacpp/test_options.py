"""Options are checked before anything native sees them."""

from __future__ import annotations

import re

import pytest

from backends.domain.artifact import Option
from backends.domain.errors import BadInput
from backends.domain.model import ModelKind
from backends.frameworks import registry
from backends.frameworks.llamacpp.options import (
    OpenOptions,
    QuantizeOptions,
    read_open_options,
    read_quantize_options,
    type_numbers,
)

TYPES = {"F16": 1, "Q8_0": 8, "Q4_K": 12}


def test_nothing_asked_for_leaves_everything_to_llama_cpp() -> None:
    assert read_quantize_options({}, TYPES) == QuantizeOptions()
    assert read_open_options({}) == OpenOptions()


def test_quantize_options_are_typed() -> None:
    options = {
        "output_tensor_type": "q8_0",
        "pure": True,
        "leave_output_tensor": True,
        "tensor_types": "ffn_down=Q8_0, attn_v=q4_k",
        "bits_per_weight": 5,
        "imatrix": True,
        "imatrix_chunks": 4,
    }
    assert read_quantize_options(options, TYPES) == QuantizeOptions(
        8, None, True, True, (("ffn_down", 8), ("attn_v", 12)), 5.0, True, 4
    )


def test_open_options_are_typed() -> None:
    options = {"n_gpu_layers": -1, "flash_attn": "auto", "type_k": "Q8_0", "n_batch": 64, "mmap": False}
    assert read_open_options(options) == OpenOptions(-1, None, "Q8_0", "F16", 64, 512, False)
    assert read_open_options({"flash_attn": False, "repack": True}) == OpenOptions(
        flash_attn=False, repack=True
    )


def test_the_manifests_defaults_are_those_of_the_code() -> None:
    llama = registry.manifest("llamacpp")
    assert read_open_options(llama.load_settings({}, ModelKind.LANGUAGE)) == OpenOptions()
    quantizing = llama.settings({}, ModelKind.LANGUAGE, "Q4_K_M")
    assert read_quantize_options(quantizing, TYPES) == QuantizeOptions()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"token_embedding_type": "Q9"}, "“token_embedding_type” cannot be “Q9”"),
        ({"tensor_types": "ffn_down"}, "“tensor_types” cannot be “ffn_down”"),
        ({"tensor_types": "ffn_(=Q8_0"}, "“tensor_types” cannot be"),
        ({"tensor_types": "(?P<x>a)=Q8_0"}, "“tensor_types” cannot be"),
        ({"tensor_types": "ffn_down=Q9"}, "“tensor_types” cannot be “Q9”"),
    ],
)
def test_nonsense_is_refused_with_what_would_do(options: dict[str, Option], words: str) -> None:
    with pytest.raises(BadInput, match=re.escape(words)):
        read_quantize_options(options, TYPES)


def test_every_type_of_the_library_has_its_number() -> None:
    class Api:
        GGML_TYPE_COUNT = 36

    found = type_numbers(Api)
    assert (found["F16"], found["Q8_0"], found["BF16"], found["TQ2_0"]) == (1, 8, 30, 35)
    assert not {"MXFP4", "Q8_K", "I8", "COUNT"} & set(found)
    caches = {spec.name: spec.choices for spec in registry.manifest("llamacpp").load_options}
    assert set(caches["type_k"]) | set(caches["type_v"]) <= set(found)
