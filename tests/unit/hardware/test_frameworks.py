"""Merging the devices that frameworks list."""

from __future__ import annotations

from backends.domain.hardware import FrameworkUse, HardwareProfile
from backends.hardware.detect import detect
from backends.hardware.framework_devices import with_framework_devices
from tests.unit.hardware.recorded import load


def merged(name: str, **devices: tuple[str, ...]) -> HardwareProfile:
    titles = {"openvino": "OpenVINO", "ort": "ONNX Runtime", "ggml": "llama.cpp"}
    return with_framework_devices(detect(load(name)), {titles[key]: value for key, value in devices.items()})


def seen(profile: HardwareProfile, word: str) -> set[tuple[str, str]]:
    accelerator = next(each for each in profile.accelerators if word in each.name)
    return {(use.framework, use.how) for use in accelerator.usable_by if use.seen}


def test_core_ultra() -> None:
    profile = merged(
        "intel-core-ultra-155h",
        openvino=("CPU", "GPU", "NPU"),
        ort=("CPUExecutionProvider CPU", "OpenVINOExecutionProvider NPU"),
    )
    assert seen(profile, "Arc") == {("OpenVINO", "GPU")}
    assert seen(profile, "AI Boost") == {
        ("OpenVINO", "NPU"),
        ("ONNX Runtime", "OpenVINOExecutionProvider NPU"),
    }
    assert FrameworkUse("OpenVINO", "CPU", True) in profile.framework_devices
    npu = next(each for each in profile.accelerators if "AI Boost" in each.name)
    assert [use.how for use in npu.usable_by if use.framework == "OpenVINO"] == ["NPU"]


def test_two_nvidia_gpus() -> None:
    profile = merged("nvidia-desktop", ggml=("CPU", "CUDA0", "CUDA1 (NVIDIA GeForce GTX 1080 Ti)"))
    assert seen(profile, "RTX 4090") == {("llama.cpp", "CUDA0")}
    assert seen(profile, "GTX 1080") == {("llama.cpp", "CUDA1 (NVIDIA GeForce GTX 1080 Ti)")}


def test_what_no_probe_knows_becomes_a_note() -> None:
    profile = merged("this-machine", ort=("CPUExecutionProvider", "QNNExecutionProvider NPU"))
    assert profile.accelerators == ()
    assert "QNNExecutionProvider NPU" in (profile.accelerator_notes[-1].value or "")


def test_apple() -> None:
    profile = merged("apple-m3-pro", ggml=("Metal", "BLAS", "CPU"), ort=("CoreMLExecutionProvider",))
    assert seen(profile, "Apple M3 Pro") == {("llama.cpp", "Metal")}
    assert seen(profile, "Neural Engine") == {("ONNX Runtime", "CoreMLExecutionProvider")}


def test_nothing_listed_changes_nothing() -> None:
    profile = detect(load("nvidia-desktop"))
    assert with_framework_devices(profile, {}) == profile
