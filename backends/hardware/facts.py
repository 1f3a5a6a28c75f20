"""Making facts: known with a source, or unknown with a sentence that says why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from backends.domain.hardware import Accelerator, Fact, FrameworkUse

T = TypeVar("T")


def known(value: T, source: str) -> Fact[T]:
    return Fact(value, source)


def unknown(source: str, why: str) -> Fact[T]:
    """``why`` is a whole sentence for the user."""
    return Fact(None, source, why)


def fact(value: T | None, source: str, why_not: str) -> Fact[T]:
    """Known if there is a value, else unknown for the given reason."""
    return Fact(None, source, why_not) if value is None else Fact(value, source)


def sentence(source: str, problem: str) -> str:
    """ "/proc/x could not be read: permission denied." """
    return f"{source} could not be read: {problem or 'its content was not understood'}."


@dataclass(frozen=True)
class Found:
    """What one accelerator probe found, and what it looked at in vain."""

    accelerators: tuple[Accelerator, ...] = ()
    notes: tuple[Fact[str], ...] = ()


def uses(**how: str) -> tuple[FrameworkUse, ...]:
    """What frameworks can use of a device, by keyword: ``uses(llama_cpp="CUDA")``."""
    return tuple(FrameworkUse(TITLES[key], name) for key, name in how.items())


TITLES = {
    "llama_cpp": "llama.cpp",
    "onnx_runtime": "ONNX Runtime",
    "openvino": "OpenVINO",
    "olive": "Olive",
    "mlx": "MLX",
    "qnn": "QNN",
}
