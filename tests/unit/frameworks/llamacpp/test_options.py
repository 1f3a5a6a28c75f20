"""Options are checked before anything native sees them."""

from __future__ import annotations

import pytest

from backends.domain.errors import BadInput
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
    assert read_open_options({}, TYPES) == OpenOptions()


def test_quantize_options_are_typed() -> None:
    options = {
        "output_tensor_type": "q8_0",
        "pure": True,
        "leave_output_tensor": True,
        "tensor_types": "ffn_down=Q8_0, attn_v=q4_k",
        "imatrix": True,
        "imatrix_chunks": 4,
    }
    assert read_quantize_options(options, TYPES) == QuantizeOptions(
        8, None, True, True, (("ffn_down", 8), ("attn_v", 12)), True, 4
    )


def test_open_options_are_typed() -> None:
    options = {"n_gpu_layers": -1, "flash_attn": "auto", "type_k": "q8_0", "n_batch": 64, "mmap": False}
    assert read_open_options(options, TYPES) == OpenOptions(-1, None, "Q8_0", "F16", 64, 512, False)
    assert read_open_options({"flash_attn": False, "repack": True}, TYPES) == OpenOptions(
        flash_attn=False, repack=True
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_bach": 4}, "no option “n_bach”"),
        ({"n_batch": "many"}, "“n_batch” cannot be “many”"),
        ({"n_batch": True}, "cannot be “True”"),
        ({"n_gpu_layers": -2}, "-1 or more"),
        ({"flash_attn": 1}, "true or false"),
        ({"type_v": "Q5"}, "ggml type"),
    ],
)
def test_nonsense_is_refused_with_what_would_do(options: dict[str, object], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        read_open_options(options, TYPES)  # type: ignore[arg-type]


def test_types_are_read_from_the_librarys_constants() -> None:
    class Api:
        GGML_TYPE_F16, GGML_TYPE_Q8_K, GGML_TYPE_I8, GGML_TYPE_COUNT, OTHER = 1, 15, 24, 43, 7

    assert type_numbers(Api) == {"F16": 1}
