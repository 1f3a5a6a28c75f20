"""The devices ggml was built for and finds here, through its C interface."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

from backends.domain.errors import BadInput

_CPU, _GPU, _INTEGRATED_GPU = 0, 1, 2  # enum ggml_backend_dev_type; the others work beside the CPU unasked


@dataclass(frozen=True)
class Device:
    name: str  # ggml's own: "CPU", "CUDA0", "Metal", "Vulkan0"
    description: str
    kind: int
    handle: int

    @property
    def is_gpu(self) -> bool:
        return self.kind in (_GPU, _INTEGRATED_GPU)


def list_devices(ggml: Any, ggml_base: Any) -> tuple[Device, ...]:
    """``ggml`` and ``ggml_base`` are the two loaded libraries."""
    ggml.ggml_backend_dev_count.restype = ctypes.c_size_t
    get = ggml.ggml_backend_dev_get
    get.argtypes, get.restype = [ctypes.c_size_t], ctypes.c_void_p
    for text in (ggml_base.ggml_backend_dev_name, ggml_base.ggml_backend_dev_description):
        text.argtypes, text.restype = [ctypes.c_void_p], ctypes.c_char_p
    kind = ggml_base.ggml_backend_dev_type
    kind.argtypes, kind.restype = [ctypes.c_void_p], ctypes.c_int
    handles = [get(index) for index in range(ggml.ggml_backend_dev_count())]
    return tuple(
        Device(
            ggml_base.ggml_backend_dev_name(handle).decode(),
            ggml_base.ggml_backend_dev_description(handle).decode(),
            kind(handle),
            handle,
        )
        for handle in handles
    )


def pick(devices: tuple[Device, ...], wanted: str) -> Device:
    """By name, letter case ignored; "CUDA" takes the first of its kind. Raises BadInput."""
    usable = [device for device in devices if device.kind == _CPU or device.is_gpu]
    for device in usable:
        if device.name.upper() in (wanted.upper(), f"{wanted.upper()}0"):
            return device
    names = ", ".join(device.name for device in usable)
    raise BadInput(f"This build of llama.cpp sees no device “{wanted}”.", f"Choose one of: {names}.")
