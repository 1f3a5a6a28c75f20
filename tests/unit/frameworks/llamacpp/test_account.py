"""What an opened model says of itself."""

from __future__ import annotations

import pytest

from backends.domain.errors import BadInput
from backends.frameworks.llamacpp import account
from backends.frameworks.llamacpp.devices import Device, pick
from backends.frameworks.llamacpp.loadlog import LoadReport
from backends.frameworks.llamacpp.options import OpenOptions

MIB = 1024 * 1024


def report(offloaded: int | None = None, flash: bool | None = None) -> LoadReport:
    return LoadReport((("CPU", 1.0),), (), None if offloaded is None else (offloaded, 7), flash, "")


def test_the_cache_is_counted_unless_llama_cpp_allocated_something_else() -> None:
    assert account.cache_bytes(327_680, round(0.31 * MIB)) == 327_680  # only rounded
    assert account.cache_bytes(10 * MIB, 4 * MIB) == 4 * MIB  # a sliding window
    assert account.cache_bytes(10 * MIB, 0) == 10 * MIB  # nothing logged


def test_details_name_cache_attention_and_kernels() -> None:
    told = account.details(
        report(3, True), OpenOptions(type_k="Q8_0"), 512, 1_500_000, "CPU kernels AVX2", True
    )
    assert "3 of 7 layers on a GPU" in told
    assert "KV cache Q8_0/F16 for 512 tokens, 1.5 MB" in told
    assert "flash attention on (llama.cpp's choice)" in told
    assert told[-1] == "CPU kernels AVX2"


@pytest.mark.parametrize(
    ("wanted", "offloaded", "on_gpu", "words"),
    [
        (None, None, False, None),
        (0, None, False, None),
        (5, None, False, "all of them run there"),
        (None, 7, True, None),
        (5, 3, True, "Only 3 of the 5"),
        (None, 0, True, "no layer was put there"),
    ],
)
def test_layers_that_are_not_where_they_should_be(
    wanted: int | None, offloaded: int | None, on_gpu: bool, words: str | None
) -> None:
    options = OpenOptions(n_gpu_layers=wanted)
    found = list(
        account.warnings(report(offloaded), options, 512, 2048, "CUDA0" if on_gpu else "CPU", on_gpu)
    )
    assert [words in warning for warning in found if words] == ([True] if words else [])
    assert bool(found) == bool(words)


def test_a_context_beyond_training_is_warned_of() -> None:
    (warning,) = account.warnings(report(), OpenOptions(), 4096, 2048, "CPU", False)
    assert "4,096" in warning
    assert "2,048" in warning


def test_kernels_from_system_information() -> None:
    assert account.cpu_kernels("CPU : SSE3 = 1 | AVX512 = 0 | AVX2 = 1 | ") == "CPU kernels SSE3, AVX2"
    assert account.cpu_kernels("") == "no special CPU kernels"


DEVICES = (
    Device("CPU", "", 0, 1),
    Device("CUDA0", "", 1, 2),
    Device("CUDA1", "", 1, 3),
    Device("BLAS", "", 3, 4),
)


@pytest.mark.parametrize(("wanted", "handle"), [("cpu", 1), ("CUDA", 2), ("cuda1", 3)])
def test_devices_go_by_name(wanted: str, handle: int) -> None:
    assert pick(DEVICES, wanted).handle == handle


@pytest.mark.parametrize("wanted", ["BLAS", "Metal", ""])
def test_a_device_that_is_not_there(wanted: str) -> None:
    with pytest.raises(BadInput, match="CPU, CUDA0, CUDA1"):
        pick(DEVICES, wanted)
