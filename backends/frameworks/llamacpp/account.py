"""What an opened model really runs on, in sentences, from what llama.cpp logged. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from backends.frameworks.llamacpp.loadlog import LoadReport
from backends.frameworks.llamacpp.options import OpenOptions

_ROUNDING_BYTES = 16 * 1024  # the log tells sizes in hundredths of a MiB


@dataclass(frozen=True)
class Account:
    """``kv_cache_bytes`` were allocated for the whole context; ``kv_bytes_per_token`` is the formula's."""

    device: str
    threads: int
    details: tuple[str, ...]
    warnings: tuple[str, ...]
    kv_cache_bytes: int
    kv_bytes_per_token: float = 0.0


def cache_bytes(counted: int, logged: int) -> int:
    """Counted from the model's shape; where llama.cpp allocated something else (sliding windows, recurrent
    layers), its own, rounded figure is the true one.
    """
    agrees = not logged or abs(logged - counted) <= max(_ROUNDING_BYTES, counted // 100)
    return counted if agrees else logged


def details(
    report: LoadReport, options: OpenOptions, context: int, kv_cache_bytes: int, kernels: str, repacked: bool
) -> tuple[str, ...]:
    cache = (
        f"KV cache {options.type_k}/{options.type_v} for {context:,} tokens, {kv_cache_bytes / 1e6:,.1f} MB"
    )
    reading = "memory-mapped" if options.mmap else "read into memory"
    return (
        *report.sentences,
        cache,
        f"flash attention {_flash_attention(options, report)}",
        f"batch {options.n_batch}, micro-batch {min(options.n_ubatch, options.n_batch)}",
        f"{reading}, locked" if options.mlock else reading,
        f"weights {'may be' if repacked else 'not'} repacked for special kernels (AMX, interleaved)",
        kernels,
    )


def warnings(
    report: LoadReport, options: OpenOptions, context: int, trained: int, device: str, on_gpu: bool
) -> Iterator[str]:
    """Where what runs is not what was asked for, or is unwise."""
    if context > trained > 0:
        yield (
            f"The context of {context:,} tokens is longer than the {trained:,} the model was trained with; "
            "text beyond them will be poor."
        )
    wanted = options.n_gpu_layers
    offloaded = report.offloaded[0] if report.offloaded else 0
    if not on_gpu and wanted:
        yield f"Layers were to go to a GPU, but the device is {device}: all of them run there."
    if on_gpu and wanted != 0 and offloaded == 0:
        yield f"{device} was asked for, but no layer was put there: the model runs on the CPU."
    elif on_gpu and wanted is not None and wanted > offloaded:
        yield f"Only {offloaded} of the {wanted} layers asked for are on {device}."


def _flash_attention(options: OpenOptions, report: LoadReport) -> str:
    if options.flash_attn is not None:
        return "on" if options.flash_attn else "off"
    resolved = {True: "on (llama.cpp's choice)", False: "off (not supported here)", None: "left to llama.cpp"}
    return resolved[report.flash_attention]


def cpu_kernels(system_info: str) -> str:
    """Instruction sets and parts that llama.cpp was built with and uses, from its own system information."""
    pairs = (part.partition("=") for part in system_info.replace("CPU :", "").split("|"))
    enabled = [name.strip() for name, _, value in pairs if value.strip() == "1"]
    return "CPU kernels " + ", ".join(enabled) if enabled else "no special CPU kernels"
